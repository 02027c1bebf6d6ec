//! The mean of each window.

use super::Pool;
use crate::gemm::MatMut;
use crate::layers::{Backward, Forward, Layer};

#[derive(Debug)]
pub(crate) struct AvgPool {
    pub(crate) pool: Pool,
}

impl AvgPool {
    /// One over the number of a window's pixels.
    fn share(&self) -> f32 {
        1.0 / self.pool.pixels() as f32
    }
}

impl Layer for AvgPool {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        let channels = self.pool.input.channels;
        for row in 0..y.rows() {
            let x = pass.x.row(row);
            for (index, y) in y.row_mut(row).chunks_exact_mut(channels).enumerate() {
                y.fill(0.0);
                for j in 0..self.pool.pixels() {
                    for (y, x) in y.iter_mut().zip(self.pool.pixel(x, index, j)) {
                        *y += x;
                    }
                }
                for y in y {
                    *y *= self.share();
                }
            }
        }
    }

    fn backward(&self, _pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        let channels = self.pool.input.channels;
        for row in 0..dx.rows() {
            let dx = dx.row_mut(row);
            dx.fill(0.0);
            for (index, dy) in dy.as_ref().row(row).chunks_exact(channels).enumerate() {
                for j in 0..self.pool.pixels() {
                    let start = self.pool.position(index, j);
                    for (dx, dy) in dx[start..start + channels].iter_mut().zip(dy) {
                        *dx += dy * self.share();
                    }
                }
            }
        }
    }
}
