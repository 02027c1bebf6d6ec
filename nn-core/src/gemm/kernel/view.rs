//! Strided matrix views over slices: checked once when made, split without overlap.

use std::marker::PhantomData;

use super::Lists;
use crate::error::{Error, Result};

/// A matrix that is read: element `(i, j)` stands at `i·row_stride + j·col_stride` of a slice.
///
/// ```
/// use nn_core::gemm::MatRef;
/// let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let a = MatRef::row_major(&values, 2, 3)?;
/// assert_eq!(a.get(1, 0), 4.0);
/// assert_eq!(a.transposed().get(0, 1), 4.0);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a> {
    // Invariant: every element lies inside the allocation of the slice this view was made from, and nothing writes to
    // any of them while the view lives. A pointer, not a slice, since a block's rows have other data between them.
    data: *const f32,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
    borrow: PhantomData<&'a [f32]>,
}

// SAFETY: a `MatRef` is a shared borrow of its elements, as a `&[f32]` is, and `f32` is `Sync`.
unsafe impl Send for MatRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for MatRef<'_> {}

/// A matrix that is written: as [`MatRef`], and no two elements share memory.
#[derive(Debug)]
pub struct MatMut<'a> {
    // Invariant: every element lies inside the allocation of the slice this view was made from, and no other live
    // view reaches any of them.
    data: *mut f32,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `MatMut` is an exclusive borrow of its elements, as a `&mut [f32]` is, and `f32` is `Send`.
unsafe impl Send for MatMut<'_> {}

/// The length a slice needs to hold a view, or `None` where that overflows.
fn span(rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Option<usize> {
    if rows == 0 || cols == 0 {
        return Some(0);
    }
    let last_row = (rows - 1).checked_mul(row_stride)?;
    let last_col = (cols - 1).checked_mul(col_stride)?;
    last_row.checked_add(last_col)?.checked_add(1)
}

impl<'a> MatRef<'a> {
    /// A view with any strides, in elements; a stride of 0 repeats a row or a column.
    ///
    /// # Errors
    /// If an element would lie outside the slice.
    pub fn new(data: &'a [f32], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Result<Self> {
        if span(rows, cols, row_stride, col_stride).is_none_or(|span| span > data.len()) {
            return Err(Error::View {
                rows,
                cols,
                row_stride,
                col_stride,
                len: data.len(),
                reason: "an element lies outside the slice",
            });
        }
        Ok(Self {
            data: data.as_ptr(),
            rows,
            cols,
            row_stride,
            col_stride,
            borrow: PhantomData,
        })
    }

    /// A contiguous matrix, `[rows, cols]`.
    ///
    /// # Errors
    /// If the slice is shorter than `rows·cols`.
    pub fn row_major(data: &'a [f32], rows: usize, cols: usize) -> Result<Self> {
        Self::new(data, rows, cols, cols, 1)
    }

    /// The same elements with rows and columns exchanged; nothing is copied.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// Element `(row, col)`.
    ///
    /// # Panics
    /// If it is outside the matrix.
    #[must_use]
    pub fn get(&self, row: usize, col: usize) -> f32 {
        assert!(
            row < self.rows && col < self.cols,
            "({row}, {col}) is outside the matrix"
        );
        // SAFETY: `(row, col)` is an element of the view.
        unsafe { *self.data.add(row * self.row_stride + col * self.col_stride) }
    }

    /// All elements, if they lie row after row without gaps.
    pub(crate) fn as_slice(&self) -> Option<&'a [f32]> {
        let contiguous = self.col_stride == 1 && self.row_stride == self.cols;
        // SAFETY: the elements are all that the slice holds, and they are borrowed for `'a`.
        contiguous.then(|| unsafe { std::slice::from_raw_parts(self.data, self.rows * self.cols) })
    }

    /// Row `row` as a slice.
    ///
    /// # Panics
    /// If there is no such row, or if its elements are not contiguous.
    pub(crate) fn row(&self, row: usize) -> &'a [f32] {
        assert!(row < self.rows && (self.col_stride == 1 || self.cols <= 1));
        if self.cols == 0 {
            return &[];
        }
        // SAFETY: the row's elements are contiguous, inside the view, and borrowed for `'a`.
        unsafe { std::slice::from_raw_parts(self.data.add(row * self.row_stride), self.cols) }
    }

    /// The block of rows `rows` and columns `cols`.
    ///
    /// # Panics
    /// If the block reaches outside the matrix.
    pub(crate) fn block(&self, rows: std::ops::Range<usize>, cols: std::ops::Range<usize>) -> Self {
        assert!(rows.end <= self.rows && cols.end <= self.cols);
        let (height, width) = (rows.len(), cols.len());
        let start = if height == 0 || width == 0 {
            0
        } else {
            rows.start * self.row_stride + cols.start * self.col_stride
        };
        Self {
            // `start` is the offset of an element of the view, or 0.
            data: self.data.wrapping_add(start),
            rows: height,
            cols: width,
            ..*self
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Whether rows or columns lie side by side in memory; one alone always does.
    pub(crate) fn has_neighbours(&self) -> bool {
        self.row_stride == 1 || self.col_stride == 1 || self.rows <= 1 || self.cols <= 1
    }

    pub(crate) fn strides(&self) -> (usize, usize) {
        (self.row_stride, self.col_stride)
    }

    pub(super) fn as_ptr(&self) -> *const f32 {
        self.data
    }
}

impl<'a> MatMut<'a> {
    /// A view with any strides, in elements, under which no two elements share memory.
    ///
    /// # Errors
    /// If an element would lie outside the slice, or two would share memory.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Result<Self> {
        let fail = |len, reason| {
            Err(Error::View {
                rows,
                cols,
                row_stride,
                col_stride,
                len,
                reason,
            })
        };
        if span(rows, cols, row_stride, col_stride).is_none_or(|span| span > data.len()) {
            return fail(data.len(), "an element lies outside the slice");
        }
        // Elements are apart if a whole row fits between two neighbouring rows, or a whole column between columns.
        // `span` has shown that the products fit into a `usize`.
        let apart = |inner: usize, inner_stride: usize, outer: usize, outer_stride: usize| {
            (inner <= 1 || inner_stride > 0) && (outer <= 1 || outer_stride > (inner - 1) * inner_stride)
        };
        if rows > 0
            && cols > 0
            && !apart(cols, col_stride, rows, row_stride)
            && !apart(rows, row_stride, cols, col_stride)
        {
            return fail(data.len(), "two elements share memory, so it cannot be written");
        }
        Ok(Self {
            data: data.as_mut_ptr(),
            rows,
            cols,
            row_stride,
            col_stride,
            borrow: PhantomData,
        })
    }

    /// A contiguous matrix, `[rows, cols]`.
    ///
    /// # Errors
    /// If the slice is shorter than `rows·cols`.
    pub fn row_major(data: &'a mut [f32], rows: usize, cols: usize) -> Result<Self> {
        Self::new(data, rows, cols, cols, 1)
    }

    /// The same elements with rows and columns exchanged; nothing is copied.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    pub(crate) fn strides(&self) -> (usize, usize) {
        (self.row_stride, self.col_stride)
    }

    /// The same view for a shorter time.
    pub(crate) fn reborrow(&mut self) -> MatMut<'_> {
        MatMut { ..*self }
    }

    /// The same view, read.
    pub(crate) fn as_ref(&self) -> MatRef<'_> {
        MatRef {
            data: self.data,
            rows: self.rows,
            cols: self.cols,
            row_stride: self.row_stride,
            col_stride: self.col_stride,
            borrow: PhantomData,
        }
    }

    /// Row `row` as a slice.
    ///
    /// # Panics
    /// If there is no such row, or if its elements are not contiguous.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows && (self.col_stride == 1 || self.cols <= 1));
        if self.cols == 0 {
            return &mut [];
        }
        // SAFETY: the row's elements are contiguous, inside the view, and borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(row * self.row_stride), self.cols) }
    }

    /// The rows before `row`, and those from it on.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub(crate) fn split_at_row(self, row: usize) -> (Self, Self) {
        assert!(row <= self.rows);
        let offset = if row == self.rows || self.cols == 0 {
            0
        } else {
            row * self.row_stride
        };
        // SAFETY: the offset is that of an element of the view, or 0, so the pointer stays inside the allocation;
        // the two halves share no element, since they share no row.
        let below = unsafe { self.data.add(offset) };
        let rest = self.rows - row;
        (
            Self { rows: row, ..self },
            Self {
                data: below,
                rows: rest,
                ..self
            },
        )
    }

    /// The columns before `col`, and those from it on.
    ///
    /// # Panics
    /// If there are fewer columns.
    pub(crate) fn split_at_col(self, col: usize) -> (Self, Self) {
        let (left, right) = self.transposed().split_at_row(col);
        (left.transposed(), right.transposed())
    }

    /// Applies `f` to every element.
    pub(crate) fn for_each(&mut self, mut f: impl FnMut(&mut f32)) {
        for row in 0..self.rows {
            for col in 0..self.cols {
                // SAFETY: `(row, col)` is an element of the view, which borrows it exclusively.
                f(unsafe { &mut *self.data.add(row * self.row_stride + col * self.col_stride) });
            }
        }
    }
}

/// A matrix whose columns come in segments: segment `s` is a matrix like the first one, `s·stride` elements on.
///
/// A window of a picture is one: a segment is a row of the window, whose pixels are neighbours in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments<'a> {
    first: MatRef<'a>,
    count: usize,
    stride: usize,
    /// Which columns to walk, where there is one segment and not all of it is wanted.
    lists: Option<Lists<'a>>,
    /// What will be read after this, and is asked for meanwhile.
    next: Option<MatRef<'a>>,
}

impl<'a> From<MatRef<'a>> for Segments<'a> {
    fn from(first: MatRef<'a>) -> Self {
        Self {
            first,
            count: 1,
            stride: 0,
            lists: None,
            next: None,
        }
    }
}

impl<'a> Segments<'a> {
    /// `count` segments of `rows` × `cols` each.
    ///
    /// # Panics
    /// If an element lies outside the slice.
    pub(crate) fn new(
        data: &'a [f32],
        (rows, row_stride): (usize, usize),
        (cols, col_stride): (usize, usize),
        (count, stride): (usize, usize),
    ) -> Self {
        let one = span(rows, cols, row_stride, col_stride);
        let last = count.saturating_sub(1).checked_mul(stride);
        let all = one.zip(last).and_then(|(one, last)| one.checked_add(last));
        assert!(
            all.is_some_and(|all| all <= data.len()),
            "a segment lies outside the slice"
        );
        Self {
            first: MatRef {
                data: data.as_ptr(),
                rows,
                cols,
                row_stride,
                col_stride,
                borrow: PhantomData,
            },
            count,
            stride,
            lists: None,
            next: None,
        }
    }

    /// A matrix of which only the listed columns are walked.
    ///
    /// # Panics
    /// If the lists are not of a matrix of this shape.
    pub(crate) fn of_lists(first: MatRef<'a>, lists: Lists<'a>) -> Self {
        let fits = lists.rows() == first.rows && lists.cols() == first.cols;
        assert!(fits, "the lists are another matrix's");
        Self {
            lists: Some(lists),
            ..first.into()
        }
    }

    /// The same, with a matrix that will be read when these have been multiplied.
    pub(crate) fn before(self, next: MatRef<'a>) -> Self {
        Self {
            next: Some(next),
            ..self
        }
    }

    pub(super) fn next(&self) -> Option<MatRef<'a>> {
        self.next
    }

    pub(super) fn lists(&self) -> Option<Lists<'a>> {
        self.lists
    }

    pub(super) fn first(&self) -> &MatRef<'a> {
        &self.first
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }
}

/// Where a product goes: a matrix whose panels of columns may stand apart.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    /// All rows, and the columns of the first panel.
    first: MatMut<'a>,
    cols: usize,
    panel_stride: usize,
}

impl<'a> From<MatMut<'a>> for Output<'a> {
    fn from(view: MatMut<'a>) -> Self {
        Self {
            cols: view.cols,
            panel_stride: super::NR,
            first: view,
        }
    }
}

impl<'a> Output<'a> {
    /// Packed panels: `rows` rows of `cols` columns, with `panel_stride` values from one panel's first row to the
    /// next one's.
    ///
    /// # Panics
    /// If an element lies outside the slice, or panels overlap.
    pub(crate) fn panels(data: &'a mut [f32], rows: usize, cols: usize, panel_stride: usize) -> Self {
        let panels = cols.div_ceil(super::NR);
        assert!(panels <= 1 || panel_stride >= rows * super::NR, "panels overlap");
        let len = panels.saturating_sub(1) * panel_stride + rows * super::NR;
        assert!(len <= data.len(), "panels are cut short");
        Self {
            first: MatMut {
                data: data.as_mut_ptr(),
                rows,
                cols: cols.min(super::NR),
                row_stride: super::NR,
                col_stride: 1,
                borrow: PhantomData,
            },
            cols,
            panel_stride,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.first.rows
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    pub(super) fn row_stride(&self) -> usize {
        self.first.row_stride
    }

    pub(super) fn col_stride(&self) -> usize {
        self.first.col_stride
    }

    pub(super) fn panel_stride(&self) -> usize {
        self.panel_stride
    }

    pub(super) fn as_ptr(&mut self) -> *mut f32 {
        self.first.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_outside_the_slice_are_refused() {
        let data = [0.0; 6];
        assert!(MatRef::row_major(&data, 2, 3).is_ok());
        assert!(MatRef::row_major(&data, 2, 4).is_err());
        assert!(MatRef::new(&data, usize::MAX, 2, usize::MAX, 1).is_err());
        assert!(MatRef::new(&data, 0, 9, 100, 100).is_ok());
        assert!(MatRef::new(&data, 6, 1, 1, 1000).is_ok());
    }

    #[test]
    fn elements_that_share_memory_cannot_be_written() {
        let mut data = [0.0; 20];
        for (rows, cols, row_stride, col_stride, fine) in [
            (4, 5, 5, 1, true),
            (4, 5, 1, 4, true),
            (4, 5, 4, 1, false),
            (2, 2, 0, 1, false),
            (2, 1, 0, 1, false),
            (1, 2, 7, 0, false),
            (1, 1, 0, 0, true),
            (2, 2, 1, 1, false),
            (3, 2, 2, 5, true),
        ] {
            let view = MatMut::new(&mut data, rows, cols, row_stride, col_stride);
            assert_eq!(view.is_ok(), fine, "{rows}x{cols} {row_stride} {col_stride}");
        }
    }

    #[test]
    fn splits_cover_every_element_once() {
        let mut data = vec![0.0; 12];
        let view = MatMut::row_major(&mut data, 3, 4).unwrap();
        let (mut top, bottom) = view.split_at_row(1);
        let (mut left, mut right) = bottom.split_at_col(3);
        top.for_each(|x| *x += 1.0);
        left.for_each(|x| *x += 2.0);
        right.for_each(|x| *x += 3.0);
        assert_eq!(data, [1., 1., 1., 1., 2., 2., 2., 3., 2., 2., 2., 3.]);
    }
}
