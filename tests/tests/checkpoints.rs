//! Checkpoints: an interrupted run ends in the same bits as an uninterrupted one, and every kind of damage is an error.

use std::{fs, ops::ControlFlow, path::Path};

use nn_core::{
    Cursor, Error, Network, Samples, Trainer,
    formats::Model,
    loss::CrossEntropy,
    optim::{Adam, OneCycle, Optimizer, Schedule, Sgd},
};
use proptest::prelude::*;
use tests::{
    close::assert_same_bits,
    data::{assert_error, batch, parameters, trained},
    parts::Parts,
    threads::{THREADS, on_threads},
};

const DENSE: &str = "13x14x2 | dense 50 | relu | dropout 0.25 | dense 33 | relu | dense 10";
const CONV: &str = "7x8x2 | conv 9 3x3 pad 1 | relu | maxpool 2 | dropout 0.25 | conv 17 2x2 | relu | dense 10";
const SMALL: &str = "4 | dense 17 | relu | dense 3";
const SAMPLES: usize = 150;
const BATCH: usize = 32;
/// Steps per epoch; the last batch is smaller.
const STEPS: u64 = 5;
const EPOCHS: u64 = 4;

/// Samples in an order that depends on the epoch.
fn shuffled((inputs, targets): &(Vec<f32>, Vec<usize>)) -> Samples<'_> {
    Samples::new(inputs, targets).shuffled(3)
}

fn smoothed() -> CrossEntropy {
    CrossEntropy::new().with_label_smoothing(0.1)
}

/// A trainer with every setting changed.
fn trainer(network: Network) -> Trainer {
    let adam = Adam {
        weight_decay: 0.01,
        decoupled: true,
        ..Adam::new(0.01)
    };
    Trainer::new(network, adam, BATCH)
        .and_then(|trainer| trainer.with_loss(smoothed()))
        .and_then(|trainer| trainer.with_schedule(OneCycle::new(STEPS * EPOCHS)))
        .and_then(|trainer| trainer.with_clipping(0.5))
        .and_then(|trainer| trainer.with_average(0.9))
        .unwrap()
        .with_seed(7)
}

/// Trains from `position` to the last epoch or until `until` steps are done; appends the losses.
fn train(
    trainer: &mut Trainer,
    mut position: Cursor,
    until: u64,
    samples: &mut Samples<'_>,
    losses: &mut Vec<f32>,
) -> Cursor {
    while position.epoch < EPOCHS && trainer.steps() < until {
        let report = trainer.epoch_from(samples, position, |trainer, step| {
            losses.push(step.loss);
            if trainer.steps() == until {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        position = report.unwrap().next;
    }
    position
}

/// The final checkpoint and the losses of a run with interruptions, each after `.0` steps and resumed on `.1` threads.
fn run(network: &Network, samples: &(Vec<f32>, Vec<usize>), interruptions: &[(u64, usize)]) -> (Vec<u8>, Vec<f32>) {
    let (mut trainer, mut position) = (trainer(network.clone()), Cursor::default());
    let mut losses = Vec::new();
    let mut threads = 1;
    for &(until, next_threads) in interruptions {
        on_threads(threads, || {
            position = train(&mut trainer, position, until, &mut shuffled(samples), &mut losses);
        });
        let bytes = trainer.checkpoint(position).unwrap();
        let resumed = Trainer::resume_from(&bytes, BATCH).unwrap();
        assert_eq!((resumed.1, resumed.0.steps()), (position, until));
        assert!(
            bytes == resumed.0.checkpoint(position).unwrap(),
            "saving again gives the same file"
        );
        (trainer, threads) = (resumed.0, next_threads);
    }
    on_threads(threads, || {
        position = train(&mut trainer, position, u64::MAX, &mut shuffled(samples), &mut losses);
    });
    assert_eq!((position.epoch, trainer.steps()), (EPOCHS, EPOCHS * STEPS));
    (trainer.checkpoint(position).unwrap(), losses)
}

#[test]
fn an_interrupted_run_ends_in_the_same_bits_on_any_number_of_threads() {
    for text in [DENSE, CONV] {
        let network = trained(text, 1);
        let samples = batch(&network, 2, SAMPLES);
        let (expected, losses) = run(&network, &samples, &[]);
        assert_eq!(losses.len() as u64, EPOCHS * STEPS);
        let all: Vec<_> = (1..EPOCHS * STEPS)
            .map(|step| (step, THREADS[step as usize % 4]))
            .collect();
        for interruptions in [
            &[(3, 1)][..],
            &[(7, 2)],
            &[(2, 8), (9, 3), (14, 2)],
            &[(5, 3), (19, 1)],
            &all,
        ] {
            let (bytes, again) = run(&network, &samples, interruptions);
            assert_same_bits(format!("{text}: {interruptions:?}: losses"), &again, &losses);
            assert!(
                bytes == expected,
                "{text}: {interruptions:?}: the final checkpoints differ"
            );
        }
    }
}

#[test]
fn each_optimizer_saves_exactly_its_state() {
    let network = trained(SMALL, 3);
    let samples = batch(&network, 4, 20);
    let plain = Sgd::new(0.1);
    let momentum = Sgd { momentum: 0.9, ..plain };
    let trainers = [
        (Trainer::new(network.clone(), plain, 8), 0),
        (Trainer::new(network.clone(), momentum, 8), 1),
        (Trainer::new(network.clone(), Adam::new(0.01), 8), 2),
        (
            Trainer::new(network.clone(), plain, 8).and_then(|trainer| trainer.with_average(0.5)),
            1,
        ),
        (
            Trainer::new(network, plain, 8).and_then(|trainer| trainer.with_clipping(0.1)),
            0,
        ),
    ];
    for (trainer, arenas) in trainers {
        let mut trainer = trainer.unwrap();
        let mut source = shuffled(&samples);
        trainer.epoch(&mut source, 0, |_, _| ControlFlow::Continue(())).unwrap();
        let bytes = trainer.checkpoint(Cursor { epoch: 1, batches: 0 }).unwrap();
        assert_eq!(Parts::of(&bytes).tensors.len(), 4 * (1 + arenas));
        let (mut resumed, position) = Trainer::resume_from(&bytes, 8).unwrap();
        for trainer in [&mut trainer, &mut resumed] {
            trainer
                .epoch_from(&mut source, position, |_, _| ControlFlow::Continue(()))
                .unwrap();
        }
        assert_same_bits(
            "weights",
            &parameters(resumed.network()),
            &parameters(trainer.network()),
        );
    }
}

#[test]
fn changing_settings_between_steps_keeps_the_state() {
    let network = trained(SMALL, 3);
    let (inputs, targets) = batch(&network, 4, 8);
    let mut trainer = trainer(network);
    trainer.step(&inputs, &targets).unwrap();
    let bytes = trainer.checkpoint(Cursor::default()).unwrap();
    // Setting the same values again keeps the optimizer state.
    let trainer = trainer.with_clipping(0.5).unwrap().with_average(0.9).unwrap();
    assert!(trainer.checkpoint(Cursor::default()).unwrap() == bytes);
    let trainer = trainer.with_schedule(Schedule::constant()).unwrap();
    assert_eq!(trainer.learning_rate(), 0.01);
}

/// These step counts have 16 or more digits, which an inexact parser would round to a neighboring number.
#[test]
fn a_schedule_round_trips_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    for steps in [280.0 / 3.0, 0.95 * 9936.0] {
        for schedule in [
            Schedule::cosine(steps, 0.0),
            Schedule::constant().with_warm_up(steps, 0.1),
        ] {
            let trainer = Trainer::new(trained(SMALL, 5), Sgd::new(0.1), BATCH).unwrap();
            let trainer = trainer.with_schedule(schedule).unwrap();
            trainer.save_checkpoint(&path, Cursor::default()).unwrap();
            let (resumed, _) = Trainer::resume(&path, BATCH).unwrap();
            assert_eq!(*resumed.schedule(), schedule);
        }
    }
}

#[test]
fn a_checkpoint_is_a_weights_file_and_is_saved_atomically() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let network = trained(SMALL, 5);
    let (inputs, targets) = batch(&network, 6, 8);
    let mut trainer = trainer(network);
    for batches in 1..3 {
        trainer.step(&inputs, &targets).unwrap();
        trainer.save_checkpoint(&path, Cursor { epoch: 0, batches }).unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        let (resumed, position) = Trainer::resume(&path, BATCH).unwrap();
        assert_eq!((resumed.steps(), position.batches), (batches, batches));
        assert_eq!(resumed.loss().downcast_ref(), Some(&smoothed()));
        assert_eq!((resumed.max_norm(), resumed.average()), (Some(0.5), Some(0.9)));
        let model = Model::load(&path).unwrap();
        assert_eq!(model.network.tensors(), trainer.network().tensors());
        assert!(model.notes.is_empty());
        // Saving the model again gives an ordinary weights file.
        let weights = model.to_bytes().unwrap();
        assert_eq!(Parts::of(&weights).tensors.len(), 4);
    }
    // A bad argument is the caller's fault; a bad setting is the file's.
    for batch in [0, usize::MAX] {
        let error = Trainer::resume(&path, batch).unwrap_err();
        assert!(matches!(error, Error::Setting { name: "batch", .. }), "{error}");
    }
    fs::write(&path, with_training("\"max_norm\":0.5", "\"max_norm\":0").bytes()).unwrap();
    let error = Trainer::resume(&path, BATCH).unwrap_err();
    assert!(matches!(error, Error::Weights { path: Some(_), .. }), "{error}");
    assert_error(Err::<(), _>(error), &["run.safetensors", "max_norm = 0"]);
    let missing = folder.path().join("missing");
    assert_error(Trainer::resume(&missing, BATCH), &["missing", "cannot read"]);
    assert_error(
        trainer.save_checkpoint(missing.join("run"), Cursor::default()),
        &["missing", "cannot write"],
    );
    fs::write(&path, Model::new(trained(SMALL, 5)).to_bytes().unwrap()).unwrap();
    assert_error(Trainer::resume(&path, BATCH), &["run.safetensors", "not a checkpoint"]);
}

/// A file of an older version of this crate: two steps of a trainer with every setting changed.
#[test]
fn an_old_checkpoint_resumes_and_is_written_again() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoint.safetensors");
    let (mut trainer, position) = Trainer::resume(&path, BATCH).unwrap();
    assert_eq!(position, Cursor { epoch: 3, batches: 2 });
    assert_eq!((trainer.steps(), trainer.seed()), (2, 7));
    let adam = Adam {
        weight_decay: 0.01,
        decoupled: true,
        ..Adam::new(0.01)
    };
    assert_eq!(*trainer.optimizer(), Optimizer::from(adam));
    assert_eq!(*trainer.schedule(), Schedule::from(OneCycle::new(STEPS * EPOCHS)));
    assert_eq!(trainer.loss().downcast_ref(), Some(&smoothed()));
    assert_eq!((trainer.max_norm(), trainer.average()), (Some(0.5), Some(0.9)));
    let (written, mut old) = (
        Parts::of(&trainer.checkpoint(position).unwrap()),
        Parts::of(&fs::read(path).unwrap()),
    );
    // Input scaling, which a trainer does not know, was written as none at all.
    assert_eq!(["mean", "std"].map(|key| old.metadata.remove(key).unwrap()), ["0", "1"]);
    assert_eq!(written.metadata, old.metadata);
    let sorted = |parts: Parts| {
        let mut tensors = parts.tensors;
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        tensors
    };
    assert!(sorted(written) == sorted(old));
    let (inputs, targets) = batch(trainer.network(), 10, 8);
    trainer.step(&inputs, &targets).unwrap();
}

fn bytes() -> Vec<u8> {
    let network = trained(SMALL, 8);
    let (inputs, targets) = batch(&network, 9, 8);
    let mut trainer = trainer(network);
    trainer.step(&inputs, &targets).unwrap();
    trainer.checkpoint(Cursor { epoch: 3, batches: 2 }).unwrap()
}

/// A checkpoint with an edited training state.
fn with_training(from: &str, to: &str) -> Parts {
    let mut parts = Parts::of(&bytes());
    let text = &parts.metadata["training"];
    assert!(text.contains(from), "{from} in {text}");
    let text = text.replacen(from, to, 1);
    parts.set_metadata("training", &text);
    parts
}

#[test]
fn an_invalid_setting_is_named() {
    let text = &Parts::of(&bytes()).metadata["training"];
    for (from, to, message) in [
        (
            "\"checkpoint_version\":1",
            "\"checkpoint_version\":2",
            &["checkpoint_version is 2"][..],
        ),
        ("\"checkpoint_version\":1,", "", &["checkpoint_version is null"]),
        (
            "\"learning_rate\":0.01",
            "\"learning_rate\":null",
            &["training", "null"],
        ),
        ("\"learning_rate\":0.01", "\"learning_rate\":NaN", &["training"]),
        (
            "\"learning_rate\":0.01",
            "\"learning_rate\":1e39",
            &["learning rate = inf"],
        ),
        (
            "\"learning_rate\":0.01",
            "\"learning_rate\":-1",
            &["learning rate = -1"],
        ),
        (
            "\"learning_rate\":0.01",
            "\"learning_rate\":\"fast\"",
            &["training", "fast"],
        ),
        ("\"beta1\":0.9", "\"beta1\":1.5", &["beta1 = 1.5"]),
        (
            "\"label_smoothing\":0.1",
            "\"label_smoothing\":1",
            &["label smoothing = 1"],
        ),
        ("\"max_norm\":0.5", "\"max_norm\":0", &["max_norm = 0"]),
        ("\"average\":0.9", "\"average\":1", &["decay = 1"]),
        ("\"steps\":20", "\"steps\":1", &["one-cycle rise", "of 1 steps"]),
        (
            "\"first_divisor\":25.0",
            "\"first_divisor\":0.5",
            &["first divisor = 0.5"],
        ),
        (
            "\"annealing\":\"Cosine\"",
            "\"annealing\":\"Sine\"",
            &["training", "Sine"],
        ),
        ("\"epoch\":3", "\"epoch\":-3", &["training", "-3"]),
        ("\"epoch\":3", "\"epoch\":3,\"era\":1", &["training", "era"]),
        ("\"seed\":7", "\"seed\":7.5", &["training", "7.5"]),
        ("{", "[", &["training"]),
        (
            "\"progress\":{\"steps\":1",
            "\"progress\":{\"steps\":18446744073709551615",
            &["step counts are impossible"],
        ),
        ("\"averaged\":1", "\"averaged\":2", &["step counts are impossible"]),
        (text, "", &["training"]),
        (text, "null", &["checkpoint_version is null"]),
        (text, &"[".repeat(100_000), &["training", "recursion"]),
    ] {
        assert_error(Trainer::resume_from(&with_training(from, to).bytes(), BATCH), message);
    }
}

#[test]
fn a_tensor_that_does_not_fit_is_named() {
    let good = || Parts::of(&bytes());
    let mut cases = Vec::new();
    let mut parts = good();
    parts.tensors.retain(|tensor| tensor.0 != "training.second.2.weight");
    cases.push((parts, &["training.second", "2.weight", "missing"][..]));
    let mut parts = good();
    parts.tensors.retain(|tensor| tensor.0 != "2.weight");
    cases.push((parts, &["2.weight", "missing"]));
    let mut parts = good();
    parts.tensor("training.first.0.bias").0 = "training.first.1.bias".to_owned();
    cases.push((parts, &["training.first", "1.bias", "no part"]));
    let mut parts = good();
    parts.tensor("training.first.0.bias").0 = "training.third.0.bias".to_owned();
    cases.push((parts, &["training.first", "0.bias", "missing"]));
    let mut parts = good();
    let mut extra = parts.tensor("training.first.0.bias").clone();
    extra.0 = "training.third.0.bias".to_owned();
    parts.tensors.push(extra);
    cases.push((parts, &["training.third.0.bias", "does not belong to a checkpoint"]));
    let mut parts = good();
    parts.tensor("training.average.0.weight").2 = vec![4, 17];
    cases.push((parts, &["training.average", "[4, 17]", "[17, 4]"]));
    let mut parts = good();
    parts.tensor("training.first.0.weight").3[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    cases.push((parts, &["training.first.0.weight", "NaN", "finite"]));
    let mut parts = good();
    parts.tensor("training.second.0.weight").3[..4].copy_from_slice(&(-1f32).to_le_bytes());
    cases.push((parts, &["training.second", "below 0"]));
    let mut parts = good();
    parts.set_metadata("network", "4 | dense 16 | relu | dense 3");
    cases.push((parts, &["0.weight", "[17, 4]", "[16, 4]"]));
    // Averaging is off, but its tensors are there.
    cases.push((
        with_training("\"average\":0.9", "\"average\":null"),
        &["training.average", "does not belong"],
    ));
    for (parts, message) in cases {
        assert_error(Trainer::resume_from(&parts.bytes(), BATCH), message);
    }
}

#[test]
fn truncated_files_and_invalid_batch_sizes_are_refused() {
    let bytes = bytes();
    for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        assert_error(Trainer::resume_from(&bytes[..length], BATCH), &["safetensors"]);
    }
    assert_error(Trainer::resume_from(&bytes, 0), &["batch = 0"]);
    assert_error(Trainer::resume_from(&bytes, usize::MAX), &["batch"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Damaged files give a trainer or an error, never a panic.
    #[test]
    fn random_damage_never_panics(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        in_header in any::<bool>(),
    ) {
        let mut bytes = bytes();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for (position, value) in flips {
            let position = position.index(if in_header { header } else { bytes.len() });
            bytes[position] = value;
        }
        if let Ok((mut trainer, _)) = Trainer::resume_from(&bytes, 8) {
            let (inputs, targets) = batch(trainer.network(), 10, 8);
            let _ = trainer.step(&inputs, &targets);
        }
    }
}

#[test]
fn a_checkpoint_has_the_notes_of_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let trainer = Trainer::new(Network::new(SMALL.parse().unwrap(), 1).unwrap(), Sgd::new(0.1), 1).unwrap();
    let notes = [("data".to_owned(), "digits".to_owned())].into();
    trainer.save_checkpoint_with(&path, Cursor::default(), &notes).unwrap();
    assert_eq!(Model::load(&path).unwrap().notes, notes);
    Trainer::resume(&path, 1).unwrap();
    for key in ["network", "training"] {
        let notes = [(key.to_owned(), String::new())].into();
        let error = trainer.save_checkpoint_with(&path, Cursor::default(), &notes);
        assert!(error.unwrap_err().to_string().contains(key));
    }
    assert_eq!(Model::load(&path).unwrap().notes, notes);
}
