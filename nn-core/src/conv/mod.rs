//! How a convolution becomes arithmetic: three ways, over pictures that lie in memory as `[height, width, channels]`.

mod direct;
mod minimal;
mod patches;
mod winograd;

pub(crate) use direct::{Correlation, WeightGradient};
pub(crate) use minimal::{InputGradient, Minimal, Sums};
pub(crate) use patches::Patches;

/// A picture in memory, `[height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

impl Map {
    pub(crate) fn new(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            channels,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values of a row of pixels.
    pub(crate) fn row(&self) -> usize {
        self.width * self.channels
    }
}

/// Windows of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) stride: usize,
}

/// Copies a picture into a larger one, `top` rows and `left` pixels in; what lies around it is left as it is.
pub(crate) fn place(from: &[f32], map: Map, to: &mut [f32], outer: Map, (top, left): (usize, usize)) {
    for (y, row) in from.chunks_exact(map.row()).enumerate() {
        let start = (top + y) * outer.row() + left * outer.channels;
        to[start..start + row.len()].copy_from_slice(row);
    }
}

/// The inverse of [`place`]: cuts a picture out of a larger one.
pub(crate) fn crop(from: &[f32], outer: Map, (top, left): (usize, usize), to: &mut [f32], map: Map) {
    for (y, row) in to.chunks_exact_mut(map.row()).enumerate() {
        let start = (top + y) * outer.row() + left * outer.channels;
        row.copy_from_slice(&from[start..start + row.len()]);
    }
}
