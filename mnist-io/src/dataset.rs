//! Images and labels that agree with each other, kept as bytes.

use std::{fmt, path::Path};

use crate::{Error, Idx, IdxData, Result};

/// The number of classes: labels are 0 to 9.
pub const CLASSES: usize = 10;

/// Grey images and the class of each.
///
/// The pixels stay `u8` (all of MNIST is 55 MB so, and would be 220 MB as `f32`);
/// [`Batches`](crate::Batches) scales what it hands out. Every image has `height × width` pixels,
/// at least one, row by row; every label is below [`CLASSES`].
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
    /// A data set of images `[count, height, width]` and labels `[count]`.
    ///
    /// # Errors
    /// If an image has no pixels, the images are not whole or not as many as the labels, or a label
    /// is not below [`CLASSES`].
    pub fn new(images: Vec<u8>, labels: Vec<u8>, height: usize, width: usize) -> Result<Self> {
        let pixels = image_pixels(height, width)?;
        if !images.len().is_multiple_of(pixels) {
            let found = images.len();
            return Err(Error::PartialImage { found, pixels });
        }
        if images.len() / pixels != labels.len() {
            return Err(Error::Disagree {
                images: images.len() / pixels,
                labels: labels.len(),
            });
        }
        if let Some(index) = labels.iter().position(|&l| usize::from(l) >= CLASSES) {
            let label = labels[index];
            return Err(Error::Label { index, label });
        }
        Ok(Self {
            images,
            labels,
            height,
            width,
        })
    }

    /// A data set of u8 images `[count, height, width]` and u8 labels `[count]`.
    ///
    /// # Errors
    /// If the arrays are of other types or ranks, and as [`new`](Self::new).
    pub fn from_idx(images: Idx, labels: Idx) -> Result<Self> {
        let (images, height, width) = images_from_idx(images)?;
        Self::new(images, labels_from_idx(labels)?, height, width)
    }

    /// Reads a data set from two IDX files, gzipped or not.
    ///
    /// # Errors
    /// As [`Idx::open`] and [`from_idx`](Self::from_idx); the error names the file. Where images and
    /// labels disagree, that is the file of the labels.
    pub fn open(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self> {
        let (images_path, labels_path) = (images.as_ref(), labels.as_ref());
        let (images, height, width) =
            images_from_idx(Idx::open(images_path)?).map_err(|error| error.at(images_path))?;
        labels_from_idx(Idx::open(labels_path)?)
            .and_then(|labels| Self::new(images, labels, height, width))
            .map_err(|error| error.at(labels_path))
    }

    /// The number of samples.
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no samples.
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The height of an image in pixels.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The width of an image in pixels.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// The pixels of one image: `height × width`.
    pub const fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The pixels of one image, `[height, width]`.
    ///
    /// # Panics
    /// If there is no sample `index`.
    pub fn image(&self, index: usize) -> &[u8] {
        let len = self.len();
        assert!(index < len, "image {index} of {len}");
        &self.images[index * self.pixels()..][..self.pixels()]
    }

    /// The class of one image, below [`CLASSES`].
    ///
    /// # Panics
    /// If there is no sample `index`.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// The pixels of all images, `[count, height, width]`.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// The class of every image, `[count]`.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// How many samples each class has.
    pub fn class_counts(&self) -> [usize; CLASSES] {
        let mut counts = [0; CLASSES];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// The first `at` samples and the rest, in their order.
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
    /// [`Error::SplitAt`] if there are fewer than `at` samples.
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

    /// Keeps the first `len` samples, or all if there are no more, and frees the memory of the rest.
    pub fn truncate(&mut self, len: usize) {
        let pixels = self.pixels();
        self.labels.truncate(len);
        self.images.truncate(self.labels.len() * pixels);
        self.labels.shrink_to_fit();
        self.images.shrink_to_fit();
    }
}

impl fmt::Debug for Dataset {
    /// The sizes; the pixels are millions.
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

/// `split_off`, but moving the smaller part and keeping no room that is not needed.
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
    fn images_without_pixels_are_refused() {
        for (height, width) in [(0, 0), (0, 28), (28, 0), (usize::MAX, 2)] {
            let error = Dataset::new(vec![], vec![], height, width).unwrap_err();
            assert!(matches!(error, Error::ImageSize { .. }), "{error:?}");
        }
    }

    #[test]
    fn counts_that_disagree_are_refused() {
        let error = Dataset::new(vec![0; 7], vec![0; 2], 2, 2).unwrap_err();
        assert!(matches!(error, Error::PartialImage { found: 7, pixels: 4 }));
        let error = Dataset::new(vec![0; 8], vec![0; 3], 2, 2).unwrap_err();
        assert!(matches!(error, Error::Disagree { images: 2, labels: 3 }));
    }

    #[test]
    fn the_first_label_above_nine_is_named() {
        let error = Dataset::new(vec![0; 4], vec![9, 0, 10, 255], 1, 1).unwrap_err();
        assert!(matches!(error, Error::Label { index: 2, label: 10 }));
        assert!(error.to_string().contains("label 10 at index 2"), "{error}");
    }

    #[test]
    fn other_types_and_ranks_are_refused_by_name() {
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
    fn no_samples_are_a_data_set() {
        let mut empty = dataset(0, 28, 28);
        assert!(empty.is_empty());
        assert_eq!(empty.class_counts(), [0; CLASSES]);
        empty.truncate(0);
        let (first, rest) = empty.split_at(0).unwrap();
        assert!(first.is_empty() && rest.is_empty());
    }

    #[test]
    fn a_split_behind_the_end_is_refused() {
        let error = dataset(3, 2, 2).split_at(4).unwrap_err();
        assert!(matches!(error, Error::SplitAt { at: 4, len: 3 }));
    }

    #[test]
    #[should_panic(expected = "image 3 of 3")]
    fn an_image_behind_the_end_panics() {
        dataset(3, 2, 2).image(3);
    }

    proptest! {
        #[test]
        fn a_split_keeps_every_sample_in_order(
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
        fn truncating_keeps_the_first(len in 0usize..20, keep in 0usize..30) {
            let whole = dataset(len, 2, 3);
            let mut cut = whole.clone();
            cut.truncate(keep);
            let (first, _) = whole.split_at(keep.min(len)).unwrap();
            prop_assert_eq!(cut, first);
        }
    }
}
