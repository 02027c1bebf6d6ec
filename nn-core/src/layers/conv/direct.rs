//! The direct way: windows are read in place.

use super::{Geometry, Method, epilogue::Returned};
use crate::{
    buffer::{parts, parts_len},
    conv::{Correlation, Map, WeightGradient, Windows},
    gemm::{Kernel, MatMut, PANEL},
    layers::{Backward, Forward, Maxima},
};

#[derive(Debug)]
pub(super) struct Direct {
    /// Where the gradient of the output lies in scratch memory.
    dy: Spread,
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

impl Direct {
    /// `needs_dx` tells whether the gradient of the input will be asked for.
    pub(super) fn new(geometry: &Geometry, needs_dx: bool) -> Self {
        let dy = if needs_dx {
            Spread::for_input_gradient(geometry)
        } else {
            Spread {
                outer: geometry.output,
                before: (0, 0),
                step: 1,
                skip: (0, 0),
            }
        };
        Self { dy }
    }

    /// Scratch memory: the padded input, the output before pooling, the gradient of that.
    fn scratch_lens(&self, geometry: &Geometry, training: bool) -> [usize; 3] {
        [
            geometry.padded_len(),
            if geometry.pool.is_some() {
                geometry.output.len()
            } else {
                0
            },
            // Panels are read whole, past the last channel.
            if training { self.dy.outer.len() + PANEL } else { 0 },
        ]
    }
}

impl Spread {
    /// The gradient of the input is a correlation of the output's gradient, spread out by the stride and with zeros
    /// around it, with the kernel turned by half a turn.
    fn for_input_gradient(geometry: &Geometry) -> Self {
        let Geometry {
            input,
            output,
            windows,
            pad: (top, left),
            ..
        } = *geometry;
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

    /// Where the picture begins.
    fn start(&self) -> usize {
        self.before.0 * self.outer.row() + self.before.1 * self.outer.channels
    }

    /// Distances of its rows and pixels in memory.
    fn distances(&self) -> (usize, usize) {
        (self.step * self.outer.row(), self.step * self.outer.channels)
    }
}

impl Method for Direct {
    fn scratch_len(&self, geometry: &Geometry, training: bool) -> usize {
        parts_len(self.scratch_lens(geometry, training))
    }

    fn forward(&self, geometry: &Geometry, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let correlation = Correlation {
            source: geometry.padded,
            windows: geometry.windows,
            target: geometry.output,
            rows: 0..geometry.padded.height,
        };
        let (weights, bias) = geometry.weights_and_bias(pass.parameters);
        let lens = self.scratch_lens(geometry, pass.training.is_some());
        let [padded, output, _] = parts(pass.scratch, lens);
        for row in 0..y.rows() {
            let x = geometry.padded(pass.x.row(row), padded);
            match &geometry.pool {
                None => correlation.run(pass.kernel, x, weights, y.row_mut(row), (bias, geometry.relu)),
                Some(pool) => {
                    correlation.run(pass.kernel, x, weights, output, (bias, geometry.relu));
                    pass.kernel.vectorize(Maxima {
                        pool,
                        x: output,
                        y: y.row_mut(row),
                        which: pass.kept.row_mut(row),
                    });
                }
            }
        }
    }

    fn transposed_len(&self, geometry: &Geometry) -> usize {
        geometry.exchanged_len()
    }

    fn transpose(&self, geometry: &Geometry, _kernel: Kernel, weights: &[f32], transposed: &mut [f32]) {
        geometry.exchange(weights, transposed, true);
    }

    fn backward(&self, geometry: &Geometry, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let (down, right) = self.dy.distances();
        let weight_gradient = WeightGradient {
            source: geometry.padded,
            windows: geometry.windows,
            target: geometry.output,
            pitch: (right, down),
        };
        let last_row = self.dy.before.0 + (geometry.output.height - 1) * self.dy.step;
        let input_gradient = Correlation {
            source: self.dy.outer,
            windows: Windows {
                stride: 1,
                ..geometry.windows
            },
            target: geometry.input,
            rows: self.dy.before.0.saturating_sub(self.dy.skip.0)..(last_row + 1).saturating_sub(self.dy.skip.0),
        };
        let skip = self.dy.skip.0 * self.dy.outer.row() + self.dy.skip.1 * self.dy.outer.channels;
        let [padded, _, spread] = parts(pass.scratch, self.scratch_lens(geometry, true));
        for row in 0..dy.rows() {
            let (weights, sums, fresh) = geometry.sums_of_row(&mut pass.lanes, row);
            let returned = Returned {
                y: pass.y.row(row),
                dy: dy.as_ref().row(row),
                which: pass.kept.row(row),
            };
            geometry.spread(
                pass.kernel,
                returned,
                sums,
                (&mut spread[self.dy.start()..], (down, right)),
            );
            let x = geometry.padded(pass.x.row(row), padded);
            weight_gradient.run(pass.kernel, x, &spread[self.dy.start()..], weights, fresh);
            if let Some(dx) = &mut dx {
                let source = &spread[skip..];
                input_gradient.run(pass.kernel, source, pass.transposed, dx.row_mut(row), (None, false));
            }
        }
    }
}
