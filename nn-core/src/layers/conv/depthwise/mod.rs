//! Convolution of narrow groups of channels, such as depthwise convolution, with vectors of output channels.
//!
//! With one input channel and one output channel in each group, `z[p, c] = Σ W[t, c]·x[p + t, c]` over the filter positions
//! `t`, for many channels `c` at once. Wider groups are a sum of such convolutions, one for each input channel of a group:
//! its value is copied to all output channels of the group first.
//!
//! The input's gradient is the same sum with the roles of input and output exchanged. Both read no padding.

mod taps;

use std::ops::Range;

use self::taps::{AxisTaps, Taps};
use super::{
    algorithm::Algorithm,
    epilogue::{OutputGradient, bias_relu, epilogue_backward},
    geometry::Geometry,
};
use crate::{
    aligned::{parts, parts_len},
    gemm::{Kernel, MatMut, NR, Vectorize},
    layers::{Backward, Forward, max_pool},
    shape::HwcShape,
};

#[derive(Debug)]
pub(super) struct Depthwise {
    geometry: Geometry,
    /// The input pixels that each output pixel is computed from, and those outputs that each input pixel is used for.
    forward: PixelTaps,
    backward: PixelTaps,
}

/// The source pixels of an image of target pixels.
#[derive(Debug)]
struct PixelTaps {
    rows: AxisTaps,
    cols: AxisTaps,
}

/// Makes the taps of an axis from the lengths of input and output, the padding, the filter's length, and its stride and
/// dilation.
type MakeTaps = fn((usize, usize), usize, usize, (usize, usize)) -> AxisTaps;

impl Depthwise {
    pub(super) fn new(geometry: Geometry) -> Self {
        let Geometry {
            input,
            output,
            filter,
            pad,
            ..
        } = geometry;
        let taps = |of: MakeTaps| PixelTaps {
            rows: of(
                (input.height, output.height),
                pad.0,
                filter.height,
                (filter.stride.0, filter.dilation.0),
            ),
            cols: of(
                (input.width, output.width),
                pad.1,
                filter.width,
                (filter.stride.1, filter.dilation.1),
            ),
        };
        Self {
            geometry,
            forward: taps(AxisTaps::forward),
            backward: taps(AxisTaps::backward),
        }
    }

    /// Whether groups have several input or output channels.
    fn is_wide(&self) -> bool {
        self.geometry.input.channels > self.geometry.groups || self.geometry.output.channels > self.geometry.groups
    }

    /// The input with the channels of the output.
    fn expanded(&self) -> HwcShape {
        HwcShape {
            channels: self.geometry.output.channels,
            ..self.geometry.input
        }
    }

    /// Scratch memory: the output before pooling, the expanded input or its gradient, and the gradient of the output
    /// before pooling in training.
    fn scratch_lens(&self, training: bool) -> [usize; 3] {
        let output = self.geometry.output.len();
        [
            if self.geometry.pool.is_some() { output } else { 0 },
            if self.is_wide() { self.expanded().len() } else { 0 },
            if training { output } else { 0 },
        ]
    }

    /// Input channel `input` of each group, for all output channels of the group. Without wide groups, `x` itself.
    fn expand<'a>(&self, x: &'a [f32], input: usize, expanded: &'a mut [f32]) -> &'a [f32] {
        if !self.is_wide() {
            return x;
        }
        let groups = x.chunks_exact(self.geometry.filter.channels);
        for (to, from) in expanded.chunks_exact_mut(self.geometry.group_outputs()).zip(groups) {
            to.fill(from[input]);
        }
        expanded
    }

    /// Adjoint of [`expand`](Self::expand).
    fn contract(&self, dexpanded: &[f32], input: usize, dx: &mut [f32]) {
        let groups = dx.chunks_exact_mut(self.geometry.filter.channels);
        for (to, from) in groups.zip(dexpanded.chunks_exact(self.geometry.group_outputs())) {
            to[input] = from.iter().sum();
        }
    }

    /// `z = x ∗ W`.
    fn convolve(&self, kernel: Kernel, x: &[f32], weights: &[f32], expanded: &mut [f32], z: &mut [f32]) {
        for input in 0..self.geometry.filter.channels {
            kernel.vectorize(WeightedSum {
                taps: &self.forward,
                filter: FilterLayout::new(&self.geometry, input),
                weights,
                source: self.expand(x, input, expanded),
                source_shape: self.expanded(),
                target: z,
                adds: input > 0,
            });
        }
    }

    /// Adds to `dweights`.
    fn weight_gradient(&self, kernel: Kernel, x: &[f32], dz: &[f32], expanded: &mut [f32], dweights: &mut [f32]) {
        for input in 0..self.geometry.filter.channels {
            kernel.vectorize(WeightGradient {
                taps: &self.forward,
                filter: FilterLayout::new(&self.geometry, input),
                x: self.expand(x, input, expanded),
                x_shape: self.expanded(),
                dz,
                dweights,
            });
        }
    }

    fn input_gradient(&self, kernel: Kernel, dz: &[f32], weights: &[f32], dexpanded: &mut [f32], dx: &mut [f32]) {
        for input in 0..self.geometry.filter.channels {
            let target = if self.is_wide() { &mut *dexpanded } else { &mut *dx };
            kernel.vectorize(WeightedSum {
                taps: &self.backward,
                filter: FilterLayout::new(&self.geometry, input),
                weights,
                source: dz,
                source_shape: self.geometry.output,
                target,
                adds: false,
            });
            if self.is_wide() {
                self.contract(dexpanded, input, dx);
            }
        }
    }
}

impl Algorithm for Depthwise {
    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let geometry = &self.geometry;
        let (weights, bias) = geometry.weights_and_bias(pass.parameters);
        let [z, expanded, _] = parts(pass.scratch, self.scratch_lens(pass.training.is_some()));
        let mut run = |x: &[f32], z: &mut [f32]| {
            self.convolve(pass.kernel, x, weights, expanded, z);
            if bias.is_some() || geometry.relu {
                bias_relu(pass.kernel, geometry, bias, z);
            }
        };
        for row in 0..y.rows() {
            let (x, y) = (pass.x.row(row), y.row_mut(row));
            match &geometry.pool {
                None => run(x, y),
                Some(pool) => {
                    run(x, z);
                    max_pool(pass.kernel, pool, z, y, pass.saved.row_mut(row));
                }
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let geometry = &self.geometry;
        let strides = (geometry.output.row(), geometry.output.channels);
        let [_, expanded, dz] = parts(pass.scratch, self.scratch_lens(true));
        for row in 0..dy.rows() {
            let (dweights, dbias, is_first) = geometry.gradient_sums(&mut pass.shard_sums, row);
            if is_first {
                dweights.fill(0.0);
            }
            let gradient = OutputGradient {
                y: pass.y.row(row),
                dy: dy.as_ref().row(row),
                argmax: pass.saved.row(row),
            };
            epilogue_backward(pass.kernel, geometry, gradient, dbias, (dz, strides));
            self.weight_gradient(pass.kernel, pass.x.row(row), dz, expanded, dweights);
            if let Some(dx) = &mut dx {
                self.input_gradient(pass.kernel, dz, pass.transposed, expanded, dx.row_mut(row));
            }
        }
    }

    fn scratch_len(&self, training: bool) -> usize {
        parts_len(self.scratch_lens(training))
    }

    fn transposed_len(&self) -> usize {
        self.geometry.weight_len()
    }

    /// The weights as they are, which backward reads.
    fn transpose(&self, _kernel: Kernel, weights: &[f32], transposed: &mut [f32]) {
        transposed.copy_from_slice(weights);
    }
}

/// Where the weights of one input channel of each group lie: `[output channels / 16, height, width, inputs, 16]`.
#[derive(Clone, Copy)]
struct FilterLayout {
    /// The first weight.
    start: usize,
    /// Distances of panels, of the filter's rows, and of its positions in a row.
    panel: usize,
    row: usize,
    position: usize,
}

impl FilterLayout {
    fn new(geometry: &Geometry, input: usize) -> Self {
        let position = geometry.filter.channels * NR;
        Self {
            start: input * NR,
            panel: geometry.filter_len() * NR,
            row: geometry.filter.width * position,
            position,
        }
    }
}

/// Output channels that are computed together: those of a panel of weights.
type Panel = [f32; NR];

/// Loads a slice, which has [`NR`] values if `FULL`, else fewer; the others are 0.
#[inline(always)]
fn load<const FULL: bool>(from: &[f32]) -> Panel {
    let mut panel = [0.0; NR];
    if FULL {
        panel.copy_from_slice(from);
    } else {
        panel[..from.len()].copy_from_slice(from);
    }
    panel
}

/// `sums + a·b`.
#[inline(always)]
fn add_product(mut sums: Panel, a: Panel, b: Panel) -> Panel {
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        *sum += a * b;
    }
    sums
}

/// `target[p, c] = Σ weight[t, c]·source[q, c]` over the taps of each pixel `p`: filter positions `t` and source pixels `q`.
struct WeightedSum<'a> {
    taps: &'a PixelTaps,
    filter: FilterLayout,
    weights: &'a [f32],
    source: &'a [f32],
    source_shape: HwcShape,
    target: &'a mut [f32],
    /// Whether the sum is added to the target.
    adds: bool,
}

impl Vectorize for WeightedSum<'_> {
    #[inline(always)]
    fn run<const W: usize>(mut self) {
        let channels = self.source_shape.channels;
        let full = channels / NR * NR;
        let mut start = 0;
        for &rows in self.taps.rows.pixels() {
            for &cols in self.taps.cols.pixels() {
                for first in (0..full).step_by(NR) {
                    self.panel::<true>((rows, cols), start, first..first + NR);
                }
                if full < channels {
                    self.panel::<false>((rows, cols), start, full..channels);
                }
                start += channels;
            }
        }
    }
}

impl WeightedSum<'_> {
    /// Some channels of the target pixel that begins at `start`.
    #[inline(always)]
    fn panel<const FULL: bool>(&mut self, (rows, cols): (Taps, Taps), start: usize, channels: Range<usize>) {
        let len = channels.len();
        let weights = &self.weights[channels.start / NR * self.filter.panel + self.filter.start..];
        let target = &mut self.target[start + channels.start..][..len];
        let mut sums = if self.adds { load::<FULL>(target) } else { [0.0; NR] };
        for row in 0..rows.count {
            let (row_position, row) = self.taps.rows.tap(rows, row);
            let source = &self.source[row * self.source_shape.row() + channels.start..];
            let weights = &weights[row_position * self.filter.row..];
            for col in 0..cols.count {
                let (position, col) = self.taps.cols.tap(cols, col);
                let source = load::<FULL>(&source[col * self.source_shape.channels..][..len]);
                let weights = load::<true>(&weights[position * self.filter.position..][..NR]);
                sums = add_product(sums, source, weights);
            }
        }
        target.copy_from_slice(&sums[..len]);
    }
}

/// `dweight[t, c] += Σ x[q, c]·dz[p, c]` over all pixels `p` of the output and their taps.
struct WeightGradient<'a> {
    taps: &'a PixelTaps,
    filter: FilterLayout,
    x: &'a [f32],
    x_shape: HwcShape,
    dz: &'a [f32],
    dweights: &'a mut [f32],
}

impl Vectorize for WeightGradient<'_> {
    #[inline(always)]
    fn run<const W: usize>(mut self) {
        let channels = self.x_shape.channels;
        let full = channels / NR * NR;
        let mut dz = self.dz.chunks_exact(channels);
        for &rows in self.taps.rows.pixels() {
            for (&cols, dz) in self.taps.cols.pixels().iter().zip(dz.by_ref()) {
                for first in (0..full).step_by(NR) {
                    self.panel::<true>((rows, cols), dz, first..first + NR);
                }
                if full < channels {
                    self.panel::<false>((rows, cols), dz, full..channels);
                }
            }
        }
    }
}

impl WeightGradient<'_> {
    /// What some channels of an output pixel add.
    #[inline(always)]
    fn panel<const FULL: bool>(&mut self, (rows, cols): (Taps, Taps), dz: &[f32], channels: Range<usize>) {
        let len = channels.len();
        let dz = load::<FULL>(&dz[channels.clone()]);
        let dweights = &mut self.dweights[channels.start / NR * self.filter.panel + self.filter.start..];
        for row in 0..rows.count {
            let (row_position, row) = self.taps.rows.tap(rows, row);
            let x = &self.x[row * self.x_shape.row() + channels.start..];
            let dweights = &mut dweights[row_position * self.filter.row..];
            for col in 0..cols.count {
                let (position, col) = self.taps.cols.tap(cols, col);
                let x = load::<FULL>(&x[col * self.x_shape.channels..][..len]);
                let dweights = &mut dweights[position * self.filter.position..][..NR];
                let sums = add_product(load::<true>(dweights), x, dz);
                dweights.copy_from_slice(&sums);
            }
        }
    }
}
