//! Matrix multiplication, `C = αAB + βC`, in five loops over blocks that fit into the caches.
//!
//! The algorithm is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), in the
//! five-loop form of BLIS. C is `m` × `n`, A is `m` × `k` and B is `k` × `n`:
//!
//! ```text
//! loop 5: for each block of NC columns of B and C
//! loop 4:   for each block of KC rows of B and columns of A
//!             pack the block of B into panels of NR columns
//! loop 3:     for each block of MC rows of A and C
//!               pack the block of A, if it is not contiguous enough
//! loop 2:       for each few panels of B                (macrokernel)
//! loop 1:         for each tile of up to MR rows of A
//!                   for each column of the block of A   (microkernel)
//!                     add its product with a row of the panels to the tile's sums, in registers
//!                   store the sums in C
//! ```
//!
//! Loops 5 to 3 are here, in this order; loops 2 and 1 and all unsafe code are in `kernel`. Each thread takes a part of C
//! through all five loops. KC alone decides the order of sums, so the bits of the result do not depend on the number of
//! threads.
//!
//! From top to bottom, each file imports only from those below it: this one, `fused` (products for layers), `pack`,
//! `blocks` (block sizes), `kernel`.

mod blocks;
mod fused;
pub(crate) mod kernel;
mod pack;

use std::{cell::RefCell, ops::Range};

pub(crate) use blocks::even_blocks;
use blocks::{MC, k_blocks, n_blocks};
pub(crate) use fused::{SPARSE_MIN_COLS, multiply_packed, multiply_sparse, multiply_transposed};
pub(crate) use kernel::{
    Epilogue, NR, NonzeroColumns, NonzeroRef, Output, Panels, ROW_GROUP, Segments, Vectorize, VectorizeMath,
    row_group_flags,
};
pub use kernel::{Kernel, MatMut, MatRef};

use crate::{
    aligned::Buffer,
    error::{Error, Result},
};

/// Values in a page of memory. Rows of A that are a page or more apart are packed: read in place, each would take an
/// entry of the TLB, and they would share a few cache sets.
const PAGE: usize = 1024;
/// Maximum values of a B that is read without packing: it fits into an L1 cache.
const IN_PLACE: usize = 8 * 1024;
/// Maximum rows of A for which a larger B is read without packing, since each of its values is used only a few times;
/// but not if C has more than [`FEW_VALUES`] values, since the rows of B are then far apart.
const FEW_ROWS: usize = 16;
const FEW_VALUES: usize = 32 * 1024;
/// Minimum columns per thread, where threads share columns.
const THREAD_COLS: usize = 2 * NR;

/// Computes `c = alpha·a·b + beta·c` on the threads of the current rayon pool.
///
/// The matrices may have any strides. If `beta` is 0, the old values of `c` are not read, so they may be NaN. NaN and
/// infinity are propagated as IEEE 754 says. The result has the same bits for any number of threads.
///
/// # Shapes
/// - `a`: `[m, k]`
/// - `b`: `[k, n]`
/// - `c`: `[m, n]`; if `k` is 0, it becomes `beta·c`
///
/// # Errors
/// If the shapes do not fit each other, or the environment variable `NN_CORE_KERNEL` names no kernel of this machine.
///
/// # Examples
/// ```
/// use nn_core::gemm::{MatMut, MatRef, gemm};
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 0.0, 2.0]);
/// let mut c = [0.0; 4];
/// gemm(1.0, MatRef::row_major(&a, 2, 2)?, MatRef::row_major(&b, 2, 2)?, 0.0, MatMut::row_major(&mut c, 2, 2)?)?;
/// assert_eq!(c, [1.0, 4.0, 3.0, 8.0]);
/// # Ok::<(), nn_core::Error>(())
/// ```
pub fn gemm(alpha: f32, a: MatRef<'_>, b: MatRef<'_>, beta: f32, c: MatMut<'_>) -> Result<()> {
    gemm_with(Kernel::active()?, alpha, a, b, beta, c)
}

/// [`gemm`] with the kernel `kernel`.
///
/// # Errors
/// If the shapes do not fit each other.
///
/// # Examples
/// ```
/// use nn_core::gemm::{Kernel, MatMut, MatRef, gemm_with};
/// let (row, column) = ([1.0, 2.0, 3.0], [1.0, 0.0, -1.0]);
/// let mut dot = [10.0];
/// let (a, b) = (MatRef::row_major(&row, 1, 3)?, MatRef::row_major(&column, 3, 1)?);
/// gemm_with(Kernel::PORTABLE, 1.0, a, b, 0.5, MatMut::row_major(&mut dot, 1, 1)?)?;
/// assert_eq!(dot, [3.0]);
/// # Ok::<(), nn_core::Error>(())
/// ```
pub fn gemm_with(kernel: Kernel, alpha: f32, a: MatRef<'_>, b: MatRef<'_>, beta: f32, mut c: MatMut<'_>) -> Result<()> {
    let fits = a.cols() == b.rows() && (a.rows(), b.cols()) == (c.rows(), c.cols());
    if !fits {
        return Err(Error::Product(format!(
            "{}x{} times {}x{} into {}x{} does not fit; C has to have the rows of A and the columns of B, and A as \
             many columns as B has rows",
            a.rows(),
            a.cols(),
            b.rows(),
            b.cols(),
            c.rows(),
            c.cols()
        )));
    }
    if c.rows() == 0 || c.cols() == 0 {
        return Ok(());
    }
    let (row_stride, col_stride) = c.strides();
    let work = c.rows().saturating_mul(c.cols()).saturating_mul(a.cols());
    let threads = rayon::current_num_threads().min(work / kernel.thread_work());
    if c.cols() <= 1 || col_stride == 1 {
        product(kernel, (alpha, beta), a, b, c, threads);
    } else if c.rows() <= 1 || row_stride == 1 {
        // Tiles write contiguous rows, so compute the transpose, `Cᵀ = Bᵀ·Aᵀ`.
        product(
            kernel,
            (alpha, beta),
            b.transposed(),
            a.transposed(),
            c.transposed(),
            threads,
        );
    } else {
        // Neither rows nor columns of C are contiguous, so compute the product in a buffer.
        let mut buffer = Buffer::zeroed(c.rows() * c.cols());
        let view = MatMut::row_major(&mut buffer, c.rows(), c.cols())?;
        product(kernel, (alpha, 0.0), a, b, view, threads);
        let mut sums = buffer.iter();
        c.for_each(|c| {
            let sum = sums.next().copied().unwrap_or_default();
            *c = if beta == 0.0 { sum } else { beta.mul_add(*c, sum) };
        });
    }
    Ok(())
}

/// The product, where the rows of C are contiguous. Each thread takes some columns or rows of C through all five loops, so
/// that none waits for blocks that another packs.
fn product(kernel: Kernel, scale: (f32, f32), a: MatRef<'_>, b: MatRef<'_>, c: MatMut<'_>, threads: usize) {
    let (m, n, k) = (c.rows(), c.cols(), a.cols());
    let (first, second) = (threads / 2, threads - threads / 2);
    let half = |len: usize| len * first / threads;
    let by_columns = n >= 2 * THREAD_COLS && n > m / 2;
    if first == 0 || (m < 2 && !by_columns) {
        loops_5_to_3(kernel, scale, a, b, c);
    } else if by_columns {
        let cut = half(n).next_multiple_of(NR);
        let (left, right) = c.split_at_col(cut);
        rayon::join(
            || product(kernel, scale, a, b.block(0..k, 0..cut), left, first),
            || product(kernel, scale, a, b.block(0..k, cut..n), right, second),
        );
    } else {
        let cut = half(m);
        let (top, bottom) = c.split_at_row(cut);
        rayon::join(
            || product(kernel, scale, a.block(0..cut, 0..k), b, top, first),
            || product(kernel, scale, a.block(cut..m, 0..k), b, bottom, second),
        );
    }
}

/// Loops 5 to 3: over blocks of columns of B, in each over blocks of its rows, which are packed, and in each of these over
/// blocks of rows of A.
fn loops_5_to_3(kernel: Kernel, (alpha, beta): (f32, f32), a: MatRef<'_>, b: MatRef<'_>, mut c: MatMut<'_>) {
    let (m, n, k) = (c.rows(), c.cols(), a.cols());
    let in_place = b.as_slice().map(|values| Panels::row_major(values, k, n));
    let in_place =
        in_place.filter(|_| n.is_multiple_of(NR) && (k * n <= IN_PLACE || (m <= FEW_ROWS && m * n <= FEW_VALUES)));
    with_scratch(&PACKED_B, |packed| {
        // Loop 5: NC columns.
        for cols in n_blocks(n) {
            let (_, c) = c.reborrow().split_at_col(cols.start);
            let (mut c, _) = c.split_at_col(cols.len());
            // Loop 4: KC of the inner dimension. The first block scales the old values of C.
            for (index, range) in k_blocks(k).enumerate() {
                let panels = match in_place {
                    Some(b) => b.rows(range.clone()).cols(cols.clone()),
                    None => pack::panels(b.block(range.clone(), cols.clone()), packed),
                };
                let epilogue = Epilogue {
                    alpha,
                    beta: if index == 0 { beta } else { 1.0 },
                    ..Epilogue::STORE
                };
                // Loop 3: MC rows.
                let a = a.block(0..m, range);
                for rows in even_blocks(m, MC) {
                    let (_, c) = c.reborrow().split_at_row(rows.start);
                    let (c, _) = c.split_at_row(rows.len());
                    loops_2_and_1(kernel, (a, rows), panels, c, epilogue);
                }
            }
        }
    });
}

/// Loops 2 and 1, over panels of B and tiles of A, in the kernel. A block of A is packed first where that makes it
/// faster to read; the next block is then prefetched meanwhile.
fn loops_2_and_1(
    kernel: Kernel,
    (a, rows): (MatRef<'_>, Range<usize>),
    b: Panels<'_>,
    c: MatMut<'_>,
    epilogue: Epilogue<'_>,
) {
    let (row_stride, col_stride) = a.strides();
    let next = a.block(rows.end..a.rows().min(rows.end + rows.len()), 0..a.cols());
    let a = a.block(rows, 0..a.cols());
    // A single panel reads each value of A once, so a copy gains nothing, if tiles can read A in place. Without columns
    // there is nothing to copy.
    if a.cols() == 0 || (b.n <= NR && a.is_row_or_column_major()) || (col_stride == 1 && row_stride < PAGE) {
        return kernel.multiply(a, b, c, epilogue);
    }
    with_scratch(&PACKED_A, |packed| {
        kernel.multiply(Segments::from(pack::rows(a, packed)).prefetching(next), b, c, epilogue);
    });
}

thread_local! {
    static PACKED_A: RefCell<Buffer> = RefCell::default();
    static PACKED_B: RefCell<Buffer> = RefCell::default();
}

/// Calls `f` with this thread's scratch buffer. The buffer is taken out for the call, since a thread that waits for
/// others may start another product.
fn with_scratch<R>(scratch: &'static std::thread::LocalKey<RefCell<Buffer>>, f: impl FnOnce(&mut Buffer) -> R) -> R {
    let mut buffer = scratch.take();
    let result = f(&mut buffer);
    scratch.set(buffer);
    result
}
