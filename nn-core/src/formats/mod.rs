//! Files: weights as safetensors, and checkpoints of training.

mod checkpoint;
mod loss_json;
mod safetensors;
mod training_json;

pub use crate::model::{Model, Scaling};
