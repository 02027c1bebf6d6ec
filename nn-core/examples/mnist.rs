//! Trains an MLP and a CNN on MNIST, and prints their accuracy on the test images.
//!
//! ```text
//! cargo run --release -p nn-core --example mnist
//! ```

use std::{error::Error, ops::ControlFlow, time::Instant};

use mnist_io::{Batches, Mnist, Scaling};
use nn_core::{
    Network, Trainer,
    optim::{Adam, Schedule},
};

const MLP: &str = "28x28x1 | flatten | dense 128 | relu | dense 10";
const CNN: &str = "28x28x1 | conv 8 5x5 | relu | maxpool 2 | conv 16 3x3 | relu | maxpool 2 | flatten | dense 10";
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mnist = Mnist::embedded()?;
    for (name, spec, epochs) in [("MLP", MLP, 3), ("CNN", CNN, 1)] {
        let start = Instant::now();
        let mut training_data = Batches::new(&mnist.train, BATCH, 42, Scaling::MNIST)?;
        let mut test_data = Batches::in_order(&mnist.test, BATCH, Scaling::MNIST)?;

        let network = Network::new(spec.parse()?, 42)?;
        println!("{name}: {spec}, {} parameters", network.parameter_count());
        let steps = epochs * mnist.train.len().div_ceil(BATCH) as u64;
        let mut trainer =
            Trainer::new(network, Adam::new(2e-3), BATCH)?.with_schedule(Schedule::cosine(steps as f64, 0.0))?;
        for epoch in 0..epochs {
            let report = trainer.epoch(&mut training_data, epoch, |_, _| ControlFlow::Continue(()))?;
            println!(
                "  epoch {}: training loss {:.4}",
                epoch + 1,
                report.loss.unwrap_or_default()
            );
        }

        let test = trainer.evaluate(&mut test_data)?;
        let seconds = start.elapsed().as_secs_f64();
        let accuracy = 100.0 * test.accuracy.unwrap_or_default();
        println!("  test accuracy {accuracy:.2} % after {seconds:.1} s");
    }
    Ok(())
}
