//! From a drawing or an image to a digit or a number.

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
