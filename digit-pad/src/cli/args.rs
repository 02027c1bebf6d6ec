//! Arguments that several commands share.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    str::FromStr,
};

use digit_pad::{Error, charts::training_curves, recognition::recognizer::Recognizer};
use mnist_io::{Dataset, Mnist, Split};

/// Which model reads.
#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// The weights that read, a .safetensors file; without it, those inside the program
    #[arg(long, value_name = "FILE")]
    pub(super) model: Option<PathBuf>,
}

impl ModelArgs {
    /// What reads with it.
    pub(super) fn recognizer(&self) -> Result<Recognizer, Error> {
        Recognizer::open(self.model.as_deref())
    }
}

/// Which images.
#[derive(Debug, clap::Args)]
pub(super) struct DataArgs {
    /// The folder of the four IDX files by their MNIST names, gzipped or not; without it, the MNIST inside the program
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DataArgs {
    /// Training and test images.
    pub(super) fn load(&self) -> Result<Mnist, Error> {
        Ok(self.data.as_ref().map_or_else(Mnist::embedded, Mnist::from_dir)?)
    }

    /// The test images alone.
    pub(super) fn load_test(&self) -> Result<Dataset, Error> {
        let split = Split::Test;
        Ok(self
            .data
            .as_ref()
            .map_or_else(|| Mnist::embedded_split(split), |dir| Mnist::open_split(dir, split))?)
    }
}

/// Where a PNG file goes.
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
        Err("this is drawn as a PNG file; give it a name that ends in .png".to_owned())
    }
}

/// Where a plot goes, and in which form.
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
            _ => return Err("the name tells the form; give it one that ends in .png or .svg".to_owned()),
        };
        Ok(PlotPath { path, form })
    }
}

/// What the name of a file ends in, in lower case.
fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
}
