//! The direct way: windows are read in place.

use std::ops::Range;

use super::{Geometry, Method, epilogue::Returned};
use crate::{
    aligned::{parts, parts_len},
    conv::{Correlation, Map, WeightGradient, Windows},
    gemm::{Kernel, MatMut, NR},
    layers::{Backward, Forward, Maxima},
};

#[derive(Debug)]
pub(super) struct Direct {
    /// The gradient of the output in scratch memory, with the zeros around it.
    dy: Map,
    /// Rows and pixels of zeros before it.
    before: (usize, usize),
    /// The gradient of the input, part by part.
    phases: Vec<Phase>,
}

/// The pixels of the input that the same taps of the kernel reach: one in every `stride` along both axes. Their
/// gradient is a correlation of the output's gradient with these taps, turned by half a turn.
#[derive(Debug)]
struct Phase {
    correlation: Correlation,
    /// The taps, in the order in which they meet the output's gradient.
    taps: Vec<usize>,
    /// Where its first window begins in the gradient of the output.
    from: usize,
    /// Its first pixel in the gradient of the input.
    to: usize,
}

/// One axis of a [`Phase`].
struct AxisPhase {
    /// Its first pixel, and how many there are.
    first: usize,
    count: usize,
    /// The taps, the last one first.
    taps: Vec<usize>,
    /// The last pixel of the output's gradient that its first window reads.
    last: usize,
}

impl AxisPhase {
    /// All that have pixels and taps, of an axis with that many pixels, zeros before them, and a window with that
    /// stride.
    fn all(pixels: usize, pad: usize, window: usize, stride: usize) -> Vec<Self> {
        let phase = |tap: usize| {
            // Of the padded pixels `tap + stride·i`, those behind the padding.
            let last = pad.saturating_sub(tap).div_ceil(stride);
            let first = tap + stride * last - pad;
            Self {
                first,
                count: pixels.saturating_sub(first).div_ceil(stride),
                taps: (tap..window).step_by(stride).rev().collect(),
                last,
            }
        };
        let phases = (0..stride.min(window)).map(phase);
        phases.filter(|phase| phase.count > 0).collect()
    }

    /// Zeros before the output's gradient that its windows read.
    fn before(&self) -> usize {
        (self.taps.len() - 1).saturating_sub(self.last)
    }

    /// Where its first window begins, with that many zeros before the gradient.
    fn start(&self, before: usize) -> usize {
        before + self.last + 1 - self.taps.len()
    }

    /// Where its last window ends.
    fn end(&self, before: usize) -> usize {
        before + self.last + self.count
    }
}

impl Direct {
    /// `needs_dx` tells whether the gradient of the input will be asked for.
    pub(super) fn new(geometry: &Geometry, needs_dx: bool) -> Self {
        if !needs_dx {
            return Self {
                dy: geometry.output,
                before: (0, 0),
                phases: Vec::new(),
            };
        }
        let Geometry {
            input,
            output,
            windows,
            pad,
            ..
        } = *geometry;
        let rows = AxisPhase::all(input.height, pad.0, windows.height, windows.stride);
        let cols = AxisPhase::all(input.width, pad.1, windows.width, windows.stride);
        let before = |axis: &[AxisPhase]| axis.iter().map(AxisPhase::before).max().unwrap_or(0);
        let before = (before(&rows), before(&cols));
        let end = |axis: &[AxisPhase], before, output| {
            let ends = axis.iter().map(|phase| phase.end(before));
            ends.fold(before + output, usize::max)
        };
        let dy = Map::new(
            end(&rows, before.0, output.height),
            end(&cols, before.1, output.width),
            output.channels,
        );
        let phase = |row: &AxisPhase, col: &AxisPhase| {
            let (top, left) = (row.start(before.0), col.start(before.1));
            Phase {
                correlation: Correlation {
                    source: dy,
                    windows: Windows {
                        height: row.taps.len(),
                        width: col.taps.len(),
                        stride: 1,
                    },
                    target: Map::new(row.count, col.count, input.channels),
                    pitch: (windows.stride * input.row(), windows.stride * input.channels),
                    rows: before.0.saturating_sub(top)..(before.0 + output.height).saturating_sub(top),
                },
                taps: row
                    .taps
                    .iter()
                    .flat_map(|row| col.taps.iter().map(move |col| row * windows.width + col))
                    .collect(),
                from: top * dy.row() + left * dy.channels,
                to: row.first * input.row() + col.first * input.channels,
            }
        };
        let phases = rows.iter().flat_map(|row| cols.iter().map(move |col| phase(row, col)));
        Self {
            dy,
            before,
            phases: phases.collect(),
        }
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
            if training { self.dy.len() + NR } else { 0 },
        ]
    }

    /// The phases, each with its part of the exchanged weights.
    fn phases(&self, geometry: &Geometry) -> impl Iterator<Item = (&Phase, Range<usize>)> {
        let tap = geometry.exchanged_len() / geometry.taps();
        self.phases.iter().scan(0, move |end, phase| {
            let start = *end;
            *end += phase.taps.len() * tap;
            Some((phase, start..*end))
        })
    }

    /// Whether there are pixels of the input that no tap reaches.
    fn leaves_gaps(&self, geometry: &Geometry) -> bool {
        let reached: usize = self.phases.iter().map(|phase| phase.correlation.target.len()).sum();
        reached < geometry.input.len()
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
            pitch: (geometry.output.row(), geometry.output.channels),
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
                        which: pass.saved.row_mut(row),
                    });
                }
            }
        }
    }

    fn transposed_len(&self, geometry: &Geometry) -> usize {
        geometry.exchanged_len()
    }

    fn transpose(&self, geometry: &Geometry, _kernel: Kernel, weights: &[f32], transposed: &mut [f32]) {
        for (phase, part) in self.phases(geometry) {
            geometry.exchange(weights, phase.taps.iter().copied(), &mut transposed[part]);
        }
    }

    fn backward(&self, geometry: &Geometry, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let pitch = (self.dy.row(), self.dy.channels);
        let weight_gradient = WeightGradient {
            source: geometry.padded,
            windows: geometry.windows,
            target: geometry.output,
            pitch,
        };
        let start = self.before.0 * pitch.0 + self.before.1 * pitch.1;
        let leaves_gaps = self.leaves_gaps(geometry);
        let [padded, _, spread] = parts(pass.scratch, self.scratch_lens(geometry, true));
        for row in 0..dy.rows() {
            let (weights, sums, fresh) = geometry.sums_of_row(&mut pass.shard_sums, row);
            let returned = Returned {
                y: pass.y.row(row),
                dy: dy.as_ref().row(row),
                which: pass.saved.row(row),
            };
            geometry.spread(pass.kernel, returned, sums, (&mut spread[start..], pitch));
            let x = geometry.padded(pass.x.row(row), padded);
            weight_gradient.run(pass.kernel, x, &spread[start..], weights, fresh);
            if let Some(dx) = &mut dx {
                let dx = dx.row_mut(row);
                if leaves_gaps {
                    dx.fill(0.0);
                }
                for (phase, part) in self.phases(geometry) {
                    let (dy, weights) = (&spread[phase.from..], &pass.transposed[part]);
                    let correlation = &phase.correlation;
                    correlation.run(pass.kernel, dy, weights, &mut dx[phase.to..], (None, false));
                }
            }
        }
    }
}
