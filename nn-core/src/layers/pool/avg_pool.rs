//! Average pooling: `y = mean(x over the window)`.
//!
//! # Shapes
//! - `x`: `[batch, height, width, channels]`
//! - `y`: `[batch, output height, output width, channels]`

use std::ops::Range;

use super::geometry::{Inside, PoolGeometry};
use crate::{
    gemm::{MatMut, Vectorize},
    layers::{Backward, Forward, Layer},
    simd::{Chunked, Vector},
};

#[derive(Debug)]
pub(crate) struct AvgPool {
    pub(crate) geometry: PoolGeometry,
}

impl Layer for AvgPool {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            pass.kernel.vectorize(AvgPoolForward {
                geometry: &self.geometry,
                x: pass.x.row(row),
                y: y.row_mut(row),
            });
        }
    }

    /// `dx = dy / area`, summed where windows overlap.
    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            pass.kernel.vectorize(AvgPoolBackward {
                geometry: &self.geometry,
                dy: dy.as_ref().row(row),
                dx: dx.row_mut(row),
            });
        }
    }
}

/// One sample.
struct AvgPoolForward<'a> {
    geometry: &'a PoolGeometry,
    x: &'a [f32],
    y: &'a mut [f32],
}

struct AvgPoolBackward<'a> {
    geometry: &'a PoolGeometry,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

/// Weight of a pixel: 1 over the window's area, padding included.
#[inline(always)]
fn weight(geometry: &PoolGeometry) -> f32 {
    1.0 / (geometry.window.0 as f32 * geometry.window.1 as f32)
}

impl Vectorize for AvgPoolForward<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let (geometry, channels) = (self.geometry, self.geometry.input.channels);
        let weight = weight(geometry);
        for row in 0..geometry.output.height {
            let rows = geometry.rows(row);
            for col in 0..geometry.output.width {
                let inside = geometry.inside(rows, col);
                let mut window = WindowForward {
                    geometry,
                    x: &self.x[inside.start..],
                    inside,
                    weight,
                    y: &mut self.y[(row * geometry.output.width + col) * channels..],
                };
                // Values of the next pixel may be written: it comes later.
                let room = window.x.len().saturating_sub(window.last_pixel()).min(window.y.len());
                window.for_each_full_chunk::<W>(channels, room);
            }
        }
    }
}

/// The mean of one window.
struct WindowForward<'a> {
    geometry: &'a PoolGeometry,
    inside: Inside,
    /// The image from the window's first pixel on.
    x: &'a [f32],
    weight: f32,
    /// The output from the window's pixel on.
    y: &'a mut [f32],
}

impl WindowForward<'_> {
    /// Offset of the window's last pixel.
    #[inline(always)]
    fn last_pixel(&self) -> usize {
        let Inside { rows, cols, .. } = self.inside;
        rows.saturating_sub(1) * self.geometry.input.row() + cols.saturating_sub(1) * self.geometry.input.channels
    }
}

impl Chunked for WindowForward<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let (row_stride, channels) = (self.geometry.input.row(), self.geometry.input.channels);
        let mut sum = Vector::<W>::ZERO;
        for row in 0..self.inside.rows {
            for col in 0..self.inside.cols {
                let x = &self.x[row * row_stride + col * channels..];
                sum = sum + Vector::<W>::load::<FULL>(&x[range.clone()]);
            }
        }
        (self.weight * sum).store::<FULL>(&mut self.y[range]);
    }
}

impl Vectorize for AvgPoolBackward<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let PoolGeometry {
            input,
            output,
            window,
            stride,
            pad,
        } = *self.geometry;
        if window == stride && pad == (0, 0) {
            return self.run_disjoint::<W>();
        }
        let weight = weight(self.geometry);
        self.dx.fill(0.0);
        for (row, dy) in self.dy.chunks_exact(output.row()).enumerate() {
            let rows = self.geometry.rows(row);
            for (col, dy) in dy.chunks_exact(input.channels).enumerate() {
                let Inside { start, rows, cols, .. } = self.geometry.inside(rows, col);
                for row in 0..rows {
                    let dx = &mut self.dx[start + row * input.row()..][..cols * input.channels];
                    for dx in dx.chunks_exact_mut(input.channels) {
                        add_scaled(dx, dy, weight);
                    }
                }
            }
        }
    }
}

impl AvgPoolBackward<'_> {
    /// Where windows neither overlap nor leave gaps, all rows of a window have the same gradient, which is written once.
    #[inline(always)]
    fn run_disjoint<const W: usize>(self) {
        let PoolGeometry {
            input, output, window, ..
        } = *self.geometry;
        let (channels, weight) = (input.channels, weight(self.geometry));
        let band = window.0 * input.row();
        let (inside, below) = self.dx.split_at_mut(output.height * band);
        below.fill(0.0);
        for (dy, band) in self.dy.chunks_exact(output.row()).zip(inside.chunks_exact_mut(band)) {
            let (first, others) = band.split_at_mut(input.row());
            let (inside, outside) = first.split_at_mut(output.width * window.1 * channels);
            for col in 0..output.width * window.1 {
                let (dy, dx) = (&dy[col / window.1 * channels..], &mut inside[col * channels..]);
                // Values of the next pixel may be written: it comes later.
                let room = dy.len().min(dx.len());
                Scale { dy, dx, weight }.for_each_full_chunk::<W>(channels, room);
            }
            outside.fill(0.0);
            for row in others.chunks_exact_mut(input.row()) {
                row.copy_from_slice(first);
            }
        }
    }
}

/// `dx = weight·dy`.
struct Scale<'a> {
    dy: &'a [f32],
    dx: &'a mut [f32],
    weight: f32,
}

impl Chunked for Scale<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let dy = Vector::<W>::load::<FULL>(&self.dy[range.clone()]);
        (self.weight * dy).store::<FULL>(&mut self.dx[range]);
    }
}

/// A function, so that the compiler knows that the slices do not overlap.
#[inline(always)]
fn add_scaled(sums: &mut [f32], values: &[f32], scale: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value * scale;
    }
}
