//! Training and test images from paths: folders of IDX files, folders of images by class, CSV files, or MNIST inside
//! the program.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use mnist_io::{Dataset, IdxFolder, ImageFolder, ImageShape, Mnist, Split};
use nn_core::NetworkSpec;

use crate::{
    error::Error,
    recognition::{
        image_input::ImageInput,
        model::{Model, digit_shape, image_shape},
    },
    storage::file_kind::FileKind,
    training::{
        data_split::{DataSplit, HeldOut, first_names},
        embedded,
    },
};

/// The fraction of each class that is held out to test, if there are no test images.
const TEST_SHARE: f64 = 0.1;

/// Names of the two folders in a folder that has training and test images.
const PARTS: [&str; 2] = ["train", "test"];

/// Where images are, and how to read them.
///
/// ```no_run
/// use digit_pad::training::data_files::DataFiles;
///
/// let files = DataFiles {
///     path: Some("animals".into()),
///     ..DataFiles::default()
/// };
/// let network = "32x32x3 | conv 16 3x3 | relu | maxpool 2 | dense 5".parse()?;
/// let loaded = files.load(Some(&network), 1)?;
/// println!("{:?}: {:?}", loaded.images.train.class_names(), loaded.notes);
/// # Ok::<(), digit_pad::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFiles {
    /// A folder or CSV file; `None` for MNIST inside the program.
    pub path: Option<PathBuf>,
    /// A folder or CSV file of test images; `None` for those of [`path`](Self::path).
    pub test_path: Option<PathBuf>,
    /// Subtracted from numbered labels.
    pub label_offset: usize,
    /// Whether rows and columns are exchanged.
    pub transposed: bool,
}

/// Images, and what the user has to know about how they were read.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The images.
    pub images: T,
    /// Sentences for the user.
    pub notes: Vec<String>,
}

impl DataFiles {
    /// Reads training and test images for a network, or for a preset if it is `None`.
    ///
    /// Without test images, a tenth of each class is held out. Images are shuffled, except for those of IDX files that are
    /// not grouped by class. Both depend on the seed alone.
    ///
    /// # Errors
    ///
    /// If the files cannot be read, or training and test images or their classes differ.
    pub fn load(&self, network: Option<&NetworkSpec>, seed: u64) -> Result<Loaded<Mnist>, Error> {
        let target = network.map_or(Target::Preset, Target::Network);
        let Loaded { images, mut notes } = self.load_parts(target, seed)?;
        notes.extend(missing_classes(&images.train));
        notes.extend(only_class(&images.train));
        Ok(Loaded { images, notes })
    }

    fn load_parts(&self, target: Target<'_>, seed: u64) -> Result<Loaded<Mnist>, Error> {
        let mut reading = Reading::new(target);
        let test_source = self.test_path.as_deref().map(|path| self.source(path)).transpose()?;
        let source = self.path.as_deref().map(|path| self.source(path)).transpose()?;
        let train = match &source {
            Some(source) => source.read(Split::Train, &mut reading)?,
            None => embedded::split(Split::Train)?,
        };
        reading.continue_as(&train);
        let (train, test) = match (&test_source, &source) {
            (Some(test), _) => (train, test.read_test(&mut reading)?),
            (None, Some(source)) if source.has_test() => (train, source.read(Split::Test, &mut reading)?),
            (None, Some(source)) => source.hold_out(&train, seed, &mut reading.notes)?,
            (None, None) => (train, embedded::split(Split::Test)?),
        };
        // MNIST and its relatives come shuffled, and keep their order.
        let is_idx = source.as_ref().is_none_or(|source| matches!(source.form, Form::Idx));
        let train = if !is_idx || is_grouped(train.labels()) {
            train.shuffled(seed)?
        } else {
            train
        };
        let test_path = self.test_path.as_deref().or(self.path.as_deref());
        if let Some(path) = test_path {
            reading.notes.extend(by_position(&test, train.class_names(), path));
        }
        let images = Mnist::new(train, test).map_err(|error| match test_path {
            Some(path) => in_path(error, path),
            None => error.into(),
        })?;
        let notes = reading.notes;
        Ok(Loaded { images, notes })
    }

    /// Reads the images to evaluate a model on: the test images, or all if there are no others.
    ///
    /// # Errors
    ///
    /// If the files cannot be read, or the images or their classes do not fit the model.
    pub fn load_test(&self, model: &Model) -> Result<Loaded<Dataset>, Error> {
        let mut reading = Reading::new(Target::Model(model));
        let images = match &self.path {
            None => {
                model.check_digits("give images of its classes with --data")?;
                embedded::split(Split::Test)?
            }
            Some(path) => {
                let source = self.source(path)?;
                let images = source.read_test(&mut reading)?;
                if !source.has_test() {
                    reading.notes.push(format!(
                        "{} has no test part: all {} images are used, those that the model was trained on included; `--split \
                         test` takes those that `train` held out",
                        path.display(),
                        images.len()
                    ));
                }
                classes_of(model, images, path, &mut reading.notes)?
            }
        };
        model.check_fit(images.shape(), images.classes())?;
        let notes = reading.notes;
        Ok(Loaded { images, notes })
    }

    /// Reads a part of the images as [`load`](Self::load) and [`DataSplit::new`] divided them to train a model, to evaluate
    /// the model on it.
    ///
    /// # Errors
    ///
    /// As [`load_test`](Self::load_test), and if there are too few images.
    pub fn load_part(&self, model: &Model, part: Part, split: SplitOptions) -> Result<Loaded<Dataset>, Error> {
        if self.path.is_none() {
            model.check_digits("give images of its classes with --data")?;
        }
        let Loaded { images, mut notes } = self.load_parts(Target::Model(model), split.seed)?;
        let images = match part {
            Part::Test => images.test,
            Part::Train => DataSplit::new(images, HeldOut::Count(split.validation), split.limit)?.train,
            Part::Validation => DataSplit::new(images, HeldOut::Count(split.validation), split.limit)?.validation,
        };
        let images = match &self.path {
            Some(path) => classes_of(model, images, path, &mut notes)?,
            None => images,
        };
        model.check_fit(images.shape(), images.classes())?;
        Ok(Loaded { images, notes })
    }

    /// The files that would be read, as far as they can be found.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        let given = self.path.iter().chain(&self.test_path);
        given
            .filter_map(|path| Some(self.source(path).ok()?.paths()))
            .flatten()
            .collect()
    }

    fn source<'a>(&'a self, path: &'a Path) -> Result<Source<'a>, Error> {
        Ok(Source {
            path,
            form: Form::of(path)?,
            options: self,
        })
    }
}

/// A part of the images of a training run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those that the model was trained on.
    Train,
    /// Those that selected the best weights.
    Validation,
    /// Those that measured the result.
    Test,
}

/// How a training run divided its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitOptions {
    /// Seed of the run.
    pub seed: u64,
    /// Number of validation images.
    pub validation: usize,
    /// Most training images.
    pub limit: Option<usize>,
}

/// What images are read for.
#[derive(Clone, Copy, Debug)]
enum Target<'a> {
    Preset,
    Network(&'a NetworkSpec),
    Model(&'a Model),
}

/// Images that are being read for one purpose.
struct Reading<'a> {
    target: Target<'a>,
    /// How image files are read, once it is decided.
    input: Option<ImageInput>,
    notes: Vec<String>,
}

impl<'a> Reading<'a> {
    fn new(target: Target<'a>) -> Self {
        Reading {
            target,
            input: None,
            notes: Vec::new(),
        }
    }

    /// Reads further image files like these images.
    fn continue_as(&mut self, images: &Dataset) {
        self.input
            .get_or_insert_with(|| input_of(images.class_names(), images.shape()));
    }

    /// How image files of these classes are read.
    fn input(&mut self, class_names: &[String]) -> Result<ImageInput, Error> {
        if let Some(input) = self.input {
            return Ok(input);
        }
        let input = match self.target {
            Target::Preset => input_of(class_names, digit_shape()),
            Target::Model(model) => ImageInput::of(model)?,
            Target::Network(network) => {
                let shape = image_shape(network).ok_or_else(|| Error::NoImageInput {
                    network: network.to_string(),
                    input: network.input(),
                })?;
                input_of(class_names, shape)
            }
        };
        let hint = match self.target {
            Target::Preset => " (for another size or color, give --net)",
            _ => "",
        };
        self.notes.push(format!("images are {input}{hint}"));
        self.input = Some(input);
        Ok(input)
    }

    /// The shape of the values of a line.
    fn row_shape(&self) -> Option<ImageShape> {
        let network = match self.target {
            Target::Preset => return None,
            Target::Network(network) => network,
            Target::Model(model) => model.content.network.spec(),
        };
        image_shape(network).or_else(|| ImageShape::gray(1, network.input().len()).ok())
    }
}

/// What is at a path.
enum Form {
    Idx,
    Csv,
    /// A folder for each class, in one folder or in two.
    Images {
        train: PathBuf,
        test: Option<PathBuf>,
    },
}

impl Form {
    fn of(path: &Path) -> Result<Self, Error> {
        let unknown = |problem: &str| Error::UnknownData {
            path: path.to_owned(),
            problem: problem.to_owned(),
        };
        if path.is_file() {
            return match FileKind::of(path) {
                None | Some(FileKind::Gzip) => Ok(Form::Csv),
                Some(other) => Err(unknown(&format!("this is {}", other.name()))),
            };
        }
        let entries = path.read_dir().map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => unknown("no such file or folder"),
            _ => Error::Read {
                path: path.to_owned(),
                cause,
            },
        })?;
        let idx = IdxFolder::new(path);
        if idx.has(Split::Train) || idx.has(Split::Test) {
            return Ok(Form::Idx);
        }
        let [train, test] = PARTS.map(|part| path.join(part));
        if train.is_dir() && test.is_dir() {
            let test = Some(test);
            return Ok(Form::Images { train, test });
        }
        if !entries.flatten().any(|entry| entry.path().is_dir()) {
            return Err(unknown("the folder has neither IDX files nor folders of images"));
        }
        let (train, test) = (path.to_owned(), None);
        Ok(Form::Images { train, test })
    }
}

/// Images at a path.
struct Source<'a> {
    path: &'a Path,
    form: Form,
    options: &'a DataFiles,
}

impl Source<'_> {
    fn idx_folder(&self) -> IdxFolder {
        IdxFolder::new(self.path)
            .label_offset(self.options.label_offset)
            .transposed(self.options.transposed)
    }

    fn paths(&self) -> Vec<PathBuf> {
        match &self.form {
            Form::Idx => self.idx_folder().files(),
            Form::Csv => vec![self.path.to_owned()],
            Form::Images { train, test } => {
                let folders = [Some(train), test.as_ref()].into_iter().flatten();
                let listed = folders.filter_map(|folder| ImageFolder::open(folder).ok());
                listed
                    .flat_map(|folder| folder.files().to_vec())
                    .map(|(path, _)| path)
                    .collect()
            }
        }
    }

    fn has_test(&self) -> bool {
        match &self.form {
            Form::Idx => self.idx_folder().has(Split::Test),
            Form::Csv => false,
            Form::Images { test, .. } => test.is_some(),
        }
    }

    /// Reads the test images, or all if there are no others.
    fn read_test(&self, reading: &mut Reading<'_>) -> Result<Dataset, Error> {
        let split = if self.has_test() { Split::Test } else { Split::Train };
        self.read(split, reading)
    }

    /// Reads a part; that for training is everything, if there is no other.
    fn read(&self, split: Split, reading: &mut Reading<'_>) -> Result<Dataset, Error> {
        let dataset = match &self.form {
            Form::Idx => return Ok(self.idx_folder().open_split(split)?),
            Form::Csv => Dataset::open_csv(self.path, reading.row_shape())?,
            Form::Images { train, test } => {
                let part = test.as_ref().filter(|_| split == Split::Test).unwrap_or(train);
                self.read_images(&ImageFolder::open(part)?, reading)?
            }
        };
        let dataset = dataset
            .with_label_offset(self.options.label_offset)
            .map_err(|error| in_path(error, self.path))?;
        Ok(if self.options.transposed {
            dataset.transposed()
        } else {
            dataset
        })
    }

    fn read_images(&self, folder: &ImageFolder, reading: &mut Reading<'_>) -> Result<Dataset, Error> {
        let input = reading.input(folder.class_names())?;
        let input = if self.options.transposed {
            input.transposed()
        } else {
            input
        };
        folder.read_with(input.shape(), |path| input.read(path))
    }

    /// Divides images into training and test images.
    fn hold_out(&self, images: &Dataset, seed: u64, notes: &mut Vec<String>) -> Result<(Dataset, Dataset), Error> {
        let (train, test) = images.stratified_split(TEST_SHARE, seed)?;
        if test.is_empty() {
            return Err(Error::TooFewImages(format!(
                "{} has no test part, and no class has enough images to hold out a tenth of them; add images, or give \
                 test images with --test-data",
                self.path.display()
            )));
        }
        notes.push(format!(
            "{} has no test part: a tenth of each class is held out to test, {} of {} images, chosen by --seed",
            self.path.display(),
            test.len(),
            images.len()
        ));
        Ok((train, test))
    }
}

/// How image files of these classes become images of a shape.
fn input_of(class_names: &[String], shape: ImageShape) -> ImageInput {
    if mnist_io::are_digits(class_names) && shape == digit_shape() {
        ImageInput::digits()
    } else {
        ImageInput::resized(shape)
    }
}

/// Whether the images have as many classes as there are outputs, with names that are no numbers.
fn is_named_beyond(images: &Dataset, outputs: &[String]) -> bool {
    let are_words = images.class_names().iter().all(|name| name.parse::<u64>().is_err());
    images.has_class_names() && are_words && images.classes() == outputs.len()
}

/// Gives images the classes of a model, and says how.
fn classes_of(model: &Model, images: Dataset, path: &Path, notes: &mut Vec<String>) -> Result<Dataset, Error> {
    let mut names = model.class_names();
    if model.content.labels.is_empty() && is_named_beyond(&images, &names) {
        notes.push(format!(
            "{} names no classes: its outputs are taken for the {} classes of {}, in order",
            model.name(),
            names.len(),
            path.display()
        ));
        names = images.class_names().to_vec();
    }
    notes.extend(by_position(&images, &names, path));
    images.with_classes_of(&names).map_err(|error| in_path(error, path))
}

/// Says so if numbered classes are matched with names.
fn by_position(images: &Dataset, names: &[String], path: &Path) -> Option<String> {
    (!images.has_class_names() && !mnist_io::are_numbers(names)).then(|| {
        format!(
            "the classes of {} have numbers and no names: number 0 is taken for {}, and so on in order",
            path.display(),
            names.first().map_or("", |name| name)
        )
    })
}

fn in_path(error: mnist_io::Error, path: &Path) -> Error {
    let (path, error) = (path.to_owned(), Box::new(error));
    mnist_io::Error::File { path, error }.into()
}

/// Whether most images are of the class of the one before.
fn is_grouped(labels: &[usize]) -> bool {
    let same = labels.windows(2).filter(|pair| pair[0] == pair[1]).count();
    2 * same > labels.len()
}

/// Says so if all images are of one class.
fn only_class(train: &Dataset) -> Option<String> {
    let (first, rest) = train.labels().split_first()?;
    rest.iter().all(|label| label == first).then(|| {
        format!(
            "all training images are of class {}: the network learns nothing, and its accuracy says nothing",
            train.class_names()[*first]
        )
    })
}

/// Says which classes have no image.
fn missing_classes(train: &Dataset) -> Option<String> {
    let counts = train.class_counts().into_iter().zip(train.class_names());
    let missing: Vec<&String> = counts.filter(|(count, _)| *count == 0).map(|(_, name)| name).collect();
    let first = missing.first()?;
    let hint = if *first == "0" {
        "; if labels do not begin at 0, give --label-offset"
    } else {
        ""
    };
    Some(format!("no training image is of class {}{hint}", first_names(&missing)))
}
