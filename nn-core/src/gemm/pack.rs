//! Packing: copies blocks of A and B into the order in which the kernel reads them.

use super::kernel::{MatRef, NR, Panels, prefetch_slice};
use crate::aligned::Buffer;

/// Panels packed together, so that each visit to a row of B reads more than one cache line.
const PANEL_GROUP: usize = 8;
/// Prefetch distance in rows: where each row lies in a page of its own, the CPU does not prefetch the next one.
const PREFETCH_ROWS: usize = 4;

/// Packs `b` into panels, `[panels, rows, NR]`.
pub(super) fn panels<'a>(b: MatRef<'_>, packed: &'a mut Buffer) -> Panels<'a> {
    let (k, n) = (b.rows(), b.cols());
    let packed = packed.at_least(n.div_ceil(NR) * k * NR);
    // Without rows there is nothing to copy, and chunks of length 0 are not allowed.
    for (index, group) in packed.chunks_mut((PANEL_GROUP * k * NR).max(1)).enumerate() {
        let first = index * PANEL_GROUP * NR;
        pack_group(b.block(0..k, first..n.min(first + PANEL_GROUP * NR)), group);
    }
    Panels::packed(packed, k, n)
}

/// Packs up to [`PANEL_GROUP`] panels, `[panels, rows, NR]`, with zeros behind the last column.
fn pack_group(b: MatRef<'_>, group: &mut [f32]) {
    let (rows, cols) = (b.rows(), b.cols());
    if b.strides().1 == 1 {
        // Row by row, since rows may be far apart in memory.
        for row in 0..rows {
            prefetch_slice(b.row((row + PREFETCH_ROWS).min(rows - 1)));
            let (whole, rest) = b.row(row).as_chunks::<NR>();
            for (panel, from) in whole.iter().enumerate() {
                group[(panel * rows + row) * NR..][..NR].copy_from_slice(from);
            }
            if !rest.is_empty() {
                let to = &mut group[(whole.len() * rows + row) * NR..][..NR];
                to[..rest.len()].copy_from_slice(rest);
                to[rest.len()..].fill(0.0);
            }
        }
        return;
    }
    let by_columns = b.transposed();
    if !cols.is_multiple_of(NR) {
        group[(cols / NR) * rows * NR..].fill(0.0);
    }
    for col in 0..cols {
        let column = group[col / NR * rows * NR + col % NR..].iter_mut().step_by(NR);
        if by_columns.strides().1 == 1 {
            column.zip(by_columns.row(col)).for_each(|(to, from)| *to = *from);
        } else {
            column
                .take(rows)
                .enumerate()
                .for_each(|(row, to)| *to = b.get(row, col));
        }
    }
}

/// Copies `a` into contiguous rows, `[rows, cols]`.
pub(super) fn rows<'a>(a: MatRef<'_>, packed: &'a mut Buffer) -> MatRef<'a> {
    let (rows, cols) = (a.rows(), a.cols());
    let packed = packed.at_least(rows * cols);
    if a.strides().1 == 1 {
        for (row, to) in packed.chunks_exact_mut(cols).enumerate() {
            prefetch_slice(a.row((row + PREFETCH_ROWS).min(rows - 1)));
            to.copy_from_slice(a.row(row));
        }
        return MatRef::row_major(packed, rows, cols).expect("the buffer was made for this shape");
    }
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
