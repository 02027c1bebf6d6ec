//! Times a preset's training with and without its augmentation, in short alternating turns, so that both run under the
//! same conditions.

use std::process::ExitCode;

use benches::{
    median, on_threads, run_for, seconds,
    timing::{Failure, exit_code},
};
use clap::Parser;
use digit_pad::training::{
    data_split::SCALING,
    presets::{Preset, Recipe},
};
use mnist_io::{Augmentation, Batches, Dataset, Mnist};
use nn_core::{Network, NetworkSpec, Trainer};
use serde_json::json;

/// Seconds of a turn.
const TURN: f64 = 0.1;

/// Times a preset's training with and without its augmentation, in turns, and prints one line of JSON
#[derive(Debug, Parser)]
struct Arguments {
    /// Preset: mlp or best
    #[arg(long, default_value = "mlp")]
    preset: String,
    /// Seconds to run
    #[arg(long, default_value_t = 20.0, value_parser = seconds)]
    seconds: f64,
    /// Number of threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = on_threads(arguments.threads as usize, || run(&arguments));
    exit_code(result.map_err(Into::into).and_then(|result| result))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let preset = Preset::named(&arguments.preset)
        .ok_or_else(|| format!("there is no preset {}; mlp and best augment", arguments.preset))?;
    if preset.recipe.augmentation == Augmentation::none() {
        return Err(format!("{} does not augment; mlp and best do", preset.name).into());
    }
    let images = Mnist::embedded()?.train;
    let mut with = Run::new(&preset.network(), &preset.recipe, &images)?;
    let mut without = Run::new(&preset.network(), &unchanged(&preset.recipe), &images)?;
    let (mut augmented, mut plain) = (Vec::new(), Vec::new());
    let turns = (arguments.seconds / (2.0 * TURN)).ceil().max(1.0) as usize;
    for turn in 0..turns {
        // The order alternates, so that a machine that slows down or speeds up favors neither.
        if turn % 2 == 0 {
            augmented.push(with.images_per_s()?);
            plain.push(without.images_per_s()?);
        } else {
            plain.push(without.images_per_s()?);
            augmented.push(with.images_per_s()?);
        }
    }
    let ratios = augmented
        .iter()
        .zip(&plain)
        .map(|(with, without)| with / without)
        .collect();
    let line = json!({
        "preset": preset.name,
        "threads": arguments.threads,
        "turns": turns,
        "images_per_s": median(augmented).round(),
        "images_per_s_without": median(plain).round(),
        "ratio": median(ratios),
    });
    println!("{line}");
    Ok(())
}

fn unchanged(recipe: &Recipe) -> Recipe {
    Recipe {
        augmentation: Augmentation::none(),
        ..recipe.clone()
    }
}

/// Trainer and its batches.
struct Run<'a> {
    trainer: Trainer,
    batches: Batches<'a>,
    epoch: u64,
    images: Vec<f32>,
    labels: Vec<usize>,
}

impl<'a> Run<'a> {
    fn new(network: &NetworkSpec, recipe: &Recipe, images: &'a Dataset) -> Result<Self, Failure> {
        let batches = Batches::new(images, recipe.batch, 1, SCALING)?.with_augmentation(recipe.augmentation.clone())?;
        let trainer = recipe.trainer(Network::new(network.clone(), 1)?, batches.batch_size())?;
        Ok(Self {
            trainer,
            epoch: 0,
            images: vec![0.0; batches.batch_size() * images.shape().len()],
            labels: vec![0; batches.batch_size()],
            batches,
        })
    }

    /// Trains for a turn, and returns images per second.
    fn images_per_s(&mut self) -> Result<f64, Failure> {
        let (mut seen, mut failure) = (0, None);
        let (_, seconds) = run_for(TURN, |_| match self.step() {
            Ok(count) => seen += count,
            Err(error) => failure = Some(error),
        });
        failure.map_or(Ok(seen as f64 / seconds), |error| Err(error.into()))
    }

    /// Trains on one batch, and returns the number of its images.
    fn step(&mut self) -> nn_core::Result<usize> {
        let mut count = self.batches.next_batch(&mut self.images, &mut self.labels);
        if count == 0 {
            self.epoch += 1;
            self.batches.start_epoch(self.epoch);
            count = self.batches.next_batch(&mut self.images, &mut self.labels);
        }
        let pixels = self.images.len() / self.labels.len();
        self.trainer
            .step(&self.images[..count * pixels], &self.labels[..count])?;
        Ok(count)
    }
}
