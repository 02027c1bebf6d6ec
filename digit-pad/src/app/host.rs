//! What the controller needs of the world around the window.

use std::fmt::Debug;

use crate::{
    app::message::{Answer, ImageSource, Message},
    error::Error,
    teaching::example_file::KeptExamples,
};

/// What differs from one kind of window to another: a program of the desktop has threads, files and dialogs, a page has
/// workers, downloads and little storage.
pub trait Host: Debug {
    /// Starts a worker.
    ///
    /// # Errors
    /// If none can be started.
    fn start_worker(&mut self, kind: WorkerKind) -> Result<Box<dyn Link>, Error>;

    /// A number that differs from call to call and from session to session.
    fn random(&mut self) -> u64;

    /// Lets the user choose an image file.
    ///
    /// # Errors
    /// If that is not possible.
    fn choose_image(&mut self) -> Result<(), Error>;

    /// Fetches the image in the clipboard.
    ///
    /// # Errors
    /// If that is not possible.
    fn paste_image(&mut self) -> Result<(), Error>;

    /// The image that was chosen or pasted, once it is there, or why there is none; never waits.
    fn poll_image(&mut self) -> Option<Result<ImageSource, Error>>;

    /// Whether an image that was asked for is still to come.
    fn awaits_image(&self) -> bool;

    /// Saves files of one name, each with its extension, without replacing others. Returns the place of the first one in
    /// words for the user.
    ///
    /// # Errors
    /// If a file cannot be written.
    fn save(&mut self, folder: Folder, stem: &str, files: &[(&str, Vec<u8>)]) -> Result<String, Error>;

    /// Where the user's examples are kept, if anywhere.
    fn examples(&self) -> Option<Box<dyn KeptExamples>>;
}

/// What a worker is for. Workers do not wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerKind {
    /// Fine-tuning on the user's examples.
    FineTuning,
    /// Explanations of readings.
    Explanation,
    /// Training from scratch.
    Training,
    /// Test digits.
    TestDigits,
    /// Training images like the user's digits.
    Twins,
    /// Image files, films and posters.
    Files,
}

/// A folder of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// Pictures.
    Pictures,
    /// Documents.
    Documents,
}

/// A connection to a worker, which ends when the connection is dropped.
pub trait Link: Debug {
    /// Sends a message.
    fn send(&mut self, message: Message);

    /// The next answer, with the number of its request; never waits.
    ///
    /// # Errors
    /// [`Error::WorkerEnded`] if the worker has failed.
    fn receive(&mut self) -> Result<Option<(u64, Answer)>, Error>;
}
