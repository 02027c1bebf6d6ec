//! Free file names in a folder of the user.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The first of `STEM-1`, `STEM-2`, … for which there is no file of any of the kinds; with the first kind.
pub fn free_name(folder: &Path, stem: &str, kinds: &[&str]) -> PathBuf {
    let name = |number: u32, kind: &str| folder.join(format!("{stem}-{number}.{kind}"));
    let is_free = |number: &u32| kinds.iter().all(|kind| !name(*number, kind).exists());
    let number = (1..u32::MAX).find(is_free).unwrap_or(u32::MAX);
    name(number, kinds[0])
}

/// Gives a file that cannot be used another name beside it, so that nothing takes its place.
///
/// # Errors
/// If the folder does not let it.
pub fn put_aside(path: &Path) -> Result<(), Error> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let kind = path.extension().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(Path::new("."));
    let aside = free_name(folder, &format!("{stem}-damaged"), &[&kind]);
    std::fs::rename(path, &aside).map_err(|cause| Error::Write { path: aside, cause })
}
