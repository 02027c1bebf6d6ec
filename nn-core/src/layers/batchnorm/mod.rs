//! Batch normalization (Ioffe and Szegedy, 2015, "Batch Normalization"), with the ReLU and the max pooling that follow.
//!
//! `y = weight·x̂ + bias` with `x̂ = (x - mean) / √(variance + ε)` for each channel. Mean and variance are those of the
//! batch in training, and running averages of them in prediction.

mod loops;

use std::ops::Range;

use self::loops::{AddGradients, AddStatistics, Affine, InputGradient, PACKED};
use super::{
    Backward, CrossSample, Forward, GradientMethod, Layer, Parameters, PoolGeometry, StateSpec, StatisticsPass,
    TensorSpec, add, max_pool, max_pool_backward, shard_sums::PartialSums,
};
use crate::{
    aligned::{parts, parts_len},
    gemm::{Kernel, MatMut, MatRef, NR},
    initialization::Initializer,
};

/// The `ε` of the formula, as in PyTorch.
pub(crate) const EPSILON: f64 = 1e-5;
/// The weight of the newest batch in the running averages, as in PyTorch.
const MOMENTUM: f64 = 0.1;
/// The longest row that is made of several pixels.
const MAX_ROW: usize = 128;
/// Parameters: the weight, padded to whole panels, then the bias likewise. State: the running mean, the running variance
/// and the number of batches, unpadded. An f32 counts to 2²⁴, and nothing depends on the count.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    channels: usize,
    /// Pixels of a sample, which are the values of a channel; 1 for a vector.
    area: usize,
    /// Pixels of a row. The loops see the channels of each pixel of a row as channels of their own, so that few channels
    /// fill vectors too. It divides the area.
    row_pixels: usize,
    relu: bool,
    pool: Option<PoolGeometry>,
}

/// The number of pixels of a row: the divisor of `area` that leaves the fewest places of vectors empty.
fn pixels_of_row(channels: usize, area: usize) -> usize {
    let filled = |pixels: usize| {
        let row = pixels * channels;
        (row as f64 / row.next_multiple_of(NR) as f64, std::cmp::Reverse(pixels))
    };
    let divisors = (1..=MAX_ROW / channels.max(1)).filter(|&pixels| area.is_multiple_of(pixels));
    let best = divisors.max_by(|&a, &b| filled(a).partial_cmp(&filled(b)).expect("shares of vectors are finite"));
    best.unwrap_or(1)
}

impl BatchNorm {
    pub(crate) fn new(channels: usize, area: usize, relu: bool, pool: Option<PoolGeometry>) -> Self {
        Self {
            channels,
            area,
            row_pixels: pixels_of_row(channels, area),
            relu,
            pool,
        }
    }

    fn padded(&self) -> usize {
        self.channels.next_multiple_of(NR)
    }

    /// Values of a row.
    fn row(&self) -> usize {
        self.row_pixels * self.channels
    }

    /// The packed values of each channel of a row.
    fn packed_rows<'a>(&self, packed: &'a [f32]) -> [&'a [f32]; PACKED] {
        let (channels, repeated) = packed.split_at(PACKED * self.padded());
        let (values, len) = if self.row_pixels == 1 {
            (channels, self.padded())
        } else {
            (repeated, self.row().next_multiple_of(NR))
        };
        std::array::from_fn(|index| &values[index * len..(index + 1) * len])
    }

    /// Repeats the packed values for each pixel of a row.
    fn repeat(&self, packed: &mut [f32]) {
        if self.row_pixels == 1 {
            return;
        }
        let (channels, repeated) = packed.split_at_mut(PACKED * self.padded());
        let rows = repeated.chunks_exact_mut(self.row().next_multiple_of(NR));
        for (values, row) in channels.chunks_exact(self.padded()).zip(rows) {
            for pixel in row.chunks_exact_mut(self.channels).take(self.row_pixels) {
                pixel.copy_from_slice(&values[..self.channels]);
            }
        }
    }

    /// The first `N` rows of `values`, each of the padded channels.
    fn channel_rows<'a, const N: usize>(&self, values: &'a [f32]) -> [&'a [f32]; N] {
        let len = self.padded();
        std::array::from_fn(|index| &values[index * len..(index + 1) * len])
    }

    fn channel_rows_mut<'a, const N: usize>(&self, values: &'a mut [f32]) -> [&'a mut [f32]; N] {
        let mut rows = values.chunks_exact_mut(self.padded());
        std::array::from_fn(|_| rows.next().expect("a row for each use"))
    }

    /// Scratch memory: a sample before pooling, and two sums for each channel of a row.
    fn scratch_lens(&self) -> [usize; 3] {
        let sums = if self.row_pixels == 1 { 0 } else { self.row() };
        [self.pool.map_or(0, |pool| pool.input.len()), sums, sums]
    }

    /// Adds the statistics of each channel of a row of one sample to those of the channels, in f64, which rounds once.
    fn merge_statistics(
        &self,
        [row_means, row_squares]: [&[f32]; 2],
        before: usize,
        [means, squares]: [&mut [f32]; 2],
    ) {
        let more = (self.area / self.row_pixels) as f64;
        for (channel, (mean, squares)) in means.iter_mut().zip(squares).take(self.channels).enumerate() {
            let mut merged = (before as f64, f64::from(*mean), f64::from(*squares));
            let pixels = row_means.iter().zip(row_squares).skip(channel).step_by(self.channels);
            for (&mean, &squares) in pixels {
                merged = merge(merged, (more, mean.into(), squares.into()));
            }
            (*mean, *squares) = (merged.1 as f32, merged.2 as f32);
        }
    }

    /// The gradient of a sample before pooling.
    fn unpooled<'a>(&self, kernel: Kernel, dy: &'a [f32], argmax: &[f32], scratch: &'a mut [f32]) -> &'a [f32] {
        let Some(pool) = &self.pool else { return dy };
        let before = &mut scratch[..pool.input.len()];
        max_pool_backward(kernel, pool, dy, argmax, before);
        before
    }

    /// Scale and shift of a channel for a mean and a variance.
    fn affine(&self, parameters: &[f32], channel: usize, mean: f64, variance: f64) -> (f32, f32) {
        let [weight, bias] = self.channel_rows(parameters);
        let scale = f64::from(weight[channel]) / (variance + EPSILON).sqrt();
        (scale as f32, (f64::from(bias[channel]) - mean * scale) as f32)
    }
}

impl Layer for BatchNorm {
    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let packed = self.packed_rows(pass.packed);
        let affine = |x: &[f32], y: &mut [f32]| {
            pass.kernel.vectorize(Affine {
                row: self.row(),
                relu: self.relu,
                x,
                y,
                packed,
            });
        };
        for row in 0..y.rows() {
            let (x, y) = (pass.x.row(row), y.row_mut(row));
            let Some(pool) = &self.pool else {
                affine(x, y);
                continue;
            };
            let before = &mut pass.scratch[..pool.input.len()];
            affine(x, before);
            max_pool(pass.kernel, pool, before, y, pass.saved.row_mut(row));
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            let dy = dy.as_ref().row(row);
            pass.kernel.vectorize(InputGradient {
                row: self.row(),
                relu: self.relu,
                x: pass.x.row(row),
                dy: self.unpooled(pass.kernel, dy, pass.saved.row(row), pass.scratch),
                packed: self.packed_rows(pass.packed),
                dx: dx.row_mut(row),
            });
        }
    }

    fn parameters(&self) -> Option<&dyn Parameters> {
        Some(self)
    }

    fn cross_sample(&self) -> Option<&dyn CrossSample> {
        Some(self)
    }

    /// The index of each window's largest value.
    fn saved_len(&self) -> usize {
        self.pool.map_or(0, |pool| pool.output.len())
    }

    fn scratch_len(&self, _training: bool) -> usize {
        parts_len(self.scratch_lens())
    }
}

impl Parameters for BatchNorm {
    fn len(&self) -> usize {
        2 * self.padded()
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        vec![0..self.padded(), self.padded()..self.len()]
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let tensor = |name| TensorSpec {
            name,
            shape: vec![self.channels],
        };
        vec![tensor("weight"), tensor("bias")]
    }

    fn position(&self, tensor: usize, index: usize) -> usize {
        tensor * self.padded() + index
    }

    /// Weights are 1 and biases 0.
    fn initialize(&self, parameters: &mut [f32], _initializer: &mut Initializer) {
        parameters[..self.channels].fill(1.0);
    }

    fn are_of_normalization(&self) -> bool {
        true
    }

    /// The gradients of weight and bias, then mean and sum of squared deviations of the inputs.
    fn gradient_method(&self) -> GradientMethod<'_> {
        GradientMethod::ByShard { len: 4 * self.padded() }
    }

    fn packed_len(&self) -> usize {
        let repeated = if self.row_pixels == 1 {
            0
        } else {
            self.row().next_multiple_of(NR)
        };
        PACKED * (self.padded() + repeated)
    }
}

impl CrossSample for BatchNorm {
    fn state(&self) -> Vec<StateSpec> {
        let state = |name, shape, initial, min| StateSpec {
            tensor: TensorSpec { name, shape },
            initial,
            min,
            optional: false,
        };
        // Files from old versions of PyTorch do not have it.
        let batches = StateSpec {
            optional: true,
            ..state("num_batches_tracked", vec![], 0.0, 0.0)
        };
        let channels = || vec![self.channels];
        vec![
            state("running_mean", channels(), 0.0, f32::NEG_INFINITY),
            state("running_var", channels(), 1.0, 0.0),
            batches,
        ]
    }

    /// One value has no variance.
    fn min_batch(&self) -> usize {
        if self.area == 1 { 2 } else { 1 }
    }

    fn partial_statistics(&self, mut pass: StatisticsPass<'_>) {
        for row in 0..pass.x.rows() {
            let (sums, samples) = pass.shard_sums.with_count(row);
            let [_, _, means, squares] = self.channel_rows_mut(sums);
            if samples == 0 {
                means.fill(0.0);
                squares.fill(0.0);
            }
            let (x, before) = (pass.x.row(row), samples * self.area);
            if self.row_pixels == 1 {
                pass.kernel.vectorize(AddStatistics {
                    row: self.channels,
                    x,
                    before,
                    means,
                    squares,
                });
                continue;
            }
            let [_, row_means, row_squares] = parts(pass.scratch, self.scratch_lens());
            row_means.fill(0.0);
            row_squares.fill(0.0);
            pass.kernel.vectorize(AddStatistics {
                row: self.row(),
                x,
                before: 0,
                means: row_means,
                squares: row_squares,
            });
            self.merge_statistics([row_means, row_squares], before, [means, squares]);
        }
    }

    fn reduce(&self, parameters: &[f32], partial: PartialSums<'_>, packed: &mut [f32]) {
        let [scale, shift, means, inverse_deviation, _, _, variances] = self.channel_rows_mut(packed);
        for channel in 0..self.channels {
            let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
            for (samples, sums) in partial.shards() {
                let [_, _, shard_mean, shard_squares] = self.channel_rows(sums);
                let more = (samples * self.area) as f64;
                let shard = (more, shard_mean[channel].into(), shard_squares[channel].into());
                (count, mean, squares) = merge((count, mean, squares), shard);
            }
            let variance = squares / count;
            (scale[channel], shift[channel]) = self.affine(parameters, channel, mean, variance);
            means[channel] = mean as f32;
            inverse_deviation[channel] = (1.0 / (variance + EPSILON).sqrt()) as f32;
            variances[channel] = (squares / (count - 1.0)) as f32;
        }
        self.repeat(packed);
    }

    fn partial_gradient_statistics(&self, mut pass: Backward<'_>, dy: MatRef<'_>) {
        for row in 0..dy.rows() {
            let (sums, is_first) = pass.shard_sums.of_row(row);
            let [dweight, dbias] = self.channel_rows_mut(sums);
            if is_first {
                dweight.fill(0.0);
                dbias.fill(0.0);
            }
            let [before, row_dweight, row_dbias] = parts(pass.scratch, self.scratch_lens());
            let mut add_gradients = |dweight: &mut [f32], dbias: &mut [f32]| {
                pass.kernel.vectorize(AddGradients {
                    row: self.row(),
                    relu: self.relu,
                    x: pass.x.row(row),
                    dy: self.unpooled(pass.kernel, dy.row(row), pass.saved.row(row), before),
                    packed: self.packed_rows(pass.packed),
                    dweight,
                    dbias,
                });
            };
            if self.row_pixels == 1 {
                add_gradients(dweight, dbias);
                continue;
            }
            row_dweight.fill(0.0);
            row_dbias.fill(0.0);
            add_gradients(row_dweight, row_dbias);
            for (sums, row) in [(dweight, &*row_dweight), (dbias, &*row_dbias)] {
                for pixel in row.chunks_exact(self.channels) {
                    add(&mut sums[..self.channels], pixel);
                }
            }
        }
    }

    fn reduce_gradient(&self, partial: PartialSums<'_>, packed: &mut [f32]) {
        let [_, _, _, inverse_deviation, mean_dy, slope, _] = self.channel_rows_mut(packed);
        let count = (partial.sharding.batch * self.area) as f64;
        for channel in 0..self.channels {
            let (mut dweight, mut dbias) = (0.0, 0.0);
            for (_, sums) in partial.shards() {
                let [shard_dweight, shard_dbias] = self.channel_rows(sums);
                dweight += f64::from(shard_dweight[channel]);
                dbias += f64::from(shard_dbias[channel]);
            }
            mean_dy[channel] = (dbias / count) as f32;
            slope[channel] = (f64::from(inverse_deviation[channel]) * dweight / count) as f32;
        }
        self.repeat(packed);
    }

    fn update_running_statistics(&self, packed: &[f32], state: &mut [f32]) {
        let [_, _, mean, _, _, _, variance] = self.channel_rows::<PACKED>(packed);
        let running = state.chunks_exact_mut(self.channels).zip([mean, variance]);
        for (running, new) in running {
            for (running, &new) in running.iter_mut().zip(new) {
                *running = ((1.0 - MOMENTUM) * f64::from(*running) + MOMENTUM * f64::from(new)) as f32;
            }
        }
        if let Some(batches) = state.last_mut() {
            *batches += 1.0;
        }
    }

    fn pack_running_statistics(&self, parameters: &[f32], state: &[f32], packed: &mut [f32]) {
        let [scale, shift] = self.channel_rows_mut(packed);
        let (means, rest) = state.split_at(self.channels);
        for (channel, (&mean, &variance)) in means.iter().zip(rest).take(self.channels).enumerate() {
            (scale[channel], shift[channel]) = self.affine(parameters, channel, mean.into(), variance.into());
        }
        self.repeat(packed);
    }
}

/// Merges the count, mean and sum of squared deviations of two sets of values, as [`AddStatistics`] does.
fn merge((count, mean, squares): (f64, f64, f64), (more, new_mean, new_squares): (f64, f64, f64)) -> (f64, f64, f64) {
    let (delta, share) = (new_mean - mean, more / (count + more));
    let squares = squares + (new_squares + delta * delta * count * share);
    (count + more, mean + delta * share, squares)
}

/// Folds a normalization into the layer before it: `folded` gets that layer's weights and bias, scaled and shifted.
/// Both are of the padded channels, from what [`CrossSample::pack_running_statistics`] wrote; `parameters` are weights in
/// panels, `[channels / 16, rows, 16]`, and a bias, which may be missing.
pub(crate) fn fold((scale, shift): (&[f32], &[f32]), parameters: &[f32], folded: &mut [f32]) {
    let (weights, bias) = folded.split_at_mut(folded.len() - scale.len());
    let panel = weights.len() / (scale.len() / NR);
    let old = parameters.chunks_exact(NR);
    for ((index, new), old) in weights.chunks_exact_mut(NR).enumerate().zip(old) {
        let scale = &scale[index * NR / panel * NR..];
        for ((new, old), scale) in new.iter_mut().zip(old).zip(scale) {
            *new = old * scale;
        }
    }
    bias.copy_from_slice(shift);
    let old = &parameters[weights.len()..];
    for ((new, old), scale) in bias.iter_mut().zip(old).zip(scale) {
        *new += old * scale;
    }
}
