//! Numbers and foreign text formatted for people: percentages, grouped digits, names without control characters.

use std::{borrow::Cow, fmt::Write};

/// A share as a percentage with two decimals, as in `98.71%`.
///
/// `100%` is written for a share of exactly 1; anything less is at most `99.99%`, so that a result with errors never
/// looks perfect.
#[must_use]
pub fn percent(share: impl Into<f64>) -> String {
    let percent = 100.0 * share.into();
    match format!("{percent:.2}%") {
        text if text != "100.00%" => text,
        _ if percent < 100.0 => "99.99%".to_owned(),
        _ => "100%".to_owned(),
    }
}

/// A share as [`percent`] formats it, or a dash where it is undefined.
#[must_use]
pub fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), percent)
}

/// A whole number with its thousands separated, as in `60,000`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

/// A count and its noun, in the plural unless the count is 1: `1 example`, `2 examples`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as u64))
}

/// Text from a file, or the name of one, on one line of a terminal.
///
/// Characters that would end the line or control the terminal, or change the direction of the text after them, are
/// written as in `\\u{1b}`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_control(character) {
            // Writing to a string does not fail.
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character moves the cursor, controls the terminal, or changes the direction of text.
#[must_use]
pub fn is_control(character: char) -> bool {
    matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') || character.is_control()
}

/// The text, without its middle if it is longer than `most` characters.
#[must_use]
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most || text.chars().count() <= most {
        return Cow::Borrowed(text);
    }
    let part = most / 2;
    let first: String = text.chars().take(part).collect();
    let last = text.char_indices().rev().nth(part.saturating_sub(1));
    Cow::Owned(format!("{first} … {}", last.map_or("", |(at, _)| &text[at..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (60_000, "60,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn shares_become_percentages() {
        for (share, expected) in [
            (0.0, "0.00%"),
            (0.000_04, "0.00%"),
            (0.5, "50.00%"),
            (0.98711, "98.71%"),
            (0.9999, "99.99%"),
            (0.999_999, "99.99%"),
            (1.0, "100%"),
            (f64::NAN, "NaN%"),
        ] {
            assert_eq!(percent(share), expected, "{share}");
        }
        assert_eq!(
            (percent(0.07_f32).as_str(), percent(1.0_f32).as_str()),
            ("7.00%", "100%")
        );
        assert_eq!(
            (percent_or_dash(None).as_str(), percent_or_dash(Some(0.25)).as_str()),
            ("–", "25.00%")
        );
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        for (count, expected) in [(0, "0 examples"), (1, "1 example"), (1200, "1,200 examples")] {
            assert_eq!(counted(count, "example"), expected);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        for (text, expected) in [
            ("", ""),
            ("a b · ü 7", "a b · ü 7"),
            ("a\tb\nc\r", "a\\tb\\nc\\r"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            ("\u{202e}gnp.exe\u{2028}", "\\u{202e}gnp.exe\\u{2028}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(shortened("äbcdef", 6), "äbcdef");
        assert_eq!(shortened("äbcdefü", 6), "äbc … efü");
        assert_eq!(shortened(&"x".repeat(100_000), 1000).chars().count(), 1003);
        assert_eq!(shortened("", 0), "");
    }
}
