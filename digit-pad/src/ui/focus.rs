//! Keyboard focus: Tab moves it from target to target, and Enter or Space presses the target that has it.

use crate::{
    graphics::canvas::Rect,
    ui::{
        action::{Action, Key},
        event::Effects,
        layout::{Focus, HitTarget, MenuEntry},
        state::{Overlay, State},
    },
};

impl State {
    /// What has the focus, with its place.
    pub fn focused(&self) -> Option<(Focus, Rect)> {
        let focus = self.focus.filter(|focus| self.focusable().contains(focus))?;
        Some((focus, self.place_of(focus)?))
    }

    /// Everything that can have the focus now, in the order of Tab.
    fn focusable(&self) -> Vec<Focus> {
        let all = self.shown_targets().into_iter();
        all.filter(|&focus| self.is_usable(focus)).collect()
    }

    /// Whether something can be used now: an action may be unavailable.
    pub(super) fn is_usable(&self, focus: Focus) -> bool {
        match focus {
            Focus::Target(HitTarget::Action(action)) => self.is_enabled(action),
            Focus::Target(HitTarget::SavePoster) => self.can_save_poster(),
            _ => true,
        }
    }

    /// Everything that can have the focus at times, in the order of Tab.
    pub(super) fn shown_targets(&self) -> Vec<Focus> {
        let target = |action| Focus::Target(HitTarget::Action(action));
        let undo = self.offered_undo().map(target);
        let close = self.close_button().map(|(action, _)| target(action));
        match self.overlay() {
            None => {
                let buttons = self.layout.buttons.iter().map(|button| target(button.action));
                let mut all: Vec<_> = buttons.chain(undo).collect();
                let after_eraser = all.iter().position(|&focus| focus == target(Action::Eraser));
                let can_teach = self.shows_prediction() && self.can_teach();
                let answers = (0..10)
                    .map(HitTarget::Answer)
                    .chain([HitTarget::Action(Action::NameSign)]);
                let wrong = [HitTarget::Wrong].into_iter().filter(|_| can_teach);
                let asked = wrong.chain(answers.filter(|_| self.asks()));
                let bars = (0..self.layout.bars.len() as u8)
                    .map(HitTarget::Bar)
                    .filter(|_| can_teach);
                let cells = self.number_cells().map_or(0, |number| number.cells.len());
                let cells = (0..cells).map(HitTarget::Digit);
                all.extend(asked.chain(bars).chain(cells).map(Focus::Target));
                let layers = self.layer_rows().into_iter();
                all.extend(layers.map(|(row, ..)| Focus::Target(HitTarget::Layer(row.layer))));
                all.insert(after_eraser.map_or(0, |eraser| eraser + 1), Focus::Slider);
                all
            }
            Some(Overlay::Menu) => {
                let actions = self.layout.menu.iter().filter_map(|row| match row.entry {
                    MenuEntry::Action(action) => Some(target(action)),
                    MenuEntry::Heading(_) | MenuEntry::DigitKeys => None,
                });
                close.into_iter().chain(actions).collect()
            }
            Some(Overlay::Naming) => {
                let signs = (0..self.known_signs().len()).map(HitTarget::Sign);
                let digits = (0..10).map(HitTarget::Answer);
                signs
                    .chain(digits)
                    .chain([HitTarget::Close])
                    .map(Focus::Target)
                    .collect()
            }
            Some(Overlay::Examples) => {
                let newest_first = (0..self.examples.len()).rev();
                let examples = newest_first.map(|index| Focus::Target(HitTarget::Example(index)));
                let head = close.into_iter().chain(undo).chain([target(Action::Hand)]);
                head.chain(examples).collect()
            }
            Some(Overlay::Hand) => {
                let buttons = [HitTarget::SavePoster, HitTarget::Close].map(Focus::Target);
                let tiles = self.empty_tiles().into_iter();
                let tiles = tiles.map(|(digit, _)| Focus::Target(HitTarget::EmptyTile(digit)));
                buttons.into_iter().chain(undo).chain(tiles).collect()
            }
        }
    }

    pub(super) fn place_of(&self, focus: Focus) -> Option<Rect> {
        let names = self.overlay() == Some(Overlay::Naming);
        let action = match focus {
            Focus::Slider => return Some(self.layout.slider),
            Focus::Target(HitTarget::Example(index)) => {
                let mut cells = self.example_cells().into_iter();
                return cells.find(|&(example, _)| example == index).map(|(_, rect)| rect);
            }
            Focus::Target(HitTarget::Bar(digit)) => return Some(self.layout.bars[usize::from(digit)].row),
            Focus::Target(HitTarget::Sign(place)) => return self.sign_chips().get(place).map(|&(_, rect)| rect),
            Focus::Target(HitTarget::SavePoster) => return Some(self.layout.hand.save),
            Focus::Target(HitTarget::Close) if names => return Some(self.naming_places().close),
            Focus::Target(HitTarget::Close) => return Some(self.layout.hand.close),
            Focus::Target(HitTarget::EmptyTile(digit)) => {
                let mut tiles = self.empty_tiles().into_iter();
                return tiles.find(|&(empty, _)| empty == digit).map(|(_, rect)| rect);
            }
            Focus::Target(HitTarget::AcceptName) => return Some(self.naming_places().accept),
            Focus::Target(HitTarget::Answer(digit)) if names => {
                return Some(self.naming_places().digits[usize::from(digit)]);
            }
            Focus::Target(HitTarget::Answer(digit)) => return Some(self.layout.answers[usize::from(digit)]),
            Focus::Target(HitTarget::Wrong) => return self.wrong_button(),
            Focus::Target(HitTarget::Digit(index)) => {
                return self.number_cells()?.cells.get(index).copied();
            }
            Focus::Target(HitTarget::Layer(layer)) => {
                let mut rows = self.layer_rows().into_iter();
                return rows.find(|(row, ..)| row.layer == layer).map(|(row, ..)| row.caption);
            }
            // The pointer enlarges it, which the focus does not.
            Focus::Target(HitTarget::Map { .. }) => return None,
            Focus::Target(HitTarget::Action(action)) => action,
        };
        if let Some((_, rect)) = self.close_button().filter(|&(closing, _)| closing == action) {
            return Some(rect);
        }
        let in_menu = self
            .layout
            .menu
            .iter()
            .find(|row| row.entry == MenuEntry::Action(action));
        let button = self.layout.buttons.iter().find(|button| button.action == action);
        match self.overlay() {
            Some(Overlay::Menu) => in_menu.map(|row| row.rect),
            _ if self.offered_undo() == Some(action) => Some(self.undo_button()),
            None if action == Action::NameSign => Some(self.layout.name_answer),
            Some(Overlay::Examples) if action == Action::Hand => Some(self.layout.hand_button()),
            _ => button.map(|button| button.rect),
        }
    }

    /// Moves the focus to the next target, or to the one before; from the last to the first.
    pub(super) fn move_focus(&mut self, backwards: bool) -> Effects {
        let all = self.focusable();
        let last = all.len().saturating_sub(1);
        let at = self
            .focus
            .and_then(|focus| all.iter().position(|&other| other == focus));
        let next = match (at, backwards) {
            (None, false) => 0,
            (None, true) | (Some(0), true) => last,
            (Some(at), true) => at - 1,
            (Some(at), false) if at >= last => 0,
            (Some(at), false) => at + 1,
        };
        self.focus = all.get(next).copied();
        if let Some(Focus::Target(HitTarget::Example(index))) = self.focus {
            self.reveal_example(index);
        }
        Effects::REPAINT
    }

    /// What a key does to the target that has the focus; `None` if it does nothing to it.
    pub(super) fn key_on_focused(&mut self, key: Key) -> Option<Effects> {
        let (focus, _) = self.focused()?;
        match (focus, key) {
            (Focus::Slider, Key::Left) => Some(self.act(Action::Thinner)),
            (Focus::Slider, Key::Right) => Some(self.act(Action::Thicker)),
            (Focus::Target(target), Key::Enter | Key::Space) => Some(self.activate(target) | Effects::REPAINT),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ui::{
        Event, Modifiers,
        event::Event::KeyPressed,
        scene::{item::Item, scene},
        state::{ExampleView, Opening},
        theme::Theme,
    };

    fn typed(state: &mut State, key: Key, shift: bool) -> Effects {
        let modifiers = Modifiers { control: false, shift };
        state.apply(KeyPressed { key, modifiers })
    }

    fn focus(state: &State) -> Option<Focus> {
        state.focused().map(|(focus, _)| focus)
    }

    fn on(action: Action) -> Option<Focus> {
        Some(Focus::Target(HitTarget::Action(action)))
    }

    fn window() -> State {
        State::new(960, 640, Opening::Blank)
    }

    #[test]
    fn tab_visits_every_available_target_once_and_returns() {
        let mut state = window();
        state.show_progress(Arc::default());
        for overlay in [None, Some(Action::Help)] {
            overlay.map(|action| state.act(action));
            let expected = state.focusable().len();
            let mut seen = Vec::new();
            for _ in 0..expected {
                assert_eq!(typed(&mut state, Key::Tab, false), Effects::REPAINT);
                let (focus, rect) = state.focused().unwrap();
                assert!(!seen.contains(&focus) && !rect.is_empty(), "{focus:?}");
                let ring = scene(&state, &Theme::DARK).pop().unwrap();
                assert!(
                    matches!(ring, Item::Outline { rect: around, .. } if around == rect.inset(-3)),
                    "{focus:?}"
                );
                seen.push(focus);
            }
            assert!(
                expected > 10 && !seen.contains(&on(Action::Clear).unwrap()),
                "nothing can be cleared"
            );
            typed(&mut state, Key::Tab, false);
            assert_eq!(focus(&state), Some(seen[0]));
            typed(&mut state, Key::Tab, true);
            assert_eq!(focus(&state), seen.last().copied());
        }
    }

    #[test]
    fn enter_and_space_press_what_has_the_focus() {
        for key in [Key::Enter, Key::Space] {
            let mut state = window();
            assert_eq!(typed(&mut state, Key::Enter, false), Effects::default());
            while focus(&state) != on(Action::Theme) {
                typed(&mut state, Key::Tab, false);
            }
            typed(&mut state, key, false);
            assert!(!state.is_dark() && focus(&state) == on(Action::Theme));
            typed(&mut state, Key::Tab, false);
            typed(&mut state, key, false);
            assert_eq!((state.overlay(), focus(&state)), (Some(Overlay::Menu), None));
        }
    }

    #[test]
    fn space_pauses_training_if_nothing_has_the_focus() {
        let mut state = window();
        state.show_progress(Arc::default());
        typed(&mut state, Key::Tab, false);
        typed(&mut state, Key::Space, false);
        assert_eq!(state.take_commands(), [crate::ui::Command::Open]);
        typed(&mut state, Key::Escape, false);
        typed(&mut state, Key::Space, false);
        assert_eq!(state.take_commands(), [crate::ui::Command::Pause]);
    }

    #[test]
    fn escape_and_the_pointer_drop_the_focus() {
        let mut state = window();
        state.act(Action::Layers);
        typed(&mut state, Key::Tab, false);
        typed(&mut state, Key::Escape, false);
        assert!(
            focus(&state).is_none() && state.shows_activations(),
            "only the focus is gone"
        );
        typed(&mut state, Key::Escape, false);
        assert!(!state.shows_activations());
        typed(&mut state, Key::Tab, false);
        let pressed = Event::PointerPressed { x: 1.0, y: 630.0 };
        assert_eq!((state.apply(pressed), focus(&state)), (Effects::REPAINT, None));
    }

    #[test]
    fn arrows_move_the_slider_that_has_the_focus() {
        let mut state = window();
        let pen = state.ink().pen();
        assert_eq!(typed(&mut state, Key::Right, false), Effects::default());
        while focus(&state) != Some(Focus::Slider) {
            typed(&mut state, Key::Tab, false);
        }
        typed(&mut state, Key::Right, false);
        assert!(state.ink().pen() > pen);
        typed(&mut state, Key::Left, false);
        typed(&mut state, Key::Left, false);
        assert!(state.ink().pen() < pen);
    }

    #[test]
    fn all_examples_are_in_reach_of_tab() {
        let mut state = window();
        let example = |i| ExampleView {
            pixels: [0; 784],
            label: crate::drawing::sign::Label::Digit((i % 10) as u8),
            ink: None,
        };
        state.show_examples(Arc::new((0..2_000).map(example).collect()));
        state.act(Action::Examples);
        typed(&mut state, Key::Tab, false);
        assert_eq!(focus(&state), on(Action::Hand));
        typed(&mut state, Key::Tab, false);
        assert_eq!(focus(&state), Some(Focus::Target(HitTarget::Example(1_999))));
        typed(&mut state, Key::Tab, true);
        typed(&mut state, Key::Tab, true);
        assert_eq!(
            focus(&state),
            Some(Focus::Target(HitTarget::Example(0))),
            "the oldest is scrolled to"
        );
        typed(&mut state, Key::Enter, false);
        typed(&mut state, Key::Enter, false);
        let removals = [0, 0].map(crate::ui::Command::RemoveExample);
        assert_eq!(state.take_commands(), removals);
    }
}
