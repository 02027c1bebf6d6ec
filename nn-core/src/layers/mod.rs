//! What a layer is: shapes, parameters, forward, and the two halves of backward. One file a layer.

mod dense;
mod relu;

use std::{fmt, ops::Range};

use rand::rngs::ChaCha8Rng;

pub(crate) use dense::Dense;
pub(crate) use relu::Relu;

use crate::gemm::{Kernel, MatMut, MatRef, Panels};

/// One layer of a network that has been built: shapes are fixed, parameters stand in the network's arena.
///
/// Samples are rows: `x` is `[batch, inputs]`, `y` and its gradient `dy` are `[batch, outputs]`, with contiguous rows
/// at any distance. A gradient is named `d` and what it belongs to.
pub(crate) trait Layer: fmt::Debug + Send + Sync {
    /// How many values of the arena the parameters take, padding included.
    fn parameter_len(&self) -> usize;

    /// Cuts `0..parameter_len()` into the pieces whose gradients are computed on their own, in order.
    fn pieces(&self) -> Vec<Range<usize>>;

    /// The parameters as others know them, in PyTorch's order.
    fn tensors(&self) -> Vec<TensorSpec>;

    /// Position in the layer's part of the arena of value `index` of tensor `tensor`.
    fn position(&self, tensor: usize, index: usize) -> usize;

    /// Writes initial weights.
    fn initialize(&self, parameters: &mut [f32], generator: &mut ChaCha8Rng);

    /// `y` from `x`, both for some rows of the batch.
    fn forward(&self, kernel: Kernel, parameters: &[f32], x: MatRef<'_>, y: MatMut<'_>);

    /// How many values [`transpose`](Layer::transpose) writes.
    fn transposed_len(&self) -> usize {
        0
    }

    /// Writes what `backward` needs of the parameters in another order; once a step.
    fn transpose(&self, _parameters: &[f32], _transposed: &mut [f32]) {}

    /// The first half of backward, for some rows of the batch: turns `dy` into the gradient before the activation,
    /// in place, and computes `dx`, unless nobody needs it.
    fn backward(&self, kernel: Kernel, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>);

    /// The second half, for the whole batch: `out = beta·out + alpha·gradient` of piece `piece`, given the `dy` that
    /// `backward` left. With `alpha` the negative learning rate and `out` the parameters, this is the step of SGD.
    fn gradient(&self, _kernel: Kernel, _piece: usize, _pass: Gradient<'_>, _alpha: f32, _beta: f32, _out: &mut [f32]) {
        unreachable!("a layer without parameters has no pieces")
    }
}

/// What the first half of backward reads.
#[derive(Clone, Copy)]
pub(crate) struct Backward<'a> {
    /// What [`Layer::transpose`] wrote.
    pub(crate) transposed: &'a [f32],
    /// The output of the forward pass.
    pub(crate) y: MatRef<'a>,
}

/// What the second half of backward reads: the whole batch.
#[derive(Clone, Copy)]
pub(crate) struct Gradient<'a> {
    /// The input of the forward pass, `[batch, inputs]`.
    pub(crate) x: MatRef<'a>,
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
