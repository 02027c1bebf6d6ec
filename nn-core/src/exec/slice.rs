//! The part of a batch that one thread processes, with its part of every arena.

use std::ops::Range;

use super::shard::cut_shards;
use crate::{
    gemm::{MatMut, MatRef},
    graph::MemoryLayout,
    layers::shard_sums::Sharding,
    loss::Targets,
};

/// Consecutive shards of a batch, and their part of every arena.
pub(super) struct BatchSlice<'a> {
    pub(super) layout: &'a MemoryLayout,
    pub(super) sharding: Sharding,
    pub(super) shards: Range<usize>,
    /// `[shards, shard_sums_len]`.
    pub(super) shard_sums: &'a mut [f32],
    /// `[threads, scratch_len]`.
    pub(super) scratch: &'a mut [f32],
    pub(super) inputs: MatRef<'a>,
    /// None in prediction, as `losses`.
    pub(super) targets: Targets<'a>,
    /// One row per sample: the nodes' outputs, and what they save for backward.
    pub(super) activations: MatMut<'a>,
    /// The outputs' gradients, in the same places.
    pub(super) gradients: MatMut<'a>,
    /// The last node's outputs.
    pub(super) outputs: MatMut<'a>,
    pub(super) losses: &'a mut [f32],
}

impl<'a> BatchSlice<'a> {
    /// Divides the slice among `threads` threads, which call `work` in parallel. The results of a sample or a shard do
    /// not depend on the division.
    pub(super) fn share(self, threads: usize, work: &(impl Fn(BatchSlice<'_>) + Sync)) {
        let Some((left, shard)) = cut_shards(&self.shards, threads) else {
            return work(self);
        };
        let (first, second) = self.split(left, shard);
        rayon::join(|| first.share(left, work), || second.share(threads - left, work));
    }

    /// The samples before those of shard `shard`, with the scratch memory of `threads` threads, and the others.
    fn split(self, threads: usize, shard: usize) -> (Self, Self) {
        let row = self.sharding.samples(&(self.shards.start..shard)).len();
        let targets = self.targets.split_at(row, self.outputs.cols());
        let losses = split_at_most(self.losses, row);
        let shard_sums = split_at_most(
            self.shard_sums,
            (shard - self.shards.start) * self.layout.shard_sums_len(),
        );
        let scratch = self.scratch.split_at_mut(threads * self.layout.scratch_len());
        let activations = self.activations.split_at_row(row);
        let gradients = self.gradients.split_at_row(row);
        let outputs = self.outputs.split_at_row(row);
        let inputs = |rows| self.inputs.block(rows, 0..self.inputs.cols());
        let first = Self {
            layout: self.layout,
            sharding: self.sharding,
            shards: self.shards.start..shard,
            shard_sums: shard_sums.0,
            scratch: scratch.0,
            inputs: inputs(0..row),
            targets: targets.0,
            activations: activations.0,
            gradients: gradients.0,
            outputs: outputs.0,
            losses: losses.0,
        };
        let second = Self {
            layout: self.layout,
            sharding: self.sharding,
            shards: shard..self.shards.end,
            shard_sums: shard_sums.1,
            scratch: scratch.1,
            inputs: inputs(row..self.inputs.rows()),
            targets: targets.1,
            activations: activations.1,
            gradients: gradients.1,
            outputs: outputs.1,
            losses: losses.1,
        };
        (first, second)
    }

    /// Some samples in prediction, where each is a shard of its own.
    pub(super) fn rows(&mut self, rows: Range<usize>) -> BatchSlice<'_> {
        BatchSlice {
            layout: self.layout,
            sharding: self.sharding,
            shards: self.shards.start + rows.start..self.shards.start + rows.end,
            shard_sums: &mut [],
            scratch: &mut *self.scratch,
            inputs: self.inputs.block(rows.clone(), 0..self.inputs.cols()),
            targets: Targets::none(),
            activations: some_rows(self.activations.reborrow(), &rows),
            gradients: self.gradients.reborrow(),
            outputs: some_rows(self.outputs.reborrow(), &rows),
            losses: &mut [],
        }
    }
}

/// Splits a slice, which may be empty.
fn split_at_most(values: &mut [f32], at: usize) -> (&mut [f32], &mut [f32]) {
    let at = at.min(values.len());
    values.split_at_mut(at)
}

/// Some columns of a matrix.
pub(super) fn columns<'a>(view: MatMut<'a>, range: &Range<usize>) -> MatMut<'a> {
    view.split_at_col(range.start).1.split_at_col(range.len()).0
}

fn some_rows<'a>(view: MatMut<'a>, range: &Range<usize>) -> MatMut<'a> {
    view.split_at_row(range.start).1.split_at_row(range.len()).0
}
