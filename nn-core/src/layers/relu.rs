//! `y = max(x, 0)`, where it does not follow a layer that can do it on the way.

use super::{Backward, Forward, Layer};
use crate::gemm::{MatMut, MatRef};

#[derive(Debug)]
pub(crate) struct Relu;

impl Layer for Relu {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            for (y, &x) in y.row_mut(row).iter_mut().zip(pass.x.row(row)) {
                // Not `f32::max`, which would hide a NaN.
                *y = if x < 0.0 { 0.0 } else { x };
            }
        }
    }

    fn backward(&self, pass: Backward<'_>, mut dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
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
