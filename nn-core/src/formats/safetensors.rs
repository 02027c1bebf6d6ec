//! Weights files: safetensors, with tensors named and shaped as in PyTorch.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Read,
    path::Path,
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use crate::{
    atomic_file,
    error::{Error, Result},
    model::{Model, Scaling},
    network::{Network, Tensor},
    spec::{MAX_VALUES, NetworkSpec},
};

const FORMAT_VERSION: &str = "1";
/// Metadata keys that [`Model`] writes itself.
const OWN_KEYS: [&str; 5] = ["format_version", "labels", "mean", "network", "std"];
/// Metadata key of a checkpoint's training state, and prefix of its tensors.
pub(super) const TRAINING: &str = "training";
/// Largest header that the safetensors crate reads.
const MAX_HEADER: u64 = 100_000_000;
/// Largest file: parameters, running statistics, optimizer state and average of the largest network.
const MAX_FILE: u64 = MAX_HEADER + 5 * 4 * MAX_VALUES as u64;

/// Weights files.
///
/// The format is [safetensors](https://github.com/huggingface/safetensors) with F32 values (I64 for counts). Tensors
/// are named and shaped as in a PyTorch `nn.Sequential` of the same layers, so
/// `model.load_state_dict(safetensors.torch.load_file(path))` loads the file, and a file that PyTorch saved loads here.
/// The same model gives the same bytes.
///
/// ```
/// use nn_core::{Model, Network};
/// let network = Network::new("4 | dense 2".parse()?, 7)?;
/// let bytes = Model::new(network).to_bytes()?;
/// let model = Model::from_bytes(&bytes)?;
/// assert_eq!(model.network.spec().to_string(), "4 | dense 2");
/// # Ok::<(), nn_core::Error>(())
/// ```
impl Model {
    /// Writes a weights file, atomically: on failure, an existing file stays as it was.
    ///
    /// # Errors
    /// If the file cannot be written, or the model is invalid (see [`to_bytes`](Self::to_bytes)).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write(path, &self.to_bytes().map_err(|error| in_file(error, path))?)
    }

    /// The bytes of a weights file.
    ///
    /// # Errors
    /// If the model could not be loaded again: a note has the name of one of the model's own metadata entries, there
    /// are labels but not one for each output, the scaling is invalid, or a value is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.to_bytes_with(Vec::new(), None)
    }

    /// As [`to_bytes`](Self::to_bytes), with the training state of a checkpoint and its tensors.
    pub(super) fn to_bytes_with(&self, extra: Vec<Tensor>, training: Option<String>) -> Result<Vec<u8>> {
        let own = |key: &&String| OWN_KEYS.contains(&key.as_str()) || *key == TRAINING;
        if let Some(key) = self.notes.keys().find(own) {
            return Err(invalid(format!(
                "the note {key:?} has the name of one of the model's own metadata entries; rename it"
            )));
        }
        check_labels(&self.labels, &self.network)?;
        self.scaling.map_or(Ok(()), check_scaling)?;
        let mut tensors = self.network.tensors();
        tensors.extend(extra);
        for tensor in &tensors {
            check_finite(&tensor.name, &tensor.values)?;
        }
        let mut metadata: HashMap<String, String> = self.notes.clone().into_iter().collect();
        let own = [
            Some(FORMAT_VERSION.to_owned()),
            Some(Value::from(self.labels.clone()).to_string()),
            self.scaling.map(|scaling| scaling.mean.to_string()),
            Some(self.network.spec().to_string()),
            self.scaling.map(|scaling| scaling.std.to_string()),
        ];
        metadata.extend(
            OWN_KEYS
                .iter()
                .zip(own)
                .filter_map(|(key, value)| Some(((*key).to_owned(), value?))),
        );
        metadata.extend(training.map(|training| (TRAINING.to_owned(), training)));
        let tensors: Vec<_> = tensors
            .into_iter()
            .map(|tensor| (dtype(&tensor.name), le_bytes(&tensor), tensor))
            .collect();
        let views = tensors
            .iter()
            .map(|(dtype, bytes, tensor)| Ok((&tensor.name, TensorView::new(*dtype, tensor.shape.clone(), bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>();
        let bytes = views.and_then(|views| safetensors::serialize(views, Some(metadata)));
        in_order(&bytes.map_err(|error| invalid(error.to_string()))?)
    }

    /// Reads a weights file that names its network, as every file written by this crate does.
    ///
    /// # Errors
    /// If the file cannot be read or is not a valid weights file; the message names the file and the fault.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::from_bytes(&read(path)?).map_err(|error| in_file(error, path))
    }

    /// Reads a weights file from another program, such as PyTorch, as the network `spec`. Metadata that the file lacks
    /// are as in [`new`](Self::new).
    ///
    /// # Errors
    /// As [`load`](Self::load), and if the file names another network.
    pub fn load_as(path: impl AsRef<Path>, spec: NetworkSpec) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&read(path)?, Some(spec)).map_err(|error| in_file(error, path))
    }

    /// As [`load`](Self::load), from the bytes of the file.
    ///
    /// # Errors
    /// If the bytes are not a valid weights file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes, None)
    }

    fn parse(bytes: &[u8], spec: Option<NetworkSpec>) -> Result<Self> {
        Ok(Self::parse_with(bytes, spec)?.0)
    }

    /// The model, and the training state of a checkpoint with its tensors.
    pub(super) fn parse_with(bytes: &[u8], spec: Option<NetworkSpec>) -> Result<(Self, Option<String>, Vec<Tensor>)> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
        let file = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
        let mut metadata = header.metadata().clone().unwrap_or_default();
        let mut take = |key: &str| metadata.remove(key);
        let own = take("network").map(|text| text.parse::<NetworkSpec>()).transpose()?;
        let spec = match (own, spec) {
            (Some(own), Some(wanted)) if own != wanted => {
                return Err(invalid(format!("the file holds the network {own}, not {wanted}")));
            }
            (Some(spec), _) | (None, Some(spec)) => spec,
            (None, None) => {
                return Err(invalid(
                    "the file does not name the network of its weights; give it (`Model::load_as`, or --net on a \
                     command line), as in \"784 | dense 128 | relu | dense 10\""
                        .to_owned(),
                ));
            }
        };
        if let Some(version) = take("format_version").filter(|version| version != FORMAT_VERSION) {
            return Err(invalid(format!(
                "format_version is {version:?}, and only {FORMAT_VERSION:?} is supported; a newer program wrote the file"
            )));
        }
        let scaling = match (take("mean"), take("std")) {
            (None, None) => None,
            (mean, std) => Some(Scaling {
                mean: number(mean, "mean", 0.0)?,
                std: number(std, "std", 1.0)?,
            }),
        };
        scaling.map_or(Ok(()), check_scaling)?;
        let labels = take("labels").map_or(Ok(Vec::new()), |text| parse_labels(&text))?;
        // Before allocating: the network may be far larger than the file.
        if header.data_len() / 4 < spec.parameter_count() {
            return Err(invalid(format!(
                "the network {spec} has {} parameters, but the file holds only {} bytes of tensors",
                spec.parameter_count(),
                header.data_len()
            )));
        }
        let training = take(TRAINING);
        let mut network = Network::zeroed(spec)?;
        let tensors: Vec<_> = file
            .iter()
            .map(|(name, view)| tensor(name, &view))
            .collect::<Result<_>>()?;
        let is_training = |tensor: &Tensor| training.is_some() && tensor.name.starts_with(TRAINING);
        let (extra, tensors): (Vec<_>, Vec<_>) = tensors.into_iter().partition(is_training);
        network.set_tensors(&tensors)?;
        check_labels(&labels, &network)?;
        let model = Self {
            network,
            scaling,
            labels,
            notes: metadata.into_iter().collect(),
        };
        Ok((model, training, extra))
    }
}

/// Writes the bytes of a weights file or checkpoint to `path`, atomically.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_file::write(path, |file| file.write_all(bytes)).map_err(|cause| Error::Io {
        path: path.to_owned(),
        action: "cannot write the weights",
        cause,
    })
}

/// Reads a weights file or checkpoint, after checking that its size is plausible.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |cause| Error::Io {
        path: path.to_owned(),
        action: "cannot read the weights",
        cause,
    };
    // Before opening it: opening a pipe waits for a writer.
    let status = std::fs::metadata(path).map_err(failed)?;
    if !status.is_file() {
        return Err(in_file(
            invalid("not a file; give the path of a .safetensors file".to_owned()),
            path,
        ));
    }
    let mut file = File::open(path).map_err(failed)?;
    let mut start = [0; 8];
    let header = file.read_exact(&mut start).map(|()| u64::from_le_bytes(start));
    let whole = status.len();
    let plausible = header.is_ok_and(|header| header <= MAX_HEADER && header <= whole.saturating_sub(8));
    if !plausible {
        let reason = format!("not a safetensors file ({whole} bytes, and the first 8 are not the length of a header)");
        return Err(in_file(invalid(reason), path));
    }
    if whole > MAX_FILE {
        let reason = format!("the file has {whole} bytes; no network takes more than {MAX_FILE}");
        return Err(in_file(invalid(reason), path));
    }
    let mut bytes = start.to_vec();
    // No more than the reported size: the file may grow, or the size be wrong.
    file.take(whole.saturating_sub(8))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// The type of a tensor's values in PyTorch: counts are integers.
fn dtype(name: &str) -> Dtype {
    if name.ends_with(".num_batches_tracked") {
        Dtype::I64
    } else {
        Dtype::F32
    }
}

fn tensor(name: &str, view: &TensorView<'_>) -> Result<Tensor> {
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => numbers(view.data(), f32::from_le_bytes),
        Dtype::I64 if dtype(name) == Dtype::I64 => numbers(view.data(), |bytes| i64::from_le_bytes(bytes) as f32),
        other => {
            return Err(invalid(format!(
                "tensor {name} is {other:?}; only F32 is supported, so convert it first (in PyTorch: `tensor.float()`)"
            )));
        }
    };
    check_finite(name, &values)?;
    Ok(Tensor {
        name: name.to_owned(),
        shape: view.shape().to_vec(),
        values,
    })
}

fn check_finite(name: &str, values: &[f32]) -> Result<()> {
    let Some(index) = values.iter().position(|value| !value.is_finite()) else {
        return Ok(());
    };
    Err(invalid(format!(
        "tensor {name} holds {} at position {index}; weights have to be finite",
        values[index]
    )))
}

fn check_scaling(scaling: Scaling) -> Result<()> {
    let Scaling { mean, std } = scaling;
    if !mean.is_finite() {
        return Err(invalid(format!("mean is {mean}; it has to be a finite number")));
    }
    if !(std > 0.0 && std.is_finite()) {
        return Err(invalid(format!("std is {std}; it has to be a finite number above 0")));
    }
    Ok(())
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
}

fn le_bytes(tensor: &Tensor) -> Vec<u8> {
    let values = tensor.values.iter();
    match dtype(&tensor.name) {
        Dtype::I64 => values.flat_map(|&value| (value as i64).to_le_bytes()).collect(),
        _ => values.flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// Sorts the keys of the header, so that the same model gives the same bytes: the metadata are in the order of a hash
/// map.
fn in_order(bytes: &[u8]) -> Result<Vec<u8>> {
    let (length, data) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("split at 8")) as usize;
    let (header, data) = data.split_at(length);
    // `BTreeMap` is sorted with any features of serde_json, and `Value` is not.
    let header: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_slice(header).map_err(|error| invalid(error.to_string()))?;
    let mut header = serde_json::to_string(&header).map_err(|error| invalid(error.to_string()))?;
    // The tensors have to start at a multiple of 8 bytes.
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    Ok([&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat())
}

fn parse_labels(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|error| {
        invalid(format!(
            "labels are {text:?}, which is not a JSON list of strings: {error}"
        ))
    })
}

fn check_labels(labels: &[String], network: &Network) -> Result<()> {
    let outputs = network.spec().outputs();
    if labels.is_empty() || labels.len() == outputs {
        return Ok(());
    }
    Err(invalid(format!(
        "there are {} labels for {outputs} outputs; give one for each, or none",
        labels.len()
    )))
}

fn number(text: Option<String>, name: &str, default: f32) -> Result<f32> {
    let Some(text) = text else { return Ok(default) };
    let number = text.parse().ok().filter(|number: &f32| number.is_finite());
    number.ok_or_else(|| invalid(format!("{name} is {text:?}; it has to be a finite number")))
}

pub(super) fn invalid(reason: String) -> Error {
    Error::Weights { path: None, reason }
}

fn not_safetensors(error: safetensors::SafeTensorError) -> Error {
    invalid(format!("not a safetensors file, or a damaged one: {error}"))
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
