//! Nodes, parameter blocks, and the graph that they make up.

use std::ops::Range;

use crate::{
    gemm::NR,
    layers::{BlockGradient, CrossSample, GradientMethod, Layer, Parameters, StateSpec},
    shape::Shape,
    spec::{LayerPath, NetworkSpec},
};

/// How a network is computed; fixed when it is built.
#[derive(Debug)]
pub(crate) struct Graph {
    /// What the graph was made from.
    pub(crate) spec: NetworkSpec,
    pub(crate) nodes: Vec<Node>,
    /// The arena of parameters, cut into blocks, in order and without gaps.
    pub(crate) blocks: Vec<ParameterBlock>,
    /// Where each layer's output is, in the order of computation; only in the graph of activations.
    pub(crate) layer_outputs: Vec<LayerOutput>,
    /// Indices of the nodes that are [`CrossSample`], in order.
    pub(crate) cross_sample: Vec<usize>,
    /// Multiply-adds of a forward pass of one sample.
    pub(crate) multiply_adds: usize,
    /// Multiply-adds of the first layer that has any.
    pub(crate) first_multiply_adds: usize,
}

/// A layer, with the activation and the pooling that are fused into it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) layer: Box<dyn Layer>,
    /// Position of the layer in the text form, which names its tensors in files.
    pub(crate) path: LayerPath,
    /// The layer's text form.
    pub(crate) text: String,
    /// What it reads: one input, or several for a layer that combines them.
    pub(crate) inputs: Vec<Edge>,
    /// Values of a sample's output.
    pub(crate) outputs: usize,
    /// Multiply-adds of a sample.
    pub(crate) multiply_adds: usize,
    /// Its part of the arena of parameters.
    pub(crate) parameters: Range<usize>,
    /// Its part of the arena of packed parameters.
    pub(crate) packed: Range<usize>,
    /// Its part of the arena of running statistics.
    pub(crate) state: Range<usize>,
    /// Whether a ReLU follows, directly or after a batch normalization.
    pub(crate) before_relu: bool,
    /// Whether a batch normalization is folded into it.
    pub(crate) folds_batch_norm: bool,
    /// In prediction, the normalization that is folded into its parameters.
    pub(crate) folded: Option<FoldedNorm>,
}

/// The output of a layer, in the graph of activations.
#[derive(Clone, Debug)]
pub(crate) struct LayerOutput {
    pub(crate) path: LayerPath,
    /// The node that gives it; `None` for the network's input.
    pub(crate) source: Option<usize>,
    pub(crate) shape: Shape,
    /// Whether it is an image stored as HWC.
    pub(crate) is_hwc: bool,
}

/// An input of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    /// The node whose output it is; `None` for the network's input.
    pub(crate) source: Option<usize>,
    /// Whether backward adds its gradient to that of an edge from the same source, instead of overwriting it.
    pub(crate) accumulate: bool,
}

/// A normalization that is folded into the parameters of the layer before it.
#[derive(Debug)]
pub(crate) struct FoldedNorm {
    /// The normalization's node in the training graph.
    pub(crate) norm: usize,
    /// The place of the folded parameters in their arena.
    pub(crate) range: Range<usize>,
}

/// A part of the arena of parameters whose gradient is computed on its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParameterBlock {
    pub(crate) node: usize,
    /// Index among the node's blocks.
    pub(crate) index: usize,
    /// Index of its tensor among the parameters of all nodes.
    pub(crate) tensor: usize,
    /// Where it begins in the node's part of the arena.
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Graph {
    /// A graph without nodes.
    pub(crate) fn new(spec: NetworkSpec) -> Self {
        Self {
            spec,
            nodes: Vec::new(),
            blocks: Vec::new(),
            layer_outputs: Vec::new(),
            cross_sample: Vec::new(),
            multiply_adds: 0,
            first_multiply_adds: 0,
        }
    }

    /// Values of a sample's input.
    pub(crate) fn inputs(&self) -> usize {
        self.spec.input().len()
    }

    /// Values of a sample's first input to a node.
    pub(crate) fn inputs_of(&self, node: usize) -> usize {
        self.values_of(self.nodes[node].input())
    }

    /// Values of a sample that a node gives; those of the network's input for `None`.
    pub(crate) fn values_of(&self, source: Option<usize>) -> usize {
        source.map_or(self.inputs(), |source| self.nodes[source].outputs)
    }

    /// Values of a sample's output.
    pub(crate) fn outputs(&self) -> usize {
        self.spec.outputs()
    }

    /// Length of the arena of parameters.
    pub(crate) fn parameters_len(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.parameters.end)
    }

    /// Length of the arena of packed parameters.
    pub(crate) fn packed_len(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.packed.end)
    }

    /// Length of the arena of running statistics.
    pub(crate) fn state_len(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.state.end)
    }

    /// The nodes that are cross-sample, with their layers as such.
    pub(crate) fn cross_sample_nodes(&self) -> impl Iterator<Item = (&Node, &dyn CrossSample)> {
        let nodes = self.nodes.iter();
        nodes.filter_map(|node| Some((node, node.layer.cross_sample()?)))
    }

    /// The indices of the nodes that are layers of the user's own.
    pub(crate) fn own_nodes(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.nodes.len()).filter(|&node| self.nodes[node].layer.is_own())
    }

    /// Appends a node behind the others, in every arena. `place` is the layer's position and its text form.
    pub(crate) fn push(
        &mut self,
        layer: Box<dyn Layer>,
        (path, text): (LayerPath, String),
        sources: &[Option<usize>],
        outputs: usize,
    ) {
        let [start, packed, state] = [self.parameters_len(), self.packed_len(), self.state_len()];
        let (mut parameters_len, mut packed_len, mut state_len) = (0, 0, 0);
        if let Some(parameters) = layer.parameters() {
            parameters_len = parameters.len();
            packed_len = parameters.packed_len().next_multiple_of(NR);
            let first_tensor = self.blocks.last().map_or(0, |block| block.tensor + 1);
            let blocks = parameters.blocks().into_iter().enumerate();
            self.blocks.extend(blocks.map(|(index, range)| ParameterBlock {
                node: self.nodes.len(),
                index,
                tensor: first_tensor + tensor_at(parameters, range.start),
                start: range.start,
                len: range.len(),
            }));
        }
        if let Some(layer) = layer.cross_sample() {
            state_len = layer.state().iter().map(StateSpec::len).sum();
            self.cross_sample.push(self.nodes.len());
        }
        self.nodes.push(Node {
            parameters: start..start + parameters_len,
            packed: packed..packed + packed_len,
            state: state..state + state_len,
            multiply_adds: 0,
            before_relu: false,
            folds_batch_norm: false,
            folded: None,
            inputs: sources
                .iter()
                .map(|&source| Edge {
                    source,
                    accumulate: false,
                })
                .collect(),
            layer,
            path,
            text,
            outputs,
        });
    }

    /// Decides which edges accumulate: of those from the same source, all but the first one in the order of backward.
    pub(super) fn finish_edges(&mut self) {
        let mut has_gradient = vec![false; self.nodes.len()];
        for node in self.nodes.iter_mut().rev() {
            for edge in &mut node.inputs {
                if let Some(source) = edge.source {
                    edge.accumulate = std::mem::replace(&mut has_gradient[source], true);
                }
            }
        }
    }

    /// Counts the multiply-adds of the last node.
    pub(crate) fn count(&mut self, multiply_adds: usize) {
        if let Some(node) = self.nodes.last_mut() {
            node.multiply_adds = multiply_adds;
        }
        self.multiply_adds += multiply_adds;
        if self.first_multiply_adds == 0 {
            self.first_multiply_adds = multiply_adds;
        }
    }
}

impl Node {
    /// Its position and its text form, for messages.
    pub(crate) fn name(&self) -> String {
        format!("{} ({})", self.path, self.text)
    }

    /// The source of the first input.
    pub(crate) fn input(&self) -> Option<usize> {
        self.inputs.first().and_then(|edge| edge.source)
    }

    /// Whether the executor adds the gradient of the node's input to that of another edge.
    pub(crate) fn needs_edge_gradient(&self) -> bool {
        !self.layer.accumulates() && self.inputs.iter().any(|edge| edge.accumulate)
    }

    /// The layer's block gradient, if its parameters' gradient is computed by block.
    pub(crate) fn block_gradient(&self) -> Option<&dyn BlockGradient> {
        match self.layer.parameters()?.gradient_method() {
            GradientMethod::ByBlock(gradient) => Some(gradient),
            GradientMethod::ByShard { .. } => None,
        }
    }

    /// Values of a shard's sums.
    pub(crate) fn shard_sums_len(&self) -> usize {
        match self.layer.parameters().map(|parameters| parameters.gradient_method()) {
            Some(GradientMethod::ByShard { len }) => len,
            _ => 0,
        }
    }

    /// Whether the executor lists the samples in which the node's inputs are nonzero.
    pub(crate) fn skips_zero_inputs(&self) -> bool {
        self.block_gradient().is_some_and(BlockGradient::skips_zero_inputs)
    }
}

/// Index of the tensor that holds position `start` of a layer's parameters.
fn tensor_at(parameters: &dyn Parameters, start: usize) -> usize {
    let starts = (0..parameters.tensors().len()).map(|tensor| parameters.position(tensor, 0));
    starts.take_while(|&first| first <= start).count() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_of_a_tensor_is_in_a_block_of_that_tensor() {
        for text in [
            "3x4x2 | dense 70 | relu | dense 17",
            "900 | dense 600 | dense 1",
            "9x8x2 | conv 35 3x2 | batchnorm | relu | conv 3 2x2 nobias | batchnorm | dense 5",
            "3x3x17 | conv 40 3x3 pad 1 | maxpool 2 | flatten | batchnorm",
        ] {
            let graph = Graph::for_training(&text.parse().unwrap());
            let layers = graph.nodes.iter().enumerate();
            let layers = layers.filter_map(|(index, node)| Some((index, node.layer.parameters()?)));
            let mut count = 0;
            for (node, layer) in layers {
                for (tensor, spec) in layer.tensors().iter().enumerate() {
                    for value in 0..spec.len() {
                        let position = layer.position(tensor, value);
                        let holds = |block: &&ParameterBlock| {
                            block.node == node && (block.start..block.start + block.len).contains(&position)
                        };
                        let block = graph.blocks.iter().find(holds).unwrap();
                        assert_eq!(block.tensor, count, "{text}: {}, value {value}", spec.name);
                    }
                    count += 1;
                }
            }
        }
    }
}
