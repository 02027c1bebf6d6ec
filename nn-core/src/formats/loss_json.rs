//! The JSON text of a loss in a checkpoint: a built-in one with its settings, or the name of the user's own.
//!
//! As in `training_json.rs`, the names of these types' fields and variants are the file format.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::loss::{BinaryCrossEntropy, CrossEntropy, Huber, Loss, MeanAbsoluteError, MeanSquaredError};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum LossJson {
    CrossEntropy {
        label_smoothing: f32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        class_weights: Vec<f32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ignored_class: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uniform_class: Option<usize>,
    },
    BinaryCrossEntropy {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        positive_weights: Vec<f32>,
    },
    MeanSquaredError,
    MeanAbsoluteError,
    Huber {
        delta: f32,
    },
    Own {
        name: String,
    },
}

impl From<&dyn Loss> for LossJson {
    fn from(loss: &dyn Loss) -> Self {
        if let Some(loss) = loss.downcast_ref::<CrossEntropy>() {
            return Self::CrossEntropy {
                label_smoothing: loss.label_smoothing,
                class_weights: loss.class_weights.clone(),
                ignored_class: loss.ignored_class,
                uniform_class: loss.uniform_class,
            };
        }
        if let Some(loss) = loss.downcast_ref::<BinaryCrossEntropy>() {
            return Self::BinaryCrossEntropy {
                positive_weights: loss.positive_weights.clone(),
            };
        }
        if let Some(loss) = loss.downcast_ref::<Huber>() {
            return Self::Huber { delta: loss.delta };
        }
        if loss.downcast_ref::<MeanSquaredError>().is_some() {
            return Self::MeanSquaredError;
        }
        if loss.downcast_ref::<MeanAbsoluteError>().is_some() {
            return Self::MeanAbsoluteError;
        }
        Self::Own { name: loss.name() }
    }
}

impl LossJson {
    /// The loss in messages.
    fn text(&self) -> String {
        match self {
            Self::Own { name } => name.clone(),
            built_in => format!("{built_in:?}"),
        }
    }

    /// The loss; `given` is the one that the caller gives.
    ///
    /// # Errors
    /// If a loss needs to be given, or another one is.
    pub(super) fn into_loss(self, given: Option<Arc<dyn Loss>>) -> Result<Arc<dyn Loss>, String> {
        if let Some(given) = given {
            let given_json = Self::from(&*given);
            if given_json == self {
                return Ok(given);
            }
            return Err(format!(
                "the run was trained with the loss {}, and {} was given; resume it with its own loss, and change it by \
                 `with_loss`",
                self.text(),
                given_json.text()
            ));
        }
        Ok(match self {
            Self::CrossEntropy {
                label_smoothing,
                class_weights,
                ignored_class,
                uniform_class,
            } => Arc::new(CrossEntropy {
                label_smoothing,
                class_weights,
                ignored_class,
                uniform_class,
            }),
            Self::BinaryCrossEntropy { positive_weights } => Arc::new(BinaryCrossEntropy { positive_weights }),
            Self::MeanSquaredError => Arc::new(MeanSquaredError),
            Self::MeanAbsoluteError => Arc::new(MeanAbsoluteError),
            Self::Huber { delta } => Arc::new(Huber { delta }),
            Self::Own { name } => {
                return Err(format!(
                    "the run was trained with the loss {name:?}, which is not built in; give it to \
                     `Trainer::resume_with`"
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Target;

    #[derive(Debug)]
    struct Focal;

    impl Loss for Focal {
        fn of_sample(&self, _: &[f32], _: Target<'_>, _: &mut [f32]) -> f32 {
            0.0
        }
    }

    fn read(text: &str, given: Option<Arc<dyn Loss>>) -> Result<Arc<dyn Loss>, String> {
        serde_json::from_str::<LossJson>(text).unwrap().into_loss(given)
    }

    #[test]
    fn the_text_of_each_loss_is_fixed() {
        let weighted = CrossEntropy::new().with_class_weights([1.0, 0.5]).with_ignored_class(9);
        let losses: [(&dyn Loss, &str); 8] = [
            (
                &CrossEntropy::new().with_label_smoothing(0.1),
                r#"{"CrossEntropy":{"label_smoothing":0.1}}"#,
            ),
            (
                &weighted,
                r#"{"CrossEntropy":{"label_smoothing":0.0,"class_weights":[1.0,0.5],"ignored_class":9}}"#,
            ),
            (&BinaryCrossEntropy::new(), r#"{"BinaryCrossEntropy":{}}"#),
            (
                &BinaryCrossEntropy::new().with_positive_weights([2.0]),
                r#"{"BinaryCrossEntropy":{"positive_weights":[2.0]}}"#,
            ),
            (&MeanSquaredError, r#""MeanSquaredError""#),
            (&MeanAbsoluteError, r#""MeanAbsoluteError""#),
            (&Huber::new(0.5), r#"{"Huber":{"delta":0.5}}"#),
            (&Focal, r#"{"Own":{"name":"Focal"}}"#),
        ];
        for (loss, text) in losses {
            assert_eq!(serde_json::to_string(&LossJson::from(loss)).unwrap(), text);
            if loss.downcast_ref::<Focal>().is_none() {
                assert_eq!(format!("{:?}", read(text, None).unwrap()), format!("{loss:?}"));
            }
        }
    }

    #[test]
    fn a_loss_that_is_not_built_in_has_to_be_given() {
        let own = r#"{"Own":{"name":"Focal"}}"#;
        assert!(read(own, Some(Arc::new(Focal))).is_ok());
        assert!(read(own, None).unwrap_err().contains("resume_with"));
        let error = read(own, Some(Arc::new(MeanSquaredError))).unwrap_err();
        assert!(
            error.contains("the loss Focal, and MeanSquaredError was given"),
            "{error}"
        );
        assert!(read(r#""MeanSquaredError""#, Some(Arc::new(Focal))).is_err());
        assert!(read(r#""MeanSquaredError""#, Some(Arc::new(MeanSquaredError))).is_ok());
    }
}
