//! Arguments that several commands share.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use clap::builder::{PathBufValueParser, TypedValueParser};
use digit_pad::{
    Error,
    charts::training_curves,
    recognition::{model::Model, recognizer::Recognizer},
    training::data_files::DataFiles,
};
use nn_core::NetworkSpec;

use super::output::note;

/// The model to use.
#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// Weights file (.safetensors) [default: the built-in network]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Network in text form, for a weights file without metadata
    #[arg(long, value_name = "SPEC", requires = "model")]
    net: Option<NetworkSpec>,
}

impl ModelArgs {
    /// Loads the model, and says so if its file does not name the scaling of its input.
    pub(super) fn load(&self) -> Result<Model, Error> {
        let model = match (&self.model, &self.net) {
            (Some(path), Some(network)) => Model::open_as(path, network.clone())?,
            (path, _) => Model::open(path.as_deref())?,
        };
        note_scaling(&model);
        Ok(model)
    }

    /// The weights file, unless it is the built-in network.
    pub(super) fn path(&self) -> Option<&Path> {
        self.model.as_deref()
    }

    /// The recognizer of this model.
    pub(super) fn recognizer(&self) -> Result<Recognizer, Error> {
        Recognizer::new(self.load()?)
    }
}

/// Says so if a model's file does not name the scaling of its input.
pub(super) fn note_scaling(model: &Model) {
    if model.content.scaling.is_none() {
        note(format_args!(
            "{} names no input scaling; its input is taken to be (pixel / 255)",
            model.name()
        ));
    }
}

/// The data set to use.
#[derive(Debug, clap::Args)]
pub(super) struct DataArgs {
    #[cfg_attr(
        feature = "embedded",
        doc = "Folder of IDX files like MNIST's, folder with one folder of images for each class, or CSV file of a \
               label and the pixels a line [default: the built-in MNIST]"
    )]
    #[cfg_attr(
        not(feature = "embedded"),
        doc = "Folder of IDX files like MNIST's, folder with one folder of images for each class, or CSV file of a \
               label and the pixels a line (needed: this build contains no MNIST)"
    )]
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,

    /// Number to subtract from numbered labels (also of --test-data), for sets that do not count from 0, such as EMNIST's letters
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        requires = "data",
        allow_negative_numbers = true
    )]
    label_offset: usize,

    /// Exchange rows and columns of images (also of --test-data), for sets that store columns first, such as EMNIST
    #[arg(long, requires = "data")]
    transpose: bool,
}

impl DataArgs {
    /// The files to read, with another path for test images.
    pub(super) fn files(&self, test_path: Option<&Path>) -> DataFiles {
        DataFiles {
            path: self.data.clone(),
            test_path: test_path.map(Path::to_owned),
            label_offset: self.label_offset,
            transposed: self.transpose,
        }
    }

    /// Whether the images are not the built-in MNIST.
    pub(super) fn is_given(&self) -> bool {
        self.data.is_some()
    }
}

/// Parses the path of a PNG file to write.
pub(super) fn png_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match extension(&path).as_deref() {
        Some("png") => Ok(path),
        _ => Err("expected a file name that ends in .png"),
    })
}

/// Path of a plot to write, with the format that its extension names.
#[derive(Clone, Debug)]
pub(super) struct PlotPath {
    pub(super) path: PathBuf,
    pub(super) form: training_curves::ImageFormat,
}

impl PlotPath {
    pub(super) fn parser() -> impl TypedValueParser<Value = PlotPath> {
        PathBufValueParser::new().try_map(|path| {
            let form = match extension(&path).as_deref() {
                Some("png") => training_curves::ImageFormat::Png,
                Some("svg") => training_curves::ImageFormat::Svg,
                _ => return Err("expected a file name that ends in .png or .svg"),
            };
            Ok(PlotPath { path, form })
        })
    }
}

/// The extension of a file name in lower case.
fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
}
