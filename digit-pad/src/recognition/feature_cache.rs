//! A cache of features of the user's examples, which adds to the logits of drawings that resemble one.
//!
//! Learning alone must not go far, or digits of other hands would pay for it. A memory adds to a logit only where a
//! drawing is near a lesson, and so leaves the rest as it is. This is the key-value cache of Zhang et al.,
//! "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification", 2022, with the nearest lesson of each
//! digit in place of the sum over all.

use nn_core::{LayerSpec, Network, NetworkSpec, Shape, Workspace, formats};

use crate::{
    error::Error,
    recognition::{
        backbone::Backbone,
        example::{Example, from_lines, push_distinct, to_lines},
        model::{DIGITS, Model},
    },
};

/// What is added to a digit's logit where a drawing looks to the network just like one of its lessons; and how soon that
/// falls as they differ: e-fold for each 1/20 by which their features' cosine is less than 1.
///
/// Of seven pairs it is the one that loses the fewest of those that leave the fewest errors: errors on 40 artificial hands
/// (each writes its digits like ten of training images 50,000 to 55,000, slanted, stretched and turned, and changed a
/// little each time; ten drawings as lessons), losses of training images 20,000 to 30,000 and from 55,000 on, after up
/// to 50 lessons of each of eight people's hands.
const WEIGHT: f32 = 16.0;
const SHARPNESS: f32 = 20.0;

/// The note of a weights file that holds the lessons' pictures: a line each, as in a lessons file.
pub const METADATA_KEY: &str = "memory";

/// Where a network is cut to get at features: before its last convolution, so that features still tell how a digit is
/// written, which the layers behind are to pass over; or, where it has none, before its first layer.
pub(crate) fn cut(network: &NetworkSpec) -> usize {
    let is_conv = |layer: &LayerSpec| matches!(layer, LayerSpec::Conv(_));
    network.layers().iter().rposition(is_conv).unwrap_or(0)
}

/// What lessons look like to the network.
#[derive(Debug)]
pub(crate) struct FeatureCache {
    /// A dense layer with a neuron for each lesson, whose weights are the lesson's features, of length 1.
    similarity: Network,
    workspace: Workspace,
    labels: Vec<u8>,
}

impl FeatureCache {
    /// What a network, of which that is the head, remembers of lessons, of which there is one at least; with room for
    /// `capacity` pictures at a time.
    ///
    /// # Errors
    /// If there are so many lessons, or is room for so many pictures, that no network takes them.
    pub(crate) fn new(backbone: &Backbone, examples: &[Example], capacity: usize) -> Result<Self, Error> {
        let pictures: Vec<u8> = examples.iter().flat_map(Example::picture).collect();
        let mut features = backbone.features(&pictures)?;
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
        Ok(FeatureCache {
            workspace: Workspace::new(&similarity, capacity)?,
            similarity,
            labels: examples.iter().map(Example::label).collect(),
        })
    }

    /// Adds to the logit of each digit what the nearest of its lessons gives: `[pictures, features]` and
    /// `[pictures, digits]`.
    ///
    /// # Errors
    /// If there are more pictures than it has room for.
    pub(crate) fn add_logits(&mut self, features: &[f32], logits: &mut [f32]) -> Result<(), Error> {
        let products = self.similarity.logits(features, &mut self.workspace)?;
        let width = self.similarity.spec().input().len();
        let pictures = products
            .chunks_exact(self.labels.len())
            .zip(features.chunks_exact(width));
        for (logits, (products, features)) in logits.chunks_exact_mut(DIGITS).zip(pictures) {
            let length = length(features);
            let mut nearest = [f32::NEG_INFINITY; DIGITS];
            for (&product, &label) in products.iter().zip(&self.labels) {
                let nearest = &mut nearest[usize::from(label)];
                *nearest = nearest.max(product / length);
            }
            for (logit, cosine) in logits.iter_mut().zip(nearest) {
                // Nothing where there is no lesson.
                *logit += WEIGHT * (SHARPNESS * (cosine - 1.0)).exp();
            }
        }
        Ok(())
    }
}

/// Euclidean, and above 0 so that nothing divides by it in vain.
fn length(features: &[f32]) -> f32 {
    let squares: f32 = features.iter().map(|feature| feature * feature).sum();
    squares.sqrt().max(f32::MIN_POSITIVE)
}

/// The lessons that a model remembers.
///
/// # Errors
/// [`Error::FeatureCache`] if its file does not hold them whole.
pub fn examples(model: &Model) -> Result<Vec<Example>, Error> {
    let note = model.content.notes.get(METADATA_KEY).map_or("", String::as_str);
    from_lines(note).map_err(|(example, fault)| Error::FeatureCache {
        model: model.name(),
        example,
        fault,
    })
}

/// Has a model remember what the network sees of these lessons, and nothing besides. Of two that look the same, the later
/// one counts.
pub(crate) fn store(content: &mut formats::Model, examples: impl Iterator<Item = Example>) {
    let mut pictures = Vec::new();
    examples.for_each(|example| push_distinct(&mut pictures, example.seen()));
    content.notes.insert(METADATA_KEY.to_owned(), to_lines(&pictures));
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
        Model {
            content: formats::Model::new(Network::zeroed("784 | dense 10".parse().unwrap()).unwrap()),
            path: None,
        }
    }

    /// Two bars with their brightness.
    fn bars(left: u8, right: u8) -> Gray28 {
        std::array::from_fn(|i| match i % SIDE {
            4..8 => left,
            20..24 => right,
            _ => 0,
        })
    }

    fn examples(list: &[(u8, Gray28)]) -> Vec<Example> {
        let example = |&(label, picture): &(u8, Gray28)| Example::new(label, picture).unwrap();
        list.iter().map(example).collect()
    }

    /// What is added to each logit.
    fn added_logits(list: &[(u8, Gray28)], picture: Gray28) -> [f32; DIGITS] {
        let mut model = blank_model();
        store(&mut model.content, examples(list).iter().cloned());
        let mut predictor = Predictor::new(model, 1).unwrap();
        predictor.logits(&picture).unwrap().try_into().unwrap()
    }

    #[test]
    fn what_looks_like_a_example_is_read_as_it() {
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
        let seen = bars(200, 120);
        for list in [&[(5, near)][..], &[(5, near), (5, far)], &[(5, far), (5, near)]] {
            let cosine = {
                let [near, seen] = [near, seen].map(|picture| picture.map(f64::from));
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                dot(&near, &seen) / (dot(&near, &near) * dot(&seen, &seen)).sqrt()
            };
            let expected = f64::from(WEIGHT) * (f64::from(SHARPNESS) * (cosine - 1.0)).exp();
            let added = f64::from(added_logits(list, seen)[5]);
            assert!((added - expected).abs() < 1e-3, "{added}, not {expected}");
        }
    }

    #[test]
    fn a_picture_without_ink_is_like_no_example() {
        let added_logits = added_logits(&[(3, bars(200, 0))], bars(0, 0));
        assert!(added_logits.iter().all(|&added| added < 1e-6), "{added_logits:?}");
    }

    #[test]
    fn many_pictures_are_recalled_as_each_alone() {
        let list: Vec<_> = (0..=9).map(|label| (label, bars(20 * label + 9, 255))).collect();
        let mut model = blank_model();
        store(&mut model.content, examples(&list).iter().cloned());
        let pictures = [bars(10, 250), bars(99, 20), bars(0, 0), bars(255, 3)];
        let mut predictor = Predictor::new(model, pictures.len()).unwrap();
        let together = predictor.logits(pictures.as_flattened()).unwrap().to_vec();
        for (logits, picture) in together.chunks(DIGITS).zip(pictures) {
            assert_eq!(logits, added_logits(&list, picture));
        }
        assert!(predictor.logits(&[0; 5 * SIDE * SIDE]).is_err());
    }

    #[test]
    fn examples_are_kept_as_they_are_seen() {
        let mut model = blank_model();
        assert!(super::examples(&model).unwrap().is_empty());
        let line = "{\"strokes\":[[[0,0],[80,0],[40,120]]]}";
        let drawn = Example::new(7, crate::drawing::file::Drawing::from_json(line).unwrap().ink).unwrap();
        let picture = Example::new(1, bars(0, 200)).unwrap();
        store(&mut model.content, [drawn.clone(), picture.clone()].into_iter());
        let kept = super::examples(&model).unwrap();
        assert_eq!(kept, [Example::new(7, drawn.picture()).unwrap(), picture]);
    }

    #[test]
    fn a_damaged_memory_is_told_of() {
        for (bad, reason) in [
            ("two", "no drawing"),
            ("{\"pixels\":[1]}", "1 pixels"),
            ("{\"label\":10,\"pixels\":[1]}", "the label is 10"),
            ("{\"strokes\":[[[0,0]]]}", "no label"),
        ] {
            let mut model = blank_model();
            store(&mut model.content, examples(&[(1, bars(1, 1))]).iter().cloned());
            let note = model.content.notes.get_mut(METADATA_KEY).unwrap();
            note.push('\n');
            note.push_str(bad);
            let error = Predictor::new(model, 1).unwrap_err().to_string();
            let begins = "the model inside the program: the examples stored in this model are damaged: example 2: ";
            assert!(error.starts_with(begins) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn features_are_what_the_last_convolution_takes_in() {
        for (text, expected) in [
            ("784 | dense 20 | relu | dense 10", 0),
            ("28x28x1 | conv 4 5x5 | relu | dense 10", 0),
            (
                "28x28x1 | conv 4 5x5 | relu | maxpool 2 | conv 8 3x3 | relu | dense 10",
                3,
            ),
        ] {
            assert_eq!(cut(&text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn examples_without_features_are_like_nothing() {
        // Behind a ReLU, nothing may be left of a picture.
        let network =
            Network::zeroed("28x28x1 | conv 1 27x27 | relu | conv 1 1x1 | dense 10".parse().unwrap()).unwrap();
        let model = Model {
            content: formats::Model::new(network),
            path: None,
        };
        let SplitNetwork { backbone, .. } = SplitNetwork::new(&model, 2).unwrap();
        let mut cache = FeatureCache::new(&backbone, &examples(&[(6, bars(9, 9))]), 1).unwrap();
        for features in [[0.0; 4], [1.0, 0.0, 2.0, 0.0]] {
            let mut logits = [0.0; DIGITS];
            cache.add_logits(&features, &mut logits).unwrap();
            assert!(logits.iter().all(|&logit| logit < 1e-6), "{logits:?}");
        }
    }
}
