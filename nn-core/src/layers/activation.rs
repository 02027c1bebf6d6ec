//! Element-wise activation functions: `y = f(x)`, `dx = dy·f'(x)`.
//!
//! # Shapes
//! - `x`, `y`: `[batch, values]`

use std::{
    f32::consts::{FRAC_1_SQRT_2, PI},
    ops::Range,
};

use super::{Backward, Forward, Layer};
use crate::{
    gemm::{Kernel, MatMut, MatRef, Vectorize},
    simd::{Chunked, F32x8},
};

/// An activation function that is not fused into the layer before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation {
    Relu,
    /// With the slope for negative inputs.
    LeakyRelu(f32),
    Elu,
    Silu,
    Softplus,
    Tanh,
    Sigmoid,
    /// The exact function, not the tanh approximation.
    Gelu,
}

impl Activation {
    /// `f(x)`.
    #[inline(always)]
    fn apply(self, x: f32) -> f32 {
        match self {
            // Not `f32::max`, which drops NaN.
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
            Self::Elu => {
                if x > 0.0 {
                    x
                } else {
                    x.exp_m1()
                }
            }
            Self::Silu => x * sigmoid(x),
            // In this form, `exp` does not overflow.
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => sigmoid(x),
            Self::Gelu => x * normal_cdf(x),
        }
    }

    /// `f'(x)`, where `y = f(x)`.
    #[inline(always)]
    fn derivative(self, x: f32, y: f32) -> f32 {
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
            Self::Elu => {
                if x > 0.0 {
                    1.0
                } else {
                    x.exp()
                }
            }
            Self::Silu => sigmoid(x) * (1.0 + x * sigmoid(-x)),
            Self::Softplus => sigmoid(x),
            Self::Tanh => 1.0 - y * y,
            Self::Sigmoid => y * (1.0 - y),
            Self::Gelu => normal_cdf(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt(),
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Cumulative distribution function of the standard normal distribution.
fn normal_cdf(x: f32) -> f32 {
    0.5 * (1.0 + libm::erff(x * FRAC_1_SQRT_2))
}

/// Calls a function with an activation that the compiler knows there, so that no loop chooses between them.
macro_rules! with_known {
    ($activation:expr, $function:expr) => {
        match $activation {
            Activation::Relu => $function(Activation::Relu),
            Activation::LeakyRelu(slope) => $function(Activation::LeakyRelu(slope)),
            Activation::Elu => $function(Activation::Elu),
            Activation::Silu => $function(Activation::Silu),
            Activation::Softplus => $function(Activation::Softplus),
            Activation::Tanh => $function(Activation::Tanh),
            Activation::Sigmoid => $function(Activation::Sigmoid),
            Activation::Gelu => $function(Activation::Gelu),
        }
    };
}

impl Layer for Activation {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            let (x, y) = (pass.x.row(row), y.row_mut(row));
            with_known!(*self, |known| apply(known, x, y));
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            let (forward, dy) = ((pass.x.row(row), pass.y.row(row)), dy.as_ref().row(row));
            with_known!(*self, |known| apply_derivative(known, forward, dy, dx.row_mut(row)));
        }
    }
}

#[inline(always)]
fn apply(activation: Activation, x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = activation.apply(x);
    }
}

#[inline(always)]
fn apply_derivative(activation: Activation, (x, y): (&[f32], &[f32]), dy: &[f32], dx: &mut [f32]) {
    for ((dx, &dy), (&x, &y)) in dx.iter_mut().zip(dy).zip(x.iter().zip(y)) {
        *dx = dy * activation.derivative(x, y);
    }
}

/// Backward of a fused ReLU, in place: `dy = 0` where the output `y` is not positive.
pub(super) fn relu_backward(kernel: Kernel, y: MatRef<'_>, dy: &mut MatMut<'_>) {
    // An offset of 0 that the compiler does not know: without it, the loop becomes a slow masked store.
    let hidden_zero = std::hint::black_box(0);
    for row in 0..y.rows() {
        kernel.vectorize(ReluBackward {
            y: y.row(row),
            dy: dy.row_mut(row),
            hidden_zero,
        });
    }
}

struct ReluBackward<'a> {
    y: &'a [f32],
    dy: &'a mut [f32],
    hidden_zero: usize,
}

impl Vectorize for ReluBackward<'_> {
    #[inline(always)]
    fn run(mut self) {
        self.for_each_chunk(self.dy.len());
    }
}

impl Chunked for ReluBackward<'_> {
    #[inline(always)]
    fn chunk<const FULL: bool>(&mut self, range: Range<usize>) {
        let y = F32x8::load::<FULL>(&self.y[range.clone()]);
        let dy = F32x8::load::<FULL>(&self.dy[range.clone()]).select_positive(y);
        dy.store::<FULL>(&mut self.dy[range.start + self.hidden_zero..range.end]);
    }
}
