//! Training for several epochs: validation, early stopping, the best network, a learning rate that falls on plateaus.

use std::{ops::ControlFlow, sync::Arc};

use super::{
    epoch::{EpochReport, EpochSteps},
    evaluate::Evaluation,
    source::{Cursor, Source},
    trainer::Trainer,
};
use crate::{
    error::{Error, Result},
    exec::{BatchReport, in_pool},
    loss::Loss,
    network::Network,
    optim::check_fraction,
};

/// The settings of [`Trainer::fit`].
///
/// The [report](FitReport) has the best network. The trainer keeps that of the last epoch, unless the fit
/// [restores](Self::with_restored_best) the best one; what is trained next starts there. To add epochs to a fit of 10, call
/// `Fit::new(20).resumed(Cursor { epoch: 10, batches: 0 }, Some((best.epoch, best.network)))` with the best of its report.
///
/// ```
/// use std::ops::ControlFlow;
/// use nn_core::{Fit, Network, Samples, Trainer, optim::Adam};
/// // Class 1 if both values differ: XOR.
/// let (inputs, targets) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
/// let network = Network::new("2 | dense 8 | tanh | dense 2".parse()?, 1)?;
/// let mut trainer = Trainer::new(network, Adam::new(0.05), 4)?;
/// let mut train = Samples::new(&inputs, &targets).shuffled(1);
/// let mut validation = Samples::new(&inputs, &targets);
/// let fit = Fit::new(200).with_patience(20);
/// let report = trainer.fit(&mut train, Some(&mut validation), &fit, |progress| {
///     println!("epoch {}: {:?}", progress.epoch.epoch, progress.epoch.validation);
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(report.best.network.classes(&inputs)?, targets);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Fit {
    epochs: u64,
    best_by: BestBy,
    patience: Option<u64>,
    min_delta: f64,
    plateau: Option<Plateau>,
    validation_loss: Option<Arc<dyn Loss>>,
    restores_best: bool,
    start: Cursor,
    best: Option<(u64, Network)>,
}

/// When and how the learning rate falls on a plateau.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plateau {
    patience: u64,
    factor: f32,
}

/// Which epoch has the best network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BestBy {
    /// The one with the lowest loss: in validation, else in training. Of equals, the first.
    #[default]
    LowestLoss,
    /// The one with the highest accuracy: in validation, else in training. Of equals, the last, which has trained longer.
    /// Targets have to be classes.
    HighestAccuracy,
    /// The last one.
    LastEpoch,
}

/// One epoch of a [`fit`](Trainer::fit).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FitEpoch {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// Loss and accuracy in training, each sample before its batch's step.
    pub train: EpochReport,
    /// Loss and accuracy on the validation data, if there are any, of the network with the moving average of its
    /// parameters if the trainer [averages](Trainer::with_average) them.
    pub validation: Option<Evaluation>,
    /// Whether its network is the best so far.
    pub is_best: bool,
    /// The optimizer's learning rate during the epoch, which the schedule scales.
    pub learning_rate: f32,
}

/// The best network of a [`fit`](Trainer::fit).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BestNetwork {
    /// The network, with the moving average of its parameters if the trainer averages them.
    pub network: Network,
    /// The epoch that it is from, counted from 0.
    pub epoch: u64,
    /// Its loss and accuracy on the validation data, if there are any.
    pub validation: Option<Evaluation>,
}

/// A [`fit`](Trainer::fit) after one of its epochs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FitProgress<'a> {
    /// The trainer.
    pub trainer: &'a Trainer,
    /// The epoch.
    pub epoch: &'a FitEpoch,
    /// The network after the epoch, with the moving average of its parameters if the trainer averages them.
    pub network: &'a Network,
    /// The best network so far.
    pub best: &'a BestNetwork,
}

/// What is called during a [`fit_with`](Trainer::fit_with).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a callback of a fit",
    label = "no `FitCallback`",
    note = "closures go to `Trainer::fit`; for a callback after each step, implement `FitCallback` for a type of your own"
)]
pub trait FitCallback: Send {
    /// Called after each step; may end the training. The epoch then ends with a validation and [`on_epoch`].
    ///
    /// [`on_epoch`]: Self::on_epoch
    fn on_step(&mut self, _trainer: &Trainer, _step: &BatchReport) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Called after each epoch; may end the training.
    fn on_epoch(&mut self, progress: &FitProgress<'_>) -> ControlFlow<()>;
}

/// Why a [`fit`](Trainer::fit) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FitEnd {
    /// All epochs are done.
    Epochs,
    /// For as many epochs as there was patience for, none was the best.
    Patience,
    /// The callback ended it.
    Callback,
}

/// The result of a [`fit`](Trainer::fit).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FitReport {
    /// The best network. The trainer keeps that of the last epoch, unless the best one is
    /// [restored](Fit::with_restored_best).
    pub best: BestNetwork,
    /// All epochs, in order.
    pub epochs: Vec<FitEpoch>,
    /// Why it ended.
    pub end: FitEnd,
}

impl Fit {
    /// Trains for that many epochs.
    pub fn new(epochs: u64) -> Self {
        Self {
            epochs,
            best_by: BestBy::default(),
            patience: None,
            min_delta: 0.0,
            plateau: None,
            validation_loss: None,
            restores_best: false,
            start: Cursor::default(),
            best: None,
        }
    }

    /// Sets which epoch has the best network; the default is [`BestBy::LowestLoss`].
    pub fn with_best_by(self, best_by: BestBy) -> Self {
        Self { best_by, ..self }
    }

    /// Ends training when none of that many epochs, at least 1, was the best (Keras' `EarlyStopping`).
    pub fn with_patience(self, epochs: u64) -> Self {
        Self {
            patience: Some(epochs),
            ..self
        }
    }

    /// Takes an epoch for better only if its loss is lower, or its accuracy higher, by more than `delta`; the default
    /// is 0.
    pub fn with_min_delta(self, delta: f64) -> Self {
        Self {
            min_delta: delta,
            ..self
        }
    }

    /// Multiplies the optimizer's learning rate by `factor` whenever none of `patience` epochs, at least 1, was the best
    /// (Keras' and PyTorch's `ReduceLROnPlateau`).
    pub fn with_plateau(self, patience: u64, factor: f32) -> Self {
        let plateau = Some(Plateau { patience, factor });
        Self { plateau, ..self }
    }

    /// Sets the loss in validation, such as one without label smoothing; the default is the trainer's.
    pub fn with_validation_loss(self, loss: impl Loss) -> Self {
        Self {
            validation_loss: Some(Arc::new(loss)),
            ..self
        }
    }

    /// At the end, gives the trainer the parameters and running statistics of the best network (Keras'
    /// `restore_best_weights`), and a moving average the same parameters. The optimizer's state stays that of the last epoch.
    pub fn with_restored_best(self) -> Self {
        Self {
            restores_best: true,
            ..self
        }
    }

    /// Continues an earlier run, such as one of [`Trainer::resume`]: from its cursor, and with its best network so far
    /// and the epoch of it, if there is one.
    pub fn resumed(self, start: Cursor, best: Option<(u64, Network)>) -> Self {
        Self { start, best, ..self }
    }

    fn check(&self, validates: bool) -> Result<()> {
        let refuse = |name, value: String, reason| Err(Error::Setting { name, value, reason });
        if self.epochs == 0 || (self.start.epoch >= self.epochs && self.best.is_none()) {
            return refuse("epochs", self.epochs.to_string(), "training needs at least one");
        }
        if self.patience == Some(0) || self.plateau.is_some_and(|plateau| plateau.patience == 0) {
            return refuse("patience", "0".to_owned(), "it has to be at least 1 epoch");
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return refuse(
                "min_delta",
                self.min_delta.to_string(),
                "it has to be a finite number of at least 0",
            );
        }
        if self.best.is_some() && !validates && self.best_by != BestBy::LastEpoch {
            return refuse(
                "the best network so far",
                format!("{:?}", self.best_by),
                "it is compared on validation data, and there are none",
            );
        }
        self.plateau
            .map_or(Ok(()), |plateau| check_fraction("plateau factor", plateau.factor))
    }

    /// How good an epoch is: higher is better, and any number better than NaN.
    fn score(&self, train: Option<&EpochReport>, validation: Option<&Evaluation>) -> Option<f64> {
        let score = match self.best_by {
            BestBy::LowestLoss => {
                let train = train.and_then(|train| train.loss);
                validation.map(|validation| validation.loss).or(train).map(|loss| -loss)
            }
            BestBy::HighestAccuracy => {
                let train = train.and_then(|train| train.accuracy);
                validation.map_or(train, |validation| validation.accuracy)
            }
            BestBy::LastEpoch => Some(0.0),
        };
        score.map(|score| if score.is_nan() { f64::NEG_INFINITY } else { score })
    }

    /// Whether an epoch is better than the best so far.
    fn is_better(&self, score: Option<f64>, best: Option<f64>) -> bool {
        let Some(best) = best else { return true };
        score.is_some_and(|score| match self.best_by {
            BestBy::LowestLoss => score > best + self.min_delta,
            BestBy::HighestAccuracy if self.min_delta > 0.0 => score > best + self.min_delta,
            BestBy::HighestAccuracy | BestBy::LastEpoch => score >= best,
        })
    }
}

/// Calls a closure after each epoch.
struct OnEpoch<F>(F);

impl<F: FnMut(&FitProgress<'_>) -> ControlFlow<()> + Send> FitCallback for OnEpoch<F> {
    fn on_epoch(&mut self, progress: &FitProgress<'_>) -> ControlFlow<()> {
        (self.0)(progress)
    }
}

impl Trainer {
    /// Trains for several epochs: after each, evaluates the network on `validation`, if there is one, and calls
    /// `on_epoch`, which may end training. Keeps the best network.
    ///
    /// # Errors
    /// Those of [`epoch`](Self::epoch) and [`evaluate`](Self::evaluate), and if a setting is out of range. `on_epoch` has
    /// seen the best network so far.
    pub fn fit<S: Source + ?Sized>(
        &mut self,
        train: &mut S,
        validation: Option<&mut (dyn Source + '_)>,
        fit: &Fit,
        on_epoch: impl FnMut(&FitProgress<'_>) -> ControlFlow<()> + Send,
    ) -> Result<FitReport> {
        self.fit_with(train, validation, fit, &mut OnEpoch(on_epoch))
    }

    /// As [`fit`](Self::fit), with a callback that is also called after each step.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_with<S: Source + ?Sized>(
        &mut self,
        train: &mut S,
        validation: Option<&mut (dyn Source + '_)>,
        fit: &Fit,
        callback: &mut (impl FitCallback + ?Sized),
    ) -> Result<FitReport> {
        let mut steps = self.fit_steps(train, validation, fit)?;
        in_pool(|| {
            let end = loop {
                if let ControlFlow::Break(end) = steps.step(callback)? {
                    break end;
                }
            };
            steps.finish(end)
        })
    }

    /// A [`fit`](Self::fit) that the caller runs step by step, as where one thread does other things in between.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # use nn_core::{BatchReport, Fit, FitCallback, FitProgress, Network, Samples, Trainer, optim::Adam};
    /// struct Nothing;
    /// impl FitCallback for Nothing {
    ///     fn on_epoch(&mut self, _: &FitProgress<'_>) -> ControlFlow<()> {
    ///         ControlFlow::Continue(())
    ///     }
    /// }
    /// # let network = Network::new("2 | dense 8 | tanh | dense 2".parse()?, 1)?;
    /// # let mut trainer = Trainer::new(network, Adam::new(0.05), 4)?;
    /// # let (inputs, targets) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
    /// # let mut samples = Samples::new(&inputs, &targets);
    /// let fit = Fit::new(20);
    /// let mut steps = trainer.fit_steps(&mut samples, None, &fit)?;
    /// let report = loop {
    ///     match steps.step(&mut Nothing)? {
    ///         ControlFlow::Continue(()) => { /* answer the user */ }
    ///         ControlFlow::Break(end) => break steps.finish(end)?,
    ///     }
    /// };
    /// assert_eq!(report.epochs.len(), 20);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a setting is out of range, or the best network so far cannot be evaluated.
    pub fn fit_steps<'a, 's, S: Source + ?Sized>(
        &'a mut self,
        train: &'a mut S,
        validation: Option<&'a mut (dyn Source + 's)>,
        fit: &'a Fit,
    ) -> Result<FitSteps<'a, 's, S>> {
        fit.check(validation.is_some())?;
        FitSteps::new(self, train, validation, fit)
    }
}

/// A fit in progress, of [`Trainer::fit_steps`].
pub struct FitSteps<'a, 's, S: Source + ?Sized> {
    trainer: &'a mut Trainer,
    train: &'a mut S,
    fit: &'a Fit,
    validation: Option<&'a mut (dyn Source + 's)>,
    best: Option<BestNetwork>,
    best_score: Option<f64>,
    /// Epochs since the best.
    waited: u64,
    epochs: Vec<FitEpoch>,
    /// The epoch in progress.
    steps: Option<EpochSteps>,
    /// Where the next epoch starts.
    cursor: Cursor,
}

impl<'a, 's, S: Source + ?Sized> FitSteps<'a, 's, S> {
    fn new(
        trainer: &'a mut Trainer,
        train: &'a mut S,
        validation: Option<&'a mut (dyn Source + 's)>,
        fit: &'a Fit,
    ) -> Result<Self> {
        let mut run = Self {
            trainer,
            train,
            fit,
            validation,
            best: None,
            best_score: None,
            waited: 0,
            epochs: Vec::new(),
            steps: None,
            cursor: fit.start,
        };
        if let Some((epoch, network)) = &fit.best {
            let validation = run.validate(Some(network))?;
            run.best_score = fit.score(None, validation.as_ref());
            run.waited = fit.start.epoch.saturating_sub(epoch.saturating_add(1));
            run.best = Some(BestNetwork {
                network: network.clone(),
                epoch: *epoch,
                validation,
            });
        }
        Ok(run)
    }

    /// Takes a step, or ends the epoch after its last one. Breaks if training ends.
    ///
    /// # Errors
    /// As [`Trainer::fit`]; the fit cannot go on after an error.
    pub fn step(&mut self, callback: &mut (impl FitCallback + ?Sized)) -> Result<ControlFlow<FitEnd>> {
        in_pool(|| self.step_in_pool(callback))
    }

    fn step_in_pool(&mut self, callback: &mut (impl FitCallback + ?Sized)) -> Result<ControlFlow<FitEnd>> {
        if self.cursor.epoch >= self.fit.epochs {
            return Ok(ControlFlow::Break(FitEnd::Epochs));
        }
        let mut steps = match self.steps.take() {
            Some(steps) => steps,
            None => EpochSteps::start(self.trainer, self.train, self.cursor)?,
        };
        let mut stopped = false;
        if let Some(step) = steps.next(self.trainer, self.train)? {
            stopped = callback.on_step(self.trainer, &step).is_break();
            if !stopped {
                self.steps = Some(steps);
                return Ok(ControlFlow::Continue(()));
            }
        }
        let train = steps.end(self.trainer, stopped)?;
        self.end_epoch(train, callback)
    }

    /// The trainer.
    #[must_use]
    pub fn trainer(&self) -> &Trainer {
        self.trainer
    }

    /// The result, after the step that ended training.
    ///
    /// # Errors
    /// If the best network cannot be [restored](Fit::with_restored_best).
    ///
    /// # Panics
    /// If no epoch has ended.
    pub fn finish(self, end: FitEnd) -> Result<FitReport> {
        let best = self.best.expect("there was an epoch, or a best network before");
        if self.fit.restores_best {
            self.trainer.restore_network(&best.network)?;
        }
        Ok(FitReport {
            best,
            epochs: self.epochs,
            end,
        })
    }

    /// Evaluates a network on the validation data, if there are any; or else the trainer's own network.
    fn validate(&mut self, network: Option<&Network>) -> Result<Option<Evaluation>> {
        let (trainer, loss) = (&mut *self.trainer, self.fit.validation_loss.as_deref());
        let evaluate = |source: &mut &'a mut (dyn Source + 's)| trainer.evaluate_network(network, &mut **source, loss);
        self.validation.as_mut().map(evaluate).transpose()
    }

    /// Validates after an epoch. Breaks with the reason if training ends.
    fn end_epoch(
        &mut self,
        train: EpochReport,
        callback: &mut (impl FitCallback + ?Sized),
    ) -> Result<ControlFlow<FitEnd>> {
        let (epoch, learning_rate) = (self.cursor.epoch, self.trainer.optimizer().learning_rate());
        let average = self.trainer.averaged_network();
        let validation = self.validate(average.as_ref())?;
        let score = self.fit.score(Some(&train), validation.as_ref());
        if train.loss.is_some() && score.is_none() {
            return Err(Error::Setting {
                name: "best_by",
                value: format!("{:?}", self.fit.best_by),
                reason: "targets that are values have no accuracy; use BestBy::LowestLoss",
            });
        }
        let is_best = self.best.is_none() || self.fit.is_better(score, self.best_score);
        let done = FitEpoch {
            epoch,
            train,
            validation,
            is_best,
            learning_rate,
        };
        self.epochs.push(done);
        self.waited += 1;
        if is_best {
            (self.best_score, self.waited) = (score, 0);
            self.best = Some(BestNetwork {
                network: average.clone().unwrap_or_else(|| self.trainer.network().clone()),
                epoch,
                validation,
            });
        }
        let progress = FitProgress {
            trainer: self.trainer,
            epoch: &done,
            network: average.as_ref().unwrap_or_else(|| self.trainer.network()),
            best: self.best.as_ref().expect("the first epoch is the best so far"),
        };
        if callback.on_epoch(&progress).is_break() || train.stopped {
            return Ok(ControlFlow::Break(FitEnd::Callback));
        }
        self.cursor = Cursor {
            epoch: epoch + 1,
            batches: 0,
        };
        self.after_epoch(learning_rate)
    }

    /// Ends training without patience, or reduces the learning rate on a plateau.
    fn after_epoch(&mut self, learning_rate: f32) -> Result<ControlFlow<FitEnd>> {
        if self.fit.patience.is_some_and(|patience| self.waited >= patience) {
            return Ok(ControlFlow::Break(FitEnd::Patience));
        }
        let on_plateau = |plateau: &Plateau| self.waited > 0 && self.waited.is_multiple_of(plateau.patience);
        if let Some(plateau) = self.fit.plateau.filter(on_plateau) {
            self.trainer.set_learning_rate(learning_rate * plateau.factor)?;
        }
        Ok(ControlFlow::Continue(()))
    }
}
