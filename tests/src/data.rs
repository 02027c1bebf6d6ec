//! Seeded values, targets, networks and batches, and a check of error messages.

use std::fmt;

use nn_core::{Kernel, Network, Tensor};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// Values uniform in -1..1.
#[must_use]
pub fn values(seed: u64, len: usize) -> Vec<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| generator.random::<f32>() * 2.0 - 1.0).collect()
}

/// Targets uniform in `0..classes`.
#[must_use]
pub fn targets(seed: u64, len: usize, classes: usize) -> Vec<usize> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| generator.random_range(0..classes)).collect()
}

/// A batch for a network: inputs in -1..1, and targets.
#[must_use]
pub fn batch(network: &Network, seed: u64, samples: usize) -> (Vec<f32>, Vec<usize>) {
    let spec = network.spec();
    (
        values(seed, samples * spec.input().len()),
        targets(seed + 1, samples, spec.outputs()),
    )
}

/// Sets most values to 0, like the background of digits: runs of random length, the same in most samples.
///
/// # Panics
/// If a sample has no values.
pub fn blank(seed: u64, inputs: &mut [f32], sample: usize) {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut is_blank = vec![true; sample];
    for (index, values) in inputs.chunks_exact_mut(sample).enumerate() {
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

/// A network from its text form.
///
/// # Panics
/// If the text is invalid.
#[must_use]
pub fn network(text: &str, seed: u64) -> Network {
    Network::new(text.parse().expect(text), seed).expect("the default kernel")
}

/// A network whose parameters are all nonzero and whose running statistics are not the initial ones: the initial biases
/// of 0 would hide mistakes with biases.
///
/// # Panics
/// If the text is invalid.
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

/// Whether a tensor holds parameters, not running statistics.
#[must_use]
pub fn is_parameter(tensor: &Tensor) -> bool {
    tensor.name.ends_with(".weight") || tensor.name.ends_with(".bias")
}

/// All parameters and running statistics in one vector.
#[must_use]
pub fn parameters(network: &Network) -> Vec<f32> {
    network.tensors().into_iter().flat_map(|tensor| tensor.values).collect()
}

/// The network with each kernel of this machine.
pub fn on_kernels(network: &Network) -> impl Iterator<Item = (Kernel, Network)> {
    Kernel::available().map(|kernel| (kernel, network.clone().with_kernel(kernel)))
}

/// Asserts that a result is an error, and that its message contains all these parts.
///
/// # Panics
/// If it is not an error, or a part is missing.
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
        assert!((0..3).all(|class| targets(4, 100, 3).contains(&class)));
    }

    #[test]
    fn a_trained_network_has_no_zero_tensor_values() {
        let network = trained("3x2x2 | dense 17 | relu | dense 4", 5);
        assert_eq!(parameters(&network).len(), network.parameter_count());
        assert!(parameters(&network).iter().all(|&value| value != 0.0));
    }

    #[test]
    fn a_missing_error_and_an_incomplete_message_are_found() {
        assert_error(Err::<(), _>("target 9 of sample 2"), &["target 9", "sample 2"]);
        assert!(std::panic::catch_unwind(|| assert_error(Ok::<_, String>(()), &[])).is_err());
        assert!(std::panic::catch_unwind(|| assert_error(Err::<(), _>("wrong"), &["target 9"])).is_err());
    }
}
