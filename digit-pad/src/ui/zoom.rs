//! The zoom of the interface: its steps, and which of them fit the window.

use crate::ui::{
    action::Action,
    event::Effects,
    layout::Layout,
    state::{NO_ZOOM, State, ZOOMS},
};

impl State {
    /// The scale of text and gaps at a zoom factor.
    fn scale_at(&self, zoom_index: usize) -> f32 {
        Layout::scale_of(self.layout.window, ZOOMS[zoom_index], self.fingers)
    }

    /// The next factor at which everything is larger, or smaller; `None` where nothing would change.
    pub(super) fn next_zoom(&self, larger: bool) -> Option<usize> {
        let now = self.scale_at(self.zoom_index);
        let differs = |&index: &usize| {
            let scale = self.scale_at(index);
            if larger { scale > now } else { scale < now }
        };
        if larger {
            (self.zoom_index + 1..ZOOMS.len()).find(differs)
        } else {
            (0..self.zoom_index).rev().find(differs)
        }
    }

    /// Zooms by an action, if that changes something.
    pub(super) fn zoom_by(&mut self, action: Action) -> Effects {
        let next = match action {
            Action::ZoomIn => self.next_zoom(true),
            Action::ZoomOut => self.next_zoom(false),
            _ => Some(NO_ZOOM),
        };
        self.set_zoom(next.unwrap_or(self.zoom_index));
        Effects::RECOGNIZE
    }

    /// Says why there is no further step, which the window does not show.
    pub(super) fn refuse_zoom(&mut self, action: Action) -> Effects {
        let is_last = self.zoom_index + 1 == ZOOMS.len();
        self.show_message(match action {
            Action::ZoomIn if !is_last => "This window is too small for more zoom",
            Action::ZoomIn => "This is the largest zoom",
            Action::ZoomOut => "This is the smallest zoom",
            _ => return Effects::default(),
        });
        Effects::REPAINT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graphics::canvas::Rect,
        ui::{
            Event, Key, Modifiers, Opening,
            scene::{item::Item, scene},
            theme::Theme,
        },
    };

    fn press(state: &mut State, key: Key) -> Effects {
        let modifiers = Modifiers {
            control: true,
            shift: false,
        };
        state.apply(Event::KeyPressed { key, modifiers })
    }

    #[test]
    fn zooming_ends_where_the_window_does_and_says_so() {
        let mut state = State::new(960, 640, Opening::Blank);
        let mut last = state.layout().scale;
        while state.is_enabled(Action::ZoomIn) {
            press(&mut state, Key::Plus);
            assert!(state.layout().scale > last && state.message().is_none());
            last = state.layout().scale;
        }
        let index = state.zoom_index();
        assert!(index + 1 < ZOOMS.len());
        assert_eq!(press(&mut state, Key::Plus), Effects::REPAINT);
        assert_eq!((state.zoom_index(), state.layout().scale), (index, last));
        assert_eq!(state.message(), Some("This window is too small for more zoom"));
        let items = scene(&state, &Theme::DARK);
        assert!(
            items
                .iter()
                .any(|item| matches!(item, Item::Text { text, .. } if text.contains("too small")))
        );
        press(&mut state, Key::Minus);
        assert!(
            state.layout().scale < last && state.message().is_none(),
            "each step is seen"
        );
        while state.is_enabled(Action::ZoomOut) {
            press(&mut state, Key::Minus);
        }
        press(&mut state, Key::Minus);
        assert_eq!(state.message(), Some("This is the smallest zoom"));
        let mut large = State::new(1600, 1600, Opening::Blank);
        large.set_fingers(Some(1.0));
        for _ in ZOOMS {
            press(&mut large, Key::Plus);
        }
        assert_eq!(large.message(), Some("This is the largest zoom"));
    }

    #[test]
    fn one_key_resets_the_zoom() {
        let mut state = State::new(1920, 1080, Opening::Blank);
        assert!(!state.is_enabled(Action::ResetZoom));
        let places = |state: &State| -> Vec<Rect> { state.layout().buttons.iter().map(|button| button.rect).collect() };
        let before = places(&state);
        press(&mut state, Key::Plus);
        press(&mut state, Key::Plus);
        assert_ne!(places(&state), before);
        press(&mut state, Key::Digit(0));
        assert_eq!((state.zoom_index(), places(&state)), (NO_ZOOM, before));
        assert_eq!(state.take_commands(), [], "nothing is labeled as a 0");
    }

    #[test]
    fn a_step_back_is_seen_in_a_window_that_has_become_too_small() {
        let mut state = State::new(3840, 2160, Opening::Blank);
        for _ in 0..4 {
            press(&mut state, Key::Plus);
        }
        state.apply(Event::Resized {
            width: 960,
            height: 640,
        });
        let scale = state.layout().scale;
        assert!(!state.is_enabled(Action::ZoomIn));
        press(&mut state, Key::Minus);
        assert!(state.layout().scale < scale);
    }
}
