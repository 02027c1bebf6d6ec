//! Image files as input of a model: digits are normalized like MNIST's, other images resized.

use std::{fmt, path::Path};

use mnist_io::{ImageShape, image_file};

use crate::{
    error::Error,
    imaging::image_file as ink_file,
    recognition::{
        model::{Model, digit_shape, image_shape},
        normalization::normalize,
    },
};

/// How image files become input of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageInput {
    shape: ImageShape,
    are_digits: bool,
}

impl ImageInput {
    /// Resizes images to a shape.
    pub fn resized(shape: ImageShape) -> Self {
        ImageInput {
            shape,
            are_digits: false,
        }
    }

    /// Normalizes images of digits to 28×28 pixels.
    pub fn digits() -> Self {
        ImageInput {
            shape: digit_shape(),
            are_digits: true,
        }
    }

    /// The input of a model.
    ///
    /// # Errors
    ///
    /// [`Error::NoImageInput`] if it does not take images.
    pub fn of(model: &Model) -> Result<Self, Error> {
        if model.is_for_digits() {
            return Ok(ImageInput::digits());
        }
        let network = model.content.network.spec();
        let no_image = || Error::NoImageInput {
            network: model.name(),
            input: network.input(),
        };
        Ok(ImageInput::resized(image_shape(network).ok_or_else(no_image)?))
    }

    /// The same for images whose rows and columns are exchanged.
    pub(crate) fn transposed(self) -> Self {
        ImageInput {
            shape: self.shape.transposed(),
            ..self
        }
    }

    /// Shape of the images.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Whether images are normalized like digits.
    pub fn are_digits(&self) -> bool {
        self.are_digits
    }

    /// Reads an image file as pixels of [`shape`](Self::shape), `[channels, height, width]`.
    ///
    /// # Errors
    ///
    /// If the file is not an image, or contains no ink where it should contain a digit.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        if self.are_digits {
            let loaded = ink_file::open(path)?;
            let pixels = normalize(&loaded.image).ok_or_else(|| loaded.blank(path))?;
            return Ok(pixels.to_vec());
        }
        Ok(self.read_resized(path)?.0)
    }

    /// As [`read`](Self::read) for images that are not digits, with the image's height and width in the file.
    pub(super) fn read_resized(&self, path: &Path) -> Result<(Vec<u8>, [usize; 2]), Error> {
        let image = image_file::open(path).map_err(|error| ink_file::with_path(error, path))?;
        let size = [image.height() as usize, image.width() as usize];
        Ok((image_file::values(image, self.shape), size))
    }
}

/// What becomes of images.
impl fmt::Display for ImageInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.are_digits {
            return write!(
                f,
                "normalized like MNIST's digits: the ink is scaled and centered on {}",
                self.shape
            );
        }
        let color = ["gray", "gray with opacity", "RGB", "RGB with opacity"][self.shape.channels() - 1];
        let (height, width) = (self.shape.height(), self.shape.width());
        write!(f, "resized to {height}×{width} pixels, {color}")
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb, RgbImage};
    use nn_core::Network;

    use super::*;

    fn model(text: &str, labels: &[&str]) -> Model {
        let mut content = nn_core::Model::new(Network::new(text.parse().unwrap(), 1).unwrap());
        content.labels = labels.iter().map(|&label| label.to_owned()).collect();
        content.into()
    }

    #[test]
    fn only_models_of_digits_normalize() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bar.png");
        // A dark bar near the left edge.
        let bar = GrayImage::from_fn(60, 60, |x, y| {
            Luma([if (4..8).contains(&x) && (9..51).contains(&y) {
                0
            } else {
                255
            }])
        });
        bar.save(&path).unwrap();
        let digits = ImageInput::of(&Model::embedded().unwrap())
            .unwrap()
            .read(&path)
            .unwrap();
        assert!(digits[0] == 0 && digits[14 * 28 + 14] > 200);
        let letters = model("28x28x1 | dense 2", &["a", "b"]);
        let letters = ImageInput::of(&letters).unwrap().read(&path).unwrap();
        assert!(letters[0] > 250 && letters[14 * 28 + 14] > 250 && letters[14 * 28 + 2] < 60);
    }

    #[test]
    fn images_are_brought_to_the_shape_of_the_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("color.png");
        RgbImage::from_pixel(9, 7, Rgb([10, 200, 30])).save(&path).unwrap();
        let read = |text: &str| ImageInput::of(&model(text, &[])).unwrap().read(&path).unwrap();
        assert_eq!(read("2x3x3 | dense 4"), [[10; 6], [200; 6], [30; 6]].concat());
        assert_eq!(read("9 | dense 4").len(), 9);
        assert_eq!(read("1x1x4 | dense 4"), [10, 200, 30, 255]);
        let error = ImageInput::of(&model("10 | dense 4", &[])).unwrap_err().to_string();
        assert!(error.contains("HEIGHTxWIDTHxCHANNELS"), "{error}");
    }
}
