//! What the pad does beyond drawing: it reads, looks inside, opens, saves, learns and is taught.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use mnist_io::{Dataset, Mnist, Split};
use nn_core::Network;

use crate::error::Error;
use crate::folders::Folders;
use crate::grey::GreyImage;
use crate::ink::CANVAS;
use crate::inside::Inside;
use crate::learner::{Learner, Look};
use crate::model::Model;
use crate::normalize::{SIDE, normalize};
use crate::photo;
use crate::presets::Preset;
use crate::reading::Reader;
use crate::recognizer::Recognizer;
use crate::save;
use crate::view::{Effects, Errand, Sight, State};

/// The preset that is learnt before one's eyes.
const LEARNT: &str = "fast";

/// The pad's means: the network in use, and all that takes files, threads and time.
#[derive(Debug)]
pub struct Desk {
    /// The model that the window opened with.
    first: Model,
    /// The model in use.
    model: Model,
    recognizer: Recognizer,
    inside: Option<Inside>,
    learner: Option<Learner>,
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
        Ok(Desk {
            recognizer: Recognizer::new(model.clone())?,
            first: model.clone(),
            model,
            inside: None,
            learner: None,
            dialog: None,
            test: None,
            // Where samples begin is nobody's to guess.
            last_sample: RandomState::new().hash_one(0) as usize,
            folders,
        })
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
        let whole = [0.0, 0.0, CANVAS, CANVAS];
        let bounds = state
            .ink()
            .bounds()
            .map_or(whole, |b| [b.left, b.top, b.right, b.bottom]);
        let sight = state.look().map(|pixels| Sight {
            reading: self.recognizer.read(&pixels),
            pixels,
            bounds,
        });
        sight.into_iter().collect()
    }

    fn inside(&mut self) -> Option<&mut Inside> {
        if self.inside.is_none() {
            self.inside = Inside::new(&self.model).ok();
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
            Errand::Shipped => {
                self.learner = None;
                self.adopt(self.first.content.network.clone())
            }
            Errand::Teach(_) | Errand::Unteach | Errand::Forget(_) | Errand::ForgetAll => Ok(Effects::REPAINT),
        };
        outcome.unwrap_or_else(|error| {
            state.say(error.to_string());
            Effects::REPAINT
        })
    }

    /// Takes in what others have done meanwhile.
    pub fn poll(&mut self, state: &mut State) -> Effects {
        let mut effects = self.poll_dialog(state);
        if let Some(look) = self.learner.as_ref().and_then(Learner::look) {
            effects |= self.take_look(look, state);
        }
        effects
    }

    /// Whether something is under way that news will come from.
    pub fn is_busy(&self) -> bool {
        self.learner.is_some() || self.dialog.is_some()
    }

    fn take_look(&mut self, look: Look, state: &mut State) -> Effects {
        if let Some(failure) = look.failure {
            state.say(failure);
        }
        let finished = look.progress.finished;
        if finished && state.message().is_none() {
            let seconds = look.progress.seconds;
            state.say(format!("Learnt in {seconds:.1} s; B goes back to the first network"));
        }
        state.show_progress(Arc::new(look.progress));
        let adopted = match look.network {
            Some(network) => self.adopt(network).unwrap_or(Effects::REPAINT),
            None => Effects::REPAINT,
        };
        if finished {
            self.learner = None;
        }
        adopted
    }

    /// Takes another network into use.
    fn adopt(&mut self, network: Network) -> Result<Effects, Error> {
        let mut model = self.first.clone();
        model.content.network = network;
        self.recognizer = Recognizer::new(model.clone())?;
        self.model = model;
        self.inside = None;
        Ok(Effects::READ)
    }

    fn learn(&mut self, state: &mut State) -> Result<Effects, Error> {
        let preset = Preset::named(LEARNT).expect("there is a preset of that name");
        let seed = RandomState::new().hash_one(1);
        self.learner = Some(Learner::start(preset, seed)?);
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
                .add_filter("Images", photo::EXTENSIONS)
                .add_filter("All files", &["*"]);
            // Nobody waits for it any more if the window was closed meanwhile.
            let _ = sender.send(dialog.pick_file());
        };
        let builder = std::thread::Builder::new().name("dialog".to_owned());
        builder.spawn(ask).map_err(Error::Thread)?;
        self.dialog = Some(answer);
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
        match photo::open(&path) {
            Ok(picture) => state.lay(picture),
            Err(error) => {
                state.say(error.to_string());
                Effects::REPAINT
            }
        }
    }

    fn save_drawing(&mut self, state: &mut State) -> Result<Effects, Error> {
        let saved = save::drawing(&self.folders.pictures(), state.ink(), state.picture())?;
        state.say(format!("Saved {}", saved.display()));
        Ok(Effects::REPAINT)
    }

    fn save_network(&mut self, state: &mut State) -> Result<Effects, Error> {
        let saved = save::network(&self.folders.documents(), &self.model)?;
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
        let recognizer = &mut self.recognizer;
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
