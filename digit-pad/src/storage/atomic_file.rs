//! Files that are replaced whole or stay as they were.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use tempfile::NamedTempFile;

use crate::error::Error;

/// Writes a file beside its place and then puts it there, so that nobody ever finds half of it.
///
/// # Errors
/// If something other than a file stands there, or the folder or the disk takes no file.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    check_replaceable(path)?;
    let failed = |cause| Error::Write {
        path: path.to_owned(),
        cause,
    };
    let mut writer = BufWriter::new(temporary_file(path).map_err(failed)?);
    write(&mut writer).map_err(failed)?;
    let file = writer.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Writes a PNG file as [`replace`] does: `height` rows of `width` pixels, each of red, green and blue.
///
/// # Errors
/// As [`replace`].
pub fn replace_png(path: &Path, rgb: &[u8], width: usize, height: usize) -> Result<(), Error> {
    replace(path, |file| {
        let encoder = PngEncoder::new(file);
        let written = encoder.write_image(rgb, width as u32, height as u32, ExtendedColorType::Rgb8);
        written.map_err(io::Error::other)
    })
}

/// Makes sure that a file can be written there, before any work is done whose result goes there; an existing file
/// stays as it is.
///
/// # Errors
/// As [`replace`].
pub fn check_writable(path: &Path) -> Result<(), Error> {
    check_replaceable(path)?;
    temporary_file(path).map(drop).map_err(|cause| Error::Write {
        path: path.to_owned(),
        cause,
    })
}

/// Renaming would put a file in the place of a device such as `/dev/null`.
fn check_replaceable(path: &Path) -> Result<(), Error> {
    let refused = |reason| {
        Err(Error::NotWritable {
            path: path.to_owned(),
            reason,
        })
    };
    match path.metadata() {
        Ok(found) if found.is_dir() => refused("this is a folder; name a file in it"),
        Ok(found) if !found.is_file() => refused("this is a device or a pipe; name a file"),
        _ if path.file_name().is_none() => refused("this names no file"),
        _ => Ok(()),
    }
}

/// A file in the folder of `path`, with the access rights that a new file has.
fn temporary_file(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let reason = format!("there is no folder {}; make it first", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, reason));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".digit-pad-");
    #[cfg(unix)]
    {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        builder.permissions(Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_written_and_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        for content in ["one", "two"] {
            replace(&path, |file| file.write_all(content.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
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
    fn what_is_no_place_for_a_file_is_refused() {
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
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn devices_stay_devices() {
        let message = check_writable(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(message.contains("/dev/null: this is a device"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_can_be_read_by_whom_the_umask_lets() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        replace(&ours, |_| Ok(())).unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
