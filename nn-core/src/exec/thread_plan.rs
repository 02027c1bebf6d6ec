//! The distribution of a training step over threads, computed with the divisions that the step itself uses.

use std::{cmp::Reverse, ops::Range};

use super::{
    memory::check_memory,
    output_split::first_layer,
    shard::{cut_blocks, cut_shards, min_block_parameters, parameters_of, training_shards},
};
use crate::{
    error::{Error, Result},
    graph::{Graph, MemoryLayout, ParameterBlock},
};

/// How a training step is distributed over threads: what each thread takes, and what that costs.
///
/// A step has two parallel sections. In the first, threads take samples: forward, loss, the gradients of the outputs,
/// and those of convolutions' parameters. In the second they take parameters: the gradients of dense layers'
/// parameters, the sums of those of convolutions, and the optimizer. A first dense layer that has most of the parameters
/// is computed before that if the batch is small, divided by its outputs, so that threads read the weights that they
/// updated. Clipping by the gradients' norm adds a section, which is not counted. The distribution does not change the
/// bits of the result.
///
/// ```
/// use nn_core::Network;
/// let network = Network::new("784 | dense 128 | relu | dense 10".parse()?, 42)?;
/// let plan = network.thread_plan(32, 2)?;
/// assert_eq!(plan.samples, [16, 16]);
/// assert!(plan.speedup > 1.9);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ThreadPlan {
    /// Samples of each thread that takes part in the first section.
    pub samples: Vec<usize>,
    /// Parameters of each thread that takes part in the second section, padding included, if the largest tasks are
    /// taken first, each by the thread with the least work.
    pub parameters: Vec<usize>,
    /// Number of forks and joins in all sections; batch normalizations interrupt the first. Not counted are the
    /// parallel transposition of large weights before it and the listing of nonzero inputs after it.
    pub joins: usize,
    /// Speedup over a single thread, counted in multiply-adds of the busiest thread. Joins and memory take additional
    /// time.
    pub speedup: f64,
    /// Bytes that the busiest thread of the first section touches: all parameters, in each of the forms in which
    /// they are read, its samples with what they save, its sums of gradients.
    pub thread_bytes: usize,
    /// Bytes that one section writes and the next may read on other threads: the parameters, what samples save, the
    /// sums of gradients.
    pub shared_bytes: usize,
}

impl ThreadPlan {
    /// The plan of a training step on a batch for at most `threads` threads.
    pub(crate) fn new(graph: &Graph, batch: usize, threads: usize) -> Result<Self> {
        for (name, value) in [("batch", batch), ("threads", threads)] {
            if value == 0 {
                return Err(Error::Setting {
                    name,
                    value: value.to_string(),
                    reason: "a step needs at least one",
                });
            }
        }
        let layout = MemoryLayout::new(graph, true);
        check_memory(graph, batch, threads, &layout)?;
        Ok(Counts::new(graph, layout, batch, threads).thread_plan())
    }
}

/// The counts from which a plan is computed.
struct Counts<'a> {
    graph: &'a Graph,
    layout: MemoryLayout,
    batch: usize,
    /// Shards of the batch.
    shards: usize,
    /// Shards and samples of each thread of the first section.
    sample_parts: Vec<(usize, usize)>,
    /// What each thread of the second section takes.
    parameter_parts: Vec<ParameterPart>,
    joins: usize,
}

#[derive(Clone, Copy, Default)]
struct ParameterPart {
    parameters: usize,
    multiply_adds: usize,
}

impl<'a> Counts<'a> {
    fn new(graph: &'a Graph, layout: MemoryLayout, batch: usize, threads: usize) -> Self {
        let (sharding, sample_threads) = training_shards(graph, &layout, batch, threads);
        let parts = split_shards(0..sharding.shards, sample_threads);
        let mut counts = Self {
            graph,
            layout,
            batch,
            shards: sharding.shards,
            // Each cross-sample node interrupts the section twice, in the forward and in the backward pass.
            joins: (parts.len() - 1)
                * (1 + usize::from(first_layer(graph, batch).is_some()) + 2 * graph.cross_sample.len()),
            sample_parts: parts
                .into_iter()
                .map(|shards| (shards.len(), sharding.samples(&shards).len()))
                .collect(),
            parameter_parts: Vec::new(),
        };
        let tasks = split_blocks(&graph.blocks, min_block_parameters(batch));
        counts.joins += tasks.len().saturating_sub(1);
        counts.parameter_parts = counts.distribute(tasks, threads);
        counts
    }

    /// The largest tasks first, each to the thread with the least work.
    fn distribute(&self, mut tasks: Vec<&[ParameterBlock]>, threads: usize) -> Vec<ParameterPart> {
        let multiply_adds =
            |blocks: &[ParameterBlock]| -> usize { blocks.iter().map(|block| self.block_multiply_adds(block)).sum() };
        let mut parts = vec![ParameterPart::default(); threads.min(tasks.len())];
        tasks.sort_by_cached_key(|blocks| Reverse(multiply_adds(blocks)));
        for blocks in tasks {
            let part = parts.iter_mut().min_by_key(|part| part.multiply_adds);
            let part = part.expect("a task is for a thread");
            part.parameters += parameters_of(blocks);
            part.multiply_adds += multiply_adds(blocks);
        }
        parts
    }

    /// Multiply-adds of the second section: a product with the batch, or the addition of shards.
    fn block_multiply_adds(&self, block: &ParameterBlock) -> usize {
        block.len
            * if self.layout.sums_by_shard(block.node) {
                self.shards
            } else {
                self.batch
            }
    }

    /// Multiply-adds of the first section for one sample: forward, the gradients of all inputs but the first layer's,
    /// and those of the parameters whose gradients are summed by shard.
    fn sample_multiply_adds(&self) -> usize {
        let nodes = self.graph.nodes.iter().enumerate();
        let in_second_section: usize = nodes
            .filter(|(index, _)| !self.layout.sums_by_shard(*index))
            .filter_map(|(_, node)| Some(node.layer.parameters()?.tensors().first()?.len()))
            .sum();
        let forward = self.graph.multiply_adds;
        3 * forward - self.graph.first_multiply_adds - in_second_section.min(forward)
    }

    fn thread_plan(self) -> ThreadPlan {
        let busiest = self.sample_parts.iter().copied().max_by_key(|part| part.1);
        let (shards, samples) = busiest.unwrap_or_default();
        let parameter_work = || self.parameter_parts.iter().map(|part| part.multiply_adds);
        let busiest = parameter_work().max().unwrap_or_default();
        let sample = self.sample_multiply_adds();
        let whole = self.batch * sample + parameter_work().sum::<usize>();
        let read = self.graph.parameters_len() + self.graph.packed_len() + self.layout.transposed_len();
        // Outputs and their gradients.
        let activations = 2 * self.layout.activation_stride;
        let sums = self.layout.shard_sums_len();
        let input = self.graph.inputs();
        ThreadPlan {
            samples: self.sample_parts.iter().map(|part| part.1).collect(),
            parameters: self.parameter_parts.iter().map(|part| part.parameters).collect(),
            joins: self.joins,
            speedup: whole.max(1) as f64 / (samples * sample + busiest).max(1) as f64,
            thread_bytes: size_of::<f32>() * (read + samples * (input + activations) + shards * sums),
            shared_bytes: size_of::<f32>() * (read + self.batch * activations + self.shards * sums),
        }
    }
}

/// The shards of each of `threads` threads.
fn split_shards(shards: Range<usize>, threads: usize) -> Vec<Range<usize>> {
    let Some((left, shard)) = cut_shards(&shards, threads) else {
        return vec![shards];
    };
    let mut parts = split_shards(shards.start..shard, left);
    parts.extend(split_shards(shard..shards.end, threads - left));
    parts
}

/// The blocks of each task of one thread.
fn split_blocks(blocks: &[ParameterBlock], min_parameters: usize) -> Vec<&[ParameterBlock]> {
    match cut_blocks(blocks) {
        Some((middle, half)) if half >= min_parameters => {
            let (left, right) = blocks.split_at(middle);
            let mut tasks = split_blocks(left, min_parameters);
            tasks.extend(split_blocks(right, min_parameters));
            tasks
        }
        _ if blocks.is_empty() => Vec::new(),
        // Blocks that are too few for two threads are not divided further.
        _ => vec![blocks],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENSE: &str = "784 | dense 128 | relu | dense 64 | relu | dense 10";
    const CONV: &str = "28x28x1 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2 | dense 10";

    fn graph(text: &str) -> Graph {
        Graph::for_training(&text.parse().unwrap())
    }

    fn thread_plan(text: &str, batch: usize, threads: usize) -> ThreadPlan {
        ThreadPlan::new(&graph(text), batch, threads).unwrap()
    }

    #[test]
    fn every_sample_and_every_parameter_has_a_thread() {
        for text in [DENSE, CONV, "6 | relu", "2 | dense 1"] {
            let parameters = graph(text).parameters_len();
            for (batch, threads) in [(1, 1), (1, 8), (32, 3), (37, 8), (256, 64), (1000, 5)] {
                let plan = thread_plan(text, batch, threads);
                assert_eq!(plan.samples.iter().sum::<usize>(), batch);
                assert_eq!(plan.parameters.iter().sum::<usize>(), parameters);
                assert!(plan.samples.len().max(plan.parameters.len()) <= threads);
                assert!((1.0..=threads as f64).contains(&plan.speedup), "{plan:?}");
            }
        }
    }

    #[test]
    fn larger_batches_use_more_threads() {
        let threads_of = |text, batch| thread_plan(text, batch, 64).samples.len();
        assert_eq!(
            [1, 4, 32, 128, 512].map(|batch| threads_of(CONV, batch)),
            [1, 4, 8, 16, 64]
        );
        assert_eq!(threads_of(DENSE, 32), 32);
    }

    #[test]
    fn empty_and_huge_batches_are_refused() {
        let graph = graph(DENSE);
        for (batch, threads) in [(0, 1), (1, 0), (usize::MAX, 1)] {
            assert!(ThreadPlan::new(&graph, batch, threads).is_err());
        }
    }
}
