//! Batch normalisation (Ioffe and Szegedy, 2015, "Batch Normalization"), with a ReLU and a max pooling on the way out
//! where they follow.

use std::ops::Range;

use rand::rngs::ChaCha8Rng;

use super::{
    Backward, CrossSample, Forward, Layer, PartialSums, PoolGeometry, StateSpec, TensorSpec, max_pool,
    max_pool_backward,
};
use crate::gemm::{Kernel, MatMut, MatRef, NR, Vectorize};

/// What is added to a variance before its root is taken, as in PyTorch.
const EPSILON: f64 = 1e-5;
/// The weight of the newest batch in the running statistics, as in PyTorch.
const MOMENTUM: f64 = 0.1;
/// Pixels of a tile, which is read twice, the second time from the nearest cache.
const TILE_PIXELS: usize = 64;
/// Stretches of what is packed: scale and shift; then, in training, the mean, the inverse of the deviation, the mean of
/// the gradient, the slope of that along the input, and the variance for the running statistics.
const PREPARED: usize = 7;

/// Its part of the arena is the weight, padded to whole panels, then the bias likewise. Its state is the running mean,
/// the running variance and the number of batches, unpadded; f32 counts to 2²⁴, and nothing depends on that number.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    channels: usize,
    /// Values of a sample that share a channel, which stand `channels` apart.
    area: usize,
    relu: bool,
    pool: Option<PoolGeometry>,
}

/// `y = scale·x + shift` of a sample, with the ReLU, if there is one.
struct Affine<'a> {
    norm: &'a BatchNorm,
    x: &'a [f32],
    y: &'a mut [f32],
    packed: [&'a [f32]; 2],
}

/// Takes one sample more into each channel's mean and sum of squared deviations, by Chan, Golub and LeVeque (1979),
/// "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances".
struct Moments<'a> {
    norm: &'a BatchNorm,
    x: &'a [f32],
    /// Values of each channel that are in already.
    before: usize,
    means: &'a mut [f32],
    squares: &'a mut [f32],
    /// Mean and squares of a tile.
    tile: [&'a mut [f32]; 2],
}

/// Adds one sample's part of the gradients: `dweight = Σ dy·x̂` and `dbias = Σ dy`.
struct ParameterGradient<'a> {
    norm: &'a BatchNorm,
    x: &'a [f32],
    dy: &'a [f32],
    packed: [&'a [f32]; PREPARED],
    dweight: &'a mut [f32],
    dbias: &'a mut [f32],
}

/// `dx = scale·(dy - mean(dy) - x̂·mean(dy·x̂))` of a sample, the means over the batch.
struct InputGradient<'a> {
    norm: &'a BatchNorm,
    x: &'a [f32],
    dy: &'a [f32],
    packed: [&'a [f32]; PREPARED],
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

    /// The first `N` stretches of as many padded channels each.
    fn stretches<'a, const N: usize>(&self, values: &'a [f32]) -> [&'a [f32]; N] {
        let len = self.padded();
        std::array::from_fn(|index| &values[index * len..(index + 1) * len])
    }

    fn stretches_mut<'a, const N: usize>(&self, values: &'a mut [f32]) -> [&'a mut [f32]; N] {
        let mut stretches = values.chunks_exact_mut(self.padded());
        std::array::from_fn(|_| stretches.next().expect("a stretch for each use"))
    }

    /// The gradient of a sample before pooling.
    fn unpooled<'a>(&self, kernel: Kernel, dy: &'a [f32], argmax: &[f32], scratch: &'a mut [f32]) -> &'a [f32] {
        let Some(pool) = &self.pool else { return dy };
        max_pool_backward(kernel, pool, dy, argmax, scratch);
        scratch
    }

    /// Scale and shift of `scale·x + shift`, which is all that the layer does for that mean and variance.
    fn affine(&self, parameters: &[f32], channel: usize, mean: f64, variance: f64) -> (f32, f32) {
        let [weight, bias] = self.stretches(parameters);
        let scale = f64::from(weight[channel]) / (variance + EPSILON).sqrt();
        (scale as f32, (f64::from(bias[channel]) - mean * scale) as f32)
    }
}

// The loops over the channels of a pixel are functions of their own, whose arguments are known to lie apart.

#[inline(always)]
fn affine(x: &[f32], [scale, shift]: [&[f32]; 2], relu: bool, y: &mut [f32]) {
    for (((y, x), scale), shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
        let value = x * scale + shift;
        // A NaN stays one.
        *y = if relu & (value < 0.0) { 0.0 } else { value };
    }
}

#[inline(always)]
fn add(sums: &mut [f32], x: &[f32]) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += x;
    }
}

#[inline(always)]
fn add_squares(sums: &mut [f32], x: &[f32], means: &[f32]) {
    for ((sum, x), mean) in sums.iter_mut().zip(x).zip(means) {
        *sum += (x - mean) * (x - mean);
    }
}

/// The gradient before the ReLU. The arithmetic is that of [`affine`], so that its sign is that of the output.
#[inline(always)]
fn mask(relu: bool, dy: f32, x: f32, scale: f32, shift: f32) -> f32 {
    if !relu | (x * scale + shift > 0.0) { dy } else { 0.0 }
}

#[inline(always)]
fn add_gradients(
    relu: bool,
    x: &[f32],
    dy: &[f32],
    packed: [&[f32]; PREPARED],
    dweight: &mut [f32],
    dbias: &mut [f32],
) {
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
fn input_gradient(relu: bool, x: &[f32], dy: &[f32], packed: [&[f32]; PREPARED], dx: &mut [f32]) {
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
    fn run(self) {
        let channels = self.norm.channels;
        for (x, y) in self.x.chunks_exact(channels).zip(self.y.chunks_exact_mut(channels)) {
            affine(x, self.packed, self.norm.relu, y);
        }
    }
}

impl Vectorize for Moments<'_> {
    #[inline(always)]
    fn run(self) {
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
            let lane = self.means.iter_mut().zip(self.squares.iter_mut());
            for ((mean, squares), (tile_mean, tile_squares)) in lane.zip(tile_means.iter().zip(&*tile_squares)) {
                let apart = tile_mean - *mean;
                *mean += apart * share;
                *squares += tile_squares + apart * apart * before * share;
            }
            before += count;
        }
    }
}

impl Vectorize for ParameterGradient<'_> {
    #[inline(always)]
    fn run(self) {
        let BatchNorm { channels, relu, .. } = *self.norm;
        for (x, dy) in self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels)) {
            add_gradients(relu, x, dy, self.packed, self.dweight, self.dbias);
        }
    }
}

impl Vectorize for InputGradient<'_> {
    #[inline(always)]
    fn run(self) {
        let BatchNorm { channels, relu, .. } = *self.norm;
        let pixels = self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels));
        for ((x, dy), dx) in pixels.zip(self.dx.chunks_exact_mut(channels)) {
            input_gradient(relu, x, dy, self.packed, dx);
        }
    }
}

impl Layer for BatchNorm {
    fn parameter_len(&self) -> usize {
        2 * self.padded()
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.parameter_len()).collect()
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
    fn initialize(&self, parameters: &mut [f32], _before_relu: bool, _generator: &mut ChaCha8Rng) {
        parameters[..self.channels].fill(1.0);
    }

    fn state(&self) -> Vec<StateSpec> {
        let state = |name, shape, initial, least| StateSpec {
            tensor: TensorSpec { name, shape },
            initial,
            least,
            optional: false,
        };
        // Files of old versions of PyTorch do not have it, and nothing depends on it.
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

    fn packed_len(&self) -> usize {
        PREPARED * self.padded()
    }

    fn prepare(&self, _kernel: Kernel, parameters: &[f32], state: &[f32], packed: &mut [f32]) {
        let [scale, shift] = self.stretches_mut(packed);
        let (means, rest) = state.split_at(self.channels);
        for (channel, (&mean, &variance)) in means.iter().zip(rest).take(self.channels).enumerate() {
            (scale[channel], shift[channel]) = self.affine(parameters, channel, mean.into(), variance.into());
        }
    }

    fn joint(&self) -> Option<&dyn CrossSample> {
        Some(self)
    }

    /// Which of a window's pixels is the largest.
    fn saved_len(&self) -> usize {
        self.pool.map_or(0, |pool| pool.output.len())
    }

    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let packed = self.stretches(pass.packed);
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
                packed: self.stretches(pass.packed),
                dx: dx.row_mut(row),
            });
        }
    }

    /// Gradients of weight and bias, then mean and sum of squared deviations of the inputs.
    fn shard_sums_len(&self) -> usize {
        4 * self.padded()
    }

    /// A sample before pooling, or the mean and the squares of a tile.
    fn scratch_len(&self, _training: bool) -> usize {
        let pooled = self.pool.map_or(0, |pool| pool.input.len());
        pooled.max(2 * self.padded())
    }
}

impl CrossSample for BatchNorm {
    /// One value has no variance.
    fn least_batch(&self) -> usize {
        if self.area == 1 { 2 } else { 1 }
    }

    fn gather(&self, mut pass: Backward<'_>) {
        for row in 0..pass.x.rows() {
            let (sums, samples) = pass.lanes.with_count(row);
            let [_, _, means, squares] = self.stretches_mut(sums);
            if samples == 0 {
                means.fill(0.0);
                squares.fill(0.0);
            }
            pass.kernel.vectorize(Moments {
                norm: self,
                x: pass.x.row(row),
                before: samples * self.area,
                means,
                squares,
                tile: self.stretches_mut(pass.scratch),
            });
        }
    }

    fn merge(&self, parameters: &[f32], gathered: PartialSums<'_>, packed: &mut [f32]) {
        let [scale, shift, means, inverse_deviation, _, _, variances] = self.stretches_mut(packed);
        for channel in 0..self.channels {
            let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
            for (samples, sums) in gathered.lanes() {
                let [_, _, lane_mean, lane_squares] = self.stretches(sums);
                let more = (samples * self.area) as f64;
                let apart = f64::from(lane_mean[channel]) - mean;
                let share = more / (count + more);
                mean += apart * share;
                squares += f64::from(lane_squares[channel]) + apart * apart * count * share;
                count += more;
            }
            let variance = squares / count;
            (scale[channel], shift[channel]) = self.affine(parameters, channel, mean, variance);
            means[channel] = mean as f32;
            inverse_deviation[channel] = (1.0 / (variance + EPSILON).sqrt()) as f32;
            variances[channel] = (squares / (count - 1.0)) as f32;
        }
    }

    fn accumulate_gradient(&self, mut pass: Backward<'_>, dy: MatRef<'_>) {
        for row in 0..dy.rows() {
            let (sums, fresh) = pass.lanes.of_row(row);
            let [dweight, dbias] = self.stretches_mut(sums);
            if fresh {
                dweight.fill(0.0);
                dbias.fill(0.0);
            }
            pass.kernel.vectorize(ParameterGradient {
                norm: self,
                x: pass.x.row(row),
                dy: self.unpooled(pass.kernel, dy.row(row), pass.saved.row(row), pass.scratch),
                packed: self.stretches(pass.packed),
                dweight,
                dbias,
            });
        }
    }

    fn reduce_gradient(&self, gathered: PartialSums<'_>, packed: &mut [f32]) {
        let [_, _, _, inverse_deviation, mean_dy, slope, _] = self.stretches_mut(packed);
        let count = (gathered.cut.batch * self.area) as f64;
        for channel in 0..self.channels {
            let (mut dweight, mut dbias) = (0.0, 0.0);
            for (_, sums) in gathered.lanes() {
                let [lane_dweight, lane_dbias] = self.stretches(sums);
                dweight += f64::from(lane_dweight[channel]);
                dbias += f64::from(lane_dbias[channel]);
            }
            mean_dy[channel] = (dbias / count) as f32;
            slope[channel] = (f64::from(inverse_deviation[channel]) * dweight / count) as f32;
        }
    }

    fn track(&self, packed: &[f32], state: &mut [f32]) {
        let [_, _, mean, _, _, _, variance] = self.stretches::<PREPARED>(packed);
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
}

/// The weights and the bias of a layer whose outputs are scaled and shifted, for a layer that does so itself.
/// `packed` is what [`Layer::prepare`] wrote; `parameters` are weights in panels, `[channels / 16, rows, 16]`, and
/// the bias, which may be missing.
pub(crate) fn fold(packed: &[f32], parameters: &[f32], folded: &mut [f32]) {
    let (scale, rest) = packed.split_at(packed.len() / PREPARED);
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
