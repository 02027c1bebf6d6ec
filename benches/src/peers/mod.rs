//! Other libraries on our workloads, used as their own examples use them: same weights, same batches, same threads.
//!
//! `RAYON_NUM_THREADS` and `MATMUL_NUM_THREADS` set how many threads they and we take; both are the number of cores
//! unless they are set, and matrixmultiply takes at most 4.

pub mod candle;
pub mod products;
