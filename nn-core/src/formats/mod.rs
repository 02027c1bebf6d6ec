//! Files: weights as safetensors, and checkpoints of training.

mod checkpoint;
mod file;
mod load;
mod safetensors;
mod training_json;
mod values;

pub use self::{
    load::{LoadOptions, LoadReport, ShapeMismatch},
    safetensors::{Model, Scaling},
};
