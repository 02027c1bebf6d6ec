//! `y = max(x, 0)`, where it does not follow a layer that can do it on the way.

use std::ops::Range;

use rand::rngs::ChaCha8Rng;

use super::{Backward, Layer, TensorSpec};
use crate::gemm::{Kernel, MatMut, MatRef};

#[derive(Debug)]
pub(crate) struct Relu;

impl Layer for Relu {
    fn parameter_len(&self) -> usize {
        0
    }

    fn pieces(&self) -> Vec<Range<usize>> {
        Vec::new()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        Vec::new()
    }

    fn position(&self, _tensor: usize, _index: usize) -> usize {
        unreachable!("there are no parameters")
    }

    fn initialize(&self, _parameters: &mut [f32], _generator: &mut ChaCha8Rng) {}

    fn forward(&self, _kernel: Kernel, _parameters: &[f32], x: MatRef<'_>, mut y: MatMut<'_>) {
        for row in 0..x.rows() {
            for (y, &x) in y.row_mut(row).iter_mut().zip(x.row(row)) {
                // Not `f32::max`, which would hide a NaN.
                *y = if x < 0.0 { 0.0 } else { x };
            }
        }
    }

    fn backward(&self, _kernel: Kernel, pass: Backward<'_>, mut dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        mask(pass.y, &mut dy);
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            dx.row_mut(row).copy_from_slice(dy.as_ref().row(row));
        }
    }
}

/// `dy = 0` where `y` is not above 0.
pub(super) fn mask(y: MatRef<'_>, dy: &mut MatMut<'_>) {
    for row in 0..y.rows() {
        for (dy, &y) in dy.row_mut(row).iter_mut().zip(y.row(row)) {
            *dy = if y > 0.0 { *dy } else { 0.0 };
        }
    }
}
