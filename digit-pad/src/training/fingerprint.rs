//! What makes two training runs the same: their data, start and settings, in words that are stored and compared.

use std::collections::BTreeMap;

use mnist_io::Dataset;
use nn_core::Trainer;
use serde_json::{Map, Value};

use crate::training::{data_split::DataSplit, presets::Recipe};

/// Metadata key of the fingerprint of a run.
pub const KEY: &str = "run";
/// Longest text of a value that a message repeats, in characters.
const LONGEST: usize = 120;

/// The properties of a run, each with the options that set it.
const PROPERTIES: [(&str, &str); 11] = [
    ("network", "--net, --preset"),
    ("seed", "--seed"),
    ("settings of the optimizer", "--optimizer, --lr, --preset"),
    ("learning-rate schedule", "--epochs, --batch, --limit, --val, --preset"),
    ("first weights", "--from"),
    ("class names", "--data"),
    ("pixel scaling", "--from"),
    ("training images", "--data, --limit, --val, --label-offset, --transpose"),
    ("validation images", "--data, --val, --label-offset, --transpose"),
    ("augmentation", "--no-augment, --preset"),
    ("batch size", "--batch, --preset"),
];

/// The properties of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fingerprint(Map<String, Value>);

impl Fingerprint {
    /// The fingerprint of the run that begins with this trainer.
    pub(crate) fn new(fresh: &Trainer, recipe: &Recipe, batch: usize, data: &DataSplit) -> Self {
        let frozen = fresh
            .parameter_settings()
            .iter()
            .filter(|parameter| parameter.frozen)
            .count();
        let optimizer = (fresh.optimizer(), recipe.label_smoothing, fresh.average(), frozen);
        let tensors = fresh.network().tensors();
        let weights = tensors.iter().flat_map(|tensor| &tensor.values);
        let values: [Value; PROPERTIES.len()] = [
            fresh.network().spec().to_string().into(),
            fresh.seed().to_string().into(),
            format!("{optimizer:?}").into(),
            format!("{:?}", fresh.schedule()).into(),
            digest(weights.flat_map(|value| value.to_le_bytes())).into(),
            data.train.class_names().into(),
            format!("mean {}, std {}", data.scaling.mean(), data.scaling.std()).into(),
            images(&data.train).into(),
            images(&data.validation).into(),
            augmentation(recipe, data).into(),
            batch.into(),
        ];
        let names = PROPERTIES.iter().map(|(name, _)| (*name).to_owned());
        Fingerprint(names.zip(values).collect())
    }

    /// The fingerprint in a file's metadata, if it has one.
    pub(crate) fn of(notes: &BTreeMap<String, String>) -> Option<Self> {
        serde_json::from_str(notes.get(KEY)?).ok().map(Fingerprint)
    }

    /// The metadata entry.
    pub(crate) fn note(&self) -> (String, String) {
        (KEY.to_owned(), Value::from(self.0.clone()).to_string())
    }

    /// Describes the first difference between a saved run and this one.
    pub(crate) fn difference(&self, saved: &Fingerprint) -> Option<String> {
        let differs = |(name, _): &(&str, &str)| self.0.get(*name) != saved.0.get(*name);
        let (name, options) = PROPERTIES.into_iter().find(differs)?;
        let (theirs, own) = (saved.text(name), self.text(name));
        let is_plural = name.ends_with('s');
        Some(if !theirs.is_empty() && theirs.len().max(own.len()) <= LONGEST {
            let verb = if is_plural { "are" } else { "is" };
            format!("its {name} {verb} {theirs}, not {own} ({options})")
        } else {
            let verb = if is_plural { "differ" } else { "differs" };
            format!("its {name} {verb} ({options})")
        })
    }

    /// A property in words; empty if there is none.
    fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }
}

/// The augmentation, with the images that distractors are taken from.
fn augmentation(recipe: &Recipe, data: &DataSplit) -> String {
    let distractors = data.distractors.as_ref().map(images);
    let distractors = distractors.map_or_else(String::new, |images| format!(", distractors from {images}"));
    format!("{:?}{distractors}", recipe.augmentation)
}

/// Number, shape and digest of images with their labels.
fn images(dataset: &Dataset) -> String {
    let labels = dataset.labels().iter().flat_map(|&label| (label as u64).to_le_bytes());
    let digest = digest(dataset.images().iter().copied().chain(labels));
    format!("{} of {} pixels, digest {digest}", dataset.len(), dataset.shape())
}

/// The 64-bit hash FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>), in hexadecimal.
fn digest(bytes: impl Iterator<Item = u8>) -> String {
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
