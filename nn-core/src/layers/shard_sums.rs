//! Sums over shards. A shard is a run of samples; the batch size alone decides the shards, so the bits of the sums do
//! not depend on threads.

use std::ops::Range;

/// How a batch is cut into shards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sharding {
    /// Samples of the batch.
    pub(crate) batch: usize,
    /// Shards of the batch.
    pub(crate) shards: usize,
}

impl Sharding {
    /// The first sample of a shard.
    pub(crate) fn start(&self, shard: usize) -> usize {
        shard * self.batch / self.shards
    }

    /// The samples of some shards.
    pub(crate) fn samples(&self, shards: &Range<usize>) -> Range<usize> {
        self.start(shards.start)..self.start(shards.end)
    }

    /// The shard of a sample.
    fn shard_of(&self, sample: usize) -> usize {
        ((sample + 1) * self.shards - 1) / self.batch
    }
}

/// A layer's sums in the shards of a backward pass.
pub(crate) struct ShardSums<'a> {
    /// All layers' sums in the pass's shards, `[shards, stride]`.
    pub(crate) sums: &'a mut [f32],
    pub(crate) stride: usize,
    /// This layer's part of a shard's sums.
    pub(crate) range: Range<usize>,
    pub(crate) sharding: Sharding,
    /// The pass's first shard.
    pub(crate) first: usize,
}

impl ShardSums<'_> {
    /// The sums of the shard of row `row` of the pass, and whether the row is the shard's first.
    pub(crate) fn of_row(&mut self, row: usize) -> (&mut [f32], bool) {
        let (sums, before) = self.with_count(row);
        (sums, before == 0)
    }

    /// The sums of the shard of row `row` of the pass, and how many of the shard's samples come before it.
    pub(crate) fn with_count(&mut self, row: usize) -> (&mut [f32], usize) {
        let sample = self.sharding.start(self.first) + row;
        let shard = self.sharding.shard_of(sample);
        let start = (shard - self.first) * self.stride + self.range.start;
        let before = sample - self.sharding.start(shard);
        (&mut self.sums[start..start + self.range.len()], before)
    }

    /// The row after the last one of the shard of row `row` of the pass.
    pub(crate) fn end_of_row(&self, row: usize) -> usize {
        let first = self.sharding.start(self.first);
        self.sharding.start(self.sharding.shard_of(first + row) + 1) - first
    }
}

/// A layer's sums in all shards of a batch.
#[derive(Clone, Copy)]
pub(crate) struct PartialSums<'a> {
    /// All layers' sums, `[shards, stride]`.
    pub(crate) sums: &'a [f32],
    pub(crate) stride: usize,
    /// The first of this layer's sums in a shard.
    pub(crate) start: usize,
    pub(crate) sharding: Sharding,
}

impl<'a> PartialSums<'a> {
    /// Each shard's number of samples and its sums, from this layer's first one on; in order.
    pub(crate) fn shards(self) -> impl Iterator<Item = (usize, &'a [f32])> {
        let shards = self.sums.chunks(self.stride).take(self.sharding.shards).enumerate();
        shards.map(move |(shard, sums)| (self.sharding.samples(&(shard..shard + 1)).len(), &sums[self.start..]))
    }
}
