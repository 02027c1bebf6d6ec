//! A convolution, with a ReLU and a max pooling on the way out where they follow.

mod direct;
mod epilogue;
mod minimal;
mod patches;

use std::{fmt, ops::Range};

use rand::rngs::ChaCha8Rng;

use self::direct::Direct;
use super::{Backward, Forward, Layer, ParameterGradient, Parameters, Pool, TensorSpec, shard_sums::ShardSums};
use crate::{
    conv::{Map, Minimal, Patches, Windows, place},
    gemm::{Kernel, MatMut, NR},
    rng,
    spec::ConvSpec,
};

/// Its part of the arena is `W`, packed in panels as `[channels / 16, kernel height, kernel width, input channels,
/// 16]` with zeros behind the last channel, then the bias, padded likewise.
#[derive(Debug)]
pub(crate) struct Conv {
    geometry: Geometry,
    method: Box<dyn Method>,
}

/// What is computed.
#[derive(Debug)]
struct Geometry {
    input: Map,
    /// The input with its padding.
    padded: Map,
    /// Rows and pixels of padding above and to the left.
    pad: (usize, usize),
    windows: Windows,
    /// The output before pooling.
    output: Map,
    bias: bool,
    relu: bool,
    pool: Option<Pool>,
}

/// How it is computed. The names are those of [`Layer`].
trait Method: fmt::Debug + Send + Sync {
    fn scratch_len(&self, geometry: &Geometry, training: bool) -> usize;

    fn packed_len(&self) -> usize {
        0
    }

    fn pack(&self, _kernel: Kernel, _weights: &[f32], _prepared: &mut [f32]) {}

    fn forward(&self, geometry: &Geometry, pass: Forward<'_>, y: MatMut<'_>);

    fn transposed_len(&self, geometry: &Geometry) -> usize;

    fn transpose(&self, geometry: &Geometry, kernel: Kernel, weights: &[f32], transposed: &mut [f32]);

    fn backward(&self, geometry: &Geometry, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>);
}

impl Conv {
    /// From `input` to `output`, both maps being what is read of them, and on through the pool; `needs_dx` tells
    /// whether the gradient of the input will be asked for.
    pub(crate) fn new(
        (input, output): (Map, Map),
        spec: &ConvSpec,
        relu: bool,
        pool: Option<Pool>,
        needs_dx: bool,
    ) -> Self {
        let geometry = Geometry::new(input, output, spec, relu, pool);
        let method: Box<dyn Method> = if let Some(patches) = Patches::of(&geometry) {
            Box::new(patches)
        } else if let Some(minimal) = Minimal::new(input, geometry.pad, geometry.windows, geometry.output) {
            Box::new(minimal)
        } else {
            Box::new(Direct::new(&geometry, needs_dx))
        };
        Self { geometry, method }
    }
}

impl Geometry {
    fn new(input: Map, output: Map, spec: &ConvSpec, relu: bool, pool: Option<Pool>) -> Self {
        let ((top, bottom), (left, right)) = (spec.pads(spec.kernel.0), spec.pads(spec.kernel.1));
        let windows = Windows {
            height: spec.kernel.0,
            width: spec.kernel.1,
            stride: spec.stride,
        };
        // Without the zeros behind the input that no window reads.
        let padded = |len: usize, (before, after): (usize, usize), count: usize, window: usize| {
            let read = (count - 1) * spec.stride + window;
            (before + len + after).min(read.max(before + len))
        };
        let height = padded(input.height, (top, bottom), output.height, windows.height);
        let width = padded(input.width, (left, right), output.width, windows.width);
        Self {
            input,
            padded: Map::new(height, width, input.channels),
            pad: (top, left),
            windows,
            output,
            bias: spec.bias,
            relu,
            pool,
        }
    }

    /// Values of a window.
    fn window_len(&self) -> usize {
        self.taps() * self.input.channels
    }

    fn panels(&self) -> usize {
        self.output.channels.div_ceil(NR)
    }

    fn weight_len(&self) -> usize {
        self.panels() * self.window_len() * NR
    }

    /// The parameters' two parts.
    fn weights_and_bias<'a>(&self, parameters: &'a [f32]) -> (&'a [f32], Option<&'a [f32]>) {
        let (weights, bias) = parameters.split_at(self.weight_len());
        (weights, self.bias.then(|| &bias[..self.output.channels]))
    }

    /// The sums of gradients of the lane of row `row`: of the weights, and of the bias even where there is none; and
    /// whether the weights' are to be begun.
    fn sums_of_row<'a>(&self, shard_sums: &'a mut ShardSums<'_>, row: usize) -> (&'a mut [f32], &'a mut [f32], bool) {
        let (gradient, fresh) = shard_sums.of_row(row);
        let (weights, sums) = gradient.split_at_mut(self.weight_len());
        let sums = &mut sums[..self.output.channels];
        if fresh {
            sums.fill(0.0);
        }
        (weights, sums, fresh)
    }

    /// Values of the input with its padding, if it has any.
    fn padded_len(&self) -> usize {
        if self.padded == self.input {
            0
        } else {
            self.padded.len()
        }
    }

    /// The sample with its padding.
    fn padded<'a>(&self, x: &'a [f32], padded: &'a mut [f32]) -> &'a [f32] {
        if self.padded == self.input {
            return x;
        }
        place(x, self.input, padded, self.padded, self.pad);
        padded
    }

    fn exchanged_len(&self) -> usize {
        self.input.channels.div_ceil(NR) * self.taps() * self.output.channels * NR
    }

    /// Some taps of the kernel in the given order, with inputs and outputs exchanged, `[input channels / 16, taps,
    /// channels, 16]`.
    fn exchange(&self, weights: &[f32], taps: impl ExactSizeIterator<Item = usize> + Clone, exchanged: &mut [f32]) {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        for output in 0..outputs {
            let weights = &weights[output / NR * self.window_len() * NR + output % NR..];
            for (to, tap) in taps.clone().enumerate() {
                for input in 0..inputs {
                    let row = input / NR * taps.len() * outputs + to * outputs + output;
                    exchanged[row * NR + input % NR] = weights[(tap * inputs + input) * NR];
                }
            }
        }
    }

    /// Taps of the kernel: places in a window.
    fn taps(&self) -> usize {
        self.windows.height * self.windows.width
    }
}

impl Layer for Conv {
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>) {
        self.method.forward(&self.geometry, pass, y);
    }

    fn backward(&self, pass: Backward<'_>, dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        self.method.backward(&self.geometry, pass, dy, dx);
    }

    fn parameters(&self) -> Option<&dyn Parameters> {
        Some(self)
    }

    fn saved_len(&self) -> usize {
        self.geometry.pool.map_or(0, |pool| pool.output.len())
    }

    fn scratch_len(&self, training: bool) -> usize {
        self.method.scratch_len(&self.geometry, training)
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
        let (panel, weights) = (self.geometry.window_len() * NR, self.geometry.weight_len());
        let bias = self.geometry.bias.then_some(weights..self.len());
        let weights = (0..weights).step_by(panel).map(|start| start..start + panel);
        weights.chain(bias).collect()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let (outputs, windows) = (self.geometry.output.channels, self.geometry.windows);
        let weight = TensorSpec {
            name: "weight",
            shape: vec![outputs, self.geometry.input.channels, windows.height, windows.width],
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
        let area = self.geometry.taps();
        let (output, input) = (
            index / area / self.geometry.input.channels,
            index / area % self.geometry.input.channels,
        );
        let row = output / NR * self.geometry.window_len() + index % area * self.geometry.input.channels + input;
        row * NR + output % NR
    }

    /// As for dense layers: uniform in ±√(6 / inputs) before a ReLU and in ±√(3 / inputs) elsewhere, where the
    /// inputs are those of a window; biases are 0.
    fn initialize(&self, parameters: &mut [f32], before_relu: bool, generator: &mut ChaCha8Rng) {
        let gain = if before_relu { 6.0 } else { 3.0 };
        let limit = (gain / self.geometry.window_len() as f32).sqrt();
        for index in 0..self.geometry.output.channels * self.geometry.window_len() {
            let value = &mut parameters[self.position(0, index)];
            rng::fill_uniform(generator, limit, std::iter::once(value));
        }
    }

    /// Sums the bias too, even where there is none.
    fn gradient(&self) -> ParameterGradient<'_> {
        ParameterGradient::ByShard {
            len: self.geometry.weight_len() + self.geometry.panels() * NR,
        }
    }

    fn packed_len(&self) -> usize {
        self.method.packed_len()
    }

    fn pack(&self, kernel: Kernel, parameters: &[f32], packed: &mut [f32]) {
        let (weights, _) = self.geometry.weights_and_bias(parameters);
        self.method.pack(kernel, weights, packed);
    }

    fn transposed_len(&self) -> usize {
        self.method.transposed_len(&self.geometry)
    }

    fn transpose(&self, kernel: Kernel, parameters: &[f32], transposed: &mut [f32]) {
        let (weights, _) = self.geometry.weights_and_bias(parameters);
        self.method.transpose(&self.geometry, kernel, weights, transposed);
    }
}
