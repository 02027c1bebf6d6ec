//! The largest value of each window.

use std::ops::Range;

use super::{Backward, Forward, Layer};
use crate::{
    conv::Map,
    gemm::{MatMut, Vectorize},
    lanes::{Lanes, Stretches},
};

/// Windows of a picture, of each channel on its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    pub(crate) input: Map,
    pub(crate) output: Map,
    /// Height and width, in pixels.
    pub(crate) window: (usize, usize),
    pub(crate) stride: usize,
}

impl Pool {
    pub(crate) fn new(input: Map, output: Map, window: (usize, usize), stride: usize) -> Self {
        Self {
            input,
            output,
            window,
            stride,
        }
    }

    /// Pixels of a window.
    pub(crate) fn pixels(&self) -> usize {
        self.window.0 * self.window.1
    }

    /// Where window `index` begins in the picture.
    #[inline(always)]
    pub(crate) fn corner(&self, index: usize) -> usize {
        let (y, x) = (index / self.output.width, index % self.output.width);
        y * self.stride * self.input.row() + x * self.stride * self.input.channels
    }

    /// Where pixel `j` of window `index` begins in the picture.
    #[inline(always)]
    pub(crate) fn position(&self, index: usize, j: usize) -> usize {
        let (row, col) = (j / self.window.1, j % self.window.1);
        self.corner(index) + row * self.input.row() + col * self.input.channels
    }

    /// Pixel `j` of window `index`.
    #[inline(always)]
    pub(crate) fn pixel<'a>(&self, x: &'a [f32], index: usize, j: usize) -> &'a [f32] {
        let start = self.position(index, j);
        &x[start..start + self.input.channels]
    }
}

/// Writes the maximum of each window, and which of the window's pixels it is: the first one where several are equal,
/// and the last NaN where there is one, as PyTorch has it. With no room in `which`, that is left out.
pub(crate) struct Maxima<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) x: &'a [f32],
    pub(crate) y: &'a mut [f32],
    pub(crate) which: &'a mut [f32],
}

impl Vectorize for Maxima<'_> {
    #[inline(always)]
    fn run(self) {
        let (row, channels) = (self.pool.input.row(), self.pool.input.channels);
        let mut which = self.which.chunks_exact_mut(channels);
        for (index, y) in self.y.chunks_exact_mut(channels).enumerate() {
            let mut which = which.next();
            let corner = &self.x[self.pool.corner(index)..];
            y.copy_from_slice(&corner[..channels]);
            if let Some(which) = &mut which {
                which.fill(0.0);
            }
            for j in 1..self.pool.pixels() {
                let pixel = j / self.pool.window.1 * row + j % self.pool.window.1 * channels;
                let mut larger = TakeLarger {
                    x: &corner[pixel..pixel + channels],
                    y,
                    which: which.as_deref_mut(),
                    name: j as f32,
                };
                larger.each(channels);
            }
        }
    }
}

/// Takes those values of a pixel that are larger, and says so.
struct TakeLarger<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    which: Option<&'a mut [f32]>,
    name: f32,
}

impl Stretches for TakeLarger<'_> {
    #[inline(always)]
    fn stretch<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let x = Lanes::load::<WHOLE>(&self.x[range.clone()]);
        let y = Lanes::load::<WHOLE>(&self.y[range.clone()]);
        if let Some(which) = &mut self.which {
            let which = &mut which[range.clone()];
            let names = Lanes::load::<WHOLE>(which);
            Lanes::splat(self.name).where_larger(x, y, names).store::<WHOLE>(which);
        }
        x.where_larger(x, y, y).store::<WHOLE>(&mut self.y[range]);
    }
}

/// Gives the gradient of each maximum to the pixel it is from, and 0 to the others.
pub(crate) struct MaximaGradient<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) dy: &'a [f32],
    pub(crate) which: &'a [f32],
    pub(crate) dx: &'a mut [f32],
}

impl Vectorize for MaximaGradient<'_> {
    #[inline(always)]
    fn run(self) {
        let channels = self.pool.input.channels;
        self.dx.fill(0.0);
        let gradients = self.dy.chunks_exact(channels).zip(self.which.chunks_exact(channels));
        for (index, (dy, which)) in gradients.enumerate() {
            for j in 0..self.pool.pixels() {
                let mut pixel = MaximumGradient {
                    name: j as f32,
                    dy,
                    which,
                    dx: &mut self.dx[self.pool.position(index, j)..],
                };
                pixel.each(channels);
            }
        }
    }
}

/// One pixel of a window; windows may overlap.
struct MaximumGradient<'a> {
    /// The pixel's number in the window.
    name: f32,
    dy: &'a [f32],
    which: &'a [f32],
    /// The picture from the pixel on.
    dx: &'a mut [f32],
}

impl Stretches for MaximumGradient<'_> {
    #[inline(always)]
    fn stretch<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let which = Lanes::load::<WHOLE>(&self.which[range.clone()]);
        let dy = Lanes::load::<WHOLE>(&self.dy[range.clone()]).where_equal(which, Lanes::splat(self.name));
        let dx = &mut self.dx[range];
        (Lanes::load::<WHOLE>(dx) + dy).store::<WHOLE>(dx);
    }
}

/// Max pooling, where it does not follow a convolution that can do it on the way.
#[derive(Debug)]
pub(crate) struct MaxPool {
    pub(crate) pool: Pool,
}

impl Layer for MaxPool {
    fn kept_len(&self) -> usize {
        self.pool.output.len()
    }

    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            let (x, y, kept) = (pass.x.row(row), y.row_mut(row), pass.kept.row_mut(row));
            pass.kernel.vectorize(Maxima {
                pool: &self.pool,
                x,
                y,
                which: kept,
            });
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            pass.kernel.vectorize(MaximaGradient {
                pool: &self.pool,
                dy: dy.as_ref().row(row),
                which: pass.kept.row(row),
                dx: dx.row_mut(row),
            });
        }
    }
}
