//! Layer normalization (Ba, Kiros and Hinton, 2016, "Layer Normalization"), over all values of a sample.
//!
//! `y = weight·x̂ + bias` with `x̂ = (x - mean) / √(variance + ε)`, where mean and variance are those of the sample.
//!
//! # Shapes
//! - `x`, `y`: `[batch, values]`
//! - `weight`, `bias`: `[values]`, in the order in which a sample is stored

use std::ops::Range;

use super::{Backward, Forward, GradientMethod, Layer, Layout, Parameters, TensorSpec};
use crate::{
    gemm::{Kernel, MatMut, NR, Vectorize},
    initialization::Initializer,
    shape::{HwcShape, Shape},
};

/// The `ε` of the formula, as in PyTorch.
pub(crate) const EPSILON: f64 = 1e-5;
/// Sums side by side, as SIMD vectors hold them.
const WIDTH: usize = 16;

/// Parameters: the weight, padded to whole panels, then the bias likewise.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    shape: Shape,
    /// Where the values of an image lie.
    layout: Layout,
}

/// Mean and standard deviation of a sample.
#[derive(Clone, Copy, Debug, Default)]
struct Statistics {
    /// The mean as a sum of two numbers: the deviations of values far from 0 need more digits of it than an f32 has.
    mean: [f32; 2],
    /// 1 over the standard deviation.
    inverse_deviation: f32,
}

/// Computes the statistics of a sample.
struct Measure<'a> {
    x: &'a [f32],
    statistics: &'a mut Statistics,
}

/// `y = weight·x̂ + bias`.
struct Normalize<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    statistics: Statistics,
}

/// `dweight += dy·x̂` and `dbias += dy`.
struct AddGradients<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    dweight: &'a mut [f32],
    dbias: &'a mut [f32],
    statistics: Statistics,
}

/// `dx = (g - mean(g) - x̂·mean(g·x̂)) / deviation` with `g = dy·weight`.
struct InputGradient<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    weight: &'a [f32],
    dx: &'a mut [f32],
    statistics: Statistics,
}

impl Statistics {
    /// What [`LayerNorm`] saves of a sample.
    const SAVED: usize = 3;

    fn save(self, saved: &mut [f32]) {
        let [high, low] = self.mean;
        saved.copy_from_slice(&[high, low, self.inverse_deviation]);
    }

    fn load(saved: &[f32]) -> Self {
        Self {
            mean: [saved[0], saved[1]],
            inverse_deviation: saved[2],
        }
    }

    /// `x̂`.
    #[inline(always)]
    fn normalize(self, x: f32) -> f32 {
        (x - self.mean[0] - self.mean[1]) * self.inverse_deviation
    }
}

/// `Σ (x - mean)^power` in f64, for the powers 1 and 2.
#[inline(always)]
fn sum_of_powers<const POWER: usize>(x: &[f32], mean: f64) -> f64 {
    let (blocks, rest) = x.as_chunks::<WIDTH>();
    let mut sums = [0.0; WIDTH];
    for block in blocks {
        add_powers::<POWER>(&mut sums, block, mean);
    }
    add_powers::<POWER>(&mut sums, rest, mean);
    sums.iter().sum()
}

#[inline(always)]
fn add_powers<const POWER: usize>(sums: &mut [f64; WIDTH], x: &[f32], mean: f64) {
    for (sum, &x) in sums.iter_mut().zip(x) {
        let difference = f64::from(x) - mean;
        *sum += if POWER == 1 {
            difference
        } else {
            difference * difference
        };
    }
}

/// `Σ g` and `Σ g·x̂` with `g = dy·weight`, in f64.
#[inline(always)]
fn gradient_sums(x: &[f32], dy: &[f32], weight: &[f32], statistics: Statistics) -> (f64, f64) {
    let ((x, x_rest), (dy, dy_rest)) = (x.as_chunks::<WIDTH>(), dy.as_chunks::<WIDTH>());
    let (weight, weight_rest) = weight[..WIDTH * dy.len() + dy_rest.len()].as_chunks::<WIDTH>();
    let mut sums = [[0.0; WIDTH]; 2];
    for ((x, dy), weight) in x.iter().zip(dy).zip(weight) {
        add_gradient(&mut sums, x, dy, weight, statistics);
    }
    add_gradient(&mut sums, x_rest, dy_rest, weight_rest, statistics);
    (sums[0].iter().sum(), sums[1].iter().sum())
}

#[inline(always)]
fn add_gradient(sums: &mut [[f64; WIDTH]; 2], x: &[f32], dy: &[f32], weight: &[f32], statistics: Statistics) {
    let [sums, products] = sums;
    let values = x.iter().zip(dy).zip(weight);
    for ((sum, product), ((&x, dy), weight)) in sums.iter_mut().zip(products).zip(values) {
        let gradient = dy * weight;
        *sum += f64::from(gradient);
        *product += f64::from(gradient * statistics.normalize(x));
    }
}

impl Vectorize for Measure<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let count = self.x.len() as f64;
        let mean = sum_of_powers::<1>(self.x, 0.0) / count;
        let variance = sum_of_powers::<2>(self.x, mean) / count;
        let high = mean as f32;
        *self.statistics = Statistics {
            mean: [high, (mean - f64::from(high)) as f32],
            inverse_deviation: (1.0 / (variance + EPSILON).sqrt()) as f32,
        };
    }
}

impl Vectorize for Normalize<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let affine = self.weight.iter().zip(self.bias);
        for ((y, &x), (weight, bias)) in self.y.iter_mut().zip(self.x).zip(affine) {
            *y = self.statistics.normalize(x) * weight + bias;
        }
    }
}

impl Vectorize for AddGradients<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let sums = self.dweight.iter_mut().zip(self.dbias);
        for ((dweight, dbias), (&x, dy)) in sums.zip(self.x.iter().zip(self.dy)) {
            *dweight += dy * self.statistics.normalize(x);
            *dbias += dy;
        }
    }
}

impl Vectorize for InputGradient<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let (sum, product) = gradient_sums(self.x, self.dy, self.weight, self.statistics);
        let count = self.x.len() as f64;
        let (mean, slope) = ((sum / count) as f32, (product / count) as f32);
        let gradients = self.dy.iter().zip(self.weight);
        for ((dx, &x), (dy, weight)) in self.dx.iter_mut().zip(self.x).zip(gradients) {
            let difference = dy * weight - mean - self.statistics.normalize(x) * slope;
            *dx = difference * self.statistics.inverse_deviation;
        }
    }
}

fn statistics_of(kernel: Kernel, x: &[f32]) -> Statistics {
    let mut statistics = Statistics::default();
    kernel.vectorize(Measure {
        x,
        statistics: &mut statistics,
    });
    statistics
}

impl LayerNorm {
    /// `layout` is that of the samples, if they are images.
    pub(crate) fn new(shape: Shape, layout: Layout) -> Self {
        Self { shape, layout }
    }

    fn padded(&self) -> usize {
        self.shape.len().next_multiple_of(NR)
    }
}

impl Layer for LayerNorm {
    /// The statistics.
    fn saved_len(&self) -> usize {
        Statistics::SAVED
    }

    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let (weight, bias) = pass.parameters.split_at(self.padded());
        for row in 0..y.rows() {
            let x = pass.x.row(row);
            let statistics = statistics_of(pass.kernel, x);
            pass.kernel.vectorize(Normalize {
                x,
                y: y.row_mut(row),
                weight,
                bias,
                statistics,
            });
            if pass.training.is_some() {
                statistics.save(pass.saved.row_mut(row));
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        for row in 0..dy.rows() {
            let (x, dy) = (pass.x.row(row), dy.as_ref().row(row));
            let statistics = Statistics::load(pass.saved.row(row));
            let (sums, is_first) = pass.shard_sums.of_row(row);
            if is_first {
                sums.fill(0.0);
            }
            let (dweight, dbias) = sums.split_at_mut(self.padded());
            pass.kernel.vectorize(AddGradients {
                x,
                dy,
                dweight,
                dbias,
                statistics,
            });
            if let Some(dx) = &mut dx {
                pass.kernel.vectorize(InputGradient {
                    x,
                    dy,
                    weight: pass.transposed,
                    dx: dx.row_mut(row),
                    statistics,
                });
            }
        }
    }

    fn parameters(&self) -> Option<&dyn Parameters> {
        Some(self)
    }
}

impl Parameters for LayerNorm {
    fn len(&self) -> usize {
        2 * self.padded()
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        vec![0..self.padded(), self.padded()..self.len()]
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let shape = self.shape.sizes();
        ["weight", "bias"]
            .map(|name| TensorSpec {
                name,
                shape: shape.clone(),
            })
            .into()
    }

    fn position(&self, tensor: usize, index: usize) -> usize {
        let image = self.shape.as_image().filter(|_| self.layout == Layout::Hwc);
        let index = match image {
            Some((channels, height, width)) => Layout::Hwc.position(HwcShape::new(height, width, channels), index),
            None => index,
        };
        tensor * self.padded() + index
    }

    /// Weights are 1 and biases 0.
    fn initialize(&self, parameters: &mut [f32], _initializer: &mut Initializer) {
        parameters[..self.shape.len()].fill(1.0);
    }

    fn are_of_normalization(&self) -> bool {
        true
    }

    fn gradient_method(&self) -> GradientMethod<'_> {
        GradientMethod::ByShard { len: self.len() }
    }

    /// The weight, which backward reads.
    fn transposed_len(&self) -> usize {
        self.padded()
    }

    fn transpose(&self, _kernel: Kernel, parameters: &[f32], transposed: &mut [f32]) {
        transposed.copy_from_slice(&parameters[..self.padded()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_far_from_zero_are_normalized_exactly() {
        let x: Vec<f32> = (0..1000).map(|i| 1e6 + (i % 7) as f32 * 0.25).collect();
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / 1000.0;
        let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / 1000.0;
        for kernel in Kernel::available() {
            let statistics = statistics_of(kernel, &x);
            for &x in &x {
                let expected = (f64::from(x) - mean) / (variance + EPSILON).sqrt();
                let error = (f64::from(statistics.normalize(x)) - expected).abs();
                assert!(error < 1e-6, "{kernel}: {x} is {error} off");
            }
        }
    }
}
