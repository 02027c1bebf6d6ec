//! Handwritten digits: drawing, recognition, fine-tuning to a hand, and training, with a window and a command line.
//!
//! A stroke's way through the folders: [`window`] reports pointer events to [`ui`], whose state holds the strokes
//! ([`drawing`]); [`recognition`] draws them as pixels, normalizes these to MNIST's form and predicts; `ui` makes a
//! scene of the prediction and paints it ([`graphics`]). [`app`] runs what takes files, threads or time: opening images
//! ([`imaging`]), [`training`], and fine-tuning on the user's examples ([`teaching`]). [`charts`] draws training curves
//! and the confusion matrix; [`storage`] knows the user's folders and replaces files atomically.
//!
//! Each folder imports only from those below it: `window`, `app`, `ui`, `charts`, `teaching`, `training`,
//! `recognition`, `drawing`, `imaging`, `graphics`, `storage`, then [`format`](mod@format), [`geometry`] and [`error`].
//!
//! ```
//! use digit_pad::{drawing::file::Drawing, recognition::{normalization::normalize_ink, prediction::Classifier, recognizer::Recognizer}};
//!
//! let seven = Drawing::from_json(r#"{"strokes":[[[0,0],[80,0],[40,120]]]}"#)?;
//! let seen = normalize_ink(&seven.ink.fit()).expect("something is drawn");
//! let prediction = Recognizer::embedded()?.classify(&seen);
//! assert_eq!(prediction.digit(), 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "window")]
pub mod app;
#[cfg(feature = "cli")]
pub mod charts;
pub mod drawing;
pub mod error;
pub mod format;
pub mod geometry;
pub mod graphics;
pub mod imaging;
pub mod recognition;
pub mod storage;
pub mod teaching;
pub mod training;
pub mod ui;
#[cfg(feature = "window")]
pub mod window;

pub use error::{DrawingFault, Error};
