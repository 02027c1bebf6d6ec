//! Names of files: exports that replace no existing file, and the best weights beside a checkpoint.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::error::Error;

/// The first of `STEM-1`, `STEM-2`, … that no file has with any of the `extensions`; returned with the first
/// extension.
pub fn free_name(folder: &Path, stem: &str, extensions: &[&str]) -> PathBuf {
    let name = |number: u32, extension: &str| folder.join(format!("{stem}-{number}.{extension}"));
    let is_free = |number: &u32| {
        extensions
            .iter()
            .all(|extension| name(*number, extension).symlink_metadata().is_err())
    };
    let number = (1..u32::MAX).find(is_free).unwrap_or(u32::MAX);
    name(number, extensions[0])
}

/// As [`free_name`], with an empty file of that name, so that no other program gets the same one.
///
/// # Errors
/// [`Error::Write`] if the file cannot be made.
pub fn reserve_name(folder: &Path, stem: &str, extensions: &[&str]) -> Result<PathBuf, Error> {
    loop {
        let path = free_name(folder, stem, extensions);
        match File::create_new(&path) {
            Ok(_) => return Ok(path),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(Error::Write { path, cause }),
        }
    }
}

/// Path of the best weights of a training run: `run.best.safetensors` for the checkpoint `run.safetensors`.
#[must_use]
pub fn best_path(checkpoint: &Path) -> PathBuf {
    let mut name = checkpoint.file_stem().unwrap_or_default().to_owned();
    name.push(".best.");
    name.push(checkpoint.extension().unwrap_or("safetensors".as_ref()));
    checkpoint.with_file_name(name)
}

/// Renames a damaged file to a free name in its folder, so that it is not overwritten.
///
/// # Errors
/// [`Error::Write`] if the file cannot be renamed.
pub fn put_aside(path: &Path) -> Result<(), Error> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(Path::new("."));
    let aside = free_name(folder, &format!("{stem}-damaged"), &[&extension]);
    fs::rename(path, &aside).map_err(|cause| Error::Write { path: aside, cause })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn no_two_programs_reserve_the_same_name() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = || -> Vec<PathBuf> {
            let name = |_| reserve_name(folder.path(), "digit", &["png", "jsonl"]).unwrap();
            (0..25).map(name).collect()
        };
        let names: Vec<PathBuf> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(reserve)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 100);
        let missing = reserve_name(&folder.path().join("missing"), "digit", &["png"]);
        assert!(matches!(missing, Err(Error::Write { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_is_not_free() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nothing", folder.path().join("digit-1.png")).unwrap();
        let path = reserve_name(folder.path(), "digit", &["png"]).unwrap();
        assert_eq!(path, folder.path().join("digit-2.png"));
    }
}
