//! The training panel: the reading of the drawing, the chart over time with its scrubber, and the filters.

use crate::{graphics::canvas::Rect, ui::layout::Layout};

/// The places of the training panel, from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingPlaces {
    /// The title and the time.
    pub title: Rect,
    /// The drawing that is read: a whole number of screen pixels for each of its own.
    pub drawing: Rect,
    /// The digit that it is read as, large.
    pub guess: Rect,
    /// What is read, and the probability.
    pub words: Rect,
    /// The ten bars.
    pub bars: Rect,
    /// The guesses over time, above the plot.
    pub strip: Rect,
    /// The plot of accuracy and loss over the images seen.
    pub plot: Rect,
    /// The marks of the accuracy, left of the plot.
    pub marks: Rect,
    /// The labels of the images seen, below the plot.
    pub labels: Rect,
    /// The track of the scrubber.
    pub scrubber: Rect,
    /// The caption of the filters.
    pub filters_caption: Rect,
    /// The filters of the first layer.
    pub filters: Rect,
}

/// Lower panels have no room for the filters, in pixels at scale 1.
const LOW: f32 = 285.0;

impl Layout {
    /// The places of the training panel.
    pub fn training(&self) -> TrainingPlaces {
        let panel = self.panel;
        let px = |length: f32| self.scaled(length).round() as i32;
        let title = Rect::new(panel.x, panel.y, panel.width, px(24.0));
        // A low panel does without the filters.
        let is_low = panel.height < px(LOW);
        let reading_height = px(if is_low { 56.0 } else { 72.0 });
        let reading = Rect::new(panel.x, title.bottom() + px(8.0), panel.width, reading_height);
        let side = 28 * ((reading_height - px(6.0)) / 28).max(1);
        let drawing = Rect::new(reading.x, reading.y + (reading.height - side) / 2, side, side);
        let guess = Rect::new(drawing.right() + px(12.0), reading.y, px(40.0), reading.height);
        let bars_width = ((reading.right() - guess.right()) * 60 / 100).min(px(320.0));
        let words = Rect::new(
            guess.right() + px(4.0),
            reading.y,
            reading.right() - bars_width - guess.right() - px(8.0),
            reading.height,
        );
        let bars = Rect::new(reading.right() - bars_width, reading.y, bars_width, reading.height);
        let margin = px(44.0);
        let across = |y: i32, height: i32| Rect::new(panel.x + margin, y, panel.width - margin - px(8.0), height);
        let strip = across(reading.bottom() + px(12.0), px(18.0));
        let filters_height = px(30.0).max(panel.height / 10).min(px(64.0));
        let filters_height = if is_low { 0 } else { filters_height };
        let filters = Rect::new(panel.x, panel.bottom() - filters_height, panel.width, filters_height);
        let [caption_room, caption_height] = if is_low { [0, 0] } else { [px(18.0), px(16.0)] };
        let filters_caption = Rect::new(panel.x, filters.y - caption_room, panel.width, caption_height);
        let scrubber = across(filters_caption.y - px(if is_low { 18.0 } else { 24.0 }), px(18.0));
        let labels = Rect::new(panel.x, scrubber.y - px(16.0), panel.width, px(15.0));
        let top = strip.bottom() + px(6.0);
        let plot = across(top, (labels.y - px(2.0) - top).max(px(20.0)));
        TrainingPlaces {
            title,
            drawing,
            guess,
            words,
            bars,
            strip,
            plot,
            marks: Rect::new(panel.x, plot.y, margin - px(6.0), plot.height),
            labels,
            scrubber,
            filters_caption,
            filters,
        }
    }
}

impl TrainingPlaces {
    /// The share of the run at a window position, from 0 to 1.
    pub fn share_at(&self, x: f32) -> f32 {
        ((x - self.plot.x as f32) / self.plot.width.max(1) as f32).clamp(0.0, 1.0)
    }

    /// Whether a press at a window position moves the scrubber: on its track or in the chart above.
    pub fn is_over_time(&self, x: f32, y: f32) -> bool {
        let reach = self.scrubber.height as f32 / 2.0;
        let across = x >= self.plot.x as f32 - reach && x < self.plot.right() as f32 + reach;
        across && y >= self.strip.y as f32 && y < self.scrubber.bottom() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::layout::Panel;

    #[test]
    fn the_parts_of_the_panel_are_disjoint_and_inside_at_any_size() {
        for (width, height) in [
            (640, 480),
            (960, 640),
            (700, 1400),
            (1920, 1080),
            (3840, 2160),
            (3840, 480),
        ] {
            for zoom in [0.85, 1.0, 1.5, 2.0] {
                let layout = Layout::new(width, height, zoom, Panel::Training);
                let places = layout.training();
                let parts = [
                    places.title,
                    places.drawing,
                    places.guess,
                    places.words,
                    places.bars,
                    places.strip,
                    places.plot,
                    places.marks,
                    places.labels,
                    places.scrubber,
                    places.filters_caption,
                    places.filters,
                ];
                for (i, part) in parts.iter().enumerate() {
                    assert!(part.width > 0 && part.height > 0, "{i}: {part:?} at {width}×{height}");
                    assert_eq!(part.intersection(&layout.panel), *part, "{i} at {width}×{height}");
                    for other in &parts[..i] {
                        assert!(
                            part.intersection(other).is_empty(),
                            "{i}: {part:?} and {other:?} at {width}×{height}"
                        );
                    }
                }
                assert!(
                    places.plot.height >= layout.scaled(60.0) as i32,
                    "{:?} at {width}×{height}",
                    places.plot
                );
            }
        }
    }

    #[test]
    fn positions_in_the_chart_are_shares_of_the_run() {
        let places = Layout::new(960, 640, 1.0, Panel::Training).training();
        let (left, right) = (places.plot.x as f32, places.plot.right() as f32);
        assert_eq!(
            [left - 9.0, left, right, right + 50.0].map(|x| places.share_at(x)),
            [0.0, 0.0, 1.0, 1.0]
        );
        assert!((places.share_at(0.5 * (left + right)) - 0.5).abs() < 0.01);
    }
}
