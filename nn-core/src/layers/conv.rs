//! A convolution, with a ReLU and a max pooling on the way out where they follow.

use std::ops::Range;

use rand::rngs::ChaCha8Rng;

use super::{Backward, Forward, Layer, Maxima, Pool, TensorSpec};
use crate::{
    conv::{Correlation, InputGradient, Map, Minimal, Sums, WeightGradient, Windows, crop, place},
    gemm::{Kernel, MatMut, PANEL, Vectorize},
    lanes::{Lanes, Stretches},
    random,
    spec::ConvSpec,
};

/// Its part of the arena is `W`, packed in panels as `[channels / 16, kernel height, kernel width, input channels,
/// 16]` with zeros behind the last channel, then the bias, padded likewise.
#[derive(Debug)]
pub(crate) struct Conv {
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
    /// Where the gradient of the output lies in scratch memory.
    dy: Spread,
    /// How it is computed, if not the direct way.
    minimal: Option<Minimal>,
}

/// A picture spread out in a larger one, which is zero elsewhere.
#[derive(Debug)]
struct Spread {
    outer: Map,
    /// Rows and pixels before the picture.
    before: (usize, usize),
    /// Distance of its pixels along both axes, in pixels of the outer one.
    step: usize,
    /// The part of the outer picture that windows are read from begins here.
    skip: (usize, usize),
}

impl Conv {
    /// `needs_dx` tells whether the gradient of the input will be asked for.
    pub(crate) fn new(input: Map, spec: &ConvSpec, relu: bool, pool: Option<(usize, usize)>, needs_dx: bool) -> Self {
        let ((top, bottom), (left, right)) = (spec.pads(spec.kernel.0), spec.pads(spec.kernel.1));
        let padded = Map::new(input.height + top + bottom, input.width + left + right, input.channels);
        let windows = Windows {
            height: spec.kernel.0,
            width: spec.kernel.1,
            stride: spec.stride,
        };
        let output = Map::new(
            crate::spec::windows(padded.height, windows.height, windows.stride),
            crate::spec::windows(padded.width, windows.width, windows.stride),
            spec.channels,
        );
        let minimal = Minimal::new(input, (top, left), spec.kernel, spec.stride, output);
        let dy = match minimal {
            Some(minimal) => Spread::into(minimal.target),
            None if needs_dx => Spread::for_input_gradient(input, output, windows, (top, left)),
            None => Spread::into(output),
        };
        Self {
            input,
            padded,
            pad: (top, left),
            windows,
            output,
            bias: spec.bias,
            relu,
            pool: pool.map(|(size, stride)| Pool::new(output, (size, size), stride)),
            dy,
            minimal,
        }
    }

    /// Values of a window.
    fn window_len(&self) -> usize {
        self.windows.height * self.windows.width * self.input.channels
    }

    fn panels(&self) -> usize {
        self.output.channels.div_ceil(PANEL)
    }

    fn weight_len(&self) -> usize {
        self.panels() * self.window_len() * PANEL
    }

    fn is_padded(&self) -> bool {
        self.padded != self.input
    }

    /// Scratch memory of the direct way: the padded input, the output before pooling, the gradient of that.
    fn scratch_lens(&self) -> [usize; 3] {
        [
            if self.is_padded() { self.padded.len() } else { 0 },
            if self.pool.is_some() { self.output.len() } else { 0 },
            // Panels are read whole, past the last channel.
            self.dy.outer.len() + PANEL,
        ]
    }

    fn cut_scratch<'a>(&self, scratch: &'a mut [f32]) -> [&'a mut [f32]; 3] {
        let [first, second, _] = self.scratch_lens();
        let (padded, rest) = scratch.split_at_mut(first);
        let (output, dy) = rest.split_at_mut(second);
        [padded, output, dy]
    }

    fn exchanged_len(&self) -> usize {
        self.input.channels.div_ceil(PANEL) * self.windows.height * self.windows.width * self.output.channels * PANEL
    }

    /// The kernel with inputs and outputs exchanged, `[input channels / 16, kernel height, kernel width, channels,
    /// 16]`, and turned by half a turn if so wished.
    fn exchange(&self, parameters: &[f32], exchanged: &mut [f32], turned: bool) {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        let area = self.windows.height * self.windows.width;
        for output in 0..outputs {
            let weights = &parameters[output / PANEL * self.window_len() * PANEL + output % PANEL..];
            for tap in 0..area {
                let to = if turned { area - 1 - tap } else { tap };
                for input in 0..inputs {
                    let row = input / PANEL * area * outputs + to * outputs + output;
                    exchanged[row * PANEL + input % PANEL] = weights[(tap * inputs + input) * PANEL];
                }
            }
        }
    }

    fn forward_minimal(&self, minimal: &Minimal, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let bias = &pass.parameters[self.weight_len()..];
        let bias = self.bias.then(|| &bias[..self.output.channels]);
        let (rows, training) = (y.rows(), pass.training.is_some());
        // The largest of the sums gives the largest output: neither bias nor ReLU changes the order.
        let pool = self.pool.map(|pool| Pool {
            input: minimal.target,
            ..pool
        });
        for first in (0..rows).step_by(minimal.block()) {
            let block = first..rows.min(first + minimal.block());
            let xs = block.clone().map(|row| pass.x.row(row));
            let finish = |sample: usize, target: &[f32]| {
                let row = first + sample;
                let y = y.row_mut(row);
                match &pool {
                    Some(pool) => pass.kernel.vectorize(Maxima {
                        pool,
                        x: target,
                        y,
                        which: pass.kept.row_mut(row),
                    }),
                    None => crop(target, minimal.target, (0, 0), y, self.output),
                }
                pass.kernel.vectorize(BiasAndRelu {
                    y,
                    channels: self.output.channels,
                    bias,
                    relu: self.relu,
                });
            };
            minimal.forward(pass.kernel, pass.prepared, xs, (pass.scratch, training), finish);
        }
    }

    fn backward_minimal(&self, minimal: &Minimal, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let filters = &pass.transposed[self.exchanged_len().min(pass.transposed.len())..];
        let (mut first, rows) = (0, dy.rows());
        while first < rows {
            let lane_end = pass.lanes.end_of_row(first);
            let end = lane_end.min(first + minimal.block());
            let (gradient, fresh) = pass.lanes.of_row(first);
            let (weights, sums) = gradient.split_at_mut(self.weight_len());
            let sums = &mut sums[..self.output.channels];
            if fresh {
                sums.fill(0.0);
            }
            let spread = |sample: usize, spread: &mut [f32]| {
                let row = first + sample;
                pass.kernel.vectorize(SpreadGradient {
                    conv: self,
                    y: pass.y.row(row),
                    dy: dy.as_ref().row(row),
                    which: pass.kept.row(row),
                    spread,
                    sums,
                });
            };
            let lane = Sums {
                weights,
                fresh,
                complete: end == lane_end,
            };
            let gradient = dx.as_mut().map(|dx| InputGradient { filters, dx, first });
            let xs = (first..end).map(|row| pass.x.row(row));
            minimal.backward(pass.kernel, xs, pass.scratch, spread, lane, gradient);
            first = end;
        }
    }

    /// The sample with its padding.
    fn padded<'a>(&self, x: &'a [f32], padded: &'a mut [f32]) -> &'a [f32] {
        if !self.is_padded() {
            return x;
        }
        place(x, self.input, padded, self.padded, self.pad);
        padded
    }
}

/// What is left to do with the sums of a convolution.
struct BiasAndRelu<'a> {
    y: &'a mut [f32],
    channels: usize,
    bias: Option<&'a [f32]>,
    relu: bool,
}

impl Vectorize for BiasAndRelu<'_> {
    #[inline(always)]
    fn run(self) {
        for y in self.y.chunks_exact_mut(self.channels) {
            BiasAndRelu { y, ..self }.each(self.channels);
        }
    }
}

impl Stretches for BiasAndRelu<'_> {
    #[inline(always)]
    fn stretch<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let mut y = Lanes::load::<WHOLE>(&self.y[range.clone()]);
        if let Some(bias) = self.bias {
            y = y + Lanes::load::<WHOLE>(&bias[range.clone()]);
        }
        let value = if self.relu { y.relu() } else { y };
        value.store::<WHOLE>(&mut self.y[range]);
    }
}

/// Turns the gradient of one sample's output into the one before activation and pooling, writes it spread out, and
/// adds its sums over all pixels to `sums`.
struct SpreadGradient<'a> {
    conv: &'a Conv,
    y: &'a [f32],
    dy: &'a [f32],
    which: &'a [f32],
    spread: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Vectorize for SpreadGradient<'_> {
    #[inline(always)]
    fn run(self) {
        let (conv, channels) = (self.conv, self.conv.output.channels);
        let (stride, width, window) = match &conv.pool {
            Some(pool) => (pool.stride, pool.output.width, pool.window),
            None => (1, conv.output.width, (1, 1)),
        };
        let mut which = self.which.chunks_exact(channels);
        let pixels = self.dy.chunks_exact(channels).zip(self.y.chunks_exact(channels));
        for (index, (dy, y)) in pixels.enumerate() {
            let corner = conv.dy.position(index / width * stride, index % width * stride);
            let mut pixel = SpreadPixel {
                y: conv.relu.then_some(y),
                dy,
                which: which.next(),
                window,
                distances: (conv.dy.step * conv.dy.outer.row(), conv.dy.step * channels),
                spread: &mut self.spread[corner..],
                sums: self.sums,
            };
            pixel.each(channels);
        }
    }
}

/// One pixel of the output, and the window that it was pooled from.
struct SpreadPixel<'a> {
    /// The output, where a ReLU is to be gone back through.
    y: Option<&'a [f32]>,
    dy: &'a [f32],
    which: Option<&'a [f32]>,
    window: (usize, usize),
    /// Distances of the window's rows and pixels in `spread`, which begins with its first.
    distances: (usize, usize),
    spread: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Stretches for SpreadPixel<'_> {
    #[inline(always)]
    fn stretch<const WHOLE: bool>(&mut self, range: Range<usize>) {
        let mut dy = Lanes::load::<WHOLE>(&self.dy[range.clone()]);
        if let Some(y) = self.y {
            dy = dy.where_positive(Lanes::load::<WHOLE>(&y[range.clone()]));
        }
        let sums = &mut self.sums[range.clone()];
        (Lanes::load::<WHOLE>(sums) + dy).store::<WHOLE>(sums);
        let Some(which) = self.which else {
            return dy.store::<WHOLE>(&mut self.spread[range]);
        };
        let which = Lanes::load::<WHOLE>(&which[range.clone()]);
        let mut name = 0.0;
        for row in 0..self.window.0 {
            for col in 0..self.window.1 {
                let start = row * self.distances.0 + col * self.distances.1 + range.start;
                let to = &mut self.spread[start..][..range.len()];
                dy.where_equal(which, Lanes::splat(name)).store::<WHOLE>(to);
                name += 1.0;
            }
        }
    }
}

impl Spread {
    /// At the upper left of a picture.
    fn into(outer: Map) -> Self {
        Self {
            outer,
            before: (0, 0),
            step: 1,
            skip: (0, 0),
        }
    }

    /// The gradient of the input is a correlation of the output's gradient, spread out by the stride and with zeros
    /// around it, with the kernel turned by half a turn.
    fn for_input_gradient(input: Map, output: Map, windows: Windows, (top, left): (usize, usize)) -> Self {
        let axis = |input: usize, output: usize, window: usize, pad: usize| {
            let before = (window - 1).saturating_sub(pad);
            let skip = pad.saturating_sub(window - 1);
            let read = skip + input + window - 1;
            let written = before + (output - 1) * windows.stride + 1;
            (before, skip, read.max(written))
        };
        let (above, skip_rows, height) = axis(input.height, output.height, windows.height, top);
        let (before, skip_cols, width) = axis(input.width, output.width, windows.width, left);
        Self {
            outer: Map::new(height, width, output.channels),
            before: (above, before),
            step: windows.stride,
            skip: (skip_rows, skip_cols),
        }
    }

    /// Where a pixel of the picture begins.
    #[inline(always)]
    fn position(&self, row: usize, col: usize) -> usize {
        let (row, col) = (self.before.0 + row * self.step, self.before.1 + col * self.step);
        row * self.outer.row() + col * self.outer.channels
    }
}

impl Layer for Conv {
    fn parameter_len(&self) -> usize {
        self.weight_len() + if self.bias { self.panels() * PANEL } else { 0 }
    }

    fn pieces(&self) -> Vec<Range<usize>> {
        let panel = self.window_len() * PANEL;
        let weights = (0..self.panels()).map(|index| index * panel..(index + 1) * panel);
        let bias = self.bias.then_some(self.weight_len()..self.parameter_len());
        weights.chain(bias).collect()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        let (outputs, windows) = (self.output.channels, self.windows);
        let weight = TensorSpec {
            name: "weight",
            shape: vec![outputs, self.input.channels, windows.height, windows.width],
        };
        let bias = self.bias.then(|| TensorSpec {
            name: "bias",
            shape: vec![outputs],
        });
        std::iter::once(weight).chain(bias).collect()
    }

    fn position(&self, tensor: usize, index: usize) -> usize {
        if tensor == 1 {
            return self.weight_len() + index;
        }
        let area = self.windows.height * self.windows.width;
        let (output, input) = (index / area / self.input.channels, index / area % self.input.channels);
        let row = output / PANEL * self.window_len() + index % area * self.input.channels + input;
        row * PANEL + output % PANEL
    }

    /// As for dense layers: uniform in ±√(6 / inputs) before a ReLU and in ±√(3 / inputs) elsewhere, where the
    /// inputs are those of a window; biases are 0.
    fn initialize(&self, parameters: &mut [f32], generator: &mut ChaCha8Rng) {
        let gain = if self.relu { 6.0 } else { 3.0 };
        let limit = (gain / self.window_len() as f32).sqrt();
        for index in 0..self.output.channels * self.window_len() {
            let value = &mut parameters[self.position(0, index)];
            random::fill_uniform(generator, limit, std::iter::once(value));
        }
    }

    fn kept_len(&self) -> usize {
        self.pool.map_or(0, |pool| pool.output.len())
    }

    fn scratch_len(&self, training: bool) -> usize {
        match &self.minimal {
            Some(minimal) => minimal.scratch_len(training),
            None => self.scratch_lens().into_iter().sum(),
        }
    }

    fn prepared_len(&self) -> usize {
        self.minimal.map_or(0, |minimal| minimal.filters_len())
    }

    fn prepare(&self, kernel: Kernel, parameters: &[f32], prepared: &mut [f32]) {
        if let Some(minimal) = &self.minimal {
            minimal.filters(kernel, &parameters[..self.weight_len()], prepared);
        }
    }

    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        if let Some(minimal) = &self.minimal {
            return self.forward_minimal(minimal, pass, y);
        }
        let correlation = Correlation {
            source: self.padded,
            windows: self.windows,
            target: self.output,
            rows: 0..self.padded.height,
        };
        let (weights, bias) = pass.parameters.split_at(self.weight_len());
        let bias = self.bias.then(|| &bias[..self.output.channels]);
        let [padded, output, _] = self.cut_scratch(pass.scratch);
        for row in 0..y.rows() {
            let x = self.padded(pass.x.row(row), padded);
            match &self.pool {
                None => correlation.run(pass.kernel, x, weights, y.row_mut(row), (bias, self.relu)),
                Some(pool) => {
                    correlation.run(pass.kernel, x, weights, output, (bias, self.relu));
                    let (y, kept) = (y.row_mut(row), pass.kept.row_mut(row));
                    pass.kernel.vectorize(Maxima {
                        pool,
                        x: output,
                        y,
                        which: kept,
                    });
                }
            }
        }
    }

    fn transposed_len(&self) -> usize {
        self.exchanged_len() + self.minimal.map_or(0, |minimal| minimal.transposed_len())
    }

    fn transpose(&self, kernel: Kernel, parameters: &[f32], transposed: &mut [f32]) {
        let (exchanged, points) = transposed.split_at_mut(self.exchanged_len());
        match &self.minimal {
            None => self.exchange(parameters, exchanged, true),
            Some(minimal) => {
                self.exchange(parameters, exchanged, false);
                minimal.transposed_filters(kernel, exchanged, points);
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        if let Some(minimal) = &self.minimal {
            return self.backward_minimal(minimal, pass, dy, dx);
        }
        let weight_gradient = WeightGradient {
            source: self.padded,
            windows: self.windows,
            target: self.output,
            pitch: (
                self.dy.step * self.dy.outer.channels,
                self.dy.step * self.dy.outer.row(),
            ),
        };
        let last_row = self.dy.before.0 + (self.output.height - 1) * self.dy.step;
        let input_gradient = Correlation {
            source: self.dy.outer,
            windows: Windows {
                stride: 1,
                ..self.windows
            },
            target: self.input,
            rows: self.dy.before.0.saturating_sub(self.dy.skip.0)..(last_row + 1).saturating_sub(self.dy.skip.0),
        };
        let skip = self.dy.skip.0 * self.dy.outer.row() + self.dy.skip.1 * self.dy.outer.channels;
        let [padded, _, spread] = self.cut_scratch(pass.scratch);
        for row in 0..dy.rows() {
            let (gradient, fresh) = pass.lanes.of_row(row);
            let (weights, sums) = gradient.split_at_mut(self.weight_len());
            let sums = &mut sums[..self.output.channels];
            if fresh {
                sums.fill(0.0);
            }
            pass.kernel.vectorize(SpreadGradient {
                conv: self,
                y: pass.y.row(row),
                dy: dy.as_ref().row(row),
                which: pass.kept.row(row),
                spread,
                sums,
            });
            let x = self.padded(pass.x.row(row), padded);
            weight_gradient.run(pass.kernel, x, &spread[self.dy.position(0, 0)..], weights, fresh);
            if let Some(dx) = &mut dx {
                let source = &spread[skip..];
                input_gradient.run(pass.kernel, source, pass.transposed, dx.row_mut(row), (None, false));
            }
        }
    }

    /// The bias is summed even where there is none.
    fn lane_len(&self) -> usize {
        self.weight_len() + self.panels() * PANEL
    }
}
