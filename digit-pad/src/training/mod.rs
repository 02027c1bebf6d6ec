//! Training networks on MNIST, and measuring them.

pub mod calibration;
pub mod checkpoint;
pub mod data_split;
pub mod embedded;
pub mod evaluation;
pub mod presets;
pub mod progress;
pub mod session;
