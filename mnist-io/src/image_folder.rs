//! A folder with one folder of images a class (feature `images`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use crate::{
    classes,
    dataset::Dataset,
    error::{Error, Result},
    image_file::{self, FORMAT_NAMES},
    image_shape::ImageShape,
};

/// The images of a folder that has one folder of them for each class.
///
/// The names of these folders, sorted, are the names of the classes, as in torchvision's `ImageFolder`; but numbers are
/// sorted by their value, so that 2 is before 10. Images are the files with the extension of one (PNG, JPEG, BMP, GIF,
/// PNM, TIFF or WebP), and those with another name that begin like a PNG, JPEG, GIF, TIFF or WebP file, sorted by name;
/// folders and files whose names begin with a dot are skipped, and so are other files.
///
/// ```no_run
/// use mnist_io::{ImageFolder, ImageShape};
///
/// // animals/cat/1.jpg, animals/cat/2.jpg, …, animals/dog/1.jpg, …
/// let folder = ImageFolder::open("animals")?;
/// assert_eq!(folder.class_names(), ["cat", "dog"]);
/// let dataset = folder.read(Some(ImageShape::new(3, 32, 32)?))?;
/// // The samples are in order of their classes.
/// let (train, test) = dataset.stratified_split(0.1, 42)?;
/// # Ok::<(), mnist_io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder {
    path: PathBuf,
    class_names: Vec<String>,
    /// The images and their classes.
    files: Vec<(PathBuf, usize)>,
}

impl ImageFolder {
    /// Lists the images of a folder, without reading them.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Content`] if there is no folder in it, or one without images; both with the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let class_names = folders_in(path)?;
        if class_names.is_empty() {
            let reason = "there are no folders in it; make one folder of images for each class".to_owned();
            return Err(Error::Content(reason).at(path));
        }
        classes::check(&class_names).map_err(|error| error.at(path))?;
        let mut files = Vec::new();
        for (class, name) in class_names.iter().enumerate() {
            let folder = path.join(name);
            let images = images_in(&folder)?;
            if images.is_empty() {
                let reason = format!("there are no images in it ({FORMAT_NAMES}); add some, or remove the folder");
                return Err(Error::Content(reason).at(&folder));
            }
            files.extend(images.into_iter().map(|image| (image, class)));
        }
        Ok(Self {
            path: path.to_owned(),
            class_names,
            files,
        })
    }

    /// Returns the names of the classes.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Returns the images with the indices of their classes, by class.
    pub fn files(&self) -> &[(PathBuf, usize)] {
        &self.files
    }

    /// Reads all images, resized to `shape`, or else of the one shape that they all have.
    ///
    /// The threads of the current rayon pool share the work.
    ///
    /// # Errors
    /// As for [`image_file::open`]; [`Error::Content`] if `shape` is `None` and an image has another size than the
    /// first; [`Error::OutOfMemory`].
    pub fn read(&self, shape: Option<ImageShape>) -> Result<Dataset> {
        if let Some(shape) = shape {
            return self.read_with(shape, |path| Ok(image_file::values(image_file::open(path)?, shape)));
        }
        let (first, _) = &self.files[0];
        let shape = image_file::shape(&image_file::open(first)?)?;
        self.read_with(shape, |path| {
            let image = image_file::open(path)?;
            let size = |shape: ImageShape| (shape.height(), shape.width());
            let found = image_file::shape(&image)?;
            if size(found) != size(shape) {
                let reason = format!(
                    "the image has {found} pixels where {} has {shape}; resize them to one shape, or give a shape",
                    first.display()
                );
                return Err(Error::Content(reason).at(path));
            }
            Ok(image_file::values(image, shape))
        })
    }

    /// As [`read`](Self::read), with another function that gives the values of an image, `[channels, height, width]`.
    ///
    /// # Errors
    /// Those of the function, of the first image in order; [`Error::PartialImage`] if it gives another number of
    /// values; [`Error::OutOfMemory`].
    pub fn read_with<E: From<Error> + Send>(
        &self,
        shape: ImageShape,
        read: impl Fn(&Path) -> std::result::Result<Vec<u8>, E> + Sync,
    ) -> std::result::Result<Dataset, E> {
        let bytes = self.files.len().saturating_mul(shape.len());
        let mut images = Vec::new();
        let out_of_memory = |_| Error::OutOfMemory { bytes: bytes as u64 }.at(&self.path);
        images.try_reserve_exact(bytes).map_err(out_of_memory)?;
        images.resize(bytes, 0);
        let outcomes: Vec<std::result::Result<(), E>> = images
            .par_chunks_exact_mut(shape.len())
            .zip(&self.files)
            .map(|(image, (path, _))| {
                let values = read(path)?;
                if values.len() != image.len() {
                    let (found, values) = (values.len(), image.len());
                    return Err(Error::PartialImage { found, values }.at(path).into());
                }
                image.copy_from_slice(&values);
                Ok(())
            })
            .collect();
        outcomes.into_iter().collect::<std::result::Result<(), E>>()?;
        let labels = self.files.iter().map(|&(_, class)| class).collect();
        Ok(Dataset::new(images, labels, shape)?.with_class_names(&self.class_names)?)
    }
}

/// The names of the folders in a folder, sorted.
///
/// # Errors
/// If the folder cannot be read, or a name is not UTF-8.
fn folders_in(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in entries(path)? {
        if entry.is_dir() && !is_hidden(&entry) {
            let name = entry.file_name().and_then(|name| name.to_str());
            let not_text = || Error::Content("the name of the folder is not UTF-8; rename it".to_owned()).at(&entry);
            names.push(name.ok_or_else(not_text)?.to_owned());
        }
    }
    classes::sort(&mut names);
    Ok(names)
}

fn images_in(path: &Path) -> Result<Vec<PathBuf>> {
    let mut images = entries(path)?;
    images.retain(|entry| !is_hidden(entry) && !entry.is_dir() && is_image(entry));
    images.sort();
    Ok(images)
}

fn entries(path: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| Error::Io(error).at(path))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Whether a file is to be read as an image: by its extension, or else by its first bytes.
fn is_image(path: &Path) -> bool {
    has_image_extension(path) || image_file::begins_like_image(path)
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| image_file::extensions().any(|known| extension.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};

    use super::*;

    fn save(dir: &Path, name: &str, image: impl Into<DynamicImage>) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image.into().save(path).unwrap();
    }

    fn gray(height: u32, width: u32, value: u8) -> GrayImage {
        GrayImage::from_pixel(width, height, Luma([value]))
    }

    #[test]
    fn folders_are_classes() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), "dog/b.PNG", gray(2, 3, 20));
        save(dir.path(), "dog/a.bmp", gray(2, 3, 10));
        save(dir.path(), "cat/1.png", gray(2, 3, 30));
        save(dir.path(), ".cache/1.png", gray(2, 3, 40));
        save(dir.path(), "cat/.hidden.png", gray(2, 3, 40));
        fs::write(dir.path().join("cat/notes.txt"), "a cat").unwrap();
        fs::write(dir.path().join("readme"), "animals").unwrap();
        let folder = ImageFolder::open(dir.path()).unwrap();
        assert_eq!(folder.class_names(), ["cat", "dog"]);
        assert_eq!(folder.files().len(), 3);
        let dataset = folder.read(None).unwrap();
        assert_eq!(
            (dataset.shape(), dataset.labels()),
            (ImageShape::gray(2, 3).unwrap(), &[0, 1, 1][..])
        );
        assert_eq!(dataset.images(), [[30; 6], [10; 6], [20; 6]].concat());
        let resized = folder.read(Some(ImageShape::new(3, 1, 1).unwrap())).unwrap();
        assert_eq!(resized.images(), [[30; 3], [10; 3], [20; 3]].concat());
    }

    #[test]
    fn numbers_are_sorted_by_value() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["11", "b", "2", "0", "10", "a", "1"] {
            save(dir.path(), &format!("{name}/1.png"), gray(1, 1, 0));
        }
        let folder = ImageFolder::open(dir.path()).unwrap();
        assert_eq!(folder.class_names(), ["0", "1", "2", "10", "11", "a", "b"]);
        assert!(folder.read(None).unwrap().has_class_names());
    }

    #[test]
    fn without_a_shape_all_images_need_the_same_size() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), "a/1.png", RgbImage::from_pixel(2, 2, Rgb([1, 2, 3])));
        save(dir.path(), "a/2.png", gray(2, 2, 9));
        let folder = ImageFolder::open(dir.path()).unwrap();
        assert_eq!(folder.read(None).unwrap().image(1), [9; 12]);
        save(dir.path(), "a/3.png", gray(2, 4, 9));
        let error = ImageFolder::open(dir.path())
            .unwrap()
            .read(None)
            .unwrap_err()
            .to_string();
        for words in ["3.png", "2×4", "1.png", "2×2×3"] {
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn errors_name_the_folder_or_file() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("nowhere");
        let error = ImageFolder::open(&missing).unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
        let error = ImageFolder::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("no folders"), "{error}");
        save(dir.path(), "a/1.png", gray(1, 1, 1));
        fs::create_dir(dir.path().join("b")).unwrap();
        let error = ImageFolder::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("b: there are no images"), "{error}");
        fs::write(dir.path().join("b/broken.png"), "no image").unwrap();
        let folder = ImageFolder::open(dir.path()).unwrap();
        for shape in [None, Some(ImageShape::gray(1, 1).unwrap())] {
            let error = folder.read(shape).unwrap_err().to_string();
            assert!(error.contains("broken.png: not a PNG"), "{error}");
        }
        let wrong = |_: &Path| Ok::<_, Error>(vec![0; 3]);
        let error = folder.read_with(ImageShape::gray(2, 2).unwrap(), wrong).unwrap_err();
        assert!(error.to_string().contains("3 bytes"), "{error}");
        let huge = ImageShape::gray(1 << 31, 1 << 31).unwrap();
        let error = folder.read_with(huge, wrong).unwrap_err();
        assert!(error.to_string().contains("cannot allocate"), "{error}");
    }
}
