//! Batch normalization (Ioffe and Szegedy, 2015, "Batch Normalization"), with the ReLU and the max pooling that follow.
//!
//! `y = weight·x̂ + bias` with `x̂ = (x - mean) / √(variance + ε)` for each channel. Mean and variance are those of the
//! batch in training, and running averages of them in prediction.

use std::ops::Range;

use super::{
    Backward, CrossSample, Forward, GradientMethod, Layer, Parameters, PoolGeometry, StateSpec, StatisticsPass,
    TensorSpec, add, max_pool, max_pool_backward, shard_sums::PartialSums,
};
use crate::{
    gemm::{Kernel, MatMut, MatRef, NR, Vectorize},
    initialization::Initializer,
};

/// The `ε` of the formula, as in PyTorch.
pub(crate) const EPSILON: f64 = 1e-5;
/// The weight of the newest batch in the running averages, as in PyTorch.
const MOMENTUM: f64 = 0.1;
/// Pixels of a tile, which is read twice: the second time from the L1 cache.
const TILE_PIXELS: usize = 64;
/// Packed rows, each of the padded channels: scale and shift; then, in training, the mean, the inverse standard deviation,
/// the mean of `dy`, the mean of `dy·x̂` over the standard deviation, and the variance for the running average.
const PACKED: usize = 7;

/// Parameters: the weight, padded to whole panels, then the bias likewise. State: the running mean, the running variance
/// and the number of batches, unpadded. An f32 counts to 2²⁴, and nothing depends on the count.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    channels: usize,
    /// Pixels of a sample, which are the values of a channel; 1 for a vector.
    area: usize,
    relu: bool,
    pool: Option<PoolGeometry>,
}

/// `y = scale·x + shift` of a sample, with the ReLU if there is one.
struct Affine<'a> {
    norm: &'a BatchNorm,
    x: &'a [f32],
    y: &'a mut [f32],
    packed: [&'a [f32]; 2],
}

/// Adds a sample to each channel's mean and sum of squared deviations, by Chan, Golub and LeVeque (1979), "Updating
/// Formulae and a Pairwise Algorithm for Computing Sample Variances".
struct AddStatistics<'a> {
    norm: &'a BatchNorm,
    x: &'a [f32],
    /// Values of each channel that have been added before.
    before: usize,
    means: &'a mut [f32],
    squares: &'a mut [f32],
    /// Scratch: mean and squared deviations of a tile.
    tile: [&'a mut [f32]; 2],
}

/// Adds a sample to the gradients: `dweight = Σ dy·x̂` and `dbias = Σ dy`.
struct AddGradients<'a> {
    norm: &'a BatchNorm,
    x: &'a [f32],
    dy: &'a [f32],
    packed: [&'a [f32]; PACKED],
    dweight: &'a mut [f32],
    dbias: &'a mut [f32],
}

/// `dx = scale·(dy - mean(dy) - x̂·mean(dy·x̂))` of a sample, the means over the batch.
struct InputGradient<'a> {
    norm: &'a BatchNorm,
    x: &'a [f32],
    dy: &'a [f32],
    packed: [&'a [f32]; PACKED],
    dx: &'a mut [f32],
}

impl BatchNorm {
    pub(crate) fn new(channels: usize, area: usize, relu: bool, pool: Option<PoolGeometry>) -> Self {
        Self {
            channels,
            area,
            relu,
            pool,
        }
    }

    fn padded(&self) -> usize {
        self.channels.next_multiple_of(NR)
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

    /// The gradient of a sample before pooling.
    fn unpooled<'a>(&self, kernel: Kernel, dy: &'a [f32], argmax: &[f32], scratch: &'a mut [f32]) -> &'a [f32] {
        let Some(pool) = &self.pool else { return dy };
        max_pool_backward(kernel, pool, dy, argmax, scratch);
        scratch
    }

    /// Scale and shift of a channel for a mean and a variance.
    fn affine(&self, parameters: &[f32], channel: usize, mean: f64, variance: f64) -> (f32, f32) {
        let [weight, bias] = self.channel_rows(parameters);
        let scale = f64::from(weight[channel]) / (variance + EPSILON).sqrt();
        (scale as f32, (f64::from(bias[channel]) - mean * scale) as f32)
    }
}

// The loops over the channels of a pixel are functions, so that the compiler knows that their slices do not overlap.

#[inline(always)]
fn affine(x: &[f32], [scale, shift]: [&[f32]; 2], relu: bool, y: &mut [f32]) {
    for (((y, x), scale), shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
        let value = x * scale + shift;
        // NaN is propagated.
        *y = if relu & (value < 0.0) { 0.0 } else { value };
    }
}

#[inline(always)]
fn add_squares(sums: &mut [f32], x: &[f32], means: &[f32]) {
    for ((sum, x), mean) in sums.iter_mut().zip(x).zip(means) {
        *sum += (x - mean) * (x - mean);
    }
}

/// The gradient before the ReLU. The arithmetic is that of [`affine`], so that the sign is that of the output.
#[inline(always)]
fn mask(relu: bool, dy: f32, x: f32, scale: f32, shift: f32) -> f32 {
    if !relu | (x * scale + shift > 0.0) { dy } else { 0.0 }
}

#[inline(always)]
fn add_gradients(relu: bool, x: &[f32], dy: &[f32], packed: [&[f32]; PACKED], dweight: &mut [f32], dbias: &mut [f32]) {
    let [scale, shift, mean, inverse_deviation, ..] = packed;
    let sums = dweight.iter_mut().zip(dbias);
    let constants = scale.iter().zip(shift).zip(mean).zip(inverse_deviation);
    for (((dweight, dbias), (&x, &dy)), (((scale, shift), mean), inverse)) in sums.zip(x.iter().zip(dy)).zip(constants)
    {
        let dy = mask(relu, dy, x, *scale, *shift);
        *dweight += dy * ((x - mean) * inverse);
        *dbias += dy;
    }
}

#[inline(always)]
fn input_gradient(relu: bool, x: &[f32], dy: &[f32], packed: [&[f32]; PACKED], dx: &mut [f32]) {
    let [scale, shift, mean, _, mean_dy, slope, _] = packed;
    let constants = scale.iter().zip(shift).zip(mean).zip(mean_dy.iter().zip(slope));
    for ((dx, (&x, &dy)), (((scale, shift), mean), (mean_dy, slope))) in
        dx.iter_mut().zip(x.iter().zip(dy)).zip(constants)
    {
        *dx = scale * (mask(relu, dy, x, *scale, *shift) - mean_dy - (x - mean) * slope);
    }
}

impl Vectorize for Affine<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let channels = self.norm.channels;
        for (x, y) in self.x.chunks_exact(channels).zip(self.y.chunks_exact_mut(channels)) {
            affine(x, self.packed, self.norm.relu, y);
        }
    }
}

impl Vectorize for AddStatistics<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let channels = self.norm.channels;
        let [tile_means, tile_squares] = self.tile;
        let mut before = self.before as f32;
        for tile in self.x.chunks(TILE_PIXELS * channels) {
            let count = (tile.len() / channels) as f32;
            tile_means.fill(0.0);
            tile_squares.fill(0.0);
            for x in tile.chunks_exact(channels) {
                add(tile_means, x);
            }
            for mean in &mut *tile_means {
                *mean /= count;
            }
            for x in tile.chunks_exact(channels) {
                add_squares(tile_squares, x, tile_means);
            }
            let share = count / (before + count);
            let sums = self.means.iter_mut().zip(self.squares.iter_mut());
            for ((mean, squares), (tile_mean, tile_squares)) in sums.zip(tile_means.iter().zip(&*tile_squares)) {
                let delta = tile_mean - *mean;
                *mean += delta * share;
                *squares += tile_squares + delta * delta * before * share;
            }
            before += count;
        }
    }
}

impl Vectorize for AddGradients<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let BatchNorm { channels, relu, .. } = *self.norm;
        for (x, dy) in self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels)) {
            add_gradients(relu, x, dy, self.packed, self.dweight, self.dbias);
        }
    }
}

impl Vectorize for InputGradient<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let BatchNorm { channels, relu, .. } = *self.norm;
        let pixels = self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels));
        for ((x, dy), dx) in pixels.zip(self.dx.chunks_exact_mut(channels)) {
            input_gradient(relu, x, dy, self.packed, dx);
        }
    }
}

impl Layer for BatchNorm {
    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let packed = self.channel_rows(pass.packed);
        for row in 0..y.rows() {
            let (norm, x, y) = (self, pass.x.row(row), y.row_mut(row));
            let Some(pool) = &self.pool else {
                pass.kernel.vectorize(Affine { norm, x, y, packed });
                continue;
            };
            let before = &mut *pass.scratch;
            pass.kernel.vectorize(Affine {
                norm,
                x,
                y: before,
                packed,
            });
            max_pool(pass.kernel, pool, before, y, pass.saved.row_mut(row));
        }
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        let Some(mut dx) = dx else { return };
        for row in 0..dx.rows() {
            let dy = dy.as_ref().row(row);
            pass.kernel.vectorize(InputGradient {
                norm: self,
                x: pass.x.row(row),
                dy: self.unpooled(pass.kernel, dy, pass.saved.row(row), pass.scratch),
                packed: self.channel_rows(pass.packed),
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

    /// A sample before pooling, or mean and squared deviations of a tile.
    fn scratch_len(&self, _training: bool) -> usize {
        let pooled = self.pool.map_or(0, |pool| pool.input.len());
        pooled.max(2 * self.padded())
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
        PACKED * self.padded()
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
            pass.kernel.vectorize(AddStatistics {
                norm: self,
                x: pass.x.row(row),
                before: samples * self.area,
                means,
                squares,
                tile: self.channel_rows_mut(pass.scratch),
            });
        }
    }

    fn reduce(&self, parameters: &[f32], partial: PartialSums<'_>, packed: &mut [f32]) {
        let [scale, shift, means, inverse_deviation, _, _, variances] = self.channel_rows_mut(packed);
        for channel in 0..self.channels {
            let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
            for (samples, sums) in partial.shards() {
                let [_, _, shard_mean, shard_squares] = self.channel_rows(sums);
                let more = (samples * self.area) as f64;
                let delta = f64::from(shard_mean[channel]) - mean;
                let share = more / (count + more);
                mean += delta * share;
                squares += f64::from(shard_squares[channel]) + delta * delta * count * share;
                count += more;
            }
            let variance = squares / count;
            (scale[channel], shift[channel]) = self.affine(parameters, channel, mean, variance);
            means[channel] = mean as f32;
            inverse_deviation[channel] = (1.0 / (variance + EPSILON).sqrt()) as f32;
            variances[channel] = (squares / (count - 1.0)) as f32;
        }
    }

    fn partial_gradient_statistics(&self, mut pass: Backward<'_>, dy: MatRef<'_>) {
        for row in 0..dy.rows() {
            let (sums, is_first) = pass.shard_sums.of_row(row);
            let [dweight, dbias] = self.channel_rows_mut(sums);
            if is_first {
                dweight.fill(0.0);
                dbias.fill(0.0);
            }
            pass.kernel.vectorize(AddGradients {
                norm: self,
                x: pass.x.row(row),
                dy: self.unpooled(pass.kernel, dy.row(row), pass.saved.row(row), pass.scratch),
                packed: self.channel_rows(pass.packed),
                dweight,
                dbias,
            });
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
    }
}

/// Folds a normalization into the layer before it: `folded` gets that layer's weights and bias, scaled and shifted.
/// `packed` is what [`CrossSample::pack_running_statistics`] wrote; `parameters` are weights in panels,
/// `[channels / 16, rows, 16]`, and a bias, which may be missing.
pub(crate) fn fold(packed: &[f32], parameters: &[f32], folded: &mut [f32]) {
    let (scale, rest) = packed.split_at(packed.len() / PACKED);
    let shift = &rest[..scale.len()];
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
