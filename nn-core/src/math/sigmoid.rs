//! The logistic sigmoid, `1 / (1 + exp(-x))`, and its product with `x`.

use super::{
    MulAdd, at_least, at_most,
    exp::{Exp, power_of_two, powers_of_two},
};

/// The sigmoid as `first / divisor · second`, where `first` and `second` are powers of two.
///
/// With `exp(-x) = 2ⁿ·(1 + f)` for `x < 0`, it is `2⁻ⁿ / (2⁻ⁿ + 1 + f)`. This rounds once less than `exp(-x) + 1` would,
/// and does not overflow. For `x ≥ 0`, it is `1 / (1 + 2ⁿ + 2ⁿ·f)`.
#[derive(Clone, Copy)]
struct Sigmoid {
    first: f32,
    divisor: f32,
    second: f32,
    /// `rest / divisor` is 1 less the sigmoid.
    rest: f32,
}

impl Sigmoid {
    #[inline(always)]
    fn new<A: MulAdd>(x: f32) -> Self {
        // Beyond these values, the sigmoid is 0 and 1.
        let Exp { exponent, fraction } = Exp::new::<A>(at_least(-87.0, at_most(110.0, -x)));
        let above = exponent.max(0);
        let [first, second] = powers_of_two(above.wrapping_neg());
        let scale = power_of_two(exponent.wrapping_sub(above));
        Self {
            first,
            divisor: scale + A::mul_add(scale, fraction, first * second),
            second,
            rest: A::mul_add(scale, fraction, scale),
        }
    }

    /// The sigmoid times `x`.
    #[inline(always)]
    fn times(self, x: f32) -> f32 {
        x * self.first / self.divisor * self.second
    }
}

/// `1 / (1 + exp(-x))`, at most 2 ulp off.
#[inline(always)]
pub(crate) fn sigmoid<A: MulAdd>(x: f32) -> f32 {
    Sigmoid::new::<A>(x).times(1.0)
}

/// `x / (1 + exp(-x))`, at most 2 ulp off.
#[inline(always)]
pub(crate) fn silu<A: MulAdd>(x: f32) -> f32 {
    Sigmoid::new::<A>(x).times(at_least(-110.0, x))
}

/// The derivative of [`silu`], `s + x·s·(1 - s)` with the sigmoid `s`.
#[inline(always)]
pub(crate) fn silu_derivative<A: MulAdd>(x: f32) -> f32 {
    let x = at_least(-110.0, at_most(110.0, x));
    let sigmoid = Sigmoid::new::<A>(x);
    let complement = sigmoid.rest / sigmoid.divisor;
    let s = sigmoid.times(1.0);
    A::mul_add(x, s * complement, s)
}
