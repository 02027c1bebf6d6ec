//! The split into training, validation and test images.

use mnist_io::{Dataset, Mnist, Scaling};

use crate::error::Error;

/// Pixel scaling of networks trained from scratch.
pub const SCALING: Scaling = Scaling::MNIST;

/// Batch size of evaluations.
pub(crate) const EVALUATION_BATCH: usize = 64;

/// Images for training, validation and testing.
#[derive(Clone, Debug)]
pub struct DataSplit {
    /// Images that the network is trained on.
    pub train: Dataset,
    /// Images that select the best weights: the last of the training set. May be empty.
    pub validation: Dataset,
    /// Images that measure the result.
    pub test: Dataset,
    /// Scaling of pixels.
    pub scaling: Scaling,
    /// Images of no class, which the network should not be sure of.
    pub distractors: Option<Dataset>,
    /// How many of the images are drawings with a pen, which come after those of the data set.
    pub drawn: Drawn,
}

/// Numbers of images that are drawings with a pen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawn {
    /// Among the training images.
    pub train: usize,
    /// Among the validation images.
    pub validation: usize,
}

/// Number of training images held out for validation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HeldOut {
    /// A number of images.
    Count(usize),
    /// A fraction of the training set.
    Share(f64),
}

impl DataSplit {
    /// Holds out the last training images for validation, and keeps the first `limit` of the others, or all.
    ///
    /// # Errors
    ///
    /// If no training images or no test images remain.
    pub fn new(mnist: Mnist, validation: HeldOut, limit: Option<usize>) -> Result<Self, Error> {
        let Mnist { train, test } = mnist;
        let held_out = match validation {
            HeldOut::Count(count) => count,
            HeldOut::Share(share) => (train.len() as f64 * share).round() as usize,
        };
        if test.is_empty() {
            return Err(Error::NoTestImages);
        }
        let images = train.len();
        if images == 0 {
            return Err(Error::TooFewImages("there are 0 training images; add some".to_owned()));
        }
        if held_out >= images {
            return Err(Error::TooFewImages(format!(
                "there are {images} training images, and --val holds out {held_out} for validation, so that there are none \
                 to train on; hold out fewer, or 0"
            )));
        }
        if limit == Some(0) {
            return Err(Error::TooFewImages(
                "the limit is 0, so that there are no images to train on; raise it".to_owned(),
            ));
        }
        let remaining = train.len() - held_out;
        let (mut train, validation) = train.split_at(remaining)?;
        if let Some(limit) = limit {
            train.truncate(limit);
        }
        Ok(DataSplit {
            train,
            validation,
            test,
            scaling: SCALING,
            distractors: None,
            drawn: Drawn::default(),
        })
    }
}

/// Says which classes of a training set lost all images to the validation images and the limit. `before` has their numbers
/// of images in the whole set.
#[must_use]
pub fn lost_classes(before: &[usize], train: &Dataset) -> Option<String> {
    let counts = before.iter().zip(train.class_counts()).zip(train.class_names());
    let lost = counts.filter(|((before, after), _)| **before > 0 && *after == 0);
    let names: Vec<&String> = lost.map(|(_, name)| name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "no image is left to train on of class {}: all are held out for validation (--val) or beyond the limit (--limit)",
            first_names(&names)
        )
    })
}

/// Lists names of classes, the first of many.
pub(crate) fn first_names(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 10;
    let shown: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    let more = if shown.len() < names.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A data set for tests: each image is a bright column whose position is the label.
#[cfg(test)]
pub(super) fn columns(count: usize) -> Dataset {
    let images = (0..count).flat_map(|i| (0..120).map(move |pixel| if pixel % 12 == i % 10 { 255 } else { 0 }));
    let shape = mnist_io::ImageShape::gray(10, 12).unwrap();
    let labels = (0..count).map(|i| i % 10).collect();
    let dataset = Dataset::new(images.collect(), labels, shape).unwrap();
    dataset
        .with_class_names((0..10).map(|digit| digit.to_string()))
        .unwrap()
}

#[cfg(test)]
mod tests {
    use mnist_io::Split;
    use proptest::prelude::*;

    use super::*;

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
        let data = DataSplit::new(mnist(), HeldOut::Share(1.0 / 12.0), Some(1000)).unwrap();
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
            match DataSplit::new(mnist, HeldOut::Count(held_out), limit) {
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
    fn classes_that_lose_all_images_are_named() {
        let whole = columns(25);
        let counts = whole.class_counts();
        let with = |validation, limit| {
            let mnist = Mnist {
                train: whole.clone(),
                test: columns(9),
            };
            let data = DataSplit::new(mnist, HeldOut::Count(validation), limit).unwrap();
            lost_classes(&counts, &data.train)
        };
        assert_eq!(with(5, None), None);
        assert!(with(5, Some(8)).unwrap().contains("of class 8, 9: "));
        assert!(with(18, None).unwrap().contains("of class 7, 8, 9: "));
    }

    #[test]
    fn an_empty_test_set_is_an_error() {
        let error = DataSplit::new(
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
