//! MNIST and other IDX data sets: reading, augmentation and batches for training.
//!
//! # Load
//!
//! [`Mnist::from_dir`] reads MNIST, Fashion-MNIST or another data set with the same file names. With the feature
//! `embedded`, `Mnist::embedded` needs no files. [`Dataset::open`] reads one pair of IDX files, [`Dataset::new`] takes
//! images and labels from memory, and [`Idx`] reads and writes IDX arrays of any type and shape.
//!
//! # Augment and batch
//!
//! [`Batches`] shuffles a data set, applies an [`Augmentation`] and converts pixels to `f32` by a [`Scaling`].
//!
//! ```
//! use mnist_io::{Augmentation, Batches, Dataset, Idx, Scaling};
//!
//! // Two images of 2×2 pixels and their labels, as stored in IDX files.
//! let images = Idx::new(vec![2, 2, 2], vec![0u8, 64, 128, 255, 9, 8, 7, 6])?;
//! let labels = Idx::new(vec![2], vec![4u8, 1])?;
//! let dataset = Dataset::from_idx(images, labels)?;
//!
//! let mut batches = Batches::new(&dataset, 2, 42, Scaling::MNIST)?
//!     .with_augmentation(Augmentation::default().rotation(5.0))?;
//! let mut images = vec![0.0; batches.batch_size() * dataset.pixels()]; // [batch, 1, height, width]
//! let mut labels = vec![0; batches.batch_size()];
//! batches.start_epoch(0);
//! assert_eq!(batches.next_batch(&mut images, &mut labels), 2);
//! assert_eq!(batches.next_batch(&mut images, &mut labels), 0);
//! # Ok::<(), mnist_io::Error>(())
//! ```
//!
//! Order and augmentation of the samples depend only on the seed and the number of the epoch, not on the number of
//! threads or on earlier epochs. Training can therefore be resumed at any epoch.
//!
//! # Features
//!
//! - `embedded`: embeds the four MNIST files (11 MB, CC BY-SA 3.0) in the program.
//! - `nn-core`: implements `nn_core::Source` for [`Batches`], so they can be passed to a trainer of nn-core.

mod augment;
mod batches;
mod dataset;
mod error;
mod idx;
mod mnist;
mod scaling;
#[cfg(feature = "nn-core")]
mod source;

pub use augment::{Augmentation, Augmenter};
pub use batches::Batches;
pub use dataset::{CLASSES, Dataset};
pub use error::{Error, Result};
pub use idx::{ElementType, Idx, IdxData};
pub use mnist::{Mnist, Split};
pub use scaling::Scaling;

/// The example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
