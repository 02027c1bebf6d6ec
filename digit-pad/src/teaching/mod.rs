//! Fine-tuning to a user's handwriting.

pub mod examples;
pub mod fine_tuning;
mod variants;
