//! Feature cache: adds to the logit of a digit where an image's features resemble those of one of the user's examples.
//!
//! Fine-tuning alone must not go far, or it costs accuracy on other people's handwriting. The cache adds to a logit
//! only near an example, and leaves everything else as it is. It is the key-value cache of Zhang et al., "Tip-Adapter:
//! Training-free Adaption of CLIP for Few-shot Classification", 2022, with the nearest example of each digit in place
//! of the sum over all.
//!
//! Signs that the user teaches beside the digits are recognized by the cache alone: it gives the cosine similarity of an
//! image and the nearest example of each sign.

use nn_core::{LayerSpec, Network, NetworkSpec, Shape, Workspace};

use crate::{
    drawing::sign::{Label, SignName},
    error::Error,
    recognition::{
        backbone::Backbone,
        example::{Example, from_lines, push_distinct, to_lines},
        model::{DIGITS, Model},
    },
};

/// Added to a digit's logit where the features equal those of one of its examples.
///
/// `WEIGHT` and `SHARPNESS` were chosen among seven pairs: of those with the fewest errors on 40 synthetic writers
/// (each writes like ten training images of 50,000 to 55,000, slanted, stretched and rotated, with a small variation
/// each time; ten drawings as examples), the one that lost the least accuracy on training images 20,000 to 30,000 and
/// from 55,000 on after up to 50 examples of each of eight writers.
const WEIGHT: f32 = 16.0;

/// How fast that falls with the cosine similarity: by a factor of e for each 1/20.
const SHARPNESS: f32 = 20.0;

/// Metadata key of a weights file for the cached examples: one image a line, as in a file of examples. The key
/// keeps its old name, so that earlier files load.
pub const METADATA_KEY: &str = "memory";

/// Index of the layer whose input is the features: the last convolution, which still preserves how a digit is written;
/// the first layer if there is none.
pub(crate) fn feature_layer(network: &NetworkSpec) -> usize {
    let is_conv = |layer: &LayerSpec| matches!(layer, LayerSpec::Conv(_));
    network.layers().iter().rposition(is_conv).unwrap_or(0)
}

/// Features of examples, compared with those of images.
#[derive(Debug)]
pub(crate) struct FeatureCache {
    /// A dense layer with one neuron per example, whose weights are the example's features, of length 1.
    similarity: Network,
    workspace: Workspace,
    /// The column of each example in `nearest`: its digit, or behind the digits its sign.
    columns: Vec<usize>,
    /// The signs, in the order of their first examples.
    signs: Vec<SignName>,
    /// Of the last batch, `[images, 10 + signs]`: cosine similarity with the nearest example; -∞ without one.
    nearest: Vec<f32>,
}

impl FeatureCache {
    /// Builds the cache of at least one example, for batches of up to `capacity` images.
    ///
    /// # Errors
    ///
    /// If there are too many examples, or `capacity` is too large, for a network.
    pub(crate) fn new(backbone: &Backbone, examples: &[Example], capacity: usize) -> Result<Self, Error> {
        let images: Vec<u8> = examples.iter().flat_map(Example::image).collect();
        let mut features = backbone.features(&images)?;
        let width = features.len() / examples.len();
        for example in features.chunks_exact_mut(width) {
            let length = length(example);
            example.iter_mut().for_each(|feature| *feature /= length);
        }
        let layer = NetworkSpec::builder(Shape::features(width)).dense(examples.len());
        let mut similarity = Network::zeroed(layer.build()?)?;
        let mut tensors = similarity.tensors();
        tensors[0].values = features;
        similarity.set_tensors(&tensors)?;
        let signs = signs(examples);
        let column = |example: &Example| match example.label() {
            Label::Digit(digit) => usize::from(*digit),
            Label::Sign(name) => DIGITS + signs.iter().position(|sign| sign == name).expect("a sign of the list"),
        };
        Ok(FeatureCache {
            workspace: Workspace::new(&similarity, capacity)?,
            similarity,
            columns: examples.iter().map(column).collect(),
            signs,
            nearest: Vec::new(),
        })
    }

    /// Adds to the logits `[images, 10]`, by the features `[images, features]`, what the nearest example of each digit
    /// gives.
    ///
    /// # Errors
    ///
    /// If there are more images than `capacity`.
    pub(crate) fn add_logits(&mut self, features: &[f32], logits: &mut [f32]) -> Result<(), Error> {
        let products = self.similarity.forward(features, &mut self.workspace)?;
        let width = self.similarity.spec().input().len();
        let images = products
            .chunks_exact(self.columns.len())
            .zip(features.chunks_exact(width));
        let columns = DIGITS + self.signs.len();
        self.nearest.clear();
        self.nearest.resize(features.len() / width * columns, f32::NEG_INFINITY);
        let rows = self
            .nearest
            .chunks_exact_mut(columns)
            .zip(logits.chunks_exact_mut(DIGITS));
        for ((nearest, logits), (products, features)) in rows.zip(images) {
            let length = length(features);
            for (&product, &column) in products.iter().zip(&self.columns) {
                nearest[column] = nearest[column].max(product / length);
            }
            for (logit, &mut cosine) in logits.iter_mut().zip(nearest) {
                // Without an example the cosine is -∞ and adds 0.
                *logit += WEIGHT * (SHARPNESS * (cosine - 1.0)).exp();
            }
        }
        Ok(())
    }

    /// The signs, in the order of their first examples.
    pub(crate) fn signs(&self) -> &[SignName] {
        &self.signs
    }

    /// Cosine similarity of an image of the last batch with the nearest example of each sign.
    pub(crate) fn sign_cosines(&self, image: usize) -> &[f32] {
        &self.nearest[image * (DIGITS + self.signs.len())..][DIGITS..][..self.signs.len()]
    }
}

/// The signs of examples, in the order of their first examples.
pub fn signs<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Vec<SignName> {
    let mut signs: Vec<SignName> = Vec::new();
    for sign in examples.into_iter().filter_map(Example::sign) {
        if !signs.contains(sign) {
            signs.push(sign.clone());
        }
    }
    signs
}

/// Euclidean length, kept above 0 for division.
fn length(features: &[f32]) -> f32 {
    let squares: f32 = features.iter().map(|feature| feature * feature).sum();
    squares.sqrt().max(f32::MIN_POSITIVE)
}

/// The cached examples of a model.
///
/// # Errors
///
/// [`Error::FeatureCache`] if they are damaged.
pub fn examples(model: &Model) -> Result<Vec<Example>, Error> {
    let lines = model.content.notes.get(METADATA_KEY).map_or("", String::as_str);
    from_lines(lines).map_err(|(example, fault)| Error::FeatureCache {
        model: model.name(),
        example,
        fault,
    })
}

/// Replaces the cached examples of a model, as images. Of two with the same image, the later one counts.
pub(crate) fn store(content: &mut nn_core::Model, examples: impl Iterator<Item = Example>) {
    let mut images = Vec::new();
    examples.for_each(|example| push_distinct(&mut images, example.to_image_example()));
    content.notes.insert(METADATA_KEY.to_owned(), to_lines(&images));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognition::{
        backbone::SplitNetwork,
        normalization::{Gray28, SIDE},
        predictor::Predictor,
    };

    /// A model whose features are the pixels, and whose logits are 0.
    fn blank_model() -> Model {
        nn_core::Model::new(Network::zeroed("784 | dense 10".parse().unwrap()).unwrap()).into()
    }

    /// Two bars of that brightness.
    fn bars(left: u8, right: u8) -> Gray28 {
        std::array::from_fn(|i| match i % SIDE {
            4..8 => left,
            20..24 => right,
            _ => 0,
        })
    }

    fn examples(list: &[(u8, Gray28)]) -> Vec<Example> {
        let example = |&(label, image): &(u8, Gray28)| Example::new(label, image).unwrap();
        list.iter().map(example).collect()
    }

    /// The change of each logit.
    fn added_logits(list: &[(u8, Gray28)], image: Gray28) -> [f32; DIGITS] {
        let mut model = blank_model();
        store(&mut model.content, examples(list).iter().cloned());
        let mut predictor = Predictor::new(model, 1).unwrap();
        predictor.logits(&image).unwrap().try_into().unwrap()
    }

    #[test]
    fn an_image_equal_to_an_example_gets_the_full_weight() {
        let added_logits = added_logits(&[(3, bars(200, 0)), (8, bars(0, 90))], bars(50, 0));
        assert!((added_logits[3] - WEIGHT).abs() < 1e-3, "{added_logits:?}");
        let (far, none) = (WEIGHT * (-SHARPNESS).exp(), 0.0);
        for (digit, &added) in added_logits.iter().enumerate().filter(|&(digit, _)| digit != 3) {
            let expected = if digit == 8 { far } else { none };
            assert!((added - expected).abs() < 1e-9, "{digit}: {added}");
        }
    }

    #[test]
    fn the_nearest_example_of_a_digit_counts_alone() {
        let (near, far) = (bars(200, 100), bars(200, 30));
        let image = bars(200, 120);
        for list in [&[(5, near)][..], &[(5, near), (5, far)], &[(5, far), (5, near)]] {
            let cosine = {
                let [near, image] = [near, image].map(|pixels| pixels.map(f64::from));
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                dot(&near, &image) / (dot(&near, &near) * dot(&image, &image)).sqrt()
            };
            let expected = f64::from(WEIGHT) * (f64::from(SHARPNESS) * (cosine - 1.0)).exp();
            let added = f64::from(added_logits(list, image)[5]);
            assert!((added - expected).abs() < 1e-3, "{added}, not {expected}");
        }
    }

    #[test]
    fn a_blank_image_resembles_no_example() {
        let added_logits = added_logits(&[(3, bars(200, 0))], bars(0, 0));
        assert!(added_logits.iter().all(|&added| added < 1e-6), "{added_logits:?}");
    }

    #[test]
    fn a_batch_gives_the_same_logits_as_single_images() {
        let list: Vec<_> = (0..=9).map(|label| (label, bars(20 * label + 9, 255))).collect();
        let mut model = blank_model();
        store(&mut model.content, examples(&list).iter().cloned());
        let images = [bars(10, 250), bars(99, 20), bars(0, 0), bars(255, 3)];
        let mut predictor = Predictor::new(model, images.len()).unwrap();
        let together = predictor.logits(images.as_flattened()).unwrap().to_vec();
        for (logits, image) in together.chunks(DIGITS).zip(images) {
            assert_eq!(logits, added_logits(&list, image));
        }
        assert!(predictor.logits(&[0; 5 * SIDE * SIDE]).is_err());
    }

    #[test]
    fn examples_are_stored_as_images() {
        let mut model = blank_model();
        assert!(super::examples(&model).unwrap().is_empty());
        let line = "{\"strokes\":[[[0,0],[80,0],[40,120]]]}";
        let drawn = Example::new(7, crate::drawing::file::Drawing::from_json(line).unwrap().ink).unwrap();
        let image = Example::new(1, bars(0, 200)).unwrap();
        store(&mut model.content, [drawn.clone(), image.clone()].into_iter());
        let kept = super::examples(&model).unwrap();
        assert_eq!(kept, [Example::new(7, drawn.image()).unwrap(), image]);
    }

    #[test]
    fn a_damaged_cache_is_an_error() {
        for (bad, reason) in [
            ("two", "not a drawing"),
            ("{\"pixels\":[1]}", "1 pixels"),
            ("{\"label\":10,\"pixels\":[1]}", "the label is 10"),
            ("{\"strokes\":[[[0,0]]]}", "no label"),
        ] {
            let mut model = blank_model();
            store(&mut model.content, examples(&[(1, bars(1, 1))]).iter().cloned());
            let lines = model.content.notes.get_mut(METADATA_KEY).unwrap();
            lines.push('\n');
            lines.push_str(bad);
            let error = Predictor::new(model, 1).unwrap_err().to_string();
            let begins = "the built-in model: the examples stored in this model are damaged: example 2: ";
            assert!(error.starts_with(begins) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn features_are_the_input_of_the_last_convolution() {
        for (text, expected) in [
            ("784 | dense 20 | relu | dense 10", 0),
            ("28x28x1 | conv 4 5x5 | relu | dense 10", 0),
            (
                "28x28x1 | conv 4 5x5 | relu | maxpool 2 | conv 8 3x3 | relu | dense 10",
                3,
            ),
        ] {
            assert_eq!(feature_layer(&text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn examples_without_features_resemble_nothing() {
        // After a ReLU, all features of an image may be zero.
        let network =
            Network::zeroed("28x28x1 | conv 1 27x27 | relu | conv 1 1x1 | dense 10".parse().unwrap()).unwrap();
        let model = Model::from(nn_core::Model::new(network));
        let SplitNetwork { backbone, .. } = SplitNetwork::new(&model, 2).unwrap();
        let mut cache = FeatureCache::new(&backbone, &examples(&[(6, bars(9, 9))]), 1).unwrap();
        for features in [[0.0; 4], [1.0, 0.0, 2.0, 0.0]] {
            let mut logits = [0.0; DIGITS];
            cache.add_logits(&features, &mut logits).unwrap();
            assert!(logits.iter().all(|&logit| logit < 1e-6), "{logits:?}");
        }
    }
}
