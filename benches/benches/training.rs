//! Training steps of whole networks, and the way of an epoch's data into batches.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use benches::{Resident, WORKLOADS, network};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mnist_io::{Batches, Mnist, Scaling};
use nn_core::Trainer;

fn steps(criterion: &mut Criterion) {
    let data = Resident::load();
    let mut group = criterion.benchmark_group("training step");
    for workload in WORKLOADS {
        let network = network(workload.net).expect("a network");
        let rule = workload.rule.with(workload.learning_rate);
        let mut trainer = Trainer::new(network, rule, workload.batch).expect("sound settings");
        group.throughput(Throughput::Elements(workload.batch as u64));
        let mut index = 0;
        group.bench_function(BenchmarkId::from_parameter(workload.name), |bencher| {
            bencher.iter(|| {
                let (images, labels) = data.batch(index, workload.batch);
                index += 1;
                trainer.step(images, labels).expect("the shapes fit")
            });
        });
    }
    group.finish();
}

fn data_path(criterion: &mut Criterion) {
    let train = Mnist::embedded().expect("the embedded data set is whole").train;
    let mut group = criterion.benchmark_group("data");
    group
        .throughput(Throughput::Elements(train.len() as u64))
        .sample_size(10);
    let batch = 32;
    let (mut images, mut labels) = (vec![0.0; batch * 784], vec![0; batch]);
    let mut batches = Batches::new(&train, batch, 1, Scaling::UNIT).expect("sound settings");
    let mut epoch = 0;
    group.bench_function("epoch, shuffled and scaled", |bencher| {
        bencher.iter(|| {
            batches.start_epoch(epoch);
            epoch += 1;
            while batches.next_into(&mut images, &mut labels) > 0 {}
        });
    });
    group.finish();
}

criterion_group!(benches, steps, data_path);
criterion_main!(benches);
