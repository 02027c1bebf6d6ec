//! `exp` and `exp_m1`.
//!
//! `x = n·ln 2 + r` with an integer `n` and `|r| ≤ ln 2 / 2`, by the reduction of Cody and Waite (1980), "Software Manual
//! for the Elementary Functions"; then `exp(x) = 2ⁿ·(1 + exp_m1(r))`.

use std::f32::consts::LOG2_E;

use super::{MulAdd, at_least, at_most, polynomial};

/// `ln 2` as a sum. The first part has 9 bits, so its products with exponents are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// Adding it rounds to an integer, which is then in the last bits of the sum.
const ROUND: f32 = 1.5 * (1 << 23) as f32;
/// `(exp_m1(r) - r) / r²`; the relative error of `exp_m1` is 1.4e-8 (`tests/minimax.py`).
const EXP_M1: [f32; 5] = [0.499_999_97, 0.166_665_44, 0.041_667_346, 0.008_366_641, 0.001_388_27];

/// `exp(x) = 2ⁿ·(1 + fraction)`, with the fraction from `√½ - 1` to `√2 - 1`.
#[derive(Clone, Copy)]
pub(super) struct Exp {
    pub(super) exponent: i32,
    pub(super) fraction: f32,
}

impl Exp {
    /// Of `x` from -160 to 160.
    #[inline(always)]
    pub(super) fn new<A: MulAdd>(x: f32) -> Self {
        let rounded = A::mul_add(x, LOG2_E, ROUND);
        let n = rounded - ROUND;
        Self::with_rest::<A>(rounded, A::mul_add(n, -LN_2[1], A::mul_add(n, -LN_2[0], x)))
    }

    /// Of `high + low`, where `low` is small, and the sum from -160 to 160.
    #[inline(always)]
    pub(super) fn of_sum<A: MulAdd>(high: f32, low: f32) -> Self {
        let rounded = A::mul_add(high + low, LOG2_E, ROUND);
        let n = rounded - ROUND;
        Self::with_rest::<A>(rounded, A::mul_add(n, -LN_2[0], high) + A::mul_add(n, -LN_2[1], low))
    }

    #[inline(always)]
    fn with_rest<A: MulAdd>(rounded: f32, r: f32) -> Self {
        Self {
            exponent: rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32,
            fraction: A::mul_add(r * r, polynomial::<A, _>(r, EXP_M1), r),
        }
    }

    /// The value, which may be infinite or subnormal.
    #[inline(always)]
    pub(super) fn value(self) -> f32 {
        let [first, second] = powers_of_two(self.exponent);
        (1.0 + self.fraction) * first * second
    }
}

/// `2ⁿ` for `n` from -126 to 127; another `n` gives some other number.
#[inline(always)]
pub(super) fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// `2ⁿ` as a product of two, for `n` from -252 to 254.
#[inline(always)]
pub(super) fn powers_of_two(n: i32) -> [f32; 2] {
    let half = n >> 1;
    [power_of_two(half), power_of_two(n.wrapping_sub(half))]
}

/// `exp(x)`, at most 2 ulp off.
#[inline(always)]
pub(crate) fn exp<A: MulAdd>(x: f32) -> f32 {
    Exp::new::<A>(at_least(-104.0, at_most(89.0, x))).value()
}

/// `exp(x) - 1` for `x ≤ 0`, at most 2 ulp off; of positive values, it is 0.
#[inline(always)]
pub(crate) fn exp_m1_of_negative<A: MulAdd>(x: f32) -> f32 {
    let Exp { exponent, fraction } = Exp::new::<A>(at_least(-18.0, at_most(0.0, x)));
    let scale = power_of_two(exponent);
    A::mul_add(fraction, scale, scale - 1.0)
}
