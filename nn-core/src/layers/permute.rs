//! Between the order of a picture outside, channel-height-width, and the one inside, height-width-channel.

use super::{Backward, Forward, Layer};
use crate::{
    conv::Map,
    gemm::{MatMut, MatRef},
};

/// The order of the values of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `[channels, height, width]`, as files and callers have it.
    Planes,
    /// `[height, width, channels]`, as convolutions want it.
    Pixels,
}

/// Brings samples into another order.
#[derive(Debug)]
pub(crate) struct Permute {
    pub(crate) map: Map,
    /// The order after it; before it is the other one.
    pub(crate) to: Order,
}

impl Order {
    /// Where value `index` of the planes' order stands in this one.
    pub(crate) fn position(self, map: Map, index: usize) -> usize {
        let area = map.height * map.width;
        match self {
            Self::Planes => index,
            Self::Pixels => index % area * map.channels + index / area,
        }
    }
}

impl Layer for Permute {
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>) {
        self.copy(pass.x, y, self.to);
    }

    fn backward(&self, _pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let back = if self.to == Order::Pixels {
            Order::Planes
        } else {
            Order::Pixels
        };
        if let Some(dx) = dx {
            self.copy(dy.as_ref(), dx, back);
        }
    }
}

impl Permute {
    fn copy(&self, from: MatRef<'_>, mut to: MatMut<'_>, order: Order) {
        for row in 0..to.rows() {
            let (from, to) = (from.row(row), to.row_mut(row));
            for index in 0..self.map.len() {
                let pixel = Order::Pixels.position(self.map, index);
                match order {
                    Order::Pixels => to[pixel] = from[index],
                    Order::Planes => to[index] = from[pixel],
                }
            }
        }
    }
}
