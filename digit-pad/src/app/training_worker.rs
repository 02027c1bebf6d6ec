//! Background training from scratch, with progress, pause and stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use mnist_io::Dataset;
use nn_core::{LayerSpec, Network, Workspace, loss};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    error::Error,
    training::{
        data_split::{DataSplit, HeldOut, SCALING},
        embedded,
        presets::Preset,
        progress::Progress,
        session::{StepReport, Task, Trained, TrainingEvent, train},
    },
};

/// Steps between two looks at the network.
const LOOK_EVERY: u64 = 12;

/// Images held out that a look counts on: few enough not to slow training down.
const LOOK_AT: usize = 300;

/// How long a rest lasts before it is asked whether it is over.
const PAUSE_POLL: Duration = Duration::from_millis(20);

/// The threads to learn on: one core is left to the pen. They stay from one network to the next, so that the memory of
/// one time serves the next.
///
/// # Errors
/// If they cannot be started.
pub fn threads() -> Result<ThreadPool, Error> {
    let threads = thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|_| "training".to_owned())
        // Rayon's own way would end the program, and what is drawn would be lost.
        .panic_handler(|_| ());
    pool.build()
        .map_err(|error| Error::Thread(std::io::Error::other(error)))
}

/// Training on its way, or over.
#[derive(Debug)]
pub struct TrainingWorker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    paused: AtomicBool,
    status: Mutex<Status>,
}

/// What there is to be seen.
#[derive(Debug, Default)]
struct Status {
    progress: Progress,
    network: Option<Network>,
    failure: Option<String>,
    is_fresh: bool,
}

/// What changed since the last look.
#[derive(Debug)]
pub struct TrainingUpdate {
    /// How it goes.
    pub progress: Progress,
    /// The network as it is now.
    pub network: Option<Network>,
    /// Why it ended before its time.
    pub failure: Option<String>,
}

impl TrainingWorker {
    /// Begins to train a preset on these [`threads`], once they are through with whatever they are at.
    pub fn start(preset: &'static Preset, seed: u64, threads: &ThreadPool) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        threads.spawn(move || {
            let outcome = run(preset, seed, &theirs);
            let mut status = theirs.status();
            status.progress.finished = true;
            status.is_fresh = true;
            match outcome {
                Ok(trained) => {
                    status.progress.test_accuracy = Some(trained.test.accuracy as f32);
                    status.network = Some(trained.network);
                }
                // What was asked for is no failure.
                Err(Error::NothingLearnt) => {}
                Err(error) => status.failure = Some(error.to_string()),
            }
        });
        TrainingWorker { shared }
    }

    /// Rests, or goes on.
    pub fn toggle_pause(&self) {
        self.shared.paused.fetch_xor(true, Ordering::Relaxed);
        let mut status = self.shared.status();
        status.progress.paused = self.shared.paused.load(Ordering::Relaxed);
        status.is_fresh = true;
    }

    /// Ends training after the step that it is in.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// What changed since this was last asked.
    pub fn poll(&self) -> Option<TrainingUpdate> {
        let mut status = self.shared.status();
        std::mem::take(&mut status.is_fresh).then(|| TrainingUpdate {
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
    /// Nobody leaves half a piece of status behind, whatever happens to them.
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while_paused(&self) {
        while self.paused.load(Ordering::Relaxed) && !self.stop.load(Ordering::Relaxed) {
            thread::sleep(PAUSE_POLL);
        }
    }
}

fn run(preset: &Preset, seed: u64, shared: &Shared) -> Result<Trained, Error> {
    if shared.stop.load(Ordering::Relaxed) {
        return Err(Error::NothingLearnt);
    }
    let recipe = preset.recipe.clone();
    let data = DataSplit::new(embedded::mnist()?, HeldOut::Share(recipe.validation), recipe.images)?;
    let task = Task {
        network: preset.network(),
        recipe,
        seed,
        until_accuracy: None,
        checkpoint: None,
        stop: &shared.stop,
    };
    let mut witness = Monitor::new(&data.validation);
    train(&task, &data, &mut |event, network| {
        if let TrainingEvent::Step(step) = event {
            witness.see(&step, network, shared);
            shared.wait_while_paused();
        }
    })
}

/// Sees every step, and tells of some.
struct Monitor {
    pixels: Vec<f32>,
    labels: Vec<u8>,
    /// Loss summed over the epoch's steps so far, at the last look, and at which step that was.
    last: (f64, u64),
    first_of_epoch: u64,
    epoch: usize,
    seconds: f64,
    seconds_before: f64,
}

impl Monitor {
    fn new(held_out: &Dataset) -> Self {
        let images = held_out.len().min(LOOK_AT);
        let mut pixels = vec![0.0; images * held_out.pixels()];
        for (index, pixels) in pixels.chunks_exact_mut(held_out.pixels()).enumerate() {
            SCALING.scale_into(held_out.image(index), pixels);
        }
        Monitor {
            pixels,
            labels: held_out.labels()[..images].to_vec(),
            last: (0.0, 0),
            first_of_epoch: 0,
            epoch: 0,
            seconds: 0.0,
            seconds_before: 0.0,
        }
    }

    fn see(&mut self, step: &StepReport, network: &Network, shared: &Shared) {
        if step.epoch != self.epoch {
            self.epoch = step.epoch;
            self.first_of_epoch = step.steps - 1;
            self.last = (0.0, self.first_of_epoch);
            self.seconds_before = self.seconds;
        }
        let in_epoch = step.steps - self.first_of_epoch;
        if step.steps > 1 && step.steps < step.total_steps && !step.steps.is_multiple_of(LOOK_EVERY) {
            return;
        }
        let sum = step.loss * in_epoch as f64;
        let loss = (sum - self.last.0) / (step.steps - self.last.1).max(1) as f64;
        self.last = (sum, step.steps);
        self.seconds = self.seconds_before + step.seconds;
        let accuracy = self.accuracy(network);
        let mut status = shared.status();
        let progress = &mut status.progress;
        progress.steps = step.steps;
        progress.total_steps = step.total_steps;
        progress.seconds = self.seconds as f32;
        progress.images_per_second = step.images_per_second as f32;
        progress.losses.push([step.steps as f32, loss as f32]);
        progress.accuracies.push([step.steps as f32, accuracy]);
        progress.filters = filters(network);
        status.network = Some(network.clone());
        status.is_fresh = true;
    }

    /// Share of the images that is read rightly.
    fn accuracy(&self, network: &Network) -> f32 {
        let count = self.labels.len();
        let Ok(mut workspace) = Workspace::new(network, count.max(1)) else {
            return 0.0;
        };
        let Ok(logits) = network.logits(&self.pixels, &mut workspace) else {
            return 0.0;
        };
        let outputs = network.spec().outputs();
        let rows = logits.chunks_exact(outputs).zip(&self.labels);
        let right = rows
            .filter(|(logits, label)| loss::argmax(logits) == usize::from(**label))
            .count();
        right as f32 / count.max(1) as f32
    }
}

/// Height, width and weights of what the first layer looks for, if that are pictures of one channel.
fn filters(network: &Network) -> (usize, usize, Vec<Vec<f32>>) {
    let first = network
        .spec()
        .layers()
        .iter()
        .position(|layer| matches!(layer, LayerSpec::Conv(_)));
    let name = first.map(|index| format!("{index}.weight"));
    let tensors = network.tensors();
    let Some(weight) = tensors.iter().find(|tensor| Some(&tensor.name) == name.as_ref()) else {
        return (0, 0, Vec::new());
    };
    match weight.shape[..] {
        [_, 1, height, width] => {
            let filters = weight.values.chunks_exact(height * width).map(<[f32]>::to_vec);
            (height, width, filters.collect())
        }
        _ => (0, 0, Vec::new()),
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
            assert!(start.elapsed() < PATIENCE, "nothing is learnt");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn it_learns_rests_goes_on_and_stops() {
        let threads = threads().unwrap();
        let worker = TrainingWorker::start(Preset::named("fast").unwrap(), 1, &threads);
        let early = wait(&worker, |update| update.progress.steps >= 1);
        assert!(early.network.is_some() && early.failure.is_none());
        assert_eq!(early.progress.filters.2.len(), 16);
        let later = wait(&worker, |update| update.progress.steps >= 60);
        let accuracy = |update: &TrainingUpdate| update.progress.accuracies.last().unwrap()[1];
        assert!(
            accuracy(&later) > 0.5 && accuracy(&later) > accuracy(&early),
            "{}",
            accuracy(&later)
        );
        worker.toggle_pause();
        thread::sleep(Duration::from_millis(200));
        let resting = worker.poll().unwrap();
        assert!(resting.progress.paused);
        thread::sleep(Duration::from_millis(100));
        assert!(worker.poll().is_none(), "it rests");
        worker.toggle_pause();
        wait(&worker, |update| update.progress.steps > resting.progress.steps);
        worker.stop();
        let end = wait(&worker, |update| update.progress.finished);
        assert!(end.progress.steps < end.progress.total_steps && end.failure.is_none());
        assert!(end.progress.test_accuracy.unwrap() > 0.5);
    }

    #[test]
    fn one_that_is_dropped_makes_way_for_the_next() {
        let (threads, fast) = (threads().unwrap(), Preset::named("fast").unwrap());
        let resting = TrainingWorker::start(fast, 1, &threads);
        wait(&resting, |update| update.progress.steps >= 1);
        resting.toggle_pause();
        drop(resting);
        drop(TrainingWorker::start(fast, 2, &threads));
        let next = TrainingWorker::start(fast, 3, &threads);
        wait(&next, |update| update.progress.steps >= 1);
    }
}
