//! Parts of a data set: subsets, splits and shuffles.

use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};

use crate::{
    dataset::Dataset,
    error::{Error, Result},
};

/// Keeps the random numbers of a split apart from those of a shuffle of batches with the same seed.
const SEED_SALT: u64 = u64::from_le_bytes(*b"a subset");

impl Dataset {
    /// Returns the samples of these indices, in this order; an index may occur more than once.
    ///
    /// The classes stay the same, also those without a sample.
    ///
    /// ```
    /// use mnist_io::{Dataset, ImageShape};
    ///
    /// let dataset = Dataset::new(vec![10, 11, 12], vec![0, 1, 2], ImageShape::gray(1, 1)?)?;
    /// let odd: Vec<usize> = (0..dataset.len()).filter(|&index| dataset.label(index) % 2 == 1).collect();
    /// let odd = dataset.subset(&odd)?;
    /// assert_eq!((odd.labels(), odd.classes()), (&[1][..], 3));
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SampleIndex`] for an index out of range; [`Error::OutOfMemory`].
    pub fn subset(&self, indices: &[usize]) -> Result<Self> {
        let len = self.len();
        if let Some(&index) = indices.iter().find(|&&index| index >= len) {
            return Err(Error::SampleIndex { index, len });
        }
        let bytes = indices.len().saturating_mul(self.shape.len());
        let mut images = Vec::new();
        let out_of_memory = |_| Error::OutOfMemory { bytes: bytes as u64 };
        images.try_reserve_exact(bytes).map_err(out_of_memory)?;
        for &index in indices {
            images.extend_from_slice(self.image(index));
        }
        Ok(Self {
            images,
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            shape: self.shape,
            class_names: self.class_names.clone(),
            has_class_names: self.has_class_names,
        })
    }

    /// Returns the same samples in a random order that depends on the seed alone.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn shuffled(&self, seed: u64) -> Result<Self> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ SEED_SALT));
        self.subset(&order)
    }

    /// Holds out a fraction of each class: returns the other samples, and those held out.
    ///
    /// The choice is random and depends on the seed alone; both parts keep the order of the data set. With a fraction
    /// between 0 and 1, a class of at least two samples is in both parts.
    ///
    /// ```
    /// use mnist_io::{Dataset, ImageShape};
    ///
    /// let labels: Vec<usize> = (0..40).map(|index| index % 2).collect();
    /// let dataset = Dataset::new(vec![0; 40], labels, ImageShape::gray(1, 1)?)?;
    /// let (train, test) = dataset.stratified_split(0.1, 42)?;
    /// assert_eq!((train.class_counts(), test.class_counts()), (vec![18, 18], vec![2, 2]));
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Fraction`] if `fraction` is not from 0 to 1; [`Error::OutOfMemory`].
    pub fn stratified_split(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::Fraction { fraction });
        }
        let mut by_class = vec![Vec::new(); self.classes()];
        for (index, &label) in self.labels.iter().enumerate() {
            by_class[label].push(index);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ SEED_SALT);
        let mut is_held_out = vec![false; self.len()];
        for mut indices in by_class {
            indices.shuffle(&mut rng);
            for &index in &indices[..share(indices.len(), fraction)] {
                is_held_out[index] = true;
            }
        }
        let (held_out, rest): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|&index| is_held_out[index]);
        Ok((self.subset(&rest)?, self.subset(&held_out)?))
    }

    /// Splits the data set into the first `at` samples and the rest.
    ///
    /// Only the smaller part is copied.
    ///
    /// ```
    /// use mnist_io::{Dataset, ImageShape};
    ///
    /// let dataset = Dataset::new(vec![10, 11, 12], vec![0, 1, 2], ImageShape::gray(1, 1)?)?;
    /// let (train, validation) = dataset.split_at(2)?;
    /// assert_eq!(train.labels(), [0, 1]);
    /// assert_eq!(validation.images(), [12]);
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SplitAt`] if `at` is above the number of samples.
    pub fn split_at(self, at: usize) -> Result<(Self, Self)> {
        let len = self.len();
        if at > len {
            return Err(Error::SplitAt { at, len });
        }
        let (first_images, rest_images) = split_vec(self.images, at * self.shape.len());
        let (first_labels, rest_labels) = split_vec(self.labels, at);
        let part = |images, labels| Self {
            images,
            labels,
            shape: self.shape,
            class_names: self.class_names.clone(),
            has_class_names: self.has_class_names,
        };
        Ok((part(first_images, first_labels), part(rest_images, rest_labels)))
    }

    /// Keeps at most the first `len` samples and frees the memory of the rest.
    pub fn truncate(&mut self, len: usize) {
        self.labels.truncate(len);
        self.images.truncate(self.labels.len() * self.shape.len());
        self.labels.shrink_to_fit();
        self.images.shrink_to_fit();
    }
}

/// Returns how many of `len` samples of a class are held out.
fn share(len: usize, fraction: f64) -> usize {
    let share = (len as f64 * fraction).round() as usize;
    if len < 2 || fraction == 0.0 || fraction == 1.0 {
        share
    } else {
        share.clamp(1, len - 1)
    }
}

/// As `Vec::split_off`, but copies the smaller part and frees unused capacity.
fn split_vec<T>(mut values: Vec<T>, at: usize) -> (Vec<T>, Vec<T>) {
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
    use crate::image_shape::ImageShape;

    /// Labels count from 0 to `classes` again and again; pixels count on.
    fn dataset(len: usize, shape: ImageShape, classes: usize) -> Dataset {
        let images = (0..len * shape.len()).map(|i| i as u8).collect();
        Dataset::new(images, (0..len).map(|i| i % classes).collect(), shape).unwrap()
    }

    fn pixel() -> ImageShape {
        ImageShape::gray(1, 1).unwrap()
    }

    #[test]
    fn data_set_may_be_empty() {
        let mut empty = dataset(0, pixel(), 10);
        assert!(empty.is_empty() && empty.class_counts().is_empty());
        empty.truncate(0);
        assert!(empty.subset(&[]).unwrap().is_empty() && empty.shuffled(1).unwrap().is_empty());
        let (rest, held_out) = empty.stratified_split(0.5, 1).unwrap();
        assert!(rest.is_empty() && held_out.is_empty());
        let (first, rest) = empty.split_at(0).unwrap();
        assert!(first.is_empty() && rest.is_empty());
    }

    #[test]
    fn indices_and_fractions_out_of_range_are_errors() {
        let error = dataset(3, pixel(), 2).split_at(4).unwrap_err();
        assert!(matches!(error, Error::SplitAt { at: 4, len: 3 }));
        let error = dataset(3, pixel(), 2).subset(&[0, 3]).unwrap_err();
        assert!(matches!(error, Error::SampleIndex { index: 3, len: 3 }));
        for fraction in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = dataset(3, pixel(), 2).stratified_split(fraction, 0).unwrap_err();
            assert!(matches!(error, Error::Fraction { .. }), "{error}");
        }
    }

    #[test]
    fn subsets_keep_order_and_classes() {
        let dataset = dataset(6, ImageShape::new(2, 1, 2).unwrap(), 3);
        let subset = dataset.subset(&[4, 1, 4]).unwrap();
        assert_eq!((subset.labels(), subset.classes()), (&[1, 1, 1][..], 3));
        assert_eq!((subset.image(0), subset.image(1)), (dataset.image(4), dataset.image(1)));
    }

    #[test]
    fn splits_and_shuffles_depend_on_the_seed_alone() {
        let dataset = dataset(100, pixel(), 4);
        let held_out = |seed| dataset.stratified_split(0.2, seed).unwrap().1;
        assert_eq!(held_out(7), held_out(7));
        assert_ne!(held_out(7), held_out(8));
        assert_eq!(dataset.shuffled(7).unwrap(), dataset.shuffled(7).unwrap());
        assert_ne!(dataset.shuffled(7).unwrap(), dataset.shuffled(8).unwrap());
        assert_ne!(dataset.shuffled(7).unwrap(), dataset);
    }

    #[test]
    fn small_classes_are_in_both_parts() {
        let dataset = Dataset::new(vec![0; 10], vec![0, 0, 1, 2, 2, 2, 2, 2, 2, 2], pixel()).unwrap();
        for (fraction, expected) in [(0.0, [0, 0, 0]), (0.01, [1, 0, 1]), (0.99, [1, 1, 6]), (1.0, [2, 1, 7])] {
            let (_, held_out) = dataset.stratified_split(fraction, 3).unwrap();
            assert_eq!(held_out.class_counts(), expected, "{fraction}");
        }
    }

    proptest! {
        #[test]
        fn split_keeps_every_sample_in_order(
            len in 0usize..20, height in 1usize..4, width in 1usize..4, at in 0usize..20,
        ) {
            let whole = dataset(len, ImageShape::gray(height, width).unwrap(), 10);
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
            let whole = dataset(len, ImageShape::gray(2, 3).unwrap(), 10);
            let mut cut = whole.clone();
            cut.truncate(keep);
            let (first, _) = whole.split_at(keep.min(len)).unwrap();
            prop_assert_eq!(cut, first);
        }

        #[test]
        fn a_stratified_split_keeps_every_sample(
            len in 0usize..60, classes in 1usize..5, fraction in 0f64..=1.0, seed: u64,
        ) {
            let whole = dataset(len, pixel(), classes);
            let (rest, held_out) = whole.stratified_split(fraction, seed).unwrap();
            let mut pixels = [rest.images(), held_out.images()].concat();
            pixels.sort_unstable();
            prop_assert_eq!(&pixels, whole.images());
            prop_assert!(rest.images().is_sorted() && held_out.images().is_sorted());
            for (class, (&all, held_out)) in whole.class_counts().iter().zip(held_out.class_counts()).enumerate() {
                let exact = all as f64 * fraction;
                prop_assert!((held_out as f64 - exact).abs() <= 1.0, "class {class}: {held_out} for {exact}");
            }
        }
    }
}
