//! Training steps of whole networks, and the batches of an epoch.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use benches::{Resident, WORKLOADS};
use criterion::{Criterion, Throughput, criterion_group};
use mnist_io::{Batches, Mnist, Scaling};

/// One group per workload, in images per second.
fn steps(criterion: &mut Criterion) {
    let data = Resident::load();
    #[cfg(feature = "peers")]
    let tensors = benches::peers::candle::Data::new(&data).expect("tensors");
    for workload in WORKLOADS {
        let mut group = criterion.benchmark_group(format!("training/{}", workload.name));
        group.throughput(Throughput::Elements(workload.batch as u64));
        let mut trainer = workload.trainer();
        let mut index = 0;
        group.bench_function("nn-core", |bencher| {
            bencher.iter(|| {
                index += 1;
                let (images, labels) = data.batch(index, workload.batch);
                trainer.step(images, labels).expect("the shapes fit")
            });
        });
        #[cfg(feature = "peers")]
        {
            let training = benches::peers::candle::Training::of(&workload, &tensors);
            let mut training = training.expect("known layers");
            let mut index = 0;
            group.bench_function("candle", |bencher| {
                bencher.iter(|| {
                    index += 1;
                    training.step(index).expect("a step")
                });
            });
        }
        group.finish();
    }
}

fn data_path(criterion: &mut Criterion) {
    let train = Mnist::embedded().expect("the embedded data set is whole").train;
    let mut group = criterion.benchmark_group("data");
    group
        .throughput(Throughput::Elements(train.len() as u64))
        .sample_size(10);
    let batch = 32;
    let (mut images, mut labels) = (vec![0.0; batch * 784], vec![0; batch]);
    let mut batches = Batches::new(&train, batch, 1, Scaling::UNIT).expect("valid settings");
    let mut epoch = 0;
    group.bench_function("epoch, shuffled and scaled", |bencher| {
        bencher.iter(|| {
            batches.start_epoch(epoch);
            epoch += 1;
            while batches.next_batch(&mut images, &mut labels) > 0 {}
        });
    });
    group.finish();
}

criterion_group!(name = groups; config = benches::criterion(); targets = steps, data_path);

fn main() {
    benches::run(groups);
}
