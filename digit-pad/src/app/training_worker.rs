//! Background training from scratch, with progress, pause and stop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mnist_io::Dataset;
use nn_core::{LayerSpec, Network};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    error::Error,
    recognition::{activations::Tiles, normalization::Gray28},
    training::{
        data_split::{DataSplit, HeldOut, SCALING},
        embedded,
        presets::Preset,
        progress::{Progress, Reading, Snapshot},
        session::{StepReport, Task, Trained, TrainingEvent, train},
    },
};

/// Training steps between two progress reports.
const REPORT_INTERVAL: u64 = 12;

/// Validation images for each report: few enough not to slow training down.
const REPORT_IMAGES: usize = 300;

/// Time between two checks whether a pause is over.
const PAUSE_POLL: Duration = Duration::from_millis(20);

/// Time between two steps in slow motion: about 10 a second.
const SLOW_STEP: Duration = Duration::from_millis(100);

/// A thread pool for training that leaves one core to the user interface; to be reused between runs.
///
/// # Errors
/// [`Error::Thread`] if the threads cannot be started.
pub fn thread_pool() -> Result<ThreadPool, Error> {
    let threads = thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|_| "training".to_owned())
        // By default, rayon aborts the program on a panic, and the drawing would be lost.
        .panic_handler(|_| ());
    pool.build()
        .map_err(|error| Error::Thread(std::io::Error::other(error)))
}

/// A training run in the background; stopped when dropped.
#[derive(Debug)]
pub struct TrainingWorker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    paused: AtomicBool,
    is_slow: AtomicBool,
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
    /// Whether it changed since it was last polled.
    has_changed: bool,
}

/// Changes of a training run since the last poll.
#[derive(Debug)]
pub struct TrainingUpdate {
    /// Progress so far.
    pub progress: Progress,
    /// The current network.
    pub network: Option<Network>,
    /// Why training failed.
    pub failure: Option<String>,
}

impl TrainingWorker {
    /// Starts to train a preset on a [`thread_pool`], after any run that still occupies it.
    pub fn start(preset: &'static Preset, seed: u64, threads: &ThreadPool) -> Self {
        let shared = Arc::new(Shared::default());
        let worker_shared = Arc::clone(&shared);
        threads.spawn(move || {
            // A panic would otherwise end the program.
            let outcome = catch_unwind(AssertUnwindSafe(|| run(preset, seed, &worker_shared)));
            let outcome = outcome.unwrap_or(Err(Error::WorkerEnded));
            let mut status = worker_shared.status();
            status.progress.finished = true;
            status.has_changed = true;
            match outcome {
                Ok(trained) => {
                    status.progress.test_accuracy = Some(trained.test.accuracy as f32);
                    status.network = Some(trained.network);
                }
                // Stopping before the first step is no failure.
                Err(Error::StoppedBeforeFirstStep) => {}
                Err(error) => status.failure = Some(error.to_string()),
            }
        });
        TrainingWorker { shared }
    }

    /// Pauses or resumes training.
    pub fn toggle_pause(&self) {
        self.shared.paused.fetch_xor(true, Ordering::Relaxed);
        let mut status = self.shared.status();
        status.progress.paused = self.shared.paused.load(Ordering::Relaxed);
        status.has_changed = true;
    }

    /// Waits after each step, or no longer.
    pub fn toggle_slow_motion(&self) {
        let was_slow = self.shared.is_slow.fetch_xor(true, Ordering::Relaxed);
        let mut status = self.shared.status();
        status.progress.is_slow = !was_slow;
        status.has_changed = true;
    }

    /// Reports how the network reads this drawing from now on, or a test digit if there is none.
    pub fn watch(&self, drawing: Option<&Gray28>) {
        let mut watched = self.shared.drawing();
        if watched.as_deref() != drawing {
            *watched = drawing.copied().map(Arc::new);
        }
    }

    /// Stops training after the current step.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// The latest update, if anything changed since the last call.
    pub fn poll(&self) -> Option<TrainingUpdate> {
        let mut status = self.shared.status();
        std::mem::take(&mut status.has_changed).then(|| TrainingUpdate {
            progress: status.progress.clone(),
            network: status.network.take(),
            failure: status.failure.take(),
        })
    }
}

impl Drop for TrainingWorker {
    fn drop(&mut self) {
        self.stop();
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

    /// Waits for the next step of slow motion, and while training is paused; calls `idle` again and again.
    fn wait(&self, mut idle: impl FnMut()) {
        let start = Instant::now();
        let is_slow = || self.is_slow.load(Ordering::Relaxed) && start.elapsed() < SLOW_STEP;
        while (self.paused.load(Ordering::Relaxed) || is_slow()) && !self.stop.load(Ordering::Relaxed) {
            idle();
            thread::sleep(PAUSE_POLL);
        }
    }
}

fn run(preset: &Preset, seed: u64, shared: &Shared) -> Result<Trained, Error> {
    if shared.stop.load(Ordering::Relaxed) {
        return Err(Error::StoppedBeforeFirstStep);
    }
    let recipe = preset.recipe.clone();
    let mut data = DataSplit::new(embedded::mnist()?, HeldOut::Share(recipe.validation), recipe.images)?;
    embedded::add_pen_drawings(&mut data, &recipe, seed)?;
    let task = Task::new(preset.network(), recipe, seed, &shared.stop);
    let mut monitor = Monitor::new(&data.validation, task.recipe.batch);
    if !data.test.is_empty() {
        monitor.test_digit = data.test.image(0).try_into().ok().map(Arc::new);
    }
    let trained = train(&task, &data, &mut |event, network| {
        if let TrainingEvent::Step(step) = event {
            monitor.observe(&step, network, shared);
            shared.wait(|| monitor.read_again(network, shared));
        }
    });
    Ok(trained?)
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
        status.network = Some(network.clone());
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
    use std::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn wait(worker: &TrainingWorker, done: impl Fn(&TrainingUpdate) -> bool) -> TrainingUpdate {
        let start = Instant::now();
        loop {
            if let Some(update) = worker.poll().filter(&done) {
                return update;
            }
            assert!(start.elapsed() < PATIENCE, "training makes no progress");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn training_pauses_resumes_and_stops() {
        let threads = thread_pool().unwrap();
        let worker = TrainingWorker::start(Preset::named("fast").unwrap(), 1, &threads);
        let early = wait(&worker, |update| update.progress.steps >= 1);
        assert!(early.network.is_some() && early.failure.is_none());
        let first = &early.progress.snapshots[0];
        assert_eq!(first.filters.tiles.len(), 16);
        assert!(first.reading.as_ref().unwrap().is_test_digit && early.progress.batch > 0);
        let later = wait(&worker, |update| update.progress.steps >= 60);
        let accuracy = |update: &TrainingUpdate| update.progress.accuracies.last().unwrap()[1];
        assert!(
            accuracy(&later) > 0.5 && accuracy(&later) > accuracy(&early),
            "{}",
            accuracy(&later)
        );
        worker.toggle_pause();
        thread::sleep(Duration::from_millis(200));
        let paused = worker.poll().unwrap();
        assert!(paused.progress.paused);
        thread::sleep(Duration::from_millis(100));
        assert!(worker.poll().is_none(), "no reports while paused");
        worker.toggle_pause();
        wait(&worker, |update| update.progress.steps > paused.progress.steps);
        worker.stop();
        let end = wait(&worker, |update| update.progress.finished);
        assert!(end.progress.steps < end.progress.total_steps && end.failure.is_none());
        assert!(end.progress.test_accuracy.unwrap() > 0.5);
    }

    #[test]
    fn slow_motion_reports_each_step_and_reads_the_drawing() {
        let threads = thread_pool().unwrap();
        let worker = TrainingWorker::start(Preset::named("fast").unwrap(), 1, &threads);
        worker.toggle_slow_motion();
        let drawing: Gray28 = std::array::from_fn(|i| if i % 28 == 14 { 255 } else { 0 });
        worker.watch(Some(&drawing));
        let slow = wait(&worker, |update| update.progress.steps >= 4);
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
        let probabilities = slow
            .progress
            .snapshots
            .last()
            .unwrap()
            .reading
            .as_ref()
            .unwrap()
            .probabilities;
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-3);
        worker.toggle_pause();
        let other: Gray28 = std::array::from_fn(|i| if i / 28 == 14 { 255 } else { 0 });
        worker.watch(Some(&other));
        wait(&worker, |update| update.progress.paused && reads(update, &other));
        worker.stop();
        wait(&worker, |update| update.progress.finished);
    }

    #[test]
    fn a_dropped_run_makes_way_for_the_next() {
        let (threads, fast) = (thread_pool().unwrap(), Preset::named("fast").unwrap());
        let paused = TrainingWorker::start(fast, 1, &threads);
        wait(&paused, |update| update.progress.steps >= 1);
        paused.toggle_pause();
        drop(paused);
        drop(TrainingWorker::start(fast, 2, &threads));
        let next = TrainingWorker::start(fast, 3, &threads);
        wait(&next, |update| update.progress.steps >= 1);
    }
}
