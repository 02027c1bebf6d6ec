//! The memory of a batch: activations, gradients, outputs, sums over shards, scratch memory.

use std::ops::Range;

use super::slice::{BatchSlice, columns};
use crate::{
    aligned::Buffer,
    error::{Error, Result},
    gemm::{Kernel, MatMut, MatRef, NR, NonzeroColumns, Panels},
    graph::{Graph, MemoryLayout},
    layers::{GradientInputs, shard_sums::PartialSums},
    loss::Targets,
};

/// The most values of a batch's activations and of the scratch memory. A `usize` of 32 bits does not hold the number.
const MAX_VALUES: u64 = 1 << 32;

/// The arenas of a batch. Those that only training needs are empty in a workspace for prediction.
#[derive(Clone, Debug)]
pub(super) struct BatchMemory {
    /// The nodes' outputs and what they save, `[capacity, activation_stride]`; the last node's are in `outputs`.
    activations: Buffer,
    /// The outputs' gradients, in the same places; the padding stays zero.
    gradients: Buffer,
    /// `[capacity, outputs]`.
    pub(super) outputs: Buffer,
    pub(super) losses: Vec<f32>,
    /// `[shards, shard_sums_len]`.
    shard_sums: Buffer,
    /// `[threads, scratch_len]`, for each layout: layers rely on what they left there, such as zeros around an image.
    training_scratch: Buffer,
    prediction_scratch: Buffer,
    /// For each node, the samples in which its inputs are nonzero, where its gradient skips the others.
    nonzero: Vec<Option<NonzeroColumns>>,
}

impl BatchMemory {
    /// Memory for `capacity` samples with activations that are `stride` values apart; `training` is the
    /// layout of training, or `None` for prediction alone.
    pub(super) fn new(graph: &Graph, capacity: usize, stride: usize, training: Option<&MemoryLayout>) -> Self {
        let (mut gradients, mut losses, mut shard_sums, mut nonzero) = (0, 0, 0, Vec::new());
        if let Some(layout) = training {
            gradients = capacity * layout.activation_stride;
            losses = capacity;
            shard_sums = layout.sharding(capacity).shards * layout.shard_sums_len();
            nonzero = nonzero_samples(graph, capacity);
        }
        Self {
            activations: Buffer::zeroed(capacity * stride),
            gradients: Buffer::zeroed(gradients),
            outputs: Buffer::zeroed(capacity * graph.outputs()),
            losses: vec![0.0; losses],
            shard_sums: Buffer::zeroed(shard_sums),
            training_scratch: Buffer::zeroed(0),
            prediction_scratch: Buffer::zeroed(0),
            nonzero,
        }
    }

    /// The whole batch as a slice, with scratch memory for `threads` threads.
    pub(super) fn slice<'a>(
        &'a mut self,
        graph: &Graph,
        layout: &'a MemoryLayout,
        threads: usize,
        inputs: &'a [f32],
        targets: Targets<'a>,
    ) -> Result<BatchSlice<'a>> {
        let batch = inputs.len() / graph.inputs();
        let sharding = layout.sharding(batch);
        // In prediction there are no targets and no gradients.
        let (gradients, scratch) = if targets.is_empty() {
            (0, &mut self.prediction_scratch)
        } else {
            (layout.activation_stride, &mut self.training_scratch)
        };
        Ok(BatchSlice {
            layout,
            sharding,
            shards: 0..sharding.shards,
            shard_sums: &mut self.shard_sums,
            scratch: scratch.at_least(threads * layout.scratch_len()),
            inputs: MatRef::row_major(inputs, batch, graph.inputs())?,
            targets,
            activations: MatMut::row_major(&mut self.activations, batch, layout.activation_stride)?,
            gradients: MatMut::row_major(&mut self.gradients, batch, gradients)?,
            outputs: MatMut::row_major(&mut self.outputs, batch, graph.outputs())?,
            losses: &mut self.losses,
        })
    }

    /// The output of a node other than the last one for the sample `row`.
    pub(super) fn activation(&self, layout: &MemoryLayout, node: usize, row: usize) -> &[f32] {
        &self.activations[row * layout.activation_stride..][layout.outputs[node].clone()]
    }

    /// The output of a node other than the last one for the first `batch` samples, `[batch, outputs]`.
    pub(super) fn output_mut(&mut self, layout: &MemoryLayout, node: usize, batch: usize) -> Result<MatMut<'_>> {
        let activations = MatMut::row_major(&mut self.activations, batch, layout.activation_stride)?;
        Ok(columns(activations, &layout.outputs[node]))
    }

    /// Some gradients of the sample `row`.
    pub(super) fn gradient_of(&self, layout: &MemoryLayout, range: &Range<usize>, row: usize) -> &[f32] {
        &self.gradients[row * layout.activation_stride..][range.clone()]
    }

    /// The gradient of a node's output for the first `batch` samples, `[batch, outputs]`.
    pub(super) fn gradient(&self, layout: &MemoryLayout, node: usize, batch: usize) -> Vec<f32> {
        let rows = self.gradients.chunks(layout.activation_stride).take(batch);
        rows.flat_map(|row| &row[layout.outputs[node].clone()])
            .copied()
            .collect()
    }

    /// Lists the samples in which inputs are nonzero, for the nodes whose gradients skip the others.
    pub(super) fn list_nonzero_inputs(
        &mut self,
        (graph, kernel): (&Graph, Kernel),
        layout: &MemoryLayout,
        inputs: MatRef<'_>,
    ) {
        for (node, nonzero) in self.nonzero.iter_mut().enumerate() {
            if let Some(nonzero) = nonzero {
                let flags = layout.nonzero_flags[node].clone();
                let flags = activation_columns(&self.activations, layout, inputs.rows(), flags);
                nonzero.find_transposed(
                    kernel,
                    flags,
                    inputs_of(&self.activations, layout, graph.nodes[node].input(), inputs),
                );
            }
        }
    }

    /// The arguments of the gradient of a node's parameters; `source` is the node whose output is its input.
    pub(super) fn gradient_inputs<'a>(
        &'a self,
        layout: &MemoryLayout,
        (node, source): (usize, Option<usize>),
        inputs: MatRef<'a>,
    ) -> GradientInputs<'a> {
        let range = &layout.outputs[node];
        GradientInputs {
            x: inputs_of(&self.activations, layout, source, inputs),
            nonzero: self.nonzero[node].as_ref().and_then(NonzeroColumns::get),
            dy: Panels {
                data: &self.gradients[range.start..],
                k: inputs.rows(),
                n: range.len(),
                panel_stride: NR,
                row_stride: layout.activation_stride,
                segment_stride: 0,
            },
        }
    }

    /// A node's sums in all shards of a batch.
    pub(super) fn partial_sums(&self, layout: &MemoryLayout, node: usize, batch: usize) -> PartialSums<'_> {
        PartialSums {
            sums: &self.shard_sums,
            stride: layout.shard_sums_len(),
            start: layout.shard_sums[node].start,
            sharding: layout.sharding(batch),
        }
    }
}

/// The inputs of a node that reads the output of node `source`, `[batch, inputs]`, where `inputs` are the network's.
fn inputs_of<'a>(
    activations: &'a [f32],
    layout: &MemoryLayout,
    source: Option<usize>,
    inputs: MatRef<'a>,
) -> MatRef<'a> {
    match source {
        None => inputs,
        Some(source) => activation_columns(activations, layout, inputs.rows(), layout.outputs[source].clone()),
    }
}

/// Some columns of a batch's activations.
fn activation_columns<'a>(
    activations: &'a [f32],
    layout: &MemoryLayout,
    batch: usize,
    columns: Range<usize>,
) -> MatRef<'a> {
    let activations = MatRef::row_major(activations, batch, layout.activation_stride).expect("the batch fits");
    activations.block(0..batch, columns)
}

/// Memory for the lists of each node that skips zero inputs.
fn nonzero_samples(graph: &Graph, capacity: usize) -> Vec<Option<NonzeroColumns>> {
    let list = |node: usize| {
        let inputs = graph.inputs_of(node);
        graph.nodes[node]
            .skips_zero_inputs()
            .then(|| NonzeroColumns::with_capacity(inputs, capacity))
    };
    (0..graph.nodes.len()).map(list).collect()
}

/// Refuses a batch that takes more than 16 GiB on at most `threads` threads.
pub(super) fn check_memory(graph: &Graph, batch: usize, threads: usize, layout: &MemoryLayout) -> Result<()> {
    // Activations, their gradients, and the network's outputs.
    let sample = 2 * layout.activation_stride as u64 + graph.outputs() as u64;
    let scratch = (batch.min(threads) as u64).checked_mul(layout.scratch_len() as u64);
    let activations = (batch as u64).checked_mul(sample);
    let values = activations
        .zip(scratch)
        .and_then(|(activations, scratch)| activations.checked_add(scratch));
    if values.is_some_and(|values| values <= MAX_VALUES) {
        return Ok(());
    }
    Err(Error::Setting {
        name: "batch",
        value: batch.to_string(),
        reason: "a batch of that many samples takes more than 16 GiB of memory; take a smaller one, fewer threads or a \
                 smaller network",
    })
}
