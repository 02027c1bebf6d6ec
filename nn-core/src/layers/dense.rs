//! The dense layer: `y = W·x + b`, with the ReLU that follows. `dx = Wᵀ·dy`, `dW = dy·xᵀ`, `db = Σ dy`.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Backward, BlockGradient, Forward, GradientInputs, GradientMethod, Layer, Layout, Parameters, SplitOutputs,
    TensorSpec, activation,
};
use crate::{
    gemm::{Kernel, MatMut, MatRef, NR, Panels, SPARSE_MIN_COLS, multiply_sparse, multiply_transposed},
    initialization::{Fan, Initializer},
    shape::HwcShape,
};

/// Panels per parameter block of wide layers, which share one read of the inputs.
const BLOCK_PANELS: usize = 8;
/// Layers with fewer panels have blocks of [`FEW_PANELS`], so that there are enough of them for all threads.
const MANY_PANELS: usize = 4 * BLOCK_PANELS;
/// Panels per parameter block of narrow layers: as many as a microkernel computes at once.
const FEW_PANELS: usize = 2;
/// Minimum weights for a parallel transposition; for fewer, handing work to a second thread takes as long as doing it.
const PARALLEL_LEN: usize = 1 << 12;

/// Parameters: `W` packed in panels, `[outputs / 16, inputs, 16]`, with zeros behind the last output, then the bias,
/// padded likewise, if there is one. Forward and the weights' gradient use them in this form.
///
/// Products skip zeros: the forward pass skips weights of inputs that are 0 in a group of samples, such as the margins
/// of digits; backward skips weights of outputs that a ReLU has set to 0; the first layer's gradient skips samples
/// whose inputs are 0. NaN and infinity in skipped values are not propagated.
#[derive(Debug)]
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    bias: bool,
    relu: bool,
    /// The shape of the input, if it is an image stored as HWC.
    image: Option<HwcShape>,
    /// Whether the gradient skips samples whose inputs are 0, which are rare in hidden layers.
    skips_zero_inputs: bool,
}

impl Dense {
    /// `image` is the shape of the input, if it is an image stored as HWC; `is_first` tells whether the input is that
    /// of the network.
    pub(crate) fn new(
        (inputs, outputs): (usize, usize),
        (bias, relu): (bool, bool),
        image: Option<HwcShape>,
        is_first: bool,
    ) -> Self {
        Self {
            inputs,
            outputs,
            bias,
            relu,
            image,
            skips_zero_inputs: is_first && outputs >= SPARSE_MIN_COLS,
        }
    }

    fn panels(&self) -> usize {
        self.outputs.div_ceil(NR)
    }

    fn weight_len(&self) -> usize {
        self.panels() * self.inputs * NR
    }

    /// The panels of a block of the weights; the bias, if there is one, is the last block.
    fn block_panels(&self, block: usize) -> Option<Range<usize>> {
        let panels = if self.panels() < MANY_PANELS {
            FEW_PANELS
        } else {
            BLOCK_PANELS
        };
        let first = block * panels;
        (first < self.panels()).then(|| first..self.panels().min(first + panels))
    }
}

impl Layer for Dense {
    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>) {
        self.forward_outputs(pass.kernel, pass.parameters, pass.x, 0, y);
    }

    fn backward(&self, pass: Backward<'_>, mut dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        if self.relu {
            activation::relu_backward(pass.kernel, pass.y, &mut dy);
        }
        if let Some(dx) = dx {
            let weights = Panels::packed(pass.transposed, self.outputs, self.inputs);
            multiply_sparse(pass.kernel, dy.as_ref(), weights, dx, None, false);
        }
    }

    fn parameters(&self) -> Option<&dyn Parameters> {
        Some(self)
    }

    fn split_outputs(&self) -> Option<&dyn SplitOutputs> {
        Some(self)
    }
}

impl SplitOutputs for Dense {
    fn first_output(&self, block: usize) -> usize {
        self.block_panels(block)
            .map_or(self.outputs, |panels| panels.start * NR)
    }

    fn forward_outputs(&self, kernel: Kernel, parameters: &[f32], x: MatRef<'_>, start: usize, y: MatMut<'_>) {
        let (weights, bias) = parameters.split_at(self.weight_len());
        let outputs = start..start + y.cols();
        let weights = Panels::packed(weights, self.inputs, self.outputs).cols(outputs.clone());
        let bias = self.bias.then(|| &bias[outputs]);
        multiply_sparse(kernel, x, weights, y, bias, self.relu);
    }
}

impl Parameters for Dense {
    fn len(&self) -> usize {
        self.weight_len() + if self.bias { self.panels() * NR } else { 0 }
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        let blocks = (0..).map_while(|block| self.block_panels(block));
        let panel = self.inputs * NR;
        let weights = blocks.map(|panels| panels.start * panel..panels.end * panel);
        let bias = self.bias.then(|| self.weight_len()..self.len());
        weights.chain(bias).collect()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let weight = TensorSpec {
            name: "weight",
            shape: vec![self.outputs, self.inputs],
        };
        let bias = self.bias.then(|| TensorSpec {
            name: "bias",
            shape: vec![self.outputs],
        });
        std::iter::once(weight).chain(bias).collect()
    }

    fn position(&self, tensor: usize, index: usize) -> usize {
        if tensor == 1 {
            return self.weight_len() + index;
        }
        let (output, input) = (index / self.inputs, index % self.inputs);
        let input = self.image.map_or(input, |map| Layout::Hwc.position(map, input));
        (output / NR * self.inputs + input) * NR + output % NR
    }

    fn initialize(&self, parameters: &mut [f32], initializer: &mut Initializer) {
        let fan = Fan {
            inputs: self.inputs,
            outputs: self.outputs,
        };
        let (weights, bias) = parameters.split_at_mut(self.weight_len());
        for (panel, weights) in weights.chunks_mut(self.inputs * NR).enumerate() {
            let outputs = NR.min(self.outputs - panel * NR);
            let rows = weights.chunks_mut(NR);
            initializer.weights(fan, rows.flat_map(|row| &mut row[..outputs]));
        }
        let outputs = if self.bias { self.outputs } else { 0 };
        initializer.biases(fan, bias[..outputs].iter_mut());
    }

    fn gradient_method(&self) -> GradientMethod<'_> {
        GradientMethod::ByBlock(self)
    }

    fn transposed_len(&self) -> usize {
        self.inputs.div_ceil(NR) * self.outputs * NR
    }

    /// `Wᵀ` in panels, `[inputs / 16, outputs, 16]`: squares of 16 × 16 values, each transposed in the L1 cache.
    fn transpose(&self, _kernel: Kernel, parameters: &[f32], transposed: &mut [f32]) {
        let weights = &parameters[..self.weight_len()];
        let transpose_panel = |(index, target): (usize, &mut [f32])| {
            let first = index * NR;
            let inputs = NR.min(self.inputs - first);
            for (panel, target) in target.chunks_mut(NR * NR).enumerate() {
                let source = &weights[(panel * self.inputs + first) * NR..][..inputs * NR];
                for (col, source) in source.chunks_exact(NR).enumerate() {
                    for (row, &value) in target.chunks_exact_mut(NR).zip(source) {
                        row[col] = value;
                    }
                }
            }
        };
        let panel = self.outputs * NR;
        if weights.len() < PARALLEL_LEN {
            transposed.chunks_mut(panel).enumerate().for_each(transpose_panel);
        } else {
            transposed
                .par_chunks_mut(panel)
                .with_min_len(4)
                .enumerate()
                .for_each(transpose_panel);
        }
    }
}

impl BlockGradient for Dense {
    fn skips_zero_inputs(&self) -> bool {
        self.skips_zero_inputs
    }

    /// `dW` for some panels; `db` for the last block.
    fn gradient(&self, kernel: Kernel, block: usize, pass: GradientInputs<'_>, alpha: f32, beta: f32, out: &mut [f32]) {
        let Some(panels) = self.block_panels(block) else {
            return bias_gradient(&pass.dy, alpha, beta, out);
        };
        let dy = Panels {
            data: &pass.dy.data[panels.start * pass.dy.panel_stride..],
            n: panels.len() * NR,
            ..pass.dy
        };
        multiply_transposed(kernel, (pass.x, pass.nonzero), dy, out, (alpha, beta));
    }
}

fn bias_gradient(dy: &Panels<'_>, alpha: f32, beta: f32, out: &mut [f32]) {
    for (panel, out) in out.chunks_mut(NR).enumerate() {
        let mut sums = [0.0; NR];
        for row in 0..dy.k {
            let start = panel * dy.panel_stride + row * dy.row_stride;
            for (sum, dy) in sums.iter_mut().zip(&dy.data[start..start + NR]) {
                *sum += dy;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            let old = if beta == 0.0 { 0.0 } else { beta * *out };
            *out = old + alpha * sum;
        }
    }
}
