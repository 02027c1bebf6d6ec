//! The safetensors container: its bytes, tensors, metadata and size limits, without a network.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Read,
    path::Path,
};

use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::Value;

use super::values;
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
/// Largest header that the safetensors crate reads.
const MAX_HEADER: u64 = 100_000_000;
/// Largest file: parameters, running statistics, optimizer state and average of the largest network.
const MAX_FILE: u64 = MAX_HEADER + 5 * 4 * MAX_VALUES as u64;

/// The content of a file, whose values are not read yet.
pub(super) struct Content<'a> {
    pub(super) metadata: HashMap<String, String>,
    pub(super) tensors: Vec<FileTensor<'a>>,
    /// A checkpoint's training state, if the file is one, with its tensors.
    pub(super) training: Option<String>,
    pub(super) training_tensors: Vec<FileTensor<'a>>,
}

/// A tensor of a file.
pub(super) struct FileTensor<'a> {
    pub(super) name: String,
    pub(super) view: TensorView<'a>,
}

impl<'a> Content<'a> {
    /// Parses the header of a file.
    ///
    /// # Errors
    /// If it is damaged, or of a later version.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let damaged = |error| Error::weights(format!("not a safetensors file, or a damaged one: {error}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let mut metadata = header.metadata().clone().unwrap_or_default();
        if let Some(version) = metadata.remove(VERSION_KEY).filter(|version| version != FORMAT_VERSION) {
            return Err(Error::weights(format!(
                "{VERSION_KEY} is {version:?}, and only {FORMAT_VERSION:?} is supported; a newer program wrote the file"
            )));
        }
        let training = metadata.remove(TRAINING);
        let tensor = |(name, view): (&str, _)| FileTensor {
            name: name.to_owned(),
            view,
        };
        let mut tensors: Vec<_> = file.iter().map(tensor).collect();
        // Their order is that of a hash map, and messages list them.
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let is_training = |tensor: &FileTensor<'_>| training.is_some() && tensor.name.starts_with(TRAINING);
        let (training_tensors, tensors) = tensors.into_iter().partition(is_training);
        Ok(Self {
            metadata,
            tensors,
            training,
            training_tensors,
        })
    }
}

impl FileTensor<'_> {
    /// The tensor with its values.
    ///
    /// # Errors
    /// If they are of a type that cannot be read, or not finite.
    pub(super) fn read(&self) -> Result<Tensor> {
        Ok(Tensor {
            name: self.name.clone(),
            shape: self.view.shape().to_vec(),
            values: values::read(&self.name, &self.view)?,
        })
    }
}

/// The bytes of a file.
///
/// # Errors
/// If a value is not finite.
pub(super) fn to_bytes(tensors: &[Tensor], mut metadata: HashMap<String, String>) -> Result<Vec<u8>> {
    for tensor in tensors {
        check_finite(&tensor.name, &tensor.values)?;
    }
    metadata.insert(VERSION_KEY.to_owned(), FORMAT_VERSION.to_owned());
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

/// Reads a file, after checking that its size is plausible.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |cause| Error::Io {
        path: path.to_owned(),
        action: "cannot read the weights",
        cause,
    };
    let refuse = |reason| Err(in_file(Error::weights(reason), path));
    // Before opening it: opening a pipe waits for a writer.
    let status = std::fs::metadata(path).map_err(failed)?;
    if !status.is_file() {
        return refuse("not a file; give the path of a .safetensors file".to_owned());
    }
    let mut file = File::open(path).map_err(failed)?;
    let mut start = [0; 8];
    let header = file.read_exact(&mut start).map(|()| u64::from_le_bytes(start));
    let whole = status.len();
    let plausible = header.is_ok_and(|header| header <= MAX_HEADER && header <= whole.saturating_sub(8));
    if !plausible {
        return refuse(format!(
            "not a safetensors file ({whole} bytes, and the first 8 are not the length of a header)"
        ));
    }
    if whole > MAX_FILE {
        return refuse(format!(
            "the file has {whole} bytes; no network takes more than {MAX_FILE}"
        ));
    }
    let mut bytes = start.to_vec();
    // No more than the reported size: the file may grow, or the size be wrong.
    file.take(whole.saturating_sub(8))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
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
