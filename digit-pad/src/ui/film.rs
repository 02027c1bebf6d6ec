//! A training run as a film: the drawing, its ten bars settling, and the curves growing, picture by picture.

use std::sync::Arc;

use crate::{
    graphics::canvas::Rect,
    training::progress::{Progress, Snapshot},
    ui::{
        layout::{DEFAULT_SIZE, Layout, Panel, TrainingPlaces},
        painter::Painter,
        scene::training_picture,
        theme::Theme,
    },
};

/// Width and height of a picture, in pixels.
pub const SIZE: (usize, usize) = (480, 320);

/// Most pictures of a film.
pub const MOST_PICTURES: usize = 60;

/// Time that a picture is shown, in milliseconds; the last one longer.
const SHOWN: (u32, u32) = (100, 2_500);

/// A picture of a film.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Its pixels in rows from the top, each `0x00RRGGBB`.
    pub pixels: Vec<u32>,
    /// For how long it is shown, in milliseconds.
    pub milliseconds: u32,
}

/// The pictures of a training run, from the first snapshot to the last: [`MOST_PICTURES`] at most.
pub fn pictures(progress: &Progress, dark: bool) -> impl Iterator<Item = Picture> + '_ {
    let theme = if dark { Theme::DARK } else { Theme::LIGHT };
    let layout = Layout::new(DEFAULT_SIZE.0, DEFAULT_SIZE.1, 1.0, Panel::Training);
    let mut painter = Painter::new();
    let shown = spread(progress.snapshots.len());
    let count = shown.len();
    shown.into_iter().enumerate().map(move |(i, index)| {
        let past = as_of(progress, index);
        let items = training_picture(&past, &layout, &theme, &places());
        painter.paint_items(items, theme, SIZE);
        Picture {
            pixels: painter.pixels().to_vec(),
            milliseconds: if i + 1 == count { SHOWN.1 } else { SHOWN.0 },
        }
    })
}

/// Up to [`MOST_PICTURES`] indexes below `count`, evenly spread, with the first and the last.
fn spread(count: usize) -> Vec<usize> {
    let pictures = count.min(MOST_PICTURES);
    let last = pictures.saturating_sub(1).max(1);
    (0..pictures).map(|i| i * (count - 1) / last).collect()
}

/// The progress as it was at a snapshot.
fn as_of(progress: &Progress, index: usize) -> Progress {
    let snapshots: Vec<Arc<Snapshot>> = progress.snapshots[..=index].to_vec();
    let step = progress.snapshots[index].step;
    let until = |points: &[[f32; 2]]| -> Vec<[f32; 2]> {
        points.iter().filter(|point| point[0] <= step as f32).copied().collect()
    };
    Progress {
        paused: false,
        is_slow: false,
        finished: progress.finished && index + 1 == progress.snapshots.len(),
        steps: step,
        seconds: progress.snapshots[index].seconds,
        losses: until(&progress.losses),
        accuracies: until(&progress.accuracies),
        snapshots,
        ..*progress
    }
}

/// The places of a picture.
fn places() -> TrainingPlaces {
    let nothing = Rect::new(0, 0, 0, 0);
    TrainingPlaces {
        title: Rect::new(176, 16, 288, 22),
        drawing: Rect::new(16, 16, 140, 140),
        guess: Rect::new(176, 46, 64, 72),
        words: Rect::new(176, 118, 90, 40),
        bars: Rect::new(272, 48, 192, 108),
        strip: Rect::new(60, 170, 404, 18),
        plot: Rect::new(60, 192, 404, 94),
        marks: Rect::new(12, 192, 44, 94),
        labels: Rect::new(12, 290, 456, 14),
        scrubber: nothing,
        filters_caption: nothing,
        filters: nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{recognition::activations::Tiles, training::progress::Reading};

    fn progress(count: u64) -> Progress {
        let mut progress = Progress {
            total_steps: 10 * count,
            batch: 64,
            finished: true,
            ..Progress::default()
        };
        for step in 0..count {
            let p = 0.1 + 0.9 * step as f32 / count as f32;
            let mut probabilities = [(1.0 - p) / 9.0; 10];
            probabilities[3] = p;
            progress.losses.push([10.0 * step as f32, 2.3 - p]);
            progress.accuracies.push([10.0 * step as f32, p]);
            progress.keep(Snapshot {
                step: 10 * step,
                seconds: step as f32,
                loss: 2.3 - p,
                accuracy: p,
                filters: Arc::new(Tiles {
                    height: 0,
                    width: 0,
                    tiles: Vec::new(),
                }),
                reading: Some(Reading {
                    pixels: Arc::new(std::array::from_fn(|i| if i % 28 == 14 { 255 } else { 0 })),
                    is_test_digit: false,
                    probabilities,
                }),
            });
        }
        progress
    }

    #[test]
    fn a_film_has_at_most_sixty_pictures_and_ends_with_the_last_snapshot() {
        assert_eq!((spread(0), spread(1), spread(3)), (vec![], vec![0], vec![0, 1, 2]));
        let many = spread(150);
        assert_eq!((many.len(), many[0], many[59]), (60, 0, 149));
        assert!(many.is_sorted());
        assert_eq!(pictures(&Progress::default(), true).count(), 0);
    }

    #[test]
    fn the_curves_grow_and_the_bar_settles() {
        let progress = progress(6);
        let pictures: Vec<Picture> = pictures(&progress, true).collect();
        assert_eq!(pictures.len(), 6);
        assert!(pictures.iter().all(|picture| picture.pixels.len() == SIZE.0 * SIZE.1));
        assert!(pictures[5].milliseconds > pictures[0].milliseconds);
        let count = |picture: &Picture, part: Rect| {
            let inside = |i: &usize| part.contains((i % SIZE.0) as f32, (i / SIZE.0) as f32);
            (0..picture.pixels.len())
                .filter(inside)
                .filter(|&i| picture.pixels[i] == Theme::DARK.accent.0)
                .count()
        };
        for part in [places().bars, places().plot] {
            let counts: Vec<usize> = pictures.iter().map(|picture| count(picture, part)).collect();
            assert!(counts.last() > counts.first(), "{counts:?}");
        }
    }
}
