//! What the pad is made of: drawing and reading digits, and training what reads them.
//!
//! A drawing's walk: [`ink`] keeps the strokes, [`raster`] draws them, [`normalize`](mod@normalize) brings the picture
//! to the form of MNIST, [`recognizer`] reads it, [`view`] paints what was read, and [`window`] shows that. An image
//! file comes in by [`photo`], and [`segment`] takes numbers apart into digits. [`presets`] says which networks there
//! are, [`training`] makes their weights, and [`checkpoint`] keeps a run that is not over; [`plot`] draws its curves.
//! [`metrics`] says how well digits are read, and [`mistakes`] shows which are not.
//!
//! ```
//! use digit_pad::{ink::Drawing, normalize::normalize_ink, reading::Reader, recognizer::Recognizer};
//!
//! let seven = Drawing::from_json(r#"{"strokes":[[[0,0],[80,0],[40,120]]]}"#)?;
//! let seen = normalize_ink(&seven.ink.fit()).expect("something is drawn");
//! let reading = Recognizer::embedded()?.read(&seen);
//! assert_eq!(reading.digit(), 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod checkpoint;
pub mod error;
pub mod figures;
pub mod files;
pub mod grey;
pub mod ink;
pub mod metrics;
pub mod mistakes;
pub mod model;
pub mod normalize;
pub mod photo;
pub mod plot;
mod prefetch;
pub mod presets;
pub mod raster;
pub mod reading;
pub mod recognizer;
pub mod segment;
pub mod training;
pub mod view;
pub mod window;

pub use error::{DrawingFault, Error};
