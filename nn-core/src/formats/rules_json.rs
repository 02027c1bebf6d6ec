//! The JSON text by which a checkpoint describes parameter groups and frozen parameters.
//!
//! The field and variant names are the file format, as in `training_json.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    network::Network,
    optim::{ParameterGroup, Selection},
    train::ParameterRules,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesJson {
    groups: Vec<GroupJson>,
    /// Names of the frozen parameters.
    frozen: Vec<String>,
    /// The number of steps in which a parameter was frozen, unless it is 0.
    skipped: BTreeMap<String, u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupJson {
    parameters: SelectionJson,
    learning_rate_factor: Option<f32>,
    weight_decay: Option<f32>,
}

#[derive(Serialize, Deserialize)]
enum SelectionJson {
    Pattern(String),
    BiasesAndNormalizations,
}

impl RulesJson {
    /// `None` without groups and frozen parameters: the text is that of older versions then.
    pub(super) fn new(network: &Network, rules: &ParameterRules) -> Option<Self> {
        if *rules == ParameterRules::new(network) {
            return None;
        }
        let names = network.parameter_names();
        let named = || names.iter().cloned().zip(rules.rules());
        Some(Self {
            groups: rules.groups().iter().map(GroupJson::from).collect(),
            frozen: named().filter_map(|(name, rule)| rule.frozen.then_some(name)).collect(),
            skipped: named()
                .filter(|(_, rule)| rule.skipped > 0)
                .map(|(name, rule)| (name, rule.skipped))
                .collect(),
        })
    }

    /// The rules of a network that has taken `steps` steps.
    ///
    /// # Errors
    /// If a setting is out of range, a count is impossible, or a parameter does not exist.
    pub(super) fn rules(self, network: &Network, steps: u64) -> Result<ParameterRules> {
        let mut rules = ParameterRules::new(network);
        let groups = self.groups.into_iter().map(ParameterGroup::from);
        rules.set_groups(network, groups.collect())?;
        for name in &self.frozen {
            rules.set_frozen(network, name, true)?;
        }
        for (name, skipped) in self.skipped {
            if skipped > steps {
                return Err(Error::weights(format!(
                    "{name} was frozen in {skipped} of {steps} steps, which is impossible"
                )));
            }
            rules.set_skipped(network, &name, skipped)?;
        }
        Ok(rules)
    }
}

impl From<&ParameterGroup> for GroupJson {
    fn from(group: &ParameterGroup) -> Self {
        Self {
            parameters: match &group.selection {
                Selection::Pattern(pattern) => SelectionJson::Pattern(pattern.clone()),
                Selection::BiasesAndNormalizations => SelectionJson::BiasesAndNormalizations,
            },
            learning_rate_factor: group.learning_rate_factor,
            weight_decay: group.weight_decay,
        }
    }
}

impl From<GroupJson> for ParameterGroup {
    fn from(json: GroupJson) -> Self {
        Self {
            selection: match json.parameters {
                SelectionJson::Pattern(pattern) => Selection::Pattern(pattern),
                SelectionJson::BiasesAndNormalizations => Selection::BiasesAndNormalizations,
            },
            learning_rate_factor: json.learning_rate_factor,
            weight_decay: json.weight_decay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_fixed() {
        let network = Network::new("2 | dense 3 | relu | dense 2".parse().unwrap(), 1).unwrap();
        let mut rules = ParameterRules::new(&network);
        assert!(RulesJson::new(&network, &rules).is_none());
        let groups = vec![
            ParameterGroup::biases_and_normalizations().with_weight_decay(0.0),
            ParameterGroup::new("0.*").with_learning_rate_factor(0.5),
        ];
        rules.set_groups(&network, groups).unwrap();
        rules.set_frozen(&network, "2.*", true).unwrap();
        rules.set_skipped(&network, "2.bias", 7).unwrap();
        let text = concat!(
            r#"{"groups":[{"parameters":"BiasesAndNormalizations","learning_rate_factor":null,"weight_decay":0.0},"#,
            r#"{"parameters":{"Pattern":"0.*"},"learning_rate_factor":0.5,"weight_decay":null}],"#,
            r#""frozen":["2.weight","2.bias"],"skipped":{"2.bias":7}}"#,
        );
        let json = RulesJson::new(&network, &rules).unwrap();
        assert_eq!(serde_json::to_string(&json).unwrap(), text);
        let json: RulesJson = serde_json::from_str(text).unwrap();
        assert_eq!(json.rules(&network, 7).unwrap(), rules);
        let json: RulesJson = serde_json::from_str(text).unwrap();
        assert!(json.rules(&network, 6).is_err());
    }
}
