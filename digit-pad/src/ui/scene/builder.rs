//! The scene under construction, with the parts that all panels share: outlines and text.

use crate::{
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face, Style},
    },
    ui::{
        layout::{HitTarget, Layout},
        scene::item::Item,
        state::State,
        theme::Theme,
    },
};

/// The items so far, and what determines the place and the color of the next.
pub(super) struct SceneBuilder<'a> {
    pub(super) items: Vec<Item>,
    pub(super) layout: &'a Layout,
    pub(super) theme: &'a Theme,
}

impl SceneBuilder<'_> {
    /// The color of a button: at rest, under the pointer, or pressed.
    pub(super) fn button_color(&self, state: &State, target: Option<HitTarget>) -> Color {
        match () {
            () if state.pressed() == target => self.theme.button_pressed,
            () if state.hovered() == target => self.theme.button_hover,
            () => self.theme.button,
        }
    }

    /// The background of a row under the pointer, wider by a margin on either side; margin and corner radius are in pixels of
    /// a window of the default size.
    pub(super) fn highlight(&mut self, row: Rect, [margin, radius]: [f32; 2], is_pressed: bool) {
        let margin = self.layout.scaled(margin) as i32;
        let theme = self.theme;
        self.items.push(Item::Fill {
            rect: Rect::new(row.x - margin, row.y, row.width + 2 * margin, row.height),
            radius: self.layout.scaled(radius),
            color: if is_pressed {
                theme.button_pressed
            } else {
                theme.button_hover
            },
        });
    }

    /// The first text, or the second where fingers press instead of keys and a pointer.
    pub(super) fn hint<'a>(&self, text: &'a str, for_fingers: &'a str) -> &'a str {
        if self.layout.for_fingers { for_fingers } else { text }
    }

    /// Adds a filled rectangle with rounded corners and a border.
    pub(super) fn bordered_box(&mut self, rect: Rect, radius: f32, color: Color) {
        self.items.push(Item::Fill { rect, radius, color });
        self.outline(rect, radius);
    }

    /// Adds a border along the inner edge of a rectangle.
    pub(super) fn outline(&mut self, rect: Rect, radius: f32) {
        let thickness = self.layout.scale.round().max(1.0);
        self.items.push(Item::Outline {
            rect,
            radius,
            thickness,
            color: self.theme.border,
        });
    }

    /// Adds a line of text; `size` is in pixels of a window of the default size.
    pub(super) fn text(&mut self, rect: Rect, text: &str, face: Face, size: f32, align: Align, color: Color) {
        let style = Style {
            face,
            size: self.layout.scaled(size),
        };
        self.items.push(Item::Text {
            rect,
            text: text.to_owned(),
            style,
            align,
            color,
        });
    }
}
