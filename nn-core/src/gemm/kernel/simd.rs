//! What a tile asks of a CPU's vectors, and the CPUs that give it.

use super::{NR, Vectorize};

/// One kind of vector register. Tiles are written once over this trait, so each kernel runs the same logic.
///
/// # Safety
/// Every function may be called only on a CPU that has the instructions of the implementor; pointers must be valid
/// for `LANES` values (no alignment is asked).
pub(super) trait Simd {
    /// A register of `LANES` values.
    type Vector: Copy;
    /// Values in a register.
    const LANES: usize;
    /// Vector registers.
    const REGISTERS: usize;
    /// Panels that a tile of 1, 2, 3, and of more rows takes at once.
    const PANELS: [usize; 4];
    /// Steps of a turn of the innermost loop: their addresses differ by constants, and the loop's own instructions
    /// count once for all of them.
    const UNROLL: usize;
    /// Rows of a full tile: registers hold its sums, a row of its panels, and one value of A.
    const ROWS: usize = (Self::REGISTERS - 1) * Self::LANES / (Self::PANELS[3] * NR) - 1;

    /// Runs code compiled for this CPU. Never inlined: with the caller's values in registers too, a tile's sums would
    /// not all fit.
    unsafe fn run(work: impl Vectorize);
    /// All lanes zero.
    unsafe fn zero() -> Self::Vector;
    /// All lanes `x`.
    unsafe fn splat(x: f32) -> Self::Vector;
    /// `LANES` values from memory.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// `LANES` values to memory.
    unsafe fn store(to: *mut f32, x: Self::Vector);
    /// `x·y + z`.
    unsafe fn mul_add(x: Self::Vector, y: Self::Vector, z: Self::Vector) -> Self::Vector;
    /// The larger one; `y` where either is not a number.
    unsafe fn max(x: Self::Vector, y: Self::Vector) -> Self::Vector;
}

/// Values of a line of the cache.
pub(super) const LINE: usize = 16;

/// Asks for a line of memory that will soon be wanted, where there is an instruction for it.
#[inline(always)]
pub(super) fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, and no address harms it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// As [`prefetch`], into a cache that is farther away: for what is wanted later, and should not displace what is near.
#[inline(always)]
pub(super) fn prefetch_far(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as in `prefetch`.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Four lanes in plain Rust, which the compiler turns into the vectors of the baseline target.
pub(super) struct Portable;

impl Simd for Portable {
    type Vector = [f32; 4];
    const LANES: usize = 4;
    const REGISTERS: usize = if cfg!(target_arch = "aarch64") { 32 } else { 16 };
    const PANELS: [usize; 4] = [1; 4];
    const UNROLL: usize = 4;

    #[inline(never)]
    unsafe fn run(work: impl Vectorize) {
        work.run();
    }

    #[inline(always)]
    unsafe fn zero() -> [f32; 4] {
        [0.0; 4]
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 4] {
        [x; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: the caller vouches for four values at `from`.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: [f32; 4]) {
        // SAFETY: the caller vouches for four values at `to`.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(x) }
    }

    #[inline(always)]
    unsafe fn mul_add(x: [f32; 4], y: [f32; 4], z: [f32; 4]) -> [f32; 4] {
        // Without the instruction, a fused multiply-add is a slow library call.
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        let one = |i: usize| {
            if fused {
                x[i].mul_add(y[i], z[i])
            } else {
                x[i] * y[i] + z[i]
            }
        };
        [one(0), one(1), one(2), one(3)]
    }

    #[inline(always)]
    unsafe fn max(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        let one = |i: usize| if x[i] > y[i] { x[i] } else { y[i] };
        [one(0), one(1), one(2), one(3)]
    }
}

/// Eight lanes with fused multiply-add.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };

    use super::{Avx2, Simd, Vectorize};

    impl Simd for Avx2 {
        type Vector = __m256;
        const LANES: usize = 8;
        const REGISTERS: usize = 16;
        // 6 rows of 2 vectors: 12 sums hide the latency of two multiply-adds a cycle.
        const PANELS: [usize; 4] = [4, 3, 2, 1];
        const UNROLL: usize = 4;

        #[inline(never)]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn run(work: impl Vectorize) {
            work.run();
        }

        #[inline(always)]
        unsafe fn zero() -> __m256 {
            // SAFETY: the CPU has AVX2 and FMA, by the trait's contract.
            unsafe { _mm256_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn splat(x: f32) -> __m256 {
            // SAFETY: as in `zero`.
            unsafe { _mm256_set1_ps(x) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            // SAFETY: as in `zero`; the caller vouches for eight values at `from`.
            unsafe { _mm256_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, x: __m256) {
            // SAFETY: as in `zero`; the caller vouches for eight values at `to`.
            unsafe { _mm256_storeu_ps(to, x) }
        }

        #[inline(always)]
        unsafe fn mul_add(x: __m256, y: __m256, z: __m256) -> __m256 {
            // SAFETY: as in `zero`.
            unsafe { _mm256_fmadd_ps(x, y, z) }
        }

        #[inline(always)]
        unsafe fn max(x: __m256, y: __m256) -> __m256 {
            // The instruction gives its second operand where one is not a number.
            // SAFETY: as in `zero`.
            unsafe { _mm256_max_ps(x, y) }
        }
    }
}

/// Sixteen lanes, and 32 registers.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx512;

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_max_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{Avx512, Simd, Vectorize};

    impl Simd for Avx512 {
        type Vector = __m512;
        const LANES: usize = 16;
        const REGISTERS: usize = 32;
        // 14 rows of 2 panels: an operand loaded serves many multiply-adds.
        const PANELS: [usize; 4] = [4, 4, 4, 2];
        // With more, LLVM hoists the columns of A and spills sums to the stack, which halves the speed.
        const UNROLL: usize = 1;

        #[inline(never)]
        #[target_feature(enable = "avx512f,avx2,fma")]
        unsafe fn run(work: impl Vectorize) {
            work.run();
        }

        #[inline(always)]
        unsafe fn zero() -> __m512 {
            // SAFETY: the CPU has AVX-512F, by the trait's contract.
            unsafe { _mm512_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn splat(x: f32) -> __m512 {
            // SAFETY: as in `zero`.
            unsafe { _mm512_set1_ps(x) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            // SAFETY: as in `zero`; the caller vouches for sixteen values at `from`.
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, x: __m512) {
            // SAFETY: as in `zero`; the caller vouches for sixteen values at `to`.
            unsafe { _mm512_storeu_ps(to, x) }
        }

        #[inline(always)]
        unsafe fn mul_add(x: __m512, y: __m512, z: __m512) -> __m512 {
            // SAFETY: as in `zero`.
            unsafe { _mm512_fmadd_ps(x, y, z) }
        }

        #[inline(always)]
        unsafe fn max(x: __m512, y: __m512) -> __m512 {
            // As for AVX2.
            // SAFETY: as in `zero`.
            unsafe { _mm512_max_ps(x, y) }
        }
    }
}
