//! Window geometry shared by all pooling layers.

use crate::{shape::HwcShape, spec::PoolSpec};

/// Pooling windows over an image, each channel on its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolGeometry {
    pub(crate) input: HwcShape,
    pub(crate) output: HwcShape,
    /// Height and width in pixels.
    pub(crate) window: (usize, usize),
    /// Vertical and horizontal step.
    pub(crate) stride: (usize, usize),
    /// Rows of padding above the input, and columns to its left.
    pub(crate) pad: (usize, usize),
}

/// The rows, or the columns, of a window that lie inside the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// The first one, counted in the image.
    start: usize,
    /// The first one, counted in the window.
    first: usize,
    len: usize,
}

/// The part of a window that lies inside the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inside {
    /// Offset of its first pixel in the image.
    pub(super) start: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Index of its first pixel in the window, whose pixels are numbered row by row.
    pub(super) first_index: f32,
    /// Pixels of the window between two of its rows.
    pub(super) skipped: f32,
}

impl PoolGeometry {
    pub(crate) fn new(input: HwcShape, output: HwcShape, spec: &PoolSpec) -> Self {
        Self {
            input,
            output,
            window: spec.size,
            stride: spec.stride,
            pad: spec.padding,
        }
    }

    /// The rows inside the image of the windows of output row `row`.
    #[inline(always)]
    pub(super) fn rows(&self, row: usize) -> Span {
        Span::new(row * self.stride.0, self.window.0, self.pad.0, self.input.height)
    }

    /// The part inside the image of the window of output column `col` with these rows.
    #[inline(always)]
    pub(super) fn inside(&self, rows: Span, col: usize) -> Inside {
        let cols = Span::new(col * self.stride.1, self.window.1, self.pad.1, self.input.width);
        Inside {
            start: rows.start * self.input.row() + cols.start * self.input.channels,
            rows: rows.len,
            cols: cols.len,
            first_index: (rows.first * self.window.1 + cols.first) as f32,
            skipped: (self.window.1 - cols.len) as f32,
        }
    }
}

impl Span {
    /// Of a window that begins at row or column `start` of an image of `len` of them, counted with `pad` before it.
    #[inline(always)]
    fn new(start: usize, window: usize, pad: usize, len: usize) -> Self {
        let first = pad.saturating_sub(start);
        Self {
            start: start + first - pad,
            first,
            len: window.min(len + pad - start) - first,
        }
    }
}
