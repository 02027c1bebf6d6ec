//! The header of an IDX file: element type and shape.

use std::io::{self, Write};

use byteorder::{BigEndian, ByteOrder, WriteBytesExt};

use super::element::ElementType;
use crate::error::{Error, Result};

/// The highest rank that fits in the header's rank byte.
const MAX_RANK: usize = u8::MAX as usize;

/// Returns the length in bytes of the header of an array of this rank.
pub(super) const fn len_in_bytes(rank: usize) -> usize {
    4 + 4 * rank
}

/// Reads the header.
///
/// `read` fills the buffer as far as the input goes and returns the number of bytes read.
pub(super) fn read(mut read: impl FnMut(&mut [u8]) -> Result<usize>) -> Result<(ElementType, Vec<usize>)> {
    let mut start = [0; 4];
    let found = read(&mut start)?;
    if found == 0 {
        return Err(Error::Empty);
    }
    if start[..2] != [0, 0] {
        let found = start[..found].to_vec();
        return Err(Error::Magic { found });
    }
    if found < start.len() {
        let expected = start.len();
        return Err(Error::TruncatedHeader { found, expected });
    }
    let element_type = ElementType::from_code(start[2])?;
    let rank = usize::from(start[3]);
    let mut bytes = [0; 4 * MAX_RANK];
    let bytes = &mut bytes[..4 * rank];
    let found = read(bytes)?;
    if found < bytes.len() {
        return Err(Error::TruncatedHeader {
            found: start.len() + found,
            expected: len_in_bytes(rank),
        });
    }
    let sizes = bytes.chunks_exact(4).map(|size| BigEndian::read_u32(size) as usize);
    Ok((element_type, sizes.collect()))
}

/// Writes the header of an array whose shape has passed [`check_shape`].
pub(super) fn write<W: Write>(writer: &mut W, element_type: ElementType, shape: &[usize]) -> io::Result<()> {
    writer.write_all(&[0, 0, element_type.code(), shape.len() as u8])?;
    for &size in shape {
        writer.write_u32::<BigEndian>(size as u32)?;
    }
    Ok(())
}

/// Checks that rank and dimensions fit in a header.
pub(super) fn check_shape(shape: &[usize]) -> Result<()> {
    if shape.len() > MAX_RANK {
        return Err(Error::Rank { rank: shape.len() });
    }
    match shape.iter().position(|&size| u32::try_from(size).is_err()) {
        Some(axis) => {
            let size = shape[axis];
            Err(Error::Dimension { axis, size })
        }
        None => Ok(()),
    }
}

/// Returns the product of the dimensions.
///
/// A dimension of zero makes the product zero, even if the other dimensions would overflow.
pub(super) fn element_count(shape: &[usize]) -> Result<usize> {
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(1usize, |count, &size| count.checked_mul(size))
        .ok_or_else(|| Error::Overflow { shape: shape.to_vec() })
}
