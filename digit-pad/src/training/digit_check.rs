//! Whether images are handwritten digits like MNIST's, to which digit-only augmentation may be applied.

use mnist_io::Dataset;

use crate::{error::Error, imaging::gray_image::GrayImage, recognition::recognizer::Recognizer};

/// Number of images that are read.
const READ: usize = 200;
/// The fraction that has to be read as labeled. Of digits like MNIST's nearly all are; of others, one in ten by chance.
const LEAST_CORRECT: f64 = 0.8;

/// Reads some of the images with the built-in network: if it reads most of them as labeled, they are digits. Names of
/// classes do not tell, since clothes are numbered from 0 to 9 too.
///
/// # Errors
/// As [`Recognizer::embedded`].
pub fn are_handwritten_digits(images: &Dataset) -> Result<bool, Error> {
    let shape = images.shape();
    if images.is_empty() || shape.channels() != 1 || !images.is_digits() {
        return Ok(false);
    }
    let mut recognizer = Recognizer::embedded()?;
    let step = images.len().div_ceil(READ);
    let (mut read, mut correct) = (0_u32, 0_u32);
    for index in (0..images.len()).step_by(step) {
        let image = GrayImage::new(shape.width(), shape.height(), images.image(index).to_vec());
        let digit = recognizer
            .read_image(&image)
            .map(|prediction| usize::from(prediction.digit()));
        read += 1;
        correct += u32::from(digit == Some(images.label(index)));
    }
    Ok(f64::from(correct) >= LEAST_CORRECT * f64::from(read))
}

#[cfg(test)]
mod tests {
    use mnist_io::{ImageShape, Mnist, Split};

    use super::*;

    #[test]
    fn digits_are_told_from_other_images_with_their_labels() {
        let mnist = Mnist::embedded_split(Split::Test).unwrap();
        assert!(are_handwritten_digits(&mnist).unwrap());
        let few = mnist.subset(&[5, 7, 8]).unwrap();
        assert!(are_handwritten_digits(&few).unwrap());
        let shuffled = mnist.clone().map_labels(|label| (label + 1) % 10).unwrap();
        assert!(!are_handwritten_digits(&shuffled).unwrap());
        let named = mnist.clone().with_class_names(('a'..='j').map(String::from)).unwrap();
        assert!(!are_handwritten_digits(&named).unwrap());
        let inverted = mnist.images().iter().map(|pixel| 255 - pixel).collect();
        let inverted = Dataset::new(inverted, mnist.labels().to_vec(), mnist.shape()).unwrap();
        assert!(!are_handwritten_digits(&inverted).unwrap());
        let blank = Dataset::new(
            vec![0; 50],
            (0..50).map(|i| i % 10).collect(),
            ImageShape::gray(1, 1).unwrap(),
        )
        .unwrap();
        assert!(!are_handwritten_digits(&blank).unwrap());
        assert!(!are_handwritten_digits(&blank.subset(&[]).unwrap()).unwrap());
    }
}
