//! Strokes: drawing, erasing, undo, files and pixels.

pub mod file;
pub mod history;
pub mod raster;
pub mod sign;
pub(crate) mod smoothing;
pub mod strokes;
