//! Atomic file writes: a temporary file in the same folder, renamed when it is complete.

use std::{
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Error, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::NamedTempFile;

/// How the names of temporary files begin.
const PREFIX: &str = ".unfinished-";
/// Number of random letters and digits after [`PREFIX`].
const RANDOM: usize = 6;
/// Age below which a temporary file may not be locked yet by its writer.
const FRESH: Duration = Duration::from_secs(60);
/// Age from which a temporary file has no writer, on file systems without locks.
const OLD: Duration = Duration::from_secs(24 * 3600);
/// Symbolic links that are followed, as on Linux.
const MAX_LINKS: usize = 40;

/// Writes a file atomically: a crash or a failure leaves the old file, or none, and never a part of the new one.
///
/// `write` fills a buffered temporary file in the folder of `path`, which is flushed to disk and renamed to `path`. A
/// symbolic link stays one, and the file that it leads to is replaced. A new file has the permissions that the umask
/// grants, and a replaced one those it had. What killed processes left of their temporary files (`.unfinished-…`) is
/// removed from that folder.
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
    write_and_sync(path.as_ref(), write, File::sync_all)
}

/// As [`write()`]; `sync` flushes the file, and then its folder, to disk.
fn write_and_sync(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    sync: impl Fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    let path = destination(path)?;
    remove_abandoned(folder_of(&path));
    let mut writer = BufWriter::new(temporary_file(&path)?);
    write(&mut writer)?;
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    sync(file.as_file())?;
    file.persist(&path).map_err(|error| error.error)?;
    sync_folder(folder_of(&path), sync)
}

/// Checks that [`write()`] can write to `path`; call it before a long computation. An existing file is left unchanged.
///
/// # Errors
/// If `path` is a folder, a device or a pipe, or names no file; if its folder does not exist, or no file can be made in
/// it.
pub fn check_writable(path: impl AsRef<Path>) -> io::Result<()> {
    temporary_file(&destination(path.as_ref())?).map(drop)
}

/// The file that is written for `path`: where its symbolic links lead.
fn destination(path: &Path) -> io::Result<PathBuf> {
    let mut destination = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&destination) else {
            check_replaceable(&destination)?;
            return Ok(destination);
        };
        destination = folder_of(&destination).join(next);
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        "this symbolic link leads back to itself; name a file",
    ))
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

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// A temporary file in the folder of `path`, locked, with the permissions of the file that it will replace, or of an
/// ordinary new file.
fn temporary_file(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        let reason = format!("there is no folder {}; create it first", folder.display());
        return Err(Error::new(ErrorKind::NotFound, reason));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).rand_bytes(RANDOM);
    #[cfg(unix)]
    {
        // Temporary files are private by default. The umask restricts this mode as that of any new file.
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        builder.permissions(Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    // Not every file system has locks; without one, the file's age tells that it is in use.
    let _ = file.as_file().try_lock();
    let replaced = if cfg!(unix) { path.metadata().ok() } else { None };
    if let Some(replaced) = replaced {
        file.as_file().set_permissions(replaced.permissions())?;
    }
    Ok(file)
}

/// Removes the temporary files of processes that ended before they were complete. What cannot be removed stays.
fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_temporary_name(&entry.file_name()) && is_abandoned(&entry.path()).unwrap_or(false) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_temporary_name(name: &OsStr) -> bool {
    let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether no process writes to a temporary file: its writer holds a lock, which ends with the process.
fn is_abandoned(path: &Path) -> io::Result<bool> {
    let found = path.symlink_metadata()?;
    // A time in the future, after the clock was set back, is not an age.
    let age = found.modified()?.elapsed().unwrap_or_default();
    if !found.is_file() || age < FRESH {
        return Ok(false);
    }
    Ok(match File::open(path)?.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => age >= OLD,
    })
}

/// Flushes the entries of a folder to disk, without which a renamed file may be lost if the power fails.
fn sync_folder(folder: &Path, sync: impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
    // Windows has no such call, and a folder that can be written to may still not be readable.
    let Some(folder) = cfg!(unix).then(|| File::open(folder).ok()).flatten() else {
        return Ok(());
    };
    match sync(&folder) {
        // Some file systems cannot.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

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

    /// Of the file, the old one stays; of the folder, the new one is whole but may be lost if the power fails.
    #[test]
    fn a_failing_flush_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let fails = |is_folder: bool, kind: ErrorKind| {
            write_and_sync(
                &path,
                |file| file.write_all(b"new"),
                |file| match file.metadata()?.is_dir() == is_folder {
                    true => Err(Error::new(kind, "the disk does not answer")),
                    false => Ok(()),
                },
            )
        };
        let expect = |outcome: io::Result<()>, content: &str| {
            assert_eq!(outcome.unwrap_err().to_string(), "the disk does not answer");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        };
        expect(fails(false, ErrorKind::Other), "old");
        expect(fails(false, ErrorKind::Unsupported), "old");
        if cfg!(unix) {
            expect(fails(true, ErrorKind::Other), "new");
        }
        // Some file systems cannot flush folders.
        fails(true, ErrorKind::Unsupported).unwrap();
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

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions() {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        for mode in [0o600, 0o640, 0o444] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            write(&path, |file| file.write_all(b"new")).unwrap();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_and_its_file_is_replaced() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("data")).unwrap();
        symlink("data/model", path("first")).unwrap();
        symlink(path("first"), path("second")).unwrap();
        // The first time, the file does not exist yet.
        for (link, content) in [("second", "one"), ("first", "two"), ("second", "three")] {
            write(path(link), |file| file.write_all(content.as_bytes())).unwrap();
            assert!(path(link).is_symlink() && !path("data/model").is_symlink());
            assert_eq!(fs::read_to_string(path("data/model")).unwrap(), content);
        }
        symlink("loop", path("loop")).unwrap();
        for error in [check_writable(path("loop")), write(path("loop"), |_| Ok(()))] {
            let message = error.unwrap_err().to_string();
            assert!(message.contains("leads back to itself"), "{message}");
        }
        symlink("/dev/null", path("device")).unwrap();
        let message = check_writable(path("device")).unwrap_err().to_string();
        assert!(message.contains("this is a device"), "{message}");
    }

    #[test]
    fn only_abandoned_temporary_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, age: Duration| {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            file
        };
        make(".unfinished-abCD01", FRESH);
        make(".unfinished-abCD02", FRESH / 2);
        // The lock ends with the file's handle, as with its process.
        make(".unfinished-abCD03", OLD).try_lock().unwrap();
        let in_use = make(".unfinished-abCD05", OLD);
        in_use.try_lock().unwrap();
        for other in [
            ".unfinished-business",
            ".unfinished-ab-D01",
            "unfinished-abCD01",
            "mine",
        ] {
            make(other, OLD);
        }
        // After the clock was set back.
        File::create(folder.path().join(".unfinished-abCD06"))
            .unwrap()
            .set_modified(SystemTime::now() + OLD)
            .unwrap();
        fs::create_dir(folder.path().join(".unfinished-abCD07")).unwrap();
        write(folder.path().join("new"), |_| Ok(())).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let expected = [
            ".unfinished-ab-D01",
            ".unfinished-abCD02",
            ".unfinished-abCD05",
            ".unfinished-abCD06",
            ".unfinished-abCD07",
            ".unfinished-business",
            "mine",
            "new",
            "unfinished-abCD01",
        ];
        assert_eq!(left, expected);
    }

    /// The writer's own file is never taken for an abandoned one.
    #[test]
    fn a_file_that_is_being_written_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, |file| {
            for entry in fs::read_dir(folder.path())? {
                File::options()
                    .write(true)
                    .open(entry?.path())?
                    .set_modified(SystemTime::now() - 2 * OLD)?;
            }
            write(folder.path().join("b"), |_| Ok(()))?;
            file.write_all(b"kept")
        })
        .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    }
}
