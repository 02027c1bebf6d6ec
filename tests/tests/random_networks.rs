//! Random networks with every layer of the text form, against golden values from PyTorch.
//!
//! ```sh
//! cargo run --release -p tests --bin random_networks -- FOLDER 12 FIRST_SEED
//! python tests/random_networks.py FOLDER tests/tests/golden/random.safetensors
//! ```

use nn_core::{
    Gradients, Network, gradients,
    loss::{CrossEntropy, MeanSquaredError},
};
use tests::{close::compare_ieee, data::on_kernels, golden::Golden};

/// Allowed: `|a − b| ≤ TOLERANCE · (1 + |b|)`, a tenth of what `random_networks.py` allows.
const TOLERANCE: f64 = 1e-5;

/// Compares values with those of PyTorch. Returns whether the comparison proves something: some gradients are 0 except for
/// rounding, such as that of a bias right before a normalization.
fn assert_golden(golden: &Golden, name: &str, values: &[f32]) -> bool {
    let expected = golden.values(name);
    let allowed: Vec<f64> = expected.iter().map(|value| TOLERANCE * (1.0 + value.abs())).collect();
    if let Err(mismatch) = compare_ieee(values, &expected, &allowed) {
        panic!("{name}: {mismatch}");
    }
    expected.iter().any(|value| value.abs() > 10.0 * TOLERANCE)
}

/// The network `name`, with the weights that PyTorch had.
fn network(golden: &Golden, name: &str, text: &str) -> Network {
    let mut network = Network::zeroed(text.parse().unwrap()).unwrap();
    let mut tensors = network.tensors();
    for tensor in &mut tensors {
        tensor.values = golden.inputs(&format!("{name}.weights.{}", tensor.name));
    }
    network.set_tensors(&tensors).unwrap();
    network
}

/// The gradients of a batch's loss: of the cross-entropy on classes, or of the mean squared error on values.
fn gradients_of(golden: &Golden, name: &str, network: &Network, inputs: &[f32]) -> Gradients {
    let targets = format!("{name}.targets");
    let gradients = if golden.is_integer(&targets) {
        gradients(network, inputs, &golden.classes(&targets), &CrossEntropy::new())
    } else {
        gradients(network, inputs, &golden.inputs(&targets), &MeanSquaredError)
    };
    gradients.unwrap()
}

#[test]
fn outputs_and_gradients_are_those_of_pytorch() {
    let golden = Golden::of("random.safetensors");
    let networks = golden.metadata();
    assert_eq!(networks.len(), 12);
    let mut proven = Vec::new();
    for (name, text) in &networks {
        let inputs = golden.inputs(&format!("{name}.inputs"));
        for (kernel, network) in on_kernels(&network(&golden, name, text)) {
            println!("{name}, {kernel}: {text}");
            let Gradients { loss, tensors, .. } = gradients_of(&golden, name, &network, &inputs);
            let outputs = [
                ("outputs".to_owned(), network.predict(&inputs).unwrap()),
                ("loss".to_owned(), vec![loss]),
            ];
            let gradients = tensors
                .into_iter()
                .map(|tensor| (format!("gradient.{}", tensor.name), tensor.values));
            for (tensor, values) in outputs.into_iter().chain(gradients) {
                proven.push(assert_golden(&golden, &format!("{name}.{tensor}"), &values));
            }
        }
    }
    let share = proven.iter().filter(|&&proven| proven).count() as f64 / proven.len() as f64;
    assert!(share > 0.8, "{share}");
}

/// A layer that no golden network has would not be compared.
#[test]
fn the_golden_networks_have_every_layer() {
    let texts: Vec<_> = Golden::of("random.safetensors").metadata().into_values().collect();
    for word in tests::random::WORDS {
        assert!(texts.iter().any(|text| text.contains(word)), "{word}");
    }
}
