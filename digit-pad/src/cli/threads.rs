//! The number of threads: no more than there are processors.

use std::{env, io, thread};

use digit_pad::Error;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::output::note;

/// The variable that sets rayon's number of threads.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Keeps commands without an option from starting more threads than there are processors.
///
/// # Errors
/// [`Error::Thread`].
pub(super) fn limit() -> Result<(), Error> {
    let Some(threads) = of_variable() else { return Ok(()) };
    let pool = ThreadPoolBuilder::new()
        .num_threads(limited(threads, VARIABLE))
        .build_global();
    pool.map_err(|error| Error::Thread(io::Error::other(error)))
}

/// A pool of that many threads, or else of one for each processor.
///
/// # Errors
/// [`Error::Thread`].
pub(super) fn pool(threads: Option<usize>) -> Result<ThreadPool, Error> {
    let threads = match threads {
        Some(threads) => limited(threads, "--threads"),
        None => of_variable().map_or(0, |threads| threads.min(processors())),
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| Error::Thread(io::Error::other(error)))
}

fn of_variable() -> Option<usize> {
    let threads = env::var(VARIABLE).ok()?.parse().ok()?;
    (threads > processors()).then_some(threads)
}

/// The number, or that of the processors if it is larger, which is said aloud.
fn limited(threads: usize, name: &str) -> usize {
    let processors = processors();
    if threads > processors {
        note(format_args!(
            "{name} {threads} is more than there are processors; {processors} threads are used, which gives the same result"
        ));
    }
    threads.min(processors)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
