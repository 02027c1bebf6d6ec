//! Arguments that several commands share.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    str::FromStr,
};

use digit_pad::{Error, charts::training_curves, recognition::recognizer::Recognizer, training::embedded};
use mnist_io::{Dataset, Mnist, Split};

/// The model to use.
#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// Weights file (.safetensors) [default: the built-in network]
    #[arg(long, value_name = "FILE")]
    pub(super) model: Option<PathBuf>,
}

impl ModelArgs {
    /// The recognizer of this model.
    pub(super) fn recognizer(&self) -> Result<Recognizer, Error> {
        Recognizer::open(self.model.as_deref())
    }
}

/// The data set to use.
#[derive(Debug, clap::Args)]
pub(super) struct DataArgs {
    #[cfg_attr(
        feature = "embedded",
        doc = "Folder with the four IDX files of MNIST, gzipped or not [default: the built-in MNIST]"
    )]
    #[cfg_attr(
        not(feature = "embedded"),
        doc = "Folder with the four IDX files of MNIST, gzipped or not (needed: this build contains no MNIST)"
    )]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DataArgs {
    /// Training and test images.
    pub(super) fn load(&self) -> Result<Mnist, Error> {
        match &self.data {
            Some(folder) => Ok(Mnist::from_dir(folder)?),
            None => embedded::mnist(),
        }
    }

    /// Test images only.
    pub(super) fn load_test(&self) -> Result<Dataset, Error> {
        match &self.data {
            Some(folder) => Ok(Mnist::open_split(folder, Split::Test)?),
            None => embedded::split(Split::Test),
        }
    }
}

/// Path of a PNG file to write.
#[derive(Clone, Debug)]
pub(super) struct PngPath(PathBuf);

impl PngPath {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for PngPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        if extension(&path).as_deref() == Some("png") {
            return Ok(PngPath(path));
        }
        Err("expected a file name that ends in .png".to_owned())
    }
}

/// Path of a plot to write, with the format that its extension names.
#[derive(Clone, Debug)]
pub(super) struct PlotPath {
    pub(super) path: PathBuf,
    pub(super) form: training_curves::ImageFormat,
}

impl FromStr for PlotPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let form = match extension(&path).as_deref() {
            Some("png") => training_curves::ImageFormat::Png,
            Some("svg") => training_curves::ImageFormat::Svg,
            _ => return Err("expected a file name that ends in .png or .svg".to_owned()),
        };
        Ok(PlotPath { path, form })
    }
}

/// The extension of a file name in lower case.
fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
}
