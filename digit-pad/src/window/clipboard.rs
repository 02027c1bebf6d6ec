//! The clipboard: an image in it, or an image file that it names.

use std::{io::Cursor, path::PathBuf};

use arboard::{Clipboard, ImageData};
use image::{ImageFormat, RgbaImage};

use crate::{app::message::ImageSource, error::Error, storage::file_uri};

/// The image in the clipboard. A file that was copied comes before its icon.
///
/// # Errors
/// [`Error::NoClipboard`] if it cannot be reached, [`Error::Clipboard`] if there is neither an image nor the name of a file.
pub(super) fn image() -> Result<ImageSource, Error> {
    let mut clipboard = Clipboard::new().map_err(|error| Error::NoClipboard {
        reason: error.to_string(),
    })?;
    if let Some(path) = clipboard
        .get()
        .file_list()
        .ok()
        .and_then(|files| files.into_iter().next())
    {
        return Ok(ImageSource::File(path));
    }
    match clipboard.get_image() {
        Ok(found) => file(found),
        Err(_) => match clipboard.get_text() {
            Ok(text) => named_file(&text).map(ImageSource::File),
            Err(error) => Err(nothing(match error {
                arboard::Error::ContentNotAvailable => "the clipboard has no image".to_owned(),
                other => other.to_string(),
            })),
        },
    }
}

fn nothing(reason: String) -> Error {
    Error::Clipboard { reason }
}

/// An image as a file, so that both are read alike.
fn file(found: ImageData<'_>) -> Result<ImageSource, Error> {
    let damaged = || nothing("the image in the clipboard is damaged".to_owned());
    let size = u32::try_from(found.width).ok().zip(u32::try_from(found.height).ok());
    let (width, height) = size.ok_or_else(damaged)?;
    let pixels = RgbaImage::from_raw(width, height, found.bytes.into_owned()).ok_or_else(damaged)?;
    let mut file = Vec::new();
    let written = pixels.write_to(&mut Cursor::new(&mut file), ImageFormat::Png);
    written.map_err(|error| nothing(error.to_string()))?;
    Ok(ImageSource::Bytes("clipboard".to_owned(), file))
}

/// The file that a text names, by its path or its URI.
fn named_file(text: &str) -> Result<PathBuf, Error> {
    let line = text.trim();
    let path = file_uri::path(line).or_else(|| Some(PathBuf::from(line)).filter(|path| path.is_absolute()));
    let is_one_line = !line.contains(['\n', '\0']);
    path.filter(|_| is_one_line)
        .ok_or_else(|| nothing("the clipboard has text that names no file".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::imaging::image_file::{self, LoadedImage};

    fn decoded(image: ImageData<'_>) -> Result<LoadedImage, Error> {
        match file(image)? {
            ImageSource::Bytes(name, bytes) => image_file::from_bytes(&bytes, name.as_ref()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_that_name_a_file_are_told_from_others() {
        for (text, expected) in [
            ("file:///tmp/a%20b.png\n", Some("/tmp/a b.png")),
            ("/tmp/seven.png", Some("/tmp/seven.png")),
            ("seven.png", None),
            ("/tmp/a.png\n/tmp/b.png", None),
            ("", None),
            ("Dear reader,", None),
            ("/tmp/\0", None),
        ] {
            if cfg!(unix) {
                assert_eq!(named_file(text).ok().as_deref(), expected.map(Path::new), "{text:?}");
            }
        }
        let message = named_file("hello").unwrap_err().to_string();
        assert!(
            message.contains("names no file") && message.contains("copy an image"),
            "{message}"
        );
    }

    #[test]
    fn images_are_read_as_image_files_are() {
        let dark = |i: usize| (8..52).contains(&(i / 60)) && (28..33).contains(&(i % 60));
        let bytes: Vec<u8> = (0..60 * 60)
            .flat_map(|i| if dark(i) { [0, 0, 0, 255] } else { [255; 4] })
            .collect();
        let image = |width, height| ImageData {
            width,
            height,
            bytes: bytes.clone().into(),
        };
        let ink = decoded(image(60, 60)).unwrap().image;
        assert!(ink.pixels()[30 * ink.width() + 30] > 200 && ink.pixels()[0] < 50);
        for (width, height) in [(0, 0), (60, 61), (usize::MAX, 60)] {
            assert!(decoded(image(width, height)).is_err(), "{width}×{height}");
        }
        let blank = ImageData {
            width: 40,
            height: 40,
            bytes: vec![255; 40 * 40 * 4].into(),
        };
        let message = decoded(blank).unwrap_err().to_string();
        assert!(message.starts_with("clipboard: the image is blank"), "{message}");
    }
}
