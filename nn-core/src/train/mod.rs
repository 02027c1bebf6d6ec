//! Training: the trainer, data sources, the parameter update, evaluation and metrics.

mod accumulation;
mod config;
mod epoch;
mod evaluate;
mod gradients;
pub mod metrics;
pub mod source;
mod totals;
mod trainer;
mod update;

pub(crate) use config::{Progress, Settings};
pub use epoch::EpochReport;
pub use evaluate::{Evaluation, evaluate, evaluate_with};
pub use gradients::{Gradients, gradients};
pub use source::Cursor;
pub use trainer::Trainer;
