//! AVX-512: vectors of sixteen in 32 registers.

use std::arch::x86_64::{
    __m512, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_max_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::{Simd, Vectorize, avx2::Avx2};
use crate::math::Fused;

/// Proof that the CPU has AVX-512F, AVX2 and FMA: only [`detect`](Self::detect) makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The instruction set, if this CPU has it.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && Avx2::detect().is_some()).then_some(Self(()))
    }

    #[inline(never)]
    #[target_feature(enable = "avx512f,avx2,fma")]
    fn run(work: impl Vectorize) {
        work.run::<{ Self::WIDTH }>();
    }
}

// SAFETY: `load` reads and `store` writes one register of `WIDTH` values.
unsafe impl Simd for Avx512 {
    type MulAdd = Fused;
    type Vector = __m512;
    const WIDTH: usize = 16;
    const REGISTERS: usize = 32;
    // 14 rows of 2 panels: each vector that is loaded serves many multiply-adds.
    const PANELS: [usize; 4] = [4, 4, 4, 2];
    // With 4, no tile spills either, but by llvm-mca's models full tiles gain nothing: 28 multiply-adds hide the loop's other
    // instructions.
    const UNROLL: usize = 1;
    const THREAD_WORK: usize = 260_000;

    #[inline(always)]
    fn vectorize(self, work: impl Vectorize) {
        // SAFETY: `self` proves that the CPU has AVX-512F, AVX2 and FMA.
        unsafe { Self::run(work) }
    }

    #[inline(always)]
    fn zero(self) -> __m512 {
        // SAFETY: as in `vectorize`.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: as in `vectorize`.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: as in `vectorize`; the caller promises sixteen values at `from`.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, x: __m512) {
        // SAFETY: as in `vectorize`; the caller promises room for sixteen values at `to`.
        unsafe { _mm512_storeu_ps(to, x) }
    }

    #[inline(always)]
    fn mul_add(self, x: __m512, y: __m512, z: __m512) -> __m512 {
        // SAFETY: as in `vectorize`.
        unsafe { _mm512_fmadd_ps(x, y, z) }
    }

    #[inline(always)]
    fn max(self, x: __m512, y: __m512) -> __m512 {
        // The instruction gives its second operand where either is NaN.
        // SAFETY: as in `vectorize`.
        unsafe { _mm512_max_ps(x, y) }
    }
}
