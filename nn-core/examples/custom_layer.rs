//! A layer and a loss of one's own: the layer among built-in ones and in the text form, the loss in training.
//!
//! ```text
//! cargo run --release -p nn-core --example custom_layer
//! ```

use std::error::Error;

use nn_core::{
    CustomBackward, CustomLayer, LayerRegistry, Loss, Network, NetworkSpec, Shape, Target, Trainer, check_gradients,
    optim::Adam,
};

/// `y = x·sigmoid(beta·x)`, with a trained `beta` (Ramachandran et al., 2017, "Searching for Activation Functions").
#[derive(Debug)]
struct Swish;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl CustomLayer for Swish {
    fn text(&self) -> String {
        "swish".to_owned()
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn parameters(&self, _input: Shape) -> Vec<(&'static str, Vec<usize>)> {
        vec![("beta", vec![1])]
    }

    fn initialize(&self, _input: Shape, parameters: &mut [f32], _uniform: &mut dyn FnMut() -> f32) {
        parameters[0] = 1.0;
    }

    fn forward(&self, _input: Shape, parameters: &[f32], x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = x * sigmoid(parameters[0] * x);
        }
    }

    fn backward(&self, _input: Shape, pass: CustomBackward<'_>) {
        let beta = pass.parameters[0];
        for (index, &x) in pass.x.iter().enumerate() {
            let s = sigmoid(beta * x);
            pass.dx[index] = pass.dy[index] * (s + beta * x * s * (1.0 - s));
            pass.dparameters[0] += pass.dy[index] * x * x * s * (1.0 - s);
        }
    }
}

/// The square of the error, but only where it is above a tolerance.
#[derive(Debug)]
struct Tolerant(f32);

impl Loss for Tolerant {
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
        let mut loss = 0.0;
        for (index, (output, gradient)) in outputs.iter().zip(gradient).enumerate() {
            let error = output - target.value(index);
            let beyond = (error.abs() - self.0).max(0.0);
            loss += beyond * beyond;
            *gradient = 2.0 * beyond * error.signum();
        }
        loss
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let registry = LayerRegistry::new().with("swish", |_| Ok(Swish))?;
    let spec = NetworkSpec::parse_with("1 | dense 16 | swish | dense 16 | swish | dense 1", &registry)?;
    let network = Network::new(spec, 1)?;

    let inputs: Vec<f32> = (0..64).map(|i| i as f32 / 32.0 - 1.0).collect();
    let targets: Vec<f32> = inputs.iter().map(|x| x * x).collect();
    let loss = Tolerant(0.01);
    let check = check_gradients(&network, &inputs, &targets, &loss)?;
    println!("gradients: largest error {:.4} at {}", check.worst, check.worst_at);
    assert!(check.worst < 0.05);

    let mut trainer = Trainer::new(network, Adam::new(0.01), 64)?.with_loss(loss)?;
    let first = trainer.step(&inputs, &targets)?.loss;
    for _ in 0..500 {
        trainer.step(&inputs, &targets)?;
    }
    let last = trainer.step(&inputs, &targets)?.loss;
    let beta = trainer.network().parameter("1.beta")?.to_vec()[0];
    println!("loss {first:.4} → {last:.6}, beta 1 → {beta:.3}");
    assert!(last < 0.1 * first);
    Ok(())
}
