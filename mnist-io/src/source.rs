//! Batches as a data source of nn-core (feature `nn-core`).

use nn_core::Source;

use crate::batches::Batches;

impl Source for Batches<'_> {
    fn start_epoch(&mut self, epoch: u64) {
        Batches::start_epoch(self, epoch);
    }

    /// Writes images and labels as [`Batches::next_batch`].
    fn next_batch(&mut self, inputs: &mut [f32], targets: &mut [usize]) -> usize {
        Batches::next_batch(self, inputs, targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dataset::Dataset, image_shape::ImageShape, scaling::Scaling};

    fn batch_sizes(mut source: impl Source, epoch: u64) -> Vec<usize> {
        let (mut inputs, mut targets) = ([0.0; 12], [0; 3]);
        source.start_epoch(epoch);
        std::iter::from_fn(|| Some(source.next_batch(&mut inputs, &mut targets)).filter(|&count| count > 0)).collect()
    }

    #[test]
    fn source_gives_every_sample_of_an_epoch() {
        let dataset = Dataset::new(
            (0..28).collect(),
            vec![0, 1, 2, 3, 4, 5, 6],
            ImageShape::gray(2, 2).unwrap(),
        )
        .unwrap();
        let mut batches = Batches::new(&dataset, 3, 1, Scaling::UNIT).unwrap();
        batches.next_batch(&mut [0.0; 12], &mut [0; 3]);
        assert_eq!(batch_sizes(batches, 1), [3, 3, 1]);
    }
}
