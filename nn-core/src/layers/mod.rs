//! The interface between layers and the executor: forward, backward, parameters, and statistics over a batch.

mod activation;
mod batchnorm;
mod combine;
mod conv;
mod custom;
mod dense;
mod dropout;
mod layernorm;
mod layout;
mod pool;
pub(crate) mod shard_sums;
mod upsample;

use std::{fmt, ops::Range};

use self::shard_sums::{PartialSums, ShardSums};
pub(crate) use self::{
    activation::Activation,
    batchnorm::{BatchNorm, EPSILON as BATCH_NORM_EPSILON, fold},
    combine::{Combine, add},
    conv::Conv,
    custom::Custom,
    dense::Dense,
    dropout::Dropout,
    layernorm::{EPSILON as LAYER_NORM_EPSILON, LayerNorm},
    layout::{ChangeLayout, Layout},
    pool::{AvgPool, MaxPool, PoolGeometry, max_pool, max_pool_backward},
    upsample::Upsample,
};
use crate::{
    gemm::{Kernel, MatMut, MatRef, NonzeroRef, Panels},
    initialization::Initializer,
};

/// A layer whose shapes are fixed; its parameters lie in the network's arena.
///
/// Samples are rows: `x` is `[batch, inputs]`, `y` and its gradient `dy` are `[batch, outputs]`. Rows are contiguous
/// and may lie any distance apart; images are stored as `[height, width, channels]`. A gradient is named `d` + value.
pub(crate) trait Layer: fmt::Debug + Send + Sync {
    /// Computes `y` from `x` for some rows of the batch.
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>);

    /// Computes `dx` from `dy` for some rows of the batch, if `dx` is requested. With a fused activation, `dy` becomes
    /// the gradient before the activation, in place. Also adds up the parameters' gradient if that is done [by
    /// shard](GradientMethod::ByShard).
    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>);

    /// Whether `backward` adds to `dx` where [`Backward::accumulate`] asks for it. For other layers, the executor does.
    fn accumulates(&self) -> bool {
        false
    }

    /// The trainable parameters, if the layer has any.
    fn parameters(&self) -> Option<&dyn Parameters> {
        None
    }

    /// The layer's statistics over the batch, if its outputs depend on all samples in training.
    fn cross_sample(&self) -> Option<&dyn CrossSample> {
        None
    }

    /// The layer as one whose outputs may be divided among threads, if that is worth it.
    fn split_outputs(&self) -> Option<&dyn SplitOutputs> {
        None
    }

    /// Whether it is a layer of the user's own, whose values are checked.
    fn is_own(&self) -> bool {
        false
    }

    /// Values per sample that training saves for backward, beside the output.
    fn saved_len(&self) -> usize {
        0
    }

    /// Values of scratch memory that each thread has for this layer alone: zero at first, then as the layer left them.
    fn scratch_len(&self, _training: bool) -> usize {
        0
    }
}

/// The trainable parameters of a layer.
pub(crate) trait Parameters: fmt::Debug + Send + Sync {
    /// Values that they take in the arena, padding included.
    fn len(&self) -> usize;

    /// `0..len()` cut into the blocks whose gradients are computed separately, in order; each is part of one tensor.
    fn blocks(&self) -> Vec<Range<usize>>;

    /// Names and shapes of the tensors, in PyTorch's order.
    fn tensors(&self) -> Vec<TensorSpec>;

    /// Position in the layer's part of the arena of value `index` of tensor `tensor`. The tensors lie one behind the
    /// other, and each begins with its first value.
    fn position(&self, tensor: usize, index: usize) -> usize;

    /// Writes initial values over zeros.
    fn initialize(&self, parameters: &mut [f32], initializer: &mut Initializer);

    /// Whether they scale and shift what a normalization has computed; weight decay often leaves these out.
    fn are_of_normalization(&self) -> bool {
        false
    }

    /// How the gradient is computed.
    fn gradient_method(&self) -> GradientMethod<'_>;

    /// Values that [`pack`](Self::pack) writes.
    fn packed_len(&self) -> usize {
        0
    }

    /// Writes the parameters in the form that `forward` reads; once a step. Runs on the calling thread alone, since
    /// others may be waiting for it.
    fn pack(&self, _kernel: Kernel, _parameters: &[f32], _packed: &mut [f32]) {}

    /// Values that [`transpose`](Self::transpose) writes.
    fn transposed_len(&self) -> usize {
        0
    }

    /// Writes the parameters in the form that `backward` reads; once a step.
    fn transpose(&self, _kernel: Kernel, _parameters: &[f32], _transposed: &mut [f32]) {}
}

/// How the gradient of a layer's parameters is computed.
pub(crate) enum GradientMethod<'a> {
    /// [`Layer::backward`] adds it up over the samples of each shard, in the first values of
    /// [`Backward::shard_sums`]. Better where parameters are few and samples are large.
    ByShard {
        /// Values of a shard's sums.
        len: usize,
    },
    /// Block by block for the whole batch, after all layers' backward passes.
    ByBlock(&'a dyn BlockGradient),
}

/// The gradient of a layer's parameters, block by block for the whole batch.
pub(crate) trait BlockGradient {
    /// Whether [`gradient`](Self::gradient) skips inputs that are zero. The executor then lists the others.
    fn skips_zero_inputs(&self) -> bool;

    /// `out = beta·out + alpha·gradient` of block `block`. With `alpha` the negative learning rate and `out` the
    /// parameters, this is a step of SGD.
    fn gradient(&self, kernel: Kernel, block: usize, pass: GradientInputs<'_>, alpha: f32, beta: f32, out: &mut [f32]);
}

/// A layer each of whose parameter blocks belongs to some of its outputs.
pub(crate) trait SplitOutputs: Sync {
    /// The first output whose parameters are in block `block` or behind it.
    fn first_output(&self, block: usize) -> usize;

    /// Computes `y`, the outputs from `start` on, which is one of [`first_output`](Self::first_output), from the inputs of all
    /// samples.
    fn forward_outputs(&self, kernel: Kernel, parameters: &[f32], x: MatRef<'_>, start: usize, y: MatMut<'_>);
}

/// A layer whose outputs depend, in training, on all samples of the batch.
///
/// The forward pass stops before the layer, each shard computes its partial statistics, these are reduced, and the pass
/// continues. The backward pass does the same.
pub(crate) trait CrossSample {
    /// The running statistics (buffers in PyTorch), in PyTorch's order; their values are stored one after the other.
    fn state(&self) -> Vec<StateSpec>;

    /// The smallest batch that training works with.
    fn min_batch(&self) -> usize;

    /// Before `forward`, for some rows of the batch: adds the statistics of `pass.x` to the shard sums.
    fn partial_statistics(&self, pass: StatisticsPass<'_>);

    /// Reduces the partial statistics of all shards into the packed parameters.
    fn reduce(&self, parameters: &[f32], partial: PartialSums<'_>, packed: &mut [f32]);

    /// Before `backward`, for some rows of the batch: adds the statistics of `dy` to the shard sums.
    fn partial_gradient_statistics(&self, pass: Backward<'_>, dy: MatRef<'_>);

    /// Reduces the partial statistics of the gradient into the packed parameters.
    fn reduce_gradient(&self, partial: PartialSums<'_>, packed: &mut [f32]);

    /// Updates the running statistics after a step.
    fn update_running_statistics(&self, packed: &[f32], state: &mut [f32]);

    /// Packs the parameters with the running statistics, for prediction.
    fn pack_running_statistics(&self, parameters: &[f32], state: &[f32], packed: &mut [f32]);
}

/// The arguments of a forward pass, and the memory it may use.
pub(crate) struct Forward<'a> {
    pub(crate) kernel: Kernel,
    pub(crate) parameters: &'a [f32],
    /// What [`Parameters::pack`], or one of the methods of [`CrossSample`], wrote.
    pub(crate) packed: &'a [f32],
    pub(crate) x: MatRef<'a>,
    /// Index of `x` among the inputs of a layer that has several, which runs once for each.
    pub(crate) input: usize,
    /// The training step; none in prediction.
    pub(crate) training: Option<StepContext>,
    /// `[batch, saved_len]` in training, no columns in prediction.
    pub(crate) saved: MatMut<'a>,
    pub(crate) scratch: &'a mut [f32],
}

/// What random numbers in a forward pass depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepContext {
    /// The seed of dropout's random numbers; `None` leaves dropout out.
    pub(crate) seed: Option<u64>,
    /// The training step, counted from 0.
    pub(crate) step: u64,
    /// Index in the batch of the pass's first sample.
    pub(crate) first_sample: usize,
}

/// The arguments of a backward pass, and the memory it may use.
pub(crate) struct Backward<'a> {
    pub(crate) kernel: Kernel,
    /// What [`Parameters::transpose`] wrote.
    pub(crate) transposed: &'a [f32],
    /// As in the forward pass, with what [`CrossSample::reduce_gradient`] wrote.
    pub(crate) packed: &'a [f32],
    /// Input and output of the forward pass, and what it saved.
    pub(crate) x: MatRef<'a>,
    pub(crate) y: MatRef<'a>,
    pub(crate) saved: MatRef<'a>,
    /// Index of `x` among the inputs of a layer that has several, which runs once for each.
    pub(crate) input: usize,
    /// Whether to add to `dx`, for a layer that [accumulates](Layer::accumulates).
    pub(crate) accumulate: bool,
    pub(crate) scratch: &'a mut [f32],
    pub(crate) shard_sums: ShardSums<'a>,
}

/// What the statistics of a layer's input are computed from, and the memory they may use.
pub(crate) struct StatisticsPass<'a> {
    pub(crate) kernel: Kernel,
    /// The input of the coming forward pass.
    pub(crate) x: MatRef<'a>,
    pub(crate) scratch: &'a mut [f32],
    pub(crate) shard_sums: ShardSums<'a>,
}

/// The arguments of the gradient of a parameter block, for the whole batch.
#[derive(Clone, Copy)]
pub(crate) struct GradientInputs<'a> {
    /// The input of the forward pass, `[batch, inputs]`.
    pub(crate) x: MatRef<'a>,
    /// The samples in which inputs are nonzero, if they were listed.
    pub(crate) nonzero: Option<NonzeroRef<'a>>,
    /// The gradient before the activation, `[batch, outputs]`; its padding is zero.
    pub(crate) dy: Panels<'a>,
}

/// Name and shape of a parameter tensor in files, as PyTorch has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorSpec {
    /// `weight`, `bias`, …
    pub(crate) name: &'static str,
    pub(crate) shape: Vec<usize>,
}

/// A tensor of running statistics, such as a running mean: a buffer in PyTorch.
#[derive(Clone, Debug)]
pub(crate) struct StateSpec {
    pub(crate) tensor: TensorSpec,
    /// Its values in a new network.
    pub(crate) initial: f32,
    /// The smallest valid value.
    pub(crate) min: f32,
    /// Whether files may leave it out.
    pub(crate) optional: bool,
}

impl TensorSpec {
    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

impl StateSpec {
    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.tensor.len()
    }
}
