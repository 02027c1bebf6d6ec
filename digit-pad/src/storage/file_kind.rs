//! What a file holds, told by its first bytes, so that none is taken for another.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde::Deserialize;

use crate::{error::Error, storage::exports::best_path};

/// Most bytes of a file that tell its kind.
const START: usize = 64 << 10;
/// Longest header of a safetensors file.
const MAX_HEADER: u64 = 100_000_000;
/// Metadata key of a checkpoint.
const TRAINING: &str = "training";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A network with its weights: a safetensors file.
    Model,
    /// An interrupted training run: a safetensors file with the state of the optimizer.
    Checkpoint,
    /// Drawings or examples, one JSON object a line.
    Drawings,
    /// The settings of the window.
    Settings,
    /// An array of images or labels.
    Idx,
    /// An image.
    Image,
    /// Data that gzip compressed.
    Gzip,
}

/// The part of a safetensors header that is read here.
#[derive(Deserialize)]
struct Header {
    #[serde(default, rename = "__metadata__")]
    metadata: BTreeMap<String, String>,
}

impl FileKind {
    /// The kind of a file; `None` if it cannot be read, or is of another kind.
    #[must_use]
    pub fn of(path: &Path) -> Option<FileKind> {
        // Before opening it: opening a pipe waits for a writer.
        path.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let mut file = File::open(path).ok()?;
        let mut start = Vec::new();
        file.by_ref().take(START as u64).read_to_end(&mut start).ok()?;
        match &start[..] {
            [0, 0, 0x08..=0x0e, 1..=4, ..] => Some(FileKind::Idx),
            [0x1f, 0x8b, ..] => Some(FileKind::Gzip),
            [_, _, _, _, _, _, _, _, b'{', ..] => safetensors(&start, file),
            _ if image::guess_format(&start).is_ok() => Some(FileKind::Image),
            _ => json(&String::from_utf8_lossy(&start)),
        }
    }

    /// What messages call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FileKind::Model => "a weights file",
            FileKind::Checkpoint => "the checkpoint of a training run",
            FileKind::Drawings => "a file of drawings",
            FileKind::Settings => "the window's file of settings",
            FileKind::Idx => "an IDX file",
            FileKind::Image => "an image",
            FileKind::Gzip => "a gzip file",
        }
    }

    /// Checks that a file is of this kind, if its kind is known; what is not known is another error.
    ///
    /// # Errors
    ///
    /// [`Error::WrongFile`].
    pub fn expect(self, path: &Path) -> Result<(), Error> {
        match FileKind::of(path) {
            Some(found) if found != self => Err(Error::WrongFile {
                path: path.to_owned(),
                found: found.name(),
                expected: self.name(),
                remedy: remedy(found, self, path),
            }),
            _ => Ok(()),
        }
    }
}

/// What to do about a file of another kind.
fn remedy(found: FileKind, expected: FileKind, path: &Path) -> String {
    match (found, expected) {
        (FileKind::Checkpoint, FileKind::Model) => {
            let best = best_path(path);
            let weights = match best.is_file() {
                true => format!("the best weights of the run are in {}; ", best.display()),
                false => String::new(),
            };
            format!("{weights}`train --checkpoint` with the options of the run resumes it")
        }
        (FileKind::Model, FileKind::Checkpoint) => {
            "`train --from` starts with its weights; name another file for the checkpoint".to_owned()
        }
        (FileKind::Drawings, _) => "`replay` and its option --teach take drawings".to_owned(),
        (FileKind::Model | FileKind::Checkpoint, _) => "--model takes weights files".to_owned(),
        (FileKind::Image, _) => "`predict` takes images".to_owned(),
        (FileKind::Idx, _) => "--data takes the folder of IDX files".to_owned(),
        (FileKind::Gzip, _) => "decompress it first (gunzip)".to_owned(),
        (FileKind::Settings, _) => "only the window takes it".to_owned(),
    }
}

/// Tells a checkpoint from another safetensors file.
fn safetensors(start: &[u8], rest: File) -> Option<FileKind> {
    let metadata = metadata_in(start.chain(rest))?;
    Some(if metadata.contains_key(TRAINING) {
        FileKind::Checkpoint
    } else {
        FileKind::Model
    })
}

/// The metadata of a safetensors file; empty if it is none.
#[must_use]
pub fn metadata(path: &Path) -> BTreeMap<String, String> {
    File::open(path).ok().and_then(metadata_in).unwrap_or_default()
}

fn metadata_in(mut file: impl Read) -> Option<BTreeMap<String, String>> {
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= MAX_HEADER)?;
    let header: Header = serde_json::from_reader(io::BufReader::new(file.take(length))).ok()?;
    Some(header.metadata)
}

/// Tells settings from drawings.
fn json(text: &str) -> Option<FileKind> {
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    let is_object = text.trim_start().starts_with('{');
    if is_object && (has("strokes") || has("pixels")) {
        Some(FileKind::Drawings)
    } else if is_object && has("width") && has("zoom") {
        Some(FileKind::Settings)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nn_core::{Cursor, Model, Network, Trainer, optim::Sgd};

    use super::*;

    #[test]
    fn kinds_are_told_by_the_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let network = Network::new("4 | dense 2".parse().unwrap(), 1).unwrap();
        Model::new(network.clone()).save(path("model")).unwrap();
        let trainer = Trainer::new(network, Sgd::new(0.1), 1).unwrap();
        trainer.save_checkpoint(path("run"), Cursor::default()).unwrap();
        for (name, bytes) in [
            ("drawings", &b"\n{\"strokes\":[[[1,2]]]}\n"[..]),
            ("examples", b"{\"label\":3,\"pixels\":[0]}"),
            ("settings", b"{\n\"width\": 3, \"zoom\": 1}"),
            ("idx", &[0, 0, 8, 1, 0, 0, 0, 0]),
            ("png", b"\x89PNG\r\n\x1a\n"),
            ("gzip", &[0x1f, 0x8b]),
            ("empty", b""),
            ("csv", b"1,2,3"),
            ("json", b"{}"),
            ("cut", &[9, 0, 0, 0, 0, 0, 0, 0, b'{']),
            ("huge", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, b'{']),
        ] {
            fs::write(path(name), bytes).unwrap();
        }
        for (name, kind) in [
            ("model", Some(FileKind::Model)),
            ("run", Some(FileKind::Checkpoint)),
            ("drawings", Some(FileKind::Drawings)),
            ("examples", Some(FileKind::Drawings)),
            ("settings", Some(FileKind::Settings)),
            ("idx", Some(FileKind::Idx)),
            ("png", Some(FileKind::Image)),
            ("gzip", Some(FileKind::Gzip)),
            ("empty", None),
            ("csv", None),
            ("json", None),
            ("cut", None),
            ("huge", None),
            ("missing", None),
            ("", None),
        ] {
            assert_eq!(FileKind::of(&path(name)), kind, "{name}");
            let expected = FileKind::Model.expect(&path(name));
            assert_eq!(
                expected.is_ok(),
                kind.is_none_or(|kind| kind == FileKind::Model),
                "{name}"
            );
        }
    }
}
