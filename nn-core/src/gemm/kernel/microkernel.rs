//! The microkernel: one tile of C, a few rows of A times a few panels of B, summed in registers.

use std::{marker::PhantomData, mem::MaybeUninit};

use super::{
    isa::{NR, Simd, Vectorize, prefetch},
    sparse::{Column, ROW_GROUP},
};

/// How a tile steps through A. Strides that the compiler knows need neither registers nor additions.
pub(super) trait Access {
    /// Distance between rows of A, if it is fixed.
    const ROW_STRIDE: Option<usize> = None;
    /// Distance between columns of A, if it is fixed.
    const COL_STRIDE: Option<usize> = None;
    /// Whether only the nonzero columns of A, and with them rows of B, are multiplied.
    const SPARSE: bool = false;
}

/// The rows of A are contiguous.
pub(super) struct RowMajor;

impl Access for RowMajor {
    const COL_STRIDE: Option<usize> = Some(1);
}

/// The columns of A are contiguous.
pub(super) struct ColumnMajor;

impl Access for ColumnMajor {
    const ROW_STRIDE: Option<usize> = Some(1);
}

/// Only nonzero columns of A are multiplied. They were gathered, [`ROW_GROUP`] values of each.
pub(super) struct Sparse;

/// Distances between rows and between columns of A, where the nonzero columns were gathered.
pub(super) const SPARSE_STRIDES: (usize, usize) = (1, ROW_GROUP);

impl Access for Sparse {
    const ROW_STRIDE: Option<usize> = Some(SPARSE_STRIDES.0);
    const COL_STRIDE: Option<usize> = Some(SPARSE_STRIDES.1);
    const SPARSE: bool = true;
}

/// Where the operands of a tile begin, and their strides.
#[derive(Clone, Copy)]
pub(super) struct TileOperands {
    /// Segments of A's columns and B's rows.
    pub(super) segments: usize,
    /// Columns of A in a segment.
    pub(super) k: usize,
    /// The numbers of `k` columns, if only these are multiplied, else null. There is one segment then.
    pub(super) nonzero: *const Column,
    pub(super) a: *const f32,
    pub(super) a_row: usize,
    pub(super) a_col: usize,
    pub(super) a_segment: usize,
    pub(super) b: *const f32,
    pub(super) b_panel: usize,
    pub(super) b_row: usize,
    pub(super) b_segment: usize,
    pub(super) c: *mut f32,
    pub(super) c_row: usize,
    pub(super) c_panel: usize,
    /// Columns of C from the tile's first one to the right edge, which may lie inside the tile.
    pub(super) cols: usize,
    /// One value for each of `cols`, or null.
    pub(super) bias: *const f32,
    pub(super) alpha: f32,
    pub(super) beta: f32,
    pub(super) relu: bool,
}

/// Computes a tile of `M` rows and `P` panels, which are `V` vectors wide.
///
/// # Safety
/// As for [`Tile::new`].
pub(super) unsafe fn run_tile<S: Simd, const M: usize, const P: usize, const V: usize, A: Access>(
    isa: S,
    ops: &TileOperands,
) {
    // SAFETY: the caller's promise.
    isa.vectorize(unsafe { Tile::<S, M, P, V, A>::new(isa, ops) });
}

/// A tile of `M` rows and `P` panels, which are `V` vectors wide.
struct Tile<'a, S, const M: usize, const P: usize, const V: usize, A> {
    isa: S,
    ops: &'a TileOperands,
    access: PhantomData<A>,
}

impl<'a, S: Simd, const M: usize, const P: usize, const V: usize, A: Access> Tile<'a, S, M, P, V, A> {
    /// # Safety
    /// For the lifetime of the tile:
    ///
    /// - `ops.a` is valid for reads of `M` rows and `k` columns in each segment, with the strides of `A` or, where it
    ///   fixes none, those of `ops`;
    /// - `ops.b` is valid for reads of `k` rows of `P` whole panels in each segment; or, where `A` is sparse, of the rows
    ///   `ops.nonzero[..k]`, and that is valid for reads;
    /// - `ops.c` is valid for reads and writes of `M` rows of the first `min(cols, P·NR)` columns, which nothing else
    ///   accesses, and `cols` is more than `(P - 1)·NR`;
    /// - `ops.bias` is null, or valid for reads of `cols` values.
    unsafe fn new(isa: S, ops: &'a TileOperands) -> Self {
        const { assert!(V * S::WIDTH == NR && P <= NO_BIAS.len()) };
        Self {
            isa,
            ops,
            access: PhantomData,
        }
    }
}

impl<S: Simd, const M: usize, const P: usize, const V: usize, A: Access> Vectorize for Tile<'_, S, M, P, V, A> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        if const { M > S::MR || P > S::PANELS[if M < 4 { M } else { 4 } - 1] } {
            unreachable!("the macrokernel takes no tile of this shape");
        }
        let Self { isa, ops, .. } = self;
        // SAFETY: the contract of `new`.
        unsafe { tile::<S, M, P, V, A>(isa, ops) }
    }
}

/// For tiles without a bias: values that leave any sum as it is, even the sign of a zero.
static NO_BIAS: [[f32; NR]; 4] = [[-0.0; NR]; 4];

/// The first element of a tile of C, and the distances between its rows and its panels.
#[derive(Clone, Copy)]
struct Target {
    first: *mut f32,
    row_stride: usize,
    panel_stride: usize,
}

/// Computes a tile. Where C ends inside it, the whole tile is computed in a buffer.
///
/// # Safety
/// As for [`Tile::new`].
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const P: usize, const V: usize, A: Access>(isa: S, ops: &TileOperands) {
    let mut bias_buffer = MaybeUninit::<[[f32; NR]; P]>::uninit();
    let mut buffer = MaybeUninit::<[[[f32; NR]; P]; M]>::uninit();
    let c = Target {
        first: ops.c,
        row_stride: ops.c_row,
        panel_stride: ops.c_panel,
    };
    // Every access to the buffers goes through these two pointers, each taken once.
    let padded_bias = bias_buffer.as_mut_ptr().cast::<f32>();
    let padded = Target {
        first: buffer.as_mut_ptr().cast(),
        row_stride: P * NR,
        panel_stride: NR,
    };
    let is_cut = ops.cols < P * NR;
    let mut bias = if ops.bias.is_null() {
        NO_BIAS.as_ptr().cast()
    } else {
        ops.bias
    };
    // Functions are called before or after the sums, never in between, so that the sums stay in registers. SAFETY:
    // where the tile is cut, C has `M` rows of `cols` columns, the bias has `cols` values, and that is less than the
    // buffers hold: a tile, and one of its rows. Zeros make all of them initialized, and nothing else points there.
    unsafe {
        if is_cut && !ops.bias.is_null() {
            padded_bias.write_bytes(0, P * NR);
            std::ptr::copy_nonoverlapping(ops.bias, padded_bias, ops.cols);
            bias = padded_bias;
        }
        if is_cut && ops.beta != 0.0 {
            padded.first.write_bytes(0, M * P * NR);
            copy(c, padded, M, ops.cols);
        }
    }
    let target = if is_cut { padded } else { c };
    // SAFETY: A and B are as the caller promises. The target has `M` rows of `P` whole panels: the buffer has, and C has
    // where it is not cut. It is initialized where it is read: C is, and the buffer is if `beta` is not 0. The bias has
    // `P·NR` values: `NO_BIAS` and the buffer have, and the caller's has where the tile is not cut. After the epilogue,
    // which writes all of the target, the buffer is initialized.
    unsafe {
        let sums = sums::<S, M, P, V, A>(isa, ops);
        if ops.beta == 0.0 {
            store::<S, M, P, V, false>(isa, ops, &sums, bias, target);
        } else {
            store::<S, M, P, V, true>(isa, ops, &sums, bias, target);
        }
        if is_cut {
            copy(padded, c, M, ops.cols);
        }
    }
}

/// The sums of a tile: the products of `M` rows and `P` panels.
///
/// # Safety
/// A and B are as for [`Tile::new`].
#[inline(always)]
unsafe fn sums<S: Simd, const M: usize, const P: usize, const V: usize, A: Access>(
    isa: S,
    ops: &TileOperands,
) -> [[[S::Vector; V]; P]; M] {
    // C is needed at the end, and is rarely in the cache.
    for m in 0..M {
        for p in 0..P {
            prefetch(ops.c.wrapping_add(m * ops.c_row + p * ops.c_panel));
        }
    }
    let mut sums = [[[isa.zero(); V]; P]; M];
    let unroll = const { unroll::<S>(M, P * V) };
    for segment in 0..ops.segments {
        let mut cursor = Cursor {
            a: ops.a.wrapping_add(segment.wrapping_mul(ops.a_segment)),
            b: ops.b.wrapping_add(segment.wrapping_mul(ops.b_segment)),
            nonzero: ops.nonzero,
        };
        // SAFETY: these are `k` steps from the first column of a segment, which the caller promises.
        unsafe {
            for _ in 0..ops.k / unroll {
                cursor = steps::<S, M, P, V, A>(isa, ops, cursor, unroll, &mut sums);
            }
            for _ in 0..ops.k % unroll {
                cursor = steps::<S, M, P, V, A>(isa, ops, cursor, 1, &mut sums);
            }
        }
    }
    sums
}

/// Steps that are unrolled in a tile of `rows` rows, `vectors` wide: one where all registers are taken, since the compiler
/// would load the operands of later steps early, and spill sums to the stack.
const fn unroll<S: Simd>(rows: usize, vectors: usize) -> usize {
    let operands = 1 + if rows < vectors { rows } else { vectors };
    if rows * vectors + operands < S::REGISTERS {
        S::UNROLL
    } else {
        1
    }
}

/// The operands of a step: a column of A, and a row of B; where A is sparse, the first row of B, and the number of the
/// row.
#[derive(Clone, Copy)]
struct Cursor {
    a: *const f32,
    b: *const f32,
    nonzero: *const Column,
}

/// Takes `count` steps, which are unrolled, and returns the cursor of the next one. After the last step it points
/// outside of A and B, where nothing is read.
///
/// # Safety
/// A and B are as for [`Tile::new`], and have `count` more columns and rows at the cursor.
#[inline(always)]
unsafe fn steps<S: Simd, const M: usize, const P: usize, const V: usize, A: Access>(
    isa: S,
    ops: &TileOperands,
    cursor: Cursor,
    count: usize,
    sums: &mut [[[S::Vector; V]; P]; M],
) -> Cursor {
    let Cursor { a, b, nonzero } = cursor;
    let a_col = A::COL_STRIDE.unwrap_or(ops.a_col);
    for step in 0..count {
        // SAFETY: `step` is less than `count`, so that the column, the row and its number are there.
        unsafe {
            let b = if A::SPARSE {
                b.wrapping_add(usize::from(*nonzero.add(step)) * ops.b_row)
            } else {
                b.wrapping_add(step * ops.b_row)
            };
            add_product::<S, M, P, V, A>(isa, ops, a.wrapping_add(step * a_col), b, sums);
        }
    }
    Cursor {
        a: a.wrapping_add(count.wrapping_mul(a_col)),
        b: if A::SPARSE {
            b
        } else {
            b.wrapping_add(count.wrapping_mul(ops.b_row))
        },
        nonzero: if A::SPARSE {
            nonzero.wrapping_add(count)
        } else {
            nonzero
        },
    }
}

/// Adds the products of a column of A and a row of B.
///
/// # Safety
/// `a` is valid for reads of `M` rows, with the stride of `A` or of `ops`, and `b` of a row of `P` whole panels.
#[allow(clippy::needless_range_loop)] // Indices name the row, panel and vector; iterators would hide them.
#[inline(always)]
unsafe fn add_product<S: Simd, const M: usize, const P: usize, const V: usize, A: Access>(
    isa: S,
    ops: &TileOperands,
    a: *const f32,
    b: *const f32,
    sums: &mut [[[S::Vector; V]; P]; M],
) {
    let a_row = A::ROW_STRIDE.unwrap_or(ops.a_row);
    // SAFETY: `m` is less than `M`, `p` than `P`, and `V` vectors are a panel wide.
    unsafe {
        // One operand stays in registers, the other is loaded value by value.
        if const { (M + 1) * P * V < S::REGISTERS } {
            let mut row = [[isa.zero(); V]; P];
            for p in 0..P {
                for v in 0..V {
                    row[p][v] = isa.load(b.add(p * ops.b_panel + v * S::WIDTH));
                }
            }
            for m in 0..M {
                let x = isa.splat(*a.add(m * a_row));
                for p in 0..P {
                    for v in 0..V {
                        sums[m][p][v] = isa.mul_add(x, row[p][v], sums[m][p][v]);
                    }
                }
            }
        } else {
            let mut column = [isa.zero(); M];
            for m in 0..M {
                column[m] = isa.splat(*a.add(m * a_row));
            }
            for p in 0..P {
                for v in 0..V {
                    let y = isa.load(b.add(p * ops.b_panel + v * S::WIDTH));
                    for m in 0..M {
                        sums[m][p][v] = isa.mul_add(column[m], y, sums[m][p][v]);
                    }
                }
            }
        }
    }
}

/// The epilogue: takes the sums through the factors, the bias and ReLU, and stores them in C, which is read only if
/// `READ`.
///
/// # Safety
/// `target` is valid for writes, and if `READ` for reads, of `M` rows of `P` whole panels, and `bias` for reads of `P·NR`
/// values.
#[allow(clippy::needless_range_loop)] // As in `add_product`.
#[inline(always)]
unsafe fn store<S: Simd, const M: usize, const P: usize, const V: usize, const READ: bool>(
    isa: S,
    ops: &TileOperands,
    sums: &[[[S::Vector; V]; P]; M],
    bias: *const f32,
    target: Target,
) {
    let (alpha, beta) = (isa.splat(ops.alpha), isa.splat(ops.beta));
    // The larger of this and a sum is the sum, or its ReLU.
    let least = isa.splat(if ops.relu { 0.0 } else { f32::NEG_INFINITY });
    for m in 0..M {
        for p in 0..P {
            for v in 0..V {
                // SAFETY: row `m`, panel `p` and vector `v` lie inside the tile.
                unsafe {
                    let offset = m * target.row_stride + p * target.panel_stride + v * S::WIDTH;
                    let c = target.first.add(offset);
                    let mut x = isa.mul_add(alpha, sums[m][p][v], isa.load(bias.add(p * NR + v * S::WIDTH)));
                    if READ {
                        x = isa.mul_add(beta, isa.load(c), x);
                    }
                    isa.store(c, isa.max(least, x));
                }
            }
        }
    }
}

/// Copies the first `cols` columns of a tile.
///
/// # Safety
/// Both are valid for `rows` rows of `cols` columns, `from` for reads and `to` for writes, and do not overlap.
#[inline(never)]
unsafe fn copy(from: Target, to: Target, rows: usize, cols: usize) {
    for row in 0..rows {
        for (panel, first) in (0..cols).step_by(NR).enumerate() {
            // SAFETY: row and panel lie inside both tiles, and so do the columns of the panel that are copied.
            unsafe {
                let from = from.first.add(row * from.row_stride + panel * from.panel_stride);
                let to = to.first.add(row * to.row_stride + panel * to.panel_stride);
                copy_few(from, to, NR.min(cols - first));
            }
        }
    }
}

/// Copies at most [`NR`] values: two blocks of fixed length, which may overlap, are faster than a call of `memcpy`.
///
/// # Safety
/// Both are valid for `len` values, `from` for reads and `to` for writes, and do not overlap.
#[inline(always)]
unsafe fn copy_few(from: *const f32, to: *mut f32, len: usize) {
    // SAFETY: each block begins at the first value, or ends with the last one, and is not longer than `len`.
    unsafe {
        match len {
            8.. => copy_ends::<8>(from, to, len),
            4.. => copy_ends::<4>(from, to, len),
            2.. => copy_ends::<2>(from, to, len),
            _ => std::ptr::copy_nonoverlapping(from, to, len),
        }
    }
}

/// Copies the first and the last `N` values of `len`.
///
/// # Safety
/// As in [`copy_few`], and `len` is at least `N`.
#[inline(always)]
unsafe fn copy_ends<const N: usize>(from: *const f32, to: *mut f32, len: usize) {
    // SAFETY: the caller promises `len` values, of which these are the first and the last `N`.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, N);
        std::ptr::copy_nonoverlapping(from.add(len - N), to.add(len - N), N);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_copied_whole_and_no_others() {
        let from: Vec<f32> = (1..=NR).map(|i| i as f32).collect();
        for len in 0..=NR {
            let mut to = [0.0; NR];
            // SAFETY: both hold `NR` values.
            unsafe { copy_few(from.as_ptr(), to.as_mut_ptr(), len) };
            assert_eq!(to[..len], from[..len]);
            assert!(to[len..].iter().all(|&x| x == 0.0), "{len}");
        }
    }
}
