//! Training networks, and measuring them.
//!
//! A [`preset`](presets) names a network and its recipe; [`data_files`] reads images; a [`session`] trains the network
//! on a [`data_split`] of them, with checkpoints, and calibrates the result.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//!
//! use digit_pad::training::{
//!     data_split::{DataSplit, HeldOut},
//!     presets::DEFAULT,
//!     session::{Task, TrainingEvent, train},
//! };
//! use mnist_io::Mnist;
//!
//! let data = DataSplit::new(Mnist::embedded()?, HeldOut::Count(5_000), None)?;
//! let stop = AtomicBool::new(false);
//! let task = Task::new(DEFAULT.network(), DEFAULT.recipe.clone(), 1, &stop);
//! let trained = train(&task, &data, &mut |event, _| {
//!     if let TrainingEvent::Epoch(report) = event {
//!         println!("{}: {:?}", report.step.epoch, report.validation_accuracy);
//!     }
//! })?;
//! println!("{}", trained.test.accuracy);
//! data.model(trained.network).save("digits.safetensors")?;
//! # Ok::<(), digit_pad::Error>(())
//! ```

pub mod calibration;
pub mod checkpoint;
pub mod data_files;
pub mod data_split;
pub mod digit_check;
pub mod embedded;
pub mod evaluation;
mod fingerprint;
pub mod in_steps;
mod outcome;
#[cfg(any(feature = "embedded", test))]
pub mod pen_images;
#[cfg(any(feature = "embedded", test))]
pub mod pen_strokes;
#[cfg(any(feature = "embedded", test))]
mod pen_styles;
pub mod presets;
pub mod progress;
mod report;
pub mod session;
#[cfg(any(feature = "embedded", test))]
pub mod sign_images;
