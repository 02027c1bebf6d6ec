//! Image files as gray images of bright ink on black.

use std::{fmt, path::Path};

use image::{DynamicImage, RgbImage};
use mnist_io::image_file::{self, Reduced};

use crate::{
    error::Error,
    geometry::PixelRect,
    imaging::{
        background_removal::{self, Reading},
        gray_image::GrayImage,
        marks::Content,
        polarity, projection,
    },
    storage::file_kind::FileKind,
};

/// Longest side to which photographs are reduced, in pixels.
const MAX_PHOTO_SIDE: u32 = 1024;
/// Images with at least this shorter side may be photographs.
const MAY_BE_PHOTO: usize = 24;
/// Doubt that a small image is a photograph.
const SMALL_PHOTO: f32 = 0.03;

/// The ink of an image file, and the size of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedImage {
    /// The ink: bright on black, smaller than the file's image if that is very large.
    pub image: GrayImage,
    /// Width of the upright image in the file, in pixels.
    pub width: usize,
    /// Height of the upright image in the file, in pixels.
    pub height: usize,
    /// Whether the end of the file is missing, so that only its first rows were read.
    pub is_truncated: bool,
}

/// The ink of an image file in the ways that are possible, each with how much less likely it is than the first one, as a
/// probability. Each is computed when it is asked for.
pub struct Readings {
    first: Option<(GrayImage, f32)>,
    others: Box<dyn Iterator<Item = (GrayImage, f32)> + Send>,
    /// Width of the upright image in the file, in pixels.
    pub width: usize,
    /// Height of the upright image in the file, in pixels.
    pub height: usize,
    /// Whether the end of the file is missing, so that only its first rows were read.
    pub is_truncated: bool,
}

impl LoadedImage {
    /// Converts a rectangle of [`image`](Self::image) to pixels of the image in the file.
    pub fn source_rect(&self, rect: PixelRect) -> PixelRect {
        let scale = self.image.width() as f32 / self.width as f32;
        rect.before_scaling(scale, (self.width, self.height))
    }

    /// The error that the image in this file is blank.
    pub fn blank(&self, path: &Path) -> Error {
        Error::BlankImage {
            path: path.to_owned(),
            width: self.width,
            height: self.height,
        }
    }
}

/// The note on an image file without its end, of which this many rows were read.
pub fn truncated(rows: usize) -> String {
    format!("the end of the file is missing; its first {rows} rows of pixels were read")
}

/// File extensions of the supported formats, in lower and in upper case.
pub fn extensions() -> Vec<String> {
    image_file::extensions()
        .flat_map(|end| [end.to_owned(), end.to_uppercase()])
        .collect()
}

/// Reads an image file (PNG, JPEG, BMP, GIF, PNM, TIFF or WebP; the first image of several) and extracts its ink.
///
/// The image is rotated as its EXIF data say, transparency becomes white, and colors become gray: brightness, or the
/// direction of colors with the most contrast where ink is as bright as its paper. From 64×64 pixels on, an image counts
/// as a photograph: shadows, noise, ruled lines, rings, underlines and dust are removed. In a smaller one, the background
/// is the median gray of the border, and ink is what differs from it, darker or lighter, whichever weighs more.
///
/// # Errors
///
/// If the file is not such an image, is damaged or too large, or contains no ink.
pub fn open(path: &Path) -> Result<LoadedImage, Error> {
    Ok(open_readings(path)?.into_first())
}

/// Reads an image file of a number, like [`open`]; smaller specks than beside a single digit count as ink, as a decimal
/// point is one.
///
/// # Errors
///
/// As [`open`].
pub fn open_number(path: &Path) -> Result<LoadedImage, Error> {
    Ok(Readings::new(reduced(path)?, path, Content::Number)?.into_first())
}

/// Extracts the ink of an image file in memory, like [`open`]; errors name `path`.
///
/// # Errors
///
/// As [`open`], except for reading the file.
pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<LoadedImage, Error> {
    Ok(Readings::new(decoded(bytes, path)?, path, Content::Digit)?.into_first())
}

/// Extracts the ink of an image file of a number in memory, like [`open_number`]; errors name `path`.
///
/// # Errors
///
/// As [`open`], except for reading the file.
pub fn number_from_bytes(bytes: &[u8], path: &Path) -> Result<LoadedImage, Error> {
    Ok(Readings::new(decoded(bytes, path)?, path, Content::Number)?.into_first())
}

fn decoded(bytes: &[u8], path: &Path) -> Result<Reduced, Error> {
    image_file::decode_reduced(bytes, MAX_PHOTO_SIDE).map_err(|error| with_path(error, path))
}

/// Reads an image file and extracts its ink in the ways that are possible, at least one: what touches the border may be
/// ink or not, faint strokes, rings and lines may be part of the digit or not, ink may be darker or lighter than paper.
/// The first one is that of [`open`].
///
/// # Errors
///
/// As [`open`].
pub fn open_readings(path: &Path) -> Result<Readings, Error> {
    Readings::new(reduced(path)?, path, Content::Digit)
}

fn reduced(path: &Path) -> Result<Reduced, Error> {
    image_file::open_reduced(path, MAX_PHOTO_SIDE).map_err(|error| with_path(error, path))
}

impl Readings {
    fn new(found: Reduced, path: &Path, content: Content) -> Result<Self, Error> {
        let [width, height] = found.size;
        let mut images = readings(found.image, content);
        let first = images.next().ok_or_else(|| Error::BlankImage {
            path: path.to_owned(),
            width,
            height,
        })?;
        Ok(Readings {
            first: Some(first),
            others: images,
            width,
            height,
            is_truncated: found.is_truncated,
        })
    }

    fn into_first(self) -> LoadedImage {
        LoadedImage {
            image: self.first.expect("it was not asked for yet").0,
            width: self.width,
            height: self.height,
            is_truncated: self.is_truncated,
        }
    }
}

impl Iterator for Readings {
    type Item = (GrayImage, f32);

    fn next(&mut self) -> Option<Self::Item> {
        self.first.take().or_else(|| self.others.next())
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readings")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("is_truncated", &self.is_truncated)
            .finish_non_exhaustive()
    }
}

/// An error of reading an image file.
pub(crate) fn with_path(error: mnist_io::Error, path: &Path) -> Error {
    let path = path.to_owned();
    match error {
        mnist_io::Error::File { path, error } => with_path(*error, &path),
        mnist_io::Error::Io(cause) => Error::Read { path, cause },
        other => match FileKind::Image.expect(&path) {
            Err(wrong_file) => wrong_file,
            Ok(()) => Error::InvalidImage {
                path,
                reason: other.to_string(),
            },
        },
    }
}

/// Extracts the ink in the ways that are possible; none without ink.
fn readings(image: DynamicImage, content: Content) -> Box<dyn Iterator<Item = (GrayImage, f32)> + Send> {
    let side = image.width().min(image.height()) as usize;
    let is_photo = side >= background_removal::MIN_SIDE;
    let plane = projection::gray(opaque(image));
    let (width, height) = (plane.width, plane.height);
    let small = if is_photo {
        Vec::new()
    } else {
        polarity::readings(&plane)
    };
    let more = if is_photo { 0.0 } else { SMALL_PHOTO };
    let as_photo = move || {
        background_removal::readings(&plane, content).map(move |reading| Reading {
            doubt: reading.doubt + more,
            ..reading
        })
    };
    let as_photo = (side >= MAY_BE_PHOTO).then_some(as_photo).into_iter();
    let found = small.into_iter().chain(as_photo.flat_map(|readings| readings()));
    Box::new(found.map(move |reading| (GrayImage::new(width, height, reading.ink), reading.doubt)))
}

/// The image without opacity: on white, or on black if nothing is visible on white.
fn opaque(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return image;
    }
    let image = image.into_rgba8();
    let on = |background: u8| {
        let blend = |value: u8, alpha: u8| {
            let (value, background, alpha) = (u32::from(value), u32::from(background), u32::from(alpha));
            ((value * alpha + background * (255 - alpha) + 127) / 255) as u8
        };
        let blended = image.pixels().flat_map(|pixel| {
            let [red, green, blue, alpha] = pixel.0;
            [red, green, blue].map(|value| blend(value, alpha))
        });
        RgbImage::from_raw(image.width(), image.height(), blended.collect()).expect("three values per pixel")
    };
    let on_white = on(255);
    if polarity::contrast(on_white.as_raw()) >= polarity::MIN_CONTRAST {
        on_white.into()
    } else {
        on(0).into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{GrayAlphaImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage};

    use super::*;

    fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn opened(bytes: &[u8]) -> Result<GrayImage, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, bytes).unwrap();
        open(&path)
            .map(|loaded| loaded.image)
            .map_err(|error| error.to_string())
    }

    /// A bar of gray `ink`, 4×20 pixels, on a `background` of 20×30.
    fn bar(background: u8, ink: u8) -> image::GrayImage {
        image::GrayImage::from_fn(20, 30, |x, y| {
            Luma([if (8..12).contains(&x) && (5..25).contains(&y) {
                ink
            } else {
                background
            }])
        })
    }

    fn bright_bar() -> GrayImage {
        GrayImage::new(20, 30, bar(0, 255).into_raw())
    }

    #[test]
    fn either_polarity_becomes_bright_ink() {
        for (background, ink) in [(255, 0), (0, 255), (200, 40), (40, 90), (128, 200)] {
            let bytes = encoded(bar(background, ink), ImageFormat::Png);
            assert_eq!(opened(&bytes).unwrap(), bright_bar(), "{ink} on {background}");
        }
    }

    #[test]
    fn noise_of_the_background_is_removed() {
        let noisy = image::GrayImage::from_fn(20, 30, |x, y| {
            let noise = ((x * 7 + y * 13) % 5) as u8;
            Luma([bar(240, 20).get_pixel(x, y).0[0] - noise])
        });
        let image = opened(&encoded(noisy, ImageFormat::Png)).unwrap();
        for (found, expected) in image.pixels().iter().zip(bright_bar().pixels()) {
            assert!(found.abs_diff(*expected) <= 6, "{found} for {expected}");
        }
    }

    #[test]
    fn compression_artifacts_are_removed() {
        let image = opened(&encoded(bar(250, 5), ImageFormat::Jpeg)).unwrap();
        let inked = |image: &GrayImage| image.pixels().iter().map(|&p| p > 127).collect::<Vec<_>>();
        assert_eq!(inked(&image), inked(&bright_bar()));
    }

    #[test]
    fn colors_become_gray_and_transparency_background() {
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
    fn the_exif_orientation_is_applied() {
        // A JPEG of the bar on its side, with EXIF orientation 6: rotate clockwise.
        let lying = encoded(image::imageops::rotate270(&bar(255, 0)), ImageFormat::Jpeg);
        let tiff = [
            b"II*\0\x08\0\0\0\x01\0".as_slice(),
            b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0",
            b"\0\0\0\0",
        ]
        .concat();
        let length = (2 + 6 + tiff.len()) as u16;
        let exif = [b"\xff\xe1".as_slice(), &length.to_be_bytes(), b"Exif\0\0", &tiff].concat();
        let image = opened(&[&lying[..2], &exif, &lying[2..]].concat()).unwrap();
        assert_eq!((image.width(), image.height()), (20, 30));
        assert!(image.row(15)[9] > 200 && image.row(15)[2] < 50);
    }

    #[test]
    fn blank_images_are_rejected() {
        for (width, height) in [(1, 1), (1, 50), (50, 1), (2, 2), (300, 200)] {
            for gray in [0, 128, 255] {
                let blank = image::GrayImage::from_pixel(width, height, Luma([gray]));
                let message = opened(&encoded(blank, ImageFormat::Png)).unwrap_err();
                assert!(message.contains(&format!("the image is blank: all its {width}×{height}")));
            }
        }
        let faint = encoded(bar(255, 240), ImageFormat::Png);
        assert!(opened(&faint).unwrap_err().contains("the image is blank"));
        let transparent = GrayAlphaImage::from_pixel(20, 20, LumaA([90, 0]));
        assert!(
            opened(&encoded(transparent, ImageFormat::Png))
                .unwrap_err()
                .contains("the image is blank")
        );
    }

    #[test]
    fn files_that_are_not_images_are_rejected() {
        for (bytes, reason) in [
            (&b""[..], "the file is empty"),
            (b"7", "not a PNG, JPEG, BMP"),
            (b"a drawing of a seven", "not a PNG, JPEG, BMP"),
            (b"GIF89a\x01\0\x01\0\0\0\0;", "damaged"),
            (b"\0\0\x01\0\x01\0\x10\x10", "not a PNG, JPEG, BMP"),
            (b"\x89PNG\r\n\x1a\n", "damaged"),
            (b"\xff\xd8\xff\xe0", "damaged"),
        ] {
            let message = opened(bytes).unwrap_err();
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn paths_that_are_not_files_are_rejected() {
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
