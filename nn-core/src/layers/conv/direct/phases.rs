//! Input gradient of a strided convolution, split into convolutions of stride 1.
//!
//! With stride `s`, the input pixels fall into `s²` phases by their coordinates modulo `s`. Each phase is reached by
//! one in `s` filter positions along both axes, and its gradient is the convolution of the output's gradient with the
//! filter at these positions, rotated by 180°.

use super::convolution::Convolution;
use crate::{
    layers::conv::geometry::{Filter, Geometry},
    shape::HwcShape,
};

/// All phases of the input gradient, and the zero-padded output gradient that they read.
#[derive(Debug)]
pub(super) struct Phases {
    /// The output's gradient `dz` with the zeros around it.
    pub(super) dz: HwcShape,
    /// Rows and columns of zeros before `dz`.
    pub(super) dz_pad: (usize, usize),
    pub(super) list: Vec<Phase>,
}

/// The input pixels with the same coordinates modulo the stride.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) convolution: Convolution,
    /// The filter positions that reach these pixels, in the order in which they meet `dz`.
    pub(super) positions: Vec<usize>,
    /// Offset of its first window in the padded `dz`.
    pub(super) dz_start: usize,
    /// Offset of its first pixel in `dx`.
    pub(super) dx_start: usize,
}

impl Phases {
    /// No phases, for a layer whose input gradient is not needed.
    pub(super) fn none(geometry: &Geometry) -> Self {
        Self {
            dz: geometry.output,
            dz_pad: (0, 0),
            list: Vec::new(),
        }
    }

    pub(super) fn new(geometry: &Geometry) -> Self {
        let Geometry {
            input,
            output,
            filter,
            pad,
            ..
        } = *geometry;
        let rows = AxisPhase::all(input.height, pad.0, filter.height, filter.stride);
        let cols = AxisPhase::all(input.width, pad.1, filter.width, filter.stride);
        let zeros = |axis: &[AxisPhase]| axis.iter().map(AxisPhase::zeros_before).max().unwrap_or(0);
        let dz_pad = (zeros(&rows), zeros(&cols));
        let end = |axis: &[AxisPhase], pad, output| {
            let ends = axis.iter().map(|phase| phase.end(pad));
            ends.fold(pad + output, usize::max)
        };
        let dz = HwcShape::new(
            end(&rows, dz_pad.0, output.height),
            end(&cols, dz_pad.1, output.width),
            output.channels,
        );
        let phase = |row: &AxisPhase, col: &AxisPhase| {
            let (top, left) = (row.start(dz_pad.0), col.start(dz_pad.1));
            Phase {
                convolution: Convolution {
                    input: dz,
                    filter: Filter {
                        height: row.positions.len(),
                        width: col.positions.len(),
                        stride: 1,
                    },
                    output: HwcShape::new(row.count, col.count, input.channels),
                    output_strides: (filter.stride * input.row(), filter.stride * input.channels),
                    nonzero_rows: dz_pad.0.saturating_sub(top)..(dz_pad.0 + output.height).saturating_sub(top),
                },
                positions: row
                    .positions
                    .iter()
                    .flat_map(|row| col.positions.iter().map(move |col| row * filter.width + col))
                    .collect(),
                dz_start: top * dz.row() + left * dz.channels,
                dx_start: row.first * input.row() + col.first * input.channels,
            }
        };
        let list = rows.iter().flat_map(|row| cols.iter().map(move |col| phase(row, col)));
        Self {
            dz,
            dz_pad,
            list: list.collect(),
        }
    }
}

/// One axis of a [`Phase`].
struct AxisPhase {
    /// Its first input pixel, and the number of its pixels.
    first: usize,
    count: usize,
    /// Its filter positions, the last one first.
    positions: Vec<usize>,
    /// The last output pixel that its first window reads.
    last_output: usize,
}

impl AxisPhase {
    /// All phases that have pixels and filter positions, of an axis with `pixels` input pixels and `pad` zeros before
    /// them.
    fn all(pixels: usize, pad: usize, filter: usize, stride: usize) -> Vec<Self> {
        let phase = |position: usize| {
            // The first of the padded pixels `position + stride·i` that is not padding.
            let last_output = pad.saturating_sub(position).div_ceil(stride);
            let first = position + stride * last_output - pad;
            Self {
                first,
                count: pixels.saturating_sub(first).div_ceil(stride),
                positions: (position..filter).step_by(stride).rev().collect(),
                last_output,
            }
        };
        let phases = (0..stride.min(filter)).map(phase);
        phases.filter(|phase| phase.count > 0).collect()
    }

    /// Zeros before `dz` that its windows read.
    fn zeros_before(&self) -> usize {
        (self.positions.len() - 1).saturating_sub(self.last_output)
    }

    /// Start of its first window, with `pad` zeros before `dz`.
    fn start(&self, pad: usize) -> usize {
        pad + self.last_output + 1 - self.positions.len()
    }

    /// End of its last window.
    fn end(&self, pad: usize) -> usize {
        pad + self.last_output + self.count
    }
}
