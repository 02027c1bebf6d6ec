//! Images from outside: chosen in the system's file dialog, pasted, or dropped on the window. They are fetched and read on
//! a thread of their own, so that the window stays responsive.

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, TryRecvError, channel},
};

use crate::{
    app::clipboard,
    error::Error,
    imaging::{
        gray_image::GrayImage,
        image_file::{self, LoadedImage},
    },
};

/// An image on its way.
#[derive(Debug)]
pub(super) struct IncomingImage {
    image: Receiver<Option<Result<GrayImage, Error>>>,
}

impl IncomingImage {
    /// Opens the file dialog.
    ///
    /// # Errors
    /// [`Error::Thread`] if no thread can be started.
    pub(super) fn from_dialog() -> Result<Self, Error> {
        let choose = || {
            let dialog = rfd::FileDialog::new().set_title("Open image");
            let dialog = dialog
                .add_filter("Images", &image_file::extensions())
                .add_filter("All files", &["*"]);
            dialog.pick_file().map(|path| image_file::open(&path))
        };
        // macOS allows dialogs on the main thread only.
        IncomingImage::start("dialog", cfg!(target_os = "macos"), choose)
    }

    /// Reads the clipboard, whose owner is another program that may be slow.
    ///
    /// # Errors
    /// [`Error::Thread`] if no thread can be started.
    pub(super) fn from_clipboard() -> Result<Self, Error> {
        IncomingImage::start("clipboard", false, || Some(clipboard::image()))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Thread`] if no thread can be started.
    pub(super) fn from_file(path: PathBuf) -> Result<Self, Error> {
        IncomingImage::start("dropped-file", false, move || Some(image_file::open(&path)))
    }

    fn start(
        name: &str,
        on_this_thread: bool,
        fetch: impl FnOnce() -> Option<Result<LoadedImage, Error>> + Send + 'static,
    ) -> Result<Self, Error> {
        let (sender, image) = channel();
        let send = move || {
            // The receiver is gone if the window was closed meanwhile.
            let _ = sender.send(fetch().map(|loaded| loaded.map(|loaded| loaded.image)));
        };
        if on_this_thread {
            send();
        } else {
            let builder = std::thread::Builder::new().name(name.to_owned());
            builder.spawn(send).map_err(Error::Thread)?;
        }
        Ok(IncomingImage { image })
    }

    /// The image once it is read, `None` in it if the dialog was canceled; never waits.
    pub(super) fn poll(&self) -> Option<Option<Result<GrayImage, Error>>> {
        match self.image.try_recv() {
            Ok(image) => Some(image),
            Err(TryRecvError::Disconnected) => Some(Some(Err(Error::WorkerEnded))),
            Err(TryRecvError::Empty) => None,
        }
    }
}
