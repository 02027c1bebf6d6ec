//! Losses and targets: golden values from PyTorch, weights, accumulation, own losses, evaluation, and mistakes.

use std::{ops::ControlFlow, sync::Arc};

use nn_core::{
    Error, Evaluation, LayerRegistry, Loss, Network, Samples, Target, Targets, Tensor, Trainer, Workspace, evaluate,
    evaluate_with, gradients,
    loss::{BinaryCrossEntropy, CrossEntropy, Huber, MeanAbsoluteError, MeanSquaredError},
    metrics::{AbsoluteError, Confusion},
    optim::{Adam, Optimizer, Sgd},
    source,
};
use tests::{
    close::{Tolerance, assert_close, assert_same_bits},
    data::{assert_error, batch, on_kernels, parameters, trained, values},
    golden::Golden,
    threads::assert_same_on_any_threads,
};

const OUTPUTS: usize = 5;

/// The losses of `golden/make_losses.py`, and their targets.
fn golden_cases(golden: &Golden) -> Vec<(&'static str, Box<dyn Loss>, &'static str)> {
    let class_weights = golden.inputs("batch.class_weights");
    let weighted = CrossEntropy::new().with_class_weights(class_weights);
    let smoothed = weighted.clone().with_label_smoothing(0.2);
    let binary = BinaryCrossEntropy::new().with_positive_weights(golden.inputs("batch.positive_weights"));
    vec![
        ("plain", Box::new(CrossEntropy::new()), "classes"),
        (
            "smoothed",
            Box::new(CrossEntropy::new().with_label_smoothing(0.2)),
            "classes",
        ),
        (
            "ignored",
            Box::new(CrossEntropy::new().with_ignored_class(2)),
            "classes",
        ),
        ("weighted", Box::new(weighted), "classes"),
        ("all", Box::new(smoothed.clone().with_ignored_class(2)), "classes"),
        ("probabilities", Box::new(CrossEntropy::new()), "probabilities"),
        ("probabilities-weighted", Box::new(smoothed), "probabilities"),
        ("binary", Box::new(BinaryCrossEntropy::new()), "labels"),
        ("binary-soft", Box::new(BinaryCrossEntropy::new()), "probabilities"),
        ("binary-weighted", Box::new(binary), "labels"),
        ("squared", Box::new(MeanSquaredError), "values"),
        ("squared-classes", Box::new(MeanSquaredError), "classes"),
        ("absolute", Box::new(MeanAbsoluteError), "values"),
        ("huber", Box::new(Huber::new(0.75)), "values"),
    ]
}

/// The network of `golden/make_losses.py`.
fn golden_network(golden: &Golden) -> Network {
    let mut network = Network::zeroed("4 | dense 5".parse().unwrap()).unwrap();
    let tensor = |name: &str, file: &str, shape: &[usize]| Tensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        values: golden.inputs(&format!("batch.{file}")),
    };
    let tensors = [
        tensor("0.weight", "weight", &[OUTPUTS, 4]),
        tensor("0.bias", "bias", &[OUTPUTS]),
    ];
    network.set_tensors(&tensors).unwrap();
    network
}

#[test]
fn each_loss_is_as_in_pytorch_with_and_without_sample_weights() {
    let golden = Golden::of("losses.safetensors");
    let (inputs, sample_weights) = (golden.inputs("batch.inputs"), golden.inputs("batch.sample_weights"));
    for (name, loss, targets) in golden_cases(&golden) {
        let (classes, values) = (
            golden.classes("batch.classes"),
            golden.inputs(&format!("batch.{targets}")),
        );
        let targets = if targets == "classes" {
            Targets::classes(&classes)
        } else {
            Targets::values(&values)
        };
        for (suffix, targets) in [
            ("", targets),
            (".sample-weights", targets.with_weights(&sample_weights)),
        ] {
            for (kernel, network) in on_kernels(&golden_network(&golden)) {
                let case = format!("{name}{suffix}");
                let found = gradients(&network, &inputs, targets, &*loss).unwrap();
                let what = format!("{case}, {kernel}");
                assert_close(&what, &[found.loss], &golden.values(&case), Tolerance::new(0.0, 1e-6));
                golden.assert_tensors(&case, &found.tensors, Tolerance::new(2e-7, 2e-6));
            }
        }
    }
}

#[test]
fn each_loss_is_as_in_pytorch_for_extreme_outputs() {
    let golden = Golden::of("losses.safetensors");
    let losses: [(&str, &dyn Loss); 4] = [
        ("binary", &BinaryCrossEntropy::new()),
        ("squared", &MeanSquaredError),
        ("absolute", &MeanAbsoluteError),
        ("huber", &Huber::new(0.75)),
    ];
    for (name, loss) in losses {
        let case = |value: &str| format!("extreme.{name}.{value}");
        let (outputs, targets) = (golden.inputs(&case("outputs")), golden.inputs(&case("targets")));
        let mut gradient = vec![f32::NAN; outputs.len()];
        let found = loss.of_sample(&outputs, Target::Values(&targets), &mut gradient);
        assert_close(name, &[found], &golden.values(&case("loss")), Tolerance::new(0.0, 1e-6));
        assert_close(
            name,
            &gradient,
            &golden.values(&case("gradient")),
            Tolerance::new(1e-9, 1e-6),
        );
    }
}

/// A trainer's own way to divide a batch into parts must not show.
#[test]
fn values_and_weights_give_the_same_bits_on_any_number_of_threads() {
    let network = trained("40 | dense 100 | relu | dense 30 | relu | dense 6", 1);
    let (inputs, targets) = (values(2, 150 * 40), values(3, 150 * 6));
    let weights: Vec<f32> = values(4, 150).iter().map(|value| value.abs()).collect();
    assert_same_on_any_threads("regression", || {
        let trainer = Trainer::new(network.clone(), Adam::new(0.01), 150).unwrap();
        let mut trainer = trainer.with_loss(Huber::new(0.5)).unwrap();
        for _ in 0..5 {
            let targets = Targets::values(&targets).with_weights(&weights);
            trainer.step(&inputs, targets).unwrap();
        }
        parameters(trainer.network())
    });
}

#[test]
fn a_weight_of_two_is_a_sample_twice_and_a_weight_of_zero_is_none() {
    let network = trained("3 | dense 5 | relu | dense 4", 2);
    let (inputs, targets) = batch(&network, 5, 3);
    let weighted = Targets::classes(&targets).with_weights(&[1.0, 2.0, 0.0]);
    let found = gradients(&network, &inputs, weighted, &CrossEntropy::new()).unwrap();
    let repeated = [&inputs[..3], &inputs[3..6], &inputs[3..6]].concat();
    let targets = [targets[0], targets[1], targets[1]];
    let expected = gradients(&network, &repeated, &targets, &CrossEntropy::new()).unwrap();
    assert_close(
        "loss",
        &[found.loss],
        &[f64::from(expected.loss)],
        Tolerance::new(0.0, 1e-6),
    );
    for (found, expected) in found.tensors.iter().zip(&expected.tensors) {
        let expected: Vec<f64> = expected.values.iter().copied().map(f64::from).collect();
        assert_close(&found.name, &found.values, &expected, Tolerance::new(1e-7, 1e-6));
    }
}

#[test]
fn reports_leave_out_samples_without_weight() {
    let network = trained("3 | dense 4", 3);
    let (inputs, _) = batch(&network, 6, 4);
    let classes = network.classes(&inputs).unwrap();
    let wrong = (classes[1] + 1) % 4;
    let targets = [classes[0], wrong, 255, classes[3]];
    let loss = CrossEntropy::new().with_ignored_class(255);
    let trainer = Trainer::new(network.clone(), Sgd::new(0.1), 4).unwrap();
    let mut trainer = trainer.with_loss(loss).unwrap();
    let targets = Targets::classes(&targets).with_weights(&[1.0, 0.5, 1.0, 0.0]);
    let evaluation = trainer.evaluate(&mut Samples::new(&inputs, targets)).unwrap();
    assert_eq!((evaluation.correct, evaluation.count), (Some(1), 2));
    let report = trainer.step(&inputs, targets).unwrap();
    assert_eq!((report.correct, report.samples, report.weight), (Some(1), 2, 1.5));
    assert_close("loss", &[report.loss], &[evaluation.loss], Tolerance::new(0.0, 1e-6));
}

// ------------------------------------------------------------------------------------------------ accumulation

const PARTS: [usize; 4] = [16, 7, 1, 24];
const ALL: usize = 48;

fn optimizers() -> [Optimizer; 3] {
    let momentum = Sgd {
        momentum: 0.9,
        ..Sgd::new(0.05)
    };
    [Sgd::new(0.1).into(), momentum.into(), Adam::new(0.01).into()]
}

/// Calls `each` with the range of each part.
fn parts(mut each: impl FnMut(std::ops::Range<usize>)) {
    let mut start = 0;
    for part in PARTS {
        each(start..start + part);
        start += part;
    }
}

#[test]
fn accumulated_parts_make_the_step_of_one_large_batch() {
    for text in [
        "5 | dense 17 | relu | dropout 0.25 | dense 4",
        "7x6x2 | conv 9 3x3 pad 1 | relu | maxpool 2 | dropout 0.25 | dense 4",
    ] {
        let network = trained(text, 4);
        let (inputs, targets) = batch(&network, 7, ALL);
        let weights: Vec<f32> = values(8, ALL).iter().map(|value| 1.0 + value).collect();
        let input = network.spec().input().len();
        for (optimizer, max_norm) in optimizers().into_iter().flat_map(|o| [(o, None), (o, Some(0.1))]) {
            let trainer = Trainer::new(network.clone(), optimizer, ALL).unwrap();
            let mut whole = trainer.with_average(0.5).unwrap();
            if let Some(max_norm) = max_norm {
                whole = whole.with_clipping(max_norm).unwrap();
            }
            let mut by_parts = whole.clone();
            for step in 0..3 {
                let what = format!("{text}, {optimizer:?}, {max_norm:?}, step {step}");
                let all = Targets::classes(&targets).with_weights(&weights);
                let expected = whole.step(&inputs, all).unwrap();
                parts(|range| {
                    let inputs = &inputs[range.start * input..range.end * input];
                    let part = Targets::classes(&targets[range.clone()]).with_weights(&weights[range.clone()]);
                    // The last part is given to `step` or to `accumulate`.
                    if range.end == ALL && step == 1 {
                        by_parts.step(inputs, part).unwrap();
                    } else {
                        by_parts.accumulate(inputs, part).unwrap();
                    }
                });
                if step != 1 {
                    let report = by_parts.apply().unwrap();
                    assert_close(
                        &what,
                        &[report.loss],
                        &[f64::from(expected.loss)],
                        Tolerance::new(0.0, 1e-6),
                    );
                    assert_eq!((report.correct, report.samples), (expected.correct, expected.samples));
                }
                assert_eq!(by_parts.steps(), whole.steps(), "{what}");
                for (found, expected) in [
                    (by_parts.network(), whole.network()),
                    (
                        &by_parts.averaged_network().unwrap(),
                        &whole.averaged_network().unwrap(),
                    ),
                ] {
                    let expected: Vec<f64> = parameters(expected).into_iter().map(f64::from).collect();
                    assert_close(&what, &parameters(found), &expected, Tolerance::new(2e-6, 1e-5));
                }
            }
        }
    }
}

#[test]
fn accumulation_in_an_epoch_steps_at_each_group_of_batches_and_at_the_end() {
    let network = trained("5 | dense 17 | relu | dense 4", 5);
    let (inputs, targets) = batch(&network, 9, 41);
    let trainer = Trainer::new(network, Adam::new(0.01), 6).unwrap();
    let mut by_epoch = trainer.clone().with_accumulation(3).unwrap();
    let mut seen = Vec::new();
    let report = by_epoch.epoch(&mut Samples::new(&inputs, &targets), 0, |_, step| {
        seen.push(step.samples);
        ControlFlow::Continue(())
    });
    // Seven batches: 6·6 + 5 samples.
    assert_eq!(
        (seen, by_epoch.steps(), report.unwrap().samples),
        (vec![18, 18, 5], 3, 41)
    );
    let mut by_hand = trainer;
    for (index, (inputs, targets)) in inputs.chunks(6 * 5).zip(targets.chunks(6)).enumerate() {
        by_hand.accumulate(inputs, targets).unwrap();
        if index % 3 == 2 || index == 6 {
            by_hand.apply().unwrap();
        }
    }
    assert_same_bits(
        "weights",
        &parameters(by_epoch.network()),
        &parameters(by_hand.network()),
    );
    let bytes = by_epoch.checkpoint(Default::default()).unwrap();
    let (resumed, _) = Trainer::resume_from(&bytes, 6).unwrap();
    assert!(resumed.checkpoint(Default::default()).unwrap() == bytes);
}

#[test]
fn a_failed_part_is_not_added_and_a_failed_epoch_leaves_nothing() {
    let network = trained("5 | dense 4", 6);
    let (inputs, targets) = batch(&network, 10, 8);
    let trainer = Trainer::new(network, Adam::new(0.01), 8).unwrap();
    let mut good = trainer.clone();
    good.accumulate(&inputs, &targets).unwrap();
    let mut failing = good.clone();
    let nan = vec![f32::NAN; inputs.len()];
    assert_error(failing.accumulate(&nan, &targets), &["sample 0", "NaN"]);
    assert_error(failing.accumulate(&inputs, &[9; 8]), &["target 9"]);
    assert_error(
        failing.checkpoint(Default::default()),
        &["batches: 1", "Trainer::apply"],
    );
    assert_eq!(failing.apply().unwrap(), good.apply().unwrap());
    assert_same_bits("weights", &parameters(failing.network()), &parameters(good.network()));
    assert_error(failing.apply(), &["accumulated batches = 0", "accumulate"]);

    let mut epoch = trainer.clone().with_accumulation(4).unwrap();
    let mut half = source::from_fn(|cursor, batch| {
        if cursor.batches > 0 {
            return Err("the file ends early".into());
        }
        Ok(batch.push(&inputs[..5], targets[0])?)
    });
    let outcome = epoch.epoch(&mut half, 0, |_, _| ControlFlow::Continue(()));
    assert_error(outcome, &["data source failed", "the file ends early"]);
    assert_error(epoch.apply(), &["accumulated batches = 0"]);
    assert_error(trainer.with_accumulation(0), &["accumulation = 0"]);
}

// --------------------------------------------------------------------------------------------------- own losses

/// The built-in loss, as a user would write it.
#[derive(Debug)]
struct Squared;

impl Loss for Squared {
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
        let count = outputs.len() as f32;
        let mut loss = 0.0;
        for (index, (z, dz)) in outputs.iter().zip(gradient).enumerate() {
            let error = z - target.value(index);
            loss += error * error / count;
            *dz = 2.0 * error / count;
        }
        loss
    }
}

#[test]
fn an_own_loss_trains_like_the_same_built_in_one() {
    let network = trained("5 | dense 17 | relu | dense 4", 7);
    let (inputs, classes) = batch(&network, 11, 8);
    let numbers = values(12, 8 * 4);
    for targets in [Targets::classes(&classes), Targets::values(&numbers)] {
        let trainer = || Trainer::new(network.clone(), Sgd::new(0.1), 8).unwrap();
        let mut own = trainer().with_loss(Squared).unwrap();
        let mut built_in = trainer().with_loss(MeanSquaredError).unwrap();
        for _ in 0..5 {
            let (found, expected) = (
                own.step(&inputs, targets).unwrap(),
                built_in.step(&inputs, targets).unwrap(),
            );
            assert_close(
                "loss",
                &[found.loss],
                &[f64::from(expected.loss)],
                Tolerance::new(0.0, 1e-5),
            );
        }
        let expected: Vec<f64> = parameters(built_in.network()).into_iter().map(f64::from).collect();
        assert_close(
            "weights",
            &parameters(own.network()),
            &expected,
            Tolerance::new(1e-6, 1e-5),
        );
    }
}

/// The squared error of the outputs, with a value of its own for the loss or for the last gradient of class 1.
#[derive(Clone, Copy, Debug)]
struct Broken {
    loss: Option<f32>,
    gradient: Option<f32>,
}

impl Loss for Broken {
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
        let loss = MeanSquaredError.of_sample(outputs, target, gradient);
        if target.class() != Some(1) {
            return loss;
        }
        if let (Some(value), Some(last)) = (self.gradient, gradient.last_mut()) {
            *last = value;
        }
        self.loss.unwrap_or(loss)
    }
}

#[test]
fn an_own_loss_or_gradient_that_is_not_finite_is_refused_and_changes_nothing() {
    let network = trained("5 | dense 17 | relu | dense 4", 7);
    let (inputs, mut classes) = batch(&network, 11, 40);
    classes.fill(3);
    classes[26] = 1;
    for optimizer in optimizers() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for (loss, gradient) in [(Some(value), None), (None, Some(value))] {
                let broken = Broken { loss, gradient };
                let trainer = Trainer::new(network.clone(), optimizer, 40).unwrap();
                let mut trainer = trainer.with_loss(broken).unwrap();
                let what = match loss {
                    Some(value) => format!("is {value}"),
                    None => format!("has the gradient {value} for output 3"),
                };
                let parts = ["sample 26", "the loss Broken", &what, "of your own"];
                let before = trainer.checkpoint(Default::default()).unwrap();
                assert_error(trainer.step(&inputs, &classes), &parts);
                assert_error(trainer.accumulate(&inputs, &classes), &parts);
                assert!(trainer.checkpoint(Default::default()).unwrap() == before, "{broken:?}");
            }
        }
    }
    // Targets beyond the range of f32 are named as such.
    let trainer = Trainer::new(network, Sgd::new(0.1), 1).unwrap();
    let mut trainer = trainer.with_loss(MeanSquaredError).unwrap();
    let outcome = trainer.step(&inputs[..5], &[0.0, 1e30, 0.0, 0.0]);
    assert_error(outcome, &["sample 0", "MeanSquaredError is inf", "scale the targets"]);
}

#[test]
fn a_run_with_an_own_loss_resumes_with_that_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let network = trained("5 | dense 4", 8);
    let (inputs, targets) = batch(&network, 13, 8);
    let trainer = Trainer::new(network, Adam::new(0.01), 8).unwrap();
    let mut trainer = trainer.with_loss(Squared).unwrap();
    trainer.step(&inputs, &targets).unwrap();
    trainer.save_checkpoint(&path, Default::default()).unwrap();
    assert_error(
        Trainer::resume(&path, 8),
        &["run.safetensors", "\"Squared\"", "resume_with"],
    );
    assert_error(
        Trainer::resume_with(&path, 8, &LayerRegistry::new(), Some(Arc::new(MeanAbsoluteError))),
        &["Squared", "MeanAbsoluteError was given"],
    );
    let (mut resumed, _) = Trainer::resume_with(&path, 8, &LayerRegistry::new(), Some(Arc::new(Squared))).unwrap();
    assert_eq!(
        resumed.step(&inputs, &targets).unwrap(),
        trainer.step(&inputs, &targets).unwrap()
    );
    assert_same_bits(
        "weights",
        &parameters(resumed.network()),
        &parameters(trainer.network()),
    );
}

// --------------------------------------------------------------------------------------------- dropout, gradients

#[test]
fn gradients_leave_dropout_out_or_seed_it_as_the_next_step_does() {
    let network = trained("20 | dense 40 | relu | dropout 0.5 | dense 4", 9);
    let without = trained("20 | dense 40 | relu | dense 4", 9);
    let (inputs, targets) = batch(&network, 14, 8);
    let values = |tensors: &[Tensor]| -> Vec<f32> { tensors.iter().flat_map(|t| t.values.clone()).collect() };
    let mut plain = without.clone();
    let mut tensors = network.tensors();
    tensors[2].name = "2.weight".to_owned();
    tensors[3].name = "2.bias".to_owned();
    plain.set_tensors(&tensors).unwrap();
    let found = gradients(&network, &inputs, &targets, &CrossEntropy::new()).unwrap();
    let expected = gradients(&plain, &inputs, &targets, &CrossEntropy::new()).unwrap();
    assert_same_bits("without dropout", &values(&found.tensors), &values(&expected.tensors));

    // A step of plain SGD with a rate of 1 subtracts the gradient.
    let mut trainer = Trainer::new(network, Sgd::new(1.0), 8).unwrap().with_seed(3);
    let mut masks = Vec::new();
    for step in 0..3 {
        let before = parameters(trainer.network());
        let gradients = trainer.gradients(&inputs, &targets).unwrap();
        let report = trainer.step(&inputs, &targets).unwrap();
        assert_eq!(gradients.loss, report.loss);
        let expected: Vec<f64> = before
            .iter()
            .zip(values(&gradients.tensors))
            .map(|(parameter, gradient)| f64::from(*parameter) - f64::from(gradient))
            .collect();
        let what = format!("step {step}");
        assert_close(
            &what,
            &parameters(trainer.network()),
            &expected,
            Tolerance::new(1e-6, 1e-6),
        );
        masks.push(
            gradients.tensors[1]
                .values
                .iter()
                .map(|&g| g == 0.0)
                .collect::<Vec<_>>(),
        );
    }
    assert!(
        masks[0] != masks[1] && masks[1] != masks[2],
        "each step drops other units"
    );
}

// ---------------------------------------------------------------------------------------------------- evaluation

#[test]
fn evaluation_has_the_loss_of_training_and_shows_each_sample_to_metrics() {
    let network = trained("5 | dense 17 | relu | dense 4", 10);
    let (inputs, targets) = batch(&network, 15, 23);
    for loss in [CrossEntropy::new(), CrossEntropy::new().with_label_smoothing(0.3)] {
        let trainer = Trainer::new(network.clone(), Sgd::new(0.1), 23).unwrap();
        let mut trainer = trainer.with_loss(loss.clone()).unwrap();
        let mut samples = Samples::new(&inputs, &targets);
        let mut confusion = Confusion::new(4);
        // Batches of another size give the same.
        let mut workspace = Workspace::new(&network, 7).unwrap();
        let add = |outputs: &[f32], target: Target<'_>| confusion.add(outputs, target);
        let evaluation = evaluate_with(&network, &mut samples, &loss, &mut workspace, add).unwrap();
        assert_eq!(trainer.evaluate(&mut samples).unwrap(), evaluation);
        assert_eq!(confusion.accuracy(), evaluation.accuracy);
        assert_eq!((confusion.count(), evaluation.count), (23, 23));
        let report = trainer.step(&inputs, &targets).unwrap();
        assert_close("loss", &[report.loss], &[evaluation.loss], Tolerance::new(0.0, 1e-6));
        assert_eq!(evaluation.correct, report.correct);
    }
    let numbers = values(16, 23 * 4);
    let mut error = AbsoluteError::default();
    let add = |outputs: &[f32], target: Target<'_>| error.add(outputs, target);
    let mut workspace = Workspace::new(&network, 7).unwrap();
    let mut samples = Samples::new(&inputs, &numbers);
    let evaluation = evaluate_with(&network, &mut samples, &MeanAbsoluteError, &mut workspace, add).unwrap();
    let Evaluation { accuracy, correct, .. } = evaluation;
    assert_eq!((accuracy, correct), (None, None));
    assert_close(
        "mean",
        &[error.mean().unwrap()],
        &[evaluation.loss],
        Tolerance::new(0.0, 1e-6),
    );
}

#[test]
fn an_empty_epoch_or_evaluation_is_an_error() {
    let network = trained("5 | dense 4", 11);
    let mut trainer = Trainer::new(network.clone(), Sgd::new(0.1), 8).unwrap();
    let none = || Samples::new(&[], Targets::classes(&[]));
    let outcome = trainer.epoch(&mut none(), 3, |_, _| ControlFlow::Continue(()));
    assert!(matches!(outcome, Err(Error::NoSamples { epoch: 3 })));
    assert_error(outcome, &["no samples in epoch 3"]);
    assert_error(trainer.evaluate(&mut none()), &["no samples"]);
    let mut workspace = Workspace::new(&network, 8).unwrap();
    let outcome = evaluate(&network, &mut none(), &CrossEntropy::new(), &mut workspace);
    assert_error(outcome, &["no samples"]);
    let ignoring = CrossEntropy::new().with_ignored_class(1);
    let mut ignored = Samples::new(&[0.0; 5], &[1]);
    let outcome = evaluate(&network, &mut ignored, &ignoring, &mut workspace);
    assert_error(outcome, &["batch of 1 sample add up to 0"]);
}

/// Prediction in parts gives the same bits as one sample at a time.
#[test]
fn predictions_of_a_large_set_are_those_of_its_samples() {
    let network = trained("5 | dense 17 | relu | dense 4", 12);
    let (inputs, _) = batch(&network, 17, 600);
    let outputs = network.predict(&inputs).unwrap();
    let singly: Vec<f32> = inputs
        .chunks(5)
        .flat_map(|input| network.predict(input).unwrap())
        .collect();
    assert_same_bits("outputs", &outputs, &singly);
    let (probabilities, classes) = (
        network.probabilities(&inputs).unwrap(),
        network.classes(&inputs).unwrap(),
    );
    assert_eq!(classes.len(), 600);
    for ((outputs, probabilities), class) in outputs.chunks(4).zip(probabilities.chunks(4)).zip(classes) {
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(
            (nn_core::loss::argmax(outputs), nn_core::loss::argmax(probabilities)),
            (class, class)
        );
    }
}

// ------------------------------------------------------------------------------------------------------ mistakes

#[test]
fn targets_that_a_loss_does_not_take_are_refused_with_a_remedy() {
    let network = trained("3 | dense 2", 13);
    let inputs = [0.5; 6];
    let cross_entropy: Box<dyn Loss> = Box::new(CrossEntropy::new());
    let classes = Targets::classes(&[0, 1]);
    let nan = [0.0, f32::NAN, 0.0, 1.0];
    for (loss, targets, message) in [
        (
            &cross_entropy,
            Targets::values(&[0.5, 0.5, 1.5, -0.5]),
            &["sample 1", "output 1 is -0.5", "MeanSquared"][..],
        ),
        (
            &cross_entropy,
            Targets::values(&[0.5, 0.5, 0.7, 0.7]),
            &["sample 1", "add up to 1.4", "probabilities"],
        ),
        (&cross_entropy, Targets::values(&nan), &["sample 0", "output 1 is NaN"]),
        (
            &cross_entropy,
            Targets::values(&[0.5, 0.5]),
            &["expected 4", "2 outputs", "usize"],
        ),
        (
            &cross_entropy,
            Targets::classes(&[0, 2]),
            &["sample 1", "target 2", "0 to 1"],
        ),
        (
            &cross_entropy,
            classes.with_weights(&[1.0]),
            &["sample weights", "expected 2"],
        ),
        (
            &cross_entropy,
            classes.with_weights(&[1.0, -1.0]),
            &["sample 1", "weight is -1", "at least 0"],
        ),
        (
            &cross_entropy,
            classes.with_weights(&[f32::NAN, 1.0]),
            &["sample 0", "weight is NaN"],
        ),
        (
            &cross_entropy,
            classes.with_weights(&[0.0, 0.0]),
            &["add up to 0", "above 0"],
        ),
        (
            &(Box::new(BinaryCrossEntropy::new()) as _),
            classes,
            &["class", "BinaryCrossEntropy", "f32"],
        ),
        (
            &(Box::new(BinaryCrossEntropy::new()) as _),
            Targets::values(&[0.0, 1.0, 2.0, 0.0]),
            &["is 2", "0 to 1"],
        ),
        (
            &(Box::new(MeanAbsoluteError) as _),
            classes,
            &["class", "MeanAbsoluteError", "f32"],
        ),
        (&(Box::new(Huber::default()) as _), classes, &["class", "Huber", "f32"]),
        (&(Box::new(MeanSquaredError) as _), Targets::values(&nan), &["NaN"]),
    ] {
        assert_error(gradients(&network, &inputs, targets, &**loss), message);
    }
    let single = trained("3 | dense 1", 13);
    assert_error(
        gradients(&single, &inputs, classes, &*cross_entropy),
        &["single output", "BinaryCrossEntropy"],
    );
}

#[test]
fn settings_of_losses_out_of_range_are_named() {
    let trainer = || Trainer::new(trained("3 | dense 2", 14), Sgd::new(0.1), 2).unwrap();
    for delta in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_error(
            trainer().with_loss(Huber::new(delta)),
            &["Huber delta", &delta.to_string()],
        );
    }
    let weights = |weights: &[f32]| CrossEntropy::new().with_class_weights(weights);
    assert_error(
        trainer().with_loss(weights(&[1.0])),
        &["class weights", "expected 2", "got 1"],
    );
    assert_error(
        trainer().with_loss(weights(&[1.0, -0.5])),
        &["class weight = -0.5", "at least 0"],
    );
    assert_error(trainer().with_loss(weights(&[1.0, f32::NAN])), &["class weight = NaN"]);
    let positive = BinaryCrossEntropy::new().with_positive_weights([1.0; 3]);
    assert_error(
        trainer().with_loss(positive),
        &["positive weights", "expected 2", "got 3"],
    );
}

/// A panic in a callback or a source does not break the trainer.
#[test]
fn a_panic_in_an_epoch_leaves_the_trainer_usable() {
    let network = trained("5 | dense 4", 15);
    let (inputs, targets) = batch(&network, 18, 8);
    let mut trainer = Trainer::new(network, Sgd::new(0.1), 4).unwrap();
    let mut samples = Samples::new(&inputs, &targets);
    let panicking = std::panic::AssertUnwindSafe(|| trainer.epoch(&mut samples, 0, |_, _| panic!("a callback")));
    assert!(std::panic::catch_unwind(panicking).is_err());
    let report = trainer
        .epoch(&mut samples, 1, |_, _| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((report.samples, trainer.steps()), (8, 3));
}

#[test]
fn one_output_and_nan_have_no_class() {
    let single = trained("3 | dense 1", 13);
    assert_error(single.classes(&[0.0; 3]), &["sigmoid"]);
    assert_error(single.probabilities(&[0.0; 3]), &["one output"]);

    // Losses that could only teach a single output nothing.
    let mut trainer = Trainer::new(single.clone(), Sgd::new(0.1), 4).unwrap();
    let parts = ["sample 0", "single output", "BinaryCrossEntropy", "MeanSquaredError"];
    assert_error(trainer.step(&[0.0; 3], &[0]), &parts);
    assert_error(trainer.step(&[0.0; 3], &[1.0]), &parts);
    assert_error(gradients(&single, &[0.0; 3], &[0], &CrossEntropy::new()), &parts);
    let mut trainer = trainer.with_loss(MeanSquaredError).unwrap();
    assert_error(trainer.step(&[0.0; 3], &[0]), &["target 0 is a class", "as f32"]);
    trainer.step(&[0.0; 3], &[0.0]).unwrap();
    assert_eq!(trainer.steps(), 1);

    let network = trained("3 | dense 2", 13);
    assert_error(network.classes(&[f32::NAN; 3]), &["NaN"]);
    let mut workspace = Workspace::new(&network, 4).unwrap();
    let mut samples = Samples::new(&[f32::NAN; 3], &[0]);
    let evaluation = evaluate(&network, &mut samples, &CrossEntropy::new(), &mut workspace).unwrap();
    assert!(evaluation.loss.is_nan());
    assert_eq!((evaluation.correct, evaluation.count), (Some(0), 1));
}

#[test]
fn a_batch_of_ignored_samples_is_skipped() {
    let network = trained("2 | dense 3", 3);
    let loss = CrossEntropy::new().with_ignored_class(2);
    let mut trainer = Trainer::new(network, Sgd::new(0.1), 2)
        .unwrap()
        .with_loss(loss)
        .unwrap();
    let inputs = values(4, 12);
    let mut samples = Samples::new(&inputs, &[0, 1, 2, 2, 1, 2]);
    let report = trainer
        .epoch(&mut samples, 0, |_, _| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((trainer.steps(), report.samples, report.next.epoch), (2, 3, 1));
    assert!(trainer.step(&inputs[..4], &[2, 2]).is_err());
    let mut ignored = Samples::new(&inputs[..4], &[2, 2]);
    let report = trainer
        .epoch(&mut ignored, 0, |_, _| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!((trainer.steps(), report.loss, report.samples), (2, None, 0));
}
