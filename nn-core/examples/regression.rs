//! Fits sin(x): values as targets, the mean squared error, and early stopping.
//!
//! ```text
//! cargo run --release -p nn-core --example regression
//! ```

use std::{error::Error, f32::consts::PI, ops::ControlFlow};

use nn_core::{Fit, Network, Samples, Trainer, loss::MeanSquaredError, optim::Adam};

/// Points of sin(x) for x in -π..π, as inputs in -1..1 and targets.
fn points(count: usize, shift: f32) -> (Vec<f32>, Vec<f32>) {
    let inputs = (0..count).map(|i| 2.0 * (i as f32 + shift) / count as f32 - 1.0);
    inputs.map(|x| (x, (PI * x).sin())).unzip()
}

fn main() -> Result<(), Box<dyn Error>> {
    let (inputs, targets) = points(256, 0.5);
    let (new_inputs, new_targets) = points(100, 0.3);
    let network = Network::new("1 | dense 32 | tanh | dense 32 | tanh | dense 1".parse()?, 42)?;
    println!("{}", network.summary());

    let mut trainer = Trainer::new(network, Adam::new(5e-3), 32)?.with_loss(MeanSquaredError)?;
    let mut train = Samples::new(&inputs, &targets).shuffled(1);
    let mut validation = Samples::new(&new_inputs, &new_targets);
    let fit = Fit::new(300).with_patience(50).with_plateau(15, 0.5);
    let report = trainer.fit(&mut train, Some(&mut validation), &fit, |progress| {
        let epoch = progress.epoch;
        if epoch.epoch % 50 == 0 {
            println!(
                "epoch {}: training loss {:.5}",
                epoch.epoch,
                epoch.train.loss.unwrap_or(f64::NAN)
            );
        }
        ControlFlow::Continue(())
    })?;

    let outputs = report.best.network.predict(&new_inputs)?;
    let errors = outputs
        .iter()
        .zip(&new_targets)
        .map(|(output, target)| (output - target).abs());
    let largest = errors.fold(0.0, f32::max);
    println!(
        "best epoch {}, largest error at new points {largest:.4}",
        report.best.epoch
    );
    Ok(())
}
