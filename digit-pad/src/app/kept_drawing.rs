//! What is kept of the drawing on the canvas between sessions: its strokes as text, and the image under them.

use std::io::{self, Cursor};

use image::{DynamicImage, codecs::png::PngDecoder};

use crate::{
    drawing::{file::Drawing, strokes::Ink},
    imaging::gray_image::GrayImage,
    storage::png,
};

/// Strokes as a drawing's line.
#[must_use]
pub fn ink_to_json(ink: &Ink) -> String {
    let drawing = Drawing {
        label: None,
        number: None,
        sign: None,
        ink: ink.clone(),
    };
    drawing.to_json()
}

/// The strokes of a line, if it is not damaged.
#[must_use]
pub fn ink_from_json(text: &str) -> Option<Ink> {
    let drawing = Drawing::from_json(text.trim_end()).ok()?;
    Some(drawing.ink)
}

/// The image as a PNG file.
///
/// # Errors
/// If an image cannot have this size.
pub fn image_to_png(image: &GrayImage) -> io::Result<Vec<u8>> {
    png::gray(image.pixels(), image.width(), image.height())
}

/// The image as it was on the canvas, without another search for its ink; `None` if the file is damaged.
#[must_use]
pub fn image_from_png(file: &[u8]) -> Option<GrayImage> {
    // A large image was shrunk when it was opened. The decoders of other formats would be compiled for this once more.
    let decoder = PngDecoder::new(Cursor::new(file)).ok()?;
    let image = DynamicImage::from_decoder(decoder).ok()?.into_luma8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Some(GrayImage::new(width, height, image.into_raw()))
}
