//! Minimal filtering, for blocks of samples.

use super::{
    Geometry, Method,
    epilogue::{BiasAndRelu, Returned},
};
use crate::{
    conv::{InputGradient, Minimal, Sums, crop},
    gemm::{Kernel, MatMut},
    layers::{Backward, Forward, Maxima, Pool},
};

impl Method for Minimal {
    fn scratch_len(&self, _geometry: &Geometry, training: bool) -> usize {
        self.scratch_len(training)
    }

    fn packed_len(&self) -> usize {
        self.filters_len()
    }

    fn pack(&self, kernel: Kernel, weights: &[f32], packed: &mut [f32]) {
        self.filters(kernel, weights, packed);
    }

    fn forward(&self, geometry: &Geometry, mut pass: Forward<'_>, mut y: MatMut<'_>) {
        let (_, bias) = geometry.weights_and_bias(pass.parameters);
        let (rows, training) = (y.rows(), pass.training.is_some());
        // The largest of the sums gives the largest output: neither bias nor ReLU changes the order.
        let pool = geometry.pool.map(|pool| Pool {
            input: self.target,
            ..pool
        });
        for first in (0..rows).step_by(self.block()) {
            let xs = (first..rows.min(first + self.block())).map(|row| pass.x.row(row));
            let finish = |sample: usize, target: &[f32]| {
                let y = y.row_mut(first + sample);
                match &pool {
                    Some(pool) => pass.kernel.vectorize(Maxima {
                        pool,
                        x: target,
                        y,
                        which: pass.saved.row_mut(first + sample),
                    }),
                    None => crop(target, self.target, (0, 0), y, geometry.output),
                }
                pass.kernel.vectorize(BiasAndRelu {
                    y,
                    channels: geometry.output.channels,
                    bias,
                    relu: geometry.relu,
                });
            };
            self.forward(pass.kernel, pass.packed, xs, (pass.scratch, training), finish);
        }
    }

    fn transposed_len(&self, geometry: &Geometry) -> usize {
        geometry.exchanged_len() + self.transposed_len()
    }

    fn transpose(&self, geometry: &Geometry, kernel: Kernel, weights: &[f32], transposed: &mut [f32]) {
        let (exchanged, points) = transposed.split_at_mut(geometry.exchanged_len());
        geometry.exchange(weights, 0..geometry.taps(), exchanged);
        self.transposed_filters(kernel, exchanged, points);
    }

    fn backward(&self, geometry: &Geometry, mut pass: Backward<'_>, dy: MatMut<'_>, mut dx: Option<MatMut<'_>>) {
        let filters = pass.transposed.get(geometry.exchanged_len()..).unwrap_or_default();
        let distances = (self.target.row(), self.target.channels);
        let mut first = 0;
        while first < dy.rows() {
            let lane_end = pass.shard_sums.end_of_row(first);
            let end = lane_end.min(first + self.block());
            let (weights, sums, fresh) = geometry.sums_of_row(&mut pass.shard_sums, first);
            let spread = |sample: usize, spread: &mut [f32]| {
                let row = first + sample;
                let returned = Returned {
                    y: pass.y.row(row),
                    dy: dy.as_ref().row(row),
                    which: pass.saved.row(row),
                };
                geometry.spread(pass.kernel, returned, sums, (spread, distances));
            };
            let lane = Sums {
                weights,
                fresh,
                complete: end == lane_end,
            };
            let gradient = dx.as_mut().map(|dx| InputGradient { filters, dx, first });
            let xs = (first..end).map(|row| pass.x.row(row));
            self.backward(pass.kernel, xs, pass.scratch, spread, lane, gradient);
            first = end;
        }
    }
}
