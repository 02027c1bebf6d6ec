//! Gradient accumulation: one step for the samples of several batches.

use super::{trainer::Trainer, update::StepGradients};
use crate::{
    error::{Error, Result},
    exec::{BatchReport, in_pool},
    loss::{Reduction, Targets},
};

impl Trainer {
    /// Accumulates gradients in an [epoch](Self::epoch): it takes one step for each `batches` batches of the source, and
    /// one for those that remain at its end. The default is 1. See [`accumulate`](Self::accumulate).
    ///
    /// # Errors
    /// If `batches` is 0.
    pub fn with_accumulation(mut self, batches: usize) -> Result<Self> {
        self.settings.accumulation = batches;
        self.check().map(|()| self)
    }

    /// Adds the gradients of a batch to those for the next step, which [`apply`](Self::apply) takes, or
    /// [`step`](Self::step) with one more batch: for a batch that does not fit into memory.
    ///
    /// The loss of the step is the mean over the samples of all its batches, weighted where they have weights. The step is
    /// the same as on one large batch within rounding, since the sums over samples are rounded batch by batch, and drops
    /// the same units. Batch normalization is the exception: it uses the statistics of each batch, and updates its
    /// running statistics with each, as PyTorch does.
    ///
    /// ```
    /// use nn_core::{Network, Trainer, optim::Sgd};
    /// let network = Network::new("2 | dense 2".parse()?, 42)?;
    /// let mut parts = Trainer::new(network.clone(), Sgd::new(0.1), 2)?;
    /// parts.accumulate(&[0.0, 1.0, 1.0, 0.0], &[0, 1])?;
    /// parts.accumulate(&[0.5, 0.5], &[0])?;
    /// let report = parts.apply()?;
    ///
    /// let mut whole = Trainer::new(network, Sgd::new(0.1), 3)?;
    /// let expected = whole.step(&[0.0, 1.0, 1.0, 0.0, 0.5, 0.5], &[0, 1, 0])?;
    /// assert_eq!((report.samples, parts.steps()), (3, 1));
    /// assert!((report.loss - expected.loss).abs() < 1e-6);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As those of a [step](Self::step). The batch is not added then.
    pub fn accumulate<'t>(&mut self, inputs: &[f32], targets: impl Into<Targets<'t>>) -> Result<BatchReport> {
        let targets = targets.into();
        in_pool(|| self.accumulate_with_spinning_workers(inputs, targets))
    }

    /// Takes a step with the gradients that [`accumulate`](Self::accumulate) has added up; reports on all their batches.
    /// They are gone afterwards, also after an error.
    ///
    /// # Errors
    /// If there are none ([`Error::Setting`]), the schedule's learning rate is out of range, or gradients are clipped and
    /// their norm is not finite. The parameters do not change then.
    pub fn apply(&mut self) -> Result<BatchReport> {
        in_pool(|| self.apply_accumulated())
    }

    pub(super) fn accumulate_with_spinning_workers(
        &mut self,
        inputs: &[f32],
        targets: Targets<'_>,
    ) -> Result<BatchReport> {
        self.with_workers(inputs, |trainer| trainer.accumulate_in_pool(inputs, targets))
    }

    pub(super) fn accumulate_in_pool(&mut self, inputs: &[f32], targets: Targets<'_>) -> Result<BatchReport> {
        let report = self.forward_backward(inputs, targets, Reduction::Sum)?;
        let inputs = self.rows(inputs)?;
        let is_first = self.accumulated.totals.batches == 0;
        self.optimizer_state
            .accumulate(&self.network, &self.workspace, inputs, is_first);
        self.update_running_statistics();
        self.accumulated.totals.add(&report);
        self.accumulated.rows += inputs.rows();
        Ok(report)
    }

    pub(super) fn apply_accumulated(&mut self) -> Result<BatchReport> {
        let accumulated = std::mem::take(&mut self.accumulated);
        let Some(report) = accumulated.totals.report() else {
            return Err(Error::Setting {
                name: "accumulated batches",
                value: "0".to_owned(),
                reason: "a step needs at least one; call `accumulate` before `apply`",
            });
        };
        let gradients = StepGradients::Accumulated {
            factor: 1.0 / report.weight,
        };
        self.update()?
            .apply(&mut self.network, &mut self.optimizer_state, gradients)?;
        self.count_step();
        Ok(report)
    }
}
