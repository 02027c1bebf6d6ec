//! Convolution with fused ReLU and max pooling: `y = maxpool(relu(x ∗ W + b))`.
//!
//! # Shapes
//! - `x`: `[batch, height, width, channels]`
//! - `W`: `[output channels, input channels / groups, filter height, filter width]`
//! - `b`: `[output channels]`
//! - `y`: `[batch, output height, output width, output channels]`
//!
//! One of four algorithms computes it: [`im2col`] for small filters, [`winograd`] for square ones of stride 1 with
//! many channels, [`depthwise`] for narrow groups of channels, [`direct`] for all others.

mod algorithm;
mod depthwise;
mod direct;
mod epilogue;
mod geometry;
mod im2col;
mod winograd;

use std::ops::Range;

use self::{
    algorithm::Algorithm, depthwise::Depthwise, direct::Direct, geometry::Geometry, im2col::Im2col, winograd::Winograd,
};
use super::{Backward, Forward, GradientMethod, Layer, Parameters, PoolGeometry, TensorSpec};
use crate::{
    gemm::{Kernel, MatMut, NR},
    initialization::{Fan, Initializer},
    shape::HwcShape,
    spec::ConvSpec,
};

/// A convolution layer.
///
/// Its parameters are the weights, packed in panels as `[output channels / 16, filter height, filter width, input
/// channels / groups, 16]` with zeros behind the last channel, then the bias, padded likewise.
#[derive(Debug)]
pub(crate) struct Conv {
    geometry: Geometry,
    algorithm: Box<dyn Algorithm>,
}

impl Conv {
    /// `input` and `output` are the required regions of the layer's input and of its output before pooling.
    /// `needs_dx`: whether the input's gradient will be asked for.
    pub(crate) fn new(
        (input, output): (HwcShape, HwcShape),
        spec: &ConvSpec,
        relu: bool,
        pool: Option<PoolGeometry>,
        needs_dx: bool,
    ) -> Self {
        let geometry = Geometry::new(input, output, spec, relu, pool);
        let algorithm: Box<dyn Algorithm> = if geometry.groups > 1 && !Direct::suits_groups(&geometry) {
            Box::new(Depthwise::new(geometry))
        } else if let Some(im2col) = Im2col::new(geometry) {
            Box::new(im2col)
        } else if let Some(winograd) = Winograd::new(geometry) {
            Box::new(winograd)
        } else {
            Box::new(Direct::new(geometry, needs_dx))
        };
        Self { geometry, algorithm }
    }
}

impl Layer for Conv {
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>) {
        self.algorithm.forward(pass, y);
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        self.algorithm.backward(pass, dy, dx);
    }

    fn parameters(&self) -> Option<&dyn Parameters> {
        Some(self)
    }

    fn saved_len(&self) -> usize {
        self.geometry.pool.map_or(0, |pool| pool.output.len())
    }

    fn scratch_len(&self, training: bool) -> usize {
        self.algorithm.scratch_len(training)
    }
}

impl Parameters for Conv {
    fn len(&self) -> usize {
        self.geometry.weight_len()
            + if self.geometry.bias {
                self.geometry.panels() * NR
            } else {
                0
            }
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        let (panel, weights) = (self.geometry.filter_len() * NR, self.geometry.weight_len());
        let bias = self.geometry.bias.then_some(weights..self.len());
        let weights = (0..weights).step_by(panel).map(|start| start..start + panel);
        weights.chain(bias).collect()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let (outputs, filter) = (self.geometry.output.channels, self.geometry.filter);
        let weight = TensorSpec {
            name: "weight",
            shape: vec![outputs, filter.channels, filter.height, filter.width],
        };
        let bias = self.geometry.bias.then(|| TensorSpec {
            name: "bias",
            shape: vec![outputs],
        });
        std::iter::once(weight).chain(bias).collect()
    }

    fn position(&self, tensor: usize, index: usize) -> usize {
        if tensor == 1 {
            return self.geometry.weight_len() + index;
        }
        let (area, channels) = (self.geometry.filter.area(), self.geometry.filter.channels);
        let (output, input) = (index / area / channels, index / area % channels);
        let row = output / NR * self.geometry.filter_len() + index % area * channels + input;
        row * NR + output % NR
    }

    fn initialize(&self, parameters: &mut [f32], initializer: &mut Initializer) {
        let Geometry { filter, output, .. } = self.geometry;
        let fan = Fan {
            inputs: self.geometry.filter_len(),
            outputs: output.channels * filter.area(),
        };
        for index in 0..output.channels * self.geometry.filter_len() {
            let value = &mut parameters[self.position(0, index)];
            initializer.weights(fan, std::iter::once(value));
        }
        if self.geometry.bias {
            let bias = &mut parameters[self.geometry.weight_len()..][..output.channels];
            initializer.biases(fan, bias.iter_mut());
        }
    }

    /// The bias's gradient is summed even without a bias.
    fn gradient_method(&self) -> GradientMethod<'_> {
        GradientMethod::ByShard {
            len: self.geometry.weight_len() + self.geometry.panels() * NR,
        }
    }

    fn packed_len(&self) -> usize {
        self.algorithm.packed_len()
    }

    fn pack(&self, kernel: Kernel, parameters: &[f32], packed: &mut [f32]) {
        let (weights, _) = self.geometry.weights_and_bias(parameters);
        self.algorithm.pack(kernel, weights, packed);
    }

    fn transposed_len(&self) -> usize {
        self.algorithm.transposed_len()
    }

    fn transpose(&self, kernel: Kernel, parameters: &[f32], transposed: &mut [f32]) {
        let (weights, _) = self.geometry.weights_and_bias(parameters);
        self.algorithm.transpose(kernel, weights, transposed);
    }
}
