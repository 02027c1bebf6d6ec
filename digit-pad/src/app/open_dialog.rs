//! The system's file dialog for images, on a thread of its own so that the window stays responsive.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use crate::{error::Error, imaging::image_file};

/// An open dialog.
#[derive(Debug)]
pub(super) struct OpenDialog {
    choice: Receiver<Option<PathBuf>>,
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
            // The receiver is gone if the window was closed meanwhile.
            let _ = sender.send(dialog.pick_file());
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

    /// The chosen path once the dialog is closed, `None` in it if it was canceled; never waits.
    pub(super) fn poll(&self) -> Option<Option<PathBuf>> {
        match self.choice.try_recv() {
            Ok(choice) => Some(choice),
            Err(TryRecvError::Disconnected) => Some(None),
            Err(TryRecvError::Empty) => None,
        }
    }
}
