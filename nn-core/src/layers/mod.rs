//! What a layer is: shapes, parameters, forward, and the two halves of backward. One file a layer.

mod activation;
mod batchnorm;
mod conv;
mod dense;
mod dropout;
mod layout;
mod pool;

use std::{fmt, ops::Range};

use rand::rngs::ChaCha8Rng;

pub(crate) use activation::Activation;
pub(crate) use batchnorm::{BatchNorm, fold};
pub(crate) use conv::Conv;
pub(crate) use dense::Dense;
pub(crate) use dropout::Dropout;
pub(crate) use layout::{Layout, Permute};
pub(crate) use pool::{AvgPool, MaxPool, Maxima, MaximaGradient, Pool};

use crate::gemm::{Kernel, MatMut, MatRef, NonzeroRef, Panels};

/// One layer of a network that has been built: shapes are fixed, parameters stand in the network's arena.
///
/// Samples are rows: `x` is `[batch, inputs]`, `y` and its gradient `dy` are `[batch, outputs]`, with contiguous rows
/// at any distance; pictures lie in them as `[height, width, channels]`. A gradient is named `d` and what it belongs
/// to.
pub(crate) trait Layer: fmt::Debug + Send + Sync {
    /// How many values of the arena the parameters take, padding included.
    fn parameter_len(&self) -> usize {
        0
    }

    /// Cuts `0..parameter_len()` into the blocks whose gradients are computed on their own, in order.
    fn blocks(&self) -> Vec<Range<usize>> {
        Vec::new()
    }

    /// The parameters as others know them, in PyTorch's order.
    fn tensors(&self) -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Position in the layer's part of the arena of value `index` of tensor `tensor`.
    fn position(&self, _tensor: usize, _index: usize) -> usize {
        unreachable!("a layer without tensors")
    }

    /// Writes initial weights. `before_relu` tells whether a ReLU follows, at once or after a normalisation.
    fn initialize(&self, _parameters: &mut [f32], _before_relu: bool, _generator: &mut ChaCha8Rng) {}

    /// What the layer learns without gradients, in PyTorch's order; the values stand one behind the other.
    fn state(&self) -> Vec<StateSpec> {
        Vec::new()
    }

    /// The layer as one whose outputs depend, in training, on all samples of the batch.
    fn joint(&self) -> Option<&dyn CrossSample> {
        None
    }

    /// Values of a sample that training keeps from forward to backward, beside the output.
    fn saved_len(&self) -> usize {
        0
    }

    /// Whether what it keeps are flags of its input, of which [`Gradient::live`] is made.
    fn keeps_live(&self) -> bool {
        false
    }

    /// Values of scratch memory, which a thread has for this layer alone: zero at first, then as the layer left it.
    fn scratch_len(&self, _training: bool) -> usize {
        0
    }

    /// How many values [`prepare`](Layer::prepare) writes.
    fn packed_len(&self) -> usize {
        0
    }

    /// Writes what `forward` needs of parameters and state in another form; once for as long as they stay the same. On
    /// this thread alone: others may be waiting for it.
    fn prepare(&self, _kernel: Kernel, _parameters: &[f32], _state: &[f32], _prepared: &mut [f32]) {}

    /// `y` from `x`, both for some rows of the batch.
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>);

    /// How many values [`transpose`](Layer::transpose) writes.
    fn transposed_len(&self) -> usize {
        0
    }

    /// Writes what `backward` needs of the parameters in another form; once a step.
    fn transpose(&self, _kernel: Kernel, _parameters: &[f32], _transposed: &mut [f32]) {}

    /// The first half of backward, for some rows of the batch: turns `dy` into the gradient before the activation,
    /// in place, and computes `dx`, unless nobody needs it.
    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>);

    /// If not 0, `backward` also sums the parameters' gradients, over the samples of each lane, into that many values
    /// of [`Backward::lanes`], which begin as the parameters do. That is better where parameters are few and samples
    /// large.
    fn shard_sums_len(&self) -> usize {
        0
    }

    /// The second half, for the whole batch: `out = beta·out + alpha·gradient` of block `block`, given the `dy` that
    /// `backward` left. With `alpha` the negative learning rate and `out` the parameters, this is the step of SGD.
    fn gradient(&self, _kernel: Kernel, _piece: usize, _pass: Gradient<'_>, _alpha: f32, _beta: f32, _out: &mut [f32]) {
        unreachable!("a layer without blocks, or one that sums in lanes")
    }
}

/// A layer whose outputs depend, in training, on all samples of the batch. Samples walk up to it, each lane gathers,
/// what the lanes have gathered is merged, and samples walk on; on the way back likewise.
pub(crate) trait CrossSample {
    /// The fewest samples that training makes sense with.
    fn least_batch(&self) -> usize;

    /// Before `forward`, for some rows of the batch: looks at the input. Of the pass, that and the lanes are good.
    fn gather(&self, pass: Backward<'_>);

    /// Merges that into what else [`prepare`](Layer::prepare) writes.
    fn merge(&self, parameters: &[f32], gathered: PartialSums<'_>, packed: &mut [f32]);

    /// Before `backward`, for some rows of the batch: looks at the gradient of the output.
    fn accumulate_gradient(&self, pass: Backward<'_>, dy: MatRef<'_>);

    /// Merges that.
    fn reduce_gradient(&self, gathered: PartialSums<'_>, packed: &mut [f32]);

    /// After a step: updates the state.
    fn track(&self, packed: &[f32], state: &mut [f32]);
}

/// What a forward pass reads, and the memory it may use.
pub(crate) struct Forward<'a> {
    pub(crate) kernel: Kernel,
    pub(crate) parameters: &'a [f32],
    /// What [`Layer::prepare`] wrote, or, of a joint layer in training, [`CrossSample::merge`].
    pub(crate) packed: &'a [f32],
    pub(crate) x: MatRef<'a>,
    /// Where training stands; nothing in prediction.
    pub(crate) training: Option<StepContext>,
    /// `[batch, saved_len]` in training, of no columns in prediction.
    pub(crate) saved: MatMut<'a>,
    pub(crate) scratch: &'a mut [f32],
}

/// A moment of training, which decides what is random in a forward pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepContext {
    pub(crate) seed: u64,
    /// The training step, counted from 0.
    pub(crate) step: u64,
    /// The place in the batch of the first sample at hand.
    pub(crate) first_sample: usize,
}

/// What the first half of backward reads, and the memory it may use.
pub(crate) struct Backward<'a> {
    pub(crate) kernel: Kernel,
    /// What [`Layer::transpose`] wrote.
    pub(crate) transposed: &'a [f32],
    /// As in the forward pass, and what [`CrossSample::reduce_gradient`] wrote.
    pub(crate) packed: &'a [f32],
    /// The input and the output of the forward pass, and what it saved.
    pub(crate) x: MatRef<'a>,
    pub(crate) y: MatRef<'a>,
    pub(crate) saved: MatRef<'a>,
    pub(crate) scratch: &'a mut [f32],
    pub(crate) lanes: ShardSums<'a>,
}

/// Sums of gradients, each over a lane: a run of samples that the size of the batch alone decides, so that the sums'
/// bits do not depend on who adds them.
pub(crate) struct ShardSums<'a> {
    /// All layers' sums of the lanes at hand, `[lanes, stride]`.
    pub(crate) sums: &'a mut [f32],
    pub(crate) stride: usize,
    /// This layer's part of a lane.
    pub(crate) range: Range<usize>,
    pub(crate) cut: Sharding,
    /// The first lane at hand.
    pub(crate) first: usize,
}

/// How a batch is cut into lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sharding {
    pub(crate) batch: usize,
    pub(crate) lanes: usize,
}

impl Sharding {
    /// The first sample of a lane.
    pub(crate) fn start(&self, lane: usize) -> usize {
        lane * self.batch / self.lanes
    }
}

impl ShardSums<'_> {
    /// The sums of the lane to which row `row` at hand belongs, and whether it is the lane's first.
    pub(crate) fn of_row(&mut self, row: usize) -> (&mut [f32], bool) {
        let (sums, before) = self.with_count(row);
        (sums, before == 0)
    }

    /// The sums of the lane to which row `row` at hand belongs, and how many of the lane's samples are before it.
    pub(crate) fn with_count(&mut self, row: usize) -> (&mut [f32], usize) {
        let sample = self.cut.start(self.first) + row;
        let lane = self.lane_of(row);
        let start = (lane - self.first) * self.stride + self.range.start;
        let before = sample - self.cut.start(lane);
        (&mut self.sums[start..start + self.range.len()], before)
    }

    /// The row after the last one of the lane to which row `row` at hand belongs.
    pub(crate) fn end_of_row(&self, row: usize) -> usize {
        let first = self.cut.start(self.first);
        self.cut.start(self.lane_of(row) + 1) - first
    }

    fn lane_of(&self, row: usize) -> usize {
        let sample = self.cut.start(self.first) + row;
        ((sample + 1) * self.cut.lanes - 1) / self.cut.batch
    }
}

/// What the lanes of a whole batch have gathered for a layer.
#[derive(Clone, Copy)]
pub(crate) struct PartialSums<'a> {
    /// All layers' sums, `[lanes, stride]`.
    pub(crate) sums: &'a [f32],
    pub(crate) stride: usize,
    /// This layer's part of a lane.
    pub(crate) start: usize,
    pub(crate) cut: Sharding,
}

impl<'a> PartialSums<'a> {
    /// Each lane's number of samples and its sums, from the layer's first one on; in order.
    pub(crate) fn lanes(self) -> impl Iterator<Item = (usize, &'a [f32])> {
        let lanes = self.sums.chunks(self.stride).take(self.cut.lanes).enumerate();
        lanes.map(move |(lane, sums)| (self.cut.start(lane + 1) - self.cut.start(lane), &sums[self.start..]))
    }
}

/// What the second half of backward reads: the whole batch.
#[derive(Clone, Copy)]
pub(crate) struct Gradient<'a> {
    /// The input of the forward pass, `[batch, inputs]`.
    pub(crate) x: MatRef<'a>,
    /// The samples in which inputs are live, if it was worth listing them.
    pub(crate) live: Option<NonzeroRef<'a>>,
    /// The gradient before the activation, `[batch, outputs]`; its padding is zero.
    pub(crate) dy: Panels<'a>,
}

/// A parameter tensor as files name and shape it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorSpec {
    /// `weight`, `bias`, …
    pub(crate) name: &'static str,
    /// As PyTorch has it.
    pub(crate) shape: Vec<usize>,
}

/// A tensor of what a layer learns without gradients.
#[derive(Clone, Debug)]
pub(crate) struct StateSpec {
    pub(crate) tensor: TensorSpec,
    /// Its values in a new network.
    pub(crate) initial: f32,
    /// The least value that makes sense.
    pub(crate) least: f32,
    /// Whether files may leave it out.
    pub(crate) optional: bool,
}

impl StateSpec {
    pub(crate) fn len(&self) -> usize {
        self.tensor.shape.iter().product()
    }
}
