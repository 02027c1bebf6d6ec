//! The training panel: accuracy, loss and the first layer's filters.

use std::sync::Arc;

use crate::{
    format::percent,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    recognition::activations::Tiles,
    training::progress::Progress,
    ui::scene::{builder::SceneBuilder, item::Item},
};

impl SceneBuilder<'_> {
    /// The training panel.
    pub(super) fn training(&mut self, progress: &Progress) {
        let (panel, theme) = (self.layout.panel, self.theme);
        let line = self.layout.scaled(22.0) as i32;
        let title = match (progress.finished, progress.paused) {
            (true, _) => "Training complete",
            (false, true) => "Paused",
            (false, false) => "Training…",
        };
        let title_rect = Rect::new(panel.x, panel.y, panel.width * 62 / 100, line);
        self.text(title_rect, title, Face::SemiBold, 16.0, Align::Left, theme.text);
        let seconds = format!("{:.1} s", progress.seconds);
        let time_rect = Rect::new(title_rect.right(), panel.y, panel.width - title_rect.width, line);
        self.text(time_rect, &seconds, Face::SemiBold, 16.0, Align::Right, theme.text);
        let filters_top = self.filters(progress);
        let top = panel.y + line + self.layout.scaled(6.0) as i32;
        let room = filters_top - self.layout.scaled(10.0) as i32 - top;
        let half = (room - self.layout.scaled(12.0) as i32) / 2;
        let accuracy = progress.accuracies.last().map_or(0.0, |&[_, accuracy]| accuracy);
        let loss = progress.losses.last().map_or(0.0, |&[_, loss]| loss);
        let caption = format!("Accuracy (validation): {}", percent(accuracy));
        let scaled = |[step, accuracy]: [f32; 2]| [step, logarithmic(accuracy)];
        let accuracies: Vec<_> = progress.accuracies.iter().copied().map(scaled).collect();
        let total = progress.total_steps as f32;
        self.curve(
            Rect::new(panel.x, top, panel.width, half),
            &caption,
            (&accuracies, total, 1.0),
            theme.accent,
        );
        let y = panel.y + line + self.layout.scaled(18.0) as i32 + half;
        let max_loss = progress.losses.iter().map(|point| point[1]).fold(0.1, f32::max);
        let caption = format!("Training loss: {loss:.3}");
        self.curve(
            Rect::new(panel.x, y, panel.width, half),
            &caption,
            (&progress.losses, total, max_loss),
            theme.uncertain,
        );
    }

    /// A curve over steps, under its caption.
    fn curve(
        &mut self,
        area: Rect,
        caption: &str,
        (points, last_step, max_value): (&[[f32; 2]], f32, f32),
        color: Color,
    ) {
        let line = self.layout.scaled(20.0) as i32;
        let caption_rect = Rect::new(area.x, area.y, area.width, line);
        self.text(caption_rect, caption, Face::Medium, 13.0, Align::Left, self.theme.muted);
        let rect = Rect::new(area.x, area.y + line, area.width, area.height - line);
        let radius = self.layout.scaled(6.0);
        self.bordered_box(rect, radius, self.theme.canvas);
        let inset = self.layout.scaled(8.0);
        let (width, height) = (rect.width as f32 - 2.0 * inset, rect.height as f32 - 2.0 * inset);
        let point = |&[step, value]: &[f32; 2]| {
            let height_share = (value / max_value).clamp(0.0, 1.0);
            [
                inset + width * (step / last_step.max(1.0)).min(1.0),
                inset + height * (1.0 - height_share),
            ]
        };
        self.items.push(Item::Lines {
            rect,
            lines: vec![points.iter().map(point).collect()],
            thickness: self.layout.scaled(2.0),
            color,
        });
    }

    /// The first layer's filters at the bottom of the panel; returns the y where they begin.
    fn filters(&mut self, progress: &Progress) -> i32 {
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
            "First-layer filters",
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
            colors: [self.theme.accent, self.theme.uncertain],
        });
        y - line
    }
}

/// Maps accuracy to 0–1 by its number of nines: 90% becomes 1/3, 99% 2/3 and 99.9% 1.
fn logarithmic(accuracy: f32) -> f32 {
    -(1.0 - accuracy.clamp(0.0, 0.999)).log10() / 3.0
}
