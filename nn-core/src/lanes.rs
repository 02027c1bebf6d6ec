//! Eight neighbouring values at once: plain Rust that becomes vector instructions under `Kernel::vectorize`.
//!
//! Loops over slices that store a value under a condition become masked stores, which take many times as long as
//! others on some CPUs; values that are chosen here first, and stored whole, do not.
#![allow(clippy::needless_range_loop)] // Closures would not always be inlined into code for the CPU at hand.

use std::ops::{Add, Mul, Sub};

/// Values that are computed at once.
pub(crate) const LANES: usize = 8;

/// That many values; where a slice has fewer, the others are zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lanes(pub(crate) [f32; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    pub(crate) fn splat(x: f32) -> Self {
        Self([x; LANES])
    }

    /// The first values of a slice.
    #[inline(always)]
    pub(crate) fn load(from: &[f32]) -> Self {
        match from.first_chunk() {
            Some(&lanes) => Self(lanes),
            None => {
                let mut lanes = Self::ZERO;
                lanes.0[..from.len()].copy_from_slice(from);
                lanes
            }
        }
    }

    /// To the beginning of a slice.
    #[inline(always)]
    pub(crate) fn store(self, to: &mut [f32]) {
        match to.first_chunk_mut() {
            Some(lanes) => *lanes = self.0,
            None => to.copy_from_slice(&self.0[..to.len()]),
        }
    }

    /// What is below zero becomes zero; NaN stays.
    #[inline(always)]
    pub(crate) fn relu(mut self) -> Self {
        for i in 0..LANES {
            self.0[i] = if self.0[i] < 0.0 { 0.0 } else { self.0[i] };
        }
        self
    }

    /// Zero where `y` is not above zero.
    #[inline(always)]
    pub(crate) fn where_positive(mut self, y: Self) -> Self {
        for i in 0..LANES {
            self.0[i] = if y.0[i] > 0.0 { self.0[i] } else { 0.0 };
        }
        self
    }

    /// Zero where `a` and `b` differ.
    #[inline(always)]
    pub(crate) fn where_equal(mut self, a: Self, b: Self) -> Self {
        for i in 0..LANES {
            self.0[i] = if a.0[i] == b.0[i] { self.0[i] } else { 0.0 };
        }
        self
    }

    /// Takes the values of `x` that are larger, and for those `name` in place of what `which` holds. NaN counts as the
    /// largest, and the first of equals stays.
    #[inline(always)]
    pub(crate) fn take_larger(&mut self, x: Self, which: &mut Self, name: f32) {
        for i in 0..LANES {
            // Without short cuts, so that it becomes a comparison of whole vectors.
            let larger = (x.0[i] > self.0[i]) | (x.0[i].is_nan() & !self.0[i].is_nan());
            which.0[i] = if larger { name } else { which.0[i] };
            self.0[i] = if larger { x.0[i] } else { self.0[i] };
        }
    }

    /// Zeros before lane `first`.
    #[inline(always)]
    pub(crate) fn from_lane(mut self, first: usize) -> Self {
        for i in 0..LANES {
            self.0[i] = if i < first { 0.0 } else { self.0[i] };
        }
        self
    }
}

impl Add for Lanes {
    type Output = Self;

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for i in 0..LANES {
            self.0[i] += other.0[i];
        }
        self
    }
}

impl Sub for Lanes {
    type Output = Self;

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for i in 0..LANES {
            self.0[i] -= other.0[i];
        }
        self
    }
}

impl Mul<Lanes> for f32 {
    type Output = Lanes;

    #[inline(always)]
    fn mul(self, mut lanes: Lanes) -> Lanes {
        for i in 0..LANES {
            lanes.0[i] *= self;
        }
        lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_slices_are_read_and_written_whole() {
        for len in 0..=2 * LANES {
            let from: Vec<f32> = (0..len).map(|i| i as f32 + 1.0).collect();
            let mut to = vec![0.0; len];
            for (from, to) in from.chunks(LANES).zip(to.chunks_mut(LANES)) {
                (Lanes::load(from) + Lanes::ZERO).store(to);
            }
            assert_eq!(to, from);
        }
    }

    #[test]
    fn what_is_not_a_number_is_passed_on() {
        let x = Lanes([f32::NAN, -1.0, 2.0, f32::NEG_INFINITY, -0.0, 0.5, 1.0, 3.0]);
        let y = x.relu();
        assert!(y.0[0].is_nan() && y.0[1..] == [0.0, 2.0, 0.0, 0.0, 0.5, 1.0, 3.0]);
        let (mut largest, mut which) = (Lanes::splat(1.0), Lanes::ZERO);
        largest.take_larger(x, &mut which, 1.0);
        assert!(largest.0[0].is_nan() && which.0 == [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        largest.take_larger(Lanes::splat(9.0), &mut which, 2.0);
        assert!(largest.0[0].is_nan() && which.0[0] == 1.0 && which.0[1] == 2.0);
    }
}
