//! Interface of the convolution algorithms.

use std::fmt;

use crate::{
    gemm::{Kernel, MatMut},
    layers::{Backward, Forward},
};

/// A way to compute a convolution of fixed geometry. The methods are those of [`Layer`](crate::layers::Layer) and
/// [`Parameters`](crate::layers::Parameters); `weights` are the packed weights without the bias.
pub(super) trait Algorithm: fmt::Debug + Send + Sync {
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>);

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>);

    fn scratch_len(&self, training: bool) -> usize;

    fn packed_len(&self) -> usize {
        0
    }

    fn pack(&self, _kernel: Kernel, _weights: &[f32], _packed: &mut [f32]) {}

    fn transposed_len(&self) -> usize;

    fn transpose(&self, kernel: Kernel, weights: &[f32], transposed: &mut [f32]);
}
