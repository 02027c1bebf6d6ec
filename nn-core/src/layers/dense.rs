//! `y = W·x + b`, with a ReLU on the way out where one follows.

use std::ops::Range;

use rand::rngs::ChaCha8Rng;
use rayon::prelude::*;

use super::{Backward, Forward, Gradient, Layer, Layout, TensorSpec, activation};
use crate::{
    conv::Map,
    gemm::{
        Kernel, MatMut, NR, Panels, ROW_GROUP, SPARSE_MIN_COLS, multiply_sparse, multiply_transposed, row_group_flags,
    },
    rng,
};

/// Panels of one block of wide layers: a block of the inputs is then read once for all of them.
const PIECE_PANELS: usize = 8;
/// Layers of fewer panels have blocks of [`FEW_PANELS`], so that there are enough of them for all threads.
const MANY_PANELS: usize = 4 * PIECE_PANELS;
/// What tiles take at once.
const FEW_PANELS: usize = 2;
/// Fewer weights are transposed on one thread: it takes no longer than to hand some over to another that is awake.
const PARALLEL_LEN: usize = 1 << 12;

/// Its part of the arena is `W`, packed in panels as `[outputs / 16, inputs, 16]` with zeros behind the last output,
/// then the bias, padded likewise. Forward and the weights' gradient use it as it lies.
///
/// Forward passes over weights of inputs that are 0 for all samples at hand, as the margins of a digit are, backward over
/// those of outputs that a ReLU has cut off, and the first layer's gradient over samples where inputs are 0: what is not
/// finite there does not show.
#[derive(Debug)]
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    relu: bool,
    pixels: Option<Map>,
    /// Whether its gradient reads only where the inputs are live: those of hidden layers are nearly everywhere.
    keeps_live: bool,
}

impl Dense {
    /// `pixels`: the picture that the inputs are, where its pixels and not its planes lie in memory. `first`: whether
    /// the inputs are data.
    pub(crate) fn new(inputs: usize, outputs: usize, relu: bool, pixels: Option<Map>, first: bool) -> Self {
        Self {
            inputs,
            outputs,
            relu,
            pixels,
            keeps_live: first && outputs >= SPARSE_MIN_COLS,
        }
    }

    fn panels(&self) -> usize {
        self.outputs.div_ceil(NR)
    }

    fn weight_len(&self) -> usize {
        self.panels() * self.inputs * NR
    }

    /// The panels of a block of the weights; the bias is the block after the last of them.
    fn weight_piece(&self, block: usize) -> Option<Range<usize>> {
        let panels = if self.panels() < MANY_PANELS {
            FEW_PANELS
        } else {
            PIECE_PANELS
        };
        let first = block * panels;
        (first < self.panels()).then(|| first..self.panels().min(first + panels))
    }
}

impl Layer for Dense {
    fn parameter_len(&self) -> usize {
        self.weight_len() + self.panels() * NR
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        let blocks = (0..).map_while(|block| self.weight_piece(block));
        let panel = self.inputs * NR;
        let weights = blocks.map(|panels| panels.start * panel..panels.end * panel);
        weights
            .chain(std::iter::once(self.weight_len()..self.parameter_len()))
            .collect()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let weight = TensorSpec {
            name: "weight",
            shape: vec![self.outputs, self.inputs],
        };
        let bias = TensorSpec {
            name: "bias",
            shape: vec![self.outputs],
        };
        vec![weight, bias]
    }

    fn position(&self, tensor: usize, index: usize) -> usize {
        if tensor == 1 {
            return self.weight_len() + index;
        }
        let (output, input) = (index / self.inputs, index % self.inputs);
        let input = self.pixels.map_or(input, |map| Layout::Hwc.position(map, input));
        (output / NR * self.inputs + input) * NR + output % NR
    }

    /// Uniform in ±√(6 / inputs) before a ReLU (He et al., 2015, "Delving Deep into Rectifiers") and in
    /// ±√(3 / inputs) elsewhere, so that outputs vary as much as inputs do; biases are 0.
    fn initialize(&self, parameters: &mut [f32], before_relu: bool, generator: &mut ChaCha8Rng) {
        let gain = if before_relu { 6.0 } else { 3.0 };
        let limit = (gain / self.inputs as f32).sqrt();
        for (panel, weights) in parameters[..self.weight_len()].chunks_mut(self.inputs * NR).enumerate() {
            let lanes = NR.min(self.outputs - panel * NR);
            for row in weights.chunks_mut(NR) {
                rng::fill_uniform(generator, limit, row[..lanes].iter_mut());
            }
        }
    }

    fn saved_len(&self) -> usize {
        if self.keeps_live {
            self.inputs.div_ceil(ROW_GROUP)
        } else {
            0
        }
    }

    fn keeps_live(&self) -> bool {
        self.keeps_live
    }

    fn forward(&self, mut pass: Forward<'_>, y: MatMut<'_>) {
        if pass.training.is_some() && self.keeps_live {
            for row in 0..pass.x.rows() {
                row_group_flags(pass.kernel, pass.x.row(row), pass.saved.row_mut(row));
            }
        }
        let (weights, bias) = pass.parameters.split_at(self.weight_len());
        let weights = Panels::packed(weights, self.inputs, self.outputs);
        multiply_sparse(pass.kernel, pass.x, weights, y, Some(&bias[..self.outputs]), self.relu);
    }

    fn transposed_len(&self) -> usize {
        self.inputs.div_ceil(NR) * self.outputs * NR
    }

    /// `Wᵀ` in panels, `[inputs / 16, outputs, 16]`: squares of 16 × 16 values, each turned in the nearest cache.
    fn transpose(&self, _kernel: Kernel, parameters: &[f32], transposed: &mut [f32]) {
        let weights = &parameters[..self.weight_len()];
        let transpose_panel = |(index, target): (usize, &mut [f32])| {
            let first = index * NR;
            let inputs = NR.min(self.inputs - first);
            for (panel, target) in target.chunks_mut(NR * NR).enumerate() {
                let source = &weights[(panel * self.inputs + first) * NR..][..inputs * NR];
                for (lane, source) in source.chunks_exact(NR).enumerate() {
                    for (row, &value) in target.chunks_exact_mut(NR).zip(source) {
                        row[lane] = value;
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

    fn backward(&self, pass: Backward<'_>, mut dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        if self.relu {
            activation::mask(pass.kernel, pass.y, &mut dy);
        }
        if let Some(dx) = dx {
            let weights = Panels::packed(pass.transposed, self.outputs, self.inputs);
            multiply_sparse(pass.kernel, dy.as_ref(), weights, dx, None, false);
        }
    }

    /// `dW = Xᵀ·dY` for some panels; for the last block `db`, the sum of the rows of `dY`.
    fn gradient(&self, kernel: Kernel, block: usize, pass: Gradient<'_>, alpha: f32, beta: f32, out: &mut [f32]) {
        let Some(panels) = self.weight_piece(block) else {
            return bias_gradient(&pass.dy, alpha, beta, out);
        };
        let dy = Panels {
            data: &pass.dy.data[panels.start * pass.dy.panel_stride..],
            n: panels.len() * NR,
            ..pass.dy
        };
        multiply_transposed(kernel, (pass.x, pass.live), dy, out, (alpha, beta));
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
