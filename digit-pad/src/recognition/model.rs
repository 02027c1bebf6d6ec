//! Models, built in or from a file.

use std::path::{Path, PathBuf};

use nn_core::{NetworkSpec, Shape, formats};

use crate::error::Error;

/// The built-in weights, made by `digit-pad train --preset best --seed 1 --out digit-pad/models/best.safetensors`.
const EMBEDDED: &[u8] = include_bytes!("../../models/best.safetensors");

/// Number of classes.
pub const DIGITS: usize = 10;

/// A model and its origin.
#[derive(Clone, Debug)]
pub struct Model {
    /// The network and the metadata of its file.
    pub content: formats::Model,
    /// The file; `None` for a model from memory or the built-in one.
    pub path: Option<PathBuf>,
}

impl From<formats::Model> for Model {
    fn from(content: formats::Model) -> Self {
        Model { content, path: None }
    }
}

impl Model {
    /// Loads the built-in model.
    ///
    /// # Errors
    ///
    /// If the CPU cannot run the kernel that `NN_CORE_KERNEL` forces.
    pub fn embedded() -> Result<Self, Error> {
        Ok(formats::Model::from_bytes(EMBEDDED)?.into())
    }

    /// Loads a model from a file, or the built-in model if `path` is `None`.
    ///
    /// # Errors
    ///
    /// If the file is not a weights file.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Model::embedded() };
        Ok(Model {
            content: formats::Model::load(path)?,
            path: Some(path.to_owned()),
        })
    }

    /// Loads weights for `network` from a file, whose metadata need not describe the network.
    ///
    /// # Errors
    ///
    /// If the file is not a weights file, or is for another network.
    pub fn open_as(path: &Path, network: NetworkSpec) -> Result<Self, Error> {
        Ok(Model {
            content: formats::Model::load_as(path, network)?,
            path: Some(path.to_owned()),
        })
    }

    /// Name of the model in messages.
    pub fn name(&self) -> String {
        self.path
            .as_ref()
            .map_or_else(|| "the built-in model".to_owned(), |path| path.display().to_string())
    }

    /// Scaling of the input pixels.
    ///
    /// # Errors
    ///
    /// If some pixel would not become finite.
    pub fn scaling(&self) -> Result<mnist_io::Scaling, Error> {
        let formats::Scaling { mean, std } = self.content.scaling;
        Ok(mnist_io::Scaling::new(mean, std)?)
    }

    /// Checks that the model takes gray images of that size and has ten outputs.
    ///
    /// # Errors
    ///
    /// [`Error::IncompatibleNetwork`].
    pub fn check_fit(&self, height: usize, width: usize) -> Result<(), Error> {
        check_fit(self.content.network.spec(), height, width, || self.name())
    }
}

/// Checks that a network takes gray images of that size and has ten outputs. `name` names it in the error.
///
/// # Errors
///
/// [`Error::IncompatibleNetwork`].
pub fn check_fit(
    network: &NetworkSpec,
    height: usize,
    width: usize,
    name: impl FnOnce() -> String,
) -> Result<(), Error> {
    let (input, outputs) = (network.input(), network.outputs());
    let accepted = [Shape::features(height * width), Shape::image(1, height, width)];
    if accepted.contains(&input) && outputs == DIGITS {
        return Ok(());
    }
    Err(Error::IncompatibleNetwork {
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
    fn the_built_in_model_has_ten_classes() {
        let model = Model::embedded().unwrap();
        model.check_fit(28, 28).unwrap();
        model.scaling().unwrap();
        assert_eq!(model.content.labels.len(), DIGITS);
        assert_eq!(model.content.notes["preset"], "best");
    }
}
