//! MNIST's training set as gzipped IDX files. Use it through `mnist-io` with the feature `embedded`.
//!
//! It is a crate of its own because a package on crates.io may have at most 10 MiB.

#![no_std]

/// 60,000 images of 28×28 pixels.
pub static IMAGES: &[u8] = include_bytes!("../train-images-idx3-ubyte.gz");

/// Their labels, 0 to 9.
pub static LABELS: &[u8] = include_bytes!("../train-labels-idx1-ubyte.gz");
