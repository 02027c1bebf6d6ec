//! A training session: epochs, validation, best weights and checkpoints.

use std::{
    borrow::Cow,
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use mnist_io::{Batches, Dataset};
use nn_core::{BatchReport, Cursor, Model, Network, NetworkSpec, Trainer, Workspace, evaluate, loss::CrossEntropy};

use crate::{
    error::Error,
    recognition::model::{DIGITS, check_fit},
    training::{
        calibration::calibrate,
        checkpoint::{self, Best, Run},
        data_split::{DataSplit, EVALUATION_BATCH, SCALING},
        presets::Recipe,
        report::EpochTotals,
    },
};

pub use crate::training::report::{EpochReport, Evaluation, StepReport, TrainingEvent};

/// Evaluations of the test set in an epoch, if training stops at an accuracy.
const CHECKS_PER_EPOCH: usize = 16;

/// A network to train, and how.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// The network.
    pub network: NetworkSpec,
    /// Hyperparameters.
    pub recipe: Recipe,
    /// Seed of the initial weights, the order of images and their augmentation.
    pub seed: u64,
    /// Stops training when an evaluation reaches this accuracy on the test set. The result is a race, not an estimate:
    /// the test set then selects the weights.
    pub until_accuracy: Option<f64>,
    /// File of the checkpoint, which is written after each epoch and resumed if it exists. The best weights so far are
    /// beside it ([`checkpoint::best_path`]).
    pub checkpoint: Option<PathBuf>,
    /// Stops training after the current step once it is set.
    pub stop: &'a AtomicBool,
}

impl Task<'_> {
    /// Checks that the network fits the images.
    ///
    /// # Errors
    ///
    /// [`Error::IncompatibleNetwork`].
    pub fn check_fit(&self, data: &DataSplit) -> Result<(), Error> {
        let (images, classes) = (data.train.shape(), data.train.classes());
        check_fit(&self.network, images, classes, || self.network.to_string())
    }
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs are complete.
    Finished,
    /// [`Task::stop`] was set.
    Stopped,
    /// [`Task::until_accuracy`] was reached.
    Reached,
}

/// Result of a training run.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The network with the best weights: those of the epoch with the highest validation accuracy; the last ones
    /// without validation images; those that reached [`Task::until_accuracy`].
    pub network: Network,
    /// The epoch of the weights, from 1.
    pub epoch: usize,
    /// Number of epochs started, including those before the run was resumed.
    pub epochs: usize,
    /// Evaluation on the validation images, if there are any.
    pub validation: Option<Evaluation>,
    /// Evaluation on the test set.
    pub test: Evaluation,
    /// Temperature that the logits were divided by; `None` if they were not calibrated.
    pub temperature: Option<f64>,
    /// Training time in seconds, without evaluations and without the time before the run was resumed.
    pub seconds: f64,
    /// Why training ended.
    pub stop_reason: StopReason,
}

/// Trains a network in the current rayon pool.
///
/// `on_event` receives each event with the network as it is then; its time does not count as training. The result
/// depends only on the task and the data, not on the number of threads.
///
/// # Errors
///
/// If the network does not fit the images, a setting is out of range, training diverges or is stopped before the first
/// step, or a checkpoint cannot be written or belongs to another run.
pub fn train(
    task: &Task<'_>,
    data: &DataSplit,
    on_event: &mut (dyn FnMut(TrainingEvent, &Network) + Send),
) -> Result<Trained, Error> {
    let mut session = Session::new(task, data, on_event)?;
    let mut stop_reason = StopReason::Finished;
    while session.position.epoch < task.recipe.epochs as u64 {
        if let ControlFlow::Break(reason) = session.epoch()? {
            stop_reason = reason;
            break;
        }
    }
    session.finish(stop_reason)
}

fn evaluate_on(network: &Network, dataset: &Dataset) -> Result<Evaluation, Error> {
    let mut batches = Batches::in_order(dataset, EVALUATION_BATCH, SCALING)?;
    let mut workspace = Workspace::new(network, batches.batch_size())?;
    let evaluation = evaluate(network, &mut batches, &CrossEntropy::new(), &mut workspace)?;
    Ok(Evaluation {
        loss: evaluation.loss,
        accuracy: evaluation.accuracy.expect("targets are classes"),
        count: evaluation.count,
    })
}

/// The best weights so far, with their evaluation.
struct BestWeights {
    network: Network,
    epoch: usize,
    validation: Option<Evaluation>,
}

/// Makes a model of a network trained here, with its input scaling and class names.
#[must_use]
pub fn named_model(network: Network, class_names: &[String]) -> Model {
    let mut model = Model::new(network);
    model.labels = class_names.to_vec();
    model.scaling = Some(nn_core::Scaling {
        mean: SCALING.mean(),
        std: SCALING.std(),
    });
    model
}

/// Makes a model of a network trained here on digits.
#[must_use]
pub fn digit_model(network: Network) -> Model {
    let digits: Vec<String> = (0..DIGITS).map(|digit| digit.to_string()).collect();
    named_model(network, &digits)
}

/// A training run in progress.
struct Session<'a> {
    task: &'a Task<'a>,
    data: &'a DataSplit,
    on_event: &'a mut (dyn FnMut(TrainingEvent, &Network) + Send),
    trainer: Trainer,
    position: Cursor,
    samples: Batches<'a>,
    resumed_steps: u64,
    total_steps: u64,
    check_every: u64,
    time: Duration,
    best: Option<BestWeights>,
    epochs: usize,
}

impl<'a> Session<'a> {
    fn new(
        task: &'a Task<'a>,
        data: &'a DataSplit,
        on_event: &'a mut (dyn FnMut(TrainingEvent, &Network) + Send),
    ) -> Result<Self, Error> {
        let recipe = &task.recipe;
        task.check_fit(data)?;
        let batches = Batches::new(&data.train, recipe.batch, task.seed, SCALING)?
            .with_augmentation(recipe.augmentation.clone())?;
        let network = Network::new(task.network.clone(), task.seed)?;
        let steps = batches.batches_per_epoch();
        let total_steps = steps as u64 * recipe.epochs as u64;
        let trainer = recipe
            .trainer(network, batches.batch_size())?
            .with_seed(task.seed)
            .with_schedule(recipe.schedule(total_steps))?;
        let Run {
            trainer,
            position,
            best,
        } = checkpoint::resume_or(task.checkpoint.as_deref(), trainer, (batches.batch_size(), steps))?;
        let evaluated = |Best { network, epoch }| {
            let validation = validate(&network, data)?;
            Ok::<_, Error>(BestWeights {
                network,
                epoch,
                validation,
            })
        };
        Ok(Session {
            epochs: (position.epoch + u64::from(position.batches > 0)) as usize,
            resumed_steps: trainer.steps(),
            trainer,
            position,
            best: best.map(evaluated).transpose()?,
            total_steps,
            check_every: steps.div_ceil(CHECKS_PER_EPOCH) as u64,
            samples: batches,
            time: Duration::ZERO,
            task,
            data,
            on_event,
        })
    }

    /// Trains to the end of an epoch. Breaks with the reason if training ends.
    fn epoch(&mut self) -> Result<ControlFlow<StopReason>, Error> {
        if self.task.stop.load(Ordering::Relaxed) {
            return Ok(ControlFlow::Break(StopReason::Stopped));
        }
        let epoch = self.position.epoch as usize + 1;
        let mut totals = EpochTotals::new(epoch, self.resumed_steps, self.total_steps);
        let mut flow = Ok(ControlFlow::Continue(()));
        let mut clock = Instant::now();
        let Self {
            task,
            data,
            on_event,
            trainer,
            position,
            samples,
            check_every,
            total_steps,
            ..
        } = self;
        let on_step = |trainer: &Trainer, step: &BatchReport| {
            totals.add(step, clock.elapsed());
            on_event(TrainingEvent::Step(totals.report(trainer)), trainer.network());
            flow = if task.stop.load(Ordering::Relaxed) {
                Ok(ControlFlow::Break(StopReason::Stopped))
            } else if trainer.steps().is_multiple_of(*check_every) || trainer.steps() == *total_steps {
                check_accuracy(task, data, trainer)
            } else {
                Ok(ControlFlow::Continue(()))
            };
            clock = Instant::now();
            match flow {
                Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        let report = trainer.epoch_from(samples, *position, on_step)?;
        let flow = flow?;
        self.time += totals.time;
        self.epochs = epoch;
        self.position = report.next;
        self.end_epoch(&totals, flow == ControlFlow::Break(StopReason::Reached))?;
        self.save_checkpoint()?;
        Ok(flow)
    }

    /// Validates the network, keeps its weights if they are the best so far, and reports the epoch.
    fn end_epoch(&mut self, totals: &EpochTotals, reached: bool) -> Result<(), Error> {
        let network = result(&self.trainer);
        let validation = validate(&network, self.data)?;
        let accuracy = |evaluation: Option<Evaluation>| evaluation.map(|evaluation| evaluation.accuracy);
        // Of equals, the later is better: it has trained longer. Without validation, the last is best.
        let is_best = self
            .best
            .as_ref()
            .is_none_or(|best| accuracy(best.validation) <= accuracy(validation));
        let report = EpochReport {
            step: totals.report(&self.trainer),
            validation_accuracy: accuracy(validation),
            validation_loss: validation.map(|evaluation| evaluation.loss),
        };
        // A run that was stopped after an epoch's last step has nothing left to report of it.
        if totals.images > 0 {
            (self.on_event)(TrainingEvent::Epoch(report), &network);
        }
        if is_best || reached {
            self.best = Some(BestWeights {
                network: network.into_owned(),
                epoch: report.step.epoch,
                validation,
            });
        }
        Ok(())
    }

    /// Saves the checkpoint. Weights from within an epoch are not saved as the best: resuming replaces them.
    fn save_checkpoint(&self) -> Result<(), Error> {
        let Some(path) = &self.task.checkpoint else {
            return Ok(());
        };
        let is_complete = |best: &&BestWeights| best.epoch as u64 <= self.position.epoch;
        let best = self.best.as_ref().filter(is_complete);
        checkpoint::save(
            path,
            &self.trainer,
            self.position,
            best.map(|best| {
                (
                    named_model(best.network.clone(), self.data.train.class_names()),
                    best.epoch,
                )
            }),
        )
    }

    fn finish(self, stop_reason: StopReason) -> Result<Trained, Error> {
        let BestWeights { mut network, epoch, .. } = self.best.ok_or(Error::StoppedBeforeFirstStep)?;
        let temperature = calibrate(&mut network, &self.data.validation)?;
        Ok(Trained {
            validation: validate(&network, self.data)?,
            test: evaluate_on(&network, &self.data.test)?,
            network,
            epoch,
            epochs: self.epochs,
            temperature,
            seconds: self.time.as_secs_f64(),
            stop_reason,
        })
    }
}

/// The network with the average of its weights if there is one.
fn result(trainer: &Trainer) -> Cow<'_, Network> {
    trainer
        .averaged_network()
        .map_or(Cow::Borrowed(trainer.network()), Cow::Owned)
}

/// Evaluates a network on the validation images, if there are any.
fn validate(network: &Network, data: &DataSplit) -> Result<Option<Evaluation>, Error> {
    if data.validation.is_empty() {
        return Ok(None);
    }
    evaluate_on(network, &data.validation).map(Some)
}

/// Breaks if [`Task::until_accuracy`] is reached.
fn check_accuracy(task: &Task<'_>, data: &DataSplit, trainer: &Trainer) -> Result<ControlFlow<StopReason>, Error> {
    let Some(target) = task.until_accuracy else {
        return Ok(ControlFlow::Continue(()));
    };
    let reached = evaluate_on(&result(trainer), &data.test)?.accuracy >= target;
    Ok(if reached {
        ControlFlow::Break(StopReason::Reached)
    } else {
        ControlFlow::Continue(())
    })
}

#[cfg(test)]
mod tests {
    use mnist_io::{Augmentation, Mnist};

    use super::*;
    use crate::training::{
        data_split::{HeldOut, columns},
        presets::DEFAULT,
    };

    fn data(train: usize, validation: usize) -> DataSplit {
        let mnist = Mnist {
            train: columns(train + validation),
            test: columns(50),
        };
        DataSplit::new(mnist, HeldOut::Count(validation), None).unwrap()
    }

    static KEEP_RUNNING: AtomicBool = AtomicBool::new(false);

    fn task(epochs: usize) -> Task<'static> {
        let recipe = Recipe {
            epochs,
            batch: 10,
            augmentation: Augmentation::none(),
            ..DEFAULT.recipe.clone()
        };
        let network = "10x12x1 | flatten | dense 16 | relu | dense 10".parse().unwrap();
        Task {
            network,
            recipe,
            seed: 1,
            until_accuracy: None,
            checkpoint: None,
            stop: &KEEP_RUNNING,
        }
    }

    /// Trains, and returns the events too.
    fn watched(task: &Task<'_>, data: &DataSplit) -> (Trained, Vec<TrainingEvent>) {
        let mut events = Vec::new();
        let trained = train(task, data, &mut |event, _| events.push(event)).unwrap();
        (trained, events)
    }

    fn epochs(events: &[TrainingEvent]) -> Vec<EpochReport> {
        let epoch = |event: &TrainingEvent| {
            if let TrainingEvent::Epoch(report) = event {
                Some(*report)
            } else {
                None
            }
        };
        events.iter().filter_map(epoch).collect()
    }

    #[test]
    fn columns_are_learned() {
        let (trained, events) = watched(&task(8), &data(205, 40));
        assert_eq!(
            (trained.stop_reason, trained.epochs, trained.test.accuracy),
            (StopReason::Finished, 8, 1.0)
        );
        assert_eq!(trained.validation.unwrap().count, 40);
        assert_eq!(trained.test.count, 50);
        assert!(trained.seconds > 0.0);
        let reports = epochs(&events);
        assert_eq!(
            reports.iter().map(|report| report.step.epoch).collect::<Vec<_>>(),
            (1..=8).collect::<Vec<_>>()
        );
        assert!(reports[7].step.loss < reports[0].step.loss);
        let steps: Vec<u64> = events
            .iter()
            .filter_map(|e| {
                if let TrainingEvent::Step(step) = e {
                    Some(step.steps)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(steps, (1..=8 * 21).collect::<Vec<_>>());
        assert_eq!(reports[7].step.total_steps, 8 * 21);
    }

    #[test]
    fn the_same_task_gives_the_same_weights_on_any_number_of_threads() {
        let data = data(100, 20);
        let task = Task {
            recipe: Recipe {
                augmentation: Augmentation::default(),
                ..task(3).recipe
            },
            ..task(3)
        };
        let weights = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| watched(&task, &data)).0.network.tensors()
        };
        let one = weights(1);
        assert_eq!(one, weights(1));
        assert_eq!(one, weights(3));
        assert_ne!(
            one,
            train(
                &Task {
                    seed: 2,
                    ..task.clone()
                },
                &data,
                &mut |_, _| ()
            )
            .unwrap()
            .network
            .tensors()
        );
    }

    #[test]
    fn the_best_weights_are_kept() {
        let (trained, events) = watched(&task(6), &data(100, 30));
        let reports = epochs(&events);
        let best = reports
            .iter()
            .map(|report| report.validation_accuracy.unwrap())
            .fold(0.0, f64::max);
        assert_eq!(trained.validation.unwrap().accuracy, best);
        let last_best = reports
            .iter()
            .rfind(|report| report.validation_accuracy == Some(best))
            .unwrap();
        assert_eq!(trained.epoch, last_best.step.epoch);
        let kept = evaluate_on(&trained.network, &data(100, 30).validation).unwrap();
        assert_eq!(kept.accuracy, best);
    }

    #[test]
    fn without_validation_the_last_weights_are_kept() {
        let (trained, events) = watched(&task(3), &data(100, 0));
        assert_eq!((trained.epoch, trained.validation), (3, None));
        assert!(
            epochs(&events)
                .iter()
                .all(|report| report.validation_accuracy.is_none())
        );
    }

    #[test]
    fn training_stops_at_the_target_accuracy() {
        let task = Task {
            until_accuracy: Some(0.9),
            ..task(50)
        };
        let (trained, events) = watched(&task, &data(200, 20));
        assert_eq!(trained.stop_reason, StopReason::Reached);
        assert!(trained.test.accuracy >= 0.9 && trained.epochs < 50);
        assert_eq!(trained.epoch, trained.epochs);
        let Some(TrainingEvent::Step(last)) = events.iter().rfind(|event| matches!(event, TrainingEvent::Step(_)))
        else {
            panic!()
        };
        assert_eq!(
            last.steps % 2,
            0,
            "evaluations are every sixteenth of 20 steps, rounded up"
        );
    }

    #[test]
    fn training_that_misses_the_target_accuracy_finishes() {
        let mut task = Task {
            until_accuracy: Some(1.0),
            ..task(1)
        };
        task.recipe.optimizer.set_learning_rate(0.0);
        assert_eq!(watched(&task, &data(50, 10)).0.stop_reason, StopReason::Finished);
    }

    #[test]
    fn stopping_keeps_the_weights() {
        let stop = AtomicBool::new(false);
        let task = Task {
            stop: &stop,
            ..task(1000)
        };
        let mut reports = Vec::new();
        let trained = train(&task, &data(100, 20), &mut |event, _| match event {
            TrainingEvent::Step(step) => stop.store(step.steps == 25, Ordering::Relaxed),
            TrainingEvent::Epoch(report) => reports.push(report),
        });
        let trained = trained.unwrap();
        assert_eq!((trained.stop_reason, trained.epochs), (StopReason::Stopped, 3));
        // The incomplete third epoch is reported.
        assert_eq!(
            reports.iter().map(|report| report.step.steps).collect::<Vec<_>>(),
            [10, 20, 25]
        );
    }

    #[test]
    fn stopping_before_the_first_step_is_an_error() {
        let stop = AtomicBool::new(true);
        let error = train(&Task { stop: &stop, ..task(3) }, &data(50, 10), &mut |_, _| ()).unwrap_err();
        assert!(matches!(error, Error::StoppedBeforeFirstStep), "{error}");
    }

    #[test]
    fn the_averaged_weights_are_the_result() {
        let data = data(200, 20);
        let with = |average| {
            let recipe = Recipe {
                average,
                ..task(3).recipe
            };
            watched(&Task { recipe, ..task(3) }, &data)
        };
        let (plain, steps) = with(None);
        let (averaged, same_steps) = with(Some(0.9));
        let losses =
            |events: &[TrainingEvent]| epochs(events).iter().map(|report| report.step.loss).collect::<Vec<_>>();
        assert_eq!(losses(&steps), losses(&same_steps));
        assert_ne!(plain.network.tensors(), averaged.network.tensors());
        let kept = evaluate_on(&averaged.network, &data.validation).unwrap();
        assert_eq!(averaged.validation.unwrap(), kept);
        // An average with decay 0 is the weights.
        assert_eq!(plain.network.tensors(), with(Some(0.0)).0.network.tensors());
    }

    #[test]
    fn a_resumed_run_ends_with_the_same_weights() {
        let data = data(100, 20);
        let task = |epochs| {
            let mut task = task(epochs);
            task.recipe.average = Some(0.9);
            task.recipe.label_smoothing = 0.05;
            task.recipe.augmentation = Augmentation::default().elastic(1.0);
            task
        };
        let expected = watched(&task(4), &data).0;
        let stop = AtomicBool::new(false);
        for stop_at in [3, 10, 25, 39, 40] {
            let folder = tempfile::tempdir().unwrap();
            let task = Task {
                checkpoint: Some(folder.path().join("run.safetensors")),
                stop: &stop,
                ..task(4)
            };
            let interrupted = train(&task, &data, &mut |event, _| {
                if let TrainingEvent::Step(step) = event {
                    stop.store(step.steps == stop_at, Ordering::Relaxed);
                }
            });
            assert_eq!(interrupted.unwrap().stop_reason, StopReason::Stopped);
            stop.store(false, Ordering::Relaxed);
            for _ in 0..2 {
                let mut steps = Vec::new();
                let trained = train(&task, &data, &mut |event, _| match event {
                    TrainingEvent::Step(step) => steps.push(step.steps),
                    TrainingEvent::Epoch(report) => assert!(report.step.loss.is_finite(), "{stop_at}: {report:?}"),
                });
                let trained = trained.unwrap();
                assert_eq!(trained.network.tensors(), expected.network.tensors(), "{stop_at}");
                assert_eq!(
                    (trained.stop_reason, trained.epoch, trained.epochs),
                    (StopReason::Finished, expected.epoch, 4)
                );
                // The second time, no steps are left.
                assert!(steps.is_empty() || steps[0] == stop_at + 1, "{stop_at}: {steps:?}");
            }
            let (mut seed, mut smoothing, mut average) = (task.clone(), task.clone(), task);
            seed.seed = 2;
            smoothing.recipe.label_smoothing = 0.1;
            average.recipe.average = None;
            for (other, difference) in [
                (seed, "its seed is 1, not 2 (--seed)"),
                (smoothing, "its label smoothing differs (--preset)"),
                (average, "its weight averaging differs (--preset)"),
            ] {
                let error = train(&other, &data, &mut |_, _| ()).unwrap_err().to_string();
                assert!(
                    error.contains("run.safetensors") && error.contains(difference),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_checkpoint_of_other_batches_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let mut task = Task {
            checkpoint: Some(folder.path().join("run.safetensors")),
            ..task(2)
        };
        // With this schedule, the settings of all runs are equal.
        task.recipe.lr_schedule = crate::training::presets::LrSchedule::Constant;
        train(&task, &data(100, 20), &mut |_, _| ()).unwrap();
        task.recipe.epochs = 4;
        let fewer_images = data(50, 20);
        let mut larger_batches = task.clone();
        larger_batches.recipe.batch = 25;
        for (task, data) in [(&task, &fewer_images), (&larger_batches, &data(100, 20))] {
            let error = train(task, data, &mut |_, _| ()).unwrap_err().to_string();
            assert!(
                error.contains("run.safetensors") && error.contains("20 steps"),
                "{error}"
            );
        }
        assert_eq!(train(&task, &data(100, 20), &mut |_, _| ()).unwrap().epochs, 4);
    }

    #[test]
    fn a_checkpoint_without_its_best_weights_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        let task = Task {
            checkpoint: Some(path.clone()),
            ..task(1)
        };
        train(&task, &data(50, 10), &mut |_, _| ()).unwrap();
        std::fs::remove_file(checkpoint::best_path(&path)).unwrap();
        let error = train(&task, &data(50, 10), &mut |_, _| ()).unwrap_err().to_string();
        assert!(error.contains("run.best.safetensors"), "{error}");
    }

    #[test]
    fn a_network_for_other_images_is_rejected() {
        for network in ["784 | dense 10", "120 | dense 9"] {
            let task = Task {
                network: network.parse().unwrap(),
                ..task(1)
            };
            let error = train(&task, &data(50, 10), &mut |_, _| ()).unwrap_err().to_string();
            assert!(error.contains(network) && error.contains("10x12x1 or 120"), "{error}");
        }
    }

    #[test]
    fn divergence_is_an_error() {
        let mut task = task(50);
        task.recipe.optimizer.set_learning_rate(1e30);
        let error = train(&task, &data(50, 10), &mut |_, _| ()).unwrap_err().to_string();
        assert!(error.contains("diverged"), "{error}");
    }
}
