//! Writes random networks to a folder: weights, inputs, outputs, gradients, and ONNX files. `tests/random_networks.py`
//! compares them with PyTorch and onnxruntime.
//!
//! ```text
//! random_networks FOLDER [COUNT [FIRST_SEED]]
//! ```
//!
//! For each seed N, there is a weights file `N.safetensors`, the exports `N.onnx`, `N.folded.onnx` (with folded batch
//! normalizations) and `N.scaled.onnx` (with input scaling), and `N.values.safetensors` with the tensors `inputs`,
//! `targets`, `outputs` (of prediction), and `loss` and `gradient.<name>` (of training).

use std::{error::Error, fs, path::Path};

use nn_core::{
    Gradients, Network, Shape, Tensor,
    formats::{Model, OnnxOptions, Scaling},
    gradients,
    loss::{CrossEntropy, MeanSquaredError},
};
use safetensors::Dtype;
use tests::{
    data::{batch, trained, values},
    parts::{Parts, RawTensor},
    random,
};

/// Samples of a batch.
const BATCH: usize = 5;
/// Allowed for onnxruntime: `|a − b| ≤ tolerance · (1 + |b|)`.
const TOLERANCE: f32 = 1e-5;
/// The same where convolutions may be computed by Winograd's algorithm.
const WINOGRAD_TOLERANCE: f32 = 1e-4;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (folder, count, first) = match arguments.as_slice() {
        [folder] => (folder, 60, 0),
        [folder, count] => (folder, count.parse()?, 0),
        [folder, count, first] => (folder, count.parse()?, first.parse()?),
        _ => return Err("usage: random_networks FOLDER [COUNT [FIRST_SEED]]".into()),
    };
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    for seed in first..first + count {
        write(folder, seed)?;
    }
    println!("wrote {count} networks to {}", folder.display());
    Ok(())
}

fn write(folder: &Path, seed: u64) -> Result<(), Box<dyn Error>> {
    let spec = random::network(seed);
    let mut model = Model::new(trained(&spec.to_string(), seed));
    model.labels = (0..spec.outputs()).map(|class| format!("class {class}")).collect();
    model.scaling = Some(Scaling { mean: 0.25, std: 0.5 });
    let file = |ending: &str| folder.join(format!("{seed}{ending}"));
    model.save(file(".safetensors"))?;
    model.save_onnx(file(".onnx"), OnnxOptions::new())?;
    model.save_onnx(file(".folded.onnx"), OnnxOptions::new().fold_batch_norms())?;
    model.save_onnx(file(".scaled.onnx"), OnnxOptions::new().scale_inputs())?;
    fs::write(file(".values.safetensors"), computed(&model.network, seed)?)?;
    Ok(())
}

/// What the network computes, as a safetensors file: on classes with the cross-entropy where the output has several
/// features, and on values with the mean squared error elsewhere, and every other time.
fn computed(network: &Network, seed: u64) -> Result<Vec<u8>, Box<dyn Error>> {
    let spec = network.spec();
    let (inputs, classes) = batch(network, seed, BATCH);
    let outputs = network.predict(&inputs)?;
    let on_classes = spec.output().as_image().is_none() && spec.outputs() > 1 && seed.is_multiple_of(2);
    let (gradients, targets) = if on_classes {
        let targets = classes.iter().flat_map(|&class| (class as i64).to_le_bytes()).collect();
        let gradients = gradients(network, &inputs, &classes, &CrossEntropy::new())?;
        (gradients, ("targets".to_owned(), Dtype::I64, vec![BATCH], targets))
    } else {
        let targets = values(seed + 1, outputs.len());
        let gradients = gradients(network, &inputs, &targets, &MeanSquaredError)?;
        (gradients, raw(batch_of("targets", spec.output(), targets)))
    };
    let Gradients { loss, tensors, .. } = gradients;
    let loss = Tensor {
        name: "loss".to_owned(),
        shape: vec![],
        values: vec![loss],
    };
    let gradients = tensors.into_iter().map(|gradient| Tensor {
        name: format!("gradient.{}", gradient.name),
        ..gradient
    });
    let floats = [
        batch_of("inputs", spec.input(), inputs),
        batch_of("outputs", spec.output(), outputs),
        loss,
    ];
    let tensors: Vec<_> = floats.into_iter().chain(gradients).map(raw).chain([targets]).collect();
    let tolerance = if may_use_winograd(network) {
        WINOGRAD_TOLERANCE
    } else {
        TOLERANCE
    };
    let parts = Parts {
        metadata: [("onnx_tolerance".to_owned(), tolerance.to_string())].into(),
        tensors,
    };
    Ok(parts.bytes())
}

/// A tensor as bytes.
fn raw(tensor: Tensor) -> RawTensor {
    let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    (tensor.name, Dtype::F32, tensor.shape, bytes)
}

/// A tensor of a batch of samples.
fn batch_of(name: &str, sample: Shape, values: Vec<f32>) -> Tensor {
    let sizes = match sample.as_image() {
        Some((channels, height, width)) => vec![BATCH, channels, height, width],
        None => vec![BATCH, sample.len()],
    };
    Tensor {
        name: name.to_owned(),
        shape: sizes,
        values,
    }
}

/// Whether a convolution has a square filter and many channels.
fn may_use_winograd(network: &Network) -> bool {
    network.tensors().iter().any(|tensor| match tensor.shape[..] {
        [outputs, inputs, height, width] => outputs.min(inputs) >= 16 && height == width && (2..=5).contains(&height),
        _ => false,
    })
}
