//! What the controller asks of its workers, and what they answer.

use std::{path::PathBuf, sync::Arc, time::Duration};

use nn_core::Network;

use crate::{
    drawing::strokes::Ink,
    error::Error,
    imaging::gray_image::GrayImage,
    recognition::{
        added_stroke::AddedStroke,
        explanation::Explanation,
        model::{DIGITS, Model},
        normalization::Gray28,
        recognizer::ReadyModel,
        twins::Twins,
    },
    teaching::examples::Examples,
    training::progress::Progress,
};

/// A message to a worker.
#[derive(Debug)]
pub enum Message {
    /// A request with its number, in place of any earlier one.
    Request(u64, Request),
    /// What the current request is to do from now on.
    Control(Control),
}

/// A request, for a worker of its kind.
#[derive(Debug)]
pub enum Request {
    /// A model fine-tuned on examples. Answered by [`Answer::FineTuned`].
    FineTune(Arc<Model>, Examples),
    /// An explanation. Answered by [`Answer::Explanation`] and [`Answer::AddedStrokes`].
    Explain(Box<Reading>),
    /// A network trained from scratch, with this seed. Answered by [`Answer::Training`] until the run has finished.
    Train(u64),
    /// The test digit of this place; or the first one after it that a model misreads, if there is a model. Answered by
    /// [`Answer::TestDigit`].
    TestDigit(usize, Option<Arc<Model>>),
    /// A film of a run, on a dark background or not. Answered by [`Answer::Film`].
    Film(Arc<Progress>, bool),
    /// The training images that look most like these digits. Answered by [`Answer::Twins`].
    FindTwins(Vec<(u8, Gray28)>),
    /// The poster of the hand that has drawn these examples, with its twins. Answered by [`Answer::Poster`].
    Poster(Examples, Arc<Twins>),
    /// The ink of an image. Answered by [`Answer::Image`].
    ReadImage(ImageSource),
}

/// What a request in progress is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// Discard all requests.
    Cancel,
    /// Pause training, or resume it.
    Pause(bool),
    /// Wait after each step of training, or no longer.
    SlowMotion(bool),
    /// Report how the network reads this drawing, or a test digit if there is none.
    Watch(Option<Box<Gray28>>),
    /// Stop training after the current step, and keep the network.
    Stop,
}

/// A reading that is to be explained.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The model that reads.
    pub model: Arc<Model>,
    /// The network input.
    pub pixels: Gray28,
    /// The strokes of the digit; `None` for an image, to which no stroke is added.
    pub ink: Option<Ink>,
}

/// Where the bytes of an image are.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageSource {
    /// In a file.
    File(PathBuf),
    /// In memory, with a name for messages.
    Bytes(String, Vec<u8>),
}

/// When a server is to work next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once.
    Now,
    /// After that time, or with the next message.
    After(Duration),
    /// With the next message.
    Idle,
}

/// An answer, or a part of one.
#[derive(Debug)]
pub enum Answer {
    /// The fine-tuned model.
    FineTuned(Box<ReadyModel>),
    /// What speaks for each digit; [`AddedStrokes`](Self::AddedStrokes) follow.
    Explanation(Box<Explanation>),
    /// What would change the reading.
    AddedStrokes(Box<[Option<AddedStroke>; DIGITS]>),
    /// What has changed of a training run; more follow until it has finished.
    Training(Box<TrainingUpdate>),
    /// A test digit; `None` if the model misreads none.
    TestDigit(Option<TestDigit>),
    /// A film, as an animated GIF.
    Film(Vec<u8>),
    /// The twins of digits.
    Twins(Box<Twins>),
    /// A poster, as a PNG image.
    Poster(Vec<u8>),
    /// The ink of an image.
    Image(GrayImage),
    /// What the user waits for, in words; the answer follows.
    Note(String),
    /// There is no answer.
    Failed(Error),
}

impl Answer {
    /// Whether no other part follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        match self {
            Answer::Explanation(_) | Answer::Note(_) => false,
            Answer::Training(update) => update.progress.finished,
            _ => true,
        }
    }
}

/// Changes of a training run.
#[derive(Debug, Clone)]
pub struct TrainingUpdate {
    /// Progress so far.
    pub progress: Progress,
    /// The trained network, at the end.
    pub network: Option<Network>,
    /// Why training failed.
    pub failure: Option<String>,
}

/// A digit of the test set.
#[derive(Debug, Clone, PartialEq)]
pub struct TestDigit {
    /// Its place, from 0.
    pub index: usize,
    /// Its label.
    pub label: u8,
    /// Its ink.
    pub image: GrayImage,
}
