//! What the pad reads of rows of digits, marks and signs.

use std::path::Path;

use digit_pad::{
    drawing::strokes::Ink,
    imaging::image_file,
    recognition::{
        recognizer::Recognizer,
        segmentation::{numbers, segment_image, segment_ink},
    },
};

/// The symbols of strokes, with a blank between lines.
pub fn read_ink(ink: &Ink, recognizer: &mut Recognizer) -> String {
    let found = segment_ink(ink, recognizer);
    numbers(found.iter().map(|digit| (digit.line, digit.symbol()))).join(" ")
}

/// The symbols of an image file in memory, with a blank between lines; none if it has no ink.
pub fn read_file(file: &[u8], recognizer: &mut Recognizer) -> String {
    let Ok(loaded) = image_file::number_from_bytes(file, Path::new("row.pgm")) else {
        return String::new();
    };
    let found = segment_image(&loaded.image, recognizer);
    numbers(found.iter().map(|digit| (digit.line, digit.symbol()))).join(" ")
}
