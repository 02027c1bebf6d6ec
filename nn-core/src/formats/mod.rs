//! Networks in files.

mod safetensors;

pub use self::safetensors::{Model, Scaling};
