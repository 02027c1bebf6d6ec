//! Squeezes MNIST's images into 16 values and back, and writes some of them beside their reconstructions.
//!
//! ```text
//! cargo run --release -p nn-core --example autoencoder -- reconstructions.pgm
//! ```

use std::{env, error::Error, fs, ops::ControlFlow};

use mnist_io::{Mnist, Scaling};
use nn_core::{Network, Samples, Trainer, loss::MeanSquaredError, optim::Adam};

const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const SHOWN: usize = 12;

fn scaled(pixels: &[u8]) -> Vec<f32> {
    let mut values = vec![0.0; pixels.len()];
    Scaling::UNIT.scale_into(pixels, &mut values);
    values
}

/// A picture in the format PGM: images in the upper row, their reconstructions below.
fn picture(images: &[f32], reconstructions: &[f32]) -> Vec<u8> {
    let mut bytes = format!("P5 {} {} 255\n", SHOWN * SIDE, 2 * SIDE).into_bytes();
    for row in [images, reconstructions] {
        for y in 0..SIDE {
            for image in row.chunks(PIXELS).take(SHOWN) {
                let pixels = image[y * SIDE..(y + 1) * SIDE].iter();
                bytes.extend(pixels.map(|value| (255.0 * value.clamp(0.0, 1.0)) as u8));
            }
        }
    }
    bytes
}

fn main() -> Result<(), Box<dyn Error>> {
    let mnist = Mnist::embedded()?;
    let inputs = scaled(&mnist.train.images()[..10_000 * PIXELS]);
    let encoder = Network::new("784 | dense 128 | relu | dense 16".parse()?, 1)?;
    let decoder = Network::new("16 | dense 128 | relu | dense 784 | sigmoid".parse()?, 2)?;

    // Inputs are the targets.
    let mut trainer = Trainer::new(encoder.join(&decoder)?, Adam::new(2e-3), 64)?.with_loss(MeanSquaredError)?;
    let mut samples = Samples::new(&inputs, &inputs).shuffled(3);
    for epoch in 0..6 {
        let report = trainer.epoch(&mut samples, epoch, |_, _| ControlFlow::Continue(()))?;
        println!(
            "epoch {epoch}: mean squared error {:.4}",
            report.loss.unwrap_or(f64::NAN)
        );
    }

    let test = scaled(&mnist.test.images()[..SHOWN * PIXELS]);
    let reconstructions = trainer.network().predict(&test)?;
    // The encoder alone: 16 values for each image.
    let codes = trainer.network().cut_after(2)?.predict(&test)?;
    println!(
        "the first image as {} values: {:.1?}",
        codes.len() / SHOWN,
        &codes[..16]
    );
    let path = env::args().nth(1).unwrap_or_else(|| "reconstructions.pgm".to_owned());
    fs::write(&path, picture(&test, &reconstructions))?;
    println!("wrote {path}");
    Ok(())
}
