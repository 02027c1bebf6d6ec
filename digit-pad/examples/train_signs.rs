//! Trains the network that knows the signs of arithmetic, as it is built in, and writes it to the file that is named.

use std::{env, error::Error, path::PathBuf, sync::atomic::AtomicBool};

use digit_pad::{
    format::percent,
    training::{
        session::{Task, TrainingEvent, train},
        sign_images::{network, recipe, sign_images},
    },
};

/// The seed of the built-in network.
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let path: PathBuf = env::args_os().nth(1).ok_or("name the file for the weights")?.into();
    let data = sign_images(SEED)?;
    let stop = AtomicBool::new(false);
    let task = Task::new(network(), recipe(), SEED, &stop);
    let trained = train(&task, &data, &mut |event, _| {
        if let TrainingEvent::Epoch(report) = event {
            println!("epoch {}: {:?}", report.step.epoch, report.validation_accuracy);
        }
    })?;
    println!("{} of the test images", percent(trained.test.accuracy));
    data.model(trained.network).save(path)?;
    Ok(())
}
