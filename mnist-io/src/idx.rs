//! The IDX format: bytes → checked header and body, and back.
//!
//! An IDX file is two zero bytes, a byte for the element type, a byte for the rank, the dimensions
//! as big-endian `u32`, outermost first, and the elements, big-endian, in row-major order. It is
//! described on <http://yann.lecun.com/exdb/mnist/>.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Cursor, Read, Write},
    path::Path,
};

use byteorder::{BigEndian, ByteOrder, WriteBytesExt};
use flate2::{Compression, bufread::MultiGzDecoder, write::GzEncoder};

use crate::{Error, Result};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Elements pass through a buffer of this many bytes; a multiple of every element's size.
const CHUNK_BYTES: usize = 64 * 1024;

/// A gzipped file has room taken at once for so many times its own length; images of MNIST's kind inflate to five times
/// theirs. What claims more gets it as it arrives.
const INFLATION: u64 = 16;

/// The type of the elements of an IDX file.
///
/// ```
/// use mnist_io::ElementType;
///
/// assert_eq!(ElementType::from_code(0x0d)?, ElementType::F32);
/// assert_eq!(ElementType::F32.size(), 4);
/// assert!(ElementType::from_code(0x0a).is_err());
/// # Ok::<(), mnist_io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// Unsigned bytes, code `0x08`.
    U8,
    /// Signed bytes, code `0x09`.
    I8,
    /// 16-bit signed integers, code `0x0b`.
    I16,
    /// 32-bit signed integers, code `0x0c`.
    I32,
    /// Single-precision floats, code `0x0d`.
    F32,
    /// Double-precision floats, code `0x0e`.
    F64,
}

impl ElementType {
    /// Every element type, in the order of the codes.
    pub const ALL: [Self; 6] = [Self::U8, Self::I8, Self::I16, Self::I32, Self::F32, Self::F64];

    /// The byte that stands for this type in a header.
    pub const fn code(self) -> u8 {
        match self {
            Self::U8 => 0x08,
            Self::I8 => 0x09,
            Self::I16 => 0x0b,
            Self::I32 => 0x0c,
            Self::F32 => 0x0d,
            Self::F64 => 0x0e,
        }
    }

    /// The type that a header's byte stands for.
    ///
    /// # Errors
    /// [`Error::ElementType`] if the byte stands for none.
    pub fn from_code(code: u8) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|element_type| element_type.code() == code)
            .ok_or(Error::ElementType { code })
    }

    /// The bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

/// The elements of an IDX file, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum IdxData {
    /// Unsigned bytes.
    U8(Vec<u8>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// 16-bit signed integers.
    I16(Vec<i16>),
    /// 32-bit signed integers.
    I32(Vec<i32>),
    /// Single-precision floats.
    F32(Vec<f32>),
    /// Double-precision floats.
    F64(Vec<f64>),
}

impl IdxData {
    /// The type of the elements.
    pub const fn element_type(&self) -> ElementType {
        match self {
            Self::U8(_) => ElementType::U8,
            Self::I8(_) => ElementType::I8,
            Self::I16(_) => ElementType::I16,
            Self::I32(_) => ElementType::I32,
            Self::F32(_) => ElementType::F32,
            Self::F64(_) => ElementType::F64,
        }
    }

    /// The number of elements.
    pub const fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::I16(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read<R: Read>(source: &mut Source<R>, element_type: ElementType, len: usize) -> Result<Self> {
        Ok(match element_type {
            ElementType::U8 => Self::U8(source.elements(len, |from, to| to.copy_from_slice(from))?),
            ElementType::I8 => Self::I8(source.elements(len, |from, to| {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = from.cast_signed();
                }
            })?),
            ElementType::I16 => Self::I16(source.elements(len, BigEndian::read_i16_into)?),
            ElementType::I32 => Self::I32(source.elements(len, BigEndian::read_i32_into)?),
            ElementType::F32 => Self::F32(source.elements(len, BigEndian::read_f32_into)?),
            ElementType::F64 => Self::F64(source.elements(len, BigEndian::read_f64_into)?),
        })
    }

    fn write<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        match self {
            Self::U8(values) => writer.write_all(values),
            Self::I8(values) => write_elements(writer, values, BigEndian::write_i8_into),
            Self::I16(values) => write_elements(writer, values, BigEndian::write_i16_into),
            Self::I32(values) => write_elements(writer, values, BigEndian::write_i32_into),
            Self::F32(values) => write_elements(writer, values, BigEndian::write_f32_into),
            Self::F64(values) => write_elements(writer, values, BigEndian::write_f64_into),
        }
    }
}

macro_rules! from_vec {
    ($($element:ty => $variant:ident),*) => {$(
        impl From<Vec<$element>> for IdxData {
            fn from(values: Vec<$element>) -> Self {
                Self::$variant(values)
            }
        }
    )*};
}

from_vec!(u8 => U8, i8 => I8, i16 => I16, i32 => I32, f32 => F32, f64 => F64);

/// An array in the IDX format: a shape, and as many elements as it holds.
///
/// ```
/// use mnist_io::{Idx, IdxData};
///
/// let idx = Idx::new(vec![2, 3], vec![1i16, 2, 3, 4, 5, -6])?;
/// let mut bytes = Vec::new();
/// idx.write_to(&mut bytes)?;
/// assert_eq!(bytes[..4], [0, 0, 0x0b, 2]);
///
/// let read = Idx::from_bytes(&bytes)?;
/// assert_eq!(read.shape(), [2, 3]);
/// assert_eq!(read.data(), &IdxData::I16(vec![1, 2, 3, 4, 5, -6]));
/// # Ok::<(), mnist_io::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Idx {
    shape: Vec<usize>,
    data: IdxData,
}

impl Idx {
    /// The most bytes of data that are read from a source whose length is not known beforehand
    /// (gzip, a pipe), so that no small file can fill the memory: 1 GiB.
    pub const MAX_INFLATED: u64 = 1 << 30;

    /// An array of this shape, outermost dimension first, from elements in row-major order.
    ///
    /// A shape without dimensions holds one element.
    ///
    /// # Errors
    /// If the elements are not as many as the shape holds ([`Error::ElementCount`]), or the shape
    /// is one that IDX cannot write: more than 255 dimensions, or one above `u32::MAX`.
    pub fn new(shape: Vec<usize>, data: impl Into<IdxData>) -> Result<Self> {
        let data = data.into();
        if shape.len() > usize::from(u8::MAX) {
            return Err(Error::Rank { rank: shape.len() });
        }
        if let Some(axis) = shape.iter().position(|&size| u32::try_from(size).is_err()) {
            let size = shape[axis];
            return Err(Error::Dimension { axis, size });
        }
        let expected = element_count(&shape)?;
        let found = data.len();
        if expected != found {
            return Err(Error::ElementCount { shape, expected, found });
        }
        Ok(Self { shape, data })
    }

    /// Reads an array from the bytes of an IDX file, gzipped or not.
    ///
    /// # Errors
    /// If the bytes are anything but one whole IDX file. What the header claims is compared with
    /// what is there before memory is taken for it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes, Some(bytes.len() as u64))
    }

    /// Reads an array from an IDX file, gzipped or not, whatever its name.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes), or if the file cannot be read; the error names the
    /// file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::open_file(path).map_err(|error| error.at(path))
    }

    fn open_file(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::IsFolder);
        }
        let file = File::open(path).map_err(Error::Io)?;
        let metadata = file.metadata().map_err(Error::Io)?;
        let length = metadata.is_file().then_some(metadata.len());
        Self::read(BufReader::with_capacity(CHUNK_BYTES, file), length)
    }

    fn read<R: BufRead>(mut reader: R, length: Option<u64>) -> Result<Self> {
        let mut start = [0; 2];
        let there = fill(&mut reader, &mut start).map_err(Error::Io)?;
        let whole = Cursor::new(&start[..there]).chain(reader);
        if start == GZIP_MAGIC {
            Source::gzip(MultiGzDecoder::new(whole), length).idx()
        } else {
            Source::plain(whole, length).idx()
        }
    }

    /// Writes the array as an uncompressed IDX file.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write_to<W: Write>(&self, mut writer: W) -> Result<()> {
        self.write(&mut writer).map_err(Error::Io)
    }

    fn write<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        // `new` has checked that rank and dimensions fit.
        writer.write_all(&[0, 0, self.element_type().code(), self.shape.len() as u8])?;
        for &size in &self.shape {
            writer.write_u32::<BigEndian>(size as u32)?;
        }
        self.data.write(writer)
    }

    /// Writes the array to a file, gzipped if the name ends in `.gz`.
    ///
    /// The file appears under its name when it is complete; until then a file that was there
    /// before stays as it was.
    ///
    /// # Errors
    /// If the file cannot be written; the error names it.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.save_file(path).map_err(|error| Error::Io(error).at(path))
    }

    fn save_file(&self, path: &Path) -> io::Result<()> {
        let gzip = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut file = temporary_file(folder)?;
        let mut writer = BufWriter::new(file.as_file_mut());
        if gzip {
            let mut encoder = GzEncoder::new(&mut writer, Compression::default());
            self.write(&mut encoder)?;
            encoder.finish()?;
        } else {
            self.write(&mut writer)?;
        }
        writer.flush()?;
        drop(writer);
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, in row-major order.
    pub const fn data(&self) -> &IdxData {
        &self.data
    }

    /// The type of the elements.
    pub const fn element_type(&self) -> ElementType {
        self.data.element_type()
    }

    /// The shape and the elements, without copying them.
    pub fn into_parts(self) -> (Vec<usize>, IdxData) {
        (self.shape, self.data)
    }
}

impl fmt::Debug for Idx {
    /// Type and shape; the elements may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Idx({} {:?})", self.element_type(), self.shape)
    }
}

/// Where an array is read from, and what is known of it.
struct Source<R> {
    reader: R,
    /// The bytes from first to last, where they are known.
    length: Option<u64>,
    /// The bytes that room may be taken for before they have arrived.
    vouched: u64,
    gzip: bool,
}

impl<R: Read> Source<R> {
    fn plain(reader: R, length: Option<u64>) -> Self {
        Self {
            reader,
            length,
            vouched: length.unwrap_or(0),
            gzip: false,
        }
    }

    /// `length` is that of the gzipped bytes.
    fn gzip(reader: R, length: Option<u64>) -> Self {
        Self {
            reader,
            length: None,
            vouched: length.unwrap_or(0).saturating_mul(INFLATION),
            gzip: true,
        }
    }

    fn idx(mut self) -> Result<Idx> {
        let (element_type, shape) = self.header()?;
        let len = element_count(&shape)?;
        let Some(claimed) = len.checked_mul(element_type.size()) else {
            return Err(Error::Overflow { shape });
        };
        self.check_claim(claimed as u64, header_bytes(shape.len()) as u64)?;
        let data = IdxData::read(&mut self, element_type, len)?;
        self.expect_end(claimed as u64)?;
        Ok(Idx { shape, data })
    }

    fn header(&mut self) -> Result<(ElementType, Vec<usize>)> {
        let mut start = [0; 4];
        let found = self.fill(&mut start)?;
        if found == 0 {
            return Err(Error::Empty);
        }
        if start[..2] != [0, 0] {
            let found = start[..found].to_vec();
            return Err(Error::Magic { found });
        }
        if found < start.len() {
            let expected = start.len();
            return Err(Error::Header { found, expected });
        }
        let element_type = ElementType::from_code(start[2])?;
        Ok((element_type, self.dimensions(usize::from(start[3]))?))
    }

    fn dimensions(&mut self, rank: usize) -> Result<Vec<usize>> {
        let mut bytes = [0; 4 * u8::MAX as usize];
        let bytes = &mut bytes[..4 * rank];
        let found = self.fill(bytes)?;
        if found < bytes.len() {
            return Err(Error::Header {
                found: header_bytes(0) + found,
                expected: header_bytes(rank),
            });
        }
        Ok(bytes
            .chunks_exact(4)
            .map(|size| BigEndian::read_u32(size) as usize)
            .collect())
    }

    /// Compares the claim with the source's length, or with the limit where there is none.
    fn check_claim(&self, claimed: u64, header: u64) -> Result<()> {
        let Some(length) = self.length else {
            return if claimed > Idx::MAX_INFLATED {
                let limit = Idx::MAX_INFLATED;
                Err(Error::InflatedSize { claimed, limit })
            } else {
                Ok(())
            };
        };
        let found = length.saturating_sub(header);
        match found.cmp(&claimed) {
            std::cmp::Ordering::Less => Err(Error::Truncated {
                expected: claimed,
                found,
            }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(Error::Trailing { expected: claimed }),
        }
    }

    /// Reads `len` elements; `decode` turns bytes into as many elements as they hold.
    fn elements<T: Copy + Default>(&mut self, len: usize, decode: impl Fn(&[u8], &mut [T])) -> Result<Vec<T>> {
        let size = size_of::<T>();
        let mut bytes = vec![0; CHUNK_BYTES.min(len * size)];
        let mut values = Vec::new();
        while values.len() < len {
            let start = values.len();
            let count = (len - start).min(CHUNK_BYTES / size);
            self.make_room(&mut values, count, len - start)?;
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

    /// Room for `count` more elements, and at once for all `remaining` where the file's length
    /// vouches for them; otherwise the room at most doubles, following what has arrived.
    fn make_room<T>(&self, values: &mut Vec<T>, count: usize, remaining: usize) -> Result<()> {
        if values.capacity() - values.len() >= count {
            return Ok(());
        }
        let bytes = |more: usize| (values.len() as u64 + more as u64) * size_of::<T>() as u64;
        let more = if bytes(remaining) <= self.vouched {
            remaining
        } else {
            remaining.min(values.len().max(count))
        };
        let bytes = bytes(more);
        values.try_reserve_exact(more).map_err(|_| Error::OutOfMemory { bytes })
    }

    /// Makes sure that nothing follows; where the source is gzipped, this also checks its sum.
    fn expect_end(&mut self, claimed: u64) -> Result<()> {
        match self.fill(&mut [0])? {
            0 => Ok(()),
            _ => Err(Error::Trailing { expected: claimed }),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize> {
        fill(&mut self.reader, bytes).map_err(|error| {
            // What the inflater finds wrong has no number of the operating system's.
            if self.gzip && error.raw_os_error().is_none() {
                Error::Gzip(error)
            } else {
                Error::Io(error)
            }
        })
    }
}

/// Fills `bytes` as far as the reader goes; says how far that was.
fn fill<R: Read>(reader: &mut R, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn write_elements<W: Write, T>(writer: &mut W, values: &[T], encode: impl Fn(&[T], &mut [u8])) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK_BYTES.min(size_of_val(values))];
    for values in values.chunks(CHUNK_BYTES / size_of::<T>()) {
        let bytes = &mut bytes[..size_of_val(values)];
        encode(values, bytes);
        writer.write_all(bytes)?;
    }
    Ok(())
}

/// A file that is renamed when complete, with the access rights that a new file has.
fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".idx-");
    #[cfg(unix)]
    {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        builder.permissions(Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

const fn header_bytes(rank: usize) -> usize {
    4 + 4 * rank
}

/// The product of the dimensions; a zero among them makes it zero, however large the others.
fn element_count(shape: &[usize]) -> Result<usize> {
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(1usize, |count, &size| count.checked_mul(size))
        .ok_or_else(|| Error::Overflow { shape: shape.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_follows_what_has_arrived_unless_the_length_vouches_for_it() {
        let mut values: Vec<u8> = Vec::new();
        let unknown = Source::plain(io::empty(), None);
        unknown.make_room(&mut values, 1000, 1 << 40).unwrap();
        assert!(values.capacity() < 4000, "{}", values.capacity());
        values.resize(values.capacity(), 0);
        let arrived = values.len();
        unknown.make_room(&mut values, 1000, 1 << 40).unwrap();
        assert!(values.capacity() <= 4 * arrived, "{}", values.capacity());

        let mut values: Vec<u8> = Vec::new();
        let known = Source::plain(io::empty(), Some(1 << 20));
        known.make_room(&mut values, 1000, 1 << 20).unwrap();
        assert!(values.capacity() >= 1 << 20);
    }

    #[test]
    fn a_gzipped_file_vouches_for_what_it_may_well_inflate_to() {
        let inflated = (INFLATION as usize) << 20;
        for (claimed, at_once) in [(inflated, true), (inflated + 1, false)] {
            let mut values: Vec<u8> = Vec::new();
            let gzipped = Source::gzip(io::empty(), Some(1 << 20));
            gzipped.make_room(&mut values, 1000, claimed).unwrap();
            assert_eq!(values.capacity() >= claimed, at_once, "{claimed}");
        }
    }

    #[test]
    fn a_refused_allocation_is_an_error() {
        let mut values: Vec<f64> = Vec::new();
        let known = Source::plain(io::empty(), Some(u64::MAX));
        let error = known.make_room(&mut values, 1, usize::MAX / 8).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    }

    #[test]
    fn a_reader_that_gives_one_byte_at_a_time_is_read_whole() {
        struct Trickle<'a>(&'a [u8]);
        impl Read for Trickle<'_> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let count = to.len().min(1);
                self.0.read(&mut to[..count])
            }
        }
        let idx = Idx::new(vec![3, 2], vec![1.5f32, -2.0, 0.0, f32::MAX, 1e-40, 7.0]).unwrap();
        let mut plain = Vec::new();
        idx.write_to(&mut plain).unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&plain).unwrap();
        for bytes in [plain, encoder.finish().unwrap()] {
            let reader = BufReader::with_capacity(1, Trickle(&bytes));
            assert_eq!(Idx::read(reader, None).unwrap(), idx);
        }
    }

    #[test]
    fn an_unreadable_source_is_not_called_damaged() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(5))
            }
        }
        let start = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        let reader = BufReader::new(start.chain(Broken));
        let error = Idx::read(reader, None).unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
    }
}
