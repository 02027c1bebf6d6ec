//! Atomic files with this crate's errors: nn-core's writer, and PNG images.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use nn_core::atomic_file;

use crate::{error::Error, storage::png};

/// Writes or replaces a file, as [`nn_core::atomic_file::write`].
///
/// # Errors
/// [`Error::Write`]; an existing file then stays as it was.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    atomic_file::write(path, write).map_err(|cause| write_error(path, cause))
}

/// Creates the folder of a file if there is none.
///
/// # Errors
/// [`Error::Write`], with the folder.
pub fn create_folder(file: &Path) -> Result<(), Error> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|cause| write_error(folder, cause))
}

/// Writes or replaces a PNG file of `height` rows of `width` pixels, each of red, green and blue.
///
/// # Errors
/// As [`replace`].
pub fn replace_png(path: &Path, rgb: &[u8], width: usize, height: usize) -> Result<(), Error> {
    replace(path, |file| file.write_all(&png::rgb(rgb, width, height)?))
}

/// Checks that [`replace`] can write to `path`, before long work whose result goes there.
///
/// # Errors
/// [`Error::Write`].
pub fn check_writable(path: &Path) -> Result<(), Error> {
    atomic_file::check_writable(path)
        .and_then(|()| check_name(path))
        .map_err(|cause| write_error(path, cause))
}

/// Checks that a file can have this name, which is given to it only when it is complete.
fn check_name(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            File::create_new(path)?;
            fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

fn write_error(path: &Path, cause: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_file_and_its_cause() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let error = replace(&path, |file| {
            file.write_all(b"half of it")?;
            Err(io::Error::other("the disk is full"))
        });
        let message = error.unwrap_err().to_string();
        assert!(
            message.contains("a.csv") && message.contains("the disk is full"),
            "{message}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn unwritable_paths_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing").join("a.csv");
        for (path, reason) in [(folder.path(), "this is a folder"), (&missing, "there is no folder")] {
            let message = check_writable(path).unwrap_err().to_string();
            assert!(
                message.contains(reason) && message.contains(path.to_str().unwrap()),
                "{message}"
            );
        }
        assert!(check_writable(Path::new("..")).is_err());
        assert!(check_writable(Path::new("")).is_err());
        assert!(check_writable(&folder.path().join("new/")).is_err());
        assert!(check_writable(&folder.path().join("a".repeat(300))).is_err());
        check_writable(&folder.path().join("new")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_not_replaced() {
        let message = check_writable(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(message.contains("/dev/null: this is a device"), "{message}");
    }
}
