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

/// Copies a picture into another one, `top` rows and `left` pixels in; what lies around it is left as it is, and what
/// finds no room is left out.
pub(crate) fn place(from: &[f32], map: Map, to: &mut [f32], outer: Map, (top, left): (usize, usize)) {
    let rows = from
        .chunks_exact(map.row())
        .zip(to.chunks_exact_mut(outer.row()).skip(top));
    for (from, to) in rows {
        // Where the outer picture ends within the padding, no pixel of the inner one finds room.
        let to = to.get_mut(left * outer.channels..).unwrap_or_default();
        let len = from.len().min(to.len());
        to[..len].copy_from_slice(&from[..len]);
    }
}

/// The adjoint of [`place`]: cuts a picture out of another one, with zeros for what found no room.
pub(crate) fn crop(from: &[f32], outer: Map, (top, left): (usize, usize), to: &mut [f32], map: Map) {
    let mut rows = from.chunks_exact(outer.row()).skip(top);
    for to in to.chunks_exact_mut(map.row()) {
        let from = rows.next().and_then(|row| row.get(left * outer.channels..));
        let from = from.unwrap_or_default();
        let (inside, outside) = to.split_at_mut(from.len().min(to.len()));
        inside.copy_from_slice(&from[..inside.len()]);
        outside.fill(0.0);
    }
}
