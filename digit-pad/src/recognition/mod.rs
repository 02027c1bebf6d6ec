//! Recognition: from strokes or an image to a digit or a number.
//!
//! Strokes are rasterized ([`drawing::raster`](crate::drawing::raster)) and normalized to 28×28 pixels
//! ([`normalization`]); a [`recognizer`] classifies these. [`segmentation`] divides a number into digits first. Only
//! [`model`], [`recognizer`] and [`image_input`] open files.
//!
//! Each of these types is made from the one before it:
//!
//! 1. [`model::Model`]: a network with the metadata of its file, and the file's path.
//! 2. [`predictor::Predictor`]: a model prepared for batches of any image size: pixels in, logits out.
//! 3. [`recognizer::Recognizer`]: a predictor for one 28×28 image at a time: strokes or an image in, a
//!    [`prediction::Prediction`] out. It implements [`prediction::Classifier`], which [`segmentation`] asks.
//! 4. [`recognizer::ReadyModel`]: a recognizer beside its model, for callers that also save or fine-tune the model.
//!
//! An [`image_classifier::ImageClassifier`] takes a model of any classes and image files, which [`image_input`] brings
//! to what the model wants.

pub mod activations;
pub mod added_stroke;
pub(crate) mod backbone;
mod built_in;
pub mod example;
pub mod explanation;
pub mod feature_cache;
pub mod image_classifier;
pub mod image_input;
pub mod layer_info;
pub mod lean;
pub mod measures;
pub mod mnist_measures;
pub mod model;
pub mod normalization;
pub mod parts;
pub mod placement;
pub mod prediction;
pub mod predictor;
pub mod receptive_field;
pub mod recognizer;
pub mod segmentation;
mod sign_odds;
pub mod signs;
mod surest;
pub mod twins;
