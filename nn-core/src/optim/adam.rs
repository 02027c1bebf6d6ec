//! Adam and AdamW.

use serde::{Deserialize, Serialize};

use super::{Arenas, State, check_fraction, check_not_negative};
use crate::error::Result;

/// Adam (Kingma and Ba, 2015, "Adam: A Method for Stochastic Optimization") and AdamW (Loshchilov and Hutter, 2019,
/// "Decoupled Weight Decay Regularization"), as PyTorch's `torch.optim.Adam` and `torch.optim.AdamW` do them.
///
/// With `g` the gradient, at step `t` from 1 on: `m ← β₁·m + (1 - β₁)·g`, `v ← β₂·v + (1 - β₂)·g²`, and
/// `w ← w - learning_rate · m/(1 - β₁ᵗ) / (√(v/(1 - β₂ᵗ)) + epsilon)`.
///
/// ```
/// use nn_core::optim::Adam;
/// let adamw = Adam { weight_decay: 0.01, decoupled: true, ..Adam::new(1e-3) };
/// assert_eq!((adamw.beta1, adamw.beta2), (0.9, 0.999));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// Length of a step.
    pub learning_rate: f32,
    /// How much of the mean of the gradients stays from step to step, in `0..1`.
    pub beta1: f32,
    /// How much of the mean of their squares stays from step to step, in `0..1`.
    pub beta2: f32,
    /// Keeps the divisor away from 0.
    pub epsilon: f32,
    /// How strongly weights are drawn to 0.
    pub weight_decay: f32,
    /// Whether the decay is taken off the weights (AdamW) rather than added to the gradient (Adam).
    pub decoupled: bool,
}

impl Adam {
    /// Adam with the usual settings: β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸, no decay.
    #[must_use]
    pub const fn new(learning_rate: f32) -> Self {
        Self {
            learning_rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        check_not_negative("learning rate", self.learning_rate)?;
        check_not_negative("weight decay", self.weight_decay)?;
        check_not_negative("epsilon", self.epsilon)?;
        check_fraction("beta1", self.beta1)?;
        check_fraction("beta2", self.beta2)
    }

    pub(super) fn state(&self) -> State {
        State::Two
    }

    /// `step` counts from 0.
    pub(super) fn update(&self, step: u64, arenas: Arenas<'_>) {
        let t = (step + 1) as f64;
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(t);
        let step_size = (f64::from(self.learning_rate) / correction(self.beta1)) as f32;
        let root = (correction(self.beta2).sqrt()) as f32;
        let keep = if self.decoupled {
            1.0 - self.learning_rate * self.weight_decay
        } else {
            1.0
        };
        let decay = if self.decoupled { 0.0 } else { self.weight_decay };
        let values = arenas
            .parameters
            .iter_mut()
            .zip(arenas.gradients)
            .zip(arenas.first.iter_mut().zip(arenas.second));
        for ((parameter, gradient), (mean, square)) in values {
            let gradient = *gradient + decay * *parameter;
            *mean = self.beta1 * *mean + (1.0 - self.beta1) * gradient;
            *square = self.beta2 * *square + (1.0 - self.beta2) * (gradient * gradient);
            *parameter = keep * *parameter - step_size * *mean / (square.sqrt() / root + self.epsilon);
        }
    }
}
