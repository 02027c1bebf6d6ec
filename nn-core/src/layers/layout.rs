//! Memory layouts of images, and the layer that changes one into the other.
//!
//! # Shapes
//! - `x`: `[batch, channels, height, width]`, `y`: `[batch, height, width, channels]`, or the reverse

use super::{Backward, Forward, Layer};
use crate::{
    gemm::{MatMut, MatRef},
    shape::HwcShape,
};

/// The order of a sample's values in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `[channels, height, width]`, as in files and in the public interface.
    Chw,
    /// `[height, width, channels]`, as in convolutions.
    Hwc,
}

impl Layout {
    /// Position in this layout of the value that has index `index` in [`Layout::Chw`].
    pub(crate) fn position(self, shape: HwcShape, index: usize) -> usize {
        let area = shape.height * shape.width;
        match self {
            Self::Chw => index,
            Self::Hwc => index % area * shape.channels + index / area,
        }
    }
}

/// Changes the layout of images, and may crop them.
#[derive(Debug)]
pub(crate) struct ChangeLayout {
    /// The image in [`Layout::Hwc`].
    pub(crate) shape: HwcShape,
    /// The image in [`Layout::Chw`], of which `shape` is the upper left corner; larger only where the output is HWC.
    pub(crate) full_shape: HwcShape,
    /// The layout of the output; the input has the other one.
    pub(crate) to: Layout,
}

impl Layer for ChangeLayout {
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>) {
        self.copy(pass.x, y, self.to);
    }

    fn backward(&self, _pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let from = if self.to == Layout::Hwc {
            Layout::Chw
        } else {
            Layout::Hwc
        };
        let Some(mut dx) = dx else { return };
        if self.shape != self.full_shape {
            for row in 0..dx.rows() {
                dx.row_mut(row).fill(0.0);
            }
        }
        self.copy(dy.as_ref(), dx, from);
    }
}

impl ChangeLayout {
    /// Changes the layout of a whole image.
    pub(crate) fn new(shape: HwcShape, to: Layout) -> Self {
        Self {
            shape,
            full_shape: shape,
            to,
        }
    }

    /// Offsets of each value in [`Layout::Hwc`] and in [`Layout::Chw`].
    fn offsets(&self) -> impl Iterator<Item = (usize, usize)> {
        let (shape, full) = (self.shape, self.full_shape);
        let rows = (0..shape.channels).flat_map(move |channel| (0..shape.height).map(move |y| (channel, y)));
        rows.flat_map(move |(channel, y)| {
            let hwc = move |x| (y * shape.width + x) * shape.channels + channel;
            let chw = (channel * full.height + y) * full.width;
            (0..shape.width).map(move |x| (hwc(x), chw + x))
        })
    }

    fn copy(&self, from: MatRef<'_>, mut to: MatMut<'_>, to_layout: Layout) {
        for row in 0..to.rows() {
            let (from, to) = (from.row(row), to.row_mut(row));
            for (hwc, chw) in self.offsets() {
                match to_layout {
                    Layout::Hwc => to[hwc] = from[chw],
                    Layout::Chw => to[chw] = from[hwc],
                }
            }
        }
    }
}
