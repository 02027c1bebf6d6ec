//! The limit to hold a kernel against: multiply-adds on registers alone.

use std::{hint::black_box, time::Instant};

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::{
    Isa, Kernel,
    simd::{Portable, Simd},
};

/// Independent sums, enough to hide the latency of the instruction.
const SUMS: usize = 12;
const ROUNDS: usize = 2_000_000;

impl Kernel {
    /// Measures how many floating-point operations one core does at most with this kernel's instructions, in
    /// GFLOP/s: a multiply-add counts as two. Takes some tens of milliseconds.
    #[must_use]
    pub fn measure_peak(self) -> f64 {
        let measure = || match self.0 {
            // SAFETY: plain Rust needs no CPU feature.
            Isa::Portable => unsafe { rate_portable() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx2` is made only where the CPU has AVX2 and FMA.
            Isa::Avx2 => unsafe { rate_avx2() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx512` is made only where the CPU has AVX-512F.
            Isa::Avx512 => unsafe { rate_avx512() },
        };
        (0..5).map(|_| measure()).fold(0.0, f64::max)
    }
}

/// # Safety
/// None is asked; the signature is that of the other kernels.
unsafe fn rate_portable() -> f64 {
    // SAFETY: plain Rust needs no CPU feature.
    unsafe { rate::<Portable>() }
}

/// # Safety
/// The CPU has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn rate_avx2() -> f64 {
    // SAFETY: the caller's promise.
    unsafe { rate::<Avx2>() }
}

/// # Safety
/// The CPU has AVX-512F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn rate_avx512() -> f64 {
    // SAFETY: the caller's promise.
    unsafe { rate::<Avx512>() }
}

/// # Safety
/// The CPU has what `S` needs.
#[inline(always)]
unsafe fn rate<S: Simd>() -> f64 {
    let start = Instant::now();
    // SAFETY: the caller's promise.
    unsafe {
        let (x, y) = (S::splat(black_box(0.999_999)), S::splat(black_box(1e-7)));
        let mut sums = [S::splat(black_box(1.0)); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = S::mul_add(*sum, x, y);
            }
        }
        black_box(sums);
    }
    (2 * SUMS * S::LANES * ROUNDS) as f64 / start.elapsed().as_secs_f64() * 1e-9
}
