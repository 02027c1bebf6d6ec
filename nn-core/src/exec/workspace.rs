//! The workspace: the memory of a batch, allocated once, and the passes of a batch through a graph.

use super::{
    memory::{BatchMemory, check_memory},
    output_split::FirstLayer,
    packed::{PackedParameters, pack_for_training},
    pass::{BoundGraph, DerivedParameters},
    shard::{threads_for, training_shards},
    slice::BatchSlice,
};
use crate::{
    aligned::Buffer,
    error::{Error, Result},
    gemm::{Kernel, MatRef},
    graph::{Graph, MemoryLayout, ParameterBlock},
    layers::StepContext,
    loss::{self, Objective, Targets, all_finite},
    spec::NetworkSpec,
};

/// The memory in which a network predicts or trains, for batches of up to a fixed size.
///
/// The activations of all layers are stored sample by sample, so threads share a batch by splitting the arena. Nothing
/// is allocated after the first use.
///
/// ```
/// use nn_core::{Network, Workspace};
/// let network = Network::new("2 | dense 3".parse()?, 0)?;
/// let mut workspace = Workspace::new(&network, 8)?;
/// let outputs = network.forward(&[0.0, 1.0, 2.0, 3.0], &mut workspace)?;
/// assert_eq!(outputs.len(), 2 * 3);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The network that it was made for.
    spec: NetworkSpec,
    capacity: usize,
    prediction: MemoryLayout,
    /// `None` in a workspace for prediction alone.
    training: Option<MemoryLayout>,
    memory: BatchMemory,
    /// What a training step derives from the parameters; prediction has [`PackedParameters`].
    packed: Buffer,
    transposed: Buffer,
}

/// Loss and accuracy of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BatchReport {
    /// Mean loss of the samples, weighted where they have weights.
    pub loss: f32,
    /// Number of samples whose largest output is that of the target class; `None` where targets are values.
    pub correct: Option<usize>,
    /// Number of samples, without those of weight 0, such as those of an ignored class.
    pub samples: usize,
    /// Sum of the samples' weights: their number, unless they have weights.
    pub weight: f64,
}

impl Workspace {
    /// Memory for batches of up to `capacity` samples, to predict with the graph `prediction`, and to train on `graph` if
    /// `training`.
    pub(crate) fn with_graphs(graph: &Graph, prediction: &Graph, capacity: usize, training: bool) -> Result<Self> {
        let prediction = MemoryLayout::new(prediction, false);
        let training = training.then(|| MemoryLayout::new(graph, true));
        let mut stride = prediction.activation_stride;
        for layout in [&prediction].into_iter().chain(&training) {
            check_memory(graph, capacity, rayon::current_num_threads(), layout)?;
            stride = stride.max(layout.activation_stride);
        }
        Ok(Self {
            spec: graph.spec.clone(),
            capacity,
            memory: BatchMemory::new(graph, capacity, stride, training.as_ref()),
            packed: Buffer::zeroed(training.as_ref().map_or(0, |_| graph.packed_len())),
            transposed: Buffer::zeroed(training.as_ref().map_or(0, MemoryLayout::transposed_len)),
            prediction,
            training,
        })
    }

    /// The largest batch.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Computes the outputs of a batch, `[batch, outputs]`, with the graph of prediction.
    pub(crate) fn forward(
        &mut self,
        bound: BoundGraph<'_>,
        packed: &PackedParameters,
        inputs: &[f32],
    ) -> Result<&[f32]> {
        let batch = self.check_inputs(bound.graph, inputs)?;
        let multiply_adds = batch * bound.graph.multiply_adds;
        let threads = threads_for(multiply_adds, rayon::current_num_threads()).min(batch);
        let slice = self
            .memory
            .slice(bound.graph, &self.prediction, threads, inputs, Targets::none())?;
        slice.share(threads, &|mut slice: BatchSlice<'_>| slice.predict(bound, packed));
        Ok(&self.memory.outputs[..batch * bound.graph.outputs()])
    }

    /// A node's output for the sample `row` of the last batch, after [`forward`](Self::forward).
    pub(crate) fn output_of(&self, graph: &Graph, node: usize, row: usize) -> &[f32] {
        if node + 1 == graph.nodes.len() {
            let outputs = graph.outputs();
            return &self.memory.outputs[row * outputs..][..outputs];
        }
        self.memory.activation(&self.prediction, node, row)
    }

    /// Forward, loss, and the gradients of all nodes' outputs; [`parameter_gradient`](Self::parameter_gradient) then
    /// gives those of the parameters.
    pub(crate) fn forward_backward(
        &mut self,
        bound: BoundGraph<'_>,
        inputs: &[f32],
        objective: Objective<'_>,
        context: StepContext,
    ) -> Result<BatchReport> {
        let graph = bound.graph;
        let batch = self.check_inputs(graph, inputs)?;
        let weight = objective.check(batch, graph.outputs())?;
        check_min_batch(graph, batch)?;
        pack_for_training(bound.kernel, graph, bound.parameters, &mut self.packed);
        self.transpose(bound);
        self.run_passes(bound, inputs, objective, objective.scale(weight), context)?;
        let layout = training_layout(&self.training);
        let inputs = MatRef::row_major(inputs, batch, graph.inputs())?;
        self.memory.list_nonzero_inputs((graph, bound.kernel), layout, inputs);
        Ok(self.report(objective, (batch, graph.outputs()), weight))
    }

    /// The number of threads of a training step on `batch` samples.
    pub(crate) fn training_threads(&self, graph: &Graph, batch: usize) -> usize {
        training_shards(
            graph,
            training_layout(&self.training),
            batch,
            rayon::current_num_threads(),
        )
        .1
    }

    fn transpose(&mut self, bound: BoundGraph<'_>) {
        let layout = training_layout(&self.training);
        for (node, range) in bound.graph.nodes.iter().zip(&layout.transposed) {
            if let Some(parameters) = node.layer.parameters().filter(|_| !range.is_empty()) {
                let transposed = &mut self.transposed[range.clone()];
                parameters.transpose(bound.kernel, bound.parameters(node), transposed);
            }
        }
    }

    /// Runs a batch forward and backward through all nodes. Threads share the samples in one parallel section; each
    /// cross-sample node interrupts it in both directions, to reduce the shards' partial statistics.
    fn run_passes(
        &mut self,
        bound: BoundGraph<'_>,
        inputs: &[f32],
        Objective { targets, loss, .. }: Objective<'_>,
        scale: f64,
        context: StepContext,
    ) -> Result<()> {
        let graph = bound.graph;
        let batch = inputs.len() / graph.inputs();
        let threads = self.training_threads(graph, batch);
        let stops = &graph.cross_sample;
        let mut start = self.forward_by_outputs(bound, threads, inputs)?;
        for &stop in stops {
            self.section(bound, threads, (inputs, targets), &|slice, derived| {
                slice.forward(bound, start..stop, context, derived);
                slice.partial_statistics(bound, stop, derived);
            })?;
            self.reduce(bound, stop, batch);
            start = stop;
        }
        self.section(bound, threads, (inputs, targets), &|slice, derived| {
            slice.forward(bound, start..graph.nodes.len(), context, derived);
            slice.loss(loss, scale);
            slice.backward(bound, stops.last().copied(), graph.nodes.len(), derived);
        })?;
        for (index, &stop) in stops.iter().enumerate().rev() {
            self.reduce_gradient(bound, stop, batch);
            self.section(bound, threads, (inputs, targets), &|slice, derived| {
                slice.backward(bound, stops[..index].last().copied(), stop + 1, derived);
            })?;
        }
        Ok(())
    }

    /// Computes the first layer by its outputs, if that is faster. Returns the number of nodes that have been computed.
    fn forward_by_outputs(&mut self, bound: BoundGraph<'_>, threads: usize, inputs: &[f32]) -> Result<usize> {
        let (graph, layout) = (bound.graph, training_layout(&self.training));
        let batch = inputs.len() / graph.inputs();
        let inputs = MatRef::row_major(inputs, batch, graph.inputs())?;
        let Some(first) = FirstLayer::new(graph, bound.kernel, bound.parameters, inputs).filter(|_| threads > 1) else {
            return Ok(0);
        };
        first.forward(&graph.blocks, 0, self.memory.output_mut(layout, 0, batch)?, threads);
        Ok(1)
    }

    /// A parallel section over the samples of a batch.
    fn section(
        &mut self,
        bound: BoundGraph<'_>,
        threads: usize,
        (inputs, targets): (&[f32], Targets<'_>),
        work: &(impl Fn(&mut BatchSlice<'_>, DerivedParameters<'_>) + Sync),
    ) -> Result<()> {
        let layout = training_layout(&self.training);
        let derived = DerivedParameters {
            packed: &self.packed,
            transposed: &self.transposed,
        };
        let slice = self.memory.slice(bound.graph, layout, threads, inputs, targets)?;
        slice.share(threads, &|mut slice: BatchSlice<'_>| work(&mut slice, derived));
        Ok(())
    }

    fn reduce(&mut self, bound: BoundGraph<'_>, index: usize, batch: usize) {
        let node = &bound.graph.nodes[index];
        let layout = training_layout(&self.training);
        let partial = self.memory.partial_sums(layout, index, batch);
        let packed = &mut self.packed[node.packed.clone()];
        bound
            .cross_sample(index)
            .reduce(bound.parameters(node), partial, packed);
    }

    fn reduce_gradient(&mut self, bound: BoundGraph<'_>, index: usize, batch: usize) {
        let layout = training_layout(&self.training);
        let partial = self.memory.partial_sums(layout, index, batch);
        let packed = &mut self.packed[bound.graph.nodes[index].packed.clone()];
        bound.cross_sample(index).reduce_gradient(partial, packed);
    }

    /// Updates the running statistics, after [`forward_backward`](Self::forward_backward) for a batch.
    pub(crate) fn update_running_statistics(&self, graph: &Graph, state: &mut [f32]) {
        for (node, layer) in graph.cross_sample_nodes() {
            let packed = &self.packed[node.packed.clone()];
            layer.update_running_statistics(packed, &mut state[node.state.clone()]);
        }
    }

    /// `out = beta·out + alpha·gradient` for a block of the parameters, after [`forward_backward`](Self::forward_backward) for the
    /// same inputs.
    pub(crate) fn parameter_gradient(
        &self,
        graph: &Graph,
        kernel: Kernel,
        inputs: MatRef<'_>,
        block: &ParameterBlock,
        (alpha, beta): (f32, f32),
        out: &mut [f32],
    ) {
        let (index, batch, layout) = (block.node, inputs.rows(), training_layout(&self.training));
        let Some(layer) = graph.nodes[index].block_gradient() else {
            return self.add_shards(block, batch, (alpha, beta), out);
        };
        let gradient_inputs = self
            .memory
            .gradient_inputs(layout, (index, graph.nodes[index].input()), inputs);
        layer.gradient(kernel, block.index, gradient_inputs, alpha, beta, out);
    }

    /// [`parameter_gradient`](Self::parameter_gradient) of a node whose gradient is summed by shard: adds up the
    /// shards, always in the same order.
    fn add_shards(&self, block: &ParameterBlock, batch: usize, (alpha, beta): (f32, f32), out: &mut [f32]) {
        let partial = self
            .memory
            .partial_sums(training_layout(&self.training), block.node, batch);
        for (shard, (_, sums)) in partial.shards().enumerate() {
            let beta = if shard == 0 { beta } else { 1.0 };
            for (out, sum) in out.iter_mut().zip(&sums[block.start..]) {
                let old = if beta == 0.0 { 0.0 } else { beta * *out };
                *out = old + alpha * sum;
            }
        }
    }

    /// The gradient of the first node's output, after [`forward_backward`](Self::forward_backward) for `batch` samples.
    pub(crate) fn first_gradient(&self, batch: usize) -> Vec<f32> {
        self.memory.gradient(training_layout(&self.training), 0, batch)
    }

    /// The first node of the user's own that gave an output that is not finite for a finite input in the last training pass,
    /// and the sample.
    pub(crate) fn broken_output(&self, graph: &Graph, inputs: &[f32]) -> Option<(usize, usize)> {
        let layout = training_layout(&self.training);
        let output_of = |node: usize, row: usize| {
            let is_last = node + 1 == graph.nodes.len();
            let in_batch = || &self.memory.outputs[row * graph.outputs()..][..graph.outputs()];
            if is_last {
                in_batch()
            } else {
                self.memory.activation(layout, node, row)
            }
        };
        let is_broken = |node: usize, (row, input): (usize, &[f32])| {
            let input = graph.nodes[node].input().map_or(input, |source| output_of(source, row));
            all_finite(input) && !all_finite(output_of(node, row))
        };
        let find = |node: usize| {
            let mut rows = inputs.chunks(graph.inputs()).enumerate();
            Some((node, rows.position(|row| is_broken(node, row))?))
        };
        graph.own_nodes().find_map(find)
    }

    /// The last node of the user's own that gave gradients that are not finite in the last training pass, and the sample
    /// if it is not the gradient of its parameters.
    pub(crate) fn broken_gradient(&self, graph: &Graph, batch: usize) -> Option<(usize, Option<usize>)> {
        let layout = training_layout(&self.training);
        let find = |node: usize| {
            if let Some(range) = layout.input_gradient(node, graph.nodes[node].input()) {
                let is_broken = |row: &usize| !all_finite(self.memory.gradient_of(layout, range, *row));
                if let Some(row) = (0..batch).find(is_broken) {
                    return Some((node, Some(row)));
                }
            }
            let (sums, len) = (
                self.memory.partial_sums(layout, node, batch),
                graph.nodes[node].shard_sums_len(),
            );
            let is_finite = len == 0 || sums.shards().all(|(_, sums)| all_finite(&sums[..len]));
            (!is_finite).then_some((node, None))
        };
        graph.own_nodes().rev().find_map(find)
    }

    /// The size of the batch, if inputs, graph and workspace fit each other.
    fn check_inputs(&self, graph: &Graph, inputs: &[f32]) -> Result<usize> {
        let batch = graph.spec.samples(inputs)?;
        if batch > self.capacity {
            return Err(Error::Batch {
                batch,
                capacity: self.capacity,
            });
        }
        if self.spec != graph.spec {
            return Err(Error::Setting {
                name: "workspace",
                value: "of another network".to_owned(),
                reason: "it has to be made for the network that it is used with",
            });
        }
        Ok(batch)
    }

    /// Sums up in the order of the samples, so that the result does not depend on threads.
    fn report(&self, objective: Objective<'_>, (batch, outputs): (usize, usize), weight: f64) -> BatchReport {
        let Objective { targets, loss, .. } = objective;
        let losses = self.memory.losses[..batch].iter().enumerate();
        let sum: f64 = losses
            .map(|(sample, &loss)| f64::from(targets.weight(sample)) * f64::from(loss))
            .sum();
        let (mut correct, mut samples) = (0, 0);
        for (sample, outputs) in self.memory.outputs.chunks(outputs).take(batch).enumerate() {
            let target = targets.get(sample, outputs.len());
            if targets.weight(sample) * loss.weight(target) != 0.0 {
                samples += 1;
                correct += usize::from(target.class() == Some(loss::argmax(outputs)));
            }
        }
        BatchReport {
            loss: (sum / weight) as f32,
            correct: targets.are_classes().then_some(correct),
            samples,
            weight,
        }
    }
}

/// The layout of a workspace for training.
fn training_layout(training: &Option<MemoryLayout>) -> &MemoryLayout {
    training.as_ref().expect("a workspace for training")
}

/// Refuses a batch that is too small for a layer with statistics over it.
pub(crate) fn check_min_batch(graph: &Graph, batch: usize) -> Result<()> {
    for (node, layer) in graph.cross_sample_nodes() {
        let least = layer.min_batch();
        if batch < least {
            return Err(Error::SmallBatch {
                layer: node.name(),
                batch,
                least,
            });
        }
    }
    Ok(())
}
