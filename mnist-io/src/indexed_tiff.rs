//! TIFF files that the decoder of `image` refuses: with a palette, or with 2 or 4 bits a pixel.

use std::{io::Cursor, ops::Range};

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use tiff::{
    decoder::{Decoder, DecodingResult, Limits},
    tags::Tag,
};

/// Why a truncated image is refused.
pub(crate) const END_IS_MISSING: &str = "the image is damaged: its end is missing";
/// Tags of the TIFF 6.0 specification, section 8.
const BITS_PER_SAMPLE: u16 = 258;
const PHOTOMETRIC_INTERPRETATION: u16 = 262;
const SAMPLES_PER_PIXEL: u16 = 277;
/// Bytes that the decoder may need for the largest palette.
const MOST_OF_PALETTE: usize = 1 << 16;
/// Values of the photometric interpretation.
const WHITE_IS_ZERO: u16 = 0;
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;

/// What the first image of such a file holds.
struct Indexed {
    bits: u32,
    interpretation: u16,
    /// Where the interpretation stands in the file.
    place: Range<usize>,
    is_little_endian: bool,
}

/// An image as it is stored, with the orientation in which it is upright.
pub(crate) type Stored = (DynamicImage, Orientation);

/// Decodes the first image of a TIFF file with a palette, or with few grays, if `check_size` allows its width and height;
/// `None` for any other file.
pub(crate) fn decode(
    bytes: &[u8],
    check_size: impl Fn(u32, u32) -> Result<(), String>,
) -> Option<Result<Stored, String>> {
    Some(Indexed::find(bytes)?.decode(bytes, check_size))
}

impl Indexed {
    fn find(bytes: &[u8]) -> Option<Self> {
        let is_little_endian = match bytes.get(..4)? {
            b"II\x2a\0" => true,
            b"MM\0\x2a" => false,
            _ => return None,
        };
        let short = |at: usize| {
            let bytes = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
            Some(if is_little_endian {
                u16::from_le_bytes(bytes)
            } else {
                u16::from_be_bytes(bytes)
            })
        };
        let long = |at: usize| {
            let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(if is_little_endian {
                u32::from_le_bytes(bytes)
            } else {
                u32::from_be_bytes(bytes)
            } as usize)
        };
        let directory = long(4)?;
        let entries = directory.checked_add(2)?;
        let entry = |tag: u16| {
            (0..short(directory)?.into())
                .map(|i: usize| entries + 12 * i)
                .find(|&at| short(at) == Some(tag))
        };
        // A short stands at the beginning of the field of its value.
        let value = |tag: u16| short(entry(tag)? + 8);
        let place = entry(PHOTOMETRIC_INTERPRETATION)? + 8;
        let found = Indexed {
            bits: value(BITS_PER_SAMPLE).unwrap_or(1).into(),
            interpretation: short(place)?,
            place: place..place + 2,
            is_little_endian,
        };
        let is_gray = matches!(found.interpretation, WHITE_IS_ZERO | BLACK_IS_ZERO);
        let is_indexed = match found.bits {
            1 | 8 => found.interpretation == PALETTE,
            2 | 4 => found.interpretation == PALETTE || is_gray,
            _ => false,
        };
        (is_indexed && value(SAMPLES_PER_PIXEL).unwrap_or(1) == 1).then_some(found)
    }

    /// Decodes the file as if its indices were grays, and looks them up.
    fn decode(&self, bytes: &[u8], check_size: impl Fn(u32, u32) -> Result<(), String>) -> Result<Stored, String> {
        let damaged = |error: tiff::TiffError| format!("the image is damaged: {error}");
        let mut bytes = bytes.to_vec();
        let gray = BLACK_IS_ZERO;
        let gray = if self.is_little_endian {
            gray.to_le_bytes()
        } else {
            gray.to_be_bytes()
        };
        bytes[self.place.clone()].copy_from_slice(&gray);
        let mut decoder = Decoder::new(Cursor::new(&bytes[..])).map_err(damaged)?;
        let (width, height) = decoder.dimensions().map_err(damaged)?;
        check_size(width, height)?;
        // A pixel is at most a byte; the palette counts too.
        let mut limits = Limits::default();
        limits.decoding_buffer_size = (width as usize * height as usize).max(MOST_OF_PALETTE);
        let mut decoder = decoder.with_limits(limits);
        let DecodingResult::U8(packed) = decoder.read_image().map_err(damaged)? else {
            return Err("the image is damaged: its values are not whole numbers".to_owned());
        };
        let levels = self.unpacked(&packed, width as usize);
        if levels.len() as u64 != u64::from(width) * u64::from(height) {
            return Err(END_IS_MISSING.to_owned());
        }
        let image = if self.interpretation == PALETTE {
            let colors = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(damaged)?;
            let colors = Palette::new(&colors, self.bits)?;
            RgbImage::from_raw(width, height, colors.look_up(&levels)).map(DynamicImage::from)
        } else {
            GrayImage::from_raw(width, height, self.grays(&levels)).map(DynamicImage::from)
        };
        let image = image.ok_or_else(|| END_IS_MISSING.to_owned())?;
        let orientation = decoder.find_tag_unsigned(Tag::Orientation).ok().flatten();
        let orientation = orientation.and_then(Orientation::from_exif);
        Ok((image, orientation.unwrap_or(Orientation::NoTransforms)))
    }

    /// A value for each pixel of rows that begin with a byte each.
    fn unpacked(&self, packed: &[u8], width: usize) -> Vec<u8> {
        let in_byte = 8 / self.bits as usize;
        let mask = u8::MAX >> (8 - self.bits);
        let row_of = |row: &[u8]| -> Vec<u8> {
            let value = |x: usize| row[x / in_byte] >> (8 - self.bits as usize * (x % in_byte + 1)) & mask;
            (0..width).map(value).collect()
        };
        packed
            .chunks_exact(width.div_ceil(in_byte).max(1))
            .flat_map(row_of)
            .collect()
    }

    fn grays(&self, levels: &[u8]) -> Vec<u8> {
        let white = u8::MAX >> (8 - self.bits);
        let gray = |level: &u8| (u16::from(*level) * 255 / u16::from(white)) as u8;
        let invert = if self.interpretation == WHITE_IS_ZERO {
            u8::MAX
        } else {
            0
        };
        levels.iter().map(|level| gray(level) ^ invert).collect()
    }
}

/// The colors of a palette: all reds, all greens, all blues.
struct Palette<'a> {
    colors: &'a [u16],
    count: usize,
}

impl<'a> Palette<'a> {
    fn new(colors: &'a [u16], bits: u32) -> Result<Self, String> {
        let count = 1 << bits;
        if colors.len() == 3 * count {
            Ok(Palette { colors, count })
        } else {
            let found = colors.len();
            Err(format!(
                "the image is damaged: its palette has {found} values, not {}",
                3 * count
            ))
        }
    }

    fn look_up(&self, levels: &[u8]) -> Vec<u8> {
        let channel = |level: u8, channel: usize| (self.colors[channel * self.count + usize::from(level)] >> 8) as u8;
        levels
            .iter()
            .flat_map(|&level| [0, 1, 2].map(|index| channel(level, index)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TIFF file of one uncompressed strip, with a palette if there are colors.
    fn file(size: [u16; 2], bits: u16, interpretation: u16, colors: &[u16], data: &[u8], little: bool) -> Vec<u8> {
        let short = |value: u16| {
            if little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let long = |value: u32| {
            if little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let entries = 9 + u16::from(!colors.is_empty());
        let after = 8 + 2 + 12 * u32::from(entries) + 4;
        let mut file = if little {
            b"II\x2a\0".to_vec()
        } else {
            b"MM\0\x2a".to_vec()
        };
        file.extend(long(8));
        file.extend(short(entries));
        let entry = |file: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: [u8; 4]| {
            file.extend(short(tag));
            file.extend(short(kind));
            file.extend(long(count));
            file.extend(value);
        };
        let of_short = |value: u16| {
            let [a, b] = short(value);
            [a, b, 0, 0]
        };
        let colors_at = after + data.len() as u32;
        entry(&mut file, 256, 3, 1, of_short(size[0]));
        entry(&mut file, 257, 3, 1, of_short(size[1]));
        entry(&mut file, 258, 3, 1, of_short(bits));
        entry(&mut file, 259, 3, 1, of_short(1));
        entry(&mut file, 262, 3, 1, of_short(interpretation));
        entry(&mut file, 273, 4, 1, long(after));
        entry(&mut file, 277, 3, 1, of_short(1));
        entry(&mut file, 278, 3, 1, of_short(size[1]));
        entry(&mut file, 279, 4, 1, long(data.len() as u32));
        if !colors.is_empty() {
            entry(&mut file, 320, 3, colors.len() as u32, long(colors_at));
        }
        file.extend(long(0));
        file.extend(data);
        file.extend(colors.iter().flat_map(|&color| short(color)));
        file
    }

    fn decoded(file: &[u8]) -> DynamicImage {
        decode(file, |_, _| Ok(())).expect("an indexed file").unwrap().0
    }

    #[test]
    fn grays_of_two_and_four_bits_are_spread_and_rows_begin_with_a_byte() {
        for little in [true, false] {
            let four = file([3, 2], 4, BLACK_IS_ZERO, &[], &[0x0f, 0x80, 0x12, 0x30], little);
            assert_eq!(decoded(&four).to_luma8().as_raw(), &[0, 255, 136, 17, 34, 51]);
            let two = file([5, 1], 2, WHITE_IS_ZERO, &[], &[0b0001_1011, 0b1100_0000], little);
            assert_eq!(decoded(&two).to_luma8().as_raw(), &[255, 170, 85, 0, 0]);
        }
    }

    #[test]
    fn palettes_are_looked_up() {
        for (bits, data) in [
            (1, vec![0b0100_0000]),
            (2, vec![0b0001_0000]),
            (4, vec![0x01]),
            (8, vec![0, 1]),
        ] {
            let count = 1 << bits;
            let mut colors = vec![0; 3 * count];
            (colors[0], colors[1]) = (0xff00, 0x1000);
            (colors[count], colors[count + 1]) = (0x8000, 0x2000);
            (colors[2 * count], colors[2 * count + 1]) = (0, 0x3000);
            for little in [true, false] {
                let image = decoded(&file([2, 1], bits, PALETTE, &colors, &data, little));
                assert_eq!(image.to_rgb8().as_raw(), &[255, 128, 0, 16, 32, 48], "{bits} bits");
            }
        }
    }

    #[test]
    fn other_files_are_left_to_the_decoder_of_images() {
        let gray = file([2, 1], 8, BLACK_IS_ZERO, &[], &[1, 2], true);
        for bytes in [&gray[..], b"", b"II\x2a\0", b"\x89PNG\r\n\x1a\n", &gray[..20]] {
            assert!(decode(bytes, |_, _| Ok(())).is_none());
        }
    }

    #[test]
    fn damage_is_an_error() {
        let short_palette = file([2, 1], 8, PALETTE, &[1, 2, 3], &[0, 1], true);
        let error = decode(&short_palette, |_, _| Ok(())).unwrap().unwrap_err();
        assert!(error.contains("palette has 3 values, not 768"), "{error}");
        let whole = file([60, 60], 4, BLACK_IS_ZERO, &[], &[0; 30 * 60], true);
        let refused = decode(&whole, |width, height| Err(format!("{width}×{height}")));
        assert_eq!(refused.unwrap().unwrap_err(), "60×60");
        let few = |width: u32, height: u32| {
            if width.saturating_mul(height) < 10_000 {
                Ok(())
            } else {
                Err(String::new())
            }
        };
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let _ = decode(&damaged, few);
            let _ = decode(&whole[..at], few);
        }
    }
}
