//! Winograd convolution of stride 1 for filters of 2×2 to 5×5, a block of samples at a time.
//!
//! Winograd, "Arithmetic Complexity of Computations" (1980); Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks" (2016): `Y = Aᵀ·[(G·w·Gᵀ) ⊙ (Bᵀ·x·B)]·A` for a tile of `m` × `m` outputs, where `m = 7 - r` for a filter of
//! `r` × `r`. Filters and input tiles are transformed to 36 points, and the Hadamard product `⊙`, summed over input
//! channels, is a matrix product at each point. For a 3×3 filter an output tile of 4×4 takes 36 multiplications instead
//! of 144; for 5×5, one of 2×2 takes 36 instead of 100.
//!
//! Backward applies the adjoint of each step, so gradients are as exact as the forward pass.

mod tiling;
mod transform;

use std::ops::Range;

use self::{
    tiling::{PointLayout, Tiling},
    transform::{POINTS, transform_filter, transform_filter_adjoint},
};
use super::{
    algorithm::Algorithm,
    epilogue::{OutputGradient, bias_relu, epilogue_backward},
    geometry::{Geometry, crop, place},
};
use crate::{
    aligned::{parts, parts_len},
    gemm::{Epilogue, Kernel, MatMut, MatRef, NR, Output, Panels, multiply_packed},
    layers::{Backward, Forward, PoolGeometry, max_pool},
    shape::HwcShape,
};

/// Tiles of a block: enough to reuse the transformed filters, and few enough for the L2 cache.
const BLOCK_TILES: usize = 48;
/// With fewer channels the products are too narrow to pay, and with fewer tiles a sample too short.
const MIN_CHANNELS: usize = 16;
const MIN_TILES: usize = 4;

#[derive(Debug)]
pub(super) struct Winograd {
    geometry: Geometry,
    tiling: Tiling,
    /// The input with its padding, and with zeros for what tiles read beyond it.
    tiled_input: HwcShape,
    /// The output rounded up to whole tiles.
    tiled_output: HwcShape,
}

/// A thread's scratch memory; the last three parts are for training alone.
struct Scratch<'a> {
    /// The input in the shape of `tiled_input`; empty if it is read in place.
    x: &'a mut [f32],
    /// The output before bias, ReLU and pooling, in the shape of `tiled_output`.
    z: &'a mut [f32],
    /// Transformed tiles of the input, and of the output; in backward, of their gradients.
    input_points: &'a mut [f32],
    output_points: &'a mut [f32],
    /// The gradient of `z`, with zeros beyond the output.
    dz: &'a mut [f32],
    /// The gradient of `x`.
    dx: &'a mut [f32],
    /// The gradient of the transformed filters.
    dfilter_points: &'a mut [f32],
}

impl Winograd {
    /// `None` where the algorithm does not apply, or where direct convolution is faster: it needs square filters of 2
    /// to 5 values a side, stride 1, no dilation, one group, and many channels and tiles.
    pub(super) fn new(geometry: Geometry) -> Option<Self> {
        let Geometry {
            input, filter, output, ..
        } = geometry;
        let tiling = Tiling::new(filter.height, (output.height, output.width))?;
        let channels = input.channels.min(output.channels);
        let suits = filter.height == filter.width
            && filter.stride == (1, 1)
            && filter.dilation == (1, 1)
            && geometry.groups == 1
            && channels >= MIN_CHANNELS
            && tiling.count() >= MIN_TILES;
        suits.then(|| Self {
            geometry,
            tiling,
            tiled_input: tiling.input(input.channels),
            tiled_output: tiling.output(output.channels),
        })
    }

    /// Samples of a block.
    fn block_len(&self) -> usize {
        (BLOCK_TILES / self.tiling.count()).max(1)
    }

    /// Layouts of the transformed input and output tiles of a block.
    fn point_layouts(&self, samples: usize) -> (PointLayout, PointLayout) {
        let tiles = samples * self.tiling.count();
        (
            PointLayout::new(tiles, self.geometry.input.channels),
            PointLayout::new(tiles, self.geometry.output.channels),
        )
    }

    fn reads_in_place(&self) -> bool {
        self.tiled_input == self.geometry.input
    }

    fn scratch_lens(&self, training: bool) -> [usize; 7] {
        let (inputs, outputs) = self.point_layouts(self.block_len());
        let x = if self.reads_in_place() {
            0
        } else {
            self.tiled_input.len()
        };
        let in_training = |len: usize| if training { len } else { 0 };
        [
            x,
            self.tiled_output.len(),
            inputs.len(),
            // Panels are read whole, past the last channel.
            outputs.len() + NR,
            in_training(self.tiled_output.len()),
            in_training(x),
            in_training(self.packed_len()),
        ]
    }

    fn split_scratch<'a>(&self, scratch: &'a mut [f32], training: bool) -> Scratch<'a> {
        let [x, z, input_points, output_points, dz, dx, dfilter_points] = parts(scratch, self.scratch_lens(training));
        Scratch {
            x,
            z,
            input_points,
            output_points,
            dz,
            dx,
            dfilter_points,
        }
    }

    /// Transforms packed filters, `[outputs / 16, r, r, inputs, 16]`, to the points: `[outputs / 16, 36, inputs, 16]`.
    fn transform_filters(&self, kernel: Kernel, inputs: usize, weights: &[f32], points: &mut [f32]) {
        let (area, panel) = (self.geometry.filter.area(), inputs * NR);
        let panels = weights.chunks(area * panel).zip(points.chunks_mut(POINTS * panel));
        for (weights, points) in panels {
            transform_filter(kernel, self.tiling.filter, weights, points);
        }
    }

    /// Transforms the input tiles of the samples `rows`.
    fn transform_inputs(&self, kernel: Kernel, x: MatRef<'_>, rows: Range<usize>, scratch: &mut Scratch<'_>) {
        let layout = self.point_layouts(rows.len()).0;
        for (sample, row) in rows.enumerate() {
            let x = if self.reads_in_place() {
                x.row(row)
            } else {
                let pad = self.geometry.pad;
                place(x.row(row), self.geometry.input, scratch.x, self.tiled_input, pad);
                &*scratch.x
            };
            let points = &mut scratch.input_points[sample * self.tiling.count() * layout.tile..];
            self.tiling.transform_input(kernel, x, points, layout);
        }
    }

    /// Adds a block's gradient of the transformed filters, or overwrites it if this is the shard's `is_first` block.
    fn filter_points_gradient(&self, kernel: Kernel, samples: usize, scratch: &mut Scratch<'_>, is_first: bool) {
        let (inputs, outputs) = self.point_layouts(samples);
        let (from, to) = (inputs.channels, outputs.channels);
        let tiles = samples * self.tiling.count();
        let epilogue = Epilogue {
            beta: if is_first { 0.0 } else { 1.0 },
            ..Epilogue::STORE
        };
        for point in 0..POINTS {
            let x = MatRef::new(
                &scratch.input_points[point * inputs.point..],
                from,
                tiles,
                1,
                inputs.tile,
            );
            let dz = Panels {
                data: &scratch.output_points[point * outputs.point..],
                k: tiles,
                n: to,
                panel_stride: NR,
                row_stride: outputs.tile,
                segment_stride: 0,
            };
            let out = &mut scratch.dfilter_points[point * from * NR..];
            let out = Output::panels(out, from, to, POINTS * from * NR);
            kernel.multiply(x.expect("the points of a block"), dz, out, epilogue);
        }
    }

    /// Transforms the summed gradient of the transformed filters back to that of the weights.
    fn weight_gradient(&self, kernel: Kernel, dfilter_points: &[f32], dweights: &mut [f32]) {
        let (area, panel) = (self.geometry.filter.area(), self.geometry.input.channels * NR);
        let panels = dfilter_points
            .chunks(POINTS * panel)
            .zip(dweights.chunks_mut(area * panel));
        for (points, weights) in panels {
            transform_filter_adjoint(kernel, self.tiling.filter, points, weights);
        }
    }
}

impl Algorithm for Winograd {
    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let (_, bias) = self.geometry.weights_and_bias(pass.parameters);
        let mut scratch = self.split_scratch(pass.scratch, pass.training.is_some());
        // Pooling comes before bias and ReLU, which do not change the order of values.
        let pool = self.geometry.pool.map(|pool| PoolGeometry {
            input: self.tiled_output,
            ..pool
        });
        for first in (0..y.rows()).step_by(self.block_len()) {
            let rows = first..y.rows().min(first + self.block_len());
            let (inputs, outputs) = self.point_layouts(rows.len());
            self.transform_inputs(pass.kernel, pass.x, rows.clone(), &mut scratch);
            multiply_points(
                pass.kernel,
                (scratch.input_points, inputs),
                pass.packed,
                (scratch.output_points, outputs),
                rows.len() * self.tiling.count(),
            );
            for (sample, row) in rows.enumerate() {
                let points = &scratch.output_points[sample * self.tiling.count() * outputs.tile..];
                self.tiling.transform_output(pass.kernel, points, scratch.z, outputs);
                let y = y.row_mut(row);
                match &pool {
                    Some(pool) => max_pool(pass.kernel, pool, scratch.z, y, pass.saved.row_mut(row)),
                    None => crop(scratch.z, self.tiled_output, (0, 0), y, self.geometry.output),
                }
                bias_relu(pass.kernel, &self.geometry, bias, y);
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let geometry = &self.geometry;
        let mut scratch = self.split_scratch(pass.scratch, true);
        let transposed_filters = pass.transposed.get(geometry.transposed_weight_len()..);
        let strides = (self.tiled_output.row(), self.tiled_output.channels);
        let mut first = 0;
        while first < dy.rows() {
            let shard_end = pass.shard_sums.end_of_row(first);
            let rows = first..shard_end.min(first + self.block_len());
            let (inputs, outputs) = self.point_layouts(rows.len());
            let (dweights, dbias, is_first) = geometry.gradient_sums(&mut pass.shard_sums, first);
            self.transform_inputs(pass.kernel, pass.x, rows.clone(), &mut scratch);
            for (sample, row) in rows.clone().enumerate() {
                let gradient = OutputGradient {
                    y: pass.y.row(row),
                    dy: dy.as_ref().row(row),
                    argmax: pass.saved.row(row),
                };
                // Leaves `dz` zero beyond the output.
                epilogue_backward(pass.kernel, geometry, gradient, dbias, (scratch.dz, strides));
                let points = &mut scratch.output_points[sample * self.tiling.count() * outputs.tile..];
                self.tiling
                    .transform_output_adjoint(pass.kernel, scratch.dz, points, outputs);
            }
            self.filter_points_gradient(pass.kernel, rows.len(), &mut scratch, is_first);
            if rows.end == shard_end {
                self.weight_gradient(pass.kernel, scratch.dfilter_points, dweights);
            }
            if let Some(dx) = &mut dx {
                multiply_points(
                    pass.kernel,
                    (scratch.output_points, outputs),
                    transposed_filters.unwrap_or_default(),
                    (scratch.input_points, inputs),
                    rows.len() * self.tiling.count(),
                );
                for (sample, row) in rows.clone().enumerate() {
                    let points = &scratch.input_points[sample * self.tiling.count() * inputs.tile..];
                    let dx = dx.row_mut(row);
                    if self.reads_in_place() {
                        self.tiling.transform_input_adjoint(pass.kernel, points, dx, inputs);
                    } else {
                        self.tiling
                            .transform_input_adjoint(pass.kernel, points, scratch.dx, inputs);
                        crop(scratch.dx, self.tiled_input, geometry.pad, dx, geometry.input);
                    }
                }
            }
            first = rows.end;
        }
    }

    fn scratch_len(&self, training: bool) -> usize {
        parts_len(self.scratch_lens(training))
    }

    fn packed_len(&self) -> usize {
        filter_points_len(self.geometry.input.channels, self.geometry.output.channels)
    }

    /// Transforms the filters.
    fn pack(&self, kernel: Kernel, weights: &[f32], packed: &mut [f32]) {
        self.transform_filters(kernel, self.geometry.input.channels, weights, packed);
    }

    fn transposed_len(&self) -> usize {
        self.geometry.transposed_weight_len()
            + filter_points_len(self.geometry.output.channels, self.geometry.input.channels)
    }

    /// Transposes the filters, and transforms the result.
    fn transpose(&self, kernel: Kernel, weights: &[f32], transposed: &mut [f32]) {
        let (transposed, points) = transposed.split_at_mut(self.geometry.transposed_weight_len());
        let positions = 0..self.geometry.filter.area();
        self.geometry.transpose_weights(weights, positions, transposed);
        self.transform_filters(kernel, self.geometry.output.channels, transposed, points);
    }
}

/// Length of the transformed filters from `inputs` to `outputs` channels.
fn filter_points_len(inputs: usize, outputs: usize) -> usize {
    outputs.div_ceil(NR) * POINTS * inputs * NR
}

/// Multiplies `tiles` transformed tiles by the transformed filters: one matrix product at each point.
fn multiply_points(
    kernel: Kernel,
    (from, from_layout): (&[f32], PointLayout),
    filters: &[f32],
    (to, to_layout): (&mut [f32], PointLayout),
    tiles: usize,
) {
    let (k, n) = (from_layout.channels, to_layout.channels);
    for point in 0..POINTS {
        let a = MatRef::new(&from[point * from_layout.point..], tiles, k, from_layout.tile, 1);
        let b = Panels {
            data: &filters[point * k * NR..],
            k,
            n,
            panel_stride: POINTS * k * NR,
            row_stride: NR,
            segment_stride: 0,
        };
        let c = MatMut::new(&mut to[point * to_layout.point..], tiles, n, to_layout.tile, 1);
        let (a, c) = (a.expect("the points of a block"), c.expect("the points of a block"));
        multiply_packed(kernel, a, b, c, None, false);
    }
}
