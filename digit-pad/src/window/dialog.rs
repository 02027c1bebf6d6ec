//! The file dialog of the desktop, and why there is none where it cannot be shown.

use std::sync::{Mutex, Once, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::{app::message::ImageSource, error::Error, imaging::image_file};

/// The crate whose messages tell why there is no dialog.
const DIALOGS: &str = "rfd";

/// Keeps the last error of the crate that shows dialogs: it returns the same for a failure and for a dialog that was
/// closed.
struct LastError(Mutex<Option<String>>);

static LAST_ERROR: LastError = LastError(Mutex::new(None));

impl LastError {
    /// A poisoned lock is fine: a text is replaced whole.
    fn replace(&self, text: Option<String>) -> Option<String> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *last, text)
    }
}

impl Log for LastError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with(DIALOGS)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // A warning says that another way to show a dialog is tried.
            self.replace((record.level() == Level::Error).then(|| record.args().to_string()));
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
        if log::set_logger(&LAST_ERROR).is_ok() {
            log::set_max_level(LevelFilter::Warn);
        }
    });
    LAST_ERROR.replace(None);
    let dialog = rfd::FileDialog::new().set_title("Open image");
    let dialog = dialog
        .add_filter("Images", &image_file::extensions())
        .add_filter("All files", &["*"]);
    dialog.pick_file().map(ImageSource::File).ok_or_else(|| {
        LAST_ERROR
            .replace(None)
            .map_or(Error::NoImageSelected, |reason| Error::NoFileDialog { reason })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_dialogs_after_the_last_warning_are_kept() {
        let last = LastError(Mutex::new(None));
        for (target, level, text) in [
            ("rfd::backend", Level::Error, "no portal"),
            ("rfd::backend", Level::Warn, "using zenity"),
            ("rfd::backend", Level::Error, "no zenity"),
            ("rfd::backend", Level::Info, "a dialog"),
            ("other", Level::Error, "something else"),
        ] {
            last.log(
                &Record::builder()
                    .target(target)
                    .level(level)
                    .args(format_args!("{text}"))
                    .build(),
            );
        }
        assert_eq!(last.replace(None).as_deref(), Some("no zenity"));
        let warning = Record::builder().target("rfd").level(Level::Warn).build();
        last.replace(Some("no portal".to_owned()));
        last.log(&warning);
        assert_eq!(last.replace(None), None);
    }
}
