//! What the window knows, and how it changes: an event in, a state and its effects out.

use std::sync::Arc;

use super::layout::Layout;
use crate::grey::GreyImage;
use crate::ink::Ink;
use crate::normalize::{Grey28, normalize, normalize_ink};
use crate::raster::draw_over;
use crate::reading::Reading;

/// What a person can ask for, by a button or by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Empty the canvas.
    Clear,
    /// Take the last stroke back.
    Undo,
    /// Close the window.
    Quit,
}

impl Action {
    /// Every action, in the order of the buttons.
    pub const ALL: [Action; 3] = [Action::Clear, Action::Undo, Action::Quit];

    /// The action's name.
    pub fn label(self) -> &'static str {
        match self {
            Action::Clear => "Clear",
            Action::Undo => "Undo",
            Action::Quit => "Quit",
        }
    }

    /// The letter that stands for it; some actions have further keys.
    pub fn letter(self) -> char {
        match self {
            Action::Clear => 'C',
            Action::Undo => 'Z',
            Action::Quit => 'Q',
        }
    }

    /// The action that a key asks for.
    fn for_key(key: Key, control: bool) -> Option<Action> {
        match key {
            Key::Escape => Some(Action::Quit),
            Key::Delete | Key::Backspace => Some(Action::Clear),
            Key::Letter(letter) => {
                let action = Action::ALL.into_iter().find(|action| action.letter() == letter)?;
                // Control and a letter belong to other customs, except the one for undo and the one for quit.
                (!control || action != Action::Clear).then_some(action)
            }
        }
    }
}

/// A key, as far as the pad has a use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A letter key, named by its capital.
    Letter(char),
    /// Escape.
    Escape,
    /// Delete.
    Delete,
    /// Backspace.
    Backspace,
}

/// Something that happened to the window. Places are in pixels of the window, and may lie outside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The pointer is now at this place.
    PointerMoved {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// The pointer's main button went down at this place.
    PointerPressed {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// The pointer's main button went up at this place.
    PointerReleased {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// A key went down, or repeats.
    KeyPressed {
        /// Which.
        key: Key,
        /// Whether a control key was held.
        control: bool,
    },
    /// The window has this size now, in pixels.
    Resized {
        /// To the right.
        width: usize,
        /// Down.
        height: usize,
    },
}

/// What has to follow an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// The picture changed: paint it.
    pub repaint: bool,
    /// The drawing changed: read it.
    pub read: bool,
    /// The window closes.
    pub quit: bool,
}

impl Effects {
    const REPAINT: Effects = Effects {
        repaint: true,
        read: false,
        quit: false,
    };
    const READ: Effects = Effects {
        repaint: true,
        read: true,
        quit: false,
    };
    const QUIT: Effects = Effects {
        repaint: false,
        read: false,
        quit: true,
    };
}

impl std::ops::BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        Effects {
            repaint: self.repaint || other.repaint,
            read: self.read || other.read,
            quit: self.quit || other.quit,
        }
    }
}

impl std::ops::BitOrAssign for Effects {
    fn bitor_assign(&mut self, other: Effects) {
        *self = *self | other;
    }
}

/// What the network saw and made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// The picture it was given.
    pub pixels: Grey28,
    /// What it read there.
    pub reading: Reading,
}

/// What lies on the canvas when the window opens.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Opening {
    /// Nothing.
    #[default]
    Blank,
    /// A drawing, already on the canvas: see [`Ink::fit`].
    Ink(Ink),
    /// A picture, ink bright on dark.
    Picture(GreyImage),
}

/// Everything that decides what the window shows.
#[derive(Debug, Clone)]
pub struct State {
    layout: Layout,
    ink: Ink,
    picture: Option<Arc<GreyImage>>,
    sight: Option<Sight>,
    pointer: Option<(f32, f32)>,
    pressed: Option<Action>,
}

impl State {
    /// The state of a window of the given size, in pixels, that has just opened.
    pub fn new(width: usize, height: usize, opening: Opening) -> Self {
        let (ink, picture) = match opening {
            Opening::Blank => (Ink::new(), None),
            Opening::Ink(ink) => (ink, None),
            Opening::Picture(picture) => (Ink::new(), Some(Arc::new(picture))),
        };
        let layout = Layout::new(width, height);
        State {
            layout,
            ink,
            picture,
            sight: None,
            pointer: None,
            pressed: None,
        }
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The drawing.
    pub fn ink(&self) -> &Ink {
        &self.ink
    }

    /// The picture under the drawing.
    pub fn picture(&self) -> Option<&Arc<GreyImage>> {
        self.picture.as_ref()
    }

    /// What the network saw last; nothing if the canvas is blank.
    pub fn sight(&self) -> Option<&Sight> {
        self.sight.as_ref()
    }

    /// Whether nothing lies on the canvas.
    pub fn is_blank(&self) -> bool {
        self.ink.is_empty() && self.picture.is_none()
    }

    /// The button that the pointer is over, unless the pen is drawing.
    pub fn hovered(&self) -> Option<Action> {
        if self.ink.is_drawing() {
            return None;
        }
        self.pointer.and_then(|(x, y)| self.layout.button_at(x, y))
    }

    /// The button that is held down, with the pointer still over it.
    pub fn pressed(&self) -> Option<Action> {
        self.pressed.filter(|&action| self.hovered() == Some(action))
    }

    /// Whether the pen is on the canvas, or the pointer over it with nothing else in hand.
    pub fn over_canvas(&self) -> bool {
        let over = |(x, y)| self.layout.canvas.contains(x, y);
        self.ink.is_drawing() || self.pressed.is_none() && self.pointer.is_some_and(over)
    }

    /// Whether the action would change anything.
    pub fn can(&self, action: Action) -> bool {
        match action {
            Action::Clear => !self.is_blank(),
            Action::Undo => !self.ink.is_empty(),
            Action::Quit => true,
        }
    }

    /// Takes an event in.
    pub fn apply(&mut self, event: Event) -> Effects {
        match event {
            Event::PointerMoved { x, y } => self.pointer_moved(x, y),
            Event::PointerPressed { x, y } => self.pointer_moved(x, y) | self.pointer_pressed(x, y),
            Event::PointerReleased { x, y } => self.pointer_moved(x, y) | self.pointer_released(x, y),
            Event::KeyPressed { key, control } => {
                Action::for_key(key, control).map_or(Effects::default(), |action| self.act(action))
            }
            Event::Resized { width, height } => self.resized(width, height),
        }
    }

    /// Does what a button or a key asks for.
    pub fn act(&mut self, action: Action) -> Effects {
        if !self.can(action) {
            return Effects::default();
        }
        match action {
            Action::Clear => {
                self.ink.clear();
                self.picture = None;
            }
            Action::Undo => {
                self.ink.undo_stroke();
            }
            Action::Quit => return Effects::QUIT,
        }
        Effects::READ
    }

    /// The picture for the network, or `None` if the canvas is blank.
    pub fn look(&self) -> Option<Grey28> {
        match &self.picture {
            None => normalize_ink(&self.ink),
            Some(picture) if self.ink.is_empty() => normalize(picture),
            Some(picture) => normalize(&draw_over(picture, &self.ink)),
        }
    }

    /// Keeps what the network saw, to be shown.
    pub fn show(&mut self, sight: Option<Sight>) {
        self.sight = sight;
    }

    fn pointer_moved(&mut self, x: f32, y: f32) -> Effects {
        let before = (self.hovered(), self.pressed());
        self.pointer = Some((x, y));
        if self.ink.pen_move(self.layout.canvas_point(x, y)) {
            return Effects::READ;
        }
        if (self.hovered(), self.pressed()) == before {
            Effects::default()
        } else {
            Effects::REPAINT
        }
    }

    fn pointer_pressed(&mut self, x: f32, y: f32) -> Effects {
        if let Some(action) = self.layout.button_at(x, y) {
            self.pressed = Some(action);
            return Effects::REPAINT;
        }
        if self.layout.canvas.contains(x, y) {
            self.ink.pen_down(self.layout.canvas_point(x, y));
            return Effects::READ;
        }
        Effects::default()
    }

    fn pointer_released(&mut self, x: f32, y: f32) -> Effects {
        if self.ink.is_drawing() {
            let added = self.ink.pen_up(self.layout.canvas_point(x, y));
            return if added { Effects::READ } else { Effects::REPAINT };
        }
        let asked_for = self.pressed();
        match self.pressed.take() {
            None => Effects::default(),
            Some(_) => Effects::REPAINT | asked_for.map_or(Effects::default(), |action| self.act(action)),
        }
    }

    fn resized(&mut self, width: usize, height: usize) -> Effects {
        if self.layout.window == (width, height) {
            return Effects::default();
        }
        self.layout = Layout::new(width, height);
        Effects::REPAINT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ink::{CANVAS, Point};

    fn window(opening: Opening) -> State {
        State::new(960, 640, opening)
    }

    /// The pixel at a share of the canvas's width and height.
    fn on_canvas(state: &State, x: f32, y: f32) -> (f32, f32) {
        let canvas = state.layout().canvas;
        (
            canvas.x as f32 + x * canvas.width as f32,
            canvas.y as f32 + y * canvas.height as f32,
        )
    }

    fn on_button(state: &State, action: Action) -> (f32, f32) {
        let rect = state
            .layout()
            .buttons
            .iter()
            .find(|button| button.action == action)
            .unwrap()
            .rect;
        (rect.x as f32 + 5.0, rect.y as f32 + 5.0)
    }

    fn moved(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerMoved { x, y })
    }

    fn pressed(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerPressed { x, y })
    }

    fn released(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerReleased { x, y })
    }

    fn typed(state: &mut State, key: Key) -> Effects {
        state.apply(Event::KeyPressed { key, control: false })
    }

    /// A stroke down the middle.
    fn draw_a_one(state: &mut State) {
        let (from, to) = (on_canvas(state, 0.5, 0.2), on_canvas(state, 0.5, 0.8));
        assert_eq!(pressed(state, from), Effects::READ);
        assert_eq!(released(state, to), Effects::READ);
    }

    fn click(state: &mut State, action: Action) -> Effects {
        let at = on_button(state, action);
        pressed(state, at) | released(state, at)
    }

    #[test]
    fn a_drawing_is_in_canvas_units_whatever_the_window() {
        for (width, height) in [(640, 480), (960, 640), (1920, 1080), (700, 1400)] {
            let mut state = State::new(width, height, Opening::Blank);
            draw_a_one(&mut state);
            let points = state.ink().strokes()[0].points();
            assert!(points[0].distance(Point::new(0.5 * CANVAS, 0.2 * CANVAS)) < 0.01);
            assert!(points[1].distance(Point::new(0.5 * CANVAS, 0.8 * CANVAS)) < 0.01);
        }
    }

    #[test]
    fn a_stroke_may_leave_the_canvas_and_come_back() {
        let mut state = window(Opening::Blank);
        let (start, outside, end) = (
            on_canvas(&state, 0.5, 0.9),
            on_canvas(&state, 0.7, 1.5),
            on_canvas(&state, 0.9, 0.9),
        );
        pressed(&mut state, start);
        assert_eq!(moved(&mut state, outside), Effects::READ);
        assert!(
            state.over_canvas() && state.hovered().is_none(),
            "the pen is still drawing"
        );
        let button = on_button(&state, Action::Clear);
        moved(&mut state, button);
        assert_eq!(state.hovered(), None);
        released(&mut state, end);
        assert_eq!(state.ink().strokes().len(), 1);
        assert_eq!(state.ink().strokes()[0].points().len(), 4);
        let here = on_canvas(&state, 0.2, 0.2);
        assert_eq!(moved(&mut state, here), Effects::default(), "the pen is up");
    }

    #[test]
    fn a_stroke_goes_on_while_the_window_is_resized() {
        let mut state = window(Opening::Blank);
        let start = on_canvas(&state, 0.25, 0.25);
        pressed(&mut state, start);
        assert_eq!(
            state.apply(Event::Resized {
                width: 1500,
                height: 900
            }),
            Effects::REPAINT
        );
        assert_eq!(
            state.apply(Event::Resized {
                width: 1500,
                height: 900
            }),
            Effects::default()
        );
        let end = on_canvas(&state, 0.75, 0.75);
        released(&mut state, end);
        let points = state.ink().strokes()[0].points();
        assert!(points[0].distance(Point::new(140.0, 140.0)) < 0.01);
        assert!(points[1].distance(Point::new(420.0, 420.0)) < 0.01);
    }

    #[test]
    fn presses_beside_everything_do_nothing() {
        let mut state = window(Opening::Blank);
        for at in [(1.0, 1.0), (-50.0, -50.0), (959.0, 639.0), (1e9, 1e9), (f32::NAN, 3.0)] {
            assert_eq!(
                pressed(&mut state, at) | moved(&mut state, (5.0, 5.0)) | released(&mut state, at),
                Effects::default()
            );
        }
        assert!(state.is_blank());
    }

    #[test]
    fn keys_and_buttons_do_the_same() {
        let keys = [
            (Action::Clear, vec![Key::Letter('C'), Key::Delete, Key::Backspace]),
            (Action::Undo, vec![Key::Letter('Z')]),
            (Action::Quit, vec![Key::Letter('Q'), Key::Escape]),
        ];
        for (action, keys) in keys {
            let mut by_button = window(Opening::Blank);
            draw_a_one(&mut by_button);
            draw_a_one(&mut by_button);
            let before = by_button.clone();
            let effects = click(&mut by_button, action);
            for key in keys {
                let mut by_key = before.clone();
                let key_effects = typed(&mut by_key, key);
                assert_eq!(by_key.ink(), by_button.ink());
                assert_eq!(
                    (key_effects.read, key_effects.quit),
                    (effects.read, effects.quit),
                    "{key:?}"
                );
            }
        }
    }

    #[test]
    fn control_keeps_its_customs() {
        let mut state = window(Opening::Blank);
        draw_a_one(&mut state);
        let with_control = |key| Event::KeyPressed {
            key: Key::Letter(key),
            control: true,
        };
        assert_eq!(state.apply(with_control('C')), Effects::default(), "that is to copy");
        assert_eq!(state.apply(with_control('Z')), Effects::READ);
        assert!(state.is_blank());
        assert_eq!(state.apply(with_control('Q')), Effects::QUIT);
    }

    #[test]
    fn a_button_acts_when_it_is_let_go_on_it() {
        let mut state = window(Opening::Blank);
        draw_a_one(&mut state);
        let (button, elsewhere) = (on_button(&state, Action::Clear), on_canvas(&state, 0.5, 0.5));
        assert_eq!(moved(&mut state, button), Effects::REPAINT);
        assert_eq!(state.hovered(), Some(Action::Clear));
        assert_eq!(pressed(&mut state, button), Effects::REPAINT);
        assert_eq!(state.pressed(), Some(Action::Clear));
        moved(&mut state, elsewhere);
        assert_eq!((state.pressed(), state.over_canvas()), (None, false));
        released(&mut state, elsewhere);
        assert!(!state.is_blank(), "it was let go elsewhere");
        assert_eq!(click(&mut state, Action::Clear), Effects::READ);
        assert!(state.is_blank());
    }

    #[test]
    fn actions_that_change_nothing_are_off() {
        let mut state = window(Opening::Blank);
        assert!(!state.can(Action::Clear) && !state.can(Action::Undo) && state.can(Action::Quit));
        for key in [Key::Letter('C'), Key::Letter('Z'), Key::Delete, Key::Letter('X')] {
            assert_eq!(typed(&mut state, key), Effects::default());
        }
        draw_a_one(&mut state);
        assert!(state.can(Action::Clear) && state.can(Action::Undo));
    }

    #[test]
    fn clearing_while_drawing_ends_the_stroke() {
        let mut state = window(Opening::Blank);
        let (start, end) = (on_canvas(&state, 0.2, 0.2), on_canvas(&state, 0.8, 0.8));
        pressed(&mut state, start);
        assert_eq!(typed(&mut state, Key::Letter('C')), Effects::READ);
        assert_eq!(
            (moved(&mut state, end), released(&mut state, end)),
            (Effects::default(), Effects::default())
        );
        assert!(state.is_blank() && state.look().is_none());
    }

    #[test]
    fn what_is_drawn_is_what_the_network_gets() {
        let mut state = window(Opening::Blank);
        assert_eq!(state.look(), None);
        draw_a_one(&mut state);
        assert_eq!(state.look(), normalize_ink(state.ink()));
        assert!(state.look().is_some());
    }

    #[test]
    fn a_picture_can_be_read_drawn_on_and_cleared() {
        let bar = GreyImage::new(
            100,
            100,
            (0..10_000).map(|i| if i % 100 / 10 == 5 { 255 } else { 0 }).collect(),
        );
        let mut state = window(Opening::Picture(bar.clone()));
        assert_eq!(state.look(), normalize(&bar));
        assert!(state.can(Action::Clear) && !state.can(Action::Undo));
        let alone = state.look();
        let (from, to) = (on_canvas(&state, 0.1, 0.5), on_canvas(&state, 0.9, 0.5));
        pressed(&mut state, from);
        released(&mut state, to);
        assert_ne!(state.look(), alone);
        typed(&mut state, Key::Letter('Z'));
        assert_eq!(state.look(), alone);
        typed(&mut state, Key::Letter('C'));
        assert!(state.is_blank() && state.look().is_none());
    }

    fn events() -> impl Strategy<Value = Event> {
        let place = || (-100.0..1100.0f32, -100.0..800.0f32);
        let key = prop_oneof![
            Just(Key::Letter('C')),
            Just(Key::Letter('Z')),
            Just(Key::Letter('Q')),
            Just(Key::Escape),
            Just(Key::Delete),
        ];
        prop_oneof![
            8 => place().prop_map(|(x, y)| Event::PointerMoved { x, y }),
            3 => place().prop_map(|(x, y)| Event::PointerPressed { x, y }),
            2 => place().prop_map(|(x, y)| Event::PointerReleased { x, y }),
            1 => (key, any::<bool>()).prop_map(|(key, control)| Event::KeyPressed { key, control }),
            1 => (0..1400usize, 0..1000usize).prop_map(|(width, height)| Event::Resized { width, height }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn any_events_leave_a_state_that_holds_together(events in proptest::collection::vec(events(), 0..80)) {
            let mut state = window(Opening::Blank);
            for event in events {
                let before = state.ink().clone();
                let effects = state.apply(event);
                prop_assert_eq!(effects.read, state.ink().strokes() != before.strokes());
                prop_assert!(!effects.read || effects.repaint);
            }
            prop_assert_eq!(state.is_blank(), state.look().is_none());
        }
    }
}
