//! Other libraries on our workloads, used as in their own examples, with the same weights, batches and threads.
//!
//! `RAYON_NUM_THREADS` and `MATMUL_NUM_THREADS` set the number of threads of every library here; the default is the
//! number of cores, and matrixmultiply takes at most 4.

pub mod candle;
pub mod products;

/// Version of a crate in this workspace's lock file.
fn locked_version(name: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let entry = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
    let version = entry.and_then(|(_, rest)| rest.split('"').next());
    version.unwrap_or("unknown")
}
