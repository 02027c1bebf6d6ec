//! Nearest-neighbor upsampling: each pixel becomes a square of equal pixels.
//!
//! # Shapes
//! - `x`: `[batch, height, width, channels]`
//! - `y`: `[batch, factor · height, factor · width, channels]`; rows and columns at the end may be cropped

use super::{Backward, Forward, Layer, add};
use crate::{gemm::MatMut, shape::HwcShape};

#[derive(Debug)]
pub(crate) struct Upsample {
    pub(crate) input: HwcShape,
    pub(crate) output: HwcShape,
    pub(crate) factor: usize,
}

impl Layer for Upsample {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        let channels = self.input.channels;
        for row in 0..y.rows() {
            let x = pass.x.row(row);
            for (line, y) in y.row_mut(row).chunks_exact_mut(self.output.row()).enumerate() {
                let pixels = x[line / self.factor * self.input.row()..].chunks_exact(channels);
                for (y, x) in y.chunks_mut(self.factor * channels).zip(pixels) {
                    for y in y.chunks_exact_mut(channels) {
                        y.copy_from_slice(x);
                    }
                }
            }
        }
    }

    /// `dx` is the sum of `dy` over the square of each pixel.
    fn backward(&self, _pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        let channels = self.input.channels;
        for row in 0..dx.rows() {
            let dx = dx.row_mut(row);
            dx.fill(0.0);
            for (line, dy) in dy.as_ref().row(row).chunks_exact(self.output.row()).enumerate() {
                let pixels = dx[line / self.factor * self.input.row()..].chunks_exact_mut(channels);
                for (dy, dx) in dy.chunks(self.factor * channels).zip(pixels) {
                    for dy in dy.chunks_exact(channels) {
                        add(dx, dy);
                    }
                }
            }
        }
    }
}
