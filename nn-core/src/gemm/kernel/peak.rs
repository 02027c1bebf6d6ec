//! The peak of a kernel: how fast multiply-adds run on registers alone.

use std::{hint::black_box, time::Instant};

use super::{
    dispatch::{Isa, Kernel},
    isa::{Simd, Vectorize},
};

/// Independent sums, enough to hide the latency of the instruction.
const SUMS: usize = 12;
const ROUNDS: usize = 2_000_000;

impl Kernel {
    /// Measures the peak of one core with this kernel's instructions, in GFLOP/s. A multiply-add counts as two
    /// operations. It takes some tens of milliseconds.
    #[must_use]
    pub fn measure_peak(self) -> f64 {
        let measure = || match self.isa() {
            Isa::Portable(isa) => rate(isa),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(isa) => rate(isa),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(isa) => rate(isa),
        };
        (0..5).map(|_| measure()).fold(0.0, f64::max)
    }
}

fn rate<S: Simd>(isa: S) -> f64 {
    let start = Instant::now();
    isa.vectorize(Rounds(isa));
    (2 * SUMS * S::WIDTH * ROUNDS) as f64 / start.elapsed().as_secs_f64() * 1e-9
}

/// Rounds of multiply-adds on registers.
struct Rounds<S>(S);

impl<S: Simd> Vectorize for Rounds<S> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let isa = self.0;
        let (x, y) = (isa.splat(black_box(0.999_999)), isa.splat(black_box(1e-7)));
        let mut sums = [isa.splat(black_box(1.0)); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = isa.mul_add(*sum, x, y);
            }
        }
        black_box(sums);
    }
}
