//! Recognition: from strokes or an image to a digit or a number.
//!
//! Strokes are rasterized ([`drawing::raster`](crate::drawing::raster)) and normalized to 28×28 pixels
//! ([`normalization`]); a [`recognizer`] classifies these. [`segmentation`] divides a number into digits first. Only
//! [`model`] and [`recognizer`] open files.

pub mod activations;
pub(crate) mod backbone;
pub mod example;
pub mod feature_cache;
pub mod model;
pub mod normalization;
pub mod prediction;
pub mod predictor;
pub mod recognizer;
pub mod segmentation;
