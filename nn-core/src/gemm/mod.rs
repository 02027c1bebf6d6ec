//! Matrix multiplication: five loops over cache-sized blocks, packing, and the split over threads.
//!
//! The scheme is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), in the
//! five-loop form of BLIS. Its innermost loops, and all unsafe code, are in `kernel`.

pub(crate) mod kernel;
mod pack;

use std::{cell::RefCell, ops::Range};

pub(crate) use kernel::{Epilogue, GROUP, Lists, Live, NR, Output, Panels, Segments, Vectorize, flag};
pub use kernel::{Kernel, MatMut, MatRef};

use crate::{
    aligned::Buffer,
    error::{Error, Result},
};

/// Rows of B in a block: sums that long pass C seldom, and a pair of panels, 512 × 32 values, takes an eighth of a
/// 512 KiB second-level cache.
const BLOCK_K: usize = 512;
/// Rows of A in a block: 64 × 512 values take a quarter of that cache.
const BLOCK_M: usize = 64;
/// Columns of B in a block: 512 × 1024 values lie in the last-level cache that threads share.
const BLOCK_N: usize = 1024;
/// Values of a page of memory. Rows of A that far apart are copied side by side: where they lie, each takes an entry
/// of the translation buffer, and they fall into the same few sets of the cache.
const PAGE: usize = 1024;
/// Columns of B that one thread takes at least where it packs and multiplies them on its own.
const THREAD_COLS: usize = 64;
/// Values of B up to which it is read where it lies, without packing: a first-level cache holds so many.
const IN_PLACE: usize = 8 * 1024;
/// Rows of A that read any B where it lies, since they read it too seldom for a copy to pay; unless C has more than
/// [`FEW_VALUES`], for then B's rows lie far apart.
const FEW_ROWS: usize = 16;
const FEW_VALUES: usize = 32 * 1024;
/// Multiply-adds that one thread takes at least: sharing fewer takes longer than doing them.
const THREAD_WORK: usize = 130_000;
/// Columns of B from which on it pays to look for columns of A that are zero.
pub(crate) const LIVE_COLS: usize = 4 * NR;
/// Rows of a block of an `aᵀ` that is read as it lies: those of 256 columns take a quarter of a 512 KiB cache.
const BLOCK_ROWS: usize = 128;
/// Columns of a block that one thread takes at least, where columns are shared out.
const SPLIT_COLS: usize = 2 * NR;

/// `c = alpha·a·b + beta·c`, for matrices with any strides, on the threads of the current rayon pool.
///
/// With `beta = 0`, what `c` held is not read, so it may be NaN. The result has the same bits for any number of
/// threads.
///
/// # Errors
/// If the shapes do not fit each other, or `NN_CORE_KERNEL` names no kernel of this machine.
///
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

/// [`gemm`] with a kernel of the caller's choice.
///
/// # Errors
/// If the shapes do not fit each other.
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
    let threads = rayon::current_num_threads().min(c.rows() * c.cols() * a.cols() / THREAD_WORK);
    if c.cols() <= 1 || col_stride == 1 {
        columns(kernel, (alpha, beta), a, b, c, threads);
    } else if c.rows() <= 1 || row_stride == 1 {
        // The tiles write rows; a matrix stored by columns is the transpose of one stored by rows.
        columns(
            kernel,
            (alpha, beta),
            b.transposed(),
            a.transposed(),
            c.transposed(),
            threads,
        );
    } else {
        let mut product = Buffer::zeroed(c.rows() * c.cols());
        let view = MatMut::row_major(&mut product, c.rows(), c.cols())?;
        columns(kernel, (alpha, 0.0), a, b, view, threads);
        let mut sums = product.iter();
        c.for_each(|c| {
            let sum = sums.next().copied().unwrap_or_default();
            *c = if beta == 0.0 { sum } else { beta.mul_add(*c, sum) };
        });
    }
    Ok(())
}

/// Above the loops: where columns are many, each thread takes some of them through all loops, and none waits for what
/// another packs.
fn columns(kernel: Kernel, (alpha, beta): (f32, f32), a: MatRef<'_>, b: MatRef<'_>, c: MatMut<'_>, threads: usize) {
    let (n, k) = (c.cols(), a.cols());
    if threads < 2 || n < 2 * THREAD_COLS {
        return blocks(kernel, alpha, a, b, beta, c, threads);
    }
    let cut = (n * (threads / 2) / threads).next_multiple_of(SPLIT_COLS);
    let (left, right) = c.split_at_col(cut);
    let part = |cols, c, threads| columns(kernel, (alpha, beta), a, b.block(0..k, cols), c, threads);
    rayon::join(
        || part(0..cut, left, threads / 2),
        || part(cut..n, right, threads - threads / 2),
    );
}

/// Loops 1 and 2: blocks of columns of B, and under them blocks of its rows, packed by all threads together.
fn blocks(kernel: Kernel, alpha: f32, a: MatRef<'_>, b: MatRef<'_>, beta: f32, mut c: MatMut<'_>, threads: usize) {
    let (m, n, k) = (c.rows(), c.cols(), a.cols());
    let parts = if threads > 1 { threads } else { 0 };
    let in_place = b.as_slice().map(|values| Panels::of_rows(values, k, n));
    let in_place =
        in_place.filter(|_| n.is_multiple_of(NR) && (k * n <= IN_PLACE || (m <= FEW_ROWS && m * n <= FEW_VALUES)));
    with_scratch(&PACKED_B, |packed| {
        for panels in even_blocks(n.div_ceil(NR), BLOCK_N / NR) {
            let cols = panels.start * NR..n.min(panels.end * NR);
            let (_, c) = c.reborrow().split_at_col(cols.start);
            let (mut c, _) = c.split_at_col(cols.len());
            for (index, rows) in k_blocks(k).enumerate() {
                let panels = match in_place {
                    Some(b) => b.rows(rows.clone()).cols(cols.clone()),
                    None => pack::panels(b.block(rows.clone(), cols.clone()), packed, parts > 0),
                };
                let epilogue = Epilogue {
                    alpha,
                    beta: if index == 0 { beta } else { 1.0 },
                    ..Epilogue::STORE
                };
                let a = a.block(0..m, rows);
                share(kernel, (a, 0..m), panels, c.reborrow(), epilogue, parts);
            }
        }
    });
}

/// Loop 3: blocks of rows of A, made by halving. They are shared out over threads, cut further into at least `parts`
/// parts, by columns if there are enough of them; unless `parts` is 0.
fn share(
    kernel: Kernel,
    (a, rows): (MatRef<'_>, Range<usize>),
    b: Panels<'_>,
    c: MatMut<'_>,
    epilogue: Epilogue<'_>,
    parts: usize,
) {
    let (m, n) = (c.rows(), c.cols());
    let (first, second) = if parts > 1 {
        (parts / 2, parts - parts / 2)
    } else {
        (parts, parts)
    };
    let cut = |len: usize| len * first.max(1) / (first + second).max(2);
    if m <= BLOCK_M && parts > 1 && n >= 2 * SPLIT_COLS {
        let cut = cut(n).next_multiple_of(SPLIT_COLS);
        let (left, right) = c.split_at_col(cut);
        fork(
            parts > 0,
            || share(kernel, (a, rows.clone()), b.cols(0..cut), left, epilogue, first),
            || share(kernel, (a, rows.clone()), b.cols(cut..n), right, epilogue, second),
        );
    } else if m > BLOCK_M || (parts > 1 && m > 1) {
        let (top, bottom) = c.split_at_row(cut(m));
        let cut = rows.start + cut(m);
        fork(
            parts > 0,
            || share(kernel, (a, rows.start..cut), b, top, epilogue, first),
            || share(kernel, (a, cut..rows.end), b, bottom, epilogue, second),
        );
    } else {
        block(kernel, (a, rows), b, c, epilogue);
    }
}

fn fork(parallel: bool, left: impl FnOnce() + Send, right: impl FnOnce() + Send) {
    if parallel {
        rayon::join(left, right);
    } else {
        left();
        right();
    }
}

/// Loops 4 and 5, panels of B and tiles of A, are the kernel's; A is first copied where it is better read so, and the
/// rows after these are on their way meanwhile.
fn block(kernel: Kernel, (a, rows): (MatRef<'_>, Range<usize>), b: Panels<'_>, c: MatMut<'_>, epilogue: Epilogue<'_>) {
    let (row_stride, col_stride) = a.strides();
    let next = a.block(rows.end..a.rows().min(rows.end + rows.len()), 0..a.cols());
    let a = a.block(rows, 0..a.cols());
    // One panel reads each value of A once: nothing is gained by a copy, if tiles can walk A as it lies. Without columns
    // there is nothing to copy.
    if a.cols() == 0 || (b.n <= NR && a.has_neighbours()) || (col_stride == 1 && row_stride < PAGE) {
        return kernel.multiply(a, b, c, epilogue);
    }
    with_scratch(&PACKED_A, |packed| {
        kernel.multiply(Segments::from(pack::rows(a, packed)).before(next), b, c, epilogue);
    });
}

/// `c = act(a·b + bias)` on this thread alone, with B packed whole beforehand.
pub(crate) fn multiply_packed(
    kernel: Kernel,
    a: MatRef<'_>,
    b: Panels<'_>,
    c: MatMut<'_>,
    bias: Option<&[f32]>,
    relu: bool,
) {
    packed_blocks(a, b, c, (bias, relu), |a, b, c, epilogue| {
        kernel.multiply(a, b, c, epilogue);
    });
}

/// As [`multiply_packed`], passing over rows of B that meet nothing but zeros, so that most of the weights need not
/// even be read. The rows of A are contiguous. Where B is finite, the results are equal; infinities and NaN in rows of
/// B that are passed over stay unseen.
pub(crate) fn multiply_live(
    kernel: Kernel,
    a: MatRef<'_>,
    b: Panels<'_>,
    c: MatMut<'_>,
    bias: Option<&[f32]>,
    relu: bool,
) {
    if b.n < LIVE_COLS {
        return multiply_packed(kernel, a, b, c, bias, relu);
    }
    packed_blocks(a, b, c, (bias, relu), |a, b, c, epilogue| {
        LIVE.with_borrow_mut(|live| {
            live.list(kernel, a);
            multiply_listed(kernel, a, live.lists(), b, c.into(), epilogue);
        });
    });
}

fn multiply_listed(
    kernel: Kernel,
    a: MatRef<'_>,
    lists: Option<Lists<'_>>,
    b: Panels<'_>,
    c: Output<'_>,
    epilogue: Epilogue<'_>,
) {
    match lists {
        Some(lists) => kernel.multiply(Segments::of_lists(a, lists), b, c, epilogue),
        None => kernel.multiply(a, b, c, epilogue),
    }
}

/// `c = alpha·aᵀ·b + beta·c` on this thread alone, with C in panels, `[panels, columns of a, 16]`, and with lists of
/// `aᵀ`, if there are any: what they pass over is not read.
pub(crate) fn multiply_transposed(
    kernel: Kernel,
    (a, lists): (MatRef<'_>, Option<Lists<'_>>),
    b: Panels<'_>,
    c: &mut [f32],
    (alpha, beta): (f32, f32),
) {
    let epilogue = Epilogue {
        alpha,
        beta,
        ..Epilogue::STORE
    };
    for groups in even_blocks(a.cols().div_ceil(GROUP), BLOCK_ROWS / GROUP) {
        let rows = groups.start * GROUP..a.cols().min(groups.end * GROUP);
        let lists = lists.map(|lists| lists.of_rows(rows.clone()));
        let c = Output::panels(&mut c[rows.start * NR..], rows.len(), b.n, a.cols() * NR);
        let a = a.block(0..a.rows(), rows).transposed();
        multiply_listed(kernel, a, lists, b, c, epilogue);
    }
}

fn packed_blocks(
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
        for rows in even_blocks(a.rows(), BLOCK_M) {
            let (c, _) = c.reborrow().split_at_row(rows.end);
            let (_, c) = c.split_at_row(rows.start);
            multiply(a.block(rows, range.clone()), b.rows(range.clone()), c, epilogue);
        }
    }
}

/// The blocks of the inner dimension; one empty block where it is 0, so that C is still written.
fn k_blocks(k: usize) -> impl Iterator<Item = Range<usize>> {
    even_blocks(k, BLOCK_K).chain((k == 0).then_some(0..0))
}

/// Cuts `0..len` into as few blocks of at most `limit` as do, of nearly equal length.
pub(crate) fn even_blocks(len: usize, limit: usize) -> impl Iterator<Item = Range<usize>> {
    let count = len.div_ceil(limit);
    (0..count).map(move |i| (len * i / count)..(len * (i + 1) / count))
}

/// Lists of a block of A.
type LiveBlock = Live<[u16; Live::len(BLOCK_M, BLOCK_K)], [f32; Live::values_len(BLOCK_M, BLOCK_K)]>;

thread_local! {
    static PACKED_A: RefCell<Buffer> = RefCell::default();
    static PACKED_B: RefCell<Buffer> = RefCell::default();
    static LIVE: RefCell<LiveBlock> = const {
        RefCell::new(Live::new(
            [0; Live::len(BLOCK_M, BLOCK_K)],
            [0.0; Live::values_len(BLOCK_M, BLOCK_K)],
        ))
    };
}

/// Lends this thread's scratch buffer. It is taken out meanwhile, since a thread that waits for others may start
/// another product.
fn with_scratch<R>(scratch: &'static std::thread::LocalKey<RefCell<Buffer>>, f: impl FnOnce(&mut Buffer) -> R) -> R {
    let mut buffer = scratch.take();
    let result = f(&mut buffer);
    scratch.set(buffer);
    result
}
