//! A SIMD vector of eight values in plain Rust, which becomes vector instructions under `Kernel::vectorize`.
//!
//! A loop over slices that stores under a condition becomes masked stores, which take many times as long as plain ones
//! on some CPUs. Values that are first selected in a vector and then stored whole do not, unless the compiler knows that
//! one of the choices was loaded from the same place.
#![allow(clippy::needless_range_loop)] // Closures are not always inlined into code compiled for another CPU.

use std::ops::{Add, Mul, Range, Sub};

/// Values in a vector.
pub(crate) const WIDTH: usize = 8;

/// A loop in chunks of one vector, compiled once for full chunks and once for the last one, which may be shorter.
pub(crate) trait Chunked {
    /// Processes the values `range`: `WIDTH` of them if `FULL`, else fewer.
    fn chunk<const FULL: bool>(&mut self, range: Range<usize>);

    /// Processes the values `0..len`.
    #[inline(always)]
    fn for_each_chunk(&mut self, len: usize) {
        let full = len / WIDTH * WIDTH;
        for start in (0..full).step_by(WIDTH) {
            self.chunk::<true>(start..start + WIDTH);
        }
        if full < len {
            self.chunk::<false>(full..len);
        }
    }

    /// As [`for_each_chunk`](Self::for_each_chunk), for chunks that may be processed twice: the last one is full too where
    /// it can begin earlier, or where `room`, the number of values that may be written, reaches beyond `len`.
    #[inline(always)]
    fn for_each_full_chunk(&mut self, len: usize, room: usize) {
        let full = len / WIDTH * WIDTH;
        for start in (0..full).step_by(WIDTH) {
            self.chunk::<true>(start..start + WIDTH);
        }
        if full == len {
            return;
        }
        if full > 0 {
            self.chunk::<true>(len - WIDTH..len);
        } else if room >= WIDTH {
            self.chunk::<true>(0..WIDTH);
        } else {
            self.chunk::<false>(0..len);
        }
    }
}

/// A vector of [`WIDTH`] values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct F32x8(pub(crate) [f32; WIDTH]);

impl F32x8 {
    /// All values 0.
    pub(crate) const ZERO: Self = Self([0.0; WIDTH]);

    /// All values `x`.
    #[inline(always)]
    pub(crate) fn splat(x: f32) -> Self {
        Self([x; WIDTH])
    }

    /// Loads a slice, which has `WIDTH` values if `FULL`, else fewer; the others are 0.
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

    /// Stores to a slice, which has `WIDTH` values if `FULL`, else fewer.
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
        for i in 0..WIDTH {
            self.0[i] = if self.0[i] < 0.0 { 0.0 } else { self.0[i] };
        }
        self
    }

    /// Keeps the values where `y` is positive, and sets the others to 0.
    #[inline(always)]
    pub(crate) fn select_positive(mut self, y: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] = if y.0[i] > 0.0 { self.0[i] } else { 0.0 };
        }
        self
    }

    /// Keeps the values where `a` equals `b`, and sets the others to 0.
    #[inline(always)]
    pub(crate) fn select_equal(mut self, a: Self, b: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] = if a.0[i] == b.0[i] { self.0[i] } else { 0.0 };
        }
        self
    }

    /// Keeps the values where `x` is greater than `y` or NaN, and takes the others from `other`.
    #[inline(always)]
    pub(crate) fn select_greater(mut self, x: Self, y: Self, other: Self) -> Self {
        for i in 0..WIDTH {
            // No short-circuit, so that whole vectors are compared.
            let greater = (x.0[i] > y.0[i]) | x.0[i].is_nan();
            self.0[i] = if greater { self.0[i] } else { other.0[i] };
        }
        self
    }

    /// Sets the values before index `first` to 0.
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
    fn mul(self, mut vector: F32x8) -> F32x8 {
        for i in 0..WIDTH {
            vector.0[i] *= self;
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_processed_once() {
        struct AddOne<'a>(&'a mut [f32]);
        impl Chunked for AddOne<'_> {
            fn chunk<const FULL: bool>(&mut self, range: Range<usize>) {
                let sum = F32x8::load::<FULL>(&self.0[range.clone()]) + F32x8::splat(1.0);
                sum.store::<FULL>(&mut self.0[range]);
            }
        }
        for len in 0..=3 * WIDTH {
            let mut values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            AddOne(&mut values).for_each_chunk(len);
            assert!(values.iter().enumerate().all(|(i, &x)| x == i as f32 + 1.0));
        }
    }

    #[test]
    fn full_chunks_reach_as_far_as_there_is_room() {
        struct Twice<'a>(&'a [f32], &'a mut [f32]);
        impl Chunked for Twice<'_> {
            fn chunk<const FULL: bool>(&mut self, range: Range<usize>) {
                let x = F32x8::load::<FULL>(&self.0[range.clone()]);
                (x + x).store::<FULL>(&mut self.1[range]);
            }
        }
        for len in 0..=3 * WIDTH {
            for room in len..=len + WIDTH {
                let x: Vec<f32> = (1..=room).map(|i| i as f32).collect();
                let mut y = vec![0.0; room];
                Twice(&x, &mut y).for_each_full_chunk(len, room);
                let end = if len > 0 && len < WIDTH && room >= WIDTH {
                    WIDTH
                } else {
                    len
                };
                let expected = x.iter().enumerate().map(|(i, x)| if i < end { 2.0 * x } else { 0.0 });
                assert!(y.iter().copied().eq(expected), "{len} of {room}");
            }
        }
    }

    #[test]
    fn nan_is_propagated() {
        let x = F32x8([f32::NAN, -1.0, 2.0, f32::NEG_INFINITY, -0.0, 0.5, 1.0, 3.0]);
        let y = x.relu();
        assert!(y.0[0].is_nan() && y.0[1..] == [0.0, 2.0, 0.0, 0.0, 0.5, 1.0, 3.0]);
        let one = F32x8::splat(1.0);
        let largest = x.select_greater(x, one, one);
        assert!(largest.0[0].is_nan() && largest.0[1..] == [1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 3.0]);
        let unchanged = one.select_greater(one, largest, largest);
        assert!(unchanged.0[0].is_nan() && unchanged.0[1..] == largest.0[1..]);
    }
}
