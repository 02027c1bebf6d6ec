//! IDX data sets, and MNIST itself, ready to train on.
//!
//! A sample's way through the crate, and the modules in their order:
//!
//! 1. [`Idx`]: a file of the IDX format, of any type and rank, checked before memory is taken.
//! 2. [`Dataset`]: images and labels that agree, kept as bytes.
//! 3. [`Mnist`]: the training and the test digits, from a folder or, with the feature `embedded`,
//!    from inside the crate.
//! 4. [`Augmentation`]: what may happen to a digit on its way, decided by seed, epoch and index.
//! 5. [`Batches`]: shuffled by a seed and scaled to `f32`.
//!
//! ```
//! use mnist_io::{Augmentation, Batches, Dataset, Idx, Scaling};
//!
//! // Two images of 2×2 pixels and their labels, as IDX files hold them.
//! let images = Idx::new(vec![2, 2, 2], vec![0u8, 64, 128, 255, 9, 8, 7, 6])?;
//! let labels = Idx::new(vec![2], vec![4u8, 1])?;
//! let dataset = Dataset::from_idx(images, labels)?;
//!
//! let mut batches = Batches::new(&dataset, 2, 42, Scaling::MNIST)?
//!     .with_augmentation(Augmentation::default().rotation(5.0))?;
//! let mut images = vec![0.0; batches.batch_size() * dataset.pixels()]; // [batch, 1, height, width]
//! let mut labels = vec![0; batches.batch_size()];
//! batches.start_epoch(0);
//! assert_eq!(batches.next_into(&mut images, &mut labels), 2);
//! assert_eq!(batches.next_into(&mut images, &mut labels), 0);
//! # Ok::<(), mnist_io::Error>(())
//! ```

mod error;

mod idx;

mod dataset;

mod mnist;

mod augment;

mod batches;

pub use augment::{Augmentation, Augmenter};
pub use batches::{Batches, Scaling};
pub use dataset::{CLASSES, Dataset};
pub use error::{Error, Result};
pub use idx::{ElementType, Idx, IdxData};
pub use mnist::{Mnist, Split};

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
