//! Presets: each network and how it is trained.

use mnist_io::{Augmentation, ImageShape};
use nn_core::{
    Network, NetworkSpec, Trainer,
    loss::CrossEntropy,
    optim::{Adam, Optimizer, Schedule, Sgd},
};

use crate::recognition::model::DIGITS;

/// Fewest steps of a run, whatever the number of its images, unless the preset has fewer on all of MNIST.
const FEWEST_STEPS: usize = 2_500;
/// Fewest images that tell which epoch is the best; if fewer would be held out, none are, and the last epoch is.
const FEWEST_VALIDATION: usize = 100;

/// A named network with its training recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// Name on the command line.
    pub name: &'static str,
    /// Purpose, in a few words.
    pub summary: &'static str,
    /// Text form of the network.
    network: &'static str,
    /// Training recipe.
    pub recipe: Recipe,
}

/// Hyperparameters of a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Number of training images: the first ones, or all if `None`.
    pub images: Option<usize>,
    /// Number of epochs.
    pub epochs: usize,
    /// Batch size.
    pub batch: usize,
    /// Optimizer, with the peak learning rate.
    pub optimizer: Optimizer,
    /// Learning-rate schedule.
    pub lr_schedule: LrSchedule,
    /// Label smoothing: the part of the target that is spread evenly over all digits.
    pub label_smoothing: f32,
    /// Decay of the moving average of the weights; if set, the average is the result.
    pub average: Option<f32>,
    /// Augmentation of training images.
    pub augmentation: Augmentation,
    /// Number of images drawn of each pen digit in the program, as further training images; 0 for none. With them come
    /// distractors of letters, signs and several digits.
    pub pen_copies: usize,
    /// Fraction of the training images held out for validation.
    pub validation: f64,
}

/// Learning-rate schedule of a run, whatever its length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LrSchedule {
    /// Always the peak learning rate.
    Constant,
    /// Linear warm-up from 0, then half a cosine to 0.
    Cosine {
        /// Fraction of the steps that are warm-up.
        warm_up: f64,
    },
}

impl Recipe {
    /// Makes a recipe with the settings that most presets share.
    pub(super) const fn new(epochs: usize, batch: usize, optimizer: Optimizer) -> Self {
        Self {
            images: None,
            epochs,
            batch,
            optimizer,
            lr_schedule: LrSchedule::Cosine { warm_up: 0.05 },
            label_smoothing: 0.0,
            average: None,
            augmentation: Augmentation::none(),
            pen_copies: 0,
            // 5,000 MNIST images.
            validation: 1.0 / 12.0,
        }
    }

    /// The recipe for images that are not handwritten digits: without pen digits, with half of the images as they are, and
    /// the others rotated, scaled, sheared and moved alone. Distortions that suit strokes cost accuracy on clothes.
    #[must_use]
    pub fn for_any_images(mut self) -> Self {
        const AUGMENTED: f32 = 0.5;
        self.pen_copies = 0;
        self.augmentation = self
            .augmentation
            .for_any_class()
            .stroke_width(0.0, 0.0)
            .elastic(0.0)
            .contrast(1.0);
        if self.augmentation != Augmentation::none() {
            self.augmentation = self.augmentation.probability(AUGMENTED);
        }
        self
    }

    /// Number of epochs for a number of training images: with few, more than [`epochs`](Self::epochs), since a network learns
    /// by steps.
    #[must_use]
    pub fn epochs_for(&self, images: usize) -> usize {
        const MNIST: usize = 60_000;
        let steps = |images: usize| images.div_ceil(self.batch).max(1);
        let own = (MNIST as f64 * (1.0 - self.validation)) as usize;
        let on_mnist = self.epochs * steps(self.images.unwrap_or(own));
        let wanted = FEWEST_STEPS.min(on_mnist);
        wanted.div_ceil(steps(images)).max(self.epochs)
    }

    /// Number of training images to hold out for validation, of all.
    #[must_use]
    pub fn validation_images(&self, images: usize) -> usize {
        let count = (images as f64 * self.validation).round() as usize;
        if count < FEWEST_VALIDATION { 0 } else { count }
    }

    /// Makes a trainer for batches of that size, with a constant learning rate.
    ///
    /// # Errors
    ///
    /// If a setting is out of range, or memory is insufficient.
    pub fn trainer(&self, network: Network, batch: usize) -> nn_core::Result<Trainer> {
        let mut loss = CrossEntropy::new().with_label_smoothing(self.label_smoothing);
        loss.uniform_class = self.augmentation.label_of_distractors();
        let trainer = Trainer::new(network, self.optimizer, batch)?.with_loss(loss)?;
        match self.average {
            Some(decay) => trainer.with_average(decay),
            None => Ok(trainer),
        }
    }

    /// The learning-rate schedule of a run of that many steps.
    pub fn schedule(&self, steps: u64) -> Schedule {
        let steps = steps as f64;
        match self.lr_schedule {
            LrSchedule::Constant => Schedule::constant(),
            LrSchedule::Cosine { warm_up } => {
                Schedule::cosine((1.0 - warm_up) * steps, 0.0).with_warm_up(warm_up * steps, 0.0)
            }
        }
    }
}

/// Default preset.
pub const DEFAULT: &Preset = &PRESETS[0];

/// All presets.
pub const PRESETS: [Preset; 4] = [
    Preset {
        name: "mlp",
        summary: "dense layers only: the fastest to train and to run",
        network: "28x28x1 | flatten | dense 256 | relu | dense 128 | relu | dense 10",
        recipe: Recipe {
            augmentation: Augmentation::none()
                .rotation(12.0)
                .scale(0.85, 1.15)
                .shear(0.2)
                .translation(1.5)
                .probability(0.4),
            ..Recipe::new(
                20,
                128,
                Optimizer::Sgd(Sgd {
                    momentum: 0.9,
                    weight_decay: 1e-4,
                    ..Sgd::new(0.1)
                }),
            )
        },
    },
    Preset {
        name: "classic",
        summary: "three convolutions and Adam, without augmentation: the textbook network",
        network: "28x28x1 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | \
                  maxpool 2 | dense 64 | relu | dense 32 | relu | dense 10",
        recipe: Recipe {
            lr_schedule: LrSchedule::Constant,
            validation: 0.3,
            ..Recipe::new(5, 32, Optimizer::Adam(Adam::new(1e-3)))
        },
    },
    Preset {
        name: "best",
        summary: "five convolutions, for the fewest errors: the built-in network",
        network: "28x28x1 | conv 40 3x3 | batchnorm | relu | conv 48 3x3 | batchnorm | relu | maxpool 2 | \
                  conv 112 3x3 | batchnorm | relu | conv 112 3x3 | batchnorm | relu | maxpool 2 | \
                  conv 176 3x3 | batchnorm | relu | flatten | dropout 0.4 | dense 128 | relu | dense 10",
        recipe: Recipe {
            label_smoothing: 0.05,
            average: Some(0.999),
            augmentation: Augmentation::none()
                .rotation(12.0)
                .scale(0.85, 1.15)
                .shear(0.2)
                .translation(2.0)
                .elastic(3.0)
                .stroke_width(0.5, 0.7)
                .contrast(4.0)
                .digit_styles(0.25)
                .distractors(0.10)
                .distractor_label(DIGITS),
            pen_copies: 10,
            ..Recipe::new(
                32,
                128,
                Optimizer::Adam(Adam {
                    weight_decay: 0.02,
                    decoupled: true,
                    ..Adam::new(2e-3)
                }),
            )
        },
    },
    Preset {
        name: "fast",
        summary: "99 % in the shortest time: one epoch on part of the images",
        // Pooling comes first and by three, so that normalization and ReLU have a ninth of the values to process.
        network: "28x28x1 | conv 16 5x5 nobias | maxpool 3 | batchnorm | relu | conv 48 3x3 nobias | maxpool 2 | \
                  batchnorm | relu | conv 64 3x3 nobias | batchnorm | relu | dense 10",
        recipe: Recipe {
            images: Some(33_000),
            lr_schedule: LrSchedule::Cosine { warm_up: 0.15 },
            label_smoothing: 0.1,
            ..Recipe::new(
                1,
                64,
                Optimizer::Adam(Adam {
                    beta2: 0.99,
                    weight_decay: 0.01,
                    decoupled: true,
                    ..Adam::new(0.03)
                }),
            )
        },
    },
];

impl Preset {
    /// Finds a preset by its name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        const ALL: &[Preset] = &PRESETS;
        ALL.iter().find(|preset| preset.name == name)
    }

    /// Parses the network, for digits.
    pub fn network(&self) -> NetworkSpec {
        self.network.parse().expect("the text form of a preset is valid")
    }

    /// The network for other images and classes: with their shape as its input, and one output per class.
    ///
    /// # Errors
    /// If the images are too small or too large for the network.
    pub fn network_for(&self, images: ImageShape, classes: usize) -> Result<NetworkSpec, nn_core::Error> {
        let layers = self
            .network
            .split_once('|')
            .and_then(|(_, layers)| layers.rsplit_once('|'));
        let (layers, _) = layers.expect("a preset has an input and layers");
        let (height, width, channels) = (images.height(), images.width(), images.channels());
        format!("{height}x{width}x{channels} |{layers}| dense {classes}").parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_takes_digits_and_is_found_by_name() {
        for preset in &PRESETS {
            let network = preset.network();
            assert_eq!((network.input().len(), network.outputs()), (28 * 28, 10));
            assert_eq!(Preset::named(preset.name), Some(preset));
            assert!(preset.recipe.epochs > 0 && preset.recipe.batch > 0);
            assert!((0.0..0.5).contains(&preset.recipe.validation));
            let digits = ImageShape::gray(28, 28).unwrap();
            mnist_io::Augmenter::new(preset.recipe.augmentation.clone(), digits, 1).unwrap();
            assert_eq!(preset.network_for(digits, 10).unwrap(), network);
        }
        assert_eq!(Preset::named("MLP"), None);
    }

    #[test]
    fn other_images_than_digits_are_only_moved() {
        for preset in &PRESETS {
            let recipe = preset.recipe.clone().for_any_images();
            let augmentation = recipe.augmentation.clone();
            let is_plain = preset.recipe.augmentation == Augmentation::none();
            assert_eq!(augmentation == Augmentation::none(), is_plain, "{}", preset.name);
            assert_eq!(recipe.pen_copies, 0);
            let same = augmentation
                .clone()
                .for_any_class()
                .stroke_width(0.0, 0.0)
                .elastic(0.0)
                .contrast(1.0);
            assert_eq!(augmentation, same);
        }
    }

    #[test]
    fn few_images_get_more_epochs_and_no_validation() {
        for preset in &PRESETS {
            let recipe = &preset.recipe;
            let held_out = recipe.validation_images(60_000);
            assert_eq!(held_out, (60_000.0 * recipe.validation).round() as usize);
            let train = recipe.images.unwrap_or(60_000 - held_out);
            assert_eq!(recipe.epochs_for(train), recipe.epochs, "{}", preset.name);
            for images in [1, 100, 169, 1000] {
                let steps = recipe.epochs_for(images) * images.div_ceil(recipe.batch);
                assert!(
                    steps >= FEWEST_STEPS || preset.name == "fast" && steps >= 516,
                    "{}: {steps}",
                    preset.name
                );
            }
            assert!(recipe.epochs_for(0) >= recipe.epochs);
        }
        assert_eq!(DEFAULT.recipe.epochs_for(169), 1250);
        assert_eq!(DEFAULT.recipe.validation_images(1180), 0);
        assert_eq!(DEFAULT.recipe.validation_images(1200), 100);
    }

    #[test]
    fn presets_take_images_of_other_shapes_and_classes() {
        for preset in &PRESETS {
            let network = preset.network_for(ImageShape::new(3, 32, 40).unwrap(), 7).unwrap();
            assert_eq!(
                (network.input().to_string(), network.outputs()),
                ("32x40x3".to_owned(), 7)
            );
            assert_eq!(network.layers().len(), preset.network().layers().len());
        }
        let tiny = ImageShape::gray(5, 5).unwrap();
        assert!(PRESETS[1].network_for(tiny, 3).is_err());
    }

    #[test]
    fn the_learning_rate_rises_and_falls_to_zero() {
        const WARM_UP: f64 = 0.05;
        let recipe = &DEFAULT.recipe;
        assert_eq!(recipe.lr_schedule, LrSchedule::Cosine { warm_up: WARM_UP });
        let highest = recipe.optimizer.learning_rate();
        let schedule = recipe.schedule(1000);
        let rates: Vec<f32> = (0..=1000).map(|step| schedule.learning_rate(highest, step)).collect();
        assert!(rates.iter().all(|rate| (0.0..=highest).contains(rate)));
        let top = (WARM_UP * 1000.0) as usize;
        assert_eq!((rates[0], rates[top], rates[1000]), (0.0, highest, 0.0));
        assert!(rates[..=top].is_sorted() && rates[top..].iter().rev().is_sorted());
    }

    #[test]
    fn the_shortest_run_has_a_schedule() {
        for preset in &PRESETS {
            let network = Network::new("4 | dense 10".parse().unwrap(), 0).unwrap();
            let trainer = Trainer::new(network, preset.recipe.optimizer, 1).unwrap();
            for steps in 1..40 {
                let trainer = trainer.clone().with_schedule(preset.recipe.schedule(steps));
                assert!(trainer.is_ok(), "{}, {steps}", preset.name);
            }
        }
    }
}
