//! Small windows, copied out for a strip of rows at a time: bias, ReLU and pooling find the strip in the nearest cache.

use super::{Geometry, Method, epilogue::Returned};
use crate::{
    aligned::{parts, parts_len},
    conv::{Map, Patches, crop},
    gemm::{Kernel, MatMut, NR},
    layers::{Backward, Forward, Maxima, Pool},
};

/// The rows of a strip, before pooling and after it.
struct Strip {
    first: usize,
    rows: usize,
    /// The values of the output that come from it.
    values: std::ops::Range<usize>,
}

/// The parts of a thread's scratch memory; the last three are for training alone.
struct Scratch<'a> {
    padded: &'a mut [f32],
    taps: &'a mut [f32],
    strip: &'a mut [f32],
    dy: &'a mut [f32],
    dtaps: &'a mut [f32],
    dsource: &'a mut [f32],
}

impl Patches {
    /// With pooling, a strip is what a row of its output is made of.
    pub(super) fn of(geometry: &Geometry) -> Option<Self> {
        let rows = geometry.pool.map(|pool| pool.window.0);
        Self::new(geometry.padded, geometry.windows, geometry.output, rows)
    }

    fn strips(&self, geometry: &Geometry) -> impl Iterator<Item = Strip> {
        let (height, stride, out) = match geometry.pool {
            Some(pool) => (pool.output.height, pool.stride, pool.output.row()),
            None => (geometry.output.height, 1, geometry.output.row()),
        };
        let (rows, step) = (self.rows, if geometry.pool.is_some() { 1 } else { self.rows });
        (0..height).step_by(step).map(move |first| Strip {
            first: first * stride,
            rows: if step == 1 { rows } else { rows.min(height - first) },
            values: first * out..height.min(first + step) * out,
        })
    }

    fn scratch_lens(&self, geometry: &Geometry, training: bool) -> [usize; 6] {
        let in_training = |len: usize| if training { len } else { 0 };
        [
            geometry.padded_len(),
            self.taps_len(),
            if geometry.pool.is_some() { self.strip().len() } else { 0 },
            // Panels are read whole, past the last channel.
            in_training(self.strip().len() + NR),
            in_training(self.dtaps_len()),
            in_training(geometry.padded_len()),
        ]
    }

    fn cut<'a>(&self, geometry: &Geometry, training: bool, scratch: &'a mut [f32]) -> Scratch<'a> {
        let [padded, taps, strip, dy, dtaps, dsource] = parts(scratch, self.scratch_lens(geometry, training));
        Scratch {
            padded,
            taps,
            strip,
            dy,
            dtaps,
            dsource,
        }
    }
}

impl Method for Patches {
    fn scratch_len(&self, geometry: &Geometry, training: bool) -> usize {
        parts_len(self.scratch_lens(geometry, training))
    }

    fn forward(&self, geometry: &Geometry, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let (weights, bias) = geometry.weights_and_bias(pass.parameters);
        let scratch = self.cut(geometry, pass.training.is_some(), pass.scratch);
        let pool = geometry.pool.map(|pool| Pool {
            input: self.strip(),
            output: Map {
                height: 1,
                ..pool.output
            },
            ..pool
        });
        for row in 0..y.rows() {
            let x = geometry.padded(pass.x.row(row), scratch.padded);
            let (y, saved) = (y.row_mut(row), pass.saved.row_mut(row));
            for strip in self.strips(geometry) {
                let taps = &mut scratch.taps[..self.taps_of(strip.rows)];
                self.read(x, strip.first, strip.rows, taps);
                let target = if pool.is_some() {
                    &mut *scratch.strip
                } else {
                    &mut y[strip.values.clone()]
                };
                self.forward(pass.kernel, (taps, strip.rows), weights, target, (bias, geometry.relu));
                if let Some(pool) = &pool {
                    pass.kernel.vectorize(Maxima {
                        pool,
                        x: scratch.strip,
                        y: &mut y[strip.values.clone()],
                        which: saved.get_mut(strip.values).unwrap_or_default(),
                    });
                }
            }
        }
    }

    fn transposed_len(&self, _geometry: &Geometry) -> usize {
        self.transposed_len()
    }

    fn transpose(&self, _geometry: &Geometry, _kernel: Kernel, weights: &[f32], transposed: &mut [f32]) {
        self.transpose(weights, transposed);
    }

    fn backward(&self, geometry: &Geometry, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let scratch = self.cut(geometry, true, pass.scratch);
        let distances = (geometry.output.row(), geometry.output.channels);
        for row in 0..dy.rows() {
            let (weights, sums, mut fresh) = geometry.sums_of_row(&mut pass.shard_sums, row);
            let returned = Returned {
                y: pass.y.row(row),
                dy: dy.as_ref().row(row),
                which: pass.saved.row(row),
            };
            let x = geometry.padded(pass.x.row(row), scratch.padded);
            let mut dx = dx.as_mut().map(|dx| dx.row_mut(row));
            // Where there is padding, the gradient takes the detour over a padded picture.
            let mut dsource = match &mut dx {
                Some(dx) if scratch.dsource.is_empty() => Some(&mut **dx),
                Some(_) => Some(&mut *scratch.dsource),
                None => None,
            };
            if let Some(dsource) = &mut dsource {
                dsource.fill(0.0);
            }
            for strip in self.strips(geometry) {
                let taps = &mut scratch.taps[..self.taps_of(strip.rows)];
                self.read(x, strip.first, strip.rows, taps);
                geometry.spread(pass.kernel, returned.part(strip.values), sums, (scratch.dy, distances));
                self.weight_gradient(pass.kernel, (taps, strip.rows), scratch.dy, weights, fresh);
                fresh = false;
                if let Some(dsource) = &mut dsource {
                    let place = (strip.first, strip.rows);
                    self.input_gradient(
                        pass.kernel,
                        place,
                        scratch.dy,
                        pass.transposed,
                        (scratch.dtaps, dsource),
                    );
                }
            }
            if let Some(dx) = dx.filter(|_| !scratch.dsource.is_empty()) {
                crop(scratch.dsource, geometry.padded, geometry.pad, dx, geometry.input);
            }
        }
    }
}
