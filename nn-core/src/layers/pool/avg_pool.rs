//! Average pooling: `y = mean(x over the window)`.
//!
//! # Shapes
//! - `x`: `[batch, height, width, channels]`
//! - `y`: `[batch, output height, output width, channels]`

use super::geometry::PoolGeometry;
use crate::{
    gemm::MatMut,
    layers::{Backward, Forward, Layer},
};

#[derive(Debug)]
pub(crate) struct AvgPool {
    pub(crate) geometry: PoolGeometry,
}

impl AvgPool {
    /// Weight of a pixel: 1 over the window's area.
    fn weight(&self) -> f32 {
        1.0 / self.geometry.area() as f32
    }
}

impl Layer for AvgPool {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        let channels = self.geometry.input.channels;
        for row in 0..y.rows() {
            let x = pass.x.row(row);
            for (window, y) in y.row_mut(row).chunks_exact_mut(channels).enumerate() {
                y.fill(0.0);
                for pixel in 0..self.geometry.area() {
                    let start = self.geometry.offset(window, pixel);
                    for (y, x) in y.iter_mut().zip(&x[start..start + channels]) {
                        *y += x;
                    }
                }
                for y in y {
                    *y *= self.weight();
                }
            }
        }
    }

    /// `dx = dy / area`, summed where windows overlap.
    fn backward(&self, _pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        let channels = self.geometry.input.channels;
        for row in 0..dx.rows() {
            let dx = dx.row_mut(row);
            dx.fill(0.0);
            for (window, dy) in dy.as_ref().row(row).chunks_exact(channels).enumerate() {
                for pixel in 0..self.geometry.area() {
                    let start = self.geometry.offset(window, pixel);
                    for (dx, dy) in dx[start..start + channels].iter_mut().zip(dy) {
                        *dx += dy * self.weight();
                    }
                }
            }
        }
    }
}
