//! The panel of a network in training: curves and filters.

use std::sync::Arc;

use crate::{
    format::short_percent,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    recognition::activations::Tiles,
    training::progress::Progress,
    ui::scene::{builder::Scene, item::Item},
};

impl Scene<'_> {
    /// Curves, figures and filters of a network in training.
    pub(super) fn learning(&mut self, progress: &Progress) {
        let (panel, theme) = (self.layout.panel, self.theme);
        let line = self.layout.scaled(22.0) as i32;
        let title = match (progress.finished, progress.paused) {
            (true, _) => "It has learnt",
            (false, true) => "It rests",
            (false, false) => "It learns from nothing",
        };
        let head = Rect::new(panel.x, panel.y, panel.width * 62 / 100, line);
        self.text(head, title, Face::SemiBold, 16.0, Align::Left, theme.text);
        let seconds = format!("{:.1} s", progress.seconds);
        let right = Rect::new(head.right(), panel.y, panel.width - head.width, line);
        self.text(right, &seconds, Face::SemiBold, 16.0, Align::Right, theme.text);
        let filters = self.filters(progress);
        let top = panel.y + line + self.layout.scaled(6.0) as i32;
        let room = filters - self.layout.scaled(10.0) as i32 - top;
        let half = (room - self.layout.scaled(12.0) as i32) / 2;
        let accuracy = progress.accuracies.last().map_or(0.0, |&[_, accuracy]| accuracy);
        let loss = progress.losses.last().map_or(0.0, |&[_, loss]| loss);
        let caption = match progress.test_accuracy {
            Some(accuracy) => format!("Test digits read rightly: {}", short_percent(accuracy)),
            None => format!("Read rightly: {}", short_percent(accuracy)),
        };
        let share = |[step, value]: [f32; 2]| [step, logarithmic(value)];
        let accuracies: Vec<_> = progress.accuracies.iter().copied().map(share).collect();
        let total = progress.total_steps as f32;
        self.curve(
            Rect::new(panel.x, top, panel.width, half),
            &caption,
            (&accuracies, total, 1.0),
            theme.accent,
        );
        let y = panel.y + line + self.layout.scaled(18.0) as i32 + half;
        let most = progress.losses.iter().map(|point| point[1]).fold(0.1, f32::max);
        let caption = format!("Loss: {loss:.3}");
        self.curve(
            Rect::new(panel.x, y, panel.width, half),
            &caption,
            (&progress.losses, total, most),
            theme.doubt,
        );
    }

    /// A curve over steps, under its caption.
    pub(super) fn curve(
        &mut self,
        place: Rect,
        caption: &str,
        (points, last, most): (&[[f32; 2]], f32, f32),
        color: Color,
    ) {
        let line = self.layout.scaled(20.0) as i32;
        let caption_place = Rect::new(place.x, place.y, place.width, line);
        self.text(
            caption_place,
            caption,
            Face::Medium,
            13.0,
            Align::Left,
            self.theme.muted,
        );
        let rect = Rect::new(place.x, place.y + line, place.width, place.height - line);
        let radius = self.layout.scaled(6.0);
        self.items.push(Item::Fill {
            rect,
            radius,
            color: self.theme.canvas,
        });
        self.outline(rect, radius);
        let inset = self.layout.scaled(8.0);
        let (width, height) = (rect.width as f32 - 2.0 * inset, rect.height as f32 - 2.0 * inset);
        let place = |&[step, value]: &[f32; 2]| {
            let share = (value / most).clamp(0.0, 1.0);
            [
                inset + width * (step / last.max(1.0)).min(1.0),
                inset + height * (1.0 - share),
            ]
        };
        self.items.push(Item::Lines {
            rect,
            lines: vec![points.iter().map(place).collect()],
            thickness: self.layout.scaled(2.0),
            color,
        });
    }

    /// The first layer's filters at the foot of the panel; returns where they begin.
    pub(super) fn filters(&mut self, progress: &Progress) -> i32 {
        let panel = self.layout.panel;
        let (height, width, ref filters) = progress.filters;
        let gap = self.layout.scaled(4.0) as i32;
        let count = filters.len() as i32;
        if count == 0 || width < 2 {
            return panel.bottom();
        }
        let columns = if count <= 16 { (count + 1) / 2 } else { 16 };
        let side = ((panel.width + gap) / columns - gap).min(self.layout.scaled(40.0) as i32);
        let rows = ((count + columns - 1) / columns).min(2);
        let tiles_height = rows * (side + gap) - gap;
        let line = self.layout.scaled(20.0) as i32;
        let y = panel.bottom() - tiles_height;
        let caption = Rect::new(panel.x, y - line, panel.width, line);
        self.text(
            caption,
            "Its first filters",
            Face::Medium,
            13.0,
            Align::Left,
            self.theme.muted,
        );
        let tiles = Arc::new(Tiles {
            height,
            width,
            tiles: filters.clone(),
        });
        self.items.push(Item::Tiles {
            rect: Rect::new(panel.x, y, columns * (side + gap) - gap, tiles_height),
            tiles,
            side,
            gap,
            colors: [self.theme.accent, self.theme.doubt],
        });
        y - line
    }
}

/// On a scale on which equal steps leave a tenth of what was misread: 90 % is half of 99 %, and that two thirds of 99.9 %.
pub(super) fn logarithmic(accuracy: f32) -> f32 {
    -(1.0 - accuracy.clamp(0.0, 0.999)).log10() / 3.0
}
