//! Direct convolution: `z = x ∗ W` from windows read in place, for filters too large for im2col, and for wide groups.

mod convolution;
mod phases;

use std::ops::Range;

use self::{
    convolution::{Convolution, WeightGradient},
    phases::{Phase, Phases},
};
use super::{
    algorithm::Algorithm,
    epilogue::{OutputGradient, epilogue_backward},
    geometry::Geometry,
};
use crate::{
    aligned::{parts, parts_len},
    gemm::{Kernel, MatMut, NR},
    layers::{Backward, Forward, max_pool},
    shape::HwcShape,
};

/// With fewer input channels a group's products are too short to pay.
const MIN_GROUP_INPUTS: usize = 8;

#[derive(Debug)]
pub(super) struct Direct {
    geometry: Geometry,
    phases: Phases,
}

impl Direct {
    /// `needs_dx`: whether the input's gradient will be asked for.
    pub(super) fn new(geometry: Geometry, needs_dx: bool) -> Self {
        let phases = if needs_dx {
            Phases::new(&geometry)
        } else {
            Phases::none(&geometry)
        };
        Self { geometry, phases }
    }

    /// Whether the groups are whole panels of weights, and wide enough for the algorithm to be fast.
    pub(super) fn suits_groups(geometry: &Geometry) -> bool {
        geometry.filter.channels >= MIN_GROUP_INPUTS && geometry.group_outputs().is_multiple_of(NR)
    }

    /// The output of a group.
    fn group_output(&self) -> HwcShape {
        HwcShape {
            channels: self.geometry.group_outputs(),
            ..self.geometry.output
        }
    }

    /// The groups, in order.
    fn groups(&self) -> impl Iterator<Item = Group> {
        let geometry = self.geometry;
        let weights = geometry.weight_len() / geometry.groups;
        (0..geometry.groups).map(move |group| Group {
            first_input: group * geometry.filter.channels,
            first_output: group * geometry.group_outputs(),
            weights: group * weights..(group + 1) * weights,
            transposed: group * geometry.transposed_weight_len(),
        })
    }

    /// Scratch memory: the padded input, the output before pooling, and its gradient in training.
    fn scratch_lens(&self, training: bool) -> [usize; 3] {
        [
            self.geometry.padded_len(),
            if self.geometry.pool.is_some() {
                self.geometry.output.len()
            } else {
                0
            },
            // Panels are read whole, past the last channel.
            if training { self.phases.dz.len() + NR } else { 0 },
        ]
    }

    /// The phases of the input gradient, each with its range in a group's transposed weights.
    fn phases(&self) -> impl Iterator<Item = (&Phase, Range<usize>)> {
        let position = self.geometry.transposed_weight_len() / self.geometry.filter.area();
        self.phases.list.iter().scan(0, move |end, phase| {
            let start = *end;
            *end += phase.positions.len() * position;
            Some((phase, start..*end))
        })
    }

    /// Whether some input pixels are read by no window.
    fn has_unread_pixels(&self) -> bool {
        let read: usize = self
            .phases
            .list
            .iter()
            .map(|phase| phase.convolution.output.len())
            .sum();
        read * self.geometry.groups < self.geometry.input.len()
    }
}

/// Where a group of channels begins in each pixel of input and output, and where its weights lie.
struct Group {
    first_input: usize,
    first_output: usize,
    weights: Range<usize>,
    /// Start in the transposed weights.
    transposed: usize,
}

impl Algorithm for Direct {
    fn forward(&self, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let geometry = &self.geometry;
        let convolution = Convolution {
            input: geometry.padded,
            filter: geometry.filter,
            output: self.group_output(),
            output_strides: (geometry.output.row(), geometry.output.channels),
            nonzero_rows: 0..geometry.padded.height,
        };
        let (weights, bias) = geometry.weights_and_bias(pass.parameters);
        let run = |x: &[f32], z: &mut [f32]| {
            for group in self.groups() {
                let bias = bias.map(|bias| &bias[group.first_output..][..convolution.output.channels]);
                let (x, z) = (&x[group.first_input..], &mut z[group.first_output..]);
                convolution.run(pass.kernel, x, &weights[group.weights], z, (bias, geometry.relu));
            }
        };
        let [padded, z, _] = parts(pass.scratch, self.scratch_lens(pass.training.is_some()));
        for row in 0..y.rows() {
            let x = geometry.pad_input(pass.x.row(row), padded);
            match &geometry.pool {
                None => run(x, y.row_mut(row)),
                Some(pool) => {
                    run(x, z);
                    max_pool(pass.kernel, pool, z, y.row_mut(row), pass.saved.row_mut(row));
                }
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let geometry = &self.geometry;
        let Phases {
            dz: dz_shape, dz_pad, ..
        } = self.phases;
        let dz_strides = (dz_shape.row(), dz_shape.channels);
        let weight_gradient = WeightGradient {
            input: geometry.padded,
            filter: geometry.filter,
            output: self.group_output(),
            dz_strides,
        };
        let dz_start = dz_pad.0 * dz_strides.0 + dz_pad.1 * dz_strides.1;
        let has_unread_pixels = self.has_unread_pixels();
        let [padded, _, dz] = parts(pass.scratch, self.scratch_lens(true));
        for row in 0..dy.rows() {
            let (dweights, dbias, is_first) = geometry.gradient_sums(&mut pass.shard_sums, row);
            let gradient = OutputGradient {
                y: pass.y.row(row),
                dy: dy.as_ref().row(row),
                argmax: pass.saved.row(row),
            };
            epilogue_backward(
                pass.kernel,
                geometry,
                gradient,
                dbias,
                (&mut dz[dz_start..], dz_strides),
            );
            let x = geometry.pad_input(pass.x.row(row), padded);
            for group in self.groups() {
                let (x, dz) = (&x[group.first_input..], &dz[dz_start + group.first_output..]);
                weight_gradient.run(pass.kernel, x, dz, &mut dweights[group.weights], is_first);
            }
            let Some(dx) = &mut dx else { continue };
            let dx = dx.row_mut(row);
            if has_unread_pixels {
                dx.fill(0.0);
            }
            for group in self.groups() {
                let weights = &pass.transposed[group.transposed..];
                for (phase, range) in self.phases() {
                    let dz = &dz[phase.dz_start + group.first_output..];
                    let dx = &mut dx[phase.dx_start + group.first_input..];
                    phase
                        .convolution
                        .run(pass.kernel, dz, &weights[range], dx, (None, false));
                }
            }
        }
    }

    fn scratch_len(&self, training: bool) -> usize {
        parts_len(self.scratch_lens(training))
    }

    fn transposed_len(&self) -> usize {
        self.geometry.groups * self.geometry.transposed_weight_len()
    }

    fn transpose(&self, _kernel: Kernel, weights: &[f32], transposed: &mut [f32]) {
        for group in self.groups() {
            let (weights, transposed) = (&weights[group.weights], &mut transposed[group.transposed..]);
            for (phase, range) in self.phases() {
                let positions = phase.positions.iter().copied();
                self.geometry
                    .transpose_weights(weights, positions, &mut transposed[range]);
            }
        }
    }
}
