//! The files that a command reads and writes: no output replaces an input or another output.

use std::{
    fs, io,
    path::{Path, PathBuf, absolute},
};

use digit_pad::storage::atomic_file;

use super::output::{Failure, Outcome};

/// Number of symbolic links in a row that are followed, as in Linux.
const MAX_LINKS: usize = 40;

/// The files of a command, each with the option that names it.
#[derive(Debug, Default)]
pub(super) struct Files {
    inputs: Vec<(&'static str, PathBuf)>,
    outputs: Vec<(&'static str, PathBuf)>,
}

impl Files {
    pub(super) fn new() -> Self {
        Files::default()
    }

    /// Adds files that are read.
    pub(super) fn reads(mut self, name: &'static str, paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.inputs.extend(paths.into_iter().map(|path| (name, path.into())));
        self
    }

    /// Adds a file that is written.
    pub(super) fn writes(mut self, name: &'static str, path: Option<impl Into<PathBuf>>) -> Self {
        self.outputs.extend(path.map(|path| (name, path.into())));
        self
    }

    /// Checks that each output is a file of its own, and can be written.
    pub(super) fn check(self) -> Outcome {
        let mut seen: Vec<(&str, Identity)> = Vec::new();
        for (name, path) in &self.outputs {
            let identity = Identity::of(path);
            if let Some((other, _)) = seen.iter().find(|(_, other)| identity.is(other)) {
                return Err(same(other, name, path));
            }
            seen.push((name, identity));
        }
        // An input that does not exist is another error.
        seen.retain(|(_, output)| output.exists);
        for (name, path) in self.inputs.iter().filter(|_| !seen.is_empty()) {
            let identity = Identity::of(path);
            if let Some((output, _)) = seen.iter().find(|(_, output)| identity.is(output)) {
                return Err(same(name, output, path));
            }
        }
        for (_, path) in &self.outputs {
            atomic_file::check_writable(path)?;
        }
        Ok(())
    }
}

fn same(one: &str, other: &str, path: &Path) -> Failure {
    Failure::Usage(format!(
        "{one} and {other} are the same file, {}; give each its own file",
        path.display()
    ))
}

/// What tells one file from another.
#[derive(Debug)]
struct Identity {
    exists: bool,
    /// The path without links, `.` and `..`.
    path: PathBuf,
    /// Device and inode, which hard links share.
    #[cfg(unix)]
    node: Option<(u64, u64)>,
}

impl Identity {
    fn of(path: &Path) -> Self {
        Identity {
            exists: path.exists(),
            path: resolved(path),
            #[cfg(unix)]
            node: fs::metadata(path).ok().map(|found| {
                use std::os::unix::fs::MetadataExt;
                (found.dev(), found.ino())
            }),
        }
    }

    fn is(&self, other: &Identity) -> bool {
        #[cfg(unix)]
        if self.node.is_some() && self.node == other.node {
            return true;
        }
        self.path == other.path
    }
}

/// The path without links, `.` and `..`, of a file that need not exist.
fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Ok(found) = path.canonicalize() {
            return found;
        }
        match followed(&path) {
            Ok(target) => path = target,
            Err(_) => break,
        }
    }
    let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else {
        return path;
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match folder.canonicalize() {
        Ok(folder) => folder.join(name),
        Err(_) => absolute(&path).unwrap_or(path),
    }
}

/// The target of a symbolic link.
fn followed(link: &Path) -> io::Result<PathBuf> {
    let target = fs::read_link(link)?;
    Ok(link.parent().unwrap_or(Path::new("")).join(target))
}
