//! Pictures made by code, to measure how well image files are read: seeded, from MNIST's test digits.

pub mod canvas;
pub mod digit;
pub mod expressions;
pub mod numbers;
pub mod photos;
pub mod reading;

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, codecs::jpeg::JpegEncoder};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// Random numbers of a picture.
#[derive(Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Makes the generator of picture number `index` of a seed.
    #[must_use]
    pub fn new(seed: u64, index: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(index);
        Self(generator)
    }

    /// Returns a number from `low` to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// Returns a whole number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// Returns −1 or 1.
    pub fn sign(&mut self) -> f32 {
        if self.0.random() { 1.0 } else { -1.0 }
    }

    /// Returns a number of mean 0 and deviation 1, nearly normal: the sum of twelve uniform ones.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.0.random::<f32>()).sum::<f32>() - 6.0
    }
}

/// Image file in memory, and what it shows.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its extension.
    pub extension: &'static str,
    /// What a reader should find.
    pub truth: String,
}

impl Picture {
    /// Encodes an image as JPEG.
    ///
    /// # Panics
    /// If the image is larger than JPEG supports.
    #[must_use]
    pub fn jpeg(image: &DynamicImage, quality: u8, truth: String) -> Self {
        let mut bytes = Cursor::new(Vec::new());
        image
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))
            .expect("an image of a size that JPEG supports");
        Self {
            bytes: bytes.into_inner(),
            extension: "jpg",
            truth,
        }
    }

    /// Encodes an image as PNG.
    ///
    /// # Panics
    /// If the image has no pixels.
    #[must_use]
    pub fn png(image: &DynamicImage, truth: String) -> Self {
        let mut bytes = Cursor::new(Vec::new());
        image
            .write_to(&mut bytes, ImageFormat::Png)
            .expect("an image that PNG supports");
        Self {
            bytes: bytes.into_inner(),
            extension: "png",
            truth,
        }
    }
}
