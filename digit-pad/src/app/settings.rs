//! Window settings, kept from one start to the next.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    storage::{atomic_file, paths::UserPaths},
    ui::{DEFAULT_SIZE, MIN_SIZE, ZOOMS},
};

/// The largest window that is opened, in pixels.
const MOST: usize = 8_192;

/// Size, theme and zoom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Width of the window, in pixels.
    pub width: usize,
    /// Height of the window, in pixels.
    pub height: usize,
    /// The step of [`ZOOMS`].
    pub zoom: usize,
    /// Whether the theme is the dark one.
    pub dark: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            width: DEFAULT_SIZE.0,
            height: DEFAULT_SIZE.1,
            zoom: 1,
            dark: true,
        }
    }
}

impl Settings {
    /// Those that were kept; the usual ones where there are none, or none that can be read.
    pub fn load(paths: &UserPaths) -> Self {
        let text = path(paths).and_then(|path| std::fs::read_to_string(path).ok());
        let settings: Settings = text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Settings {
            width: settings.width.clamp(MIN_SIZE.0, MOST),
            height: settings.height.clamp(MIN_SIZE.1, MOST),
            zoom: settings.zoom.min(ZOOMS.len() - 1),
            dark: settings.dark,
        }
    }

    /// Keeps them for the next start.
    ///
    /// # Errors
    /// If the user's folder takes no file.
    pub fn save(&self, paths: &UserPaths) -> Result<(), Error> {
        let Some(path) = path(paths) else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|source| Error::Write {
            path: folder.to_owned(),
            source,
        })?;
        let text = serde_json::to_string_pretty(self).expect("numbers always serialise");
        atomic_file::replace(&path, |file| writeln!(file, "{text}"))
    }
}

fn path(paths: &UserPaths) -> Option<PathBuf> {
    Some(paths.data()?.join("settings.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let paths = UserPaths::all_in(&folder.path().join("new"));
        assert_eq!(Settings::load(&paths), Settings::default());
        let settings = Settings {
            width: 1200,
            height: 800,
            zoom: 3,
            dark: false,
        };
        settings.save(&paths).unwrap();
        assert_eq!(Settings::load(&paths), settings);
    }

    #[test]
    fn what_cannot_be_used_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let paths = UserPaths::all_in(folder.path());
        for (text, width, zoom) in [
            ("no JSON", DEFAULT_SIZE.0, 1),
            ("{\"width\":3,\"zoom\":99}", MIN_SIZE.0, ZOOMS.len() - 1),
            ("{\"width\":100000,\"other\":1}", MOST, 1),
        ] {
            std::fs::write(folder.path().join("settings.json"), text).unwrap();
            let settings = Settings::load(&paths);
            assert_eq!((settings.width, settings.zoom), (width, zoom), "{text}");
        }
    }
}
