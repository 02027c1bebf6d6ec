//! The controller: runs the window's commands and predictions, and owns the model, the workers and the user's examples.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use nn_core::Network;
use rayon::ThreadPool;

use crate::{
    app::{
        explanations::Explanations,
        film_saving::FilmSaving,
        fine_tuning_worker::FineTuningWorker,
        incoming_image::IncomingImage,
        saving,
        test_digits::{TestDigit, TestDigits},
        training_worker::{self, TrainingUpdate, TrainingWorker},
    },
    drawing::{
        raster::{draw_over, fit_in_square, recognition_bounds},
        strokes::{CANVAS, CANVAS_BOUNDS, Ink},
    },
    error::Error,
    format::{counted, percent},
    geometry::PixelRect,
    recognition::{
        activations::ActivationRecorder,
        example::{Example, ExampleInput},
        model::Model,
        normalization::ink_rect,
        prediction::Classifier,
        recognizer::ReadyModel,
        segmentation::{segment_image, segment_ink},
    },
    storage::paths::UserPaths,
    teaching::example_store::ExampleStore,
    training::{presets::Preset, session::digit_model},
    ui::{Action, Command, Effects, ExampleView, RecognizedDigit, State},
};

/// The preset that the window trains.
const WINDOW_PRESET: &str = "fast";

/// Runs commands and predictions, and owns everything that needs files, threads or time.
#[derive(Debug)]
pub struct Controller {
    /// The model that the window opened with.
    initial_model: Arc<Model>,
    /// The initial model, or one trained from scratch; not fine-tuned.
    base_model: Arc<Model>,
    /// The model in use: the base model, fine-tuned on the examples.
    current: ReadyModel,
    activation_recorder: Option<ActivationRecorder>,
    training_worker: Option<TrainingWorker>,
    /// Started with the first training run.
    training_threads: Option<ThreadPool>,
    /// Started with the first example.
    fine_tuning_worker: Option<FineTuningWorker>,
    examples: ExampleStore,
    /// What is wrong with the saved examples.
    load_warning: Option<String>,
    /// The strokes of each recognized digit; empty if there is an image on the canvas.
    digit_inks: Vec<Ink>,
    /// The file dialog, while it is open.
    dialog: Option<IncomingImage>,
    /// An image that was pasted or dropped, until it is read.
    incoming: Option<IncomingImage>,
    test_digits: TestDigits,
    explanations: Explanations,
    /// The film of a training run, while it is saved.
    film: Option<FilmSaving>,
    paths: UserPaths,
}

impl Controller {
    /// A controller that predicts with `model`.
    ///
    /// # Errors
    /// If the model does not take images of 28×28 pixels.
    pub fn new(model: Model, paths: UserPaths) -> Result<Self, Error> {
        let initial_model = Arc::new(model.clone());
        let (examples, load_warning) = ExampleStore::open(paths.examples());
        Ok(Controller {
            current: ReadyModel::new(model)?,
            base_model: Arc::clone(&initial_model),
            initial_model,
            activation_recorder: None,
            training_worker: None,
            training_threads: None,
            fine_tuning_worker: None,
            examples,
            load_warning,
            digit_inks: Vec::new(),
            dialog: None,
            incoming: None,
            test_digits: TestDigits::new(),
            explanations: Explanations::default(),
            film: None,
            paths,
        })
    }

    /// Shows the saved examples and starts fine-tuning on them.
    pub fn open(&mut self, state: &mut State) {
        self.show_examples(state);
        if !self.examples.examples().is_empty()
            && let Err(error) = self.request_fine_tuning()
        {
            state.show_message(error.to_string());
        }
        if let Some(warning) = &self.load_warning {
            state.show_message(warning);
        }
    }

    /// Recognizes what is on the canvas and shows the predictions.
    pub fn recognize(&mut self, state: &mut State) {
        let digits: Vec<RecognizedDigit> = self.recognize_digits(state);
        if state.shows_activations()
            && let Err(error) = self.show_layers(digits.last(), state)
        {
            state.show_message(error.to_string());
        }
        state.show_digits(digits);
    }

    fn recognize_digits(&mut self, state: &State) -> Vec<RecognizedDigit> {
        self.digit_inks.clear();
        let (ink, recognizer) = (state.ink(), &mut self.current.recognizer);
        let Some(image) = state.image() else {
            let digits = segment_ink(ink, recognizer);
            self.digit_inks = digits.iter().map(|digit| digit.ink.clone()).collect();
            let digits = digits.into_iter();
            return digits
                .map(|digit| {
                    let inked = recognition_bounds(&digit.ink).unwrap_or(digit.bounds);
                    RecognizedDigit::new(digit.pixels, digit.prediction, digit.bounds)
                        .with_inked(inked)
                        .placed(digit.line, digit.mark)
                })
                .collect();
        };
        let side = CANVAS as usize;
        let canvas = if ink.is_empty() {
            fit_in_square(image, side)
        } else {
            draw_over(image, ink)
        };
        let digits = segment_image(&canvas, recognizer);
        if digits.len() > 1 {
            // The canvas image has one pixel per canvas unit.
            let digits = digits.into_iter();
            return digits
                .map(|digit| {
                    let bounds = digit.rect.bounds();
                    RecognizedDigit::new(digit.pixels, digit.prediction, bounds).placed(digit.line, digit.mark)
                })
                .collect();
        }
        // A single digit is recognized from the image itself rather than from the image scaled to the canvas.
        let inked = ink_rect(&canvas).map_or(CANVAS_BOUNDS, PixelRect::bounds);
        let digit = state
            .network_input()
            .map(|pixels| RecognizedDigit::new(pixels, recognizer.classify(&pixels), CANVAS_BOUNDS).with_inked(inked));
        digit.into_iter().collect()
    }

    /// Shows the layers of the network, and their activations for a digit.
    fn show_layers(&mut self, digit: Option<&RecognizedDigit>, state: &mut State) -> Result<(), Error> {
        state.show_activations(None);
        let recorder = match &mut self.activation_recorder {
            Some(recorder) => recorder,
            none => none.insert(ActivationRecorder::new(&self.current.model)?),
        };
        state.show_layers(Arc::clone(recorder.layers()));
        state.show_activations(digit.map(|digit| Arc::new(recorder.record(&digit.pixels))));
        Ok(())
    }

    /// Runs a command and shows its outcome in the state.
    pub fn run(&mut self, command: Command, state: &mut State) -> Effects {
        let outcome = match command {
            Command::Open => self.open_dialog(),
            Command::Paste => self.paste(),
            Command::Save => self.save_drawing(state),
            Command::SaveNetwork => self.save_network(state),
            Command::RandomDigit => self.test_digits.random().map(|digit| show_test_digit(digit, state)),
            Command::NextMisclassified => self.search_misclassified(state),
            Command::Train => self.start_training(state),
            Command::Pause => {
                if let Some(worker) = &self.training_worker {
                    worker.toggle_pause();
                }
                Ok(Effects::REPAINT)
            }
            Command::SlowMotion => {
                if let Some(worker) = &self.training_worker {
                    worker.toggle_slow_motion();
                }
                Ok(Effects::REPAINT)
            }
            Command::Stop => {
                if let Some(worker) = &self.training_worker {
                    worker.stop();
                }
                Ok(Effects::REPAINT)
            }
            Command::SaveGif => self.save_film(state),
            Command::RestoreBuiltIn => self.restore_built_in(state),
            Command::AddExample(label) => self.add_example(label, state),
            Command::UndoExample => {
                let count = self.examples.examples().len();
                self.remove_examples(count.saturating_sub(1)..count, state)
            }
            Command::RemoveExample(index) => self.remove_examples(index..index + 1, state),
            Command::RemoveAllExamples => self.remove_examples(0..self.examples.examples().len(), state),
            Command::RestoreExamples => {
                let saved = self.examples.restore();
                state.show_message("Back again");
                self.examples_changed(saved, state)
            }
        };
        effects_or_message(outcome, state)
    }

    /// Takes over what the workers, the file dialog and the clipboard have finished; never waits.
    pub fn poll(&mut self, state: &mut State) -> Effects {
        let mut effects = self.poll_images(state) | self.poll_fine_tuning(state) | self.poll_search(state);
        effects |= self.poll_film(state);
        let explained = self.explanations.update(state, &self.current.model, &self.digit_inks);
        effects |= effects_or_message(explained, state);
        if let Some(worker) = &self.training_worker {
            let drawing = state.selected_digit().filter(|digit| digit.mark.is_none());
            worker.watch(drawing.map(|digit| &digit.pixels));
        }
        if let Some(update) = self.training_worker.as_ref().and_then(TrainingWorker::poll) {
            effects |= self.show_training(update, state);
        }
        effects
    }

    /// Whether a worker or the file dialog is still running.
    pub fn is_busy(&self) -> bool {
        let is_fine_tuning = self.fine_tuning_worker.as_ref().is_some_and(FineTuningWorker::is_busy);
        let is_searching = self.test_digits.is_searching() || self.explanations.is_busy();
        let is_reading = self.dialog.is_some() || self.incoming.is_some() || self.film.is_some();
        is_fine_tuning || is_searching || is_reading || self.training_worker.is_some()
    }

    fn show_training(&mut self, update: TrainingUpdate, state: &mut State) -> Effects {
        if let Some(failure) = update.failure {
            state.show_message(failure);
        }
        let finished = update.progress.finished;
        if let (None, Some(accuracy)) = (state.message(), update.progress.test_accuracy) {
            let (seconds, accuracy) = (update.progress.seconds, percent(accuracy));
            state.show_message(format!(
                "Training complete in {seconds:.1} s. Test accuracy: {accuracy}"
            ));
        }
        state.show_progress(Arc::new(update.progress));
        let mut effects = Effects::REPAINT;
        if let Some(network) = update.network {
            effects |= effects_or_message(self.adopt(network), state);
        }
        if finished {
            effects |= effects_or_message(self.restart_from_base(state), state);
        }
        effects
    }

    /// Makes a network trained from scratch the base model.
    fn adopt(&mut self, network: Network) -> Result<Effects, Error> {
        let model = Model::from(digit_model(network));
        let ready = ReadyModel::new(model.clone())?;
        self.base_model = Arc::new(model);
        Ok(self.use_model(ready))
    }

    fn use_model(&mut self, ready: ReadyModel) -> Effects {
        self.current = ready;
        self.activation_recorder = None;
        self.explanations.forget();
        Effects::RECOGNIZE
    }

    /// Restores the model that the window opened with, fine-tuned on the examples.
    fn restore_built_in(&mut self, state: &mut State) -> Result<Effects, Error> {
        self.base_model = Arc::clone(&self.initial_model);
        self.restart_from_base(state)
    }

    /// Puts the base model into use and starts to fine-tune it on the examples. A model that cannot be fine-tuned is in
    /// use all the same, with the error as a message.
    fn restart_from_base(&mut self, state: &mut State) -> Result<Effects, Error> {
        self.training_worker = None;
        self.cancel_fine_tuning();
        let mut effects = self.use_model(ReadyModel::new(Model::clone(&self.base_model))?);
        if !self.examples.examples().is_empty() {
            effects |= effects_or_message(self.request_fine_tuning(), state);
        }
        Ok(effects)
    }

    /// Adds the selected digit as an example.
    fn add_example(&mut self, label: u8, state: &mut State) -> Result<Effects, Error> {
        let ink = state
            .selected_index()
            .and_then(|index| self.digit_inks.get(index))
            .cloned();
        let pixels = state.selected_digit().map(|digit| ExampleInput::from(digit.pixels));
        let input = ink.map(ExampleInput::from).or(pixels);
        match input.map(|input| Example::new(label, input)) {
            None => Ok(Effects::REPAINT),
            Some(Err(fault)) => {
                state.show_message(fault.to_string());
                Ok(Effects::REPAINT)
            }
            Some(Ok(example)) => {
                let saved = self.examples.add(example);
                state.show_message(match self.training_worker {
                    None => format!("Labeled as {label}; fine-tuning…"),
                    Some(_) => format!("Labeled as {label}; fine-tuning starts when training ends"),
                });
                state.offer_undo(Action::UndoExample);
                self.examples_changed(saved, state)
            }
        }
    }

    /// Removes the examples at these places, and offers to undo that.
    fn remove_examples(&mut self, places: Range<usize>, state: &mut State) -> Result<Effects, Error> {
        let before = self.examples.examples().len();
        if places.start >= before.min(places.end) {
            return Ok(Effects::REPAINT);
        }
        let saved = self.examples.remove(places.clone());
        let removed = counted(places.len(), "example");
        state.show_message(match self.examples.examples().len() {
            0 => format!("Removed {removed}; none left"),
            left => format!("Removed {removed}; {left} left"),
        });
        state.offer_undo(Action::RestoreExamples);
        self.examples_changed(saved, state)
    }

    /// Shows the examples, and fine-tunes on them unless training is under way; then that follows it. If they could not be
    /// saved, they are still there until the window closes, and the message says why.
    fn examples_changed(&mut self, saved: Result<(), Error>, state: &mut State) -> Result<Effects, Error> {
        self.show_examples(state);
        let effects = match (&self.training_worker, self.examples.examples().is_empty()) {
            (None, true) => self.restart_from_base(state),
            (None, false) => self.request_fine_tuning(),
            (Some(_), _) => Ok(Effects::REPAINT),
        };
        saved?;
        effects
    }

    fn request_fine_tuning(&mut self) -> Result<Effects, Error> {
        let worker = match &mut self.fine_tuning_worker {
            Some(worker) => worker,
            none => none.insert(FineTuningWorker::start()?),
        };
        worker.request(&self.base_model, self.examples.examples())?;
        Ok(Effects::REPAINT)
    }

    /// Discards the pending fine-tuning, which is for another model.
    fn cancel_fine_tuning(&mut self) {
        if let Some(worker) = &mut self.fine_tuning_worker {
            worker.cancel();
        }
    }

    fn poll_fine_tuning(&mut self, state: &mut State) -> Effects {
        let Some(outcome) = self.fine_tuning_worker.as_mut().and_then(FineTuningWorker::poll) else {
            return Effects::default();
        };
        if let Err(Error::WorkerEnded) = outcome {
            // The next request starts another.
            self.fine_tuning_worker = None;
        }
        let outcome = outcome.map(|model| {
            let offered = state.offered_undo();
            let examples = counted(self.examples.examples().len(), "example");
            state.show_message(format!("Fine-tuned on {examples}"));
            // It is still the last change of the examples.
            offered.into_iter().for_each(|action| state.offer_undo(action));
            self.use_model(model)
        });
        effects_or_message(outcome, state)
    }

    fn show_examples(&self, state: &mut State) {
        let view = |example: &Example| ExampleView {
            pixels: example.image(),
            label: example.label(),
            ink: example.ink().cloned(),
        };
        state.show_examples(Arc::new(self.examples.examples().iter().map(view).collect()));
    }

    fn start_training(&mut self, state: &mut State) -> Result<Effects, Error> {
        let preset = Preset::named(WINDOW_PRESET).expect("the preset exists");
        let seed = RandomState::new().hash_one(1);
        let threads = match &self.training_threads {
            Some(threads) => threads,
            None => self.training_threads.insert(training_worker::thread_pool()?),
        };
        self.training_worker = Some(TrainingWorker::start(preset, seed, threads));
        self.cancel_fine_tuning();
        state.show_progress(Arc::default());
        Ok(Effects::REPAINT)
    }

    fn open_dialog(&mut self) -> Result<Effects, Error> {
        if self.dialog.is_none() {
            self.dialog = Some(IncomingImage::from_dialog()?);
        }
        Ok(Effects::default())
    }

    fn paste(&mut self) -> Result<Effects, Error> {
        self.incoming = Some(IncomingImage::from_clipboard()?);
        Ok(Effects::default())
    }

    /// Reads an image file and places it on the canvas.
    pub fn open_file(&mut self, path: PathBuf, state: &mut State) -> Effects {
        let started = IncomingImage::from_file(path).map(|incoming| self.incoming = Some(incoming));
        effects_or_message(started.map(|()| Effects::default()), state)
    }

    fn poll_images(&mut self, state: &mut State) -> Effects {
        let mut effects = Effects::default();
        for source in [&mut self.dialog, &mut self.incoming] {
            let Some(outcome) = source.as_ref().and_then(IncomingImage::poll) else {
                continue;
            };
            *source = None;
            effects |= match outcome {
                Some(image) => effects_or_message(image.map(|image| state.place_image(image)), state),
                None => {
                    state.show_message(
                        "No image selected; an image can also be pasted, or opened with: digit-pad IMAGE",
                    );
                    Effects::REPAINT
                }
            };
        }
        effects
    }

    fn save_drawing(&mut self, state: &mut State) -> Result<Effects, Error> {
        let path = saving::save_drawing(&self.paths.pictures(), state.ink(), state.image())?;
        state.show_message(format!("Saved {}", path.display()));
        Ok(Effects::REPAINT)
    }

    fn save_network(&mut self, state: &mut State) -> Result<Effects, Error> {
        let path = saving::save_network(&self.paths.documents(), &self.current.model)?;
        state.show_message(format!("Saved {}", path.display()));
        Ok(Effects::REPAINT)
    }

    /// Starts to save a film of the training run.
    fn save_film(&mut self, state: &mut State) -> Result<Effects, Error> {
        if let (None, Some(progress)) = (&self.film, state.progress()) {
            let progress = Arc::clone(progress);
            self.film = Some(FilmSaving::start(self.paths.pictures(), progress, state.is_dark())?);
            state.show_message("Saving the training as a GIF…");
        }
        Ok(Effects::REPAINT)
    }

    fn poll_film(&mut self, state: &mut State) -> Effects {
        let Some(saved) = self.film.as_ref().and_then(FilmSaving::poll) else {
            return Effects::default();
        };
        self.film = None;
        let shown = saved.map(|path| {
            state.show_message(format!("Saved {}", path.display()));
            Effects::REPAINT
        });
        effects_or_message(shown, state)
    }

    /// Starts to search the next test digit that the network misclassifies.
    fn search_misclassified(&mut self, state: &mut State) -> Result<Effects, Error> {
        self.test_digits.search_misclassified(&self.current.model)?;
        state.show_message("Searching…");
        Ok(Effects::REPAINT)
    }

    fn poll_search(&mut self, state: &mut State) -> Effects {
        let Some(found) = self.test_digits.poll_search() else {
            return Effects::default();
        };
        let effects = found.map(|digit| match digit {
            Some(digit) => show_test_digit(digit, state),
            None => {
                state.show_message("No test digit is misclassified");
                Effects::REPAINT
            }
        });
        effects_or_message(effects, state)
    }
}

/// Places a test digit on the canvas.
fn show_test_digit(digit: TestDigit, state: &mut State) -> Effects {
    let effects = state.place_image(digit.image);
    state.show_message(format!("Test digit {}: label {}", digit.index + 1, digit.label));
    effects
}

/// The effects of an outcome; an error is shown as a message.
fn effects_or_message(outcome: Result<Effects, Error>, state: &mut State) -> Effects {
    outcome.unwrap_or_else(|error| {
        state.show_message(error.to_string());
        Effects::REPAINT
    })
}
