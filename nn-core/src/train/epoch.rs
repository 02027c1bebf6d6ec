//! Training by epochs: a step for each batch of a source.

use std::ops::ControlFlow;

use super::{
    source::{Batch, Cursor, Source, at_place, next_batch, start_epoch},
    totals::{Accumulated, Totals},
    trainer::Trainer,
};
use crate::{
    error::{Error, Result},
    exec::{BatchReport, check_min_batch, in_pool},
};

/// Loss and accuracy of a training epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EpochReport {
    /// Mean loss of the samples, each before its batch's step. `None` if all batches of the epoch were done before, or no
    /// sample counts.
    pub loss: Option<f64>,
    /// Share of samples that are classified correctly before their batch's step. `None` where targets are values, or if
    /// all batches of the epoch were done before.
    pub accuracy: Option<f64>,
    /// Number of samples, without those of weight 0.
    pub samples: usize,
    /// Whether the callback ended the epoch early.
    pub stopped: bool,
    /// Where training continues.
    pub next: Cursor,
}

impl Trainer {
    /// Trains for one epoch: a step for each batch of the source, but for those without a sample that counts. `on_step` is
    /// called after each step and may end the epoch.
    ///
    /// # Errors
    /// Those of [`step`](Self::step), with the place of the sample in the source
    /// ([`SamplePlace`](crate::SamplePlace)); that of the source if it fails ([`Error::Source`]), or if it has no samples
    /// ([`Error::NoSamples`]).
    pub fn epoch<S: Source + ?Sized>(
        &mut self,
        source: &mut S,
        epoch: u64,
        on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()> + Send,
    ) -> Result<EpochReport> {
        self.epoch_from(source, Cursor { epoch, batches: 0 }, on_step)
    }

    /// Trains for the rest of an epoch: the batches before `cursor` are drawn from the source and skipped, and do not
    /// count in the report.
    ///
    /// # Errors
    /// As [`epoch`](Self::epoch).
    pub fn epoch_from<S: Source + ?Sized>(
        &mut self,
        source: &mut S,
        cursor: Cursor,
        on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()> + Send,
    ) -> Result<EpochReport> {
        in_pool(|| {
            let mut batch = self.take_batch();
            let outcome = self.epoch_with(source, cursor, on_step, &mut batch);
            self.return_batch(batch);
            if outcome.is_err() {
                // A batch of the failed epoch must not count in a later step.
                self.accumulated = Accumulated::default();
            }
            outcome
        })
    }

    /// Takes a step with the batch and those accumulated before it; `None` if more batches are to be accumulated. An
    /// empty batch ends the epoch, and so the accumulation.
    fn step_or_accumulate(&mut self, batch: &Batch) -> Result<Option<BatchReport>> {
        let (inputs, targets) = (batch.inputs(), batch.targets());
        let before = self.accumulated.totals.batches;
        if batch.is_empty() {
            return (before > 0).then(|| self.apply_accumulated()).transpose();
        }
        if before + 1 < self.settings.accumulation {
            self.accumulate_with_spinning_workers(inputs, targets)?;
            return Ok(None);
        }
        self.step_with_spinning_workers(inputs, targets).map(Some)
    }

    fn epoch_with<S: Source + ?Sized>(
        &mut self,
        source: &mut S,
        cursor: Cursor,
        mut on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()>,
        batch: &mut Batch,
    ) -> Result<EpochReport> {
        let mut totals = Totals::default();
        let (mut next, mut stopped) = (Cursor { batches: 0, ..cursor }, false);
        start_epoch(source, cursor.epoch, self.network.spec().input())?;
        if let Some(last) = source.last_batch_len(batch) {
            check_min_batch(self.network.graph(), last)?;
        }
        let (mut is_last, mut end) = (false, 0);
        while !stopped && !is_last {
            let (epoch, place) = (Some(cursor.epoch), (next.batches, end));
            is_last = !next_batch(source, batch).map_err(|error| at_place(error, source, epoch, place))?;
            next.batches += u64::from(!is_last);
            end += batch.len();
            if is_last || next.batches > cursor.batches {
                let step = match self.step_or_accumulate(batch) {
                    // No sample counts, as in a batch of an ignored class alone.
                    Err(Error::NoWeight { .. }) => continue,
                    step => step.map_err(|error| at_place(error, source, epoch, place))?,
                };
                let Some(step) = step else { continue };
                totals.add(&step);
                stopped = on_step(self, &step).is_break();
            }
        }
        if next.batches == 0 {
            return Err(Error::NoSamples { epoch: cursor.epoch });
        }
        if !stopped {
            next = Cursor {
                epoch: cursor.epoch.saturating_add(1),
                batches: 0,
            };
        }
        Ok(EpochReport {
            loss: totals.loss(),
            accuracy: totals.accuracy(),
            samples: totals.samples,
            stopped,
            next,
        })
    }
}
