//! The scene under construction, with the parts that all panels share: outlines and text.

use crate::{
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face, Style},
    },
    ui::{layout::Layout, scene::item::Item, theme::Theme},
};

/// The items so far, and what determines the place and the color of the next.
pub(super) struct SceneBuilder<'a> {
    pub(super) items: Vec<Item>,
    pub(super) layout: &'a Layout,
    pub(super) theme: &'a Theme,
}

impl SceneBuilder<'_> {
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
