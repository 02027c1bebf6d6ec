//! Products for layers: fused with bias and ReLU, skipping zeros, or of a transpose.

use std::cell::RefCell;

use super::{
    blocks::{KC, MC, even_blocks, k_blocks},
    kernel::{
        Column, Epilogue, Kernel, MatMut, MatRef, NR, NonzeroColumns, NonzeroRef, Output, Panels, ROW_GROUP, Segments,
        nonzero_columns,
    },
};

/// Minimum columns of B for which searching A for zeros pays off.
pub(crate) const SPARSE_MIN_COLS: usize = 4 * NR;
/// Rows of a block of an `aᵀ` that is read in place: 256 columns of it take a quarter of a 512 KiB L2 cache.
const TRANSPOSED_MC: usize = 128;

/// `c = act(a·b + bias)` on this thread, where all of B is packed and `act` is ReLU or the identity.
///
/// # Shapes
/// - `a`: `[m, k]`
/// - `b`: `[k, n]`
/// - `c`: `[m, n]`, with contiguous rows
/// - `bias`: `[n]`
///
/// # Panics
/// If the shapes do not fit each other.
pub(crate) fn multiply_packed(
    kernel: Kernel,
    a: MatRef<'_>,
    b: Panels<'_>,
    c: MatMut<'_>,
    bias: Option<&[f32]>,
    relu: bool,
) {
    multiply_blocks(a, b, c, (bias, relu), |a, b, c, epilogue| {
        kernel.multiply(a, b, c, epilogue);
    });
}

/// [`multiply_packed`] that skips zeros: rows of B that would only be multiplied by zeros are not read. The rows of A
/// must be contiguous.
///
/// The results are equal where B is finite. NaN and infinity in skipped rows of B are not propagated.
///
/// # Panics
/// If the shapes do not fit each other.
pub(crate) fn multiply_sparse(
    kernel: Kernel,
    a: MatRef<'_>,
    b: Panels<'_>,
    c: MatMut<'_>,
    bias: Option<&[f32]>,
    relu: bool,
) {
    if b.n < SPARSE_MIN_COLS {
        return multiply_packed(kernel, a, b, c, bias, relu);
    }
    multiply_blocks(a, b, c, (bias, relu), |a, b, c, epilogue| {
        NONZERO.with_borrow_mut(|Nonzero { values, columns }| {
            let nonzero = nonzero_columns(kernel, a, (columns, values));
            multiply_nonzero(kernel, a, nonzero, b, c.into(), epilogue);
        });
    });
}

/// `c = alpha·aᵀ·b + beta·c` on this thread. If the nonzero columns of `aᵀ` are given, the others are skipped.
///
/// # Shapes
/// - `a`: `[k, m]`
/// - `b`: `[k, n]`
/// - `c`: `[⌈n / NR⌉, m, NR]`, in panels
///
/// # Panics
/// If the shapes do not fit each other.
pub(crate) fn multiply_transposed(
    kernel: Kernel,
    (a, nonzero): (MatRef<'_>, Option<NonzeroRef<'_>>),
    b: Panels<'_>,
    c: &mut [f32],
    (alpha, beta): (f32, f32),
) {
    let epilogue = Epilogue {
        alpha,
        beta,
        ..Epilogue::STORE
    };
    for groups in even_blocks(a.cols().div_ceil(ROW_GROUP), TRANSPOSED_MC / ROW_GROUP) {
        let rows = groups.start * ROW_GROUP..a.cols().min(groups.end * ROW_GROUP);
        let nonzero = nonzero.map(|nonzero| nonzero.of_rows(rows.clone()));
        let c = Output::panels(&mut c[rows.start * NR..], rows.len(), b.n, a.cols() * NR);
        let a = a.block(0..a.rows(), rows).transposed();
        multiply_nonzero(kernel, a, nonzero, b, c, epilogue);
    }
}

fn multiply_nonzero(
    kernel: Kernel,
    a: MatRef<'_>,
    nonzero: Option<NonzeroRef<'_>>,
    b: Panels<'_>,
    c: Output<'_>,
    epilogue: Epilogue<'_>,
) {
    match nonzero {
        Some(nonzero) => kernel.multiply(Segments::sparse(a, nonzero), b, c, epilogue),
        None => kernel.multiply(a, b, c, epilogue),
    }
}

/// Loops 4 and 3 for a packed B: calls `multiply` for each block of the inner dimension and each block of rows of A and
/// C. The first block of the inner dimension adds the bias, the last one applies ReLU.
fn multiply_blocks(
    a: MatRef<'_>,
    b: Panels<'_>,
    mut c: MatMut<'_>,
    (bias, relu): (Option<&[f32]>, bool),
    multiply: impl Fn(MatRef<'_>, Panels<'_>, MatMut<'_>, Epilogue<'_>),
) {
    for range in k_blocks(b.k) {
        let (first, last) = (range.start == 0, range.end == b.k);
        let epilogue = Epilogue {
            beta: if first { 0.0 } else { 1.0 },
            bias: if first { bias } else { None },
            relu: relu && last,
            ..Epilogue::STORE
        };
        for rows in even_blocks(a.rows(), MC) {
            let (c, _) = c.reborrow().split_at_row(rows.end);
            let (_, c) = c.split_at_row(rows.start);
            multiply(a.block(rows, range.clone()), b.rows(range.clone()), c, epilogue);
        }
    }
}

const COLUMNS_LEN: usize = NonzeroColumns::columns_len(MC, KC);
const VALUES_LEN: usize = NonzeroColumns::values_len(MC, KC);

/// Memory for the nonzero columns of a block of A, from the beginning of a cache line on: where vectors cross lines, a
/// small product took a tenth longer.
#[repr(align(64))]
struct Nonzero {
    values: [f32; VALUES_LEN],
    columns: [Column; COLUMNS_LEN],
}

thread_local! {
    static NONZERO: RefCell<Nonzero> = const {
        RefCell::new(Nonzero {
            values: [0.0; VALUES_LEN],
            columns: [0; COLUMNS_LEN],
        })
    };
}

#[cfg(test)]
mod tests {
    use super::{
        super::kernel::sparse_cases::{PATTERNS, find_transposed, matrix, shapes, value},
        *,
    };

    #[test]
    fn skipping_zeros_changes_no_bit() {
        for kernel in Kernel::available() {
            for shape in shapes() {
                for is_nonzero in PATTERNS {
                    compare(kernel, shape, is_nonzero);
                }
            }
        }
    }

    fn compare(kernel: Kernel, (rows, cols, outputs): (usize, usize, usize), is_nonzero: fn(usize, usize) -> bool) {
        let what = format!("{kernel}: {rows}x{cols}x{outputs}");
        let x = matrix(rows, cols, is_nonzero);
        let weights: Vec<f32> = (0..outputs.div_ceil(NR) * cols * NR).map(value).collect();
        let bias: Vec<f32> = (0..outputs).map(value).collect();
        let a = MatRef::row_major(&x, rows, cols).unwrap();
        let b = Panels::packed(&weights, cols, outputs);
        let mut dense = vec![f32::NAN; rows * outputs];
        let mut sparse = dense.clone();
        let c = MatMut::row_major(&mut dense, rows, outputs).unwrap();
        multiply_packed(kernel, a, b, c, Some(&bias), true);
        let c = MatMut::row_major(&mut sparse, rows, outputs).unwrap();
        multiply_sparse(kernel, a, b, c, Some(&bias), true);
        assert_same_bits(&what, &dense, &sparse);

        let transposed: Vec<f32> = (0..rows * cols).map(|i| x[i % rows * cols + i / rows]).collect();
        let a = MatRef::row_major(&transposed, cols, rows).unwrap();
        let nonzero = find_transposed(kernel, a);
        for factors in [(1.0, 0.0), (-0.1, 1.0), (0.5, 0.25)] {
            let mut dense: Vec<f32> = (0..outputs.div_ceil(NR) * rows * NR).map(value).collect();
            let mut sparse = dense.clone();
            multiply_transposed(kernel, (a, None), b, &mut dense, factors);
            multiply_transposed(kernel, (a, nonzero.get()), b, &mut sparse, factors);
            assert_same_bits(&what, &dense, &sparse);
        }
    }

    fn assert_same_bits(what: &str, dense: &[f32], sparse: &[f32]) {
        let mut pairs = dense.iter().zip(sparse);
        let differs = pairs.position(|(dense, sparse)| dense.to_bits() != sparse.to_bits());
        assert_eq!(differs, None, "{what}");
    }
}
