//! `ln(1 + x)` and softplus, `ln(1 + exp(x))`.

use std::f32::consts::{LN_2, SQRT_2};

use super::{MulAdd, exp::exp, polynomial};

/// `(ln(1 + f) - f + f²/2) / f³`; the relative error of the logarithm is 5.9e-9 (`tests/minimax.py`).
const LN_1P: [f32; 8] = [
    0.333_333_3,
    -0.250_008_2,
    0.200_012_28,
    -0.166_233_76,
    0.142_018_1,
    -0.131_602_53,
    0.127_616_02,
    -0.076_344_45,
];

/// `ln(1 + x)` for `x` from 0 to 1, at most 2 ulp off.
#[inline(always)]
pub(crate) fn ln_1p_of_fraction<A: MulAdd>(x: f32) -> f32 {
    // `1 + x` is `2·(1 + f)` or `1 + f`, with `1 + f` from √½ to √2.
    let (f, offset) = if x > SQRT_2 - 1.0 {
        ((x - 1.0) * 0.5, LN_2)
    } else {
        (x, 0.0)
    };
    let half = A::mul_add(-f, polynomial::<A, _>(f, LN_1P), 0.5);
    A::mul_add(-f * f, half, f) + offset
}

/// `ln(1 + exp(x))`, at most 2 ulp off.
#[inline(always)]
pub(crate) fn softplus<A: MulAdd>(x: f32) -> f32 {
    let positive = if x < 0.0 { 0.0 } else { x };
    // In this form, `exp` does not overflow.
    positive + ln_1p_of_fraction::<A>(exp::<A>(-x.abs()))
}
