//! Copies blocks of A and B into the order in which the kernel reads them.

use rayon::prelude::*;

use super::{MatRef, PANEL, Panels};
use crate::buffer::Buffer;

/// Packs all of `b` into panels, on all threads if `parallel`.
pub(super) fn panels<'a>(b: MatRef<'_>, packed: &'a mut Buffer, parallel: bool) -> Panels<'a> {
    let (k, n) = (b.rows(), b.cols());
    let packed = packed.at_least(n.div_ceil(PANEL) * k * PANEL);
    let pack = |(index, panel): (usize, &mut [f32])| {
        let first = index * PANEL;
        panel_of(b.block(0..k, first..n.min(first + PANEL)), panel);
    };
    if k == 0 {
        // No rows, so nothing to copy; chunks of length 0 are not allowed.
    } else if parallel {
        packed
            .par_chunks_mut(k * PANEL)
            .with_min_len(4)
            .enumerate()
            .for_each(pack);
    } else {
        packed.chunks_mut(k * PANEL).enumerate().for_each(pack);
    }
    Panels::packed(packed, k, n)
}

/// Packs up to [`PANEL`] columns, `[rows, PANEL]`, zeros behind the last column.
fn panel_of(b: MatRef<'_>, panel: &mut [f32]) {
    let cols = b.cols();
    if b.strides().1 == 1 {
        for (row, to) in panel.chunks_exact_mut(PANEL).enumerate() {
            to[..cols].copy_from_slice(b.row(row));
            to[cols..].fill(0.0);
        }
        return;
    }
    let by_columns = b.transposed();
    if cols < PANEL {
        panel.fill(0.0);
    }
    for col in 0..cols {
        let lanes = panel[col..].iter_mut().step_by(PANEL);
        if by_columns.strides().1 == 1 {
            lanes.zip(by_columns.row(col)).for_each(|(to, from)| *to = *from);
        } else {
            lanes.enumerate().for_each(|(row, to)| *to = b.get(row, col));
        }
    }
}

/// Copies `a` into contiguous rows, `[rows, cols]`.
pub(super) fn rows<'a>(a: MatRef<'_>, packed: &'a mut Buffer) -> MatRef<'a> {
    let (rows, cols) = (a.rows(), a.cols());
    let packed = packed.at_least(rows * cols);
    // Where A is stored by columns, blocks of columns keep what is written in the nearest cache.
    let by_columns = a.transposed();
    for col in 0..cols {
        let to = packed[col..].iter_mut().step_by(cols);
        if by_columns.strides().1 == 1 {
            to.zip(by_columns.row(col)).for_each(|(to, from)| *to = *from);
        } else {
            to.enumerate().for_each(|(row, to)| *to = a.get(row, col));
        }
    }
    MatRef::row_major(packed, rows, cols).expect("the buffer was made for this shape")
}
