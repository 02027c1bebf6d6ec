//! Training and prediction: the same bits on any number of threads, epochs, and MNIST from scratch.

use std::ops::ControlFlow;

use mnist_io::{Batches, Mnist, Scaling};
use nn_core::{
    BatchReport, Cursor, Network, Samples, Trainer, Workspace, evaluate, gradients,
    loss::CrossEntropy,
    optim::{Adam, Optimizer, Sgd},
};
use tests::{
    close::{Tolerance, assert_close, assert_same_bits},
    data::{batch, blank, network, on_kernels, parameters, trained},
    naive::{self, NaiveNetwork},
    threads::{THREADS, assert_same_on_any_threads, on_threads},
};

/// Large enough for several threads, with widths that are no multiples of 16.
const DENSE: &str = "13x14x2 | dense 50 | relu | dense 33 | relu | dense 10";
/// The first layer skips zero inputs.
const WIDE: &str = "13x14x2 | dense 150 | relu | dense 10";
const CONV: &str = "7x8x2 | conv 16 3x3 pad 1 | relu | conv 17 3x3 pad 1 | relu | maxpool 2 | conv 9 2x2 | relu | dense 20 | relu | dense 10";

/// Six cross-sample layers interrupt the forward and the backward pass.
const NORM: &str = "7x8x2 | conv 9 3x3 pad 1 | batchnorm | relu | maxpool 2 | batchnorm | conv 17 2x2 nobias | batchnorm | \
                    relu | flatten | batchnorm | dense 20 | batchnorm | relu | dense 10 | batchnorm";

const MOMENTUM: Sgd = Sgd {
    momentum: 0.9,
    weight_decay: 1e-3,
    ..Sgd::new(0.05)
};

/// The losses of 30 steps, then the weights.
fn train(network: &Network, optimizer: Optimizer, samples: usize) -> Vec<f32> {
    let (mut inputs, targets) = batch(network, 7, 3 * samples);
    let sample = network.spec().input().len();
    blank(9, &mut inputs, sample);
    let mut trainer = Trainer::new(network.clone(), optimizer, samples).unwrap();
    let mut values = Vec::new();
    for step in 0..30 {
        let chosen = step % 3 * samples..(step % 3 + 1) * samples;
        let pixels = chosen.start * sample..chosen.end * sample;
        values.push(trainer.step(&inputs[pixels], &targets[chosen]).unwrap().loss);
    }
    values.extend(parameters(trainer.network()));
    values
}

#[test]
fn weights_have_the_same_bits_on_any_number_of_threads() {
    let plain = Sgd::new(0.05).into();
    for (text, optimizers) in [
        (DENSE, [plain, MOMENTUM.into()]),
        (WIDE, [plain, MOMENTUM.into()]),
        (CONV, [plain, Adam::new(0.002).into()]),
        (NORM, [MOMENTUM.into(), Adam::new(0.002).into()]),
    ] {
        for (kernel, network) in on_kernels(&network(text, 1)) {
            for (optimizer, samples) in optimizers
                .into_iter()
                .flat_map(|rule| [32, 37, 128].map(|count| (rule, count)))
            {
                let what = format!("{text}, {kernel}, {optimizer:?}, {samples} samples");
                let values = assert_same_on_any_threads(&what, || train(&network, optimizer, samples));
                assert!(values[29] < values[0], "{what}: the loss falls: {:?}", &values[..30]);
            }
        }
    }
}

#[test]
fn gradients_have_the_same_bits_on_any_number_of_threads() {
    for text in [DENSE, CONV, NORM] {
        for (kernel, network) in on_kernels(&trained(text, 2)) {
            let (inputs, targets) = batch(&network, 8, 150);
            assert_same_on_any_threads(format!("{text}, {kernel}"), || {
                let gradients = gradients(&network, &inputs, &targets, &CrossEntropy::new()).unwrap();
                gradients.tensors.into_iter().flat_map(|tensor| tensor.values).collect()
            });
        }
    }
}

#[test]
fn a_sample_gets_the_same_logits_in_any_batch_on_any_number_of_threads() {
    for text in [DENSE, CONV, NORM] {
        for (kernel, network) in on_kernels(&trained(text, 3)) {
            let (inputs, _) = batch(&network, 9, 200);
            let sample = network.spec().input().len();
            let mut expected = Vec::new();
            for image in inputs.chunks(sample) {
                expected.extend_from_slice(
                    network
                        .forward(image, &mut Workspace::new(&network, 1).unwrap())
                        .unwrap(),
                );
            }
            for threads in THREADS {
                on_threads(threads, || {
                    let mut workspace = Workspace::new(&network, 256).unwrap();
                    for samples in [200, 1, 2, 7, 64, 200] {
                        let what = format!("{text}, {kernel}, batches of {samples}, {threads} threads");
                        for (inputs, expected) in inputs.chunks(samples * sample).zip(expected.chunks(samples * 10)) {
                            assert_same_bits(&what, network.forward(inputs, &mut workspace).unwrap(), expected);
                        }
                    }
                });
            }
        }
    }
}

#[test]
fn one_network_serves_many_threads_at_once() {
    use rayon::prelude::*;
    for text in [DENSE, CONV, NORM] {
        let network = trained(text, 4);
        let (inputs, _) = batch(&network, 10, 60);
        let expected = network.predict(&inputs).unwrap();
        let samples = inputs.par_chunks(network.spec().input().len());
        let all: Vec<_> = samples.flat_map_iter(|image| network.predict(image).unwrap()).collect();
        assert_same_bits(text, &all, &expected);
    }
}

#[test]
fn probabilities_are_the_softmax_of_the_naive_logits() {
    let network = trained("5x5x2 | conv 3 2x2 | relu | dense 10", 5);
    let (inputs, _) = batch(&network, 11, 9);
    let logits = NaiveNetwork::new(network.spec(), &network.tensors())
        .forward(&inputs)
        .logits;
    let expected: Vec<f64> = logits.chunks(10).flat_map(naive::softmax).collect();
    let tolerance = Tolerance::new(1e-8, 3e-6);
    assert_close(
        "probabilities",
        &network.probabilities(&inputs).unwrap(),
        &expected,
        tolerance,
    );
}

#[test]
fn initial_weights_depend_on_the_seed_alone() {
    for text in [DENSE, CONV, NORM, "28x28x1 | dense 3", "1 | dense 1"] {
        let weights = assert_same_on_any_threads(text, || parameters(&network(text, 6)));
        assert_ne!(parameters(&network(text, 7)), weights);
    }
}

/// He et al., 2015: before a ReLU the variance is 2 / inputs; biases are 0.
#[test]
fn initial_weights_have_the_variance_of_he() {
    let text = "9x10x40 | conv 100 2x3 | relu | conv 60 1x2 | dense 70 | relu | dense 300";
    let tensors = network(text, 8).tensors();
    let (weights, biases): (Vec<_>, Vec<_>) = tensors.iter().partition(|tensor| tensor.name.ends_with("weight"));
    let inputs = [40.0 * 6.0, 100.0 * 2.0, 60.0 * 8.0 * 7.0, 70.0];
    for ((tensor, inputs), gain) in weights.into_iter().zip(inputs).zip([2.0, 1.0, 2.0, 1.0]) {
        let variance: f64 = gain / inputs;
        let count = tensor.values.len() as f64;
        let values = tensor.values.iter().copied().map(f64::from);
        let mean = values.clone().sum::<f64>() / count;
        let squares = values.clone().map(|value| value * value).sum::<f64>() / count;
        let name = &tensor.name;
        assert!(mean.abs() < 4.0 * (variance / count).sqrt(), "{name}: mean {mean}");
        assert_close(name, &[squares], &[variance], Tolerance::new(0.0, 0.03));
    }
    assert!(biases.iter().flat_map(|tensor| &tensor.values).all(|&bias| bias == 0.0));
}

/// The normalization between a layer and its ReLU does not matter to the initialization.
#[test]
fn a_normalization_between_a_layer_and_its_relu_does_not_change_the_initial_weights() {
    for layer in ["dense 20", "conv 3 2x2"] {
        let weights = |between: &str| {
            let network = network(&format!("4x5x2 | {layer} | {between} relu | dense 3"), 3);
            let weight = network
                .tensors()
                .into_iter()
                .find(|tensor| tensor.name.ends_with(".weight"));
            weight.unwrap().values
        };
        assert_same_bits(layer, &weights("batchnorm |"), &weights(""));
    }
}

#[test]
fn prediction_uses_the_running_statistics_after_every_step() {
    for text in [
        NORM,
        "6 | batchnorm | relu | dense 17 | batchnorm | batchnorm | dense 4",
        "3x4x2 | batchnorm | conv 3 2x2 nobias | batchnorm | tanh | dense 4 | batchnorm",
        "3x4x2 | flatten | batchnorm | dense 20 | relu | batchnorm | dense 4",
        "6x7x16 | conv 17 3x3 nobias | batchnorm | relu | maxpool 2 | dense 4",
        "4x4x3 | conv 17 2x2 stride 2 | batchnorm | maxpool 2 | batchnorm | relu | flatten",
    ] {
        for (kernel, network) in on_kernels(&trained(text, 6)) {
            let (inputs, targets) = batch(&network, 16, 12);
            let mut trainer = Trainer::new(network, MOMENTUM, 12).unwrap();
            let mut workspace = Workspace::new(trainer.network(), 12).unwrap();
            let mut for_training = Workspace::for_training(trainer.network(), 12).unwrap();
            for step in 0..4 {
                let what = format!("{text}, {kernel}, {step} steps");
                let network = trainer.network();
                let naive = NaiveNetwork::new(network.spec(), &network.tensors());
                let logits = network.forward(&inputs, &mut workspace).unwrap();
                let expected = naive.forward(&inputs).logits;
                assert_close(&what, logits, &expected, Tolerance::new(5e-6, 5e-6));
                let others = network.forward(&inputs, &mut for_training).unwrap();
                assert_same_bits(&what, others, logits);
                let again = network.clone().forward(&inputs, &mut for_training).unwrap().to_vec();
                assert_same_bits(&what, &again, logits);
                trainer.step(&inputs, &targets).unwrap();
            }
        }
    }
}

/// The running statistics of a first layer after a step on inputs of mean `offset`.
fn statistics_after_a_step(text: &str, offset: f32) -> [Vec<f64>; 4] {
    let network = network(text, 1);
    let (mut inputs, targets) = batch(&network, 17, 150);
    inputs.iter_mut().for_each(|pixel| *pixel += offset);
    let mut trainer = Trainer::new(network, Sgd::new(0.0), 150).unwrap();
    trainer.step(&inputs, &targets).unwrap();
    let tensors = trainer.network().tensors();
    let channels = tensors[0].values.len();
    let area = inputs.len() / 150 / channels;
    let of_channel = |channel: usize| {
        let pixels = inputs.chunks(area).skip(channel).step_by(channels);
        pixels.flatten().copied().map(f64::from).collect::<Vec<_>>()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let channels: Vec<_> = (0..channels).map(of_channel).collect();
    let means: Vec<_> = channels.iter().map(|values| mean(values)).collect();
    let variances = channels.iter().zip(&means).map(|(values, mean)| {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        squares / (values.len() - 1) as f64
    });
    let running = |index: usize| tensors[index].values.iter().copied().map(f64::from).collect();
    [
        running(2),
        means.iter().map(|mean| 0.1 * mean).collect(),
        running(3),
        variances.map(|variance| 0.9 + 0.1 * variance).collect(),
    ]
}

/// A variance computed from sums of squares would be lost to rounding.
#[test]
fn variances_are_accurate_beside_a_far_larger_mean() {
    for text in ["17 | batchnorm | dense 3", "9x11x3 | batchnorm | dense 3"] {
        for offset in [0.0, 100.0, -1000.0] {
            let [means, expected_means, variances, expected_variances] = statistics_after_a_step(text, offset);
            let what = format!("{text}, {offset}");
            assert_close(&what, &means, &expected_means, Tolerance::new(1e-8, 3e-7));
            assert_close(&what, &variances, &expected_variances, Tolerance::new(0.0, 1e-5));
        }
    }
}

#[test]
fn an_epoch_takes_all_steps_including_the_smaller_last_one() {
    let network = trained("6 | dense 17 | relu | dense 4", 9);
    let (inputs, targets) = batch(&network, 12, 23);
    let mut by_epoch = Trainer::new(network.clone(), MOMENTUM, 8).unwrap();
    let mut by_step = by_epoch.clone();
    for epoch in 0..3 {
        let mut seen = Vec::new();
        let report = by_epoch.epoch(&mut Samples::new(&inputs, &targets), epoch, |_, step| {
            seen.push(*step);
            ControlFlow::Continue(())
        });
        let report = report.unwrap();
        let (mut loss, mut correct) = (0.0, 0);
        for (index, (inputs, targets)) in inputs.chunks(8 * 6).zip(targets.chunks(8)).enumerate() {
            let step = by_step.step(inputs, targets).unwrap();
            assert_eq!(step, seen[index]);
            loss += f64::from(step.loss) * targets.len() as f64;
            correct += step.correct.unwrap();
        }
        assert_eq!((seen.len(), report.samples, report.stopped), (3, 23, false));
        assert_close(
            "loss",
            &[report.loss.unwrap()],
            &[loss / 23.0],
            Tolerance::new(0.0, 1e-12),
        );
        assert_eq!(report.accuracy, Some(correct as f64 / 23.0));
    }
    assert_eq!((by_epoch.steps(), by_step.steps()), (9, 9));
    assert_same_bits(
        "weights",
        &parameters(by_epoch.network()),
        &parameters(by_step.network()),
    );
}

#[test]
fn a_callback_can_end_an_epoch() {
    let network = trained("6 | dense 4", 10);
    let (inputs, targets) = batch(&network, 13, 40);
    let mut trainer = Trainer::new(network, Sgd::new(0.1), 8).unwrap();
    let mut left = 2;
    let stop_at_second = |_: &Trainer, _: &BatchReport| {
        left -= 1;
        if left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let report = trainer
        .epoch(&mut Samples::new(&inputs, &targets), 0, stop_at_second)
        .unwrap();
    assert_eq!((report.samples, report.stopped, trainer.steps()), (16, true, 2));
    assert_eq!(report.next, Cursor { epoch: 0, batches: 2 });
    // All five batches were done before.
    let done = Cursor { epoch: 1, batches: 5 };
    let nothing = trainer
        .epoch_from(&mut Samples::new(&inputs, &targets), done, |_, _| {
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((nothing.samples, nothing.loss, nothing.accuracy), (0, None, None));
    assert_eq!(nothing.next, Cursor { epoch: 2, batches: 0 });
}

#[test]
fn a_report_describes_the_network_before_the_step() {
    let network = trained("6 | dense 17 | relu | dense 4", 11);
    let (inputs, targets) = batch(&network, 14, 9);
    let (loss, pass) = NaiveNetwork::new(network.spec(), &network.tensors()).loss(&inputs, &targets);
    let largest = |logits: &[f64]| (0..4).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
    let correct = pass
        .logits
        .chunks(4)
        .zip(&targets)
        .filter(|(logits, target)| largest(logits) == **target)
        .count();

    let evaluation = evaluate(
        &network,
        &mut Samples::new(&inputs, &targets),
        &CrossEntropy::new(),
        &mut Workspace::new(&network, 4).unwrap(),
    );
    let evaluation = evaluation.unwrap();
    assert_close("evaluation", &[evaluation.loss], &[loss], Tolerance::new(0.0, 1e-6));
    assert_eq!((evaluation.correct, evaluation.count), (Some(correct), 9));
    assert_eq!(evaluation.accuracy, Some(correct as f64 / 9.0));

    let report = Trainer::new(network, Sgd::new(0.5), 9)
        .unwrap()
        .step(&inputs, &targets)
        .unwrap();
    assert_close("report", &[report.loss], &[loss], Tolerance::new(0.0, 1e-6));
    assert_eq!(report.correct, Some(correct));
}

#[test]
fn a_learning_rate_of_0_changes_nothing_and_a_new_one_counts_from_the_next_step() {
    let network = trained("6 | dense 17 | relu | dense 4", 12);
    let (inputs, targets) = batch(&network, 15, 9);
    let before = parameters(&network);
    for sgd in [
        Sgd::new(0.0),
        Sgd {
            learning_rate: 0.0,
            ..MOMENTUM
        },
    ] {
        let mut trainer = Trainer::new(network.clone(), sgd, 9).unwrap();
        trainer.step(&inputs, &targets).unwrap();
        assert_same_bits("weights", &parameters(trainer.network()), &before);
        trainer.set_learning_rate(0.25).unwrap();
        assert_eq!(trainer.optimizer().learning_rate(), 0.25);
        trainer.step(&inputs, &targets).unwrap();
        assert_ne!(parameters(&trainer.into_network()), before);
    }
}

#[test]
fn mnist_from_scratch() {
    let mnist = Mnist::embedded().unwrap();
    let mut training = Batches::new(&mnist.train, 64, 1, Scaling::MNIST).unwrap();
    let mut test = Batches::in_order(&mnist.test, 64, Scaling::MNIST).unwrap();
    let network = network("28x28x1 | dense 64 | relu | dense 10", 1);
    let mut trainer = Trainer::new(network, MOMENTUM, 64).unwrap();
    for (epoch, learning_rate) in [(0, 0.05), (1, 0.05), (2, 0.01)] {
        trainer.set_learning_rate(learning_rate).unwrap();
        let report = trainer
            .epoch(&mut training, epoch, |_, _| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!((report.samples, report.stopped), (60_000, false));
    }
    let evaluation = trainer.evaluate(&mut test).unwrap();
    assert_eq!(evaluation.count, 10_000);
    assert!(evaluation.accuracy >= Some(0.97), "{evaluation:?}");
}
