//! Plain Rust in vectors of four, which the compiler turns into the vectors of the target.

use super::{Simd, Vectorize};
use crate::{
    math::{self, MulAdd},
    simd::MIN_WIDTH,
};

/// The instructions that every target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Portable;

// SAFETY: `load` reads and `store` writes one array of `WIDTH` values.
unsafe impl Simd for Portable {
    #[cfg(any(target_arch = "aarch64", target_feature = "fma"))]
    type MulAdd = math::Fused;
    #[cfg(not(any(target_arch = "aarch64", target_feature = "fma")))]
    type MulAdd = math::Separate;
    type Vector = [f32; 4];
    const WIDTH: usize = 4;
    const REGISTERS: usize = if cfg!(target_arch = "aarch64") { 32 } else { 16 };
    const PANELS: [usize; 4] = [1; 4];
    // With 32 registers, LLVM loads operands of later steps early, and spills sums of 6 rows.
    const UNROLL: usize = if cfg!(target_arch = "aarch64") { 1 } else { 4 };
    const THREAD_WORK: usize = 50_000;

    #[inline(never)]
    fn vectorize(self, work: impl Vectorize) {
        work.run::<MIN_WIDTH>();
    }

    #[inline(always)]
    fn zero(self) -> [f32; 4] {
        [0.0; 4]
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 4] {
        [x; 4]
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [f32; 4] {
        // SAFETY: the caller promises four values at `from`.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, x: [f32; 4]) {
        // SAFETY: the caller promises room for four values at `to`.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(x) }
    }

    #[inline(always)]
    fn mul_add(self, x: [f32; 4], y: [f32; 4], z: [f32; 4]) -> [f32; 4] {
        let one = |i: usize| Self::MulAdd::mul_add(x[i], y[i], z[i]);
        [one(0), one(1), one(2), one(3)]
    }

    #[inline(always)]
    fn max(self, x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        let one = |i: usize| if x[i] > y[i] { x[i] } else { y[i] };
        [one(0), one(1), one(2), one(3)]
    }
}
