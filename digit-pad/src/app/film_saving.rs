//! Saves a training run as an animated GIF, off the window's thread.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError, channel},
    },
    thread,
};

use image::{
    Delay, Frame, RgbaImage,
    codecs::gif::{GifEncoder, Repeat},
};

use crate::{
    error::Error,
    storage::{atomic_file, exports::free_name},
    training::progress::Progress,
    ui::film::{Picture, SIZE, pictures},
};

/// How fast colors are chosen, from 1, the best, to 30.
const SPEED: i32 = 20;

/// A film that is being saved.
#[derive(Debug)]
pub(super) struct FilmSaving {
    outcome: Receiver<Result<PathBuf, Error>>,
}

impl FilmSaving {
    /// Starts to save a film of a run into a folder.
    ///
    /// # Errors
    /// [`Error::Thread`] if no thread can be started.
    pub(super) fn start(folder: PathBuf, progress: Arc<Progress>, dark: bool) -> Result<Self, Error> {
        let (sender, outcome) = channel();
        let work = move || {
            // The window may be closed by now.
            let _ = sender.send(save(&folder, &progress, dark));
        };
        thread::Builder::new()
            .name("film".to_owned())
            .spawn(work)
            .map_err(Error::Thread)?;
        Ok(FilmSaving { outcome })
    }

    /// The path of the film once it is saved, or why it is not.
    pub(super) fn poll(&self) -> Option<Result<PathBuf, Error>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(Error::WorkerEnded)),
        }
    }
}

/// Saves a film as an animated GIF that repeats, and returns its path.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn save(folder: &Path, progress: &Progress, dark: bool) -> Result<PathBuf, Error> {
    let path = free_name(folder, "training", &["gif"]);
    atomic_file::replace(&path, |file| {
        let mut encoder = GifEncoder::new_with_speed(file, SPEED);
        encoder.set_repeat(Repeat::Infinite).map_err(io::Error::other)?;
        let mut frames = pictures(progress, dark).map(frame);
        frames.try_for_each(|frame| encoder.encode_frame(frame).map_err(io::Error::other))
    })?;
    Ok(path)
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
    use std::time::{Duration, Instant};

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
        let folder = tempfile::tempdir().unwrap();
        let path = save(folder.path(), &progress(150), true).unwrap();
        assert_eq!(path.file_name().unwrap(), "training-1.gif");
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() <= 2_000_000, "{} bytes", bytes.len());
        let decoder = GifDecoder::new(io::Cursor::new(bytes)).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 60);
        assert!(frames.iter().all(|frame| frame.buffer().dimensions() == (480, 320)));
        assert_eq!(frames[0].delay().numer_denom_ms(), (100, 1));
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn films_are_saved_in_the_background_and_errors_name_the_file() {
        let wait = |folder: PathBuf| {
            let saving = FilmSaving::start(folder, Arc::new(progress(2)), false).unwrap();
            let start = Instant::now();
            loop {
                if let Some(outcome) = saving.poll() {
                    return outcome;
                }
                assert!(start.elapsed() < Duration::from_secs(60));
                thread::sleep(Duration::from_millis(5));
            }
        };
        let folder = tempfile::tempdir().unwrap();
        assert!(wait(folder.path().to_owned()).unwrap().exists());
        let error = wait(PathBuf::from("/nowhere/at/all")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }
}
