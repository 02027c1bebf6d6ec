//! The layout of memory: where a sample's activations, a shard's sums and a thread's scratch memory hold each node's
//! values.

use std::ops::Range;

use super::node::{Graph, Node};
use crate::{
    gemm::{NR, ROW_GROUP},
    layers::shard_sums::Sharding,
};

/// Minimum number of shards, if the batch has as many samples: the number of threads that can share them.
const MIN_SHARDS: usize = 8;
/// Minimum samples per shard if there are more shards; reducing a shard costs a fraction of a sample's work.
const SHARD_SAMPLES: usize = 8;
/// Maximum values of all shards' sums, 32 MiB, unless that allows fewer than [`MIN_SHARDS`] shards.
const MAX_SHARD_SUMS: usize = 1 << 23;

/// The place of each node's values, one range per node; ranges begin at multiples of [`NR`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemoryLayout {
    /// A node's output in a sample's activations.
    pub(crate) outputs: Vec<Range<usize>>,
    /// What a node saves for backward in a sample's activations; empty in prediction.
    pub(crate) saved: Vec<Range<usize>>,
    /// The flags of a node's nonzero inputs in a sample's activations; empty where they are not used.
    pub(crate) nonzero_flags: Vec<Range<usize>>,
    /// In a sample's gradients, that of a node's input before the executor adds it to another edge's; else empty.
    pub(crate) edge_gradients: Vec<Range<usize>>,
    /// The distance between two samples' activations.
    pub(crate) activation_stride: usize,
    /// A node's transposed parameters.
    pub(crate) transposed: Vec<Range<usize>>,
    /// A node's part of a shard's sums.
    pub(crate) shard_sums: Vec<Range<usize>>,
    /// A node's part of a thread's scratch memory.
    pub(crate) scratch: Vec<Range<usize>>,
}

impl MemoryLayout {
    pub(crate) fn new(graph: &Graph, training: bool) -> Self {
        let nodes = &graph.nodes;
        let in_training = |len: usize| if training { len } else { 0 };
        let (mut outputs, mut saved, mut nonzero_flags) = (Vec::new(), Vec::new(), Vec::new());
        let mut edge_gradients = Vec::new();
        let mut end = 0;
        for (index, node) in nodes.iter().enumerate() {
            let flags = if node.skips_zero_inputs() {
                graph.inputs_of(index).div_ceil(ROW_GROUP)
            } else {
                0
            };
            outputs.push(take(&mut end, node.outputs));
            saved.push(take(&mut end, in_training(node.layer.saved_len())));
            nonzero_flags.push(take(&mut end, in_training(flags)));
            let edge = if node.needs_edge_gradient() {
                graph.inputs_of(index)
            } else {
                0
            };
            edge_gradients.push(take(&mut end, in_training(edge)));
        }
        // An odd number of cache lines: with a power of two, all samples would fall into the same few cache sets.
        let lines = (end / NR) | 1;
        // The gradient of the network's input is not computed.
        let transposed_len = |node: &Node| match node.layer.parameters() {
            Some(parameters) if node.input().is_some() => in_training(parameters.transposed_len()),
            _ => 0,
        };
        Self {
            outputs,
            saved,
            nonzero_flags,
            edge_gradients,
            activation_stride: lines * NR,
            transposed: ranges(nodes.iter().map(transposed_len)),
            shard_sums: ranges(nodes.iter().map(|node| in_training(node.shard_sums_len()))),
            scratch: ranges(nodes.iter().map(|node| node.layer.scratch_len(training))),
        }
    }

    /// The place of the gradient that a node computes for its input, the output of `source`.
    pub(crate) fn input_gradient(&self, node: usize, source: Option<usize>) -> Option<&Range<usize>> {
        let edge = &self.edge_gradients[node];
        if edge.is_empty() {
            Some(&self.outputs[source?])
        } else {
            Some(edge)
        }
    }

    /// Whether the gradient of a node's parameters is summed by shard.
    pub(crate) fn sums_by_shard(&self, node: usize) -> bool {
        !self.shard_sums[node].is_empty()
    }

    /// Values of all transposed parameters.
    pub(crate) fn transposed_len(&self) -> usize {
        end_of(&self.transposed)
    }

    /// Values of a shard's sums.
    pub(crate) fn shard_sums_len(&self) -> usize {
        end_of(&self.shard_sums)
    }

    /// Values of a thread's scratch memory.
    pub(crate) fn scratch_len(&self) -> usize {
        end_of(&self.scratch)
    }

    /// How a batch is cut into shards: few if gradients are summed by shard, else one per sample.
    pub(crate) fn sharding(&self, batch: usize) -> Sharding {
        let shards = match MAX_SHARD_SUMS.checked_div(self.shard_sums_len()) {
            None => batch,
            Some(most) => (batch / SHARD_SAMPLES).min(most).max(MIN_SHARDS).min(batch),
        };
        Sharding { batch, shards }
    }
}

/// Ranges of these lengths, one after the other.
fn ranges(lens: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut end = 0;
    lens.map(|len| take(&mut end, len)).collect()
}

/// The next range of that length; `end` becomes the multiple of [`NR`] behind it.
fn take(end: &mut usize, len: usize) -> Range<usize> {
    let range = *end..*end + len;
    *end = range.end.next_multiple_of(NR);
    range
}

/// The length of an arena of all these ranges.
fn end_of(ranges: &[Range<usize>]) -> usize {
    ranges.last().map_or(0, |range| range.end.next_multiple_of(NR))
}
