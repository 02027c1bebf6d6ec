//! Files and folders: atomic writes, free file names, the user's folders.

pub mod atomic_file;
pub mod exports;
#[cfg(feature = "window")]
pub mod paths;
