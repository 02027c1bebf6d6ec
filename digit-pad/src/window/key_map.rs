//! Keys of an X11 keyboard: by symbol on layouts with Latin letters, by position on others.

use crate::ui::{Key, Modifiers, key_names::key_of_character};

/// Bits of an event's state.
const SHIFT: u16 = 1;
const CAPS_LOCK: u16 = 1 << 1;
const CONTROL: u16 = 1 << 2;
const ALT: u16 = 1 << 3;
/// The layout group, two bits.
const GROUP_SHIFT: u16 = 13;

/// Key codes of the letters on a keyboard labeled QWERTY, row by row; they are those of Linux plus eight.
const LETTER_ROWS: [(u8, &[u8]); 3] = [(24, b"QWERTYUIOP"), (38, b"ASDFGHJKL"), (52, b"ZXCVBNM")];

/// The symbols of every key, as the core protocol lists them: two for each group, plain and with Shift.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct KeyMap {
    first: u8,
    per_key: usize,
    symbols: Vec<u32>,
}

impl KeyMap {
    /// The symbols of all keys from key code `first`, `per_key` each.
    pub(super) fn new(first: u8, per_key: u8, symbols: Vec<u32>) -> Self {
        let per_key = usize::from(per_key);
        KeyMap {
            first,
            per_key,
            symbols,
        }
    }

    /// The key of an event, if the user interface handles it, and the modifiers.
    pub(super) fn key(&self, code: u8, state: u16) -> Option<(Key, Modifiers)> {
        let modifiers = Modifiers {
            control: state & CONTROL != 0,
            shift: state & SHIFT != 0,
        };
        let group = usize::from(state >> GROUP_SHIFT & 3);
        let symbol = self.symbol(code, group, modifiers.shift);
        let key = keypad_key(self.symbol(code, 0, false))
            .or_else(|| key_of_symbol(symbol))
            .or_else(|| self.letter_by_position(code, group));
        key.map(|key| (key, modifiers))
    }

    /// The character that a key types, if it types one.
    pub(super) fn character(&self, code: u8, state: u16) -> Option<char> {
        if state & (CONTROL | ALT) != 0 {
            return None;
        }
        if let Some(Key::Digit(digit)) = keypad_key(self.symbol(code, 0, false)) {
            return Some(char::from(b'0' + digit));
        }
        let group = usize::from(state >> GROUP_SHIFT & 3);
        let typed = character(self.symbol(code, group, state & SHIFT != 0))?;
        let capital = (state & CAPS_LOCK != 0).then(|| typed.to_uppercase().next());
        capital.flatten().or(Some(typed))
    }

    /// A symbol of a key; 0 if it has none. A key without a second group has those of the first.
    fn symbol(&self, code: u8, group: usize, shift: bool) -> u32 {
        let start = usize::from(code.saturating_sub(self.first)) * self.per_key;
        let symbols = self.symbols.get(start..start + self.per_key).unwrap_or(&[]);
        let at = |group: usize, shift: bool| symbols.get(2 * group + usize::from(shift)).copied().unwrap_or(0);
        let wanted = [(group.min(1), shift), (group.min(1), false), (0, shift), (0, false)];
        let found = wanted.into_iter().map(|(group, shift)| at(group, shift));
        found.into_iter().find(|&symbol| symbol != 0).unwrap_or(0)
    }

    /// The letter at that place of a QWERTY keyboard, where the layout has no Latin letters.
    fn letter_by_position(&self, code: u8, group: usize) -> Option<Key> {
        let letter = |(first, letters): (u8, &[u8])| letters.get(usize::from(code.checked_sub(first)?)).copied();
        let letter = LETTER_ROWS.into_iter().find_map(letter)?;
        (!self.is_latin(group)).then_some(Key::Letter(letter.into()))
    }

    fn is_latin(&self, group: usize) -> bool {
        let keys = self.symbols.len() / self.per_key.max(1);
        (0..keys).any(|key| {
            let code = self.first.saturating_add(key as u8);
            self.symbol(code, group, false) == u32::from(b'e')
        })
    }
}

/// Keys of the keypad, with and without Num Lock.
fn keypad_key(symbol: u32) -> Option<Key> {
    /// Digits of the symbols from `KP_Home` on, which the keys have without Num Lock.
    const WITHOUT_NUM_LOCK: [u8; 10] = [7, 4, 8, 6, 2, 9, 3, 1, 5, 0];
    match symbol {
        0xff95..=0xff9e => Some(Key::Digit(WITHOUT_NUM_LOCK[(symbol - 0xff95) as usize])),
        0xffb0..=0xffb9 => Some(Key::Digit((symbol - 0xffb0) as u8)),
        0xffab => Some(Key::Plus),
        0xffad => Some(Key::Minus),
        _ => None,
    }
}

fn key_of_symbol(symbol: u32) -> Option<Key> {
    match symbol {
        0xff1b => Some(Key::Escape),
        // With Shift, most keyboards have a symbol of its own: ISO_Left_Tab.
        0xff09 | 0xfe20 => Some(Key::Tab),
        0xff0d | 0xff8d => Some(Key::Enter),
        0xff51 => Some(Key::Left),
        0xff53 => Some(Key::Right),
        0xffff | 0xff9f => Some(Key::Delete),
        0xff08 => Some(Key::Backspace),
        0xffbe => Some(Key::Help),
        _ => character(symbol).and_then(key_of_character),
    }
}

/// The character of a symbol: of Latin-1, or of Unicode with the offset that X11 gives it.
fn character(symbol: u32) -> Option<char> {
    match symbol {
        0x20..=0xff => char::from_u32(symbol),
        0x0100_0100..=0x0110_ffff => char::from_u32(symbol - 0x0100_0000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A keyboard with these symbols for key codes, two groups of two.
    fn key_map(keys: &[(u8, [u32; 4])]) -> KeyMap {
        let mut symbols = vec![0; 4 * 248];
        for (code, of_key) in keys {
            symbols[4 * (usize::from(*code) - 8)..][..4].copy_from_slice(of_key);
        }
        KeyMap::new(8, 4, symbols)
    }

    fn ascii(plain: char, shifted: char) -> [u32; 4] {
        [plain.into(), shifted.into(), 0, 0]
    }

    fn key(map: &KeyMap, code: u8, state: u16) -> Option<Key> {
        map.key(code, state).map(|(key, _)| key)
    }

    #[test]
    fn latin_layouts_are_read_by_symbol() {
        // AZERTY: the A is where QWERTY has its Q, the M beside the L, and a comma where QWERTY has its M.
        let french = key_map(&[
            (24, ascii('a', 'A')),
            (26, ascii('e', 'E')),
            (47, ascii('m', 'M')),
            (58, ascii(',', '?')),
            (10, ascii('&', '1')),
            (11, ascii('é', '2')),
        ]);
        assert_eq!(key(&french, 24, 0), Some(Key::Letter('A')));
        assert_eq!(key(&french, 47, 0), Some(Key::Letter('M')));
        assert_eq!((key(&french, 58, 0), key(&french, 58, SHIFT)), (None, Some(Key::Help)));
        assert_eq!(
            (key(&french, 10, 0), key(&french, 10, SHIFT)),
            (None, Some(Key::Digit(1)))
        );
        assert_eq!(
            (key(&french, 11, 0), key(&french, 11, SHIFT)),
            (None, Some(Key::Digit(2)))
        );
        let (found, modifiers) = french.key(24, SHIFT | CONTROL).unwrap();
        assert_eq!(
            (found, modifiers.control, modifiers.shift),
            (Key::Letter('A'), true, true)
        );
    }

    #[test]
    fn other_layouts_are_read_by_position() {
        const YA: u32 = 0x6d1;
        let russian = key_map(&[
            (52, [YA, 0x6f1, 0, 0]),
            (26, [0x6d5, 0x6f5, 0, 0]),
            (10, ascii('1', '!')),
        ]);
        assert_eq!(key(&russian, 52, CONTROL), Some(Key::Letter('Z')));
        assert_eq!(key(&russian, 26, 0), Some(Key::Letter('E')));
        assert_eq!(key(&russian, 10, 0), Some(Key::Digit(1)));
        // Two groups: the first is Latin, the second is not.
        let both = key_map(&[
            (52, [u32::from(b'y'), u32::from(b'Y'), YA, 0x6f1]),
            (26, [u32::from(b'e'), 69, 0x6d5, 0x6f5]),
        ]);
        let second = 1 << GROUP_SHIFT;
        assert_eq!(key(&both, 52, 0), Some(Key::Letter('Y')));
        assert_eq!(key(&both, 52, second), Some(Key::Letter('Z')));
    }

    #[test]
    fn decimal_digits_of_any_script_and_the_keypad_are_digits() {
        let arabic = key_map(&[(10, [0x0100_0661, 33, 0, 0]), (19, [0x0100_06f0, 41, 0, 0])]);
        assert_eq!(
            (key(&arabic, 10, 0), key(&arabic, 19, 0)),
            (Some(Key::Digit(1)), Some(Key::Digit(0)))
        );
        let keypad = key_map(&[
            (79, [0xff95, 0xffb7, 0, 0]),
            (90, [0xff9e, 0xffb0, 0, 0]),
            (86, [0xffab, 0xffab, 0, 0]),
        ]);
        assert_eq!(
            (key(&keypad, 79, 0), key(&keypad, 90, SHIFT)),
            (Some(Key::Digit(7)), Some(Key::Digit(0)))
        );
        assert_eq!(key(&keypad, 86, CONTROL), Some(Key::Plus));
    }

    #[test]
    fn keys_that_move_and_press_the_focus_are_known() {
        let map = key_map(&[
            (23, [0xff09, 0xfe20, 0, 0]),
            (36, [0xff0d, 0, 0, 0]),
            (104, [0xff8d, 0, 0, 0]),
            (113, [0xff51, 0, 0, 0]),
            (114, [0xff53, 0, 0, 0]),
        ]);
        let (tab, modifiers) = map.key(23, SHIFT).unwrap();
        assert_eq!((tab, modifiers.shift), (Key::Tab, true));
        let keys = [23, 36, 104, 113, 114].map(|code| key(&map, code, 0));
        let expected = [Key::Tab, Key::Enter, Key::Enter, Key::Left, Key::Right];
        assert_eq!(keys, expected.map(Some));
    }

    #[test]
    fn keys_type_characters() {
        let map = key_map(&[
            (38, ascii('a', 'A')),
            (11, ascii('é', '2')),
            (12, [0x0100_2665, 0, 0, 0]),
            (36, [0xff0d, 0, 0, 0]),
            (79, [0xff95, 0xffb7, 0, 0]),
            (65, ascii(' ', ' ')),
        ]);
        for (code, state, expected) in [
            (38, 0, Some('a')),
            (38, SHIFT, Some('A')),
            (38, CAPS_LOCK, Some('A')),
            (38, CONTROL, None),
            (38, ALT, None),
            (11, 0, Some('é')),
            (12, 0, Some('♥')),
            (36, 0, None),
            (79, 0, Some('7')),
            (65, 0, Some(' ')),
        ] {
            assert_eq!(map.character(code, state), expected, "{code} {state}");
        }
    }

    #[test]
    fn keys_without_symbols_and_unknown_codes_are_nothing() {
        let none = KeyMap::default();
        assert_eq!((key(&none, 0, 0), key(&none, 255, u16::MAX)), (None, None));
        let latin = key_map(&[(26, ascii('e', 'E')), (9, [0xff1b, 0, 0, 0]), (65, ascii(' ', ' '))]);
        assert_eq!(
            (key(&latin, 24, 0), key(&latin, 9, 0), key(&latin, 65, 0)),
            (None, Some(Key::Escape), Some(Key::Space))
        );
    }
}
