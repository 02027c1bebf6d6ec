//! Reading of IDX: checks the header against the size of the input, then decodes the elements.

use std::{
    cmp::Ordering,
    io::{self, BufRead, Cursor, Read},
};

use byteorder::{BigEndian, ByteOrder};
use flate2::bufread::MultiGzDecoder;

use super::{
    element::{CHUNK_BYTES, ElementType, IdxData},
    header,
};
use crate::error::{Error, Result};

/// The maximum size in bytes of data from an input of unknown length.
pub(super) const MAX_INFLATED: u64 = 1 << 30;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Compression ratio up to which memory for a gzipped file is allocated at once.
///
/// Images like those of MNIST have a ratio of about 5. Beyond this ratio, the buffer grows with the data read.
const MAX_TRUSTED_RATIO: u64 = 16;

/// Reads an IDX file, gzipped or not; `length` is the length of `input` in bytes, if known.
pub(super) fn read<R: BufRead>(mut input: R, length: Option<u64>) -> Result<(Vec<usize>, IdxData)> {
    let mut start = [0; 2];
    let found = fill(&mut input, &mut start).map_err(Error::Io)?;
    let input = Cursor::new(&start[..found]).chain(input);
    if start == GZIP_MAGIC {
        Reader::gzip(MultiGzDecoder::new(input), length).read()
    } else {
        Reader::plain(input, length).read()
    }
}

/// A decompressed input and what is known about its length.
struct Reader<R> {
    input: R,
    /// Length of the whole input in bytes, if known.
    length: Option<u64>,
    /// Number of bytes that may be allocated before they have been read.
    trusted: u64,
    gzip: bool,
}

impl<R: Read> Reader<R> {
    fn plain(input: R, length: Option<u64>) -> Self {
        Self {
            input,
            length,
            trusted: length.unwrap_or(0),
            gzip: false,
        }
    }

    /// `length` is the length of the compressed data.
    fn gzip(input: R, length: Option<u64>) -> Self {
        Self {
            input,
            length: None,
            trusted: length.unwrap_or(0).saturating_mul(MAX_TRUSTED_RATIO),
            gzip: true,
        }
    }

    fn read(mut self) -> Result<(Vec<usize>, IdxData)> {
        let (element_type, shape) = header::read(|bytes| self.fill(bytes))?;
        let len = header::element_count(&shape)?;
        let Some(claimed) = len.checked_mul(element_type.size()) else {
            return Err(Error::Overflow { shape });
        };
        self.check_claim(claimed as u64, header::len_in_bytes(shape.len()) as u64)?;
        let data = self.data(element_type, len)?;
        self.expect_end(claimed as u64)?;
        Ok((shape, data))
    }

    /// Compares the data size that the header claims with the length of the input, or with the limit if the length is
    /// unknown.
    fn check_claim(&self, claimed: u64, header: u64) -> Result<()> {
        let Some(length) = self.length else {
            return if claimed > MAX_INFLATED {
                let limit = MAX_INFLATED;
                Err(Error::InflatedSize { claimed, limit })
            } else {
                Ok(())
            };
        };
        let found = length.saturating_sub(header);
        match found.cmp(&claimed) {
            Ordering::Less => Err(Error::Truncated {
                expected: claimed,
                found,
            }),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(Error::TrailingData { expected: claimed }),
        }
    }

    fn data(&mut self, element_type: ElementType, len: usize) -> Result<IdxData> {
        Ok(match element_type {
            ElementType::U8 => IdxData::U8(self.elements(len, |from, to| to.copy_from_slice(from))?),
            ElementType::I8 => IdxData::I8(self.elements(len, |from, to| {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = from.cast_signed();
                }
            })?),
            ElementType::I16 => IdxData::I16(self.elements(len, BigEndian::read_i16_into)?),
            ElementType::I32 => IdxData::I32(self.elements(len, BigEndian::read_i32_into)?),
            ElementType::F32 => IdxData::F32(self.elements(len, BigEndian::read_f32_into)?),
            ElementType::F64 => IdxData::F64(self.elements(len, BigEndian::read_f64_into)?),
        })
    }

    /// Reads `len` elements; `decode` converts big-endian bytes to elements.
    fn elements<T: Copy + Default>(&mut self, len: usize, decode: impl Fn(&[u8], &mut [T])) -> Result<Vec<T>> {
        let size = size_of::<T>();
        let mut bytes = vec![0; CHUNK_BYTES.min(len * size)];
        let mut values = Vec::new();
        while values.len() < len {
            let start = values.len();
            let count = (len - start).min(CHUNK_BYTES / size);
            self.reserve(&mut values, count, len - start)?;
            let bytes = &mut bytes[..count * size];
            let found = self.fill(bytes)?;
            if found < bytes.len() {
                return Err(Error::Truncated {
                    expected: (len * size) as u64,
                    found: (start * size + found) as u64,
                });
            }
            values.resize(start + count, T::default());
            decode(bytes, &mut values[start..]);
        }
        Ok(values)
    }

    /// Reserves memory for at least `count` more elements.
    ///
    /// Reserves all `remaining` elements at once if the total is within the trusted size; otherwise it at most doubles
    /// the capacity, so that a false header cannot exhaust memory.
    fn reserve<T>(&self, values: &mut Vec<T>, count: usize, remaining: usize) -> Result<()> {
        if values.capacity() - values.len() >= count {
            return Ok(());
        }
        let bytes = |more: usize| (values.len() as u64 + more as u64) * size_of::<T>() as u64;
        let more = if bytes(remaining) <= self.trusted {
            remaining
        } else {
            remaining.min(values.len().max(count))
        };
        let bytes = bytes(more);
        values.try_reserve_exact(more).map_err(|_| Error::OutOfMemory { bytes })
    }

    /// Checks that no data follow; for gzip, reading to the end also verifies the checksum.
    fn expect_end(&mut self, claimed: u64) -> Result<()> {
        match self.fill(&mut [0])? {
            0 => Ok(()),
            _ => Err(Error::TrailingData { expected: claimed }),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize> {
        fill(&mut self.input, bytes).map_err(|error| {
            // Errors of the decompressor have no OS error code.
            if self.gzip && error.raw_os_error().is_none() {
                Error::Gzip(error)
            } else {
                Error::Io(error)
            }
        })
    }
}

/// Reads until `bytes` is full or the input ends; returns the number of bytes read.
fn fill<R: Read>(input: &mut R, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::{Compression, write::GzEncoder};

    use super::{super::write::write, *};

    #[test]
    fn capacity_follows_the_data_read_unless_the_length_is_known() {
        let mut values: Vec<u8> = Vec::new();
        let unknown = Reader::plain(io::empty(), None);
        unknown.reserve(&mut values, 1000, 1 << 40).unwrap();
        assert!(values.capacity() < 4000, "{}", values.capacity());
        values.resize(values.capacity(), 0);
        let len = values.len();
        unknown.reserve(&mut values, 1000, 1 << 40).unwrap();
        assert!(values.capacity() <= 4 * len, "{}", values.capacity());

        let mut values: Vec<u8> = Vec::new();
        let known = Reader::plain(io::empty(), Some(1 << 20));
        known.reserve(&mut values, 1000, 1 << 20).unwrap();
        assert!(values.capacity() >= 1 << 20);
    }

    #[test]
    fn memory_for_gzip_is_reserved_at_once_up_to_the_trusted_ratio() {
        let inflated = (MAX_TRUSTED_RATIO as usize) << 20;
        for (claimed, at_once) in [(inflated, true), (inflated + 1, false)] {
            let mut values: Vec<u8> = Vec::new();
            let gzipped = Reader::gzip(io::empty(), Some(1 << 20));
            gzipped.reserve(&mut values, 1000, claimed).unwrap();
            assert_eq!(values.capacity() >= claimed, at_once, "{claimed}");
        }
    }

    #[test]
    fn failed_allocation_is_an_error() {
        let mut values: Vec<f64> = Vec::new();
        let known = Reader::plain(io::empty(), Some(u64::MAX));
        let error = known.reserve(&mut values, 1, usize::MAX / 8).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    }

    #[test]
    fn short_reads_are_continued() {
        struct Trickle<'a>(&'a [u8]);
        impl Read for Trickle<'_> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let count = to.len().min(1);
                self.0.read(&mut to[..count])
            }
        }
        let (shape, data) = (vec![3, 2], IdxData::F32(vec![1.5, -2.0, 0.0, f32::MAX, 1e-40, 7.0]));
        let mut plain = Vec::new();
        write(&mut plain, &shape, &data).unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&plain).unwrap();
        for bytes in [plain, encoder.finish().unwrap()] {
            let reader = BufReader::with_capacity(1, Trickle(&bytes));
            assert_eq!(read(reader, None).unwrap(), (shape.clone(), data.clone()));
        }
    }

    #[test]
    fn io_errors_are_not_reported_as_damaged_gzip() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(5))
            }
        }
        let start = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        let reader = BufReader::new(start.chain(Broken));
        let error = read(reader, None).unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
    }
}
