//! Each network and how it is trained, defined once.

use mnist_io::Augmentation;
use nn_core::{
    NetworkSpec,
    optim::{Optimizer, Schedule, Sgd},
};

/// A network and how it is trained, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is good for, in a few words.
    pub summary: &'static str,
    /// The text form of the network.
    network: &'static str,
    /// How it is trained.
    pub recipe: Recipe,
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// How often all training images are seen.
    pub epochs: usize,
    /// Images to a step.
    pub batch: usize,
    /// The rule of the steps, with the learning rate at its highest.
    pub optimizer: Optimizer,
    /// What is done to each image each time it is seen.
    pub augmentation: Augmentation,
}

/// The preset that is taken where none is named.
pub const DEFAULT: &Preset = &PRESETS[0];

/// All presets.
pub const PRESETS: [Preset; 1] = [Preset {
    name: "mlp",
    summary: "dense layers alone; the network inside the program",
    network: "28x28x1 | flatten | dense 256 | relu | dense 128 | relu | dense 10",
    recipe: Recipe {
        epochs: 25,
        batch: 128,
        optimizer: Optimizer::Sgd(Sgd {
            momentum: 0.9,
            weight_decay: 1e-4,
            ..Sgd::new(0.1)
        }),
        augmentation: Augmentation::none()
            .rotation(12.0)
            .scale(0.85, 1.15)
            .shear(0.2)
            .translation(1.5),
    },
}];

/// Share of the steps in which the learning rate rises from 0 to its highest.
const WARM_UP: f64 = 0.05;

impl Preset {
    /// The preset of that name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        const ALL: &[Preset] = &PRESETS;
        ALL.iter().find(|preset| preset.name == name)
    }

    /// The network.
    ///
    /// # Panics
    /// If its text form is wrong; a test reads them all.
    pub fn network(&self) -> NetworkSpec {
        self.network.parse().expect("a preset's network can be read")
    }
}

impl Recipe {
    /// The learning rate in a run of that many steps: it rises linearly at first, so that momentum builds up before
    /// steps are long, and then falls along half a cosine to 0.
    pub fn schedule(&self, steps: u64) -> Schedule {
        let steps = steps as f64;
        Schedule::cosine((1.0 - WARM_UP) * steps, 0.0).with_warm_up(WARM_UP * steps, 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_reads_digits_and_is_found_by_its_name() {
        for preset in &PRESETS {
            let network = preset.network();
            assert_eq!((network.input().len(), network.outputs()), (28 * 28, 10));
            assert_eq!(Preset::named(preset.name), Some(preset));
            assert!(preset.recipe.epochs > 0 && preset.recipe.batch > 0);
        }
        assert_eq!(Preset::named("MLP"), None);
    }

    #[test]
    fn the_learning_rate_rises_and_falls_to_nothing() {
        let recipe = &DEFAULT.recipe;
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
        for steps in 1..40 {
            let network = nn_core::Network::new(DEFAULT.network(), 0).unwrap();
            let trainer = nn_core::Trainer::new(network, DEFAULT.recipe.optimizer, 1).unwrap();
            assert!(trainer.with_schedule(DEFAULT.recipe.schedule(steps)).is_ok(), "{steps}");
        }
    }
}
