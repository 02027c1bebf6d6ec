//! Single parameters in training: setting them, freezing them, and parameter groups.

use super::trainer::Trainer;
use crate::{
    error::Result,
    network::{Network, Tensor},
    optim::ParameterGroup,
};

/// The settings that one parameter is trained with: see [`Trainer::parameter_settings`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ParameterSettings {
    /// `<index of the layer>.<name>`, as in `1.weight`.
    pub name: String,
    /// The learning rate of the next step.
    pub learning_rate: f32,
    /// The weight decay.
    pub weight_decay: f32,
    /// Whether the parameter keeps its values.
    pub frozen: bool,
}

impl Trainer {
    /// Sets one parameter or running statistic, as [`Network::set_parameter`](crate::Network::set_parameter). The
    /// optimizer's state stays as it is. A moving average is not set; it approaches the new values in the next steps.
    ///
    /// ```
    /// use nn_core::{Network, Trainer, optim::Adam};
    /// let network = Network::new("2 | dense 4 | relu | dense 2".parse()?, 42)?;
    /// let mut trainer = Trainer::new(network, Adam::new(0.01), 4)?;
    /// trainer.step(&[0.0, 1.0, 1.0, 0.0], &[0, 1])?;
    /// // Limits each weight of the first layer to -1..=1.
    /// let weight = trainer.network().parameter("0.weight")?;
    /// let limited: Vec<f32> = weight.iter().map(|value| value.clamp(-1.0, 1.0)).collect();
    /// trainer.set_parameter("0.weight", &limited)?;
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Network::set_parameter`](crate::Network::set_parameter).
    pub fn set_parameter(&mut self, name: &str, values: &[f32]) -> Result<()> {
        self.network.set_parameter(name, values)
    }

    /// Sets some of the parameters and running statistics, as
    /// [`Network::set_parameters`](crate::Network::set_parameters). The optimizer's state stays as it is.
    ///
    /// # Errors
    /// As [`Network::set_parameters`](crate::Network::set_parameters).
    pub fn set_parameters(&mut self, tensors: &[Tensor]) -> Result<()> {
        self.network.set_parameters(tensors)
    }

    /// Continues with the tensors of another network of the same layers; a moving average has its parameters then.
    pub(super) fn restore_network(&mut self, network: &Network) -> Result<()> {
        self.network.set_tensors(&network.tensors())?;
        if self.average().is_some() {
            self.optimizer_state
                .average
                .copy_from_slice(self.network.for_update().1);
        }
        Ok(())
    }

    /// Freezes the parameters whose names match `pattern`, from the next step on: they keep their values, and so does
    /// their part of the optimizer's state. In a pattern, `*` stands for any characters: `0.*` is the first layer with
    /// all of its branches, `*.bias` the bias of every layer.
    ///
    /// Frozen parameters do not count in the norm of clipped gradients. As with PyTorch's `requires_grad = False`, a
    /// frozen batch normalization still normalizes by the batch and updates its running statistics, and a moving average
    /// of the parameters goes on: where a parameter was frozen from the start, it equals it exactly.
    ///
    /// ```
    /// use nn_core::{Network, Trainer, optim::Adam};
    /// let network = Network::new("2 | dense 4 | relu | dense 2".parse()?, 42)?;
    /// let before = network.tensors();
    /// let mut trainer = Trainer::new(network, Adam::new(0.01), 4)?;
    /// trainer.freeze("0.*")?;
    /// trainer.step(&[0.0, 1.0, 1.0, 0.0], &[0, 1])?;
    /// let after = trainer.network().tensors();
    /// assert_eq!(after[..2], before[..2]); // 0.weight and 0.bias
    /// assert_ne!(after[2..], before[2..]);
    /// trainer.unfreeze("*")?;
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter), which lists the names, if no parameter matches.
    pub fn freeze(&mut self, pattern: &str) -> Result<()> {
        self.parameter_rules.set_frozen(&self.network, pattern, true)
    }

    /// Trains frozen parameters whose names match `pattern` again, from the next step on. As in PyTorch, Adam counts
    /// only the steps that a parameter took part in.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter), which lists the names, if no parameter matches.
    pub fn unfreeze(&mut self, pattern: &str) -> Result<()> {
        self.parameter_rules.set_frozen(&self.network, pattern, false)
    }

    /// Sets the [parameter groups](ParameterGroup): parameters with a learning rate or a weight decay of their own; the
    /// default is none.
    ///
    /// # Errors
    /// As [`set_parameter_groups`](Self::set_parameter_groups).
    pub fn with_parameter_groups(mut self, groups: impl IntoIterator<Item = ParameterGroup>) -> Result<Self> {
        self.set_parameter_groups(groups).map(|()| self)
    }

    /// Replaces the parameter groups, from the next step on. The optimizer's state stays as it is.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter), which lists the names, if the pattern of a group matches no
    /// parameter; [`Error::Setting`](crate::Error::Setting) if a setting is out of range. The groups stay then.
    pub fn set_parameter_groups(&mut self, groups: impl IntoIterator<Item = ParameterGroup>) -> Result<()> {
        let groups = groups.into_iter().collect();
        self.parameter_rules.set_groups(&self.network, groups)
    }

    /// The parameter groups, in the order in which they were given.
    #[must_use]
    pub fn parameter_groups(&self) -> &[ParameterGroup] {
        self.parameter_rules.groups()
    }

    /// The settings that each parameter is trained with in the next step, layer by layer.
    ///
    /// ```
    /// use nn_core::{Network, Trainer, optim::{ParameterGroup, Sgd}};
    /// let network = Network::new("2 | dense 4 | relu | dense 2".parse()?, 42)?;
    /// let group = ParameterGroup::new("2.*").with_learning_rate_factor(0.5);
    /// let mut trainer = Trainer::new(network, Sgd::new(0.5), 4)?.with_parameter_groups([group])?;
    /// trainer.freeze("0.weight")?;
    /// let settings = trainer.parameter_settings();
    /// let rates: Vec<f32> = settings.iter().map(|parameter| parameter.learning_rate).collect();
    /// assert_eq!(rates, [0.5, 0.5, 0.25, 0.25]);
    /// assert!(settings[0].frozen && !settings[1].frozen);
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn parameter_settings(&self) -> Vec<ParameterSettings> {
        let mut optimizer = *self.optimizer();
        optimizer.set_learning_rate(self.learning_rate());
        let names = self.network.parameter_names().into_iter();
        let of_parameter = names.zip(self.parameter_rules.rules()).map(|(name, rule)| {
            let optimizer = rule.optimizer(&optimizer);
            ParameterSettings {
                name,
                learning_rate: optimizer.learning_rate(),
                weight_decay: optimizer.weight_decay(),
                frozen: rule.frozen,
            }
        });
        of_parameter.collect()
    }
}
