//! The MNIST data set, read from a folder or embedded in the program.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    dataset::Dataset,
    error::{Error, Result},
};

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
}

/// Training and test set of MNIST, or of a data set with the same file names.
///
/// Fashion-MNIST and KMNIST work as well, and images may have any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// The training set.
    pub train: Dataset,
    /// The test set, with images of the same size.
    pub test: Dataset,
}

impl Mnist {
    /// Reads both splits from the folder that contains the four files.
    ///
    /// The file names are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    /// `t10k-labels-idx1-ubyte`, or spelled like `train-images.idx3-ubyte`, each with or without `.gz`. The first
    /// name that exists, in this order, is used.
    ///
    /// ```no_run
    /// use mnist_io::Mnist;
    ///
    /// let mnist = Mnist::from_dir("data/mnist")?;
    /// println!("{} training images", mnist.train.len());
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::FolderNotFound`], [`Error::MissingFile`], [`Error::ImageSizeMismatch`], and as for [`Dataset::open`];
    /// the error contains the path.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        // The test split is smaller, so a wrong folder is detected sooner.
        let test = Self::open_split(dir, Split::Test)?;
        let train = Self::open_split(dir, Split::Train)?;
        Self::new(train, test).map_err(|error| error.at(dir))
    }

    /// Reads one split from the folder that contains its two files.
    ///
    /// # Errors
    /// As for [`from_dir`](Self::from_dir).
    pub fn open_split(dir: impl AsRef<Path>, split: Split) -> Result<Dataset> {
        let dir = dir.as_ref();
        let find = |kind, format| find_file(dir, split.prefix(), kind, format).map_err(|error| error.at(dir));
        Dataset::open(find("images", "idx3-ubyte")?, find("labels", "idx1-ubyte")?)
    }

    fn new(train: Dataset, test: Dataset) -> Result<Self> {
        let size = |dataset: &Dataset| (dataset.height(), dataset.width());
        if size(&train) != size(&test) {
            return Err(Error::ImageSizeMismatch {
                train: size(&train),
                test: size(&test),
            });
        }
        Ok(Self { train, test })
    }
}

#[cfg(feature = "embedded")]
impl Mnist {
    /// Decompresses the MNIST embedded in the program, which takes a fraction of a second and 55 MB.
    ///
    /// ```
    /// use mnist_io::Mnist;
    ///
    /// let mnist = Mnist::embedded()?;
    /// assert_eq!(mnist.train.len(), 60_000);
    /// assert_eq!(mnist.test.len(), 10_000);
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn embedded() -> Result<Self> {
        Self::new(Self::embedded_split(Split::Train)?, Self::embedded_split(Split::Test)?)
    }

    /// Decompresses one split of the MNIST embedded in the program.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn embedded_split(split: Split) -> Result<Dataset> {
        use crate::idx::Idx;

        let (images, labels): (&[u8], &[u8]) = match split {
            Split::Train => (
                include_bytes!("../data/train-images-idx3-ubyte.gz"),
                include_bytes!("../data/train-labels-idx1-ubyte.gz"),
            ),
            Split::Test => (
                include_bytes!("../data/t10k-images-idx3-ubyte.gz"),
                include_bytes!("../data/t10k-labels-idx1-ubyte.gz"),
            ),
        };
        Dataset::from_idx(Idx::from_bytes(images)?, Idx::from_bytes(labels)?)
    }
}

/// Returns the path of a file under the first of its names that exists.
fn find_file(dir: &Path, prefix: &str, kind: &str, format: &str) -> Result<PathBuf> {
    if !dir.is_dir() {
        return Err(Error::FolderNotFound);
    }
    let names = ["-", "."].map(|dash| format!("{prefix}-{kind}{dash}{format}"));
    let names: Vec<String> = names
        .into_iter()
        .flat_map(|name| [name.clone(), name + ".gz"])
        .collect();
    names
        .iter()
        .map(|name| dir.join(name))
        .find(|path| may_be_file(path))
        .ok_or(Error::MissingFile { names })
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

    /// Writes a split of `len` images of 2×`width` pixels.
    fn write_split(dir: &Path, names: [&str; 2], len: usize, width: usize) {
        let images = Idx::new(vec![len, 2, width], vec![7u8; len * 2 * width]).unwrap();
        let labels = Idx::new(vec![len], vec![1u8; len]).unwrap();
        images.save(dir.join(names[0])).unwrap();
        labels.save(dir.join(names[1])).unwrap();
    }

    const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
    const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

    #[test]
    fn every_spelling_of_the_file_names_is_found() {
        for (train, test) in [
            (TRAIN, TEST),
            (
                ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"],
                ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"],
            ),
            (
                ["train-images.idx3-ubyte", "train-labels.idx1-ubyte"],
                ["t10k-images.idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"],
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            write_split(dir.path(), train, 3, 4);
            write_split(dir.path(), test, 2, 4);
            let mnist = Mnist::from_dir(dir.path()).unwrap();
            assert_eq!((mnist.train.len(), mnist.test.len()), (3, 2));
            assert_eq!((mnist.test.height(), mnist.test.width()), (2, 4));
        }
    }

    #[test]
    fn split_needs_only_its_own_files() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), TEST, 5, 1);
        assert_eq!(Mnist::open_split(dir.path(), Split::Test).unwrap().len(), 5);
        assert!(Mnist::open_split(dir.path(), Split::Train).is_err());
    }

    #[test]
    fn folders_named_like_the_files_are_skipped() {
        let dir = tempfile::tempdir().unwrap();
        for name in TEST {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        write_split(dir.path(), ["t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"], 1, 1);
        assert_eq!(Mnist::open_split(dir.path(), Split::Test).unwrap().len(), 1);
    }

    #[test]
    fn error_lists_all_names_of_a_missing_file() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), TEST, 1, 1);
        std::fs::remove_file(dir.path().join(TEST[1])).unwrap();
        let error = Mnist::from_dir(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains(
                "t10k-labels-idx1-ubyte, t10k-labels-idx1-ubyte.gz, t10k-labels.idx1-ubyte, \
                 t10k-labels.idx1-ubyte.gz"
            ),
            "{error}"
        );
        assert!(error.contains(dir.path().to_str().unwrap()), "{error}");
    }

    #[test]
    fn missing_folder_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "text").unwrap();
        for name in ["nowhere", "file"] {
            let error = Mnist::from_dir(dir.path().join(name)).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(name), "{message}");
            assert!(message.contains("no such folder"), "{message}");
        }
    }

    #[test]
    fn splits_with_different_image_sizes_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), TRAIN, 3, 4);
        write_split(dir.path(), TEST, 3, 5);
        let error = Mnist::from_dir(dir.path()).unwrap_err().to_string();
        assert!(error.contains("2×4") && error.contains("2×5"), "{error}");
    }

    #[test]
    fn error_names_the_invalid_file() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), TEST, 3, 4);
        let labels = dir.path().join(TEST[1]);
        for (wrong, message) in [
            (vec![1u8, 2, 12], "label 12 at index 2"),
            (vec![1u8, 2], "3 images and 2 labels"),
        ] {
            Idx::new(vec![wrong.len()], wrong).unwrap().save(&labels).unwrap();
            let error = Mnist::from_dir(dir.path()).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains(TEST[1]), "{error}");
        }
    }
}
