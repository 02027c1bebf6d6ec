//! Range checks of settings.

use crate::error::{Error, Result};

/// Checks that a setting is finite and at least 0.
pub(crate) fn check_not_negative(name: &'static str, value: f32) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::Setting {
        name,
        value: value.to_string(),
        reason: "it has to be a finite number of at least 0",
    })
}

/// Checks that a setting is in `0..1`.
pub(crate) fn check_fraction(name: &'static str, value: f32) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting {
        name,
        value: value.to_string(),
        reason: "it has to be at least 0 and less than 1",
    })
}
