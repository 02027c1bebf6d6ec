//! Window settings, saved between sessions.

use serde::{Deserialize, Serialize};

use crate::{
    drawing::strokes::{PEN, PENS},
    ui::{DEFAULT_SIZE, MIN_SIZE, ZOOMS, text_scale},
};

/// Largest width or height of a new window, in pixels.
const MAX_SIDE: usize = 8_192;

/// Window size, theme, zoom and width of the pen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Width of the window, in pixels.
    pub width: usize,
    /// Height of the window, in pixels.
    pub height: usize,
    /// Index of the zoom factor in [`ZOOMS`].
    #[serde(rename = "zoom")]
    pub zoom_index: usize,
    /// Whether the dark theme is on.
    pub dark: bool,
    /// Whether the window may move by itself.
    pub motion: bool,
    /// Width of the pen, in canvas units.
    pub pen: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            width: DEFAULT_SIZE.0,
            height: DEFAULT_SIZE.1,
            zoom_index: 1,
            dark: true,
            motion: true,
            pen: PEN,
        }
    }
}

impl Settings {
    /// The settings of the first start on a display of that scale: with everything as large as at scale 1.
    #[must_use]
    pub fn at_scale(scale: f32) -> Self {
        let scaled = |side: usize| ((side as f32 * scale) as usize).min(MAX_SIDE);
        let (width, height) = (scaled(DEFAULT_SIZE.0), scaled(DEFAULT_SIZE.1));
        // Of a larger window, text grows less than the canvas.
        let wanted = scale / text_scale(scale);
        let off = |index: &usize| (ZOOMS[*index] - wanted).abs();
        let nearest = (0..ZOOMS.len()).min_by(|a, b| off(a).total_cmp(&off(b)));
        Settings {
            width,
            height,
            zoom_index: nearest.unwrap_or(1),
            ..Settings::default()
        }
    }

    /// With a window that is no larger than the room for it, in pixels.
    #[must_use]
    pub fn within(self, (width, height): (usize, usize)) -> Self {
        Settings {
            width: self.width.min(width.max(1)),
            height: self.height.min(height.max(1)),
            ..self
        }
    }

    /// The settings in the text of a file, with defaults for anything missing, damaged or out of range.
    pub fn from_json(text: &str) -> Self {
        let settings: Settings = serde_json::from_str(text).unwrap_or_default();
        Settings {
            width: settings.width.clamp(MIN_SIZE.0, MAX_SIDE),
            height: settings.height.clamp(MIN_SIZE.1, MAX_SIDE),
            zoom_index: settings.zoom_index.min(ZOOMS.len() - 1),
            dark: settings.dark,
            motion: settings.motion,
            pen: if settings.pen.is_finite() {
                settings.pen.clamp(PENS.0, PENS.1)
            } else {
                PEN
            },
        }
    }

    /// The text of their file.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("settings serialize to JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_window_has_the_scale_of_the_display_and_fits_on_it() {
        assert_eq!(Settings::at_scale(1.0), Settings::default());
        let twice = Settings::at_scale(2.0);
        assert_eq!((twice.width, twice.height, ZOOMS[twice.zoom_index]), (1920, 1280, 1.25));
        let fitted = twice.within((1366, 700));
        assert_eq!(
            (fitted.width, fitted.height, fitted.zoom_index),
            (1366, 700, twice.zoom_index)
        );
        assert_eq!(Settings::default().within((4000, 4000)), Settings::default());
    }

    #[test]
    fn the_width_of_the_pen_is_within_its_limits() {
        for (text, pen) in [
            ("{}", PEN),
            (r#"{"pen":20}"#, 20.0),
            (r#"{"pen":1e30}"#, PENS.1),
            (r#"{"pen":-4}"#, PENS.0),
        ] {
            assert_eq!(Settings::from_json(text).pen, pen, "{text}");
        }
    }

    #[test]
    fn invalid_settings_are_corrected() {
        for (text, width, zoom_index) in [
            ("no JSON", DEFAULT_SIZE.0, 1),
            ("{\"width\":3,\"zoom\":99}", MIN_SIZE.0, ZOOMS.len() - 1),
            ("{\"width\":100000,\"other\":1}", MAX_SIDE, 1),
        ] {
            let settings = Settings::from_json(text);
            assert_eq!((settings.width, settings.zoom_index), (width, zoom_index), "{text}");
        }
    }
}
