//! Files: weights as safetensors, checkpoints of training, and export to ONNX.

mod checkpoint;
mod file;
mod header;
mod load;
mod loss_json;
mod onnx;
mod rules_json;
mod safetensors;
mod training_json;
mod values;

pub use self::{
    load::{LoadOptions, LoadReport, ShapeMismatch},
    onnx::OnnxOptions,
};
pub use crate::model::{Model, Scaling};
