//! Shared parts of a scene: outlines and text.

use crate::{
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face, Style},
    },
    ui::{layout::Layout, scene::item::Item, theme::Theme},
};

pub(super) struct Scene<'a> {
    pub(super) items: Vec<Item>,
    pub(super) layout: &'a Layout,
    pub(super) theme: &'a Theme,
}

impl Scene<'_> {
    pub(super) fn outline(&mut self, rect: Rect, radius: f32) {
        let thickness = self.layout.scale.round().max(1.0);
        self.items.push(Item::Outline {
            rect,
            radius,
            thickness,
            color: self.theme.border,
        });
    }

    /// Writes text whose size is given in pixels of the default window.
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
