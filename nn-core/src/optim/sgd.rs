//! Stochastic gradient descent with momentum and weight decay.

use super::{
    range::{check_fraction, check_not_negative},
    state::{Arenas, State},
};
use crate::error::{Error, Result};

/// Stochastic gradient descent, as PyTorch's `torch.optim.SGD`.
///
/// With `g` the gradient plus `weight_decay·w`, and the momentum buffer `v ← momentum·v + g`, the update is
/// `w ← w - learning_rate·v`, or with Nesterov momentum `w ← w - learning_rate·(g + momentum·v)`.
///
/// ```
/// use nn_core::optim::Sgd;
/// let sgd = Sgd { momentum: 0.9, nesterov: true, ..Sgd::new(0.1) };
/// assert_eq!((sgd.learning_rate, sgd.weight_decay), (0.1, 0.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub learning_rate: f32,
    /// Decay of the momentum buffer, in `0..1`; 0 for none.
    pub momentum: f32,
    /// Weight decay (L2 penalty).
    pub weight_decay: f32,
    /// Whether to use Nesterov momentum; needs a momentum above 0.
    pub nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent: no momentum, no weight decay.
    #[must_use]
    pub const fn new(learning_rate: f32) -> Self {
        Self {
            learning_rate,
            momentum: 0.0,
            weight_decay: 0.0,
            nesterov: false,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        check_not_negative("learning rate", self.learning_rate)?;
        check_not_negative("weight decay", self.weight_decay)?;
        check_fraction("momentum", self.momentum)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::Setting {
                name: "nesterov",
                value: self.nesterov.to_string(),
                reason: "Nesterov momentum needs a momentum above 0",
            });
        }
        Ok(())
    }

    pub(super) fn state(&self) -> State {
        if self.momentum == 0.0 { State::None } else { State::One }
    }

    pub(super) fn linear(&self) -> Option<(f32, f32)> {
        let decay = 1.0 - self.learning_rate * self.weight_decay;
        (self.momentum == 0.0).then_some((-self.learning_rate, decay))
    }

    pub(super) fn update(&self, arenas: Arenas<'_>) {
        let values = arenas.parameters.iter_mut().zip(arenas.gradients).zip(arenas.exp_avg);
        for ((parameter, gradient), momentum_buffer) in values {
            let gradient = *gradient + self.weight_decay * *parameter;
            *momentum_buffer = self.momentum * *momentum_buffer + gradient;
            let nesterov = gradient + self.momentum * *momentum_buffer;
            *parameter -= self.learning_rate * if self.nesterov { nesterov } else { *momentum_buffer };
        }
    }
}
