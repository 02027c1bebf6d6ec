//! Max pooling: `y = max(x over the window)`.
//!
//! # Shapes
//! - `x`: `[batch, height, width, channels]`
//! - `y`, `argmax`: `[batch, output height, output width, channels]`
//!
//! `argmax` is the maximum's index in its window, as an `f32`, counted row by row; padding counts, and is never the maximum.

use std::ops::Range;

use super::geometry::{Inside, PoolGeometry};
use crate::{
    gemm::{Kernel, MatMut, Vectorize},
    layers::{Backward, Forward, Layer},
    simd::{Chunked, Vector},
};

/// A max pooling that is not fused into the layer before it.
#[derive(Debug)]
pub(crate) struct MaxPool {
    pub(crate) geometry: PoolGeometry,
}

impl Layer for MaxPool {
    /// The argmax of each window.
    fn saved_len(&self) -> usize {
        self.geometry.output.len()
    }

    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            let (x, argmax) = (pass.x.row(row), pass.saved.row_mut(row));
            max_pool(pass.kernel, &self.geometry, x, y.row_mut(row), argmax);
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            let (dy, argmax) = (dy.as_ref().row(row), pass.saved.row(row));
            max_pool_backward(pass.kernel, &self.geometry, dy, argmax, dx.row_mut(row));
        }
    }
}

/// Writes the maximum of each window of one sample, and its index: the first one of several equal maxima, and the last
/// NaN if there is one, as in PyTorch. An empty `argmax` is not written.
pub(crate) fn max_pool(kernel: Kernel, geometry: &PoolGeometry, x: &[f32], y: &mut [f32], argmax: &mut [f32]) {
    kernel.vectorize(MaxPoolForward { geometry, x, y, argmax });
}

/// Scatters `dy` of one sample to the pixels that gave the maxima; the gradient of the others is 0. Overlapping windows
/// add.
pub(crate) fn max_pool_backward(kernel: Kernel, geometry: &PoolGeometry, dy: &[f32], argmax: &[f32], dx: &mut [f32]) {
    kernel.vectorize(MaxPoolBackward {
        geometry,
        dy,
        argmax,
        dx,
    });
}

struct MaxPoolForward<'a> {
    geometry: &'a PoolGeometry,
    x: &'a [f32],
    y: &'a mut [f32],
    argmax: &'a mut [f32],
}

impl Vectorize for MaxPoolForward<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let (geometry, channels) = (self.geometry, self.geometry.input.channels);
        let mut argmax = self.argmax.chunks_exact_mut(channels);
        for (row, y) in self.y.chunks_mut(geometry.output.row()).enumerate() {
            let rows = geometry.rows(row);
            for (col, y) in y.chunks_exact_mut(channels).enumerate() {
                let inside = geometry.inside(rows, col);
                let mut window = WindowForward {
                    geometry,
                    x: &self.x[inside.start..],
                    inside,
                    y,
                    argmax: argmax.next(),
                };
                window.for_each_full_chunk::<W>(channels, channels);
            }
        }
    }
}

/// One window; its maxima stay in registers until all pixels have been read.
struct WindowForward<'a> {
    geometry: &'a PoolGeometry,
    inside: Inside,
    /// The image from the window's first pixel on.
    x: &'a [f32],
    y: &'a mut [f32],
    argmax: Option<&'a mut [f32]>,
}

impl Chunked for WindowForward<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let Inside {
            rows,
            cols,
            first_index: mut index,
            skipped,
            ..
        } = self.inside;
        let (mut largest, mut indices) = (Vector::<W>::splat(f32::NEG_INFINITY), Vector::<W>::splat(index));
        for row in 0..rows {
            let row = &self.x[row * self.geometry.input.row()..];
            for col in 0..cols {
                let x = &row[col * self.geometry.input.channels..];
                let x = Vector::<W>::load::<FULL>(&x[range.clone()]);
                indices = Vector::<W>::splat(index).select_greater(x, largest, indices);
                largest = x.select_greater(x, largest, largest);
                index += 1.0;
            }
            index += skipped;
        }
        if let Some(argmax) = &mut self.argmax {
            indices.store::<FULL>(&mut argmax[range.clone()]);
        }
        largest.store::<FULL>(&mut self.y[range]);
    }
}

struct MaxPoolBackward<'a> {
    geometry: &'a PoolGeometry,
    dy: &'a [f32],
    argmax: &'a [f32],
    dx: &'a mut [f32],
}

impl Vectorize for MaxPoolBackward<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let (geometry, channels) = (self.geometry, self.geometry.input.channels);
        self.dx.fill(0.0);
        let mut gradients = self.dy.chunks_exact(channels).zip(self.argmax.chunks_exact(channels));
        for row in 0..geometry.output.height {
            let rows = geometry.rows(row);
            for (col, (dy, argmax)) in gradients.by_ref().take(geometry.output.width).enumerate() {
                let inside = geometry.inside(rows, col);
                let mut window = WindowBackward {
                    geometry,
                    dy,
                    argmax,
                    dx: &mut self.dx[inside.start..],
                    inside,
                };
                window.for_each_chunk::<W>(channels);
            }
        }
    }
}

/// The gradient of one window.
struct WindowBackward<'a> {
    geometry: &'a PoolGeometry,
    inside: Inside,
    dy: &'a [f32],
    argmax: &'a [f32],
    /// The image from the window's first pixel on.
    dx: &'a mut [f32],
}

impl Chunked for WindowBackward<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let dy = Vector::<W>::load::<FULL>(&self.dy[range.clone()]);
        let argmax = Vector::<W>::load::<FULL>(&self.argmax[range.clone()]);
        let Inside {
            rows,
            cols,
            first_index: mut index,
            skipped,
            ..
        } = self.inside;
        for row in 0..rows {
            let row = &mut self.dx[row * self.geometry.input.row()..];
            for col in 0..cols {
                let dx = &mut row[col * self.geometry.input.channels..][range.clone()];
                let dy = dy.select_equal(argmax, Vector::<W>::splat(index));
                (Vector::<W>::load::<FULL>(dx) + dy).store::<FULL>(dx);
                index += 1.0;
            }
            index += skipped;
        }
    }
}
