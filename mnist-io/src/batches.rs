//! Batches of a data set: seeded shuffle, augmentation and scaling, on several threads.

use std::{fmt, sync::Arc};

use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use rayon::prelude::*;

use crate::{
    augment::{Augmentation, Augmenter},
    dataset::Dataset,
    error::{Error, Result},
    scaling::{Scaling, ScalingTable},
};

/// Minimum number of images per thread without augmentation; for fewer, waking another thread costs more than it saves.
const MIN_PLAIN_PER_THREAD: usize = 64;

/// Minimum number of images per thread with augmentation.
const MIN_AUGMENTED_PER_THREAD: usize = 4;

/// Shuffled, augmented and scaled batches of a data set, like those of a PyTorch `DataLoader`.
///
/// Batches are written to buffers of the caller. The threads of the current rayon pool share the work; the result does
/// not depend on their number. [`next_batch`](Self::next_batch) and [`start_epoch`](Self::start_epoch) do not allocate.
///
/// With the feature `nn-core`, batches are a data source for training (`nn_core::Source`).
///
/// ```
/// use mnist_io::{Batches, Dataset, ImageShape, Scaling};
///
/// let dataset = Dataset::new(vec![0, 51, 102, 153, 255], vec![0, 1, 2, 3, 4], ImageShape::gray(1, 1)?)?;
/// let mut batches = Batches::new(&dataset, 2, 42, Scaling::UNIT)?;
/// let mut images = vec![0.0; batches.batch_size() * dataset.shape().len()];
/// let mut labels = vec![0; batches.batch_size()];
///
/// for epoch in 0..3 {
///     batches.start_epoch(epoch);
///     let mut seen = 0;
///     loop {
///         let count = batches.next_batch(&mut images, &mut labels);
///         if count == 0 {
///             break;
///         }
///         // Train on images[..count * dataset.shape().len()] and labels[..count].
///         seen += count;
///     }
///     assert_eq!(seen, 5);
/// }
/// # Ok::<(), mnist_io::Error>(())
/// ```
pub struct Batches<'a> {
    dataset: &'a Dataset,
    batch_size: usize,
    seed: u64,
    scaling: ScalingTable,
    /// One for each thread.
    loaders: Vec<Loader>,
    /// The generator of the shuffle, or `None` for the order of the data set.
    shuffle_rng: Option<ChaCha8Rng>,
    epoch: u64,
    /// Sample indices in the order of the epoch.
    order: Vec<usize>,
    /// Number of samples of the epoch already returned.
    cursor: usize,
    drops_last: bool,
}

/// Buffers of one thread for loading its part of a batch.
#[derive(Default)]
struct Loader {
    /// `None` without augmentation.
    augmenter: Option<Augmenter>,
    /// The augmented image.
    image: Vec<u8>,
}

impl<'a> Batches<'a> {
    /// Creates batches that are reshuffled every epoch, at the start of epoch 0.
    ///
    /// `batch_size` is limited to the number of samples.
    ///
    /// # Errors
    /// [`Error::BatchSize`] if `batch_size` is 0.
    pub fn new(dataset: &'a Dataset, batch_size: usize, seed: u64, scaling: Scaling) -> Result<Self> {
        let mut batches = Self::in_order(dataset, batch_size, scaling)?;
        batches.seed = seed;
        batches.shuffle_rng = Some(ChaCha8Rng::seed_from_u64(seed));
        batches.start_epoch(0);
        Ok(batches)
    }

    /// Creates batches in the order of the data set, for evaluation.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn in_order(dataset: &'a Dataset, batch_size: usize, scaling: Scaling) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::BatchSize);
        }
        Ok(Self {
            dataset,
            batch_size: batch_size.min(dataset.len().max(1)),
            seed: 0,
            scaling: scaling.table(),
            loaders: (0..rayon::current_num_threads()).map(|_| Loader::default()).collect(),
            shuffle_rng: None,
            epoch: 0,
            order: (0..dataset.len()).collect(),
            cursor: 0,
            drops_last: false,
        })
    }

    /// Adds random augmentation of the images before scaling, different in every epoch.
    ///
    /// Digit styles and distractors are left out unless the classes are digits ([`Dataset::is_digits`]). The
    /// augmentation of a sample depends only on the seed (0 for [`in_order`](Self::in_order)), the epoch and the
    /// index of the sample in the data set.
    ///
    /// # Errors
    /// As for [`Augmenter::new`].
    pub fn with_augmentation(mut self, augmentation: Augmentation) -> Result<Self> {
        let shape = self.dataset.shape();
        // Settings out of range are errors, whether they are used or not.
        augmentation.check()?;
        let augmentation = if self.dataset.is_digits() {
            augmentation
        } else {
            augmentation.for_any_class()
        };
        let is_augmented = augmentation != Augmentation::none();
        for loader in &mut self.loaders {
            let augmenter = Augmenter::new(augmentation.clone(), shape, self.seed)?;
            loader.augmenter = is_augmented.then_some(augmenter);
            loader.image = vec![0; shape.len()];
        }
        Ok(self)
    }

    /// Takes most distractors of the augmentation from these images, whatever their labels; call it after
    /// [`with_augmentation`](Self::with_augmentation).
    ///
    /// # Errors
    /// [`Error::DistractorShape`] if they have another shape than the samples.
    pub fn with_distractors(mut self, images: &Dataset) -> Result<Self> {
        if images.shape() != self.dataset.shape() {
            return Err(Error::DistractorShape {
                train: self.dataset.shape().to_string(),
                distractors: images.shape().to_string(),
            });
        }
        let pixels: Arc<[u8]> = images.images().into();
        for loader in &mut self.loaders {
            let augmenter = loader.augmenter.take();
            loader.augmenter = augmenter.map(|augmenter| augmenter.with_distractor_images(Arc::clone(&pixels)));
        }
        Ok(self)
    }

    /// Leaves out the last samples of an epoch if they do not fill a batch, as PyTorch's `drop_last=True`.
    #[must_use]
    pub const fn drop_last(mut self) -> Self {
        self.drops_last = true;
        self
    }

    /// Starts an epoch at its first batch.
    ///
    /// The order of the samples depends only on the seed and on `epoch`, so training can be resumed at any epoch.
    pub fn start_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.cursor = 0;
        let Some(rng) = &mut self.shuffle_rng else {
            return;
        };
        for (index, sample) in self.order.iter_mut().enumerate() {
            *sample = index;
        }
        rng.set_stream(epoch);
        self.order.shuffle(rng);
    }

    /// Writes the next batch and returns its number of samples.
    ///
    /// The last batch of an epoch may be smaller; 0 is the end of the epoch. `images` is `[batch, channels, height, width]`
    /// and `labels` is `[batch]`; elements beyond the returned number of samples are left unchanged.
    ///
    /// # Panics
    /// If a slice is too short for the batch.
    pub fn next_batch(&mut self, images: &mut [f32], labels: &mut [usize]) -> usize {
        let pixels = self.dataset.shape().len();
        let samples = &self.order[self.cursor..];
        let count = match samples.len() {
            rest if rest < self.batch_size && self.drops_last => 0,
            rest => rest.min(self.batch_size),
        };
        let samples = &samples[..count];
        assert!(
            images.len() >= count * pixels && labels.len() >= count,
            "{} values and {} labels are too few for {count} samples of {pixels} values",
            images.len(),
            labels.len(),
        );
        let min_per_thread = if self.loaders[0].augmenter.is_some() {
            MIN_AUGMENTED_PER_THREAD
        } else {
            MIN_PLAIN_PER_THREAD
        };
        let per_thread = count.div_ceil(self.loaders.len()).max(min_per_thread);
        let (dataset, scaling, epoch) = (self.dataset, &self.scaling, self.epoch);
        self.loaders
            .par_iter_mut()
            .zip(samples.par_chunks(per_thread))
            .zip(
                images
                    .par_chunks_mut(per_thread * pixels)
                    .zip(labels.par_chunks_mut(per_thread)),
            )
            .for_each(|((loader, samples), (images, labels))| {
                for ((&index, scaled), label) in samples.iter().zip(images.chunks_exact_mut(pixels)).zip(labels) {
                    let (image, class) = loader.sample(dataset, epoch, index);
                    scaling.scale_into(image, scaled);
                    *label = class;
                }
            });
        self.cursor += count;
        count
    }

    /// Returns the number of samples of every batch except the last, which may be smaller.
    pub const fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Returns the number of batches of an epoch, including a smaller last one unless it is [dropped](Self::drop_last).
    pub const fn batches_per_epoch(&self) -> usize {
        if self.drops_last {
            self.order.len() / self.batch_size
        } else {
            self.order.len().div_ceil(self.batch_size)
        }
    }

    /// Whether a smaller last batch is left out.
    #[cfg(feature = "nn-core")]
    pub(crate) const fn drops_last(&self) -> bool {
        self.drops_last
    }

    /// The index in the data set of the `nth` sample of the epoch.
    #[cfg(feature = "nn-core")]
    pub(crate) fn sample_index(&self, nth: usize) -> Option<usize> {
        self.order.get(nth).copied()
    }

    /// Returns the data set.
    pub const fn dataset(&self) -> &'a Dataset {
        self.dataset
    }
}

impl fmt::Debug for Batches<'_> {
    /// Prints the data set, the batch size and the position, without the order of the samples.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dataset, size, epoch, cursor) = (self.dataset, self.batch_size, self.epoch, self.cursor);
        write!(
            f,
            "Batches({dataset:?}, batch size {size}, epoch {epoch}, sample {cursor})"
        )
    }
}

impl Loader {
    /// Returns image and class of a sample after augmentation.
    fn sample<'a>(&'a mut self, dataset: &'a Dataset, epoch: u64, index: usize) -> (&'a [u8], usize) {
        let (image, class) = (dataset.image(index), dataset.label(index));
        match &mut self.augmenter {
            None => (image, class),
            Some(augmenter) => {
                let class = augmenter.apply(epoch, index, class, image, &mut self.image);
                (&self.image, class)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::image_shape::ImageShape;

    fn gray(height: usize, width: usize) -> ImageShape {
        ImageShape::gray(height, width).unwrap()
    }

    /// Creates a data set in which every pixel of an image is the index of the image.
    fn dataset(len: usize, height: usize, width: usize) -> Dataset {
        let images = (0..len).flat_map(|i| vec![i as u8; height * width]);
        let labels = (0..len).map(|i| i % 10).collect();
        Dataset::new(images.collect(), labels, gray(height, width)).unwrap()
    }

    /// Returns label and bits of the scaled pixels of each sample of an epoch.
    fn epoch(batches: &mut Batches<'_>) -> Vec<(usize, Vec<u32>)> {
        let pixels = batches.dataset().shape().len();
        let mut images = vec![0.0; batches.batch_size() * pixels];
        let mut labels = vec![0; batches.batch_size()];
        let mut samples = Vec::new();
        loop {
            let count = batches.next_batch(&mut images, &mut labels);
            if count == 0 {
                return samples;
            }
            for (label, image) in labels[..count].iter().zip(images.chunks_exact(pixels)) {
                samples.push((*label, image.iter().map(|value| value.to_bits()).collect()));
            }
        }
    }

    #[test]
    fn batch_size_zero_is_an_error() {
        let dataset = dataset(3, 1, 1);
        for batches in [
            Batches::new(&dataset, 0, 0, Scaling::UNIT),
            Batches::in_order(&dataset, 0, Scaling::UNIT),
        ] {
            assert!(matches!(batches.unwrap_err(), Error::BatchSize));
        }
    }

    #[test]
    fn batch_size_is_limited_to_the_number_of_samples() {
        let dataset = dataset(3, 1, 1);
        let batches = Batches::new(&dataset, usize::MAX, 0, Scaling::UNIT).unwrap();
        assert_eq!(batches.batch_size(), 3);
        assert_eq!(batches.batches_per_epoch(), 1);
    }

    #[test]
    fn empty_data_set_has_no_batches() {
        let dataset = dataset(0, 28, 28);
        let batches = Batches::new(&dataset, 64, 0, Scaling::MNIST).unwrap();
        let mut batches = batches.with_augmentation(Augmentation::default()).unwrap();
        assert_eq!(batches.batches_per_epoch(), 0);
        assert_eq!(batches.next_batch(&mut [], &mut []), 0);
    }

    #[test]
    #[should_panic(expected = "too few for 2 samples")]
    fn short_buffer_panics() {
        let dataset = dataset(3, 2, 2);
        let mut batches = Batches::in_order(&dataset, 2, Scaling::UNIT).unwrap();
        batches.next_batch(&mut [0.0; 8], &mut [0; 1]);
    }

    #[test]
    fn elements_beyond_the_batch_are_unchanged() {
        let dataset = dataset(3, 1, 2);
        let mut batches = Batches::in_order(&dataset, 2, Scaling::UNIT).unwrap();
        let (mut images, mut labels) = ([7.0; 6], [77; 3]);
        assert_eq!(batches.next_batch(&mut images, &mut labels), 2);
        assert_eq!((images[4..].to_vec(), labels[2]), (vec![7.0; 2], 77));
        assert_eq!(batches.next_batch(&mut images, &mut labels), 1);
        assert_eq!((images[2], labels[1]), (1.0 / 255.0, 1));
        assert_eq!(batches.next_batch(&mut images, &mut labels), 0);
        assert_eq!(batches.next_batch(&mut images, &mut labels), 0);
    }

    #[test]
    fn order_depends_only_on_seed_and_epoch() {
        let dataset = dataset(200, 1, 1);
        let batches = |seed, size| Batches::new(&dataset, size, seed, Scaling::UNIT).unwrap();
        let mut straight = batches(1, 16);
        let epochs: Vec<_> = (0..4)
            .map(|number| {
                straight.start_epoch(number);
                epoch(&mut straight)
            })
            .collect();
        for (i, one) in epochs.iter().enumerate() {
            assert!(
                epochs[..i].iter().all(|two| one != two),
                "epoch {i} repeats an earlier one"
            );
        }

        let mut resumed = batches(1, 16);
        assert_eq!(epoch(&mut resumed), epochs[0]);
        resumed.start_epoch(1);
        resumed.next_batch(&mut [0.0; 16], &mut [0; 16]);
        resumed.start_epoch(3);
        assert_eq!(epoch(&mut resumed), epochs[3]);
        assert_eq!(epoch(&mut batches(1, 7)), epochs[0]);
        assert_ne!(epoch(&mut batches(2, 16)), epochs[0]);
    }

    #[test]
    fn augmentation_depends_only_on_sample_and_epoch() {
        let images: Vec<u8> = (0..20 * 64).map(|i| (i * 7 % 256) as u8).collect();
        let dataset = Dataset::new(images, vec![3; 20], gray(8, 8)).unwrap();
        let batches = Batches::new(&dataset, 6, 9, Scaling::MNIST).unwrap();
        let mut augmented = batches.with_augmentation(Augmentation::default()).unwrap();
        let first = epoch(&mut augmented);

        let mut augmenter = Augmenter::new(Augmentation::default(), gray(8, 8), 9).unwrap();
        let (mut image, mut scaled) = ([0; 64], [0.0; 64]);
        let mut expected: Vec<Vec<u32>> = (0..20)
            .map(|index| {
                augmenter.apply(0, index, dataset.label(index), dataset.image(index), &mut image);
                Scaling::MNIST.scale_into(&image, &mut scaled);
                scaled.iter().map(|value| value.to_bits()).collect()
            })
            .collect();
        let mut found: Vec<Vec<u32>> = first.iter().map(|(_, image)| image.clone()).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);

        augmented.start_epoch(1);
        assert_ne!(epoch(&mut augmented), first);
        augmented.start_epoch(0);
        assert_eq!(epoch(&mut augmented), first);
        let mut plain = augmented.with_augmentation(Augmentation::none()).unwrap();
        plain.start_epoch(0);
        let mut unchanged = Batches::new(&dataset, 6, 9, Scaling::MNIST).unwrap();
        assert_eq!(epoch(&mut plain), epoch(&mut unchanged));
    }

    #[test]
    fn most_distractors_are_taken_from_images() {
        let digits = dataset(10, 28, 28);
        let images = Dataset::new(vec![200; 2 * 784], vec![0; 2], gray(28, 28)).unwrap();
        let taken = |distractors: f32| {
            let batches = Batches::new(&digits, 8, 1, Scaling::UNIT).unwrap();
            let batches = batches
                .with_augmentation(Augmentation::none().distractors(distractors))
                .unwrap();
            let mut batches = batches.with_distractors(&images).unwrap();
            let mut count = 0;
            for number in 0..50 {
                batches.start_epoch(number);
                let bright = (200.0_f32 / 255.0).to_bits();
                count += epoch(&mut batches)
                    .iter()
                    .filter(|(_, image)| image.iter().all(|&bits| bits == bright))
                    .count();
            }
            count
        };
        assert!((360..440).contains(&taken(1.0)), "of 500");
        assert_eq!(taken(0.0), 0);
        let other = dataset(3, 5, 5);
        let error = Batches::new(&digits, 8, 1, Scaling::UNIT)
            .unwrap()
            .with_distractors(&other)
            .unwrap_err();
        assert!(
            error.to_string().contains("28×28 pixels but distractors 5×5"),
            "{error}"
        );
    }

    #[test]
    fn only_digits_get_digit_styles_and_distractors() {
        let digits = dataset(40, 28, 28);
        let letters = digits.clone().with_class_names(('a'..='j').map(String::from)).unwrap();
        let for_digits = Augmentation::none().digit_styles(1.0).distractors(0.9);
        for (dataset, is_augmented) in [(&digits, true), (&letters, false)] {
            let plain = epoch(&mut Batches::new(dataset, 8, 1, Scaling::UNIT).unwrap());
            let batches = Batches::new(dataset, 8, 1, Scaling::UNIT).unwrap();
            let augmented = epoch(&mut batches.with_augmentation(for_digits.clone()).unwrap());
            assert_eq!(augmented != plain, is_augmented);
        }
        let batches = Batches::new(&letters, 8, 1, Scaling::UNIT).unwrap();
        let error = batches
            .with_augmentation(Augmentation::none().distractors(2.0))
            .unwrap_err();
        assert!(error.to_string().contains("distractors is 2"), "{error}");
    }

    #[test]
    fn channels_follow_each_other() {
        let shape = ImageShape::new(3, 1, 2).unwrap();
        let dataset = Dataset::new((0..12).map(|i| 51 * (i % 6)).collect(), vec![0, 1], shape).unwrap();
        let mut batches = Batches::in_order(&dataset, 2, Scaling::UNIT).unwrap();
        let mut images = [0.0; 12];
        assert_eq!(batches.next_batch(&mut images, &mut [0; 2]), 2);
        for (found, expected) in images.iter().zip([0.0, 0.2, 0.4, 0.6, 0.8, 1.0].repeat(2)) {
            assert!((found - expected).abs() < 1e-6, "{images:?}");
        }
    }

    #[test]
    fn batches_do_not_depend_on_the_number_of_threads() {
        let images: Vec<u8> = (0..300 * 64).map(|i| (i * 7 % 256) as u8).collect();
        let labels = (0..300).map(|i| i % 10).collect();
        let dataset = Dataset::new(images, labels, gray(8, 8)).unwrap();
        let epochs = |threads, size, augmentation: Augmentation| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let batches = Batches::new(&dataset, size, 9, Scaling::MNIST).unwrap();
                epoch(&mut batches.with_augmentation(augmentation).unwrap())
            })
        };
        for augmentation in [Augmentation::none(), Augmentation::default().distractors(0.2)] {
            let expected = epochs(1, 300, augmentation.clone());
            assert_eq!(expected.len(), 300);
            for (threads, size) in [(1, 7), (2, 1), (2, 150), (3, 299), (8, 300), (8, 29)] {
                let found = epochs(threads, size, augmentation.clone());
                assert_eq!(found, expected, "{threads} threads, batches of {size}");
            }
        }
    }

    #[test]
    fn batches_can_be_loaded_in_another_pool() {
        let dataset = dataset(200, 1, 1);
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (first, then) in [(1, 8), (8, 1)] {
            let mut batches = pool(first).install(|| Batches::new(&dataset, 200, 1, Scaling::UNIT).unwrap());
            let samples = pool(then).install(|| epoch(&mut batches));
            assert_eq!(samples.len(), 200);
        }
    }

    proptest! {
        #[test]
        fn every_epoch_contains_every_sample_once(
            len in 0usize..60,
            height in 1usize..4,
            width in 1usize..4,
            batch_size in 1usize..20,
            seed: u64,
            number: u64,
        ) {
            let dataset = dataset(len, height, width);
            let mut in_order = Batches::in_order(&dataset, batch_size, Scaling::UNIT).unwrap();
            let mut shuffled = Batches::new(&dataset, batch_size, seed, Scaling::UNIT).unwrap();
            let expected: Vec<_> = (0..len)
                .map(|i| (i % 10, vec![(i as f32 / 255.0).to_bits(); height * width]))
                .collect();
            prop_assert_eq!(shuffled.batches_per_epoch(), len.div_ceil(batch_size));
            for batches in [&mut in_order, &mut shuffled] {
                batches.start_epoch(number);
                let mut found = epoch(batches);
                if batches.shuffle_rng.is_some() {
                    found.sort_by_key(|(_, image)| f32::from_bits(image[0]).to_bits());
                }
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
