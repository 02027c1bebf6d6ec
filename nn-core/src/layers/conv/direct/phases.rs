//! Input gradient of a strided convolution, split into convolutions of stride 1.
//!
//! With stride `s`, the input pixels fall into `s²` phases by their coordinates modulo `s`. Each phase is reached by
//! one in `s` filter positions along both axes, and its gradient is the convolution of the output's gradient with the
//! filter at these positions, rotated by 180°. With dilation `d`, it is one in `s / gcd(s, d)` filter positions, which
//! meet output pixels that are `d / gcd(s, d)` apart; some phases may be reached by none.

use super::convolution::Convolution;
use crate::{
    layers::conv::geometry::{Filter, Geometry, gcd},
    shape::HwcShape,
};

/// All phases of the input gradient, and the zero-padded output gradient that they read.
#[derive(Debug)]
pub(super) struct Phases {
    /// The output's gradient `dz` with the zeros around it, of all groups.
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
        let rows = AxisPhase::all(input.height, pad.0, filter.height, (filter.stride.0, filter.dilation.0));
        let cols = AxisPhase::all(input.width, pad.1, filter.width, (filter.stride.1, filter.dilation.1));
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
                        channels: geometry.group_outputs(),
                        stride: (1, 1),
                        dilation: (row.dilation, col.dilation),
                    },
                    output: HwcShape::new(row.count, col.count, filter.channels),
                    output_strides: (filter.stride.0 * input.row(), filter.stride.1 * input.channels),
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
    /// Distance of the output pixels that they meet.
    dilation: usize,
    /// The last output pixel that its first window reads; less than 0 if it reads only zeros before the output.
    last_output: isize,
}

impl AxisPhase {
    /// All phases that have pixels and filter positions, of an axis with `pixels` input pixels and `pad` zeros before
    /// them.
    fn all(pixels: usize, pad: usize, filter: usize, (stride, dilation): (usize, usize)) -> Vec<Self> {
        let common = gcd(stride, dilation);
        let phase = |position: usize| {
            // The first of the padded pixels `position·dilation + stride·i` that is not padding, where `i` may be negative.
            let start = (position * dilation) as isize;
            let last_output = -(start - pad as isize).div_euclid(stride as isize);
            let first = (start + stride as isize * last_output) as usize - pad;
            Self {
                first,
                count: pixels.saturating_sub(first).div_ceil(stride),
                positions: (position..filter).step_by(stride / common).rev().collect(),
                dilation: dilation / common,
                last_output,
            }
        };
        let phases = (0..filter.min(stride / common)).map(phase);
        phases.filter(|phase| phase.count > 0).collect()
    }

    /// Output pixels from the first to the last one that a window reads, without the last one.
    fn reach(&self) -> isize {
        ((self.positions.len() - 1) * self.dilation) as isize
    }

    /// Zeros before `dz` that its windows read.
    fn zeros_before(&self) -> usize {
        (self.reach() - self.last_output).max(0) as usize
    }

    /// Start of its first window, with `pad` zeros before `dz`.
    fn start(&self, pad: usize) -> usize {
        (pad as isize + self.last_output - self.reach()) as usize
    }

    /// End of its last window.
    fn end(&self, pad: usize) -> usize {
        (pad as isize + self.last_output) as usize + self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each input pixel meets the output pixels that the definition of the convolution says.
    #[test]
    fn phases_meet_the_outputs_that_windows_say() {
        for pixels in 1..8 {
            for (pad, filter) in [(0, 1), (0, 3), (1, 3), (2, 2), (5, 4), (3, 5)] {
                for (stride, dilation) in [
                    (1, 1),
                    (2, 1),
                    (3, 1),
                    (1, 2),
                    (2, 2),
                    (3, 2),
                    (2, 3),
                    (4, 6),
                    (6, 4),
                    (5, 5),
                ] {
                    compare(pixels, pad, filter, (stride, dilation));
                }
            }
        }
    }

    fn compare(pixels: usize, pad: usize, filter: usize, (stride, dilation): (usize, usize)) {
        let what = format!("{pixels} pixels, pad {pad}, filter {filter}, stride {stride}, dilation {dilation}");
        let mut found = Vec::new();
        for phase in AxisPhase::all(pixels, pad, filter, (stride, dilation)) {
            let zeros = phase.zeros_before();
            for index in 0..phase.count {
                for (step, position) in phase.positions.iter().enumerate() {
                    let output = (phase.start(zeros) + index + step * phase.dilation) as isize - zeros as isize;
                    assert!(output < (phase.end(zeros) - zeros) as isize, "{what}");
                    found.push((phase.first + index * stride, *position, output));
                }
            }
        }
        let mut expected = Vec::new();
        for pixel in 0..pixels {
            for position in 0..filter {
                let offset = (pixel + pad) as isize - (position * dilation) as isize;
                if offset % stride as isize == 0 {
                    expected.push((pixel, position, offset / stride as isize));
                }
            }
        }
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{what}");
    }
}
