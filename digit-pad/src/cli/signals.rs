//! Signals that stop training: Ctrl-C, and what the system sends to end a program or a session.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use super::output::Failure;

/// Exit status of a program that a signal ended, as shells report it, without the signal's number.
const ENDED_BY_SIGNAL: i32 = 128;

/// The signals that ask a training run to stop.
#[derive(Debug)]
pub(super) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Sets `stop` at the first signal, and exits at the second.
    pub(super) fn stopping(stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let last = Arc::new(AtomicUsize::new(0));
        let watch = |signal: i32| {
            // In this order: the first signal has to find the flag unset.
            flag::register_conditional_shutdown(signal, ENDED_BY_SIGNAL + signal, Arc::clone(stop))?;
            flag::register(signal, Arc::clone(stop))?;
            flag::register_usize(signal, Arc::clone(&last), signal as usize)
        };
        for signal in watched() {
            watch(signal)
                .map_err(|error| Failure::Message(format!("cannot handle signals such as Ctrl-C: {error}")))?;
        }
        Ok(Signals(last))
    }

    /// Why the system stopped training; `None` if it did not, or the user did with Ctrl-C.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) as i32 {
            SIGTERM => Some("training was stopped by the signal SIGTERM"),
            #[cfg(unix)]
            SIGHUP => Some("training was stopped by the signal SIGHUP: its terminal or session ended"),
            _ => None,
        }
    }
}

#[cfg(unix)]
fn watched() -> Vec<i32> {
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    [SIGINT, SIGTERM].into_iter().chain(hangup).collect()
}

#[cfg(not(unix))]
fn watched() -> Vec<i32> {
    vec![SIGINT, SIGTERM]
}

/// Whether the program was started to ignore a signal, as `nohup` does, so that it outlives its terminal.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    use std::{
        fs,
        io::{self, IsTerminal},
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    match mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()) {
        Some(mask) => mask >> (signal - 1) & 1 == 1,
        // Without that file, the sign of `nohup` is that output does not go to a terminal.
        None => !io::stderr().is_terminal(),
    }
}
