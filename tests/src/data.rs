//! Seeded values, labels, networks and batches, and the check of an error's message.

use std::fmt;

use nn_core::{Kernel, Network, Source, Tensor};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// Values uniform in -1..1.
#[must_use]
pub fn values(seed: u64, len: usize) -> Vec<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| generator.random::<f32>() * 2.0 - 1.0).collect()
}

/// Labels uniform in `0..classes`.
#[must_use]
pub fn labels(seed: u64, len: usize, classes: usize) -> Vec<usize> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| generator.random_range(0..classes)).collect()
}

/// A batch for a network: images of values in -1..1, and labels.
#[must_use]
pub fn batch(network: &Network, seed: u64, samples: usize) -> (Vec<f32>, Vec<usize>) {
    let spec = network.spec();
    (
        values(seed, samples * spec.input().len()),
        labels(seed + 1, samples, spec.outputs()),
    )
}

/// Sets most values to 0, as the paper around a digit is: stretches of random length, the same in most samples.
///
/// # Panics
/// If a sample has no values.
pub fn blank(seed: u64, images: &mut [f32], sample: usize) {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut is_blank = vec![true; sample];
    for (index, values) in images.chunks_exact_mut(sample).enumerate() {
        for index in 0..sample {
            if generator.random_ratio(1, 6) {
                is_blank[index] = generator.random_ratio(3, 4);
            } else if index > 0 {
                is_blank[index] = is_blank[index - 1];
            }
        }
        if index % 7 == 6 {
            is_blank.fill(true);
        }
        let blank = values.iter_mut().zip(&is_blank).filter(|(_, is_blank)| **is_blank);
        blank.for_each(|(value, _)| *value = 0.0);
    }
}

/// A network by its text form.
///
/// # Panics
/// If the text is none.
#[must_use]
pub fn network(text: &str, seed: u64) -> Network {
    Network::new(text.parse().expect(text), seed).expect("the default kernel")
}

/// A network in which no parameter is 0, and whose running statistics are those of no new network: new ones have
/// biases of 0, under which mistakes with biases hide.
///
/// # Panics
/// If the text is no network.
#[must_use]
pub fn trained(text: &str, seed: u64) -> Network {
    let mut network = network(text, seed);
    let mut tensors = network.tensors();
    for (index, tensor) in tensors.iter_mut().enumerate() {
        let noise = values(seed + index as u64, tensor.values.len());
        for (value, noise) in tensor.values.iter_mut().zip(noise) {
            *value += 0.1 * noise;
        }
        if tensor.name.ends_with("num_batches_tracked") {
            tensor.values = vec![3.0];
        }
    }
    network.set_tensors(&tensors).expect("its own tensors");
    network
}

/// Whether a tensor is one of parameters, and not of running statistics.
#[must_use]
pub fn is_parameter(tensor: &Tensor) -> bool {
    tensor.name.ends_with(".weight") || tensor.name.ends_with(".bias")
}

/// The parameters and running statistics, one behind the other.
#[must_use]
pub fn parameters(network: &Network) -> Vec<f32> {
    network.tensors().into_iter().flat_map(|tensor| tensor.values).collect()
}

/// Each kernel of this machine and what it makes of the network.
pub fn on_kernels(network: &Network) -> impl Iterator<Item = (Kernel, Network)> {
    Kernel::available().map(|kernel| (kernel, network.clone().with_kernel(kernel)))
}

/// Samples in memory as a [`Source`], in the same order in every epoch.
#[derive(Clone, Debug)]
pub struct Slices<'a> {
    images: &'a [f32],
    labels: &'a [usize],
    done: usize,
}

impl<'a> Slices<'a> {
    /// `images` has the same number of values for each of the labels.
    #[must_use]
    pub fn new(images: &'a [f32], labels: &'a [usize]) -> Self {
        Self {
            images,
            labels,
            done: 0,
        }
    }
}

impl Source for Slices<'_> {
    fn start_epoch(&mut self, _epoch: u64) {
        self.done = 0;
    }

    fn next_batch(&mut self, images: &mut [f32], labels: &mut [usize]) -> usize {
        let count = labels.len().min(self.labels.len() - self.done);
        let sample = self.images.len() / self.labels.len().max(1);
        let chosen = self.done..self.done + count;
        let values = &self.images[chosen.start * sample..chosen.end * sample];
        images[..values.len()].copy_from_slice(values);
        labels[..count].copy_from_slice(&self.labels[chosen]);
        self.done += count;
        count
    }
}

/// Asserts that something failed, and that the message has all these parts.
///
/// # Panics
/// If it did not, or one is missing.
#[track_caller]
pub fn assert_error<T, E: fmt::Display>(outcome: Result<T, E>, parts: &[&str]) {
    let Err(error) = outcome else {
        panic!("no error; expected one about {parts:?}")
    };
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in the message: {message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_seeded_and_in_range() {
        assert_eq!(values(1, 9), values(1, 9));
        assert_ne!(values(1, 9), values(2, 9));
        assert!(values(3, 1000).iter().all(|value| (-1.0..1.0).contains(value)));
        assert!((0..3).all(|class| labels(4, 100, 3).contains(&class)));
    }

    #[test]
    fn a_trained_network_has_no_zero_in_it() {
        let network = trained("3x2x2 | dense 17 | relu | dense 4", 5);
        assert_eq!(parameters(&network).len(), network.parameter_count());
        assert!(parameters(&network).iter().all(|&value| value != 0.0));
    }

    #[test]
    fn slices_bring_each_sample_once_an_epoch() {
        let mut source = Slices::new(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[7, 8, 9]);
        for epoch in 0..2 {
            source.start_epoch(epoch);
            let (mut images, mut labels) = ([0.0; 4], [0; 2]);
            assert_eq!(source.next_batch(&mut images, &mut labels), 2);
            assert_eq!((images, labels), ([0.0, 1.0, 2.0, 3.0], [7, 8]));
            assert_eq!(source.next_batch(&mut images, &mut labels), 1);
            assert_eq!((images, labels), ([4.0, 5.0, 2.0, 3.0], [9, 8]));
            assert_eq!(source.next_batch(&mut images, &mut labels), 0);
        }
    }

    #[test]
    fn a_missing_error_and_a_poor_message_are_found() {
        assert_error(Err::<(), _>("label 9 of sample 2"), &["label 9", "sample 2"]);
        assert!(std::panic::catch_unwind(|| assert_error(Ok::<_, String>(()), &[])).is_err());
        assert!(std::panic::catch_unwind(|| assert_error(Err::<(), _>("wrong"), &["label 9"])).is_err());
    }
}
