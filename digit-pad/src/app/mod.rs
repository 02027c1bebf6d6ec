//! The application behind the window: commands in, effects out; settings and background workers.

mod clipboard;
pub mod controller;
mod explanation_worker;
mod explanations;
mod film_saving;
pub mod fine_tuning_worker;
mod incoming_image;
pub mod kept_drawing;
pub mod saving;
pub mod settings;
mod test_digits;
pub mod training_worker;
