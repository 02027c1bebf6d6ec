//! IDX, the file format of MNIST: an array of any shape and of six element types.
//!
//! An IDX file consists of two zero bytes, one byte for the element type, one byte for the rank, the dimensions as
//! big-endian `u32`, outermost first, and the elements, big-endian, in row-major order. The format is described on
//! <http://yann.lecun.com/exdb/mnist/>.

mod element;
mod header;
mod read;
mod write;

use std::{
    fmt,
    fs::File,
    io::{BufReader, Write},
    path::Path,
};

use self::element::CHUNK_BYTES;
pub use self::element::{ElementType, IdxData};
use crate::error::{Error, Result};

/// An array in IDX format: a shape and its elements.
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
    /// The maximum size in bytes of data from an input of unknown length, such as gzip or a pipe: 1 GiB.
    ///
    /// The limit keeps a small malicious file from exhausting memory.
    pub const MAX_INFLATED: u64 = read::MAX_INFLATED;

    /// Creates an array of this shape, outermost dimension first, from elements in row-major order.
    ///
    /// A shape without dimensions holds one element.
    ///
    /// # Errors
    /// [`Error::ElementCount`] if the number of elements is not the product of the dimensions; [`Error::Rank`] and
    /// [`Error::Dimension`] if IDX cannot represent the shape, which is the case for more than 255 dimensions or a
    /// dimension above `u32::MAX`; [`Error::Overflow`] if the product overflows `usize`.
    pub fn new(shape: Vec<usize>, data: impl Into<IdxData>) -> Result<Self> {
        let data = data.into();
        header::check_shape(&shape)?;
        let expected = header::element_count(&shape)?;
        let found = data.len();
        if expected != found {
            return Err(Error::ElementCount { shape, expected, found });
        }
        Ok(Self { shape, data })
    }

    /// Parses the bytes of an IDX file, gzipped or not.
    ///
    /// # Errors
    /// If the bytes are not exactly one IDX file. The size claimed by the header is checked before memory is
    /// allocated.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (shape, data) = read::read(bytes, Some(bytes.len() as u64))?;
        Ok(Self { shape, data })
    }

    /// Reads an IDX file; gzip is detected by its content, not by the file name.
    ///
    /// # Errors
    /// [`Error::File`] with the path, if the file cannot be read or as for [`from_bytes`](Self::from_bytes).
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
        let (shape, data) = read::read(BufReader::with_capacity(CHUNK_BYTES, file), length)?;
        Ok(Self { shape, data })
    }

    /// Writes the array as an uncompressed IDX file.
    ///
    /// # Errors
    /// [`Error::Io`] if the writer fails.
    pub fn write_to<W: Write>(&self, mut writer: W) -> Result<()> {
        write::write(&mut writer, &self.shape, &self.data).map_err(Error::Io)
    }

    /// Writes the array to a file, gzipped if the extension is `.gz`.
    ///
    /// The write is atomic: if it fails, an existing file is left unchanged.
    ///
    /// # Errors
    /// [`Error::File`] with the path, if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write::save(path, &self.shape, &self.data).map_err(|error| Error::Io(error).at(path))
    }

    /// Returns the dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the elements, in row-major order.
    pub const fn data(&self) -> &IdxData {
        &self.data
    }

    /// Returns the type of the elements.
    pub const fn element_type(&self) -> ElementType {
        self.data.element_type()
    }

    /// Returns the shape and the elements without copying.
    pub fn into_parts(self) -> (Vec<usize>, IdxData) {
        (self.shape, self.data)
    }
}

impl fmt::Debug for Idx {
    /// Prints element type and shape, without the elements.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Idx({} {:?})", self.element_type(), self.shape)
    }
}
