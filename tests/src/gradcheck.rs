//! Gradient check against central differences of the naive network in f64.

use std::{fmt, ops::Range};

use nn_core::{Gradients, Network, Tensor, gradients, loss::CrossEntropy};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng, seq::index};

use crate::{
    close::{Mismatch, Tolerance, assert_close, compare},
    data::{is_parameter, on_kernels},
    naive::{NaiveNetwork, Pass},
};

/// Number of a tensor's gradients that are checked one by one: all of a small tensor, a random sample of a large one. The
/// sum of all of them with random signs is checked too.
const COORDINATES: usize = 200;
/// Step to either side of a single parameter: its square and 2⁻⁵²/step are both far below f32's precision.
const STEP: f64 = 1e-5;
/// Steps along all parameters of a tensor; if one meets a kink, the next shorter one is tried.
const DIRECTION_STEPS: [f64; 4] = [1e-5, 1e-6, 1e-7, 1e-8];
/// Tolerance relative to the network's largest gradient, whose rounding errors affect small ones too.
const OF_LARGEST: f64 = 2e-6;
/// Tolerance relative to the value itself.
const OF_VALUE: f64 = 1e-5;
/// Tolerance of a sum with random signs, relative to the sum of the magnitudes and the largest gradient. Winograd
/// convolution has a few times the rounding error of direct convolution.
const OF_SUM: f64 = 4e-6;
/// At most one in this many parameters may lie at a kink, where there is no gradient to compare with.
const ONE_SKIPPED_IN: usize = 50;

/// The expected gradients of a network's loss, by central differences.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The mean loss of the batch.
    pub loss: f64,
    /// Number of gradients that are skipped because a kink is near.
    pub skipped: usize,
    /// The parameters, for their names and shapes.
    tensors: Vec<Tensor>,
    singles: Vec<Single>,
    /// One for each tensor.
    sums: Vec<SignedSum>,
}

/// The gradient of one parameter.
#[derive(Clone, Copy, Debug)]
struct Single {
    tensor: usize,
    index: usize,
    slope: f64,
}

/// The sum of a tensor's gradients with random signs, which reveals one wrong value among many.
#[derive(Clone, Debug)]
struct SignedSum {
    signs: Vec<f64>,
    slope: f64,
}

/// Checks the loss and all gradients of `nn_core::gradients` for a batch, on each kernel.
///
/// # Panics
/// If something is wrong.
#[track_caller]
pub fn assert_gradients(what: impl fmt::Display, network: &Network, inputs: &[f32], targets: &[usize]) {
    match Reference::new(network, inputs, targets) {
        Ok(reference) => reference.assert_on_kernels(what, network, inputs, targets),
        Err(problem) => panic!("{what}: {problem}"),
    }
}

impl Reference {
    /// Computes central differences of a batch's mean loss.
    ///
    /// # Errors
    /// If too many parameters lie at a kink for a meaningful check.
    pub fn new(network: &Network, inputs: &[f32], targets: &[usize]) -> Result<Self, String> {
        let tensors = network.tensors();
        let naive = NaiveNetwork::new(network.spec(), &tensors);
        let (loss, base) = naive.loss(inputs, targets);
        let mut differences = Differences {
            network: naive,
            inputs,
            targets,
            base,
        };
        let (mut singles, mut skipped) = (Vec::new(), 0);
        let mut sums = Vec::new();
        let mut start = 0;
        let with_ranges = tensors.iter().map(|tensor| {
            let range = start..start + tensor.values.len();
            start = range.end;
            (tensor.clone(), range)
        });
        let (tensors, ranges): (Vec<_>, Vec<_>) = with_ranges.filter(|(tensor, _)| is_parameter(tensor)).unzip();
        for (tensor, (Tensor { name, values, .. }, range)) in tensors.iter().zip(ranges).enumerate() {
            for index in coordinates(values.len()) {
                let at = range.start + index;
                match differences.along(at..at + 1, &[1.0], STEP) {
                    Some(slope) => singles.push(Single { tensor, index, slope }),
                    None => skipped += 1,
                }
            }
            let signs = random_signs(tensor as u64, values.len());
            let mut steps = DIRECTION_STEPS.iter();
            let slope = steps.find_map(|&step| differences.along(range.clone(), &signs, step));
            let slope = slope.ok_or_else(|| format!("the parameters {name} lie at a kink"))?;
            sums.push(SignedSum { signs, slope });
        }
        if skipped * ONE_SKIPPED_IN > singles.len() {
            return Err(format!(
                "too many kinks: {skipped} gradients cannot be checked, {} can",
                singles.len()
            ));
        }
        Ok(Self {
            loss,
            skipped,
            tensors,
            singles,
            sums,
        })
    }

    /// [`assert_gradients`] with this reference, which has to be of the same batch.
    ///
    /// # Panics
    /// If something is wrong.
    #[track_caller]
    pub fn assert_on_kernels(&self, what: impl fmt::Display, network: &Network, inputs: &[f32], targets: &[usize]) {
        for (kernel, network) in on_kernels(network) {
            let what = format!("{what}, {kernel}");
            let outcome = gradients(&network, inputs, targets, &CrossEntropy::new());
            let Gradients { loss, tensors, .. } = outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
            if loss != 0.0 || self.loss != 0.0 {
                // Winograd convolution has a few times the rounding error of direct convolution.
                let tolerance = Tolerance::new(1e-7, 5e-6);
                assert_close(format!("{what}: loss"), &[loss], &[self.loss], tolerance);
            }
            if let Err(problem) = self.check(&tensors) {
                panic!("{what}: {problem}");
            }
        }
    }

    /// Number of gradients that are compared one by one.
    #[must_use]
    pub fn checked(&self) -> usize {
        self.singles.len()
    }

    /// Checks gradients, given as tensors named and shaped as the parameters.
    ///
    /// # Errors
    /// If a name or shape differs from the parameters', or a value is wrong or not finite.
    pub fn check(&self, gradients: &[Tensor]) -> Result<(), String> {
        let (actual, expected) = (signature(gradients), signature(&self.tensors));
        if actual != expected {
            return Err(format!("{actual:?} instead of {expected:?}"));
        }
        for Tensor { name, values, .. } in gradients {
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(format!("the gradient of {name}[{index}] is {}", values[index]));
            }
        }
        self.check_singles(gradients)?;
        self.check_sums(gradients)
    }

    fn check_singles(&self, gradients: &[Tensor]) -> Result<(), String> {
        let actual = self
            .singles
            .iter()
            .map(|single| gradients[single.tensor].values[single.index]);
        let actual: Vec<f32> = actual.collect();
        let expected: Vec<f64> = self.singles.iter().map(|single| single.slope).collect();
        let tolerance = Tolerance::new(OF_LARGEST * self.largest(), OF_VALUE);
        compare(&actual, &expected, tolerance).map_err(|mismatch| match mismatch {
            Mismatch::Values { index, .. } => {
                let Single { tensor, index, .. } = self.singles[index];
                format!("the gradient of {}[{index}]: {mismatch}", gradients[tensor].name)
            }
            mismatch => mismatch.to_string(),
        })
    }

    fn check_sums(&self, gradients: &[Tensor]) -> Result<(), String> {
        for (Tensor { name, values, .. }, SignedSum { signs, slope }) in gradients.iter().zip(&self.sums) {
            let values = values.iter().copied().map(f64::from);
            let magnitude: f64 = values.clone().map(f64::abs).sum();
            let actual: f64 = values.zip(signs).map(|(value, sign)| value * sign).sum();
            let difference = (actual - slope).abs();
            if difference.is_nan() || difference > OF_SUM * (magnitude + self.largest()) {
                return Err(format!(
                    "the gradients of {name}, summed with random signs, give {actual:e} instead of {slope:e}; their \
                     magnitudes give {magnitude:e}"
                ));
            }
        }
        Ok(())
    }

    fn largest(&self) -> f64 {
        self.singles
            .iter()
            .fold(0.0, |largest, single| largest.max(single.slope.abs()))
    }
}

/// Names, shapes and lengths, which gradients share with their parameters.
fn signature(tensors: &[Tensor]) -> Vec<(&str, &[usize], usize)> {
    let tensors = tensors.iter();
    tensors
        .map(|tensor| (&*tensor.name, &*tensor.shape, tensor.values.len()))
        .collect()
}

/// All of `0..len`, or a seeded sample that includes the first and the last.
fn coordinates(len: usize) -> Vec<usize> {
    if len <= COORDINATES {
        return (0..len).collect();
    }
    let mut generator = ChaCha8Rng::seed_from_u64(len as u64);
    let mut chosen = index::sample(&mut generator, len, COORDINATES).into_vec();
    chosen.extend([0, len - 1]);
    chosen
}

fn random_signs(seed: u64, len: usize) -> Vec<f64> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| if generator.random() { 1.0 } else { -1.0 }).collect()
}

/// Central differences of a network's loss.
struct Differences<'a> {
    network: NaiveNetwork,
    inputs: &'a [f32],
    targets: &'a [usize],
    base: Pass,
}

impl Differences<'_> {
    /// The slope of the loss as the parameters `range` move along `direction`, or `None` if a kink lies within a step to
    /// either side.
    fn along(&mut self, range: Range<usize>, direction: &[f64], step: f64) -> Option<f64> {
        let old = self.network.parameters[range.clone()].to_vec();
        let mut moved = |step: f64| {
            let parameters = &mut self.network.parameters[range.clone()];
            for ((parameter, old), direction) in parameters.iter_mut().zip(&old).zip(direction) {
                *parameter = old + step * direction;
            }
            let (loss, pass) = self.network.loss(self.inputs, self.targets);
            (pass.branches == self.base.branches).then_some(loss)
        };
        let (ahead, behind) = (moved(step), moved(-step));
        self.network.parameters[range].copy_from_slice(&old);
        Some((ahead? - behind?) / (2.0 * step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{batch, trained};

    const NETWORK: &str = "5 | dense 17 | relu | dense 17 | relu | dense 4";
    /// The network's tensors.
    const NAMES: [&str; 6] = ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"];

    /// A reference, and gradients that agree with it.
    fn reference_and_gradients(text: &str) -> (Reference, Vec<Tensor>) {
        let network = trained(text, 3);
        let (inputs, targets) = batch(&network, 4, 3);
        let reference = Reference::new(&network, &inputs, &targets).unwrap();
        let tensors = gradients(&network, &inputs, &targets, &CrossEntropy::new())
            .unwrap()
            .tensors;
        reference.check(&tensors).unwrap();
        (reference, tensors)
    }

    /// The given part of the largest gradient.
    fn error(tensors: &[Tensor], part: f32) -> f32 {
        let values = tensors.iter().flat_map(|tensor| &tensor.values);
        part * values.fold(0.0, |largest, value| value.abs().max(largest))
    }

    #[test]
    fn all_gradients_are_checked() {
        let (reference, _) = reference_and_gradients(NETWORK);
        assert_eq!(
            (reference.checked(), reference.skipped),
            (17 * 6 + 202 + 17 + 4 * 18, 0)
        );
        assert!(reference.loss > 0.1);
    }

    #[test]
    fn scaled_gradients_are_caught() {
        let (reference, correct) = reference_and_gradients(NETWORK);
        for factor in [0.0, 0.999, 1.001, 2.0, 3.0, -1.0] {
            let mut all = correct.clone();
            for (index, name) in NAMES.into_iter().enumerate() {
                let mut tensors = correct.clone();
                for tensors in [&mut tensors, &mut all] {
                    tensors[index].values.iter_mut().for_each(|value| *value *= factor);
                }
                let message = reference.check(&tensors).expect_err("scaled");
                assert!(message.contains(name), "{name} times {factor}: {message}");
            }
            assert!(reference.check(&all).is_err(), "all times {factor}");
        }
    }

    #[test]
    fn one_wrong_value_is_caught() {
        let (reference, correct) = reference_and_gradients(NETWORK);
        for index in 0..NAMES.len() {
            for value in 0..4 {
                for part in [1e-3, -1e-3, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut tensors = correct.clone();
                    tensors[index].values[value] += error(&correct, part);
                    let message = reference.check(&tensors).expect_err("one wrong value");
                    assert!(message.contains(NAMES[index]), "[{value}], {part}: {message}");
                }
            }
        }
    }

    #[test]
    fn one_wrong_sign_is_caught() {
        let (reference, mut tensors) = reference_and_gradients(NETWORK);
        let smallest = error(&tensors, 1e-3);
        let value = tensors[2].values.iter_mut().find(|value| value.abs() > smallest);
        *value.unwrap() *= -1.0;
        assert!(reference.check(&tensors).is_err());
    }

    #[test]
    fn one_wrong_value_among_thousands_is_caught() {
        let (reference, mut tensors) = reference_and_gradients("300 | dense 33 | relu | dense 4");
        let chosen = coordinates(300 * 33);
        assert!(chosen.contains(&0) && chosen.contains(&(300 * 33 - 1)));
        let missed = (0..300 * 33).find(|index| !chosen.contains(index)).unwrap();
        tensors[0].values[missed] += error(&tensors, 0.5);
        assert!(reference.check(&tensors).unwrap_err().contains("random signs"));
    }

    #[test]
    fn wrong_order_and_shape_are_caught() {
        let (reference, correct) = reference_and_gradients(NETWORK);
        let changes: [fn(&mut Vec<Tensor>); 6] = [
            |tensors| tensors.swap(0, 2),
            |tensors| tensors.truncate(5),
            |tensors| tensors[0].shape.reverse(),
            |tensors| tensors[0].values.truncate(1),
            |tensors| tensors[0].name = "1.weight".to_owned(),
            |tensors| tensors[2].values = transposed(&tensors[2].values, 17),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut tensors = correct.clone();
            change(&mut tensors);
            assert!(reference.check(&tensors).is_err(), "change {index}");
        }
    }

    fn transposed(values: &[f32], side: usize) -> Vec<f32> {
        (0..side * side)
            .map(|at| values[at % side * side + at / side])
            .collect()
    }

    /// Reference of `1 | dense UNITS | relu | dense 2`, whose first ReLU gets the input 1e-6.
    fn at_a_kink(units: usize) -> Result<Reference, String> {
        let mut network = trained(&format!("1 | dense {units} | relu | dense 2"), 8);
        let mut tensors = network.tensors();
        (tensors[0].values[0], tensors[1].values[0]) = (1.0, 1e-6 - 1.0);
        network.set_tensors(&tensors).unwrap();
        Reference::new(&network, &[1.0], &[1])
    }

    #[test]
    fn kinks_are_skipped_and_too_many_are_refused() {
        // The weight and bias of the first unit.
        assert_eq!(at_a_kink(60).unwrap().skipped, 2);
        assert!(at_a_kink(3).unwrap_err().contains("too many kinks"));
    }
}
