//! Average pooling: `y = mean(x over the window)`.
//!
//! # Shapes
//! - `x`: `[batch, height, width, channels]`
//! - `y`: `[batch, output height, output width, channels]`

use super::geometry::{Inside, PoolGeometry};
use crate::{
    gemm::{MatMut, Vectorize},
    layers::{Backward, Forward, Layer},
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
    fn run(self) {
        let (geometry, channels) = (self.geometry, self.geometry.input.channels);
        let weight = weight(geometry);
        for (row, y) in self.y.chunks_exact_mut(geometry.output.row()).enumerate() {
            let rows = geometry.rows(row);
            for (col, y) in y.chunks_exact_mut(channels).enumerate() {
                let Inside { start, rows, cols, .. } = geometry.inside(rows, col);
                y.fill(0.0);
                for row in 0..rows {
                    let x = &self.x[start + row * geometry.input.row()..][..cols * channels];
                    for x in x.chunks_exact(channels) {
                        add_scaled(y, x, 1.0);
                    }
                }
                for y in y {
                    *y *= weight;
                }
            }
        }
    }
}

impl Vectorize for AvgPoolBackward<'_> {
    #[inline(always)]
    fn run(self) {
        let (geometry, channels) = (self.geometry, self.geometry.input.channels);
        let weight = weight(geometry);
        self.dx.fill(0.0);
        for (row, dy) in self.dy.chunks_exact(geometry.output.row()).enumerate() {
            let rows = geometry.rows(row);
            for (col, dy) in dy.chunks_exact(channels).enumerate() {
                let Inside { start, rows, cols, .. } = geometry.inside(rows, col);
                for row in 0..rows {
                    let dx = &mut self.dx[start + row * geometry.input.row()..][..cols * channels];
                    for dx in dx.chunks_exact_mut(channels) {
                        add_scaled(dx, dy, weight);
                    }
                }
            }
        }
    }
}

/// A function, so that the compiler knows that the slices do not overlap.
#[inline(always)]
fn add_scaled(sums: &mut [f32], values: &[f32], scale: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value * scale;
    }
}
