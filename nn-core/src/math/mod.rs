//! Elementary functions on plain values, without branches, so that the compiler vectorizes loops over them.
//!
//! Each takes its multiply-adds from a type parameter, since a fused one is a slow library call where the CPU has no such
//! instruction: `Kernel::vectorize_math` chooses it. NaN gives NaN, and infinity gives the limit. The errors that the
//! documentation states are those of both kinds, found by trying every f32 (the ignored test in `tests`).

mod exp;
mod ln_1p;
mod normal;
mod sigmoid;
mod tanh;
#[cfg(test)]
mod tests;

pub(crate) use exp::{exp, exp_m1_of_negative};
pub(crate) use ln_1p::softplus;
pub(crate) use normal::{gelu, gelu_derivative};
pub(crate) use sigmoid::{sigmoid, silu, silu_derivative};
pub(crate) use tanh::tanh;

/// How `x·y + z` is computed.
pub(crate) trait MulAdd {
    /// `x·y + z`.
    fn mul_add(x: f32, y: f32, z: f32) -> f32;
}

/// A multiply-add that rounds once.
#[allow(dead_code)] // Some CPUs never fuse.
pub(crate) struct Fused;

/// A product and a sum, which both round.
#[allow(dead_code)] // Some CPUs always fuse.
pub(crate) struct Separate;

impl MulAdd for Fused {
    #[inline(always)]
    fn mul_add(x: f32, y: f32, z: f32) -> f32 {
        x.mul_add(y, z)
    }
}

impl MulAdd for Separate {
    #[inline(always)]
    fn mul_add(x: f32, y: f32, z: f32) -> f32 {
        x * y + z
    }
}

/// `Σ coefficientsₖ·xᵏ`, by Horner's rule.
#[inline(always)]
fn polynomial<A: MulAdd, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    let mut k = N - 1;
    while k > 0 {
        k -= 1;
        sum = A::mul_add(sum, x, coefficients[k]);
    }
    sum
}

/// The smaller value; NaN if `x` is NaN, unlike `f32::min`.
#[inline(always)]
fn at_most(limit: f32, x: f32) -> f32 {
    if limit < x { limit } else { x }
}

/// The larger value; NaN if `x` is NaN, unlike `f32::max`.
#[inline(always)]
fn at_least(limit: f32, x: f32) -> f32 {
    if limit > x { limit } else { x }
}
