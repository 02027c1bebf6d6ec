//! Training, validation and test images, and how they are fed to a network.

use mnist_io::{Dataset, Mnist, Scaling};

use crate::error::Error;

/// How pixels are scaled for the networks that are trained here.
pub const SCALING: Scaling = Scaling::MNIST;

/// Images that are evaluated together.
pub(crate) const EVALUATION_BATCH: usize = 500;

/// The images, by what they are used for.
#[derive(Clone, Debug)]
pub struct Data {
    /// What the network learns from.
    pub train: Dataset,
    /// What decides which weights are the best: the last of the training images. It may be empty.
    pub validation: Dataset,
    /// What the result is measured on.
    pub test: Dataset,
}

/// How much of the training images is held out for validation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HeldOut {
    /// So many images.
    Count(usize),
    /// That share of them, as a recipe has it.
    Share(f64),
}

impl Data {
    /// Holds out the last `validation` training images and of the rest learns from the first `limit`, or all.
    ///
    /// # Errors
    /// If there is nothing to learn from or nothing to measure on.
    pub fn new(mnist: Mnist, validation: HeldOut, limit: Option<usize>) -> Result<Self, Error> {
        let Mnist { train, test } = mnist;
        let held_out = match validation {
            HeldOut::Count(count) => count,
            // Rounded, so that a twelfth in binary is a twelfth.
            HeldOut::Share(share) => (train.len() as f64 * share).round() as usize,
        };
        if test.is_empty() {
            return Err(Error::NoTestImages);
        }
        if held_out >= train.len() || limit == Some(0) {
            return Err(Error::TooFewImages(format!(
                "of {} training images, {held_out} are held out for validation and at most {} of the rest learnt \
                 from, which leaves nothing to learn from",
                train.len(),
                limit.unwrap_or(train.len())
            )));
        }
        let learnt_from = train.len() - held_out;
        let (mut train, validation) = train.split_at(learnt_from)?;
        if let Some(limit) = limit {
            train.truncate(limit);
        }
        Ok(Data {
            train,
            validation,
            test,
        })
    }
}

#[cfg(test)]
mod tests {
    use mnist_io::Split;
    use proptest::prelude::*;

    use super::*;

    /// `count` images, each of a bright column that is its class.
    fn columns(count: usize) -> Dataset {
        let images = (0..count).flat_map(|i| (0..120).map(move |pixel| if pixel % 12 == i % 10 { 255 } else { 0 }));
        Dataset::new(images.collect(), (0..count).map(|i| (i % 10) as u8).collect(), 10, 12).unwrap()
    }

    #[test]
    fn mnist_is_split_as_documented() {
        let mnist = || {
            let test = Mnist::embedded_split(Split::Test).unwrap();
            Mnist {
                train: test.clone(),
                test,
            }
        };
        let whole = mnist().train;
        let data = Data::new(mnist(), HeldOut::Share(1.0 / 12.0), Some(1000)).unwrap();
        assert_eq!(
            (data.train.len(), data.validation.len(), data.test.len()),
            (1000, 833, 10_000)
        );
        assert_eq!(data.train.labels(), &whole.labels()[..1000]);
        assert_eq!(data.validation.labels(), &whole.labels()[10_000 - 833..]);
    }

    proptest! {
        #[test]
        fn no_split_loses_or_shares_an_image(
            count in 1usize..60, held_out in 0usize..70, limit in proptest::option::of(0usize..70)
        ) {
            let mnist = Mnist { train: columns(count), test: columns(1) };
            match Data::new(mnist, HeldOut::Count(held_out), limit) {
                Ok(data) => {
                    prop_assert_eq!(data.validation.len(), held_out);
                    prop_assert_eq!(data.train.len(), limit.unwrap_or(count).min(count - held_out));
                    prop_assert!(!data.train.is_empty());
                }
                Err(error) => {
                    prop_assert!(held_out >= count || limit == Some(0), "{}", error);
                    prop_assert!(matches!(error, Error::TooFewImages(_)));
                }
            }
        }
    }

    #[test]
    fn without_test_images_nothing_is_trained() {
        let error = Data::new(
            Mnist {
                train: columns(9),
                test: columns(0),
            },
            HeldOut::Count(1),
            None,
        )
        .unwrap_err()
        .to_string();
        assert!(error.contains("no test images"), "{error}");
    }
}
