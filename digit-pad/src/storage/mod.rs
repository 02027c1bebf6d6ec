//! Files and folders.

pub mod atomic_file;
pub mod exports;
#[cfg(feature = "window")]
pub mod paths;
