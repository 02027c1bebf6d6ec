//! Weights files: safetensors, named and shaped as PyTorch has them, with all that is needed to use them.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{Read, Write},
    path::Path,
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    network::{Network, Tensor},
    spec::{MAX_VALUES, NetworkSpec},
};

const FORMAT_VERSION: &str = "1";
/// Keys of the metadata that [`Model`] has fields for.
const OWN_KEYS: [&str; 5] = ["format_version", "labels", "mean", "network", "std"];
/// The key under which a checkpoint says how training stands, and how the names of its own tensors begin.
pub(super) const TRAINING: &str = "training";
/// The largest header that safetensors itself reads.
const MAX_HEADER: u64 = 100_000_000;
/// The largest file: weights, running statistics, both moments and the average of the largest network.
const MAX_FILE: u64 = MAX_HEADER + 5 * 4 * MAX_VALUES as u64;

/// How raw values become the network's inputs: `(value - mean) / std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// What is subtracted.
    pub mean: f32,
    /// What is divided by; above 0.
    pub std: f32,
}

impl Default for Scaling {
    /// Values as they are.
    fn default() -> Self {
        Self { mean: 0.0, std: 1.0 }
    }
}

/// A network and all that is needed to use it: what a weights file holds.
///
/// The file is [safetensors](https://github.com/huggingface/safetensors), f32 but for counts, with tensors named and shaped
/// as in PyTorch's `nn.Sequential` of the same layers, so `model.load_state_dict(safetensors.torch.load_file(path))`
/// works, and so does the way back. The same model gives the same bytes.
///
/// ```
/// use nn_core::{Network, formats::Model};
/// let network = Network::new("4 | dense 2".parse()?, 7)?;
/// let bytes = Model::new(network).to_bytes()?;
/// let model = Model::from_bytes(&bytes)?;
/// assert_eq!(model.network.spec().to_string(), "4 | dense 2");
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Model {
    /// The network.
    pub network: Network,
    /// How its inputs are scaled, from values in `0..=1`.
    pub scaling: Scaling,
    /// The names of its outputs, or nothing.
    pub labels: Vec<String>,
    /// Whatever else the file says, such as how the network was trained.
    pub notes: BTreeMap<String, String>,
}

impl Model {
    /// A model whose inputs are taken as they are, without names for its outputs.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self {
            network,
            scaling: Scaling::default(),
            labels: Vec::new(),
            notes: BTreeMap::new(),
        }
    }

    /// Writes a weights file. It is written beside and renamed, so that a file of that name is replaced whole or
    /// stays as it was.
    ///
    /// # Errors
    /// If the file cannot be written, or the model cannot be put into one (see [`to_bytes`](Self::to_bytes)).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write(path, &self.to_bytes().map_err(|error| in_file(error, path))?)
    }

    /// The bytes of a weights file.
    ///
    /// # Errors
    /// If a note has the name of one of the model's own fields, there are labels but not one for each output, the
    /// scaling divides by nothing, or a weight is not finite: what could not be loaded is not written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.to_bytes_with(Vec::new(), None)
    }

    /// The same with how training stands and its tensors, which [`parse`](Self::parse) passes over.
    pub(super) fn to_bytes_with(&self, extra: Vec<Tensor>, training: Option<String>) -> Result<Vec<u8>> {
        let own = |key: &&String| OWN_KEYS.contains(&key.as_str()) || *key == TRAINING;
        if let Some(key) = self.notes.keys().find(own) {
            return Err(damaged(format!(
                "a note may not be called {key:?}, which the model itself writes"
            )));
        }
        check_labels(&self.labels, &self.network)?;
        check_scaling(self.scaling)?;
        let mut tensors = self.network.tensors();
        tensors.extend(extra);
        for tensor in &tensors {
            check_finite(&tensor.name, &tensor.values)?;
        }
        let mut metadata: HashMap<String, String> = self.notes.clone().into_iter().collect();
        let own = [
            FORMAT_VERSION.to_owned(),
            Value::from(self.labels.clone()).to_string(),
            self.scaling.mean.to_string(),
            self.network.spec().to_string(),
            self.scaling.std.to_string(),
        ];
        metadata.extend(OWN_KEYS.map(str::to_owned).into_iter().zip(own));
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
        in_order(&bytes.map_err(|error| damaged(error.to_string()))?)
    }

    /// Reads a weights file that this library wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is no such file; the message says which and what is wrong.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::from_bytes(&read(path)?).map_err(|error| in_file(error, path))
    }

    /// Reads a weights file from anywhere, as a network of the given form. What the file's metadata leaves unsaid is
    /// as in [`new`](Self::new).
    ///
    /// # Errors
    /// As [`load`](Self::load); also if the file says that it holds another network.
    pub fn load_as(path: impl AsRef<Path>, spec: NetworkSpec) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&read(path)?, Some(spec)).map_err(|error| in_file(error, path))
    }

    /// As [`load`](Self::load), from the file's bytes.
    ///
    /// # Errors
    /// If the bytes are no weights file of this library.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes, None)
    }

    fn parse(bytes: &[u8], spec: Option<NetworkSpec>) -> Result<Self> {
        Ok(Self::parse_with(bytes, spec)?.0)
    }

    /// The model; and if the file is a checkpoint, how training stands and its tensors.
    pub(super) fn parse_with(bytes: &[u8], spec: Option<NetworkSpec>) -> Result<(Self, Option<String>, Vec<Tensor>)> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
        let file = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
        let mut metadata = header.metadata().clone().unwrap_or_default();
        let mut take = |key: &str| metadata.remove(key);
        let own = take("network").map(|text| text.parse::<NetworkSpec>()).transpose()?;
        let spec = match (own, spec) {
            (Some(own), Some(wanted)) if own != wanted => {
                return Err(damaged(format!("the file holds the network {own}, not {wanted}")));
            }
            (Some(spec), _) | (None, Some(spec)) => spec,
            (None, None) => {
                return Err(damaged(
                    "the file does not say which network its weights are for; name it (`Model::load_as`, or --net on a \
                     command line), as in \"784 | dense 128 | relu | dense 10\""
                        .to_owned(),
                ));
            }
        };
        if let Some(version) = take("format_version").filter(|version| version != FORMAT_VERSION) {
            return Err(damaged(format!(
                "format_version is {version:?}, and only {FORMAT_VERSION:?} is known here; a newer program wrote this file"
            )));
        }
        let scaling = Scaling {
            mean: number(take("mean"), "mean", 0.0)?,
            std: number(take("std"), "std", 1.0)?,
        };
        check_scaling(scaling)?;
        let labels = take("labels").map_or(Ok(Vec::new()), |text| parse_labels(&text))?;
        // Before any memory is asked for: the network's text may promise more than the file holds.
        if header.data_len() / 4 < spec.parameter_count() {
            return Err(damaged(format!(
                "the network {spec} has {} parameters, and the file only {} bytes of them",
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
        let of_training = |tensor: &Tensor| training.is_some() && tensor.name.starts_with(TRAINING);
        let (extra, tensors): (Vec<_>, Vec<_>) = tensors.into_iter().partition(of_training);
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

/// Writes a file beside and renames it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |source| Error::Io {
        path: path.to_owned(),
        action: "cannot write the weights",
        source,
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".weights-");
    #[cfg(unix)]
    {
        // As any new file; a temporary one would be for its owner alone. The user's mask takes its part off.
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        builder.permissions(Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Reads the whole file, after a look at what can be said of its size.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |source| Error::Io {
        path: path.to_owned(),
        action: "cannot read the weights",
        source,
    };
    // Before it is opened: to open a pipe is to wait for who writes into it.
    let status = std::fs::metadata(path).map_err(failed)?;
    if !status.is_file() {
        return Err(in_file(
            damaged("this is no file; give the path of a .safetensors file".to_owned()),
            path,
        ));
    }
    let mut file = File::open(path).map_err(failed)?;
    let mut start = [0; 8];
    let header = file.read_exact(&mut start).map(|()| u64::from_le_bytes(start));
    let whole = status.len();
    let plausible = header.is_ok_and(|header| header <= MAX_HEADER && header <= whole.saturating_sub(8));
    if !plausible {
        let reason = format!("this is no safetensors file ({whole} bytes, and the first 8 are not a header's length)");
        return Err(in_file(damaged(reason), path));
    }
    if whole > MAX_FILE {
        let reason = format!("the file has {whole} bytes; no network that is known here takes more than {MAX_FILE}");
        return Err(in_file(damaged(reason), path));
    }
    let mut bytes = start.to_vec();
    // No more than was promised, should the file grow meanwhile or have lied.
    file.take(whole.saturating_sub(8))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// The type of a tensor's values in PyTorch: what counts is a whole number.
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
            return Err(damaged(format!(
                "tensor {name} is {other:?}; only F32 is read, so convert it first (in PyTorch: `tensor.float()`)"
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
    Err(damaged(format!(
        "tensor {name} holds {} at position {index}; weights have to be finite",
        values[index]
    )))
}

fn check_scaling(scaling: Scaling) -> Result<()> {
    let Scaling { mean, std } = scaling;
    if !mean.is_finite() {
        return Err(damaged(format!("mean is {mean}; it has to be a number")));
    }
    if !(std > 0.0 && std.is_finite()) {
        return Err(damaged(format!("std is {std}; it has to be a number above 0")));
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

/// The same file with its header's keys in order: the metadata come out of a hash map, in a new order each time.
fn in_order(bytes: &[u8]) -> Result<Vec<u8>> {
    let (length, data) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("split at 8")) as usize;
    let (header, data) = data.split_at(length);
    // Maps that are sorted whatever features of serde_json other crates ask for; its own `Value` is not.
    let header: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_slice(header).map_err(|error| damaged(error.to_string()))?;
    let mut header = serde_json::to_string(&header).map_err(|error| damaged(error.to_string()))?;
    // The data have to begin at a multiple of 8 bytes.
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    Ok([&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat())
}

fn parse_labels(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|error| {
        damaged(format!(
            "labels are {text:?}, which is no JSON list of strings: {error}"
        ))
    })
}

fn check_labels(labels: &[String], network: &Network) -> Result<()> {
    let outputs = network.spec().outputs();
    if labels.is_empty() || labels.len() == outputs {
        return Ok(());
    }
    Err(damaged(format!(
        "there are {} labels for {outputs} outputs",
        labels.len()
    )))
}

fn number(text: Option<String>, name: &str, default: f32) -> Result<f32> {
    let Some(text) = text else { return Ok(default) };
    let number = text.parse().ok().filter(|number: &f32| number.is_finite());
    number.ok_or_else(|| damaged(format!("{name} is {text:?}; it has to be a number")))
}

pub(super) fn damaged(reason: String) -> Error {
    Error::Weights { path: None, reason }
}

fn not_safetensors(error: safetensors::SafeTensorError) -> Error {
    damaged(format!("this is no safetensors file, or a damaged one: {error}"))
}

/// Adds the path to an error about the content of a file; what the caller or the machine is to blame for stays as it
/// is.
pub(super) fn in_file(error: Error, path: &Path) -> Error {
    let reason = match error {
        Error::Weights { path: None, reason } => reason,
        Error::Io { .. } | Error::Setting { .. } | Error::Kernel { .. } => return error,
        other => other.to_string(),
    };
    Error::Weights {
        path: Some(path.to_owned()),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_at_both_levels() {
        let file = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[1, 2]].concat();
        let mixed = r#"{"b":{"shape":[2],"dtype":"U8","data_offsets":[0,2]},"__metadata__":{"d":"4","c":"3"}}"#;
        let sorted = r#"{"__metadata__":{"c":"3","d":"4"},"b":{"data_offsets":[0,2],"dtype":"U8","shape":[2]}}"#;
        let padded = format!("{sorted:<width$}", width = sorted.len().next_multiple_of(8));
        assert_eq!(in_order(&file(mixed)).unwrap(), file(&padded));
    }

    #[test]
    #[cfg(unix)]
    fn others_may_read_what_they_may_read_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (weights, other) = (folder.path().join("weights"), folder.path().join("other"));
        let network = Network::new("2 | dense 1".parse().unwrap(), 0).unwrap();
        Model::new(network).save(&weights).unwrap();
        std::fs::write(&other, "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&weights), mode(&other));
    }
}
