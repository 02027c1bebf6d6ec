//! What the pad is made of: drawing and reading digits, and training what reads them.
//!
//! A drawing's walk: [`ink`] keeps the strokes and [`history`] what was before, [`raster`] draws them,
//! [`normalize`](mod@normalize) brings the picture to the form of MNIST, [`predictor`] runs the network and asks its
//! [`memory`], [`recognizer`] reads, [`view`] paints what was read, and [`window`] shows that. An image file comes in by
//! [`photo`], and [`segment`] takes numbers apart into digits. What the window does beyond drawing is done by the [`desk`]:
//! it looks [`inside`] the network, [`teach`]es it the user's hand by [`lessons`], has a [`learner`] begin from nothing, and
//! [`save`]s. [`presets`] says which networks there are, [`training`] makes their weights, [`calibration`] makes their
//! probabilities believable, and [`checkpoint`] keeps a run that is not over; [`plot`] draws its curves. [`metrics`] says
//! how well digits are read, and [`mistakes`] shows which are not.
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

pub mod calibration;
pub mod checkpoint;
pub mod desk;
pub mod error;
pub mod figures;
pub mod files;
pub mod folders;
pub mod grey;
mod halves;
pub mod history;
pub mod ink;
pub mod inside;
pub mod learner;
pub mod lessons;
pub mod memory;
pub mod metrics;
pub mod mistakes;
pub mod model;
pub mod normalize;
mod paper;
pub mod photo;
pub mod plot;
pub mod predictor;
pub mod presets;
pub mod raster;
pub mod reading;
pub mod recognizer;
pub mod save;
pub mod segment;
pub mod settings;
pub mod teach;
pub mod training;
pub mod view;
pub mod window;

pub use error::{DrawingFault, Error};
