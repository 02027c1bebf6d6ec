//! Worker threads that spin during a training step: waking a sleeping one takes as long as the shortest parallel
//! sections.

use std::{
    num::NonZero,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// The number of cores; more spinning threads would only slow each other down.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// Runs `work` on a thread of a rayon pool, while other threads of the pool spin for the jobs that it forks: `threads`
/// in total, including this one. Outside a pool, or without other threads, it only runs `work`.
pub(crate) fn with_spinning_workers<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let others = threads.min(rayon::current_num_threads()).min(*CORES).saturating_sub(1);
    let Some(here) = rayon::current_thread_index().filter(|_| others > 0) else {
        return work();
    };
    let done = AtomicBool::new(false);
    let work = || {
        let _done = SetOnDrop(&done);
        work()
    };
    rayon::join(work, || spin_until(&done, others, here)).0
}

/// Sets a flag even if the work panics; without it, the others would spin forever.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Spins on `threads` threads, which run forked jobs, until the flag `done` is set by the thread `worker`.
fn spin_until(done: &AtomicBool, threads: usize, worker: usize) {
    if threads > 1 {
        let left = threads / 2;
        let spin = |threads| move || spin_until(done, threads, worker);
        rayon::join(spin(left), spin(threads - left));
        return;
    }
    // The worker may get here while it waits for another thread. It must not spin, since it would wait for itself.
    while !done.load(Ordering::Acquire) && rayon::current_thread_index() != Some(worker) {
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use rayon::{ThreadPool, ThreadPoolBuilder};

    use super::*;

    fn pool(threads: usize) -> ThreadPool {
        ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    fn sum(range: std::ops::Range<u64>) -> u64 {
        if range.end - range.start < 4 {
            return range.sum();
        }
        let middle = u64::midpoint(range.start, range.end);
        let (left, right) = rayon::join(|| sum(range.start..middle), || sum(middle..range.end));
        left + right
    }

    #[test]
    fn forked_jobs_run() {
        for threads in [1, 2, 3, 8] {
            pool(threads).install(|| {
                for spinning in 0..6 {
                    for _ in 0..50 {
                        assert_eq!(with_spinning_workers(spinning, || sum(0..500)), 124_750);
                    }
                }
            });
        }
        assert_eq!(with_spinning_workers(2, || sum(0..500)), 124_750, "outside a pool");
    }

    #[test]
    fn calls_may_be_nested_and_concurrent() {
        let pool = pool(2);
        let nested = || with_spinning_workers(2, || with_spinning_workers(2, || sum(0..300)) + sum(0..200));
        pool.scope(|scope| {
            for _ in 0..20 {
                scope.spawn(move |_| assert_eq!(nested(), 44_850 + 19_900));
            }
        });
    }

    #[test]
    fn a_panic_ends_the_spinning() {
        let pool = pool(2);
        for _ in 0..10 {
            let work = || with_spinning_workers(2, || assert_eq!(sum(0..100), 0, "expected"));
            let outcome = pool.install(|| std::panic::catch_unwind(work));
            assert!(outcome.is_err());
        }
        assert_eq!(pool.install(|| sum(0..100)), 4_950);
    }
}
