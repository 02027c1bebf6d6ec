//! The dialog that names a sign, and the button that opens it.

use crate::{
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    recognition::normalization::PIXELS,
    ui::{
        layout::HitTarget,
        scene::{builder::SceneBuilder, item::Item, status::elided},
        state::State,
    },
};

impl SceneBuilder<'_> {
    /// The dialog.
    pub(super) fn naming(&mut self, state: &State) {
        let (places, theme) = (state.naming_places(), self.theme);
        let (width, height) = self.layout.window;
        self.items.push(Item::Veil {
            rect: Rect::new(0, 0, width as i32, height as i32),
            alpha: 190,
        });
        self.bordered_box(places.dialog, self.layout.scaled(16.0), theme.button);
        self.text(
            places.title,
            "What is it?",
            Face::SemiBold,
            20.0,
            Align::Left,
            theme.text,
        );
        let color = match state.hovered() {
            Some(HitTarget::Close) => theme.text,
            _ => theme.muted,
        };
        self.text(places.close, "×", Face::Medium, 22.0, Align::Center, color);
        self.digit_buttons(places.digits, state);
        let pixels = state.selected_digit().map_or([0; PIXELS], |digit| digit.pixels);
        let radius = self.layout.scaled(6.0);
        self.items.push(Item::Pixels {
            rect: places.picture,
            radius,
            pixels: Box::new(pixels),
        });
        self.outline(places.picture, radius);
        self.name_field(state);
        let accept = Some(HitTarget::AcceptName);
        let color = self.button_color(state, accept);
        self.bordered_box(places.accept, self.layout.scaled(8.0), color);
        let can_accept = state.typed_label().is_some();
        let color = if can_accept { theme.text } else { theme.muted };
        self.text(places.accept, "Teach", Face::SemiBold, 14.0, Align::Center, color);
        let hint = self.hint("Enter teaches it. Or is it a digit?", "Or is it a digit?");
        self.text(places.hint, hint, Face::Medium, 13.0, Align::Left, theme.muted);
        for (place, (name, rect)) in state.sign_chips().into_iter().enumerate() {
            let color = self.button_color(state, Some(HitTarget::Sign(place)));
            self.bordered_box(rect, 0.5 * rect.height as f32, color);
            let name = elided(name.as_str(), rect.width as f32 / self.layout.scaled(14.0) - 0.8);
            self.text(rect, &name, Face::SemiBold, 14.0, Align::Center, theme.text);
        }
    }

    /// The field with what is typed and a caret, or with what to type.
    fn name_field(&mut self, state: &State) {
        let (field, theme) = (state.naming_places().field, self.theme);
        let radius = self.layout.scaled(8.0);
        self.bordered_box(field, radius, theme.background);
        let inner = field.inset(self.layout.scaled(10.0) as i32);
        let inner = Rect::new(inner.x, field.y, inner.width, field.height);
        let typed = &state.naming.name;
        let (text, color) = if typed.is_empty() {
            (
                self.hint("A name: A, pi, star", "A name, as pi").to_owned(),
                theme.muted,
            )
        } else {
            (format!("{typed}|"), theme.text)
        };
        self.text(inner, &text, Face::Medium, 16.0, Align::Left, color);
    }
}
