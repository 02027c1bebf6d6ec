//! Training: the trainer, data sources, the parameter update, evaluation and metrics.

mod accumulation;
mod config;
mod divergence;
mod epoch;
mod evaluate;
mod fit;
mod gradient_check;
mod gradients;
pub mod metrics;
mod parameters;
mod rules;
pub mod source;
mod totals;
mod trainer;
mod update;

pub(crate) use config::{Progress, Settings};
pub use epoch::EpochReport;
pub use evaluate::{Evaluation, evaluate, evaluate_with};
pub use fit::{BestBy, BestNetwork, Fit, FitCallback, FitEnd, FitEpoch, FitProgress, FitReport, FitSteps};
pub use gradient_check::{GradientCheck, check_gradients};
pub use gradients::{Gradients, gradients, input_gradient};
pub use parameters::ParameterSettings;
pub(crate) use rules::ParameterRules;
pub use source::Cursor;
pub use trainer::Trainer;
