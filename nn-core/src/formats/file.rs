//! The safetensors container: its bytes, tensors, metadata and size limits, without a network.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;

use super::{
    header::{Header, MAX_HEADER, MAX_METADATA},
    values,
};
use crate::{
    atomic_file,
    error::{Error, Result},
    network::{Tensor, check_finite},
    spec::MAX_VALUES,
};

const FORMAT_VERSION: &str = "1";
/// Metadata key of the version.
pub(super) const VERSION_KEY: &str = "format_version";
/// Metadata key of a checkpoint's training state, and prefix of its tensors.
pub(super) const TRAINING: &str = "training";
/// Bytes of the length of the header, which a file begins with.
const LENGTH: usize = 8;
/// Largest file: parameters, running statistics, optimizer state and average of the largest network.
const MAX_FILE: u64 = MAX_HEADER + 5 * 4 * MAX_VALUES as u64;

/// Where a file's bytes are. Of a file on disk, only the header is read at first, and then the values of one tensor
/// after the other.
pub(super) enum Input<'a> {
    Bytes(&'a [u8]),
    File { file: File, path: &'a Path, length: u64 },
}

/// The content of a file, whose values are not read yet.
pub(super) struct Content<'a> {
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tensors: Vec<FileTensor<'a>>,
    /// A checkpoint's training state, if the file is one, with its tensors.
    pub(super) training: Option<String>,
    pub(super) training_tensors: Vec<FileTensor<'a>>,
}

/// A tensor of a file.
pub(super) struct FileTensor<'a> {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Position of the first byte in the file.
    start: u64,
    /// In bytes.
    length: usize,
    input: &'a Input<'a>,
}

impl<'a> Input<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be opened, or is a folder, a device or a pipe.
    pub(super) fn open(path: &'a Path) -> Result<Self> {
        // Before opening it: opening a pipe waits for a writer.
        let status = std::fs::metadata(path).map_err(|cause| read_error(path, cause))?;
        if !status.is_file() {
            let reason = "not a file; give the path of a .safetensors file".to_owned();
            return Err(in_file(Error::weights(reason), path));
        }
        let file = File::open(path).map_err(|cause| read_error(path, cause))?;
        let length = status.len();
        Ok(Self::File { file, path, length })
    }

    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// `length` bytes from `start`, which are within the file's length.
    fn bytes(&self, start: u64, length: usize) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Bytes(bytes) => Ok(Cow::Borrowed(&bytes[start as usize..][..length])),
            Self::File { file, path, .. } => {
                let mut bytes = Vec::new();
                let mut file: &File = file;
                file.seek(SeekFrom::Start(start))
                    .and_then(|_| file.take(length as u64).read_to_end(&mut bytes))
                    .map_err(|cause| read_error(path, cause))?;
                if bytes.len() < length {
                    let end = start + bytes.len() as u64;
                    return Err(Error::weights(format!(
                        "the file ended at byte {end} while it was read"
                    )));
                }
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

impl<'a> Content<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// If it is damaged, does not fit the length of the file, or is of a later version.
    pub(super) fn parse(input: &'a Input<'a>) -> Result<Self> {
        let whole = input.length();
        let start = input.bytes(0, LENGTH.min(whole as usize))?;
        let header = start.first_chunk().map(|start| u64::from_le_bytes(*start));
        let behind = whole.saturating_sub(LENGTH as u64);
        let Some(header) = header.filter(|&header| header <= MAX_HEADER && header <= behind) else {
            return Err(Error::weights(format!(
                "not a safetensors file ({whole} bytes, and the first 8 are not the length of a header of at most \
                 {MAX_HEADER} bytes)"
            )));
        };
        if whole > MAX_FILE {
            return Err(Error::weights(format!(
                "the file has {whole} bytes; no network takes more than {MAX_FILE}"
            )));
        }
        let text = input.bytes(LENGTH as u64, header as usize)?;
        Self::of(Header::parse(&text, behind - header)?, LENGTH as u64 + header, input)
    }

    /// The content by a header, whose values begin at `start`.
    fn of(header: Header, start: u64, input: &'a Input<'a>) -> Result<Self> {
        let Header { mut metadata, tensors } = header;
        if let Some(version) = metadata.remove(VERSION_KEY).filter(|version| version != FORMAT_VERSION) {
            return Err(Error::weights(format!(
                "{VERSION_KEY} is {version:?}, and only {FORMAT_VERSION:?} is supported; a newer program wrote the file"
            )));
        }
        let training = metadata.remove(TRAINING);
        let is_training = |tensor: &FileTensor<'_>| training.is_some() && tensor.name.starts_with(TRAINING);
        let tensors = tensors.into_iter().map(|(name, info)| FileTensor {
            name,
            dtype: info.dtype,
            shape: info.shape,
            start: start + info.data_offsets.0 as u64,
            length: info.data_offsets.1 - info.data_offsets.0,
            input,
        });
        let (training_tensors, tensors) = tensors.partition(is_training);
        Ok(Self {
            metadata,
            tensors,
            training,
            training_tensors,
        })
    }
}

impl FileTensor<'_> {
    /// The tensor's values.
    ///
    /// # Errors
    /// If the file cannot be read, or they are of a type that cannot be read, or not finite.
    pub(super) fn values(&self) -> Result<Vec<f32>> {
        values::read(&self.name, self.dtype, &self.input.bytes(self.start, self.length)?)
    }
}

/// The bytes of a file.
///
/// # Errors
/// If a value is not finite, or there are too many tensors or metadata for a header.
pub(super) fn to_bytes(tensors: &[Tensor], mut metadata: HashMap<String, String>) -> Result<Vec<u8>> {
    for tensor in tensors {
        check_finite(&tensor.name, &tensor.values)?;
    }
    metadata.insert(VERSION_KEY.to_owned(), FORMAT_VERSION.to_owned());
    if metadata.len() > MAX_METADATA {
        return Err(Error::weights(format!(
            "there are {} entries of metadata; a file holds at most {MAX_METADATA}",
            metadata.len()
        )));
    }
    let data: Vec<_> = tensors.iter().map(values::to_bytes).collect();
    let views = tensors.iter().zip(&data).map(|(tensor, bytes)| {
        let view = TensorView::new(values::dtype(&tensor.name), tensor.shape.clone(), bytes)?;
        Ok((&tensor.name, view))
    });
    let views = views.collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>();
    let bytes = views.and_then(|views| safetensors::serialize(views, Some(metadata)));
    in_order(&bytes.map_err(|error| Error::weights(error.to_string()))?)
}

/// Sorts the keys of the header, so that the same model gives the same bytes: the metadata are in the order of a hash
/// map.
fn in_order(bytes: &[u8]) -> Result<Vec<u8>> {
    let (length, data) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("split at 8")) as usize;
    let (header, data) = data.split_at(length);
    // `BTreeMap` is sorted with any features of serde_json, and `Value` is not.
    let header: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_slice(header).map_err(|error| Error::weights(error.to_string()))?;
    let mut header = serde_json::to_string(&header).map_err(|error| Error::weights(error.to_string()))?;
    // The tensors have to start at a multiple of 8 bytes.
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    if header.len() as u64 > MAX_HEADER {
        return Err(Error::weights(format!(
            "the header with the names of all tensors has {} bytes; a file holds at most {MAX_HEADER}",
            header.len()
        )));
    }
    Ok([&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat())
}

/// Writes the bytes of a file to `path`, atomically.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_file::write(path, |file| file.write_all(bytes)).map_err(|cause| Error::Io {
        path: path.to_owned(),
        action: "cannot write the weights",
        cause,
    })
}

fn read_error(path: &Path, cause: std::io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        action: "cannot read the weights",
        cause,
    }
}

/// Adds the path to an error about the content of a file. Errors of the caller or the system are returned as they are.
pub(super) fn in_file(error: Error, path: &Path) -> Error {
    match error {
        Error::Io { .. } | Error::Setting { .. } | Error::Kernel { .. } => error,
        other => Error::Weights {
            path: Some(path.to_owned()),
            reason: reason(other),
        },
    }
}

/// The message of an error, without the "weights" that stands for an unknown path.
pub(super) fn reason(error: Error) -> String {
    match error {
        Error::Weights { path: None, reason } => reason,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_keys_are_sorted_at_both_levels() {
        let file = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[1, 2]].concat();
        let mixed = r#"{"b":{"shape":[2],"dtype":"U8","data_offsets":[0,2]},"__metadata__":{"d":"4","c":"3"}}"#;
        let sorted = r#"{"__metadata__":{"c":"3","d":"4"},"b":{"data_offsets":[0,2],"dtype":"U8","shape":[2]}}"#;
        let padded = format!("{sorted:<width$}", width = sorted.len().next_multiple_of(8));
        assert_eq!(in_order(&file(mixed)).unwrap(), file(&padded));
    }
}
