//! Strokes: drawing, erasing, undo, files and pixels.

pub mod file;
pub mod history;
pub mod raster;
mod smoothing;
pub mod strokes;
