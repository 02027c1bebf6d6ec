//! Elastic distortion: a smooth random displacement field.
//!
//! The idea is from Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to visual
//! document analysis" (2003), with a B-spline instead of a Gaussian filter.

use rand::{Rng, RngExt};

/// The number of control points along each axis.
const CONTROL_POINTS: usize = 6;

/// The number of control points with influence on a pixel along each axis, for a cubic B-spline.
const TAPS: usize = 4;

/// The number of spline segments along each axis.
const SEGMENTS: usize = CONTROL_POINTS + 1 - TAPS;

/// A displacement field: a uniform cubic B-spline over a grid of random vectors.
///
/// Displacements are convex combinations of the vectors, so the maximum along an axis is not exceeded.
pub(super) struct Elastic {
    rows: Vec<Taps>,
    columns: Vec<Taps>,
    /// Each row of control points interpolated horizontally, `[2 (x, y), CONTROL_POINTS, width]`.
    lines: Vec<f32>,
    /// Displacements of the current row of pixels, `[2 (x, y), width]`.
    row: Vec<f32>,
}

/// The weights of the control points with influence on a pixel along one axis.
#[derive(Clone, Copy)]
struct Taps {
    /// Index of the first control point.
    first: usize,
    weights: [f32; TAPS],
}

impl Taps {
    fn new(position: usize, length: usize) -> Self {
        let segments = SEGMENTS as f32 * position as f32 / length.saturating_sub(1).max(1) as f32;
        let first = (segments as usize).min(SEGMENTS - 1);
        let t = segments - first as f32;
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
        (0..length).map(|position| Self::new(position, length)).collect()
    }
}

impl Elastic {
    /// Creates a field without displacement.
    pub(super) fn new(height: usize, width: usize) -> Self {
        Self {
            rows: Taps::all(height),
            columns: Taps::all(width),
            lines: vec![0.0; 2 * CONTROL_POINTS * width],
            row: vec![0.0; 2 * width],
        }
    }

    /// Draws a new field with at most `max_pixels` of displacement along each axis.
    pub(super) fn draw(&mut self, rng: &mut impl Rng, max_pixels: f32) {
        for line in self.lines.chunks_exact_mut(self.columns.len().max(1)) {
            let controls: [f32; CONTROL_POINTS] =
                std::array::from_fn(|_| max_pixels * (2.0 * rng.random::<f32>() - 1.0));
            for (value, taps) in line.iter_mut().zip(&self.columns) {
                let influential = &controls[taps.first..][..TAPS];
                *value = influential
                    .iter()
                    .zip(taps.weights)
                    .map(|(control, weight)| control * weight)
                    .sum();
            }
        }
    }

    /// Returns the displacements of a row of pixels along x and y.
    pub(super) fn row(&mut self, y: usize) -> (&[f32], &[f32]) {
        let width = self.columns.len();
        let Taps { first, weights } = self.rows[y];
        for (axis, row) in self.row.chunks_exact_mut(width).enumerate() {
            let lines = &self.lines[(axis * CONTROL_POINTS + first) * width..][..TAPS * width];
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
    fn field_is_smooth_and_within_the_maximum() {
        let mut elastic = Elastic::new(28, 28);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut largest = 0f32;
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
                    largest = above.iter().fold(largest, |largest, value| largest.max(value.abs()));
                    assert!(above.iter().zip(below).all(|(a, b)| (a - b).abs() < 0.6));
                    assert!(above.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.6));
                }
            }
        }
        assert!((1.5..=3.0).contains(&largest), "{largest}");
    }

    #[test]
    fn weights_sum_to_one() {
        for length in [1, 2, 5, 28] {
            for taps in Taps::all(length) {
                assert!((taps.weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                assert!(taps.first + TAPS <= CONTROL_POINTS);
            }
        }
    }
}
