//! Eight neighbouring values at once: plain Rust that becomes vector instructions under `Kernel::vectorize`.
//!
//! Loops over slices that store a value under a condition become masked stores, which take many times as long as
//! others on some CPUs; values that are chosen here first, and stored whole, do not, unless it is known that one of the
//! choices was read from where they are stored.
#![allow(clippy::needless_range_loop)] // Closures would not always be inlined into code for the CPU at hand.

use std::ops::{Add, Mul, Range, Sub};

/// Values that are computed at once.
pub(crate) const WIDTH: usize = 8;

/// Loops that take a chunk of at most [`WIDTH`] values at a time, so that each can be compiled for whole stretches.
pub(crate) trait Chunked {
    /// Takes the values `range`: `WIDTH` of them if it is `WHOLE`, else fewer.
    fn chunk<const WHOLE: bool>(&mut self, range: Range<usize>);

    /// Takes `0..len`.
    #[inline(always)]
    fn each(&mut self, len: usize) {
        let whole = len / WIDTH * WIDTH;
        for start in (0..whole).step_by(WIDTH) {
            self.chunk::<true>(start..start + WIDTH);
        }
        if whole < len {
            self.chunk::<false>(whole..len);
        }
    }
}

/// That many values; where a slice has fewer, the others are zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct F32x8(pub(crate) [f32; WIDTH]);

impl F32x8 {
    pub(crate) const ZERO: Self = Self([0.0; WIDTH]);

    #[inline(always)]
    pub(crate) fn splat(x: f32) -> Self {
        Self([x; WIDTH])
    }

    /// The values of a slice: `WIDTH` of them if it is `WHOLE`, else fewer.
    #[inline(always)]
    pub(crate) fn load<const WHOLE: bool>(from: &[f32]) -> Self {
        let mut lanes = Self::ZERO;
        if WHOLE {
            lanes.0.copy_from_slice(from);
        } else {
            lanes.0[..from.len()].copy_from_slice(from);
        }
        lanes
    }

    /// To a slice, which has `WIDTH` values if it is `WHOLE`, else fewer.
    #[inline(always)]
    pub(crate) fn store<const WHOLE: bool>(self, to: &mut [f32]) {
        if WHOLE {
            to.copy_from_slice(&self.0);
        } else {
            to.copy_from_slice(&self.0[..to.len()]);
        }
    }

    /// What is below zero becomes zero; NaN stays.
    #[inline(always)]
    pub(crate) fn relu(mut self) -> Self {
        for i in 0..WIDTH {
            self.0[i] = if self.0[i] < 0.0 { 0.0 } else { self.0[i] };
        }
        self
    }

    /// Zero where `y` is not above zero.
    #[inline(always)]
    pub(crate) fn where_positive(mut self, y: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] = if y.0[i] > 0.0 { self.0[i] } else { 0.0 };
        }
        self
    }

    /// Zero where `a` and `b` differ.
    #[inline(always)]
    pub(crate) fn where_equal(mut self, a: Self, b: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] = if a.0[i] == b.0[i] { self.0[i] } else { 0.0 };
        }
        self
    }

    /// These values where `x` is larger than `y` or no number, and elsewhere those of `other`.
    #[inline(always)]
    pub(crate) fn where_larger(mut self, x: Self, y: Self, other: Self) -> Self {
        for i in 0..WIDTH {
            // Without short cuts, so that it becomes a comparison of whole vectors.
            let larger = (x.0[i] > y.0[i]) | x.0[i].is_nan();
            self.0[i] = if larger { self.0[i] } else { other.0[i] };
        }
        self
    }

    /// Zeros before lane `first`.
    #[inline(always)]
    pub(crate) fn zero_before(mut self, first: usize) -> Self {
        for i in 0..WIDTH {
            self.0[i] = if i < first { 0.0 } else { self.0[i] };
        }
        self
    }
}

impl Add for F32x8 {
    type Output = Self;

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] += other.0[i];
        }
        self
    }
}

impl Sub for F32x8 {
    type Output = Self;

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] -= other.0[i];
        }
        self
    }
}

impl Mul<F32x8> for f32 {
    type Output = F32x8;

    #[inline(always)]
    fn mul(self, mut lanes: F32x8) -> F32x8 {
        for i in 0..WIDTH {
            lanes.0[i] *= self;
        }
        lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_taken_once() {
        struct AddOne<'a>(&'a mut [f32]);
        impl Chunked for AddOne<'_> {
            fn chunk<const WHOLE: bool>(&mut self, range: Range<usize>) {
                let sum = F32x8::load::<WHOLE>(&self.0[range.clone()]) + F32x8::splat(1.0);
                sum.store::<WHOLE>(&mut self.0[range]);
            }
        }
        for len in 0..=3 * WIDTH {
            let mut values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            AddOne(&mut values).each(len);
            assert!(values.iter().enumerate().all(|(i, &x)| x == i as f32 + 1.0));
        }
    }

    #[test]
    fn what_is_not_a_number_is_passed_on() {
        let x = F32x8([f32::NAN, -1.0, 2.0, f32::NEG_INFINITY, -0.0, 0.5, 1.0, 3.0]);
        let y = x.relu();
        assert!(y.0[0].is_nan() && y.0[1..] == [0.0, 2.0, 0.0, 0.0, 0.5, 1.0, 3.0]);
        let one = F32x8::splat(1.0);
        let largest = x.where_larger(x, one, one);
        assert!(largest.0[0].is_nan() && largest.0[1..] == [1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 3.0]);
        let still = one.where_larger(one, largest, largest);
        assert!(still.0[0].is_nan() && still.0[1..] == largest.0[1..]);
    }
}
