//! gelu, `x·cdf(x)` with the cumulative distribution function of the standard normal distribution.

use super::{MulAdd, at_least, at_most, exp::Exp, polynomial};

/// `pdf(0) = 1 / √(2π)`.
const DENSITY: f32 = 0.398_942_3;
/// `(cdf(x) - ½) / x` in `x²` for `|x| ≤` [`SMALL`]; the relative error of `cdf` is 1.0e-8 (`tests/minimax.py`).
const CENTER: [f32; 5] = [
    0.398_942_26,
    -0.066_489_786,
    0.009_969_25,
    -0.001_174_326_2,
    9.768_579e-5,
];
const SMALL: f32 = 0.85;
/// `pdf(0) - a·cdf(-a)·exp(a²/2)` for `a` from 0.85 to 14.5 as a quotient; the relative error of `cdf` is
/// 2.4e-9 (`tests/minimax.py`).
const TAIL: [f32; 4] = [0.399_010_72, 0.237_109_5, 0.068_386_4, 0.009_713_093];
const TAIL_DIVISOR: [f32; 6] = [1.0, 1.848_777_5, 1.485_153_8, 0.669_883_97, 0.171_303_53, 0.024_349_064];
/// From here on, gelu of negative values is 0.
const LARGE: f32 = 15.0;

/// `cdf(x)` for `|x| ≤` [`SMALL`].
#[inline(always)]
fn central_cdf<A: MulAdd>(x: f32) -> f32 {
    A::mul_add(x, polynomial::<A, _>(x * x, CENTER), 0.5)
}

/// `exp(-a²/2)` for `a` from 0 to [`LARGE`].
#[inline(always)]
fn bell<A: MulAdd>(a: f32) -> f32 {
    // The square of the first 12 bits is exact; without the rest, the square of large values would be too coarse.
    let high = f32::from_bits(a.to_bits() & 0xffff_f000);
    Exp::of_sum::<A>(-0.5 * high * high, -0.5 * (a - high) * (a + high)).value()
}

/// `x·cdf(x)`, at most 4 ulp off.
#[inline(always)]
pub(crate) fn gelu<A: MulAdd>(x: f32) -> f32 {
    let size = at_most(LARGE, x.abs());
    let ratio = polynomial::<A, _>(size, TAIL) / polynomial::<A, _>(size, TAIL_DIVISOR);
    let tail = (DENSITY - ratio) * bell::<A>(size);
    let positive = if x < 0.0 { 0.0 } else { x };
    if size < SMALL {
        x * central_cdf::<A>(x)
    } else {
        positive - tail
    }
}

/// The derivative of [`gelu`] where `y` is its value, `cdf(x) + x·pdf(x)`.
#[inline(always)]
pub(crate) fn gelu_derivative<A: MulAdd>(x: f32, y: f32) -> f32 {
    let (x, y) = (at_least(-LARGE, at_most(LARGE, x)), at_most(LARGE, y));
    let size = x.abs();
    let cdf = if size < SMALL { central_cdf::<A>(x) } else { y / x };
    A::mul_add(x, DENSITY * bell::<A>(size), cdf)
}
