//! Rules that turn gradients into steps of the parameters, and schedules of their learning rates.

mod adam;
mod schedule;
mod sgd;

use serde::{Deserialize, Serialize};

pub use adam::Adam;
pub use schedule::{Annealing, OneCycle, Schedule};
pub use sgd::Sgd;

use crate::error::{Error, Result};

/// Which rule a [`Trainer`](crate::Trainer) follows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
        if let Some((alpha, beta)) = self.linear() {
            for (parameter, gradient) in arenas.parameters.iter_mut().zip(arenas.gradients) {
                *parameter = beta * *parameter + alpha * *gradient;
            }
            return;
        }
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

/// The same stretch of all arenas; empty where nobody has a use for it.
#[derive(Default)]
pub(crate) struct Arenas<'a> {
    pub(crate) parameters: &'a mut [f32],
    pub(crate) gradients: &'a mut [f32],
    pub(crate) first: &'a mut [f32],
    pub(crate) second: &'a mut [f32],
    pub(crate) average: &'a mut [f32],
    /// Sums of squares of gradients, one a block.
    pub(crate) squares: &'a mut [f64],
}

impl Arenas<'_> {
    pub(crate) fn reborrow(&mut self) -> Arenas<'_> {
        Arenas {
            parameters: &mut *self.parameters,
            gradients: &mut *self.gradients,
            first: &mut *self.first,
            second: &mut *self.second,
            average: &mut *self.average,
            squares: &mut *self.squares,
        }
    }

    /// The first `values` of each arena, which make up `blocks` blocks, and the others.
    pub(crate) fn split_at(self, values: usize, blocks: usize) -> (Self, Self) {
        let parameters = halves(self.parameters, values);
        let gradients = halves(self.gradients, values);
        let first = halves(self.first, values);
        let second = halves(self.second, values);
        let average = halves(self.average, values);
        let squares = halves(self.squares, blocks);
        let left = Arenas {
            parameters: parameters.0,
            gradients: gradients.0,
            first: first.0,
            second: second.0,
            average: average.0,
            squares: squares.0,
        };
        let right = Arenas {
            parameters: parameters.1,
            gradients: gradients.1,
            first: first.1,
            second: second.1,
            average: average.1,
            squares: squares.1,
        };
        (left, right)
    }
}

/// An arena cut in two; both halves are empty where it is.
fn halves<T>(arena: &mut [T], at: usize) -> (&mut [T], &mut [T]) {
    let at = at.min(arena.len());
    arena.split_at_mut(at)
}

/// Refuses a setting that is not a finite number of at least 0.
pub(crate) fn check_not_negative(name: &'static str, value: f32) -> Result<()> {
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
pub(crate) fn check_fraction(name: &'static str, value: f32) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting {
        name,
        value: value.to_string(),
        reason: "it has to be at least 0 and less than 1",
    })
}
