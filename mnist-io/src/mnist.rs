//! MNIST itself: from a folder, or from inside the crate.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{Dataset, Error, Result};

/// Which part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// What a network learns from: 60,000 digits in MNIST.
    Train,
    /// What it is measured on: 10,000 digits in MNIST.
    Test,
}

impl Split {
    /// How the names of the split's files begin.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "t10k",
        }
    }
}

/// The training and the test digits.
///
/// Fashion-MNIST, KMNIST and others that come as files of the same names work as well, whatever the
/// size of their images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// What a network learns from.
    pub train: Dataset,
    /// What it is measured on; its images have the size of the training images.
    pub test: Dataset,
}

impl Mnist {
    /// Reads both splits from the folder that holds the four files.
    ///
    /// They have their original names, `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    /// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, or the spelling `train-images.idx3-ubyte`,
    /// with or without `.gz`. The first found in that order is read.
    ///
    /// ```no_run
    /// use mnist_io::Mnist;
    ///
    /// let mnist = Mnist::from_dir("data/mnist")?;
    /// println!("{} digits to learn from", mnist.train.len());
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the folder or a file in it is missing (the error lists the names looked for), a file is not
    /// what its name says ([`Dataset::open`]), or the splits' images differ in size.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        // The test split is the smaller: what is wrong with the folder shows sooner.
        let test = Self::open_split(dir, Split::Test)?;
        let train = Self::open_split(dir, Split::Train)?;
        Self::new(train, test).map_err(|error| error.at(dir))
    }

    /// Reads one split from the folder that holds its two files.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn open_split(dir: impl AsRef<Path>, split: Split) -> Result<Dataset> {
        let dir = dir.as_ref();
        let find = |kind, format| find_file(dir, split.prefix(), kind, format).map_err(|error| error.at(dir));
        Dataset::open(find("images", "idx3-ubyte")?, find("labels", "idx1-ubyte")?)
    }

    fn new(train: Dataset, test: Dataset) -> Result<Self> {
        let size = |dataset: &Dataset| (dataset.height(), dataset.width());
        if size(&train) != size(&test) {
            return Err(Error::SplitsDiffer {
                train: size(&train),
                test: size(&test),
            });
        }
        Ok(Self { train, test })
    }
}

#[cfg(feature = "embedded")]
impl Mnist {
    /// The MNIST that is inside the crate. Inflating it takes a fraction of a second and 55 MB.
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
    /// If there is no memory for it.
    pub fn embedded() -> Result<Self> {
        Self::new(Self::embedded_split(Split::Train)?, Self::embedded_split(Split::Test)?)
    }

    /// One split of the MNIST that is inside the crate.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn embedded_split(split: Split) -> Result<Dataset> {
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
        Dataset::from_idx(crate::Idx::from_bytes(images)?, crate::Idx::from_bytes(labels)?)
    }
}

/// The file of one split and kind, by the first of its names that is there.
fn find_file(dir: &Path, prefix: &str, kind: &str, format: &str) -> Result<PathBuf> {
    if !dir.is_dir() {
        return Err(Error::NoFolder);
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

/// Whether to try and read the path. Some archives unpack to folders of the files' names, with the
/// files beside them; a path that cannot be looked at is tried, and then its error is told.
fn may_be_file(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => !metadata.is_dir(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Idx;

    /// Writes a split of `len` images of 2×`width` pixels under the names given.
    fn write_split(dir: &Path, names: [&str; 2], len: usize, width: usize) {
        let images = Idx::new(vec![len, 2, width], vec![7u8; len * 2 * width]).unwrap();
        let labels = Idx::new(vec![len], vec![1u8; len]).unwrap();
        images.save(dir.join(names[0])).unwrap();
        labels.save(dir.join(names[1])).unwrap();
    }

    const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
    const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

    #[test]
    fn every_spelling_of_the_names_is_found() {
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
    fn one_split_needs_only_its_own_files() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), TEST, 5, 1);
        assert_eq!(Mnist::open_split(dir.path(), Split::Test).unwrap().len(), 5);
        assert!(Mnist::open_split(dir.path(), Split::Train).is_err());
    }

    #[test]
    fn folders_of_the_files_names_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        for name in TEST {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        write_split(dir.path(), ["t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"], 1, 1);
        assert_eq!(Mnist::open_split(dir.path(), Split::Test).unwrap().len(), 1);
    }

    #[test]
    fn a_missing_file_is_named_in_all_spellings() {
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
    fn a_folder_that_is_none_is_refused() {
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
    fn splits_of_different_image_sizes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        write_split(dir.path(), TRAIN, 3, 4);
        write_split(dir.path(), TEST, 3, 5);
        let error = Mnist::from_dir(dir.path()).unwrap_err().to_string();
        assert!(error.contains("2×4") && error.contains("2×5"), "{error}");
    }

    #[test]
    fn the_file_at_fault_is_named() {
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
