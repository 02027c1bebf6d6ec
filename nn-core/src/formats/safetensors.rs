//! Weights files: safetensors, with tensors named and shaped as in PyTorch.

use std::{collections::HashMap, path::Path};

use serde_json::Value;

use super::{
    file::{self, Content, FileTensor, Input, TRAINING, VERSION_KEY, in_file, write},
    load::load_network,
};
use crate::{
    error::{Error, Result, counted},
    model::{Model, Scaling},
    network::{Network, Tensor},
    spec::{LayerRegistry, NetworkSpec},
};

/// Metadata keys that [`Model`] writes itself, beside that of the version.
const OWN_KEYS: [&str; 4] = ["labels", "mean", "network", "std"];

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
        self.check()?;
        let mut tensors = self.network.tensors();
        tensors.extend(extra);
        let mut metadata: HashMap<String, String> = self.notes.clone().into_iter().collect();
        let own = [
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
        file::to_bytes(&tensors, metadata)
    }

    /// Checks names and numbers of notes, labels and scaling.
    pub(super) fn check(&self) -> Result<()> {
        let own = |key: &&String| OWN_KEYS.contains(&key.as_str()) || [TRAINING, VERSION_KEY].contains(&key.as_str());
        if let Some(key) = self.notes.keys().find(own) {
            return Err(Error::weights(format!(
                "the note {key:?} has the name of one of the model's own metadata entries; rename it"
            )));
        }
        check_labels(&self.labels, &self.network)?;
        self.scaling.map_or(Ok(()), check_scaling)
    }

    /// Reads a weights file that names its network, as every file written by this crate does.
    ///
    /// # Errors
    /// If the file cannot be read or is not a valid weights file; the message names the file and the fault.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &LayerRegistry::new())
    }

    /// Reads a weights file from another program, such as PyTorch, as the network `spec`. Metadata that the file lacks
    /// are as in [`new`](Self::new). [`LoadOptions`](super::LoadOptions) load files whose tensors have other names.
    ///
    /// # Errors
    /// As [`load`](Self::load), and if the file names another network.
    pub fn load_as(path: impl AsRef<Path>, spec: NetworkSpec) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&Input::open(path)?, Some(spec), &LayerRegistry::new()).map_err(|error| in_file(error, path))
    }

    /// As [`load`](Self::load), of a network with layers of the user's own, which `registry` knows by name.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(path: impl AsRef<Path>, registry: &LayerRegistry) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&Input::open(path)?, None, registry).map_err(|error| in_file(error, path))
    }

    /// As [`load`](Self::load), from the bytes of the file.
    ///
    /// # Errors
    /// If the bytes are not a valid weights file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(&Input::Bytes(bytes), None, &LayerRegistry::new())
    }

    fn parse(input: &Input<'_>, spec: Option<NetworkSpec>, registry: &LayerRegistry) -> Result<Self> {
        Ok(Self::parse_with(input, spec, registry)?.0)
    }

    /// The model, and the training state of a checkpoint with its tensors.
    pub(super) fn parse_with<'a>(
        input: &'a Input<'a>,
        spec: Option<NetworkSpec>,
        registry: &LayerRegistry,
    ) -> Result<(Self, Option<String>, Vec<FileTensor<'a>>)> {
        let mut content = Content::parse(input)?;
        let mut take = |key: &str| content.metadata.remove(key);
        let spec = network(take("network"), spec, registry)?;
        let scaling = match (take("mean"), take("std")) {
            (None, None) => None,
            (mean, std) => Some(Scaling {
                mean: number(mean, "mean", 0.0)?,
                std: number(std, "std", 1.0)?,
            }),
        };
        scaling.map_or(Ok(()), check_scaling)?;
        let labels = take("labels").map_or(Ok(Vec::new()), |text| parse_labels(&text))?;
        let network = load_network(spec, content.tensors)?;
        check_labels(&labels, &network)?;
        let model = Self {
            network,
            scaling,
            labels,
            notes: content.metadata,
        };
        Ok((model, content.training, content.training_tensors))
    }
}

/// The network that the file names, or else the one that the caller wants.
fn network(named: Option<String>, wanted: Option<NetworkSpec>, registry: &LayerRegistry) -> Result<NetworkSpec> {
    match (named, wanted) {
        (Some(named), Some(wanted)) => {
            // The caller's network may have layers that no registry knows.
            if named == wanted.to_string() || NetworkSpec::parse_with(&named, registry)? == wanted {
                return Ok(wanted);
            }
            Err(Error::weights(format!(
                "the file holds the network {named}, not {wanted}"
            )))
        }
        (Some(named), None) => NetworkSpec::parse_with(&named, registry),
        (None, Some(wanted)) => Ok(wanted),
        (None, None) => Err(Error::weights(
            "the file does not name the network of its weights; give it (`Model::load_as`, or --net on a command \
             line), as in \"784 | dense 128 | relu | dense 10\""
                .to_owned(),
        )),
    }
}

fn check_scaling(scaling: Scaling) -> Result<()> {
    let Scaling { mean, std } = scaling;
    if !mean.is_finite() {
        return Err(Error::weights(format!("mean is {mean}; it has to be a finite number")));
    }
    if !(std > 0.0 && std.is_finite()) {
        return Err(Error::weights(format!(
            "std is {std}; it has to be a finite number above 0"
        )));
    }
    Ok(())
}

fn parse_labels(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|error| {
        Error::weights(format!(
            "labels are {text:?}, which is not a JSON list of strings: {error}"
        ))
    })
}

fn check_labels(labels: &[String], network: &Network) -> Result<()> {
    let outputs = network.spec().outputs();
    if labels.is_empty() || labels.len() == outputs {
        return Ok(());
    }
    Err(Error::weights(format!(
        "{} for {}; give one for each output, or none",
        counted(labels.len(), "label"),
        counted(outputs, "output")
    )))
}

fn number(text: Option<String>, name: &str, default: f32) -> Result<f32> {
    let Some(text) = text else { return Ok(default) };
    let number = text.parse().ok().filter(|number: &f32| number.is_finite());
    number.ok_or_else(|| Error::weights(format!("{name} is {text:?}; it has to be a finite number")))
}
