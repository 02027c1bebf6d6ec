//! The hyperbolic tangent.

use super::{
    MulAdd, at_most,
    exp::{Exp, power_of_two},
    polynomial,
};

/// `(tanh(x) - x) / x³` in `x²`, for `|x| ≤` [`SMALL`]; the relative error of `tanh` is 5.5e-9 (`tests/minimax.py`).
const TANH: [f32; 5] = [
    -0.333_332_8,
    0.133_314_39,
    -0.053_739_715,
    0.020_639_07,
    -0.005_704_988_3,
];
const SMALL: f32 = 0.625;
/// From here on, `tanh(x)` is 1.
const LARGE: f32 = 9.1;

/// `tanh(x)`, at most 2 ulp off.
#[inline(always)]
pub(crate) fn tanh<A: MulAdd>(x: f32) -> f32 {
    let size = x.abs();
    let square = size * size;
    let small = A::mul_add(size, square * polynomial::<A, _>(square, TANH), size);
    // 1 - 2 / (exp(2x) + 1)
    let Exp { exponent, fraction } = Exp::new::<A>(2.0 * at_most(LARGE, size));
    let scale = power_of_two(exponent);
    let large = 1.0 - 2.0 / A::mul_add(scale, fraction, scale + 1.0);
    let tanh = if size < SMALL { small } else { large };
    tanh.copysign(x)
}
