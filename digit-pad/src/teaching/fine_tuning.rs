//! Fine-tuning of a model's dense layers on the user's examples, with MNIST images replayed against forgetting.
//!
//! What is learnt depends on the model and the list of lessons alone: each time all of them are learnt anew from the
//! untaught model. So a lesson that is taken back leaves no trace.
//!
//! ```no_run
//! use digit_pad::{recognition::{model::Model, recognizer::Recognizer}, teaching::{examples::Examples, fine_tuning::FineTuner}};
//!
//! let model = Model::embedded()?;
//! let examples = Examples::load("lessons.jsonl".as_ref())?;
//! let taught = FineTuner::new(&model)?.fine_tune(&examples)?;
//! taught.content.save("mine.safetensors")?;
//! let recognizer = Recognizer::new(taught)?;
//! # Ok::<(), digit_pad::Error>(())
//! ```

use mnist_io::{Augmentation, Augmenter, Dataset, Split};
use nn_core::{
    LayerSpec, Loss, Network, Trainer, loss,
    optim::{Adam, Schedule},
};

use crate::{
    error::Error,
    recognition::{
        backbone::{Backbone, SplitNetwork},
        example::{Example, ExampleInput},
        feature_cache,
        model::{DIGITS, Model},
        normalization::SIDE,
    },
    teaching::{
        examples::Examples,
        variants::{self, VARIANTS},
    },
    training::{embedded, presets::Preset},
};

/// How many images are rehearsed: the last of MNIST's training images, half of which the model inside the program did not
/// learn from.
const REHEARSED: usize = 10_000;

/// How many of them are doubtful: those that the untaught model is least sure of, which are forgotten first.
const DOUBTFUL: usize = 4_000;

/// Rehearsed images in a step: doubtful ones, and any. With these, 49 or 50 lessons of one hand cost the model in the
/// program 5 to 8 of MNIST's 10,000 test images (four hands).
const OLD_DOUBTFUL: usize = 192;
const OLD_ANY: usize = 64;

/// Pictures of what is taught in a step.
const NEW: usize = 32;

/// Steps of learning.
const STEPS: u64 = 150;

/// The learning rate of the first step; it falls along half a cosine to 0.
const LEARNING_RATE: f32 = 1e-3;

/// The most of a target that is spread over all digits. How much it is, is taken from the model's own confidence.
const MOST_SMOOTHING: f32 = 0.1;

const PIXELS: usize = SIDE * SIDE;

/// Teaches a model.
#[derive(Debug)]
pub struct FineTuner {
    base: Model,
    /// What the base remembers.
    remembered: Vec<Example>,
    backbone: Backbone,
    /// The layers that learn, as they are in the base.
    head: Network,
    rehearsal: Samples,
    label_smoothing: f32,
    /// What the head makes of the subjects that were learnt from last.
    seen: Vec<(ExampleInput, Vec<f32>)>,
}

/// Samples for the layers that learn.
#[derive(Debug, Default)]
struct Samples {
    /// What the head makes of pictures, `[samples, features]`.
    features: Vec<f32>,
    labels: Vec<usize>,
}

impl FineTuner {
    /// A teacher of that model, with all ready that is rehearsed.
    ///
    /// # Errors
    /// [`Error::Unteachable`] if the model does not end in a dense layer, [`Error::Misfit`] if it does not read 28×28
    /// grey pixels or does not tell ten digits apart, [`Error::FeatureCache`] if it was taught before and what it remembers is
    /// damaged.
    pub fn new(base: &Model) -> Result<Self, Error> {
        let SplitNetwork { backbone, head } = SplitNetwork::new(base, check_teachable(base)?)?;
        let remembered = feature_cache::examples(base)?;
        let (rehearsal, label_smoothing) = rehearsal(&backbone, &head)?;
        Ok(FineTuner {
            base: base.clone(),
            remembered,
            backbone,
            head,
            rehearsal,
            label_smoothing,
            seen: Vec::new(),
        })
    }

    /// What these lessons make of the untaught model: the same bits for the same lessons, and without any the untaught
    /// model itself.
    ///
    /// # Errors
    /// If learning diverges.
    pub fn fine_tune(&mut self, examples: &Examples) -> Result<Model, Error> {
        let mut taught = self.base.clone();
        if examples.is_empty() {
            return Ok(taught);
        }
        let samples = self.samples(examples)?;
        let head = self.train(&samples)?;
        let mut tensors = self.base.content.network.tensors();
        let frozen = tensors.len() - head.tensors().len();
        for (tensor, learnt) in tensors[frozen..].iter_mut().zip(head.tensors()) {
            tensor.values = learnt.values;
        }
        taught.content.network.set_tensors(&tensors)?;
        feature_cache::store(&mut taught.content, self.remembered.iter().chain(examples).cloned());
        Ok(taught)
    }

    /// The first variants of all subjects, then the second ones, and so on.
    fn samples(&mut self, examples: &Examples) -> Result<Samples, Error> {
        let mut seen = Vec::with_capacity(examples.len());
        for example in examples {
            let known = self.seen.iter().position(|(input, _)| input == example.input());
            seen.push(match known {
                Some(known) => self.seen.swap_remove(known),
                None => (example.input().clone(), self.backbone.features(&variants::of(example))?),
            });
        }
        self.seen = seen;
        let width = self.head.spec().input().len();
        let mut samples = Samples::default();
        for variant in 0..VARIANTS {
            for (example, (_, features)) in examples.iter().zip(&self.seen) {
                samples.push(&features[variant * width..][..width], example.label().into());
            }
        }
        Ok(samples)
    }

    /// What the layers that learn become.
    fn train(&self, taught: &Samples) -> Result<Network, Error> {
        let optimizer = Adam {
            beta2: 0.99,
            ..Adam::new(LEARNING_RATE)
        };
        let mut trainer = Trainer::new(self.head.clone(), optimizer, OLD_DOUBTFUL + OLD_ANY + NEW)?
            .with_loss(Loss::CrossEntropy {
                label_smoothing: self.label_smoothing,
            })?
            .with_schedule(Schedule::cosine(STEPS as f64, 0.0))?;
        let mut batch = Samples::default();
        for step in 0..STEPS as usize {
            batch.clear();
            batch.take((&self.rehearsal, DOUBTFUL), step * OLD_DOUBTFUL, OLD_DOUBTFUL);
            batch.take((&self.rehearsal, REHEARSED), step * OLD_ANY, OLD_ANY);
            batch.take((taught, taught.labels.len()), step * NEW, NEW);
            trainer.step(&batch.features, &batch.labels)?;
        }
        Ok(trainer.into_network())
    }
}

impl Samples {
    fn clear(&mut self) {
        self.features.clear();
        self.labels.clear();
    }

    fn push(&mut self, features: &[f32], label: usize) {
        self.features.extend_from_slice(features);
        self.labels.push(label);
    }

    /// Adds `count` samples of the first `among` of others, from the sample `from` on, and after the last of them from
    /// the first one on.
    fn take(&mut self, (others, among): (&Samples, usize), from: usize, count: usize) {
        let width = others.features.len() / others.labels.len();
        for sample in (from..from + count).map(|sample| sample % among) {
            self.push(&others.features[sample * width..][..width], others.labels[sample]);
        }
    }
}

/// Makes sure that a model can be taught, and says which is the first of its layers that learn.
pub(crate) fn check_teachable(model: &Model) -> Result<usize, Error> {
    model.check_fit(SIDE, SIDE)?;
    head_start(model.content.network.spec().layers()).ok_or_else(|| Error::Unteachable { model: model.name() })
}

/// The last two dense layers learn, or the last one where a batch normalisation stands between: that would take the few
/// digits that are taught for the average ones.
fn head_start(layers: &[LayerSpec]) -> Option<usize> {
    let is_dense = |&index: &usize| matches!(layers[index], LayerSpec::Dense { .. });
    let learns = |&start: &usize| !layers[start..].contains(&LayerSpec::BatchNorm);
    let dense = (0..layers.len()).rev().filter(is_dense);
    dense.take(2).take_while(learns).last()
}

/// What is rehearsed: every other image as it is, the rest changed as in training, since people's digits are not all
/// like MNIST's. Each is to be read as the untaught model reads it, be that right or wrong: so nothing but the lessons
/// pulls at it, and whatever a model was made to read, it keeps. Those that it is least sure of come first. With them
/// comes the share of a target that is spread.
fn rehearsal(backbone: &Backbone, head: &Network) -> Result<(Samples, f32), Error> {
    let train = embedded::split(Split::Train)?;
    let learnt = train.len() - REHEARSED;
    let (_, images) = train.split_at(learnt)?;
    let features = backbone.features(&changed(&images)?)?;
    let probabilities = head.predict(&features)?;
    let predictions = probabilities.chunks(DIGITS);
    let labels = predictions.clone().map(loss::argmax).collect();
    let certainties: Vec<f32> = predictions
        .map(|prediction| prediction.iter().copied().fold(0.0, f32::max))
        .collect();
    let mut order: Vec<usize> = (0..certainties.len()).collect();
    order.sort_by(|&a, &b| certainties[a].total_cmp(&certainties[b]));
    let images = Samples { features, labels };
    let mut rehearsal = Samples {
        features: Vec::with_capacity(images.features.len()),
        labels: Vec::with_capacity(REHEARSED),
    };
    for image in order {
        rehearsal.take((&images, REHEARSED), image, 1);
    }
    Ok((rehearsal, smoothing(certainties)))
}

/// The share of a target that, spread over all digits, leaves one of them as probable as the model takes its readings
/// to be, by their median.
fn smoothing(mut probabilities: Vec<f32>) -> f32 {
    probabilities.sort_by(f32::total_cmp);
    let digits = DIGITS as f32;
    ((1.0 - probabilities[probabilities.len() / 2]) * digits / (digits - 1.0)).clamp(0.0, MOST_SMOOTHING)
}

fn changed(images: &Dataset) -> Result<Vec<u8>, Error> {
    let augmentation =
        Preset::named("best").map_or_else(Augmentation::default, |best| best.recipe.augmentation.clone());
    let mut augmenter = Augmenter::new(augmentation, SIDE, SIDE, 1)?;
    let mut pixels = images.images().to_vec();
    for (index, changed) in pixels.chunks_exact_mut(PIXELS).enumerate().step_by(2) {
        augmenter.apply(0, index, images.label(index), images.image(index), changed);
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use nn_core::{NetworkSpec, formats};

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
        Model {
            content: formats::Model::new(network),
            path: None,
        }
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
    fn the_last_two_dense_layers_learn() {
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
    fn a_model_without_dense_layers_is_refused() {
        let model = model("28x28x1 | conv 10 9x9 | globalavgpool | flatten");
        let error = FineTuner::new(&model).unwrap_err().to_string();
        assert!(error.contains("cannot be taught") && error.contains("dense"), "{error}");
        assert!(matches!(
            FineTuner::new(&self::model("784 | dense 9")),
            Err(Error::Misfit { .. })
        ));
    }

    #[test]
    fn confidence_is_kept() {
        for (probabilities, expected) in [
            ([0.2, 1.0, 1.0], 0.0),
            ([0.99, 0.955, 0.3], 0.05),
            ([0.2, 0.3, 0.9], MOST_SMOOTHING),
        ] {
            assert!((smoothing(probabilities.to_vec()) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_learnt_depends_on_the_examples_alone() {
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
                "{text}: undoing leaves a trace"
            );
            examples.add(second);
            assert!(
                both == bits(&fresh.fine_tune(&examples).unwrap()),
                "{text}: the way here makes a difference"
            );
            examples.forget_all();
            assert_eq!(bits(&fine_tuner.fine_tune(&examples).unwrap()), bits(&model));
        }
    }

    #[test]
    fn only_the_layers_at_the_end_learn() {
        let model = model("28x28x1 | conv 4 5x5 | batchnorm | relu | maxpool 4 | dense 20 | relu | dense 10");
        let taught = FineTuner::new(&model).unwrap().fine_tune(&some_examples()).unwrap();
        for ((name, before), (_, after)) in bits(&model).into_iter().zip(bits(&taught)) {
            let dense = ["5.", "7."].iter().any(|layer| name.starts_with(layer));
            assert_eq!(before != after, dense, "{name}");
        }
    }

    #[test]
    fn threads_make_no_difference() {
        let model = model("784 | dense 30 | relu | dense 10");
        let [one, two] = [1, 2].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bits(&FineTuner::new(&model).unwrap().fine_tune(&some_examples()).unwrap()))
        });
        assert!(one == two);
    }

    /// The logits of all these pictures, as bits.
    fn logits(model: Model, pictures: &[u8]) -> Vec<u32> {
        let mut predictor = Predictor::new(model, pictures.len() / PIXELS).unwrap();
        let logits = predictor.logits(pictures).unwrap();
        logits.iter().map(|logit| logit.to_bits()).collect()
    }

    #[test]
    fn a_taught_model_in_a_file_reads_as_it_did() {
        for text in [
            "784 | dense 10",
            "784 | dense 20 | batchnorm | relu | dense 10",
            "28x28x1 | conv 4 5x5 | relu | maxpool 4 | conv 6 3x3 | batchnorm | relu | dense 20 | relu | dense 10",
        ] {
            let taught = FineTuner::new(&model(text))
                .unwrap()
                .fine_tune(&some_examples())
                .unwrap();
            let saved = taught.content.to_bytes().unwrap();
            let loaded = Model {
                content: formats::Model::from_bytes(&saved).unwrap(),
                path: None,
            };
            assert_eq!(bits(&loaded), bits(&taught));
            assert_eq!(feature_cache::examples(&loaded).unwrap().len(), 2);
            let pictures: Vec<u8> = some_examples().iter().flat_map(Example::picture).collect();
            assert_eq!(logits(loaded, &pictures), logits(taught, &pictures), "{text}");
        }
    }

    #[test]
    fn what_a_model_was_taught_before_it_still_remembers() {
        let model = model("784 | dense 10");
        let [seven, one] = some_examples().iter().cloned().collect::<Vec<_>>().try_into().unwrap();
        let first = FineTuner::new(&model)
            .unwrap()
            .fine_tune(&[seven.clone()].into_iter().collect())
            .unwrap();
        let other = Example::new(2, seven.input().clone()).unwrap();
        let second = |examples: [Example; 1]| {
            let taught = FineTuner::new(&first)
                .unwrap()
                .fine_tune(&examples.into_iter().collect())
                .unwrap();
            let remembered = feature_cache::examples(&taught).unwrap();
            remembered.iter().map(Example::label).collect::<Vec<_>>()
        };
        assert_eq!(second([one]), [7, 1]);
        assert_eq!(second([other]), [2], "the same drawing is meant otherwise now");
    }

    /// A one with a flag that wide, which to many a reader is a seven.
    fn flagged_one(width: f32, lean: f32) -> Ink {
        drawn(&[&[[-width, 60.0 + lean], [0.0, 0.0], [lean, 100.0]]])
    }

    fn read(recognizer: &mut Recognizer, ink: &Ink) -> Prediction {
        recognizer.classify(&normalize_ink(&ink.fit()).unwrap())
    }

    /// How many of MNIST's test images it reads rightly.
    fn correct_tests(model: Model) -> usize {
        const BATCH: usize = 200;
        let test = embedded::split(Split::Test).unwrap();
        let mut predictor = Predictor::new(model, BATCH).unwrap();
        let batches = test.images().chunks(BATCH * PIXELS).zip(test.labels().chunks(BATCH));
        let correct = batches.map(|(images, labels)| {
            let logits = predictor.logits(images).unwrap().chunks(DIGITS);
            let read = logits.map(loss::argmax).zip(labels);
            read.filter(|&(digit, &label)| digit == usize::from(label)).count()
        });
        correct.sum()
    }

    /// Teaches flagged ones, as that makes lessons of them.
    fn teach_an_odd_style(input: impl Fn(Ink) -> ExampleInput) {
        let model = Model::embedded().unwrap();
        let probes = [(42.0, -10.0), (50.0, 0.0), (57.0, 12.0)].map(|(width, lean)| flagged_one(width, lean));
        let mut before = Recognizer::new(model.clone()).unwrap();
        assert!(probes.iter().all(|probe| read(&mut before, probe).digit() == 7));
        let example = |(width, lean)| Example::new(1, input(flagged_one(width, lean))).unwrap();
        let examples: Examples = [(45.0, 0.0), (38.0, -8.0), (55.0, 8.0)]
            .map(example)
            .into_iter()
            .collect();
        let taught = FineTuner::new(&model).unwrap().fine_tune(&examples).unwrap();
        let mut after = Recognizer::new(taught.clone()).unwrap();
        for probe in &probes {
            let prediction = read(&mut after, probe);
            assert!(prediction.digit() == 1 && prediction.known, "{prediction:?}");
        }
        let [before, after] = [model, taught].map(correct_tests);
        assert!(after + 10 >= before, "{before} and then {after} of 10,000");
    }

    #[test]
    fn an_odd_style_is_learnt_from_drawings_and_the_rest_is_kept() {
        teach_an_odd_style(ExampleInput::Strokes);
    }

    #[test]
    fn an_odd_style_is_learnt_from_pictures_and_the_rest_is_kept() {
        teach_an_odd_style(|ink| normalize_ink(&ink.fit()).unwrap().into());
    }
}
