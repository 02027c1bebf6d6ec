//! Rules that turn gradients into steps of the parameters.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::error::{Error, Result};

/// Which rule a [`Trainer`](crate::Trainer) follows.
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
    /// The learning rate in force.
    #[must_use]
    pub fn learning_rate(&self) -> f32 {
        match self {
            Self::Sgd(sgd) => sgd.learning_rate,
            Self::Adam(adam) => adam.learning_rate,
        }
    }

    /// Sets the learning rate; what a trainer has gathered for the rule stays.
    pub fn set_learning_rate(&mut self, learning_rate: f32) {
        match self {
            Self::Sgd(sgd) => sgd.learning_rate = learning_rate,
            Self::Adam(adam) => adam.learning_rate = learning_rate,
        }
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Sgd(sgd) => sgd.check(),
            Self::Adam(adam) => adam.check(),
        }
    }

    /// What the rule keeps beside the parameters.
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Sgd(sgd) => sgd.state(),
            Self::Adam(adam) => adam.state(),
        }
    }

    /// Where the step is `parameters = beta·parameters + alpha·gradients`: `(alpha, beta)`. The multiplication that
    /// makes the gradient then takes the step too, and no gradient is stored.
    pub(crate) fn linear(&self) -> Option<(f32, f32)> {
        match self {
            Self::Sgd(sgd) => sgd.linear(),
            Self::Adam(_) => None,
        }
    }

    /// Takes step `step`, counted from 0, for some of the parameters.
    pub(crate) fn update(&self, step: u64, arenas: Arenas<'_>) {
        match self {
            Self::Sgd(sgd) => sgd.update(arenas),
            Self::Adam(adam) => adam.update(step, arenas),
        }
    }
}

/// What a rule keeps for each parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Nothing.
    None,
    /// One value.
    One,
    /// Two values.
    Two,
}

/// The same stretch of all arenas; empty where the rule has no use for it.
#[derive(Default)]
pub(crate) struct Arenas<'a> {
    pub(crate) parameters: &'a mut [f32],
    pub(crate) gradients: &'a mut [f32],
    pub(crate) first: &'a mut [f32],
    pub(crate) second: &'a mut [f32],
}

impl<'a> Arenas<'a> {
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let halves = |arena: &'a mut [f32]| {
            let at = at.min(arena.len());
            arena.split_at_mut(at)
        };
        let (parameters, gradients) = (halves(self.parameters), halves(self.gradients));
        let (first, second) = (halves(self.first), halves(self.second));
        let left = Arenas {
            parameters: parameters.0,
            gradients: gradients.0,
            first: first.0,
            second: second.0,
        };
        let right = Arenas {
            parameters: parameters.1,
            gradients: gradients.1,
            first: first.1,
            second: second.1,
        };
        (left, right)
    }
}

/// Refuses a setting that is not a finite number of at least 0.
fn check_not_negative(name: &'static str, value: f32) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::Setting {
        name,
        value: value.to_string(),
        reason: "it has to be a finite number of at least 0",
    })
}

/// Refuses a setting that is not in `0..1`.
fn check_fraction(name: &'static str, value: f32) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting {
        name,
        value: value.to_string(),
        reason: "it has to be at least 0 and less than 1",
    })
}
