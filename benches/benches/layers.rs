//! One layer: forward alone, and a whole training step.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use benches::{network, values};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use nn_core::{Trainer, Workspace, loss::MeanSquaredError, optim::Sgd};

const SIZES: [(usize, usize, usize); 3] = [(32, 784, 128), (128, 784, 128), (256, 1024, 1024)];

fn dense(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dense");
    for (batch, inputs, outputs) in SIZES {
        let net = network(&format!("{inputs} | dense {outputs}")).expect("a network");
        let images = values(batch * inputs);
        let labels: Vec<usize> = (0..batch).map(|sample| sample % outputs).collect();
        let shape = format!("{batch}x{inputs}x{outputs}");
        group.throughput(Throughput::Elements(batch as u64));
        let mut workspace = Workspace::new(&net, batch).expect("a small batch");
        group.bench_function(BenchmarkId::new("forward", &shape), |bencher| {
            bencher.iter(|| net.forward(&images, &mut workspace).expect("the shapes fit")[0]);
        });
        let mut trainer = Trainer::new(net.clone(), Sgd::new(1e-6), batch).expect("valid settings");
        group.bench_function(BenchmarkId::new("step", &shape), |bencher| {
            bencher.iter(|| trainer.step(&images, &labels).expect("the shapes fit"));
        });
        // One more layer, so that the gradient of the input is computed too.
        let deep = network(&format!("{inputs} | dense {inputs} | dense {outputs}")).expect("a network");
        let mut trainer = Trainer::new(deep, Sgd::new(1e-6), batch).expect("valid settings");
        group.bench_function(BenchmarkId::new("step, two layers", &shape), |bencher| {
            bencher.iter(|| trainer.step(&images, &labels).expect("the shapes fit"));
        });
    }
    group.finish();
}

/// Values of a sample, which fit into the L1 cache with their outputs.
const VALUES: usize = 2048;
const ACTIVATIONS: [&str; 8] = [
    "relu",
    "leakyrelu 0.1",
    "elu",
    "silu",
    "softplus",
    "tanh",
    "sigmoid",
    "gelu",
];

/// Activations, in values. The step has two of them: two forward, one backward, and the loss.
fn activation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("activation");
    let batch = 4;
    let inputs: Vec<f32> = values(batch * VALUES).iter().map(|x| 8.0 * x).collect();
    group.throughput(Throughput::Elements((batch * VALUES) as u64));
    for name in ACTIVATIONS {
        let net = network(&format!("{VALUES} | {name}")).expect("a network");
        let mut workspace = Workspace::new(&net, batch).expect("a small batch");
        group.bench_function(BenchmarkId::new("forward", name), |bencher| {
            bencher.iter(|| net.forward(&inputs, &mut workspace).expect("the shapes fit")[0]);
        });
        let net = network(&format!("{VALUES} | {name} | {name}")).expect("a network");
        let trainer = Trainer::new(net, Sgd::new(1e-6), batch).expect("valid settings");
        let mut trainer = trainer.with_loss(MeanSquaredError).expect("a loss of values");
        group.bench_function(BenchmarkId::new("step, two layers", name), |bencher| {
            bencher.iter(|| trainer.step(&inputs, &inputs).expect("the shapes fit"));
        });
    }
    group.finish();
}

criterion_group!(name = groups; config = benches::criterion(); targets = dense, activation);

fn main() {
    benches::run(groups);
}
