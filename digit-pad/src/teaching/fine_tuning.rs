//! Fine-tuning of a model's last dense layers on the user's examples, with MNIST images replayed against forgetting.
//!
//! The result depends only on the base model and the list of examples: every run starts from the base model and trains
//! on all examples. So an example that is removed leaves no trace.
//!
//! ```no_run
//! use digit_pad::recognition::{model::Model, recognizer::Recognizer};
//! use digit_pad::teaching::{examples::Examples, fine_tuning::FineTuner};
//!
//! let model = Model::embedded()?;
//! let examples = Examples::load("examples.jsonl".as_ref())?;
//! let tuned = FineTuner::new(&model)?.fine_tune(&examples)?;
//! tuned.content.save("mine.safetensors")?;
//! let recognizer = Recognizer::new(tuned)?;
//! # Ok::<(), digit_pad::Error>(())
//! ```

use mnist_io::{Augmentation, Augmenter, Dataset, Split};
use nn_core::{
    LayerSpec, Network, Trainer,
    loss::CrossEntropy,
    optim::{Adam, Schedule},
};

use crate::{
    error::Error,
    recognition::{
        backbone::{Backbone, SplitNetwork},
        example::{Example, ExampleInput},
        feature_cache,
        model::{DIGITS, Model, digit_shape},
        normalization::PIXELS,
    },
    teaching::{
        examples::Examples,
        variants::{self, VARIANTS},
    },
    training::{embedded, presets::Preset},
};

/// Number of replayed MNIST images: the last training images, half of which the built-in model was not trained on.
const REPLAYED: usize = 10_000;

/// Number of hard ones among them: those that the base model is least sure of, which are forgotten first.
const HARD: usize = 4_000;

/// The fraction of augmented ones that are distractors.
const DISTRACTORS: f32 = 0.06;

/// Samples of a batch: hard replayed images, any replayed images, and variants of examples. With
/// these, three examples of a style that the built-in model misreads cost at most 10 of MNIST's 10,000 test images; with twice
/// as many variants and half the learning rate, 14.
const HARD_PER_BATCH: usize = 192;
const ANY_PER_BATCH: usize = 64;
const VARIANTS_PER_BATCH: usize = 16;

/// Number of training steps.
const STEPS: u64 = 150;

/// Peak learning rate; it falls along half a cosine to 0.
const LEARNING_RATE: f32 = 2e-3;

/// Most label smoothing. How much is used follows the base model's confidence.
const MAX_SMOOTHING: f32 = 0.1;

/// Fine-tunes a model on lists of examples, and keeps the features that it computed.
#[derive(Debug)]
pub struct FineTuner {
    base: Model,
    /// The examples in the base model's feature cache.
    cached: Vec<Example>,
    backbone: Backbone,
    /// The layers that are trained, as they are in the base model.
    head: Network,
    replay: Samples,
    label_smoothing: f32,
    /// Features of the variants of the last examples.
    features: Vec<(ExampleInput, Vec<f32>)>,
}

/// Training samples for the head.
#[derive(Debug, Default)]
struct Samples {
    /// Output of the backbone, `[samples, features]`.
    features: Vec<f32>,
    /// Probabilities of the digits, `[samples, digits]`.
    targets: Vec<f32>,
}

impl FineTuner {
    /// Prepares fine-tuning of a model, with the last 10,000 training images of the embedded MNIST replayed.
    ///
    /// # Errors
    ///
    /// As [`with_replay`](Self::with_replay), and [`Error::NotEmbedded`] without the `embedded` feature.
    pub fn new(base: &Model) -> Result<Self, Error> {
        let train = embedded::split(Split::Train)?;
        let first = train.len() - REPLAYED;
        let (_, images) = train.split_at(first)?;
        FineTuner::with_replay(base, &images)
    }

    /// Prepares fine-tuning of a model, with these images of 28×28 pixels replayed. Computes their features.
    ///
    /// # Errors
    ///
    /// [`Error::NotFineTunable`] if the model does not end in a dense layer, [`Error::IncompatibleNetwork`] if it does not
    /// take 28×28 gray pixels, does not have ten outputs, or the images have another size, [`Error::TooFewImages`] if
    /// there are no images, [`Error::FeatureCache`] if the model's feature cache is damaged.
    pub fn with_replay(base: &Model, images: &Dataset) -> Result<Self, Error> {
        let SplitNetwork { backbone, head } = SplitNetwork::new(base, check_fine_tunable(base)?)?;
        let cached = feature_cache::examples(base)?;
        base.check_fit(images.shape(), DIGITS)?;
        if images.is_empty() {
            return Err(Error::TooFewImages("there are no images to replay".to_owned()));
        }
        let (replay, label_smoothing) = replay(&backbone, &head, images)?;
        Ok(FineTuner {
            base: base.clone(),
            cached,
            backbone,
            head,
            replay,
            label_smoothing,
            features: Vec::new(),
        })
    }

    /// Fine-tunes the base model on these examples: the same bits for the same examples. Without any it is the base
    /// model.
    ///
    /// # Errors
    ///
    /// If training diverges.
    pub fn fine_tune(&mut self, examples: &Examples) -> Result<Model, Error> {
        let mut tuned = self.base.clone();
        if examples.is_empty() {
            return Ok(tuned);
        }
        let samples = self.samples(examples)?;
        if samples.len() > 0 {
            let head = self.train(&samples)?;
            let mut tensors = self.base.content.network.tensors();
            let frozen = tensors.len() - head.tensors().len();
            for (tensor, trained) in tensors[frozen..].iter_mut().zip(head.tensors()) {
                tensor.values = trained.values;
            }
            tuned.content.network.set_tensors(&tensors)?;
        }
        feature_cache::store(&mut tuned.content, self.cached.iter().chain(examples).cloned());
        Ok(tuned)
    }

    /// Collects the first variant of each example of a digit, then the second, and so on. Signs are the feature cache's
    /// alone.
    fn samples(&mut self, examples: &Examples) -> Result<Samples, Error> {
        let digits: Vec<(u8, &Example)> = examples.iter().filter_map(|one| Some((one.digit()?, one))).collect();
        let mut computed = Vec::with_capacity(digits.len());
        for &(_, example) in &digits {
            let known = self.features.iter().position(|(input, _)| input == example.input());
            computed.push(match known {
                Some(known) => self.features.swap_remove(known),
                None => (example.input().clone(), self.backbone.features(&variants::of(example))?),
            });
        }
        self.features = computed;
        let width = self.head.spec().input().len();
        let mut samples = Samples::default();
        for variant in 0..VARIANTS {
            for (&(digit, _), (_, features)) in digits.iter().zip(&self.features) {
                let target = smoothed(digit.into(), self.label_smoothing);
                samples.push(&features[variant * width..][..width], &target);
            }
        }
        Ok(samples)
    }

    /// Trains the head on samples of examples and on replayed images.
    fn train(&self, examples: &Samples) -> Result<Network, Error> {
        let optimizer = Adam {
            beta2: 0.99,
            ..Adam::new(LEARNING_RATE)
        };
        let batch_size = HARD_PER_BATCH + ANY_PER_BATCH + VARIANTS_PER_BATCH;
        let mut trainer = Trainer::new(self.head.clone(), optimizer, batch_size)?
            .with_loss(CrossEntropy::new())?
            .with_schedule(Schedule::cosine(STEPS as f64, 0.0))?;
        let replayed = self.replay.len();
        let mut batch = Samples::default();
        for step in 0..STEPS as usize {
            batch.clear();
            batch.take_cyclic(&self.replay, HARD.min(replayed), step, HARD_PER_BATCH);
            batch.take_cyclic(&self.replay, replayed, step, ANY_PER_BATCH);
            batch.take_cyclic(examples, examples.len(), step, VARIANTS_PER_BATCH);
            trainer.step(&batch.features, &batch.targets)?;
        }
        Ok(trainer.into_network())
    }
}

impl Samples {
    fn len(&self) -> usize {
        self.targets.len() / DIGITS
    }

    fn clear(&mut self) {
        self.features.clear();
        self.targets.clear();
    }

    fn push(&mut self, features: &[f32], target: &[f32]) {
        self.features.extend_from_slice(features);
        self.targets.extend_from_slice(target);
    }

    /// Appends one sample of another list.
    fn push_from(&mut self, other: &Samples, index: usize) {
        let width = other.features.len() / other.len();
        let target = &other.targets[index * DIGITS..][..DIGITS];
        self.push(&other.features[index * width..][..width], target);
    }

    /// Appends `count` samples for a step, cycling through the first `among` of another list from step to step.
    fn take_cyclic(&mut self, other: &Samples, among: usize, step: usize, count: usize) {
        for index in step * count..(step + 1) * count {
            self.push_from(other, index % among);
        }
    }
}

/// Checks that a model can be fine-tuned. Returns the index of the first layer that is trained.
pub(crate) fn check_fine_tunable(model: &Model) -> Result<usize, Error> {
    model.check_digits("use a model of digits")?;
    head_start(model.content.network.spec().layers()).ok_or_else(|| Error::NotFineTunable { model: model.name() })
}

/// Index of the second to last dense layer, or of the last one if it is the only one or a batch normalization lies
/// between: the few examples would distort its statistics.
fn head_start(layers: &[LayerSpec]) -> Option<usize> {
    let is_dense = |&index: &usize| matches!(layers[index], LayerSpec::Dense { .. });
    let is_trainable = |&start: &usize| !layers[start..].contains(&LayerSpec::BatchNorm);
    let dense = (0..layers.len()).rev().filter(is_dense);
    dense.take(2).take_while(is_trainable).last()
}

/// Prepares the replayed images, the least certain first, and the label smoothing.
///
/// Every other image is augmented as in training, since handwriting is not all like MNIST's. Targets are the base
/// model's own probabilities, right or wrong, so that only the examples change it (Li and Hoiem, 2016, "Learning without
/// Forgetting").
fn replay(backbone: &Backbone, head: &Network, images: &Dataset) -> Result<(Samples, f32), Error> {
    let features = backbone.features(&half_augmented(images)?)?;
    let probabilities = head.probabilities(&features)?;
    let confidences: Vec<f32> = probabilities
        .chunks(DIGITS)
        .map(|prediction| prediction.iter().copied().fold(0.0, f32::max))
        .collect();
    let mut order: Vec<usize> = (0..confidences.len()).collect();
    order.sort_by(|&a, &b| confidences[a].total_cmp(&confidences[b]));
    let mut sorted = Samples {
        features: Vec::with_capacity(features.len()),
        targets: Vec::with_capacity(probabilities.len()),
    };
    let samples = Samples {
        features,
        targets: probabilities,
    };
    for index in order {
        sorted.push_from(&samples, index);
    }
    Ok((sorted, smoothing(confidences)))
}

/// The probabilities that a label asks for.
fn smoothed(label: usize, smoothing: f32) -> [f32; DIGITS] {
    let mut target = [smoothing / DIGITS as f32; DIGITS];
    target[label] += 1.0 - smoothing;
    target
}

/// Label smoothing whose target probability equals the median confidence of the base model.
fn smoothing(mut confidences: Vec<f32>) -> f32 {
    confidences.sort_by(f32::total_cmp);
    let digits = DIGITS as f32;
    ((1.0 - confidences[confidences.len() / 2]) * digits / (digits - 1.0)).clamp(0.0, MAX_SMOOTHING)
}

fn half_augmented(images: &Dataset) -> Result<Vec<u8>, Error> {
    let augmentation =
        Preset::named("best").map_or_else(Augmentation::default, |best| best.recipe.augmentation.clone());
    let augmentation = augmentation.distractors(DISTRACTORS);
    let mut augmenter = Augmenter::new(augmentation, digit_shape(), 1)?;
    let mut pixels = images.images().to_vec();
    for (index, augmented) in pixels.chunks_exact_mut(PIXELS).enumerate().step_by(2) {
        augmenter.apply(0, index, images.label(index), images.image(index), augmented);
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use nn_core::NetworkSpec;

    use super::*;
    use crate::{
        drawing::{file::Drawing, strokes::Ink},
        recognition::{
            example::Example,
            normalization::normalize_ink,
            prediction::{Classifier, Prediction},
            predictor::Predictor,
            recognizer::Recognizer,
        },
    };

    fn model(text: &str) -> Model {
        let network = Network::new(text.parse().unwrap(), 3).unwrap();
        nn_core::Model::new(network).into()
    }

    fn bits(model: &Model) -> Vec<(String, Vec<u32>)> {
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
        let tensors = model.content.network.tensors().into_iter();
        tensors.map(|tensor| (tensor.name, bits(tensor.values))).collect()
    }

    fn drawn(strokes: &[&[[f32; 2]]]) -> Ink {
        let line = format!("{{\"strokes\":{strokes:?}}}");
        Drawing::from_json(&line).unwrap().ink
    }

    fn example(label: u8, strokes: &[&[[f32; 2]]]) -> Example {
        Example::new(label, drawn(strokes)).unwrap()
    }

    /// A seven with a bar and a one, as lines.
    fn some_examples() -> Examples {
        let seven = example(
            7,
            &[&[[0.0, 0.0], [80.0, 0.0], [40.0, 120.0]], &[[30.0, 60.0], [80.0, 60.0]]],
        );
        let one = example(1, &[&[[5.0, 0.0], [0.0, 100.0]]]);
        [seven, one].into_iter().collect()
    }

    #[test]
    fn the_last_two_dense_layers_are_trained() {
        for (text, start) in [
            ("784 | dense 10", Some(0)),
            ("784 | dense 20 | relu | dense 10", Some(0)),
            ("28x28x1 | dense 10", Some(1)),
            (
                "28x28x1 | conv 4 5x5 | relu | dense 30 | relu | dropout 0.2 | dense 20 | tanh | dense 10",
                Some(6),
            ),
            ("784 | dense 20 | batchnorm | relu | dense 10", Some(3)),
            ("784 | dense 10 | batchnorm", None),
            ("28x28x1 | conv 10 9x9 | globalavgpool | flatten", None),
        ] {
            assert_eq!(
                head_start(text.parse::<NetworkSpec>().unwrap().layers()),
                start,
                "{text}"
            );
        }
    }

    #[test]
    fn a_model_without_dense_layers_is_rejected() {
        let model = model("28x28x1 | conv 10 9x9 | globalavgpool | flatten");
        let error = FineTuner::new(&model).unwrap_err().to_string();
        assert!(
            error.contains("cannot be fine-tuned") && error.contains("dense"),
            "{error}"
        );
        assert!(matches!(
            FineTuner::new(&self::model("784 | dense 9")),
            Err(Error::IncompatibleNetwork { .. })
        ));
    }

    #[test]
    fn replayed_images_must_fit_the_model() {
        let model = model("784 | dense 10");
        let with = |count: usize, side: usize| {
            let shape = mnist_io::ImageShape::gray(side, side).unwrap();
            let images = Dataset::new(vec![9; count * side * side], vec![1; count], shape).unwrap();
            FineTuner::with_replay(&model, &images)
        };
        assert!(matches!(with(0, 28), Err(Error::TooFewImages(_))));
        assert!(matches!(with(3, 20), Err(Error::IncompatibleNetwork { .. })));
        let tuned = with(3, 28).unwrap().fine_tune(&some_examples()).unwrap();
        assert_ne!(bits(&tuned), bits(&model));
    }

    #[test]
    fn smoothing_follows_the_confidence() {
        for (probabilities, expected) in [
            ([0.2, 1.0, 1.0], 0.0),
            ([0.99, 0.955, 0.3], 0.05),
            ([0.2, 0.3, 0.9], MAX_SMOOTHING),
        ] {
            assert!((smoothing(probabilities.to_vec()) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn the_result_depends_on_the_examples_alone() {
        for text in [
            "784 | dense 10",
            "28x28x1 | conv 4 5x5 | batchnorm | relu | maxpool 4 | dense 20 | relu | dense 10",
        ] {
            let model = model(text);
            let mut fine_tuner = FineTuner::new(&model).unwrap();
            let mut examples = some_examples();
            let both = bits(&fine_tuner.fine_tune(&examples).unwrap());
            assert_ne!(both, bits(&model));
            let second = examples.undo().unwrap();
            let first = bits(&fine_tuner.fine_tune(&examples).unwrap());
            assert_ne!(first, both);
            let mut fresh = FineTuner::new(&model).unwrap();
            assert!(
                first == bits(&fresh.fine_tune(&examples).unwrap()),
                "{text}: a removed example leaves a trace"
            );
            examples.add(second);
            assert!(
                both == bits(&fresh.fine_tune(&examples).unwrap()),
                "{text}: earlier runs make a difference"
            );
            examples.clear();
            assert_eq!(bits(&fine_tuner.fine_tune(&examples).unwrap()), bits(&model));
        }
    }

    #[test]
    fn only_the_head_is_trained() {
        let model = model("28x28x1 | conv 4 5x5 | batchnorm | relu | maxpool 4 | dense 20 | relu | dense 10");
        let tuned = FineTuner::new(&model).unwrap().fine_tune(&some_examples()).unwrap();
        for ((name, before), (_, after)) in bits(&model).into_iter().zip(bits(&tuned)) {
            let dense = ["5.", "7."].iter().any(|layer| name.starts_with(layer));
            assert_eq!(before != after, dense, "{name}");
        }
    }

    #[test]
    fn the_number_of_threads_makes_no_difference() {
        let model = model("784 | dense 30 | relu | dense 10");
        let [one, two] = [1, 2].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bits(&FineTuner::new(&model).unwrap().fine_tune(&some_examples()).unwrap()))
        });
        assert!(one == two);
    }

    /// The logits of these images, as bits.
    fn logits(model: Model, images: &[u8]) -> Vec<u32> {
        let mut predictor = Predictor::new(model, images.len() / PIXELS).unwrap();
        let logits = predictor.logits(images).unwrap();
        logits.iter().map(|logit| logit.to_bits()).collect()
    }

    #[test]
    fn a_saved_model_predicts_the_same() {
        for text in [
            "784 | dense 10",
            "784 | dense 20 | batchnorm | relu | dense 10",
            "28x28x1 | conv 4 5x5 | relu | maxpool 4 | conv 6 3x3 | batchnorm | relu | dense 20 | relu | dense 10",
        ] {
            let tuned = FineTuner::new(&model(text))
                .unwrap()
                .fine_tune(&some_examples())
                .unwrap();
            let saved = tuned.content.to_bytes().unwrap();
            let loaded = Model::from(nn_core::Model::from_bytes(&saved).unwrap());
            assert_eq!(bits(&loaded), bits(&tuned));
            assert_eq!(feature_cache::examples(&loaded).unwrap().len(), 2);
            let images: Vec<u8> = some_examples().iter().flat_map(Example::image).collect();
            assert_eq!(logits(loaded, &images), logits(tuned, &images), "{text}");
        }
    }

    #[test]
    fn earlier_examples_stay_in_the_cache() {
        let model = model("784 | dense 10");
        let [seven, one] = some_examples().iter().cloned().collect::<Vec<_>>().try_into().unwrap();
        let first = FineTuner::new(&model)
            .unwrap()
            .fine_tune(&[seven.clone()].into_iter().collect())
            .unwrap();
        let other = Example::new(2, seven.input().clone()).unwrap();
        let second = |examples: [Example; 1]| {
            let tuned = FineTuner::new(&first)
                .unwrap()
                .fine_tune(&examples.into_iter().collect())
                .unwrap();
            let cached = feature_cache::examples(&tuned).unwrap();
            cached.iter().filter_map(Example::digit).collect::<Vec<_>>()
        };
        assert_eq!(second([one]), [7, 1]);
        assert_eq!(second([other]), [2], "the same drawing has a new label");
    }

    /// A one with a wide flag, which looks like a seven.
    fn flagged_one(width: f32, lean: f32) -> Ink {
        drawn(&[&[[-width, 60.0 + lean], [0.0, 0.0], [lean, 100.0]]])
    }

    fn read(recognizer: &mut Recognizer, ink: &Ink) -> Prediction {
        recognizer.classify(&normalize_ink(&ink.fit()).unwrap())
    }

    /// Number of correct MNIST test images.
    fn correct_test_images(model: Model) -> usize {
        const BATCH: usize = 200;
        let test = embedded::split(Split::Test).unwrap();
        let mut predictor = Predictor::new(model, BATCH).unwrap();
        let batches = test.images().chunks(BATCH * PIXELS).zip(test.labels().chunks(BATCH));
        let correct = batches.map(|(images, labels)| {
            let logits = predictor.logits(images).unwrap().chunks(DIGITS);
            let pairs = logits.map(nn_core::loss::argmax).zip(labels);
            pairs.filter(|&(digit, &label)| digit == label).count()
        });
        correct.sum()
    }

    /// Fine-tunes on flagged ones, as the inputs that `input` makes of them.
    fn assert_an_odd_style_is_learned(input: impl Fn(Ink) -> ExampleInput) {
        let model = Model::embedded().unwrap();
        let probes = [(42.0, -10.0), (50.0, 0.0), (57.0, 12.0)].map(|(width, lean)| flagged_one(width, lean));
        let mut before = Recognizer::new(model.clone()).unwrap();
        assert!(probes.iter().all(|probe| read(&mut before, probe).digit() == 7));
        let example = |(width, lean)| Example::new(1, input(flagged_one(width, lean))).unwrap();
        let examples: Examples = [(45.0, 0.0), (38.0, -8.0), (55.0, 8.0)]
            .map(example)
            .into_iter()
            .collect();
        let tuned = FineTuner::new(&model).unwrap().fine_tune(&examples).unwrap();
        let mut after = Recognizer::new(tuned.clone()).unwrap();
        for probe in &probes {
            let prediction = read(&mut after, probe);
            assert!(prediction.digit() == 1 && prediction.known, "{prediction:?}");
        }
        let [before, after] = [model, tuned].map(correct_test_images);
        assert!(
            after + 10 >= before,
            "{before} correct before and {after} after, of 10,000"
        );
    }

    #[test]
    fn an_odd_style_is_learned_from_strokes_without_forgetting() {
        assert_an_odd_style_is_learned(ExampleInput::Strokes);
    }

    #[test]
    fn an_odd_style_is_learned_from_images_without_forgetting() {
        assert_an_odd_style_is_learned(|ink| normalize_ink(&ink.fit()).unwrap().into());
    }
}
