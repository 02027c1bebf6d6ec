//! Element-wise activation functions: `y = f(x)`, `dx = dy·f'(x)`.
//!
//! # Shapes
//! - `x`, `y`: `[batch, values]`

use std::ops::Range;

use super::{Backward, Forward, Layer};
use crate::{
    gemm::{Kernel, MatMut, MatRef, Vectorize, VectorizeMath},
    math::{MulAdd, exp, exp_m1_of_negative, gelu, gelu_derivative, sigmoid, silu, silu_derivative, softplus, tanh},
    simd::{Chunked, Vector},
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
    fn apply<A: MulAdd>(self, x: f32) -> f32 {
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
                if x < 0.0 {
                    exp_m1_of_negative::<A>(x)
                } else {
                    x
                }
            }
            Self::Silu => silu::<A>(x),
            Self::Softplus => softplus::<A>(x),
            Self::Tanh => tanh::<A>(x),
            Self::Sigmoid => sigmoid::<A>(x),
            Self::Gelu => gelu::<A>(x),
        }
    }

    /// `f'(x)`, where `y = f(x)`.
    #[inline(always)]
    fn derivative<A: MulAdd>(self, x: f32, y: f32) -> f32 {
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
                    exp::<A>(x)
                }
            }
            Self::Silu => silu_derivative::<A>(x),
            Self::Softplus => sigmoid::<A>(x),
            Self::Tanh => 1.0 - y * y,
            Self::Sigmoid => y * (1.0 - y),
            Self::Gelu => gelu_derivative::<A>(x, y),
        }
    }
}

/// Calls a function with an activation that the compiler knows there, so that no loop chooses between them. Not with a
/// closure, which might not be compiled for the kernel's CPU.
macro_rules! with_known {
    ($activation:expr, $function:path, $values:expr) => {
        match $activation {
            Activation::Relu => $function(Activation::Relu, $values),
            Activation::LeakyRelu(slope) => $function(Activation::LeakyRelu(slope), $values),
            Activation::Elu => $function(Activation::Elu, $values),
            Activation::Silu => $function(Activation::Silu, $values),
            Activation::Softplus => $function(Activation::Softplus, $values),
            Activation::Tanh => $function(Activation::Tanh, $values),
            Activation::Sigmoid => $function(Activation::Sigmoid, $values),
            Activation::Gelu => $function(Activation::Gelu, $values),
        }
    };
}

impl Layer for Activation {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            pass.kernel.vectorize_math(Apply {
                activation: *self,
                x: pass.x.row(row),
                y: y.row_mut(row),
            });
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            pass.kernel.vectorize_math(ApplyDerivative {
                activation: *self,
                x: pass.x.row(row),
                y: pass.y.row(row),
                dy: dy.as_ref().row(row),
                dx: dx.row_mut(row),
            });
        }
    }
}

/// `y = f(x)`.
struct Apply<'a> {
    activation: Activation,
    x: &'a [f32],
    y: &'a mut [f32],
}

/// `dx = dy·f'(x)`.
struct ApplyDerivative<'a> {
    activation: Activation,
    x: &'a [f32],
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl VectorizeMath for Apply<'_> {
    #[inline(always)]
    fn run<A: MulAdd>(self) {
        with_known!(self.activation, apply::<A>, self);
    }
}

impl VectorizeMath for ApplyDerivative<'_> {
    #[inline(always)]
    fn run<A: MulAdd>(self) {
        with_known!(self.activation, apply_derivative::<A>, self);
    }
}

#[inline(always)]
fn apply<A: MulAdd>(activation: Activation, values: Apply<'_>) {
    for (y, &x) in values.y.iter_mut().zip(values.x) {
        *y = activation.apply::<A>(x);
    }
}

#[inline(always)]
fn apply_derivative<A: MulAdd>(activation: Activation, values: ApplyDerivative<'_>) {
    let ApplyDerivative { x, y, dy, dx, .. } = values;
    for ((dx, &dy), (&x, &y)) in dx.iter_mut().zip(dy).zip(x.iter().zip(y)) {
        *dx = dy * activation.derivative::<A>(x, y);
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
    fn run<const W: usize>(mut self) {
        self.for_each_chunk::<W>(self.dy.len());
    }
}

impl Chunked for ReluBackward<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let y = Vector::<W>::load::<FULL>(&self.y[range.clone()]);
        let dy = Vector::<W>::load::<FULL>(&self.dy[range.clone()]).select_positive(y);
        dy.store::<FULL>(&mut self.dy[range.start + self.hidden_zero..range.end]);
    }
}
