//! `y = W·x + b`, with a ReLU on the way out where one follows.

use std::ops::Range;

use rand::rngs::ChaCha8Rng;

use super::{Backward, Forward, Gradient, Layer, Order, TensorSpec, activation};
use crate::{
    conv::Map,
    gemm::{Epilogue, Kernel, MatMut, PANEL, Panels, multiply_packed},
    random,
};

/// Input rows of one piece of the weights: enough work for a thread, and 64 KiB that stay in its cache while an
/// optimiser passes over them.
const PIECE_ROWS: usize = 1024;

/// Its part of the arena is `W`, packed in panels as `[outputs / 16, inputs, 16]` with zeros behind the last output,
/// then the bias, padded likewise. Forward and the weights' gradient use it as it lies.
#[derive(Debug)]
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    relu: bool,
    pixels: Option<Map>,
}

impl Dense {
    /// `pixels`: the picture that the inputs are, where its pixels and not its planes lie in memory.
    pub(crate) fn new(inputs: usize, outputs: usize, relu: bool, pixels: Option<Map>) -> Self {
        Self {
            inputs,
            outputs,
            relu,
            pixels,
        }
    }

    fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    fn weight_len(&self) -> usize {
        self.panels() * self.inputs * PANEL
    }

    /// Pieces of one panel.
    fn pieces_per_panel(&self) -> usize {
        self.inputs.div_ceil(PIECE_ROWS)
    }

    /// The panel and the input rows of a piece of the weights.
    fn piece_rows(&self, piece: usize) -> (usize, Range<usize>) {
        let first = piece % self.pieces_per_panel() * PIECE_ROWS;
        (
            piece / self.pieces_per_panel(),
            first..self.inputs.min(first + PIECE_ROWS),
        )
    }
}

impl Layer for Dense {
    fn parameter_len(&self) -> usize {
        self.weight_len() + self.panels() * PANEL
    }

    fn pieces(&self) -> Vec<Range<usize>> {
        let weights = (0..self.panels() * self.pieces_per_panel()).map(|piece| {
            let (panel, rows) = self.piece_rows(piece);
            let start = panel * self.inputs;
            (start + rows.start) * PANEL..(start + rows.end) * PANEL
        });
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
        let input = self.pixels.map_or(input, |map| Order::Pixels.position(map, input));
        (output / PANEL * self.inputs + input) * PANEL + output % PANEL
    }

    /// Uniform in ±√(6 / inputs) before a ReLU (He et al., 2015, "Delving Deep into Rectifiers") and in
    /// ±√(3 / inputs) elsewhere, so that outputs vary as much as inputs do; biases are 0.
    fn initialize(&self, parameters: &mut [f32], generator: &mut ChaCha8Rng) {
        let gain = if self.relu { 6.0 } else { 3.0 };
        let limit = (gain / self.inputs as f32).sqrt();
        for (panel, weights) in parameters[..self.weight_len()]
            .chunks_mut(self.inputs * PANEL)
            .enumerate()
        {
            let lanes = PANEL.min(self.outputs - panel * PANEL);
            for row in weights.chunks_mut(PANEL) {
                random::fill_uniform(generator, limit, row[..lanes].iter_mut());
            }
        }
    }

    fn forward(&self, pass: Forward<'_>, y: MatMut<'_>) {
        let (weights, bias) = pass.parameters.split_at(self.weight_len());
        let weights = Panels::packed(weights, self.inputs, self.outputs);
        multiply_packed(pass.kernel, pass.x, weights, y, Some(&bias[..self.outputs]), self.relu);
    }

    fn transposed_len(&self) -> usize {
        self.inputs.div_ceil(PANEL) * self.outputs * PANEL
    }

    /// `Wᵀ` in panels, `[inputs / 16, outputs, 16]`.
    fn transpose(&self, parameters: &[f32], transposed: &mut [f32]) {
        let weights = parameters[..self.weight_len()].chunks(self.inputs * PANEL);
        for (panel, weights) in weights.enumerate() {
            let first = panel * PANEL;
            let lanes = PANEL.min(self.outputs - first);
            for (input, row) in weights.chunks(PANEL).enumerate() {
                let start = (input / PANEL * self.outputs + first) * PANEL + input % PANEL;
                let column = transposed[start..].iter_mut().step_by(PANEL);
                for (to, from) in column.zip(&row[..lanes]) {
                    *to = *from;
                }
            }
        }
    }

    fn backward(&self, pass: Backward<'_>, mut dy: MatMut<'_>, dx: Option<MatMut<'_>>) {
        if self.relu {
            activation::mask(pass.y, &mut dy);
        }
        if let Some(dx) = dx {
            let weights = Panels::packed(pass.transposed, self.outputs, self.inputs);
            multiply_packed(pass.kernel, dy.as_ref(), weights, dx, None, false);
        }
    }

    /// `dW = Xᵀ·dY` for a piece of a panel; for the last piece `db`, the sum of the rows of `dY`.
    fn gradient(&self, kernel: Kernel, piece: usize, pass: Gradient<'_>, alpha: f32, beta: f32, out: &mut [f32]) {
        let batch = pass.x.rows();
        let (panel, rows) = self.piece_rows(piece);
        if panel == self.panels() {
            return bias_gradient(&pass.dy, alpha, beta, out);
        }
        let dy = Panels {
            data: &pass.dy.data[panel * pass.dy.panel_stride..],
            n: PANEL,
            ..pass.dy
        };
        let x = pass.x.block(0..batch, rows.clone()).transposed();
        let out = MatMut::row_major(out, rows.len(), PANEL).expect("a piece is as long as its rows");
        let epilogue = Epilogue {
            alpha,
            beta,
            ..Epilogue::STORE
        };
        kernel.multiply(x, dy, out, epilogue);
    }
}

fn bias_gradient(dy: &Panels<'_>, alpha: f32, beta: f32, out: &mut [f32]) {
    for (panel, out) in out.chunks_mut(PANEL).enumerate() {
        let mut sums = [0.0; PANEL];
        for row in 0..dy.k {
            let start = panel * dy.panel_stride + row * dy.row_stride;
            for (sum, dy) in sums.iter_mut().zip(&dy.data[start..start + PANEL]) {
                *sum += dy;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            let old = if beta == 0.0 { 0.0 } else { beta * *out };
            *out = old + alpha * sum;
        }
    }
}
