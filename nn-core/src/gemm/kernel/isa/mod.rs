//! The vector instructions a microkernel needs; one file below for each instruction set.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
pub(super) mod portable;

use std::marker::PhantomData;

use crate::math::MulAdd;

/// Columns of a packed panel. It is the same for every kernel, so packed weights do not depend on the CPU.
pub(crate) const NR: usize = 16;

/// Values in a cache line.
pub(super) const LINE: usize = 16;

/// Loops over slices that can be compiled for the kernel's CPU.
///
/// This is a trait and not a closure because `run`, and everything it calls, has to be `#[inline(always)]` to be
/// compiled for another CPU than the rest of the crate.
pub(crate) trait Vectorize {
    /// Does the work, in [`Vector`](crate::simd::Vector)s of `W` values where it uses them.
    fn run<const W: usize>(self);
}

/// As [`Vectorize`], for loops that call functions of [`math`](crate::math), which take the multiply-add as a type.
pub(crate) trait VectorizeMath {
    /// Does the work.
    fn run<A: MulAdd>(self);
}

/// Work with a kind of multiply-add.
struct WithMulAdd<A, T>(T, PhantomData<A>);

impl<A: MulAdd, T: VectorizeMath> Vectorize for WithMulAdd<A, T> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        self.0.run::<A>();
    }
}

/// An instruction set. A value of an implementor proves that this CPU has it: it can only be made by detection.
///
/// The microkernel is written once over this trait, so every kernel runs the same logic. Block sizes and unrolling
/// that suit the instruction set belong to it too.
///
/// # Safety
/// `load` must read and `store` must write `WIDTH` values, no more. The microkernel relies on it.
pub(super) unsafe trait Simd: Copy {
    /// The fastest multiply-add of single values.
    type MulAdd: MulAdd;
    /// A register of `WIDTH` values.
    type Vector: Copy;
    /// Values in a vector.
    const WIDTH: usize;
    /// Vector registers of the CPU.
    const REGISTERS: usize;
    /// Panels in a tile of 1, 2, 3, and of more rows.
    const PANELS: [usize; 4];
    /// Steps of the innermost loop that are unrolled.
    const UNROLL: usize;
    /// Minimum multiply-adds per thread: those of about 3 µs on an Intel Xeon, where to give fewer to another thread took longer
    /// than to do them.
    const THREAD_WORK: usize;
    /// Rows of a full tile. Registers hold its sums, one row of its panels, and one value of A.
    const MR: usize = (Self::REGISTERS - 1) * Self::WIDTH / (Self::PANELS[3] * NR) - 1;

    /// Runs `work` compiled for this instruction set.
    ///
    /// It is never inlined: with the caller's values in registers too, a tile's sums would not all fit.
    fn vectorize(self, work: impl Vectorize);

    /// As [`vectorize`](Self::vectorize), with this instruction set's multiply-add.
    fn vectorize_math(self, work: impl VectorizeMath) {
        self.vectorize(WithMulAdd(work, PhantomData::<Self::MulAdd>));
    }

    /// All values 0.
    fn zero(self) -> Self::Vector;

    /// All values `x`.
    fn splat(self, x: f32) -> Self::Vector;

    /// Loads `WIDTH` values.
    ///
    /// # Safety
    /// `from` must be valid for reads of `WIDTH` values. It need not be aligned to more than an `f32`.
    unsafe fn load(self, from: *const f32) -> Self::Vector;

    /// Stores `WIDTH` values.
    ///
    /// # Safety
    /// `to` must be valid for writes of `WIDTH` values. It need not be aligned to more than an `f32`.
    unsafe fn store(self, to: *mut f32, x: Self::Vector);

    /// `x·y + z`.
    fn mul_add(self, x: Self::Vector, y: Self::Vector, z: Self::Vector) -> Self::Vector;

    /// The larger value of each pair; `y` where either is NaN.
    fn max(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
}

/// Prefetches a cache line into the L1 cache, where the CPU has an instruction for it. Any address will do.
#[inline(always)]
pub(super) fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 CPU has the instruction, and it accesses no memory that the program can observe.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Prefetches a cache line into the L2 cache: for values needed later, which should not displace those needed now.
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

/// Prefetches all of a slice.
pub(crate) fn prefetch_slice(values: &[f32]) {
    for line in values.chunks(LINE) {
        prefetch(line.as_ptr());
    }
}
