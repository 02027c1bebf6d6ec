//! Networks in files.

mod checkpoint;
mod safetensors;

pub use self::safetensors::{Model, Scaling};
