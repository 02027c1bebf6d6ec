//! Charts as image files.

mod bitmap;
pub mod confusion_chart;
mod curves;
pub mod training_curves;

pub use curves::Curves;
