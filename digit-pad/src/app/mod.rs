//! The application behind the window: commands in, effects out; settings, and work in the background.
//!
//! The [`controller`](controller::Controller) serves any window: what differs from one to the other is its
//! [`Host`](host::Host), which starts workers, fetches images and keeps files. A worker runs a [`Server`](server::Server),
//! on a thread or wherever else [messages](message) reach it.

mod bytes;
pub mod controller;
mod explanations;
pub mod film;
mod hand;
pub mod host;
pub mod kept_drawing;
pub mod message;
pub mod mnist_parts;
mod outcome;
pub mod saving;
pub mod server;
pub mod settings;
pub mod test_digits;
mod training;
pub mod training_run;
pub mod wire;
pub mod worker;
