//! Atomic file writes: a temporary file in the same folder, renamed when it is complete.

use std::{
    io::{self, BufWriter, Error, ErrorKind, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// Writes a file atomically: a crash or a failure leaves the old file, or none, and never a part of the new one.
///
/// `write` fills a buffered temporary file in the folder of `path`, which is flushed to disk and renamed to `path`. A
/// new file has the permissions that the umask grants.
///
/// ```
/// use std::io::Write;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("numbers.csv");
/// nn_core::atomic_file::write(&path, |file| {
///     (1..=3).try_for_each(|number| writeln!(file, "{number},{}", number * number))
/// })?;
/// assert_eq!(std::fs::read_to_string(&path)?, "1,1\n2,4\n3,9\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What `write` returns, and the errors of [`check_writable`]. None of them names `path`; add it to the message.
pub fn write(path: impl AsRef<Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let path = path.as_ref();
    check_replaceable(path)?;
    let mut writer = BufWriter::new(temporary_file(path)?);
    write(&mut writer)?;
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Checks that [`write()`] can write to `path`; call it before a long computation. An existing file is left unchanged.
///
/// # Errors
/// If `path` is a folder, a device or a pipe, or names no file; if its folder does not exist, or no file can be made in
/// it.
pub fn check_writable(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    check_replaceable(path)?;
    temporary_file(path).map(drop)
}

/// Renaming would replace a device such as `/dev/null` by a file.
fn check_replaceable(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(found) if found.is_dir() => Err(Error::new(
            ErrorKind::IsADirectory,
            "this is a folder; name a file in it",
        )),
        Ok(found) if !found.is_file() => Err(Error::new(
            ErrorKind::InvalidInput,
            "this is a device or a pipe; name a file",
        )),
        _ if path.file_name().is_none() => Err(Error::new(
            ErrorKind::InvalidInput,
            "this names no file; give the path of a file",
        )),
        _ => Ok(()),
    }
}

/// A temporary file in the folder of `path`, with the permissions of an ordinary new file.
fn temporary_file(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let reason = format!("there is no folder {}; create it first", folder.display());
        return Err(Error::new(ErrorKind::NotFound, reason));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfinished-");
    #[cfg(unix)]
    {
        // Temporary files are private by default. The umask restricts this mode as that of any new file.
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
    fn a_file_is_created_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        for content in ["one", "two"] {
            write(&path, |file| file.write_all(content.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let error = write(&path, |file| {
            file.write_all(b"half of it")?;
            Err(Error::other("the disk is full"))
        });
        assert_eq!(error.unwrap_err().to_string(), "the disk is full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn paths_that_cannot_be_a_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing").join("a.csv");
        for (path, reason) in [
            (folder.path(), "this is a folder"),
            (&missing, "there is no folder"),
            (Path::new(".."), "this is a folder"),
            (Path::new(""), "this names no file"),
        ] {
            for error in [check_writable(path), write(path, |_| Ok(()))] {
                let message = error.unwrap_err().to_string();
                assert!(message.contains(reason), "{message}");
            }
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_replaced() {
        for error in [check_writable("/dev/null"), write("/dev/null", |_| Ok(()))] {
            let message = error.unwrap_err().to_string();
            assert!(message.contains("this is a device"), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (atomic, plain) = (folder.path().join("atomic"), folder.path().join("plain"));
        write(&atomic, |_| Ok(())).unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&atomic), mode(&plain));
    }
}
