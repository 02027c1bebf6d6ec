//! Block sizes, and how dimensions are split into blocks.

use std::ops::Range;

use super::kernel::NR;

/// Rows of A in a block: 64 × 512 values take a quarter of a 512 KiB L2 cache.
pub(super) const MC: usize = 64;
/// Columns of A and rows of B in a block. Long sums read and write C rarely, and a pair of panels, 512 × 32 values,
/// takes an eighth of a 512 KiB L2 cache.
pub(super) const KC: usize = 512;
/// Columns of B in a block: 512 × 1024 values fit into the last-level cache, which threads share.
pub(super) const NC: usize = 1024;

/// Blocks of columns, of whole panels except for the last.
pub(super) fn n_blocks(n: usize) -> impl Iterator<Item = Range<usize>> {
    even_blocks(n.div_ceil(NR), NC / NR).map(move |panels| panels.start * NR..n.min(panels.end * NR))
}

/// Blocks of the inner dimension. If it is 0, there is one empty block, so that C is still written.
pub(super) fn k_blocks(k: usize) -> impl Iterator<Item = Range<usize>> {
    even_blocks(k, KC).chain((k == 0).then_some(0..0))
}

/// Splits `0..len` into as few blocks of at most `limit` as possible, of nearly equal length.
pub(crate) fn even_blocks(len: usize, limit: usize) -> impl Iterator<Item = Range<usize>> {
    let count = len.div_ceil(limit);
    (0..count).map(move |i| (len * i / count)..(len * (i + 1) / count))
}
