//! Handwritten digits: drawing, recognition, training and fine-tuning, with a window and a command line.
//!
//! # Recognize an image
//!
//! An image file becomes a gray image of bright ink on black; a recognizer normalizes and classifies it.
//!
//! ```
//! use digit_pad::{imaging::image_file, recognition::recognizer::Recognizer};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("one.png");
//! # let is_ink = |x, y| (20..24).contains(&x) && (5..55).contains(&y);
//! # image::GrayImage::from_fn(40, 60, |x, y| image::Luma([if is_ink(x, y) { 0 } else { 255 }])).save(&path)?;
//! let loaded = image_file::open(&path)?;
//! let prediction = Recognizer::embedded()?.read_image(&loaded.image).expect("the image has ink");
//! assert_eq!(prediction.digit(), 1);
//! println!("{} with probability {:.3}", prediction.digit(), prediction.probability());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Prediction::known`](recognition::prediction::Prediction::known) is false where the model is not sure.
//!
//! # Recognize strokes, or a number
//!
//! Strokes of any scale are fitted to the canvas first. [`segmentation`](recognition::segmentation) divides strokes or
//! an image into digits.
//!
//! ```
//! use digit_pad::{
//!     drawing::file::Drawing,
//!     recognition::{recognizer::Recognizer, segmentation::segment_ink},
//! };
//!
//! let mut recognizer = Recognizer::embedded()?;
//! let seven = Drawing::from_json(r#"{"strokes":[[[0,0],[80,0],[40,120]]]}"#)?.ink.fit();
//! assert_eq!(recognizer.read_ink(&seven).map(|prediction| prediction.digit()), Some(7));
//!
//! let number = Drawing::from_json(r#"{"strokes":[[[60,40],[60,160]],[[120,40],[200,40],[150,160]]]}"#)?.ink.fit();
//! let digits = segment_ink(&number, &mut recognizer);
//! let number: String = digits.iter().map(|digit| digit.prediction.digit().to_string()).collect();
//! assert_eq!(number, "17");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Fine-tune and train
//!
//! [`teaching`] fine-tunes a model on a few labeled examples of a user's handwriting; [`training`] trains a network
//! from scratch. The programs in `examples/` show both.
//!
//! # Features
//!
//! The default features are `window` (the folder `window`, and with it the feature `app`, which is the folder `app`), `cli` (the command line and `charts`) and
//! `embedded` (MNIST and drawings with a pen inside the program, which training and fine-tuning use unless they are given
//! other images).
//! Without them, the library still recognizes, fine-tunes and trains.
//!
//! # Layout
//!
//! Each folder imports only from those below it:
//!
//! | Folder | Content |
//! | --- | --- |
//! | `window` | the window on the screen, files, threads |
//! | `app` | what the program of any window does: commands, settings, work in the background |
//! | [`ui`] | pure: event, state, scene, pixels |
//! | `charts` | training curves, confusion matrix |
//! | [`teaching`] | examples, fine-tuning |
//! | [`training`] | presets, data files, data split, session, checkpoint, calibration, evaluation |
//! | [`recognition`] | normalization, segmentation, model, recognizer, image classifier, feature cache |
//! | [`drawing`] | strokes, history, smoothing, raster |
//! | [`imaging`] | gray images, components, background removal, image files |
//! | [`graphics`] | canvas, text, color |
//! | [`storage`] | paths, exports |
//! | [`arithmetic`], [`format`](mod@format), [`geometry`], [`error`] | answers to rows of digits and signs, numbers as text, points and rectangles, errors |
//!
//! The path of a stroke: `window` reports pointer events to [`ui`], whose state holds the strokes ([`drawing`]);
//! [`recognition`] rasterizes, normalizes and classifies them; `ui` turns the prediction into a scene and pixels
//! ([`graphics`]).

#[cfg(feature = "app")]
pub mod app;
pub mod arithmetic;
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
