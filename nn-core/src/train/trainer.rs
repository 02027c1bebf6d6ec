//! The trainer: its settings, and training steps.

use std::sync::Arc;

use super::{
    config::{Progress, Settings},
    rules::ParameterRules,
    source::Batch,
    totals::Accumulated,
    update::{OptimizerState, StepGradients, Update},
};
use crate::{
    error::{Error, Result},
    exec::{BatchReport, Workspace, in_pool, min_block_parameters},
    gemm::MatRef,
    layers::StepContext,
    loss::{CrossEntropy, Loss, Objective, Reduction, Targets},
    network::Network,
    optim::{Optimizer, Schedule},
    spin::with_spinning_workers,
};

/// Parameters below which nothing is divided among threads but for the samples of a large batch.
const SMALL_PARAMETERS: usize = 1 << 12;

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
/// assert!(last.loss < first && last.correct == Some(4));
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trainer {
    pub(super) network: Network,
    pub(super) workspace: Workspace,
    pub(super) settings: Settings,
    pub(super) parameter_rules: ParameterRules,
    pub(super) optimizer_state: OptimizerState,
    progress: Progress,
    pub(super) accumulated: Accumulated,
    /// The batch that a source fills; without room while an epoch has it.
    batch: Batch,
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
            loss: Arc::new(CrossEntropy::new()),
            max_norm: None,
            average: None,
            accumulation: 1,
            seed: 0,
        };
        Self::with_settings(network, settings, batch)
    }

    pub(crate) fn with_settings(network: Network, settings: Settings, batch: usize) -> Result<Self> {
        let (input, outputs) = (network.spec().input().len(), network.spec().outputs());
        settings.check(outputs)?;
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
            accumulated: Accumulated::default(),
            batch: Batch::new(batch, input, outputs),
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

    /// Sets the loss, a built-in one or [your own](Loss); the default is [`CrossEntropy`] without label smoothing.
    ///
    /// # Errors
    /// If a setting of the loss is out of range.
    pub fn with_loss(mut self, loss: impl Loss) -> Result<Self> {
        self.settings.loss = Arc::new(loss);
        self.check().map(|()| self)
    }

    /// Sets the schedule of the learning rate, which depends on the number of [`steps`](Self::steps) taken; the default
    /// is a constant rate.
    ///
    /// # Errors
    /// If a setting of the schedule is out of range.
    pub fn with_schedule(mut self, schedule: impl Into<Schedule>) -> Result<Self> {
        self.settings.schedule = schedule.into();
        self.check().map(|()| self)
    }

    /// Clips gradients: where the norm of all of them together exceeds `max_norm`, they are scaled down to it before the
    /// step, as by `torch.nn.utils.clip_grad_norm_` (Pascanu et al., 2013, "On the difficulty of training recurrent
    /// neural networks").
    ///
    /// # Errors
    /// If `max_norm` is not a finite number above 0.
    pub fn with_clipping(mut self, max_norm: f32) -> Result<Self> {
        self.settings.max_norm = Some(max_norm);
        self.check()?;
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
        self.check()?;
        self.optimizer_state.fit(self.network.graph(), &self.settings);
        Ok(self)
    }

    /// The number of batches whose gradients have been added up since the last step.
    pub(crate) fn accumulated_batches(&self) -> usize {
        self.accumulated.totals.batches
    }

    pub(super) fn check(&self) -> Result<()> {
        self.settings.check(self.network.spec().outputs())
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

    /// The memory of a source's batch; [`return_batch`](Self::return_batch) gives it back. A panic may have lost it.
    pub(super) fn take_batch(&mut self) -> Batch {
        let batch = std::mem::take(&mut self.batch);
        if batch.capacity() > 0 {
            return batch;
        }
        let spec = self.network.spec();
        Batch::new(self.workspace.capacity(), spec.input().len(), spec.outputs())
    }

    pub(super) fn return_batch(&mut self, batch: Batch) {
        self.batch = batch;
    }

    pub(super) fn step_context(&self) -> StepContext {
        StepContext {
            seed: Some(self.settings.seed),
            step: self.progress.steps,
            first_sample: self.accumulated.rows,
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
    /// use nn_core::{Network, Trainer, loss::Huber, optim::Sgd};
    /// let network = Network::new("4 | dense 2".parse()?, 1)?;
    /// let trainer = Trainer::new(network, Sgd::new(0.1), 8)?.with_loss(Huber::new(0.5))?;
    /// assert_eq!(trainer.loss().name(), "Huber");
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn loss(&self) -> &dyn Loss {
        &*self.settings.loss
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
        let mut optimizer = self.settings.optimizer;
        optimizer.set_learning_rate(learning_rate);
        optimizer.check()?;
        self.settings.optimizer = optimizer;
        Ok(())
    }

    /// Takes one step on one batch. `inputs` is `[batch, …]` with the input's shape. Targets are classes, `[batch]` (a
    /// slice, array or vector of `usize`), or values, `[batch, outputs]` (of `f32`), with or without
    /// [weights](Targets::with_weights). Loss and accuracy are reported from before the step.
    ///
    /// # Errors
    /// If the lengths do not fit, there are more samples than the trainer was made for ([`Error::Batch`]), the loss does
    /// not take a target or an input is not finite ([`Error::Sample`]), no sample counts ([`Error::NoWeight`]), the batch is
    /// too small for a batch normalization, the schedule's learning rate is out of range ([`Error::Setting`]), the loss is
    /// not finite ([`Error::Diverged`]), a loss or a layer of your own computes values that are not finite
    /// ([`Error::Sample`], [`Error::NotFinite`]), or gradients are clipped and their norm is not finite
    /// ([`Error::GradientNorm`]). The parameters do not change then.
    ///
    /// The gradients of built-in layers are finite if the loss and its gradient are, but for overflow, which only clipping
    /// sees; without it, the next step fails.
    pub fn step<'t>(&mut self, inputs: &[f32], targets: impl Into<Targets<'t>>) -> Result<BatchReport> {
        let targets = targets.into();
        if self.is_small(inputs.len() / self.network.graph().inputs()) {
            return self.step_in_pool(inputs, targets);
        }
        in_pool(|| self.step_with_spinning_workers(inputs, targets))
    }

    /// Whether no section of a step is worth a second thread. It then runs on the caller's thread, since entering the
    /// pool would take longer than the step.
    fn is_small(&self, batch: usize) -> bool {
        let graph = self.network.graph();
        let parameters = graph.parameters_len();
        batch > 0
            && parameters < SMALL_PARAMETERS
            && parameters < 2 * min_block_parameters(batch)
            && self.workspace.training_threads(graph, batch) == 1
    }

    pub(super) fn step_with_spinning_workers(&mut self, inputs: &[f32], targets: Targets<'_>) -> Result<BatchReport> {
        self.with_workers(inputs, |trainer| trainer.step_in_pool(inputs, targets))
    }

    /// Runs `work` on a batch while workers spin: its parallel sections are too short for threads to sleep between them.
    pub(super) fn with_workers<R: Send>(&mut self, inputs: &[f32], work: impl FnOnce(&mut Self) -> R + Send) -> R {
        let graph = self.network.graph();
        let threads = self.workspace.training_threads(graph, inputs.len() / graph.inputs());
        with_spinning_workers(threads, || work(self))
    }

    fn step_in_pool(&mut self, inputs: &[f32], targets: Targets<'_>) -> Result<BatchReport> {
        if self.accumulated.totals.batches > 0 {
            self.accumulate_in_pool(inputs, targets)?;
            return self.apply_accumulated();
        }
        let update = self.update()?;
        let report = self.forward_backward(inputs, targets, Reduction::Mean)?;
        let gradients = StepGradients::Batch {
            workspace: &self.workspace,
            inputs: self.rows(inputs)?,
        };
        let rules = &self.parameter_rules;
        update.apply(&mut self.network, &mut self.optimizer_state, rules, gradients)?;
        self.update_running_statistics();
        self.count_step();
        Ok(report)
    }

    /// The loss of a batch, and the gradients of all nodes' outputs.
    pub(super) fn forward_backward(
        &mut self,
        inputs: &[f32],
        targets: Targets<'_>,
        reduction: Reduction,
    ) -> Result<BatchReport> {
        let context = self.step_context();
        let objective = Objective {
            targets,
            loss: &*self.settings.loss,
            reduction,
        };
        let bound = self.network.bound();
        let report = self.workspace.forward_backward(bound, inputs, objective, context)?;
        self.check_finite(inputs, targets, &report).map(|()| report)
    }

    /// The update of the next step.
    pub(super) fn update(&self) -> Result<Update> {
        let first = self.progress.averaged == 0;
        let rule = self.settings.rule(self.progress.steps)?;
        self.parameter_rules.check(&rule)?;
        Ok(Update {
            rule,
            step: self.progress.steps,
            max_norm: self.settings.max_norm,
            average_weight: self.settings.average.map(|decay| if first { 1.0 } else { 1.0 - decay }),
        })
    }

    pub(super) fn count_step(&mut self) {
        self.parameter_rules.count_step();
        self.progress.steps += 1;
        self.progress.averaged += u64::from(self.settings.average.is_some());
    }

    pub(super) fn update_running_statistics(&mut self) {
        let (graph, _, running) = self.network.for_update();
        self.workspace.update_running_statistics(graph, running);
    }

    /// Inputs as a matrix, `[batch, inputs]`.
    pub(super) fn rows<'i>(&self, inputs: &'i [f32]) -> Result<MatRef<'i>> {
        let width = self.network.graph().inputs();
        MatRef::row_major(inputs, inputs.len() / width, width)
    }
}
