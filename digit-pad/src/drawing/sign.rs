//! Names of signs that the user teaches beside the digits.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

use crate::error::DrawingFault;

/// Most characters of a name.
pub const MAX_SIGN_NAME: usize = 12;

/// The name of a sign: 1 to 12 characters, without control characters and blanks at its ends, and not a digit alone.
///
/// ```
/// use digit_pad::drawing::sign::SignName;
///
/// assert_eq!(SignName::new(" pi ")?.as_str(), "pi");
/// assert!(SignName::new("7").is_err());
/// # Ok::<(), digit_pad::DrawingFault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignName(Arc<str>);

impl SignName {
    /// Makes a name, without blanks at its ends.
    ///
    /// # Errors
    ///
    /// [`DrawingFault::Sign`] if it is empty, too long, a digit, or has control characters.
    pub fn new(name: &str) -> Result<Self, DrawingFault> {
        let trimmed = name.trim();
        let count = trimmed.chars().count();
        let is_digit = matches!(trimmed.as_bytes(), [b'0'..=b'9']);
        if (1..=MAX_SIGN_NAME).contains(&count) && !is_digit && !trimmed.contains(char::is_control) {
            return Ok(SignName(trimmed.into()));
        }
        let name = name.chars().take(2 * MAX_SIGN_NAME).collect();
        Err(DrawingFault::Sign { name })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a drawing is meant to be: a digit or a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// A digit, 0 to 9.
    Digit(u8),
    /// A sign that the user has named.
    Sign(SignName),
}

impl From<u8> for Label {
    fn from(digit: u8) -> Self {
        Label::Digit(digit)
    }
}

impl From<SignName> for Label {
    fn from(name: SignName) -> Self {
        Label::Sign(name)
    }
}

/// As text, in files of results.
impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Digit(digit) => write!(f, "{digit}"),
            Label::Sign(name) => write!(f, "{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_no_digits() {
        for name in ["A", "♥", "pi", "twelve chars", "77", "ä", "-"] {
            assert_eq!(SignName::new(name).unwrap().as_str(), name);
        }
        for bad in ["", "  ", "0", " 9 ", "thirteen char", "a\nb", "\u{7f}"] {
            let error = SignName::new(bad).unwrap_err();
            assert!(matches!(error, DrawingFault::Sign { .. }), "{bad:?}");
        }
    }
}
