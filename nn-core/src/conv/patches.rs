//! Convolutions with small windows, a strip of rows at a time: the windows are copied out, tap by tap, and one product
//! makes the strip, which stays in the nearest cache for what follows.

use super::{Map, Windows};
use crate::gemm::{Epilogue, Kernel, MatMut, MatRef, NR, Output, Panels};

/// The longest window whose copies are cheap beside the product.
const MAX_WINDOW: usize = 32;
/// Values of a strip's output: half of a 32 KiB first-level cache.
const STRIP_VALUES: usize = 4 * 1024;

/// The geometry of such a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patches {
    /// The input with its padding.
    source: Map,
    windows: Windows,
    output: Map,
    /// Rows of a strip.
    pub(crate) rows: usize,
}

impl Patches {
    /// Where it is faster than to read the windows in place. Strips have `rows` rows, or, where that is not given, as
    /// many as stay in the nearest cache.
    pub(crate) fn new(source: Map, windows: Windows, output: Map, rows: Option<usize>) -> Option<Self> {
        let patches = Self {
            source,
            windows,
            output,
            rows: rows.unwrap_or((STRIP_VALUES / output.row()).clamp(1, output.height)),
        };
        (patches.window() <= MAX_WINDOW).then_some(patches)
    }

    /// Values of a window.
    fn window(&self) -> usize {
        self.windows.height * self.windows.width * self.source.channels
    }

    /// The output of a strip.
    pub(crate) fn strip(&self) -> Map {
        Map {
            height: self.rows,
            ..self.output
        }
    }

    /// Values of the windows of `rows` rows.
    pub(crate) fn taps_of(&self, rows: usize) -> usize {
        self.window() * rows * self.output.width
    }

    /// Values of the windows of a strip.
    pub(crate) fn taps_len(&self) -> usize {
        self.taps_of(self.rows)
    }

    /// Values of their gradients.
    pub(crate) fn dtaps_len(&self) -> usize {
        self.window().next_multiple_of(NR) * self.rows * self.output.width
    }

    /// Copies the windows of `rows` rows of the output from row `first` on: `[window, rows, width]`.
    pub(crate) fn read(&self, source: &[f32], first: usize, rows: usize, taps: &mut [f32]) {
        let (width, channels, stride) = (self.output.width, self.source.channels, self.windows.stride);
        let mut lines = taps.chunks_exact_mut(rows * width);
        for down in 0..self.windows.height {
            let source = &source[(first * stride + down) * self.source.row()..];
            // Windows' columns and channels lie side by side.
            for (start, line) in (0..self.windows.width * channels).zip(lines.by_ref()) {
                for (row, to) in line.chunks_exact_mut(width).enumerate() {
                    copy_apart(
                        &source[row * stride * self.source.row() + start..],
                        stride * channels,
                        to,
                    );
                }
            }
        }
    }

    /// `target = act(windows·weights + bias)` for a strip of `rows` rows.
    pub(crate) fn forward(
        &self,
        kernel: Kernel,
        (taps, rows): (&[f32], usize),
        weights: &[f32],
        target: &mut [f32],
        (bias, relu): (Option<&[f32]>, bool),
    ) {
        let (pixels, channels) = (rows * self.output.width, self.output.channels);
        let a = MatRef::new(taps, pixels, self.window(), 1, pixels).expect("the windows of a strip");
        let c = MatMut::row_major(target, pixels, channels).expect("a strip");
        let epilogue = Epilogue {
            bias,
            relu,
            ..Epilogue::STORE
        };
        kernel.multiply(a, Panels::packed(weights, self.window(), channels), c, epilogue);
    }

    /// Adds to (or, with `fresh`, writes) the weights' gradient. `dy` goes on for [`NR`] values after the strip.
    pub(crate) fn weight_gradient(
        &self,
        kernel: Kernel,
        (taps, rows): (&[f32], usize),
        dy: &[f32],
        gradient: &mut [f32],
        fresh: bool,
    ) {
        let (pixels, channels) = (rows * self.output.width, self.output.channels);
        let a = MatRef::row_major(taps, self.window(), pixels).expect("the windows of a strip");
        let b = Panels {
            data: dy,
            k: pixels,
            n: channels,
            panel_stride: NR,
            row_stride: channels,
            segment_stride: 0,
        };
        let epilogue = Epilogue {
            beta: if fresh { 0.0 } else { 1.0 },
            ..Epilogue::STORE
        };
        let c = Output::panels(gradient, self.window(), channels, self.window() * NR);
        kernel.multiply(a, b, c, epilogue);
    }

    /// Adds the gradient of a strip's windows to that of the source. `transposed` are the weights with inputs and
    /// outputs exchanged, `[window / 16, channels, 16]`.
    pub(crate) fn input_gradient(
        &self,
        kernel: Kernel,
        (first, rows): (usize, usize),
        dy: &[f32],
        transposed: &[f32],
        (dtaps, dsource): (&mut [f32], &mut [f32]),
    ) {
        let (pixels, channels) = (rows * self.output.width, self.output.channels);
        let (window, padded) = (self.window(), self.window().next_multiple_of(NR));
        let a = MatRef::row_major(dy, pixels, channels).expect("a strip");
        let c = MatMut::new(dtaps, pixels, window, padded, 1).expect("the windows of a strip");
        kernel.multiply(a, Panels::packed(transposed, channels, window), c, Epilogue::STORE);
        let run = self.windows.width * self.source.channels;
        for (pixel, dtaps) in dtaps.chunks_exact(padded).take(pixels).enumerate() {
            let (y, x) = (first + pixel / self.output.width, pixel % self.output.width);
            for (row, dtaps) in dtaps[..window].chunks_exact(run).enumerate() {
                let start = (y * self.windows.stride + row) * self.source.row()
                    + x * self.windows.stride * self.source.channels;
                for (to, from) in dsource[start..start + run].iter_mut().zip(dtaps) {
                    *to += from;
                }
            }
        }
    }

    pub(crate) fn transposed_len(&self) -> usize {
        self.window().div_ceil(NR) * self.output.channels * NR
    }

    /// Weights with inputs and outputs exchanged, `[window / 16, channels, 16]`.
    pub(crate) fn transpose(&self, weights: &[f32], transposed: &mut [f32]) {
        for (panel, weights) in weights.chunks_exact(self.window() * NR).enumerate() {
            for (tap, weights) in weights.chunks_exact(NR).enumerate() {
                let outputs = self.output.channels - panel * NR;
                for (lane, &weight) in weights.iter().enumerate().take(outputs) {
                    let row = tap / NR * self.output.channels + panel * NR + lane;
                    transposed[row * NR + tap % NR] = weight;
                }
            }
        }
    }
}

/// Copies values that stand `distance` apart.
fn copy_apart(from: &[f32], distance: usize, to: &mut [f32]) {
    if distance == 1 {
        return to.copy_from_slice(&from[..to.len()]);
    }
    for (to, from) in to.iter_mut().zip(from.iter().step_by(distance)) {
        *to = *from;
    }
}
