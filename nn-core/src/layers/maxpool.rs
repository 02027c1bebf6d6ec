//! The largest value of each window.

use super::{Backward, Forward, Layer};
use crate::{conv::Map, gemm::MatMut, spec::windows};

/// Square windows of a picture, of each channel on its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    pub(crate) input: Map,
    pub(crate) output: Map,
    pub(crate) size: usize,
    pub(crate) stride: usize,
}

impl Pool {
    pub(crate) fn new(input: Map, size: usize, stride: usize) -> Self {
        let height = windows(input.height, size, stride);
        let width = windows(input.width, size, stride);
        Self {
            input,
            output: Map::new(height, width, input.channels),
            size,
            stride,
        }
    }

    /// Writes the maximum of each window, and which of the window's pixels it is (the first one where several are
    /// equal, as PyTorch has it; NaN counts as the largest). With no room in `which`, that is left out.
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32], which: &mut [f32]) {
        let channels = self.input.channels;
        for (index, y) in y.chunks_exact_mut(channels).enumerate() {
            y.copy_from_slice(self.pixel(x, index, 0));
            if which.is_empty() {
                for j in 1..self.size * self.size {
                    for (y, &x) in y.iter_mut().zip(self.pixel(x, index, j)) {
                        *y = if x > *y || x.is_nan() { x } else { *y };
                    }
                }
                continue;
            }
            let which = &mut which[index * channels..][..channels];
            which.fill(0.0);
            for j in 1..self.size * self.size {
                for ((y, which), &x) in y.iter_mut().zip(which.iter_mut()).zip(self.pixel(x, index, j)) {
                    let larger = x > *y || (x.is_nan() && !y.is_nan());
                    *which = if larger { j as f32 } else { *which };
                    *y = if larger { x } else { *y };
                }
            }
        }
    }

    /// Where pixel `j` of window `index` begins.
    pub(crate) fn offset(&self, index: usize, j: usize) -> (usize, usize) {
        let y = index / self.output.width * self.stride + j / self.size;
        let x = index % self.output.width * self.stride + j % self.size;
        (y, x)
    }

    /// Pixel `j` of window `index`.
    fn pixel<'a>(&self, x: &'a [f32], index: usize, j: usize) -> &'a [f32] {
        let (row, col) = self.offset(index, j);
        let start = row * self.input.row() + col * self.input.channels;
        &x[start..start + self.input.channels]
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
            self.pool
                .forward(pass.x.row(row), y.row_mut(row), pass.kept.row_mut(row));
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        let channels = self.pool.input.channels;
        for row in 0..dx.rows() {
            let dx = dx.row_mut(row);
            dx.fill(0.0);
            let gradients = dy.as_ref().row(row).chunks_exact(channels);
            for (index, (dy, which)) in gradients.zip(pass.kept.row(row).chunks_exact(channels)).enumerate() {
                for (channel, (dy, which)) in dy.iter().zip(which).enumerate() {
                    let (y, x) = self.pool.offset(index, *which as usize);
                    dx[y * self.pool.input.row() + x * channels + channel] += dy;
                }
            }
        }
    }
}
