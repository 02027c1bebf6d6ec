//! Convolutions by minimal filtering: products over 36 points in place of sums over the taps of each window.
//!
//! Winograd, "Arithmetic Complexity of Computations" (1980); Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks" (2016). A tile of `m` × `m` outputs is a product of two polynomials in each direction, whose coefficients
//! follow from its values at six points, 0, ±1, ±2 and infinity, where `m = 7 - r` for a kernel of `r` × `r`:
//! `Y = Aᵀ·[(G·w·Gᵀ) ⊙ (Bᵀ·x·B)]·A`. Summed over channels, the products at a point are a matrix multiplication. For a
//! 3×3 kernel a tile of 16 outputs takes 36 multiplications in place of 144, for 5×5 one of 4 takes 36 in place of 100.
//!
//! The way back is the adjoint of each step, so gradients are as exact as the forward pass.

use super::Map;
use crate::{
    gemm::{Kernel, NR, Vectorize},
    simd::{F32x8, WIDTH},
};

/// Points of both directions together.
pub(crate) const POINTS: usize = SIDE * SIDE;
/// Points of one direction.
const SIDE: usize = 6;

/// Pictures cut into tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiling {
    /// Side of the kernel.
    pub(crate) taps: usize,
    /// Side of a tile, in outputs.
    tile: usize,
    /// Tiles above each other and side by side.
    rows: usize,
    cols: usize,
}

impl Tiling {
    /// Tiles of an output of `height` × `width`, for a square kernel of 2 to 5 taps a side.
    pub(crate) fn new(taps: usize, (height, width): (usize, usize)) -> Option<Self> {
        let tile = (2..=5).contains(&taps).then(|| SIDE + 1 - taps)?;
        Some(Self {
            taps,
            tile,
            rows: height.div_ceil(tile),
            cols: width.div_ceil(tile),
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.rows * self.cols
    }

    /// The picture that the tiles read.
    pub(crate) fn source(&self, channels: usize) -> Map {
        let side = |tiles: usize| (tiles - 1) * self.tile + SIDE;
        Map::new(side(self.rows), side(self.cols), channels)
    }

    /// The picture that the tiles make.
    pub(crate) fn target(&self, channels: usize) -> Map {
        Map::new(self.rows * self.tile, self.cols * self.tile, channels)
    }

    /// `Bᵀ·x·B` of each tile of `source` into `points`.
    pub(crate) fn read_source(&self, kernel: Kernel, source: &[f32], points: &mut [f32], layout: PointLayout) {
        self.run(kernel, Map1d::Window, source, points, layout);
    }

    /// Its adjoint: what `points` give to `source`, summed where tiles overlap.
    pub(crate) fn write_source(&self, kernel: Kernel, points: &[f32], source: &mut [f32], layout: PointLayout) {
        self.run(kernel, Map1d::WindowAdjoint, points, source, layout);
    }

    /// `Aᵀ·points·A`, each tile of `target`.
    pub(crate) fn write_target(&self, kernel: Kernel, points: &[f32], target: &mut [f32], layout: PointLayout) {
        self.run(kernel, Map1d::Collect(self.tile), points, target, layout);
    }

    /// Its adjoint: the gradients at the points from those of `target`.
    pub(crate) fn read_target(&self, kernel: Kernel, target: &[f32], points: &mut [f32], layout: PointLayout) {
        self.run(kernel, Map1d::Evaluate(self.tile), target, points, layout);
    }

    fn run(&self, kernel: Kernel, map: Map1d, from: &[f32], to: &mut [f32], layout: PointLayout) {
        let channels = layout.channels;
        let points = Grid {
            row: SIDE * layout.point,
            col: layout.point,
            down: self.cols * layout.tile,
            across: layout.tile,
        };
        let picture = |map: Map| Grid {
            row: map.row(),
            col: channels,
            down: self.tile * map.row(),
            across: self.tile * channels,
        };
        let source = picture(self.source(channels));
        let target = picture(self.target(channels));
        let (from_grid, to_grid) = match map {
            Map1d::Window => (source, points),
            Map1d::WindowAdjoint => (points, source),
            Map1d::Collect(_) => (points, target),
            _ => (target, points),
        };
        kernel.vectorize(Transform {
            map,
            from: (from, from_grid),
            to: (to, to_grid),
            tiles: (self.rows, self.cols),
            channels,
            overlap: if matches!(map, Map1d::WindowAdjoint) {
                self.taps - 1
            } else {
                0
            },
        });
    }
}

/// How the values at the points of a block of tiles lie in memory: `[36, tiles, channels]`, with gaps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PointLayout {
    pub(crate) channels: usize,
    /// Distance of two points.
    pub(crate) point: usize,
    /// Distance of two tiles.
    pub(crate) tile: usize,
}

impl PointLayout {
    pub(crate) fn new(tiles: usize, channels: usize) -> Self {
        let tile = channels.next_multiple_of(NR);
        // An odd number of cache lines, so that the points of a tile do not share a few cache sets.
        let point = ((tiles * tile / NR) | 1) * NR;
        Self { channels, point, tile }
    }

    pub(crate) fn len(&self) -> usize {
        POINTS * self.point
    }
}

/// `G·w·Gᵀ` of the kernels of one panel: from `[taps, taps, len]` to `[36, len]`.
pub(crate) fn filters(kernel: Kernel, taps: usize, weights: &[f32], points: &mut [f32]) {
    let len = points.len() / POINTS;
    let (from, to) = (Grid::alone(taps, len), Grid::alone(SIDE, len));
    one_square(kernel, Map1d::Filter(taps), (weights, from), (points, to), len);
}

/// The adjoint of [`filters`]: the gradient of one panel's weights from that of its values at the points.
pub(crate) fn filter_gradient(kernel: Kernel, taps: usize, points: &[f32], weights: &mut [f32]) {
    let len = points.len() / POINTS;
    let (from, to) = (Grid::alone(SIDE, len), Grid::alone(taps, len));
    one_square(kernel, Map1d::FilterAdjoint(taps), (points, from), (weights, to), len);
}

fn one_square(kernel: Kernel, map: Map1d, from: (&[f32], Grid), to: (&mut [f32], Grid), len: usize) {
    kernel.vectorize(Transform {
        map,
        from,
        to,
        tiles: (1, 1),
        channels: len,
        overlap: 0,
    });
}

/// A linear map in one direction; it is applied in both.
#[derive(Clone, Copy, Debug)]
enum Map1d {
    /// Six pixels to six points: `Bᵀ`.
    Window,
    /// `B`.
    WindowAdjoint,
    /// That many coefficients of a polynomial to its values at the points: `A`.
    Evaluate(usize),
    /// `Aᵀ`.
    Collect(usize),
    /// That many taps to the points: `G`, which is `A` but for the length and a scale.
    Filter(usize),
    /// `Gᵀ`.
    FilterAdjoint(usize),
}

/// Where the squares that are transformed lie in memory.
#[derive(Clone, Copy, Debug)]
struct Grid {
    /// Distances inside a square.
    row: usize,
    col: usize,
    /// Distances of squares.
    down: usize,
    across: usize,
}

impl Grid {
    /// One square of `side` × `side` stretches.
    fn alone(side: usize, len: usize) -> Self {
        Self {
            row: side * len,
            col: len,
            down: 0,
            across: 0,
        }
    }
}

/// Squares taken through a map in both directions.
struct Transform<'a> {
    map: Map1d,
    from: (&'a [f32], Grid),
    to: (&'a mut [f32], Grid),
    tiles: (usize, usize),
    channels: usize,
    /// Rows and columns that a result shares with the one above and the one to the left: there it is added.
    overlap: usize,
}

/// Calls a map with a length known to the compiler.
macro_rules! with_len {
    ($self:ident, $len:expr, $map:ident) => {
        match $len {
            2 => $self.each($map::<2>),
            3 => $self.each($map::<3>),
            4 => $self.each($map::<4>),
            _ => $self.each($map::<5>),
        }
    };
}

impl Vectorize for Transform<'_> {
    #[inline(always)]
    fn run(self) {
        match self.map {
            Map1d::Window => self.each(Window),
            Map1d::WindowAdjoint => self.each(WindowAdjoint),
            Map1d::Evaluate(len) => with_len!(self, len, Evaluate),
            Map1d::Collect(len) => with_len!(self, len, Collect),
            Map1d::Filter(len) => with_len!(self, len, Filter),
            Map1d::FilterAdjoint(len) => with_len!(self, len, FilterAdjoint),
        }
    }
}

impl Transform<'_> {
    #[inline(always)]
    fn each<M: Linear>(self, _map: M) {
        let ((from, from_grid), (to, to_grid)) = (self.from, self.to);
        let mut between = [[F32x8::ZERO; SIDE]; SIDE];
        for tile in 0..self.tiles.0 * self.tiles.1 {
            let (y, x) = (tile / self.tiles.1, tile % self.tiles.1);
            let above = if y > 0 { self.overlap } else { 0 };
            let before = if x > 0 { self.overlap } else { 0 };
            let from = &from[y * from_grid.down + x * from_grid.across..];
            let to = &mut to[y * to_grid.down + x * to_grid.across..];
            for first in (0..self.channels).step_by(WIDTH) {
                // The last chunk ends with the channels; of it, what is done already is left out.
                let start = first.min(self.channels - WIDTH);
                for i in 0..M::INPUTS {
                    let from = &from[i * from_grid.row + start..];
                    M::apply(
                        #[inline(always)]
                        |j| F32x8::load::<true>(&from[j * from_grid.col..][..WIDTH]),
                        #[inline(always)]
                        |j, x| between[j][i] = x,
                    );
                }
                for j in 0..M::OUTPUTS {
                    let to = &mut to[j * to_grid.col + start..];
                    M::apply(
                        #[inline(always)]
                        |i| between[j][i],
                        #[inline(always)]
                        |i, mut x| {
                            let to = &mut to[i * to_grid.row..][..WIDTH];
                            if i < above || j < before {
                                x = x.zero_before(first - start) + F32x8::load::<true>(to);
                            }
                            x.store::<true>(to);
                        },
                    );
                }
            }
        }
    }
}

/// A linear map of neighbouring values, in one direction.
trait Linear {
    const INPUTS: usize;
    const OUTPUTS: usize;

    fn apply(from: impl Fn(usize) -> F32x8, to: impl FnMut(usize, F32x8));
}

struct Window;

impl Linear for Window {
    const INPUTS: usize = SIDE;
    const OUTPUTS: usize = SIDE;

    #[inline(always)]
    fn apply(from: impl Fn(usize) -> F32x8, mut to: impl FnMut(usize, F32x8)) {
        let d = [from(0), from(1), from(2), from(3), from(4), from(5)];
        let (even, odd) = (d[4] - 4.0 * d[2], d[3] - 4.0 * d[1]);
        let (even_2, odd_2) = (d[4] - d[2], 2.0 * (d[3] - d[1]));
        to(0, 4.0 * d[0] - 5.0 * d[2] + d[4]);
        to(1, even + odd);
        to(2, even - odd);
        to(3, even_2 + odd_2);
        to(4, even_2 - odd_2);
        to(5, 4.0 * d[1] - 5.0 * d[3] + d[5]);
    }
}

struct WindowAdjoint;

impl Linear for WindowAdjoint {
    const INPUTS: usize = SIDE;
    const OUTPUTS: usize = SIDE;

    #[inline(always)]
    fn apply(from: impl Fn(usize) -> F32x8, mut to: impl FnMut(usize, F32x8)) {
        let p = [from(0), from(1), from(2), from(3), from(4), from(5)];
        let (sum, difference) = (p[1] + p[2], p[1] - p[2]);
        let (sum_2, difference_2) = (p[3] + p[4], 2.0 * (p[3] - p[4]));
        to(0, 4.0 * p[0]);
        to(1, 4.0 * (p[5] - difference) - difference_2);
        to(2, F32x8::ZERO - 5.0 * p[0] - 4.0 * sum - sum_2);
        to(3, difference + difference_2 - 5.0 * p[5]);
        to(4, p[0] + sum + sum_2);
        to(5, p[5]);
    }
}

/// The values of `Σ y[i]·tⁱ` at the points `t`; at infinity, its last coefficient.
struct Evaluate<const N: usize>;

impl<const N: usize> Linear for Evaluate<N> {
    const INPUTS: usize = N;
    const OUTPUTS: usize = SIDE;

    #[inline(always)]
    fn apply(from: impl Fn(usize) -> F32x8, mut to: impl FnMut(usize, F32x8)) {
        let (mut even, mut odd) = (from(0), from(1));
        let (mut even_2, mut odd_2) = (even, 2.0 * odd);
        for i in 2..N {
            let (y, scaled) = (from(i), (1 << i) as f32 * from(i));
            if i % 2 == 0 {
                (even, even_2) = (even + y, even_2 + scaled);
            } else {
                (odd, odd_2) = (odd + y, odd_2 + scaled);
            }
        }
        to(0, from(0));
        to(1, even + odd);
        to(2, even - odd);
        to(3, even_2 + odd_2);
        to(4, even_2 - odd_2);
        to(5, from(N - 1));
    }
}

/// The adjoint of [`Evaluate`].
struct Collect<const N: usize>;

impl<const N: usize> Linear for Collect<N> {
    const INPUTS: usize = SIDE;
    const OUTPUTS: usize = N;

    #[inline(always)]
    fn apply(from: impl Fn(usize) -> F32x8, mut to: impl FnMut(usize, F32x8)) {
        let (sum, difference) = (from(1) + from(2), from(1) - from(2));
        let (sum_2, difference_2) = (from(3) + from(4), from(3) - from(4));
        to(0, from(0) + sum + sum_2);
        for i in 1..N {
            let power = (1 << i) as f32;
            let y = if i % 2 == 0 {
                sum + power * sum_2
            } else {
                difference + power * difference_2
            };
            to(i, if i == N - 1 { y + from(SIDE - 1) } else { y });
        }
    }
}

/// One over the product of each point's distances to the other finite points.
const SCALE: [f32; SIDE] = [1.0 / 4.0, -1.0 / 6.0, -1.0 / 6.0, 1.0 / 24.0, 1.0 / 24.0, 1.0];

struct Filter<const N: usize>;

impl<const N: usize> Linear for Filter<N> {
    const INPUTS: usize = N;
    const OUTPUTS: usize = SIDE;

    #[inline(always)]
    fn apply(from: impl Fn(usize) -> F32x8, mut to: impl FnMut(usize, F32x8)) {
        Evaluate::<N>::apply(
            from,
            #[inline(always)]
            |i, x| to(i, SCALE[i] * x),
        );
    }
}

struct FilterAdjoint<const N: usize>;

impl<const N: usize> Linear for FilterAdjoint<N> {
    const INPUTS: usize = SIDE;
    const OUTPUTS: usize = N;

    #[inline(always)]
    fn apply(from: impl Fn(usize) -> F32x8, to: impl FnMut(usize, F32x8)) {
        Collect::<N>::apply(
            #[inline(always)]
            |i| SCALE[i] * from(i),
            to,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    /// Values in -1..1 that look random.
    fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn a_tile_is_the_correlation_of_its_window_and_the_kernel() {
        for kernel in Kernel::available() {
            for taps in 2..=5 {
                let tiling = Tiling::new(taps, (9, 7)).unwrap();
                let (channels, layout) = (WIDTH, PointLayout::new(tiling.count(), WIDTH));
                let (source, target) = (tiling.source(channels), tiling.target(channels));
                let x = noise(source.len(), 1);
                let weights = noise(taps * taps * NR, 2);
                let (mut points, mut filter) = (vec![0.0; layout.len()], vec![0.0; POINTS * NR]);
                tiling.read_source(kernel, &x, &mut points, layout);
                filters(kernel, taps, &weights, &mut filter);
                // A kernel of its own for each channel: no sum over channels.
                for (index, point) in points.chunks_mut(layout.point).enumerate() {
                    for tile in point.chunks_mut(layout.tile).take(tiling.count()) {
                        for (channel, value) in tile[..channels].iter_mut().enumerate() {
                            *value *= filter[index * NR + channel];
                        }
                    }
                }
                let mut y = vec![0.0; target.len()];
                tiling.write_target(kernel, &points, &mut y, layout);
                for (index, &y) in y.iter().enumerate() {
                    let (row, col, channel) = (index / target.row(), index / channels % target.width, index % channels);
                    let mut expected = 0.0;
                    for (tap, weight) in weights.iter().skip(channel).step_by(NR).enumerate() {
                        let at = (row + tap / taps) * source.row() + (col + tap % taps) * channels + channel;
                        expected += f64::from(x[at]) * f64::from(*weight);
                    }
                    assert!(
                        (f64::from(y) - expected).abs() < 2e-5,
                        "{kernel} {taps}: {y} for {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_ways_back_are_adjoint() {
        for kernel in Kernel::available() {
            for taps in 2..=5 {
                // 11 channels: the last chunk overlaps the one before.
                let tiling = Tiling::new(taps, (6, 9)).unwrap();
                let layout = PointLayout::new(tiling.count(), 11);
                let (source, target) = (tiling.source(11).len(), tiling.target(11).len());
                let (x, y, p) = (noise(source, 1), noise(target, 2), noise(layout.len(), 3));
                let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-3, "{kernel} {taps}: {a} and {b}");

                let (mut to_points, mut back) = (vec![0.0; layout.len()], vec![0.0; source]);
                tiling.read_source(kernel, &x, &mut to_points, layout);
                tiling.write_source(kernel, &p, &mut back, layout);
                near(dot(&to_points, &p), dot(&x, &back));

                let (mut to_points, mut back) = (vec![0.0; layout.len()], vec![0.0; target]);
                tiling.read_target(kernel, &y, &mut to_points, layout);
                tiling.write_target(kernel, &p, &mut back, layout);
                near(dot(&to_points, &p), dot(&y, &back));

                let (w, p) = (noise(taps * taps * NR, 4), noise(POINTS * NR, 5));
                let (mut to_points, mut back) = (vec![0.0; p.len()], vec![0.0; w.len()]);
                filters(kernel, taps, &w, &mut to_points);
                filter_gradient(kernel, taps, &p, &mut back);
                near(dot(&to_points, &p), dot(&w, &back));
            }
        }
    }

    #[test]
    fn other_kernels_are_refused() {
        for taps in [0, 1, 6, 9] {
            assert!(Tiling::new(taps, (4, 4)).is_none());
        }
    }
}
