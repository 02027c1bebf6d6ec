//! Threads that stay awake while work forks and joins again and again: to wake a sleeping one takes as long as some of
//! what is forked.

use std::{
    num::NonZero,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// More threads would look out at each other's cost.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// Does `work`, on a thread of a rayon pool, while so many of its threads, this one included, look out for what it
/// forks. Elsewhere, and without such threads, it is just done.
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
    rayon::join(work, || look_out(others, here, &done)).0
}

/// Says that the work is done, even if it has panicked: else the others would look out for ever.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Has that many threads take what is forked until all is done.
fn look_out(threads: usize, worker: usize, done: &AtomicBool) {
    if threads > 1 {
        let left = threads / 2;
        let look_out = |threads| move || look_out(threads, worker, done);
        rayon::join(look_out(left), look_out(threads - left));
        return;
    }
    // The thread that does the work may come here while it waits for another, and would then never do it.
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
    fn what_is_forked_is_done() {
        for threads in [1, 2, 3, 8] {
            pool(threads).install(|| {
                for awake in 0..6 {
                    for _ in 0..50 {
                        assert_eq!(with_spinning_workers(awake, || sum(0..500)), 124_750);
                    }
                }
            });
        }
        assert_eq!(with_spinning_workers(2, || sum(0..500)), 124_750, "outside of a pool");
    }

    #[test]
    fn it_may_happen_within_itself_and_beside_others() {
        let pool = pool(2);
        let twice = || with_spinning_workers(2, || with_spinning_workers(2, || sum(0..300)) + sum(0..200));
        pool.scope(|scope| {
            for _ in 0..20 {
                scope.spawn(move |_| assert_eq!(twice(), 44_850 + 19_900));
            }
        });
    }

    #[test]
    fn a_panic_ends_the_looking_out() {
        let pool = pool(2);
        for _ in 0..10 {
            let work = || with_spinning_workers(2, || assert_eq!(sum(0..100), 0, "as it should"));
            let outcome = pool.install(|| std::panic::catch_unwind(work));
            assert!(outcome.is_err());
        }
        assert_eq!(pool.install(|| sum(0..100)), 4_950);
    }
}
