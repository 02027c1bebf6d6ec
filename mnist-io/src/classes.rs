//! The names of a data set's classes.

use std::collections::BTreeSet;

use crate::error::{Error, Result};

/// The number of digits.
pub(crate) const DIGITS: usize = 10;

/// The maximum number of classes, so that a damaged label does not exhaust memory.
pub(crate) const MAX_CLASSES: usize = 1 << 16;

/// Returns the names of classes that have none: `0`, `1`, ….
pub(crate) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

/// Returns whether each class is named by its index: `0`, `1`, ….
pub fn are_numbers(names: &[String]) -> bool {
    names.iter().enumerate().all(|(class, name)| *name == class.to_string())
}

/// Returns whether these are the names of the ten digits, in order.
pub fn are_digits(names: &[String]) -> bool {
    names.len() == DIGITS && are_numbers(names)
}

/// Sorts names: numbers by their value, before other names by their text.
pub(crate) fn sort(names: &mut [String]) {
    names.sort_by_cached_key(|name| {
        let number = name.parse::<u64>().ok();
        (number.is_none(), number, name.clone())
    });
}

/// Checks that classes can be told apart by their names, and that these can be printed.
///
/// # Errors
/// [`Error::ClassName`] for a name that is empty, has control characters, or is that of an earlier class;
/// [`Error::TooManyClasses`].
pub fn check(names: &[String]) -> Result<()> {
    if names.len() > MAX_CLASSES {
        return Err(Error::TooManyClasses {
            found: names.len(),
            max: MAX_CLASSES,
        });
    }
    let mut seen = BTreeSet::new();
    let mut is_bad = |name| !seen.insert(name) || String::is_empty(name) || name.contains(char::is_control);
    match names.iter().position(&mut is_bad) {
        None => Ok(()),
        Some(class) => Err(Error::ClassName {
            class,
            name: names[class].clone(),
        }),
    }
}
