//! The MNIST data set, read from a folder or embedded in the program.

use std::path::Path;

use crate::{
    classes,
    dataset::Dataset,
    error::{Error, Result},
    idx_folder::{IdxFolder, Split},
};

/// Training and test set of MNIST, or of another data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// The training set.
    pub train: Dataset,
    /// The test set, with images of the same shape and the same classes.
    pub test: Dataset,
}

impl Mnist {
    /// Reads both splits from a folder with MNIST's four files, or those of a relative: see [`IdxFolder`].
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
    /// As for [`from_folder`](Self::from_folder).
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::from_folder(&IdxFolder::new(dir.as_ref()))
    }

    /// Reads both splits of a folder of IDX files.
    ///
    /// # Errors
    /// As for [`IdxFolder::open_split`] and [`new`](Self::new); the error contains the path.
    pub fn from_folder(folder: &IdxFolder) -> Result<Self> {
        // The test split is smaller, so a wrong folder is detected sooner.
        let test = folder.open_split(Split::Test)?;
        let train = folder.open_split(Split::Train)?;
        Self::new(train, test).map_err(|error| error.at(folder.path()))
    }

    /// Reads one split from the folder that contains its two files.
    ///
    /// # Errors
    /// As for [`IdxFolder::open_split`].
    pub fn open_split(dir: impl AsRef<Path>, split: Split) -> Result<Dataset> {
        IdxFolder::new(dir.as_ref()).open_split(split)
    }

    /// Joins a training and a test set: classes with names are found by name, others by number.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the images differ in shape, or as for [`Dataset::with_classes_of`].
    pub fn new(train: Dataset, test: Dataset) -> Result<Self> {
        if train.shape() != test.shape() {
            return Err(Error::ShapeMismatch {
                train: train.shape().to_string(),
                test: test.shape().to_string(),
            });
        }
        // Of numbered classes, one may be missing in either part.
        let mut train = train;
        if !train.has_class_names && !test.has_class_names && test.classes() > train.classes() {
            train.class_names = classes::numbered(test.classes());
        }
        let test = test.with_classes_of(train.class_names())?;
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

        let (images, labels) = match split {
            Split::Train => (mnist_io_train::IMAGES, mnist_io_train::LABELS),
            Split::Test => (mnist_io_test::IMAGES, mnist_io_test::LABELS),
        };
        Dataset::from_idx(Idx::from_bytes(images)?, Idx::from_bytes(labels)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{idx::Idx, image_shape::ImageShape};

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
            assert_eq!(mnist.test.shape(), ImageShape::gray(2, 4).unwrap());
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
            (vec![1i8, 2, -12], "label -12 at index 2"),
            (vec![1i8, 2], "3 images and 2 labels"),
        ] {
            Idx::new(vec![wrong.len()], wrong).unwrap().save(&labels).unwrap();
            let error = Mnist::from_dir(dir.path()).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains(TEST[1]), "{error}");
        }
    }

    #[test]
    fn parts_share_their_classes() {
        let part = |labels: &[usize]| {
            let shape = ImageShape::gray(1, 1).unwrap();
            Dataset::new(vec![0; labels.len()], labels.to_vec(), shape).unwrap()
        };
        let mnist = Mnist::new(part(&[0, 1]), part(&[4])).unwrap();
        assert_eq!((mnist.train.classes(), mnist.test.classes()), (5, 5));
        let train = part(&[0, 1]).with_class_names(["cat", "dog"]).unwrap();
        let test = part(&[0]).with_class_names(["dog"]).unwrap();
        assert_eq!(Mnist::new(train.clone(), test).unwrap().test.labels(), [1]);
        let error = Mnist::new(train, part(&[2])).unwrap_err();
        assert!(matches!(error, Error::ClassCount { found: 3, expected: 2 }), "{error}");
    }
}
