//! A network with its input scaling and class names: raw pixels in, classes out.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{error::Result, loss, network::Network};

/// Scaling of raw values to the network's inputs: `(value - mean) / std`. The raw value of a pixel is `pixel / 255`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// Subtracted from each value.
    pub mean: f32,
    /// Divisor; above 0.
    pub std: f32,
}

impl Default for Scaling {
    /// No scaling.
    fn default() -> Self {
        Self { mean: 0.0, std: 1.0 }
    }
}

/// A network, the scaling of its inputs, and the names of its classes: the content of a weights file.
///
/// It takes raw pixels, and scales them as in training.
///
/// ```
/// use nn_core::{Model, Network, Scaling};
///
/// let mut model = Model::new(Network::new("2x2x1 | dense 2".parse()?, 7)?);
/// model.scaling = Some(Scaling { mean: 0.5, std: 0.25 });
/// model.labels = vec!["cat".to_owned(), "dog".to_owned()];
///
/// let predictions = model.classify(&[0, 255, 9, 128])?; // one image, [batch, channels, height, width]
/// println!("a {} with probability {:.2}", predictions[0].name, predictions[0].probability);
/// # assert!(["cat", "dog"].contains(&&predictions[0].name[..]) && predictions[0].probability >= 0.5);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Model {
    /// The network.
    pub network: Network,
    /// Scaling of its inputs; `None` where a file does not say, and pixels then are only divided by 255.
    pub scaling: Option<Scaling>,
    /// Names of its outputs, in order; may be empty.
    pub labels: Vec<String>,
    /// Other metadata, such as how the network was trained.
    pub notes: BTreeMap<String, String>,
}

/// The most probable class of an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Classification {
    /// Index of the class: the network's output.
    pub class: usize,
    /// Name of the class, or its index if the model has no names.
    pub name: String,
    /// Its probability.
    pub probability: f32,
}

impl Model {
    /// A model without input scaling and without names for its outputs.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self {
            network,
            scaling: None,
            labels: Vec::new(),
            notes: BTreeMap::new(),
        }
    }

    /// The name of a class, or its index as text if it has no name.
    #[must_use]
    pub fn class_name(&self, class: usize) -> Cow<'_, str> {
        match self.labels.get(class) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(class.to_string()),
        }
    }

    /// The network's inputs for raw pixels: `(pixel / 255 - mean) / std`, in this order.
    #[must_use]
    pub fn scale(&self, pixels: &[u8]) -> Vec<f32> {
        let Scaling { mean, std } = self.scaling.unwrap_or_default();
        let table: [f32; 256] = std::array::from_fn(|pixel| (pixel as f32 / 255.0 - mean) / std);
        pixels.iter().map(|&pixel| table[usize::from(pixel)]).collect()
    }

    /// The probabilities of all classes, `[batch, outputs]`, from raw pixels, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// As [`Network::probabilities`].
    pub fn probabilities(&self, pixels: &[u8]) -> Result<Vec<f32>> {
        self.network.probabilities(&self.scale(pixels))
    }

    /// The most probable class of each image, from raw pixels, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// As [`probabilities`](Self::probabilities).
    pub fn classify(&self, pixels: &[u8]) -> Result<Vec<Classification>> {
        let probabilities = self.probabilities(pixels)?;
        let images = probabilities.chunks(self.network.spec().outputs());
        let classified = images.map(|probabilities| {
            let class = loss::argmax(probabilities);
            Classification {
                class,
                name: self.class_name(class).into_owned(),
                probability: probabilities[class],
            }
        });
        Ok(classified.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::new(Network::new("3 | dense 2".parse().unwrap(), 5).unwrap())
    }

    #[test]
    fn raw_pixels_are_scaled() {
        let mut model = model();
        assert_eq!(model.scale(&[0, 51, 255]), [0.0, 0.2, 1.0]);
        model.scaling = Some(Scaling {
            mean: 0.1307,
            std: 0.3081,
        });
        let pixels: Vec<u8> = (0..=255).collect();
        for (pixel, scaled) in pixels.iter().zip(model.scale(&pixels)) {
            assert_eq!(scaled, (f32::from(*pixel) / 255.0 - 0.1307) / 0.3081);
        }
        let inputs = model.scale(&[7, 8, 9]);
        assert_eq!(
            model.probabilities(&[7, 8, 9]).unwrap(),
            model.network.probabilities(&inputs).unwrap()
        );
        assert_ne!(
            model.probabilities(&[7, 8, 9]).unwrap(),
            self::model().probabilities(&[7, 8, 9]).unwrap()
        );
        assert!(model.probabilities(&[7, 8]).is_err() && model.probabilities(&[]).is_err());
    }

    #[test]
    fn classes_have_their_names_or_numbers() {
        let mut model = model();
        let pixels = [0, 0, 255, 255, 0, 0];
        let numbered = model.classify(&pixels).unwrap();
        model.labels = vec!["no".to_owned(), "yes".to_owned()];
        let named = model.classify(&pixels).unwrap();
        let probabilities = model.probabilities(&pixels).unwrap();
        assert_eq!((numbered.len(), named.len()), (2, 2));
        for ((numbered, named), probabilities) in numbered.iter().zip(&named).zip(probabilities.chunks(2)) {
            assert_eq!(numbered.name, numbered.class.to_string());
            assert_eq!(named.name, model.labels[named.class]);
            assert_eq!(named.probability, probabilities[0].max(probabilities[1]));
        }
    }
}
