//! The passes of some samples through the nodes of a graph: forward, loss, backward.

use std::ops::Range;

use super::{
    packed::PackedParameters,
    slice::{BatchSlice, columns},
};
use crate::{
    gemm::{Kernel, MatMut, even_blocks, row_group_flags},
    graph::{Graph, Node},
    layers::{Backward, CrossSample, Forward, StatisticsPass, StepContext, add, shard_sums::ShardSums},
    loss::{Loss, loss_of_sample},
};

/// Activation values of a block of samples in prediction: 1 MiB, which stays mostly in the L2 cache.
const BLOCK_VALUES: usize = 1 << 18;
/// Minimum samples per block; with fewer, reading all weights takes longer than it saves.
const MIN_BLOCK: usize = 16;

/// A graph with the parameters and the kernel that it runs with.
#[derive(Clone, Copy)]
pub(crate) struct BoundGraph<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) parameters: &'a [f32],
    pub(crate) kernel: Kernel,
}

/// What a training step derives from the parameters and, for cross-sample nodes, from the whole batch.
#[derive(Clone, Copy)]
pub(super) struct DerivedParameters<'a> {
    /// In the form that forward reads.
    pub(super) packed: &'a [f32],
    /// In the form that backward reads.
    pub(super) transposed: &'a [f32],
}

impl BoundGraph<'_> {
    /// A node's parameters.
    pub(super) fn parameters(&self, node: &Node) -> &[f32] {
        &self.parameters[node.parameters.clone()]
    }

    /// A node that is cross-sample.
    pub(super) fn cross_sample(&self, index: usize) -> &dyn CrossSample {
        let layer = self.graph.nodes[index].layer.cross_sample();
        layer.expect("the graph lists cross-sample nodes")
    }
}

impl BatchSlice<'_> {
    /// Predicts one block of samples after the other through all nodes, so that each node finds its input in a cache.
    pub(super) fn predict(&mut self, bound: BoundGraph<'_>, packed: &PackedParameters) {
        let block = (BLOCK_VALUES / self.layout.activation_stride).max(MIN_BLOCK);
        for rows in even_blocks(self.inputs.rows(), block) {
            let mut block = self.rows(rows);
            for (index, node) in bound.graph.nodes.iter().enumerate() {
                let parameters = packed.of_node(node, bound.parameters);
                block.forward_node(bound, index, parameters, None);
            }
        }
    }

    /// The forward pass of training through some nodes.
    pub(super) fn forward(
        &mut self,
        bound: BoundGraph<'_>,
        nodes: Range<usize>,
        context: StepContext,
        derived: DerivedParameters<'_>,
    ) {
        let first_sample = context.first_sample + self.sharding.start(self.shards.start);
        let context = StepContext {
            first_sample,
            ..context
        };
        for index in nodes {
            let node = &bound.graph.nodes[index];
            let parameters = (bound.parameters(node), &derived.packed[node.packed.clone()]);
            self.forward_node(bound, index, parameters, Some(context));
        }
    }

    /// The forward pass of a node: one call of its layer for each input.
    fn forward_node(
        &mut self,
        bound: BoundGraph<'_>,
        index: usize,
        (parameters, packed): (&[f32], &[f32]),
        training: Option<StepContext>,
    ) {
        let node = &bound.graph.nodes[index];
        let range = &self.layout.outputs[index];
        let (before, rest) = self.activations.reborrow().split_at_col(range.start);
        let before = before.as_ref();
        let (output, after) = rest.split_at_col(range.len());
        let saved = &self.layout.saved[index];
        let mut saved = columns(after, &(saved.start - range.end..saved.end - range.end));
        let is_last = index + 1 == bound.graph.nodes.len();
        let mut y = if is_last { self.outputs.reborrow() } else { output };
        for (input, edge) in node.inputs.iter().enumerate() {
            let x = match edge.source {
                None => self.inputs,
                Some(source) => before.block(0..before.rows(), self.layout.outputs[source].clone()),
            };
            let pass = Forward {
                kernel: bound.kernel,
                parameters,
                packed,
                x,
                input,
                training,
                saved: saved.reborrow(),
                scratch: &mut self.scratch[self.layout.scratch[index].clone()],
            };
            node.layer.forward(pass, y.reborrow());
        }
    }

    /// The partial statistics of the input of a cross-sample node.
    pub(super) fn partial_statistics(&mut self, bound: BoundGraph<'_>, index: usize, derived: DerivedParameters<'_>) {
        let (pass, ..) = self.backward_pass(bound, (index, 0), derived);
        bound.cross_sample(index).partial_statistics(StatisticsPass {
            kernel: pass.kernel,
            x: pass.x,
            scratch: pass.scratch,
            shard_sums: pass.shard_sums,
        });
    }

    /// The loss of each sample, and its gradient multiplied by `scale` and the sample's weight.
    pub(super) fn loss(&mut self, loss: &dyn Loss, scale: f64) {
        let Some(range) = self.layout.outputs.last() else {
            return;
        };
        let mut gradients = columns(self.gradients.reborrow(), range);
        for row in 0..self.inputs.rows() {
            let (outputs, gradient) = (self.outputs.as_ref().row(row), gradients.row_mut(row));
            let weight = self.targets.weight(row);
            self.losses[row] = if weight == 0.0 {
                // Even where the loss is not finite.
                gradient.fill(0.0);
                0.0
            } else {
                let target = self.targets.get(row, outputs.len());
                let scale = (scale * f64::from(weight)) as f32;
                loss_of_sample(loss, outputs, target, scale, gradient)
            };
        }
    }

    /// The backward pass through the nodes before `end`: down to the input, or to the output of the cross-sample node
    /// `to`, whose partial gradient statistics are computed.
    pub(super) fn backward(
        &mut self,
        bound: BoundGraph<'_>,
        to: Option<usize>,
        end: usize,
        derived: DerivedParameters<'_>,
    ) {
        for index in (to.map_or(0, |to| to + 1)..end).rev() {
            let node = &bound.graph.nodes[index];
            if node.skips_zero_inputs() {
                self.flag_nonzero_inputs(bound.kernel, index);
            }
            for input in 0..node.inputs.len() {
                let (pass, dy, dx) = self.backward_pass(bound, (index, input), derived);
                node.layer.backward(pass, dy, dx);
            }
            if node.needs_edge_gradient() {
                self.add_edge_gradient(index, node.input());
            }
        }
        if let Some(to) = to {
            let (pass, dy, _) = self.backward_pass(bound, (to, 0), derived);
            bound.cross_sample(to).partial_gradient_statistics(pass, dy.as_ref());
        }
    }

    /// Flags the nonzero inputs of a node that reads the network's; after the pass, they are listed from these flags.
    fn flag_nonzero_inputs(&mut self, kernel: Kernel, index: usize) {
        let mut flags = columns(self.activations.reborrow(), &self.layout.nonzero_flags[index]);
        for row in 0..self.inputs.rows() {
            row_group_flags(kernel, self.inputs.row(row), flags.row_mut(row));
        }
    }

    /// Adds the gradient of a node's input to that of another edge from the same source.
    fn add_edge_gradient(&mut self, index: usize, source: Option<usize>) {
        let Some(source) = source else { return };
        let range = &self.layout.edge_gradients[index];
        let (before, rest) = self.gradients.reborrow().split_at_col(range.start);
        let edge = rest.split_at_col(range.len()).0;
        let mut sum = columns(before, &self.layout.outputs[source]);
        for row in 0..sum.rows() {
            add(sum.row_mut(row), edge.as_ref().row(row));
        }
    }

    /// The arguments of a node's backward pass for one of its inputs: its context, the gradient of its output, and the
    /// memory for that of the input.
    fn backward_pass<'b>(
        &'b mut self,
        bound: BoundGraph<'_>,
        (index, input): (usize, usize),
        derived: DerivedParameters<'b>,
    ) -> (Backward<'b>, MatMut<'b>, Option<MatMut<'b>>) {
        let rows = self.inputs.rows();
        let activations = self.activations.as_ref();
        let (layout, node) = (self.layout, &bound.graph.nodes[index]);
        let edge = node.inputs[input];
        let range = &layout.outputs[index];
        let (before, rest) = self.gradients.reborrow().split_at_col(range.start);
        let (dy, after) = rest.split_at_col(range.len());
        let source = edge.source.map(|source| &layout.outputs[source]);
        let dx = if node.needs_edge_gradient() {
            let edge = &layout.edge_gradients[index];
            Some(columns(after, &(edge.start - range.end..edge.end - range.end)))
        } else {
            source.map(|source| columns(before, source))
        };
        let is_last = index + 1 == layout.outputs.len();
        let pass = Backward {
            kernel: bound.kernel,
            transposed: &derived.transposed[layout.transposed[index].clone()],
            packed: &derived.packed[node.packed.clone()],
            x: source.map_or(self.inputs, |source| activations.block(0..rows, source.clone())),
            y: if is_last {
                self.outputs.as_ref()
            } else {
                activations.block(0..rows, range.clone())
            },
            saved: activations.block(0..rows, layout.saved[index].clone()),
            input,
            accumulate: edge.accumulate,
            scratch: &mut self.scratch[layout.scratch[index].clone()],
            shard_sums: ShardSums {
                sums: self.shard_sums,
                stride: layout.shard_sums_len(),
                range: layout.shard_sums[index].clone(),
                sharding: self.sharding,
                first: self.shards.start,
            },
        };
        (pass, dy, dx)
    }
}
