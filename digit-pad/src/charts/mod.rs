//! Charts as image files: training curves and the confusion matrix.

mod bitmap;
pub mod confusion_chart;
mod curves;
pub mod training_curves;

pub use curves::Curves;
