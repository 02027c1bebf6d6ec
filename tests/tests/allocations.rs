//! After the first step, training, prediction and the filling of batches allocate nothing. A separate binary without the
//! test harness, since all threads are counted, and the harness allocates while a test starts.

use std::{alloc::System, ops::ControlFlow};

use mnist_io::{Augmentation, Batches, Dataset, ImageShape, Scaling};
use nn_core::{
    Network, Samples, Targets, Trainer, Workspace,
    loss::{self, Huber},
    optim::{Adam, OneCycle, Optimizer, ParameterGroup, Sgd},
};
use rayon::ThreadPoolBuilder;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tests::data::{batch, on_kernels, trained, values};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Samples of a batch: enough for the lists of 784 nonzero inputs to be made in parallel.
const BATCH: usize = 96;

/// Every layer, fused and separate, with enough weights for a parallel transposition.
const NETWORKS: [&str; 12] = [
    "784 | dense 128 | relu | dense 10",
    "28x28x1 | relu | dense 64 | relu | dense 33 | relu | dense 10",
    "40 | dense 280 | tanh | dense 280 | sigmoid | dropout 0.2 | dense 10",
    "6x7x16 | conv 17 3x3 | relu | maxpool 2 | dense 10",
    "9x8x2 | conv 5 3x2 pad 1 | relu | maxpool 2 | conv 3 2x4 pad same | relu | maxpool 2 stride 1 | dense 10",
    "9x9x3 | dropout 0.1 | conv 6 3x3 stride 2 nobias | leakyrelu 0.1 | avgpool 2 stride 1 | gelu | flatten | tanh | \
     dense 10",
    "8x7x2 | maxpool 3 stride 1 | conv 10 2x2 | sigmoid | globalavgpool | flatten",
    "9x8x2 | conv 5 3x2 | relu | add(; conv 5 3x3 pad same | batchnorm) | concat(maxpool 2; avgpool 2 | conv 3 1x1) | \
     add(flatten | dense 10; dense 10)",
    "9x8x2 | conv 5 3x2 nobias | batchnorm | relu | maxpool 2 | batchnorm | dense 33 | batchnorm | relu | dense 10",
    "40 | dense 96 nobias | layernorm | elu | reshape 4x6x4 | upsample 2 | conv 6 3x3 dilation 2x1 groups 2 | silu | \
     layernorm | maxpool 3x2 stride 2 pad 1 | dense 10",
    "9x8x16 | conv 32 3x3 stride 1x2 groups 2 | relu | maxpool 2x1 | conv 32 3x3 pad 1 groups 32 | softplus | dense 10",
    "9x8x5 | conv 7 3x3 pad same dilation 2 | relu | avgpool 3x2 stride 2 pad 1x0 | conv 7 2x2 groups 7 | relu | \
     maxpool 2x1 | dense 10",
];

/// Asserts that `f` allocates nothing after its first call.
fn assert_no_allocations(what: &str, mut f: impl FnMut()) {
    f();
    let region = Region::new(ALLOCATOR);
    for _ in 0..20 {
        f();
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{what}: {change:?}");
}

fn check(what: &str, network: &Network) {
    let (images, labels) = batch(network, 1, BATCH);
    let one = network.spec().input().len();
    let smaller = (37 * one, 37);
    let momentum = Sgd {
        momentum: 0.9,
        weight_decay: 1e-3,
        ..Sgd::new(0.01)
    };
    for optimizer in [
        Optimizer::from(Sgd::new(0.01)),
        momentum.into(),
        Adam::new(0.001).into(),
    ] {
        let plain = Trainer::new(network.clone(), optimizer, BATCH).unwrap();
        let clipped = plain.clone().with_clipping(0.5);
        let all = clipped.and_then(|trainer| trainer.with_average(0.9)?.with_schedule(OneCycle::new(100)));
        let mut grouped = plain.clone();
        if let Some(first) = network.parameters().next() {
            let first = first.name().to_owned();
            let group = ParameterGroup::biases_and_normalizations().with_weight_decay(0.0);
            grouped.set_parameter_groups([group]).unwrap();
            grouped.freeze(&first).unwrap();
        }
        for (settings, mut trainer) in [
            ("", plain),
            (", clipped and averaged", all.unwrap()),
            (", grouped and frozen", grouped),
        ] {
            let what = format!("{what}: {optimizer:?}{settings}");
            assert_no_allocations(&format!("{what}: a step"), || {
                trainer.step(&images, &labels).unwrap();
                trainer.step(&images[..smaller.0], &labels[..smaller.1]).unwrap();
            });
            assert_no_allocations(&format!("{what}: accumulation"), || {
                trainer.accumulate(&images[..smaller.0], &labels[..smaller.1]).unwrap();
                trainer.accumulate(&images, &labels).unwrap();
                trainer.apply().unwrap();
            });
            let mut source = Samples::new(&images, &labels).shuffled(1);
            assert_no_allocations(&format!("{what}: an epoch"), || {
                trainer.epoch(&mut source, 0, |_, _| ControlFlow::Continue(())).unwrap();
            });
        }
    }
    check_values(what, network, &images);
    let mut workspace = Workspace::new(network, BATCH).unwrap();
    assert_no_allocations(&format!("{what}: prediction"), || {
        let logits = network.forward(&images, &mut workspace).unwrap();
        assert!(loss::argmax(logits) < logits.len());
        network.forward(&images[..smaller.0], &mut workspace).unwrap();
        network.forward(&images[..one], &mut workspace).unwrap();
    });
}

/// Targets that are values, with weights.
fn check_values(what: &str, network: &Network, images: &[f32]) {
    let (targets, weights) = (values(3, BATCH * network.spec().outputs()), vec![0.5; BATCH]);
    let targets = Targets::values(&targets).with_weights(&weights);
    let trainer = Trainer::new(network.clone(), Sgd::new(0.01), BATCH).unwrap();
    let mut trainer = trainer.with_loss(Huber::default()).unwrap();
    let mut source = Samples::new(images, targets);
    assert_no_allocations(&format!("{what}: values"), || {
        trainer.step(images, targets).unwrap();
        trainer.epoch(&mut source, 0, |_, _| ControlFlow::Continue(())).unwrap();
    });
}

fn check_batches(augmentation: &Augmentation) {
    let images = (0..200 * 784).map(|i| (i % 784 / 3) as u8).collect();
    let dataset = Dataset::new(
        images,
        (0..200).map(|i| i % 10).collect(),
        ImageShape::gray(28, 28).unwrap(),
    )
    .unwrap();
    let batches = Batches::new(&dataset, 150, 1, Scaling::UNIT).unwrap();
    let mut batches = batches.with_augmentation(augmentation.clone()).unwrap();
    let (mut images, mut labels) = (vec![0.0; 150 * 784], vec![0; 150]);
    assert_no_allocations(&format!("batches: {augmentation:?}"), || {
        batches.start_epoch(0);
        while batches.next_batch(&mut images, &mut labels) > 0 {}
    });
}

fn main() {
    // The counter works.
    let region = Region::new(ALLOCATOR);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(region.change().allocations, 1);

    let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    // Both threads have started, with what rayon allocates for a thread.
    pool.broadcast(|_| ());
    for text in NETWORKS {
        for (kernel, network) in on_kernels(&trained(text, 2)) {
            // The calls come from inside the pool, as in a program that trains: rayon's queue for calls from outside
            // allocates a block now and then.
            pool.install(|| check(&format!("{text}, {kernel}"), &network));
        }
    }
    let bent = Augmentation::default()
        .elastic(3.0)
        .stroke_width(0.5, 0.7)
        .digit_styles(0.5);
    for augmentation in [Augmentation::none(), Augmentation::default(), bent.distractors(0.1)] {
        pool.install(|| check_batches(&augmentation));
    }
    println!("test nothing_is_allocated_after_the_first_step ... ok");
}
