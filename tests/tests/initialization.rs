//! Initial values: each distribution on whole networks, and how often XOR is learned from them.

use std::{fs, path::Path};

use nn_core::{Initialization, Network, NetworkSpec, Trainer, optim::Adam};
use tests::{
    close::{Tolerance, assert_close, assert_same_bits},
    parts::Parts,
};

const ALL: [Initialization; 8] = [
    Initialization::Auto,
    Initialization::HeUniform,
    Initialization::HeNormal,
    Initialization::XavierUniform,
    Initialization::XavierNormal,
    Initialization::LecunUniform,
    Initialization::LecunNormal,
    Initialization::PyTorch,
];

fn network(text: &str, initialization: Initialization, seed: u64) -> Network {
    let spec: NetworkSpec = text.parse().unwrap();
    Network::with_initialization(spec, initialization, seed).unwrap()
}

/// The variance of a convolution and a dense layer, whose inputs and outputs are counted differently.
#[test]
fn weights_have_the_variance_of_their_fans_and_biases_are_0() {
    let text = "9x10x40 | conv 50 2x3 | relu | conv 60 1x2 | dense 70 | batchnorm | tanh";
    let fans: [(f64, f64); 3] = [(40.0 * 6.0, 50.0 * 6.0), (50.0 * 2.0, 60.0 * 2.0), (60.0 * 56.0, 70.0)];
    for initialization in ALL {
        let network = network(text, initialization, 8);
        for (name, (inputs, outputs)) in ["0", "2", "4"].into_iter().zip(fans) {
            let variance = match initialization {
                Initialization::Auto if name == "0" => 2.0 / inputs,
                Initialization::HeUniform | Initialization::HeNormal => 2.0 / inputs,
                Initialization::XavierUniform | Initialization::XavierNormal => 2.0 / (inputs + outputs),
                Initialization::PyTorch => 1.0 / (3.0 * inputs),
                _ => 1.0 / inputs,
            };
            let weight = network.parameter(&format!("{name}.weight")).unwrap();
            let squares: f64 = weight.iter().map(|value| f64::from(value).powi(2)).sum();
            let what = format!("{initialization:?}, {name}");
            let square = squares / weight.iter().len() as f64;
            assert_close(&what, &[square], &[variance], Tolerance::new(0.0, 0.04));
            let bias = network.parameter(&format!("{name}.bias")).unwrap();
            let limit = bias.iter().fold(0.0, |limit: f32, value| limit.max(value.abs()));
            let expected = if initialization == Initialization::PyTorch {
                (1.0 / inputs).sqrt()
            } else {
                0.0
            };
            assert!(
                (0.85 * expected..=expected * (1.0 + 1e-6)).contains(&f64::from(limit)),
                "{what}: {limit} of {expected}"
            );
        }
        let norm = |tensor| network.parameter(tensor).unwrap().to_vec();
        assert_eq!((norm("5.weight"), norm("5.bias")), (vec![1.0; 70], vec![0.0; 70]));
    }
}

#[test]
fn values_depend_on_the_seed_and_the_default_is_auto() {
    let text = "6x6x2 | conv 3 3x3 | relu | dense 4";
    let values = |network: &Network| {
        network
            .parameters()
            .flat_map(|tensor| tensor.to_vec())
            .collect::<Vec<_>>()
    };
    for initialization in ALL {
        let first = values(&network(text, initialization, 1));
        assert_same_bits("again", &values(&network(text, initialization, 1)), &first);
        assert_ne!(values(&network(text, initialization, 2)), first);
        let default = values(&Network::new(text.parse().unwrap(), 1).unwrap());
        assert_eq!(default == first, initialization == Initialization::Auto);
    }
}

/// Whether this network learns XOR, by the rules of `golden/xor.py`.
fn learns_xor(network: Network) -> bool {
    let (inputs, targets) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
    let mut trainer = Trainer::new(network, Adam::new(0.05), 4).unwrap();
    for _ in 0..500 {
        trainer.step(&inputs, &targets).unwrap();
    }
    trainer.step(&inputs, &targets).unwrap().correct == Some(4)
}

const XOR: &str = "2 | dense 4 | relu | dense 2";

/// Of 2,000 seeds, 61.6% learn XOR from `Auto` and 66.7% from `PyTorch`; in PyTorch 60.6% and 68.1%. A quarter of the four
/// ReLUs begins with 0 for all samples, with any biases, and never learns. Of networks with as many others, those with
/// random biases learn more often, since their ReLUs do not all bend at the origin.
#[test]
fn xor_is_learned_from_about_as_many_seeds_as_in_pytorch() {
    let count = |initialization| {
        (0..100)
            .filter(|&seed| learns_xor(network(XOR, initialization, seed)))
            .count()
    };
    // PyTorch learns it from 66 and 72 of its first 100 seeds.
    let (auto, pytorch) = (count(Initialization::Auto), count(Initialization::PyTorch));
    assert!(auto >= 56 && pytorch >= 67, "{auto}, {pytorch}");
}

/// From the same initial values, the same networks learn XOR as in PyTorch.
#[test]
fn xor_is_learned_from_the_initial_values_of_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/xor.safetensors");
    let parts = Parts::of(&fs::read(path).unwrap());
    let values = |name: String| {
        let tensor = parts.tensors.iter().find(|tensor| tensor.0 == name).unwrap();
        let values = tensor.3.as_chunks().0.iter();
        values.map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<_>>()
    };
    for way in ["Auto", "PyTorch"] {
        let mut network = Network::zeroed(XOR.parse().unwrap()).unwrap();
        let names: Vec<_> = network.tensors().into_iter().map(|tensor| tensor.name).collect();
        let initial: Vec<_> = names.iter().map(|name| values(format!("{way}.{name}"))).collect();
        let theirs = values(format!("{way}.learned"));
        let mut differences = 0;
        for (seed, learned) in theirs.iter().enumerate() {
            for (name, values) in names.iter().zip(&initial) {
                let len = values.len() / theirs.len();
                network
                    .set_parameter(name, &values[seed * len..(seed + 1) * len])
                    .unwrap();
            }
            differences += usize::from(learns_xor(network.clone()) != (*learned == 1.0));
        }
        assert!(
            differences <= 1,
            "{way}: {differences} of {} seeds differ",
            theirs.len()
        );
    }
}
