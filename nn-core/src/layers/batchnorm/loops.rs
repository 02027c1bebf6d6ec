//! The loops of batch normalization over the rows of a sample: each channel of a row is one of its own.

use std::ops::Range;

use crate::{
    gemm::Vectorize,
    simd::{Chunked, Vector},
};

/// Rows of a tile, which is read several times: after the first time, from the L1 cache.
const TILE_ROWS: usize = 64;
/// Packed rows, each of the padded channels: scale and shift; then, in training, the mean, the inverse standard deviation,
/// the mean of `dy`, the mean of `dy·x̂` over the standard deviation, and the variance for the running average. Where a row
/// has several pixels, they follow once more, repeated for each pixel of a row.
pub(super) const PACKED: usize = 7;

/// `y = relu(scale·x + shift)` of the rows of a sample, with the ReLU if there is one.
pub(super) struct Affine<'a> {
    pub(super) row: usize,
    pub(super) relu: bool,
    pub(super) x: &'a [f32],
    pub(super) y: &'a mut [f32],
    pub(super) packed: [&'a [f32]; PACKED],
}

/// Adds the rows of a sample to each channel's mean and sum of squared deviations, by Chan, Golub and LeVeque (1979),
/// "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances".
pub(super) struct AddStatistics<'a> {
    pub(super) row: usize,
    pub(super) x: &'a [f32],
    /// Values of each channel that have been added before.
    pub(super) before: usize,
    pub(super) means: &'a mut [f32],
    pub(super) squares: &'a mut [f32],
}

/// Adds the rows of a sample to the gradients: `dweight = Σ dy·x̂` and `dbias = Σ dy`.
pub(super) struct AddGradients<'a> {
    pub(super) row: usize,
    pub(super) relu: bool,
    pub(super) x: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) packed: [&'a [f32]; PACKED],
    pub(super) dweight: &'a mut [f32],
    pub(super) dbias: &'a mut [f32],
}

/// `dx = scale·(dy - mean(dy) - x̂·mean(dy·x̂))` of the rows of a sample, the means over the batch.
pub(super) struct InputGradient<'a> {
    pub(super) row: usize,
    pub(super) relu: bool,
    pub(super) x: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) packed: [&'a [f32]; PACKED],
    pub(super) dx: &'a mut [f32],
}

/// `relu(scale·x + shift)`. NaN is propagated.
#[inline(always)]
fn affine<const W: usize>(x: Vector<W>, [scale, shift]: [Vector<W>; 2], relu: bool) -> Vector<W> {
    let y = x * scale + shift;
    if relu { y.relu() } else { y }
}

/// The gradient before the ReLU. The arithmetic is that of [`affine`], so that the sign is that of the output.
#[inline(always)]
fn masked<const W: usize>(dy: Vector<W>, x: Vector<W>, [scale, shift]: [Vector<W>; 2], relu: bool) -> Vector<W> {
    if relu {
        dy.select_positive(x * scale + shift)
    } else {
        dy
    }
}

/// Vectors of the packed values of some channels of a row.
#[inline(always)]
fn constants<const W: usize, const FULL: bool, const N: usize>(
    packed: [&[f32]; N],
    range: &Range<usize>,
) -> [Vector<W>; N] {
    packed.map(
        #[inline(always)]
        |values| Vector::load::<FULL>(&values[range.clone()]),
    )
}

/// Sums over rows: four of each side by side, since each addition waits for the one before it.
#[inline(always)]
fn sums_over_rows<const W: usize, const N: usize>(
    rows: usize,
    add: impl Fn(usize, &mut [Vector<W>; N]),
) -> [Vector<W>; N] {
    let mut sums = [[Vector::ZERO; N]; 4];
    let full = rows / sums.len() * sums.len();
    for row in (0..full).step_by(sums.len()) {
        for (index, sums) in sums.iter_mut().enumerate() {
            add(row + index, sums);
        }
    }
    for row in full..rows {
        add(row, &mut sums[0]);
    }
    let [a, b, c, d] = sums;
    std::array::from_fn(
        #[inline(always)]
        |i| (a[i] + b[i]) + (c[i] + d[i]),
    )
}

/// Loads some channels of the row that begins at `start`.
#[inline(always)]
fn load_row<const W: usize, const FULL: bool>(values: &[f32], start: usize, range: &Range<usize>) -> Vector<W> {
    Vector::load::<FULL>(&values[start + range.start..][..range.len()])
}

impl Vectorize for Affine<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        for (x, y) in self.x.chunks_exact(self.row).zip(self.y.chunks_exact_mut(self.row)) {
            Affine { x, y, ..self }.for_each_chunk::<W>(self.row);
        }
    }
}

impl Chunked for Affine<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let [scale, shift, ..] = self.packed;
        let constants = constants::<W, FULL, 2>([scale, shift], &range);
        let x = Vector::load::<FULL>(&self.x[range.clone()]);
        affine(x, constants, self.relu).store::<FULL>(&mut self.y[range]);
    }
}

impl Vectorize for AddStatistics<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let mut before = self.before;
        for x in self.x.chunks(TILE_ROWS * self.row) {
            let mut tile = AddStatistics {
                x,
                before,
                means: &mut *self.means,
                squares: &mut *self.squares,
                ..self
            };
            tile.for_each_chunk::<W>(self.row);
            before += x.len() / self.row;
        }
    }
}

impl Chunked for AddStatistics<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let rows = self.x.len() / self.row;
        let [sum] = sums_over_rows(
            rows,
            #[inline(always)]
            |row, [sum]| *sum = *sum + load_row::<W, FULL>(self.x, row * self.row, &range),
        );
        let (before, count) = (self.before as f32, rows as f32);
        let tile_mean = sum / count;
        let [tile_squares] = sums_over_rows(
            rows,
            #[inline(always)]
            |row, [sum]| {
                let difference = load_row::<W, FULL>(self.x, row * self.row, &range) - tile_mean;
                *sum = *sum + difference * difference;
            },
        );
        let (means, squares) = (&mut self.means[range.clone()], &mut self.squares[range]);
        let (mean, share) = (Vector::load::<FULL>(means), count / (before + count));
        let delta = tile_mean - mean;
        (mean + share * delta).store::<FULL>(means);
        let merged = tile_squares + share * (before * (delta * delta));
        (Vector::load::<FULL>(squares) + merged).store::<FULL>(squares);
    }
}

impl Vectorize for AddGradients<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let tile = TILE_ROWS * self.row;
        for (x, dy) in self.x.chunks(tile).zip(self.dy.chunks(tile)) {
            let mut tile = AddGradients {
                x,
                dy,
                dweight: &mut *self.dweight,
                dbias: &mut *self.dbias,
                ..self
            };
            tile.for_each_chunk::<W>(self.row);
        }
    }
}

impl Chunked for AddGradients<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let [scale, shift, mean, inverse, ..] = self.packed;
        let [scale, shift, mean, inverse] = constants::<W, FULL, 4>([scale, shift, mean, inverse], &range);
        let (x, dy) = (self.x, &self.dy[..self.x.len()]);
        let [product, sum] = sums_over_rows(
            x.len() / self.row,
            #[inline(always)]
            |row, [product, sum]| {
                let x = load_row::<W, FULL>(x, row * self.row, &range);
                let dy = masked(
                    load_row::<W, FULL>(dy, row * self.row, &range),
                    x,
                    [scale, shift],
                    self.relu,
                );
                *product = *product + dy * ((x - mean) * inverse);
                *sum = *sum + dy;
            },
        );
        let (dweight, dbias) = (&mut self.dweight[range.clone()], &mut self.dbias[range]);
        (Vector::load::<FULL>(dweight) + product).store::<FULL>(dweight);
        (Vector::load::<FULL>(dbias) + sum).store::<FULL>(dbias);
    }
}

impl Vectorize for InputGradient<'_> {
    #[inline(always)]
    fn run<const W: usize>(self) {
        let rows = self.x.chunks_exact(self.row).zip(self.dy.chunks_exact(self.row));
        for ((x, dy), dx) in rows.zip(self.dx.chunks_exact_mut(self.row)) {
            InputGradient { x, dy, dx, ..self }.for_each_chunk::<W>(self.row);
        }
    }
}

impl Chunked for InputGradient<'_> {
    #[inline(always)]
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
        let [scale, shift, mean, _, mean_dy, slope, _] = self.packed;
        let [scale, shift, mean, mean_dy, slope] =
            constants::<W, FULL, 5>([scale, shift, mean, mean_dy, slope], &range);
        let x = Vector::load::<FULL>(&self.x[range.clone()]);
        let dy = masked(
            Vector::load::<FULL>(&self.dy[range.clone()]),
            x,
            [scale, shift],
            self.relu,
        );
        let dx = &mut self.dx[range];
        (scale * (dy - mean_dy - (x - mean) * slope)).store::<FULL>(dx);
    }
}
