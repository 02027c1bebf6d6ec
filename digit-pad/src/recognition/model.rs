//! Models, built in or from a file.

use std::path::{Path, PathBuf};

use nn_core::{NetworkSpec, Shape, formats};

use crate::error::Error;

/// The weights inside the program, made by `digit-pad train --preset best --seed 1 --out digit-pad/models/best.safetensors`.
const EMBEDDED: &[u8] = include_bytes!("../../models/best.safetensors");

/// Classes that a network has to tell apart.
pub const DIGITS: usize = 10;

/// A model and where it is from.
#[derive(Clone, Debug)]
pub struct Model {
    /// The network and what its file says of it.
    pub content: formats::Model,
    /// The file; none for the model inside the program.
    pub path: Option<PathBuf>,
}

impl Model {
    /// The model inside the program.
    ///
    /// # Errors
    /// If the kernel forced by `NN_CORE_KERNEL` cannot run here.
    pub fn embedded() -> Result<Self, Error> {
        Ok(Model {
            content: formats::Model::from_bytes(EMBEDDED)?,
            path: None,
        })
    }

    /// The model in a file; or, without one, the model inside the program.
    ///
    /// # Errors
    /// If the file is no weights file; the message names it.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Model::embedded() };
        Ok(Model {
            content: formats::Model::load(path)?,
            path: Some(path.to_owned()),
        })
    }

    /// The weights in a file that need not say for which network they are.
    ///
    /// # Errors
    /// If the file is no weights file, or one for another network.
    pub fn open_as(path: &Path, network: NetworkSpec) -> Result<Self, Error> {
        Ok(Model {
            content: formats::Model::load_as(path, network)?,
            path: Some(path.to_owned()),
        })
    }

    /// What to call it in a message.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(
            || "the model inside the program".to_owned(),
            |path| path.display().to_string(),
        )
    }

    /// The scaling of its inputs, in the form that takes pixels.
    ///
    /// # Errors
    /// If some pixel would not become a number.
    pub fn scaling(&self) -> Result<mnist_io::Scaling, Error> {
        let formats::Scaling { mean, std } = self.content.scaling;
        Ok(mnist_io::Scaling::new(mean, std)?)
    }

    /// Makes sure that the model reads grey images of that size and tells ten classes apart.
    ///
    /// # Errors
    /// [`Error::Misfit`].
    pub fn check_fit(&self, height: usize, width: usize) -> Result<(), Error> {
        check_fit(self.content.network.spec(), height, width, || self.name())
    }
}

/// Makes sure that a network, called `name`, reads grey images of that size and tells ten classes apart.
///
/// # Errors
/// [`Error::Misfit`].
pub fn check_fit(
    network: &NetworkSpec,
    height: usize,
    width: usize,
    name: impl FnOnce() -> String,
) -> Result<(), Error> {
    let (input, outputs) = (network.input(), network.outputs());
    let takes = [Shape::features(height * width), Shape::image(1, height, width)];
    if takes.contains(&input) && outputs == DIGITS {
        return Ok(());
    }
    Err(Error::Misfit {
        network: name(),
        input,
        outputs,
        height,
        width,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_networks_of_the_right_shapes_fit() {
        let check = |text: &str| check_fit(&text.parse().unwrap(), 28, 28, || text.to_owned());
        for fits in ["784 | dense 10", "28x28x1 | dense 10"] {
            check(fits).unwrap();
        }
        for misfit in [
            "785 | dense 10",
            "784 | dense 11",
            "784 | dense 9",
            "14x14x4 | dense 10",
            "784x1x1 | dense 10",
        ] {
            let message = check(misfit).unwrap_err().to_string();
            assert!(
                message.starts_with(misfit) && message.contains("28x28x1 or 784"),
                "{message}"
            );
        }
    }

    #[test]
    fn the_model_inside_the_program_reads_digits() {
        let model = Model::embedded().unwrap();
        model.check_fit(28, 28).unwrap();
        model.scaling().unwrap();
        assert_eq!(model.content.labels.len(), DIGITS);
        assert_eq!(model.content.notes["preset"], "best");
    }
}
