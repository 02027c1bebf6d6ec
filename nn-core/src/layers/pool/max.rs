//! The largest value of each window.

use std::ops::Range;

use crate::{
    conv::Map,
    gemm::{MatMut, Vectorize},
    layers::{Backward, Forward, Layer},
    simd::{Chunked, F32x8},
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
        let (pool, channels) = (self.pool, self.pool.input.channels);
        let mut which = self.which.chunks_exact_mut(channels);
        for (line, y) in self.y.chunks_mut(pool.output.row()).enumerate() {
            let x = &self.x[line * pool.stride * pool.input.row()..];
            for (col, y) in y.chunks_exact_mut(channels).enumerate() {
                let mut window = Maximum {
                    pool,
                    x: &x[col * pool.stride * channels..],
                    y,
                    which: which.next(),
                };
                window.for_each_chunk(channels);
            }
        }
    }
}

/// The maxima of one window; it stays in registers until it has been through all pixels.
struct Maximum<'a> {
    pool: &'a Pool,
    /// The picture from the window's corner on.
    x: &'a [f32],
    y: &'a mut [f32],
    which: Option<&'a mut [f32]>,
}

impl Chunked for Maximum<'_> {
    #[inline(always)]
    fn chunk<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let (mut largest, mut names) = (F32x8::splat(f32::NEG_INFINITY), F32x8::ZERO);
        let mut name = 0.0;
        for line in 0..self.pool.window.0 {
            let line = &self.x[line * self.pool.input.row()..];
            for col in 0..self.pool.window.1 {
                let x = &line[col * self.pool.input.channels..];
                let x = F32x8::load::<WHOLE>(&x[range.clone()]);
                names = F32x8::splat(name).select_greater(x, largest, names);
                largest = x.select_greater(x, largest, largest);
                name += 1.0;
            }
        }
        if let Some(which) = &mut self.which {
            names.store::<WHOLE>(&mut which[range.clone()]);
        }
        largest.store::<WHOLE>(&mut self.y[range]);
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
        let (pool, channels) = (self.pool, self.pool.input.channels);
        self.dx.fill(0.0);
        let mut gradients = self.dy.chunks_exact(channels).zip(self.which.chunks_exact(channels));
        for line in 0..pool.output.height {
            let dx = &mut self.dx[line * pool.stride * pool.input.row()..];
            for (col, (dy, which)) in gradients.by_ref().take(pool.output.width).enumerate() {
                let mut window = MaximumGradient {
                    pool,
                    dy,
                    which,
                    dx: &mut dx[col * pool.stride * channels..],
                };
                window.for_each_chunk(channels);
            }
        }
    }
}

/// The gradient of one window's maxima; windows may overlap.
struct MaximumGradient<'a> {
    pool: &'a Pool,
    dy: &'a [f32],
    which: &'a [f32],
    /// The picture from the window's corner on.
    dx: &'a mut [f32],
}

impl Chunked for MaximumGradient<'_> {
    #[inline(always)]
    fn chunk<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let dy = F32x8::load::<WHOLE>(&self.dy[range.clone()]);
        let which = F32x8::load::<WHOLE>(&self.which[range.clone()]);
        let mut name = 0.0;
        for line in 0..self.pool.window.0 {
            let line = &mut self.dx[line * self.pool.input.row()..];
            for col in 0..self.pool.window.1 {
                let dx = &mut line[col * self.pool.input.channels..][range.clone()];
                let dy = dy.select_equal(which, F32x8::splat(name));
                (F32x8::load::<WHOLE>(dx) + dy).store::<WHOLE>(dx);
                name += 1.0;
            }
        }
    }
}

/// Max pooling, where it does not follow a convolution that can do it on the way.
#[derive(Debug)]
pub(crate) struct MaxPool {
    pub(crate) pool: Pool,
}

impl Layer for MaxPool {
    fn saved_len(&self) -> usize {
        self.pool.output.len()
    }

    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            let (x, y, saved) = (pass.x.row(row), y.row_mut(row), pass.saved.row_mut(row));
            pass.kernel.vectorize(Maxima {
                pool: &self.pool,
                x,
                y,
                which: saved,
            });
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            pass.kernel.vectorize(MaximaGradient {
                pool: &self.pool,
                dy: dy.as_ref().row(row),
                which: pass.saved.row(row),
                dx: dx.row_mut(row),
            });
        }
    }
}
