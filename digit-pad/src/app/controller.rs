//! The controller: runs the window's commands and predictions, and owns the model, the workers and the user's examples.

use std::{ops::Range, sync::Arc};

use nn_core::Network;

use crate::{
    app::{
        explanations::Explanations,
        hand::HandWork,
        host::{Folder, Host, WorkerKind},
        message::{Answer, Control, ImageSource, Request, TrainingUpdate},
        outcome::{effects_or_message, note_or_failure, show_test_digit},
        saving,
        training::{Report, Training},
        worker::Worker,
    },
    drawing::{
        raster::{draw_over, fit_in_square, recognition_bounds},
        sign::Label,
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
        segmentation::{ImageDigit, segment_image, segment_ink},
    },
    teaching::{example_store::ExampleStore, fine_tuning::check_fine_tunable},
    training::{progress::Progress, session::digit_model},
    ui::{Action, Command, Effects, ExampleView, RecognizedDigit, State},
};

/// Stem of the names of saved drawings and networks.
const STEM: &str = "digit";

/// Places between two random test digits: coprime to their number, so that every digit comes up before one is repeated.
const RANDOM_STEP: usize = 7_919;

/// Runs commands and predictions, and owns everything that needs files, workers or time.
#[derive(Debug)]
pub struct Controller {
    /// The world around the window.
    host: Box<dyn Host>,
    /// The model that the window opened with.
    initial_model: Arc<Model>,
    /// The network of the last training run, until it is taken into use.
    trained: Option<Network>,
    /// The initial model, or one trained from scratch; not fine-tuned.
    base_model: Arc<Model>,
    /// The model in use: the base model, fine-tuned on the examples.
    current: ReadyModel,
    activation_recorder: Option<ActivationRecorder>,
    training: Training,
    fine_tuning: Worker,
    examples: ExampleStore,
    /// Whether fine-tuning on them waits for the end of training.
    examples_wait: bool,
    /// What is wrong with the saved examples.
    load_warning: Option<String>,
    /// The strokes of each recognized digit; empty if there is an image on the canvas.
    digit_inks: Vec<Ink>,
    /// Reads images that were chosen, pasted or dropped.
    images: Worker,
    test_digits: Worker,
    /// The place of the test digit that was shown last.
    last_test_digit: usize,
    explanations: Explanations,
    /// Makes the film of a training run.
    film: Worker,
    hand: HandWork,
}

impl Controller {
    /// A controller that predicts with `model`.
    ///
    /// # Errors
    /// If the model does not take images of 28×28 pixels.
    pub fn new(model: Model, mut host: Box<dyn Host>) -> Result<Self, Error> {
        let initial_model = Arc::new(model.clone());
        let (examples, load_warning) = ExampleStore::open(host.examples());
        Ok(Controller {
            current: ReadyModel::new(model)?,
            base_model: Arc::clone(&initial_model),
            initial_model,
            trained: None,
            examples_wait: false,
            activation_recorder: None,
            training: Training::new(),
            fine_tuning: Worker::new(WorkerKind::FineTuning),
            examples,
            load_warning,
            digit_inks: Vec::new(),
            images: Worker::new(WorkerKind::Files),
            test_digits: Worker::new(WorkerKind::TestDigits),
            last_test_digit: host.random() as u16 as usize,
            explanations: Explanations::new(),
            film: Worker::new(WorkerKind::Files),
            hand: HandWork::new(),
            host,
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
            && let Err(error) = self.show_layers(RecognizedDigit::last(&digits).map(|last| &digits[last]), state)
        {
            state.show_message(error.to_string());
        }
        state.show_digits(digits);
        state.show_signs(self.current.recognizer.signs());
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
        let is_sign = |digit: &ImageDigit| digit.mark.is_some() && digit.prediction.known;
        if digits.len() > 1 || digits.iter().any(is_sign) {
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
            Command::Open => self.host.choose_image().map(|()| Effects::default()),
            Command::Paste => self.host.paste_image().map(|()| Effects::default()),
            Command::Save => self.save_drawing(state),
            Command::SaveNetwork => self.save_network(state),
            Command::RandomDigit => self.request_test_digit(RANDOM_STEP, None),
            Command::NextMisclassified => self.search_misclassified(state),
            Command::Train => self.start_training(state),
            Command::Pause => self.control_training(state, |progress| Control::Pause(!progress.paused)),
            Command::SlowMotion => self.control_training(state, |progress| Control::SlowMotion(!progress.is_slow)),
            Command::Stop => self.control_training(state, |_| Control::Stop),
            Command::SaveGif => self.make_film(state),
            Command::UseNetwork => self.use_trained(state),
            Command::SavePoster => self.hand.make_poster(state, self.examples.examples(), &mut *self.host),
            Command::RestoreBuiltIn => self.restore_built_in(state),
            Command::AddExample(label, index) => self.add_example(label, index, state),
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
        let mut effects = self.poll_images(state) | self.poll_fine_tuning(state) | self.poll_test_digits(state);
        effects |= self.poll_film(state) | self.poll_hand(state);
        let (model, inks, host) = (&self.current.model, &self.digit_inks, &mut *self.host);
        let explained = self.explanations.update(state, model, inks, host);
        effects |= effects_or_message(explained, state);
        effects | self.poll_training(state)
    }

    /// Whether a worker or the file dialog is still running.
    pub fn is_busy(&self) -> bool {
        let workers = [&self.fine_tuning, &self.test_digits, &self.images, &self.film];
        let is_working = workers.into_iter().any(Worker::is_busy) || self.training.is_busy();
        is_working || self.explanations.is_busy() || self.hand.is_busy() || self.host.awaits_image()
    }

    fn poll_training(&mut self, state: &mut State) -> Effects {
        match self.training.poll(state) {
            Some(Report::Update(update)) => {
                let note = self.training.take_note();
                if note.is_some() && note.as_deref() == state.message() {
                    state.clear_message();
                }
                self.show_training(*update, state)
            }
            Some(Report::Note(text)) => {
                state.show_message(text);
                Effects::REPAINT
            }
            None => Effects::default(),
        }
    }

    fn show_training(&mut self, update: TrainingUpdate, state: &mut State) -> Effects {
        if let Some(failure) = update.failure {
            state.show_message(failure);
        }
        let finished = update.progress.finished;
        if let (None, Some(accuracy)) = (state.message(), update.progress.test_accuracy) {
            let (seconds, accuracy) = (update.progress.seconds, percent(accuracy));
            state.show_message(format!(
                "Training complete in {seconds:.1} s. Test accuracy: {accuracy}. Use it or keep the built-in network"
            ));
        }
        state.show_progress(Arc::new(update.progress));
        self.trained = update.network.or_else(|| self.trained.take());
        if finished && self.examples_wait {
            let outcome = self.follow_examples(state);
            return Effects::REPAINT | effects_or_message(outcome, state);
        }
        Effects::REPAINT
    }

    /// Makes the trained network the base model, fine-tuned on the examples.
    fn use_trained(&mut self, state: &mut State) -> Result<Effects, Error> {
        if let Some(network) = self.trained.take() {
            self.base_model = Arc::new(Model::from(digit_model(network)));
        }
        self.restart_from_base(state)
    }

    fn use_model(&mut self, ready: ReadyModel) -> Effects {
        self.current = ready;
        self.activation_recorder = None;
        self.explanations.forget();
        Effects::RECOGNIZE
    }

    /// Restores the model that the window opened with, fine-tuned on the examples.
    fn restore_built_in(&mut self, state: &mut State) -> Result<Effects, Error> {
        let was_in_use = Arc::ptr_eq(&self.base_model, &self.initial_model);
        self.base_model = Arc::clone(&self.initial_model);
        state.show_message(if was_in_use {
            "The built-in network stays in use"
        } else {
            "The built-in network is in use again"
        });
        self.restart_from_base(state)
    }

    /// Puts the base model into use and starts to fine-tune it on the examples. A model that cannot be fine-tuned is in
    /// use all the same, with the error as a message.
    fn restart_from_base(&mut self, state: &mut State) -> Result<Effects, Error> {
        self.training.cancel();
        self.fine_tuning.cancel();
        self.examples_wait = false;
        let mut effects = self.use_model(ReadyModel::new(Model::clone(&self.base_model))?);
        if !self.examples.examples().is_empty() {
            effects |= effects_or_message(self.request_fine_tuning(), state);
        }
        Ok(effects)
    }

    /// Adds the digit at that index on the canvas as an example.
    fn add_example(&mut self, label: Label, index: usize, state: &mut State) -> Result<Effects, Error> {
        let ink = self.digit_inks.get(index).cloned();
        let digit = state.digits().get(index);
        let pixels = digit.map(|digit| ExampleInput::from(digit.pixels));
        let input = ink.map(ExampleInput::from).or(pixels);
        match input.map(|input| Example::new(label.clone(), input)) {
            None => Ok(Effects::REPAINT),
            Some(Err(fault)) => {
                state.show_message(fault.to_string());
                Ok(Effects::REPAINT)
            }
            Some(Ok(example)) => {
                let saved = self.examples.add(example);
                state.show_message(if self.training.is_busy() {
                    format!("Kept as an example of {label}, to learn from when training ends")
                } else {
                    format!("Kept as an example of {label}. Learning from it…")
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
        let effects = self.follow_examples(state);
        saved?;
        effects
    }

    /// Fine-tunes on the examples, or goes back to the base model where there are none; not before training ends.
    fn follow_examples(&mut self, state: &mut State) -> Result<Effects, Error> {
        self.examples_wait = self.training.is_busy();
        if self.examples_wait {
            Ok(Effects::REPAINT)
        } else if self.examples.examples().is_empty() {
            self.restart_from_base(state)
        } else {
            self.request_fine_tuning()
        }
    }

    fn request_fine_tuning(&mut self) -> Result<Effects, Error> {
        check_fine_tunable(&self.base_model)?;
        let request = Request::FineTune(Arc::clone(&self.base_model), self.examples.examples().clone());
        self.fine_tuning.request(&mut *self.host, request)?;
        Ok(Effects::REPAINT)
    }

    fn poll_fine_tuning(&mut self, state: &mut State) -> Effects {
        match self.fine_tuning.poll() {
            Some(Answer::FineTuned(model)) => {
                let offered = state.offered_undo();
                let examples = counted(self.examples.examples().len(), "example");
                state.show_message(format!("Fine-tuned on {examples}"));
                // It is still the last change of the examples.
                offered.into_iter().for_each(|action| state.offer_undo(action));
                self.use_model(*model)
            }
            other => note_or_failure(other, state),
        }
    }

    fn show_examples(&self, state: &mut State) {
        let view = |example: &Example| ExampleView {
            pixels: example.image(),
            label: example.label().clone(),
            ink: example.ink().cloned(),
        };
        state.show_examples(Arc::new(self.examples.examples().iter().map(view).collect()));
    }

    fn start_training(&mut self, state: &mut State) -> Result<Effects, Error> {
        self.training.start(&mut *self.host)?;
        self.trained = None;
        self.examples_wait |= self.fine_tuning.is_busy();
        self.fine_tuning.cancel();
        state.show_progress(Arc::default());
        Ok(Effects::REPAINT)
    }

    /// Tells the training run what to do, which depends on its progress.
    fn control_training(
        &mut self,
        state: &mut State,
        choose: impl FnOnce(&Progress) -> Control,
    ) -> Result<Effects, Error> {
        if let Some(progress) = state.progress() {
            self.training.control(choose(progress));
        }
        Ok(Effects::REPAINT)
    }

    /// Reads an image and places it on the canvas.
    pub fn open_image(&mut self, source: ImageSource, state: &mut State) -> Effects {
        let requested = self.images.request(&mut *self.host, Request::ReadImage(source));
        effects_or_message(requested.map(|()| Effects::default()), state)
    }

    fn poll_images(&mut self, state: &mut State) -> Effects {
        let fetched = match self.host.poll_image() {
            Some(Ok(source)) => self.open_image(source, state),
            Some(Err(error)) => effects_or_message(Err(error), state),
            None => Effects::default(),
        };
        fetched
            | match self.images.poll() {
                Some(Answer::Image(image)) => state.place_image(image),
                other => note_or_failure(other, state),
            }
    }

    fn save_drawing(&mut self, state: &mut State) -> Result<Effects, Error> {
        let files = saving::drawing(state.ink(), state.image())?;
        self.save(Folder::Pictures, STEM, &files, state)
    }

    fn save_network(&mut self, state: &mut State) -> Result<Effects, Error> {
        let file = ("safetensors", self.current.model.content.to_bytes()?);
        self.save(Folder::Documents, STEM, &[file], state)
    }

    fn save(
        &mut self,
        folder: Folder,
        stem: &str,
        files: &[(&str, Vec<u8>)],
        state: &mut State,
    ) -> Result<Effects, Error> {
        let place = self.host.save(folder, stem, files)?;
        state.show_message(format!("Saved {place}"));
        Ok(Effects::REPAINT)
    }

    /// Starts to make a film of the training run.
    fn make_film(&mut self, state: &mut State) -> Result<Effects, Error> {
        if let (false, Some(progress)) = (self.film.is_busy(), state.progress()) {
            let request = Request::Film(Arc::clone(progress), state.is_dark());
            self.film.request(&mut *self.host, request)?;
            state.show_message("Saving the training as a GIF…");
        }
        Ok(Effects::REPAINT)
    }

    fn poll_film(&mut self, state: &mut State) -> Effects {
        match self.film.poll() {
            Some(Answer::Film(file)) => self.save_picture("training", ("gif", file), state),
            other => note_or_failure(other, state),
        }
    }

    fn poll_hand(&mut self, state: &mut State) -> Effects {
        let updated = self.hand.update(state, self.examples.examples(), &mut *self.host);
        effects_or_message(updated, state)
            | match self.hand.poll_poster() {
                Some(Answer::Poster(file)) => self.save_picture("hand", ("png", file), state),
                other => note_or_failure(other, state),
            }
    }

    fn save_picture(&mut self, stem: &str, file: (&str, Vec<u8>), state: &mut State) -> Effects {
        let saved = self.save(Folder::Pictures, stem, &[file], state);
        effects_or_message(saved, state)
    }

    /// Requests the test digit so many places after the last one, or the first one after it that a model misreads.
    fn request_test_digit(&mut self, step: usize, misread_by: Option<Arc<Model>>) -> Result<Effects, Error> {
        let request = Request::TestDigit(self.last_test_digit + step, misread_by);
        self.test_digits.request(&mut *self.host, request)?;
        Ok(Effects::default())
    }

    /// Starts to search the next test digit that the network misclassifies, unless a search is under way.
    fn search_misclassified(&mut self, state: &mut State) -> Result<Effects, Error> {
        if !self.test_digits.is_busy() {
            let model = Arc::new(self.current.model.clone());
            self.request_test_digit(0, Some(model))?;
            state.show_message("Searching…");
        }
        Ok(Effects::REPAINT)
    }

    fn poll_test_digits(&mut self, state: &mut State) -> Effects {
        match self.test_digits.poll() {
            Some(Answer::TestDigit(Some(digit))) => {
                self.last_test_digit = digit.index;
                show_test_digit(digit, state)
            }
            Some(Answer::TestDigit(None)) => {
                state.show_message("No test digit is misclassified");
                Effects::REPAINT
            }
            other => note_or_failure(other, state),
        }
    }
}
