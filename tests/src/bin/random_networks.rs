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

use std::{collections::HashMap, error::Error, fs, path::Path};

use nn_core::{
    Network, Shape, Tensor, Workspace,
    formats::{Model, OnnxOptions, Scaling},
    gradients,
};
use safetensors::{Dtype, serialize, tensor::TensorView};
use tests::{
    data::{batch, trained},
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
    model.scaling = Scaling { mean: 0.25, std: 0.5 };
    let file = |ending: &str| folder.join(format!("{seed}{ending}"));
    model.save(file(".safetensors"))?;
    model.save_onnx(file(".onnx"), OnnxOptions::new())?;
    model.save_onnx(file(".folded.onnx"), OnnxOptions::new().fold_batch_norms())?;
    model.save_onnx(file(".scaled.onnx"), OnnxOptions::new().scale_inputs())?;
    fs::write(file(".values.safetensors"), values(&model.network, seed)?)?;
    Ok(())
}

/// What the network computes, as a safetensors file.
fn values(network: &Network, seed: u64) -> Result<Vec<u8>, Box<dyn Error>> {
    let spec = network.spec();
    let (inputs, targets) = batch(network, seed, BATCH);
    let mut workspace = Workspace::new(network, BATCH)?;
    let outputs = network.logits(&inputs, &mut workspace)?.to_vec();
    let (loss, gradients) = gradients(network, &inputs, &targets)?;
    let mut tensors = vec![
        tensor("inputs", spec.input(), inputs),
        tensor("outputs", *spec.shapes().last().expect("a layer"), outputs),
        Tensor {
            name: "loss".to_owned(),
            shape: vec![],
            values: vec![loss],
        },
    ];
    tensors.extend(gradients.into_iter().map(|gradient| Tensor {
        name: format!("gradient.{}", gradient.name),
        ..gradient
    }));
    let bytes = tensors
        .iter()
        .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect());
    let bytes: Vec<Vec<u8>> = bytes.collect();
    let targets: Vec<u8> = targets
        .iter()
        .flat_map(|&target| (target as i64).to_le_bytes())
        .collect();
    let mut views = vec![("targets", TensorView::new(Dtype::I64, vec![BATCH], &targets)?)];
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        views.push((&tensor.name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?));
    }
    let tolerance = if may_use_winograd(network) {
        WINOGRAD_TOLERANCE
    } else {
        TOLERANCE
    };
    let metadata = [("onnx_tolerance".to_owned(), tolerance.to_string())];
    Ok(serialize(views, Some(HashMap::from(metadata)))?)
}

fn tensor(name: &str, sample: Shape, values: Vec<f32>) -> Tensor {
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
