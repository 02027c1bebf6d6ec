//! Folders of the user for settings, examples, drawings and networks.

use std::path::{Path, PathBuf};

use directories::{ProjectDirs, UserDirs};

/// The user's folders, or one folder for everything.
#[derive(Debug, Clone, Default)]
pub struct UserPaths {
    one: Option<PathBuf>,
}

impl UserPaths {
    /// The user's folders, as the operating system defines them.
    pub fn of_user() -> Self {
        UserPaths::default()
    }

    /// One folder for everything.
    pub fn all_in(folder: &Path) -> Self {
        UserPaths {
            one: Some(folder.to_owned()),
        }
    }

    /// Folder for drawings.
    pub fn pictures(&self) -> PathBuf {
        self.or(|user| user.picture_dir().map(Path::to_owned))
    }

    /// Folder for networks.
    pub fn documents(&self) -> PathBuf {
        self.or(|user| user.document_dir().map(Path::to_owned))
    }

    /// Folder for settings and examples; `None` if the user has no home folder.
    pub fn data(&self) -> Option<PathBuf> {
        let own = || Some(ProjectDirs::from("", "", "digit-pad")?.data_dir().to_owned());
        self.one.clone().or_else(own)
    }

    /// File of the examples. Earlier versions called them lessons; the name stays, so that their files are found.
    pub fn examples(&self) -> Option<PathBuf> {
        Some(self.data()?.join("lessons.jsonl"))
    }

    /// The user's folder of that kind, or else the home folder, or else the current folder.
    fn or(&self, kind: impl Fn(&UserDirs) -> Option<PathBuf>) -> PathBuf {
        let of_user = || {
            let user = UserDirs::new()?;
            let folder = kind(&user).filter(|folder| folder.is_dir());
            Some(folder.unwrap_or_else(|| user.home_dir().to_owned()))
        };
        self.one.clone().or_else(of_user).unwrap_or_else(|| PathBuf::from("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_can_hold_everything() {
        let paths = UserPaths::all_in(Path::new("/here"));
        assert_eq!(paths.pictures(), Path::new("/here"));
        assert_eq!(paths.documents(), Path::new("/here"));
        assert_eq!(paths.data().as_deref(), Some(Path::new("/here")));
    }

    #[test]
    fn the_user_has_folders() {
        let paths = UserPaths::of_user();
        assert!(paths.pictures().is_dir() && paths.documents().is_dir());
    }
}
