//! A training session: epochs, validation, best weights and checkpoints.

use std::{
    borrow::Cow,
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use mnist_io::{Batches, Dataset, Scaling};
use nn_core::{
    BatchReport, BestBy, Fit, FitCallback, FitEnd, FitProgress, FitReport, Model, Network, NetworkSpec, Source,
    Trainer, Workspace, evaluate, loss::CrossEntropy,
};
use web_time::Instant;

use crate::{
    error::Error,
    recognition::model::{DIGITS, check_fit},
    training::{
        calibration::calibrate,
        checkpoint::{Best, Checkpoint, Run},
        data_split::{DataSplit, EVALUATION_BATCH, SCALING},
        fingerprint::Fingerprint,
        in_steps,
        presets::Recipe,
        report::EpochTotals,
    },
};

pub use crate::training::{
    outcome::{Failed, StopReason, Trained},
    report::{EpochReport, Evaluation, StepReport, TrainingEvent},
};

/// Evaluations of the test set in an epoch, if training stops at an accuracy.
const CHECKS_PER_EPOCH: usize = 16;

/// The network that training starts with.
#[derive(Clone, Debug)]
pub enum Start {
    /// A network with random weights.
    Random(NetworkSpec),
    /// A network that was trained before.
    Pretrained(Network),
}

impl Start {
    /// Its layers.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        match self {
            Start::Random(spec) => spec,
            Start::Pretrained(network) => network.spec(),
        }
    }
}

/// A network to train, and how.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    /// The network.
    pub start: Start,
    /// Trains only the last layer that has weights, and freezes the others.
    pub head_only: bool,
    /// Hyperparameters.
    pub recipe: Recipe,
    /// Seed of the initial weights, the order of images and their augmentation.
    pub seed: u64,
    /// Stops training when the validation accuracy has not reached the best so far for that many epochs.
    pub patience: Option<u64>,
    /// Stops training when an evaluation reaches this accuracy on the test set. The result is a race, not an estimate:
    /// the test set then selects the weights.
    pub until_accuracy: Option<f64>,
    /// File of the checkpoint, which is written after each epoch and resumed if it exists. The best weights so far are
    /// beside it ([`best_path`](crate::training::checkpoint::best_path)).
    pub checkpoint: Option<PathBuf>,
    /// Stops training after the current step once it is set.
    pub stop: &'a AtomicBool,
}

impl<'a> Task<'a> {
    /// Trains a network with random weights for all epochs of a recipe.
    #[must_use]
    pub fn new(network: NetworkSpec, recipe: Recipe, seed: u64, stop: &'a AtomicBool) -> Self {
        Task {
            start: Start::Random(network),
            head_only: false,
            recipe,
            seed,
            patience: None,
            until_accuracy: None,
            checkpoint: None,
            stop,
        }
    }

    /// Checks that the network fits the images.
    ///
    /// # Errors
    ///
    /// [`Error::IncompatibleNetwork`].
    pub fn check_fit(&self, data: &DataSplit) -> Result<(), Error> {
        let (images, classes) = (data.train.shape(), data.train.classes());
        let network = self.start.spec();
        check_fit(network, images, classes, || network.to_string())
    }

    /// A trainer at the start of a run of that many steps.
    fn trainer(&self, batch: usize, steps: u64) -> Result<Trainer, Error> {
        let network = match &self.start {
            Start::Random(spec) => Network::new(spec.clone(), self.seed)?,
            Start::Pretrained(network) => network.clone(),
        };
        let last = network.tensors().pop();
        let mut trainer = self
            .recipe
            .trainer(network, batch)?
            .with_seed(self.seed)
            .with_schedule(self.recipe.schedule(steps))?;
        if let Some((layer, _)) = last.as_ref().and_then(|tensor| tensor.name.split_once('.'))
            && self.head_only
        {
            trainer.freeze("*")?;
            trainer.unfreeze(&format!("{layer}.*"))?;
        }
        Ok(trainer)
    }

    /// How a run goes on from its cursor and its best network so far.
    fn fit(&self, run: &Run, data: &DataSplit) -> Fit {
        let best = run
            .best
            .as_ref()
            .map(|best| (best.epoch as u64 - 1, best.network.clone()));
        let fit = Fit::new(self.recipe.epochs as u64)
            .with_validation_loss(CrossEntropy::new())
            .resumed(run.position, best);
        if data.validation.is_empty() {
            return fit.with_best_by(BestBy::LastEpoch);
        }
        let fit = fit.with_best_by(BestBy::HighestAccuracy);
        match self.patience {
            Some(epochs) => fit.with_patience(epochs),
            None => fit,
        }
    }
}

/// Trains a network in the current rayon pool.
///
/// `on_event` receives each event with the network as it is then; its time does not count as training. The result
/// depends only on the task and the data, not on the number of threads.
///
/// # Errors
///
/// If the network does not fit the images, a setting is out of range, training diverges or is stopped before the first
/// step, or a checkpoint cannot be written or belongs to another run. The error holds the best weights so far.
pub fn train(
    task: &Task<'_>,
    data: &DataSplit,
    on_event: &mut (dyn FnMut(TrainingEvent, &Network) + Send),
) -> Result<Trained, Failed> {
    in_steps::wait(train_in_steps(task, data, on_event, async |_: &Network| ()))
}

/// As [`train`], and awaits `between_steps` with the network after each step: where one thread does all work, it is free meanwhile.
///
/// # Errors
///
/// As [`train`].
pub async fn train_in_steps(
    task: &Task<'_>,
    data: &DataSplit,
    on_event: &mut (dyn FnMut(TrainingEvent, &Network) + Send),
    mut between_steps: impl AsyncFnMut(&Network),
) -> Result<Trained, Failed> {
    task.check_fit(data)?;
    if task.patience.is_some() && data.validation.is_empty() {
        return Err(Error::PatienceWithoutValidation.into());
    }
    let recipe = &task.recipe;
    let mut samples = Batches::new(&data.train, recipe.batch, task.seed, data.scaling)?
        .with_augmentation(recipe.augmentation.clone())?;
    if let Some(images) = &data.distractors {
        samples = samples.with_distractors(images)?;
    }
    let (batch, steps) = (samples.batch_size(), samples.batches_per_epoch());
    let total_steps = steps as u64 * recipe.epochs as u64;
    let fresh = task.trainer(batch, total_steps)?;
    let checkpoint = task.checkpoint.as_deref();
    let checkpoint = checkpoint.map(|path| Checkpoint::new(path, Fingerprint::new(&fresh, recipe, batch, data)));
    let mut run = match &checkpoint {
        Some(checkpoint) => checkpoint.resume_or(fresh, (batch, steps))?,
        None => Run::new(fresh),
    };
    let mut session = Session {
        task,
        checkpoint,
        data,
        totals: EpochTotals::new(run.position.epoch as usize + 1, run.trainer.steps(), total_steps),
        epochs: (run.position.epoch + u64::from(run.position.batches > 0)) as usize,
        check_every: steps.div_ceil(CHECKS_PER_EPOCH) as u64,
        clock: Instant::now(),
        time: Duration::ZERO,
        best: None,
        reached: None,
        failure: None,
        on_event,
    };
    if task.stop.load(Ordering::Relaxed) {
        let Best { network, epoch } = run.best.ok_or(Error::StoppedBeforeFirstStep)?;
        return Ok(session.finish(network, epoch, StopReason::Stopped)?);
    }
    let fit = task.fit(&run, data);
    let mut validation = (!data.validation.is_empty())
        .then(|| Batches::in_order(&data.validation, batch.min(EVALUATION_BATCH), data.scaling))
        .transpose()?;
    let validation = validation.as_mut().map(|batches| batches as &mut dyn Source);
    session.best = run.best.take();
    let fitted = async {
        let mut steps = run.trainer.fit_steps(&mut samples, validation, &fit)?;
        loop {
            if let ControlFlow::Break(end) = steps.step(&mut session)? {
                return steps.finish(end);
            }
            between_steps(steps.trainer().network()).await;
            session.clock = Instant::now();
        }
    };
    let fitted = fitted.await;
    // The memory of training is not needed any more.
    drop(run);
    let FitReport { best, end, .. } = match fitted {
        Ok(report) => report,
        Err(error) => return Err(session.fail(error.into())),
    };
    let best = Best {
        network: best.network,
        epoch: best.epoch as usize + 1,
    };
    if let Some(failure) = session.failure.take() {
        session.best = Some(best);
        return Err(session.fail(failure));
    }
    if let Some(network) = session.reached.take() {
        let epoch = session.epochs;
        return Ok(session.finish(network, epoch, StopReason::Reached)?);
    }
    let stop_reason = match end {
        FitEnd::Patience => StopReason::NoProgress,
        FitEnd::Callback => StopReason::Stopped,
        _ => StopReason::Finished,
    };
    Ok(session.finish(best.network, best.epoch, stop_reason)?)
}

/// Makes a model of a network trained here on digits.
#[must_use]
pub fn digit_model(network: Network) -> Model {
    let digits: Vec<String> = (0..DIGITS).map(|digit| digit.to_string()).collect();
    model(network, SCALING, &digits)
}

/// Makes a model of a network.
fn model(network: Network, scaling: Scaling, class_names: &[String]) -> Model {
    let mut model = Model::new(network);
    model.labels = class_names.to_vec();
    model.scaling = Some(scaling.into());
    model
}

impl DataSplit {
    /// Makes a model of a network trained on this data, with its input scaling and class names.
    #[must_use]
    pub fn model(&self, network: Network) -> Model {
        model(network, self.scaling, self.train.class_names())
    }

    fn evaluate(&self, network: &Network, images: &Dataset) -> Result<Evaluation, Error> {
        let mut batches = Batches::in_order(images, EVALUATION_BATCH, self.scaling)?;
        let mut workspace = Workspace::new(network, batches.batch_size())?;
        let evaluation = evaluate(network, &mut batches, &CrossEntropy::new(), &mut workspace)?;
        Ok(evaluation.into())
    }

    /// Evaluates a network on the validation images, if there are any.
    fn validate(&self, network: &Network) -> Result<Option<Evaluation>, Error> {
        let images = Some(&self.validation).filter(|images| !images.is_empty());
        images.map(|images| self.evaluate(network, images)).transpose()
    }
}

/// A training run in progress.
struct Session<'a> {
    task: &'a Task<'a>,
    checkpoint: Option<Checkpoint<'a>>,
    data: &'a DataSplit,
    on_event: &'a mut (dyn FnMut(TrainingEvent, &Network) + Send),
    /// Steps between evaluations of the test set, if training stops at an accuracy.
    check_every: u64,
    /// Sums of the current epoch.
    totals: EpochTotals,
    /// Started after the last event.
    clock: Instant,
    /// Training time of the epochs before.
    time: Duration,
    /// Number of epochs started.
    epochs: usize,
    /// The best weights of the complete epochs.
    best: Option<Best>,
    /// The network that reached [`Task::until_accuracy`].
    reached: Option<Network>,
    /// The error that ended training.
    failure: Option<Error>,
}

impl FitCallback for Session<'_> {
    fn on_step(&mut self, trainer: &Trainer, step: &BatchReport) -> ControlFlow<()> {
        self.totals.add(step, self.clock.elapsed());
        let report = self.totals.report(trainer.steps());
        (self.on_event)(TrainingEvent::Step(report), trainer.network());
        let flow = if self.task.stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            self.check_accuracy(trainer, &report)
        };
        self.clock = Instant::now();
        flow
    }

    fn on_epoch(&mut self, progress: &FitProgress<'_>) -> ControlFlow<()> {
        self.end_epoch(progress);
        self.keep_best(progress);
        if let Err(error) = self.save_checkpoint(progress) {
            self.failure = Some(error);
        }
        let flow = if self.failure.is_some() || self.task.stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        };
        self.clock = Instant::now();
        flow
    }
}

impl Session<'_> {
    /// Breaks if [`Task::until_accuracy`] is reached.
    fn check_accuracy(&mut self, trainer: &Trainer, step: &StepReport) -> ControlFlow<()> {
        let is_due = step.steps.is_multiple_of(self.check_every) || step.steps == step.total_steps;
        let Some(target) = self.task.until_accuracy.filter(|_| is_due) else {
            return ControlFlow::Continue(());
        };
        let network = trainer
            .averaged_network()
            .map_or(Cow::Borrowed(trainer.network()), Cow::Owned);
        match self.data.evaluate(&network, &self.data.test) {
            Ok(test) if test.accuracy >= target => self.reached = Some(network.into_owned()),
            Ok(_) => return ControlFlow::Continue(()),
            Err(error) => self.failure = Some(error),
        }
        ControlFlow::Break(())
    }

    /// Reports an epoch, and begins the next one.
    fn end_epoch(&mut self, progress: &FitProgress<'_>) {
        let validation = progress.epoch.validation.map(Evaluation::from);
        let report = EpochReport {
            step: self.totals.report(progress.trainer.steps()),
            validation_accuracy: validation.map(|evaluation| evaluation.accuracy),
            validation_loss: validation.map(|evaluation| evaluation.loss),
            guesses: self.totals.guesses(&self.data.train),
        };
        // A run that was stopped after an epoch's last step has nothing left to report of it.
        if self.totals.images > 0 {
            (self.on_event)(TrainingEvent::Epoch(report), progress.network);
        }
        self.epochs = report.step.epoch;
        self.time += self.totals.time;
        self.totals = self.totals.next_epoch();
    }

    /// Keeps the best weights, for a run that fails in a later epoch.
    fn keep_best(&mut self, progress: &FitProgress<'_>) {
        let epoch = progress.best.epoch as usize + 1;
        if self.best.as_ref().is_none_or(|best| best.epoch != epoch) {
            let network = progress.best.network.clone();
            self.best = Some(Best { network, epoch });
        }
    }

    /// Saves the checkpoint. Weights from within an epoch are not saved as the best: resuming replaces them.
    fn save_checkpoint(&self, progress: &FitProgress<'_>) -> Result<(), Error> {
        let Some(checkpoint) = &self.checkpoint else {
            return Ok(());
        };
        let position = progress.epoch.train.next;
        let best = Some(progress.best).filter(|best| best.epoch < position.epoch);
        let best = best.map(|best| (self.data.model(best.network.clone()), best.epoch as usize + 1));
        checkpoint.save(progress.trainer, position, best)
    }

    /// The error, with the best weights so far if they can be evaluated.
    fn fail(mut self, error: Error) -> Failed {
        let best = self.best.take();
        let best = best.and_then(|Best { network, epoch }| self.finish(network, epoch, StopReason::Failed).ok());
        Failed {
            error,
            best: best.map(Box::new),
        }
    }

    fn finish(self, mut network: Network, epoch: usize, stop_reason: StopReason) -> Result<Trained, Error> {
        let temperature = calibrate(&mut network, &self.data.validation, self.data.scaling)?;
        Ok(Trained {
            validation: self.data.validate(&network)?,
            test: self.data.evaluate(&network, &self.data.test)?,
            network,
            epoch,
            epochs: self.epochs,
            temperature,
            seconds: self.time.as_secs_f64(),
            stop_reason,
        })
    }
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

    fn evaluate_validation(network: &Network, data: &DataSplit) -> Result<Evaluation, Error> {
        data.evaluate(network, &data.validation)
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
        Task::new(network, recipe, 1, &KEEP_RUNNING)
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
        let kept = evaluate_validation(&trained.network, &data(100, 30)).unwrap();
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
    fn without_progress_patience_ends_training() {
        let mut task = Task {
            patience: Some(3),
            ..task(50)
        };
        // After the first epoch, averages of ever fewer new weights, hardly any accuracy changes.
        let trained = watched(&task, &data(205, 40)).0;
        assert_eq!(
            trained.stop_reason,
            StopReason::Finished,
            "an accuracy as high is progress"
        );
        task.recipe.augmentation = Augmentation::default();
        task.recipe.optimizer.set_learning_rate(0.5);
        let trained = watched(&task, &data(205, 40)).0;
        assert_eq!(trained.stop_reason, StopReason::NoProgress);
        assert_eq!(trained.epochs, trained.epoch + 3);
        let error = train(&task, &data(50, 0), &mut |_, _| ()).unwrap_err().to_string();
        assert!(error.contains("--val"), "{error}");
    }

    #[test]
    fn the_head_alone_is_trained() {
        let data = data(205, 40);
        let network = watched(&task(2), &data).0.network;
        let task = Task {
            start: Start::Pretrained(network.clone()),
            head_only: true,
            ..task(1)
        };
        let trained = watched(&task, &data).0.network.tensors();
        let before = network.tensors();
        assert_eq!(before[..2], trained[..2]);
        assert_ne!(before[2], trained[2]);
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
        assert!(matches!(error.error, Error::StoppedBeforeFirstStep), "{error}");
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
        let kept = evaluate_validation(&averaged.network, &data).unwrap();
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
        let path = task.checkpoint.as_deref().unwrap();
        let saved = std::fs::read(path).unwrap();
        for (is_early, task, data, difference) in [
            (
                false,
                &task,
                &fewer_images,
                "its training images are 100 of 10×12 pixels",
            ),
            (true, &task, &fewer_images, "20 steps"),
            (
                false,
                &larger_batches,
                &data(100, 20),
                "its batch size is 10, not 25 (--batch",
            ),
            (true, &larger_batches, &data(100, 20), "20 steps"),
        ] {
            if is_early {
                forget_run(path);
            }
            let error = train(task, data, &mut |_, _| ()).unwrap_err().to_string();
            assert!(
                error.contains("run.safetensors") && error.contains(difference),
                "{error}"
            );
            std::fs::write(path, &saved).unwrap();
        }
        assert_eq!(train(&task, &data(100, 20), &mut |_, _| ()).unwrap().epochs, 4);
    }

    /// Removes the fingerprint, which early versions did not store.
    fn forget_run(path: &std::path::Path) {
        let bytes = std::fs::read(path).unwrap();
        let key = b"\"run\":";
        let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
        let mut bytes = bytes;
        bytes[at + 1] = b'x';
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_run_resumes_with_its_own_data_and_best_weights_alone() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("run.safetensors");
        let task = Task {
            checkpoint: Some(checkpoint.clone()),
            ..task(2)
        };
        let own = data(100, 20);
        train(&task, &own, &mut |_, _| ()).unwrap();
        let with = |change: &dyn Fn(&mut DataSplit)| {
            let mut data = own.clone();
            change(&mut data);
            data
        };
        let names = |prefix: &str| (0..10).map(|class| format!("{prefix}{class}")).collect::<Vec<_>>();
        let relabeled = with(&|data| data.train = data.train.clone().map_labels(|label| 9 - label).unwrap());
        let renamed = with(&|data| data.train = data.train.clone().with_class_names(names("c")).unwrap());
        let scaled = with(&|data| data.scaling = Scaling::UNIT);
        let inverted = with(&|data| {
            let images = data.validation.images().iter().map(|pixel| 255 - pixel).collect();
            let labels = data.validation.labels().to_vec();
            data.validation = Dataset::new(images, labels, data.validation.shape()).unwrap();
        });
        let fails = |task: &Task<'_>, data: &DataSplit, words: &[&str]| {
            let error = train(task, data, &mut |_, _| ()).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{word}: {error}");
            }
        };
        fails(
            &task,
            &relabeled,
            &["run.safetensors", "its training images are 100", "(--data"],
        );
        fails(&task, &renamed, &["its class names are [\"0\",", "not [\"c0\","]);
        fails(
            &task,
            &scaled,
            &["its pixel scaling is mean 0.1307, std 0.3081, not mean 0, std 1"],
        );
        fails(&task, &inverted, &["its validation images are 20"]);
        let mut augmented = task.clone();
        augmented.recipe.augmentation = Augmentation::default();
        fails(&augmented, &own, &["its augmentation differs (--no-augment, --preset)"]);

        // The best weights of another run are beside it.
        let best = crate::training::checkpoint::best_path(&checkpoint);
        let own_best = std::fs::read(&best).unwrap();
        let other = Task {
            checkpoint: Some(folder.path().join("other.safetensors")),
            seed: 2,
            ..task.clone()
        };
        train(&other, &own, &mut |_, _| ()).unwrap();
        std::fs::copy(folder.path().join("other.best.safetensors"), &best).unwrap();
        fails(&task, &own, &["run.best.safetensors", "its seed is 2, not 1 (--seed)"]);
        std::fs::write(&best, own_best).unwrap();
        forget_run(&best);
        fails(&task, &own, &["run.best.safetensors", "name no run"]);
        assert!(!crate::training::checkpoint::is_without_fingerprint(&checkpoint));
        forget_run(&checkpoint);
        assert!(crate::training::checkpoint::is_without_fingerprint(&checkpoint));
        train(&task, &own, &mut |_, _| ()).unwrap();
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
        std::fs::remove_file(crate::training::checkpoint::best_path(&path)).unwrap();
        let error = train(&task, &data(50, 10), &mut |_, _| ()).unwrap_err().to_string();
        assert!(error.contains("run.best.safetensors"), "{error}");
    }

    #[test]
    fn a_network_for_other_images_is_rejected() {
        for network in ["784 | dense 10", "120 | dense 9"] {
            let task = Task {
                start: Start::Random(network.parse().unwrap()),
                ..task(1)
            };
            let error = train(&task, &data(50, 10), &mut |_, _| ()).unwrap_err().to_string();
            assert!(error.contains(network) && error.contains("10x12x1 or 120"), "{error}");
        }
    }

    #[test]
    fn a_network_that_only_guesses_is_noticed() {
        let guesses = |net: &str, learning_rate: f32, images| {
            let mut task = task(2);
            task.start = Start::Random(net.parse().unwrap());
            task.recipe.optimizer.set_learning_rate(learning_rate);
            let events = watched(&task, &data(images, 10)).1;
            epochs(&events).iter().map(|report| report.guesses).collect::<Vec<_>>()
        };
        let network = "10x12x1 | flatten | dense 16 | relu | dense 10";
        assert_eq!(guesses(network, 0.01, 1000), [false, false]);
        assert_eq!(guesses(network, 0.0, 1000), [true, true]);
        // Too few steps to tell.
        assert_eq!(guesses(network, 0.0, 100), [false, false]);
        // So high a rate leaves every ReLU at zero.
        let deep = "10x12x1 | flatten | dense 16 | relu | dense 16 | relu | dense 10";
        assert!(guesses(deep, 3.0, 2000)[1]);
    }

    #[test]
    fn divergence_is_an_error() {
        let mut task = task(50);
        task.recipe.optimizer.set_learning_rate(1e30);
        let failed = train(&task, &data(50, 10), &mut |_, _| ()).unwrap_err();
        assert!(
            failed.to_string().contains("diverged") && failed.best.is_none(),
            "{failed}"
        );
    }

    #[test]
    fn a_run_that_fails_keeps_its_best_weights() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("there").join("run.safetensors");
        std::fs::create_dir(checkpoint.parent().unwrap()).unwrap();
        let task = Task {
            checkpoint: Some(checkpoint.clone()),
            ..task(4)
        };
        let expected = {
            let task = Task {
                checkpoint: None,
                ..task.clone()
            };
            let mut after_two = None;
            train(&task, &data(100, 0), &mut |event, network| {
                if let TrainingEvent::Epoch(report) = event
                    && report.step.epoch == 2
                {
                    after_two = Some(network.clone());
                }
            })
            .unwrap();
            after_two.unwrap()
        };
        let failed = train(&task, &data(100, 0), &mut |event, _| {
            if let TrainingEvent::Step(step) = event
                && step.steps == 15
            {
                std::fs::remove_dir_all(checkpoint.parent().unwrap()).unwrap();
            }
        })
        .unwrap_err();
        assert!(failed.to_string().contains("run.best.safetensors"), "{failed}");
        let best = failed.best.unwrap();
        assert_eq!((best.stop_reason, best.epoch, best.epochs), (StopReason::Failed, 2, 2));
        assert_eq!(best.network.tensors(), expected.tensors());
        // Each step makes the weights ten times as large.
        let mut task = self::task(20);
        task.recipe.lr_schedule = crate::training::presets::LrSchedule::Constant;
        task.recipe.optimizer = nn_core::optim::Sgd {
            weight_decay: 110.0,
            ..nn_core::optim::Sgd::new(0.1)
        }
        .into();
        let failed = train(&task, &data(100, 0), &mut |_, _| ()).unwrap_err();
        assert!(failed.to_string().contains("diverged"), "{failed}");
        assert!(failed.best.is_some_and(|best| best.epoch == best.epochs));
    }
}
