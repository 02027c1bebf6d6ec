//! Image files, decoded to gray images of bright ink on black.

use std::{
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, metadata::Orientation};

use crate::{
    error::Error,
    geometry::PixelRect,
    imaging::{background_removal, gray_image::GrayImage},
};

/// The formats that are read.
const FORMATS: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Bmp,
    ImageFormat::Gif,
    ImageFormat::Pnm,
    ImageFormat::Tiff,
    ImageFormat::WebP,
];

/// Their names, for people.
const FORMAT_NAMES: &str = "PNG, JPEG, BMP, GIF, PNM, TIFF or WebP";

/// The most pixels that a picture may have: those of 8192×8192.
const MAX_PIXELS: u64 = 8192 * 8192;

/// The longest side, in pixels, that a photograph is looked at with.
const MOST_SIDE: u32 = 1024;

/// The most bytes that an image file may have.
const MAX_FILE: u64 = 128 << 20;

/// The least difference between ink and paper, of 255: less than this is what noise and compression make of a blank
/// sheet.
const LEAST_CONTRAST: u8 = 32;

/// How many times the usual deviation of the paper from its own grey still counts as paper.
const NOISE: u8 = 4;

/// A picture of bright ink on dark paper, and the size of the image that it is from.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedImage {
    /// The ink; smaller than the image, where that is very large.
    pub picture: GrayImage,
    /// Width of the upright image, in pixels.
    pub width: usize,
    /// Height of the upright image, in pixels.
    pub height: usize,
}

impl LoadedImage {
    /// Where in the image a part of the picture is.
    pub fn place(&self, part: PixelRect) -> PixelRect {
        let scale = self.picture.width() as f32 / self.width as f32;
        part.before_scaling(scale, (self.width, self.height))
    }
}

/// What the names of the files end in that [`open`] reads, in small letters and in capitals.
pub fn extensions() -> Vec<String> {
    let small = FORMATS.iter().flat_map(|format| format.extensions_str());
    small.flat_map(|end| [(*end).to_owned(), end.to_uppercase()]).collect()
}

/// Reads an image file (PNG, JPEG, BMP, GIF, PNM, TIFF or WebP; of several pictures the first) as a picture of bright ink on dark paper, whatever it was before.
///
/// The picture is turned upright as its EXIF data say, what is transparent becomes white, and colours become grey. Of a
/// photograph the ink alone is kept, without shadows, grain, ruled lines and dust. In a picture too small for one, the
/// usual grey of the outermost pixels is that of the paper; ink is what differs from it, darker or lighter, whichever
/// weighs more, and the brightest becomes 255.
///
/// # Errors
/// If the file is no such image, is damaged or too large, or nothing is drawn on it.
pub fn open(path: &Path) -> Result<LoadedImage, Error> {
    let picture = |reason| Error::Picture {
        path: path.to_owned(),
        reason,
    };
    let bytes = read(path)?;
    let image = decode(&bytes).map_err(picture)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let picture = ink(image).ok_or_else(|| Error::NoInk {
        path: path.to_owned(),
        width,
        height,
    })?;
    Ok(LoadedImage { picture, width, height })
}

/// The ink of an image, if there is any.
fn ink(image: DynamicImage) -> Option<GrayImage> {
    let is_photograph = image.width().min(image.height()) as usize >= background_removal::LEAST_SIDE;
    let image = if is_photograph { shrunk(image) } else { image };
    let (mut pixels, width, height) = to_gray(image);
    let pixels = if is_photograph {
        background_removal::ink(&pixels, width)?
    } else {
        brighten_ink(&mut pixels, width).then_some(pixels)?
    };
    Some(GrayImage::new(width, height, pixels))
}

/// No larger than digits are told apart in.
fn shrunk(image: DynamicImage) -> DynamicImage {
    if image.width().max(image.height()) <= MOST_SIDE {
        return image;
    }
    image.thumbnail(MOST_SIDE, MOST_SIDE)
}

/// The whole file, after a look at what it is.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |cause| Error::Read {
        path: path.to_owned(),
        cause,
    };
    let refused = |reason: String| {
        Err(Error::Picture {
            path: path.to_owned(),
            reason,
        })
    };
    let found = path.metadata().map_err(failed)?;
    if !found.is_file() {
        let what = if found.is_dir() {
            "a folder"
        } else {
            "a device or a pipe"
        };
        return refused(format!(
            "this is {what}; give the path of an image file ({FORMAT_NAMES})"
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    match bytes.len() as u64 {
        0 => refused("the file is empty".to_owned()),
        1..=MAX_FILE => Ok(bytes),
        _ => refused(format!(
            "the file is larger than the {} MB that are read; shrink the image",
            MAX_FILE >> 20
        )),
    }
}

/// The picture, upright; or why it cannot be read.
fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let format = image::guess_format(bytes).ok();
    let Some(format) = format.filter(|format| FORMATS.contains(format)) else {
        return Err(format!("this is no {FORMAT_NAMES} file; convert it to one of them"));
    };
    let damaged = |error: ImageError| format!("the image is damaged: {error}");
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes) {
        return Err("the image is damaged: its end is missing".to_owned());
    }
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!(
            "the image has {width}×{height} pixels, and {} million are the most that are read; shrink it",
            MAX_PIXELS / 1_000_000
        ));
    }
    decoder.set_limits(limits()).map_err(damaged)?;
    // Where the orientation cannot be told, the picture is taken as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// What a decoder may take: memory for four times 16 bits of each of the most pixels.
fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    limits
}

/// Whether the compressed data are followed by the marker of their end. The decoder itself fills in what is missing.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    // Segments are a marker of two bytes and their length; those before the scan may hold a whole smaller image.
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == START_OF_SCAN {
            return bytes[at..].windows(2).any(|pair| pair == END_OF_IMAGE);
        }
        // Any number of 0xff may stand before a marker.
        at += if marker == 0xff {
            1
        } else {
            2 + usize::from(u16::from_be_bytes([high, low]))
        };
    }
    false
}

/// Grey pixels, row by row, and width and height; what is transparent lies on white paper, and if nothing is to be seen
/// there, on black.
fn to_gray(image: DynamicImage) -> (Vec<u8>, usize, usize) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if !image.color().has_alpha() {
        return (image.into_luma8().into_raw(), width, height);
    }
    let image = image.into_luma_alpha8();
    let on = |paper: u8| -> Vec<u8> {
        let blend = |gray: u8, alpha: u8| {
            let (gray, paper, alpha) = (u32::from(gray), u32::from(paper), u32::from(alpha));
            ((gray * alpha + paper * (255 - alpha) + 127) / 255) as u8
        };
        image.pixels().map(|pixel| blend(pixel.0[0], pixel.0[1])).collect()
    };
    let on_white = on(255);
    let pixels = if range(&on_white) >= LEAST_CONTRAST {
        on_white
    } else {
        on(0)
    };
    (pixels, width, height)
}

/// How far the brightest pixel is from the darkest.
fn range(pixels: &[u8]) -> u8 {
    let (darkest, brightest) = pixels
        .iter()
        .fold((255, 0), |(low, high), &p| (p.min(low), p.max(high)));
    brightest.saturating_sub(darkest)
}

/// Turns grey pixels, in rows of `width`, into ink on paper: 0 where the paper is, 255 where the ink differs most from
/// it. `false` if there is no ink.
fn brighten_ink(pixels: &mut [u8], width: usize) -> bool {
    if pixels.is_empty() {
        return false;
    }
    let paper = median(border(pixels, width)).unwrap_or(0);
    let noise = median(border(pixels, width).map(|pixel| pixel.abs_diff(paper)))
        .unwrap_or(0)
        .saturating_mul(NOISE);
    let darker = |pixel: u8| paper.saturating_sub(pixel).saturating_sub(noise);
    let lighter = |pixel: u8| pixel.saturating_sub(paper).saturating_sub(noise);
    let weight = |ink: &dyn Fn(u8) -> u8| pixels.iter().map(|&pixel| u64::from(ink(pixel))).sum::<u64>();
    let ink: &dyn Fn(u8) -> u8 = if weight(&darker) >= weight(&lighter) {
        &darker
    } else {
        &lighter
    };
    let peak = pixels.iter().map(|&pixel| ink(pixel)).max().unwrap_or(0);
    if peak < LEAST_CONTRAST {
        return false;
    }
    let table: [u8; 256] = std::array::from_fn(|pixel| {
        ((u32::from(ink(pixel as u8)) * 255 + u32::from(peak) / 2) / u32::from(peak)) as u8
    });
    for pixel in pixels {
        *pixel = table[usize::from(*pixel)];
    }
    true
}

/// The outermost pixels.
fn border(pixels: &[u8], width: usize) -> impl Iterator<Item = u8> + '_ {
    let rows = pixels.chunks_exact(width);
    let last = rows.len().saturating_sub(1);
    rows.enumerate().flat_map(move |(y, row)| {
        let step = if y == 0 || y == last { 1 } else { (width - 1).max(1) };
        row.iter().copied().step_by(step)
    })
}

/// The value in the middle, the smaller one of two; none without values.
fn median(values: impl Iterator<Item = u8>) -> Option<u8> {
    let mut counts = [0u64; 256];
    for value in values {
        counts[usize::from(value)] += 1;
    }
    let half = counts.iter().sum::<u64>().div_ceil(2);
    let mut seen = 0;
    let reached = |count: &u64| {
        seen += count;
        seen >= half && half > 0
    };
    counts.iter().position(reached).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;

    fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let image = image.into();
        let image = match format {
            ImageFormat::Gif => image.into_rgba8().into(),
            _ => image,
        };
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn opened(bytes: &[u8]) -> Result<GrayImage, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture");
        std::fs::write(&path, bytes).unwrap();
        open(&path)
            .map(|photo| photo.picture)
            .map_err(|error| error.to_string())
    }

    /// A bar of `ink`, 4 by 20 pixels, on 20 by 30 pixels of `paper`.
    fn bar(paper: u8, ink: u8) -> image::GrayImage {
        image::GrayImage::from_fn(20, 30, |x, y| {
            Luma([if (8..12).contains(&x) && (5..25).contains(&y) {
                ink
            } else {
                paper
            }])
        })
    }

    fn bright_bar() -> GrayImage {
        GrayImage::new(20, 30, bar(0, 255).into_raw())
    }

    #[test]
    fn either_polarity_becomes_bright_ink() {
        for (paper, ink) in [(255, 0), (0, 255), (200, 40), (40, 90), (128, 200)] {
            let bytes = encoded(bar(paper, ink), ImageFormat::Png);
            assert_eq!(opened(&bytes).unwrap(), bright_bar(), "{ink} on {paper}");
        }
    }

    #[test]
    fn digits_of_mnist_stay_as_they_are() {
        let digits = mnist_io::Mnist::embedded_split(mnist_io::Split::Test).unwrap();
        for index in 0..200 {
            let mut pixels = digits.image(index).to_vec();
            assert!(brighten_ink(&mut pixels, 28));
            assert!(
                pixels.iter().zip(digits.image(index)).all(|(a, b)| a.abs_diff(*b) <= 1),
                "{index}"
            );
        }
    }

    #[test]
    fn noise_of_the_paper_is_no_ink() {
        let noisy = image::GrayImage::from_fn(20, 30, |x, y| {
            let grain = ((x * 7 + y * 13) % 5) as u8;
            Luma([bar(240, 20).get_pixel(x, y).0[0] - grain])
        });
        let picture = opened(&encoded(noisy, ImageFormat::Png)).unwrap();
        for (found, expected) in picture.pixels().iter().zip(bright_bar().pixels()) {
            assert!(found.abs_diff(*expected) <= 6, "{found} for {expected}");
        }
    }

    #[test]
    fn compression_leaves_the_bar_a_bar() {
        let picture = opened(&encoded(bar(250, 5), ImageFormat::Jpeg)).unwrap();
        let inked = |picture: &GrayImage| picture.pixels().iter().map(|&p| p > 127).collect::<Vec<_>>();
        assert_eq!(inked(&picture), inked(&bright_bar()));
    }

    #[test]
    fn colours_are_gray_and_what_is_transparent_is_paper() {
        let blue_on_yellow = RgbImage::from_fn(20, 30, |x, y| {
            Rgb(if bar(0, 1).get_pixel(x, y).0[0] == 1 {
                [0, 0, 160]
            } else {
                [250, 240, 120]
            })
        });
        assert_eq!(
            opened(&encoded(blue_on_yellow, ImageFormat::Png)).unwrap(),
            bright_bar()
        );
        for gray in [0, 255] {
            let on_nothing = GrayAlphaImage::from_fn(20, 30, |x, y| LumaA([gray, bar(0, 255).get_pixel(x, y).0[0]]));
            assert_eq!(
                opened(&encoded(on_nothing, ImageFormat::Png)).unwrap(),
                bright_bar(),
                "{gray} on nothing"
            );
        }
        let deep = ImageBuffer::<Luma<u16>, _>::from_fn(20, 30, |x, y| {
            Luma([u16::from(bar(255, 0).get_pixel(x, y).0[0]) * 257])
        });
        assert_eq!(
            opened(&encoded(DynamicImage::from(deep), ImageFormat::Png)).unwrap(),
            bright_bar()
        );
    }

    #[test]
    fn a_turned_picture_is_turned_back() {
        // A JPEG of the bar lying on its side, and the EXIF data that say so: orientation 6, turn clockwise.
        let lying = encoded(image::imageops::rotate270(&bar(255, 0)), ImageFormat::Jpeg);
        let tiff = [
            b"II*\0\x08\0\0\0\x01\0".as_slice(),
            b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0",
            b"\0\0\0\0",
        ]
        .concat();
        let length = (2 + 6 + tiff.len()) as u16;
        let exif = [b"\xff\xe1".as_slice(), &length.to_be_bytes(), b"Exif\0\0", &tiff].concat();
        let picture = opened(&[&lying[..2], &exif, &lying[2..]].concat()).unwrap();
        assert_eq!((picture.width(), picture.height()), (20, 30));
        assert!(picture.row(15)[9] > 200 && picture.row(15)[2] < 50);
    }

    #[test]
    fn blank_pictures_are_refused() {
        for (width, height) in [(1, 1), (1, 50), (50, 1), (2, 2), (300, 200)] {
            for gray in [0, 128, 255] {
                let blank = image::GrayImage::from_pixel(width, height, Luma([gray]));
                let message = opened(&encoded(blank, ImageFormat::Png)).unwrap_err();
                assert!(message.contains(&format!("nothing is drawn on this picture: all its {width}×{height}")));
            }
        }
        let faint = encoded(bar(255, 240), ImageFormat::Png);
        assert!(opened(&faint).unwrap_err().contains("nothing is drawn"));
        let transparent = GrayAlphaImage::from_pixel(20, 20, LumaA([90, 0]));
        assert!(
            opened(&encoded(transparent, ImageFormat::Png))
                .unwrap_err()
                .contains("nothing is drawn")
        );
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for (bytes, reason) in [
            (&b""[..], "the file is empty"),
            (b"7", "this is no PNG, JPEG, BMP"),
            (b"a drawing of a seven", "this is no PNG, JPEG, BMP"),
            (b"GIF89a\x01\0\x01\0\0\0\0;", "damaged"),
            (b"\0\0\x01\0\x01\0\x10\x10", "this is no PNG, JPEG, BMP"),
            (b"\x89PNG\r\n\x1a\n", "damaged"),
            (b"\xff\xd8\xff\xe0", "damaged"),
        ] {
            let message = opened(bytes).unwrap_err();
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn a_picture_cut_short_is_refused_wherever_it_is_cut() {
        for format in FORMATS {
            let whole = encoded(bar(255, 0), format);
            opened(&whole).unwrap();
            // The last bytes of these say that it ends, and tell nothing more.
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
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..400, byte: u8, format in proptest::sample::select(FORMATS.to_vec())) {
            let mut bytes = encoded(bar(255, 0), format);
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(image) = decode(&bytes) {
                let width = image.width() as usize;
                brighten_ink(&mut to_gray(image).0, width);
            }
        }

        #[test]
        fn the_median_has_as_many_below_as_above(values in proptest::collection::vec(any::<u8>(), 0..50)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let expected = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
            prop_assert_eq!(median(values.into_iter()), expected);
        }

        #[test]
        fn the_border_is_all_around(width in 1usize..9, height in 1usize..9) {
            let inside = |x: usize, y: usize| x > 0 && x + 1 < width && y > 0 && y + 1 < height;
            let pixels: Vec<u8> = (0..width * height).map(|i| u8::from(inside(i % width, i / width))).collect();
            prop_assert!(border(&pixels, width).all(|pixel| pixel == 0));
            let outer = pixels.iter().filter(|&&pixel| pixel == 0).count();
            prop_assert_eq!(border(&pixels, width).count(), outer);
        }
    }

    #[test]
    fn files_that_are_none_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.png");
        for (path, reason) in [(folder.path(), "this is a folder"), (&missing, "cannot read")] {
            let message = open(path).unwrap_err().to_string();
            assert!(
                message.contains(reason) && message.contains(path.to_str().unwrap()),
                "{message}"
            );
        }
        #[cfg(unix)]
        assert!(
            open(Path::new("/dev/zero"))
                .unwrap_err()
                .to_string()
                .contains("a device")
        );
    }
}
