//! Exchanges weights with PyTorch.
//!
//! Without arguments, it saves a network that PyTorch loads; with arguments, it loads one that PyTorch saved:
//!
//! ```text
//! cargo run --release -p nn-core --example pytorch
//! cargo run --release -p nn-core --example pytorch FILE.safetensors "784 | dense 128 | relu | dense 10"
//! ```
//!
//! The same in Python:
//!
//! ```python
//! from safetensors.torch import load_file, save_file
//! from torch import nn
//!
//! model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
//! model.load_state_dict(load_file("nn-core.safetensors"))
//! save_file(model.state_dict(), "pytorch.safetensors")
//! ```

use std::error::Error;

use nn_core::{Model, Network};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let model = match &arguments[..] {
        [file, spec] => Model::load_as(file, spec.parse()?)?,
        [] => {
            let path = std::env::temp_dir().join("nn-core.safetensors");
            let network = Network::new("784 | dense 128 | relu | dense 10".parse()?, 42)?;
            let model = Model::new(network);
            model.save(&path)?;
            println!("saved {}", path.display());
            model
        }
        _ => return Err("usage: pytorch [FILE.safetensors NETWORK]".into()),
    };

    for tensor in model.network.tensors() {
        println!("{:<12} {:?}", tensor.name, tensor.shape);
    }
    let input = vec![0.5; model.network.spec().input().len()];
    let probabilities = model.network.probabilities(&input)?;
    println!("probabilities of an input of 0.5: {probabilities:.3?}");
    Ok(())
}
