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
