//! Keys by the characters and names that windows report.

use crate::ui::action::Key;

/// Zeros of the scripts with decimal digits, in Unicode's Basic Multilingual Plane; nine others follow each.
const ZEROS: [u32; 20] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x17e0, 0xff10,
];

/// The key for a character.
#[must_use]
pub fn key_of_character(char: char) -> Option<Key> {
    match char {
        'a'..='z' | 'A'..='Z' => Some(Key::Letter(char.to_ascii_uppercase())),
        ' ' => Some(Key::Space),
        // On many keyboards, the equals sign is the plus key without Shift.
        '+' | '=' => Some(Key::Plus),
        '-' => Some(Key::Minus),
        '?' => Some(Key::Help),
        _ => decimal_digit(char).map(Key::Digit),
    }
}

/// The value of a decimal digit of any script.
fn decimal_digit(char: char) -> Option<u8> {
    let value = |zero: u32| u32::from(char).checked_sub(zero).filter(|&value| value < 10);
    ZEROS.into_iter().find_map(value).map(|value| value as u8)
}

/// The key of an event of a browser, by the name of the key, and the name of its place on the keyboard where the layout has
/// no Latin letters.
#[must_use]
pub fn key_of_name(key: &str, code: &str) -> Option<Key> {
    let mut characters = key.chars();
    if let (Some(character), None) = (characters.next(), characters.next()) {
        let by_place = || {
            let letter = code.strip_prefix("Key").filter(|_| !character.is_ascii())?;
            letter.chars().next().map(Key::Letter)
        };
        return key_of_character(character).or_else(by_place);
    }
    match key {
        "Escape" => Some(Key::Escape),
        "Delete" => Some(Key::Delete),
        "Backspace" => Some(Key::Backspace),
        "Tab" => Some(Key::Tab),
        "Enter" => Some(Key::Enter),
        "ArrowLeft" => Some(Key::Left),
        "ArrowRight" => Some(Key::Right),
        "F1" => Some(Key::Help),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_digits_of_any_script_are_digits() {
        for zero in ZEROS {
            let digits = (0..10).map(|value| decimal_digit(char::from_u32(zero + value).unwrap()));
            assert!(digits.eq((0..10).map(Some)), "{zero:#x}");
        }
        assert_eq!(
            (decimal_digit('/'), decimal_digit(':'), decimal_digit('²')),
            (None, None, None)
        );
    }

    #[test]
    fn keys_of_a_browser_go_by_name_and_else_by_place() {
        for (key, code, expected) in [
            ("c", "KeyC", Some(Key::Letter('C'))),
            ("C", "KeyI", Some(Key::Letter('C'))),
            ("с", "KeyC", Some(Key::Letter('C'))),
            ("7", "Numpad7", Some(Key::Digit(7))),
            ("٧", "Digit7", Some(Key::Digit(7))),
            (" ", "Space", Some(Key::Space)),
            ("=", "Equal", Some(Key::Plus)),
            ("+", "NumpadAdd", Some(Key::Plus)),
            ("?", "Slash", Some(Key::Help)),
            ("ArrowLeft", "ArrowLeft", Some(Key::Left)),
            ("F1", "F1", Some(Key::Help)),
            ("Shift", "ShiftLeft", None),
            (";", "KeyQ", None),
            ("", "", None),
        ] {
            assert_eq!(key_of_name(key, code), expected, "{key} {code}");
        }
    }
}
