//! Training: the trainer, data sources, the parameter update, and evaluation.

mod config;
mod evaluate;
mod gradients;
mod parameters;
mod rules;
mod source;
mod trainer;
mod update;

pub(crate) use config::{Progress, Settings};
pub use evaluate::{Evaluation, evaluate};
pub use gradients::gradients;
pub use parameters::ParameterSettings;
pub(crate) use rules::ParameterRules;
pub use source::{Cursor, Source};
pub use trainer::{EpochReport, Trainer};
