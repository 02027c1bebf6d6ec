//! A training run as an animated GIF.

use std::path::Path;

use image::{
    Delay, Frame, ImageResult, RgbaImage,
    codecs::gif::{GifEncoder, Repeat},
};

use crate::{
    error::Error,
    training::progress::Progress,
    ui::film::{Picture, SIZE, pictures},
};

/// How fast colors are chosen, from 1, the best, to 30.
const SPEED: i32 = 20;

/// The file of a film that repeats, on a dark background or not.
///
/// # Errors
/// If it cannot be encoded.
pub fn gif(progress: &Progress, dark: bool) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    encode(progress, dark, &mut file).map_err(|error| Error::InvalidImage {
        path: Path::new("film").to_owned(),
        reason: error.to_string(),
    })?;
    Ok(file)
}

fn encode(progress: &Progress, dark: bool, file: &mut Vec<u8>) -> ImageResult<()> {
    let mut encoder = GifEncoder::new_with_speed(file, SPEED);
    encoder.set_repeat(Repeat::Infinite)?;
    pictures(progress, dark).try_for_each(|picture| encoder.encode_frame(frame(picture)))
}

fn frame(picture: Picture) -> Frame {
    let bytes = picture.pixels.iter().flat_map(|pixel| {
        let [_, red, green, blue] = pixel.to_be_bytes();
        [red, green, blue, 255]
    });
    let image = RgbaImage::from_raw(SIZE.0 as u32, SIZE.1 as u32, bytes.collect()).expect("a picture of that size");
    Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(picture.milliseconds, 1))
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, sync::Arc};

    use image::{AnimationDecoder, codecs::gif::GifDecoder};

    use super::*;
    use crate::{
        recognition::activations::Tiles,
        training::progress::{Reading, Snapshot},
    };

    /// A run whose reading of a blotchy drawing changes from step to step.
    fn progress(count: u64) -> Progress {
        let mut progress = Progress {
            total_steps: count,
            batch: 64,
            finished: true,
            ..Progress::default()
        };
        for step in 1..=count {
            let value = |i: u64| ((step * 7 + i * 13) % 17) as f32 / 17.0;
            progress.losses.push([step as f32, value(0)]);
            progress.accuracies.push([step as f32, value(1)]);
            let reading = Reading {
                pixels: Arc::new(std::array::from_fn(|i| (i * i % 251) as u8)),
                is_test_digit: false,
                probabilities: std::array::from_fn(|i| value(i as u64) / 10.0),
            };
            progress.keep(Snapshot {
                step,
                seconds: step as f32,
                loss: value(0),
                accuracy: value(1),
                filters: Arc::new(Tiles {
                    height: 0,
                    width: 0,
                    tiles: Vec::new(),
                }),
                reading: Some(reading),
            });
        }
        progress
    }

    #[test]
    fn a_film_is_an_animated_gif_of_at_most_two_megabytes() {
        let bytes = gif(&progress(150), true).unwrap();
        assert!(bytes.len() <= 2_000_000, "{} bytes", bytes.len());
        let decoder = GifDecoder::new(Cursor::new(bytes)).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 60);
        assert!(frames.iter().all(|frame| frame.buffer().dimensions() == (480, 320)));
        assert_eq!(frames[0].delay().numer_denom_ms(), (100, 1));
    }
}
