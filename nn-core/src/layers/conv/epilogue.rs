//! What follows the convolution `z`: `y = maxpool(relu(z + bias))`, and its gradient `dz`.

use std::ops::Range;

use super::geometry::Geometry;
use crate::{
    gemm::{Kernel, Vectorize},
    layers::PoolGeometry,
    simd::{Chunked, MIN_WIDTH, Vector},
};

/// Adds the bias and applies the ReLU, if there are any, to `y`: `[pixels, channels]`.
pub(super) fn bias_relu(kernel: Kernel, geometry: &Geometry, bias: Option<&[f32]>, y: &mut [f32]) {
    kernel.vectorize(BiasRelu {
        y,
        channels: geometry.output.channels,
        bias,
        relu: geometry.relu,
    });
}

struct BiasRelu<'a> {
    y: &'a mut [f32],
    channels: usize,
    bias: Option<&'a [f32]>,
    relu: bool,
}

impl Vectorize for BiasRelu<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        for y in self.y.chunks_exact_mut(self.channels) {
            BiasRelu { y, ..self }.for_each_chunk::<W>(self.channels);
        }
    }
}

impl Chunked for BiasRelu<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let mut y = Vector::<W>::load::<FULL>(&self.y[range.clone()]);
        if let Some(bias) = self.bias {
            y = y + Vector::<W>::load::<FULL>(&bias[range.clone()]);
        }
        let value = if self.relu { y.relu() } else { y };
        value.store::<FULL>(&mut self.y[range]);
    }
}

/// Some rows of a sample's output and of its gradient.
#[derive(Clone, Copy)]
pub(super) struct OutputGradient<'a> {
    pub(super) y: &'a [f32],
    pub(super) dy: &'a [f32],
    /// Index of each maximum in its pooling window; empty without pooling.
    pub(super) argmax: &'a [f32],
}

impl<'a> OutputGradient<'a> {
    /// The values `range` of each.
    pub(super) fn slice(self, range: Range<usize>) -> Self {
        Self {
            y: &self.y[range.clone()],
            dy: &self.dy[range.clone()],
            argmax: self.argmax.get(range).unwrap_or_default(),
        }
    }
}

/// Computes `dz` from `dy`, and adds its sum over the pixels to `dbias`. The rows and pixels of `dz` are `strides`
/// apart; what lies between the pooling windows keeps its values.
pub(super) fn epilogue_backward(
    kernel: Kernel,
    geometry: &Geometry,
    gradient: OutputGradient<'_>,
    dbias: &mut [f32],
    (dz, strides): (&mut [f32], (usize, usize)),
) {
    kernel.vectorize(EpilogueBackward {
        geometry,
        gradient,
        dz,
        strides,
        dbias,
    });
}

struct EpilogueBackward<'a> {
    geometry: &'a Geometry,
    gradient: OutputGradient<'a>,
    dz: &'a mut [f32],
    strides: (usize, usize),
    dbias: &'a mut [f32],
}

impl Vectorize for EpilogueBackward<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        match self.geometry.pool {
            Some(pool) => self.run_pooled::<W>(pool),
            None => self.run_plain::<W>(),
        }
    }
}

impl EpilogueBackward<'_> {
    #[inline(always)]
    fn run_pooled<const W: usize>(self, pool: PoolGeometry) {
        let Geometry { output, relu, .. } = self.geometry;
        let OutputGradient { y, dy, argmax } = self.gradient;
        let mut argmax = argmax.chunks_exact(output.channels);
        let pixels = dy.chunks_exact(output.channels).zip(y.chunks_exact(output.channels));
        for (index, (dy, y)) in pixels.enumerate() {
            let (row, col) = (
                index / pool.output.width * pool.stride.0,
                index % pool.output.width * pool.stride.1,
            );
            let mut pixel = PixelBackward {
                y: relu.then_some(y),
                dy,
                argmax: argmax.next().unwrap_or_default(),
                window: pool.window,
                strides: self.strides,
                dz: &mut self.dz[row * self.strides.0 + col * self.strides.1..],
                dbias: self.dbias,
            };
            pixel.for_each_chunk::<W>(output.channels);
        }
    }

    /// Without pooling, the pixels of a row follow each other without gaps.
    #[inline(always)]
    fn run_plain<const W: usize>(self) {
        let Geometry { output, relu, .. } = self.geometry;
        let (row, OutputGradient { y, dy, .. }) = (output.row(), self.gradient);
        let rows = dy.chunks_exact(row).zip(y.chunks_exact(row));
        for ((dy, y), dz) in rows.zip(self.dz.chunks_mut(self.strides.0)) {
            let dz = &mut dz[..row];
            if *relu {
                relu_gradient(dy, y, dz);
            } else {
                dz.copy_from_slice(dy);
            }
            add_pixels::<W>(dz, output.channels, self.dbias);
        }
    }
}

/// `dz = dy` where the output `y` is positive, else 0.
#[inline(always)]
fn relu_gradient(dy: &[f32], y: &[f32], dz: &mut [f32]) {
    for ((dz, &dy), &y) in dz.iter_mut().zip(dy).zip(y) {
        *dz = if y > 0.0 { dy } else { 0.0 };
    }
}

/// Adds all pixels to `sums`. Several vectors of channels are summed side by side, in registers.
#[inline(always)]
fn add_pixels<const W: usize>(pixels: &[f32], channels: usize, sums: &mut [f32]) {
    let mut start = 0;
    while start + 4 * W <= channels {
        add_channels::<W, 4>(pixels, (channels, start), sums);
        start += 4 * W;
    }
    while start + W <= channels {
        add_channels::<W, 1>(pixels, (channels, start), sums);
        start += W;
    }
    if start + MIN_WIDTH <= channels {
        add_channels::<MIN_WIDTH, 1>(pixels, (channels, start), sums);
        start += MIN_WIDTH;
    }
    if start < channels {
        add_last_channels(pixels, (channels, start), &mut sums[start..channels]);
    }
}

/// Adds `N` vectors of channels from `start` on.
#[inline(always)]
fn add_channels<const W: usize, const N: usize>(pixels: &[f32], (channels, start): (usize, usize), sums: &mut [f32]) {
    let mut vectors = [Vector::<W>::ZERO; N];
    for (index, vector) in vectors.iter_mut().enumerate() {
        *vector = Vector::load::<true>(&sums[start + index * W..][..W]);
    }
    for pixel in pixels.chunks_exact(channels) {
        let pixel = &pixel[start..start + N * W];
        for (index, vector) in vectors.iter_mut().enumerate() {
            *vector = *vector + Vector::load::<true>(&pixel[index * W..][..W]);
        }
    }
    for (index, vector) in vectors.iter().enumerate() {
        vector.store::<true>(&mut sums[start + index * W..][..W]);
    }
}

/// Adds the channels from `start` on, which are less than the narrowest vector; `sums` are those of these channels.
#[inline(always)]
fn add_last_channels(pixels: &[f32], (channels, start): (usize, usize), sums: &mut [f32]) {
    let mut vector = Vector::<MIN_WIDTH>::load::<false>(sums);
    for at in (start..pixels.len()).step_by(channels) {
        // A full vector is faster to load; what it reads of the next pixel is not stored.
        let pixel = match pixels.get(at..at + MIN_WIDTH) {
            Some(pixel) => Vector::load::<true>(pixel),
            None => Vector::load::<false>(&pixels[at..at + sums.len()]),
        };
        vector = vector + pixel;
    }
    vector.store::<false>(sums);
}

/// One pixel of the pooled output, and the window that it was pooled from.
struct PixelBackward<'a> {
    /// The output, if a ReLU made it.
    y: Option<&'a [f32]>,
    dy: &'a [f32],
    argmax: &'a [f32],
    window: (usize, usize),
    /// Distances of the rows and pixels of `dz`, which begins with the window.
    strides: (usize, usize),
    dz: &'a mut [f32],
    dbias: &'a mut [f32],
}

impl Chunked for PixelBackward<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let mut dy = Vector::<W>::load::<FULL>(&self.dy[range.clone()]);
        if let Some(y) = self.y {
            dy = dy.select_positive(Vector::<W>::load::<FULL>(&y[range.clone()]));
        }
        let dbias = &mut self.dbias[range.clone()];
        (Vector::<W>::load::<FULL>(dbias) + dy).store::<FULL>(dbias);
        let argmax = Vector::<W>::load::<FULL>(&self.argmax[range.clone()]);
        let mut index = 0.0;
        for row in 0..self.window.0 {
            for col in 0..self.window.1 {
                let start = row * self.strides.0 + col * self.strides.1 + range.start;
                let dz = &mut self.dz[start..][..range.len()];
                dy.select_equal(argmax, Vector::<W>::splat(index)).store::<FULL>(dz);
                index += 1.0;
            }
        }
    }
}
