//! The system's file dialog for images, which are then read: on a thread of its own, so that the window stays responsive.

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use crate::{
    error::Error,
    imaging::{gray_image::GrayImage, image_file},
};

/// An open dialog.
#[derive(Debug)]
pub(super) struct OpenDialog {
    choice: Receiver<Option<Result<GrayImage, Error>>>,
}

impl OpenDialog {
    /// Opens the dialog.
    ///
    /// # Errors
    /// [`Error::Thread`] if no thread can be started.
    pub(super) fn open() -> Result<Self, Error> {
        let (sender, choice) = channel();
        let choose = move || {
            let dialog = rfd::FileDialog::new().set_title("Open image");
            let dialog = dialog
                .add_filter("Images", &image_file::extensions())
                .add_filter("All files", &["*"]);
            let image = |path: std::path::PathBuf| image_file::open(&path).map(|loaded| loaded.image);
            // The receiver is gone if the window was closed meanwhile.
            let _ = sender.send(dialog.pick_file().map(image));
        };
        if cfg!(target_os = "macos") {
            // macOS allows dialogs on the main thread only.
            choose();
        } else {
            let builder = std::thread::Builder::new().name("dialog".to_owned());
            builder.spawn(choose).map_err(Error::Thread)?;
        }
        Ok(OpenDialog { choice })
    }

    /// The chosen image once the dialog is closed and it is read, `None` in it if the dialog was canceled; never waits.
    pub(super) fn poll(&self) -> Option<Option<Result<GrayImage, Error>>> {
        match self.choice.try_recv() {
            Ok(choice) => Some(choice),
            Err(TryRecvError::Disconnected) => Some(None),
            Err(TryRecvError::Empty) => None,
        }
    }
}
