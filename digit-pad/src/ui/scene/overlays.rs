//! Overlays: keyboard shortcuts and the user's examples.

use crate::{
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        action::Action,
        layout::HitTarget,
        scene::{builder::SceneBuilder, item::Item},
        state::ExampleView,
    },
};

impl SceneBuilder<'_> {
    /// Dims the window and adds an empty dialog; returns the area inside its padding.
    fn dialog(&mut self, title: &str) -> Rect {
        let (layout, theme) = (self.layout, self.theme);
        let (width, height) = (layout.window.0 as i32, layout.window.1 as i32);
        self.items.push(Item::Veil {
            rect: Rect::new(0, 0, width, height),
            alpha: 190,
        });
        let radius = layout.scaled(16.0);
        self.bordered_box(layout.overlay, radius, theme.button);
        let padding = layout.scaled(28.0) as i32;
        let inner = layout.overlay.inset(padding);
        let head = Rect::new(inner.x, inner.y, inner.width, layout.scaled(26.0) as i32);
        self.text(head, title, Face::SemiBold, 20.0, Align::Left, theme.text);
        inner
    }

    /// The keyboard shortcuts.
    pub(super) fn help(&mut self) {
        let inner = self.dialog("Keyboard shortcuts");
        let top = inner.y + self.layout.scaled(38.0) as i32;
        let rows = (Action::ALL.len() as i32 + 2) / 2 + 1;
        let pitch = (inner.bottom() - top) / rows;
        let half = inner.width / 2;
        let entries = std::iter::once(("0–9", "Label the drawing as this digit"))
            .chain(Action::ALL.map(|a| (a.key(), a.label())));
        for (i, (key, label)) in entries.enumerate() {
            let (column, row) = (i as i32 / (rows - 1), i as i32 % (rows - 1));
            let x = inner.x + column * half;
            let key_rect = Rect::new(x, top + row * pitch, self.layout.scaled(60.0) as i32, pitch);
            self.text(key_rect, key, Face::SemiBold, 14.0, Align::Left, self.theme.accent);
            let label_x = key_rect.right() + self.layout.scaled(8.0) as i32;
            let label_rect = Rect::new(label_x, key_rect.y, x + half - label_x, pitch);
            self.text(label_rect, label, Face::Medium, 14.0, Align::Left, self.theme.text);
        }
        let footer = Rect::new(inner.x, inner.bottom() - pitch, inner.width, pitch);
        let text = "Several digits side by side are recognized as a number. Click anywhere to close.";
        self.text(footer, text, Face::Medium, 13.0, Align::Left, self.theme.muted);
    }

    /// The user's examples, newest first.
    pub(super) fn examples(&mut self, examples: &[ExampleView], hovered: Option<HitTarget>) {
        let inner = self.dialog("Your examples");
        let line = self.layout.scaled(20.0) as i32;
        let hint_rect = Rect::new(inner.x, inner.y + self.layout.scaled(32.0) as i32, inner.width, line);
        let layout = self.layout;
        let cells = layout.example_grid(examples.len());
        let text = match examples.len().saturating_sub(cells.len()) {
            _ if examples.is_empty() => {
                "No examples yet. Draw a digit and press its key, 0 to 9, to add one.".to_owned()
            }
            0 => "Click an example to remove it. U: undo last example. F: remove all.".to_owned(),
            older => {
                format!("Click an example to remove it. U: undo last example. F: remove all. {older} older not shown.")
            }
        };
        self.text(hint_rect, &text, Face::Medium, 13.0, Align::Left, self.theme.muted);
        let newest_first = examples.iter().enumerate().rev();
        for (&cell, (index, example)) in cells.iter().zip(newest_first) {
            let rect = Rect::new(cell.x, cell.y, cell.width, cell.width);
            let radius = self.layout.scaled(6.0);
            self.items.push(Item::Pixels {
                rect,
                radius,
                pixels: Box::new(example.pixels),
            });
            let is_hovered = hovered == Some(HitTarget::Example(index));
            self.outline(rect, radius);
            let label_rect = Rect::new(cell.x, rect.bottom(), cell.width, cell.height - cell.width);
            let (label, color) = if is_hovered {
                ("remove".to_owned(), self.theme.uncertain)
            } else {
                (example.label.to_string(), self.theme.text)
            };
            self.text(label_rect, &label, Face::SemiBold, 13.0, Align::Center, color);
        }
    }
}
