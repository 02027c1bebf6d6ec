//! Seeded shuffle → batches; the only scaling of pixels to `f32`.

use std::fmt;

use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use rayon::prelude::*;

use crate::{Augmentation, Augmenter, Dataset, Error, Result};

/// Images that a thread copies at least, and those that it changes at least: for fewer, another need not be woken.
const LEAST_COPIED: usize = 64;
const LEAST_CHANGED: usize = 4;

/// How a pixel becomes a number: `(pixel / 255 − mean) / std`.
///
/// The arithmetic is `f32` in just this order, as PyTorch's `ToTensor` and `Normalize` have it, so
/// that the same pixel gives the same bits.
///
/// ```
/// use mnist_io::Scaling;
///
/// let mut scaled = [0.0; 2];
/// Scaling::UNIT.scale_into(&[0, 255], &mut scaled);
/// assert_eq!(scaled, [0.0, 1.0]);
/// # Ok::<(), mnist_io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    mean: f32,
    std: f32,
}

impl Scaling {
    /// From 0 to 1: mean 0, standard deviation 1.
    pub const UNIT: Self = Self { mean: 0.0, std: 1.0 };

    /// Mean 0.1307 and standard deviation 0.3081, those of MNIST's training images, which so become
    /// 0 and 1.
    pub const MNIST: Self = Self {
        mean: 0.1307,
        std: 0.3081,
    };

    /// A scaling by this mean and standard deviation, both of pixels from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Scaling`] if some pixel would not become a finite number.
    pub fn new(mean: f32, std: f32) -> Result<Self> {
        let scaling = Self { mean, std };
        if std > 0.0 && std.is_finite() && scaling.table().iter().all(|value| value.is_finite()) {
            Ok(scaling)
        } else {
            Err(Error::Scaling { mean, std })
        }
    }

    /// What is taken off first.
    pub const fn mean(&self) -> f32 {
        self.mean
    }

    /// What the rest is divided by.
    pub const fn std(&self) -> f32 {
        self.std
    }

    /// Scales pixels into as many numbers.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn scale_into(&self, pixels: &[u8], scaled: &mut [f32]) {
        scale_by_table(&self.table(), pixels, scaled);
    }

    /// The number for each pixel.
    fn table(&self) -> [f32; 256] {
        std::array::from_fn(|pixel| (pixel as f32 / 255.0 - self.mean) / self.std)
    }
}

fn scale_by_table(table: &[f32; 256], pixels: &[u8], scaled: &mut [f32]) {
    assert_eq!(pixels.len(), scaled.len(), "as many numbers as pixels");
    for (&pixel, scaled) in pixels.iter().zip(scaled) {
        *scaled = table[usize::from(pixel)];
    }
}

/// Hands out a data set in batches, epoch after epoch.
///
/// A batch is filled by the threads of the rayon pool that the call is made in, and is the same
/// whatever their number. Filling it and starting an epoch allocate nothing.
///
/// ```
/// use mnist_io::{Batches, Dataset, Scaling};
///
/// let dataset = Dataset::new(vec![0, 51, 102, 153, 255], vec![0, 1, 2, 3, 4], 1, 1)?;
/// let mut batches = Batches::new(&dataset, 2, 42, Scaling::UNIT)?;
/// let mut images = vec![0.0; batches.batch_size() * dataset.pixels()];
/// let mut labels = vec![0; batches.batch_size()];
///
/// for epoch in 0..3 {
///     batches.start_epoch(epoch);
///     let mut seen = 0;
///     loop {
///         let count = batches.next_into(&mut images, &mut labels);
///         if count == 0 {
///             break;
///         }
///         // Learn from images[..count * dataset.pixels()] and labels[..count].
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
    /// The number for each pixel.
    table: [f32; 256],
    /// What fills batches: one for each thread.
    fillers: Vec<Filler>,
    /// What shuffles; none keeps the samples in their order.
    shuffler: Option<ChaCha8Rng>,
    epoch: u64,
    /// The indices of the epoch's samples, in its order.
    order: Vec<usize>,
    /// How many of them have been handed out.
    done: usize,
}

/// Fills a part of a batch.
#[derive(Default)]
struct Filler {
    /// None where images are left as they are.
    augmenter: Option<Augmenter>,
    /// One augmented image.
    image: Vec<u8>,
}

impl<'a> Batches<'a> {
    /// Batches in a new random order each epoch, ready to give out epoch 0.
    ///
    /// A `batch_size` above the number of samples is the same as that number.
    ///
    /// # Errors
    /// [`Error::BatchSize`] if it is 0.
    pub fn new(dataset: &'a Dataset, batch_size: usize, seed: u64, scaling: Scaling) -> Result<Self> {
        let mut batches = Self::in_order(dataset, batch_size, scaling)?;
        batches.seed = seed;
        batches.shuffler = Some(ChaCha8Rng::seed_from_u64(seed));
        batches.start_epoch(0);
        Ok(batches)
    }

    /// Batches in the data set's order in every epoch, for evaluation.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn in_order(dataset: &'a Dataset, batch_size: usize, scaling: Scaling) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::BatchSize);
        }
        Ok(Self {
            dataset,
            batch_size: batch_size.min(dataset.len().max(1)),
            seed: 0,
            table: scaling.table(),
            fillers: (0..rayon::current_num_threads()).map(|_| Filler::default()).collect(),
            shuffler: None,
            epoch: 0,
            order: (0..dataset.len()).collect(),
            done: 0,
        })
    }

    /// Changes every image by random amounts, other ones each epoch, before it is scaled.
    ///
    /// The amounts are decided by the seed (0 for [`in_order`](Self::in_order)), the epoch and the
    /// sample's index in the data set.
    ///
    /// # Errors
    /// If a setting is out of its range, or the images are too large ([`Augmenter::new`]).
    pub fn with_augmentation(mut self, augmentation: Augmentation) -> Result<Self> {
        let (height, width) = (self.dataset.height(), self.dataset.width());
        let changes = augmentation != Augmentation::none();
        for filler in &mut self.fillers {
            let augmenter = Augmenter::new(augmentation.clone(), height, width, self.seed)?;
            filler.augmenter = changes.then_some(augmenter);
            filler.image = vec![0; self.dataset.pixels()];
        }
        Ok(self)
    }

    /// Starts an epoch from its first batch.
    ///
    /// The order is decided by the seed and `epoch` alone, whatever came before, so that training
    /// resumed at an epoch sees what uninterrupted training would have seen.
    pub fn start_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.done = 0;
        let Some(shuffler) = &mut self.shuffler else {
            return;
        };
        for (index, sample) in self.order.iter_mut().enumerate() {
            *sample = index;
        }
        shuffler.set_stream(epoch);
        self.order.shuffle(shuffler);
    }

    /// Fills in the epoch's next samples and says how many: as many as a batch has, fewer in the
    /// last batch, 0 when the epoch is over.
    ///
    /// `images` is `[batch, 1, height, width]`, `labels` is `[batch]`; what lies behind the samples
    /// filled in is left as it was.
    ///
    /// # Panics
    /// If the samples do not fit.
    pub fn next_into(&mut self, images: &mut [f32], labels: &mut [usize]) -> usize {
        let pixels = self.dataset.pixels();
        let samples = &self.order[self.done..];
        let samples = &samples[..self.batch_size.min(samples.len())];
        let count = samples.len();
        assert!(
            images.len() >= count * pixels && labels.len() >= count,
            "room for {} pixels and {} labels, needed for {count} samples of {pixels} pixels",
            images.len(),
            labels.len(),
        );
        let least = if self.fillers[0].augmenter.is_some() {
            LEAST_CHANGED
        } else {
            LEAST_COPIED
        };
        let part = count.div_ceil(self.fillers.len()).max(least);
        let (dataset, table, epoch) = (self.dataset, &self.table, self.epoch);
        self.fillers
            .par_iter_mut()
            .zip(samples.par_chunks(part))
            .zip(images.par_chunks_mut(part * pixels).zip(labels.par_chunks_mut(part)))
            .for_each(|((filler, samples), (images, labels))| {
                for ((&index, scaled), label) in samples.iter().zip(images.chunks_exact_mut(pixels)).zip(labels) {
                    let (image, class) = filler.sample(dataset, epoch, index);
                    scale_by_table(table, image, scaled);
                    *label = usize::from(class);
                }
            });
        self.done += count;
        count
    }

    /// The samples of every batch but the last, which may have fewer.
    pub const fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The batches of an epoch, the last and perhaps smaller one included.
    pub const fn batches_per_epoch(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    /// The samples that are handed out.
    pub const fn dataset(&self) -> &'a Dataset {
        self.dataset
    }
}

impl fmt::Debug for Batches<'_> {
    /// What is handed out and how far it has come; the order may be of millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, epoch, done) = (self.batch_size, self.epoch, self.done);
        write!(f, "Batches({:?} by {size}, epoch {epoch}, {done} done)", self.dataset)
    }
}

impl Filler {
    /// A sample's image and class, as they are in this epoch.
    fn sample<'a>(&'a mut self, dataset: &'a Dataset, epoch: u64, index: usize) -> (&'a [u8], u8) {
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

    /// Every image is full of its index, so that a sample is known by its pixels.
    fn dataset(len: usize, height: usize, width: usize) -> Dataset {
        let images = (0..len).flat_map(|i| vec![i as u8; height * width]);
        let labels = (0..len).map(|i| (i % 10) as u8).collect();
        Dataset::new(images.collect(), labels, height, width).unwrap()
    }

    /// One epoch's samples: each one's label and scaled pixels, bits and all.
    fn epoch(batches: &mut Batches<'_>) -> Vec<(usize, Vec<u32>)> {
        let pixels = batches.dataset().pixels();
        let mut images = vec![0.0; batches.batch_size() * pixels];
        let mut labels = vec![0; batches.batch_size()];
        let mut samples = Vec::new();
        loop {
            let count = batches.next_into(&mut images, &mut labels);
            if count == 0 {
                return samples;
            }
            for (label, image) in labels[..count].iter().zip(images.chunks_exact(pixels)) {
                samples.push((*label, image.iter().map(|value| value.to_bits()).collect()));
            }
        }
    }

    #[test]
    fn scaling_is_the_formula_in_f32() {
        for (mean, std) in [(0.0, 1.0), (0.1307, 0.3081), (-3.0, 0.01)] {
            let scaling = Scaling::new(mean, std).unwrap();
            let pixels: Vec<u8> = (0..=255).collect();
            let mut scaled = [f32::NAN; 256];
            scaling.scale_into(&pixels, &mut scaled);
            for (pixel, scaled) in pixels.into_iter().zip(scaled) {
                assert_eq!(scaled, (f32::from(pixel) / 255.0 - mean) / std);
            }
        }
        assert_eq!(Scaling::new(0.1307, 0.3081).unwrap(), Scaling::MNIST);
        Scaling::UNIT.scale_into(&[], &mut []);
    }

    #[test]
    fn a_scaling_that_gives_no_numbers_is_refused() {
        for (mean, std) in [
            (f32::NAN, 1.0),
            (f32::INFINITY, 1.0),
            (0.0, 0.0),
            (0.0, -1.0),
            (0.0, f32::NAN),
            (0.0, f32::INFINITY),
            (0.0, 1e-45),
        ] {
            let error = Scaling::new(mean, std).unwrap_err();
            assert!(matches!(error, Error::Scaling { .. }), "{error:?}");
        }
    }

    #[test]
    #[should_panic(expected = "as many numbers as pixels")]
    fn scaling_into_another_length_panics() {
        Scaling::UNIT.scale_into(&[1, 2], &mut [0.0]);
    }

    #[test]
    fn a_batch_of_none_is_refused() {
        let dataset = dataset(3, 1, 1);
        for batches in [
            Batches::new(&dataset, 0, 0, Scaling::UNIT),
            Batches::in_order(&dataset, 0, Scaling::UNIT),
        ] {
            assert!(matches!(batches.unwrap_err(), Error::BatchSize));
        }
    }

    #[test]
    fn a_batch_larger_than_the_data_is_the_data() {
        let dataset = dataset(3, 1, 1);
        let batches = Batches::new(&dataset, usize::MAX, 0, Scaling::UNIT).unwrap();
        assert_eq!(batches.batch_size(), 3);
        assert_eq!(batches.batches_per_epoch(), 1);
    }

    #[test]
    fn no_samples_are_no_batches() {
        let dataset = dataset(0, 28, 28);
        let batches = Batches::new(&dataset, 64, 0, Scaling::MNIST).unwrap();
        let mut batches = batches.with_augmentation(Augmentation::default()).unwrap();
        assert_eq!(batches.batches_per_epoch(), 0);
        assert_eq!(batches.next_into(&mut [], &mut []), 0);
    }

    #[test]
    #[should_panic(expected = "needed for 2 samples")]
    fn a_batch_that_does_not_fit_panics() {
        let dataset = dataset(3, 2, 2);
        let mut batches = Batches::in_order(&dataset, 2, Scaling::UNIT).unwrap();
        batches.next_into(&mut [0.0; 8], &mut [0; 1]);
    }

    #[test]
    fn what_lies_behind_the_last_batch_is_left_alone() {
        let dataset = dataset(3, 1, 2);
        let mut batches = Batches::in_order(&dataset, 2, Scaling::UNIT).unwrap();
        let (mut images, mut labels) = ([7.0; 6], [77; 3]);
        assert_eq!(batches.next_into(&mut images, &mut labels), 2);
        assert_eq!((images[4..].to_vec(), labels[2]), (vec![7.0; 2], 77));
        assert_eq!(batches.next_into(&mut images, &mut labels), 1);
        assert_eq!((images[2], labels[1]), (1.0 / 255.0, 1));
        assert_eq!(batches.next_into(&mut images, &mut labels), 0);
        assert_eq!(batches.next_into(&mut images, &mut labels), 0);
    }

    #[test]
    fn seed_and_epoch_alone_decide_the_order() {
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
            assert!(epochs[..i].iter().all(|two| one != two), "epoch {i} again");
        }

        let mut resumed = batches(1, 16);
        assert_eq!(epoch(&mut resumed), epochs[0]);
        resumed.start_epoch(1);
        resumed.next_into(&mut [0.0; 16], &mut [0; 16]);
        resumed.start_epoch(3);
        assert_eq!(epoch(&mut resumed), epochs[3]);
        assert_eq!(epoch(&mut batches(1, 7)), epochs[0]);
        assert_ne!(epoch(&mut batches(2, 16)), epochs[0]);
    }

    #[test]
    fn augmentation_depends_on_the_sample_and_the_epoch_not_on_the_order() {
        let images: Vec<u8> = (0..20 * 64).map(|i| (i * 7 % 256) as u8).collect();
        let dataset = Dataset::new(images, vec![3; 20], 8, 8).unwrap();
        let batches = Batches::new(&dataset, 6, 9, Scaling::MNIST).unwrap();
        let mut augmented = batches.with_augmentation(Augmentation::default()).unwrap();
        let first = epoch(&mut augmented);

        let mut augmenter = Augmenter::new(Augmentation::default(), 8, 8, 9).unwrap();
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
    fn batches_are_the_same_for_any_number_of_threads() {
        let images: Vec<u8> = (0..300 * 64).map(|i| (i * 7 % 256) as u8).collect();
        let labels = (0..300).map(|i| (i % 10) as u8).collect();
        let dataset = Dataset::new(images, labels, 8, 8).unwrap();
        let epochs = |threads, size, augmentation: Augmentation| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let batches = Batches::new(&dataset, size, 9, Scaling::MNIST).unwrap();
                epoch(&mut batches.with_augmentation(augmentation).unwrap())
            })
        };
        for augmentation in [Augmentation::none(), Augmentation::default().strangers(0.2)] {
            let expected = epochs(1, 300, augmentation.clone());
            assert_eq!(expected.len(), 300);
            for (threads, size) in [(1, 7), (2, 1), (2, 150), (3, 299), (8, 300), (8, 29)] {
                let found = epochs(threads, size, augmentation.clone());
                assert_eq!(found, expected, "{threads} threads, batches of {size}");
            }
        }
    }

    #[test]
    fn batches_may_be_filled_by_another_pool() {
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
        fn an_epoch_gives_every_sample_once(
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
                if batches.shuffler.is_some() {
                    found.sort_by_key(|(_, image)| f32::from_bits(image[0]).to_bits());
                }
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
