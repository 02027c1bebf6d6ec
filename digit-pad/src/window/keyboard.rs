//! Keyboard input where minifb reports it: collects key events as events of the user interface.

use std::cell::RefCell;
use std::rc::Rc;

use crate::ui::{Event, Key, Modifiers, key_names::key_of_character};

/// Key presses since the last [`take`](Keyboard::take), in order; minifb reports each one by a callback.
#[derive(Debug, Clone, Default)]
pub(super) struct Keyboard {
    pressed: Rc<RefCell<Vec<Event>>>,
    held: Rc<RefCell<HeldModifiers>>,
}

/// The left and the right key of each modifier, true while held.
#[derive(Debug, Clone, Copy, Default)]
struct HeldModifiers {
    control: [bool; 2],
    shift: [bool; 2],
}

impl HeldModifiers {
    fn modifiers(self) -> Modifiers {
        Modifiers {
            control: self.control.contains(&true),
            shift: self.shift.contains(&true),
        }
    }
}

impl Keyboard {
    /// Takes the key presses.
    pub(super) fn take(&self) -> Vec<Event> {
        self.pressed.take()
    }

    /// Reports a character before its key, whichever of them minifb reports first.
    fn type_character(&self, typed: char) {
        let mut pressed = self.pressed.borrow_mut();
        let is_its_key = |event: &Event| match event {
            Event::KeyPressed { key, .. } => key_of_character(typed) == Some(*key),
            _ => false,
        };
        let after = pressed.pop_if(|last| is_its_key(last));
        pressed.push(Event::Typed(typed));
        pressed.extend(after);
    }

    /// Releases all modifiers: releases are not reported while another window has the focus.
    pub(super) fn release_modifiers(&self) {
        *self.held.borrow_mut() = HeldModifiers::default();
    }
}

impl minifb::InputCallback for Keyboard {
    /// Handles keys that are defined by their character, which depends on the keyboard layout. Letters and the space bar
    /// are defined by their key code.
    fn add_char(&mut self, char: u32) {
        let modifiers = self.held.borrow().modifiers();
        if let Some(typed) = char::from_u32(char).filter(|typed| !typed.is_control() && !modifiers.control) {
            self.type_character(typed);
        }
        if let Some(key) = char::from_u32(char)
            .and_then(key_of_character)
            .filter(|key| !modifiers.control && !matches!(key, Key::Letter(_) | Key::Space))
        {
            self.pressed.borrow_mut().push(Event::KeyPressed { key, modifiers });
        }
    }

    fn set_key_state(&mut self, key: minifb::Key, down: bool) {
        let mut held = self.held.borrow_mut();
        match key {
            minifb::Key::LeftCtrl => held.control[0] = down,
            minifb::Key::RightCtrl => held.control[1] = down,
            minifb::Key::LeftShift => held.shift[0] = down,
            minifb::Key::RightShift => held.shift[1] = down,
            key => {
                let modifiers = held.modifiers();
                let zoom = zoom_key(key).filter(|_| modifiers.control);
                if let Some(key) = zoom.or_else(|| named_key(key)).filter(|_| down) {
                    self.pressed.borrow_mut().push(Event::KeyPressed { key, modifiers });
                }
            }
        }
    }
}

/// Plus and minus by key code, since they produce no character while Control is held.
fn zoom_key(key: minifb::Key) -> Option<Key> {
    match key {
        minifb::Key::Equal | minifb::Key::NumPadPlus => Some(Key::Plus),
        minifb::Key::Minus | minifb::Key::NumPadMinus => Some(Key::Minus),
        _ => None,
    }
}

/// The keys that are defined by their key code: letters and special keys.
fn named_key(key: minifb::Key) -> Option<Key> {
    let letter = (key as usize).checked_sub(minifb::Key::A as usize).filter(|&i| i < 26);
    match key {
        minifb::Key::Escape => Some(Key::Escape),
        minifb::Key::Delete => Some(Key::Delete),
        minifb::Key::Backspace => Some(Key::Backspace),
        minifb::Key::Space => Some(Key::Space),
        minifb::Key::Tab => Some(Key::Tab),
        minifb::Key::Enter | minifb::Key::NumPadEnter => Some(Key::Enter),
        minifb::Key::Left => Some(Key::Left),
        minifb::Key::Right => Some(Key::Right),
        minifb::Key::F1 => Some(Key::Help),
        _ => letter.map(|i| Key::Letter((b'A' + i as u8) as char)),
    }
}

#[cfg(test)]
mod tests {
    use minifb::InputCallback;

    use super::*;

    #[test]
    fn key_presses_are_kept_in_order() {
        let keyboard = Keyboard::default();
        let mut callback = keyboard.clone();
        let changes = [
            (minifb::Key::C, true),
            (minifb::Key::C, false),
            (minifb::Key::F5, true),
            (minifb::Key::RightCtrl, true),
            (minifb::Key::Z, true),
            (minifb::Key::RightCtrl, false),
            (minifb::Key::Escape, true),
        ];
        changes
            .into_iter()
            .for_each(|(key, down)| callback.set_key_state(key, down));
        let pressed = |key, control| Event::KeyPressed {
            key,
            modifiers: Modifiers { control, shift: false },
        };
        let expected = [
            pressed(Key::Letter('C'), false),
            pressed(Key::Letter('Z'), true),
            pressed(Key::Escape, false),
        ];
        assert_eq!(keyboard.take(), expected);
        assert!(keyboard.take().is_empty());
    }

    #[test]
    fn a_character_comes_before_its_key() {
        let keyboard = Keyboard::default();
        let mut callback = keyboard.clone();
        callback.set_key_state(minifb::Key::A, true);
        callback.add_char('a'.into());
        callback.add_char('♥'.into());
        let key = Event::KeyPressed {
            key: Key::Letter('A'),
            modifiers: Modifiers::default(),
        };
        assert_eq!(keyboard.take(), [Event::Typed('a'), key, Event::Typed('♥')]);
    }

    #[test]
    fn modifiers_are_released_with_the_focus() {
        let keyboard = Keyboard::default();
        let mut callback = keyboard.clone();
        callback.set_key_state(minifb::Key::LeftCtrl, true);
        keyboard.release_modifiers();
        callback.set_key_state(minifb::Key::C, true);
        assert_eq!(
            keyboard.take(),
            [Event::KeyPressed {
                key: Key::Letter('C'),
                modifiers: Modifiers::default()
            }]
        );
    }

    #[test]
    fn keys_are_mapped() {
        for (key, expected) in [
            (minifb::Key::A, Some(Key::Letter('A'))),
            (minifb::Key::Z, Some(Key::Letter('Z'))),
            (minifb::Key::F1, Some(Key::Help)),
            (minifb::Key::Tab, Some(Key::Tab)),
            (minifb::Key::NumPadEnter, Some(Key::Enter)),
            (minifb::Key::Left, Some(Key::Left)),
            (minifb::Key::F2, None),
            (minifb::Key::Up, None),
            (minifb::Key::Key0, None),
            (minifb::Key::NumPad9, None),
        ] {
            assert_eq!(named_key(key), expected, "{key:?}");
        }
        for (char, expected) in [
            ('0', Some(Key::Digit(0))),
            ('9', Some(Key::Digit(9))),
            ('+', Some(Key::Plus)),
            ('=', Some(Key::Plus)),
            ('-', Some(Key::Minus)),
            ('?', Some(Key::Help)),
            ('a', Some(Key::Letter('A'))),
            (' ', Some(Key::Space)),
            ('é', None),
            ('/', None),
            ('\u{1b}', None),
        ] {
            assert_eq!(key_of_character(char), expected, "{char:?}");
        }
    }

    #[test]
    fn digits_follow_the_keyboard_layout_and_zoom_does_not() {
        let keyboard = Keyboard::default();
        let mut callback = keyboard.clone();
        // On some keyboards, shift and the minus key write a six.
        callback.set_key_state(minifb::Key::LeftShift, true);
        callback.set_key_state(minifb::Key::Minus, true);
        callback.add_char('6'.into());
        callback.set_key_state(minifb::Key::LeftShift, false);
        callback.set_key_state(minifb::Key::LeftCtrl, true);
        callback.set_key_state(minifb::Key::Minus, true);
        callback.add_char('-'.into());
        callback.add_char(0x1b);
        let pressed = |key, control, shift| Event::KeyPressed {
            key,
            modifiers: Modifiers { control, shift },
        };
        assert_eq!(
            keyboard.take(),
            [
                Event::Typed('6'),
                pressed(Key::Digit(6), false, true),
                pressed(Key::Minus, true, false)
            ]
        );
    }
}
