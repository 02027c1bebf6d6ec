//! Files and folders.

pub mod atomic_file;
pub mod exports;
pub mod paths;
