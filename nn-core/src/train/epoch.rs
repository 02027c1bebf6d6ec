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
        mut on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()> + Send,
    ) -> Result<EpochReport> {
        in_pool(|| {
            let mut steps = EpochSteps::start(self, source, cursor)?;
            while let Some(step) = steps.next(self, source)? {
                if on_step(self, &step).is_break() {
                    return steps.end(self, true);
                }
            }
            steps.end(self, false)
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
}

/// An epoch in progress.
#[derive(Debug)]
pub(super) struct EpochSteps {
    /// Where it started.
    cursor: Cursor,
    /// Number of batches drawn from the source.
    drawn: u64,
    /// Number of samples drawn.
    samples: usize,
    totals: Totals,
    batch: Batch,
    is_last: bool,
}

impl EpochSteps {
    /// Begins an epoch of a source. The batches before `cursor` are skipped with the first step.
    pub(super) fn start<S: Source + ?Sized>(trainer: &mut Trainer, source: &mut S, cursor: Cursor) -> Result<Self> {
        start_epoch(source, cursor.epoch, trainer.network.spec().input())?;
        let batch = trainer.take_batch();
        if let Some(last) = source.last_batch_len(&batch) {
            check_min_batch(trainer.network.graph(), last)?;
        }
        Ok(Self {
            cursor,
            drawn: 0,
            samples: 0,
            totals: Totals::default(),
            batch,
            is_last: false,
        })
    }

    /// Takes the next step; `None` at the end of the epoch.
    pub(super) fn next<S: Source + ?Sized>(
        &mut self,
        trainer: &mut Trainer,
        source: &mut S,
    ) -> Result<Option<BatchReport>> {
        let step = self.try_next(trainer, source);
        if step.is_err() {
            // A batch of the failed epoch must not count in a later step.
            trainer.accumulated = Accumulated::default();
        }
        step
    }

    fn try_next<S: Source + ?Sized>(&mut self, trainer: &mut Trainer, source: &mut S) -> Result<Option<BatchReport>> {
        while !self.is_last {
            let (epoch, place) = (Some(self.cursor.epoch), (self.drawn, self.samples));
            self.is_last =
                !next_batch(source, &mut self.batch).map_err(|error| at_place(error, source, epoch, place))?;
            self.drawn += u64::from(!self.is_last);
            self.samples += self.batch.len();
            if self.is_last || self.drawn > self.cursor.batches {
                let step = match trainer.step_or_accumulate(&self.batch) {
                    // No sample counts, as in a batch of an ignored class alone.
                    Err(Error::NoWeight { .. }) => continue,
                    step => step.map_err(|error| at_place(error, source, epoch, place))?,
                };
                let Some(step) = step else { continue };
                self.totals.add(&step);
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// Ends the epoch, early if it was stopped after a step.
    pub(super) fn end(self, trainer: &mut Trainer, stopped: bool) -> Result<EpochReport> {
        trainer.return_batch(self.batch);
        let Cursor { epoch, .. } = self.cursor;
        if self.drawn == 0 {
            return Err(Error::NoSamples { epoch });
        }
        let next = if stopped {
            Cursor {
                epoch,
                batches: self.drawn,
            }
        } else {
            Cursor {
                epoch: epoch.saturating_add(1),
                batches: 0,
            }
        };
        Ok(EpochReport {
            loss: self.totals.loss(),
            accuracy: self.totals.accuracy(),
            samples: self.totals.samples,
            stopped,
            next,
        })
    }
}
