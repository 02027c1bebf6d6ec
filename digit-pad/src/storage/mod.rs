//! Files and folders: atomic writes, kinds of files, names of files, URIs, the user's folders.

pub mod atomic_file;
pub mod exports;
pub mod file_kind;
#[cfg(feature = "window")]
pub mod file_uri;
#[cfg(feature = "window")]
pub mod paths;
pub mod png;
pub mod small_file;
