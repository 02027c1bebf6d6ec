//! Strokes: drawing, erasing, undoing, files and pixels.

pub mod file;
pub mod history;
pub mod raster;
mod smoothing;
pub mod strokes;
