//! Several labels for each sample: which of four frequencies a signal contains.
//!
//! ```text
//! cargo run --release -p nn-core --example multilabel
//! ```

use std::{error::Error, f32::consts::PI, ops::ControlFlow};

use nn_core::{Fit, Network, Samples, Trainer, loss::BinaryCrossEntropy, optim::Adam};

const LEN: usize = 32;
const LABELS: usize = 4;

/// All subsets of the frequencies with several phases: signals, `[samples, LEN]`, and labels, `[samples, LABELS]`.
fn signals(phases: usize, offset: f32) -> (Vec<f32>, Vec<f32>) {
    let (mut signals, mut labels) = (Vec::new(), Vec::new());
    for subset in 0..1 << LABELS {
        for phase in 0..phases {
            let phase = 2.0 * PI * (phase as f32 + offset) / phases as f32;
            let contains = |label: usize| subset >> label & 1 == 1;
            labels.extend((0..LABELS).map(|label| if contains(label) { 1.0 } else { 0.0 }));
            signals.extend((0..LEN).map(|t| {
                let wave = |label: usize| (2.0 * PI * ((label + 1) * t) as f32 / LEN as f32 + phase).sin();
                (0..LABELS).filter(|&label| contains(label)).map(wave).sum::<f32>()
            }));
        }
    }
    (signals, labels)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (inputs, targets) = signals(24, 0.0);
    let (new_inputs, new_targets) = signals(7, 0.5);
    // One logit for each label.
    let network = Network::new(
        format!("{LEN} | dense 64 | relu | dense 64 | relu | dense {LABELS}").parse()?,
        1,
    )?;
    let mut trainer = Trainer::new(network, Adam::new(3e-3), 32)?.with_loss(BinaryCrossEntropy::new())?;
    let mut samples = Samples::new(&inputs, &targets).shuffled(1);
    let report = trainer.fit(&mut samples, None, &Fit::new(40), |_| ControlFlow::Continue(()))?;
    let logits = report.best.network.predict(&new_inputs)?;
    let correct = logits
        .iter()
        .zip(&new_targets)
        .filter(|(logit, target)| (**logit > 0.0) == (**target == 1.0));
    println!(
        "{} of {} labels of new signals are correct",
        correct.count(),
        logits.len()
    );
    Ok(())
}
