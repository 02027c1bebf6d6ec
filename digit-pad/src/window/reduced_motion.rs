//! Whether the desktop asks for less motion: the settings that it publishes on X11 (XSETTINGS) say so.

use x11rb::protocol::xproto::{AtomEnum, ConnectionExt};

/// The setting: 0 without animations.
const ANIMATIONS: &[u8] = b"Gtk/EnableAnimations";

/// Largest list of settings that is read, in words of four bytes.
const MOST_WORDS: u32 = 1 << 16;

/// Whether the desktop asks for less motion. Without settings on X11 it does not.
pub(super) fn is_wanted() -> bool {
    settings().and_then(|settings| integer(&settings, ANIMATIONS)) == Some(0)
}

/// The settings of the screen that the environment names, as their manager publishes them.
fn settings() -> Option<Vec<u8>> {
    let (connection, screen) = x11rb::connect(None).ok()?;
    let atom = |name: &[u8]| Some(connection.intern_atom(true, name).ok()?.reply().ok()?.atom);
    let selection = atom(format!("_XSETTINGS_S{screen}").as_bytes()).filter(|&atom| atom != 0)?;
    let owner = connection.get_selection_owner(selection).ok()?.reply().ok()?.owner;
    let property = atom(b"_XSETTINGS_SETTINGS").filter(|&atom| atom != 0 && owner != 0)?;
    let found = connection.get_property(false, owner, property, AtomEnum::ANY, 0, MOST_WORDS);
    Some(found.ok()?.reply().ok()?.value)
}

/// The value of a whole number in a list of settings; `None` if it is not there, or the list is damaged.
fn integer(settings: &[u8], name: &[u8]) -> Option<i32> {
    let is_little = *settings.first()? == 0;
    let number = |at: usize, size: usize| {
        let bytes = settings.get(at..at.checked_add(size)?)?;
        let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        Some(if is_little {
            bytes.iter().rev().fold(0, add)
        } else {
            bytes.iter().fold(0, add)
        })
    };
    let padded = |length: u32| (length as usize).next_multiple_of(4);
    // Behind the order of bytes and the serial number of the list.
    let (count, mut at) = (number(8, 4)?, 12);
    for _ in 0..count {
        let (kind, length) = (number(at, 1)?, number(at + 2, 2)?);
        let found = settings.get(at + 4..at + 4 + length as usize)?;
        // Behind the name comes the serial number of its last change.
        let value = at + 4 + padded(length) + 4;
        if found == name {
            return (kind == 0).then(|| number(value, 4)).flatten().map(u32::cast_signed);
        }
        at = value
            + match kind {
                0 => 4,
                1 => 4 + padded(number(value, 4)?),
                2 => 8,
                _ => return None,
            };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of a text, a color and a whole number.
    fn list(is_little: bool, value: i32) -> Vec<u8> {
        let short = |number: u16| {
            if is_little {
                number.to_le_bytes()
            } else {
                number.to_be_bytes()
            }
        };
        let long = |number: u32| {
            if is_little {
                number.to_le_bytes()
            } else {
                number.to_be_bytes()
            }
        };
        let mut list = vec![u8::from(!is_little), 0, 0, 0];
        list.extend([long(7), long(3)].concat());
        let mut add = |kind: u8, name: &[u8], value: &[u8]| {
            list.extend([kind, 0]);
            list.extend(short(name.len() as u16));
            list.extend(name);
            list.resize(list.len().next_multiple_of(4), 0);
            list.extend(long(7));
            list.extend(value);
            list.resize(list.len().next_multiple_of(4), 0);
        };
        add(1, b"Net/ThemeName", &[&long(7)[..], b"Adwaita"].concat());
        add(2, b"Some/Color", &[0; 8]);
        add(0, ANIMATIONS, &long(value.cast_unsigned()));
        list
    }

    #[test]
    fn a_setting_is_found_in_both_orders_of_bytes() {
        for (is_little, value) in [(true, 0), (true, 1), (false, 0), (false, -2)] {
            assert_eq!(integer(&list(is_little, value), ANIMATIONS), Some(value));
        }
        assert_eq!(integer(&list(true, 1), b"Net/ThemeName"), None, "it is a text");
        assert_eq!(integer(&list(true, 1), b"Gtk/Other"), None);
    }

    #[test]
    fn a_damaged_list_has_no_settings() {
        let list = list(true, 0);
        for end in 0..list.len() {
            assert_eq!(integer(&list[..end], ANIMATIONS), None, "{end}");
        }
        let mut huge = list;
        huge[8..12].fill(255);
        huge[14..16].fill(255);
        assert_eq!(integer(&huge, ANIMATIONS), None);
    }
}
