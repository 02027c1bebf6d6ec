//! Division of work among threads: shards of samples in the forward and backward passes, blocks of parameters in the
//! update.

use std::ops::Range;

use crate::{
    graph::{Graph, MemoryLayout, ParameterBlock},
    layers::shard_sums::Sharding,
    optim::Arenas,
};

/// Minimum multiply-adds per thread in a forward or backward pass; dividing less work costs more than it saves.
const THREAD_MULTIPLY_ADDS: usize = 150_000;
/// Minimum product of parameters and samples per thread that computes gradients.
const THREAD_PARAMETERS: usize = 150_000;

/// How many of `threads` threads are worth using for that many multiply-adds.
pub(super) fn threads_for(multiply_adds: usize, threads: usize) -> usize {
    threads.min(multiply_adds / THREAD_MULTIPLY_ADDS).max(1)
}

/// How a training step's batch is cut into shards, and how many of `threads` threads take them.
pub(super) fn training_shards(graph: &Graph, layout: &MemoryLayout, batch: usize, threads: usize) -> (Sharding, usize) {
    let sharding = layout.sharding(batch);
    let worth = threads_for(3 * batch * graph.multiply_adds, threads);
    (sharding, worth.min(sharding.shards))
}

/// Divides shards between two groups of threads: returns the threads of the first group and the first shard of the
/// second; `None` for a single thread.
pub(super) fn cut_shards(shards: &Range<usize>, threads: usize) -> Option<(usize, usize)> {
    let left = threads / 2;
    (left > 0).then(|| (left, shards.start + shards.len() * left / threads))
}

/// Calls `work` for each block with its part of the arenas; in parallel where each of two threads gets at least
/// `min_parameters` parameters.
pub(crate) fn for_blocks(
    blocks: &[ParameterBlock],
    min_parameters: usize,
    arenas: Arenas<'_>,
    work: &(impl Fn(&ParameterBlock, Arenas<'_>) + Sync),
) {
    let Some((middle, half)) = cut_blocks(blocks) else {
        if let [block] = blocks {
            work(block, arenas);
        }
        return;
    };
    let (left, right) = blocks.split_at(middle);
    let (left_arenas, right_arenas) = arenas.split_at(parameters_of(left), left.len());
    let left_work = || for_blocks(left, min_parameters, left_arenas, work);
    let right_work = || for_blocks(right, min_parameters, right_arenas, work);
    if half >= min_parameters {
        rayon::join(left_work, right_work);
    } else {
        left_work();
        right_work();
    }
}

/// Divides blocks in two, as evenly as possible: returns the first block of the second part, and half of all parameters;
/// `None` for a single block.
pub(super) fn cut_blocks(blocks: &[ParameterBlock]) -> Option<(usize, usize)> {
    let total = parameters_of(blocks);
    let ends = blocks.iter().scan(0, |end, block| {
        *end += block.len;
        Some(*end)
    });
    let in_first_half = ends.take_while(|end| *end <= total.div_ceil(2)).count();
    let middle = in_first_half.clamp(1, blocks.len().max(2) - 1);
    (blocks.len() > 1).then_some((middle, total / 2))
}

/// Minimum parameters whose gradients a thread computes for a batch of `batch` samples.
pub(crate) fn min_block_parameters(batch: usize) -> usize {
    THREAD_PARAMETERS / batch
}

/// The parameters of some blocks, padding included.
pub(super) fn parameters_of(blocks: &[ParameterBlock]) -> usize {
    blocks.iter().map(|block| block.len).sum()
}

/// Runs `f` on a thread of the current pool, so that its parallel sections do not enter the pool one by one.
pub(crate) fn in_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    if rayon::current_num_threads() == 1 {
        return f();
    }
    rayon::join(f, || ()).0
}
