//! The recognizer: strokes or an image in, probabilities out, and whether they are sure enough.

use std::path::Path;

use nn_core::loss;

use crate::{
    drawing::{sign::SignName, strokes::Ink},
    error::Error,
    imaging::gray_image::GrayImage,
    recognition::{
        model::{DIGITS, Model},
        normalization::{Gray28, normalize, normalize_ink},
        prediction::{Classifier, Prediction, SignProbability},
        predictor::Predictor,
        sign_odds::with_signs,
        signs::{Sign, SignRecognizer},
    },
};

/// Least probability of the most probable digit for an image to count as known. At this threshold the built-in network
/// knows 98 % of digits drawn with a pen, and is correct on 99.6 % of those; it knows one in twenty scribbles, shapes and
/// letters that do not look like a digit.
pub const CONFIDENCE_THRESHOLD: f32 = 0.95;

/// Recognizes single digits. For numbers, see [`segmentation`](crate::recognition::segmentation).
///
/// ```
/// use digit_pad::{drawing::strokes::Ink, geometry::Point, recognition::recognizer::Recognizer};
///
/// let mut ink = Ink::new();
/// ink.pen_down(Point::new(280.0, 120.0));
/// ink.pen_up(Point::new(280.0, 440.0));
/// let prediction = Recognizer::embedded()?.read_ink(&ink).expect("something is drawn");
/// assert_eq!(prediction.digit(), 1);
/// # Ok::<(), digit_pad::Error>(())
/// ```
#[derive(Debug)]
pub struct Recognizer {
    predictor: Predictor,
    signs: SignRecognizer,
    /// Why an image has no probabilities.
    failure: Option<Error>,
}

impl Recognizer {
    /// Makes a recognizer of a model.
    ///
    /// # Errors
    ///
    /// If the model does not take 28×28 gray pixels, its classes are not the digits, or its feature cache is damaged.
    pub fn new(model: Model) -> Result<Self, Error> {
        model.check_digits("use a model of digits, or classify images with `digit-pad predict` without --number")?;
        Ok(Recognizer {
            predictor: Predictor::new(model, 1)?,
            signs: SignRecognizer::embedded()?,
            failure: None,
        })
    }

    /// Makes a recognizer of the built-in model.
    ///
    /// # Errors
    ///
    /// As [`Model::embedded`].
    pub fn embedded() -> Result<Self, Error> {
        Recognizer::new(Model::embedded()?)
    }

    /// Makes a recognizer of a model in a file, or of the built-in model if `path` is `None`.
    ///
    /// # Errors
    ///
    /// If the file is not a weights file, or as [`new`](Self::new).
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        Recognizer::new(Model::open(path)?)
    }

    /// Recognizes the digit in an image of bright ink on black; `None` if the image is blank.
    pub fn read_image(&mut self, image: &GrayImage) -> Option<Prediction> {
        Some(self.classify(&normalize(image)?))
    }

    /// Recognizes the digit of a drawing in canvas units (see [`Ink::fit`]); `None` if nothing is drawn on the canvas.
    pub fn read_ink(&mut self, ink: &Ink) -> Option<Prediction> {
        Some(self.classify(&normalize_ink(ink)?))
    }

    /// Fails if the model's outputs for an image since the last call were not finite, so that the prediction for it says
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`].
    pub fn check(&mut self) -> Result<(), Error> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// The signs that the model was taught beside the digits.
    pub fn signs(&self) -> &[SignName] {
        self.predictor.signs()
    }

    /// The probabilities of the digits and of the signs; those of the digits are equal where the model's outputs are not
    /// finite.
    fn probabilities(&mut self, pixels: &Gray28) -> ([f32; DIGITS], Vec<f32>) {
        let logits = match self.predictor.logits(pixels) {
            Err(error @ Error::NotFinite { .. }) => {
                self.failure = Some(error);
                return ([1.0 / DIGITS as f32; DIGITS], vec![0.0; self.predictor.signs().len()]);
            }
            logits => logits.expect("one image of the model's size"),
        };
        let mut probabilities: [f32; DIGITS] = logits.try_into().expect("a model with ten outputs");
        loss::softmax(&mut probabilities);
        with_signs(probabilities, self.predictor.sign_cosines(0))
    }
}

impl Classifier for Recognizer {
    fn classify(&mut self, pixels: &Gray28) -> Prediction {
        let ((probabilities, signs), microseconds) = timed(|| self.probabilities(pixels));
        let names = self.predictor.signs().iter().cloned();
        let mut prediction = Prediction {
            probabilities,
            signs: names
                .zip(signs)
                .map(|(name, probability)| SignProbability { name, probability })
                .collect(),
            known: false,
            microseconds,
        };
        prediction.known = prediction.probability() >= CONFIDENCE_THRESHOLD;
        prediction
    }

    fn classify_sign(&mut self, pixels: &Gray28) -> Option<(Sign, f32)> {
        Some(self.signs.classify(pixels))
    }
}

/// Runs `work` and measures its time in microseconds.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f32) {
    let start = web_time::Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f32() * 1e6)
}

/// A model with its recognizer.
#[derive(Debug)]
pub struct ReadyModel {
    /// The model.
    pub model: Model,
    /// A recognizer of that model.
    pub recognizer: Recognizer,
}

impl ReadyModel {
    /// Makes a recognizer of a model, and keeps both.
    ///
    /// # Errors
    ///
    /// As [`Recognizer::new`].
    pub fn new(model: Model) -> Result<Self, Error> {
        Ok(ReadyModel {
            recognizer: Recognizer::new(model.clone())?,
            model,
        })
    }
}

#[cfg(test)]
mod tests {
    use nn_core::{Network, Tensor};

    use super::*;
    use crate::geometry::Point;

    fn recognizer(network: Network) -> Result<Recognizer, Error> {
        Recognizer::new(nn_core::Model::new(network).into())
    }

    /// Logit `d` is `weight` times the pixel `d`.
    fn pixel_reader(weight: f32) -> Recognizer {
        let mut network = Network::zeroed("784 | dense 10".parse().unwrap()).unwrap();
        let mut values = vec![0.0; 7840];
        for digit in 0..10 {
            values[digit * 784 + digit] = weight;
        }
        let bias = Tensor {
            name: "0.bias".to_owned(),
            shape: vec![10],
            values: vec![0.0; 10],
        };
        network
            .set_tensors(&[
                Tensor {
                    name: "0.weight".to_owned(),
                    shape: vec![10, 784],
                    values,
                },
                bias,
            ])
            .unwrap();
        recognizer(network).unwrap()
    }

    fn image(digit: usize) -> Gray28 {
        let mut pixels = [0; 784];
        pixels[digit] = 255;
        pixels
    }

    #[test]
    fn predictions_follow_the_logits() {
        let mut recognizer = pixel_reader(8.0);
        for digit in 0..10 {
            let prediction = recognizer.classify(&image(digit));
            assert_eq!(usize::from(prediction.digit()), digit);
            let expected = 8f32.exp() / (8f32.exp() + 9.0);
            assert!((prediction.probability() - expected).abs() < 1e-6, "{prediction:?}");
            assert!((prediction.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(prediction.known && prediction.microseconds >= 0.0);
        }
    }

    #[test]
    fn a_low_probability_is_not_known() {
        let prediction = pixel_reader(2.0).classify(&image(3));
        assert_eq!(prediction.digit(), 3);
        assert!(!prediction.known, "{prediction:?}");
    }

    #[test]
    fn outputs_that_are_not_finite_are_not_known() {
        let mut network = Network::zeroed("784 | dense 10".parse().unwrap()).unwrap();
        let mut tensors = network.tensors();
        tensors[0].values.fill(f32::MAX);
        network.set_tensors(&tensors).unwrap();
        let mut recognizer = recognizer(network).unwrap();
        let prediction = recognizer.classify(&[255; 784]);
        assert!(
            !prediction.known && prediction.probabilities == [0.1; 10],
            "{prediction:?}"
        );
        assert!(matches!(recognizer.check(), Err(Error::NotFinite { .. })));
        recognizer.check().unwrap();
    }

    #[test]
    fn the_models_own_scaling_is_used() {
        let network = Network::new("784 | dense 10".parse().unwrap(), 3).unwrap();
        let mut content = nn_core::Model::new(network.clone());
        content.scaling = Some(nn_core::Scaling { mean: 0.25, std: 0.5 });
        let mut scaled = Recognizer::new(content.into()).unwrap();
        let pixels = std::array::from_fn(|i| (i * 7 % 256) as u8);
        let inputs = pixels.map(|pixel: u8| (f32::from(pixel) / 255.0 - 0.25) / 0.5);
        assert_eq!(
            scaled.classify(&pixels).probabilities.to_vec(),
            network.probabilities(&inputs).unwrap()
        );
    }

    #[test]
    fn images_and_strokes_are_normalized_first() {
        let mut recognizer = Recognizer::embedded().unwrap();
        let mut ink = Ink::new();
        assert!(recognizer.read_ink(&ink).is_none());
        ink.pen_down(Point::new(280.0, 120.0));
        ink.pen_up(Point::new(280.0, 440.0));
        assert_eq!(recognizer.read_ink(&ink).unwrap().digit(), 1);
        assert!(recognizer.read_image(&GrayImage::blank(9, 50)).is_none());
        let line = GrayImage::new(9, 50, [0, 0, 0, 255, 255, 255, 0, 0, 0].repeat(50));
        assert_eq!(recognizer.read_image(&line).unwrap().digit(), 1);
    }

    #[test]
    fn networks_of_other_shapes_are_rejected() {
        for text in ["784 | dense 3", "100 | dense 10", "8x8x1 | flatten | dense 10"] {
            let error = recognizer(Network::new(text.parse().unwrap(), 0).unwrap())
                .unwrap_err()
                .to_string();
            assert!(error.contains("28x28x1 or 784"), "{error}");
        }
    }
}
