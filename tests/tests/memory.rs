//! Training a convolutional network with all of MNIST in memory stays below 100 MB. A separate binary without the test
//! harness, since the peak is that of the whole process.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use digit_pad::training::{
    data_split::{DataSplit, HeldOut},
    presets::{DEFAULT, Recipe},
    session::{Task, TrainingEvent, train},
};
use mnist_io::Mnist;
use nn_core::optim::Adam;

const NETWORK: &str = "28x28x1 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | \
                       maxpool 2 | dense 64 | relu | dense 32 | relu | dense 10";

/// In kB.
const LIMIT: u64 = 100_000;

/// Enough steps to touch all memory of training.
const STEPS: u64 = 40;

/// The peak memory of this process in kB; only Linux reports it.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024 / 1000)
}

fn main() {
    if peak().is_none() {
        println!("test training_stays_under_100_mb ... skipped: this system has no /proc/self/status");
        return;
    }
    let stop = AtomicBool::new(false);
    let recipe = Recipe {
        epochs: 1,
        batch: 32,
        optimizer: Adam::new(1e-3).into(),
        ..DEFAULT.recipe.clone()
    };
    let task = Task::new(NETWORK.parse().unwrap(), recipe, 1, &stop);
    // As `digit-pad train` does. All images stay loaded; after the first steps, nothing is allocated.
    let data = DataSplit::new(Mnist::embedded().unwrap(), HeldOut::Count(5000), None).unwrap();
    let trained = train(&task, &data, &mut |event, _| {
        if let TrainingEvent::Step(step) = event {
            stop.store(step.steps == STEPS, Ordering::Relaxed);
        }
    });
    let trained = trained.unwrap();
    assert_eq!((trained.epochs, trained.test.count), (1, 10_000));
    let peak = peak().unwrap();
    assert!(peak < LIMIT, "{peak} kB at the most");
    println!("test training_stays_under_100_mb ... ok, {} MB", peak / 1000);
}
