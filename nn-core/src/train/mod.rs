//! Training: the trainer, data sources, the parameter update, and evaluation.

pub(crate) mod trainer;
pub(crate) mod update;

pub use trainer::{EpochReport, Evaluation, Position, Source, Trainer, evaluate, gradients};
