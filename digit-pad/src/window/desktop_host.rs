//! The desktop around the window: threads, files, the file dialog, the clipboard.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
};

use crate::{
    app::{
        host::{Folder, Host, Link, WorkerKind},
        message::ImageSource,
    },
    error::Error,
    storage::{atomic_file, exports::reserve_name, paths::UserPaths},
    teaching::example_file::{ExampleFile, KeptExamples},
    window::{clipboard, dialog, threads},
};

/// The desktop of a user.
#[derive(Debug)]
pub struct DesktopHost {
    paths: UserPaths,
    /// The file dialog, while it is open.
    dialog: Option<Receiver<Result<ImageSource, Error>>>,
    /// The clipboard, until it has been read: its owner is another program that may be slow.
    clipboard: Option<Receiver<Result<ImageSource, Error>>>,
}

impl DesktopHost {
    /// A desktop with these folders.
    #[must_use]
    pub fn new(paths: UserPaths) -> Self {
        DesktopHost {
            paths,
            dialog: None,
            clipboard: None,
        }
    }
}

impl Host for DesktopHost {
    fn start_worker(&mut self, kind: WorkerKind) -> Result<Box<dyn Link>, Error> {
        threads::start(kind)
    }

    fn random(&mut self) -> u64 {
        RandomState::new().hash_one(0)
    }

    fn choose_image(&mut self) -> Result<(), Error> {
        if self.dialog.is_none() {
            // macOS allows dialogs on the main thread only.
            self.dialog = Some(fetch("dialog", cfg!(target_os = "macos"), dialog::choose)?);
        }
        Ok(())
    }

    fn paste_image(&mut self) -> Result<(), Error> {
        self.clipboard = Some(fetch("clipboard", false, clipboard::image)?);
        Ok(())
    }

    fn poll_image(&mut self) -> Option<Result<ImageSource, Error>> {
        for source in [&mut self.dialog, &mut self.clipboard] {
            let outcome = match source.as_ref().map(Receiver::try_recv) {
                None | Some(Err(TryRecvError::Empty)) => continue,
                Some(Ok(outcome)) => outcome,
                Some(Err(TryRecvError::Disconnected)) => Err(Error::WorkerEnded),
            };
            *source = None;
            return Some(outcome);
        }
        None
    }

    fn awaits_image(&self) -> bool {
        self.dialog.is_some() || self.clipboard.is_some()
    }

    fn save(&mut self, folder: Folder, stem: &str, files: &[(&str, Vec<u8>)]) -> Result<String, Error> {
        let folder = match folder {
            Folder::Pictures => self.paths.pictures(),
            Folder::Documents => self.paths.documents(),
        };
        let extensions: Vec<&str> = files.iter().map(|(extension, _)| *extension).collect();
        let path = reserve_name(&folder, stem, &extensions)?;
        for (extension, content) in files {
            let written = atomic_file::replace(&path.with_extension(extension), |file| file.write_all(content));
            if let Err(error) = written {
                if path.metadata().is_ok_and(|file| file.len() == 0) {
                    fs::remove_file(&path).ok();
                }
                return Err(error);
            }
        }
        Ok(path.display().to_string())
    }

    fn examples(&self) -> Option<Box<dyn KeptExamples>> {
        Some(Box::new(ExampleFile(self.paths.examples()?)))
    }
}

fn fetch(
    name: &str,
    on_this_thread: bool,
    fetch: impl FnOnce() -> Result<ImageSource, Error> + Send + 'static,
) -> Result<Receiver<Result<ImageSource, Error>>, Error> {
    let (sender, image) = channel();
    let send = move || {
        // The receiver is gone if the window was closed meanwhile.
        let _ = sender.send(fetch());
    };
    if on_this_thread {
        send();
    } else {
        let builder = thread::Builder::new().name(name.to_owned());
        builder.spawn(send).map_err(Error::Thread)?;
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_saved_beside_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let mut host = DesktopHost::new(UserPaths::all_in(folder.path()));
        let files = [("png", b"image".to_vec()), ("jsonl", b"strokes".to_vec())];
        for number in 1..3 {
            let place = host.save(Folder::Pictures, "digit", &files).unwrap();
            assert_eq!(
                place,
                folder.path().join(format!("digit-{number}.png")).display().to_string()
            );
            let strokes = fs::read(folder.path().join(format!("digit-{number}.jsonl")));
            assert_eq!(strokes.unwrap(), b"strokes");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn errors_name_the_folder() {
        let mut host = DesktopHost::new(UserPaths::all_in("/nowhere/at/all".as_ref()));
        for folder in [Folder::Pictures, Folder::Documents] {
            let error = host
                .save(folder, "training", &[("gif", Vec::new())])
                .unwrap_err()
                .to_string();
            assert!(error.contains("/nowhere/at/all"), "{error}");
        }
    }
}
