//! Winograd transforms of tiles and filters: `Bᵀ·x·B`, `G·w·Gᵀ`, `Aᵀ·Y·A`, and their adjoints.
//!
//! The matrices are those of Lavin and Gray, generalized to filters of `r` values and tiles of `m = 7 - r` outputs. The
//! interpolation points are 0, ±1, ±2 and infinity, in this order: `A` evaluates a polynomial of `m` coefficients at
//! them, `G` one of `r` coefficients, with a scale for each point.

use crate::{
    gemm::{Kernel, Vectorize},
    simd::{MIN_WIDTH, Vector},
};

/// Side of an input tile, and number of points of one axis.
pub(super) const INPUT_TILE: usize = 6;
/// Points of both axes together.
pub(super) const POINTS: usize = INPUT_TILE * INPUT_TILE;

/// Transforms the filters of one panel, `G·w·Gᵀ`: from `[filter, filter, len]` to `[36, len]`.
pub(super) fn transform_filter(kernel: Kernel, filter: usize, weights: &[f32], points: &mut [f32]) {
    let len = points.len() / POINTS;
    let (from, to) = (TileStrides::single(filter, len), TileStrides::single(INPUT_TILE, len));
    transform_one(kernel, Transform::Filter(filter), (weights, from), (points, to), len);
}

/// Adjoint of [`transform_filter`]: the gradient of one panel's weights from that of its transform.
pub(super) fn transform_filter_adjoint(kernel: Kernel, filter: usize, points: &[f32], weights: &mut [f32]) {
    let len = points.len() / POINTS;
    let (from, to) = (TileStrides::single(INPUT_TILE, len), TileStrides::single(filter, len));
    transform_one(
        kernel,
        Transform::FilterAdjoint(filter),
        (points, from),
        (weights, to),
        len,
    );
}

fn transform_one(
    kernel: Kernel,
    transform: Transform,
    from: (&[f32], TileStrides),
    to: (&mut [f32], TileStrides),
    len: usize,
) {
    kernel.vectorize(TransformTiles {
        transform,
        from,
        to,
        tiles: (1, 1),
        channels: len,
        overlap: 0,
    });
}

/// A linear map of one axis of a tile, which is applied to both axes; `N` values a side of output tiles or filters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transform {
    /// `Bᵀ`: six input values to six points.
    Input,
    /// `B`.
    InputAdjoint,
    /// `Aᵀ`: six points to `N` outputs.
    Output(usize),
    /// `A`.
    OutputAdjoint(usize),
    /// `G`: `N` filter values to six points.
    Filter(usize),
    /// `Gᵀ`.
    FilterAdjoint(usize),
}

/// Where tiles lie in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct TileStrides {
    /// Distances of the rows and columns inside a tile.
    pub(super) row: usize,
    pub(super) col: usize,
    /// Distances of vertically and horizontally adjacent tiles.
    pub(super) tile_row: usize,
    pub(super) tile_col: usize,
}

impl TileStrides {
    /// A single tile of `side` × `side` pixels with `len` values each.
    fn single(side: usize, len: usize) -> Self {
        Self {
            row: side * len,
            col: len,
            tile_row: 0,
            tile_col: 0,
        }
    }
}

/// Transforms tiles along both axes.
pub(super) struct TransformTiles<'a> {
    pub(super) transform: Transform,
    pub(super) from: (&'a [f32], TileStrides),
    pub(super) to: (&'a mut [f32], TileStrides),
    /// Rows and columns of tiles.
    pub(super) tiles: (usize, usize),
    pub(super) channels: usize,
    /// Rows and columns that a result shares with the tile above and the tile to the left, and adds to theirs.
    pub(super) overlap: usize,
}

/// Calls a transform with a length known to the compiler.
macro_rules! with_len {
    ($self:ident, $len:expr, $transform:ident) => {
        match $len {
            2 => $self.each::<W, _>($transform::<2>),
            3 => $self.each::<W, _>($transform::<3>),
            4 => $self.each::<W, _>($transform::<4>),
            _ => $self.each::<W, _>($transform::<5>),
        }
    };
}

impl Vectorize for TransformTiles<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        if self.channels < W {
            return self.run_in_vectors::<MIN_WIDTH>();
        }
        self.run_in_vectors::<W>();
    }
}

impl TransformTiles<'_> {
    #[inline(always)]
    fn run_in_vectors<const W: usize>(self) {
        match self.transform {
            Transform::Input => self.each::<W, _>(Input),
            Transform::InputAdjoint => self.each::<W, _>(InputAdjoint),
            Transform::Output(len) => with_len!(self, len, Output),
            Transform::OutputAdjoint(len) => with_len!(self, len, OutputAdjoint),
            Transform::Filter(len) => with_len!(self, len, Filter),
            Transform::FilterAdjoint(len) => with_len!(self, len, FilterAdjoint),
        }
    }

    #[inline(always)]
    fn each<const W: usize, T: AxisTransform>(self, _transform: T) {
        let ((from, from_strides), (to, to_strides)) = (self.from, self.to);
        let mut partial = [[Vector::<W>::ZERO; INPUT_TILE]; INPUT_TILE];
        for tile in 0..self.tiles.0 * self.tiles.1 {
            let (y, x) = (tile / self.tiles.1, tile % self.tiles.1);
            let rows_above = if y > 0 { self.overlap } else { 0 };
            let cols_left = if x > 0 { self.overlap } else { 0 };
            let from = &from[y * from_strides.tile_row + x * from_strides.tile_col..];
            let to = &mut to[y * to_strides.tile_row + x * to_strides.tile_col..];
            for first in (0..self.channels).step_by(W) {
                // The last chunk ends with the last channel and overlaps the chunk before it, whose channels it does not
                // add to `to` again.
                let start = first.min(self.channels - W);
                for i in 0..T::INPUTS {
                    let from = &from[i * from_strides.row + start..];
                    T::apply(
                        #[inline(always)]
                        |j| Vector::load::<true>(&from[j * from_strides.col..][..W]),
                        #[inline(always)]
                        |j, x| partial[j][i] = x,
                    );
                }
                for j in 0..T::OUTPUTS {
                    let to = &mut to[j * to_strides.col + start..];
                    T::apply(
                        #[inline(always)]
                        |i| partial[j][i],
                        #[inline(always)]
                        |i, mut x| {
                            let to = &mut to[i * to_strides.row..][..W];
                            if i < rows_above || j < cols_left {
                                x = x.zero_before(first - start) + Vector::load::<true>(to);
                            }
                            x.store::<true>(to);
                        },
                    );
                }
            }
        }
    }
}

/// A transform of one axis.
trait AxisTransform {
    const INPUTS: usize;
    const OUTPUTS: usize;

    fn apply<const W: usize>(from: impl Fn(usize) -> Vector<W>, to: impl FnMut(usize, Vector<W>));
}

/// `Bᵀ`.
struct Input;

impl AxisTransform for Input {
    const INPUTS: usize = INPUT_TILE;
    const OUTPUTS: usize = INPUT_TILE;

    #[inline(always)]
    fn apply<const W: usize>(from: impl Fn(usize) -> Vector<W>, mut to: impl FnMut(usize, Vector<W>)) {
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

/// `B`.
struct InputAdjoint;

impl AxisTransform for InputAdjoint {
    const INPUTS: usize = INPUT_TILE;
    const OUTPUTS: usize = INPUT_TILE;

    #[inline(always)]
    fn apply<const W: usize>(from: impl Fn(usize) -> Vector<W>, mut to: impl FnMut(usize, Vector<W>)) {
        let p = [from(0), from(1), from(2), from(3), from(4), from(5)];
        let (sum, difference) = (p[1] + p[2], p[1] - p[2]);
        let (sum_2, difference_2) = (p[3] + p[4], 2.0 * (p[3] - p[4]));
        to(0, 4.0 * p[0]);
        to(1, 4.0 * (p[5] - difference) - difference_2);
        to(2, Vector::ZERO - 5.0 * p[0] - 4.0 * sum - sum_2);
        to(3, difference + difference_2 - 5.0 * p[5]);
        to(4, p[0] + sum + sum_2);
        to(5, p[5]);
    }
}

/// `A`: the values of `Σ y[i]·tⁱ` at the points `t`; at infinity, the last coefficient.
struct OutputAdjoint<const N: usize>;

impl<const N: usize> AxisTransform for OutputAdjoint<N> {
    const INPUTS: usize = N;
    const OUTPUTS: usize = INPUT_TILE;

    #[inline(always)]
    fn apply<const W: usize>(from: impl Fn(usize) -> Vector<W>, mut to: impl FnMut(usize, Vector<W>)) {
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

/// `Aᵀ`.
struct Output<const N: usize>;

impl<const N: usize> AxisTransform for Output<N> {
    const INPUTS: usize = INPUT_TILE;
    const OUTPUTS: usize = N;

    #[inline(always)]
    fn apply<const W: usize>(from: impl Fn(usize) -> Vector<W>, mut to: impl FnMut(usize, Vector<W>)) {
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
            to(i, if i == N - 1 { y + from(INPUT_TILE - 1) } else { y });
        }
    }
}

/// Scale of each point in `G`: 1 over the product of its distances to the other finite points.
const SCALE: [f32; INPUT_TILE] = [1.0 / 4.0, -1.0 / 6.0, -1.0 / 6.0, 1.0 / 24.0, 1.0 / 24.0, 1.0];

/// `G`.
struct Filter<const N: usize>;

impl<const N: usize> AxisTransform for Filter<N> {
    const INPUTS: usize = N;
    const OUTPUTS: usize = INPUT_TILE;

    #[inline(always)]
    fn apply<const W: usize>(from: impl Fn(usize) -> Vector<W>, mut to: impl FnMut(usize, Vector<W>)) {
        OutputAdjoint::<N>::apply(
            from,
            #[inline(always)]
            |i, x| to(i, SCALE[i] * x),
        );
    }
}

/// `Gᵀ`.
struct FilterAdjoint<const N: usize>;

impl<const N: usize> AxisTransform for FilterAdjoint<N> {
    const INPUTS: usize = INPUT_TILE;
    const OUTPUTS: usize = N;

    #[inline(always)]
    fn apply<const W: usize>(from: impl Fn(usize) -> Vector<W>, to: impl FnMut(usize, Vector<W>)) {
        Output::<N>::apply(
            #[inline(always)]
            |i| SCALE[i] * from(i),
            to,
        );
    }
}
