//! Image data sets: reading MNIST and others from IDX, CSV and image files, augmentation, and batches for training.
//!
//! # Load
//!
//! | From | With |
//! | --- | --- |
//! | MNIST itself | `Mnist::embedded` (feature `embedded`) |
//! | a folder of IDX files, as of MNIST, Fashion-MNIST, EMNIST or QMNIST | [`Mnist::from_dir`], [`IdxFolder`] |
//! | a CSV file of a label and the pixels a line | [`Dataset::open_csv`] |
//! | a folder with one folder of images a class | `ImageFolder` (feature `images`) |
//! | a pair of IDX files, or memory | [`Dataset::open`], [`Dataset::new`] |
//!
//! Images have any size and one to four channels; there are any number of classes, with names. A [`Dataset`] can be
//! split, stratified or not, and its labels can be mapped. [`Idx`] reads and writes IDX arrays of any type and shape.
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
//! let mut images = vec![0.0; batches.batch_size() * dataset.shape().len()]; // [batch, channels, height, width]
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
//! - `images`: reads image files and folders of them.
//! - `nn-core`: implements `nn_core::Source` for [`Batches`], so they can be passed to a trainer of nn-core.

mod augment;
mod batches;
mod classes;
mod csv;
mod dataset;
mod error;
mod idx;
mod idx_folder;
#[cfg(feature = "images")]
pub mod image_file;
#[cfg(feature = "images")]
mod image_folder;
mod image_shape;
#[cfg(feature = "images")]
mod indexed_tiff;
mod mnist;
mod scaling;
#[cfg(feature = "nn-core")]
mod source;
mod subsets;

pub use augment::{Augmentation, Augmenter};
pub use batches::Batches;
pub use classes::{are_digits, are_numbers, check as check_class_names};
pub use dataset::Dataset;
pub use error::{Error, Result};
pub use idx::{ElementType, Idx, IdxData};
pub use idx_folder::{IdxFolder, Split};
#[cfg(feature = "images")]
pub use image_folder::ImageFolder;
pub use image_shape::ImageShape;
pub use mnist::Mnist;
pub use scaling::Scaling;

/// The example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
