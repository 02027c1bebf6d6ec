//! Between the order of a picture outside, channel-height-width, and the one inside, height-width-channel.

use super::{Backward, Forward, Layer};
use crate::{
    gemm::{MatMut, MatRef},
    shape::HwcShape,
};

/// The order of the values of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `[channels, height, width]`, as files and callers have it.
    Chw,
    /// `[height, width, channels]`, as convolutions want it.
    Hwc,
}

/// Brings samples into another order.
#[derive(Debug)]
pub(crate) struct Permute {
    pub(crate) map: HwcShape,
    /// The picture before, of which `map` is the upper left corner; larger only where it is data.
    pub(crate) whole: HwcShape,
    /// The order after it; before it is the other one.
    pub(crate) to: Layout,
}

impl Layout {
    /// Where value `index` of the planes' order stands in this one.
    pub(crate) fn position(self, map: HwcShape, index: usize) -> usize {
        let area = map.height * map.width;
        match self {
            Self::Chw => index,
            Self::Hwc => index % area * map.channels + index / area,
        }
    }
}

impl Layer for Permute {
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>) {
        self.copy(pass.x, y, self.to);
    }

    fn backward(&self, _pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let back = if self.to == Layout::Hwc {
            Layout::Chw
        } else {
            Layout::Hwc
        };
        if let Some(dx) = dx {
            self.copy(dy.as_ref(), dx, back);
        }
    }
}

impl Permute {
    /// Of a whole picture.
    pub(crate) fn whole(map: HwcShape, to: Layout) -> Self {
        Self { map, whole: map, to }
    }

    /// Where each value of the picture stands in the order of pixels, and where in the planes of the whole picture.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let (map, whole) = (self.map, self.whole);
        let rows = (0..map.channels).flat_map(move |channel| (0..map.height).map(move |y| (channel, y)));
        rows.flat_map(move |(channel, y)| {
            let pixel = move |x| (y * map.width + x) * map.channels + channel;
            let plane = (channel * whole.height + y) * whole.width;
            (0..map.width).map(move |x| (pixel(x), plane + x))
        })
    }

    fn copy(&self, from: MatRef<'_>, mut to: MatMut<'_>, order: Layout) {
        for row in 0..to.rows() {
            let (from, to) = (from.row(row), to.row_mut(row));
            for (pixel, plane) in self.places() {
                match order {
                    Layout::Hwc => to[pixel] = from[plane],
                    Layout::Chw => to[plane] = from[pixel],
                }
            }
        }
    }
}
