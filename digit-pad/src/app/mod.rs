//! The application behind the window: commands in, effects out; settings and background workers.

pub mod controller;
pub mod fine_tuning_worker;
pub mod saving;
pub mod settings;
pub mod training_worker;
