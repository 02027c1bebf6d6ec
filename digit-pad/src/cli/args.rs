//! Arguments that several commands have.

use std::path::PathBuf;

use digit_pad::{Error, recognizer::Recognizer};
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
