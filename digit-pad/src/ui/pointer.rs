//! What the pointer is over: the selected digit, the target of a click, the canvas.

use crate::{
    graphics::canvas::Rect,
    ui::{
        action::Action,
        layout::HitTarget,
        recognized_digit::RecognizedDigit,
        state::{Held, Overlay, State, Tool},
    },
};

/// The shape of the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// Over the canvas, where it draws or erases.
    Crosshair,
    /// Over something that can be clicked.
    Hand,
    /// Anywhere else.
    Arrow,
}

impl State {
    /// The shape of the pointer where it is.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        let is_clickable = match self.hovered() {
            Some(HitTarget::Action(action)) => self.is_enabled(action),
            Some(HitTarget::SavePoster) => self.can_save_poster(),
            Some(
                HitTarget::Example(_)
                | HitTarget::Bar(_)
                | HitTarget::Answer(_)
                | HitTarget::Sign(_)
                | HitTarget::AcceptName
                | HitTarget::Close
                | HitTarget::Wrong
                | HitTarget::EmptyTile(_)
                | HitTarget::Digit(_)
                | HitTarget::Layer(_),
            ) => true,
            Some(HitTarget::Map { .. }) | None => false,
        };
        if self.pointer_acts_on_canvas() {
            Cursor::Crosshair
        } else if is_clickable {
            Cursor::Hand
        } else {
            Cursor::Arrow
        }
    }

    /// The digit that the panel describes: the one under the pointer, or else the one that was clicked in the
    /// number, or else one that is to be asked about, or else the last.
    pub fn selected_digit(&self) -> Option<&RecognizedDigit> {
        self.digits.get(self.selected_index()?)
    }

    /// Index of the selected digit among [`digits`](State::digits).
    pub fn selected_index(&self) -> Option<usize> {
        if self.overlay == Some(Overlay::Naming) {
            return Some(self.naming.index).filter(|&index| index < self.digits.len());
        }
        let point = self.pointer.map(|(x, y)| self.layout.canvas_point(x, y));
        let is_hovered = |digit: &RecognizedDigit| point.is_some_and(|point| digit.bounds.contains(point));
        let hovered = self
            .digits
            .iter()
            .position(is_hovered)
            .filter(|_| !self.ink().is_drawing());
        let in_number = || self.pointer.and_then(|(x, y)| self.cell_at(x, y));
        let unread = || self.digits.iter().rposition(|digit| self.is_in_question(digit));
        hovered
            .or_else(in_number)
            .or(self.chosen)
            .or_else(unread)
            .or(RecognizedDigit::last(&self.digits))
    }

    /// Whether the selected digit or mark can be labeled: there is one, and nothing covers or changes it.
    pub fn can_teach(&self) -> bool {
        self.has_teachable() && self.overlay.is_none()
    }

    /// Whether there is a selected digit or mark that can be labeled once no overlay covers it.
    pub(super) fn has_teachable(&self) -> bool {
        self.selected_digit().is_some() && !self.is_blank() && !self.ink().is_drawing()
    }

    /// The target under the pointer, unless the pointer is drawing, erasing or dragging the slider.
    pub fn hovered(&self) -> Option<HitTarget> {
        if self.ink().is_drawing() || matches!(self.held, Some(Held::Slider | Held::Scrubber | Held::Eraser { .. })) {
            return None;
        }
        let (x, y) = self.pointer?;
        self.target_at(x, y)
    }

    /// The target that is pressed, while the pointer is over it.
    pub fn pressed(&self) -> Option<HitTarget> {
        match self.held {
            Some(Held::Button(target)) if self.hovered() == Some(target) => Some(target),
            _ => None,
        }
    }

    /// Whether the pointer acts on the canvas: the pen is drawing, or the pointer is over the canvas and free to draw or
    /// erase.
    pub fn pointer_acts_on_canvas(&self) -> bool {
        let is_free_at = |(x, y)| self.layout.canvas.contains(x, y) && self.welcome_at(x, y).is_none();
        let is_inside = self.pointer.is_some_and(is_free_at);
        let is_free = self.overlay.is_none() && matches!(self.held, None | Some(Held::Eraser { .. }));
        self.ink().is_drawing() || (is_inside && is_free)
    }

    /// Position and radius of the eraser in window pixels, while it is over the canvas.
    pub fn eraser_circle(&self) -> Option<(f32, f32, f32)> {
        let (x, y) = self
            .pointer
            .filter(|_| self.is_erasing() && self.pointer_acts_on_canvas())?;
        Some((x, y, self.eraser_radius() / self.layout.canvas_unit()))
    }

    /// Whether the pointer erases: with that tool, or by the secondary button.
    fn is_erasing(&self) -> bool {
        self.tool == Tool::Eraser || matches!(self.held, Some(Held::Eraser { .. }))
    }

    /// Position and radius of the pen in window pixels, while its width is being changed.
    pub fn pen_circle(&self) -> Option<(f32, f32, f32)> {
        let is_dragged = self.held == Some(Held::Slider);
        let (x, y) = if is_dragged { self.pointer } else { self.pen_changed_at }?;
        let radius = 0.5 * self.ink().pen() / self.layout.canvas_unit();
        (!self.is_erasing() || is_dragged).then_some((x, y, radius))
    }

    /// The target at a window position; an open overlay hides the buttons behind it.
    pub(super) fn target_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        if let Some(action) = self.offered_undo().filter(|_| self.undo_button().contains(x, y)) {
            return Some(HitTarget::Action(action));
        }
        if let Some((action, _)) = self.close_button().filter(|(_, rect)| rect.contains(x, y)) {
            return Some(HitTarget::Action(action));
        }
        match self.overlay {
            None => {
                let button = self.layout.target_at(x, y);
                let in_panel = || {
                    self.bar_at(x, y)
                        .or_else(|| self.answer_at(x, y))
                        .or_else(|| self.name_button_at(x, y))
                        .or_else(|| self.wrong_button_at(x, y))
                        .or_else(|| self.layer_at(x, y))
                };
                let button = button.or_else(in_panel).or_else(|| self.number_target_at(x, y));
                button.or_else(|| self.welcome_at(x, y))
            }
            Some(Overlay::Menu) => self.layout.menu_target_at(x, y),
            Some(Overlay::Naming) => self.naming_target_at(x, y),
            Some(Overlay::Hand) => {
                let page = self.layout.hand;
                let buttons = [(page.save, HitTarget::SavePoster), (page.close, HitTarget::Close)];
                let tiles = self.empty_tiles().into_iter();
                let tiles = tiles.map(|(digit, rect)| (rect, HitTarget::EmptyTile(digit)));
                let hit = buttons.into_iter().chain(tiles).find(|(rect, _)| rect.contains(x, y));
                hit.map(|(_, target)| target)
            }
            Some(Overlay::Examples) if self.layout.hand_button().contains(x, y) => {
                Some(HitTarget::Action(Action::Hand))
            }
            Some(Overlay::Examples) => {
                let mut cells = self.example_cells().into_iter();
                let hit = cells.find(|(_, rect)| rect.contains(x, y));
                hit.map(|(index, _)| HitTarget::Example(index))
            }
        }
    }

    /// The action that closes the overlay, and its button, if it has one.
    pub(super) fn close_button(&self) -> Option<(Action, Rect)> {
        let action = match self.overlay? {
            Overlay::Menu => Action::Help,
            Overlay::Examples => Action::Examples,
            Overlay::Naming | Overlay::Hand => return None,
        };
        Some((action, self.layout.close_button()?))
    }

    /// The row of the bar chart at a window position, while a click on it can label the selected digit.
    fn bar_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let digit = self.layout.bar_at(x, y)?;
        (self.shows_prediction() && self.can_teach()).then_some(HitTarget::Bar(digit))
    }
}
