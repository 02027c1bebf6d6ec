//! The macrokernel: loop 2 over the panels of B, and loop 1 over the tiles of C.

use super::{
    dispatch::{Isa, Kernel},
    isa::{LINE, NR, Simd, prefetch_far},
    microkernel::{ColumnMajor, RowMajor, SPARSE_STRIDES, Sparse, TileOperands, run_tile},
    operands::{Epilogue, Output, Panels, Product, Segments},
    sparse::ROW_GROUP,
    view::MatRef,
};

impl Kernel {
    /// `c = act(beta·c + alpha·a·b + bias)` on this thread, where `b` is in panels.
    ///
    /// The sum over `k` runs in one order for every tile, so an element depends on its row of `a` and its column of `b`
    /// alone.
    ///
    /// # Panics
    /// If the shapes of `a`, `b`, `c` or the bias do not fit each other, if the rows of `c` are not contiguous, or if
    /// neither the rows nor the columns of `a` are.
    pub(crate) fn multiply<'a, 'c>(
        self,
        a: impl Into<Segments<'a>>,
        b: Panels<'_>,
        c: impl Into<Output<'c>>,
        epilogue: Epilogue<'_>,
    ) {
        let product = Product::new(a.into(), b, c.into(), epilogue);
        match self.isa() {
            Isa::Portable(isa) => macrokernel::<_, 4>(isa, product),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(isa) => macrokernel::<_, 2>(isa, product),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(isa) => macrokernel::<_, 1>(isa, product),
        }
    }
}

/// Computes all of C: a few panels at a time, so that they stay in the L1 and L2 caches, and of these a tile at a time.
/// `V` is `NR / S::WIDTH`.
fn macrokernel<S: Simd, const V: usize>(isa: S, product: Product<'_>) {
    let (a, b, mut c, epilogue) = product.into_parts();
    let access = AccessKind::of(&a);
    let (row_stride, col_stride) = match access {
        AccessKind::Sparse => SPARSE_STRIDES,
        AccessKind::RowMajor | AccessKind::ColumnMajor => a.first().strides(),
    };
    let (rows, cols, nonzero) = (c.rows(), c.cols(), a.nonzero());
    let ops = TileOperands {
        segments: a.count(),
        k: b.k,
        nonzero: std::ptr::null(),
        a: a.first().as_ptr(),
        a_row: row_stride,
        a_col: col_stride,
        a_segment: a.stride(),
        b: b.data.as_ptr(),
        b_panel: b.panel_stride,
        b_row: b.row_stride,
        b_segment: b.segment_stride,
        c_row: c.row_stride(),
        c_panel: c.panel_stride(),
        c: c.as_mut_ptr(),
        cols,
        bias: epilogue.bias.map_or(std::ptr::null(), <[f32]>::as_ptr),
        alpha: epilogue.alpha,
        beta: epilogue.beta,
        relu: epilogue.relu,
    };
    // Rows of a group share their nonzero columns.
    let group = if nonzero.is_some() { rows.min(ROW_GROUP) } else { rows }.max(1);
    let panels_at_once = S::PANELS[group.min(4) - 1];
    let tiles = cols.div_ceil(panels_at_once * NR) * rows.div_ceil(S::MR);
    let mut prefetcher = Prefetcher::new(a.next(), tiles);
    let stacks_of = |rows: usize, panels| stacks::<S, V>(rows, panels, access);
    let mut whole = stacks_of(group, panels_at_once);
    let mut col = 0;
    // Loop 2: `panels` panels, a few columns of C.
    while col < cols {
        let panels = (cols - col).div_ceil(NR).min(panels_at_once);
        let mut tile = at_column(&ops, col);
        if panels < panels_at_once {
            whole = stacks_of(group, panels);
        }
        for first in (0..rows).step_by(group) {
            if let Some(nonzero) = nonzero {
                let (columns, values) = nonzero.group_of(first);
                (tile.nonzero, tile.k, tile.a) = (columns.as_ptr(), columns.len(), values.as_ptr().cast());
            }
            let last;
            let stacks = if first + group <= rows {
                &whole
            } else {
                last = stacks_of(rows - first, panels);
                &last
            };
            // Loop 1: a tile, a few rows of these columns.
            for stack in stacks {
                for _ in 0..stack.tiles {
                    prefetcher.advance();
                    // SAFETY: `Product::new` has checked that the operands fit each other. The heights of the stacks add
                    // up to the rows of the group, so that A and C have the rows of the tile; and B and C have `panels`
                    // panels from column `col` on, of which the last has a column at least. Nonzero columns are columns
                    // of A, so B has rows for them, and their values are those of a whole group. `access` is that of A.
                    unsafe { (stack.run)(isa, &tile) };
                    tile.a = tile.a.wrapping_add(stack.height.wrapping_mul(tile.a_row));
                    tile.c = tile.c.wrapping_add(stack.height.wrapping_mul(tile.c_row));
                }
            }
        }
        col += panels * NR;
    }
}

/// The operands from column `col` of B and C on, a multiple of [`NR`].
fn at_column(ops: &TileOperands, col: usize) -> TileOperands {
    let bias = ops.bias;
    TileOperands {
        b: ops.b.wrapping_add((col / NR).wrapping_mul(ops.b_panel)),
        c: ops.c.wrapping_add((col / NR).wrapping_mul(ops.c_panel)),
        cols: ops.cols - col,
        bias: if bias.is_null() { bias } else { bias.wrapping_add(col) },
        ..*ops
    }
}

/// Tiles of one shape, one below the other.
struct Stack<S> {
    tiles: usize,
    height: usize,
    run: unsafe fn(S, &TileOperands),
}

/// Splits rows, at least one, into tiles of nearly equal height: tiles of 4 and 3 rows keep the pipelines fuller than 6
/// and 1. First come those that are a row higher, if there are any.
#[inline]
fn stacks<S: Simd, const V: usize>(rows: usize, panels: usize, access: AccessKind) -> [Stack<S>; 2] {
    let tiles = rows.div_ceil(S::MR);
    let (height, higher) = (rows / tiles, rows % tiles);
    let taller = if higher > 0 { height + 1 } else { height };
    // Not `[…].map`, which copies the stacks through memory: small products would wait for it.
    let stack = |tiles, height| Stack {
        tiles,
        height,
        run: access.run_tile::<S, V>((height, panels)),
    };
    [stack(higher, taller), stack(tiles - higher, height)]
}

/// How the tiles of a product step through A.
#[derive(Clone, Copy)]
enum AccessKind {
    RowMajor,
    ColumnMajor,
    Sparse,
}

/// The function for a tile whose shape, rows and panels, is known at run time.
macro_rules! run_tile_of {
    ($access:ty, $shape:expr) => {
        run_tile_of!($access, $shape,
            1: 1 2 3 4, 2: 1 2 3 4, 3: 1 2 3 4,
            4: 1 2, 5: 1 2, 6: 1 2, 7: 1 2, 8: 1 2, 9: 1 2, 10: 1 2, 11: 1 2, 12: 1 2, 13: 1 2, 14: 1 2,
        )
    };
    ($access:ty, $shape:expr, $($rows:literal: $($panels:literal)+,)+) => {
        match $shape {
            $($(($rows, $panels) => run_tile::<S, $rows, $panels, V, $access>,)+)+
            shape => unreachable!("no tile has the shape {shape:?}"),
        }
    };
}

impl AccessKind {
    /// [`Product::new`] has checked that the rows or the columns are contiguous.
    fn of(a: &Segments<'_>) -> Self {
        if a.nonzero().is_some() {
            Self::Sparse
        } else if a.first().cols() <= 1 || a.first().strides().1 == 1 {
            Self::RowMajor
        } else {
            Self::ColumnMajor
        }
    }

    fn run_tile<S: Simd, const V: usize>(self, shape: (usize, usize)) -> unsafe fn(S, &TileOperands) {
        match self {
            Self::RowMajor => run_tile_of!(RowMajor, shape),
            Self::ColumnMajor => run_tile_of!(ColumnMajor, shape),
            Self::Sparse => run_tile_of!(Sparse, shape, 1: 1 2 3 4, 2: 1 2 3 4, 3: 1 2 3 4,),
        }
    }
}

/// Prefetches a matrix that will be read next, a few cache lines with each tile.
struct Prefetcher {
    row: *const f32,
    row_stride: usize,
    rows: usize,
    cols: usize,
    col: usize,
    lines_at_once: usize,
}

impl Prefetcher {
    /// Prefetches all of `matrix` in `tiles` parts.
    fn new(matrix: Option<MatRef<'_>>, tiles: usize) -> Self {
        let (row, rows, cols, row_stride) = matrix.map_or((std::ptr::null(), 0, 0, 0), |matrix| {
            let matrix = if matrix.strides().0 == 1 {
                matrix.transposed()
            } else {
                matrix
            };
            (matrix.as_ptr(), matrix.rows(), matrix.cols(), matrix.strides().0)
        });
        Self {
            row,
            row_stride,
            rows,
            cols,
            col: 0,
            lines_at_once: rows.saturating_mul(cols.div_ceil(LINE)).div_ceil(tiles.max(1)),
        }
    }

    #[inline(always)]
    fn advance(&mut self) {
        for _ in 0..self.lines_at_once {
            if self.rows == 0 {
                return;
            }
            prefetch_far(self.row.wrapping_add(self.col));
            self.col += LINE;
            if self.col >= self.cols {
                self.col = 0;
                self.rows -= 1;
                self.row = self.row.wrapping_add(self.row_stride);
            }
        }
    }
}

/// Small products for Miri, which checks every access; larger ones are tested from outside. rayon itself needs the flags:
///
/// ```text
/// MIRIFLAGS="-Zmiri-tree-borrows -Zmiri-ignore-leaks" cargo +nightly miri test -p nn-core --lib macrokernel
/// ```
#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::kernel::{
        sparse::{NonzeroColumns, nonzero_columns},
        view::MatMut,
    };

    /// Small integers, so that sums are exact in any order.
    fn values(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7 + seed) % 11) as f32 - 5.0).collect()
    }

    /// Shapes of C that are whole tiles, cut tiles, and both.
    const SHAPES: [(usize, usize); 6] = [(1, 1), (2, 16), (3, 17), (5, 33), (7, 64), (15, 70)];
    const FACTORS: [(f32, f32); 2] = [(1.0, 0.0), (2.0, -1.0)];

    #[test]
    fn dense_products_of_every_layout() {
        for kernel in Kernel::available() {
            for (m, n) in SHAPES {
                for (k, is_transposed) in [(0, false), (1, true), (5, false), (6, true)] {
                    for (alpha, beta) in FACTORS {
                        compare_dense(kernel, (m, n, k), is_transposed, (alpha, beta));
                    }
                }
            }
        }
    }

    fn compare_dense(kernel: Kernel, (m, n, k): (usize, usize, usize), is_transposed: bool, (alpha, beta): (f32, f32)) {
        let (x, y, bias) = (values(m * k, 1), values(n.div_ceil(NR) * k * NR, 2), values(n, 3));
        let a = if is_transposed {
            MatRef::row_major(&x, k, m).unwrap().transposed()
        } else {
            MatRef::row_major(&x, m, k).unwrap()
        };
        // Between its rows, C holds values that must stay.
        let mut c = values(m * (n + 1), 4);
        let old = c.clone();
        let epilogue = Epilogue {
            alpha,
            beta,
            bias: (m % 2 == 0).then_some(&bias),
            relu: k == 5,
        };
        let view = MatMut::new(&mut c, m, n, n + 1, 1).unwrap();
        let next = MatRef::row_major(&y, 1, y.len()).unwrap();
        let a_and_next = Segments::from(a).prefetching(next);
        kernel.multiply(a_and_next, Panels::packed(&y, k, n), view, epilogue);
        for (i, (&new, &old)) in c.iter().zip(&old).enumerate() {
            let (row, col) = (i / (n + 1), i % (n + 1));
            let expected = if col == n {
                old
            } else {
                let y = |l: usize| y[(col / NR * k + l) * NR + col % NR];
                let sum: f32 = (0..k).map(|l| a.get(row, l) * y(l)).sum();
                let sum = alpha * sum + epilogue.bias.map_or(0.0, |bias| bias[col]);
                let sum = if beta == 0.0 { sum } else { beta * old + sum };
                if epilogue.relu { sum.max(0.0) } else { sum }
            };
            assert_eq!(new, expected, "{kernel}: {m}x{n}x{k} at ({row}, {col})");
        }
    }

    #[test]
    fn segments_into_panels() {
        // Five windows of 2 × 3 pixels in a picture of 4 × 7.
        let (picture, y) = (values(28, 1), values(2 * 6 * NR, 2));
        for kernel in Kernel::available() {
            let mut c = values(2 * 6 * NR, 3);
            let old = c.clone();
            let a = Segments::new(&picture, (5, 1), (3, 1), (2, 7));
            let b = Panels {
                k: 3,
                n: 19,
                segment_stride: 3 * NR,
                ..Panels::packed(&y, 6, 19)
            };
            kernel.multiply(a, b, Output::panels(&mut c, 5, 19, 6 * NR), Epilogue::STORE);
            for (i, (&new, &old)) in c.iter().zip(&old).enumerate() {
                let (panel, row, col) = (i / (6 * NR), i / NR % 6, i % NR);
                let expected = if row == 5 || panel * NR + col >= 19 {
                    old
                } else {
                    let term = |l: usize| picture[l / 3 * 7 + row + l % 3] * y[(panel * 6 + l) * NR + col];
                    (0..6).map(term).sum()
                };
                assert_eq!(new, expected, "{kernel}: panel {panel} at ({row}, {col})");
            }
        }
    }

    #[test]
    fn sparse_products() {
        let (k, n) = (9, 66_usize);
        let y = values(n.div_ceil(NR) * k * NR, 2);
        let b = Panels::packed(&y, k, n);
        for kernel in Kernel::available() {
            for m in [1, 3, 7] {
                let mut x = values(m * k, 1);
                x.chunks_exact_mut(k).for_each(|row| row[2..7].fill(0.0));
                let a = MatRef::row_major(&x, m, k).unwrap();
                let mut columns = vec![0; NonzeroColumns::columns_len(m, k)];
                let mut values = vec![0.0; NonzeroColumns::values_len(m, k)];
                let nonzero = nonzero_columns(kernel, a, (&mut columns, &mut values)).expect("half of it is zero");
                let (mut dense, mut sparse) = (vec![0.0; m * n], vec![0.0; m * n]);
                let c = MatMut::row_major(&mut dense, m, n).unwrap();
                kernel.multiply(a, b, c, Epilogue::STORE);
                let c = MatMut::row_major(&mut sparse, m, n).unwrap();
                kernel.multiply(Segments::sparse(a, nonzero), b, c, Epilogue::STORE);
                assert_eq!(sparse, dense, "{kernel}: {m} rows");
            }
        }
    }

    /// Strides that overflow, where there is nothing to multiply.
    #[test]
    fn huge_strides_of_empty_operands_do_not_overflow() {
        const HUGE: usize = usize::MAX;
        for kernel in Kernel::available() {
            let mut c = [1.0; 40];
            let b = Panels {
                panel_stride: HUGE,
                row_stride: HUGE,
                segment_stride: HUGE,
                ..Panels::packed(&[], 0, 20)
            };
            let epilogue = Epilogue {
                beta: 2.0,
                ..Epilogue::STORE
            };
            let a = MatRef::new(&[], 2, 0, HUGE, HUGE).unwrap();
            let view = MatMut::row_major(&mut c, 2, 20).unwrap();
            kernel.multiply(Segments::from(a).prefetching(a), b, view, epilogue);
            let a = Segments::new(&[], (2, HUGE), (0, HUGE), (3, 0));
            kernel.multiply(a, b, MatMut::row_major(&mut c, 2, 20).unwrap(), epilogue);
            assert_eq!(c, [4.0; 40]);
        }
    }
}
