//! A training run of the worker, step by step, with progress, pause and stop.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use mnist_io::{Dataset, Mnist};
use nn_core::{LayerSpec, Network};
use web_time::Instant;

use crate::{
    app::message::{Control, Next, TrainingUpdate},
    error::Error,
    recognition::{activations::Tiles, normalization::Gray28},
    training::{
        data_split::{DataSplit, HeldOut, SCALING},
        embedded, in_steps,
        presets::Preset,
        progress::{Progress, Reading, Snapshot},
        session::{StepReport, Task, Trained, TrainingEvent, train_in_steps},
    },
};

/// The preset that is trained.
const PRESET: &str = "fast";

/// Training steps between two progress reports.
const REPORT_INTERVAL: u64 = 12;

/// Least time between two updates, which are larger than most messages.
const UPDATE_INTERVAL: Duration = Duration::from_millis(30);

/// Validation images for each report: few enough not to slow training down.
const REPORT_IMAGES: usize = 300;

/// Time between two checks whether a pause is over.
const PAUSE_POLL: Duration = Duration::from_millis(20);

/// Time between two steps in slow motion: about 10 a second.
const SLOW_STEP: Duration = Duration::from_millis(100);

/// A run in progress.
pub(super) struct TrainingRun {
    number: u64,
    shared: Arc<Shared>,
    work: Pin<Box<dyn Future<Output = ()>>>,
    last_update: Option<Instant>,
}

/// What the steps of a run and its owner tell each other.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    paused: AtomicBool,
    is_slow: AtomicBool,
    /// Whether the next step is not due yet.
    is_waiting: AtomicBool,
    /// The drawing whose reading is reported.
    drawing: Mutex<Option<Arc<Gray28>>>,
    status: Mutex<Status>,
}

/// What the last report said.
#[derive(Debug, Default)]
struct Status {
    progress: Progress,
    network: Option<Network>,
    failure: Option<String>,
    /// Whether it changed since the last update.
    has_changed: bool,
}

impl TrainingRun {
    /// A run at its start, for the request of that number.
    pub(super) fn start(number: u64, seed: u64, mnist: Mnist) -> Self {
        let shared = Arc::new(Shared::default());
        TrainingRun {
            number,
            work: Box::pin(run_to_end(seed, mnist, Arc::clone(&shared))),
            shared,
            last_update: None,
        }
    }

    /// The number of its request.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Next {
        if self.shared.is_waiting.load(Ordering::Relaxed) {
            Next::After(PAUSE_POLL)
        } else {
            Next::Now
        }
    }

    /// Pauses, resumes, stops and so on.
    pub(super) fn control(&self, control: Control) {
        match control {
            Control::Pause(paused) => {
                self.shared.paused.store(paused, Ordering::Relaxed);
                let mut status = self.shared.status();
                (status.progress.paused, status.has_changed) = (paused, true);
            }
            Control::SlowMotion(is_slow) => {
                self.shared.is_slow.store(is_slow, Ordering::Relaxed);
                let mut status = self.shared.status();
                (status.progress.is_slow, status.has_changed) = (is_slow, true);
            }
            Control::Watch(drawing) => *self.shared.drawing() = drawing.map(Arc::from),
            Control::Stop | Control::Cancel => self.shared.stop.store(true, Ordering::Relaxed),
        }
    }

    /// Takes a step if one is due, and returns what has changed since the last update.
    pub(super) fn work(&mut self) -> Option<TrainingUpdate> {
        let is_finished = self
            .work
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready();
        let is_recent = self.last_update.is_some_and(|last| last.elapsed() < UPDATE_INTERVAL);
        if is_recent && !is_finished {
            return None;
        }
        let update = self.shared.take_update()?;
        self.last_update = Some(Instant::now());
        Some(update)
    }
}

impl std::fmt::Debug for TrainingRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainingRun")
            .field("number", &self.number)
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// A poisoned lock is fine: the status is valid after each assignment.
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drawing(&self) -> MutexGuard<'_, Option<Arc<Gray28>>> {
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_update(&self) -> Option<TrainingUpdate> {
        let mut status = self.status();
        std::mem::take(&mut status.has_changed).then(|| TrainingUpdate {
            progress: status.progress.clone(),
            network: status.network.take(),
            failure: status.failure.take(),
        })
    }

    /// Ends the step. Until the next one is due, `idle` is called again and again.
    async fn end_step(&self, idle: impl Fn()) {
        let start = Instant::now();
        loop {
            let is_slow = self.is_slow.load(Ordering::Relaxed) && start.elapsed() < SLOW_STEP;
            let waits = self.paused.load(Ordering::Relaxed) || is_slow;
            let is_waiting = waits && !self.stop.load(Ordering::Relaxed);
            self.is_waiting.store(is_waiting, Ordering::Relaxed);
            in_steps::end_step().await;
            if !is_waiting {
                return;
            }
            idle();
        }
    }
}

/// Trains, and reports the outcome.
async fn run_to_end(seed: u64, mnist: Mnist, shared: Arc<Shared>) {
    let outcome = run(seed, mnist, &shared).await;
    let mut status = shared.status();
    (status.progress.finished, status.has_changed) = (true, true);
    match outcome {
        Ok(trained) => {
            status.progress.test_accuracy = Some(trained.test.accuracy as f32);
            status.network = Some(trained.network);
        }
        // Stopping before the first step is no failure.
        Err(Error::StoppedBeforeFirstStep) => {}
        Err(error) => status.failure = Some(error.to_string()),
    }
}

async fn run(seed: u64, mnist: Mnist, shared: &Shared) -> Result<Trained, Error> {
    if shared.stop.load(Ordering::Relaxed) {
        return Err(Error::StoppedBeforeFirstStep);
    }
    let preset = Preset::named(PRESET).expect("the preset exists");
    let recipe = preset.recipe.clone();
    let mut data = DataSplit::new(mnist, HeldOut::Share(recipe.validation), recipe.images)?;
    embedded::add_pen_drawings(&mut data, &recipe, seed)?;
    let task = Task::new(preset.network(), recipe, seed, &shared.stop);
    let mut monitor = Monitor::new(&data.validation, task.recipe.batch);
    if !data.test.is_empty() {
        monitor.test_digit = data.test.image(0).try_into().ok().map(Arc::new);
    }
    let monitor = Mutex::new(monitor);
    let monitor = || monitor.lock().unwrap_or_else(PoisonError::into_inner);
    let mut on_event = |event, network: &Network| {
        if let TrainingEvent::Step(step) = event {
            monitor().observe(&step, network, shared);
        }
    };
    let between_steps = async |network: &Network| shared.end_step(|| monitor().read_again(network, shared)).await;
    Ok(train_in_steps(&task, &data, &mut on_event, between_steps).await?)
}

/// Observes every step and reports on some of them.
struct Monitor {
    batch: usize,
    /// Read for want of a drawing.
    test_digit: Option<Arc<Gray28>>,
    pixels: Vec<f32>,
    labels: Vec<usize>,
    /// Loss summed over the epoch up to the last report, and the step of that report.
    last_report: (f64, u64),
    /// Steps taken before the current epoch.
    epoch_start: u64,
    epoch: usize,
    seconds: f64,
    /// Seconds of training before the current epoch.
    seconds_before: f64,
}

impl Monitor {
    fn new(held_out: &Dataset, batch: usize) -> Self {
        let images = held_out.len().min(REPORT_IMAGES);
        let mut pixels = vec![0.0; images * held_out.shape().len()];
        for (index, pixels) in pixels.chunks_exact_mut(held_out.shape().len()).enumerate() {
            SCALING.scale_into(held_out.image(index), pixels);
        }
        Monitor {
            batch,
            test_digit: None,
            pixels,
            labels: held_out.labels()[..images].to_vec(),
            last_report: (0.0, 0),
            epoch_start: 0,
            epoch: 0,
            seconds: 0.0,
            seconds_before: 0.0,
        }
    }

    fn observe(&mut self, step: &StepReport, network: &Network, shared: &Shared) {
        if step.epoch != self.epoch {
            self.epoch = step.epoch;
            self.epoch_start = step.steps - 1;
            self.last_report = (0.0, self.epoch_start);
            self.seconds_before = self.seconds;
        }
        let epoch_steps = step.steps - self.epoch_start;
        let is_due = shared.is_slow.load(Ordering::Relaxed) || step.steps.is_multiple_of(REPORT_INTERVAL);
        if step.steps > 1 && step.steps < step.total_steps && !is_due {
            return;
        }
        let sum = step.loss * epoch_steps as f64;
        let loss = (sum - self.last_report.0) / (step.steps - self.last_report.1).max(1) as f64;
        self.last_report = (sum, step.steps);
        self.seconds = self.seconds_before + step.seconds;
        let accuracy = self.accuracy(network);
        let snapshot = Snapshot {
            step: step.steps,
            seconds: self.seconds as f32,
            loss: loss as f32,
            accuracy,
            filters: Arc::new(filters(network)),
            reading: self.reading(network, shared),
        };
        let mut status = shared.status();
        let progress = &mut status.progress;
        progress.batch = self.batch;
        progress.steps = step.steps;
        progress.total_steps = step.total_steps;
        progress.seconds = self.seconds as f32;
        progress.images_per_second = step.images_per_second as f32;
        progress.losses.push([step.steps as f32, loss as f32]);
        progress.accuracies.push([step.steps as f32, accuracy]);
        progress.keep(snapshot);
        status.has_changed = true;
    }

    /// How the network reads the drawing, or a test digit if there is none.
    fn reading(&self, network: &Network, shared: &Shared) -> Option<Reading> {
        let drawing = shared.drawing().clone();
        let is_test_digit = drawing.is_none();
        let pixels = drawing.or_else(|| self.test_digit.clone())?;
        let mut input = vec![0.0; pixels.len()];
        SCALING.scale_into(pixels.as_slice(), &mut input);
        let probabilities = network.probabilities(&input).ok()?.try_into().ok()?;
        Some(Reading {
            pixels,
            is_test_digit,
            probabilities,
        })
    }

    /// Reads the drawing again if it has changed since the last report, as while training is paused.
    fn read_again(&self, network: &Network, shared: &Shared) {
        let drawing = shared.drawing().clone().or_else(|| self.test_digit.clone());
        let last = shared.status().progress.snapshots.last().cloned();
        let Some(last) = last.filter(|last| last.reading.as_ref().map(|reading| &reading.pixels) != drawing.as_ref())
        else {
            return;
        };
        let Some(reading) = self.reading(network, shared) else {
            return;
        };
        let mut status = shared.status();
        if let Some(snapshot) = status.progress.snapshots.last_mut() {
            *snapshot = Arc::new(Snapshot {
                reading: Some(reading),
                ..Snapshot::clone(&last)
            });
            status.has_changed = true;
        }
    }

    /// Accuracy on the validation images.
    fn accuracy(&self, network: &Network) -> f32 {
        let count = self.labels.len();
        let Ok(classes) = network.classes(&self.pixels) else {
            return 0.0;
        };
        let pairs = classes.iter().zip(&self.labels);
        let correct = pairs.filter(|(class, label)| class == label).count();
        correct as f32 / count.max(1) as f32
    }
}

/// The first convolution's filters; none if it has more than one input channel.
fn filters(network: &Network) -> Tiles {
    let none = Tiles {
        height: 0,
        width: 0,
        tiles: Vec::new(),
    };
    let first = network
        .spec()
        .layers()
        .iter()
        .position(|layer| matches!(layer, LayerSpec::Conv(_)));
    let name = first.map(|index| format!("{index}.weight"));
    let tensors = network.tensors();
    let Some(weight) = tensors.iter().find(|tensor| Some(&tensor.name) == name.as_ref()) else {
        return none;
    };
    match weight.shape[..] {
        [_, 1, height, width] => {
            let filters = weight.values.chunks_exact(height * width).map(<[f32]>::to_vec);
            Tiles {
                height,
                width,
                tiles: filters.collect(),
            }
        }
        _ => none,
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn run() -> TrainingRun {
        TrainingRun::start(1, 1, Mnist::embedded().unwrap())
    }

    /// Works until an update is as wanted.
    fn wait(run: &mut TrainingRun, done: impl Fn(&TrainingUpdate) -> bool) -> TrainingUpdate {
        let start = Instant::now();
        loop {
            if let Some(update) = run.work().filter(&done) {
                return update;
            }
            if let Next::After(time) = run.next() {
                thread::sleep(time);
            }
            assert!(start.elapsed() < PATIENCE, "training makes no progress");
        }
    }

    #[test]
    fn training_pauses_resumes_and_stops() {
        let mut run = run();
        let early = wait(&mut run, |update| update.progress.steps >= 1);
        assert!(early.network.is_none() && early.failure.is_none());
        let first = &early.progress.snapshots[0];
        assert_eq!(first.filters.tiles.len(), 16);
        assert!(first.reading.as_ref().unwrap().is_test_digit && early.progress.batch > 0);
        let later = wait(&mut run, |update| update.progress.steps >= 60);
        let accuracy = |update: &TrainingUpdate| update.progress.accuracies.last().unwrap()[1];
        assert!(
            accuracy(&later) > 0.5 && accuracy(&later) > accuracy(&early),
            "{}",
            accuracy(&later)
        );
        run.control(Control::Pause(true));
        let paused = wait(&mut run, |update| update.progress.paused);
        for _ in 0..5 {
            assert!(
                run.work().is_none() && matches!(run.next(), Next::After(_)),
                "no reports while paused"
            );
            thread::sleep(UPDATE_INTERVAL / 2);
        }
        run.control(Control::Pause(false));
        wait(&mut run, |update| update.progress.steps > paused.progress.steps);
        run.control(Control::Stop);
        let end = wait(&mut run, |update| update.progress.finished);
        assert!(end.progress.steps < end.progress.total_steps && end.failure.is_none());
        assert!(end.progress.test_accuracy.unwrap() > 0.5 && end.network.is_some());
    }

    #[test]
    fn slow_motion_reports_each_step_and_reads_the_drawing() {
        let mut run = run();
        run.control(Control::SlowMotion(true));
        let drawing: Gray28 = std::array::from_fn(|i| if i % 28 == 14 { 255 } else { 0 });
        run.control(Control::Watch(Some(Box::new(drawing))));
        let slow = wait(&mut run, |update| update.progress.steps >= 4);
        assert!(
            slow.progress.is_slow && slow.progress.steps <= 40,
            "{}",
            slow.progress.steps
        );
        let reads = |update: &TrainingUpdate, pixels: &Gray28| {
            let snapshot = update.progress.snapshots.last().unwrap();
            let reading = snapshot.reading.as_ref().unwrap();
            !reading.is_test_digit && *reading.pixels == *pixels
        };
        assert!(reads(&slow, &drawing));
        let last = slow.progress.snapshots.last().unwrap();
        let probabilities = last.reading.as_ref().unwrap().probabilities;
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-3);
        run.control(Control::Pause(true));
        let other: Gray28 = std::array::from_fn(|i| if i / 28 == 14 { 255 } else { 0 });
        run.control(Control::Watch(Some(Box::new(other))));
        wait(&mut run, |update| update.progress.paused && reads(update, &other));
    }

    #[test]
    fn a_run_that_is_stopped_before_its_first_step_ends_without_a_network() {
        let mut run = run();
        run.control(Control::Stop);
        let end = wait(&mut run, |update| update.progress.finished);
        assert!(end.network.is_none() && end.failure.is_none() && end.progress.steps == 0);
    }
}
