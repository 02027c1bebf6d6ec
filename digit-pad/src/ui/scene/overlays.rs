//! Overlays: the menu and the user's examples.

use crate::{
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    ui::{
        action::Action,
        layout::{HitTarget, MENU_PADDING, MenuEntry},
        scene::{builder::SceneBuilder, item::Item, status::elided},
        state::{ExampleView, State},
    },
};

/// Width of the longest label of the menu, in em.
const LONGEST_LABEL: f32 = 12.8;

impl SceneBuilder<'_> {
    /// Dims the window and adds an empty dialog with the button that closes it, if it has one; returns the area inside its padding.
    fn dialog(&mut self, title: &str, state: &State) -> Rect {
        let (layout, theme) = (self.layout, self.theme);
        let (width, height) = (layout.window.0 as i32, layout.window.1 as i32);
        self.items.push(Item::Veil {
            rect: Rect::new(0, 0, width, height),
            alpha: 190,
        });
        let radius = layout.scaled(16.0);
        self.bordered_box(layout.overlay, radius, theme.button);
        let inner = layout.overlay.inset(layout.dialog_padding);
        let head = Rect::new(inner.x, inner.y, inner.width, layout.scaled(26.0) as i32);
        self.text(head, title, Face::SemiBold, 20.0, Align::Left, theme.text);
        if let Some((_, rect)) = state.close_button() {
            self.text(rect, "×", Face::Medium, 26.0, Align::Center, theme.text);
        }
        inner
    }

    /// The menu of all actions, each with its key.
    pub(super) fn menu(&mut self, state: &State) {
        let (inner, theme, layout) = (self.dialog("Menu", state), self.theme, self.layout);
        for row in &layout.menu {
            match row.entry {
                MenuEntry::Heading(heading) => {
                    let color = theme.muted;
                    self.text(
                        self.row_text(row.rect),
                        heading,
                        Face::SemiBold,
                        12.0,
                        Align::Left,
                        color,
                    );
                }
                MenuEntry::DigitKeys => self.menu_texts(row.rect, "Label the digit", "0–9", theme.muted),
                MenuEntry::Action(action) => self.menu_action(action, row.rect, state),
            }
        }
        if layout.for_fingers {
            return;
        }
        let line = layout.scaled(18.0) as i32;
        let footer = Rect::new(inner.x, inner.bottom() - line, inner.width, line);
        let text = "Several digits side by side are read as a number. Esc closes what is open.";
        self.text(footer, text, Face::Medium, 12.0, Align::Left, theme.muted);
    }

    fn menu_action(&mut self, action: Action, rect: Rect, state: &State) {
        let (theme, target) = (self.theme, Some(HitTarget::Action(action)));
        let enabled = state.is_enabled(action);
        if enabled && state.hovered() == target {
            self.highlight(rect, [0.0, 7.0], state.pressed() == target);
        }
        let color = if enabled { theme.text } else { theme.muted };
        self.menu_texts(rect, action.label(), action.key(), color);
    }

    /// A label at the left and a key at the right of a row.
    fn menu_texts(&mut self, rect: Rect, label: &str, key: &str, color: Color) {
        let inner = self.row_text(rect);
        if self.layout.for_fingers {
            // Without keys, but in more columns.
            let size = (inner.width as f32 / self.layout.scaled(LONGEST_LABEL)).min(13.0);
            return self.text(inner, label, Face::Medium, size, Align::Left, color);
        }
        self.text(inner, label, Face::Medium, 13.0, Align::Left, color);
        self.text(inner, key, Face::SemiBold, 12.0, Align::Right, self.theme.muted);
    }

    /// The place of the text in a row.
    fn row_text(&self, rect: Rect) -> Rect {
        let padding = self.layout.scaled(MENU_PADDING).round() as i32;
        Rect::new(rect.x + padding, rect.y, rect.width - 2 * padding, rect.height)
    }

    /// The user's examples, newest first.
    pub(super) fn examples(&mut self, state: &State) {
        let inner = self.dialog(Action::Examples.label(), state);
        self.hand_button(state);
        let line = self.layout.scaled(20.0) as i32;
        let hint_rect = Rect::new(inner.x, inner.y + self.layout.scaled(32.0) as i32, inner.width, line);
        let cells = state.example_cells();
        let text = match state.examples().len().saturating_sub(cells.len()) {
            _ if cells.is_empty() => {
                let keys =
                    "No examples yet. Draw a digit and press its key, 0 to 9, or a sign and press A, to add one.";
                let taps = "None yet: draw a digit, then tap its bar.";
                self.hint(keys, taps).to_owned()
            }
            others => {
                let keys = "Click an example to remove it. U: remove the last one. F: remove all.";
                let text = self.hint(keys, "Tap an example to remove it.");
                match others {
                    0 => text.to_owned(),
                    others => format!("{text} Scroll for {others} others."),
                }
            }
        };
        self.text(hint_rect, &text, Face::Medium, 13.0, Align::Left, self.theme.muted);
        for (index, cell) in cells {
            if let Some(example) = state.examples().get(index) {
                let is_hovered = state.hovered() == Some(HitTarget::Example(index));
                self.example(example, cell, is_hovered);
            }
        }
    }

    /// The button that opens the page of the user's hand.
    fn hand_button(&mut self, state: &State) {
        let (rect, theme) = (self.layout.hand_button(), self.theme);
        let color = match self.button_color(state, Some(HitTarget::Action(Action::Hand))) {
            // At rest, it stands out from the dialog.
            color if color == theme.button => theme.button_hover,
            color => color,
        };
        self.bordered_box(rect, self.layout.scaled(7.0), color);
        self.text(
            rect,
            Action::Hand.label(),
            Face::SemiBold,
            13.0,
            Align::Center,
            theme.text,
        );
    }

    /// An example and under it its label, or what a click does.
    fn example(&mut self, example: &ExampleView, cell: Rect, is_hovered: bool) {
        let rect = Rect::new(cell.x, cell.y, cell.width, cell.width);
        let radius = self.layout.scaled(6.0);
        self.items.push(Item::Pixels {
            rect,
            radius,
            pixels: Box::new(example.pixels),
        });
        self.outline(rect, radius);
        let label_rect = Rect::new(cell.x, rect.bottom(), cell.width, cell.height - cell.width);
        let (label, color) = if is_hovered {
            ("remove".to_owned(), self.theme.uncertain)
        } else {
            (
                elided(&example.label.to_string(), cell.width as f32 / self.layout.scaled(13.0)),
                self.theme.text,
            )
        };
        self.text(label_rect, &label, Face::SemiBold, 13.0, Align::Center, color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graphics::text::Text,
        ui::{scene::scene, state::Opening, theme::Theme},
    };

    #[test]
    fn labels_and_keys_of_the_menu_fit_side_by_side() {
        let text = Text::new();
        for (width, height, zoom_index) in [
            (640, 480, 1),
            (960, 640, 1),
            (960, 640, 5),
            (1920, 1080, 5),
            (700, 1400, 2),
        ] {
            let mut state = State::new(width, height, Opening::Blank);
            state.set_appearance(true, zoom_index);
            state.act(Action::Help);
            let items = scene(&state, &Theme::DARK);
            for row in &state.layout().menu {
                let of_row = |item: &&Item| matches!(item, Item::Text { rect, .. } if rect.y == row.rect.y && rect.intersection(&row.rect) == *rect);
                let widths = items.iter().filter(of_row).map(|item| match item {
                    Item::Text { text: shown, style, .. } => text.width(shown, *style),
                    _ => 0.0,
                });
                let (needed, room) = (widths.sum::<f32>(), row.rect.width as f32 - 16.0 * state.layout().scale);
                assert!(needed > 0.0 && needed + 6.0 < room, "{row:?}: {needed} of {room}");
            }
        }
    }
}
