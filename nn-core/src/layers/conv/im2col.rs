//! im2col for small filters, a block of output rows at a time: `z = columnsᵀ·W`.
//!
//! The windows of a row block are copied into `columns`, `[filter, pixels]`, and one matrix product makes the block's
//! output, `[pixels, channels]` (Chellapilla, Puri and Simard, 2006, "High Performance Convolutional Neural Networks for
//! Document Processing"). Bias, ReLU and pooling find the block in the L1 cache.

use std::ops::Range;

use super::{
    algorithm::Algorithm,
    epilogue::{OutputGradient, epilogue_backward},
    geometry::{Geometry, crop},
};
use crate::{
    aligned::{parts, parts_len},
    gemm::{Epilogue, Kernel, MatMut, MatRef, NR, Output, Panels, Vectorize},
    layers::{Backward, Forward, PoolGeometry, max_pool},
    shape::HwcShape,
    simd::{Chunked, Vector},
};

/// The longest filter whose columns are cheap to copy beside the product.
const MAX_FILTER_LEN: usize = 32;
/// Values of a row block's output: half of a 32 KiB L1 cache.
const BLOCK_VALUES: usize = 4 * 1024;

#[derive(Debug)]
pub(super) struct Im2col {
    geometry: Geometry,
    /// Output rows of a block.
    block_rows: usize,
}

/// Output rows computed together.
struct RowBlock {
    /// The first row, and the number of rows, before pooling.
    first: usize,
    rows: usize,
    /// The block's values in the layer's output, after pooling.
    values: Range<usize>,
}

/// A thread's scratch memory; the last three parts are for training alone.
struct Scratch<'a> {
    padded: &'a mut [f32],
    columns: &'a mut [f32],
    /// A row block of the output before pooling.
    z: &'a mut [f32],
    dz: &'a mut [f32],
    dcolumns: &'a mut [f32],
    dpadded: &'a mut [f32],
}

impl Im2col {
    /// `None` for groups, and for large filters, for which other algorithms are faster. With pooling, a block holds the
    /// rows that one row of pooled values is made of.
    pub(super) fn new(geometry: Geometry) -> Option<Self> {
        let output = geometry.output;
        let block_rows = match geometry.pool {
            Some(pool) => pool.window.0,
            None => (BLOCK_VALUES / output.row()).clamp(1, output.height),
        };
        let suits = geometry.groups == 1 && geometry.filter_len() <= MAX_FILTER_LEN;
        suits.then_some(Self { geometry, block_rows })
    }

    /// Shape of a row block before pooling.
    fn block(&self) -> HwcShape {
        HwcShape {
            height: self.block_rows,
            ..self.geometry.output
        }
    }

    fn row_blocks(&self) -> impl Iterator<Item = RowBlock> {
        let (height, stride, out) = match self.geometry.pool {
            Some(pool) => (pool.output.height, pool.stride.0, pool.output.row()),
            None => (self.geometry.output.height, 1, self.geometry.output.row()),
        };
        let rows = self.block_rows;
        let step = if self.geometry.pool.is_some() { 1 } else { rows };
        (0..height).step_by(step).map(move |first| RowBlock {
            first: first * stride,
            rows: if step == 1 { rows } else { rows.min(height - first) },
            values: first * out..height.min(first + step) * out,
        })
    }

    /// Values of the columns of `rows` output rows.
    fn columns_len(&self, rows: usize) -> usize {
        self.geometry.filter_len() * rows * self.geometry.output.width
    }

    fn scratch_lens(&self, training: bool) -> [usize; 6] {
        let in_training = |len: usize| if training { len } else { 0 };
        let (geometry, block) = (&self.geometry, self.block());
        [
            geometry.padded_len(),
            self.columns_len(self.block_rows),
            if geometry.pool.is_some() { block.len() } else { 0 },
            // Panels are read whole, past the last channel.
            in_training(block.len() + NR),
            in_training(geometry.filter_len().next_multiple_of(NR) * block.height * block.width),
            in_training(geometry.padded_len()),
        ]
    }

    fn split_scratch<'a>(&self, scratch: &'a mut [f32], training: bool) -> Scratch<'a> {
        let [padded, columns, z, dz, dcolumns, dpadded] = parts(scratch, self.scratch_lens(training));
        Scratch {
            padded,
            columns,
            z,
            dz,
            dcolumns,
            dpadded,
        }
    }

    /// Copies the windows of a row block into `columns`: `[filter, rows, width]`.
    fn im2col(&self, kernel: Kernel, x: &[f32], block: &RowBlock, columns: &mut [f32]) {
        let geometry = &self.geometry;
        kernel.vectorize(CopyWindows {
            geometry,
            x: &x[block.first * geometry.filter.stride.0 * geometry.padded.row()..],
            rows: block.rows,
            columns,
        });
    }

    /// Adjoint of [`im2col`](Self::im2col): adds `dcolumns`, `[rows, width, padded filter]`, to the input's gradient.
    fn col2im(&self, dcolumns: &[f32], block: &RowBlock, dx: &mut [f32]) {
        let Geometry {
            padded, filter, output, ..
        } = &self.geometry;
        let (pixels, filter_len) = (block.rows * output.width, self.geometry.filter_len());
        let filter_row = filter.width * padded.channels;
        let runs = filter.runs(padded.channels);
        let windows = dcolumns.chunks_exact(filter_len.next_multiple_of(NR)).take(pixels);
        for (pixel, window) in windows.enumerate() {
            let (y, x) = (block.first + pixel / output.width, pixel % output.width);
            for (row, window) in window[..filter_len].chunks_exact(filter_row).enumerate() {
                let line = y * filter.stride.0 + row * filter.dilation.0;
                let start = line * padded.row() + x * filter.stride.1 * padded.channels;
                for (run, window) in window.chunks_exact(runs.len).enumerate() {
                    let start = start + run * runs.stride;
                    for (to, from) in dx[start..start + runs.len].iter_mut().zip(window) {
                        *to += from;
                    }
                }
            }
        }
    }

    /// `z = relu(columnsᵀ·W + bias)` of `rows` output rows.
    fn multiply(
        &self,
        kernel: Kernel,
        (columns, rows): (&[f32], usize),
        weights: &[f32],
        bias: Option<&[f32]>,
        z: &mut [f32],
    ) {
        let (filter, channels) = (self.geometry.filter_len(), self.geometry.output.channels);
        let pixels = rows * self.geometry.output.width;
        let a = MatRef::new(columns, pixels, filter, 1, pixels).expect("the columns of a row block");
        let c = MatMut::row_major(z, pixels, channels).expect("a row block");
        let epilogue = Epilogue {
            bias,
            relu: self.geometry.relu,
            ..Epilogue::STORE
        };
        kernel.multiply(a, Panels::packed(weights, filter, channels), c, epilogue);
    }

    /// Adds `columns·dz` to `dweights`, or overwrites them if this is the shard's `is_first` block. `dz` has [`NR`]
    /// more values after the row block.
    fn weight_gradient(
        &self,
        kernel: Kernel,
        (columns, rows): (&[f32], usize),
        dz: &[f32],
        dweights: &mut [f32],
        is_first: bool,
    ) {
        let (filter, channels) = (self.geometry.filter_len(), self.geometry.output.channels);
        let pixels = rows * self.geometry.output.width;
        let a = MatRef::row_major(columns, filter, pixels).expect("the columns of a row block");
        let b = Panels {
            data: dz,
            k: pixels,
            n: channels,
            panel_stride: NR,
            row_stride: channels,
            segment_stride: 0,
        };
        let epilogue = Epilogue {
            beta: if is_first { 0.0 } else { 1.0 },
            ..Epilogue::STORE
        };
        let c = Output::panels(dweights, filter, channels, filter * NR);
        kernel.multiply(a, b, c, epilogue);
    }

    /// `dcolumns = dz·Wᵀ` of `rows` output rows.
    fn columns_gradient(&self, kernel: Kernel, dz: &[f32], rows: usize, transposed: &[f32], dcolumns: &mut [f32]) {
        let (filter, channels) = (self.geometry.filter_len(), self.geometry.output.channels);
        let pixels = rows * self.geometry.output.width;
        let a = MatRef::row_major(dz, pixels, channels).expect("a row block");
        let c = MatMut::new(dcolumns, pixels, filter, filter.next_multiple_of(NR), 1);
        let c = c.expect("the columns of a row block");
        kernel.multiply(a, Panels::packed(transposed, channels, filter), c, Epilogue::STORE);
    }
}

impl Algorithm for Im2col {
    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let (weights, bias) = self.geometry.weights_and_bias(pass.parameters);
        let scratch = self.split_scratch(pass.scratch, pass.training.is_some());
        let pool = self.geometry.pool.map(|pool| PoolGeometry {
            input: self.block(),
            output: HwcShape {
                height: 1,
                ..pool.output
            },
            ..pool
        });
        for row in 0..y.rows() {
            let x = self.geometry.pad_input(pass.x.row(row), scratch.padded);
            let (y, argmax) = (y.row_mut(row), pass.saved.row_mut(row));
            for block in self.row_blocks() {
                let columns = &mut scratch.columns[..self.columns_len(block.rows)];
                self.im2col(pass.kernel, x, &block, columns);
                let z = if pool.is_some() {
                    &mut *scratch.z
                } else {
                    &mut y[block.values.clone()]
                };
                self.multiply(pass.kernel, (columns, block.rows), weights, bias, z);
                if let Some(pool) = &pool {
                    let argmax = argmax.get_mut(block.values.clone()).unwrap_or_default();
                    max_pool(pass.kernel, pool, scratch.z, &mut y[block.values], argmax);
                }
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let geometry = &self.geometry;
        let scratch = self.split_scratch(pass.scratch, true);
        let strides = (geometry.output.row(), geometry.output.channels);
        for row in 0..dy.rows() {
            let (dweights, dbias, mut is_first) = geometry.gradient_sums(&mut pass.shard_sums, row);
            let gradient = OutputGradient {
                y: pass.y.row(row),
                dy: dy.as_ref().row(row),
                argmax: pass.saved.row(row),
            };
            let x = geometry.pad_input(pass.x.row(row), scratch.padded);
            let mut dx = dx.as_mut().map(|dx| dx.row_mut(row));
            // With padding, the input's gradient is cropped from that of the padded input.
            let mut dpadded = match &mut dx {
                Some(dx) if scratch.dpadded.is_empty() => Some(&mut **dx),
                Some(_) => Some(&mut *scratch.dpadded),
                None => None,
            };
            if let Some(dpadded) = &mut dpadded {
                dpadded.fill(0.0);
            }
            for block in self.row_blocks() {
                let columns = &mut scratch.columns[..self.columns_len(block.rows)];
                self.im2col(pass.kernel, x, &block, columns);
                let gradient = gradient.slice(block.values.clone());
                epilogue_backward(pass.kernel, geometry, gradient, dbias, (scratch.dz, strides));
                self.weight_gradient(pass.kernel, (columns, block.rows), scratch.dz, dweights, is_first);
                is_first = false;
                if let Some(dpadded) = &mut dpadded {
                    let dcolumns = &mut *scratch.dcolumns;
                    self.columns_gradient(pass.kernel, scratch.dz, block.rows, pass.transposed, dcolumns);
                    self.col2im(dcolumns, &block, dpadded);
                }
            }
            if let Some(dx) = dx.filter(|_| !scratch.dpadded.is_empty()) {
                crop(scratch.dpadded, geometry.padded, geometry.pad, dx, geometry.input);
            }
        }
    }

    fn scratch_len(&self, training: bool) -> usize {
        parts_len(self.scratch_lens(training))
    }

    fn transposed_len(&self) -> usize {
        self.geometry.filter_len().div_ceil(NR) * self.geometry.output.channels * NR
    }

    /// Packs the weights as `[filter / 16, output channels, 16]`.
    fn transpose(&self, _kernel: Kernel, weights: &[f32], transposed: &mut [f32]) {
        let channels = self.geometry.output.channels;
        let panels = weights.chunks_exact(self.geometry.filter_len() * NR);
        for (panel, weights) in panels.enumerate() {
            for (index, weights) in weights.chunks_exact(NR).enumerate() {
                let outputs = channels - panel * NR;
                for (output, &weight) in weights.iter().enumerate().take(outputs) {
                    let row = index / NR * channels + panel * NR + output;
                    transposed[row * NR + index % NR] = weight;
                }
            }
        }
    }
}

/// Copies the windows of `rows` output rows, of which the first begins at the start of `x`.
struct CopyWindows<'a> {
    geometry: &'a Geometry,
    x: &'a [f32],
    rows: usize,
    columns: &'a mut [f32],
}

impl Vectorize for CopyWindows<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let Geometry {
            padded, filter, output, ..
        } = self.geometry;
        let stride = filter.stride.1 * padded.channels;
        let runs = filter.runs(padded.channels);
        let mut lines = self.columns.chunks_exact_mut(output.width);
        for filter_row in 0..filter.height {
            for run in 0..runs.count {
                for value in 0..runs.len {
                    let start = filter_row * filter.dilation.0 * padded.row() + run * runs.stride + value;
                    for (row, to) in lines.by_ref().take(self.rows).enumerate() {
                        copy_strided::<W>(&self.x[start + row * filter.stride.0 * padded.row()..], stride, to);
                    }
                }
            }
        }
    }
}

/// Copies a line of the columns; it is too short for a call of `memcpy` to pay.
struct CopyLine<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
}

impl Chunked for CopyLine<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        Vector::<W>::load::<FULL>(&self.from[range.clone()]).store::<FULL>(&mut self.to[range]);
    }
}

/// Copies values that are `stride` apart.
#[inline(always)]
fn copy_strided<const W: usize>(from: &[f32], stride: usize, to: &mut [f32]) {
    if stride == 1 {
        let len = to.len();
        return CopyLine { from, to }.for_each_full_chunk::<W>(len, len);
    }
    for (to, from) in to.iter_mut().zip(from.iter().step_by(stride)) {
        *to = *from;
    }
}
