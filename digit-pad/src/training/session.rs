//! A training session: epochs, validation, best weights and checkpoints.

use std::{
    borrow::Cow,
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use mnist_io::{Batches, Dataset, Scaling};
use nn_core::{BatchReport, Cursor, Evaluation, Network, NetworkSpec, Trainer, Workspace, evaluate, formats};

use crate::{
    error::Error,
    recognition::model::{DIGITS, check_fit},
    training::{
        calibration::calibrate,
        checkpoint::{self, Best, Run},
        data_split::{Data, EVALUATION_BATCH, SCALING},
        presets::Recipe,
    },
};

/// Checks of the test set in an epoch, where training is to stop at an accuracy.
const CHECKS_PER_EPOCH: usize = 16;

/// What is to be trained, and how.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// The network.
    pub network: NetworkSpec,
    /// How it is trained.
    pub recipe: Recipe,
    /// Decides the first weights, the order of the images and their changes.
    pub seed: u64,
    /// Training stops at the first check of the test set that reaches this share. That is a race and no estimate: the
    /// test set then has had a say in the weights.
    pub until_accuracy: Option<f64>,
    /// Where the run is kept after each epoch, and gone on with if there is one; the best weights so far are beside it
    /// ([`checkpoint::best_path`]).
    pub checkpoint: Option<PathBuf>,
    /// Once this is set, training ends after the step that it is in.
    pub stop: &'a AtomicBool,
}

/// How far training has come, after each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Steps taken, of all epochs.
    pub steps: u64,
    /// Those of them that are from a checkpoint.
    pub resumed_steps: u64,
    /// Steps that all epochs take.
    pub total_steps: u64,
    /// Mean loss in this epoch so far.
    pub loss: f64,
    /// Share of images read rightly in this epoch so far, each before its step.
    pub accuracy: f64,
    /// Images learnt from in a second, in this epoch so far.
    pub images_per_second: f64,
    /// Seconds of training in this epoch so far.
    pub seconds: f64,
}

/// What an epoch gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochReport {
    /// How its last step stands.
    pub step: StepReport,
    /// Share of the images held out that is read rightly now, if there are any.
    pub validation_accuracy: Option<f64>,
    /// Mean loss on them, if there are any.
    pub validation_loss: Option<f64>,
}

/// What happens in training, for those who watch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrainingEvent {
    /// A step was taken.
    Step(StepReport),
    /// An epoch is over, or training was stopped in it.
    Epoch(EpochReport),
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All epochs are over.
    Finished,
    /// It was asked to stop.
    Stopped,
    /// The accuracy that it was to go on until was reached.
    Reached,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The network with the best weights: those of the epoch with the highest validation accuracy; without images
    /// held out the last ones, and at the end of a race those that won it.
    pub network: Network,
    /// The epoch that the weights are from, counted from 1.
    pub epoch: usize,
    /// Epochs that were begun, in this run and before it.
    pub epochs: usize,
    /// How the network does on the images held out, if there are any.
    pub validation: Option<Evaluation>,
    /// How it does on the test set.
    pub test: Evaluation,
    /// What the logits were divided by at the end, so that probabilities are about right; none where that could not be
    /// told.
    pub temperature: Option<f64>,
    /// Seconds of training, without the evaluations and what was done before a checkpoint.
    pub seconds: f64,
    /// Why it ended.
    pub end: End,
}

/// Trains a network, in the rayon pool that the call is made in. `watch` hears what happens and sees the network as it
/// is then; the time that it takes does not count as training. The result depends on the task and the data alone,
/// not on the number of threads.
///
/// # Errors
/// If the network does not fit the images, a setting is out of range, training diverges, it is stopped before the first
/// step, or a checkpoint cannot be written or is of another run.
pub fn train(
    task: &Task<'_>,
    data: &Data,
    watch: &mut (dyn FnMut(TrainingEvent, &Network) + Send),
) -> Result<Trained, Error> {
    let mut session = Session::new(task, data, watch)?;
    let mut end = End::Finished;
    while session.position.epoch < task.recipe.epochs as u64 {
        if let ControlFlow::Break(reason) = session.epoch()? {
            end = reason;
            break;
        }
    }
    session.finish(end)
}

fn evaluate_on(network: &Network, dataset: &Dataset, scaling: Scaling) -> Result<Evaluation, Error> {
    let mut batches = Batches::in_order(dataset, EVALUATION_BATCH, scaling)?;
    let mut workspace = Workspace::new(network, batches.batch_size())?;
    Ok(evaluate(network, &mut batches, &mut workspace)?)
}

/// Weights worth keeping.
struct BestWeights {
    network: Network,
    epoch: usize,
    validation: Option<Evaluation>,
}

/// A trained network with all that is needed to use it.
#[must_use]
pub fn model_of(network: Network) -> formats::Model {
    let mut model = formats::Model::new(network);
    model.labels = (0..DIGITS).map(|digit| digit.to_string()).collect();
    model.scaling = formats::Scaling {
        mean: SCALING.mean(),
        std: SCALING.std(),
    };
    model
}

/// Training on its way.
struct Session<'a> {
    task: &'a Task<'a>,
    data: &'a Data,
    watch: &'a mut (dyn FnMut(TrainingEvent, &Network) + Send),
    trainer: Trainer,
    position: Cursor,
    samples: Batches<'a>,
    resumed_steps: u64,
    total_steps: u64,
    check_every: u64,
    time: Duration,
    kept: Option<BestWeights>,
    epochs: usize,
}

impl<'a> Session<'a> {
    fn new(
        task: &'a Task<'a>,
        data: &'a Data,
        watch: &'a mut (dyn FnMut(TrainingEvent, &Network) + Send),
    ) -> Result<Self, Error> {
        let recipe = &task.recipe;
        check_fit(&task.network, data.train.height(), data.train.width(), || {
            format!("the network {}", task.network)
        })?;
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
        let keep = |Best { network, epoch }| {
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
            kept: best.map(keep).transpose()?,
            total_steps,
            check_every: steps.div_ceil(CHECKS_PER_EPOCH) as u64,
            samples: batches,
            time: Duration::ZERO,
            task,
            data,
            watch,
        })
    }

    /// Goes through the training images once, or on; breaks with the reason if training ends here.
    fn epoch(&mut self) -> Result<ControlFlow<End>, Error> {
        if self.task.stop.load(Ordering::Relaxed) {
            return Ok(ControlFlow::Break(End::Stopped));
        }
        let epoch = self.position.epoch as usize + 1;
        let mut tally = EpochTotals::new(epoch, self.resumed_steps, self.total_steps);
        let mut flow = Ok(ControlFlow::Continue(()));
        let mut clock = Instant::now();
        let Self {
            task,
            data,
            watch,
            trainer,
            position,
            samples,
            check_every,
            total_steps,
            ..
        } = self;
        let on_step = |trainer: &Trainer, step: &BatchReport| {
            tally.add(step, clock.elapsed());
            watch(TrainingEvent::Step(tally.report(trainer)), trainer.network());
            flow = if task.stop.load(Ordering::Relaxed) {
                Ok(ControlFlow::Break(End::Stopped))
            } else if trainer.steps().is_multiple_of(*check_every) || trainer.steps() == *total_steps {
                check_goal(task, data, trainer)
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
        self.time += tally.time;
        self.epochs = epoch;
        self.position = report.next;
        self.close_epoch(&tally, flow == ControlFlow::Break(End::Reached))?;
        self.save_checkpoint()?;
        Ok(flow)
    }

    /// Keeps the weights if they are the best so far, and says how the epoch went.
    fn close_epoch(&mut self, tally: &EpochTotals, won: bool) -> Result<(), Error> {
        let network = learnt(&self.trainer);
        let validation = validate(&network, self.data)?;
        let accuracy = |evaluation: Option<Evaluation>| evaluation.map(|evaluation| evaluation.accuracy);
        // Of equals the later: it has seen more. Without validation, the last.
        let best = self
            .kept
            .as_ref()
            .is_none_or(|kept| accuracy(kept.validation) <= accuracy(validation));
        let report = EpochReport {
            step: tally.report(&self.trainer),
            validation_accuracy: accuracy(validation),
            validation_loss: validation.map(|evaluation| evaluation.loss),
        };
        // Where a run was stopped after an epoch's last step, nothing of it is left to be told.
        if tally.images > 0 {
            (self.watch)(TrainingEvent::Epoch(report), &network);
        }
        if best || won {
            self.kept = Some(BestWeights {
                network: network.into_owned(),
                epoch: tally.epoch,
                validation,
            });
        }
        Ok(())
    }

    /// Keeps the run in its file. Weights of a part of an epoch are no best weights: going on will replace them.
    fn save_checkpoint(&self) -> Result<(), Error> {
        let Some(path) = &self.task.checkpoint else {
            return Ok(());
        };
        let done = |kept: &&BestWeights| kept.epoch as u64 <= self.position.epoch;
        let best = self.kept.as_ref().filter(done);
        checkpoint::save(
            path,
            &self.trainer,
            self.position,
            best.map(|kept| (model_of(kept.network.clone()), kept.epoch)),
        )
    }

    fn finish(self, end: End) -> Result<Trained, Error> {
        let BestWeights { mut network, epoch, .. } = self.kept.ok_or(Error::NothingLearnt)?;
        let temperature = calibrate(&mut network, &self.data.validation)?;
        Ok(Trained {
            validation: validate(&network, self.data)?,
            test: evaluate_on(&network, &self.data.test, SCALING)?,
            network,
            epoch,
            epochs: self.epochs,
            temperature,
            seconds: self.time.as_secs_f64(),
            end,
        })
    }
}

/// The network that training is for: with the average of the weights where one is kept.
fn learnt(trainer: &Trainer) -> Cow<'_, Network> {
    trainer
        .averaged_network()
        .map_or(Cow::Borrowed(trainer.network()), Cow::Owned)
}

/// How a network does on the images held out, if there are any.
fn validate(network: &Network, data: &Data) -> Result<Option<Evaluation>, Error> {
    if data.validation.is_empty() {
        return Ok(None);
    }
    evaluate_on(network, &data.validation, SCALING).map(Some)
}

/// Breaks if the accuracy that training goes on until is reached.
fn check_goal(task: &Task<'_>, data: &Data, trainer: &Trainer) -> Result<ControlFlow<End>, Error> {
    let Some(wanted) = task.until_accuracy else {
        return Ok(ControlFlow::Continue(()));
    };
    let reached = evaluate_on(&learnt(trainer), &data.test, SCALING)?.accuracy >= wanted;
    Ok(if reached {
        ControlFlow::Break(End::Reached)
    } else {
        ControlFlow::Continue(())
    })
}

/// Sums of an epoch so far.
struct EpochTotals {
    epoch: usize,
    resumed_steps: u64,
    total_steps: u64,
    images: usize,
    loss: f64,
    correct: usize,
    time: Duration,
}

impl EpochTotals {
    fn new(epoch: usize, resumed_steps: u64, total_steps: u64) -> Self {
        EpochTotals {
            epoch,
            resumed_steps,
            total_steps,
            images: 0,
            loss: 0.0,
            correct: 0,
            time: Duration::ZERO,
        }
    }

    fn add(&mut self, step: &BatchReport, time: Duration) {
        self.images += step.samples;
        self.loss += f64::from(step.loss) * step.samples as f64;
        self.correct += step.correct;
        self.time += time;
    }

    fn report(&self, trainer: &Trainer) -> StepReport {
        let images = self.images as f64;
        StepReport {
            epoch: self.epoch,
            steps: trainer.steps(),
            resumed_steps: self.resumed_steps,
            total_steps: self.total_steps,
            loss: self.loss / images,
            accuracy: self.correct as f64 / images,
            images_per_second: images / self.time.as_secs_f64(),
            seconds: self.time.as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mnist_io::{Augmentation, Mnist};
    use proptest::prelude::*;

    use super::*;
    use crate::training::{data_split::HeldOut, presets::DEFAULT};

    /// `count` images, each of a bright column that is its class.
    fn columns(count: usize) -> Dataset {
        let images = (0..count).flat_map(|i| (0..120).map(move |pixel| if pixel % 12 == i % 10 { 255 } else { 0 }));
        Dataset::new(images.collect(), (0..count).map(|i| (i % 10) as u8).collect(), 10, 12).unwrap()
    }

    fn data(train: usize, validation: usize) -> Data {
        let mnist = Mnist {
            train: columns(train + validation),
            test: columns(50),
        };
        Data::new(mnist, HeldOut::Count(validation), None).unwrap()
    }

    static GO_ON: AtomicBool = AtomicBool::new(false);

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
            stop: &GO_ON,
        }
    }

    /// Trains, and says what was seen of it.
    fn watched(task: &Task<'_>, data: &Data) -> (Trained, Vec<TrainingEvent>) {
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
    fn columns_are_learnt() {
        let (trained, events) = watched(&task(8), &data(205, 40));
        assert_eq!(
            (trained.end, trained.epochs, trained.test.accuracy),
            (End::Finished, 8, 1.0)
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
        let kept = evaluate_on(&trained.network, &data(100, 30).validation, SCALING).unwrap();
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
    fn a_race_ends_when_it_is_won() {
        let task = Task {
            until_accuracy: Some(0.9),
            ..task(50)
        };
        let (trained, events) = watched(&task, &data(200, 20));
        assert_eq!(trained.end, End::Reached);
        assert!(trained.test.accuracy >= 0.9 && trained.epochs < 50);
        assert_eq!(trained.epoch, trained.epochs);
        let Some(TrainingEvent::Step(last)) = events.iter().rfind(|event| matches!(event, TrainingEvent::Step(_)))
        else {
            panic!()
        };
        assert_eq!(last.steps % 2, 0, "checks are every sixteenth of 20 steps, rounded up");
    }

    #[test]
    fn a_race_that_is_lost_says_so() {
        let mut task = Task {
            until_accuracy: Some(1.0),
            ..task(1)
        };
        task.recipe.optimizer.set_learning_rate(0.0);
        assert_eq!(watched(&task, &data(50, 10)).0.end, End::Finished);
    }

    #[test]
    fn stopping_keeps_what_was_learnt() {
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
        assert_eq!((trained.end, trained.epochs), (End::Stopped, 3));
        // The third epoch counts, as far as it went.
        assert_eq!(
            reports.iter().map(|report| report.step.steps).collect::<Vec<_>>(),
            [10, 20, 25]
        );
    }

    #[test]
    fn stopping_before_the_first_step_leaves_nothing() {
        let stop = AtomicBool::new(true);
        let error = train(&Task { stop: &stop, ..task(3) }, &data(50, 10), &mut |_, _| ()).unwrap_err();
        assert!(matches!(error, Error::NothingLearnt), "{error}");
    }

    #[test]
    fn the_average_of_the_weights_is_what_is_kept() {
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
        let kept = evaluate_on(&averaged.network, &data.validation, SCALING).unwrap();
        assert_eq!(averaged.validation.unwrap(), kept);
        // An average that keeps nothing is the weights.
        assert_eq!(plain.network.tensors(), with(Some(0.0)).0.network.tensors());
    }

    #[test]
    fn a_run_goes_on_from_its_checkpoint_to_the_same_weights() {
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
            assert_eq!(interrupted.unwrap().end, End::Stopped);
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
                    (trained.end, trained.epoch, trained.epochs),
                    (End::Finished, expected.epoch, 4)
                );
                // The second time, nothing is left to do.
                assert!(steps.is_empty() || steps[0] == stop_at + 1, "{stop_at}: {steps:?}");
            }
            let (mut seed, mut smoothing, mut average) = (task.clone(), task.clone(), task);
            seed.seed = 2;
            smoothing.recipe.label_smoothing = 0.1;
            average.recipe.average = None;
            for (other, difference) in [
                (seed, "the seed 1, and this one the seed 2"),
                (smoothing, "label_smoothing: 0.1"),
                (average, "an average with decay 0.9, and this one no average"),
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
    fn a_checkpoint_of_other_batches_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut task = Task {
            checkpoint: Some(folder.path().join("run.safetensors")),
            ..task(2)
        };
        // The schedule does not tell the runs apart.
        task.recipe.course = crate::training::presets::Course::Constant;
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
    fn a_checkpoint_without_its_best_weights_is_an_error_that_names_them() {
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
    fn a_network_for_other_images_is_refused() {
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

    proptest! {}
}
