//! The user's folders: settings and examples, drawings and networks.

use std::path::{Path, PathBuf};

use directories::{ProjectDirs, UserDirs};

/// Folders of the user, or one in place of all.
#[derive(Debug, Clone, Default)]
pub struct UserPaths {
    one: Option<PathBuf>,
}

impl UserPaths {
    /// Those that the system has for the user.
    pub fn of_user() -> Self {
        UserPaths::default()
    }

    /// One folder for everything.
    pub fn all_in(folder: &Path) -> Self {
        UserPaths {
            one: Some(folder.to_owned()),
        }
    }

    /// For drawings.
    pub fn pictures(&self) -> PathBuf {
        self.or(|user| user.picture_dir().map(Path::to_owned))
    }

    /// For networks.
    pub fn documents(&self) -> PathBuf {
        self.or(|user| user.document_dir().map(Path::to_owned))
    }

    /// For what the pad keeps from one start to the next; none if the system does not know where.
    pub fn data(&self) -> Option<PathBuf> {
        let own = || Some(ProjectDirs::from("", "", "digit-pad")?.data_dir().to_owned());
        self.one.clone().or_else(own)
    }

    /// The file of what was taught.
    pub fn examples(&self) -> Option<PathBuf> {
        Some(self.data()?.join("lessons.jsonl"))
    }

    /// The user's folder of that kind; where there is none, the home folder, or where the program was started.
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
    fn one_folder_can_stand_for_all() {
        let paths = UserPaths::all_in(Path::new("/here"));
        assert_eq!(paths.pictures(), Path::new("/here"));
        assert_eq!(paths.documents(), Path::new("/here"));
        assert_eq!(paths.data().as_deref(), Some(Path::new("/here")));
    }

    #[test]
    fn the_users_folders_are_somewhere() {
        let paths = UserPaths::of_user();
        assert!(paths.pictures().is_dir() && paths.documents().is_dir());
    }
}
