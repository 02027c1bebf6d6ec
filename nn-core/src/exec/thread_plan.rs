//! How a training step is shared out over threads, in figures: made by the cuts that the step itself makes.

use std::{cmp::Reverse, ops::Range};

use crate::{
    error::{Error, Result},
    exec::workspace::{Layout, check_batch, cut_lanes},
    network::{Network, ParameterBlock},
    train::update::{cut_pieces, least_parameters, parameter_len},
};

/// How a training step is shared out over threads: what each takes, and what that costs.
///
/// A step has two sections. In the first, threads take samples: forward, loss, the gradients of the outputs, and those
/// of convolutions' parameters. In the second they take parameters: the gradients of dense layers' parameters, the
/// sums of those of convolutions, and the optimiser. Clipping by the gradients' norm adds a third, which is not counted.
/// What a thread takes does not change the bits of the result.
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
    /// taken first, each by the thread with the least to do.
    pub parameters: Vec<usize>,
    /// How often work is forked and joined, in both sections together; batch normalisations halt the first. Dense layers'
    /// weights are transposed in parallel besides, before it, and a first layer's live pixels are listed after it, unless
    /// they are few.
    pub joins: usize,
    /// How much sooner than one thread the busiest of these has done its multiply-adds. Joins and memory take their
    /// time besides.
    pub speedup: f64,
    /// Bytes that the busiest thread of the first section touches: all parameters, in each of the forms in which
    /// they are read, its samples and what it keeps of them, its sums of gradients.
    pub thread_bytes: usize,
    /// Bytes that one section writes and the next may read on other threads: the parameters, what is saved of the
    /// samples, the sums of gradients.
    pub shared_bytes: usize,
}

impl Network {
    /// How a training step on a batch would be shared out over at most `threads` threads; they need not exist.
    ///
    /// # Errors
    /// If there is no sample or no thread, or the batch takes more than 16 GiB.
    pub fn thread_plan(&self, batch: usize, threads: usize) -> Result<ThreadPlan> {
        for (name, value) in [("batch", batch), ("threads", threads)] {
            if value == 0 {
                return Err(Error::Setting {
                    name,
                    value: value.to_string(),
                    reason: "a step needs at least one",
                });
            }
        }
        let layout = Layout::new(self.plan(), true);
        check_batch(self, batch, threads, &layout)?;
        Ok(Counts::new(self, layout, batch, threads).thread_plan())
    }
}

/// What is counted, before it is summed up.
struct Counts<'a> {
    network: &'a Network,
    layout: Layout,
    batch: usize,
    lanes: usize,
    /// Lanes and samples of each thread of the first section.
    parts: Vec<(usize, usize)>,
    /// What each thread of the second section takes.
    shares: Vec<Share>,
    joins: usize,
}

#[derive(Clone, Copy, Default)]
struct Share {
    parameters: usize,
    /// Multiply-adds.
    work: usize,
}

impl<'a> Counts<'a> {
    fn new(network: &'a Network, layout: Layout, batch: usize, threads: usize) -> Self {
        let (cut, parts) = layout.training_cut(network, batch, threads);
        let lanes = share_lanes(0..cut.lanes, parts);
        let mut counts = Self {
            network,
            layout,
            batch,
            lanes: cut.lanes,
            // Samples wait for each other twice at each joint layer: on the way there, and on the way back.
            joins: (lanes.len() - 1) * (1 + 2 * network.plan().joints.len()),
            parts: lanes
                .into_iter()
                .map(|lanes| (lanes.len(), cut.start(lanes.end) - cut.start(lanes.start)))
                .collect(),
            shares: Vec::new(),
        };
        let mut tasks = share_pieces(&network.plan().blocks, least_parameters(batch));
        counts.joins += tasks.len().saturating_sub(1);
        let work_of = |blocks: &&[ParameterBlock]| blocks.iter().map(|block| counts.piece_work(block)).sum::<usize>();
        let mut shares = vec![Share::default(); threads.min(tasks.len())];
        tasks.sort_by_cached_key(|blocks| Reverse(work_of(blocks)));
        for blocks in tasks {
            let work = work_of(&blocks);
            let idlest = shares.iter_mut().min_by_key(|share| share.work);
            let share = idlest.expect("a task is for a thread");
            share.parameters += parameter_len(blocks);
            share.work += work;
        }
        Self { shares, ..counts }
    }

    /// Multiply-adds of the second section: a product with the batch, or the adding of lanes.
    fn piece_work(&self, block: &ParameterBlock) -> usize {
        block.len
            * if self.layout.sums_in_lanes(block.node) {
                self.lanes
            } else {
                self.batch
            }
    }

    /// Multiply-adds of the first section, for one sample: forward, the gradients of all inputs but the first layer's,
    /// and those of the parameters whose gradients are summed in lanes.
    fn sample_work(&self) -> usize {
        let plan = self.network.plan();
        let nodes = plan.nodes.iter().enumerate();
        let later: usize = nodes
            .filter(|(index, _)| !self.layout.sums_in_lanes(*index))
            .filter_map(|(_, node)| {
                node.layer
                    .tensors()
                    .first()
                    .map(|weights| weights.shape.iter().product::<usize>())
            })
            .sum();
        3 * plan.work - plan.first_work - later.min(plan.work)
    }

    fn thread_plan(self) -> ThreadPlan {
        let (lanes, samples) = self.parts.iter().copied().max_by_key(|part| part.1).unwrap_or_default();
        let second: usize = self.shares.iter().map(|share| share.work).sum();
        let busiest = self.shares.iter().map(|share| share.work).max().unwrap_or_default();
        let sample = self.sample_work();
        let whole = self.batch * sample + second;
        let plan = self.network.plan();
        let read = self.network.parameters().len() + plan.packed_len() + self.layout.transposed_len();
        // Outputs and their gradients.
        let record = 2 * self.layout.stride;
        let sums = self.layout.sums_len();
        let input = self.network.spec().input().len();
        ThreadPlan {
            samples: self.parts.iter().map(|part| part.1).collect(),
            parameters: self.shares.iter().map(|share| share.parameters).collect(),
            joins: self.joins,
            speedup: whole.max(1) as f64 / (samples * sample + busiest).max(1) as f64,
            thread_bytes: size_of::<f32>() * (read + samples * (input + record) + lanes * sums),
            shared_bytes: size_of::<f32>() * (read + self.batch * record + self.lanes * sums),
        }
    }
}

/// The lanes of each of `parts` threads.
fn share_lanes(lanes: Range<usize>, parts: usize) -> Vec<Range<usize>> {
    let Some((left, lane)) = cut_lanes(&lanes, parts) else {
        return vec![lanes];
    };
    let mut shares = share_lanes(lanes.start..lane, left);
    shares.extend(share_lanes(lane..lanes.end, parts - left));
    shares
}

/// Pieces that are done one behind the other, on one thread.
fn share_pieces(blocks: &[ParameterBlock], least: usize) -> Vec<&[ParameterBlock]> {
    match cut_pieces(blocks, least) {
        Some((middle, true)) => {
            let (left, right) = blocks.split_at(middle);
            let mut shares = share_pieces(left, least);
            shares.extend(share_pieces(right, least));
            shares
        }
        _ if blocks.is_empty() => Vec::new(),
        // Halves of what is not worth two threads are not either.
        _ => vec![blocks],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENSE: &str = "784 | dense 128 | relu | dense 64 | relu | dense 10";
    const CONV: &str = "28x28x1 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2 | dense 10";

    fn thread_plan(text: &str, batch: usize, threads: usize) -> ThreadPlan {
        let network = Network::new(text.parse().unwrap(), 1).unwrap();
        network.thread_plan(batch, threads).unwrap()
    }

    #[test]
    fn every_sample_and_every_parameter_is_some_threads() {
        for text in [DENSE, CONV, "6 | relu", "2 | dense 1"] {
            let parameters = Network::new(text.parse().unwrap(), 1).unwrap().parameters().len();
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
    fn larger_batches_have_work_for_more_threads() {
        let threads_of = |text, batch| thread_plan(text, batch, 64).samples.len();
        assert_eq!(
            [1, 4, 32, 128, 512].map(|batch| threads_of(CONV, batch)),
            [1, 4, 8, 16, 64]
        );
        assert_eq!(threads_of(DENSE, 32), 32);
    }

    #[test]
    fn what_cannot_be_shared_out_is_refused() {
        let network = Network::new(DENSE.parse().unwrap(), 1).unwrap();
        for (batch, threads) in [(0, 1), (1, 0), (usize::MAX, 1)] {
            assert!(network.thread_plan(batch, threads).is_err());
        }
    }
}
