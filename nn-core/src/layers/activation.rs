//! Functions of single values, where they do not follow a layer that can do them on the way.

use std::{
    f32::consts::{FRAC_1_SQRT_2, PI},
    ops::Range,
};

use super::{Backward, Forward, Layer};
use crate::{
    gemm::{Kernel, MatMut, MatRef, Vectorize},
    simd::{Chunked, F32x8},
};

/// A function of each value on its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation {
    Relu,
    LeakyRelu(f32),
    Tanh,
    Sigmoid,
    Gelu,
}

impl Activation {
    fn value(self, x: f32) -> f32 {
        match self {
            // Not `f32::max`, which would hide a NaN.
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::LeakyRelu(slope) => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
            Self::Tanh => x.tanh(),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Gelu => x * normal(x),
        }
    }

    /// The slope at `x`, where the function gave `y`.
    fn slope(self, x: f32, y: f32) -> f32 {
        match self {
            Self::Relu => {
                if y > 0.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Self::LeakyRelu(slope) => {
                if x > 0.0 {
                    1.0
                } else {
                    slope
                }
            }
            Self::Tanh => 1.0 - y * y,
            Self::Sigmoid => y * (1.0 - y),
            Self::Gelu => normal(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt(),
        }
    }
}

/// The normal distribution's share below `x`.
fn normal(x: f32) -> f32 {
    0.5 * (1.0 + libm::erff(x * FRAC_1_SQRT_2))
}

impl Layer for Activation {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            for (y, &x) in y.row_mut(row).iter_mut().zip(pass.x.row(row)) {
                *y = self.value(x);
            }
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            let forward = pass.x.row(row).iter().zip(pass.y.row(row));
            let gradients = dx.row_mut(row).iter_mut().zip(dy.as_ref().row(row));
            for ((dx, &dy), (&x, &y)) in gradients.zip(forward) {
                *dx = dy * self.slope(x, y);
            }
        }
    }
}

/// `dy = 0` where the output `y` of a ReLU is not above 0.
pub(super) fn mask(kernel: Kernel, y: MatRef<'_>, dy: &mut MatMut<'_>) {
    // Were it known that what is stored is what was read, or zero, it would become a masked store.
    let unknown_zero = std::hint::black_box(0);
    for row in 0..y.rows() {
        kernel.vectorize(Mask {
            y: y.row(row),
            dy: dy.row_mut(row),
            unknown_zero,
        });
    }
}

struct Mask<'a> {
    y: &'a [f32],
    dy: &'a mut [f32],
    unknown_zero: usize,
}

impl Vectorize for Mask<'_> {
    #[inline(always)]
    fn run(mut self) {
        self.for_each_chunk(self.dy.len());
    }
}

impl Chunked for Mask<'_> {
    #[inline(always)]
    fn chunk<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let y = F32x8::load::<WHOLE>(&self.y[range.clone()]);
        let dy = F32x8::load::<WHOLE>(&self.dy[range.clone()]).select_positive(y);
        dy.store::<WHOLE>(&mut self.dy[range.start + self.unknown_zero..range.end]);
    }
}
