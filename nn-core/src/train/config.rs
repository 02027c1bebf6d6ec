//! The settings and the progress of a training run.

use std::sync::Arc;

use crate::{
    error::{Error, Result},
    loss::Loss,
    optim::{Optimizer, Schedule, check_fraction},
};

/// The settings of a training run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) optimizer: Optimizer,
    pub(crate) schedule: Schedule,
    pub(crate) loss: Arc<dyn Loss>,
    /// The norm that gradients are clipped to.
    pub(crate) max_norm: Option<f32>,
    /// The decay of the parameters' moving average.
    pub(crate) average: Option<f32>,
    /// Batches of an epoch for each step.
    pub(crate) accumulation: usize,
    pub(crate) seed: u64,
}

/// The progress of a training run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) steps: u64,
    /// Steps that the moving average includes.
    pub(crate) averaged: u64,
}

impl Progress {
    /// Whether a run can have made this progress.
    pub(crate) fn is_plausible(&self) -> bool {
        /// Random streams differ for this many steps.
        const MOST_STEPS: u64 = 1 << 32;
        self.averaged <= self.steps && self.steps <= MOST_STEPS
    }
}

impl Settings {
    /// Refuses settings that are out of range for a network of `outputs` outputs.
    pub(crate) fn check(&self, outputs: usize) -> Result<()> {
        self.optimizer.check()?;
        self.schedule.check()?;
        self.loss.check(outputs)?;
        if self.accumulation == 0 {
            return Err(Error::Setting {
                name: "accumulation",
                value: "0".to_owned(),
                reason: "a step needs at least one batch",
            });
        }
        match self.max_norm {
            Some(max_norm) if !(max_norm > 0.0 && max_norm.is_finite()) => Err(Error::Setting {
                name: "max_norm",
                value: max_norm.to_string(),
                reason: "it has to be a finite number above 0",
            }),
            _ => self
                .average
                .map_or(Ok(()), |decay| check_fraction("average decay", decay)),
        }
    }

    /// The optimizer with the learning rate of a step.
    pub(super) fn rule(&self, step: u64) -> Result<Optimizer> {
        let mut rule = self.optimizer;
        rule.set_learning_rate(self.schedule.learning_rate(rule.learning_rate(), step));
        // A schedule that grows at each step overflows in the end.
        rule.check()?;
        Ok(rule)
    }
}
