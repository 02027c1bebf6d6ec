//! The file dialog of the desktop, and why there is none where it cannot be shown.

use std::sync::{
    Once,
    atomic::{AtomicBool, Ordering},
};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::{app::message::ImageSource, error::Error, imaging::image_file};

/// The crate whose messages tell that there is no dialog.
const DIALOGS: &str = "rfd";

/// Keeps whether the crate that shows dialogs has failed: it returns the same for a failure and for a dialog that was closed.
struct Failure(AtomicBool);

static FAILURE: Failure = Failure(AtomicBool::new(false));

impl Failure {
    /// Whether it has failed since the last call.
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Log for Failure {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with(DIALOGS)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // A warning says that another way to show a dialog is tried.
            self.0.store(record.level() == Level::Error, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

/// Lets the user choose an image file.
///
/// # Errors
/// [`Error::NoFileDialog`] if there is no dialog, [`Error::NoImageSelected`] if it was closed.
pub(super) fn choose() -> Result<ImageSource, Error> {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        // Where the program has a logger of its own, a failure looks like a closed dialog.
        if log::set_logger(&FAILURE).is_ok() {
            log::set_max_level(LevelFilter::Warn);
        }
    });
    FAILURE.take();
    let dialog = rfd::FileDialog::new().set_title("Open image");
    let dialog = dialog
        .add_filter("Images", &image_file::extensions())
        .add_filter("All files", &["*"]);
    dialog
        .pick_file()
        .map(ImageSource::File)
        .ok_or_else(|| match FAILURE.take() {
            true => Error::NoFileDialog,
            false => Error::NoImageSelected,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_dialogs_after_the_last_warning_is_a_failure() {
        let failure = Failure(AtomicBool::new(false));
        for (target, level, has_failed) in [
            ("other", Level::Error, false),
            ("rfd::backend", Level::Error, true),
            ("rfd::backend", Level::Info, true),
            ("rfd::backend", Level::Warn, false),
            ("rfd::backend", Level::Error, true),
        ] {
            failure.log(&Record::builder().target(target).level(level).build());
            assert_eq!(failure.0.load(Ordering::Relaxed), has_failed, "{target} {level}");
        }
        assert!(failure.take() && !failure.take());
    }
}
