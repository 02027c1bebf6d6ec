//! Training for several epochs: validation, early stopping, the best network, a learning rate that falls on plateaus.

use std::ops::ControlFlow;

use super::{epoch::EpochReport, evaluate::Evaluation, source::Source, trainer::Trainer};
use crate::{
    error::{Error, Result},
    network::Network,
    optim::check_fraction,
};

/// The settings of [`Trainer::fit`].
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
/// let report = trainer.fit(&mut train, Some(&mut validation), &fit, |_, epoch| {
///     println!("epoch {}: {:?}", epoch.epoch, epoch.validation);
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(report.network.classes(&inputs)?, targets);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Fit {
    epochs: u64,
    patience: Option<u64>,
    min_delta: f64,
    plateau: Option<Plateau>,
}

/// When and how the learning rate falls on a plateau.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plateau {
    patience: u64,
    factor: f32,
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
    /// Whether the epoch has the lowest loss so far: in validation, else in training.
    pub is_best: bool,
    /// The optimizer's learning rate during the epoch, which the schedule scales.
    pub learning_rate: f32,
}

/// Why a [`fit`](Trainer::fit) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FitEnd {
    /// All epochs are done.
    Epochs,
    /// The loss did not fall for as many epochs as there was patience for.
    Patience,
    /// The callback ended it.
    Callback,
}

/// The result of a [`fit`](Trainer::fit).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FitReport {
    /// The network of the best epoch, with the moving average of its parameters if the trainer averages them. The
    /// trainer keeps that of the last epoch.
    pub network: Network,
    /// The best epoch.
    pub best: FitEpoch,
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
            patience: None,
            min_delta: 0.0,
            plateau: None,
        }
    }

    /// Ends training when the loss has not fallen for that many epochs, at least 1 (Keras' `EarlyStopping`).
    pub fn with_patience(self, epochs: u64) -> Self {
        Self {
            patience: Some(epochs),
            ..self
        }
    }

    /// Counts a loss as lower only if it is lower by more than `delta`; the default is 0.
    pub fn with_min_delta(self, delta: f64) -> Self {
        Self {
            min_delta: delta,
            ..self
        }
    }

    /// Multiplies the optimizer's learning rate by `factor` whenever the loss has not fallen for `patience` epochs, at
    /// least 1 (Keras' and PyTorch's `ReduceLROnPlateau`).
    pub fn with_plateau(self, patience: u64, factor: f32) -> Self {
        let plateau = Some(Plateau { patience, factor });
        Self { plateau, ..self }
    }

    fn check(&self) -> Result<()> {
        let refuse = |name, value: String, reason| Err(Error::Setting { name, value, reason });
        if self.epochs == 0 {
            return refuse("epochs", "0".to_owned(), "training needs at least one");
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
        self.plateau
            .map_or(Ok(()), |plateau| check_fraction("plateau factor", plateau.factor))
    }
}

impl Trainer {
    /// Trains for several epochs: after each, evaluates the network on `validation`, if there is one, and calls
    /// `on_epoch`, which may end training. Keeps the network of the epoch with the lowest loss.
    ///
    /// Epochs count from 0; to continue a run, train with [`epoch`](Self::epoch).
    ///
    /// # Errors
    /// Those of [`epoch`](Self::epoch) and [`evaluate`](Self::evaluate), and if a setting is out of range. `on_epoch` has
    /// seen the best network so far ([`FitEpoch::is_best`]).
    pub fn fit<S: Source + ?Sized>(
        &mut self,
        train: &mut S,
        mut validation: Option<&mut (dyn Source + '_)>,
        fit: &Fit,
        mut on_epoch: impl FnMut(&Self, &FitEpoch) -> ControlFlow<()>,
    ) -> Result<FitReport> {
        fit.check()?;
        let mut epochs = Vec::new();
        let mut best: Option<(FitEpoch, Network)> = None;
        let (mut waited, mut on_plateau) = (0, 0);
        let mut end = FitEnd::Epochs;
        for epoch in 0..fit.epochs {
            let learning_rate = self.optimizer().learning_rate();
            let train = self.epoch(train, epoch, |_, _| ControlFlow::Continue(()))?;
            let average = self.averaged_network();
            let validation = match &mut validation {
                Some(source) => Some(self.evaluate_network(average.as_ref(), &mut **source)?),
                None => None,
            };
            let mut done = FitEpoch {
                epoch,
                train,
                validation,
                is_best: false,
                learning_rate,
            };
            done.is_best = best
                .as_ref()
                .is_none_or(|(best, _)| done.loss() < best.loss() - fit.min_delta);
            epochs.push(done);
            (waited, on_plateau) = (waited + 1, on_plateau + 1);
            if done.is_best {
                best = Some((done, average.unwrap_or_else(|| self.network().clone())));
                (waited, on_plateau) = (0, 0);
            }
            if on_epoch(self, &done).is_break() {
                end = FitEnd::Callback;
                break;
            }
            if fit.patience.is_some_and(|patience| waited >= patience) {
                end = FitEnd::Patience;
                break;
            }
            if let Some(plateau) = fit.plateau.filter(|plateau| on_plateau >= plateau.patience) {
                self.set_learning_rate(learning_rate * plateau.factor)?;
                on_plateau = 0;
            }
        }
        let (best, network) = best.expect("the first epoch is the best so far");
        Ok(FitReport {
            network,
            best,
            epochs,
            end,
        })
    }
}

impl FitEpoch {
    /// The loss that is to fall.
    fn loss(&self) -> f64 {
        let train = self.train.loss.unwrap_or(f64::INFINITY);
        self.validation.map_or(train, |validation| validation.loss)
    }
}
