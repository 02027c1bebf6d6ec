//! SIMD vectors in plain Rust, which become vector instructions under `Kernel::vectorize`.
//!
//! A loop over slices that stores under a condition becomes masked stores, which take many times as long as plain ones
//! on some CPUs. Values that are first selected in a vector and then stored whole do not, unless the compiler knows that
//! one of the choices was loaded from the same place.
#![allow(clippy::needless_range_loop)] // Closures are not always inlined into code compiled for another CPU.

use std::ops::{Add, Div, Mul, Range, Sub};

/// Values in the narrowest vector.
pub(crate) const MIN_WIDTH: usize = 8;

/// A loop in chunks of one vector, compiled for full chunks of each width, and for the last one, which may be shorter.
pub(crate) trait Chunked {
    /// Processes the values `range`: `W` of them if `FULL`, else fewer.
    fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>);

    /// Processes the values `0..len` in vectors of `W`, and what is left in narrower ones.
    #[inline(always)]
    fn for_each_chunk<const W: usize>(&mut self, len: usize) {
        let (wide, full) = (len / W * W, len / MIN_WIDTH * MIN_WIDTH);
        for start in (0..wide).step_by(W) {
            self.chunk::<W, true>(start..start + W);
        }
        for start in (wide..full).step_by(MIN_WIDTH) {
            self.chunk::<MIN_WIDTH, true>(start..start + MIN_WIDTH);
        }
        if full < len {
            self.chunk::<MIN_WIDTH, false>(full..len);
        }
    }

    /// As [`for_each_chunk`](Self::for_each_chunk), for chunks that may be processed twice: the last one is full too where
    /// it can begin earlier, or where `room`, the number of values that may be written, reaches beyond `len`.
    #[inline(always)]
    fn for_each_full_chunk<const W: usize>(&mut self, len: usize, room: usize) {
        if len >= W {
            self.for_each_overlapping_chunk::<W>(len);
        } else if len >= MIN_WIDTH {
            self.for_each_overlapping_chunk::<MIN_WIDTH>(len);
        } else if len > 0 && room >= MIN_WIDTH {
            self.chunk::<MIN_WIDTH, true>(0..MIN_WIDTH);
        } else if len > 0 {
            self.chunk::<MIN_WIDTH, false>(0..len);
        }
    }

    /// Processes the values `0..len`, at least `W`; the last chunk ends with the last value.
    #[inline(always)]
    fn for_each_overlapping_chunk<const W: usize>(&mut self, len: usize) {
        let full = len / W * W;
        for start in (0..full).step_by(W) {
            self.chunk::<W, true>(start..start + W);
        }
        if full < len {
            self.chunk::<W, true>(len - W..len);
        }
    }
}

/// A vector of `W` values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Vector<const W: usize>(pub(crate) [f32; W]);

impl<const W: usize> Vector<W> {
    /// All values 0.
    pub(crate) const ZERO: Self = Self([0.0; W]);

    /// All values `x`.
    #[inline(always)]
    pub(crate) fn splat(x: f32) -> Self {
        Self([x; W])
    }

    /// Loads a slice, which has `W` values if `FULL`, else fewer; the others are 0.
    #[inline(always)]
    pub(crate) fn load<const FULL: bool>(from: &[f32]) -> Self {
        let mut vector = Self::ZERO;
        if FULL {
            vector.0.copy_from_slice(from);
        } else {
            vector.0[..from.len()].copy_from_slice(from);
        }
        vector
    }

    /// Stores to a slice, which has `W` values if `FULL`, else fewer.
    #[inline(always)]
    pub(crate) fn store<const FULL: bool>(self, to: &mut [f32]) {
        if FULL {
            to.copy_from_slice(&self.0);
        } else {
            to.copy_from_slice(&self.0[..to.len()]);
        }
    }

    /// Sets negative values to 0 and keeps NaN.
    #[inline(always)]
    pub(crate) fn relu(mut self) -> Self {
        for i in 0..W {
            self.0[i] = if self.0[i] < 0.0 { 0.0 } else { self.0[i] };
        }
        self
    }

    /// Keeps the values where `y` is positive, and sets the others to 0.
    #[inline(always)]
    pub(crate) fn select_positive(mut self, y: Self) -> Self {
        for i in 0..W {
            self.0[i] = if y.0[i] > 0.0 { self.0[i] } else { 0.0 };
        }
        self
    }

    /// Keeps the values where `a` equals `b`, and sets the others to 0.
    #[inline(always)]
    pub(crate) fn select_equal(mut self, a: Self, b: Self) -> Self {
        for i in 0..W {
            self.0[i] = if a.0[i] == b.0[i] { self.0[i] } else { 0.0 };
        }
        self
    }

    /// Keeps the values where `x` is greater than `y` or NaN, and takes the others from `other`.
    #[inline(always)]
    pub(crate) fn select_greater(mut self, x: Self, y: Self, other: Self) -> Self {
        for i in 0..W {
            // No short-circuit, so that whole vectors are compared.
            let greater = (x.0[i] > y.0[i]) | x.0[i].is_nan();
            self.0[i] = if greater { self.0[i] } else { other.0[i] };
        }
        self
    }

    /// Sets the values before index `first` to 0.
    #[inline(always)]
    pub(crate) fn zero_before(mut self, first: usize) -> Self {
        for i in 0..W {
            self.0[i] = if i < first { 0.0 } else { self.0[i] };
        }
        self
    }
}

impl<const W: usize> Add for Vector<W> {
    type Output = Self;

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for i in 0..W {
            self.0[i] += other.0[i];
        }
        self
    }
}

impl<const W: usize> Sub for Vector<W> {
    type Output = Self;

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for i in 0..W {
            self.0[i] -= other.0[i];
        }
        self
    }
}

impl<const W: usize> Mul for Vector<W> {
    type Output = Self;

    #[inline(always)]
    fn mul(mut self, other: Self) -> Self {
        for i in 0..W {
            self.0[i] *= other.0[i];
        }
        self
    }
}

impl<const W: usize> Div<f32> for Vector<W> {
    type Output = Self;

    #[inline(always)]
    fn div(mut self, divisor: f32) -> Self {
        for i in 0..W {
            self.0[i] /= divisor;
        }
        self
    }
}

impl<const W: usize> Mul<Vector<W>> for f32 {
    type Output = Vector<W>;

    #[inline(always)]
    fn mul(self, mut vector: Vector<W>) -> Vector<W> {
        for i in 0..W {
            vector.0[i] *= self;
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one to each value.
    struct AddOne<'a>(&'a mut [f32]);

    impl Chunked for AddOne<'_> {
        fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
            let sum = Vector::<W>::load::<FULL>(&self.0[range.clone()]) + Vector::splat(1.0);
            sum.store::<FULL>(&mut self.0[range]);
        }
    }

    fn assert_every_value_is_processed_once<const W: usize>() {
        for len in 0..=3 * W {
            let mut values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            AddOne(&mut values).for_each_chunk::<W>(len);
            assert!(
                values.iter().enumerate().all(|(i, &x)| x == i as f32 + 1.0),
                "{W}: {len}"
            );
        }
    }

    #[test]
    fn every_value_is_processed_once() {
        assert_every_value_is_processed_once::<MIN_WIDTH>();
        assert_every_value_is_processed_once::<16>();
    }

    /// Doubles each value into another slice.
    struct Twice<'a>(&'a [f32], &'a mut [f32]);

    impl Chunked for Twice<'_> {
        fn chunk<const W: usize, const FULL: bool>(&mut self, range: Range<usize>) {
            let x = Vector::<W>::load::<FULL>(&self.0[range.clone()]);
            (x + x).store::<FULL>(&mut self.1[range]);
        }
    }

    fn assert_full_chunks_stay_inside<const W: usize>() {
        for len in 0..=3 * W {
            for room in len..=len + W {
                let x: Vec<f32> = (1..=room).map(|i| i as f32).collect();
                let mut y = vec![0.0; room];
                Twice(&x, &mut y).for_each_full_chunk::<W>(len, room);
                let end = if len > 0 && len < MIN_WIDTH && room >= MIN_WIDTH {
                    MIN_WIDTH
                } else {
                    len
                };
                let expected = x.iter().enumerate().map(|(i, x)| if i < end { 2.0 * x } else { 0.0 });
                assert!(y.iter().copied().eq(expected), "{W}: {len} of {room}");
            }
        }
    }

    #[test]
    fn full_chunks_reach_as_far_as_there_is_room() {
        assert_full_chunks_stay_inside::<MIN_WIDTH>();
        assert_full_chunks_stay_inside::<16>();
    }

    #[test]
    fn nan_is_propagated() {
        let x = Vector([f32::NAN, -1.0, 2.0, f32::NEG_INFINITY, -0.0, 0.5, 1.0, 3.0]);
        let y = x.relu();
        assert!(y.0[0].is_nan() && y.0[1..] == [0.0, 2.0, 0.0, 0.0, 0.5, 1.0, 3.0]);
        let one = Vector::splat(1.0);
        let largest = x.select_greater(x, one, one);
        assert!(largest.0[0].is_nan() && largest.0[1..] == [1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 3.0]);
        let unchanged = one.select_greater(one, largest, largest);
        assert!(unchanged.0[0].is_nan() && unchanged.0[1..] == largest.0[1..]);
    }
}
