//! Element types of the IDX format, and the elements of a file as one typed vector.

use std::fmt;

use crate::error::{Error, Result};

/// Size in bytes of the buffer through which elements are converted; a multiple of every element size.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// The element type of an IDX file.
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
    /// Every element type, in ascending order of the codes.
    pub const ALL: [Self; 6] = [Self::U8, Self::I8, Self::I16, Self::I32, Self::F32, Self::F64];

    /// Returns the code of this type in an IDX header.
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

    /// Returns the type with this code.
    ///
    /// # Errors
    /// [`Error::ElementType`] if no type has the code.
    pub fn from_code(code: u8) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|element_type| element_type.code() == code)
            .ok_or(Error::ElementType { code })
    }

    /// Returns the size of one element in bytes.
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
    /// Returns the type of the elements.
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

    /// Returns the number of elements.
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

    /// Returns whether there are no elements.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
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
