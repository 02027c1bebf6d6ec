//! Classification of image files by any model, of digits also by the signs that it was taught.

use std::path::Path;

use nn_core::loss;

use crate::{
    error::Error,
    imaging::image_file,
    recognition::{
        image_input::ImageInput,
        model::{DIGITS, Model},
        predictor::Predictor,
        recognizer::CONFIDENCE_THRESHOLD,
        sign_odds::with_signs,
        surest,
    },
};

/// Least probability of the most probable class to count as known, if the classes are not digits: it is more probable
/// than all others together.
const MAJORITY: f32 = 0.5;

/// A model that classifies image files.
///
/// ```no_run
/// use std::path::Path;
///
/// use digit_pad::recognition::{image_classifier::ImageClassifier, model::Model};
///
/// let model = Model::open(Some(Path::new("animals.safetensors")))?;
/// let found = ImageClassifier::new(model)?.classify(Path::new("cat.jpg"))?;
/// println!("a {} with probability {:.3}", found.name, found.probability);
/// # Ok::<(), digit_pad::Error>(())
/// ```
#[derive(Debug)]
pub struct ImageClassifier {
    input: ImageInput,
    predictor: Predictor,
    names: Vec<String>,
}

/// The class of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageClass {
    /// Index of the most probable class; behind the classes of the network come the signs that the model was taught.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// Its probability.
    pub probability: f32,
    /// Probability of each class.
    pub probabilities: Vec<f32>,
    /// Why the class is uncertain; `None` if it is known.
    pub doubt: Option<String>,
    /// What to know about the image: that it was resized to the model's input, or that the end of the file is missing.
    pub note: Option<String>,
}

impl ImageClassifier {
    /// Makes a classifier of a model.
    ///
    /// # Errors
    ///
    /// If the model does not take images, or its scaling or feature cache is invalid.
    pub fn new(model: Model) -> Result<Self, Error> {
        let (input, mut names) = (ImageInput::of(&model)?, model.class_names());
        let predictor = Predictor::new(model, 1)?;
        names.extend(predictor.signs().iter().map(ToString::to_string));
        Ok(ImageClassifier {
            input,
            predictor,
            names,
        })
    }

    /// Classifies an image file.
    ///
    /// # Errors
    ///
    /// As [`ImageInput::read`].
    pub fn classify(&mut self, path: &Path) -> Result<ImageClass, Error> {
        if self.input.are_digits() {
            return self.classify_digit(path);
        }
        let (pixels, size) = self.input.read_resized(path)?;
        let probabilities = self.probabilities(&pixels)?;
        let shape = self.input.shape();
        let [height, width] = size;
        let is_resized = size != [shape.height(), shape.width()];
        Ok(ImageClass {
            note: is_resized.then(|| format!("the image has {height}×{width} pixels; it is {}", self.input)),
            ..self.class(probabilities, MAJORITY, 0.0)
        })
    }

    /// Classifies the digit in an image file, in the way to see its ink that makes the model surest.
    fn classify_digit(&mut self, path: &Path) -> Result<ImageClass, Error> {
        let mut found = image_file::open_readings(path)?;
        let surest = surest::find(&mut found, |pixels| self.probabilities(pixels))?;
        let surest = surest.ok_or_else(|| Error::BlankImage {
            path: path.to_owned(),
            width: found.width,
            height: found.height,
        })?;
        let mut class = self.class(surest.probabilities, CONFIDENCE_THRESHOLD, surest.doubt);
        class.note = found.is_truncated.then(|| image_file::truncated(found.height));
        // The parts of a sign may lie side by side.
        if class.doubt.is_none() && class.class < DIGITS {
            class.doubt = if surest.is_several {
                Some("the ink lies side by side as in a number; read it with --number".to_owned())
            } else {
                surest
                    .is_rotated
                    .then(|| "it is a digit only if the image is rotated".to_owned())
            };
        }
        Ok(class)
    }

    fn probabilities(&mut self, pixels: &[u8]) -> Result<Vec<f32>, Error> {
        let mut probabilities = self.predictor.logits(pixels)?.to_vec();
        loss::softmax(&mut probabilities);
        let cosines = self.predictor.sign_cosines(0);
        match <[f32; DIGITS]>::try_from(&probabilities[..]) {
            Ok(digits) if !cosines.is_empty() => {
                let (digits, signs) = with_signs(digits, cosines);
                Ok([&digits[..], &signs].concat())
            }
            _ => Ok(probabilities),
        }
    }

    /// The most probable class, which is known from a probability of `least` on, beside a doubt.
    fn class(&self, probabilities: Vec<f32>, least: f32, doubt: f32) -> ImageClass {
        let class = loss::argmax(&probabilities);
        let probability = probabilities[class];
        let why = if probability < least {
            Some(format!("the probability is below {least}"))
        } else {
            (probability - doubt < least).then(|| "the image can be read in several ways".to_owned())
        };
        ImageClass {
            class,
            name: self.names[class].clone(),
            probability,
            probabilities,
            doubt: why,
            note: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma};
    use nn_core::Network;

    use super::*;
    use crate::{
        drawing::sign::{Label, SignName},
        recognition::{example::Example, feature_cache, normalization::normalize, prediction::Classifier},
    };

    /// A model of two gray pixels whose logits are these times the left pixel.
    fn model(weights: [f32; 3]) -> Model {
        let mut network = Network::zeroed("1x2x1 | dense 3".parse().unwrap()).unwrap();
        let mut tensors = network.tensors();
        tensors[0].values = weights.iter().flat_map(|&weight| [weight, 0.0]).collect();
        network.set_tensors(&tensors).unwrap();
        let mut content = nn_core::Model::new(network);
        content.labels = ["ant", "bee", "cat"].map(str::to_owned).to_vec();
        content.into()
    }

    #[test]
    fn classes_are_named_and_doubted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("white.png");
        GrayImage::from_pixel(20, 10, Luma([255])).save(&path).unwrap();
        let classify = |weights| ImageClassifier::new(model(weights)).unwrap().classify(&path).unwrap();
        let sure = classify([0.0, 2.0, 0.0]);
        assert_eq!((sure.class, &sure.name[..], sure.doubt), (1, "bee", None));
        let expected = 2f32.exp() / (2f32.exp() + 2.0);
        assert!((sure.probability - expected).abs() < 1e-6 && sure.probabilities[1] == sure.probability);
        let unsure = classify([0.0, 0.0, 0.5]);
        assert_eq!((unsure.class, &unsure.name[..]), (2, "cat"));
        assert!(unsure.doubt.unwrap().contains("below 0.5"));
        let resized = unsure.note.unwrap();
        assert!(
            resized.contains("10×20 pixels") && resized.contains("resized to 1×2"),
            "{resized}"
        );
        GrayImage::from_pixel(2, 1, Luma([255])).save(&path).unwrap();
        assert_eq!(classify([0.0, 2.0, 0.0]).note, None);
    }

    #[test]
    fn signs_that_the_model_was_taught_are_classes() {
        let folder = tempfile::tempdir().unwrap();
        let path = &folder.path().join("bars.png");
        let is_ink = |x, y| ((8..12).contains(&x) || (38..42).contains(&x)) && (10..60).contains(&y);
        let bars = GrayImage::from_fn(50, 70, |x, y| Luma([if is_ink(x, y) { 0 } else { 255 }]));
        bars.save(path).unwrap();
        let pixels = normalize(&image_file::open(path).unwrap().image).unwrap();
        let label = Label::Sign(SignName::new("bars").unwrap());
        let example = Example::new(label, pixels).unwrap();
        let mut model = Model::embedded().unwrap();
        feature_cache::store(&mut model.content, [example].into_iter());
        let found = ImageClassifier::new(model.clone()).unwrap().classify(path).unwrap();
        assert_eq!((found.class, &found.name[..], &found.doubt), (10, "bars", &None));
        assert_eq!(found.probabilities.len(), 11);
        let expected = crate::recognition::recognizer::Recognizer::new(model)
            .unwrap()
            .classify(&pixels);
        assert_eq!(found.probability, expected.sign().unwrap().probability);
    }

    #[test]
    fn digits_are_classified_as_by_the_recognizer() {
        let folder = tempfile::tempdir().unwrap();
        let path = &folder.path().join("bar.png");
        let is_ink = |x, y| (20..24).contains(&x) && (5..55).contains(&y);
        let bar = GrayImage::from_fn(40, 60, |x, y| Luma([if is_ink(x, y) { 0 } else { 255 }]));
        bar.save(path).unwrap();
        let found = ImageClassifier::new(Model::embedded().unwrap())
            .unwrap()
            .classify(path)
            .unwrap();
        let loaded = image_file::open(path).unwrap();
        let mut recognizer = crate::recognition::recognizer::Recognizer::embedded().unwrap();
        let expected = recognizer.read_image(&loaded.image).unwrap();
        assert_eq!(found.probabilities, expected.probabilities);
        assert_eq!(
            (found.name, found.doubt.is_none()),
            (expected.digit().to_string(), expected.known)
        );
    }
}
