//! Calibration: a temperature, fitted on held-out images and folded into the last layer.

use mnist_io::{Batches, Dataset, Scaling};
use nn_core::{LayerSpec, Network, Workspace};

use crate::{error::Error, training::data_split::EVALUATION_BATCH};

/// With fewer images, single misclassified ones have too much influence.
const MIN_IMAGES: usize = 500;
/// Range of temperatures. With hardly any misclassified image, ever lower temperatures would seem better.
const RANGE: (f64, f64) = (0.25, 4.0);
/// Steps of the search; each narrows the interval to 0.62 of its length.
const STEPS: usize = 40;

/// Divides the network's logits by the temperature that minimizes the cross-entropy of held-out images (Guo et al., "On
/// Calibration of Modern Neural Networks", 2017). That changes probabilities, but no predicted class.
///
/// Returns the temperature; `None` if the last layer is not dense or there are fewer than 500 images.
///
/// # Errors
///
/// If the network does not take such images.
pub fn calibrate(network: &mut Network, held_out: &Dataset, scaling: Scaling) -> Result<Option<f64>, Error> {
    if held_out.len() < MIN_IMAGES || !matches!(network.spec().layers().last(), Some(LayerSpec::Dense { .. })) {
        return Ok(None);
    }
    let temperature = fit(&logits(network, held_out, scaling)?, held_out.labels());
    fold(network, temperature)?;
    Ok(Some(temperature))
}

/// Logits `[images, classes]`.
fn logits(network: &Network, images: &Dataset, scaling: Scaling) -> Result<Vec<f32>, Error> {
    let mut samples = Batches::in_order(images, EVALUATION_BATCH, scaling)?;
    let mut workspace = Workspace::new(network, EVALUATION_BATCH)?;
    let (values, classes) = (images.shape().len(), network.spec().outputs());
    let mut inputs = vec![0.0; EVALUATION_BATCH * values];
    let mut targets = vec![0; EVALUATION_BATCH];
    let mut all = Vec::with_capacity(images.len() * classes);
    samples.start_epoch(0);
    while all.len() < images.len() * classes {
        let count = samples.next_batch(&mut inputs, &mut targets);
        all.extend_from_slice(network.forward(&inputs[..count * values], &mut workspace)?);
    }
    Ok(all)
}

/// The temperature of the least cross-entropy, by golden-section search over its logarithm, where there is one minimum.
fn fit(logits: &[f32], labels: &[usize]) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let loss = |log: f64| cross_entropy(logits, labels, log.exp());
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
    let inner = |low: f64, high: f64| [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
    for _ in 0..STEPS {
        let [left, right] = inner(low, high);
        if loss(left) < loss(right) {
            high = right;
        } else {
            low = left;
        }
    }
    ((low + high) / 2.0).exp()
}

/// Cross-entropy, summed over all images.
fn cross_entropy(logits: &[f32], labels: &[usize], temperature: f64) -> f64 {
    let of_image = |(logits, &label): (&[f32], &usize)| {
        let scaled = |logit: f32| f64::from(logit) / temperature;
        let max = logits.iter().copied().map(scaled).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|&logit| (scaled(logit) - max).exp()).sum();
        sum.ln() + max - scaled(logits[label])
    };
    let classes = logits.len() / labels.len().max(1);
    logits.chunks_exact(classes.max(1)).zip(labels).map(of_image).sum()
}

/// Divides the weights and the bias of the last layer by the temperature.
fn fold(network: &mut Network, temperature: f64) -> Result<(), Error> {
    let mut tensors = network.tensors();
    let last = format!("{}.", network.spec().layers().len() - 1);
    for tensor in tensors.iter_mut().filter(|tensor| tensor.name.starts_with(&last)) {
        for value in &mut tensor.values {
            *value = (f64::from(*value) / temperature) as f32;
        }
    }
    Ok(network.set_tensors(&tensors)?)
}

#[cfg(test)]
mod tests {
    use mnist_io::{Dataset, ImageShape};
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    use super::*;
    use crate::{recognition::model::DIGITS, training::data_split::SCALING};

    /// Logits and labels drawn from their probabilities at temperature 1.
    fn calibrated(count: usize) -> (Vec<f32>, Vec<usize>) {
        let mut generator = ChaCha8Rng::seed_from_u64(5);
        let logits: Vec<f32> = (0..count * DIGITS).map(|_| generator.random_range(-3.0..3.0)).collect();
        let mut label = |logits: &[f32]| {
            let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
            let mut rest = generator.random_range(0.0..sum);
            let of_rest = |logit: &f32| {
                rest -= logit.exp();
                rest < 0.0
            };
            logits.iter().position(of_rest).unwrap_or(DIGITS - 1)
        };
        let labels = logits.chunks_exact(DIGITS).map(&mut label).collect();
        (logits, labels)
    }

    #[test]
    fn the_temperature_is_recovered() {
        let (logits, labels) = calibrated(40_000);
        for temperature in [0.5, 1.0, 2.5] {
            let hot: Vec<f32> = logits.iter().map(|logit| logit * temperature).collect();
            let found = fit(&hot, &labels);
            assert!(
                (found / f64::from(temperature) - 1.0).abs() < 0.03,
                "{found} for {temperature}"
            );
        }
    }

    #[test]
    fn the_temperature_is_clamped_if_all_is_correct_or_wrong() {
        let logits: Vec<f32> = (0..1000).map(|i| if i % 10 == 3 { 5.0 } else { 0.0 }).collect();
        assert!((fit(&logits, &[3; 100]) - RANGE.0).abs() < 1e-3);
        assert!((fit(&logits, &[4; 100]) - RANGE.1).abs() < 1e-3);
    }

    fn images(count: usize) -> Dataset {
        let pixels = (0..count * 12).map(|i| (i * 37 % 256) as u8).collect();
        Dataset::new(
            pixels,
            (0..count).map(|i| i % 10).collect(),
            ImageShape::gray(3, 4).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn logits_are_divided_by_the_temperature() {
        let mut network = Network::new("12 | dense 20 | relu | dense 10".parse().unwrap(), 3).unwrap();
        let images = images(1234);
        let before = logits(&network, &images, SCALING).unwrap();
        assert_eq!(before.len(), 12_340);
        let temperature = calibrate(&mut network, &images, SCALING).unwrap().unwrap();
        let after = logits(&network, &images, SCALING).unwrap();
        for (before, after) in before.iter().zip(&after) {
            assert!((f64::from(*before) / temperature - f64::from(*after)).abs() < 1e-4);
        }
        assert!(cross_entropy(&after, images.labels(), 1.0) < cross_entropy(&before, images.labels(), 1.0));
    }

    #[test]
    fn without_a_last_dense_layer_or_enough_images_nothing_changes() {
        for (text, count) in [("12 | dense 10 | relu", 600), ("12 | dense 10", MIN_IMAGES - 1)] {
            let mut network = Network::new(text.parse().unwrap(), 3).unwrap();
            let before = network.tensors();
            assert_eq!(calibrate(&mut network, &images(count), SCALING).unwrap(), None);
            assert_eq!(network.tensors(), before);
        }
    }
}
