//! The register-blocked inner loops: a few rows of A times a panel of B, summed in registers.

use std::{marker::PhantomData, mem::MaybeUninit, ops::Range};

use super::{
    GROUP, MatRef, NR, Output, Segments, Vectorize,
    simd::{LINE, Simd, prefetch, prefetch_far},
    sparse::Column,
};

/// A matrix in panels of [`NR`] columns: element `(row, p·NR + lane)` stands at
/// `p·panel_stride + row·row_stride + lane`. The last panel is whole too: what stands behind the last column is read,
/// and not used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels<'a> {
    /// The values, from the first row wanted on.
    pub(crate) data: &'a [f32],
    /// Rows to multiply with, of each segment.
    pub(crate) k: usize,
    /// Columns, without the padding.
    pub(crate) n: usize,
    /// Distance between panels, in elements.
    pub(crate) panel_stride: usize,
    /// Distance between rows, in elements: [`NR`] where the panels are packed.
    pub(crate) row_stride: usize,
    /// Distance between segments of rows, in elements, where A's columns come in segments.
    pub(crate) segment_stride: usize,
}

impl<'a> Panels<'a> {
    /// Packed panels, `[panels, k, NR]`.
    pub(crate) fn packed(data: &'a [f32], k: usize, n: usize) -> Self {
        Self {
            data,
            k,
            n,
            panel_stride: k * NR,
            row_stride: NR,
            segment_stride: 0,
        }
    }

    /// A matrix of whole panels as it lies in memory, row after row, `[k, n]`.
    pub(crate) fn of_rows(data: &'a [f32], k: usize, n: usize) -> Self {
        Self {
            panel_stride: NR,
            row_stride: n,
            ..Self::packed(data, k, n)
        }
    }

    /// The rows `rows` of these panels.
    pub(crate) fn rows(self, rows: Range<usize>) -> Self {
        Self {
            k: rows.len(),
            ..self.from(rows.start * self.row_stride)
        }
    }

    /// The columns `cols` of these panels; the first is the first of a panel.
    pub(crate) fn cols(self, cols: Range<usize>) -> Self {
        Self {
            n: cols.len(),
            ..self.from(cols.start / NR * self.panel_stride)
        }
    }

    /// All from a place on; nothing, if there are no rows.
    fn from(self, start: usize) -> Self {
        Self {
            data: &self.data[start.min(self.data.len())..],
            ..self
        }
    }
}

/// What happens to a sum on its way into C: `act(beta·c + alpha·sum + bias)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue<'a> {
    /// Factor of the sum.
    pub(crate) alpha: f32,
    /// Factor of what C holds; with 0, C is not read.
    pub(crate) beta: f32,
    /// One value a column.
    pub(crate) bias: Option<&'a [f32]>,
    /// Whether what is below zero becomes zero.
    pub(crate) relu: bool,
}

impl Epilogue<'_> {
    /// `c = sum`.
    pub(crate) const STORE: Self = Self {
        alpha: 1.0,
        beta: 0.0,
        bias: None,
        relu: false,
    };
}

/// Asserts that the operands fit each other; the strips rely on it.
pub(super) fn check(a: &Segments<'_>, b: &Panels<'_>, c: &Output<'_>, epilogue: &Epilogue<'_>) {
    assert_eq!(a.first().cols(), b.k, "columns of a against rows of b");
    assert_eq!((a.first().rows(), b.n), (c.rows(), c.cols()), "shape of the product");
    assert!(
        a.lists().is_some() || a.first().has_neighbours(),
        "rows or columns of a must be neighbours"
    );
    assert!(c.cols() <= 1 || c.col_stride() == 1, "columns of c must be contiguous");
    let panels = b.n.div_ceil(NR);
    if panels > 0 && b.k > 0 && a.count() > 0 {
        let last = (panels - 1) * b.panel_stride + (a.count() - 1) * b.segment_stride + (b.k - 1) * b.row_stride;
        let end = last + NR;
        assert!(b.data.len() >= end, "panels are cut short");
    }
    if let Some(bias) = epilogue.bias {
        assert_eq!(bias.len(), b.n, "one bias a column");
    }
}

/// Distances of A's rows and columns where they are listed: a column's values stand side by side.
const LISTED_STRIDES: (usize, usize) = (1, GROUP);

/// How a tile walks A. Strides that the compiler knows need neither registers nor additions.
trait Walk {
    const ROW_STRIDE: Option<usize> = None;
    const COL_STRIDE: Option<usize> = None;
    /// Whether the columns of A, and with them the rows of B, are listed.
    const LISTED: bool = false;
}

/// A's columns are neighbours.
struct ByRows;

impl Walk for ByRows {
    const COL_STRIDE: Option<usize> = Some(1);
}

/// A's rows are neighbours.
struct ByColumns;

impl Walk for ByColumns {
    const ROW_STRIDE: Option<usize> = Some(1);
}

/// A's columns are listed.
struct Listed;

impl Walk for Listed {
    const ROW_STRIDE: Option<usize> = Some(LISTED_STRIDES.0);
    const COL_STRIDE: Option<usize> = Some(LISTED_STRIDES.1);
    const LISTED: bool = true;
}

/// Tiles of one shape, one below the other.
struct Stack {
    tiles: usize,
    height: usize,
    run: unsafe fn(&Operands),
}

/// What runs tiles of a shape, rows and panels, that is known at run time.
macro_rules! run_of {
    ($walk:ty, $shape:expr) => {
        run_of!($walk, $shape,
            1: 1 2 3 4, 2: 1 2 3 4, 3: 1 2 3 4,
            4: 1 2, 5: 1 2, 6: 1 2, 7: 1 2, 8: 1 2, 9: 1 2, 10: 1 2, 11: 1 2, 12: 1 2, 13: 1 2, 14: 1 2,
        )
    };
    ($walk:ty, $shape:expr, $($rows:literal: $($panels:literal)+,)+) => {
        match $shape {
            $($(($rows, $panels) => run::<S, $rows, $panels, V, $walk> as unsafe fn(&Operands),)+)+
            shape => unreachable!("no tile has the shape {shape:?}"),
        }
    };
}

/// How the tiles of a strip walk A.
#[derive(Clone, Copy)]
enum Order {
    ByRows,
    ByColumns,
    Listed,
}

impl Order {
    /// [`check`] has seen that rows or columns are neighbours.
    fn of(a: &Segments<'_>) -> Self {
        if a.lists().is_some() {
            Self::Listed
        } else if a.first().cols() <= 1 || a.first().strides().1 == 1 {
            Self::ByRows
        } else {
            Self::ByColumns
        }
    }

    fn run<S: Simd, const V: usize>(self, shape: (usize, usize)) -> unsafe fn(&Operands) {
        match self {
            Self::ByRows => run_of!(ByRows, shape),
            Self::ByColumns => run_of!(ByColumns, shape),
            Self::Listed => run_of!(Listed, shape, 1: 1 2 3 4, 2: 1 2 3 4, 3: 1 2 3 4,),
        }
    }
}

/// Rows, at least one, in tiles of nearly equal height: two tiles of 4 and 3 rows keep the pipes fuller than 6 and 1.
/// First those that are a row higher, if there are any, then the others.
fn stacks<S: Simd, const V: usize>(rows: usize, panels: usize, order: Order) -> [Stack; 2] {
    let tiles = rows.div_ceil(S::ROWS);
    let (height, higher) = (rows / tiles, rows % tiles);
    let taller = if higher > 0 { height + 1 } else { height };
    [(higher, taller), (tiles - higher, height)].map(|(tiles, height)| Stack {
        tiles,
        height,
        run: order.run::<S, V>((height, panels)),
    })
}

/// All of C: a few panels at a time, and under them a tile of rows at a time, so that the panels stay in the nearest
/// caches. `V` is `NR / S::LANES`.
///
/// # Safety
/// [`check`] has passed for these operands, and the CPU has what `S` needs.
pub(super) unsafe fn strip<S: Simd, const V: usize>(
    a: Segments<'_>,
    b: Panels<'_>,
    mut c: Output<'_>,
    epilogue: &Epilogue<'_>,
) {
    const { assert!(V * S::LANES == NR) };
    let order = Order::of(&a);
    let (row_stride, col_stride) = match order {
        Order::Listed => LISTED_STRIDES,
        Order::ByRows | Order::ByColumns => a.first().strides(),
    };
    let ops = Operands {
        k: b.k,
        segments: a.count(),
        listed: std::ptr::null(),
        a: a.first().as_ptr(),
        a_row: row_stride,
        a_col: col_stride,
        a_segment: a.stride(),
        b: b.data.as_ptr(),
        b_panel: b.panel_stride,
        b_row: b.row_stride,
        b_segment: b.segment_stride,
        c: c.as_ptr(),
        c_row: c.row_stride(),
        c_panel: c.panel_stride(),
        cols: b.n,
        bias: epilogue.bias.map_or(std::ptr::null(), <[f32]>::as_ptr),
        alpha: epilogue.alpha,
        beta: epilogue.beta,
        relu: epilogue.relu,
    };
    let (rows, cols, lists) = (c.rows(), c.cols(), a.lists());
    // Rows of a group walk the same columns of A.
    let group = if lists.is_some() { rows.min(GROUP) } else { rows }.max(1);
    let panels_at_once = S::PANELS[group.min(4) - 1];
    let mut next = Next::new(a.next(), cols.div_ceil(panels_at_once * NR) * rows.div_ceil(S::ROWS));
    let stacks_of = |rows: usize, panels| stacks::<S, V>(rows, panels, order);
    let mut whole = stacks_of(group, panels_at_once);
    let mut col = 0;
    while col < cols {
        let panels = (cols - col).div_ceil(NR).min(panels_at_once);
        let mut at = ops.at(col);
        if panels < panels_at_once {
            whole = stacks_of(group, panels);
        }
        for first in (0..rows).step_by(group) {
            if let Some(lists) = lists {
                let (list, values) = lists.of_row(first);
                (at.listed, at.k, at.a) = (list.as_ptr(), list.len(), values.as_ptr().cast());
            }
            let last;
            let stacks = if first + group <= rows {
                &whole
            } else {
                last = stacks_of(rows - first, panels);
                &last
            };
            for stack in stacks {
                for _ in 0..stack.tiles {
                    next.ask();
                    // SAFETY: the heights add up to all rows, and `panels` panels from column `col` on lie inside the
                    // operands, of which `check` has seen that they fit each other; lists are of A's columns alone,
                    // and with each come the values of a whole group.
                    unsafe { (stack.run)(&at) };
                    at.a = at.a.wrapping_add(stack.height * at.a_row);
                    at.c = at.c.wrapping_add(stack.height * at.c_row);
                }
            }
        }
        col += panels * NR;
    }
}

/// Asks for a matrix that will be read next, a few lines of the cache with each tile, so that nothing waits for it.
struct Next {
    row: *const f32,
    row_stride: usize,
    rows: usize,
    cols: usize,
    col: usize,
    lines_at_once: usize,
}

impl Next {
    /// Asks for all of `matrix` in `tiles` parts.
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
            lines_at_once: (rows * cols.div_ceil(LINE)).div_ceil(tiles.max(1)),
        }
    }

    #[inline(always)]
    fn ask(&mut self) {
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

/// Where the operands of a tile begin, and how they go on.
#[derive(Clone, Copy)]
struct Operands {
    segments: usize,
    /// Null, or the `k` rows of B that are walked; there is one segment then, and A has [`GROUP`] values for each.
    listed: *const Column,
    k: usize,
    a: *const f32,
    a_row: usize,
    a_col: usize,
    a_segment: usize,
    b: *const f32,
    b_panel: usize,
    b_row: usize,
    b_segment: usize,
    c: *mut f32,
    c_row: usize,
    c_panel: usize,
    /// Columns of C from here to its right edge; may end inside the tile.
    cols: usize,
    /// Null, or as many values as `cols`.
    bias: *const f32,
    alpha: f32,
    beta: f32,
    relu: bool,
}

impl Operands {
    /// The operands from column `col` of B and C on, a multiple of [`NR`].
    fn at(&self, col: usize) -> Self {
        let bias = self.bias;
        Self {
            b: self.b.wrapping_add(col / NR * self.b_panel),
            c: self.c.wrapping_add(col / NR * self.c_panel),
            cols: self.cols - col,
            bias: if bias.is_null() { bias } else { bias.wrapping_add(col) },
            ..*self
        }
    }
}

/// `M` rows times `P` panels of `V` vectors each. Made only where the CPU has what `S` needs; A has `M` rows and B `P`
/// panels of `k` rows from here on; C has `M` rows and `cols` columns from here on, of which at least one lies in the
/// last panel.
struct Tile<'a, S, const M: usize, const P: usize, const V: usize, W>(&'a Operands, PhantomData<(S, W)>);

impl<S: Simd, const M: usize, const P: usize, const V: usize, W: Walk> Vectorize for Tile<'_, S, M, P, V, W> {
    #[inline(always)]
    fn run(self) {
        if const { M > S::ROWS || P > S::PANELS[if M < 4 { M } else { 4 } - 1] } {
            unreachable!("`stacks` takes no tile of this shape");
        }
        // SAFETY: whoever made this tile vouches for what it says.
        unsafe { tile::<S, M, P, V, W>(self.0) }
    }
}

/// # Safety
/// As [`Tile`] says.
unsafe fn run<S: Simd, const M: usize, const P: usize, const V: usize, W: Walk>(at: &Operands) {
    // SAFETY: the caller's promise.
    unsafe { S::run(Tile::<S, M, P, V, W>(at, PhantomData)) };
}

/// # Safety
/// As [`Tile`] says.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const P: usize, const V: usize, W: Walk>(at: &Operands) {
    let mut cut_bias = MaybeUninit::<[[f32; NR]; P]>::uninit();
    let mut buffer = MaybeUninit::<[[[f32; NR]; P]; M]>::uninit();
    let c = (at.c, at.c_row, at.c_panel);
    let whole = (buffer.as_mut_ptr().cast(), P * NR, NR);
    let is_cut = at.cols < P * NR;
    let mut bias = if at.bias.is_null() {
        NO_BIAS.as_ptr().cast()
    } else {
        at.bias
    };
    // Whatever calls a function comes before the sums or after them, so that they can stay in registers.
    // SAFETY: C has `M` rows of `cols` columns, and so has the bias; the buffers are as large as the tile, and as one
    // of its rows.
    unsafe {
        if is_cut && !at.bias.is_null() {
            cut_bias.as_mut_ptr().write_bytes(0, 1);
            std::ptr::copy_nonoverlapping(at.bias, cut_bias.as_mut_ptr().cast(), at.cols);
            bias = cut_bias.as_ptr().cast();
        }
        if is_cut && at.beta != 0.0 {
            buffer.as_mut_ptr().write_bytes(0, 1);
            copy(c, whole, M, at.cols);
        }
    }
    let target = if is_cut { whole } else { c };
    // SAFETY: A and B are as the caller vouches; the target has all of the tile.
    unsafe {
        let sums = sums::<S, M, P, V, W>(at);
        if at.beta == 0.0 {
            finish::<S, M, P, V, false>(at, &sums, bias, target);
        } else {
            finish::<S, M, P, V, true>(at, &sums, bias, target);
        }
        if is_cut {
            copy(whole, c, M, at.cols);
        }
    }
}

/// For tiles without a bias: what is added to a sum and leaves it as it is, a zero's sign included.
static NO_BIAS: [[f32; NR]; 4] = [[-0.0; NR]; 4];

/// The products of `M` rows and `P` panels.
///
/// # Safety
/// The CPU has what `S` needs; A has `M` rows and B `P` panels of `k` rows from here on.
#[inline(always)]
unsafe fn sums<S: Simd, const M: usize, const P: usize, const V: usize, W: Walk>(
    at: &Operands,
) -> [[[S::Vector; V]; P]; M] {
    // C is wanted at the end, and is seldom near.
    for m in 0..M {
        for p in 0..P {
            prefetch(at.c.wrapping_add(m * at.c_row + p * at.c_panel));
        }
    }
    // SAFETY: segments and steps stay below their counts, so that A and B are read inside the bounds that the caller
    // vouches for.
    unsafe {
        let mut sums = [[[S::zero(); V]; P]; M];
        for segment in 0..at.segments {
            let mut place = Step {
                a: at.a.wrapping_add(segment * at.a_segment),
                b: at.b.wrapping_add(segment * at.b_segment),
                listed: at.listed,
            };
            for _ in 0..at.k / S::UNROLL {
                place = steps::<S, M, P, V, W>(at, place, S::UNROLL, &mut sums);
            }
            for _ in 0..at.k % S::UNROLL {
                place = steps::<S, M, P, V, W>(at, place, 1, &mut sums);
            }
        }
        sums
    }
}

/// Where a step's column of A and row of B begin; or, where rows of B are listed, the first of all, and the step's place in
/// the list.
#[derive(Clone, Copy)]
struct Step {
    a: *const f32,
    b: *const f32,
    listed: *const Column,
}

/// Does `count` steps, a constant to be unrolled by, and says where the next begins: after the last, outside of A and B, where nothing is read.
///
/// # Safety
/// As [`sums`]; there are so many steps from here on, and what is listed are rows of B.
#[inline(always)]
unsafe fn steps<S: Simd, const M: usize, const P: usize, const V: usize, W: Walk>(
    at: &Operands,
    place: Step,
    count: usize,
    sums: &mut [[[S::Vector; V]; P]; M],
) -> Step {
    let Step { a, b, listed } = place;
    let a_col = W::COL_STRIDE.unwrap_or(at.a_col);
    for step in 0..count {
        // SAFETY: `step` is below the count, by the caller's promise.
        unsafe {
            let b = if W::LISTED {
                b.wrapping_add(usize::from(*listed.add(step)) * at.b_row)
            } else {
                b.wrapping_add(step * at.b_row)
            };
            add_product::<S, M, P, V, W>(at, a.wrapping_add(step * a_col), b, sums);
        }
    }
    Step {
        a: a.wrapping_add(count * a_col),
        b: if W::LISTED { b } else { b.wrapping_add(count * at.b_row) },
        listed: if W::LISTED { listed.wrapping_add(count) } else { listed },
    }
}

/// Adds the products of a column of A and a row of B.
///
/// # Safety
/// The CPU has what `S` needs; the column has `M` rows and the row `P` panels.
#[allow(clippy::needless_range_loop)] // Indices name the row, panel and vector; iterators would hide them.
#[inline(always)]
unsafe fn add_product<S: Simd, const M: usize, const P: usize, const V: usize, W: Walk>(
    at: &Operands,
    a: *const f32,
    b: *const f32,
    sums: &mut [[[S::Vector; V]; P]; M],
) {
    let a_row = W::ROW_STRIDE.unwrap_or(at.a_row);
    // SAFETY: row `m` stays below `M`, and panel `p` below `P`.
    unsafe {
        // One operand waits in registers, the other passes by.
        if const { (M + 1) * P * V < S::REGISTERS } {
            let mut columns = [[S::zero(); V]; P];
            for p in 0..P {
                for v in 0..V {
                    columns[p][v] = S::load(b.add(p * at.b_panel + v * S::LANES));
                }
            }
            for m in 0..M {
                let x = S::splat(*a.add(m * a_row));
                for p in 0..P {
                    for v in 0..V {
                        sums[m][p][v] = S::mul_add(x, columns[p][v], sums[m][p][v]);
                    }
                }
            }
        } else {
            let mut xs = [S::zero(); M];
            for m in 0..M {
                xs[m] = S::splat(*a.add(m * a_row));
            }
            for p in 0..P {
                for v in 0..V {
                    let column = S::load(b.add(p * at.b_panel + v * S::LANES));
                    for m in 0..M {
                        sums[m][p][v] = S::mul_add(xs[m], column, sums[m][p][v]);
                    }
                }
            }
        }
    }
}

/// The first element of a tile, and its distances from row to row and from panel to panel.
type Place = (*mut f32, usize, usize);

/// Copies the first `cols` columns of a tile.
///
/// # Safety
/// Both have that many columns and `rows` rows, and share none.
#[inline(never)]
unsafe fn copy(from: Place, to: Place, rows: usize, cols: usize) {
    for row in 0..rows {
        for (panel, first) in (0..cols).step_by(NR).enumerate() {
            // SAFETY: row and panel are inside, by the caller's promise.
            unsafe {
                let from = from.0.add(row * from.1 + panel * from.2);
                let to = to.0.add(row * to.1 + panel * to.2);
                std::ptr::copy_nonoverlapping(from, to, NR.min(cols - first));
            }
        }
    }
}

/// Takes the sums through the epilogue into C, which is read only if `READ`.
///
/// # Safety
/// The CPU has what `S` needs; C has `M` rows of `P` whole panels, and so many values has the bias.
#[allow(clippy::needless_range_loop)] // As in `sums`.
#[inline(always)]
unsafe fn finish<S: Simd, const M: usize, const P: usize, const V: usize, const READ: bool>(
    at: &Operands,
    sums: &[[[S::Vector; V]; P]; M],
    bias: *const f32,
    (c, c_row, c_panel): Place,
) {
    // SAFETY: row `m`, panel `p` and vector `v` are inside the tile.
    unsafe {
        let (alpha, beta) = (S::splat(at.alpha), S::splat(at.beta));
        // The larger of this and a sum is the sum, or its ReLU.
        let least = S::splat(if at.relu { 0.0 } else { f32::NEG_INFINITY });
        for m in 0..M {
            for p in 0..P {
                for v in 0..V {
                    let c = c.add(m * c_row + p * c_panel + v * S::LANES);
                    let mut x = S::mul_add(alpha, sums[m][p][v], S::load(bias.add(p * NR + v * S::LANES)));
                    if READ {
                        x = S::mul_add(beta, S::load(c), x);
                    }
                    S::store(c, S::max(least, x));
                }
            }
        }
    }
}
