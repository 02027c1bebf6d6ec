//! The training panel: how the drawing is read, the chart of accuracy and loss with its scrubber, and the filters.

use std::sync::Arc;

use crate::{
    format::percent,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    training::progress::{Progress, Reading, Snapshot},
    ui::{
        layout::TrainingPlaces,
        scene::{builder::SceneBuilder, item::Item, status::elided},
        state::State,
    },
};

/// The marks of the accuracy.
const ACCURACIES: [(f32, &str); 3] = [(0.9, "90%"), (0.99, "99%"), (0.999, "99.9%")];

impl SceneBuilder<'_> {
    /// The training panel.
    pub(super) fn training(&mut self, progress: &Progress, state: &State) {
        let places = self.layout.training();
        let shown = state.shown_snapshot();
        let scrubbed = state.scrubbed_step().is_some();
        self.training_title(&places, progress, shown.filter(|_| scrubbed));
        self.reading_and_chart(&places, progress, shown.map(Arc::as_ref));
        self.scrubber(&places, progress, shown.map(Arc::as_ref), scrubbed);
        self.filters(&places, shown.map(Arc::as_ref));
    }

    /// A picture of the run at a snapshot: all but the scrubber and the filters.
    pub(super) fn training_chart(&mut self, places: &TrainingPlaces, progress: &Progress, shown: Option<&Snapshot>) {
        self.training_title(places, progress, None);
        self.reading_and_chart(places, progress, shown);
    }

    fn reading_and_chart(&mut self, places: &TrainingPlaces, progress: &Progress, shown: Option<&Snapshot>) {
        self.reading(places, shown.and_then(|snapshot| snapshot.reading.as_ref()));
        self.guesses(places, progress);
        self.chart(places, progress, shown);
    }

    /// What training does, and for how long; or which time is shown.
    fn training_title(&mut self, places: &TrainingPlaces, progress: &Progress, past: Option<&Arc<Snapshot>>) {
        let theme = self.theme;
        let title = match (past, progress.finished, progress.paused, progress.is_slow) {
            (Some(_), ..) => "Back in time",
            (_, true, ..) => "Training complete",
            (_, _, true, _) => "Paused",
            (_, _, _, true) => "Slow motion",
            _ => "Training…",
        };
        let seconds = past.map_or(progress.seconds, |snapshot| snapshot.seconds);
        let color = if past.is_some() { theme.uncertain } else { theme.text };
        let right = Rect {
            x: places.title.x + places.title.width * 6 / 10,
            width: places.title.width - places.title.width * 6 / 10,
            ..places.title
        };
        let left = Rect {
            width: right.x - places.title.x,
            ..places.title
        };
        self.text(left, title, Face::SemiBold, 16.0, Align::Left, color);
        let seconds = format!("{seconds:.1} s");
        self.text(right, &seconds, Face::SemiBold, 16.0, Align::Right, theme.text);
    }

    /// The drawing, the guess, and ten bars.
    fn reading(&mut self, places: &TrainingPlaces, reading: Option<&Reading>) {
        let theme = self.theme;
        let radius = self.layout.scaled(6.0);
        let pixels = Box::new(reading.map_or([0; 784], |reading| *reading.pixels));
        self.items.push(Item::Pixels {
            rect: places.drawing,
            radius,
            pixels,
        });
        self.outline(places.drawing, radius);
        let Some(reading) = reading else {
            return self.text(places.guess, "–", Face::Medium, 40.0, Align::Left, theme.muted);
        };
        // The color grows with certainty.
        let certainty = ((reading.probability() - 0.1) / 0.9).clamp(0.0, 1.0);
        let color = theme.muted.under(theme.accent, (255.0 * certainty) as u8);
        let guess = reading.digit().to_string();
        self.text(places.guess, &guess, Face::Display, 52.0, Align::Left, color);
        let half = places.words.height / 2;
        let upper = Rect::new(
            places.words.x,
            places.words.y + half / 4,
            places.words.width,
            half * 3 / 4,
        );
        let lower = Rect {
            y: upper.bottom(),
            ..upper
        };
        let probability = percent(reading.probability());
        self.text(upper, &probability, Face::SemiBold, 15.0, Align::Left, theme.text);
        let what = if reading.is_test_digit { "test digit" } else { "drawing" };
        let what = elided(what, lower.width as f32 / self.layout.scaled(12.0));
        self.text(lower, &what, Face::Medium, 12.0, Align::Left, theme.muted);
        self.small_bars(places.bars, &reading.probabilities, None);
    }

    /// The guesses over time: a box from each change of mind to the next.
    fn guesses(&mut self, places: &TrainingPlaces, progress: &Progress) {
        let theme = self.theme;
        let strip = places.strip;
        let label = Rect::new(places.marks.x, strip.y, places.marks.width, strip.height);
        self.text(label, "guess", Face::Medium, 11.0, Align::Right, theme.muted);
        self.items.push(Item::Fill {
            rect: strip,
            radius: self.layout.scaled(4.0),
            color: theme.track,
        });
        let x = |step: u64| strip.x + (share(progress, step) * strip.width as f32).round() as i32;
        let read = progress
            .snapshots
            .iter()
            .filter_map(|snapshot| Some((snapshot.step, snapshot.reading.as_ref()?)));
        let guesses: Vec<(u64, usize)> = read.map(|(step, reading)| (step, reading.digit())).collect();
        let last = guesses.last().map_or(0, |&(step, _)| step);
        let runs: Vec<_> = guesses.chunk_by(|a, b| a.1 == b.1).map(|run| run[0]).collect();
        let last_guess = runs.last().map(|run| run.1);
        for (i, &(from, digit)) in runs.iter().enumerate() {
            let to = runs.get(i + 1).map_or(last, |next| next.0);
            let gap = i32::from(i + 1 < runs.len());
            let rect = Rect::new(x(from), strip.y, x(to) - x(from) - gap, strip.height);
            if rect.width < 1 {
                continue;
            }
            let is_last = Some(digit) == last_guess;
            let color = if is_last { theme.accent } else { theme.bar };
            let radius = self.layout.scaled(3.0).min(0.5 * rect.width as f32);
            self.items.push(Item::Fill { rect, radius, color });
            if rect.width as f32 >= self.layout.scaled(10.0) {
                let color = if is_last { theme.background } else { theme.text };
                self.text(rect, &digit.to_string(), Face::SemiBold, 12.0, Align::Center, color);
            }
        }
    }

    /// Accuracy and loss over the images seen, with marks and direct labels.
    fn chart(&mut self, places: &TrainingPlaces, progress: &Progress, shown: Option<&Snapshot>) {
        let theme = self.theme;
        let plot = places.plot;
        self.bordered_box(plot, self.layout.scaled(6.0), theme.canvas);
        self.accuracy_marks(places);
        self.image_marks(places, progress);
        let max_loss = progress.losses.iter().map(|point| point[1]).fold(0.1, f32::max);
        let loss = |[step, loss]: [f32; 2]| [step, (loss / max_loss).clamp(0.0, 1.0)];
        let accuracy = |[step, accuracy]: [f32; 2]| [step, logarithmic(accuracy)];
        let losses: Vec<_> = progress.losses.iter().copied().map(loss).collect();
        let accuracies: Vec<_> = progress.accuracies.iter().copied().map(accuracy).collect();
        self.curve(places, progress, &losses, theme.uncertain);
        self.curve(places, progress, &accuracies, theme.accent);
        let Some(snapshot) = shown else { return };
        let step = snapshot.step as f32;
        let ends = [
            (
                loss([step, snapshot.loss]),
                format!("loss {:.3}", snapshot.loss),
                theme.uncertain,
            ),
            (
                accuracy([step, snapshot.accuracy]),
                format!("{} on validation", percent(snapshot.accuracy)),
                theme.accent,
            ),
        ];
        self.direct_labels(places, progress, ends);
    }

    /// Lines at 90, 99 and 99.9 % with their labels.
    fn accuracy_marks(&mut self, places: &TrainingPlaces) {
        let line = self.layout.scaled(14.0) as i32;
        for (accuracy, label) in ACCURACIES {
            let y = self.plot_y(places, logarithmic(accuracy)).round() as i32;
            let rule = Rect::new(places.plot.x + 1, y, places.plot.width - 2, 1);
            self.items.push(Item::Fill {
                rect: rule,
                radius: 0.0,
                color: self.theme.border,
            });
            let top = (y - line / 2).clamp(places.marks.y, places.marks.bottom() - line);
            let rect = Rect::new(places.marks.x, top, places.marks.width, line);
            self.text(rect, label, Face::Medium, 11.0, Align::Right, self.theme.muted);
        }
    }

    /// Labels of the images seen, at round numbers.
    fn image_marks(&mut self, places: &TrainingPlaces, progress: &Progress) {
        let total = progress.images(progress.total_steps);
        if total == 0 {
            return;
        }
        let width = self.layout.scaled(64.0) as i32;
        let most = (places.plot.width / width).clamp(1, 6) as u64;
        let step = round_step(total, most);
        for images in (0..=total).step_by(step as usize) {
            let share = images as f32 / total as f32;
            let x = places.plot.x + (share * places.plot.width as f32) as i32;
            let left = (x - width / 2).clamp(places.labels.x, places.labels.right() - width);
            let rect = Rect::new(left, places.labels.y, width, places.labels.height);
            let text = if images == 0 {
                "0 images".to_owned()
            } else {
                thousands(images)
            };
            self.text(rect, &text, Face::Medium, 11.0, Align::Center, self.theme.muted);
        }
    }

    /// A curve of values from 0 to 1 over steps.
    fn curve(&mut self, places: &TrainingPlaces, progress: &Progress, points: &[[f32; 2]], color: Color) {
        let plot = places.plot;
        let point = |&[step, value]: &[f32; 2]| {
            let x = share(progress, step as u64) * plot.width as f32;
            [x, self.plot_y(places, value) - plot.y as f32]
        };
        let line = points.iter().map(point).collect();
        self.items.push(Item::Lines {
            rect: plot,
            lines: vec![line],
            thickness: self.layout.scaled(2.0),
            color,
        });
    }

    /// A dot and a label on each curve at the time that is shown; the labels do not overlap.
    fn direct_labels(&mut self, places: &TrainingPlaces, progress: &Progress, ends: [([f32; 2], String, Color); 2]) {
        let plot = places.plot;
        let (line, width) = (self.layout.scaled(16.0) as i32, self.layout.scaled(140.0) as i32);
        let radius = self.layout.scaled(4.0);
        let mut taken: Option<Rect> = None;
        for ([step, value], text, color) in ends {
            let x = plot.x + (share(progress, step as u64) * plot.width as f32) as i32;
            let y = self.plot_y(places, value) as i32;
            let side = (2.0 * radius).round() as i32;
            let dot = Rect::new(x - side / 2, y - side / 2, side, side);
            self.items.push(Item::Fill {
                rect: dot,
                radius,
                color,
            });
            let gap = self.layout.scaled(8.0) as i32;
            let fits = x + gap + width <= plot.right();
            let (left, align) = if fits {
                (x + gap, Align::Left)
            } else {
                (x - gap - width, Align::Right)
            };
            // Above its end, where a curve that rises has not been, and one that falls is not for long.
            let above = y - line - gap / 2;
            let wanted = if above > plot.y { above } else { y + gap / 2 };
            let mut rect = Rect::new(
                left.max(plot.x + 2),
                wanted.clamp(plot.y + 2, plot.bottom() - line - 2),
                width.min(plot.width - 4),
                line,
            );
            if let Some(other) = taken.filter(|other| !other.intersection(&rect).is_empty()) {
                let below = other.bottom();
                rect.y = if below + line <= plot.bottom() {
                    below
                } else {
                    other.y - line
                };
            }
            taken = Some(rect);
            let text_width = self.width_for(&text, 11.5).min(rect.width);
            let shift = if fits { 0 } else { rect.width - text_width };
            self.items.push(Item::Fill {
                rect: Rect::new(rect.x + shift, rect.y, text_width, rect.height),
                radius: self.layout.scaled(3.0),
                color: self.theme.canvas,
            });
            self.text(rect, &text, Face::SemiBold, 11.5, align, color);
        }
    }

    /// The track of the scrubber, with the knob at the time that is shown, and the line of that time over the chart.
    fn scrubber(&mut self, places: &TrainingPlaces, progress: &Progress, shown: Option<&Snapshot>, scrubbed: bool) {
        let (theme, track) = (self.theme, places.scrubber);
        let thickness = self.layout.scaled(4.0).round() as i32;
        let rail = Rect::new(
            track.x,
            track.y + (track.height - thickness) / 2,
            track.width,
            thickness,
        );
        let radius = 0.5 * thickness as f32;
        self.items.push(Item::Fill {
            rect: rail,
            radius,
            color: theme.track,
        });
        let Some(snapshot) = shown else { return };
        let length = (share(progress, snapshot.step) * track.width as f32) as i32;
        let color = if scrubbed { theme.uncertain } else { theme.accent };
        let done = Rect { width: length, ..rail };
        self.items.push(Item::Fill {
            rect: done,
            radius,
            color,
        });
        if scrubbed {
            let width = (self.layout.scaled(1.0).round() as i32).max(1);
            let bottom = places.plot.bottom();
            self.items.push(Item::Fill {
                rect: Rect::new(track.x + length, places.strip.y, width, bottom - places.strip.y),
                radius: 0.0,
                color: theme.uncertain,
            });
        }
        let side = self.layout.scaled(14.0).round() as i32;
        let knob = Rect::new(
            track.x + length - side / 2,
            track.y + (track.height - side) / 2,
            side,
            side,
        );
        self.items.push(Item::Fill {
            rect: knob,
            radius: 0.5 * side as f32,
            color: theme.text,
        });
    }

    /// The first layer's filters, apart from the chart.
    fn filters(&mut self, places: &TrainingPlaces, shown: Option<&Snapshot>) {
        let Some(filters) = shown
            .map(|snapshot| &snapshot.filters)
            .filter(|filters| filters.width > 1 && places.filters.height > 0)
        else {
            return;
        };
        let count = filters.tiles.len() as i32;
        let size = format!("{count} filters of {}×{}", filters.height, filters.width);
        let texts = [
            format!("What the first layer looks for: {size}"),
            format!("First layer: {size}"),
        ];
        let caption = places.filters_caption;
        let text = self.longest_that_fits(&texts, 11.5, caption.width);
        self.text(caption, &text, Face::Medium, 11.5, Align::Left, self.theme.muted);
        let (area, gap) = (places.filters, self.layout.scaled(3.0).max(1.0) as i32);
        let fits = |&side: &i32| {
            let (columns, rows) = ((area.width + gap) / (side + gap), (area.height + gap) / (side + gap));
            columns * rows >= count
        };
        let side = (3..=area.height).rev().find(fits).unwrap_or(3);
        self.items.push(Item::Tiles {
            rect: area,
            tiles: Arc::clone(filters),
            side,
            gap,
            colors: [self.theme.accent, self.theme.uncertain],
        });
    }

    /// The y of a value from 0 to 1 in the plot.
    fn plot_y(&self, places: &TrainingPlaces, value: f32) -> f32 {
        let inset = self.layout.scaled(6.0);
        let height = places.plot.height as f32 - 2.0 * inset;
        places.plot.y as f32 + inset + height * (1.0 - value.clamp(0.0, 1.0))
    }
}

/// The share of a run that a step ends.
fn share(progress: &Progress, step: u64) -> f32 {
    (step as f32 / progress.total_steps.max(1) as f32).min(1.0)
}

/// Maps accuracy to 0–1 by its number of nines: 90% becomes 1/3.1, 99% 2/3.1 and 99.9% 3/3.1, below the upper edge.
pub(super) fn logarithmic(accuracy: f32) -> f32 {
    let nines = -(1.0 - accuracy.clamp(0.0, 0.9993)).log10();
    (nines / 3.1).min(1.0)
}

/// The smallest of 1, 2 or 5 times a power of ten that divides `total` into at most `most` parts.
fn round_step(total: u64, most: u64) -> u64 {
    let powers = (0..18).map(|power| 10_u64.pow(power));
    let mut steps = powers.flat_map(|power| [power, 2 * power, 5 * power]);
    steps.find(|step| total / step <= most).unwrap_or(total.max(1))
}

/// A number of images, short: `20k`, `1.5M`.
fn thousands(images: u64) -> String {
    match images {
        0..1_000 => images.to_string(),
        1_000..1_000_000 => format!("{}k", images as f64 / 1e3),
        _ => format!("{}M", images as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(round_step(60_000, 6), 10_000);
        assert_eq!(round_step(120_000, 3), 50_000);
        assert_eq!(round_step(1, 6), 1);
        assert_eq!([900, 20_000, 1_500_000].map(thousands), ["900", "20k", "1.5M"]);
    }

    #[test]
    fn each_nine_of_accuracy_is_as_high() {
        let heights = [0.0, 0.9, 0.99, 0.999, 1.0].map(logarithmic);
        let steps: Vec<f32> = heights.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            steps[..3].iter().all(|step| (step - 1.0 / 3.1).abs() < 1e-3),
            "{steps:?}"
        );
        assert!(heights[4] > heights[3] && heights[4] <= 1.0 && !logarithmic(f32::NAN).is_infinite());
    }
}
