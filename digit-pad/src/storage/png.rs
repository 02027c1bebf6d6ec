//! PNG images in memory.

use std::io;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

/// The file of an image of `height` rows of `width` pixels, each of red, green and blue.
///
/// # Errors
/// If an image cannot have this size.
pub fn rgb(pixels: &[u8], width: usize, height: usize) -> io::Result<Vec<u8>> {
    encoded(pixels, (width, height), ExtendedColorType::Rgb8)
}

/// The same with gray pixels, of a byte each.
///
/// # Errors
/// As [`rgb`].
pub fn gray(pixels: &[u8], width: usize, height: usize) -> io::Result<Vec<u8>> {
    encoded(pixels, (width, height), ExtendedColorType::L8)
}

fn encoded(pixels: &[u8], size: (usize, usize), color: ExtendedColorType) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    let written = PngEncoder::new(&mut file).write_image(pixels, size.0 as u32, size.1 as u32, color);
    written.map_err(io::Error::other)?;
    Ok(file)
}
