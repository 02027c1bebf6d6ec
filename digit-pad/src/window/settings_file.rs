//! The file of the settings.

use std::path::PathBuf;

use crate::{
    app::settings::Settings,
    error::Error,
    storage::{atomic_file, paths::UserPaths, small_file},
};

/// Largest settings file, in bytes.
const MAX_FILE: u64 = 1 << 16;

impl Settings {
    /// Loads the saved settings, with defaults for anything missing, damaged or out of range; `None` at the first start.
    pub fn load(paths: &UserPaths) -> Option<Self> {
        let text = path(paths).and_then(|path| small_file::read(&path, MAX_FILE))?;
        Some(Settings::from_json(&text))
    }

    /// Saves the settings for the next session.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, paths: &UserPaths) -> Result<(), Error> {
        let Some(path) = path(paths) else { return Ok(()) };
        atomic_file::create_folder(&path)?;
        atomic_file::replace(&path, |file| writeln!(file, "{}", self.to_json()))
    }
}

fn path(paths: &UserPaths) -> Option<PathBuf> {
    Some(paths.data()?.join("settings.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_settings_load_again() {
        let folder = tempfile::tempdir().unwrap();
        let paths = UserPaths::all_in(&folder.path().join("new"));
        assert_eq!(Settings::load(&paths), None);
        let settings = Settings {
            width: 1200,
            height: 800,
            zoom_index: 3,
            dark: false,
            motion: false,
            pen: 12.5,
        };
        settings.save(&paths).unwrap();
        assert_eq!(Settings::load(&paths), Some(settings));
    }

    #[test]
    fn a_large_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let paths = UserPaths::all_in(folder.path());
        let path = path(&paths).unwrap();
        for (length, zoom_index) in [(MAX_FILE, 0), (MAX_FILE + 1, Settings::default().zoom_index)] {
            let mut text = r#"{"zoom":0}"#.to_owned();
            text.push_str(&" ".repeat(length as usize - text.len()));
            std::fs::write(&path, text).unwrap();
            let loaded = Settings::load(&paths).unwrap_or_default();
            assert_eq!(loaded.zoom_index, zoom_index, "{length} bytes");
        }
    }
}
