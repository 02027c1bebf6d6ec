//! Help and examples, over the window.

use crate::{
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        action::Action,
        layout::HitTarget,
        scene::{builder::Scene, item::Item},
        state::ExampleView,
    },
};

impl Scene<'_> {
    pub(super) fn overlay_box(&mut self, title: &str) -> Rect {
        let (layout, theme) = (self.layout, self.theme);
        let (width, height) = (layout.window.0 as i32, layout.window.1 as i32);
        self.items.push(Item::Veil {
            rect: Rect::new(0, 0, width, height),
            alpha: 190,
        });
        let radius = layout.scaled(16.0);
        self.items.push(Item::Fill {
            rect: layout.overlay,
            radius,
            color: theme.button,
        });
        self.outline(layout.overlay, radius);
        let padding = layout.scaled(28.0) as i32;
        let inner = layout.overlay.inset(padding);
        let head = Rect::new(inner.x, inner.y, inner.width, layout.scaled(26.0) as i32);
        self.text(head, title, Face::SemiBold, 20.0, Align::Left, theme.text);
        inner
    }

    pub(super) fn help(&mut self) {
        let inner = self.overlay_box("What you can do");
        let top = inner.y + self.layout.scaled(38.0) as i32;
        let rows = (Action::ALL.len() as i32 + 2) / 2 + 1;
        let pitch = (inner.bottom() - top) / rows;
        let half = inner.width / 2;
        let entries =
            std::iter::once(("0 … 9", "Teach it: this was a …")).chain(Action::ALL.map(|a| (a.key(), a.label())));
        for (i, (key, label)) in entries.enumerate() {
            let (column, row) = (i as i32 / (rows - 1), i as i32 % (rows - 1));
            let x = inner.x + column * half;
            let place = Rect::new(x, top + row * pitch, self.layout.scaled(60.0) as i32, pitch);
            self.text(place, key, Face::SemiBold, 14.0, Align::Left, self.theme.accent);
            let label_x = place.right() + self.layout.scaled(8.0) as i32;
            let place = Rect::new(label_x, place.y, x + half - label_x, pitch);
            self.text(place, label, Face::Medium, 14.0, Align::Left, self.theme.text);
        }
        let foot = Rect::new(inner.x, inner.bottom() - pitch, inner.width, pitch);
        let text = "Several digits side by side are read as a number. Any click closes this.";
        self.text(foot, text, Face::Medium, 13.0, Align::Left, self.theme.muted);
    }

    pub(super) fn examples(&mut self, examples: &[ExampleView], hovered: Option<HitTarget>) {
        let inner = self.overlay_box("What you taught");
        let line = self.layout.scaled(20.0) as i32;
        let place = Rect::new(inner.x, inner.y + self.layout.scaled(32.0) as i32, inner.width, line);
        let layout = self.layout;
        let places = layout.examples(examples.len());
        let text = match examples.len().saturating_sub(places.len()) {
            _ if examples.is_empty() => {
                "Nothing yet: draw a digit, and press the key of the digit that it is.".to_owned()
            }
            0 => "Click one to forget it. U takes the last back, F forgets all.".to_owned(),
            older => format!(
                "Click one to forget it. U takes the last back, F forgets all. {older} older ones have no room."
            ),
        };
        self.text(place, &text, Face::Medium, 13.0, Align::Left, self.theme.muted);
        let newest_first = examples.iter().enumerate().rev();
        for (&place, (index, example)) in places.iter().zip(newest_first) {
            let rect = Rect::new(place.x, place.y, place.width, place.width);
            let radius = self.layout.scaled(6.0);
            self.items.push(Item::Pixels {
                rect,
                radius,
                pixels: Box::new(example.pixels),
            });
            let forget = hovered == Some(HitTarget::Example(index));
            self.outline(rect, radius);
            let below = Rect::new(place.x, rect.bottom(), place.width, place.height - place.width);
            let (label, color) = if forget {
                ("forget".to_owned(), self.theme.doubt)
            } else {
                (example.label.to_string(), self.theme.text)
            };
            self.text(below, &label, Face::SemiBold, 13.0, Align::Center, color);
        }
    }
}
