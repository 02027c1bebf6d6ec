//! Adam and AdamW.

use super::{
    range::{check_fraction, check_not_negative},
    state::{Arenas, State},
};
use crate::{
    error::Result,
    gemm::{Kernel, Vectorize},
};

/// Adam (Kingma and Ba, 2015, "Adam: A Method for Stochastic Optimization") and AdamW (Loshchilov and Hutter, 2019,
/// "Decoupled Weight Decay Regularization"), as PyTorch's `torch.optim.Adam` and `torch.optim.AdamW`.
///
/// With gradient `g`, step `t` (from 1), and the running averages `m` (`exp_avg`) and `v` (`exp_avg_sq`):
/// `m ← β₁·m + (1 - β₁)·g`, `v ← β₂·v + (1 - β₂)·g²`, and
/// `w ← w - learning_rate · m/(1 - β₁ᵗ) / (√(v/(1 - β₂ᵗ)) + epsilon)`.
///
/// ```
/// use nn_core::optim::Adam;
/// let adamw = Adam { weight_decay: 0.01, decoupled: true, ..Adam::new(1e-3) };
/// assert_eq!((adamw.beta1, adamw.beta2), (0.9, 0.999));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub learning_rate: f32,
    /// Decay of the running average of the gradients, in `0..1`.
    pub beta1: f32,
    /// Decay of the running average of the squared gradients, in `0..1`.
    pub beta2: f32,
    /// Added to the denominator, to keep it away from 0.
    pub epsilon: f32,
    /// Weight decay.
    pub weight_decay: f32,
    /// Whether the decay is applied to the weights (AdamW) rather than to the gradient (Adam).
    pub decoupled: bool,
}

impl Adam {
    /// Adam with the usual settings: β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸, no weight decay.
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
    pub(super) fn update(&self, kernel: Kernel, step: u64, arenas: Arenas<'_>) {
        let t = (step + 1) as f64;
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(t);
        let root = correction(self.beta2).sqrt();
        // Both sides of the quotient times the root, as at the end of section 2 of the paper: one division is saved.
        let step_size = (f64::from(self.learning_rate) * root / correction(self.beta1)) as f32;
        let epsilon = (f64::from(self.epsilon) * root) as f32;
        let keep = if self.decoupled {
            1.0 - self.learning_rate * self.weight_decay
        } else {
            1.0
        };
        let decay = if self.decoupled { 0.0 } else { self.weight_decay };
        kernel.vectorize(Update {
            betas: (self.beta1, self.beta2),
            step_size,
            epsilon,
            keep,
            decay,
            arenas,
        });
    }
}

/// One step, with the factors that do not depend on the parameter.
struct Update<'a> {
    betas: (f32, f32),
    step_size: f32,
    epsilon: f32,
    /// The share of a weight that decoupled decay leaves.
    keep: f32,
    /// Weight decay that is added to the gradient.
    decay: f32,
    arenas: Arenas<'a>,
}

impl Vectorize for Update<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let Arenas {
            parameters,
            gradients,
            exp_avg,
            exp_avg_sq,
            ..
        } = self.arenas;
        let (beta1, beta2) = self.betas;
        let averages = exp_avg.iter_mut().zip(exp_avg_sq);
        for ((parameter, gradient), (exp_avg, exp_avg_sq)) in parameters.iter_mut().zip(gradients).zip(averages) {
            let gradient = *gradient + self.decay * *parameter;
            *exp_avg = beta1 * *exp_avg + (1.0 - beta1) * gradient;
            *exp_avg_sq = beta2 * *exp_avg_sq + (1.0 - beta2) * (gradient * gradient);
            *parameter = self.keep * *parameter - self.step_size * *exp_avg / (exp_avg_sq.sqrt() + self.epsilon);
        }
    }
}
