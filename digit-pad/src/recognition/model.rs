//! Models, built in or from a file.

use std::path::{Path, PathBuf};

use mnist_io::ImageShape;
use nn_core::{NetworkSpec, Shape};

use crate::{
    error::Error,
    recognition::{built_in, normalization::SIDE},
    storage::file_kind::{self, FileKind},
};

/// Number of digits.
pub const DIGITS: usize = 10;

/// A model and its origin.
#[derive(Clone, Debug)]
pub struct Model {
    /// The network and the metadata of its file.
    pub content: nn_core::Model,
    /// The file; `None` for a model from memory or the built-in one.
    pub path: Option<PathBuf>,
}

impl From<nn_core::Model> for Model {
    fn from(content: nn_core::Model) -> Self {
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
        Ok(nn_core::Model::from_bytes(&built_in::digits())?.into())
    }

    /// Loads a model from a file, or the built-in model if `path` is `None`.
    ///
    /// # Errors
    ///
    /// If the file is not a weights file, or its scaling or class names cannot be used. The checkpoint of a training run is
    /// no weights file: it names no input scaling.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Model::embedded() };
        FileKind::Model.expect(path)?;
        Model::loaded(nn_core::Model::load(path)?, path)
    }

    /// Loads weights for `network` from a file, whose metadata need not describe the network.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if it is for another network.
    pub fn open_as(path: &Path, network: NetworkSpec) -> Result<Self, Error> {
        FileKind::Model.expect(path)?;
        Model::loaded(nn_core::Model::load_as(path, network)?, path)
    }

    /// A model from a file, after a check of its scaling and of its class names.
    fn loaded(content: nn_core::Model, path: &Path) -> Result<Self, Error> {
        let invalid = |reason| Error::InvalidModel {
            path: path.to_owned(),
            reason,
        };
        let metadata = file_kind::metadata(path);
        if let [Some(given), missing] | [missing, Some(given)] = ["mean", "std"].map(|key| metadata.get_key_value(key))
            && missing.is_none()
        {
            return Err(invalid(format!(
                "its metadata have {} without the other of `mean` and `std`; give the file both, or neither for \
                 (pixel / 255)",
                given.0
            )));
        }
        let model = Model {
            content,
            path: Some(path.to_owned()),
        };
        let names = mnist_io::check_class_names(&model.content.labels);
        names.map_err(|error| invalid(error.to_string()))?;
        model.scaling().map_err(|error| invalid(error.to_string()))?;
        Ok(model)
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
        let nn_core::Scaling { mean, std } = self.content.scaling.unwrap_or_default();
        Ok(mnist_io::Scaling::new(mean, std)?)
    }

    /// Names of the classes, or their numbers.
    pub fn class_names(&self) -> Vec<String> {
        let classes = 0..self.content.network.spec().outputs();
        classes
            .map(|class| self.content.class_name(class).into_owned())
            .collect()
    }

    /// Whether the model takes images like MNIST's and its classes are the digits, so that it can be used for drawings.
    pub fn is_for_digits(&self) -> bool {
        self.check_fit(digit_shape(), DIGITS).is_ok() && mnist_io::are_digits(&self.class_names())
    }

    /// Checks that the model takes images of that shape and has one output for each class.
    ///
    /// # Errors
    ///
    /// [`Error::IncompatibleNetwork`].
    pub fn check_fit(&self, images: ImageShape, classes: usize) -> Result<(), Error> {
        check_fit(self.content.network.spec(), images, classes, || self.name())
    }

    /// Checks that the model [is for digits](Self::is_for_digits). `remedy` says in the error what to do.
    ///
    /// # Errors
    ///
    /// As [`check_fit`](Self::check_fit), or [`Error::NotDigits`].
    pub fn check_digits(&self, remedy: &'static str) -> Result<(), Error> {
        self.check_fit(digit_shape(), DIGITS)?;
        let class_names = self.class_names();
        if mnist_io::are_digits(&class_names) {
            return Ok(());
        }
        Err(Error::NotDigits {
            model: self.name(),
            class_names,
            remedy,
        })
    }
}

/// The shape of normalized digits.
pub fn digit_shape() -> ImageShape {
    ImageShape::gray(SIDE, SIDE).expect("28×28 pixels are an image")
}

/// The shape of images that a network takes; of a vector, the square gray image of as many pixels, if there is one.
pub fn image_shape(network: &NetworkSpec) -> Option<ImageShape> {
    match network.input().as_image() {
        Some((channels, height, width)) => ImageShape::new(channels, height, width).ok(),
        None => {
            let values = network.input().len();
            let side = values.isqrt();
            ImageShape::gray(side, side).ok().filter(|shape| shape.len() == values)
        }
    }
}

/// Checks that a network takes images of that shape and has one output for each class. `name` names it in the error.
///
/// # Errors
///
/// [`Error::IncompatibleNetwork`].
pub fn check_fit(
    network: &NetworkSpec,
    images: ImageShape,
    classes: usize,
    name: impl FnOnce() -> String,
) -> Result<(), Error> {
    let (input, outputs) = (network.input(), network.outputs());
    let accepted = [
        Shape::features(images.len()),
        Shape::image(images.channels(), images.height(), images.width()),
    ];
    if accepted.contains(&input) && outputs == classes {
        return Ok(());
    }
    Err(Error::IncompatibleNetwork {
        network: name(),
        input,
        outputs,
        images,
        classes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_networks_of_the_right_shapes_fit() {
        let check = |text: &str| check_fit(&text.parse().unwrap(), digit_shape(), DIGITS, || text.to_owned());
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
        assert!(model.is_for_digits());
        model.scaling().unwrap();
        assert_eq!(model.content.labels.len(), DIGITS);
        assert_eq!(model.content.notes["preset"], "best");
    }

    #[test]
    fn only_classes_named_by_numbers_are_digits() {
        let mut model = Model::embedded().unwrap();
        model.content.labels.clear();
        assert!(model.is_for_digits() && model.class_names()[9] == "9");
        model.content.labels = ('a'..='j').map(String::from).collect();
        assert!(!model.is_for_digits() && model.class_names()[9] == "j");
        let error = model.check_digits("use another").unwrap_err().to_string();
        assert!(
            error.contains("classes are a, b, c, ") && error.ends_with("; use another"),
            "{error}"
        );
    }

    #[test]
    fn networks_of_vectors_take_square_images() {
        for (text, expected) in [
            ("784 | dense 3", ImageShape::gray(28, 28).ok()),
            ("783 | dense 3", None),
            ("28x20x3 | dense 3", ImageShape::new(3, 28, 20).ok()),
            ("28x20x5 | dense 3", None),
        ] {
            assert_eq!(image_shape(&text.parse().unwrap()), expected, "{text}");
        }
    }
}
