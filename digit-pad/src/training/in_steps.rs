//! Long work in steps: an asynchronous function that gives up its thread between two of them.

use std::{
    future::{Future, poll_fn},
    mem::replace,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Runs work to its end.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    let (mut work, mut context) = (pin!(work), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(result) = work.as_mut().poll(&mut context) {
            return result;
        }
    }
}

/// Ends the current step: the next poll begins another.
pub async fn end_step() {
    let mut is_over = false;
    poll_fn(|_| {
        if replace(&mut is_over, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_stands_still_between_its_steps() {
        let done = std::cell::Cell::new(0);
        let mut work = pin!(async {
            for step in 1..=3 {
                done.set(step);
                end_step().await;
            }
        });
        let mut context = Context::from_waker(Waker::noop());
        for step in 1..=3 {
            assert!(work.as_mut().poll(&mut context).is_pending());
            assert_eq!(done.get(), step);
        }
        assert!(work.as_mut().poll(&mut context).is_ready());
        assert_eq!(
            wait(async {
                end_step().await;
                7
            }),
            7
        );
    }
}
