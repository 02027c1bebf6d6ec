//! A data set in memory: gray images and a label for each.

use std::{fmt, path::Path};

use crate::{
    error::{Error, Result},
    idx::{Idx, IdxData},
};

/// The number of classes; labels are from 0 to 9.
pub const CLASSES: usize = 10;

/// Gray images of equal size, each with a label.
///
/// An image is `[height, width]`, at least one pixel, in row-major order; every label is below [`CLASSES`]. Pixels are
/// stored as `u8`, which takes 55 MB for MNIST instead of 220 MB as `f32`; [`Batches`](crate::Batches) scales them.
///
/// ```
/// use mnist_io::Dataset;
///
/// // Two images of 1×3 pixels: a seven and a two.
/// let dataset = Dataset::new(vec![0, 128, 255, 9, 9, 9], vec![7, 2], 1, 3)?;
/// assert_eq!(dataset.len(), 2);
/// assert_eq!(dataset.image(0), [0, 128, 255]);
/// assert_eq!(dataset.label(1), 2);
/// # Ok::<(), mnist_io::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset {
    images: Vec<u8>,
    labels: Vec<u8>,
    height: usize,
    width: usize,
}

impl Dataset {
    /// Creates a data set from images `[count, height, width]` and labels `[count]`.
    ///
    /// # Errors
    /// [`Error::ImageSize`], [`Error::PartialImage`], [`Error::CountMismatch`] or [`Error::LabelOutOfRange`].
    pub fn new(images: Vec<u8>, labels: Vec<u8>, height: usize, width: usize) -> Result<Self> {
        let pixels = image_pixels(height, width)?;
        if !images.len().is_multiple_of(pixels) {
            let found = images.len();
            return Err(Error::PartialImage { found, pixels });
        }
        if images.len() / pixels != labels.len() {
            return Err(Error::CountMismatch {
                images: images.len() / pixels,
                labels: labels.len(),
            });
        }
        if let Some(index) = labels.iter().position(|&l| usize::from(l) >= CLASSES) {
            let label = labels[index];
            return Err(Error::LabelOutOfRange { index, label });
        }
        Ok(Self {
            images,
            labels,
            height,
            width,
        })
    }

    /// Creates a data set from `u8` arrays of images `[count, height, width]` and labels `[count]`.
    ///
    /// # Errors
    /// [`Error::NotImages`] or [`Error::NotLabels`] for other types or ranks, and as for [`new`](Self::new).
    pub fn from_idx(images: Idx, labels: Idx) -> Result<Self> {
        let (images, height, width) = images_from_idx(images)?;
        Self::new(images, labels_from_idx(labels)?, height, width)
    }

    /// Reads a data set from two IDX files, gzipped or not.
    ///
    /// # Errors
    /// As for [`Idx::open`] and [`from_idx`](Self::from_idx), with the path of the file. If images and labels do not
    /// match, this is the file of the labels.
    pub fn open(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self> {
        let (images_path, labels_path) = (images.as_ref(), labels.as_ref());
        let (images, height, width) =
            images_from_idx(Idx::open(images_path)?).map_err(|error| error.at(images_path))?;
        labels_from_idx(Idx::open(labels_path)?)
            .and_then(|labels| Self::new(images, labels, height, width))
            .map_err(|error| error.at(labels_path))
    }

    /// Returns the number of samples.
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there are no samples.
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the height of an image in pixels.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Returns the width of an image in pixels.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of pixels of an image, `height × width`.
    pub const fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Returns the pixels of an image, `[height, width]`.
    ///
    /// # Panics
    /// If `index` is out of range.
    pub fn image(&self, index: usize) -> &[u8] {
        let len = self.len();
        assert!(index < len, "image {index} is out of range for {len} images");
        &self.images[index * self.pixels()..][..self.pixels()]
    }

    /// Returns the label of an image, below [`CLASSES`].
    ///
    /// # Panics
    /// If `index` is out of range.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// Returns the pixels of all images, `[count, height, width]`.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// Returns the labels of all images, `[count]`.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Returns the number of samples of each class.
    pub fn class_counts(&self) -> [usize; CLASSES] {
        let mut counts = [0; CLASSES];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// Splits the data set into the first `at` samples and the rest.
    ///
    /// Only the smaller part is copied.
    ///
    /// ```
    /// use mnist_io::Dataset;
    ///
    /// let dataset = Dataset::new(vec![10, 11, 12], vec![0, 1, 2], 1, 1)?;
    /// let (train, validation) = dataset.split_at(2)?;
    /// assert_eq!(train.labels(), [0, 1]);
    /// assert_eq!(validation.images(), [12]);
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SplitAt`] if `at` is above the number of samples.
    pub fn split_at(self, at: usize) -> Result<(Self, Self)> {
        let (len, pixels) = (self.len(), self.pixels());
        if at > len {
            return Err(Error::SplitAt { at, len });
        }
        let (first_images, rest_images) = split_vec(self.images, at * pixels);
        let (first_labels, rest_labels) = split_vec(self.labels, at);
        let part = |images, labels| Self {
            images,
            labels,
            height: self.height,
            width: self.width,
        };
        Ok((part(first_images, first_labels), part(rest_images, rest_labels)))
    }

    /// Keeps at most the first `len` samples and frees the memory of the rest.
    pub fn truncate(&mut self, len: usize) {
        let pixels = self.pixels();
        self.labels.truncate(len);
        self.images.truncate(self.labels.len() * pixels);
        self.labels.shrink_to_fit();
        self.images.shrink_to_fit();
    }
}

impl fmt::Debug for Dataset {
    /// Prints number and size of the images, without the pixels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, height, width) = (self.len(), self.height, self.width);
        write!(f, "Dataset({len} images of {height}×{width})")
    }
}

fn image_pixels(height: usize, width: usize) -> Result<usize> {
    height
        .checked_mul(width)
        .filter(|&pixels| pixels > 0)
        .ok_or(Error::ImageSize { height, width })
}

fn images_from_idx(idx: Idx) -> Result<(Vec<u8>, usize, usize)> {
    let found = format!("{idx:?}");
    match idx.into_parts() {
        (shape, IdxData::U8(images)) if shape.len() == 3 => {
            image_pixels(shape[1], shape[2])?;
            Ok((images, shape[1], shape[2]))
        }
        _ => Err(Error::NotImages { found }),
    }
}

fn labels_from_idx(idx: Idx) -> Result<Vec<u8>> {
    let found = format!("{idx:?}");
    match idx.into_parts() {
        (shape, IdxData::U8(labels)) if shape.len() == 1 => Ok(labels),
        _ => Err(Error::NotLabels { found }),
    }
}

/// As `Vec::split_off`, but copies the smaller part and frees unused capacity.
fn split_vec(mut values: Vec<u8>, at: usize) -> (Vec<u8>, Vec<u8>) {
    if at > values.len() / 2 {
        let rest = values.split_off(at);
        values.shrink_to_fit();
        (values, rest)
    } else {
        let first = values.drain(..at).collect();
        values.shrink_to_fit();
        (first, values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dataset(len: usize, height: usize, width: usize) -> Dataset {
        let images = (0..len * height * width).map(|i| i as u8).collect();
        let labels = (0..len).map(|i| (i % CLASSES) as u8).collect();
        Dataset::new(images, labels, height, width).unwrap()
    }

    #[test]
    fn invalid_image_sizes_are_errors() {
        for (height, width) in [(0, 0), (0, 28), (28, 0), (usize::MAX, 2)] {
            let error = Dataset::new(vec![], vec![], height, width).unwrap_err();
            assert!(matches!(error, Error::ImageSize { .. }), "{error:?}");
        }
    }

    #[test]
    fn mismatched_counts_are_errors() {
        let error = Dataset::new(vec![0; 7], vec![0; 2], 2, 2).unwrap_err();
        assert!(matches!(error, Error::PartialImage { found: 7, pixels: 4 }));
        let error = Dataset::new(vec![0; 8], vec![0; 3], 2, 2).unwrap_err();
        assert!(matches!(error, Error::CountMismatch { images: 2, labels: 3 }));
    }

    #[test]
    fn error_names_the_first_label_out_of_range() {
        let error = Dataset::new(vec![0; 4], vec![9, 0, 10, 255], 1, 1).unwrap_err();
        assert!(matches!(error, Error::LabelOutOfRange { index: 2, label: 10 }));
        assert!(error.to_string().contains("label 10 at index 2"), "{error}");
    }

    #[test]
    fn error_names_a_wrong_type_or_rank() {
        let images = || Idx::new(vec![2, 1, 1], vec![0u8; 2]).unwrap();
        let labels = || Idx::new(vec![2], vec![0u8; 2]).unwrap();
        assert_eq!(Dataset::from_idx(images(), labels()).unwrap().len(), 2);

        for wrong in [
            labels(),
            Idx::new(vec![2, 1, 1], vec![0i8; 2]).unwrap(),
            Idx::new(vec![2, 1, 1, 1], vec![0u8; 2]).unwrap(),
        ] {
            let named = format!("{wrong:?}");
            let error = Dataset::from_idx(wrong, labels()).unwrap_err();
            assert!(matches!(error, Error::NotImages { .. }), "{error:?}");
            assert!(error.to_string().contains(&named), "{error}");
        }
        for wrong in [
            images(),
            Idx::new(vec![2], vec![0f32; 2]).unwrap(),
            Idx::new(vec![], vec![0u8]).unwrap(),
        ] {
            let error = Dataset::from_idx(images(), wrong).unwrap_err();
            assert!(matches!(error, Error::NotLabels { .. }), "{error:?}");
        }
    }

    #[test]
    fn data_set_may_be_empty() {
        let mut empty = dataset(0, 28, 28);
        assert!(empty.is_empty());
        assert_eq!(empty.class_counts(), [0; CLASSES]);
        empty.truncate(0);
        let (first, rest) = empty.split_at(0).unwrap();
        assert!(first.is_empty() && rest.is_empty());
    }

    #[test]
    fn split_beyond_the_end_is_an_error() {
        let error = dataset(3, 2, 2).split_at(4).unwrap_err();
        assert!(matches!(error, Error::SplitAt { at: 4, len: 3 }));
    }

    #[test]
    #[should_panic(expected = "image 3 is out of range for 3 images")]
    fn image_index_out_of_range_panics() {
        dataset(3, 2, 2).image(3);
    }

    proptest! {
        #[test]
        fn split_keeps_every_sample_in_order(
            len in 0usize..20, height in 1usize..4, width in 1usize..4, at in 0usize..20,
        ) {
            let whole = dataset(len, height, width);
            let at = at.min(len);
            let (first, rest) = whole.clone().split_at(at).unwrap();
            prop_assert_eq!((first.len(), rest.len()), (at, len - at));
            for index in 0..len {
                let (part, at) = if index < at { (&first, index) } else { (&rest, index - at) };
                prop_assert_eq!(part.image(at), whole.image(index));
                prop_assert_eq!(part.label(at), whole.label(index));
            }
        }

        #[test]
        fn truncate_keeps_the_first_samples(len in 0usize..20, keep in 0usize..30) {
            let whole = dataset(len, 2, 3);
            let mut cut = whole.clone();
            cut.truncate(keep);
            let (first, _) = whole.split_at(keep.min(len)).unwrap();
            prop_assert_eq!(cut, first);
        }
    }
}
