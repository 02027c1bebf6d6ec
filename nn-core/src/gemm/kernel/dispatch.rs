//! Run-time dispatch: the kernels that this machine can run, the one in use, and code compiled for its CPU.

use std::{fmt, str::FromStr, sync::OnceLock};

use super::isa::{Simd, Vectorize, VectorizeMath, portable::Portable};
#[cfg(target_arch = "x86_64")]
use super::isa::{avx2::Avx2, avx512::Avx512};
use crate::{
    error::{Error, Result},
    simd::MIN_WIDTH,
};

/// An implementation of the innermost loops for one instruction set.
///
/// The fastest one that the CPU has is chosen once, at the first use. The environment variable `NN_CORE_KERNEL`
/// (`portable`, `avx2` or `avx512`) forces another, for tests and measurements. Results of different kernels agree to
/// rounding, not to the bit.
///
/// `Display` prints the name and `FromStr` reads it.
///
/// ```
/// use nn_core::Kernel;
/// assert!(Kernel::available().any(|kernel| kernel.to_string() == "portable"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kernel(Isa);

/// The instruction set of a kernel. Each holds the proof that this CPU has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Isa {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Kernel {
    /// The kernel that every machine can run, in plain Rust.
    pub const PORTABLE: Self = Self(Isa::Portable(Portable));

    /// The kernels that this machine can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Isa::available().map(Self)
    }

    /// The kernel in use: the one that `NN_CORE_KERNEL` names, or else the fastest. It is chosen at the first call.
    ///
    /// # Errors
    /// If `NN_CORE_KERNEL` names no kernel of this machine.
    pub fn active() -> Result<Self> {
        static ACTIVE: OnceLock<Kernel> = OnceLock::new();
        if let Some(kernel) = ACTIVE.get() {
            return Ok(*kernel);
        }
        let kernel = match std::env::var_os("NN_CORE_KERNEL") {
            // A name that is not UTF-8 is that of no kernel.
            Some(name) => name.to_string_lossy().parse()?,
            None => Self::available().next().unwrap_or(Self::PORTABLE),
        };
        Ok(*ACTIVE.get_or_init(|| kernel))
    }

    /// Runs plain code compiled for this kernel's CPU, so that the compiler may use its vectors. The results have the
    /// same bits as without.
    pub(crate) fn vectorize(self, work: impl Vectorize) {
        match self.0 {
            Isa::Portable(_) => work.run::<MIN_WIDTH>(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(isa) => isa.vectorize(work),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(isa) => isa.vectorize(work),
        }
    }

    /// As [`vectorize`](Self::vectorize), with the CPU's own multiply-add: bits differ between kernels where one fuses it
    /// and the other does not.
    pub(crate) fn vectorize_math(self, work: impl VectorizeMath) {
        match self.0 {
            Isa::Portable(isa) => isa.vectorize_math(work),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(isa) => isa.vectorize_math(work),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(isa) => isa.vectorize_math(work),
        }
    }

    /// Minimum multiply-adds per thread.
    pub(crate) fn thread_work(self) -> usize {
        match self.0 {
            Isa::Portable(_) => Portable::THREAD_WORK,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => Avx2::THREAD_WORK,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(_) => Avx512::THREAD_WORK,
        }
    }

    pub(super) fn isa(self) -> Isa {
        self.0
    }

    fn name(self) -> &'static str {
        match self.0 {
            Isa::Portable(_) => "portable",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(_) => "avx512",
        }
    }
}

impl Isa {
    /// The instruction sets of this CPU, the fastest first.
    #[cfg(target_arch = "x86_64")]
    fn available() -> impl Iterator<Item = Self> {
        let avx512 = Avx512::detect().map(Self::Avx512);
        let avx2 = Avx2::detect().map(Self::Avx2);
        [avx512, avx2, Some(Self::Portable(Portable))].into_iter().flatten()
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn available() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Portable(Portable))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kernel {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if let Some(kernel) = Self::available().find(|kernel| kernel.name() == name) {
            return Ok(kernel);
        }
        let available: Vec<_> = Self::available().map(Self::name).collect();
        Err(Error::Kernel {
            name: name.to_owned(),
            reason: match name {
                "avx512" => "this CPU or this target lacks AVX-512F",
                "avx2" => "this CPU or this target lacks AVX2 or FMA",
                _ => "there is no such kernel",
            },
            available: available.join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_named_and_found_by_name() {
        for kernel in Kernel::available() {
            assert_eq!(kernel.to_string().parse::<Kernel>().unwrap(), kernel);
        }
        let error = "mmx".parse::<Kernel>().unwrap_err().to_string();
        assert!(error.contains("mmx") && error.contains("portable"), "{error}");
    }
}
