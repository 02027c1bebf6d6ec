//! Transfer learning: a backbone that was trained on MNIST's digits, with a new head for other images, such as
//! Fashion-MNIST. Without a folder of its four files, the other images are digits turned upside down.
//!
//! ```text
//! cargo run --release -p nn-core --example transfer -- FOLDER
//! ```

use std::{env, error::Error, ops::ControlFlow};

use mnist_io::{Batches, Dataset, Mnist, Scaling};
use nn_core::{Network, Trainer, optim::Adam};

const BATCH: usize = 64;

/// The same images turned by 180°.
fn turned(dataset: &Dataset) -> Result<Dataset, Box<dyn Error>> {
    let pixels = dataset.images().chunks(dataset.shape().len());
    let pixels = pixels.flat_map(|image| image.iter().rev().copied()).collect();
    Ok(Dataset::new(pixels, dataset.labels().to_vec(), dataset.shape())?)
}

fn first(dataset: &Dataset, count: usize) -> Result<Dataset, Box<dyn Error>> {
    Ok(dataset.subset(&(0..count).collect::<Vec<_>>())?)
}

fn train(trainer: &mut Trainer, dataset: &Dataset, epochs: u64) -> Result<(), Box<dyn Error>> {
    let mut batches = Batches::new(dataset, BATCH, 42, Scaling::UNIT)?;
    for epoch in 0..epochs {
        trainer.epoch(&mut batches, epoch, |_, _| ControlFlow::Continue(()))?;
    }
    Ok(())
}

fn accuracy(trainer: &mut Trainer, dataset: &Dataset) -> Result<f64, Box<dyn Error>> {
    let mut batches = Batches::in_order(dataset, BATCH, Scaling::UNIT)?;
    Ok(100.0 * trainer.evaluate(&mut batches)?.accuracy.unwrap_or(f64::NAN))
}

fn main() -> Result<(), Box<dyn Error>> {
    let digits = Mnist::embedded()?;
    let (other_train, other_test) = match env::args().nth(1) {
        Some(folder) => {
            let other = Mnist::from_dir(folder)?;
            (first(&other.train, 2_000)?, other.test)
        }
        None => (turned(&first(&digits.train, 2_000)?)?, turned(&digits.test)?),
    };

    let spec = "28x28x1 | conv 8 5x5 | relu | maxpool 2 | conv 16 3x3 | relu | maxpool 2 | dense 64 | relu | dense 10";
    let mut teacher = Trainer::new(Network::new(spec.parse()?, 42)?, Adam::new(2e-3), BATCH)?;
    train(&mut teacher, &first(&digits.train, 12_000)?, 2)?;
    println!("digits: {:.1} %", accuracy(&mut teacher, &digits.test)?);

    // The backbone up to layer 5, frozen, with a new head.
    let network = teacher
        .network()
        .cut_after(5)?
        .with_head("dense 64 | relu | dense 10", 7)?;
    let mut trainer = Trainer::new(network, Adam::new(2e-3), BATCH)?;
    trainer.freeze("0.*")?;
    trainer.freeze("3.*")?;
    train(&mut trainer, &other_train, 5)?;
    println!(
        "other images, new head alone: {:.1} %",
        accuracy(&mut trainer, &other_test)?
    );

    trainer.unfreeze("*")?;
    trainer.set_learning_rate(5e-4)?;
    train(&mut trainer, &other_train, 3)?;
    println!(
        "other images, all layers: {:.1} %",
        accuracy(&mut trainer, &other_test)?
    );
    Ok(())
}
