//! Prediction of one image, and of a thousand.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use benches::{PREDICTION_BATCHES, PREDICTIONS, Resident, workload};
use criterion::{Criterion, Throughput, criterion_group};
use nn_core::Workspace;

/// One group per network and batch size, in images per second.
fn prediction(criterion: &mut Criterion) {
    let data = Resident::load();
    #[cfg(feature = "peers")]
    let tensors = benches::peers::candle::Data::new(&data).expect("tensors");
    let cases = PREDICTIONS
        .into_iter()
        .flat_map(|name| PREDICTION_BATCHES.map(|batch| (name, batch)));
    for (name, batch) in cases {
        let network = workload(name).expect("a workload").network();
        let mut group = criterion.benchmark_group(format!("prediction/{name}/{batch}"));
        group.throughput(Throughput::Elements(batch as u64));
        let mut workspace = Workspace::new(&network, batch).expect("a small batch");
        let mut index = 0;
        group.bench_function("nn-core", |bencher| {
            bencher.iter(|| {
                index += 1;
                let images = data.batch(index, batch).0;
                network.forward(images, &mut workspace).expect("the shapes fit")[0]
            });
        });
        #[cfg(feature = "peers")]
        {
            let prediction = benches::peers::candle::Prediction::new(&network, batch, &tensors);
            let prediction = prediction.expect("known layers");
            let mut index = 0;
            group.bench_function("candle", |bencher| {
                bencher.iter(|| {
                    index += 1;
                    prediction.logits(index).expect("logits")
                });
            });
        }
        group.finish();
    }
}

criterion_group!(name = groups; config = benches::criterion(); targets = prediction);

fn main() {
    benches::run(groups);
}
