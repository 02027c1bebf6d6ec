//! A smooth random field of displacements: a hand that is not steady.

use rand::{Rng, RngExt};

/// Control vectors along each axis.
const CONTROLS: usize = 6;

/// Those that bear on one place along an axis: a cubic B-spline's.
const TAPS: usize = 4;

/// Between the splines' knots, which the first and the last control vectors lie beyond.
const CELLS: usize = CONTROLS + 1 - TAPS;

/// A uniform cubic B-spline over a grid of random vectors. Its values are weighted means of the
/// vectors, so none is longer along an axis than the longest of them.
pub(super) struct Elastic {
    rows: Vec<Taps>,
    columns: Vec<Taps>,
    /// `[2, CONTROLS, width]`: x and y of each row of control vectors, interpolated along it.
    lines: Vec<f32>,
    /// `[2, width]`: x and y of the row asked for.
    row: Vec<f32>,
}

/// The first control vector that bears on a place, and the weights of it and the next ones.
#[derive(Clone, Copy)]
struct Taps {
    first: usize,
    weights: [f32; TAPS],
}

impl Taps {
    fn new(place: usize, length: usize) -> Self {
        let cells = CELLS as f32 * place as f32 / length.saturating_sub(1).max(1) as f32;
        let first = (cells as usize).min(CELLS - 1);
        let t = cells - first as f32;
        let (square, cube) = (t * t, t * t * t);
        let weights = [
            1.0 - 3.0 * t + 3.0 * square - cube,
            4.0 - 6.0 * square + 3.0 * cube,
            1.0 + 3.0 * t + 3.0 * square - 3.0 * cube,
            cube,
        ];
        Self {
            first,
            weights: weights.map(|weight| weight / 6.0),
        }
    }

    fn all(length: usize) -> Vec<Self> {
        (0..length).map(|place| Self::new(place, length)).collect()
    }
}

impl Elastic {
    /// No displacement yet.
    pub(super) fn new(height: usize, width: usize) -> Self {
        Self {
            rows: Taps::all(height),
            columns: Taps::all(width),
            lines: vec![0.0; 2 * CONTROLS * width],
            row: vec![0.0; 2 * width],
        }
    }

    /// Draws a field of up to so many pixels along each axis.
    pub(super) fn draw(&mut self, rng: &mut impl Rng, pixels: f32) {
        for line in self.lines.chunks_exact_mut(self.columns.len().max(1)) {
            let controls: [f32; CONTROLS] = std::array::from_fn(|_| pixels * (2.0 * rng.random::<f32>() - 1.0));
            for (value, taps) in line.iter_mut().zip(&self.columns) {
                let near = &controls[taps.first..][..TAPS];
                *value = near
                    .iter()
                    .zip(taps.weights)
                    .map(|(control, weight)| control * weight)
                    .sum();
            }
        }
    }

    /// How far each pixel of a row is displaced, along x and along y.
    pub(super) fn row(&mut self, y: usize) -> (&[f32], &[f32]) {
        let width = self.columns.len();
        let Taps { first, weights } = self.rows[y];
        for (axis, row) in self.row.chunks_exact_mut(width).enumerate() {
            let lines = &self.lines[(axis * CONTROLS + first) * width..][..TAPS * width];
            row.fill(0.0);
            for (line, weight) in lines.chunks_exact(width).zip(weights) {
                for (sum, value) in row.iter_mut().zip(line) {
                    *sum += weight * value;
                }
            }
        }
        self.row.split_at(width)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    #[test]
    fn the_field_is_smooth_and_no_longer_than_asked() {
        let mut elastic = Elastic::new(28, 28);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut longest = 0f32;
        for _ in 0..50 {
            elastic.draw(&mut rng, 3.0);
            let rows: Vec<(Vec<f32>, Vec<f32>)> = (0..28)
                .map(|y| {
                    let (x, y) = elastic.row(y);
                    (x.to_vec(), y.to_vec())
                })
                .collect();
            for (above, below) in rows.iter().zip(&rows[1..]) {
                for (above, below) in [(&above.0, &below.0), (&above.1, &below.1)] {
                    longest = above.iter().fold(longest, |longest, value| longest.max(value.abs()));
                    assert!(above.iter().zip(below).all(|(a, b)| (a - b).abs() < 0.6));
                    assert!(above.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.6));
                }
            }
        }
        assert!((1.5..=3.0).contains(&longest), "{longest}");
    }

    #[test]
    fn weights_add_up_to_one() {
        for length in [1, 2, 5, 28] {
            for taps in Taps::all(length) {
                assert!((taps.weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                assert!(taps.first + TAPS <= CONTROLS);
            }
        }
    }
}
