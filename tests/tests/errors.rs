//! Mistakes of the caller: each gives an error that names it, and changes nothing.

use std::{ops::ControlFlow, process::Command};

use nn_core::{
    BatchReport, Cursor, EpochReport, Error, Evaluation, Fit, FitProgress, Kernel, Network, Samples, Source, Targets,
    Trainer, Workspace, evaluate, gradients,
    loss::{CrossEntropy, softmax},
    optim::{Adam, OneCycle, Schedule, Sgd},
    source::{self, Batch, SourceResult},
};
use tests::{
    close::assert_same_bits,
    data::{assert_error, batch, on_kernels, parameters, trained},
};

const NETWORK: &str = "2x3x1 | dense 17 | relu | dense 4";
const BATCH: usize = 5;

fn network() -> Network {
    trained(NETWORK, 1)
}

/// A trainer after three steps, so that its momentum buffer is not zero.
fn trainer() -> Trainer {
    let (inputs, targets) = batch(&network(), 2, BATCH);
    let sgd = Sgd {
        momentum: 0.9,
        ..Sgd::new(0.1)
    };
    let mut trainer = Trainer::new(network(), sgd, BATCH).unwrap();
    for _ in 0..3 {
        trainer.step(&inputs, &targets).unwrap();
    }
    trainer
}

/// Asserts that a failed call has changed nothing: the next step gives what it would have given without it.
fn assert_unchanged(what: &str, trainer: &mut Trainer) {
    let mut expected = self::trainer();
    assert_eq!(trainer.steps(), expected.steps(), "{what}");
    assert_same_bits(what, &parameters(trainer.network()), &parameters(expected.network()));
    let (inputs, targets) = batch(trainer.network(), 3, BATCH);
    assert_eq!(
        trainer.step(&inputs, &targets).unwrap(),
        expected.step(&inputs, &targets).unwrap()
    );
    assert_same_bits(what, &parameters(trainer.network()), &parameters(expected.network()));
}

#[test]
fn sgd_settings_out_of_range_are_named() {
    let good = Sgd::new(0.1);
    for value in [-0.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let text = value.to_string();
        for (sgd, name) in [
            (
                Sgd {
                    learning_rate: value,
                    ..good
                },
                "learning rate",
            ),
            (
                Sgd {
                    weight_decay: value,
                    ..good
                },
                "weight decay",
            ),
            (
                Sgd {
                    momentum: value,
                    ..good
                },
                "momentum",
            ),
        ] {
            assert_error(Trainer::new(network(), sgd, BATCH), &[name, &text, "at least 0"]);
        }
        let mut trainer = trainer();
        assert_error(
            trainer.set_learning_rate(value),
            &["learning rate", &text, "at least 0"],
        );
        assert_eq!(trainer.optimizer().learning_rate(), 0.1);
        assert_unchanged(&text, &mut trainer);
    }
    for momentum in [1.0, 1.5] {
        let text = format!("momentum = {momentum}");
        assert_error(
            Trainer::new(network(), Sgd { momentum, ..good }, BATCH),
            &[&text, "less than 1"],
        );
    }
    let nesterov = Sgd { nesterov: true, ..good };
    assert_error(
        Trainer::new(network(), nesterov, BATCH),
        &["nesterov", "momentum above 0"],
    );
}

#[test]
fn adam_settings_out_of_range_are_named() {
    let good = Adam::new(0.1);
    for value in [-0.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for (adam, name) in [
            (
                Adam {
                    learning_rate: value,
                    ..good
                },
                "learning rate",
            ),
            (
                Adam {
                    weight_decay: value,
                    ..good
                },
                "weight decay",
            ),
            (Adam { epsilon: value, ..good }, "epsilon"),
            (Adam { beta1: value, ..good }, "beta1"),
            (Adam { beta2: value, ..good }, "beta2"),
        ] {
            assert_error(
                Trainer::new(network(), adam, BATCH),
                &[name, &value.to_string(), "at least 0"],
            );
        }
    }
    for (adam, name) in [
        (Adam { beta1: 1.0, ..good }, "beta1 = 1"),
        (Adam { beta2: 1.0, ..good }, "beta2 = 1"),
    ] {
        assert_error(Trainer::new(network(), adam, BATCH), &[name, "less than 1"]);
    }
}

#[test]
fn loss_schedule_clipping_and_average_settings_out_of_range_are_named() {
    for value in [-0.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let text = value.to_string();
        let smoothed = CrossEntropy::new().with_label_smoothing(value);
        assert_error(
            trainer().with_loss(smoothed),
            &["label smoothing", &text, "less than 1"],
        );
        assert_error(trainer().with_clipping(value), &["max_norm", &text, "above 0"]);
        assert_error(trainer().with_average(value), &["decay", &text, "less than 1"]);
        let steps = f64::from(value);
        let cycle = OneCycle::new(100);
        let (rise, first, last) = (
            OneCycle { rise: value, ..cycle },
            OneCycle {
                first_divisor: value,
                ..cycle
            },
            OneCycle {
                last_divisor: value,
                ..cycle
            },
        );
        for (schedule, name) in [
            (Schedule::step(3, value), "step factor"),
            (Schedule::exponential(value), "exponential factor"),
            (Schedule::cosine(10.0, value), "cosine lowest"),
            (Schedule::cosine(steps, 0.0), "cosine steps"),
            (Schedule::constant().with_warm_up(steps, 0.0), "warm-up steps"),
            (Schedule::constant().with_warm_up(10.0, value), "warm-up from"),
            (rise.into(), "one-cycle rise"),
            (first.into(), "one-cycle first divisor"),
            (last.into(), "one-cycle last divisor"),
        ] {
            assert_error(trainer().with_schedule(schedule), &[name, &text, "it has to be"]);
        }
    }
    let most = CrossEntropy::new().with_label_smoothing(1.0);
    assert_error(trainer().with_loss(most), &["label smoothing = 1"]);
    assert_error(trainer().with_clipping(0.0), &["max_norm = 0"]);
    assert_error(trainer().with_average(1.0), &["decay = 1"]);
    assert_error(trainer().with_schedule(Schedule::step(0, 0.5)), &["step every = 0"]);
    for steps in [0, 1, 3] {
        let text = format!("of {steps} steps");
        assert_error(
            trainer().with_schedule(OneCycle::new(steps)),
            &["one-cycle rise", &text],
        );
    }
}

#[test]
fn an_overflowing_schedule_is_an_error_that_changes_nothing() {
    let (inputs, targets) = batch(&network(), 2, BATCH);
    let growing = trainer().with_schedule(Schedule::exponential(1e19));
    let mut growing = growing.unwrap();
    assert_error(growing.step(&inputs, &targets), &["learning rate = inf"]);
    let mut trainer = growing.with_schedule(Schedule::constant()).unwrap();
    assert_unchanged("a rate out of range", &mut trainer);
}

#[test]
fn gradients_too_large_to_clip_are_an_error_that_changes_nothing() {
    let mut network = trained("2 | dense 1 | dense 2", 1);
    let mut tensors = network.tensors();
    for (tensor, value) in tensors.iter_mut().zip([0.0, 0.0, 1e10, 0.0]) {
        tensor.values.fill(value);
    }
    tensors[2].values[0] = -1e10;
    network.set_tensors(&tensors).unwrap();
    let trainer = Trainer::new(network, Adam::new(0.1), 1).unwrap();
    let mut trainer = trainer.with_clipping(1.0).unwrap();
    let error = trainer.step(&[3e38, 3e38], &[0]).unwrap_err();
    assert!(matches!(error, Error::GradientNorm { step: 0, .. }), "{error}");
    assert_error(Err::<(), _>(error), &["norm", "step 0", "0.1", "very large"]);
    assert_eq!((trainer.steps(), trainer.network().tensors()), (0, tensors));
}

/// A source that reports a wrong number of samples.
struct WrongCount(usize);

impl Source for WrongCount {
    fn start_epoch(&mut self, _epoch: u64) -> SourceResult {
        Ok(())
    }

    fn next_batch(&mut self, batch: &mut Batch) -> SourceResult {
        batch.fill_classes(|_, _| self.0)?;
        Ok(())
    }
}

#[test]
fn a_source_that_reports_too_many_samples_is_an_error() {
    for reported in [BATCH + 1, usize::MAX] {
        let message = [&*format!("reports {reported}"), "room for 5"];
        let mut trainer = trainer();
        let outcome = trainer.epoch(&mut WrongCount(reported), 0, |_, _| ControlFlow::Continue(()));
        assert_error(outcome, &message);
        assert_unchanged("a wrong count", &mut trainer);
        assert_error(evaluated(&network(), &mut WrongCount(reported)), &message);
    }
}

/// Evaluates with the default loss, in a workspace for `BATCH` samples.
fn evaluated(network: &Network, source: &mut impl Source) -> Result<Evaluation, Error> {
    let mut workspace = Workspace::new(network, BATCH).unwrap();
    evaluate(network, source, &CrossEntropy::new(), &mut workspace)
}

#[test]
fn evaluation_in_an_empty_workspace_is_an_error() {
    let (inputs, targets) = batch(&network(), 2, BATCH);
    let mut workspace = Workspace::new(&network(), 0).unwrap();
    let outcome = evaluate(
        &network(),
        &mut Samples::new(&inputs, &targets),
        &CrossEntropy::new(),
        &mut workspace,
    );
    assert_error(outcome, &["capacity = 0", "at least one sample"]);
}

#[test]
fn empty_and_huge_batches_are_refused() {
    assert_error(
        Trainer::new(network(), Sgd::new(0.1), 0),
        &["batch = 0", "at least one"],
    );
    for batch in [usize::MAX, usize::MAX / 8, 1 << 60, 1 << 45] {
        assert_error(Workspace::new(&network(), batch), &["batch", &batch.to_string()]);
        assert_error(
            Workspace::for_training(&network(), batch),
            &["batch", &batch.to_string()],
        );
        assert_error(
            Trainer::new(network(), Sgd::new(0.1), batch),
            &["batch", &batch.to_string()],
        );
    }
}

/// The im2col scratch memory of a fused pooling window: 32 times 4,096 × 32,768 values.
#[test]
fn huge_scratch_memory_is_refused() {
    let network = trained("4099x32775x1 | conv 1 4x8 | maxpool 4096 | dense 2", 1);
    assert_error(Workspace::new(&network, 1), &["batch = 1", "16 GiB"]);
    assert_error(Trainer::new(network, Sgd::new(0.1), 1), &["batch = 1", "16 GiB"]);
}

#[test]
fn inputs_and_targets_of_wrong_lengths_are_refused_and_change_nothing() {
    let (inputs, targets) = batch(&network(), 4, BATCH + 1);
    let (fit, shape) = (BATCH * 6, "shape 2x3x1");
    for (what, inputs, targets, message) in [
        (
            "no inputs",
            &inputs[..0],
            &targets[..0],
            &["inputs", "expected 6", shape, "got 0"][..],
        ),
        (
            "half a sample",
            &inputs[..3],
            &targets[..1],
            &["inputs", "expected 6", "got 3"],
        ),
        (
            "one value less",
            &inputs[..fit - 1],
            &targets[..BATCH],
            &["inputs", shape, "got 29"],
        ),
        (
            "one value more",
            &inputs[..fit + 1],
            &targets[..BATCH],
            &["inputs", "expected 30", shape, "got 31"],
        ),
        (
            "one target less",
            &inputs[..fit],
            &targets[..BATCH - 1],
            &["targets", "expected 5", "5 samples", "got 4"],
        ),
        (
            "one target more",
            &inputs[..fit],
            &targets,
            &["targets", "expected 5", "got 6"],
        ),
        ("no targets", &inputs[..fit], &[], &["targets", "expected 5", "got 0"]),
        (
            "a large batch",
            &inputs,
            &targets,
            &["6 samples", "made for 5", "larger"],
        ),
    ] {
        let mut trainer = trainer();
        assert_error(trainer.step(inputs, targets), message);
        assert_unchanged(what, &mut trainer);
    }
}

#[test]
fn batch_norm_refuses_one_value_per_channel() {
    for (text, layer) in [
        ("2x3x1 | dense 17 | batchnorm | relu | dense 4", "layer 2 (batchnorm)"),
        ("1x1x6 | batchnorm | dense 4", "layer 0 (batchnorm)"),
    ] {
        let network = trained(text, 1);
        let (inputs, targets) = batch(&network, 2, 2);
        let mut trainer = Trainer::new(network.clone(), Sgd::new(0.1), 2).unwrap();
        let parts = [layer, "a batch of 1 sample", "at least 2"];
        assert_error(trainer.step(&inputs[..6], &targets[..1]), &parts);
        assert_error(
            gradients(&network, &inputs[..6], &targets[..1], &CrossEntropy::new()),
            &parts,
        );
        assert_same_bits(text, &parameters(trainer.network()), &parameters(&network));
        trainer.step(&inputs, &targets).unwrap();
        trainer.network().predict(&inputs[..6]).unwrap();
    }
    let network = trained("1x2x3 | batchnorm | dense 4", 1);
    gradients(&network, &[0.0; 6], &[0], &CrossEntropy::new()).unwrap();
}

#[test]
fn a_diverging_step_keeps_running_statistics() {
    let network = trained("2x3x1 | dense 17 | batchnorm | relu | dense 4", 1);
    let (mut inputs, targets) = batch(&network, 2, BATCH);
    inputs[3] = f32::NAN;
    let mut trainer = Trainer::new(network.clone(), Sgd::new(0.1), BATCH).unwrap();
    assert_error(trainer.step(&inputs, &targets), &["sample 0", "NaN"]);
    assert_same_bits("all", &parameters(trainer.network()), &parameters(&network));
}

#[test]
fn an_invalid_target_is_named_and_changes_nothing() {
    let (inputs, targets) = batch(&network(), 5, BATCH);
    for (sample, target) in [(0, 4), (3, 10), (4, usize::MAX)] {
        let mut wrong = targets.clone();
        wrong[sample] = target;
        let (target, sample) = (format!("target {target}"), format!("sample {sample}"));
        let message = [&*target, &sample, "4 outputs", "0 to 3"];
        let mut trainer = trainer();
        assert_error(trainer.step(&inputs, &wrong), &message);
        assert_unchanged(&target, &mut trainer);
        assert_error(gradients(&network(), &inputs, &wrong, &CrossEntropy::new()), &message);
        assert_error(evaluated(&network(), &mut Samples::new(&inputs, &wrong)), &message);
    }
}

#[test]
fn an_epoch_returns_errors_and_can_be_repeated() {
    let (inputs, mut targets) = batch(&network(), 6, 2 * BATCH);
    let right = targets.clone();
    targets[BATCH + 2] = 4;
    let mut trainer = trainer();
    let before = trainer.steps();
    let outcome = trainer.epoch(
        &mut Samples::new(&inputs, &targets),
        0,
        |_, _| ControlFlow::Continue(()),
    );
    assert_error(
        outcome,
        &[
            "target 4",
            "sample 7 of the data (epoch 0, batch 1, sample 2 of the batch)",
        ],
    );
    assert_eq!(trainer.steps(), before + 1, "the first batch was valid");
    let report = trainer.epoch(&mut Samples::new(&inputs, &right), 0, |_, _| ControlFlow::Continue(()));
    assert_eq!(report.unwrap().samples, 2 * BATCH);
}

#[test]
fn a_split_behind_the_last_layer_is_refused() {
    let network = network();
    assert_error(network.split_after(3), &["split after = 3", "the last one", "earlier"]);
    assert_error(network.split_after(4), &["there is no layer 4", "0, 1, 2, 3"]);
    let (backbone, head) = network.split_after(2).unwrap();
    assert_eq!(backbone.join(&head).unwrap().tensors(), network.tensors());
}

#[test]
fn errors_about_samples_name_their_place_in_the_source() {
    let (mut inputs, mut targets) = batch(&network(), 6, 4 * BATCH + 2);
    let place = |outcome: nn_core::Result<EpochReport>| match outcome {
        Err(Error::Sample { sample, place, .. }) => {
            let place = place.unwrap();
            (sample, place.epoch, place.batch, place.sample, place.index)
        }
        outcome => panic!("{outcome:?}"),
    };
    let go_on = |_: &Trainer, _: &BatchReport| ControlFlow::Continue(());
    inputs[17 * 6 + 3] = f32::NAN;
    let in_order = trainer().epoch(&mut Samples::new(&inputs, &targets), 3, go_on);
    assert_eq!(place(in_order), (2, Some(3), 3, 17, Some(17)));
    let shuffled = trainer().epoch(&mut Samples::new(&inputs, &targets).shuffled(5), 3, go_on);
    let (sample, _, batch, nth, index) = place(shuffled);
    assert_eq!((batch * BATCH as u64 + sample as u64, index), (nth as u64, Some(17)));
    // From the middle of an epoch, in an iterator's order, and for a sample that does not fit.
    let mut iterator = source::from_iter(|_| inputs.chunks(6).zip(targets.iter().copied()));
    let from_middle = Cursor { epoch: 1, batches: 2 };
    let outcome = trainer().epoch_from(&mut iterator, from_middle, go_on);
    assert_eq!(place(outcome), (2, Some(1), 3, 17, None));
    let mut short = source::from_iter(|_| (0..9).map(|i| (vec![0.5; 6 - i / 8], 1)));
    let outcome = trainer().epoch(&mut short, 0, go_on);
    assert_error(
        outcome,
        &[
            "sample 8 of the data, as the source orders them (epoch 0, batch 1, sample 3 of the batch)",
            "its input: expected 6 values",
        ],
    );
    // In an evaluation, also that of a fit.
    targets[11] = 4;
    let evaluated = [
        "sample 11 of the evaluated data (batch 2, sample 1 of the batch)",
        "target 4",
    ];
    assert_error(trainer().evaluate(&mut Samples::new(&inputs, &targets)), &evaluated);
    let (good_inputs, good_targets) = self::batch(&network(), 6, BATCH);
    let mut samples = Samples::new(&good_inputs, &good_targets);
    let mut validation = Samples::new(&inputs, &targets);
    let continues = |_: &FitProgress<'_>| ControlFlow::Continue(());
    let outcome = trainer().fit(&mut samples, Some(&mut validation), &Fit::new(1), continues);
    assert_error(outcome, &evaluated);
}

#[test]
fn inputs_that_are_not_finite_change_nothing() {
    let (inputs, targets) = batch(&network(), 7, BATCH);
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for position in [0, 17, inputs.len() - 1] {
            let mut inputs = inputs.clone();
            inputs[position] = value;
            let mut trainer = trainer();
            let error = trainer.step(&inputs, &targets).unwrap_err();
            let place = (position / 6, position % 6);
            assert!(
                matches!(&error, Error::Sample { sample, .. } if *sample == place.0),
                "{error}"
            );
            let what = format!("value {} of its input is {value}", place.1);
            assert_error(Err::<(), _>(error), &[&what, "repair the data"]);
            assert_unchanged(&what, &mut trainer);
        }
    }
}

/// A gradient of 0 times NaN is NaN.
#[test]
fn inputs_of_samples_without_weight_have_to_be_finite_too() {
    let (mut inputs, targets) = batch(&network(), 7, BATCH);
    inputs[6] = f32::NAN;
    let weighted = Targets::classes(&targets).with_weights(&[1.0, 0.0, 1.0, 1.0, 1.0]);
    let mut trainer = trainer();
    assert_error(
        trainer.step(&inputs, weighted),
        &["sample 1", "value 0 of its input is NaN"],
    );
    assert_unchanged("a sample without weight", &mut trainer);
}

#[test]
fn a_far_too_high_learning_rate_is_reported_as_divergence() {
    let (inputs, targets) = batch(&network(), 8, BATCH);
    for momentum in [0.0, 0.9] {
        for (kernel, network) in on_kernels(&network()) {
            let sgd = Sgd {
                momentum,
                ..Sgd::new(1e25)
            };
            let mut trainer = Trainer::new(network, sgd, BATCH).unwrap();
            let outcome = (0..100).find_map(|_| trainer.step(&inputs, &targets).err());
            let Some(Error::Diverged {
                loss,
                step,
                learning_rate,
            }) = outcome
            else {
                panic!("{kernel}: {outcome:?}")
            };
            assert!(!loss.is_finite());
            assert_eq!((step, learning_rate), (trainer.steps(), 1e25));
            assert_error(
                outcome.map_or(Ok(()), Err),
                &[&format!("step {step}"), "diverged", "lower learning rate"],
            );
        }
    }
}

#[test]
fn prediction_refuses_inputs_that_do_not_fit() {
    let network = network();
    let mut workspace = Workspace::new(&network, 2).unwrap();
    assert_eq!(workspace.capacity(), 2);
    let (inputs, _) = batch(&network, 9, 3);
    assert_error(
        network.forward(&inputs, &mut workspace),
        &["3 samples", "made for 2", "larger"],
    );
    assert_error(
        network.forward(&inputs[..7], &mut workspace),
        &["inputs", "shape 2x3x1", "got 7"],
    );
    assert_error(network.forward(&[], &mut workspace), &["inputs", "expected 6", "got 0"]);
    assert_error(
        network.forward(&inputs[..6], &mut Workspace::new(&network, 0).unwrap()),
        &["1 sample does", "made for 0"],
    );
    assert_error(network.predict(&[]), &["inputs", "expected 6", "got 0"]);
    assert_error(network.predict(&inputs[..17]), &["inputs", "got 17"]);
    assert_eq!(
        network.forward(&inputs[..12], &mut workspace).unwrap().len(),
        8,
        "the workspace remains usable"
    );
}

#[test]
fn a_workspace_of_another_network_is_refused() {
    let network = network();
    let (inputs, targets) = batch(&network, 10, 2);
    for other in [
        "2x3x1 | dense 16 | relu | dense 4",
        "2x3x1 | dense 17 | relu | dense 5",
        "2x3x1 | dense 4",
        "2x3x1 | dense 17 | relu | relu | dense 4",
        "2x3x1 | dense 100 | relu | dense 4",
    ] {
        let mut workspace = Workspace::new(&trained(other, 0), 2).unwrap();
        assert_error(
            network.forward(&inputs, &mut workspace),
            &["workspace", "another network"],
        );
        let outcome = evaluate(
            &network,
            &mut Samples::new(&inputs, &targets),
            &CrossEntropy::new(),
            &mut workspace,
        );
        assert_error(outcome, &["workspace", "another network"]);
    }
    // A workspace fits every network of the same layers, whatever it was used for before.
    let mut workspace = Workspace::for_training(&trained(NETWORK, 11), 9).unwrap();
    let logits = network.forward(&inputs, &mut workspace).unwrap().to_vec();
    assert_same_bits(
        "logits",
        &logits,
        network
            .forward(&inputs, &mut Workspace::new(&network, 2).unwrap())
            .unwrap(),
    );
}

/// Layers may keep zeros in scratch memory, such as padding, at positions that depend on their shape.
#[test]
fn a_workspace_of_equal_size_but_another_shape_is_refused_or_harmless() {
    for (text, other) in [
        (
            "4x6x1 | conv 2 3x3 pad 1 | flatten",
            "6x4x1 | conv 2 3x3 pad 1 | flatten",
        ),
        (
            "4x4x1 | conv 1 3x3 pad 1 | flatten",
            "4x4x1 | conv 1 3x3 pad same | flatten",
        ),
        (
            "6x4x1 | conv 2 1x3 pad same | dense 3",
            "6x4x1 | conv 2 3x1 pad same | dense 3",
        ),
        ("8x4x1 | maxpool 2 | flatten", "4x8x1 | maxpool 2 | flatten"),
    ] {
        let (network, other) = (trained(text, 13), trained(other, 14));
        let (inputs, _) = batch(&network, 15, 3);
        let expected = network.probabilities(&inputs).unwrap();
        let mut workspace = Workspace::new(&other, 3).unwrap();
        other.forward(&batch(&other, 16, 3).0, &mut workspace).unwrap();
        if let Ok(logits) = network.forward(&inputs, &mut workspace) {
            let mut probabilities = logits.to_vec();
            probabilities.chunks_mut(network.spec().outputs()).for_each(softmax);
            assert_same_bits(text, &probabilities, &expected);
        }
    }
}

#[test]
fn gradients_refuse_inputs_and_targets_that_do_not_fit() {
    let network = network();
    let (inputs, targets) = batch(&network, 12, 3);
    assert_error(
        gradients(&network, &inputs[..7], &targets[..1], &CrossEntropy::new()),
        &["inputs", "shape 2x3x1", "got 7"],
    );
    assert_error(
        gradients(&network, &inputs[..12], &targets, &CrossEntropy::new()),
        &["targets", "expected 2", "got 3"],
    );
    assert_error(
        gradients(&network, &inputs, &targets[..2], &CrossEntropy::new()),
        &["targets", "expected 3", "got 2"],
    );
    assert_error(
        gradients(&network, &inputs, &[0usize; 0], &CrossEntropy::new()),
        &["targets", "expected 3", "got 0"],
    );
    assert_error(
        gradients(&network, &[], &[0usize; 0], &CrossEntropy::new()),
        &["inputs", "expected 6", "got 0"],
    );
}

#[test]
fn an_unknown_kernel_is_named_with_the_available_ones() {
    let available: Vec<_> = Kernel::available().map(|kernel| kernel.to_string()).collect();
    assert_error(
        "sse9".parse::<Kernel>(),
        &["sse9", "no such kernel", &available.join(", ")],
    );
    assert_error("".parse::<Kernel>(), &["no such kernel"]);
    assert_error("Portable".parse::<Kernel>(), &["Portable"]);
}

/// Runs the test below in a process with `NN_CORE_KERNEL` set, and returns its output.
fn kernel_in_use(name: &str) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_kernel_in_use_is_printed", "--nocapture"])
        .env("NN_CORE_KERNEL", name)
        .output();
    String::from_utf8(child.unwrap().stdout).unwrap()
}

#[test]
fn the_kernel_in_use_is_printed() {
    match Network::new(NETWORK.parse().unwrap(), 0) {
        Ok(_) => println!("in use: {}", Kernel::active().unwrap()),
        Err(error) => println!("refused: {error}"),
    }
}

#[test]
fn the_environment_selects_the_kernel() {
    for kernel in Kernel::available() {
        let output = kernel_in_use(&kernel.to_string());
        assert!(output.contains(&format!("in use: {kernel}")), "{output}");
    }
    for name in ["sse9", "", "PORTABLE"] {
        let output = kernel_in_use(name);
        assert!(
            output.contains(&format!("refused: kernel {name:?}")) && output.contains("portable"),
            "{output}"
        );
    }
}
