//! Windows read in place: nothing is copied.
//!
//! A row of a window is one stretch of memory, so a window is a row of a matrix whose columns come in segments, one for
//! each row of the window; windows side by side are its rows, at the distance of a pixel. The products with the weights,
//! and with the gradient of the output, are therefore ordinary tiles.

use super::{Map, Windows};
use crate::gemm::{Epilogue, Kernel, MatMut, NR, Output, Panels, Segments};

/// Values of the weights that the tiles of one pass share: three quarters of a 32 KiB first-level cache.
const PASS_VALUES: usize = 6 * 1024;

/// Correlates the windows of `source` with weights into `target`, `[height, width, channels]`.
#[derive(Debug)]
pub(crate) struct Correlation {
    pub(crate) source: Map,
    pub(crate) windows: Windows,
    pub(crate) target: Map,
    /// Distances of the target's rows and pixels in memory.
    pub(crate) pitch: (usize, usize),
    /// Rows of the source that are not zero throughout; the others are left out.
    pub(crate) rows: std::ops::Range<usize>,
}

impl Correlation {
    /// `weights` are in panels, `[channels / 16, window height, window width, source channels, 16]`.
    pub(crate) fn run(
        &self,
        kernel: Kernel,
        source: &[f32],
        weights: &[f32],
        target: &mut [f32],
        (bias, relu): (Option<&[f32]>, bool),
    ) {
        // Values of the weights that one row of the windows takes, of one panel.
        let row = self.windows.width * self.source.channels * NR;
        let panel = self.windows.height * row;
        let rows = (PASS_VALUES / row).clamp(1, self.windows.height);
        let few_rows = self.target.width <= 3;
        let panels = if few_rows {
            usize::MAX / NR
        } else {
            (PASS_VALUES / panel).max(1)
        };
        for first in (0..self.target.channels).step_by((panels * NR).min(self.target.channels)) {
            let channels = (self.target.channels - first).min(panels * NR);
            for top in (0..self.windows.height).step_by(rows) {
                let bottom = self.windows.height.min(top + rows);
                let epilogue = Epilogue {
                    beta: if top == 0 { 0.0 } else { 1.0 },
                    bias: bias.filter(|_| top == 0).map(|bias| &bias[first..first + channels]),
                    relu: relu && bottom == self.windows.height,
                    ..Epilogue::STORE
                };
                for y in 0..self.target.height {
                    let skip = self.rows.start.saturating_sub(y * self.windows.stride);
                    let end = self.rows.end.saturating_sub(y * self.windows.stride);
                    let (top, bottom) = (top.max(skip).min(bottom), bottom.min(end));
                    let a = self.window_rows(source, y, top..bottom.max(top));
                    let b = Panels {
                        data: &weights[first / NR * panel + top * row..],
                        k: row / NR,
                        n: channels,
                        panel_stride: panel,
                        row_stride: NR,
                        segment_stride: row,
                    };
                    let c = &mut target[y * self.pitch.0 + first..];
                    let c = MatMut::new(c, self.target.width, channels, self.pitch.1, 1);
                    kernel.multiply(a, b, c.expect("a row of the target"), epilogue);
                }
            }
        }
    }

    /// Rows `rows` of the windows that lie side by side in row `y` of the target, a window a row.
    fn window_rows<'a>(&self, source: &'a [f32], y: usize, rows: std::ops::Range<usize>) -> Segments<'a> {
        let pixel = self.source.channels;
        let start = (y * self.windows.stride + rows.start) * self.source.row();
        Segments::new(
            &source[start.min(source.len())..],
            (self.target.width, self.windows.stride * pixel),
            (self.windows.width * pixel, 1),
            (rows.len(), self.source.row()),
        )
    }
}

/// The gradient of a [`Correlation`]'s weights.
pub(crate) struct WeightGradient {
    pub(crate) source: Map,
    pub(crate) windows: Windows,
    pub(crate) target: Map,
    /// Distances of the target's rows and pixels in memory.
    pub(crate) pitch: (usize, usize),
}

impl WeightGradient {
    /// Adds to (or, with `fresh`, writes) the gradient, in panels as the weights. `dy` begins at the first pixel of
    /// the target's gradient and goes on for [`NR`] values after the last.
    pub(crate) fn run(&self, kernel: Kernel, source: &[f32], dy: &[f32], gradient: &mut [f32], fresh: bool) {
        let row = self.windows.width * self.source.channels;
        let epilogue = Epilogue {
            beta: if fresh { 0.0 } else { 1.0 },
            ..Epilogue::STORE
        };
        for y in 0..self.windows.height {
            let a = Segments::new(
                &source[y * self.source.row()..],
                (row, 1),
                (self.target.width, self.windows.stride * self.source.channels),
                (self.target.height, self.windows.stride * self.source.row()),
            );
            let b = Panels {
                data: dy,
                k: self.target.width,
                n: self.target.channels,
                panel_stride: NR,
                row_stride: self.pitch.1,
                segment_stride: self.pitch.0,
            };
            let panel = self.windows.height * row * NR;
            let c = Output::panels(&mut gradient[y * row * NR..], row, self.target.channels, panel);
            kernel.multiply(a, b, c, epilogue);
        }
    }
}
