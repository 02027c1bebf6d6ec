//! The JSON text by which a checkpoint describes a training run.
//!
//! The field and variant names of these types are the file format: they are written to files and read from old ones.
//! The types that they mirror may be renamed freely.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::loss_json::LossJson;
use crate::{
    loss::Loss,
    optim::{Adam, Annealing, Curve, OneCycle, Optimizer, Schedule, Sgd, WarmUp},
    train::{Cursor, Progress, Settings},
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrainingJson {
    pub(super) checkpoint_version: u64,
    pub(super) settings: SettingsJson,
    pub(super) progress: ProgressJson,
    pub(super) next: CursorJson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsJson {
    optimizer: OptimizerJson,
    schedule: ScheduleJson,
    loss: LossJson,
    max_norm: Option<f32>,
    average: Option<f32>,
    seed: u64,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    accumulation: usize,
}

fn one() -> usize {
    1
}

fn is_one(value: &usize) -> bool {
    *value == 1
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgressJson {
    steps: u64,
    averaged: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CursorJson {
    epoch: u64,
    batches: u64,
}

#[derive(Serialize, Deserialize)]
enum OptimizerJson {
    Sgd(SgdJson),
    Adam(AdamJson),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SgdJson {
    learning_rate: f32,
    momentum: f32,
    weight_decay: f32,
    nesterov: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdamJson {
    learning_rate: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    decoupled: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleJson {
    warm_up: Option<WarmUpJson>,
    course: CourseJson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WarmUpJson {
    steps: f64,
    from: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum CourseJson {
    Constant,
    Step { every: u64, factor: f32 },
    Exponential { factor: f32 },
    Cosine { steps: f64, lowest: f32 },
    OneCycle(OneCycleJson),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneCycleJson {
    steps: u64,
    rise: f32,
    first_divisor: f32,
    last_divisor: f32,
    annealing: AnnealingJson,
}

#[derive(Serialize, Deserialize)]
enum AnnealingJson {
    Cosine,
    Linear,
}

impl From<&Settings> for SettingsJson {
    fn from(settings: &Settings) -> Self {
        Self {
            optimizer: settings.optimizer.into(),
            schedule: settings.schedule.into(),
            loss: (&*settings.loss).into(),
            max_norm: settings.max_norm,
            average: settings.average,
            seed: settings.seed,
            accumulation: settings.accumulation,
        }
    }
}

impl SettingsJson {
    /// The settings; `given` is the loss that the caller gives.
    ///
    /// # Errors
    /// If the loss needs to be given, or another one is.
    pub(super) fn into_settings(self, given: Option<Arc<dyn Loss>>) -> Result<Settings, String> {
        Ok(Settings {
            optimizer: self.optimizer.into(),
            schedule: self.schedule.into(),
            loss: self.loss.into_loss(given)?,
            max_norm: self.max_norm,
            average: self.average,
            seed: self.seed,
            accumulation: self.accumulation,
        })
    }
}

impl From<&Progress> for ProgressJson {
    fn from(progress: &Progress) -> Self {
        Self {
            steps: progress.steps,
            averaged: progress.averaged,
        }
    }
}

impl From<ProgressJson> for Progress {
    fn from(json: ProgressJson) -> Self {
        Self {
            steps: json.steps,
            averaged: json.averaged,
        }
    }
}

impl From<Cursor> for CursorJson {
    fn from(cursor: Cursor) -> Self {
        Self {
            epoch: cursor.epoch,
            batches: cursor.batches,
        }
    }
}

impl From<CursorJson> for Cursor {
    fn from(json: CursorJson) -> Self {
        Self {
            epoch: json.epoch,
            batches: json.batches,
        }
    }
}

impl From<Optimizer> for OptimizerJson {
    fn from(optimizer: Optimizer) -> Self {
        match optimizer {
            Optimizer::Sgd(sgd) => Self::Sgd(SgdJson {
                learning_rate: sgd.learning_rate,
                momentum: sgd.momentum,
                weight_decay: sgd.weight_decay,
                nesterov: sgd.nesterov,
            }),
            Optimizer::Adam(adam) => Self::Adam(AdamJson {
                learning_rate: adam.learning_rate,
                beta1: adam.beta1,
                beta2: adam.beta2,
                epsilon: adam.epsilon,
                weight_decay: adam.weight_decay,
                decoupled: adam.decoupled,
            }),
        }
    }
}

impl From<OptimizerJson> for Optimizer {
    fn from(json: OptimizerJson) -> Self {
        match json {
            OptimizerJson::Sgd(json) => Self::Sgd(Sgd {
                learning_rate: json.learning_rate,
                momentum: json.momentum,
                weight_decay: json.weight_decay,
                nesterov: json.nesterov,
            }),
            OptimizerJson::Adam(json) => Self::Adam(Adam {
                learning_rate: json.learning_rate,
                beta1: json.beta1,
                beta2: json.beta2,
                epsilon: json.epsilon,
                weight_decay: json.weight_decay,
                decoupled: json.decoupled,
            }),
        }
    }
}

impl From<Schedule> for ScheduleJson {
    fn from(schedule: Schedule) -> Self {
        let warm_up = schedule
            .warm_up
            .map(|WarmUp { steps, from }| WarmUpJson { steps, from });
        let course = match schedule.curve {
            Curve::Constant => CourseJson::Constant,
            Curve::Step { every, factor } => CourseJson::Step { every, factor },
            Curve::Exponential { factor } => CourseJson::Exponential { factor },
            Curve::Cosine { steps, lowest } => CourseJson::Cosine { steps, lowest },
            Curve::OneCycle(cycle) => CourseJson::OneCycle(OneCycleJson {
                steps: cycle.steps,
                rise: cycle.rise,
                first_divisor: cycle.first_divisor,
                last_divisor: cycle.last_divisor,
                annealing: match cycle.annealing {
                    Annealing::Cosine => AnnealingJson::Cosine,
                    Annealing::Linear => AnnealingJson::Linear,
                },
            }),
        };
        Self { warm_up, course }
    }
}

impl From<ScheduleJson> for Schedule {
    fn from(json: ScheduleJson) -> Self {
        let warm_up = json.warm_up.map(|WarmUpJson { steps, from }| WarmUp { steps, from });
        let curve = match json.course {
            CourseJson::Constant => Curve::Constant,
            CourseJson::Step { every, factor } => Curve::Step { every, factor },
            CourseJson::Exponential { factor } => Curve::Exponential { factor },
            CourseJson::Cosine { steps, lowest } => Curve::Cosine { steps, lowest },
            CourseJson::OneCycle(json) => Curve::OneCycle(OneCycle {
                steps: json.steps,
                rise: json.rise,
                first_divisor: json.first_divisor,
                last_divisor: json.last_divisor,
                annealing: match json.annealing {
                    AnnealingJson::Cosine => Annealing::Cosine,
                    AnnealingJson::Linear => Annealing::Linear,
                },
            }),
        };
        Self { warm_up, curve }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::loss::MeanSquaredError;

    /// Asserts the exact JSON text of a value, and that the value is read back from it.
    fn assert_json<T, J>(value: T, text: &str)
    where
        T: Copy + Debug + PartialEq + Into<J> + From<J>,
        J: Serialize + DeserializeOwned,
    {
        assert_eq!(serde_json::to_string(&value.into()).unwrap(), text);
        assert_eq!(T::from(serde_json::from_str::<J>(text).unwrap()), value, "{text}");
    }

    fn example() -> Settings {
        Settings {
            optimizer: Sgd::new(0.1).into(),
            schedule: Schedule::constant(),
            loss: Arc::new(MeanSquaredError),
            max_norm: Some(0.5),
            average: None,
            seed: 7,
            accumulation: 1,
        }
    }

    #[test]
    fn the_text_of_each_optimizer_is_fixed() {
        let sgd = Sgd {
            momentum: 0.9,
            weight_decay: 0.5,
            nesterov: true,
            ..Sgd::new(0.1)
        };
        assert_json::<Optimizer, OptimizerJson>(
            sgd.into(),
            r#"{"Sgd":{"learning_rate":0.1,"momentum":0.9,"weight_decay":0.5,"nesterov":true}}"#,
        );
        let adam = Adam {
            weight_decay: 0.01,
            decoupled: true,
            ..Adam::new(0.25)
        };
        assert_json::<Optimizer, OptimizerJson>(
            adam.into(),
            r#"{"Adam":{"learning_rate":0.25,"beta1":0.9,"beta2":0.999,"epsilon":1e-8,"weight_decay":0.01,"decoupled":true}}"#,
        );
    }

    #[test]
    fn the_text_of_each_schedule_is_fixed() {
        let linear = OneCycle {
            annealing: Annealing::Linear,
            ..OneCycle::new(40)
        };
        for (schedule, text) in [
            (Schedule::constant(), r#"{"warm_up":null,"course":"Constant"}"#),
            (
                Schedule::constant().with_warm_up(1.5, 0.25),
                r#"{"warm_up":{"steps":1.5,"from":0.25},"course":"Constant"}"#,
            ),
            (
                Schedule::step(7, 0.75),
                r#"{"warm_up":null,"course":{"Step":{"every":7,"factor":0.75}}}"#,
            ),
            (
                Schedule::exponential(0.5),
                r#"{"warm_up":null,"course":{"Exponential":{"factor":0.5}}}"#,
            ),
            (
                Schedule::cosine(10.5, 0.0),
                r#"{"warm_up":null,"course":{"Cosine":{"steps":10.5,"lowest":0.0}}}"#,
            ),
            (
                OneCycle::new(20).into(),
                r#"{"warm_up":null,"course":{"OneCycle":{"steps":20,"rise":0.3,"first_divisor":25.0,"last_divisor":10000.0,"annealing":"Cosine"}}}"#,
            ),
            (
                linear.into(),
                r#"{"warm_up":null,"course":{"OneCycle":{"steps":40,"rise":0.3,"first_divisor":25.0,"last_divisor":10000.0,"annealing":"Linear"}}}"#,
            ),
        ] {
            assert_json::<Schedule, ScheduleJson>(schedule, text);
        }
    }

    #[test]
    fn the_text_of_a_run_is_fixed() {
        let (progress, cursor) = (Progress { steps: 12, averaged: 5 }, Cursor { epoch: 3, batches: 2 });
        let training = TrainingJson {
            checkpoint_version: 1,
            settings: (&example()).into(),
            progress: (&progress).into(),
            next: cursor.into(),
        };
        let text = concat!(
            r#"{"checkpoint_version":1,"#,
            r#""settings":{"optimizer":{"Sgd":{"learning_rate":0.1,"momentum":0.0,"weight_decay":0.0,"nesterov":false}},"#,
            r#""schedule":{"warm_up":null,"course":"Constant"},"loss":"MeanSquaredError","#,
            r#""max_norm":0.5,"average":null,"seed":7},"#,
            r#""progress":{"steps":12,"averaged":5},"#,
            r#""next":{"epoch":3,"batches":2}}"#,
        );
        assert_eq!(serde_json::to_string(&training).unwrap(), text);
        let read: TrainingJson = serde_json::from_str(text).unwrap();
        let settings = read.settings.into_settings(None).unwrap();
        assert_eq!(format!("{settings:?}"), format!("{:?}", example()));
        assert_eq!(Progress::from(read.progress), progress);
        assert_eq!(Cursor::from(read.next), cursor);
    }
}
