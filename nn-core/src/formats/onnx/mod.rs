//! Export to ONNX, which other runtimes read: <https://onnx.ai>.

mod graph;
mod layers;
mod message;

use std::path::Path;

use serde_json::Value;

use self::{
    graph::{Graph, Node},
    layers::Walk,
    message::Message,
};
use super::file::in_file;
use crate::{
    atomic_file,
    error::{Error, Result},
    model::{Model, Scaling},
    network::check_finite,
};

/// Version of the operators: the first that has `Gelu`, since runtimes refuse files of later versions than their own.
const OPSET: i64 = 20;
/// Version of the file format: the one that came with these operators.
const IR_VERSION: i64 = 9;
/// Largest message of Protocol Buffers, in bytes.
const MAX_LEN: usize = i32::MAX as usize;

/// Choices of an export to ONNX.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct OnnxOptions {
    scale_inputs: bool,
    fold_batch_norms: bool,
}

impl OnnxOptions {
    /// The layers as they are: inputs are scaled by the caller, and batch normalizations are nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the scaling of the inputs the first nodes: the input then takes values in `0..=1`.
    pub fn scale_inputs(mut self) -> Self {
        self.scale_inputs = true;
        self
    }

    /// Folds each batch normalization that follows a dense layer or a convolution into its weights and bias.
    pub fn fold_batch_norms(mut self) -> Self {
        self.fold_batch_norms = true;
        self
    }
}

impl Model {
    /// Writes the model as an ONNX file, atomically. See [`to_onnx`](Self::to_onnx).
    ///
    /// # Errors
    /// If the file cannot be written, or as [`to_onnx`](Self::to_onnx).
    pub fn save_onnx(&self, path: impl AsRef<Path>, options: OnnxOptions) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.to_onnx(options).map_err(|error| in_file(error, path))?;
        atomic_file::write(path, |file| file.write_all(&bytes)).map_err(|cause| Error::Io {
            path: path.to_owned(),
            action: "cannot write the ONNX file",
            cause,
        })
    }

    /// The bytes of an ONNX file that computes what [`Network::forward`](crate::Network::forward) does; for prediction, so
    /// without dropout.
    ///
    /// Its `input` is `[batch, features]` or `[batch, channels, height, width]` for any batch, and so is its `output`.
    /// Tensors have the names of [`Network::tensors`](crate::Network::tensors), and nodes the text form of their layer as
    /// documentation. The metadata are those of a weights file: `network`, `labels`, `mean` and `std`, and the
    /// notes. The operators are those of opset 20, of 2023, and the same model gives the same bytes.
    ///
    /// ```
    /// use nn_core::{Network, formats::{Model, OnnxOptions}};
    /// let network = Network::new("28x28x1 | conv 8 3x3 | batchnorm | relu | dense 10".parse()?, 7)?;
    /// let bytes = Model::new(network).to_onnx(OnnxOptions::new().fold_batch_norms())?;
    /// # assert!(!bytes.is_empty());
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the model is invalid, as in [`to_bytes`](Self::to_bytes), has a layer of the user's own, which ONNX has no operator
    /// for, or is larger than 2 GiB, the limit of the format.
    pub fn to_onnx(&self, options: OnnxOptions) -> Result<Vec<u8>> {
        self.check()?;
        let spec = self.network.spec();
        check_len(spec.parameter_count().saturating_mul(4))?;
        let tensors = self.network.tensors();
        for tensor in &tensors {
            check_finite(&tensor.name, &tensor.values)?;
        }
        let mut graph = Graph::default();
        let mut value = graph.input();
        if options.scale_inputs {
            value = scale(&mut graph, self.scaling.unwrap_or_default(), &value);
        }
        let mut walk = Walk::new(graph, tensors, options.fold_batch_norms);
        let last = walk.chain("", spec.layers(), &value)?;
        let graph = walk.graph.encode(
            (spec.input(), &self.input_doc(options)),
            &last,
            (spec.output(), self.output_doc()),
        );
        let bytes = self.onnx_model(&graph, options).into_bytes();
        check_len(bytes.len())?;
        Ok(bytes)
    }

    fn input_doc(&self, options: OnnxOptions) -> String {
        match self.scaling.unwrap_or_default() {
            _ if options.scale_inputs => "Values in 0..=1.".to_owned(),
            scaling if scaling == Scaling::default() => String::new(),
            Scaling { mean, std } => format!("(value - {mean}) / {std}, for values in 0..=1."),
        }
    }

    fn output_doc(&self) -> &'static str {
        if self.labels.is_empty() {
            return "";
        }
        "One value for each class; the metadata `labels` name them."
    }

    /// The outermost message.
    fn onnx_model(&self, graph: &Message, options: OnnxOptions) -> Message {
        let spec = self.network.spec().to_string();
        let scaling = if options.scale_inputs {
            Scaling::default()
        } else {
            self.scaling.unwrap_or_default()
        };
        let own = [
            ("labels".to_owned(), Value::from(self.labels.clone()).to_string()),
            ("mean".to_owned(), scaling.mean.to_string()),
            ("network".to_owned(), spec.clone()),
            ("std".to_owned(), scaling.std.to_string()),
        ];
        let notes = self.notes.clone().into_iter();
        let entries = own.into_iter().chain(notes);
        let entries: Vec<_> = entries
            .map(|(key, value)| Message::new().text(1, &key).text(2, &value))
            .collect();
        Message::new()
            .int(1, IR_VERSION)
            .text(2, env!("CARGO_PKG_NAME"))
            .text(3, env!("CARGO_PKG_VERSION"))
            .text(6, &spec)
            .message(7, graph)
            .message(8, &Message::new().int(2, OPSET))
            .messages(14, &entries)
    }
}

/// Adds `(value - mean) / std`.
fn scale(graph: &mut Graph, Scaling { mean, std }: Scaling, value: &str) -> String {
    let doc = "input scaling";
    let mean = graph.floats("mean".to_owned(), &[], &[mean]);
    let std = graph.floats("std".to_owned(), &[], &[std]);
    let centered = graph.push(Node::new("Sub", &[value, &mean], "centered"), doc);
    graph.push(Node::new("Div", &[&centered, &std], "scaled"), doc)
}

fn check_len(bytes: usize) -> Result<()> {
    if bytes <= MAX_LEN {
        return Ok(());
    }
    Err(Error::weights(format!(
        "the ONNX file would have {bytes} bytes, and the format's limit is {MAX_LEN}; save the weights as safetensors"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_the_format_is_checked() {
        check_len(MAX_LEN).unwrap();
        let message = check_len(MAX_LEN + 1).unwrap_err().to_string();
        assert!(
            message.contains("2147483648 bytes") && message.contains("safetensors"),
            "{message}"
        );
    }
}
