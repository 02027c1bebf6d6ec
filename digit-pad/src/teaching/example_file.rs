//! Where examples are kept: the file of the user, or what takes its place.

use std::{
    any::Any,
    fmt::Debug,
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{error::Error, storage::exports, teaching::examples::Examples};

/// Longest wait for another window's change, which takes milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between two attempts.
const POLL: Duration = Duration::from_millis(10);

/// A place where several windows keep the same examples.
pub trait KeptExamples: Debug + Send {
    /// Makes other windows wait with their changes until the value is dropped.
    ///
    /// # Errors
    /// If another window does not end its change.
    fn lock(&self) -> Result<Box<dyn Any>, Error>;

    /// The examples that are not damaged, with what is wrong with the others.
    ///
    /// # Errors
    /// If nothing can be read.
    fn load(&self) -> Result<(Examples, Vec<Error>), Error>;

    /// Replaces the examples.
    ///
    /// # Errors
    /// If they cannot be written.
    fn save(&self, examples: &Examples) -> Result<(), Error>;

    /// Keeps damaged examples elsewhere, so that they are not overwritten.
    ///
    /// # Errors
    /// If that is not possible.
    fn put_aside(&self) -> Result<(), Error>;
}

/// A file of examples.
#[derive(Debug, Clone)]
pub struct ExampleFile(pub PathBuf);

impl KeptExamples for ExampleFile {
    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        let locked = lock(&self.0).map_err(|cause| Error::Write {
            path: self.0.clone(),
            cause,
        })?;
        Ok(Box::new(locked))
    }

    fn load(&self) -> Result<(Examples, Vec<Error>), Error> {
        Examples::load_undamaged(&self.0)
    }

    fn save(&self, examples: &Examples) -> Result<(), Error> {
        examples.save(&self.0)
    }

    fn put_aside(&self) -> Result<(), Error> {
        exports::put_aside(&self.0)
    }
}

/// Locks the list for a change, by a file beside it. The lock ends with the value, and with the program.
fn lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::create(path.with_extension("lock"))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => thread::sleep(POLL),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    ErrorKind::WouldBlock,
                    "another window is saving its examples, and does not end; close it",
                ));
            }
            // Not every file system has locks.
            Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}
