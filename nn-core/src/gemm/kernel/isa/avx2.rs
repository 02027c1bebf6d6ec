//! AVX2 with fused multiply-add: vectors of eight in 16 registers.

use std::arch::x86_64::{
    __m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::{Simd, Vectorize};
use crate::math::Fused;

/// Proof that the CPU has AVX2 and FMA: only [`detect`](Self::detect) makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The instruction set, if this CPU has it.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,fma")]
    fn run(work: impl Vectorize) {
        work.run::<{ Self::WIDTH }>();
    }
}

// SAFETY: `load` reads and `store` writes one register of `WIDTH` values.
unsafe impl Simd for Avx2 {
    type MulAdd = Fused;
    type Vector = __m256;
    const WIDTH: usize = 8;
    const REGISTERS: usize = 16;
    // 6 rows of 2 vectors: 12 sums hide the latency of two multiply-adds a cycle.
    const PANELS: [usize; 4] = [4, 3, 2, 1];
    const UNROLL: usize = 4;
    const THREAD_WORK: usize = 130_000;

    #[inline(always)]
    fn vectorize(self, work: impl Vectorize) {
        // SAFETY: `self` proves that the CPU has AVX2 and FMA.
        unsafe { Self::run(work) }
    }

    #[inline(always)]
    fn zero(self) -> __m256 {
        // SAFETY: as in `vectorize`.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: as in `vectorize`.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // SAFETY: as in `vectorize`; the caller promises eight values at `from`.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, x: __m256) {
        // SAFETY: as in `vectorize`; the caller promises room for eight values at `to`.
        unsafe { _mm256_storeu_ps(to, x) }
    }

    #[inline(always)]
    fn mul_add(self, x: __m256, y: __m256, z: __m256) -> __m256 {
        // SAFETY: as in `vectorize`.
        unsafe { _mm256_fmadd_ps(x, y, z) }
    }

    #[inline(always)]
    fn max(self, x: __m256, y: __m256) -> __m256 {
        // The instruction gives its second operand where either is NaN.
        // SAFETY: as in `vectorize`.
        unsafe { _mm256_max_ps(x, y) }
    }
}
