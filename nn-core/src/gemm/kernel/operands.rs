//! The operands of a product: A in segments, B in panels, C, the epilogue, and the check that they fit each other.

use std::ops::Range;

use super::{
    isa::NR,
    sparse::NonzeroRef,
    view::{MatMut, MatRef, span},
};

/// A, a matrix whose columns come in segments: segment `s` is a matrix like the first one, `s·stride` values further
/// on.
///
/// A convolution's window is one: a segment is a row of the window, whose pixels are contiguous.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments<'a> {
    // Invariant: if `first` has any elements, all segments lie inside the slice that it was made from.
    first: MatRef<'a>,
    count: usize,
    stride: usize,
    /// The columns to multiply with, if the others are skipped. There is one segment then, of the same shape.
    nonzero: Option<NonzeroRef<'a>>,
    /// A matrix to prefetch.
    next: Option<MatRef<'a>>,
}

impl<'a> From<MatRef<'a>> for Segments<'a> {
    fn from(first: MatRef<'a>) -> Self {
        Self {
            first,
            count: 1,
            stride: 0,
            nonzero: None,
            next: None,
        }
    }
}

impl<'a> Segments<'a> {
    /// `count` segments of `rows` × `cols` values each.
    ///
    /// # Panics
    /// If an element lies outside the slice.
    pub(crate) fn new(
        data: &'a [f32],
        (rows, row_stride): (usize, usize),
        (cols, col_stride): (usize, usize),
        (count, stride): (usize, usize),
    ) -> Self {
        let last = count.saturating_sub(1).checked_mul(stride);
        let end = last.and_then(|last| last.checked_add(span(rows, cols, row_stride, col_stride)?));
        assert!(
            end.is_some_and(|end| end <= data.len()),
            "a segment lies outside the slice"
        );
        let first =
            MatRef::new(data, rows, cols, row_stride, col_stride).expect("it ends before the last segment does");
        Self {
            count,
            stride,
            ..first.into()
        }
    }

    /// A matrix of which only the columns `nonzero` are multiplied.
    ///
    /// # Panics
    /// If `nonzero` belongs to a matrix of another shape.
    pub(crate) fn sparse(first: MatRef<'a>, nonzero: NonzeroRef<'a>) -> Self {
        assert_eq!(
            (nonzero.rows(), nonzero.cols()),
            (first.rows(), first.cols()),
            "shape of the nonzero columns against that of a"
        );
        Self {
            nonzero: Some(nonzero),
            ..first.into()
        }
    }

    /// The same, and `next` is prefetched meanwhile.
    pub(crate) fn prefetching(self, next: MatRef<'a>) -> Self {
        Self {
            next: Some(next),
            ..self
        }
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

    pub(super) fn nonzero(&self) -> Option<NonzeroRef<'a>> {
        self.nonzero
    }

    pub(super) fn next(&self) -> Option<MatRef<'a>> {
        self.next
    }
}

/// B, a matrix in panels of [`NR`] columns. Element `(row, p·NR + col)` is at index
/// `p·panel_stride + row·row_stride + col`. The last panel is whole too: values behind the last column are read but
/// not used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels<'a> {
    /// The values, from the first row on.
    pub(crate) data: &'a [f32],
    /// Rows of each segment.
    pub(crate) k: usize,
    /// Columns, without the padding.
    pub(crate) n: usize,
    /// Distance between panels, in values.
    pub(crate) panel_stride: usize,
    /// Distance between rows, in values: [`NR`] where the panels are packed.
    pub(crate) row_stride: usize,
    /// Distance between segments of rows, in values, where A's columns come in segments.
    pub(crate) segment_stride: usize,
}

impl<'a> Panels<'a> {
    /// Packed panels, `[panels, k, NR]`.
    ///
    /// # Panics
    /// If `k·NR` overflows.
    pub(crate) fn packed(data: &'a [f32], k: usize, n: usize) -> Self {
        Self {
            data,
            k,
            n,
            panel_stride: k.checked_mul(NR).expect("a panel fits into memory"),
            row_stride: NR,
            segment_stride: 0,
        }
    }

    /// A row-major matrix of whole panels, `[k, n]`, read in place.
    pub(crate) fn row_major(data: &'a [f32], k: usize, n: usize) -> Self {
        Self {
            data,
            k,
            n,
            panel_stride: NR,
            row_stride: n,
            segment_stride: 0,
        }
    }

    /// The rows `rows`.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub(crate) fn rows(self, rows: Range<usize>) -> Self {
        assert!(rows.end <= self.k, "the panels have fewer rows");
        Self {
            k: rows.len(),
            ..self.skip(rows.start, self.row_stride)
        }
    }

    /// The columns `cols`, of which the first must be the first of a panel.
    ///
    /// # Panics
    /// If it is not, or there are fewer columns.
    pub(crate) fn cols(self, cols: Range<usize>) -> Self {
        assert!(cols.end <= self.n, "the panels have fewer columns");
        assert!(cols.start.is_multiple_of(NR), "the columns begin inside a panel");
        Self {
            n: cols.len(),
            ..self.skip(cols.start / NR, self.panel_stride)
        }
    }

    /// Skips `count` rows or panels; leaves no values if there are fewer.
    fn skip(self, count: usize, stride: usize) -> Self {
        let start = count.saturating_mul(stride).min(self.data.len());
        Self {
            data: &self.data[start..],
            ..self
        }
    }

    /// The number of values that a product of `segments` segments reads, or `None` if that overflows.
    fn span(&self, segments: usize) -> Option<usize> {
        let panels = self.n.div_ceil(NR);
        if panels == 0 || self.k == 0 || segments == 0 {
            return Some(0);
        }
        let last_panel = (panels - 1).checked_mul(self.panel_stride)?;
        let last_segment = (segments - 1).checked_mul(self.segment_stride)?;
        let last_row = (self.k - 1).checked_mul(self.row_stride)?;
        last_panel
            .checked_add(last_segment)?
            .checked_add(last_row)?
            .checked_add(NR)
    }
}

/// C, a matrix to write, in panels of [`NR`] columns with any distance between them.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    // Invariant: as that of `MatMut`, for the elements of all panels.
    /// All rows, and the columns of the first panel at least.
    first: MatMut<'a>,
    cols: usize,
    panel_stride: usize,
}

impl<'a> From<MatMut<'a>> for Output<'a> {
    fn from(first: MatMut<'a>) -> Self {
        Self {
            cols: first.cols(),
            panel_stride: NR,
            first,
        }
    }
}

impl<'a> Output<'a> {
    /// Panels of `rows` × [`NR`] values each, `panel_stride` values from the start of one to that of the next.
    ///
    /// # Panics
    /// If an element lies outside the slice, or panels overlap.
    pub(crate) fn panels(data: &'a mut [f32], rows: usize, cols: usize, panel_stride: usize) -> Self {
        let panels = cols.div_ceil(NR);
        let panel = rows.checked_mul(NR);
        assert!(
            panels <= 1 || panel.is_some_and(|panel| panel <= panel_stride),
            "panels overlap"
        );
        let last = panels.saturating_sub(1).checked_mul(panel_stride);
        let end = last.and_then(|last| last.checked_add(panel?));
        assert!(end.is_some_and(|end| end <= data.len()), "panels are cut short");
        Self {
            first: MatMut::new(data, rows, cols.min(NR), NR, 1).expect("it ends before the last panel does"),
            cols,
            panel_stride,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.first.rows()
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    pub(super) fn row_stride(&self) -> usize {
        self.first.strides().0
    }

    pub(super) fn panel_stride(&self) -> usize {
        self.panel_stride
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.first.as_mut_ptr()
    }
}

/// What is done with a sum before it is stored in C: `c = act(beta·c + alpha·sum + bias)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue<'a> {
    /// Factor of the sum.
    pub(crate) alpha: f32,
    /// Factor of the old value of C, which is not read if this is 0.
    pub(crate) beta: f32,
    /// One value for each column.
    pub(crate) bias: Option<&'a [f32]>,
    /// Whether `act` is ReLU; else it is the identity.
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

/// Operands that fit each other. Only [`new`](Self::new) makes one, and the macrokernel relies on what it asserts.
#[derive(Debug)]
pub(super) struct Product<'a> {
    a: Segments<'a>,
    b: Panels<'a>,
    c: Output<'a>,
    epilogue: Epilogue<'a>,
}

impl<'a> Product<'a> {
    /// Checks that the operands fit each other:
    ///
    /// - A has as many columns in each segment as B has rows, C has the rows of A and the columns of B, and the bias, if
    ///   there is one, has a value for each of these;
    /// - all panels of B that are read lie inside its slice;
    /// - the rows or the columns of A are contiguous, unless only its nonzero columns are read; and so are the rows of C
    ///   within each panel.
    ///
    /// # Panics
    /// If they do not.
    pub(super) fn new(a: Segments<'a>, b: Panels<'a>, c: Output<'a>, epilogue: Epilogue<'a>) -> Self {
        assert_eq!(a.first.cols(), b.k, "columns of a against rows of b");
        assert_eq!((a.first.rows(), b.n), (c.rows(), c.cols()), "shape of the product");
        assert!(
            a.nonzero.is_some() || a.first.is_row_or_column_major(),
            "the rows or the columns of a must be contiguous"
        );
        assert!(
            c.cols <= 1 || c.first.strides().1 == 1,
            "the rows of c must be contiguous"
        );
        let span = b.span(a.count);
        assert!(span.is_some_and(|span| span <= b.data.len()), "panels are cut short");
        if let Some(bias) = epilogue.bias {
            assert_eq!(bias.len(), b.n, "one bias for each column");
        }
        Self { a, b, c, epilogue }
    }

    pub(super) fn into_parts(self) -> (Segments<'a>, Panels<'a>, Output<'a>, Epilogue<'a>) {
        (self.a, self.b, self.c, self.epilogue)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    const HUGE: usize = usize::MAX;
    /// Twice this wraps to 0, and so does 16 times [`SIXTEENTH`].
    const HALF: usize = HUGE / 2 + 1;
    const SIXTEENTH: usize = HUGE / 16 + 1;

    fn assert_rejected<T>(make: impl FnOnce() -> T, what: &str) {
        let payload = catch_unwind(AssertUnwindSafe(make))
            .err()
            .unwrap_or_else(|| panic!("accepted; {what}"));
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or(payload.downcast_ref::<String>().map(String::as_str));
        assert!(
            message.is_some_and(|message| message.contains(what)),
            "{message:?}; {what}"
        );
    }

    #[test]
    fn segments_that_overflow_are_rejected() {
        let data = [0.0; 64];
        for (rows, cols, segments) in [
            ((1, 1), (1, 1), (3, HALF)),
            ((1, 1), (1, 1), (HUGE, HUGE)),
            ((3, HALF), (1, 1), (1, 0)),
            ((1, 1), (3, HALF), (1, 0)),
            ((2, HALF), (2, HALF), (1, 0)),
            ((2, HALF), (1, 1), (2, HALF)),
            ((2, HUGE), (1, 1), (1, 0)),
            ((0, 0), (1, 1), (2, 65)),
        ] {
            assert_rejected(|| Segments::new(&data, rows, cols, segments), "outside the slice");
        }
        Segments::new(&data, (4, 4), (4, 1), (4, 16));
        Segments::new(&[], (HUGE, HUGE), (0, HUGE), (0, HUGE));
    }

    #[test]
    fn outputs_that_overflow_are_rejected() {
        let mut data = [0.0; 64];
        for (rows, cols, panel_stride, what) in [
            (1, 48, HALF, "cut short"),
            (1, 32, HUGE, "cut short"),
            (1, 32, HUGE - 15, "cut short"),
            (SIXTEENTH, 16, 0, "cut short"),
            (SIXTEENTH, 32, 0, "overlap"),
            (SIXTEENTH + 1, 16, 16, "cut short"),
            (2, 32, 31, "overlap"),
            (1, HUGE, 16, "cut short"),
        ] {
            assert_rejected(|| Output::panels(&mut data, rows, cols, panel_stride), what);
        }
        Output::panels(&mut data, 2, 32, 32);
    }

    #[test]
    fn panels_that_overflow_are_rejected() {
        let data = [0.0; 64];
        let a = [0.0; 4];
        let mut c = [0.0; 128];
        let packed = Panels::packed(&data, 2, 32);
        let mut multiply = |b: Panels<'_>, segments| {
            let a = Segments::new(&a, (1, 1), (b.k, 1), (segments, 0));
            let c = Output::panels(&mut c, 1, b.n, NR);
            Product::new(a, b, c, Epilogue::STORE);
        };
        multiply(packed, 1);
        for b in [
            Panels {
                panel_stride: HUGE,
                ..packed
            },
            Panels {
                panel_stride: HALF,
                n: 48,
                ..packed
            },
            Panels {
                row_stride: HUGE,
                ..packed
            },
            Panels {
                row_stride: HALF,
                k: 3,
                ..packed
            },
            Panels {
                row_stride: HALF,
                panel_stride: HALF,
                ..packed
            },
            Panels {
                segment_stride: HUGE,
                ..packed
            },
            Panels {
                segment_stride: HUGE - 63,
                ..packed
            },
        ] {
            assert_rejected(|| multiply(b, 2), "cut short");
        }
        for b in [
            Panels {
                row_stride: HALF,
                ..packed
            }
            .rows(2..2),
            Panels {
                row_stride: HALF,
                k: 5,
                ..packed
            }
            .rows(4..5),
            Panels {
                panel_stride: HALF,
                n: 96,
                ..packed
            }
            .cols(64..96),
        ] {
            assert!(b.data.is_empty());
        }
        assert_rejected(|| Panels::packed(&data, SIXTEENTH, 16), "fits into memory");
        assert_rejected(|| packed.rows(1..3), "fewer rows");
        assert_rejected(|| packed.cols(16..33), "fewer columns");
        assert_rejected(|| packed.cols(8..24), "inside a panel");
    }
}
