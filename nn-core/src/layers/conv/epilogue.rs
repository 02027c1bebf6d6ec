//! What a convolution does to its sums on the way out, and to the gradient of its output on the way back.

use std::ops::Range;

use super::Geometry;
use crate::{
    gemm::{Kernel, Vectorize},
    simd::{Chunked, F32x8},
};

/// Adds the bias, and applies the ReLU.
pub(super) struct BiasAndRelu<'a> {
    pub(super) y: &'a mut [f32],
    pub(super) channels: usize,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) relu: bool,
}

impl Vectorize for BiasAndRelu<'_> {
    #[inline(always)]
    fn run(self) {
        for y in self.y.chunks_exact_mut(self.channels) {
            BiasAndRelu { y, ..self }.for_each_chunk(self.channels);
        }
    }
}

impl Chunked for BiasAndRelu<'_> {
    #[inline(always)]
    fn chunk<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let mut y = F32x8::load::<WHOLE>(&self.y[range.clone()]);
        if let Some(bias) = self.bias {
            y = y + F32x8::load::<WHOLE>(&bias[range.clone()]);
        }
        let value = if self.relu { y.relu() } else { y };
        value.store::<WHOLE>(&mut self.y[range]);
    }
}

/// Some rows of one sample's output, and what came back to them.
#[derive(Clone, Copy)]
pub(super) struct Returned<'a> {
    pub(super) y: &'a [f32],
    pub(super) dy: &'a [f32],
    /// Where each maximum came from; empty without pooling.
    pub(super) which: &'a [f32],
}

impl<'a> Returned<'a> {
    /// The values `range` of each.
    pub(super) fn part(self, range: Range<usize>) -> Self {
        Self {
            y: &self.y[range.clone()],
            dy: &self.dy[range.clone()],
            which: self.which.get(range).unwrap_or_default(),
        }
    }
}

impl Geometry {
    /// Turns the gradient of the output into the one before activation and pooling, and adds its sums over the pixels
    /// to `sums`. It is written to `spread`, whose rows and pixels stand `distances` apart; what lies between the
    /// windows of the pooling is left as it is.
    pub(super) fn spread(
        &self,
        kernel: Kernel,
        returned: Returned<'_>,
        sums: &mut [f32],
        (spread, distances): (&mut [f32], (usize, usize)),
    ) {
        kernel.vectorize(SpreadGradient {
            geometry: self,
            returned,
            spread,
            distances,
            sums,
        });
    }
}

struct SpreadGradient<'a> {
    geometry: &'a Geometry,
    returned: Returned<'a>,
    spread: &'a mut [f32],
    distances: (usize, usize),
    sums: &'a mut [f32],
}

impl Vectorize for SpreadGradient<'_> {
    #[inline(always)]
    fn run(self) {
        let Geometry { output, relu, pool, .. } = self.geometry;
        let Returned { y, dy, which } = self.returned;
        let (stride, width, window) = match pool {
            Some(pool) => (pool.stride, pool.output.width, pool.window),
            None => (1, output.width, (1, 1)),
        };
        let mut which = which.chunks_exact(output.channels);
        let pixels = dy.chunks_exact(output.channels).zip(y.chunks_exact(output.channels));
        for (index, (dy, y)) in pixels.enumerate() {
            let (row, col) = (index / width * stride, index % width * stride);
            let mut pixel = SpreadPixel {
                y: relu.then_some(y),
                dy,
                which: which.next(),
                window,
                distances: self.distances,
                spread: &mut self.spread[row * self.distances.0 + col * self.distances.1..],
                sums: self.sums,
            };
            pixel.for_each_chunk(output.channels);
        }
    }
}

/// One pixel of the output, and the window that it was pooled from.
struct SpreadPixel<'a> {
    /// The output, where a ReLU is to be gone back through.
    y: Option<&'a [f32]>,
    dy: &'a [f32],
    which: Option<&'a [f32]>,
    window: (usize, usize),
    /// Distances of the window's rows and pixels in `spread`, which begins with its first.
    distances: (usize, usize),
    spread: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Chunked for SpreadPixel<'_> {
    #[inline(always)]
    fn chunk<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let mut dy = F32x8::load::<WHOLE>(&self.dy[range.clone()]);
        if let Some(y) = self.y {
            dy = dy.select_positive(F32x8::load::<WHOLE>(&y[range.clone()]));
        }
        let sums = &mut self.sums[range.clone()];
        (F32x8::load::<WHOLE>(sums) + dy).store::<WHOLE>(sums);
        let Some(which) = self.which else {
            return dy.store::<WHOLE>(&mut self.spread[range]);
        };
        let which = F32x8::load::<WHOLE>(&which[range.clone()]);
        let mut name = 0.0;
        for row in 0..self.window.0 {
            for col in 0..self.window.1 {
                let start = row * self.distances.0 + col * self.distances.1 + range.start;
                let to = &mut self.spread[start..][..range.len()];
                dy.select_equal(which, F32x8::splat(name)).store::<WHOLE>(to);
                name += 1.0;
            }
        }
    }
}
