//! A folder with the IDX files of a data set: MNIST's four, or files with similar names.

use std::{
    collections::BTreeSet,
    fs,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use crate::{
    dataset::Dataset,
    error::{Error, Result},
};

/// The name of the file that names the classes.
const CLASS_NAMES: &str = "classes.txt";

/// The maximum size of that file in bytes.
const MAX_CLASS_NAMES: u64 = 1 << 20;

/// A part of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The training set: 60,000 digits in MNIST.
    Train,
    /// The test set: 10,000 digits in MNIST.
    Test,
}

impl Split {
    /// Returns the prefix of the file names.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "t10k",
        }
    }

    /// Returns the words, one of which is in the name of a file of this split.
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train"],
            Self::Test => &["t10k", "test"],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Test => "test",
        }
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Images,
    Labels,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }

    const fn format(self) -> &'static str {
        match self {
            Self::Images => "idx3-ubyte",
            Self::Labels => "idx1-ubyte",
        }
    }
}

/// A folder with the IDX files of a data set, each gzipped or not.
///
/// MNIST's names are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`, or spelled like `train-images.idx3-ubyte`; the first that exists, in this order, is used.
/// Otherwise it is the only file whose name has these words, as in `emnist-letters-train-images-idx3-ubyte.gz` or
/// `qmnist-test-labels-idx2-int`; `test` may stand for `t10k`.
///
/// The classes are numbers, unless a file `classes.txt` beside the others names them, one a line, in order.
///
/// ```no_run
/// use mnist_io::{IdxFolder, Split};
///
/// // EMNIST counts its letters from 1 and stores columns first.
/// let letters = IdxFolder::new("emnist-letters").label_offset(1).transposed(true).open_split(Split::Train)?;
/// assert_eq!(letters.classes(), 26);
/// # Ok::<(), mnist_io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdxFolder {
    path: PathBuf,
    label_offset: usize,
    transposed: bool,
}

impl IdxFolder {
    /// Takes the folder of this path, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            label_offset: 0,
            transposed: false,
        }
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets a number to subtract from every label.
    #[must_use]
    pub const fn label_offset(mut self, offset: usize) -> Self {
        self.label_offset = offset;
        self
    }

    /// Sets whether rows and columns of images are to be exchanged.
    #[must_use]
    pub const fn transposed(mut self, transposed: bool) -> Self {
        self.transposed = transposed;
        self
    }

    /// Returns whether the folder has a file of this split's images or labels.
    pub fn has(&self, split: Split) -> bool {
        [Kind::Images, Kind::Labels].iter().any(|&kind| {
            !matches!(
                self.find(split, kind),
                Err(Error::MissingFile { .. } | Error::FolderNotFound)
            )
        })
    }

    /// Returns the files that are read for both splits, as far as they exist.
    pub fn files(&self) -> Vec<PathBuf> {
        let kinds = [Kind::Images, Kind::Labels];
        let splits = [Split::Train, Split::Test].into_iter();
        let parts = splits.flat_map(|split| kinds.map(|kind| self.find(split, kind).ok()));
        let class_names = Some(self.path.join(CLASS_NAMES)).filter(|path| path.is_file());
        parts.chain([class_names]).flatten().collect()
    }

    /// Reads one split.
    ///
    /// # Errors
    /// [`Error::FolderNotFound`], [`Error::MissingFile`], [`Error::AmbiguousFile`], [`Error::NotFile`], [`Error::Content`] for
    /// `classes.txt`, [`Error::LabelOffset`], and as for [`Dataset::open`]; the error contains the path.
    pub fn open_split(&self, split: Split) -> Result<Dataset> {
        let find = |kind| {
            let path = self.find(split, kind).map_err(|error| error.at(&self.path))?;
            // Opening a pipe waits for a writer.
            match path.metadata() {
                Ok(found) if !found.is_file() => Err(Error::NotFile.at(&path)),
                _ => Ok(path),
            }
        };
        let (images, labels) = (find(Kind::Images)?, find(Kind::Labels)?);
        let dataset = Dataset::open(images, &labels)?
            .with_label_offset(self.label_offset)
            .map_err(|error| error.at(&labels))?;
        let dataset = match self.class_names()? {
            None => dataset,
            Some(names) => dataset
                .with_class_names(names)
                .map_err(|error| error.at(&self.path.join(CLASS_NAMES)))?,
        };
        Ok(if self.transposed { dataset.transposed() } else { dataset })
    }

    /// Returns the path of a file under the first of its names that exists.
    fn find(&self, split: Split, kind: Kind) -> Result<PathBuf> {
        if !self.path.is_dir() {
            return Err(Error::FolderNotFound);
        }
        let names = file_names(split, kind);
        let mut paths = names.iter().map(|name| self.path.join(name));
        match paths.find(|path| may_be_file(path)) {
            Some(path) => Ok(path),
            None => self.find_similar(split, kind)?.ok_or(Error::MissingFile { names }),
        }
    }

    /// Returns the path of the only file with the words of a name.
    fn find_similar(&self, split: Split, kind: Kind) -> Result<Option<PathBuf>> {
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(&self.path).map_err(Error::Io)? {
            let name = entry.map_err(Error::Io)?.file_name();
            // A name that is not UTF-8 is not one of these.
            let Some(name) = name.to_str() else { continue };
            if is_similar(name, split, kind) && may_be_file(&self.path.join(name)) {
                found.insert(name.to_owned());
            }
        }
        // A file beside its gzipped form is the same file.
        let is_other = |name: &&String| name.strip_suffix(".gz").is_none_or(|plain| !found.contains(plain));
        let files: Vec<String> = found.iter().filter(is_other).cloned().collect();
        if files.len() > 1 {
            let part = format!("{} {}", split.name(), kind.word());
            return Err(Error::AmbiguousFile { part, files });
        }
        Ok(files.first().map(|name| self.path.join(name)))
    }

    /// Reads the names of the classes, if there is a file of them.
    fn class_names(&self) -> Result<Option<Vec<String>>> {
        let path = self.path.join(CLASS_NAMES);
        if !path.is_file() {
            return Ok(None);
        }
        let mut text = String::new();
        fs::File::open(&path)
            .and_then(|file| file.take(MAX_CLASS_NAMES + 1).read_to_string(&mut text))
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidData => Error::Content("the class names are not UTF-8 text".to_owned()).at(&path),
                _ => Error::Io(error).at(&path),
            })?;
        if text.len() as u64 > MAX_CLASS_NAMES {
            let reason = format!("more than {MAX_CLASS_NAMES} bytes; write one class name a line");
            return Err(Error::Content(reason).at(&path));
        }
        Ok(Some(
            text.trim_end().lines().map(|line| line.trim().to_owned()).collect(),
        ))
    }
}

/// Returns the usual names of a file.
fn file_names(split: Split, kind: Kind) -> Vec<String> {
    let (prefix, word, format) = (split.prefix(), kind.word(), kind.format());
    let names = ["-", "."].map(|dash| format!("{prefix}-{word}{dash}{format}"));
    names
        .into_iter()
        .flat_map(|name| [name.clone(), name + ".gz"])
        .collect()
}

/// Returns whether a name has the words of an IDX file of this split and kind.
fn is_similar(name: &str, split: Split, kind: Kind) -> bool {
    let name = name.to_lowercase();
    name.contains("idx") && name.contains(kind.word()) && split.words().iter().any(|word| name.contains(word))
}

/// Returns whether the path should be opened.
///
/// Folders are skipped, because some archives unpack to folders named like the files. A path whose metadata cannot be
/// read is opened, so that the error is reported.
fn may_be_file(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => !metadata.is_dir(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idx::Idx;

    /// Writes images of 2×3 pixels that count up, and these labels, to a new folder.
    fn folder(images: &str, labels: (&str, &[i32])) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let len = labels.1.len();
        let pixels: Vec<u8> = (0..len * 6).map(|i| i as u8).collect();
        Idx::new(vec![len, 2, 3], pixels)
            .unwrap()
            .save(dir.path().join(images))
            .unwrap();
        let array = Idx::new(vec![len], labels.1.to_vec()).unwrap();
        array.save(dir.path().join(labels.0)).unwrap();
        dir
    }

    #[test]
    fn files_of_relatives_of_mnist_are_found() {
        for (images, labels) in [
            (
                "emnist-letters-train-images-idx3-ubyte.gz",
                "emnist-letters-train-labels-idx1-ubyte.gz",
            ),
            ("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"),
            ("train-images-idx4-ubyte", "Train-Labels.IDX1"),
        ] {
            let dir = folder(images, (labels, &[4, 5]));
            let folder = IdxFolder::new(dir.path());
            assert!(folder.has(Split::Train) && !folder.has(Split::Test));
            assert_eq!(folder.open_split(Split::Train).unwrap().labels(), [4, 5]);
        }
    }

    #[test]
    fn several_similar_files_are_an_error_that_names_them() {
        let dir = folder(
            "emnist-letters-test-images-idx3",
            ("emnist-letters-test-labels-idx1", &[1]),
        );
        let folder = IdxFolder::new(dir.path());
        // The gzipped form of the same file is no other one.
        fs::write(dir.path().join("emnist-letters-test-images-idx3.gz"), "").unwrap();
        folder.open_split(Split::Test).unwrap();
        fs::write(dir.path().join("emnist-digits-test-images-idx3"), "").unwrap();
        assert!(folder.has(Split::Test));
        let error = folder.open_split(Split::Test).unwrap_err().to_string();
        let files = "emnist-digits-test-images-idx3, emnist-letters-test-images-idx3 could";
        assert!(
            error.contains("which file holds the test images?") && error.contains(files),
            "{error}"
        );
        // The usual name takes precedence.
        fs::copy(
            dir.path().join("emnist-letters-test-images-idx3"),
            dir.path().join("t10k-images-idx3-ubyte"),
        )
        .unwrap();
        folder.open_split(Split::Test).unwrap();
    }

    #[test]
    fn emnist_is_read_upright_and_from_zero() {
        let dir = folder("train-images-idx3-ubyte", ("train-labels-idx1-ubyte", &[1, 26]));
        let folder = IdxFolder::new(dir.path()).label_offset(1).transposed(true);
        let letters = folder.open_split(Split::Train).unwrap();
        assert_eq!((letters.labels(), letters.classes()), (&[0, 25][..], 26));
        assert_eq!((letters.shape().height(), letters.shape().width()), (3, 2));
        assert_eq!(letters.image(1), [6, 9, 7, 10, 8, 11]);
        let error = folder.label_offset(2).open_split(Split::Train).unwrap_err().to_string();
        assert!(
            error.contains("train-labels") && error.contains("label 1 at index 0"),
            "{error}"
        );
    }

    #[test]
    fn classes_are_named_by_a_file() {
        let dir = folder("train-images-idx3-ubyte", ("train-labels-idx1-ubyte", &[1, 3]));
        let write = |names: &[u8]| fs::write(dir.path().join(CLASS_NAMES), names).unwrap();
        let open = |offset| IdxFolder::new(dir.path()).label_offset(offset).open_split(Split::Train);
        write("T-shirt\r\nÄrmel \n trouser\n\n".as_bytes());
        assert_eq!(open(1).unwrap().class_names(), ["T-shirt", "Ärmel", "trouser"]);
        let error = open(0).unwrap_err().to_string();
        assert!(
            error.contains("classes.txt: 3 names are too few: labels go up to 3"),
            "{error}"
        );
        for (names, reason) in [
            (&b"a\n\nc"[..], "named \"\""),
            (b"a\nb\na", "named \"a\""),
            (b"a\n\xFF\nc", "not UTF-8"),
            (&[b'a'; MAX_CLASS_NAMES as usize + 1], "one class name a line"),
        ] {
            write(names);
            let error = open(1).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
