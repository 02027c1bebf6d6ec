//! Strided matrix views over slices: checked once when they are made, split without overlap.

use std::{marker::PhantomData, ops::Range};

use crate::error::{Error, Result};

/// A matrix to read: a view of a slice with any strides. Element `(i, j)` is at index `i·row_stride + j·col_stride`.
///
/// Elements may share memory: with a stride of 0, a row or a column is repeated.
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
    // Invariant: every element lies inside the slice that this view was made from, and nothing writes to any of them
    // during the lifetime of the view. If there are any elements, the offset of the last one fits into a `usize`. This
    // is a pointer and not a slice, since a block's rows have other data between them.
    data: *const f32,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
    borrow: PhantomData<&'a [f32]>,
}

// SAFETY: a `MatRef` is a shared borrow of its elements, as a `&[f32]` is, and `f32` is `Sync`.
unsafe impl Send for MatRef<'_> {}
// SAFETY: as above; shared access to a view only reads.
unsafe impl Sync for MatRef<'_> {}

/// A matrix to write: a view like [`MatRef`], of which no two elements share memory.
///
/// ```
/// use nn_core::gemm::MatMut;
/// let mut values = [0.0; 6];
/// assert!(MatMut::row_major(&mut values, 2, 3).is_ok());
/// assert!(MatMut::new(&mut values, 2, 3, 0, 1).is_err(), "the rows share memory");
/// ```
#[derive(Debug)]
pub struct MatMut<'a> {
    // Invariant: every element lies inside the slice that this view was made from, no two share memory, and no other
    // view that is in use reaches any of them. If there are any elements, the offset of the last one fits into a
    // `usize`.
    data: *mut f32,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `MatMut` is an exclusive borrow of its elements, as a `&mut [f32]` is, and `f32` is `Send`.
unsafe impl Send for MatMut<'_> {}

/// The length a slice needs to hold a view, or `None` if that overflows.
pub(super) fn span(rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Option<usize> {
    if rows == 0 || cols == 0 {
        return Some(0);
    }
    let last_row = (rows - 1).checked_mul(row_stride)?;
    let last_col = (cols - 1).checked_mul(col_stride)?;
    last_row.checked_add(last_col)?.checked_add(1)
}

impl<'a> MatRef<'a> {
    /// A view of `rows` × `cols` elements with any strides, in elements. A stride of 0 repeats a row or a column.
    ///
    /// # Errors
    /// If an element lies outside the slice.
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

    /// A view of `rows` × `cols` elements that lie row after row, without gaps.
    ///
    /// # Errors
    /// If the slice is shorter than `rows·cols`.
    pub fn row_major(data: &'a [f32], rows: usize, cols: usize) -> Result<Self> {
        Self::new(data, rows, cols, cols, 1)
    }

    /// The transpose; nothing is copied.
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
    /// If the element lies outside the matrix.
    #[must_use]
    pub fn get(&self, row: usize, col: usize) -> f32 {
        assert!(
            row < self.rows && col < self.cols,
            "({row}, {col}) is outside the matrix"
        );
        // SAFETY: `(row, col)` is an element of the view, so it lies inside the slice, which is borrowed for `'a`.
        unsafe { *self.data.add(row * self.row_stride + col * self.col_stride) }
    }

    /// All elements, if they lie row after row, without gaps.
    pub(crate) fn as_slice(&self) -> Option<&'a [f32]> {
        let contiguous = self.col_stride == 1 && self.row_stride == self.cols;
        // SAFETY: the elements of the view are contiguous, so these values are exactly its elements.
        contiguous.then(|| unsafe { std::slice::from_raw_parts(self.data, self.rows * self.cols) })
    }

    /// Row `row` as a slice.
    ///
    /// # Panics
    /// If there is no such row, or its elements are not contiguous.
    pub(crate) fn row(&self, row: usize) -> &'a [f32] {
        assert!(row < self.rows && (self.col_stride == 1 || self.cols <= 1));
        if self.cols == 0 {
            return &[];
        }
        // SAFETY: the row is not empty, so its first element and, with `col_stride` 1, the following ones are elements of
        // the view, which are borrowed for `'a`.
        unsafe { std::slice::from_raw_parts(self.data.add(row * self.row_stride), self.cols) }
    }

    /// The block of rows `rows` and columns `cols`.
    ///
    /// # Panics
    /// If the block reaches outside the matrix.
    pub(crate) fn block(&self, rows: Range<usize>, cols: Range<usize>) -> Self {
        assert!(
            rows.end <= self.rows && cols.end <= self.cols,
            "the block reaches outside the matrix"
        );
        let (height, width) = (rows.len(), cols.len());
        let start = if height == 0 || width == 0 {
            0
        } else {
            // The offset of an element of the view, so it does not overflow.
            rows.start * self.row_stride + cols.start * self.col_stride
        };
        Self {
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

    /// Whether the elements of each row, or those of each column, are contiguous.
    pub(crate) fn is_row_or_column_major(&self) -> bool {
        self.row_stride == 1 || self.col_stride == 1 || self.rows <= 1 || self.cols <= 1
    }

    /// Distances between rows and between columns, in elements.
    pub(crate) fn strides(&self) -> (usize, usize) {
        (self.row_stride, self.col_stride)
    }

    /// The first element, if there is any. All other elements may be reached from this pointer.
    pub(super) fn as_ptr(&self) -> *const f32 {
        self.data
    }
}

impl<'a> MatMut<'a> {
    /// A view of `rows` × `cols` elements with any strides, in elements, under which no two elements share memory.
    ///
    /// # Errors
    /// If an element lies outside the slice, or two share memory.
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
        // Elements are apart if a whole row fits between the starts of two rows, or a whole column between those of
        // two columns. Both products are part of `span`, so they do not overflow.
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

    /// A view of `rows` × `cols` elements that lie row after row, without gaps.
    ///
    /// # Errors
    /// If the slice is shorter than `rows·cols`.
    pub fn row_major(data: &'a mut [f32], rows: usize, cols: usize) -> Result<Self> {
        Self::new(data, rows, cols, cols, 1)
    }

    /// The transpose; nothing is copied.
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

    /// Distances between rows and between columns, in elements.
    pub(crate) fn strides(&self) -> (usize, usize) {
        (self.row_stride, self.col_stride)
    }

    /// The first element, if there is any. All other elements may be reached from this pointer.
    pub(super) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data
    }

    /// The same view with a shorter lifetime.
    pub(crate) fn reborrow(&mut self) -> MatMut<'_> {
        MatMut { ..*self }
    }

    /// The same view for reading.
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
    /// If there is no such row, or its elements are not contiguous.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows && (self.col_stride == 1 || self.cols <= 1));
        if self.cols == 0 {
            return &mut [];
        }
        // SAFETY: the row is not empty, so its first element and, with `col_stride` 1, the following ones are elements of
        // the view, which `&mut self` borrows exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(row * self.row_stride), self.cols) }
    }

    /// Splits into the rows before `row` and the others.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub(crate) fn split_at_row(self, row: usize) -> (Self, Self) {
        assert!(row <= self.rows, "the matrix has fewer rows");
        let offset = if row == self.rows || self.cols == 0 {
            0
        } else {
            // The offset of an element of the view, so it does not overflow.
            row * self.row_stride
        };
        // The two parts share no row, so no element.
        let below = Self {
            data: self.data.wrapping_add(offset),
            rows: self.rows - row,
            ..self
        };
        (Self { rows: row, ..self }, below)
    }

    /// Splits into the columns before `col` and the others.
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
                // SAFETY: `(row, col)` is an element of the view, which `&mut self` borrows exclusively; no other
                // reference to it lives, since `f` cannot keep this one.
                f(unsafe { &mut *self.data.add(row * self.row_stride + col * self.col_stride) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_elements_outside_the_slice() {
        let data = [0.0; 6];
        assert!(MatRef::row_major(&data, 2, 3).is_ok());
        assert!(MatRef::row_major(&data, 2, 4).is_err());
        assert!(MatRef::new(&data, usize::MAX, 2, usize::MAX, 1).is_err());
        assert!(MatRef::new(&data, 0, 9, 100, 100).is_ok());
        assert!(MatRef::new(&data, 6, 1, 1, 1000).is_ok());
    }

    #[test]
    fn rejects_mutable_elements_that_share_memory() {
        let mut data = [0.0; 20];
        for (rows, cols, row_stride, col_stride, is_valid) in [
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
            assert_eq!(view.is_ok(), is_valid, "{rows}x{cols} {row_stride} {col_stride}");
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

    /// Sizes whose products overflow, where there is no element at all.
    #[test]
    fn blocks_and_splits_of_huge_empty_views_do_not_overflow() {
        const HUGE: usize = usize::MAX;
        let a = MatRef::new(&[], HUGE, 0, HUGE, HUGE).unwrap();
        assert_eq!(a.block(HUGE - 1..HUGE, 0..0).rows(), 1);
        assert_eq!(a.transposed().block(0..0, 1..HUGE).cols(), HUGE - 1);
        let mut data = [0.0];
        let c = MatMut::new(&mut data, HUGE, 0, HUGE, HUGE).unwrap();
        let (top, bottom) = c.split_at_row(HUGE - 1);
        assert_eq!((top.rows(), bottom.rows()), (HUGE - 1, 1));
        let one = MatMut::new(&mut data, 1, 1, HUGE, HUGE).unwrap();
        let (mut left, mut right) = one.split_at_col(1);
        left.for_each(|x| *x += 1.0);
        right.for_each(|x| *x += 2.0);
        assert_eq!(data, [1.0]);
    }

    #[test]
    #[should_panic = "outside the matrix"]
    fn blocks_end_inside_the_matrix() {
        MatRef::new(&[1.0], 4, 4, 0, 0).unwrap().block(0..4, 3..5);
    }
}
