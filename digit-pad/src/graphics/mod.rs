//! Rendering of shapes and text into pixels.

pub mod canvas;
pub mod color;
pub mod text;
