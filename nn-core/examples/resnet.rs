//! Trains a small residual network on MNIST; the layers of a block are written once.
//!
//! ```text
//! cargo run --release -p nn-core --example resnet
//! ```

use std::{error::Error, ops::ControlFlow};

use mnist_io::{Batches, Mnist, Scaling};
use nn_core::{
    Network, Trainer,
    optim::{OneCycle, ParameterGroup, Sgd},
};

/// A residual block: two convolutions beside the input, or, if it halves the image, beside a 1×1 convolution.
fn block(channels: usize, halves: bool) -> String {
    let stride = if halves { 2 } else { 1 };
    let shortcut = if halves {
        format!("conv {channels} 1x1 stride 2 nobias | batchnorm")
    } else {
        String::new()
    };
    format!(
        "add({shortcut}; conv {channels} 3x3 stride {stride} pad 1 nobias | batchnorm | relu \
         | conv {channels} 3x3 pad 1 nobias | batchnorm) | relu"
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let spec = format!(
        "28x28x1 | conv 8 3x3 pad 1 nobias | batchnorm | relu | {} | {} | {} | globalavgpool | dense 10",
        block(8, false),
        block(16, true),
        block(32, true),
    );
    let network = Network::new(spec.parse()?, 42)?;
    println!("{}", network.summary());

    let mnist = Mnist::embedded()?;
    let images = mnist.train.subset(&(0..6_000).collect::<Vec<_>>())?;
    let mut train = Batches::new(&images, 64, 42, Scaling::MNIST)?;
    let mut test = Batches::in_order(&mnist.test, 64, Scaling::MNIST)?;
    let steps = 2 * images.len().div_ceil(64) as u64;
    let sgd = Sgd {
        momentum: 0.9,
        weight_decay: 5e-4,
        ..Sgd::new(0.1)
    };
    let mut trainer = Trainer::new(network, sgd, 64)?.with_schedule(OneCycle::new(steps))?;
    // No weight decay on biases and normalizations.
    trainer.set_parameter_groups([ParameterGroup::biases_and_normalizations().with_weight_decay(0.0)])?;
    for epoch in 0..2 {
        let report = trainer.epoch(&mut train, epoch, |_, _| ControlFlow::Continue(()))?;
        println!("epoch {epoch}: training loss {:.3}", report.loss.unwrap_or(f64::NAN));
    }
    let accuracy = trainer.evaluate(&mut test)?.accuracy.unwrap_or(f64::NAN);
    println!("test accuracy {:.2} % after 2 epochs of 6,000 images", 100.0 * accuracy);
    Ok(())
}
