//! Images cut into Winograd tiles, and the transforms of all tiles of an image.

use super::transform::{INPUT_TILE, POINTS, TileStrides, Transform, TransformTiles};
use crate::{
    gemm::{Kernel, NR},
    shape::HwcShape,
};

/// Tiles of an image: output tiles lie side by side, input tiles overlap by `filter - 1` pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    /// Side of the filter.
    pub(super) filter: usize,
    /// Side of an output tile.
    output_tile: usize,
    /// Rows and columns of tiles.
    rows: usize,
    cols: usize,
}

impl Tiling {
    /// Tiles of an output of `height` × `width`; `None` unless the square filter has 2 to 5 values a side.
    pub(super) fn new(filter: usize, (height, width): (usize, usize)) -> Option<Self> {
        let output_tile = (2..=5).contains(&filter).then(|| INPUT_TILE + 1 - filter)?;
        Some(Self {
            filter,
            output_tile,
            rows: height.div_ceil(output_tile),
            cols: width.div_ceil(output_tile),
        })
    }

    /// Number of tiles.
    pub(super) fn count(&self) -> usize {
        self.rows * self.cols
    }

    /// Shape of the image that the input tiles cover.
    pub(super) fn input(&self, channels: usize) -> HwcShape {
        let side = |tiles: usize| (tiles - 1) * self.output_tile + INPUT_TILE;
        HwcShape::new(side(self.rows), side(self.cols), channels)
    }

    /// Shape of the image that the output tiles cover.
    pub(super) fn output(&self, channels: usize) -> HwcShape {
        HwcShape::new(self.rows * self.output_tile, self.cols * self.output_tile, channels)
    }

    /// Transforms each input tile: `Bᵀ·x·B`.
    pub(super) fn transform_input(&self, kernel: Kernel, x: &[f32], points: &mut [f32], layout: PointLayout) {
        self.run(kernel, Transform::Input, x, points, layout);
    }

    /// Adjoint of [`transform_input`](Self::transform_input): the input's gradient, summed where tiles overlap.
    pub(super) fn transform_input_adjoint(&self, kernel: Kernel, points: &[f32], dx: &mut [f32], layout: PointLayout) {
        self.run(kernel, Transform::InputAdjoint, points, dx, layout);
    }

    /// Transforms the points to output tiles: `Aᵀ·points·A`.
    pub(super) fn transform_output(&self, kernel: Kernel, points: &[f32], z: &mut [f32], layout: PointLayout) {
        self.run(kernel, Transform::Output(self.output_tile), points, z, layout);
    }

    /// Adjoint of [`transform_output`](Self::transform_output): the points' gradient from the output's.
    pub(super) fn transform_output_adjoint(&self, kernel: Kernel, dz: &[f32], points: &mut [f32], layout: PointLayout) {
        self.run(kernel, Transform::OutputAdjoint(self.output_tile), dz, points, layout);
    }

    fn run(&self, kernel: Kernel, transform: Transform, from: &[f32], to: &mut [f32], layout: PointLayout) {
        let channels = layout.channels;
        let points = TileStrides {
            row: INPUT_TILE * layout.point,
            col: layout.point,
            tile_row: self.cols * layout.tile,
            tile_col: layout.tile,
        };
        let image = |shape: HwcShape| TileStrides {
            row: shape.row(),
            col: channels,
            tile_row: self.output_tile * shape.row(),
            tile_col: self.output_tile * channels,
        };
        let input = image(self.input(channels));
        let output = image(self.output(channels));
        let (from_strides, to_strides) = match transform {
            Transform::Input => (input, points),
            Transform::InputAdjoint => (points, input),
            Transform::Output(_) => (points, output),
            _ => (output, points),
        };
        kernel.vectorize(TransformTiles {
            transform,
            from: (from, from_strides),
            to: (to, to_strides),
            tiles: (self.rows, self.cols),
            channels,
            overlap: if matches!(transform, Transform::InputAdjoint) {
                self.filter - 1
            } else {
                0
            },
        });
    }
}

/// Memory layout of the transformed tiles of a block: `[36, tiles, channels]`, with gaps.
#[derive(Clone, Copy, Debug)]
pub(super) struct PointLayout {
    pub(super) channels: usize,
    /// Distance of two points.
    pub(super) point: usize,
    /// Distance of two tiles.
    pub(super) tile: usize,
}

impl PointLayout {
    pub(super) fn new(tiles: usize, channels: usize) -> Self {
        let tile = channels.next_multiple_of(NR);
        // An odd number of cache lines, so that the points of a tile do not share a few cache sets.
        let point = ((tiles * tile / NR) | 1) * NR;
        Self { channels, point, tile }
    }

    pub(super) fn len(&self) -> usize {
        POINTS * self.point
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layers::conv::winograd::transform::{transform_filter, transform_filter_adjoint},
        simd::MIN_WIDTH,
    };

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    /// Pseudo-random values in -1..1.
    fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn output_tiles_equal_direct_convolution() {
        for kernel in Kernel::available() {
            for filter in 2..=5 {
                let tiling = Tiling::new(filter, (9, 7)).unwrap();
                let (channels, layout) = (MIN_WIDTH, PointLayout::new(tiling.count(), MIN_WIDTH));
                let (input, output) = (tiling.input(channels), tiling.output(channels));
                let x = noise(input.len(), 1);
                let weights = noise(filter * filter * NR, 2);
                let (mut points, mut filter_points) = (vec![0.0; layout.len()], vec![0.0; POINTS * NR]);
                tiling.transform_input(kernel, &x, &mut points, layout);
                transform_filter(kernel, filter, &weights, &mut filter_points);
                // Depthwise: one filter a channel, no sum over channels.
                for (index, point) in points.chunks_mut(layout.point).enumerate() {
                    for tile in point.chunks_mut(layout.tile).take(tiling.count()) {
                        for (channel, value) in tile[..channels].iter_mut().enumerate() {
                            *value *= filter_points[index * NR + channel];
                        }
                    }
                }
                let mut z = vec![0.0; output.len()];
                tiling.transform_output(kernel, &points, &mut z, layout);
                for (index, &z) in z.iter().enumerate() {
                    let (row, col, channel) = (index / output.row(), index / channels % output.width, index % channels);
                    let mut expected = 0.0;
                    for (position, weight) in weights.iter().skip(channel).step_by(NR).enumerate() {
                        let at =
                            (row + position / filter) * input.row() + (col + position % filter) * channels + channel;
                        expected += f64::from(x[at]) * f64::from(*weight);
                    }
                    assert!(
                        (f64::from(z) - expected).abs() < 2e-5,
                        "{kernel} {filter}: {z} for {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn backward_transforms_are_adjoint() {
        for kernel in Kernel::available() {
            for filter in 2..=5 {
                // 11 channels: the last chunk overlaps the one before.
                let tiling = Tiling::new(filter, (6, 9)).unwrap();
                let layout = PointLayout::new(tiling.count(), 11);
                let (input, output) = (tiling.input(11).len(), tiling.output(11).len());
                let (x, z, p) = (noise(input, 1), noise(output, 2), noise(layout.len(), 3));
                let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-3, "{kernel} {filter}: {a} and {b}");

                let (mut to_points, mut back) = (vec![0.0; layout.len()], vec![0.0; input]);
                tiling.transform_input(kernel, &x, &mut to_points, layout);
                tiling.transform_input_adjoint(kernel, &p, &mut back, layout);
                near(dot(&to_points, &p), dot(&x, &back));

                let (mut to_points, mut back) = (vec![0.0; layout.len()], vec![0.0; output]);
                tiling.transform_output_adjoint(kernel, &z, &mut to_points, layout);
                tiling.transform_output(kernel, &p, &mut back, layout);
                near(dot(&to_points, &p), dot(&z, &back));

                let (w, p) = (noise(filter * filter * NR, 4), noise(POINTS * NR, 5));
                let (mut to_points, mut back) = (vec![0.0; p.len()], vec![0.0; w.len()]);
                transform_filter(kernel, filter, &w, &mut to_points);
                transform_filter_adjoint(kernel, filter, &p, &mut back);
                near(dot(&to_points, &p), dot(&w, &back));
            }
        }
    }

    #[test]
    fn filters_of_other_sizes_are_refused() {
        for filter in [0, 1, 6, 9] {
            assert!(Tiling::new(filter, (4, 4)).is_none());
        }
    }
}
