//! Test digits of MNIST to place on the canvas: random ones, or those that the network misclassifies.

use std::hash::{BuildHasher, RandomState};

use mnist_io::{Dataset, Split};

use crate::{
    error::Error,
    imaging::gray_image::GrayImage,
    recognition::{
        normalization::{SIDE, normalize},
        prediction::Classifier,
    },
    training::embedded,
};

/// The test set, loaded when it is first needed, and the position in it.
#[derive(Debug)]
pub(super) struct TestDigits {
    set: Option<Dataset>,
    last: usize,
}

/// A digit of the test set.
#[derive(Debug)]
pub(super) struct TestDigit {
    pub(super) index: usize,
    pub(super) label: u8,
    pub(super) image: GrayImage,
}

impl TestDigits {
    /// Starts at a random digit.
    pub(super) fn new() -> Self {
        TestDigits {
            set: None,
            last: RandomState::new().hash_one(0) as usize,
        }
    }

    /// The next digit in pseudo-random order.
    ///
    /// # Errors
    /// If the test set cannot be loaded.
    pub(super) fn random(&mut self) -> Result<Option<TestDigit>, Error> {
        // Coprime to the number of digits, so that every digit comes up before one is repeated.
        const STEP: usize = 7_919;
        self.find(STEP, |_| true)
    }

    /// The next digit that `classifier` gets wrong, if there is any.
    ///
    /// # Errors
    /// If the test set cannot be loaded.
    pub(super) fn misclassified(&mut self, classifier: &mut impl Classifier) -> Result<Option<TestDigit>, Error> {
        self.find(1, |digit| {
            let predicted = normalize(&digit.image).map(|pixels| classifier.classify(&pixels).digit());
            predicted != Some(digit.label)
        })
    }

    /// The first digit that is `wanted`, at multiples of `step` from the last one.
    fn find(&mut self, step: usize, wanted: impl FnMut(&TestDigit) -> bool) -> Result<Option<TestDigit>, Error> {
        let set = match &self.set {
            Some(set) => set,
            None => self.set.insert(embedded::split(Split::Test)?),
        };
        let count = set.len();
        let digit = |index| TestDigit {
            index,
            label: set.label(index) as u8,
            image: GrayImage::new(SIDE, SIDE, set.image(index).to_vec()),
        };
        let mut digits = (1..=count).map(|i| digit((self.last % count + i * step) % count));
        let found = digits.find(wanted);
        if let Some(digit) = &found {
            self.last = digit.index;
        }
        Ok(found)
    }
}
