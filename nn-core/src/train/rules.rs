//! What the update does with each parameter: whether it is frozen, and which settings its groups give it.

use crate::{
    error::Result,
    graph::ParameterBlock,
    network::Network,
    optim::{Optimizer, ParameterGroup, Selection},
};

/// The parameter groups of a training run, and the rule of each parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParameterRules {
    groups: Vec<ParameterGroup>,
    /// By [`ParameterBlock::tensor`].
    rules: Vec<ParameterRule>,
}

/// How one parameter differs from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ParameterRule {
    learning_rate_factor: Option<f32>,
    weight_decay: Option<f32>,
    pub(crate) frozen: bool,
    /// The number of steps in which it was frozen.
    pub(crate) skipped: u64,
}

impl ParameterRules {
    /// No groups and nothing frozen.
    pub(crate) fn new(network: &Network) -> Self {
        Self {
            groups: Vec::new(),
            rules: vec![ParameterRule::default(); network.parameter_names().len()],
        }
    }

    pub(crate) fn groups(&self) -> &[ParameterGroup] {
        &self.groups
    }

    /// The rules of the parameters, in the order of [`Network::parameter_names`].
    pub(crate) fn rules(&self) -> &[ParameterRule] {
        &self.rules
    }

    /// Replaces the groups.
    ///
    /// # Errors
    /// If a setting is out of range or a pattern matches nothing; nothing has changed then.
    pub(crate) fn set_groups(&mut self, network: &Network, groups: Vec<ParameterGroup>) -> Result<()> {
        let mut rules = self.rules.clone();
        for rule in &mut rules {
            (rule.learning_rate_factor, rule.weight_decay) = (None, None);
        }
        for group in &groups {
            group.check()?;
            let members = match &group.selection {
                Selection::Pattern(pattern) => network.matching(pattern)?,
                Selection::BiasesAndNormalizations => network.biases_and_normalizations(),
            };
            for index in members {
                let rule = &mut rules[index];
                rule.learning_rate_factor = group.learning_rate_factor.or(rule.learning_rate_factor);
                rule.weight_decay = group.weight_decay.or(rule.weight_decay);
            }
        }
        (self.groups, self.rules) = (groups, rules);
        Ok(())
    }

    /// Freezes the parameters that match a pattern, or no longer does.
    ///
    /// # Errors
    /// If none matches.
    pub(crate) fn set_frozen(&mut self, network: &Network, pattern: &str, frozen: bool) -> Result<()> {
        for index in network.matching(pattern)? {
            self.rules[index].frozen = frozen;
        }
        Ok(())
    }

    /// Sets how many steps a parameter was frozen in.
    ///
    /// # Errors
    /// If there is no parameter of this name.
    pub(crate) fn set_skipped(&mut self, network: &Network, name: &str, skipped: u64) -> Result<()> {
        for index in network.matching(name)? {
            self.rules[index].skipped = skipped;
        }
        Ok(())
    }

    /// Counts a step that frozen parameters took no part in.
    pub(super) fn count_step(&mut self) {
        for rule in self.rules.iter_mut().filter(|rule| rule.frozen) {
            rule.skipped += 1;
        }
    }

    /// The rule of a block's tensor.
    pub(super) fn of(&self, block: &ParameterBlock) -> &ParameterRule {
        &self.rules[block.tensor]
    }

    /// Checks that the learning rate of every parameter in a group is in range.
    pub(super) fn check(&self, optimizer: &Optimizer) -> Result<()> {
        if self.groups.is_empty() {
            return Ok(());
        }
        let trained = self.rules.iter().filter(|rule| !rule.frozen);
        trained
            .map(|rule| rule.optimizer(optimizer))
            .try_for_each(|rule| rule.check())
    }
}

impl ParameterRule {
    /// The optimizer with the settings of the parameter's groups.
    pub(super) fn optimizer(&self, optimizer: &Optimizer) -> Optimizer {
        let mut optimizer = *optimizer;
        if let Some(factor) = self.learning_rate_factor {
            optimizer.set_learning_rate(factor * optimizer.learning_rate());
        }
        if let Some(weight_decay) = self.weight_decay {
            optimizer.set_weight_decay(weight_decay);
        }
        optimizer
    }
}
