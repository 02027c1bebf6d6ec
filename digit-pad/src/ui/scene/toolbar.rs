//! Buttons, their tooltips and the pen slider.

use crate::{
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    ui::{
        action::Action,
        icons::{ICON, icon},
        layout::{BAR_ICON, BAR_LABEL_GAP, Button, Focus, HitTarget, Panel},
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

    /// The line under the top bar, and those between its groups.
    pub(super) fn top_bar(&mut self) {
        let (bar, color) = (self.layout.top_bar, self.theme.border);
        let height = self.layout.scale.round().max(1.0) as i32;
        let under = Rect::new(bar.x, bar.bottom() - height, bar.width, height);
        for &rect in [under].iter().chain(&self.layout.separators) {
            let radius = 0.0;
            self.items.push(Item::Fill { rect, radius, color });
        }
    }

    /// A button: its icon, its label, or both in the top bar.
    pub(super) fn button(&mut self, button: &Button, state: &State) {
        let (action, rect, theme) = (button.action, button.rect, self.theme);
        let (enabled, target) = (state.is_enabled(action), Some(HitTarget::Action(action)));
        let is_active = is_active(action, state);
        let is_flat = action.is_in_top_bar();
        let at_rest = if is_flat { theme.background } else { theme.button };
        let color = match () {
            () if !enabled => at_rest,
            () if state.pressed() == target => theme.button_pressed,
            () if state.hovered() == target || is_active => theme.button_hover,
            () => at_rest,
        };
        let radius = self.layout.scaled(9.0).min(0.3 * rect.width as f32);
        self.items.push(Item::Fill { rect, radius, color });
        let color = match (enabled, is_active) {
            (false, _) => theme.border,
            (true, true) => theme.accent,
            (true, false) => theme.text,
        };
        let text_color = if enabled { theme.text } else { theme.muted };
        let lines = icon(action);
        if lines.is_empty() {
            let label = text_label(action, state, rect.width as f32 / self.layout.scale);
            return self.text(rect, label, Face::SemiBold, 13.0, Align::Center, text_color);
        }
        if let Some(label) = action.short_label().filter(|_| is_flat && self.layout.has_labels) {
            if !self.layout.has_icons {
                let color = if is_active { color } else { text_color };
                return self.text(rect, label, Face::Medium, 13.0, Align::Center, color);
            }
            let px = |length: f32| self.layout.scaled(length).round() as i32;
            let icon_rect = Rect::new(rect.x + px(7.0), rect.y, px(BAR_ICON), rect.height);
            let x = icon_rect.right() + px(BAR_LABEL_GAP);
            let label_rect = Rect::new(x, rect.y, rect.right() - x, rect.height);
            self.icon(icon_rect, lines, color);
            return self.text(label_rect, label, Face::Medium, 13.0, Align::Left, text_color);
        }
        self.icon(rect, lines, color);
    }

    /// An icon in the middle of a rectangle.
    fn icon(&mut self, rect: Rect, lines: Vec<Vec<[f32; 2]>>, color: Color) {
        let side = self.layout.scaled(21.0).min(rect.width as f32).round();
        let (left, top) = (0.5 * (rect.width as f32 - side), 0.5 * (rect.height as f32 - side));
        let point = |[x, y]: [f32; 2]| [left + x * side / ICON, top + y * side / ICON];
        let lines = lines.into_iter().map(|line| line.into_iter().map(point).collect());
        self.items.push(Item::Lines {
            rect,
            lines: lines.collect(),
            thickness: (1.7 * side / 21.0).max(1.3),
            color,
        });
    }

    /// The button that undoes what the message tells.
    pub(super) fn undo_button(&mut self, state: &State) {
        let (rect, target) = (state.undo_button(), state.offered_undo().map(HitTarget::Action));
        let color = self.button_color(state, target);
        self.bordered_box(rect, self.layout.scaled(7.0), color);
        self.text(rect, "Undo", Face::SemiBold, 13.0, Align::Center, self.theme.accent);
    }

    /// A ring around what has the focus.
    pub(super) fn focus_ring(&mut self, state: &State) {
        if let Some((_, rect)) = state.focused() {
            let (width, height) = self.layout.window;
            self.items.push(Item::Outline {
                rect: rect
                    .inset(-3)
                    .intersection(&Rect::new(0, 0, width as i32, height as i32)),
                radius: self.layout.scaled(10.0),
                thickness: self.layout.scaled(2.0).max(2.0),
                color: self.theme.accent,
            });
        }
    }

    /// The label and the key of the button under the pointer, or else of the one with the focus, in a box below a button of the top bar, and above all others.
    pub(super) fn tooltip(&mut self, state: &State) {
        let focused = state.focused().and_then(|(focus, _)| match focus {
            Focus::Target(target) => Some(target),
            Focus::Slider => None,
        });
        let target = state.hovered().or(focused).filter(|_| state.overlay().is_none());
        let Some(HitTarget::Action(action)) = target else {
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
        // It covers no heading of the panel if its button is over the canvas.
        let panel = self.layout.panel;
        let is_beside = button.rect.x < panel.x && panel.y < self.layout.canvas.bottom();
        let end = if is_beside { panel.x } else { self.layout.size().0 };
        let max_x = end - width - 4;
        let gap = self.layout.scaled(6.0) as i32;
        let y = if action.is_in_top_bar() {
            button.rect.bottom() + gap
        } else {
            button.rect.y - height - gap
        };
        let rect = Rect::new(x.clamp(4, max_x.max(4)), y, width, height);
        let radius = self.layout.scaled(7.0);
        self.bordered_box(rect, radius, self.theme.button_hover);
        let padding = self.layout.scaled(12.0) as i32;
        let inner = Rect::new(rect.x + padding, rect.y, rect.width - 2 * padding, rect.height);
        self.text(inner, label, Face::Medium, 13.0, Align::Left, self.theme.text);
        self.text(inner, key, Face::SemiBold, 13.0, Align::Right, self.theme.muted);
    }
}

/// Whether what the button switches is on.
fn is_active(action: Action, state: &State) -> bool {
    match action {
        Action::Eraser => state.tool() == Tool::Eraser,
        Action::SlowMotion => state.progress().is_some_and(|progress| progress.is_slow),
        Action::Layers => state.layout().active_panel == Panel::Layers,
        Action::Why => state.shows_why(),
        Action::Train => state.layout().active_panel == Panel::Training,
        _ => false,
    }
}

/// The label of a button without an icon that is as wide as that, in pixels at scale 1.
fn text_label(action: Action, state: &State, width: f32) -> &'static str {
    let paused = state.progress().is_some_and(|progress| progress.paused);
    // 7.4 pixels a letter are enough for these labels.
    let has_room = |label: &str| width > 7.4 * label.chars().count() as f32;
    match action {
        Action::Pause if paused => "Resume",
        Action::RestoreBuiltIn if state.network_in_use().is_none() => {
            let long = "Keep built-in";
            if has_room(long) { long } else { "Discard" }
        }
        Action::SlowMotion | Action::UseNetwork if has_room(action.label()) => action.label(),
        other => other.short_label().unwrap_or(other.label()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::strokes::Ink,
        graphics::text::{Style, Text},
        ui::Opening,
    };

    #[test]
    fn labels_fit_their_buttons() {
        let text = Text::new();
        let actions = [
            Action::Pause,
            Action::SlowMotion,
            Action::Stop,
            Action::UseNetwork,
            Action::RestoreBuiltIn,
            Action::SaveGif,
        ];
        for (width, height, density) in [
            (640, 480, None),
            (960, 640, None),
            (1920, 1080, None),
            (360, 740, Some(1.0)),
            (740, 360, Some(1.0)),
            (2532, 1170, Some(3.0)),
        ] {
            let mut state = State::new(width, height, Opening::Ink(Ink::new()));
            state.set_fingers(density);
            state.show_panel(Panel::Training);
            let layout = state.layout();
            let rect = layout.buttons.last().expect("the training panel has buttons").rect;
            for action in actions {
                let label = text_label(action, &state, rect.width as f32 / layout.scale);
                let style = Style {
                    face: Face::SemiBold,
                    size: layout.scaled(13.0),
                };
                let needed = text.width(label, style) + layout.scaled(4.0);
                assert!(
                    needed <= rect.width as f32,
                    "{label}: {needed} in {rect:?} of {width}×{height}"
                );
            }
        }
    }
}
