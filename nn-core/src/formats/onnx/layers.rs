//! From the layers of a network to nodes: one walk along the text form, with an arm for each layer.

use std::collections::HashMap;

use super::graph::{Graph, Node};
use crate::{
    error::{Error, Result},
    layers::{BATCH_NORM_EPSILON, LAYER_NORM_EPSILON},
    network::Tensor,
    spec::{ConvSpec, LayerSpec, PoolSpec},
};

/// The walk along a network's layers.
pub(super) struct Walk {
    pub(super) graph: Graph,
    /// The tensors of the network by their names.
    tensors: HashMap<String, Tensor>,
    fold_batch_norms: bool,
}

impl Walk {
    /// A walk that begins at the graph's input.
    pub(super) fn new(graph: Graph, tensors: Vec<Tensor>, fold_batch_norms: bool) -> Self {
        Self {
            graph,
            tensors: tensors
                .into_iter()
                .map(|tensor| (tensor.name.clone(), tensor))
                .collect(),
            fold_batch_norms,
        }
    }

    /// Adds the nodes of layers in a row, whose names begin with `prefix`; takes and returns the name of a value.
    pub(super) fn chain(&mut self, prefix: &str, layers: &[LayerSpec], input: &str) -> Result<String> {
        let mut value = input.to_owned();
        let mut folded = None;
        for (index, layer) in layers.iter().enumerate() {
            if folded == Some(index) {
                continue;
            }
            let path = format!("{prefix}{index}");
            let foldable = matches!(layer, LayerSpec::Dense { .. } | LayerSpec::Conv(_));
            if self.fold_batch_norms && foldable && layers.get(index + 1) == Some(&LayerSpec::BatchNorm) {
                self.fold_batch_norm(&path, &format!("{prefix}{}", index + 1));
                folded = Some(index + 1);
            }
            value = self.layer(&path, layer, &value)?;
        }
        Ok(value)
    }

    /// Adds the nodes of a layer, whose tensors' names begin with `path`.
    fn layer(&mut self, path: &str, layer: &LayerSpec, x: &str) -> Result<String> {
        let node = match layer {
            LayerSpec::Dense { .. } => {
                let inputs = self.with_parameters(x, path, &["weight", "bias"]);
                named("Gemm", &inputs, path).int("transB", 1)
            }
            LayerSpec::Conv(conv) => self.conv(path, conv, x),
            LayerSpec::MaxPool(windows) => pool("MaxPool", windows, x, path),
            LayerSpec::AvgPool(windows) => pool("AveragePool", windows, x, path).int("count_include_pad", 1),
            LayerSpec::GlobalAvgPool => Node::new("GlobalAveragePool", &[x], path),
            // The identity in prediction.
            LayerSpec::Dropout { .. } => return Ok(x.to_owned()),
            LayerSpec::BatchNorm => {
                let inputs = self.with_parameters(x, path, &["weight", "bias", "running_mean", "running_var"]);
                named("BatchNormalization", &inputs, path).float("epsilon", BATCH_NORM_EPSILON as f32)
            }
            LayerSpec::LayerNorm => {
                let inputs = self.with_parameters(x, path, &["weight", "bias"]);
                let node = named("LayerNormalization", &inputs, path).int("axis", 1);
                node.float("epsilon", LAYER_NORM_EPSILON as f32)
            }
            LayerSpec::Upsample { factor } => {
                let factor = *factor as f32;
                let name = format!("{path}.scales");
                let scales = self.graph.floats(name, &[4], &[1.0, 1.0, factor, factor]);
                // The input that it leaves out is a region of interest.
                Node::new("Resize", &[x, "", &scales], path)
                    .text("mode", "nearest")
                    .text("coordinate_transformation_mode", "asymmetric")
                    .text("nearest_mode", "floor")
            }
            LayerSpec::Relu => Node::new("Relu", &[x], path),
            LayerSpec::Elu => Node::new("Elu", &[x], path).float("alpha", 1.0),
            LayerSpec::Softplus => Node::new("Softplus", &[x], path),
            LayerSpec::Silu => {
                let sigmoid = Node::new("Sigmoid", &[x], format!("{path}.sigmoid"));
                let sigmoid = self.graph.push(sigmoid, layer);
                Node::new("Mul", &[x, &sigmoid], path)
            }
            LayerSpec::LeakyRelu { slope } => Node::new("LeakyRelu", &[x], path).float("alpha", *slope),
            LayerSpec::Tanh => Node::new("Tanh", &[x], path),
            LayerSpec::Sigmoid => Node::new("Sigmoid", &[x], path),
            LayerSpec::Gelu => Node::new("Gelu", &[x], path).text("approximate", "none"),
            LayerSpec::Flatten => Node::new("Flatten", &[x], path).int("axis", 1),
            LayerSpec::Reshape(shape) => {
                let (channels, height, width) = shape.as_image().unwrap_or((1, 1, shape.len()));
                // 0 keeps the batch.
                let sizes = [0, channels, height, width];
                let sizes = self
                    .graph
                    .integers(format!("{path}.shape"), &sizes.map(|size| size as i64));
                Node::new("Reshape", &[x, &sizes], path)
            }
            LayerSpec::Add { branches } => {
                let operator = if branches.len() == 2 { "Add" } else { "Sum" };
                named(operator, &self.branches(path, branches, x)?, path)
            }
            LayerSpec::Concat { branches } => named("Concat", &self.branches(path, branches, x)?, path).int("axis", 1),
            LayerSpec::Custom(_) => {
                return Err(Error::weights(format!(
                    "layer {path} ({layer}) is not built in, and ONNX has no operator for it; export a network without it"
                )));
            }
        };
        Ok(self.graph.push(node, layer))
    }

    /// Adds the nodes of branches, and returns the names of their outputs.
    fn branches(&mut self, path: &str, branches: &[Vec<LayerSpec>], x: &str) -> Result<Vec<String>> {
        let branches = branches.iter().enumerate();
        let outputs = branches.map(|(branch, layers)| self.chain(&format!("{path}.{branch}."), layers, x));
        outputs.collect()
    }

    fn conv(&mut self, path: &str, conv: &ConvSpec, x: &str) -> Node {
        let inputs = self.with_parameters(x, path, &["weight", "bias"]);
        let ((top, bottom), (left, right)) = conv.pads();
        named("Conv", &inputs, path)
            .pair("kernel_shape", conv.kernel)
            .pair("strides", conv.stride)
            .pair("dilations", conv.dilation)
            .int("group", conv.groups as i64)
            .sizes("pads", &[top, left, bottom, right])
    }

    /// The value `x` and those of these tensors of a layer that it has.
    fn with_parameters(&mut self, x: &str, path: &str, names: &[&str]) -> Vec<String> {
        let mut values = vec![x.to_owned()];
        for name in names {
            if let Some(tensor) = self.tensors.remove(&format!("{path}.{name}")) {
                values.push(self.graph.floats(tensor.name, &tensor.shape, &tensor.values));
            }
        }
        values
    }

    /// Folds the batch normalization `norm` into the weight and bias of the layer `path` before it: with the running
    /// statistics, it is a scale and a shift of each output channel.
    fn fold_batch_norm(&mut self, path: &str, norm: &str) {
        let mut take = |name: &str| {
            self.tensors
                .remove(&format!("{norm}.{name}"))
                .expect("a tensor of the network")
                .values
        };
        let (gamma, beta) = (take("weight"), take("bias"));
        let (mean, variance) = (take("running_mean"), take("running_var"));
        let bias = self.tensors.entry(format!("{path}.bias")).or_insert_with(|| Tensor {
            name: format!("{path}.bias"),
            shape: vec![gamma.len()],
            values: vec![0.0; gamma.len()],
        });
        let scale =
            |channel: usize| f64::from(gamma[channel]) / (f64::from(variance[channel]) + BATCH_NORM_EPSILON).sqrt();
        for (channel, bias) in bias.values.iter_mut().enumerate() {
            let centered = f64::from(*bias) - f64::from(mean[channel]);
            *bias = (centered * scale(channel) + f64::from(beta[channel])) as f32;
        }
        let weight = self
            .tensors
            .get_mut(&format!("{path}.weight"))
            .expect("a tensor of the network");
        let filter = weight.values.len() / gamma.len();
        for (channel, weights) in weight.values.chunks_exact_mut(filter).enumerate() {
            for weight in weights {
                *weight = (f64::from(*weight) * scale(channel)) as f32;
            }
        }
    }
}

/// A node whose inputs are owned.
fn named(operator: &'static str, inputs: &[String], path: &str) -> Node {
    let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
    Node::new(operator, &inputs, path)
}

fn pool(operator: &'static str, windows: &PoolSpec, x: &str, path: &str) -> Node {
    let (rows, cols) = windows.padding;
    Node::new(operator, &[x], path)
        .pair("kernel_shape", windows.size)
        .pair("strides", windows.stride)
        .sizes("pads", &[rows, cols, rows, cols])
}
