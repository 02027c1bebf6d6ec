//! Image files: decoding, and resizing to the shape of a data set's images (feature `images`).

use std::{
    error::Error as _,
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};

use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Pixel, Rgba, RgbaImage,
    imageops::FilterType, metadata::Orientation,
};

use crate::{
    error::{Error, Result},
    image_shape::ImageShape,
    indexed_tiff::{self, END_IS_MISSING},
};

/// Names of the supported formats, for messages.
pub const FORMAT_NAMES: &str = "PNG, JPEG, BMP, GIF, PNM, TIFF or WebP";

/// Supported formats.
const FORMATS: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Bmp,
    ImageFormat::Gif,
    ImageFormat::Pnm,
    ImageFormat::Tiff,
    ImageFormat::WebP,
];

/// Most pixels of an image: those of 8192×8192.
const MAX_PIXELS: u64 = 8192 * 8192;

/// Most bytes of an image file.
const MAX_FILE: u64 = 128 << 20;

/// The interpolation of resized images: a cubic filter that averages where it shrinks, as in Pillow.
const FILTER: FilterType = FilterType::CatmullRom;

/// Returns the extensions of image files, in lower case.
pub fn extensions() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().flat_map(|format| format.extensions_str()).copied()
}

/// Returns whether a file begins like an image, of a format that text does not begin like (as it may like BMP or PNM).
pub(crate) fn begins_like_image(path: &Path) -> bool {
    let mut start = Vec::new();
    let is_file = path.metadata().is_ok_and(|found| found.is_file());
    if !is_file
        || File::open(path)
            .and_then(|file| file.take(16).read_to_end(&mut start))
            .is_err()
    {
        return false;
    }
    let textual = [ImageFormat::Bmp, ImageFormat::Pnm];
    image::guess_format(&start).is_ok_and(|format| FORMATS.contains(&format) && !textual.contains(&format))
}

/// Reads an image file (PNG, JPEG, BMP, GIF, PNM, TIFF or WebP; the first image of several), upright as its EXIF data
/// say.
///
/// # Errors
/// [`Error::File`] with the path, if the file cannot be read or as for [`decode`].
pub fn open(path: impl AsRef<Path>) -> Result<DynamicImage> {
    let path = path.as_ref();
    read(path)
        .and_then(|bytes| decode(&bytes))
        .map_err(|error| error.at(path))
}

/// Decodes an image file in memory, like [`open`].
///
/// # Errors
/// [`Error::Image`] if it is not such a file, is damaged, or has more than 8192×8192 pixels, which is checked before
/// memory is allocated.
pub fn decode(bytes: &[u8]) -> Result<DynamicImage> {
    decode_or_reason(bytes).map_err(|reason| Error::Image { reason })
}

/// Returns the values of an image of this shape, `[channels, height, width]`.
///
/// The image is resized to that height and width, whatever its proportions, and converted between gray and RGB.
/// Without a channel for it, opacity becomes a white background.
///
/// ```
/// use image::{DynamicImage, Rgb, RgbImage};
/// use mnist_io::{ImageShape, image_file};
///
/// let image = DynamicImage::from(RgbImage::from_pixel(40, 30, Rgb([255, 0, 9])));
/// let values = image_file::values(image, ImageShape::new(3, 2, 2)?);
/// assert_eq!(values, [255, 255, 255, 255, 0, 0, 0, 0, 9, 9, 9, 9]);
/// # Ok::<(), mnist_io::Error>(())
/// ```
pub fn values(image: DynamicImage, shape: ImageShape) -> Vec<u8> {
    let has_opacity = shape.channels().is_multiple_of(2);
    let image = if image.color().has_alpha() && !has_opacity {
        on_white(&image)
    } else {
        image
    };
    // Shrinking works on fewer channels.
    let image = match shape.channels() {
        1 => DynamicImage::from(image.into_luma8()),
        2 => DynamicImage::from(image.into_luma_alpha8()),
        3 => DynamicImage::from(image.into_rgb8()),
        _ => DynamicImage::from(image.into_rgba8()),
    };
    let (width, height) = (shape.width() as u32, shape.height() as u32);
    let image = if image.dimensions() == (width, height) {
        image
    } else {
        image.resize_exact(width, height, FILTER)
    };
    let mut values = image.into_bytes();
    shape.separate_channels(&mut values);
    values
}

/// Returns the shape of an image as it is: gray or RGB, without opacity.
pub(crate) fn shape(image: &DynamicImage) -> Result<ImageShape> {
    let channels = if image.color().has_color() { 3 } else { 1 };
    ImageShape::new(channels, image.height() as usize, image.width() as usize)
}

fn on_white(image: &DynamicImage) -> DynamicImage {
    let blended = RgbaImage::from_fn(image.width(), image.height(), |x, y| {
        let mut pixel = Rgba([255; 4]);
        pixel.blend(&image.get_pixel(x, y));
        pixel
    });
    blended.into()
}

/// Reads the whole file if it is a regular file of a supported size.
fn read(path: &Path) -> Result<Vec<u8>> {
    let refused = |reason: String| Err(Error::Image { reason });
    // Before opening it: opening a pipe waits for a writer.
    let metadata = path.metadata().map_err(Error::Io)?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            "a folder"
        } else {
            "a device or a pipe"
        };
        return refused(format!(
            "this is {kind}; give the path of an image file ({FORMAT_NAMES})"
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(Error::Io)?;
    match bytes.len() as u64 {
        0 => refused("the file is empty".to_owned()),
        1..=MAX_FILE => Ok(bytes),
        _ => refused(format!(
            "the file is larger than {} MB, the most that is supported; shrink the image",
            MAX_FILE >> 20
        )),
    }
}

/// Image that was read as far as possible.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduced {
    /// The image, upright.
    pub image: DynamicImage,
    /// Width and height of the upright image in the file, in pixels.
    pub size: [usize; 2],
    /// Whether the end of the file is missing, so that rows are.
    pub is_truncated: bool,
}

/// Reads an image file, and reduces it until neither side is longer than `side`. Less memory is needed than by [`open`],
/// since the image is reduced before it is rotated; and a JPEG without its end is read as far as it goes.
///
/// # Errors
/// As for [`open`].
pub fn open_reduced(path: impl AsRef<Path>, side: u32) -> Result<Reduced> {
    let path = path.as_ref();
    read(path)
        .and_then(|bytes| decode_reduced(&bytes, side))
        .map_err(|error| error.at(path))
}

/// Decodes an image file in memory, like [`open_reduced`].
///
/// # Errors
/// As for [`decode`].
pub fn decode_reduced(bytes: &[u8], side: u32) -> Result<Reduced> {
    let read = |reason| Error::Image { reason };
    let is_truncated =
        image::guess_format(bytes).is_ok_and(|format| format == ImageFormat::Jpeg) && !is_complete_jpeg(bytes);
    let (mut image, orientation) = decode_stored(bytes).map_err(read)?;
    if is_truncated {
        image = without_missing_rows(image).ok_or_else(|| read(END_IS_MISSING.to_owned()))?;
    }
    let size = [image.width() as usize, image.height() as usize];
    let mut image = if image.width().max(image.height()) > side {
        image.thumbnail(side, side)
    } else {
        image
    };
    image.apply_orientation(orientation);
    let is_turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    Ok(Reduced {
        image,
        size: if is_turned { [size[1], size[0]] } else { size },
        is_truncated,
    })
}

/// Removes the rows at the bottom for which the file has no data: the decoder fills them with one color. `None` if
/// nothing remains.
fn without_missing_rows(image: DynamicImage) -> Option<DynamicImage> {
    let (width, height) = image.dimensions();
    let is_plain = |y: u32| (1..width).all(|x| image.get_pixel(x, y) == image.get_pixel(0, y));
    let last = (0..height).rev().find(|&y| !is_plain(y))?;
    Some(image.crop_imm(0, 0, width, last + 1))
}

/// Decodes an image and rotates it upright, or says why that is impossible.
fn decode_or_reason(bytes: &[u8]) -> std::result::Result<DynamicImage, String> {
    let is_jpeg = image::guess_format(bytes).is_ok_and(|format| format == ImageFormat::Jpeg);
    if is_jpeg && !is_complete_jpeg(bytes) {
        return Err(END_IS_MISSING.to_owned());
    }
    let (mut image, orientation) = decode_stored(bytes)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Decodes an image as it is stored, with the orientation in which it is upright.
fn decode_stored(bytes: &[u8]) -> std::result::Result<(DynamicImage, Orientation), String> {
    let format = image::guess_format(bytes).ok();
    let Some(format) = format.filter(|format| FORMATS.contains(format)) else {
        return Err(if is_heif(bytes) {
            "this is a HEIC or AVIF image, which cannot be read; convert it to JPEG or PNG".to_owned()
        } else {
            format!("not a {FORMAT_NAMES} file; convert it to one of them")
        });
    };
    if let Some(image) = indexed_tiff::decode(bytes, check_size) {
        return image;
    }
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    decoder.set_limits(limits()).map_err(damaged)?;
    // Without a readable orientation, the image is taken as it is stored.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(damaged)?, orientation))
}

/// Says that an image is damaged, or that its end is missing where that is why.
fn damaged(error: ImageError) -> String {
    let is_end = |cause: &io::Error| cause.kind() == io::ErrorKind::UnexpectedEof;
    let ends = matches!(&error, ImageError::IoError(cause) if is_end(cause));
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    if ends || causes.any(|cause| cause.downcast_ref().is_some_and(is_end)) {
        END_IS_MISSING.to_owned()
    } else {
        format!("the image is damaged: {error}")
    }
}

fn check_size(width: u32, height: u32) -> std::result::Result<(), String> {
    if u64::from(width) * u64::from(height) <= MAX_PIXELS {
        return Ok(());
    }
    Err(format!(
        "the image has {width}×{height} pixels; at most {} million are supported; shrink it",
        MAX_PIXELS / 1_000_000
    ))
}

/// Whether a file begins with the box of the HEIF formats, as phones save them.
fn is_heif(bytes: &[u8]) -> bool {
    const BRANDS: [&[u8]; 8] = [b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif"];
    bytes.get(4..8) == Some(b"ftyp") && bytes.get(8..12).is_some_and(|brand| BRANDS.contains(&brand))
}

/// Limits of a decoder: memory for four channels of 16 bits for the most pixels.
fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    limits
}

/// Whether the marker of the end follows the compressed data. The decoder itself fills in what is missing.
fn is_complete_jpeg(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    // Segments are a marker of two bytes and their length; those before the scan may contain a whole thumbnail.
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == START_OF_SCAN {
            return bytes[at..].windows(2).any(|pair| pair == END_OF_IMAGE);
        }
        // Any number of 0xff may precede a marker.
        at += if marker == 0xff {
            1
        } else {
            2 + usize::from(u16::from_be_bytes([high, low]))
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, GrayImage, Luma, LumaA, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;

    /// A dark bar in this format.
    fn encoded(format: ImageFormat) -> Vec<u8> {
        let bar = GrayImage::from_fn(20, 30, |x, _| Luma([if (8..12).contains(&x) { 0 } else { 255 }]));
        let bar = DynamicImage::from(bar);
        let bar = match format {
            ImageFormat::Gif => bar.into_rgba8().into(),
            _ => bar,
        };
        let mut bytes = Cursor::new(Vec::new());
        bar.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn shape(channels: usize, height: usize, width: usize) -> ImageShape {
        ImageShape::new(channels, height, width).unwrap()
    }

    #[test]
    fn images_of_the_right_shape_are_unchanged() {
        let gray = GrayImage::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8]));
        assert_eq!(values(gray.into(), shape(1, 2, 3)), [0, 1, 2, 10, 11, 12]);
        let color = RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8, 10 + x as u8, 20 + x as u8]));
        assert_eq!(values(color.into(), shape(3, 1, 2)), [0, 1, 10, 11, 20, 21]);
        let opacity = GrayAlphaImage::from_fn(2, 1, |x, _| LumaA([x as u8, 100 + x as u8]));
        assert_eq!(values(opacity.into(), shape(2, 1, 2)), [0, 1, 100, 101]);
    }

    #[test]
    fn channels_are_converted() {
        let gray = GrayImage::from_pixel(1, 1, Luma([77]));
        assert_eq!(values(gray.clone().into(), shape(3, 1, 1)), [77; 3]);
        assert_eq!(values(gray.into(), shape(4, 1, 1)), [77, 77, 77, 255]);
        let color = RgbImage::from_pixel(1, 1, Rgb([200, 200, 200]));
        assert_eq!(values(color.into(), shape(1, 1, 1)), [200]);
        for (opacity, expected) in [(0, 255), (255, 40)] {
            let transparent = GrayAlphaImage::from_pixel(1, 1, LumaA([40, opacity]));
            assert_eq!(values(transparent.clone().into(), shape(1, 1, 1)), [expected]);
            assert_eq!(values(transparent.into(), shape(3, 1, 1)), [expected; 3]);
        }
    }

    #[test]
    fn large_images_are_averaged() {
        // Fine stripes, which would alias if pixels were merely picked.
        let stripes = GrayImage::from_fn(280, 280, |x, _| Luma([if x % 2 == 0 { 0 } else { 254 }]));
        let small = values(stripes.into(), shape(1, 28, 28));
        assert!(small.iter().all(|pixel| (120..=134).contains(pixel)), "{small:?}");
    }

    #[test]
    fn other_files_are_refused() {
        for (bytes, reason) in [
            (&b""[..], "not a PNG"),
            (b"GIF89a", "damaged"),
            (b"\xFF\xD8\xFF\xE0", "end is missing"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "this is a HEIC"),
        ] {
            let error = decode(bytes).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let dir = tempfile::tempdir().unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("this is a folder"), "{error}");
    }

    #[test]
    fn truncated_images_are_refused() {
        for format in FORMATS {
            let whole = encoded(format);
            decode(&whole).unwrap();
            // The last bytes of these formats only mark the end.
            let end = whole.len()
                - match format {
                    ImageFormat::Png => 12,
                    ImageFormat::Gif => 3,
                    ImageFormat::WebP => 1,
                    _ => 0,
                };
            for length in (0..end).step_by(7).chain([end - 1]) {
                assert!(decode(&whole[..length]).is_err(), "{format:?} of {length} bytes");
            }
            if [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff].contains(&format) {
                let error = decode(&whole[..end - 1]).unwrap_err().to_string();
                assert!(error.contains(END_IS_MISSING), "{format:?}: {error}");
            }
        }
    }

    #[test]
    fn a_truncated_jpeg_is_read_as_far_as_it_goes() {
        let image = GrayImage::from_fn(160, 200, |x, y| Luma([((x * 7 + y * 5) % 251) as u8]));
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
        let bytes = bytes.into_inner();
        let whole = decode_reduced(&bytes, 500).unwrap();
        assert!(!whole.is_truncated && whole.size == [160, 200]);
        let half = decode_reduced(&bytes[..bytes.len() / 2], 500).unwrap();
        assert!(half.is_truncated && half.size[0] == 160, "{:?}", half.size);
        assert!((60..140).contains(&half.size[1]), "{:?}", half.size);
        let (first, again) = (whole.image.into_luma8(), half.image.into_luma8());
        assert_eq!(
            first.rows().next().unwrap().collect::<Vec<_>>(),
            again.rows().next().unwrap().collect::<Vec<_>>()
        );
        assert!(decode_reduced(&bytes[..20], 500).is_err());
    }

    #[test]
    fn images_are_reduced_upright() {
        let image = GrayImage::from_fn(300, 100, |x, _| Luma([if x < 150 { 0 } else { 255 }]));
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        let found = decode_reduced(&bytes.into_inner(), 60).unwrap();
        assert_eq!(
            (found.image.width(), found.image.height(), found.size),
            (60, 20, [300, 100])
        );
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..400, byte: u8, format in prop::sample::select(FORMATS.to_vec())) {
            let mut bytes = encoded(format);
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(image) = decode(&bytes) {
                values(image, shape(3, 2, 2));
            }
        }
    }
}
