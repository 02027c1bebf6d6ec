//! Where training data come from, batch by batch.

use crate::error::{Error, Result};

/// A source of training data.
pub trait Source: Send {
    /// Begins epoch `epoch`, counted from 0. Its batches may depend on this number alone, so that a run can be resumed
    /// ([`Trainer::resume`](crate::Trainer::resume)).
    fn start_epoch(&mut self, epoch: u64);

    /// Fills in up to as many samples as `targets` has room for: `inputs` is `[batch, …]` with the input's shape,
    /// `targets` holds classes. Returns the number of samples, 0 at the end of the epoch.
    fn next_batch(&mut self, inputs: &mut [f32], targets: &mut [usize]) -> usize;
}

/// A place in a training run: an epoch, and how many of its batches are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// Number of its batches that are done.
    pub batches: u64,
}

/// The next batch of a source, with its reported count checked.
pub(super) fn next_batch<S: Source>(source: &mut S, inputs: &mut [f32], targets: &mut [usize]) -> Result<usize> {
    let reported = source.next_batch(inputs, targets);
    if reported > targets.len() {
        return Err(Error::Source {
            reported,
            room: targets.len(),
        });
    }
    Ok(reported)
}
