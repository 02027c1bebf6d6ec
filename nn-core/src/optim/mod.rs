//! Optimizers, which turn gradients into parameter updates, and learning-rate schedules.

mod adam;
mod group;
mod range;
mod schedule;
mod sgd;
mod state;

pub use adam::Adam;
pub use group::ParameterGroup;
pub(crate) use group::Selection;
pub(crate) use range::check_fraction;
pub use schedule::{Annealing, OneCycle, Schedule};
pub(crate) use schedule::{Curve, WarmUp};
pub use sgd::Sgd;
pub(crate) use state::{Arenas, State};

use crate::{error::Result, gemm::Kernel};

/// The optimizer of a [`Trainer`](crate::Trainer), with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam or AdamW.
    Adam(Adam),
}

impl From<Adam> for Optimizer {
    fn from(adam: Adam) -> Self {
        Self::Adam(adam)
    }
}

impl From<Sgd> for Optimizer {
    fn from(sgd: Sgd) -> Self {
        Self::Sgd(sgd)
    }
}

impl Optimizer {
    /// The learning rate.
    #[must_use]
    pub fn learning_rate(&self) -> f32 {
        match self {
            Self::Sgd(sgd) => sgd.learning_rate,
            Self::Adam(adam) => adam.learning_rate,
        }
    }

    /// Sets the learning rate.
    pub fn set_learning_rate(&mut self, learning_rate: f32) {
        match self {
            Self::Sgd(sgd) => sgd.learning_rate = learning_rate,
            Self::Adam(adam) => adam.learning_rate = learning_rate,
        }
    }

    /// The weight decay.
    #[must_use]
    pub fn weight_decay(&self) -> f32 {
        match self {
            Self::Sgd(sgd) => sgd.weight_decay,
            Self::Adam(adam) => adam.weight_decay,
        }
    }

    /// Sets the weight decay.
    pub fn set_weight_decay(&mut self, weight_decay: f32) {
        match self {
            Self::Sgd(sgd) => sgd.weight_decay = weight_decay,
            Self::Adam(adam) => adam.weight_decay = weight_decay,
        }
    }

    /// Checks the range of each setting.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for the first one that is out of range.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Sgd(sgd) => sgd.check(),
            Self::Adam(adam) => adam.check(),
        }
    }

    /// The number of state values per parameter.
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Sgd(sgd) => sgd.state(),
            Self::Adam(adam) => adam.state(),
        }
    }

    /// `(alpha, beta)` if an update is `parameters = beta·parameters + alpha·gradients`. The product that computes the
    /// gradient then updates the parameters too, and no gradient is stored.
    pub(crate) fn linear(&self) -> Option<(f32, f32)> {
        match self {
            Self::Sgd(sgd) => sgd.linear(),
            Self::Adam(_) => None,
        }
    }

    /// Updates a range of the parameters. `step` counts from 0 the steps that these parameters took part in.
    pub(crate) fn update(&self, kernel: Kernel, step: u64, arenas: Arenas<'_>) {
        if let Some((alpha, beta)) = self.linear() {
            for (parameter, gradient) in arenas.parameters.iter_mut().zip(arenas.gradients) {
                *parameter = beta * *parameter + alpha * *gradient;
            }
            return;
        }
        match self {
            Self::Sgd(sgd) => sgd.update(arenas),
            Self::Adam(adam) => adam.update(kernel, step, arenas),
        }
    }
}
