//! Running on a given number of threads, and checking that results do not depend on it.

use std::fmt;

use crate::close::assert_same_bits;

/// Numbers of threads: one, two, an odd number, and more than most machines have.
pub const THREADS: [usize; 4] = [1, 2, 3, 8];

/// Runs `f` in a new pool of that many threads.
///
/// # Panics
/// If the threads cannot be started.
pub fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("threads").install(f)
}

/// Asserts that `compute` gives the same bits on each number of [`THREADS`], and returns them.
///
/// # Panics
/// If the bits differ.
#[track_caller]
pub fn assert_same_on_any_threads(what: impl fmt::Display, compute: impl Fn() -> Vec<f32> + Sync) -> Vec<f32> {
    let expected = on_threads(THREADS[0], &compute);
    for threads in &THREADS[1..] {
        let values = on_threads(*threads, &compute);
        assert_same_bits(format!("{what}, {threads} threads"), &values, &expected);
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_depends_on_threads_is_found() {
        let fine = assert_same_on_any_threads("constant", || vec![1.0, 2.0]);
        assert_eq!(fine, [1.0, 2.0]);
        let depends = || assert_same_on_any_threads("a count", || vec![rayon::current_num_threads() as f32]);
        assert!(std::panic::catch_unwind(depends).is_err());
    }

    #[test]
    fn the_pool_has_that_many_threads() {
        for threads in THREADS {
            assert_eq!(on_threads(threads, rayon::current_num_threads), threads);
        }
    }
}
