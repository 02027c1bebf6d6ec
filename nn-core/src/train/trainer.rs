//! The trainer: training steps and epochs.

use std::ops::ControlFlow;

use super::{
    config::{Progress, Settings},
    rules::ParameterRules,
    source::{Cursor, Source, next_batch},
    update::{OptimizerState, Update},
};
use crate::{
    error::{Error, Result},
    exec::{BatchReport, Workspace, in_pool},
    gemm::MatRef,
    layers::StepContext,
    loss::Loss,
    network::Network,
    optim::{Optimizer, Schedule},
    spin::with_spinning_workers,
};

/// Trains a network: owns it, its workspace and the optimizer's state.
///
/// The `with_…` methods set loss, schedule, gradient clipping and averaging; [`save_checkpoint`](Self::save_checkpoint)
/// and [`resume`](Self::resume) save and restore all of it.
///
/// ```
/// use nn_core::{Network, Trainer, optim::Sgd};
/// // Class 0 if the first value is the larger one, else class 1.
/// let inputs = [0.0, 1.0, 1.0, 0.0, 0.2, 0.9, 0.8, 0.3];
/// let targets = [0, 1, 0, 1];
/// let network = Network::new("2 | dense 8 | relu | dense 2".parse()?, 1)?;
/// let mut trainer = Trainer::new(network, Sgd::new(0.5), 4)?;
/// let first = trainer.step(&inputs, &targets)?.loss;
/// for _ in 0..200 {
///     trainer.step(&inputs, &targets)?;
/// }
/// let last = trainer.step(&inputs, &targets)?;
/// assert!(last.loss < first && last.correct == 4);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trainer {
    pub(super) network: Network,
    workspace: Workspace,
    settings: Settings,
    pub(super) parameter_rules: ParameterRules,
    optimizer_state: OptimizerState,
    progress: Progress,
    // The batch that a `Source` fills.
    inputs: Vec<f32>,
    targets: Vec<usize>,
}

/// Loss and accuracy of a training epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EpochReport {
    /// Mean loss of the samples, each before its batch's step.
    pub loss: f64,
    /// Share of samples that are classified correctly before their batch's step.
    pub accuracy: f64,
    /// Number of samples.
    pub samples: usize,
    /// Whether the callback ended the epoch early.
    pub stopped: bool,
    /// Where training continues.
    pub next: Cursor,
}

impl Trainer {
    /// A trainer for batches of up to `batch` samples.
    ///
    /// # Errors
    /// If a setting of the optimizer is out of range, or `batch` is 0 or takes more than 16 GiB.
    pub fn new(network: Network, optimizer: impl Into<Optimizer>, batch: usize) -> Result<Self> {
        let settings = Settings {
            optimizer: optimizer.into(),
            schedule: Schedule::default(),
            loss: Loss::default(),
            max_norm: None,
            average: None,
            seed: 0,
        };
        Self::with_settings(network, settings, batch)
    }

    pub(crate) fn with_settings(network: Network, settings: Settings, batch: usize) -> Result<Self> {
        settings.check()?;
        if batch == 0 {
            return Err(Error::Setting {
                name: "batch",
                value: batch.to_string(),
                reason: "a batch holds at least one sample",
            });
        }
        Ok(Self {
            workspace: network.training_workspace(batch)?,
            optimizer_state: OptimizerState::new(network.graph(), &settings),
            parameter_rules: ParameterRules::new(&network),
            progress: Progress::default(),
            inputs: vec![0.0; batch * network.spec().input().len()],
            targets: vec![0; batch],
            settings,
            network,
        })
    }

    /// Sets the seed of random numbers in training, such as dropout's; the default is 0.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Sets the loss; the default is cross-entropy without label smoothing.
    ///
    /// # Errors
    /// If a setting of the loss is out of range.
    pub fn with_loss(mut self, loss: Loss) -> Result<Self> {
        self.settings.loss = loss;
        self.settings.check().map(|()| self)
    }

    /// Sets the schedule of the learning rate, which depends on the number of [`steps`](Self::steps) taken; the default
    /// is a constant rate.
    ///
    /// # Errors
    /// If a setting of the schedule is out of range.
    pub fn with_schedule(mut self, schedule: impl Into<Schedule>) -> Result<Self> {
        self.settings.schedule = schedule.into();
        self.settings.check().map(|()| self)
    }

    /// Clips gradients: where the norm of all of them together exceeds `max_norm`, they are scaled down to it before the
    /// step, as by `torch.nn.utils.clip_grad_norm_` (Pascanu et al., 2013, "On the difficulty of training recurrent
    /// neural networks").
    ///
    /// # Errors
    /// If `max_norm` is not a finite number above 0.
    pub fn with_clipping(mut self, max_norm: f32) -> Result<Self> {
        self.settings.max_norm = Some(max_norm);
        self.settings.check()?;
        self.optimizer_state.fit(self.network.graph(), &self.settings);
        Ok(self)
    }

    /// Keeps an exponential moving average of the parameters, as PyTorch's `AveragedModel` with
    /// `get_ema_multi_avg_fn(decay)`: the first step copies the parameters, and each further one sets it to `decay`
    /// times itself plus `1 - decay` times the parameters. [`averaged_network`](Self::averaged_network) returns it.
    ///
    /// # Errors
    /// If `decay` is not in `0..1`.
    pub fn with_average(mut self, decay: f32) -> Result<Self> {
        self.settings.average = Some(decay);
        self.settings.check()?;
        self.optimizer_state.fit(self.network.graph(), &self.settings);
        Ok(self)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn parameter_rules(&self) -> &ParameterRules {
        &self.parameter_rules
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Continues from the progress of an earlier run.
    pub(crate) fn restore(&mut self, progress: Progress, parameter_rules: ParameterRules) {
        (self.progress, self.parameter_rules) = (progress, parameter_rules);
    }

    pub(crate) fn optimizer_state(&self) -> &OptimizerState {
        &self.optimizer_state
    }

    pub(crate) fn optimizer_state_mut(&mut self) -> &mut OptimizerState {
        &mut self.optimizer_state
    }

    fn step_context(&self) -> StepContext {
        StepContext {
            seed: self.settings.seed,
            step: self.progress.steps,
            first_sample: 0,
        }
    }

    /// The network in its current state.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Ends training and returns the network.
    #[must_use]
    pub fn into_network(self) -> Network {
        self.network
    }

    /// The network with the moving average of its parameters ([`with_average`](Self::with_average)), and with its
    /// current running statistics. `None` without averaging; before the first step, the network itself.
    #[must_use]
    pub fn averaged_network(&self) -> Option<Network> {
        self.settings.average?;
        let mut network = self.network.clone();
        if self.progress.averaged > 0 {
            network.for_update().1.copy_from_slice(&self.optimizer_state.average);
        }
        Some(network)
    }

    /// The number of steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.progress.steps
    }

    /// The optimizer, with the learning rate that the schedule starts from.
    #[must_use]
    pub fn optimizer(&self) -> &Optimizer {
        &self.settings.optimizer
    }

    /// The schedule of the learning rate.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.settings.schedule
    }

    /// The loss.
    ///
    /// ```
    /// use nn_core::{Loss, Network, Trainer, optim::Sgd};
    /// let network = Network::new("4 | dense 2".parse()?, 1)?;
    /// let trainer = Trainer::new(network, Sgd::new(0.1), 8)?;
    /// assert_eq!(*trainer.loss(), Loss::default());
    /// let trainer = trainer.with_loss(Loss::MeanSquaredError)?;
    /// assert_eq!(*trainer.loss(), Loss::MeanSquaredError);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn loss(&self) -> &Loss {
        &self.settings.loss
    }

    /// The norm that gradients are clipped to ([`with_clipping`](Self::with_clipping)), or `None` without clipping.
    ///
    /// ```
    /// use nn_core::{Network, Trainer, optim::Sgd};
    /// let network = Network::new("4 | dense 2".parse()?, 1)?;
    /// let trainer = Trainer::new(network, Sgd::new(0.1), 8)?;
    /// assert_eq!(trainer.max_norm(), None);
    /// assert_eq!(trainer.with_clipping(0.5)?.max_norm(), Some(0.5));
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn max_norm(&self) -> Option<f32> {
        self.settings.max_norm
    }

    /// The decay of the moving average ([`with_average`](Self::with_average)), or `None` without averaging.
    ///
    /// ```
    /// use nn_core::{Network, Trainer, optim::Sgd};
    /// let network = Network::new("4 | dense 2".parse()?, 1)?;
    /// let trainer = Trainer::new(network, Sgd::new(0.1), 8)?;
    /// assert_eq!(trainer.average(), None);
    /// assert_eq!(trainer.with_average(0.99)?.average(), Some(0.99));
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn average(&self) -> Option<f32> {
        self.settings.average
    }

    /// The seed of random numbers in training.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.settings.seed
    }

    /// The learning rate of the next step.
    #[must_use]
    pub fn learning_rate(&self) -> f32 {
        let Settings {
            optimizer, schedule, ..
        } = &self.settings;
        schedule.learning_rate(optimizer.learning_rate(), self.progress.steps)
    }

    /// Sets the optimizer's learning rate from the next step on; the schedule scales with it.
    ///
    /// # Errors
    /// If it is negative or not finite.
    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        let mut settings = self.settings;
        settings.optimizer.set_learning_rate(learning_rate);
        settings.check()?;
        self.settings = settings;
        Ok(())
    }

    /// Takes one step on one batch: `inputs` is `[batch, …]` with the input's shape, `targets` holds one class per
    /// sample. Loss and accuracy are reported from before the step.
    ///
    /// # Errors
    /// If the lengths do not fit, there are more samples than the trainer was made for ([`Error::Batch`]), a target is
    /// not a class, the batch is too small for a batch normalization, the schedule's learning rate is out of range
    /// ([`Error::Setting`]), the loss is not finite ([`Error::Diverged`]), or gradients are clipped and their norm is
    /// not finite ([`Error::GradientNorm`]). The parameters do not change then.
    pub fn step(&mut self, inputs: &[f32], targets: &[usize]) -> Result<BatchReport> {
        in_pool(|| self.step_with_spinning_workers(inputs, targets))
    }

    /// Trains for one epoch: a step for each batch of the source. `on_step` is called after each step and may end the
    /// epoch.
    ///
    /// # Errors
    /// Those of [`step`](Self::step), and if the source reports more samples than there is room for.
    pub fn epoch<S: Source>(
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
    pub fn epoch_from<S: Source>(
        &mut self,
        source: &mut S,
        cursor: Cursor,
        on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()> + Send,
    ) -> Result<EpochReport> {
        in_pool(|| {
            let mut inputs = std::mem::take(&mut self.inputs);
            let mut targets = std::mem::take(&mut self.targets);
            let outcome = self.epoch_with(source, cursor, on_step, &mut inputs, &mut targets);
            (self.inputs, self.targets) = (inputs, targets);
            outcome
        })
    }

    fn epoch_with<S: Source>(
        &mut self,
        source: &mut S,
        cursor: Cursor,
        mut on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()>,
        inputs: &mut [f32],
        targets: &mut [usize],
    ) -> Result<EpochReport> {
        let (mut loss, mut correct) = (0.0, 0);
        let mut report = EpochReport::default();
        let sample = self.network.spec().input().len();
        let epoch = cursor.epoch;
        report.next.epoch = epoch;
        source.start_epoch(epoch);
        loop {
            let count = next_batch(source, inputs, targets)?;
            if count == 0 {
                report.next = Cursor {
                    epoch: epoch.saturating_add(1),
                    batches: 0,
                };
                break;
            }
            report.next.batches += 1;
            if report.next.batches <= cursor.batches {
                continue;
            }
            let step = self.step_with_spinning_workers(&inputs[..count * sample], &targets[..count])?;
            loss += f64::from(step.loss) * step.samples as f64;
            correct += step.correct;
            report.samples += step.samples;
            if on_step(self, &step).is_break() {
                report.stopped = true;
                break;
            }
        }
        let samples = report.samples.max(1) as f64;
        report.loss = loss / samples;
        report.accuracy = correct as f64 / samples;
        Ok(report)
    }

    /// A step while workers spin: its parallel sections are too short for threads to sleep between them.
    fn step_with_spinning_workers(&mut self, inputs: &[f32], targets: &[usize]) -> Result<BatchReport> {
        let threads = self.workspace.training_threads(self.network.graph(), targets.len());
        with_spinning_workers(threads, || self.step_in_pool(inputs, targets))
    }

    fn step_in_pool(&mut self, inputs: &[f32], targets: &[usize]) -> Result<BatchReport> {
        let rule = self.settings.rule(self.progress.steps)?;
        self.parameter_rules.check(&rule)?;
        let loss = self.settings.loss;
        let context = self.step_context();
        let bound = self.network.bound();
        let report = self.workspace.forward_backward(bound, inputs, targets, loss, context)?;
        if !report.loss.is_finite() {
            return Err(Error::Diverged {
                loss: report.loss,
                step: self.progress.steps,
                learning_rate: rule.learning_rate(),
            });
        }
        let inputs = MatRef::row_major(inputs, targets.len(), self.network.spec().input().len())?;
        let first = self.progress.averaged == 0;
        let update = Update {
            rule,
            parameter_rules: &self.parameter_rules,
            step: self.progress.steps,
            max_norm: self.settings.max_norm,
            average_weight: self.settings.average.map(|decay| if first { 1.0 } else { 1.0 - decay }),
        };
        update.apply(&mut self.network, &self.workspace, &mut self.optimizer_state, inputs)?;
        self.parameter_rules.count_step();
        self.progress.steps += 1;
        self.progress.averaged += u64::from(self.settings.average.is_some());
        Ok(report)
    }
}
