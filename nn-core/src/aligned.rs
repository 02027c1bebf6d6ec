//! Buffers of `f32` aligned to cache lines, so that no vector load crosses two.

use std::ops::{Deref, DerefMut};

const LINE_BYTES: usize = 64;
const LINE: usize = LINE_BYTES / size_of::<f32>();

/// A buffer of `f32` that begins at a cache line.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    storage: Vec<f32>,
    offset: usize,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let storage = vec![0.0; len + LINE - 1];
        // An unaligned buffer, where the address is unknown, works too, only slower.
        let offset = storage.as_ptr().align_offset(LINE_BYTES).min(LINE - 1);
        Self { storage, offset, len }
    }

    /// The first `len` values, whose content is unspecified; grows the buffer if it is shorter.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.len < len {
            *self = Self::zeroed(len);
        }
        &mut self[..len]
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::zeroed(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.storage[self.offset..self.offset + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.storage[self.offset..self.offset + self.len]
    }
}

/// Splits memory into parts of the lengths `lens`, each aligned to a cache line if the memory is.
///
/// # Panics
/// If the memory is shorter than [`parts_len`].
pub(crate) fn parts<const N: usize>(memory: &mut [f32], lens: [usize; N]) -> [&mut [f32]; N] {
    let mut rest = memory;
    lens.map(|len| {
        let (part, after) = std::mem::take(&mut rest).split_at_mut(len.next_multiple_of(LINE));
        rest = after;
        &mut part[..len]
    })
}

/// The length of the memory that [`parts`] splits.
pub(crate) fn parts_len<const N: usize>(lens: [usize; N]) -> usize {
    lens.into_iter().map(|len| len.next_multiple_of(LINE)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_clones_are_equal() {
        for len in [0, 1, 15, 16, 1000] {
            let mut buffer = Buffer::zeroed(len);
            assert_eq!((buffer.len(), buffer.as_ptr() as usize % LINE_BYTES), (len, 0));
            buffer.fill(3.0);
            assert_eq!(*buffer.clone(), *buffer);
        }
    }
}
