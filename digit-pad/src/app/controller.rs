//! What the pad does beyond drawing: it reads, looks inside, opens, saves, learns and is taught.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use mnist_io::{Dataset, Mnist, Split};
use nn_core::Network;
use rayon::ThreadPool;

use crate::{
    app::{
        fine_tuning_worker::Tutor,
        saving,
        training_worker::{self, Learner, Look},
    },
    drawing::{
        raster::{draw_over, fit_in_square},
        strokes::{CANVAS, CANVAS_BOUNDS, Ink},
    },
    error::Error,
    imaging::{gray_image::GreyImage, image_file},
    recognition::{
        activations::Inside,
        example::{Lesson, Subject},
        model::Model,
        normalization::{SIDE, normalize, normalize_ink},
        prediction::Reader,
        recognizer::Ready,
        segmentation::{InkDigit, PictureDigit, split_ink, split_picture},
    },
    storage::{exports, paths::Folders},
    teaching::examples::Lessons,
    training::{presets::Preset, session::model_of},
    ui::{Effects, Errand, LessonView, Sight, State},
};

/// The preset that is learnt before one's eyes.
const LEARNT: &str = "fast";

/// The pad's means: the network in use, and all that takes files, threads and time.
#[derive(Debug)]
pub struct Desk {
    /// The model that the window opened with.
    first: Arc<Model>,
    /// That, or one that has learnt from nothing; without what was taught.
    base: Arc<Model>,
    /// The model in use.
    in_use: Ready,
    inside: Option<Inside>,
    learner: Option<Learner>,
    /// What learners learn on, once there was one.
    threads: Option<ThreadPool>,
    /// Whoever teaches, once there was a lesson.
    tutor: Option<Tutor>,
    lessons: Lessons,
    /// Why the lessons of another time are not there. Their file is put aside before there is another one.
    trouble: Option<String>,
    /// The strokes of each digit that was read last, where there is nothing but strokes.
    digits: Vec<Ink>,
    dialog: Option<Receiver<Option<PathBuf>>>,
    test: Option<Dataset>,
    last_sample: usize,
    folders: Folders,
}

impl Desk {
    /// A desk with that model on it.
    ///
    /// # Errors
    /// If the model does not read pictures of 28×28 pixels.
    pub fn new(model: Model, folders: Folders) -> Result<Self, Error> {
        let first = Arc::new(model.clone());
        let mut desk = Desk {
            in_use: Ready::new(model)?,
            base: Arc::clone(&first),
            first,
            inside: None,
            learner: None,
            threads: None,
            tutor: None,
            lessons: Lessons::new(),
            trouble: None,
            digits: Vec::new(),
            dialog: None,
            test: None,
            // Where samples begin is nobody's to guess.
            last_sample: RandomState::new().hash_one(0) as usize,
            folders,
        };
        match desk.folders.lessons().map(|path| Lessons::load(&path)) {
            None => {}
            Some(Ok(lessons)) => desk.lessons = lessons,
            Some(Err(error)) => desk.trouble = Some(error.to_string()),
        }
        Ok(desk)
    }

    /// Takes up what was taught another time.
    pub fn open(&mut self, state: &mut State) {
        self.show_lessons(state);
        if let Some(trouble) = &self.trouble {
            state.say(trouble);
        } else if !self.lessons.is_empty()
            && let Err(error) = self.ask_tutor()
        {
            state.say(error.to_string());
        }
    }

    /// Reads what lies on the canvas, and shows it.
    pub fn read(&mut self, state: &mut State) {
        let sights: Vec<Sight> = self.sights(state);
        if state.looks_inside() {
            let seen = sights.last().map(|sight| sight.pixels);
            let insights = seen.and_then(|pixels| Some(self.inside()?.look(&pixels)));
            state.show_insights(insights.map(Arc::new));
        }
        state.show(sights);
    }

    fn sights(&mut self, state: &State) -> Vec<Sight> {
        self.digits.clear();
        let (ink, recognizer) = (state.ink(), &mut self.in_use.recognizer);
        let Some(picture) = state.picture() else {
            let digits = split_ink(ink, recognizer);
            self.digits = digits.iter().map(|digit| digit.ink.clone()).collect();
            return digits.into_iter().filter_map(sight_of_ink).collect();
        };
        let side = CANVAS as usize;
        let whole = if ink.is_empty() {
            fit_in_square(picture, side)
        } else {
            draw_over(picture, ink)
        };
        let digits = split_picture(&whole, recognizer);
        if digits.len() > 1 {
            return digits.into_iter().filter_map(sight_of_picture).collect();
        }
        // One digit is read from the picture itself, and not from what was made of it for the screen.
        let sight = state.look().map(|pixels| Sight {
            reading: recognizer.read(&pixels),
            pixels,
            bounds: CANVAS_BOUNDS,
        });
        sight.into_iter().collect()
    }

    fn inside(&mut self) -> Option<&mut Inside> {
        if self.inside.is_none() {
            self.inside = Inside::new(&self.in_use.model).ok();
        }
        self.inside.as_mut()
    }

    /// Runs an errand; what it comes to is said in the state.
    pub fn run(&mut self, errand: Errand, state: &mut State) -> Effects {
        let outcome = match errand {
            Errand::Open => self.ask_for_image(),
            Errand::Save => self.save_drawing(state),
            Errand::SaveNetwork => self.save_network(state),
            Errand::Sample => self.sample(state, false),
            Errand::Misread => self.sample(state, true),
            Errand::Learn => self.learn(state),
            Errand::Pause => {
                if let Some(learner) = &self.learner {
                    learner.pause_or_go_on();
                }
                Ok(Effects::REPAINT)
            }
            Errand::Stop => {
                if let Some(learner) = &self.learner {
                    learner.stop();
                }
                Ok(Effects::REPAINT)
            }
            Errand::Shipped => self.go_back(),
            Errand::Teach(digit) => self.teach(digit, state),
            Errand::Unteach => {
                let last = self.lessons.undo();
                self.forgotten(last.is_some(), state)
            }
            Errand::Forget(index) => {
                let lesson = self.lessons.forget(index);
                self.forgotten(lesson.is_some(), state)
            }
            Errand::ForgetAll => {
                self.lessons.forget_all();
                self.forgotten(true, state)
            }
        };
        outcome.unwrap_or_else(|error| {
            state.say(error.to_string());
            Effects::REPAINT
        })
    }

    /// Takes in what others have done meanwhile.
    pub fn poll(&mut self, state: &mut State) -> Effects {
        let mut effects = self.poll_dialog(state) | self.poll_tutor(state);
        if let Some(look) = self.learner.as_ref().and_then(Learner::look) {
            effects |= self.take_look(look, state);
        }
        effects
    }

    /// Whether something is under way that news will come from.
    pub fn is_busy(&self) -> bool {
        let is_taught = self.tutor.as_ref().is_some_and(Tutor::is_learning);
        is_taught || self.learner.is_some() || self.dialog.is_some()
    }

    fn take_look(&mut self, look: Look, state: &mut State) -> Effects {
        if let Some(failure) = look.failure {
            state.say(failure);
        }
        let finished = look.progress.finished;
        if let (None, Some(accuracy)) = (state.message(), look.progress.test_accuracy) {
            let (seconds, percent) = (look.progress.seconds, 100.0 * accuracy);
            state.say(format!("Learnt in {seconds:.1} s: {percent:.1}% of test digits"));
        }
        state.show_progress(Arc::new(look.progress));
        let adopted = match look.network {
            Some(network) => self.adopt(network).unwrap_or(Effects::REPAINT),
            None => Effects::REPAINT,
        };
        if finished && let Err(error) = self.begin_with_base() {
            state.say(error.to_string());
        }
        adopted
    }

    /// Takes a network that has learnt from nothing into use.
    fn adopt(&mut self, network: Network) -> Result<Effects, Error> {
        let content = model_of(network);
        let model = Model { content, path: None };
        self.base = Arc::new(model.clone());
        Ok(self.take_up(Ready::new(model)?))
    }

    fn take_up(&mut self, ready: Ready) -> Effects {
        self.in_use = ready;
        self.inside = None;
        Effects::READ
    }

    /// To the network that the window opened with, and what it was taught.
    fn go_back(&mut self) -> Result<Effects, Error> {
        self.base = Arc::clone(&self.first);
        self.begin_with_base()
    }

    /// Takes the base into use, which knows nothing yet of what was taught, and teaches it.
    fn begin_with_base(&mut self) -> Result<Effects, Error> {
        self.learner = None;
        self.dismiss_tutor();
        if !self.lessons.is_empty() {
            self.ask_tutor()?;
        }
        Ok(self.take_up(Ready::new(Model::clone(&self.base))?))
    }

    /// Teaches the digit that the panel tells of.
    fn teach(&mut self, digit: u8, state: &mut State) -> Result<Effects, Error> {
        let drawn = state.sight_index().and_then(|index| self.digits.get(index)).cloned();
        let seen = state.sight().map(|sight| Subject::from(sight.pixels));
        let subject = drawn.map(Subject::from).or(seen);
        if let Some(Ok(lesson)) = subject.map(|subject| Lesson::new(digit, subject)) {
            self.lessons.add(lesson);
            state.say(match self.learner {
                None => format!("It learns: this is a {digit}"),
                Some(_) => format!("Kept until it is through: this is a {digit}"),
            });
            return self.lessons_changed(state);
        }
        Ok(Effects::REPAINT)
    }

    fn forgotten(&mut self, anything: bool, state: &mut State) -> Result<Effects, Error> {
        if anything {
            state.say(match self.lessons.len() {
                0 => "Forgotten; nothing is taught any more".to_owned(),
                1 => "Forgotten; one lesson is left".to_owned(),
                count => format!("Forgotten; {count} lessons are left"),
            });
            return self.lessons_changed(state);
        }
        Ok(Effects::REPAINT)
    }

    /// Keeps the lessons, and has them learnt: by a network in training once it is over.
    fn lessons_changed(&mut self, state: &mut State) -> Result<Effects, Error> {
        self.show_lessons(state);
        if let Some(path) = self.folders.lessons() {
            if self.trouble.is_some() {
                exports::put_aside(&path)?;
                self.trouble = None;
            }
            self.lessons.save(&path)?;
        }
        match (&self.learner, self.lessons.is_empty()) {
            (None, true) => self.begin_with_base(),
            (None, false) => self.ask_tutor().map(|()| Effects::REPAINT),
            (Some(_), _) => Ok(Effects::REPAINT),
        }
    }

    fn ask_tutor(&mut self) -> Result<(), Error> {
        let tutor = match &mut self.tutor {
            Some(tutor) => tutor,
            none => none.insert(Tutor::start()?),
        };
        tutor.teach(&self.base, &self.lessons)
    }

    /// Whatever it is learning is for another network.
    fn dismiss_tutor(&mut self) {
        if let Some(tutor) = &mut self.tutor {
            tutor.dismiss();
        }
    }

    fn poll_tutor(&mut self, state: &mut State) -> Effects {
        let Some(taught) = self.tutor.as_mut().and_then(Tutor::poll) else {
            return Effects::default();
        };
        match taught {
            Ok(taught) => {
                let lessons = if self.lessons.len() == 1 { "lesson" } else { "lessons" };
                state.say(format!("Learnt {} {lessons}", self.lessons.len()));
                self.take_up(taught)
            }
            Err(error) => {
                state.say(error.to_string());
                Effects::REPAINT
            }
        }
    }

    fn show_lessons(&self, state: &mut State) {
        let view = |lesson: &Lesson| LessonView {
            pixels: lesson.picture(),
            label: lesson.label(),
        };
        state.show_lessons(Arc::new(self.lessons.iter().map(view).collect()));
    }

    fn learn(&mut self, state: &mut State) -> Result<Effects, Error> {
        let preset = Preset::named(LEARNT).expect("there is a preset of that name");
        let seed = RandomState::new().hash_one(1);
        let threads = match &self.threads {
            Some(threads) => threads,
            None => self.threads.insert(training_worker::threads()?),
        };
        self.learner = Some(Learner::start(preset, seed, threads));
        self.dismiss_tutor();
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
            state.say("No image was chosen; one can also be named at the start: digit-pad IMAGE");
            return Effects::REPAINT;
        };
        match image_file::open(&path) {
            Ok(photo) => state.lay(photo.picture),
            Err(error) => {
                state.say(error.to_string());
                Effects::REPAINT
            }
        }
    }

    fn save_drawing(&mut self, state: &mut State) -> Result<Effects, Error> {
        let saved = saving::drawing(&self.folders.pictures(), state.ink(), state.picture())?;
        state.say(format!("Saved {}", saved.display()));
        Ok(Effects::REPAINT)
    }

    fn save_network(&mut self, state: &mut State) -> Result<Effects, Error> {
        let saved = saving::network(&self.folders.documents(), &self.in_use.model)?;
        state.say(format!("Saved {}", saved.display()));
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
            let picture = GreyImage::new(SIDE, SIDE, test.image(index).to_vec());
            (index, picture)
        });
        let is_misread = |(index, picture): &(usize, GreyImage)| {
            let read = normalize(picture).map(|pixels| recognizer.read(&pixels).digit());
            read != Some(test.labels()[*index])
        };
        let chosen = if misread {
            chosen.find(is_misread)
        } else {
            chosen.next()
        };
        let Some((index, picture)) = chosen else {
            state.say("No test digit is misread");
            return Ok(Effects::REPAINT);
        };
        let label = test.labels()[index];
        self.last_sample = index;
        let effects = state.lay(picture);
        state.say(format!("Test digit {}: this is a {label}", index + 1));
        Ok(effects)
    }
}

fn sight_of_ink(digit: InkDigit) -> Option<Sight> {
    Some(Sight {
        pixels: normalize_ink(&digit.ink)?,
        reading: digit.reading,
        bounds: digit.bounds,
    })
}

/// Of a picture of the whole canvas, a pixel to a canvas unit.
fn sight_of_picture(digit: PictureDigit) -> Option<Sight> {
    Some(Sight {
        pixels: normalize(&digit.picture)?,
        reading: digit.reading,
        bounds: digit.place.bounds(),
    })
}
