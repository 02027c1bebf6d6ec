//! The only unsafe code of this crate: strided views that split, and the register-blocked tiles for each CPU.
//!
//! What leaves this module is safe: [`MatRef`] and [`MatMut`], whose constructors check every bound, and
//! [`Kernel::multiply`], which asserts what its tiles rely on before it enters them.
#![allow(unsafe_code)]

mod microkernel;
mod peak;
mod simd;
mod sparse;
mod view;

use std::{fmt, str::FromStr, sync::OnceLock};

pub(crate) use microkernel::{Epilogue, Panels};
use simd::Portable;
#[cfg(target_arch = "x86_64")]
use simd::{Avx2, Avx512, Simd};
pub(crate) use sparse::{GROUP, Lists, Live, flag};
pub use view::{MatMut, MatRef};
pub(crate) use view::{Output, Segments};

use crate::error::{Error, Result};

/// Columns of a packed panel, the same for every kernel, so that packed weights do not depend on the CPU.
pub(crate) const NR: usize = 16;

/// Which implementation of the inner loop runs.
///
/// The fastest one that the CPU has is chosen once; the environment variable `NN_CORE_KERNEL` (`portable`, `avx2`,
/// `avx512`) forces another, for tests and measurements. Results of different kernels agree to rounding, not to the bit.
///
/// ```
/// use nn_core::Kernel;
/// assert!(Kernel::available().any(|kernel| kernel.to_string() == "portable"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kernel(Isa);

// Private, so that a `Kernel` in hand proves that this CPU has the instructions it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Asks for the memory of values that will soon be read.
pub(crate) fn prefetch(values: &[f32]) {
    for line in values.chunks(simd::LINE) {
        simd::prefetch(line.as_ptr());
    }
}

/// Loops over slices for [`Kernel::vectorize`]. A trait and not a closure, since `run`, and all that it calls, has to
/// be `#[inline(always)]` to be compiled for another CPU than the rest of the crate.
pub(crate) trait Vectorize {
    /// Does the work.
    fn run(self);
}

impl Kernel {
    /// The kernel every machine can run, in plain Rust.
    pub const PORTABLE: Self = Self(Isa::Portable);

    /// The kernels this machine can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Isa::ALL.into_iter().filter(|isa| isa.runs_here()).map(Self)
    }

    /// The kernel in use: the one `NN_CORE_KERNEL` names, or else the fastest; decided at the first call.
    ///
    /// # Errors
    /// Where `NN_CORE_KERNEL` names a kernel that does not exist or that this CPU cannot run.
    pub fn active() -> Result<Self> {
        static ACTIVE: OnceLock<Kernel> = OnceLock::new();
        if let Some(kernel) = ACTIVE.get() {
            return Ok(*kernel);
        }
        let kernel = match std::env::var("NN_CORE_KERNEL") {
            Ok(name) => name.parse()?,
            Err(_) => Self::available().next().unwrap_or(Self::PORTABLE),
        };
        Ok(*ACTIVE.get_or_init(|| kernel))
    }

    /// `c = act(beta·c + alpha·a·b + bias)`, where `b` is packed into panels.
    ///
    /// The sum over `k` runs in one order whatever the tile an element falls into, so the result of an element
    /// depends on its row of `a` and its column of `b` alone.
    ///
    /// # Panics
    /// If the shapes of `a`, `b`, `c` or the bias do not fit each other, or if the columns of `c` are not contiguous.
    pub(crate) fn multiply<'a, 'c>(
        self,
        a: impl Into<Segments<'a>>,
        b: Panels<'_>,
        c: impl Into<Output<'c>>,
        epilogue: Epilogue<'_>,
    ) {
        let (a, c) = (a.into(), c.into());
        microkernel::check(&a, &b, &c, &epilogue);
        match self.0 {
            // SAFETY: `check` has asserted what `strip` asks for; the portable lanes need no CPU feature.
            Isa::Portable => unsafe { microkernel::strip::<Portable, 4>(a, b, c, &epilogue) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above, and `Isa::Avx2` is made by `available` alone, after it has seen AVX2 and FMA.
            Isa::Avx2 => unsafe { microkernel::strip::<Avx2, 2>(a, b, c, &epilogue) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above, with AVX-512F.
            Isa::Avx512 => unsafe { microkernel::strip::<Avx512, 1>(a, b, c, &epilogue) },
        }
    }

    /// Runs plain code compiled for this kernel's CPU, so that the compiler may use its vectors. The results have the
    /// same bits as without.
    pub(crate) fn vectorize(self, work: impl Vectorize) {
        match self.0 {
            Isa::Portable => work.run(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx2` is made by `available` alone, after it has seen AVX2 and FMA.
            Isa::Avx2 => unsafe { Avx2::run(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above, with AVX-512F.
            Isa::Avx512 => unsafe { Avx512::run(work) },
        }
    }

    fn name(self) -> &'static str {
        self.0.name()
    }
}

impl Isa {
    /// All that are compiled for this target, the fastest first.
    #[cfg(target_arch = "x86_64")]
    const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];
    #[cfg(not(target_arch = "x86_64"))]
    const ALL: [Self; 1] = [Self::Portable];

    fn runs_here(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f") && Self::Avx2.runs_here(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
        }
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
