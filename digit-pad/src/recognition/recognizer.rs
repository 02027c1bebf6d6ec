//! The recognizer: 28×28 pixels in, ten probabilities out, and whether they are sure enough.

use std::{path::Path, time::Instant};

use nn_core::loss;

use crate::{
    error::Error,
    recognition::{
        model::{DIGITS, Model},
        normalization::{Gray28, SIDE},
        prediction::{Classifier, Prediction},
        predictor::Predictor,
    },
};

/// The least probability of the most probable digit with which a picture counts as known. The network inside the program
/// so knows 98 of 100 digits that people drew with a pen, and reads 99.2 % of those rightly; of scribbles, shapes and
/// letters that are no digit's it knows one in five.
pub const KNOWN_AT_LEAST: f32 = 0.95;

/// Reads one digit at a time.
///
/// ```
/// use digit_pad::{drawing::strokes::Ink, geometry::Point};
/// use digit_pad::recognition::normalization::normalize_ink;
/// use digit_pad::recognition::prediction::Classifier;
/// use digit_pad::recognition::recognizer::Recognizer;
///
/// let mut ink = Ink::new();
/// ink.pen_down(Point::new(280.0, 120.0));
/// ink.pen_up(Point::new(280.0, 440.0));
/// let seen = normalize_ink(&ink).expect("something is drawn");
/// assert_eq!(Recognizer::embedded()?.classify(&seen).digit(), 1);
/// # Ok::<(), digit_pad::Error>(())
/// ```
#[derive(Debug)]
pub struct Recognizer(Predictor);

impl Recognizer {
    /// A reader with that model.
    ///
    /// # Errors
    /// If the model does not take 28×28 grey pixels, does not tell ten digits apart, or what it remembers of lessons is
    /// damaged.
    pub fn new(model: Model) -> Result<Self, Error> {
        model.check_fit(SIDE, SIDE)?;
        Ok(Recognizer(Predictor::new(model, 1)?))
    }

    /// A reader with the model inside the program.
    ///
    /// # Errors
    /// As [`Model::embedded`].
    pub fn embedded() -> Result<Self, Error> {
        Recognizer::new(Model::embedded()?)
    }

    /// A reader with the model in a file; or, without one, with the model inside the program.
    ///
    /// # Errors
    /// If the file is no weights file, or as [`new`](Self::new).
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        Recognizer::new(Model::open(path)?)
    }

    fn probabilities(&mut self, pixels: &Gray28) -> [f32; DIGITS] {
        let logits = self.0.logits(pixels).expect("one picture of the model's size");
        let mut probabilities: [f32; DIGITS] = logits.try_into().expect("a model with an output for each digit");
        loss::softmax(&mut probabilities);
        probabilities
    }
}

/// A model, and what reads with it.
#[derive(Debug)]
pub struct ReadyModel {
    /// The model.
    pub model: Model,
    /// What reads with it.
    pub recognizer: Recognizer,
}

impl ReadyModel {
    /// Makes a model ready to read.
    ///
    /// # Errors
    /// As [`Recognizer::new`].
    pub fn new(model: Model) -> Result<Self, Error> {
        Ok(ReadyModel {
            recognizer: Recognizer::new(model.clone())?,
            model,
        })
    }
}

impl Classifier for Recognizer {
    fn classify(&mut self, pixels: &Gray28) -> Prediction {
        let start = Instant::now();
        let probabilities = self.probabilities(pixels);
        let microseconds = start.elapsed().as_secs_f32() * 1e6;
        let mut prediction = Prediction {
            probabilities,
            known: false,
            microseconds,
        };
        prediction.known = prediction.probability() >= KNOWN_AT_LEAST;
        prediction
    }
}

#[cfg(test)]
mod tests {
    use nn_core::{Network, Tensor, formats};

    use super::*;

    fn recognizer(network: Network) -> Result<Recognizer, Error> {
        Recognizer::new(Model {
            content: formats::Model::new(network),
            path: None,
        })
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

    fn picture(digit: usize) -> Gray28 {
        let mut pixels = [0; 784];
        pixels[digit] = 255;
        pixels
    }

    #[test]
    fn the_pixels_decide() {
        let mut recognizer = pixel_reader(8.0);
        for digit in 0..10 {
            let prediction = recognizer.classify(&picture(digit));
            assert_eq!(usize::from(prediction.digit()), digit);
            let expected = 8f32.exp() / (8f32.exp() + 9.0);
            assert!((prediction.probability() - expected).abs() < 1e-6, "{prediction:?}");
            assert!((prediction.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(prediction.known && prediction.microseconds >= 0.0);
        }
    }

    #[test]
    fn without_a_winner_nothing_is_known() {
        let prediction = pixel_reader(2.0).classify(&picture(3));
        assert_eq!(prediction.digit(), 3);
        assert!(!prediction.known, "{prediction:?}");
    }

    #[test]
    fn the_models_own_scaling_is_used() {
        let network = Network::new("784 | dense 10".parse().unwrap(), 3).unwrap();
        let mut content = formats::Model::new(network.clone());
        content.scaling = formats::Scaling { mean: 0.25, std: 0.5 };
        let mut scaled = Recognizer::new(Model { content, path: None }).unwrap();
        let pixels = std::array::from_fn(|i| (i * 7 % 256) as u8);
        let inputs = pixels.map(|pixel: u8| (f32::from(pixel) / 255.0 - 0.25) / 0.5);
        assert_eq!(
            scaled.classify(&pixels).probabilities.to_vec(),
            network.predict(&inputs).unwrap()
        );
    }

    #[test]
    fn networks_for_other_things_are_refused() {
        for text in ["784 | dense 3", "100 | dense 10", "8x8x1 | flatten | dense 10"] {
            let error = recognizer(Network::new(text.parse().unwrap(), 0).unwrap())
                .unwrap_err()
                .to_string();
            assert!(error.contains("28x28x1 or 784"), "{error}");
        }
    }
}
