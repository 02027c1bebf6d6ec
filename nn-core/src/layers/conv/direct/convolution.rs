//! Direct convolution `z = x ∗ W` and its weight gradient, reading the input's windows in place.
//!
//! A window row is contiguous in memory, so a window is a matrix row whose columns come in segments, one for each row
//! of the filter. Horizontally adjacent windows are the matrix's rows, `stride` pixels apart. The products with the
//! weights and with the output's gradient are then ordinary matrix products without a copy. With dilation or groups, each
//! pixel of a window row is a segment.

use std::ops::Range;

use crate::{
    gemm::{Epilogue, Kernel, MatMut, NR, Output, Panels, Segments},
    layers::conv::geometry::Filter,
    shape::HwcShape,
};

/// Weights that the tiles of one pass share: three quarters of a 32 KiB L1 cache.
const PASS_WEIGHTS: usize = 6 * 1024;

/// A convolution of an input that is padded already.
#[derive(Debug)]
pub(super) struct Convolution {
    pub(super) input: HwcShape,
    pub(super) filter: Filter,
    /// With the channels that these filters compute.
    pub(super) output: HwcShape,
    /// Distances of the output's rows and pixels in memory.
    pub(super) output_strides: (usize, usize),
    /// Input rows that may hold other values than zero; the others are skipped.
    pub(super) nonzero_rows: Range<usize>,
}

impl Convolution {
    /// Writes `z`, `[height, width, channels]`, with bias and ReLU. `weights` are packed in panels: `[channels / 16,
    /// filter height, filter width, input channels, 16]`.
    pub(super) fn run(
        &self,
        kernel: Kernel,
        x: &[f32],
        weights: &[f32],
        z: &mut [f32],
        (bias, relu): (Option<&[f32]>, bool),
    ) {
        let runs = self.filter.runs(self.input.channels);
        // Weights of one filter row, and of a whole panel.
        let row = runs.count * runs.len * NR;
        let panel = self.filter.height * row;
        let rows = if runs.count == 1 {
            (PASS_WEIGHTS / row).clamp(1, self.filter.height)
        } else {
            1
        };
        let is_narrow = self.output.width <= 3;
        let panels = if is_narrow {
            usize::MAX / NR
        } else {
            (PASS_WEIGHTS / panel).max(1)
        };
        for first in (0..self.output.channels).step_by((panels * NR).min(self.output.channels)) {
            let channels = (self.output.channels - first).min(panels * NR);
            for top in (0..self.filter.height).step_by(rows) {
                let bottom = self.filter.height.min(top + rows);
                let epilogue = Epilogue {
                    beta: if top == 0 { 0.0 } else { 1.0 },
                    bias: bias.filter(|_| top == 0).map(|bias| &bias[first..first + channels]),
                    relu: relu && bottom == self.filter.height,
                    ..Epilogue::STORE
                };
                for y in 0..self.output.height {
                    let row_of = |row: usize| {
                        row.saturating_sub(y * self.filter.stride.0)
                            .div_ceil(self.filter.dilation.0)
                    };
                    let (skip, end) = (row_of(self.nonzero_rows.start), row_of(self.nonzero_rows.end));
                    let (top, bottom) = (top.max(skip).min(bottom), bottom.min(end));
                    let a = self.window_rows(x, y, top..bottom.max(top));
                    let b = Panels {
                        data: &weights[first / NR * panel + top * row..],
                        k: runs.len,
                        n: channels,
                        panel_stride: panel,
                        row_stride: NR,
                        segment_stride: runs.len * NR,
                    };
                    let c = &mut z[y * self.output_strides.0 + first..];
                    let c = MatMut::new(c, self.output.width, channels, self.output_strides.1, 1);
                    kernel.multiply(a, b, c.expect("a row of the output"), epilogue);
                }
            }
        }
    }

    /// The windows of output row `y` as a matrix, one window a row; of each window the filter rows `rows`, at most one if
    /// its values are not contiguous.
    fn window_rows<'a>(&self, x: &'a [f32], y: usize, rows: Range<usize>) -> Segments<'a> {
        let (filter, runs) = (&self.filter, self.filter.runs(self.input.channels));
        // Without rows, the start of the window, which is inside the input.
        let first = if rows.is_empty() { 0 } else { rows.start };
        let start = (y * filter.stride.0 + first * filter.dilation.0) * self.input.row();
        let segments = if runs.count == 1 {
            (rows.len(), filter.dilation.0 * self.input.row())
        } else {
            (rows.len() * runs.count, runs.stride)
        };
        Segments::new(
            &x[start..],
            (self.output.width, filter.stride.1 * self.input.channels),
            (runs.len, 1),
            segments,
        )
    }
}

/// The weight gradient of a [`Convolution`]: `dW = windowsᵀ·dz`.
pub(super) struct WeightGradient {
    pub(super) input: HwcShape,
    pub(super) filter: Filter,
    /// With the channels that these filters compute.
    pub(super) output: HwcShape,
    /// Distances of the rows and pixels of `dz` in memory.
    pub(super) dz_strides: (usize, usize),
}

impl WeightGradient {
    /// Adds to `dweights`, packed as the weights, or overwrites them if this is the `is_first` sample. `dz` begins at
    /// its first pixel and has [`NR`] more values after the last one.
    pub(super) fn run(&self, kernel: Kernel, x: &[f32], dz: &[f32], dweights: &mut [f32], is_first: bool) {
        let Filter { stride, dilation, .. } = self.filter;
        let runs = self.filter.runs(self.input.channels);
        let epilogue = Epilogue {
            beta: if is_first { 0.0 } else { 1.0 },
            ..Epilogue::STORE
        };
        for run in 0..self.filter.height * runs.count {
            let (y, x_run) = (run / runs.count, run % runs.count);
            let a = Segments::new(
                &x[y * dilation.0 * self.input.row() + x_run * runs.stride..],
                (runs.len, 1),
                (self.output.width, stride.1 * self.input.channels),
                (self.output.height, stride.0 * self.input.row()),
            );
            let b = Panels {
                data: dz,
                k: self.output.width,
                n: self.output.channels,
                panel_stride: NR,
                row_stride: self.dz_strides.1,
                segment_stride: self.dz_strides.0,
            };
            let panel = self.filter.height * runs.count * runs.len * NR;
            let dweights = &mut dweights[run * runs.len * NR..];
            let c = Output::panels(dweights, runs.len, self.output.channels, panel);
            kernel.multiply(a, b, c, epilogue);
        }
    }
}
