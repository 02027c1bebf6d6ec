//! The application behind the window: commands in, effects out; settings and background workers.

pub mod controller;
mod explanation_worker;
mod explanations;
mod film_saving;
pub mod fine_tuning_worker;
pub mod kept_drawing;
mod open_dialog;
pub mod saving;
pub mod settings;
mod test_digits;
pub mod training_worker;
