//! Buttons, their tooltips and the pen slider.

use crate::{
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        action::Action,
        icons::{ICON, icon},
        layout::{Button, HitTarget, MIN_SIZE, Panel},
        scene::{builder::SceneBuilder, item::Item},
        state::{State, Tool},
    },
};

impl SceneBuilder<'_> {
    /// The pen slider.
    pub(super) fn slider(&mut self, pen: f32) {
        let (left, right, middle) = self.layout.slider_track();
        let (knob, rect) = (self.layout.knob_at(pen), self.layout.slider);
        let point = |x: f32| [x - rect.x as f32, middle - rect.y as f32];
        for (from, to, color) in [(left, right, self.theme.track), (left, knob, self.theme.muted)] {
            self.items.push(Item::Lines {
                rect,
                lines: vec![vec![point(from), point(to)]],
                thickness: self.layout.scaled(4.0),
                color,
            });
        }
        // The knob is as thick as the pen's stroke, within limits.
        let unit = self.layout.canvas_unit();
        self.items.push(Item::Lines {
            rect,
            lines: vec![vec![point(knob)]],
            thickness: (pen / unit).clamp(self.layout.scaled(8.0), self.layout.scaled(22.0)),
            color: self.theme.text,
        });
    }

    /// A button with its icon, or with a label where it has none.
    pub(super) fn button(&mut self, button: &Button, state: &State) {
        let (enabled, theme, target) = (
            state.is_enabled(button.action),
            self.theme,
            Some(HitTarget::Action(button.action)),
        );
        let is_active = match button.action {
            Action::Eraser => state.tool() == Tool::Eraser,
            Action::Layers => state.layout().active_panel == Panel::Layers,
            Action::Train => state.layout().active_panel == Panel::Training,
            _ => false,
        };
        let color = match () {
            () if !enabled => theme.button,
            () if state.pressed() == target => theme.button_pressed,
            () if state.hovered() == target || is_active => theme.button_hover,
            () => theme.button,
        };
        let radius = self.layout.scaled(10.0).min(0.3 * button.rect.width as f32);
        self.items.push(Item::Fill {
            rect: button.rect,
            radius,
            color,
        });
        let color = match (enabled, is_active) {
            (false, _) => theme.border,
            (true, true) => theme.accent,
            (true, false) => theme.text,
        };
        let lines = icon(button.action);
        if lines.is_empty() {
            let (label, color) = (
                short_label(button.action, state),
                if enabled { theme.text } else { theme.muted },
            );
            return self.text(button.rect, label, Face::SemiBold, 13.0, Align::Center, color);
        }
        let rect = button.rect;
        let side = self.layout.scaled(22.0).min(rect.width as f32 - 4.0).round();
        let (left, top) = (0.5 * (rect.width as f32 - side), 0.5 * (rect.height as f32 - side));
        let point = |[x, y]: [f32; 2]| [left + x * side / ICON, top + y * side / ICON];
        self.items.push(Item::Lines {
            rect,
            lines: lines
                .into_iter()
                .map(|line| line.into_iter().map(point).collect())
                .collect(),
            thickness: (self.layout.scaled(1.8) * side / self.layout.scaled(22.0)).max(1.3),
            color,
        });
    }

    /// The button that undoes a removal.
    pub(super) fn restore_button(&mut self, state: &State) {
        let (rect, target) = (state.restore_button(), Some(HitTarget::Action(Action::RestoreExamples)));
        let color = match () {
            () if state.pressed() == target => self.theme.button_pressed,
            () if state.hovered() == target => self.theme.button_hover,
            () => self.theme.button,
        };
        self.bordered_box(rect, self.layout.scaled(7.0), color);
        self.text(rect, "Undo", Face::SemiBold, 13.0, Align::Center, self.theme.accent);
    }

    /// The label and the key of the button under the pointer, in a box above it.
    pub(super) fn tooltip(&mut self, state: &State) {
        let Some(HitTarget::Action(action)) = state.hovered().filter(|_| state.overlay().is_none()) else {
            return;
        };
        let Some(button) = self.layout.buttons.iter().find(|button| button.action == action) else {
            return;
        };
        let (label, key) = (action.label(), action.key());
        // 8.2 pixels a letter are enough for any text.
        let letters = (label.chars().count() + key.chars().count()) as f32;
        let (width, height) = (self.layout.scaled(8.2 * letters + 40.0), self.layout.scaled(30.0));
        let (width, height) = (width.round() as i32, height.round() as i32);
        let x = button.rect.x + (button.rect.width - width) / 2;
        let max_x = (self.layout.window.0 as i32).max(MIN_SIZE.0 as i32) - width - 4;
        let rect = Rect::new(
            x.clamp(4, max_x.max(4)),
            button.rect.y - height - self.layout.scaled(6.0) as i32,
            width,
            height,
        );
        let radius = self.layout.scaled(7.0);
        self.bordered_box(rect, radius, self.theme.button_hover);
        let padding = self.layout.scaled(12.0) as i32;
        let inner = Rect::new(rect.x + padding, rect.y, rect.width - 2 * padding, rect.height);
        self.text(inner, label, Face::Medium, 13.0, Align::Left, self.theme.text);
        self.text(inner, key, Face::SemiBold, 13.0, Align::Right, self.theme.muted);
    }
}

/// The label of a button without an icon.
fn short_label(action: Action, state: &State) -> &'static str {
    let paused = state.progress().is_some_and(|progress| progress.paused);
    match action {
        Action::Pause if paused => "Resume",
        Action::Pause => "Pause",
        Action::Stop => "Stop",
        Action::RestoreBuiltIn => "Restore",
        other => other.label(),
    }
}
