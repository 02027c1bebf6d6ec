//! A data set in memory: images of one shape, a label for each, and the names of the classes.

use std::{fmt, path::Path};

use crate::{
    classes::{self, MAX_CLASSES},
    error::{Error, Result, counted},
    idx::{Idx, IdxData},
    image_shape::ImageShape,
};

/// Images of one shape, each with a label.
///
/// An image is `[channels, height, width]`; a label is the index of a class. Pixels are stored as `u8`, which takes
/// 47 MB for MNIST's training set instead of 188 MB as `f32`; [`Batches`](crate::Batches) scales them. Classes without
/// names are named by their numbers.
///
/// ```
/// use mnist_io::{Dataset, ImageShape};
///
/// // Two gray images of 1×3 pixels.
/// let dataset = Dataset::new(vec![0, 128, 255, 9, 9, 9], vec![1, 0], ImageShape::gray(1, 3)?)?
///     .with_class_names(["cat", "dog"])?;
/// assert_eq!(dataset.len(), 2);
/// assert_eq!(dataset.image(0), [0, 128, 255]);
/// assert_eq!(dataset.class_names()[dataset.label(0)], "dog");
/// # Ok::<(), mnist_io::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset {
    pub(crate) images: Vec<u8>,
    pub(crate) labels: Vec<usize>,
    pub(crate) shape: ImageShape,
    pub(crate) class_names: Vec<String>,
    /// Whether the names were given; otherwise they are numbers.
    pub(crate) has_class_names: bool,
}

impl Dataset {
    /// Creates a data set from images `[count, channels, height, width]` and labels `[count]`.
    ///
    /// Classes are numbered up to the largest label; [`with_class_names`](Self::with_class_names) names them.
    ///
    /// # Errors
    /// [`Error::PartialImage`], [`Error::CountMismatch`], or [`Error::LabelOutOfRange`] for a label above 65,535.
    pub fn new(images: Vec<u8>, labels: Vec<usize>, shape: ImageShape) -> Result<Self> {
        if !images.len().is_multiple_of(shape.len()) {
            return Err(Error::PartialImage {
                found: images.len(),
                values: shape.len(),
            });
        }
        if images.len() / shape.len() != labels.len() {
            return Err(Error::CountMismatch {
                images: images.len() / shape.len(),
                labels: labels.len(),
            });
        }
        check_labels(&labels, MAX_CLASSES)?;
        let classes = labels.iter().max().map_or(0, |label| label + 1);
        Ok(Self {
            images,
            labels,
            shape,
            class_names: classes::numbered(classes),
            has_class_names: false,
        })
    }

    /// Creates a data set from IDX arrays.
    ///
    /// Images are `u8` of shape `[count, height, width]` or `[count, height, width, channels]`. Labels are integers of
    /// any type and of shape `[count]`, or `[count, columns]` with the label first, as in QMNIST.
    ///
    /// # Errors
    /// [`Error::NotImages`] or [`Error::NotLabels`] for other types or ranks, [`Error::Channels`], and as for
    /// [`new`](Self::new).
    pub fn from_idx(images: Idx, labels: Idx) -> Result<Self> {
        let (images, shape) = images_from_idx(images)?;
        Self::new(images, labels_from_idx(labels)?, shape)
    }

    /// Reads a data set from two IDX files, gzipped or not.
    ///
    /// # Errors
    /// As for [`Idx::open`] and [`from_idx`](Self::from_idx), with the path of the file. If images and labels do not
    /// match, this is the file of the labels.
    pub fn open(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self> {
        let (images_path, labels_path) = (images.as_ref(), labels.as_ref());
        let (images, shape) = images_from_idx(Idx::open(images_path)?).map_err(|error| error.at(images_path))?;
        labels_from_idx(Idx::open(labels_path)?)
            .and_then(|labels| Self::new(images, labels, shape))
            .map_err(|error| error.at(labels_path))
    }

    /// Names the classes, in order; there may be more classes than labels occur.
    ///
    /// # Errors
    /// [`Error::TooFewNames`] if there is no name for a label, [`Error::ClassName`] if a name is empty or occurs twice.
    pub fn with_class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        self.class_names = names.into_iter().map(Into::into).collect();
        self.has_class_names = true;
        classes::check(&self.class_names)?;
        let (names, largest) = (self.class_names.len(), self.labels.iter().max());
        match largest {
            Some(&largest) if largest >= names => Err(Error::TooFewNames { names, largest }),
            _ => Ok(self),
        }
    }

    /// Renumbers the classes by name, so that they are those of another data set or of a model.
    ///
    /// A class may be missing. If the data set has no names ([`has_class_names`](Self::has_class_names)), the labels stay
    /// as they are.
    ///
    /// ```
    /// use mnist_io::{Dataset, ImageShape};
    ///
    /// let shape = ImageShape::gray(1, 1)?;
    /// let test = Dataset::new(vec![5, 6], vec![0, 1], shape)?.with_class_names(["cat", "zebra"])?;
    /// let test = test.with_classes_of(&["cat", "dog", "zebra"].map(str::to_owned))?;
    /// assert_eq!(test.labels(), [0, 2]);
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownClass`] if a class of an image is not in `names`; [`Error::ClassCount`] if the data set has no
    /// names and more classes than `names`.
    pub fn with_classes_of(mut self, names: &[String]) -> Result<Self> {
        let (found, expected) = (self.classes(), names.len());
        if !self.has_class_names {
            if found > expected {
                return Err(Error::ClassCount { found, expected });
            }
        } else {
            let index = |name: &String| names.iter().position(|other| other == name);
            let indices: Vec<_> = self.class_names.iter().map(index).collect();
            for label in &mut self.labels {
                *label = indices[*label].ok_or_else(|| Error::UnknownClass {
                    name: self.class_names[*label].clone(),
                    known: names.to_vec(),
                })?;
            }
        }
        self.class_names = names.to_vec();
        Ok(self)
    }

    /// Subtracts a number from all labels, for sets that do not count from 0, such as EMNIST's letters.
    ///
    /// # Errors
    /// [`Error::LabelOffset`] if a label is below `offset`; [`Error::NamedLabelOffset`] if the classes have names.
    pub fn with_label_offset(mut self, offset: usize) -> Result<Self> {
        if offset == 0 {
            return Ok(self);
        }
        if let (true, Some(name)) = (self.has_class_names, self.class_names.first()) {
            return Err(Error::NamedLabelOffset { name: name.clone() });
        }
        if let Some(index) = self.labels.iter().position(|&label| label < offset) {
            let label = self.labels[index];
            return Err(Error::LabelOffset { index, label, offset });
        }
        self.labels.iter_mut().for_each(|label| *label -= offset);
        let classes = self.classes().saturating_sub(offset);
        self.class_names = classes::numbered(classes);
        Ok(self)
    }

    /// Replaces every label; the new classes have no names.
    ///
    /// ```
    /// use mnist_io::{Dataset, ImageShape};
    ///
    /// let digits = Dataset::new(vec![0; 4], vec![3, 8, 0, 5], ImageShape::gray(1, 1)?)?;
    /// let parity = digits.map_labels(|digit| digit % 2)?.with_class_names(["even", "odd"])?;
    /// assert_eq!(parity.labels(), [1, 0, 0, 1]);
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`] for a label above 65,535.
    pub fn map_labels(self, map: impl FnMut(usize) -> usize) -> Result<Self> {
        let labels = self.labels.into_iter().map(map).collect();
        Self::new(self.images, labels, self.shape)
    }

    /// Exchanges rows and columns of every image, for sets that store columns first, such as EMNIST's.
    #[must_use]
    pub fn transposed(mut self) -> Self {
        self.shape = self.shape.transpose(&mut self.images);
        self
    }

    /// Returns the number of samples.
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there are no samples.
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the shape of an image.
    pub const fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Returns the values of an image, `[channels, height, width]`.
    ///
    /// # Panics
    /// If `index` is out of range.
    pub fn image(&self, index: usize) -> &[u8] {
        let len = self.len();
        assert!(index < len, "image {index} is out of range for {len} images");
        &self.images[index * self.shape.len()..][..self.shape.len()]
    }

    /// Returns the label of an image, below [`classes`](Self::classes).
    ///
    /// # Panics
    /// If `index` is out of range.
    pub fn label(&self, index: usize) -> usize {
        self.labels[index]
    }

    /// Returns the values of all images, `[count, channels, height, width]`.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// Returns the labels of all images, `[count]`.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Returns the number of classes.
    pub const fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// Returns the names of the classes, in order.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Returns whether the classes were named; otherwise their names are their numbers.
    pub const fn has_class_names(&self) -> bool {
        self.has_class_names
    }

    /// Returns whether the classes are the ten digits, by their names.
    pub fn is_digits(&self) -> bool {
        classes::are_digits(&self.class_names)
    }

    /// Returns the number of samples of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes()];
        for &label in &self.labels {
            counts[label] += 1;
        }
        counts
    }
}

impl fmt::Debug for Dataset {
    /// Prints number and shape of the images and the number of classes, without the pixels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (images, classes) = (counted(self.len(), "image"), counted(self.classes(), "class"));
        write!(f, "Dataset({images} of {}, {classes})", self.shape)
    }
}

fn check_labels(labels: &[usize], classes: usize) -> Result<()> {
    match labels.iter().position(|&label| label >= classes) {
        None => Ok(()),
        Some(index) => Err(Error::LabelOutOfRange {
            index,
            label: i64::try_from(labels[index]).unwrap_or(i64::MAX),
            classes,
        }),
    }
}

fn images_from_idx(idx: Idx) -> Result<(Vec<u8>, ImageShape)> {
    let found = described(&idx);
    let (shape, IdxData::U8(mut images)) = idx.into_parts() else {
        return Err(Error::NotImages { found });
    };
    let shape = match shape[..] {
        [_, height, width] => ImageShape::gray(height, width)?,
        [_, height, width, channels] => ImageShape::new(channels, height, width)?,
        _ => return Err(Error::NotImages { found }),
    };
    shape.separate_channels(&mut images);
    Ok((images, shape))
}

/// Type and dimensions of an array, for messages.
fn described(idx: &Idx) -> String {
    let sizes: Vec<String> = idx.shape().iter().map(ToString::to_string).collect();
    let plural = if sizes.len() == 1 { "" } else { "s" };
    format!(
        "{} with {} dimension{plural} ({})",
        idx.element_type(),
        sizes.len(),
        sizes.join(", ")
    )
}

fn labels_from_idx(idx: Idx) -> Result<Vec<usize>> {
    let found = described(&idx);
    let (shape, data) = idx.into_parts();
    let columns = match shape[..] {
        [_] => 1,
        [_, columns] if columns > 0 => columns,
        _ => return Err(Error::NotLabels { found }),
    };
    match data {
        IdxData::U8(values) => first_column(&values, columns),
        IdxData::I8(values) => first_column(&values, columns),
        IdxData::I16(values) => first_column(&values, columns),
        IdxData::I32(values) => first_column(&values, columns),
        IdxData::F32(_) | IdxData::F64(_) => Err(Error::NotLabels { found }),
    }
}

fn first_column<T: Copy + Into<i64>>(values: &[T], columns: usize) -> Result<Vec<usize>> {
    let labels = values.iter().step_by(columns).enumerate().map(|(index, &value)| {
        let label = value.into();
        usize::try_from(label).map_err(|_| Error::LabelOutOfRange {
            index,
            label,
            classes: MAX_CLASSES,
        })
    });
    labels.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(height: usize, width: usize) -> ImageShape {
        ImageShape::gray(height, width).unwrap()
    }

    /// Images of one pixel with these labels.
    fn labeled(labels: &[usize]) -> Dataset {
        Dataset::new(vec![0; labels.len()], labels.to_vec(), gray(1, 1)).unwrap()
    }

    #[test]
    fn mismatched_counts_are_errors() {
        let error = Dataset::new(vec![0; 7], vec![0; 2], gray(2, 2)).unwrap_err();
        assert!(matches!(error, Error::PartialImage { found: 7, values: 4 }));
        let error = Dataset::new(vec![0; 8], vec![0; 3], gray(2, 2)).unwrap_err();
        assert!(matches!(error, Error::CountMismatch { images: 2, labels: 3 }));
    }

    #[test]
    fn classes_are_numbered_up_to_the_largest_label() {
        assert_eq!(labeled(&[2, 0]).class_names(), ["0", "1", "2"]);
        assert_eq!(labeled(&[2, 0, 2]).class_counts(), [1, 0, 2]);
        assert_eq!(labeled(&[]).classes(), 0);
        assert_eq!(labeled(&[MAX_CLASSES - 1]).classes(), MAX_CLASSES);
        let error = Dataset::new(vec![0; 3], vec![9, MAX_CLASSES, usize::MAX], gray(1, 1)).unwrap_err();
        assert!(error.to_string().contains("label 65536 at index 1"), "{error}");
    }

    #[test]
    fn only_ten_numbered_classes_are_digits() {
        assert!(labeled(&[9]).is_digits());
        assert!(!labeled(&[8]).is_digits() && !labeled(&[10]).is_digits());
        assert!(
            !labeled(&[9])
                .with_class_names(('a'..='j').map(String::from))
                .unwrap()
                .is_digits()
        );
        assert!(
            labeled(&[3])
                .with_class_names(classes::numbered(10))
                .unwrap()
                .is_digits()
        );
    }

    #[test]
    fn names_that_do_not_name_each_class_are_errors() {
        let error = labeled(&[0, 2]).with_class_names(["a", "b"]).unwrap_err();
        assert!(matches!(error, Error::TooFewNames { names: 2, largest: 2 }), "{error}");
        for (names, name) in [(["a", "b", "a"], "\"a\""), (["a", "", "c"], "\"\"")] {
            let error = labeled(&[0, 2]).with_class_names(names).unwrap_err();
            assert!(
                matches!(error, Error::ClassName { .. }) && error.to_string().contains(name),
                "{error}"
            );
        }
        let error = labeled(&[])
            .with_class_names(classes::numbered(MAX_CLASSES + 1))
            .unwrap_err();
        assert!(matches!(error, Error::TooManyClasses { .. }), "{error}");
    }

    #[test]
    fn classes_of_another_set_are_found_by_name() {
        let names = ["ant", "bee", "cat"].map(str::to_owned);
        let named = labeled(&[0, 1, 1]).with_class_names(["cat", "ant"]).unwrap();
        let renumbered = named.clone().with_classes_of(&names).unwrap();
        assert_eq!(
            (renumbered.labels(), renumbered.class_names()),
            (&[2, 0, 0][..], &names[..])
        );
        // A class without images may be unknown.
        let unused = labeled(&[0]).with_class_names(["bee", "dog"]).unwrap();
        assert_eq!(unused.with_classes_of(&names).unwrap().labels(), [1]);
        let unknown = labeled(&[1]).with_class_names(["bee", "dog"]).unwrap();
        let error = unknown.with_classes_of(&names).unwrap_err().to_string();
        assert!(error.contains("\"dog\"") && error.contains("ant, bee, cat"), "{error}");

        // Without names, numbers count.
        assert_eq!(labeled(&[1, 0]).with_classes_of(&names).unwrap().labels(), [1, 0]);
        let error = labeled(&[3]).with_classes_of(&names).unwrap_err();
        assert!(matches!(error, Error::ClassCount { found: 4, expected: 3 }), "{error}");
        let error = named.with_classes_of(&classes::numbered(2)).unwrap_err();
        assert!(matches!(error, Error::UnknownClass { .. }), "{error}");
    }

    #[test]
    fn names_that_are_numbers_are_names() {
        let digits = classes::numbered(10);
        let seven = labeled(&[0]).with_class_names(["7"]).unwrap();
        assert_eq!(seven.with_classes_of(&digits).unwrap().labels(), [7]);
        let names = ["0", "1", "2", "3", "4", "5", "6", "7", "10", "11"];
        let others = labeled(&[0, 8]).with_class_names(names).unwrap();
        let error = others.clone().with_classes_of(&digits).unwrap_err().to_string();
        assert!(error.contains("no class \"10\" among 0, 1, 2"), "{error}");
        // The names of the other side count, too.
        let swapped = ["1", "0"].map(str::to_owned);
        let numbers = labeled(&[0, 1]).with_class_names(["0", "1"]).unwrap();
        assert_eq!(numbers.with_classes_of(&swapped).unwrap().labels(), [1, 0]);
    }

    #[test]
    fn a_label_offset_is_subtracted() {
        let letters = labeled(&[1, 26, 3]).with_label_offset(1).unwrap();
        assert_eq!((letters.labels(), letters.classes()), (&[0, 25, 2][..], 26));
        let named = labeled(&[1, 2]).with_class_names(["none", "a", "b"]).unwrap();
        assert_eq!(named.clone().with_label_offset(0).unwrap(), named);
        let error = named.with_label_offset(1).unwrap_err().to_string();
        assert!(error.contains("such as \"none\""), "{error}");
        let error = labeled(&[1, 0]).with_label_offset(1).unwrap_err();
        assert!(error.to_string().contains("label 0 at index 1"), "{error}");
        assert_eq!(labeled(&[]).with_label_offset(5).unwrap().classes(), 0);
    }

    #[test]
    fn channels_come_last_in_idx_arrays() {
        let images = Idx::new(vec![1, 1, 2, 3], vec![1u8, 2, 3, 11, 12, 13]).unwrap();
        let labels = Idx::new(vec![1], vec![0u8]).unwrap();
        let dataset = Dataset::from_idx(images, labels.clone()).unwrap();
        assert_eq!(dataset.image(0), [1, 11, 2, 12, 3, 13]);
        assert_eq!(dataset.shape(), ImageShape::new(3, 1, 2).unwrap());
        let images = Idx::new(vec![1, 1, 1, 5], vec![0u8; 5]).unwrap();
        let error = Dataset::from_idx(images, labels).unwrap_err();
        assert!(matches!(error, Error::Channels { channels: 5 }), "{error}");
    }

    #[test]
    fn labels_may_have_any_integer_type_and_more_columns() {
        let images = || Idx::new(vec![2, 1, 1], vec![0u8; 2]).unwrap();
        for labels in [
            Idx::new(vec![2], vec![7i8, 3]),
            Idx::new(vec![2], vec![7i16, 3]),
            Idx::new(vec![2], vec![7i32, 3]),
            Idx::new(vec![2, 1], vec![7u8, 3]),
            // As in QMNIST, where writer and others follow the label.
            Idx::new(vec![2, 4], vec![7i32, 1000, -1, 5, 3, 2000, 0, 0]),
        ] {
            assert_eq!(Dataset::from_idx(images(), labels.unwrap()).unwrap().labels(), [7, 3]);
        }
        let labels = Idx::new(vec![2], vec![300i16, 3]).unwrap();
        assert_eq!(Dataset::from_idx(images(), labels).unwrap().classes(), 301);
        for labels in [
            Idx::new(vec![2], vec![7i8, -3]),
            Idx::new(vec![2, 2], vec![7i32, 0, i32::MIN, 0]),
            Idx::new(vec![2], vec![7i32, i32::MAX]),
        ] {
            let error = Dataset::from_idx(images(), labels.unwrap()).unwrap_err();
            assert!(matches!(error, Error::LabelOutOfRange { index: 1, .. }), "{error}");
        }
    }

    #[test]
    fn error_names_a_wrong_type_or_rank() {
        let images = || Idx::new(vec![2, 1, 1], vec![0u8; 2]).unwrap();
        let labels = || Idx::new(vec![2], vec![0u8; 2]).unwrap();
        assert_eq!(Dataset::from_idx(images(), labels()).unwrap().len(), 2);

        for wrong in [
            labels(),
            Idx::new(vec![2, 1, 1], vec![0i8; 2]).unwrap(),
            Idx::new(vec![2, 1, 1, 1, 1], vec![0u8; 2]).unwrap(),
        ] {
            let named = described(&wrong);
            let error = Dataset::from_idx(wrong, labels()).unwrap_err();
            assert!(matches!(error, Error::NotImages { .. }), "{error:?}");
            assert!(error.to_string().contains(&named), "{error}");
        }
        for wrong in [
            images(),
            Idx::new(vec![2], vec![0f32; 2]).unwrap(),
            Idx::new(vec![2, 0], Vec::<u8>::new()).unwrap(),
            Idx::new(vec![], vec![0u8]).unwrap(),
        ] {
            let error = Dataset::from_idx(images(), wrong).unwrap_err();
            assert!(matches!(error, Error::NotLabels { .. }), "{error:?}");
        }
    }

    #[test]
    fn images_stored_by_columns_are_transposed() {
        let dataset = Dataset::new(vec![1, 2, 3, 4, 5, 6], vec![0], gray(2, 3))
            .unwrap()
            .transposed();
        assert_eq!(dataset.shape(), gray(3, 2));
        assert_eq!(dataset.image(0), [1, 4, 2, 5, 3, 6]);
    }

    #[test]
    #[should_panic(expected = "image 3 is out of range for 3 images")]
    fn image_index_out_of_range_panics() {
        labeled(&[0, 1, 2]).image(3);
    }
}
