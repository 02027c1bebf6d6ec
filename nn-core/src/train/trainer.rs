//! A training step, epochs of them, and the measure of what was learnt.

use std::ops::ControlFlow;

use crate::{
    aligned::Buffer,
    error::{Error, Result},
    exec::workspace::{BatchReport, Workspace},
    gemm::MatRef,
    layers::StepContext,
    loss::{self, Loss},
    network::{Network, ParameterBlock, Tensor},
    optim::{Arenas, Optimizer, Schedule, check_fraction},
    spin::with_spinning_workers,
    train::update::{Memory, Step, for_pieces},
};

/// Where training data come from.
pub trait Source: Send {
    /// Begins epoch `epoch`, counted from 0. What it brings may depend on the number alone, so that a run can be
    /// resumed ([`Trainer::resume`]).
    fn start_epoch(&mut self, epoch: u64);

    /// Fills in up to as many samples as there are labels, and says how many; 0 at the end of the epoch.
    fn next_batch(&mut self, images: &mut [f32], labels: &mut [usize]) -> usize;
}

/// Trains a network: owns it, the workspace and the optimiser's memory.
///
/// Loss, schedule, clipping and averaging are chosen when it is made; [`save_checkpoint`](Self::save_checkpoint) and
/// [`resume`](Self::resume) keep all of it in a file.
///
/// ```
/// use nn_core::{Network, Trainer, optim::Sgd};
/// // Is the first value the larger one?
/// let images = [0.0, 1.0, 1.0, 0.0, 0.2, 0.9, 0.8, 0.3];
/// let labels = [0, 1, 0, 1];
/// let network = Network::new("2 | dense 8 | relu | dense 2".parse()?, 1)?;
/// let mut trainer = Trainer::new(network, Sgd::new(0.5), 4)?;
/// let first = trainer.step(&images, &labels)?.loss;
/// for _ in 0..200 {
///     trainer.step(&images, &labels)?;
/// }
/// let last = trainer.step(&images, &labels)?;
/// assert!(last.loss < first && last.correct == 4);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trainer {
    network: Network,
    workspace: Workspace,
    settings: Settings,
    memory: Memory,
    progress: Progress,
    // A batch on its way from a `Source`.
    images: Vec<f32>,
    labels: Vec<usize>,
}

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) optimizer: Optimizer,
    pub(crate) schedule: Schedule,
    pub(crate) loss: Loss,
    /// What the gradients' norm is clipped to.
    pub(crate) max_norm: Option<f32>,
    /// How much of the parameters' average stays from step to step.
    pub(crate) average: Option<f32>,
    pub(crate) seed: u64,
}

/// How far training has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) steps: u64,
    /// Steps that are in the average.
    pub(crate) averaged: u64,
}

/// A place in a run of training: an epoch, and how many of its batches are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// Its batches that have been learnt from.
    pub batches: u64,
}

/// What an epoch gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EpochReport {
    /// Mean loss over the samples, each taken before its batch's step.
    pub loss: f64,
    /// Share of samples that were classified rightly, likewise.
    pub accuracy: f64,
    /// How many samples there were.
    pub samples: usize,
    /// Whether the callback ended the epoch early.
    pub stopped: bool,
    /// Where training goes on.
    pub next: Position,
}

/// How a network does on data it is not being trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean cross-entropy, whatever the loss in training.
    pub loss: f64,
    /// Share of samples that were classified rightly.
    pub accuracy: f64,
    /// How many were.
    pub correct: usize,
    /// How many samples there were.
    pub count: usize,
}

impl Trainer {
    /// A trainer for batches of up to `batch` samples.
    ///
    /// # Errors
    /// If a setting of the optimiser is out of range, or `batch` is 0 or so large that it takes more than 16 GiB.
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
            workspace: Workspace::for_training(&network, batch)?,
            memory: Memory::new(&network, &settings),
            progress: Progress::default(),
            images: vec![0.0; batch * network.spec().input().len()],
            labels: vec![0; batch],
            settings,
            network,
        })
    }

    /// Sets the seed of what is random in training, such as dropout; it is 0 unless it is set.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Makes another loss small than cross-entropy without smoothing.
    ///
    /// # Errors
    /// If a setting of the loss is out of range.
    pub fn with_loss(mut self, loss: Loss) -> Result<Self> {
        self.settings.loss = loss;
        self.settings.check().map(|()| self)
    }

    /// Lets the learning rate follow a schedule: step number [`steps`](Self::steps) takes the schedule's rate for that
    /// number.
    ///
    /// # Errors
    /// If a setting of the schedule is out of range.
    pub fn with_schedule(mut self, schedule: impl Into<Schedule>) -> Result<Self> {
        self.settings.schedule = schedule.into();
        self.settings.check().map(|()| self)
    }

    /// Clips the gradients: where the norm of all of them together is above `max_norm`, they are scaled down to it
    /// before each step, as by `torch.nn.utils.clip_grad_norm_` (Pascanu et al., 2013, "On the difficulty of training
    /// recurrent neural networks").
    ///
    /// # Errors
    /// If `max_norm` is not a finite number above 0.
    pub fn with_clipping(mut self, max_norm: f32) -> Result<Self> {
        self.settings.max_norm = Some(max_norm);
        self.settings.check()?;
        self.memory.fit(&self.network, &self.settings);
        Ok(self)
    }

    /// Keeps an exponential moving average of the parameters beside them, as PyTorch's `AveragedModel` with
    /// `get_ema_multi_avg_fn(decay)`: after the first step it is what they are, after each further one
    /// `decay` times itself plus `1 - decay` times what they are. [`averaged_network`](Self::averaged_network) has it.
    ///
    /// # Errors
    /// If `decay` is not in `0..1`.
    pub fn with_average(mut self, decay: f32) -> Result<Self> {
        self.settings.average = Some(decay);
        self.settings.check()?;
        self.memory.fit(&self.network, &self.settings);
        Ok(self)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(crate) fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    fn moment(&self) -> StepContext {
        StepContext {
            seed: self.settings.seed,
            step: self.progress.steps,
            first_sample: 0,
        }
    }

    /// The network as it is now.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Ends training and keeps the network.
    #[must_use]
    pub fn into_network(self) -> Network {
        self.network
    }

    /// The network with the average of the parameters ([`with_average`](Self::with_average)) in place of them; what
    /// is no parameter, such as running statistics, is as it is now. None where no average is saved; before the first
    /// step, the network itself.
    #[must_use]
    pub fn averaged_network(&self) -> Option<Network> {
        self.settings.average?;
        let mut network = self.network.clone();
        if self.progress.averaged > 0 {
            network.parameters_mut().copy_from_slice(&self.memory.average);
        }
        Some(network)
    }

    /// Steps taken so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.progress.steps
    }

    /// The rule, with the learning rate that the schedule starts from.
    #[must_use]
    pub fn optimizer(&self) -> &Optimizer {
        &self.settings.optimizer
    }

    /// The schedule of the learning rate.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.settings.schedule
    }

    /// The loss that is made small.
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

    /// What the gradients' norm is clipped to ([`with_clipping`](Self::with_clipping)), or None where it is not.
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

    /// The decay of the parameters' average ([`with_average`](Self::with_average)), or None where none is saved.
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

    /// The seed of what is random in training.
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

    /// Sets the optimiser's learning rate from the next step on; the schedule's rates change with it.
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

    /// One step on one batch: `images` is `[batch, …]` with the input's shape, `labels` are the classes. The loss and
    /// the count of hits are those before the step.
    ///
    /// # Errors
    /// If the lengths do not fit, there are more samples than the trainer was made for ([`Error::Batch`]), a label is no
    /// class, a batch normalisation has but one value of each channel, the schedule's learning rate has left the range of
    /// numbers ([`Error::Setting`]), the loss is not finite ([`Error::Diverged`]), or the gradients' norm is not finite
    /// and was to be clipped ([`Error::GradientNorm`]); the parameters then stay as they were.
    pub fn step(&mut self, images: &[f32], labels: &[usize]) -> Result<BatchReport> {
        in_pool(|| self.step_here(images, labels))
    }

    /// An epoch: one step for each batch of the source. `on_step` sees the trainer and the step's report after each,
    /// and may end the epoch.
    ///
    /// # Errors
    /// Those of [`step`](Self::step), and if the source reports more samples than there is room for.
    pub fn epoch<S: Source>(
        &mut self,
        source: &mut S,
        epoch: u64,
        on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()> + Send,
    ) -> Result<EpochReport> {
        self.epoch_from(source, Position { epoch, batches: 0 }, on_step)
    }

    /// The rest of an epoch of which some batches are done: these are asked of the source and passed over. What is
    /// reported is about the others.
    ///
    /// # Errors
    /// As [`epoch`](Self::epoch).
    pub fn epoch_from<S: Source>(
        &mut self,
        source: &mut S,
        position: Position,
        on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()> + Send,
    ) -> Result<EpochReport> {
        in_pool(|| {
            let mut images = std::mem::take(&mut self.images);
            let mut labels = std::mem::take(&mut self.labels);
            let outcome = self.epoch_with(source, position, on_step, &mut images, &mut labels);
            (self.images, self.labels) = (images, labels);
            outcome
        })
    }

    fn epoch_with<S: Source>(
        &mut self,
        source: &mut S,
        position: Position,
        mut on_step: impl FnMut(&Self, &BatchReport) -> ControlFlow<()>,
        images: &mut [f32],
        labels: &mut [usize],
    ) -> Result<EpochReport> {
        let (mut loss, mut correct) = (0.0, 0);
        let mut report = EpochReport::default();
        let sample = self.network.spec().input().len();
        let epoch = position.epoch;
        report.next.epoch = epoch;
        source.start_epoch(epoch);
        loop {
            let count = next_batch(source, images, labels)?;
            if count == 0 {
                report.next = Position {
                    epoch: epoch.saturating_add(1),
                    batches: 0,
                };
                break;
            }
            report.next.batches += 1;
            if report.next.batches <= position.batches {
                continue;
            }
            let step = self.step_here(&images[..count * sample], &labels[..count])?;
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

    /// A step, on a thread of the pool: its sections are short, and what lies between them is shorter still.
    fn step_here(&mut self, images: &[f32], labels: &[usize]) -> Result<BatchReport> {
        let threads = self.workspace.training_threads(&self.network, labels.len());
        with_spinning_workers(threads, || self.step_awake(images, labels))
    }

    fn step_awake(&mut self, images: &[f32], labels: &[usize]) -> Result<BatchReport> {
        let rule = self.settings.rule(self.progress.steps)?;
        let loss = self.settings.loss;
        let moment = self.moment();
        let report = self.workspace.backward(&self.network, images, labels, loss, moment)?;
        if !report.loss.is_finite() {
            return Err(Error::Diverged {
                loss: report.loss,
                step: self.progress.steps,
                learning_rate: rule.learning_rate(),
            });
        }
        let images = MatRef::row_major(images, labels.len(), self.network.spec().input().len())?;
        let first = self.progress.averaged == 0;
        let step = Step {
            rule,
            number: self.progress.steps,
            max_norm: self.settings.max_norm,
            newest: self.settings.average.map(|decay| if first { 1.0 } else { 1.0 - decay }),
        };
        step.take(&mut self.network, &self.workspace, &mut self.memory, images)?;
        self.workspace.track(&mut self.network);
        self.progress.steps += 1;
        self.progress.averaged += u64::from(self.settings.average.is_some());
        Ok(report)
    }
}

impl Progress {
    /// Whether a run can have come that far.
    pub(crate) fn is_plausible(&self) -> bool {
        /// The most steps that random numbers tell apart.
        const MOST_STEPS: u64 = 1 << 32;
        self.averaged <= self.steps && self.steps <= MOST_STEPS
    }
}

impl Settings {
    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<()> {
        self.optimizer.check()?;
        self.schedule.check()?;
        self.loss.check()?;
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

    /// The rule with the learning rate of a step.
    fn rule(&self, step: u64) -> Result<Optimizer> {
        let mut rule = self.optimizer;
        rule.set_learning_rate(self.schedule.learning_rate(rule.learning_rate(), step));
        // A schedule can leave the range of numbers, as by growing at each step.
        rule.check()?;
        Ok(rule)
    }
}

/// The next batch of a source that is not trusted to count rightly.
fn next_batch<S: Source>(source: &mut S, images: &mut [f32], labels: &mut [usize]) -> Result<usize> {
    let reported = source.next_batch(images, labels);
    if reported > labels.len() {
        return Err(Error::Source {
            reported,
            room: labels.len(),
        });
    }
    Ok(reported)
}

/// The gradient of a batch's mean cross-entropy with respect to every parameter, as tensors like
/// [`Network::tensors`]; and the loss. For checks and experiments: training does not need it.
///
/// # Errors
/// If the lengths do not fit, a label is no class, or a batch normalisation has but one value of each channel.
pub fn gradients(network: &Network, images: &[f32], labels: &[usize]) -> Result<(f32, Vec<Tensor>)> {
    let batch = images.len() / network.spec().input().len();
    let mut workspace = Workspace::for_training(network, batch.max(1))?;
    let report = workspace.backward(network, images, labels, Loss::default(), StepContext::default())?;
    let images = MatRef::row_major(images, labels.len(), network.spec().input().len())?;
    let mut gradients = Buffer::zeroed(network.parameters().len());
    let arenas = Arenas {
        gradients: &mut gradients,
        ..Arenas::default()
    };
    let compute = |block: &ParameterBlock, arenas: Arenas<'_>| {
        workspace.parameter_gradient(network, images, block, (1.0, 0.0), arenas.gradients);
    };
    for_pieces(&network.plan().blocks, usize::MAX, arenas, &compute);
    Ok((report.loss, network.export(&gradients)))
}

/// How a network does on all that `source` brings in one epoch.
///
/// # Errors
/// If the source brings labels that are no classes or more samples than the workspace has room for, or the workspace
/// has no room at all or was made for another network.
pub fn evaluate<S: Source>(network: &Network, source: &mut S, workspace: &mut Workspace) -> Result<Evaluation> {
    if workspace.capacity() == 0 {
        return Err(Error::Setting {
            name: "the workspace's capacity",
            value: "0".to_owned(),
            reason: "evaluation needs room for at least one sample; make a larger one",
        });
    }
    in_pool(|| {
        let (sample, outputs) = (network.spec().input().len(), network.spec().outputs());
        let mut images = vec![0.0; workspace.capacity() * sample];
        let mut labels = vec![0; workspace.capacity()];
        let mut unused = vec![0.0; outputs];
        let mut evaluation = Evaluation::default();
        source.start_epoch(0);
        loop {
            let count = next_batch(source, &mut images, &mut labels)?;
            if count == 0 {
                break;
            }
            let logits = network.logits(&images[..count * sample], workspace)?;
            for (sample, (logits, &label)) in logits.chunks(outputs).zip(&labels[..count]).enumerate() {
                if label >= outputs {
                    return Err(Error::Target {
                        target: label,
                        sample,
                        classes: outputs,
                    });
                }
                evaluation.loss += f64::from(loss::cross_entropy(logits, label, 1.0, &mut unused));
                evaluation.correct += usize::from(loss::argmax(logits) == label);
            }
            evaluation.count += count;
        }
        let count = evaluation.count.max(1) as f64;
        evaluation.loss /= count;
        evaluation.accuracy = evaluation.correct as f64 / count;
        Ok(evaluation)
    })
}

/// Runs `f` on a thread of the current pool, so that what it shares out need not cross into the pool each time.
fn in_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    if rayon::current_num_threads() == 1 {
        return f();
    }
    rayon::join(f, || ()).0
}
