//! Learns XOR with one output, once as two classes and once as a label that is 0 or 1.
//!
//! ```text
//! cargo run --release -p nn-core --example xor
//! ```

use std::error::Error;

use nn_core::{Network, Trainer, loss::BinaryCrossEntropy, optim::Adam};

const INPUTS: [f32; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];

fn main() -> Result<(), Box<dyn Error>> {
    // Two outputs, one logit for each class; targets are classes.
    let network = Network::new("2 | dense 8 | tanh | dense 2".parse()?, 1)?;
    let mut trainer = Trainer::new(network, Adam::new(0.05), 4)?;
    for _ in 0..300 {
        trainer.step(&INPUTS, &[0, 1, 1, 0])?;
    }
    println!("classes: {:?}", trainer.network().classes(&INPUTS)?);

    // One output, the logit of "they differ"; targets are values.
    let network = Network::new("2 | dense 8 | tanh | dense 1".parse()?, 1)?;
    let mut trainer = Trainer::new(network, Adam::new(0.05), 4)?.with_loss(BinaryCrossEntropy::new())?;
    for _ in 0..300 {
        trainer.step(&INPUTS, &[0.0, 1.0, 1.0, 0.0])?;
    }
    let logits = trainer.network().predict(&INPUTS)?;
    let differ: Vec<bool> = logits.iter().map(|&logit| logit > 0.0).collect();
    println!("they differ: {differ:?}");
    assert_eq!(differ, [false, true, true, false]);
    Ok(())
}
