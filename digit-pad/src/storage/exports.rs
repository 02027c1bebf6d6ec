//! Names of files: exports that replace no existing file, and the best weights beside a checkpoint.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The first of `STEM-1`, `STEM-2`, … that no file has with any of the `extensions`; returned with the first
/// extension.
pub fn free_name(folder: &Path, stem: &str, extensions: &[&str]) -> PathBuf {
    let name = |number: u32, extension: &str| folder.join(format!("{stem}-{number}.{extension}"));
    let is_free = |number: &u32| extensions.iter().all(|extension| !name(*number, extension).exists());
    let number = (1..u32::MAX).find(is_free).unwrap_or(u32::MAX);
    name(number, extensions[0])
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
    std::fs::rename(path, &aside).map_err(|cause| Error::Write { path: aside, cause })
}
