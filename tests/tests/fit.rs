//! Training for several epochs: early stopping, the best network, plateaus, the last batch; small steps outside of a pool.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
};

use nn_core::{
    BatchReport, BestBy, Cursor, Fit, FitCallback, FitEnd, FitProgress, Network, Samples, Source, Trainer, Workspace,
    evaluate,
    loss::{CrossEntropy, MeanSquaredError},
    optim::{Adam, Sgd},
    source::{Batch, SourceResult},
};
use tests::{
    close::assert_same_bits,
    data::{assert_error, batch, network, on_kernels, parameters, values},
    threads::on_threads,
};

fn trainer(text: &str, learning_rate: f32, samples: usize) -> Trainer {
    Trainer::new(network(text, 1), Sgd::new(learning_rate), samples).unwrap()
}

/// Learns the first 16 samples by heart and validates on 16 others, whose targets say nothing about them.
#[test]
fn training_stops_early_and_keeps_the_best_network() {
    let (inputs, targets) = batch(&network("5 | dense 40 | relu | dense 3", 1), 2, 32);
    let mut train = Samples::new(&inputs[..80], &targets[..16]).shuffled(3);
    let mut validation = Samples::new(&inputs[80..], &targets[16..]);
    let mut trainer = trainer("5 | dense 40 | relu | dense 3", 0.5, 8);
    let mut seen = Vec::new();
    let fit = Fit::new(500).with_patience(6);
    let report = trainer.fit(&mut train, Some(&mut validation), &fit, |progress| {
        let epoch = progress.epoch;
        seen.push((
            epoch.validation.unwrap().loss,
            epoch.is_best,
            parameters(progress.network),
        ));
        let best = progress.best;
        assert_eq!(
            (best.epoch == epoch.epoch, best.validation.is_some()),
            (epoch.is_best, true)
        );
        ControlFlow::Continue(())
    });
    let report = report.unwrap();
    assert_eq!(report.end, FitEnd::Patience);
    assert_eq!(report.epochs.len() as u64, report.best.epoch + 7);
    let lowest = seen.iter().map(|(loss, ..)| *loss).fold(f64::INFINITY, f64::min);
    let (loss, is_best, weights) = &seen[report.best.epoch as usize];
    assert_eq!((*loss, *is_best), (lowest, true));
    assert_same_bits("the best network", &parameters(&report.best.network), weights);
    assert_ne!(parameters(&report.best.network), parameters(trainer.network()));
    let mut workspace = Workspace::new(&report.best.network, 16).unwrap();
    let mut validation = Samples::new(&inputs[80..], &targets[16..]);
    let again = evaluate(&report.best.network, &mut validation, trainer.loss(), &mut workspace).unwrap();
    assert!((again.loss - lowest).abs() < 1e-6);
}

#[test]
fn the_best_network_may_be_restored_in_the_trainer() {
    let text = "5 | dense 40 | batchnorm | relu | dense 3";
    let (inputs, targets) = batch(&network(text, 1), 2, 32);
    for averages in [false, true] {
        let mut train = Samples::new(&inputs[..80], &targets[..16]).shuffled(3);
        let mut validation = Samples::new(&inputs[80..], &targets[16..]);
        let mut trainer = trainer(text, 0.5, 8);
        if averages {
            trainer = trainer.with_average(0.5).unwrap();
        }
        let fit = Fit::new(500).with_patience(6).with_restored_best();
        let go_on = |_: &FitProgress<'_>| ControlFlow::Continue(());
        let report = trainer.fit(&mut train, Some(&mut validation), &fit, go_on).unwrap();
        assert_eq!(report.end, FitEnd::Patience);
        let best = parameters(&report.best.network);
        assert_same_bits("the trainer's network", &parameters(trainer.network()), &best);
        if let Some(average) = trainer.averaged_network() {
            assert_same_bits("the average", &parameters(&average), &best);
        }
        // A longer fit goes on with it.
        let epochs = report.epochs.len() as u64;
        let start = Cursor {
            epoch: epochs,
            batches: 0,
        };
        let fit = Fit::new(epochs + 1).resumed(start, Some((report.best.epoch, report.best.network)));
        let more = trainer.fit(&mut train, Some(&mut validation), &fit, go_on).unwrap();
        assert_eq!(more.epochs.len(), 1);
        assert!(more.best.validation.unwrap().loss <= report.best.validation.unwrap().loss);
    }
}

#[test]
fn the_learning_rate_falls_on_plateaus_and_the_callback_ends_training() {
    let (inputs, targets) = batch(&network("4 | dense 3", 1), 2, 12);
    // With a rate of 0 nothing improves after the first epoch.
    let mut trainer = trainer("4 | dense 3", 0.0, 12);
    let mut samples = Samples::new(&inputs, &targets);
    let fit = Fit::new(9).with_plateau(2, 0.5);
    trainer
        .fit(&mut samples, None, &fit, |_| ControlFlow::Continue(()))
        .unwrap();
    trainer.set_learning_rate(0.25).unwrap();
    let fit = fit.with_min_delta(1e9);
    let report = trainer.fit(&mut samples, None, &fit, |progress| match progress.epoch.epoch {
        6 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let report = report.unwrap();
    let rates: Vec<f32> = report.epochs.iter().map(|epoch| epoch.learning_rate).collect();
    assert_eq!(rates, [0.25, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]);
    assert_eq!((report.end, report.best.epoch), (FitEnd::Callback, 0));
}

#[test]
fn an_averaging_trainer_validates_and_keeps_the_average() {
    let (inputs, targets) = batch(&network("4 | dense 3", 1), 2, 12);
    let mut trainer = trainer("4 | dense 3", 0.5, 12).with_average(0.9).unwrap();
    let mut samples = Samples::new(&inputs, &targets);
    let mut validation = Samples::new(&inputs, &targets);
    let fit = Fit::new(3);
    let report = trainer.fit(&mut samples, Some(&mut validation), &fit, |_| ControlFlow::Continue(()));
    let report = report.unwrap();
    assert_eq!(report.best.epoch, 2);
    let average = trainer.averaged_network().unwrap();
    assert_same_bits("the average", &parameters(&report.best.network), &parameters(&average));
}

/// Stops after a number of steps, and remembers where.
struct StopAfter {
    steps: u64,
    next: Option<Cursor>,
    best: Option<(u64, Network)>,
}

impl FitCallback for StopAfter {
    fn on_step(&mut self, trainer: &Trainer, _step: &BatchReport) -> ControlFlow<()> {
        if trainer.steps() == self.steps {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, progress: &FitProgress<'_>) -> ControlFlow<()> {
        let next = progress.epoch.train.next;
        assert_eq!(progress.epoch.train.stopped, progress.trainer.steps() == self.steps);
        if progress.best.epoch < next.epoch {
            self.best = Some((progress.best.epoch, progress.best.network.clone()));
        }
        self.next = Some(next);
        ControlFlow::Continue(())
    }
}

#[test]
fn a_fit_stopped_after_a_step_and_resumed_ends_as_if_it_had_not_stopped() {
    let (inputs, targets) = batch(&network("5 | dense 40 | relu | dense 3", 1), 2, 32);
    let train = || Samples::new(&inputs[..80], &targets[..16]).shuffled(3);
    let validation = || Samples::new(&inputs[80..], &targets[16..]);
    let new = || trainer("5 | dense 40 | relu | dense 3", 0.3, 4);
    let fit = |best_by| Fit::new(40).with_best_by(best_by).with_patience(5);
    for best_by in [BestBy::LowestLoss, BestBy::HighestAccuracy] {
        let whole = new().fit(&mut train(), Some(&mut validation()), &fit(best_by), |_| {
            ControlFlow::Continue(())
        });
        let whole = whole.unwrap();
        assert_eq!(whole.end, FitEnd::Patience);
        for steps in [1, 4, 10, whole.epochs.len() as u64 * 4 - 2] {
            let (mut trainer, mut stop) = (
                new(),
                StopAfter {
                    steps,
                    next: None,
                    best: None,
                },
            );
            let stopped = trainer.fit_with(&mut train(), Some(&mut validation()), &fit(best_by), &mut stop);
            assert_eq!(stopped.unwrap().end, FitEnd::Callback, "{steps}");
            assert_eq!(trainer.steps(), steps);
            let fit = fit(best_by).resumed(stop.next.unwrap(), stop.best);
            let resumed = trainer.fit(&mut train(), Some(&mut validation()), &fit, |_| {
                ControlFlow::Continue(())
            });
            let resumed = resumed.unwrap();
            assert_eq!(
                (resumed.end, resumed.best.epoch),
                (whole.end, whole.best.epoch),
                "{steps}"
            );
            let bests = [&resumed, &whole].map(|report| parameters(&report.best.network));
            assert_same_bits("the best network", &bests[0], &bests[1]);
            assert_eq!(resumed.epochs.last().unwrap().epoch, whole.epochs.last().unwrap().epoch);
        }
    }
}

#[test]
fn the_best_epoch_is_that_of_the_highest_accuracy_or_the_last_one() {
    let (inputs, targets) = batch(&network("5 | dense 3", 1), 2, 32);
    let run = |best_by| {
        let mut validation = Samples::new(&inputs[80..], &targets[16..]);
        let fit = Fit::new(12).with_best_by(best_by);
        let mut train = Samples::new(&inputs[..80], &targets[..16]);
        trainer("5 | dense 3", 0.5, 8)
            .fit(&mut train, Some(&mut validation), &fit, |_| ControlFlow::Continue(()))
            .unwrap()
    };
    assert_eq!(run(BestBy::LastEpoch).best.epoch, 11);
    let report = run(BestBy::HighestAccuracy);
    let accuracies: Vec<f64> = report
        .epochs
        .iter()
        .map(|epoch| epoch.validation.unwrap().accuracy.unwrap())
        .collect();
    let highest = accuracies.iter().copied().fold(0.0, f64::max);
    let last_highest = accuracies.iter().rposition(|&accuracy| accuracy == highest).unwrap();
    assert_eq!(report.best.epoch, last_highest as u64);
    assert!(accuracies.iter().filter(|&&accuracy| accuracy == highest).count() > 1);
}

/// One sample, of NaN in the first epoch.
struct NanFirst {
    epochs: u64,
    is_done: bool,
}

impl Source for NanFirst {
    fn start_epoch(&mut self, _epoch: u64) -> SourceResult {
        self.epochs += 1;
        self.is_done = false;
        Ok(())
    }

    fn next_batch(&mut self, batch: &mut Batch) -> SourceResult {
        if !std::mem::replace(&mut self.is_done, true) {
            let value = if self.epochs == 1 { f32::NAN } else { 0.5 };
            batch.push(&[value; 5], 1)?;
        }
        Ok(())
    }
}

#[test]
fn any_epoch_is_better_than_one_of_nan() {
    let (inputs, targets) = batch(&network("5 | dense 3", 1), 2, 16);
    let (mut epochs, is_done) = (0, false);
    let report = trainer("5 | dense 3", 0.1, 16).fit(
        &mut Samples::new(&inputs, &targets),
        Some(&mut NanFirst { epochs, is_done }),
        &Fit::new(2),
        |progress| {
            epochs += 1;
            assert!(progress.epoch.is_best && progress.epoch.validation.unwrap().loss.is_nan() == (epochs == 1));
            ControlFlow::Continue(())
        },
    );
    assert_eq!(report.unwrap().best.epoch, 1);
}

#[test]
fn values_have_no_accuracy_to_choose_by() {
    let (inputs, targets) = (values(2, 12), values(3, 12));
    let mut trainer = trainer("1 | dense 1", 0.1, 4).with_loss(MeanSquaredError).unwrap();
    let fit = Fit::new(2).with_best_by(BestBy::HighestAccuracy);
    let outcome = trainer.fit(&mut Samples::new(&inputs, &targets), None, &fit, |_| {
        ControlFlow::Continue(())
    });
    assert_error(outcome, &["HighestAccuracy", "LowestLoss"]);
}

#[test]
fn validation_may_have_another_loss() {
    let (inputs, targets) = batch(&network("5 | dense 3", 1), 2, 16);
    let smoothed = CrossEntropy::new().with_label_smoothing(0.5);
    let mut trainer = trainer("5 | dense 3", 0.1, 16).with_loss(smoothed).unwrap();
    let mut loss_of = |fit: &Fit| {
        let (mut train, mut validation) = (Samples::new(&inputs, &targets), Samples::new(&inputs, &targets));
        let report = trainer.fit(&mut train, Some(&mut validation), fit, |_| ControlFlow::Continue(()));
        report.unwrap().best.validation.unwrap().loss
    };
    loss_of(&Fit::new(1).with_validation_loss(CrossEntropy::new()));
    let plain = loss_of(&Fit::new(1).with_validation_loss(CrossEntropy::new()));
    let network = trainer.network().clone();
    let mut workspace = Workspace::new(&network, 16).unwrap();
    let expected = evaluate(
        &network,
        &mut Samples::new(&inputs, &targets),
        &CrossEntropy::new(),
        &mut workspace,
    );
    assert_eq!(plain, expected.unwrap().loss);
}

#[test]
fn settings_of_a_fit_are_checked() {
    let (inputs, targets) = batch(&network("4 | dense 3", 1), 2, 4);
    for (fit, reason) in [
        (Fit::new(0), "at least one"),
        (
            Fit::new(1).resumed(Cursor { epoch: 1, batches: 0 }, None),
            "at least one",
        ),
        (
            Fit::new(2).resumed(Cursor { epoch: 1, batches: 0 }, Some((0, network("4 | dense 3", 1)))),
            "there are none",
        ),
        (Fit::new(1).with_patience(0), "at least 1 epoch"),
        (Fit::new(1).with_plateau(0, 0.5), "at least 1 epoch"),
        (Fit::new(1).with_plateau(1, 1.5), "less than 1"),
        (Fit::new(1).with_min_delta(f64::NAN), "finite number"),
    ] {
        let mut samples = Samples::new(&inputs, &targets);
        let outcome = trainer("4 | dense 3", 0.1, 4).fit(&mut samples, None, &fit, |_| ControlFlow::Continue(()));
        assert_error(outcome, &[reason]);
    }
}

#[test]
fn a_last_batch_of_one_is_refused_before_the_first_step_or_dropped() {
    let text = "4 | dense 5 | batchnorm | dense 3";
    let (inputs, targets) = batch(&network(text, 1), 2, 9);
    let mut trainer = trainer(text, 0.1, 4);
    let goes_on = |_: &Trainer, _: &BatchReport| ControlFlow::Continue(());
    let mut samples = Samples::new(&inputs, &targets);
    assert_error(
        trainer.epoch(&mut samples, 0, goes_on),
        &["1 (batchnorm)", "batch of 1", "drop the last"],
    );
    assert_eq!(trainer.steps(), 0);
    let mut samples = Samples::new(&inputs, &targets).drop_last();
    let report = trainer.epoch(&mut samples, 0, goes_on).unwrap();
    assert_eq!((report.samples, trainer.steps()), (8, 2));
}

/// A source that panics in its second epoch.
struct Panics<'a>(Samples<'a>);

impl Source for Panics<'_> {
    fn start_epoch(&mut self, epoch: u64) -> SourceResult {
        assert!(epoch != 1, "the disk is gone");
        self.0.start_epoch(epoch)
    }

    fn next_batch(&mut self, batch: &mut Batch) -> SourceResult {
        self.0.next_batch(batch)
    }
}

#[test]
fn a_panic_in_a_source_or_callback_leaves_the_trainer_usable() {
    let (inputs, targets) = batch(&network("4 | dense 3", 1), 2, 12);
    let mut trainer = trainer("4 | dense 3", 0.1, 4);
    let fit = Fit::new(3);
    let mut source = Panics(Samples::new(&inputs, &targets));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let goes_on = |_: &FitProgress<'_>| ControlFlow::Continue(());
        trainer.fit(&mut source, None, &fit, goes_on).map(drop)
    }));
    assert!(outcome.is_err());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut samples = Samples::new(&inputs, &targets);
        trainer.epoch(&mut samples, 0, |_, _| panic!("a bug")).map(drop)
    }));
    assert!(outcome.is_err());
    let mut samples = Samples::new(&inputs, &targets);
    let report = trainer
        .epoch(&mut samples, 0, |_, _| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(report.samples, 12);
}

/// A small step runs on the caller's thread, a larger one in the pool: bits are the same.
#[test]
fn small_steps_have_the_same_bits_inside_and_outside_of_a_pool() {
    for text in [
        "2 | dense 4 | relu | dense 2",
        "12 | dense 64 | relu | dense 30 | relu | dense 3",
    ] {
        let run = || {
            let network = Network::new(text.parse().unwrap(), 1).unwrap();
            let (inputs, targets) = batch(&network, 4, 20);
            let mut trainer = Trainer::new(network, Adam::new(0.01), 20).unwrap();
            let mut losses: Vec<f32> = (0..20).map(|_| trainer.step(&inputs, &targets).unwrap().loss).collect();
            losses.extend(parameters(trainer.network()));
            losses
        };
        assert_same_bits(text, &run(), &on_threads(3, run));
    }
}

/// Training and prediction share a trainer's memory, but not what layers keep there, such as zeros around an image.
#[test]
fn evaluation_between_steps_changes_nothing_and_is_that_of_another_workspace() {
    let text = "9x8x2 | conv 17 3x3 pad 1 | batchnorm | relu | add(; conv 17 3x3 pad 1 nobias | batchnorm) | relu | \
                conv 5 3x3 stride 2 pad 1 | batchnorm | maxpool 2 | conv 10 3x3 pad same groups 5 | dense 3";
    for (kernel, network) in on_kernels(&network(text, 1)) {
        let (inputs, targets) = batch(&network, 2, 24);
        let mut evaluated = Trainer::new(network.clone(), Sgd::new(0.05), 24).unwrap();
        let mut plain = Trainer::new(network, Sgd::new(0.05), 24).unwrap();
        for step in 0..6 {
            let losses = [&mut evaluated, &mut plain].map(|trainer| trainer.step(&inputs, &targets).unwrap().loss);
            assert_eq!(losses[0].to_bits(), losses[1].to_bits(), "{kernel}, step {step}");
            let evaluation = evaluated.evaluate(&mut Samples::new(&inputs, &targets)).unwrap();
            let mut workspace = Workspace::new(plain.network(), 24).unwrap();
            let mut samples = Samples::new(&inputs, &targets);
            let other = evaluate(plain.network(), &mut samples, plain.loss(), &mut workspace).unwrap();
            assert_eq!(evaluation, other, "{kernel}, step {step}");
        }
    }
}

#[test]
fn regression_is_fitted() {
    let inputs = values(3, 64);
    let targets: Vec<f32> = inputs.iter().map(|x| (3.0 * x).sin()).collect();
    let network = network("1 | dense 32 | tanh | dense 1", 2);
    let mut trainer = Trainer::new(network, Adam::new(0.02), 16)
        .unwrap()
        .with_loss(MeanSquaredError)
        .unwrap();
    let mut samples = Samples::new(&inputs, &targets).shuffled(1);
    let report = trainer
        .fit(&mut samples, None, &Fit::new(150), |_| ControlFlow::Continue(()))
        .unwrap();
    let loss = report.epochs[report.best.epoch as usize].train.loss.unwrap();
    assert!(loss < 5e-3, "{loss}");
}
