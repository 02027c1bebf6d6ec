//! The limit to hold a kernel against: multiply-adds on registers alone.

use std::{hint::black_box, marker::PhantomData, time::Instant};

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::{
    Isa, Kernel, Vectorize,
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
            Isa::Portable => unsafe { rate::<Portable>() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx2` is made only where the CPU has AVX2 and FMA.
            Isa::Avx2 => unsafe { rate::<Avx2>() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx512` is made only where the CPU has AVX-512F, AVX2 and FMA.
            Isa::Avx512 => unsafe { rate::<Avx512>() },
        };
        (0..5).map(|_| measure()).fold(0.0, f64::max)
    }
}

/// # Safety
/// The CPU has what `S` needs.
unsafe fn rate<S: Simd>() -> f64 {
    let start = Instant::now();
    // SAFETY: the caller's promise.
    unsafe { S::run(Rounds::<S>(PhantomData)) };
    (2 * SUMS * S::LANES * ROUNDS) as f64 / start.elapsed().as_secs_f64() * 1e-9
}

/// Multiply-adds on registers; made only where the CPU has what `S` needs.
struct Rounds<S>(PhantomData<S>);

impl<S: Simd> Vectorize for Rounds<S> {
    #[inline(always)]
    fn run(self) {
        // SAFETY: whoever made this knows that the CPU has what `S` needs.
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
    }
}
