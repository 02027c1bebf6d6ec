//! Files: weights as safetensors, and checkpoints of training.

mod checkpoint;
mod loss_json;
mod rules_json;
mod safetensors;
mod training_json;

pub use self::safetensors::{Model, Scaling};
