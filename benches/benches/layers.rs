//! One dense layer: forward alone, and a whole training step.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use benches::{network, values};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use nn_core::{Trainer, Workspace, optim::Sgd};

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

criterion_group!(name = groups; config = benches::criterion(); targets = dense);

fn main() {
    benches::run(groups);
}
