//! Window geometry shared by all pooling layers.

use crate::shape::HwcShape;

/// Pooling windows over an image, each channel on its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolGeometry {
    pub(crate) input: HwcShape,
    pub(crate) output: HwcShape,
    /// Height and width in pixels.
    pub(crate) window: (usize, usize),
    pub(crate) stride: usize,
}

impl PoolGeometry {
    pub(crate) fn new(input: HwcShape, output: HwcShape, window: (usize, usize), stride: usize) -> Self {
        Self {
            input,
            output,
            window,
            stride,
        }
    }

    /// Pixels of a window.
    pub(crate) fn area(&self) -> usize {
        self.window.0 * self.window.1
    }

    /// Offset of pixel `pixel` of window `window` in the image; windows and their pixels are numbered row by row.
    #[inline(always)]
    pub(crate) fn offset(&self, window: usize, pixel: usize) -> usize {
        let (y, x) = (window / self.output.width, window % self.output.width);
        let (row, col) = (pixel / self.window.1, pixel % self.window.1);
        let start = y * self.stride * self.input.row() + x * self.stride * self.input.channels;
        start + row * self.input.row() + col * self.input.channels
    }
}
