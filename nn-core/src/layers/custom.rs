//! A user's own layer, run sample by sample.
//!
//! # Shapes
//! - `x`: `[batch, …]` with the input's shape, images as channel-height-width
//! - `y`: `[batch, …]` with the output's shape, likewise

use std::{ops::Range, sync::Arc};

use rand::RngExt;

use super::{Backward, Forward, GradientMethod, Layer, Parameters, TensorSpec};
use crate::{
    gemm::{Kernel, MatMut},
    initialization::Initializer,
    shape::Shape,
    spec::{CustomBackward, CustomLayer},
};

/// Adapts a [`CustomLayer`] to the executor. Its parameters are the tensors one after the other.
#[derive(Debug)]
pub(crate) struct Custom {
    layer: Arc<dyn CustomLayer>,
    input: Shape,
    tensors: Vec<TensorSpec>,
}

impl Custom {
    pub(crate) fn new(layer: Arc<dyn CustomLayer>, input: Shape) -> Self {
        let tensors = layer.parameters(input).into_iter();
        let tensors = tensors.map(|(name, shape)| TensorSpec { name, shape }).collect();
        Self { layer, input, tensors }
    }
}

impl Layer for Custom {
    fn forward(&self, pass: Forward<'_>, mut y: MatMut<'_>) {
        for row in 0..y.rows() {
            let parameters = &pass.parameters[..self.len()];
            self.layer
                .forward(self.input, parameters, pass.x.row(row), y.row_mut(row));
        }
    }

    fn backward(&self, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        for row in 0..dy.rows() {
            let dparameters: &mut [f32] = if self.tensors.is_empty() {
                &mut []
            } else {
                let (sums, is_first) = pass.shard_sums.of_row(row);
                if is_first {
                    sums.fill(0.0);
                }
                sums
            };
            self.layer.backward(
                self.input,
                CustomBackward {
                    parameters: &pass.packed[..self.len()],
                    x: pass.x.row(row),
                    y: pass.y.row(row),
                    dy: dy.as_ref().row(row),
                    dx: match &mut dx {
                        Some(dx) => dx.row_mut(row),
                        None => &mut *pass.scratch,
                    },
                    dparameters,
                },
            );
        }
    }

    fn parameters(&self) -> Option<&dyn Parameters> {
        (!self.tensors.is_empty()).then_some(self)
    }

    fn is_own(&self) -> bool {
        true
    }

    /// The gradient of the network's input, which nobody asks for.
    fn scratch_len(&self, training: bool) -> usize {
        if training { self.input.len() } else { 0 }
    }
}

impl Parameters for Custom {
    fn len(&self) -> usize {
        self.tensors.iter().map(TensorSpec::len).sum()
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        let ends = self.tensors.iter().scan(0, |end, tensor| {
            let start = *end;
            *end += tensor.len();
            Some(start..*end)
        });
        ends.collect()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        self.tensors.clone()
    }

    fn position(&self, tensor: usize, index: usize) -> usize {
        self.tensors[..tensor].iter().map(TensorSpec::len).sum::<usize>() + index
    }

    fn initialize(&self, parameters: &mut [f32], initializer: &mut Initializer) {
        let mut uniform = || initializer.generator.random_range(-1.0..1.0);
        self.layer.initialize(self.input, parameters, &mut uniform);
    }

    fn gradient_method(&self) -> GradientMethod<'_> {
        GradientMethod::ByShard { len: self.len() }
    }

    fn packed_len(&self) -> usize {
        self.len()
    }

    /// Copies the parameters for backward, which is given the packed form alone.
    fn pack(&self, _kernel: Kernel, parameters: &[f32], packed: &mut [f32]) {
        packed[..self.len()].copy_from_slice(parameters);
    }
}
