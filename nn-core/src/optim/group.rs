//! Parameter groups: parameters with a learning rate and a weight decay of their own.

use std::fmt;

use super::range::check_not_negative;
use crate::error::Result;

/// Parameters that have a learning rate, a weight decay, or both of their own, as PyTorch's `param_groups`.
///
/// [`Trainer::with_parameter_groups`](crate::Trainer::with_parameter_groups) takes a list of them. Where several groups
/// hold a parameter, the last one that sets the learning-rate factor decides on that, and the last one that sets the
/// weight decay on this. A parameter in no group is trained with the optimizer's own settings.
///
/// ```
/// use nn_core::{Network, Trainer, optim::{Adam, ParameterGroup}};
/// let network = Network::new("28x28x1 | conv 8 3x3 | batchnorm | relu | dense 10".parse()?, 42)?;
/// let adamw = Adam { weight_decay: 0.01, decoupled: true, ..Adam::new(1e-3) };
/// let trainer = Trainer::new(network, adamw, 32)?.with_parameter_groups([
///     // No weight decay for biases and normalizations.
///     ParameterGroup::biases_and_normalizations().with_weight_decay(0.0),
///     // Half the learning rate for the first layer.
///     ParameterGroup::new("0.*").with_learning_rate_factor(0.5),
/// ])?;
/// let bias = &trainer.parameter_settings()[1];
/// assert_eq!((bias.name.as_str(), bias.learning_rate, bias.weight_decay), ("0.bias", 5e-4, 0.0));
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterGroup {
    pub(crate) selection: Selection,
    pub(crate) learning_rate_factor: Option<f32>,
    pub(crate) weight_decay: Option<f32>,
}

/// Which parameters a group holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Selection {
    /// Those whose names match.
    Pattern(String),
    /// Those of normalizations, and those with one dimension.
    BiasesAndNormalizations,
}

impl ParameterGroup {
    /// The parameters whose names match `pattern`, in which `*` stands for any characters: `0.*`, `*.bias`, `2.1.*`, or
    /// an exact name.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self::of(Selection::Pattern(pattern.into()))
    }

    /// All biases, and the weights of normalizations: what weight decay usually leaves out. These are the parameters with
    /// one dimension, and all of a normalization.
    #[must_use]
    pub fn biases_and_normalizations() -> Self {
        Self::of(Selection::BiasesAndNormalizations)
    }

    fn of(selection: Selection) -> Self {
        Self {
            selection,
            learning_rate_factor: None,
            weight_decay: None,
        }
    }

    /// Multiplies the learning rate, that of a schedule included, by `factor`.
    #[must_use]
    pub fn with_learning_rate_factor(mut self, factor: f32) -> Self {
        self.learning_rate_factor = Some(factor);
        self
    }

    /// Sets the weight decay, in place of the optimizer's.
    #[must_use]
    pub fn with_weight_decay(mut self, weight_decay: f32) -> Self {
        self.weight_decay = Some(weight_decay);
        self
    }

    /// Checks the range of each setting.
    pub(crate) fn check(&self) -> Result<()> {
        check_not_negative("learning-rate factor", self.learning_rate_factor.unwrap_or(1.0))?;
        check_not_negative("weight decay", self.weight_decay.unwrap_or(0.0))
    }
}

/// As `*.bias: learning rate × 0.1, weight decay 0`.
impl fmt::Display for ParameterGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.selection {
            Selection::Pattern(pattern) => f.write_str(pattern)?,
            Selection::BiasesAndNormalizations => f.write_str("biases and normalizations")?,
        }
        let factor = self
            .learning_rate_factor
            .map(|factor| format!("learning rate × {factor}"));
        let decay = self.weight_decay.map(|decay| format!("weight decay {decay}"));
        let settings: Vec<_> = factor.into_iter().chain(decay).collect();
        if settings.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", settings.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_prints_its_settings() {
        let group = ParameterGroup::new("*.bias");
        assert_eq!(group.to_string(), "*.bias");
        let group = group.with_learning_rate_factor(0.1).with_weight_decay(0.0);
        assert_eq!(group.to_string(), "*.bias: learning rate × 0.1, weight decay 0");
        let group = ParameterGroup::biases_and_normalizations().with_weight_decay(0.5);
        assert_eq!(group.to_string(), "biases and normalizations: weight decay 0.5");
    }
}
