//! The controller: runs the window's commands and predictions, and owns the model, the workers and the user's examples.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use mnist_io::{Dataset, Mnist, Split};
use nn_core::Network;
use rayon::ThreadPool;

use crate::{
    app::{
        fine_tuning_worker::FineTuningWorker,
        saving,
        training_worker::{self, TrainingUpdate, TrainingWorker},
    },
    drawing::{
        raster::{draw_over, fit_in_square},
        strokes::{CANVAS, CANVAS_BOUNDS, Ink},
    },
    error::Error,
    imaging::{gray_image::GrayImage, image_file},
    recognition::{
        activations::ActivationRecorder,
        example::{Example, ExampleInput},
        model::Model,
        normalization::{SIDE, normalize},
        prediction::Classifier,
        recognizer::ReadyModel,
        segmentation::{InkDigit, PictureDigit, split_ink, split_picture},
    },
    storage::{exports, paths::UserPaths},
    teaching::examples::Examples,
    training::{presets::Preset, session::model_of},
    ui::{Command, Effects, ExampleView, RecognizedDigit, State},
};

/// The preset that is learnt before one's eyes.
const TRAINED_PRESET: &str = "fast";

/// The pad's means: the network in use, and all that takes files, threads and time.
#[derive(Debug)]
pub struct Controller {
    /// The model that the window opened with.
    first: Arc<Model>,
    /// That, or one that has learnt from nothing; without what was taught.
    base: Arc<Model>,
    /// The model in use.
    in_use: ReadyModel,
    inside: Option<ActivationRecorder>,
    training_worker: Option<TrainingWorker>,
    /// What learners learn on, once there was one.
    threads: Option<ThreadPool>,
    /// Whoever teaches, once there was a lesson.
    fine_tuning_worker: Option<FineTuningWorker>,
    examples: Examples,
    /// Why the lessons of another time are not there. Their file is put aside before there is another one.
    trouble: Option<String>,
    /// The strokes of each digit that was read last, where there is nothing but strokes.
    digits: Vec<Ink>,
    dialog: Option<Receiver<Option<PathBuf>>>,
    test: Option<Dataset>,
    last_sample: usize,
    paths: UserPaths,
}

impl Controller {
    /// A desk with that model on it.
    ///
    /// # Errors
    /// If the model does not read pictures of 28×28 pixels.
    pub fn new(model: Model, paths: UserPaths) -> Result<Self, Error> {
        let first = Arc::new(model.clone());
        let mut controller = Controller {
            in_use: ReadyModel::new(model)?,
            base: Arc::clone(&first),
            first,
            inside: None,
            training_worker: None,
            threads: None,
            fine_tuning_worker: None,
            examples: Examples::new(),
            trouble: None,
            digits: Vec::new(),
            dialog: None,
            test: None,
            // Where samples begin is nobody's to guess.
            last_sample: RandomState::new().hash_one(0) as usize,
            paths,
        };
        match controller.paths.examples().map(|path| Examples::load(&path)) {
            None => {}
            Some(Ok(examples)) => controller.examples = examples,
            Some(Err(error)) => controller.trouble = Some(error.to_string()),
        }
        Ok(controller)
    }

    /// Takes up what was taught another time.
    pub fn open(&mut self, state: &mut State) {
        self.show_examples(state);
        if let Some(trouble) = &self.trouble {
            state.show_message(trouble);
        } else if !self.examples.is_empty()
            && let Err(error) = self.request_fine_tuning()
        {
            state.show_message(error.to_string());
        }
    }

    /// Reads what lies on the canvas, and shows it.
    pub fn recognize(&mut self, state: &mut State) {
        let digits: Vec<RecognizedDigit> = self.recognize_digits(state);
        if state.shows_activations() {
            let seen = digits.last().map(|digit| digit.pixels);
            let activations = seen.and_then(|pixels| Some(self.inside()?.record(&pixels)));
            state.show_activations(activations.map(Arc::new));
        }
        state.show_digits(digits);
    }

    fn recognize_digits(&mut self, state: &State) -> Vec<RecognizedDigit> {
        self.digits.clear();
        let (ink, recognizer) = (state.ink(), &mut self.in_use.recognizer);
        let Some(picture) = state.image() else {
            let digits = split_ink(ink, recognizer);
            self.digits = digits.iter().map(|digit| digit.ink.clone()).collect();
            return digits.into_iter().map(digit_of_ink).collect();
        };
        let side = CANVAS as usize;
        let whole = if ink.is_empty() {
            fit_in_square(picture, side)
        } else {
            draw_over(picture, ink)
        };
        let digits = split_picture(&whole, recognizer);
        if digits.len() > 1 {
            return digits.into_iter().map(digit_of_picture).collect();
        }
        // One digit is read from the picture itself, and not from what was made of it for the screen.
        let digit = state.network_input().map(|pixels| RecognizedDigit {
            prediction: recognizer.classify(&pixels),
            pixels,
            bounds: CANVAS_BOUNDS,
        });
        digit.into_iter().collect()
    }

    fn inside(&mut self) -> Option<&mut ActivationRecorder> {
        if self.inside.is_none() {
            self.inside = ActivationRecorder::new(&self.in_use.model).ok();
        }
        self.inside.as_mut()
    }

    /// Runs an errand; what it comes to is said in the state.
    pub fn run(&mut self, command: Command, state: &mut State) -> Effects {
        let outcome = match command {
            Command::Open => self.ask_for_image(),
            Command::Save => self.save_drawing(state),
            Command::SaveNetwork => self.save_network(state),
            Command::RandomDigit => self.sample(state, false),
            Command::NextMisclassified => self.sample(state, true),
            Command::Train => self.start_training(state),
            Command::Pause => {
                if let Some(training_worker) = &self.training_worker {
                    training_worker.toggle_pause();
                }
                Ok(Effects::REPAINT)
            }
            Command::Stop => {
                if let Some(training_worker) = &self.training_worker {
                    training_worker.stop();
                }
                Ok(Effects::REPAINT)
            }
            Command::RestoreBuiltIn => self.restore_built_in(),
            Command::AddExample(digit) => self.teach(digit, state),
            Command::UndoExample => {
                let last = self.examples.undo();
                self.forgotten(last.is_some(), state)
            }
            Command::RemoveExample(index) => {
                let example = self.examples.forget(index);
                self.forgotten(example.is_some(), state)
            }
            Command::RemoveAllExamples => {
                self.examples.forget_all();
                self.forgotten(true, state)
            }
        };
        outcome.unwrap_or_else(|error| {
            state.show_message(error.to_string());
            Effects::REPAINT
        })
    }

    /// Takes in what others have done meanwhile.
    pub fn poll(&mut self, state: &mut State) -> Effects {
        let mut effects = self.poll_dialog(state) | self.poll_fine_tuning(state);
        if let Some(update) = self.training_worker.as_ref().and_then(TrainingWorker::poll) {
            effects |= self.take_update(update, state);
        }
        effects
    }

    /// Whether something is under way that news will come from.
    pub fn is_busy(&self) -> bool {
        let is_taught = self.fine_tuning_worker.as_ref().is_some_and(FineTuningWorker::is_busy);
        is_taught || self.training_worker.is_some() || self.dialog.is_some()
    }

    fn take_update(&mut self, update: TrainingUpdate, state: &mut State) -> Effects {
        if let Some(failure) = update.failure {
            state.show_message(failure);
        }
        let finished = update.progress.finished;
        if let (None, Some(accuracy)) = (state.message(), update.progress.test_accuracy) {
            let (seconds, percent) = (update.progress.seconds, 100.0 * accuracy);
            state.show_message(format!("Learnt in {seconds:.1} s: {percent:.1}% of test digits"));
        }
        state.show_progress(Arc::new(update.progress));
        let adopted = match update.network {
            Some(network) => self.adopt(network).unwrap_or(Effects::REPAINT),
            None => Effects::REPAINT,
        };
        if finished && let Err(error) = self.restart_from_base() {
            state.show_message(error.to_string());
        }
        adopted
    }

    /// Takes a network that has learnt from nothing into use.
    fn adopt(&mut self, network: Network) -> Result<Effects, Error> {
        let content = model_of(network);
        let model = Model { content, path: None };
        self.base = Arc::new(model.clone());
        Ok(self.use_model(ReadyModel::new(model)?))
    }

    fn use_model(&mut self, ready: ReadyModel) -> Effects {
        self.in_use = ready;
        self.inside = None;
        Effects::RECOGNIZE
    }

    /// To the network that the window opened with, and what it was taught.
    fn restore_built_in(&mut self) -> Result<Effects, Error> {
        self.base = Arc::clone(&self.first);
        self.restart_from_base()
    }

    /// Takes the base into use, which knows nothing yet of what was taught, and teaches it.
    fn restart_from_base(&mut self) -> Result<Effects, Error> {
        self.training_worker = None;
        self.cancel_fine_tuning();
        if !self.examples.is_empty() {
            self.request_fine_tuning()?;
        }
        Ok(self.use_model(ReadyModel::new(Model::clone(&self.base))?))
    }

    /// Teaches the digit that the panel tells of.
    fn teach(&mut self, digit: u8, state: &mut State) -> Result<Effects, Error> {
        let drawn = state.selected_index().and_then(|index| self.digits.get(index)).cloned();
        let seen = state.selected_digit().map(|digit| ExampleInput::from(digit.pixels));
        let input = drawn.map(ExampleInput::from).or(seen);
        if let Some(Ok(example)) = input.map(|input| Example::new(digit, input)) {
            self.examples.add(example);
            state.show_message(match self.training_worker {
                None => format!("It learns: this is a {digit}"),
                Some(_) => format!("Kept until it is through: this is a {digit}"),
            });
            return self.examples_changed(state);
        }
        Ok(Effects::REPAINT)
    }

    fn forgotten(&mut self, anything: bool, state: &mut State) -> Result<Effects, Error> {
        if anything {
            state.show_message(match self.examples.len() {
                0 => "Forgotten; nothing is taught any more".to_owned(),
                1 => "Forgotten; one lesson is left".to_owned(),
                count => format!("Forgotten; {count} lessons are left"),
            });
            return self.examples_changed(state);
        }
        Ok(Effects::REPAINT)
    }

    /// Keeps the lessons, and has them learnt: by a network in training once it is over.
    fn examples_changed(&mut self, state: &mut State) -> Result<Effects, Error> {
        self.show_examples(state);
        if let Some(path) = self.paths.examples() {
            if self.trouble.is_some() {
                exports::put_aside(&path)?;
                self.trouble = None;
            }
            self.examples.save(&path)?;
        }
        match (&self.training_worker, self.examples.is_empty()) {
            (None, true) => self.restart_from_base(),
            (None, false) => self.request_fine_tuning().map(|()| Effects::REPAINT),
            (Some(_), _) => Ok(Effects::REPAINT),
        }
    }

    fn request_fine_tuning(&mut self) -> Result<(), Error> {
        let fine_tuning_worker = match &mut self.fine_tuning_worker {
            Some(fine_tuning_worker) => fine_tuning_worker,
            none => none.insert(FineTuningWorker::start()?),
        };
        fine_tuning_worker.teach(&self.base, &self.examples)
    }

    /// Whatever it is learning is for another network.
    fn cancel_fine_tuning(&mut self) {
        if let Some(fine_tuning_worker) = &mut self.fine_tuning_worker {
            fine_tuning_worker.dismiss();
        }
    }

    fn poll_fine_tuning(&mut self, state: &mut State) -> Effects {
        let Some(taught) = self.fine_tuning_worker.as_mut().and_then(FineTuningWorker::poll) else {
            return Effects::default();
        };
        match taught {
            Ok(taught) => {
                let examples = if self.examples.len() == 1 { "lesson" } else { "lessons" };
                state.show_message(format!("Learnt {} {examples}", self.examples.len()));
                self.use_model(taught)
            }
            Err(error) => {
                state.show_message(error.to_string());
                Effects::REPAINT
            }
        }
    }

    fn show_examples(&self, state: &mut State) {
        let view = |example: &Example| ExampleView {
            pixels: example.picture(),
            label: example.label(),
        };
        state.show_examples(Arc::new(self.examples.iter().map(view).collect()));
    }

    fn start_training(&mut self, state: &mut State) -> Result<Effects, Error> {
        let preset = Preset::named(TRAINED_PRESET).expect("there is a preset of that name");
        let seed = RandomState::new().hash_one(1);
        let threads = match &self.threads {
            Some(threads) => threads,
            None => self.threads.insert(training_worker::threads()?),
        };
        self.training_worker = Some(TrainingWorker::start(preset, seed, threads));
        self.cancel_fine_tuning();
        state.show_progress(Arc::default());
        Ok(Effects::REPAINT)
    }

    /// Opens a dialog on a thread of its own, so that the window goes on.
    fn ask_for_image(&mut self) -> Result<Effects, Error> {
        if self.dialog.is_some() {
            return Ok(Effects::default());
        }
        let (sender, answer) = channel();
        let ask = move || {
            let dialog = rfd::FileDialog::new().set_title("Open an image");
            let dialog = dialog
                .add_filter("Images", &image_file::extensions())
                .add_filter("All files", &["*"]);
            // Nobody waits for it any more if the window was closed meanwhile.
            let _ = sender.send(dialog.pick_file());
        };
        self.dialog = Some(answer);
        if cfg!(target_os = "macos") {
            // There, dialogs are the main thread's alone.
            ask();
        } else {
            let builder = std::thread::Builder::new().name("dialog".to_owned());
            builder.spawn(ask).map_err(Error::Thread)?;
        }
        Ok(Effects::default())
    }

    fn poll_dialog(&mut self, state: &mut State) -> Effects {
        let answer = match self.dialog.as_ref().map(Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => return Effects::default(),
            Some(Ok(answer)) => answer,
            Some(Err(TryRecvError::Disconnected)) => None,
        };
        self.dialog = None;
        let Some(path) = answer else {
            state.show_message("No image was chosen; one can also be named at the start: digit-pad IMAGE");
            return Effects::REPAINT;
        };
        match image_file::open(&path) {
            Ok(loaded) => state.place_image(loaded.picture),
            Err(error) => {
                state.show_message(error.to_string());
                Effects::REPAINT
            }
        }
    }

    fn save_drawing(&mut self, state: &mut State) -> Result<Effects, Error> {
        let saved = saving::drawing(&self.paths.pictures(), state.ink(), state.image())?;
        state.show_message(format!("Saved {}", saved.display()));
        Ok(Effects::REPAINT)
    }

    fn save_network(&mut self, state: &mut State) -> Result<Effects, Error> {
        let saved = saving::network(&self.paths.documents(), &self.in_use.model)?;
        state.show_message(format!("Saved {}", saved.display()));
        Ok(Effects::REPAINT)
    }

    /// Lays a test digit on the canvas: any, or the next one that is misread.
    fn sample(&mut self, state: &mut State, misread: bool) -> Result<Effects, Error> {
        if self.test.is_none() {
            self.test = Some(Mnist::embedded_split(Split::Test)?);
        }
        let Some(test) = &self.test else {
            return Ok(Effects::default());
        };
        let count = test.len();
        // A step that shares no factor with the count meets every digit before it meets one again.
        const STEP: usize = 7_919;
        let step = if misread { 1 } else { STEP };
        let candidates = (1..=count).map(|i| (self.last_sample % count + i * step) % count);
        let recognizer = &mut self.in_use.recognizer;
        let mut chosen = candidates.map(|index| {
            let picture = GrayImage::new(SIDE, SIDE, test.image(index).to_vec());
            (index, picture)
        });
        let is_misread = |(index, picture): &(usize, GrayImage)| {
            let read = normalize(picture).map(|pixels| recognizer.classify(&pixels).digit());
            read != Some(test.labels()[*index])
        };
        let chosen = if misread {
            chosen.find(is_misread)
        } else {
            chosen.next()
        };
        let Some((index, picture)) = chosen else {
            state.show_message("No test digit is misread");
            return Ok(Effects::REPAINT);
        };
        let label = test.labels()[index];
        self.last_sample = index;
        let effects = state.place_image(picture);
        state.show_message(format!("Test digit {}: this is a {label}", index + 1));
        Ok(effects)
    }
}

fn digit_of_ink(digit: InkDigit) -> RecognizedDigit {
    RecognizedDigit {
        pixels: digit.pixels,
        prediction: digit.prediction,
        bounds: digit.bounds,
    }
}

/// Of a picture of the whole canvas, a pixel to a canvas unit.
fn digit_of_picture(digit: PictureDigit) -> RecognizedDigit {
    RecognizedDigit {
        pixels: digit.pixels,
        prediction: digit.prediction,
        bounds: digit.place.bounds(),
    }
}
