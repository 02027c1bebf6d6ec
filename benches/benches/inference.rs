//! Prediction: one image, and a thousand.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use benches::{Resident, network, workload};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nn_core::Workspace;

fn prediction(criterion: &mut Criterion) {
    let data = Resident::load();
    let network = network(workload("mlp-s").expect("a workload").net).expect("a network");
    let mut group = criterion.benchmark_group("prediction");
    for batch in [1, 1_000] {
        let mut workspace = Workspace::new(&network, batch).expect("a small batch");
        group.throughput(Throughput::Elements(batch as u64));
        let mut index = 0;
        group.bench_function(BenchmarkId::new("mlp-s", batch), |bencher| {
            bencher.iter(|| {
                index += 1;
                network
                    .logits(data.batch(index, batch).0, &mut workspace)
                    .expect("the shapes fit")[0]
            });
        });
    }
    group.finish();
}

criterion_group!(benches, prediction);
criterion_main!(benches);
