//! Fine-tuning to a user's handwriting.
//!
//! [`examples`] are labeled drawings or images; [`fine_tuning`] makes a model that knows them; [`hand`] tells what is peculiar
//! about them. Only
//! [`Examples::load`](examples::Examples::load), [`load_labeled`](examples::Examples::load_labeled) and
//! [`save`](examples::Examples::save) access files.

pub mod example_file;
pub mod example_store;
pub mod examples;
pub mod fine_tuning;
pub mod hand;
pub mod peculiarity;
mod variants;
