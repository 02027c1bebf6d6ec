//! A convolution by minimal filtering, for blocks of samples: to the points, a product at each of them, and back.

use super::{
    Map, Windows, crop, place,
    winograd::{POINTS, PointLayout, Tiling, filter_gradient, filters},
};
use crate::{
    aligned::{parts, parts_len},
    gemm::{Epilogue, Kernel, MatMut, MatRef, NR, Output, Panels, multiply_packed},
};

/// Tiles of a block: enough to use what is read of the kernels, and few enough for the second-level cache.
const BLOCK_TILES: usize = 48;
/// Fewer channels make the products too narrow, and fewer tiles a sample make them too short, to be worth it.
const MIN_CHANNELS: usize = 16;
const MIN_TILES: usize = 4;

/// The geometry of such a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minimal {
    tiling: Tiling,
    input: Map,
    /// Rows and pixels of padding above and to the left.
    pad: (usize, usize),
    /// The input with its padding, and with zeros for what tiles read beyond.
    source: Map,
    /// The output, and what tiles make beyond.
    pub(crate) target: Map,
}

/// The parts of a thread's scratch memory; the last three are for training alone.
#[derive(Debug)]
struct Scratch<'a> {
    /// Empty where the input is read in place.
    source: &'a mut [f32],
    target: &'a mut [f32],
    /// Values at the points, of inputs and of outputs.
    inputs: &'a mut [f32],
    outputs: &'a mut [f32],
    /// The gradient of the output, with zeros beyond.
    dy: &'a mut [f32],
    /// The gradient of the source.
    dsource: &'a mut [f32],
    /// The gradient of the kernels at the points.
    dfilters: &'a mut [f32],
}

impl Minimal {
    /// Where it is faster than the direct way: for square kernels of 2 to 5 taps a side that move by one pixel, and
    /// where channels and tiles are many enough.
    pub(crate) fn new(input: Map, pad: (usize, usize), windows: Windows, output: Map) -> Option<Self> {
        let tiling = Tiling::new(windows.height, (output.height, output.width))?;
        let channels = input.channels.min(output.channels);
        let suits = windows.height == windows.width
            && windows.stride == 1
            && channels >= MIN_CHANNELS
            && tiling.count() >= MIN_TILES;
        suits.then(|| Self {
            source: tiling.source(input.channels),
            target: tiling.target(output.channels),
            tiling,
            input,
            pad,
        })
    }

    /// Samples of a block.
    pub(crate) fn block(&self) -> usize {
        (BLOCK_TILES / self.tiling.count()).max(1)
    }

    /// Values of the kernels at the points, with `from` channels summed and `to` made.
    fn filter_len(from: usize, to: usize) -> usize {
        to.div_ceil(NR) * POINTS * from * NR
    }

    pub(crate) fn filters_len(&self) -> usize {
        Self::filter_len(self.input.channels, self.target.channels)
    }

    pub(crate) fn transposed_len(&self) -> usize {
        Self::filter_len(self.target.channels, self.input.channels)
    }

    /// The kernels at the points, `[to / 16, 36, from, 16]`, from packed weights, `[to / 16, taps, taps, from, 16]`.
    fn make(&self, kernel: Kernel, from: usize, weights: &[f32], points: &mut [f32]) {
        let (taps, panel) = (self.tiling.taps, from * NR);
        let panels = weights
            .chunks(taps * taps * panel)
            .zip(points.chunks_mut(POINTS * panel));
        for (weights, points) in panels {
            filters(kernel, taps, weights, points);
        }
    }

    /// What [`forward`](Self::forward) needs of the weights.
    pub(crate) fn filters(&self, kernel: Kernel, weights: &[f32], points: &mut [f32]) {
        self.make(kernel, self.input.channels, weights, points);
    }

    /// What [`backward`](Self::backward) needs: as [`filters`](Self::filters), of weights with inputs and outputs
    /// exchanged.
    pub(crate) fn transposed_filters(&self, kernel: Kernel, weights: &[f32], points: &mut [f32]) {
        self.make(kernel, self.target.channels, weights, points);
    }

    fn layouts(&self, samples: usize) -> (PointLayout, PointLayout) {
        let tiles = samples * self.tiling.count();
        (
            PointLayout::new(tiles, self.input.channels),
            PointLayout::new(tiles, self.target.channels),
        )
    }

    fn reads_in_place(&self) -> bool {
        self.source == self.input
    }

    fn scratch_lens(&self, training: bool) -> [usize; 7] {
        let (inputs, outputs) = self.layouts(self.block());
        let source = if self.reads_in_place() { 0 } else { self.source.len() };
        let in_training = |len: usize| if training { len } else { 0 };
        [
            source,
            self.target.len(),
            inputs.len(),
            // Panels are read whole, past the last channel.
            outputs.len() + NR,
            in_training(self.target.len()),
            in_training(source),
            in_training(self.filters_len()),
        ]
    }

    pub(crate) fn scratch_len(&self, training: bool) -> usize {
        parts_len(self.scratch_lens(training))
    }

    fn cut<'a>(&self, scratch: &'a mut [f32], training: bool) -> Scratch<'a> {
        let [source, target, inputs, outputs, dy, dsource, dfilters] = parts(scratch, self.scratch_lens(training));
        Scratch {
            source,
            target,
            inputs,
            outputs,
            dy,
            dsource,
            dfilters,
        }
    }

    /// The inputs of a block at the points.
    fn read_inputs<'x>(&self, kernel: Kernel, xs: impl ExactSizeIterator<Item = &'x [f32]>, scratch: &mut Scratch<'_>) {
        let layout = self.layouts(xs.len()).0;
        for (sample, x) in xs.enumerate() {
            let x = if self.reads_in_place() {
                x
            } else {
                place(x, self.input, scratch.source, self.source, self.pad);
                &*scratch.source
            };
            let points = &mut scratch.inputs[sample * self.tiling.count() * layout.tile..];
            self.tiling.read_source(kernel, x, points, layout);
        }
    }

    /// A block of samples: hands the number and the raw output of each, in the form of `target`, to `finish`.
    pub(crate) fn forward<'x>(
        &self,
        kernel: Kernel,
        filters: &[f32],
        xs: impl ExactSizeIterator<Item = &'x [f32]>,
        (scratch, training): (&mut [f32], bool),
        mut finish: impl FnMut(usize, &[f32]),
    ) {
        let (samples, mut scratch) = (xs.len(), self.cut(scratch, training));
        let (inputs, outputs) = self.layouts(samples);
        self.read_inputs(kernel, xs, &mut scratch);
        products(
            kernel,
            (scratch.inputs, inputs),
            filters,
            (scratch.outputs, outputs),
            samples * self.tiling.count(),
        );
        for sample in 0..samples {
            let points = &scratch.outputs[sample * self.tiling.count() * outputs.tile..];
            self.tiling.write_target(kernel, points, scratch.target, outputs);
            finish(sample, scratch.target);
        }
    }

    /// The way back for a block of samples. `spread` writes the gradient of a sample's output, in the form of `target`;
    /// what lies beyond the output has to stay as it is, zero.
    pub(crate) fn backward<'x>(
        &self,
        kernel: Kernel,
        xs: impl ExactSizeIterator<Item = &'x [f32]>,
        scratch: &mut [f32],
        mut spread: impl FnMut(usize, &mut [f32]),
        sums: Sums<'_>,
        input_gradient: Option<InputGradient<'_, '_>>,
    ) {
        let (samples, mut scratch) = (xs.len(), self.cut(scratch, true));
        let (inputs, outputs) = self.layouts(samples);
        let tiles = samples * self.tiling.count();
        self.read_inputs(kernel, xs, &mut scratch);
        for sample in 0..samples {
            spread(sample, scratch.dy);
            let points = &mut scratch.outputs[sample * self.tiling.count() * outputs.tile..];
            self.tiling.read_target(kernel, scratch.dy, points, outputs);
        }
        self.add_weight_gradient(kernel, &mut scratch, tiles, (inputs, outputs), sums);
        let Some(gradient) = input_gradient else { return };
        products(
            kernel,
            (scratch.outputs, outputs),
            gradient.filters,
            (scratch.inputs, inputs),
            tiles,
        );
        for sample in 0..samples {
            let points = &scratch.inputs[sample * self.tiling.count() * inputs.tile..];
            let dx = gradient.dx.row_mut(gradient.first + sample);
            if self.reads_in_place() {
                self.tiling.write_source(kernel, points, dx, inputs);
            } else {
                self.tiling.write_source(kernel, points, scratch.dsource, inputs);
                crop(scratch.dsource, self.source, self.pad, dx, self.input);
            }
        }
    }

    /// The gradient of the kernels at the points is summed over the blocks of a lane, and then taken back to the taps.
    fn add_weight_gradient(
        &self,
        kernel: Kernel,
        scratch: &mut Scratch<'_>,
        tiles: usize,
        (inputs, outputs): (PointLayout, PointLayout),
        sums: Sums<'_>,
    ) {
        let (from, to) = (self.input.channels, self.target.channels);
        let panel = POINTS * from * NR;
        let epilogue = Epilogue {
            beta: if sums.fresh { 0.0 } else { 1.0 },
            ..Epilogue::STORE
        };
        for point in 0..POINTS {
            let x = MatRef::new(&scratch.inputs[point * inputs.point..], from, tiles, 1, inputs.tile);
            let dy = Panels {
                data: &scratch.outputs[point * outputs.point..],
                k: tiles,
                n: to,
                panel_stride: NR,
                row_stride: outputs.tile,
                segment_stride: 0,
            };
            let out = Output::panels(&mut scratch.dfilters[point * from * NR..], from, to, panel);
            kernel.multiply(x.expect("the points of a block"), dy, out, epilogue);
        }
        if sums.complete {
            let taps = self.tiling.taps;
            let panels = scratch
                .dfilters
                .chunks(panel)
                .zip(sums.weights.chunks_mut(taps * taps * from * NR));
            for (points, weights) in panels {
                filter_gradient(kernel, taps, points, weights);
            }
        }
    }
}

/// Where the weights' gradient of a lane goes.
pub(crate) struct Sums<'a> {
    pub(crate) weights: &'a mut [f32],
    /// Whether this is the lane's first block, and whether it is the last.
    pub(crate) fresh: bool,
    pub(crate) complete: bool,
}

/// Where the gradient of the input goes, and what it is computed with.
pub(crate) struct InputGradient<'a, 'b> {
    /// What [`Minimal::transposed_filters`] gave.
    pub(crate) filters: &'a [f32],
    pub(crate) dx: &'a mut MatMut<'b>,
    /// The row of the block's first sample.
    pub(crate) first: usize,
}

/// At each point, the values of `rows` tiles times the kernels.
fn products(
    kernel: Kernel,
    (from, from_layout): (&[f32], PointLayout),
    filters: &[f32],
    (to, to_layout): (&mut [f32], PointLayout),
    rows: usize,
) {
    let (k, n) = (from_layout.channels, to_layout.channels);
    for point in 0..POINTS {
        let a = MatRef::new(&from[point * from_layout.point..], rows, k, from_layout.tile, 1);
        let b = Panels {
            data: &filters[point * k * NR..],
            k,
            n,
            panel_stride: POINTS * k * NR,
            row_stride: NR,
            segment_stride: 0,
        };
        let c = MatMut::new(&mut to[point * to_layout.point..], rows, n, to_layout.tile, 1);
        let (a, c) = (a.expect("the points of a block"), c.expect("the points of a block"));
        multiply_packed(kernel, a, b, c, None, false);
    }
}
