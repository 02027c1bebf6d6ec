//! Test digits of MNIST to place on the canvas: random ones, or those that the network misclassifies.

use std::hash::{BuildHasher, RandomState};
use std::sync::{
    Arc,
    mpsc::{Receiver, TryRecvError, channel},
};
use std::thread;

use mnist_io::{Dataset, Split};

use crate::{
    error::Error,
    imaging::gray_image::GrayImage,
    recognition::{
        model::Model,
        normalization::{SIDE, normalize},
        prediction::Classifier,
        recognizer::ReadyModel,
    },
    training::embedded,
};

/// The test set, loaded when it is first needed, and the position in it.
#[derive(Debug)]
pub(super) struct TestDigits {
    set: Option<Arc<Dataset>>,
    last: usize,
    /// A search under way.
    search: Option<Receiver<Result<Option<TestDigit>, Error>>>,
}

/// A digit of the test set.
#[derive(Debug)]
pub(super) struct TestDigit {
    pub(super) index: usize,
    pub(super) label: u8,
    pub(super) image: GrayImage,
}

impl TestDigits {
    /// Starts at a random digit.
    pub(super) fn new() -> Self {
        TestDigits {
            set: None,
            last: RandomState::new().hash_one(0) as usize,
            search: None,
        }
    }

    /// The next digit in pseudo-random order.
    ///
    /// # Errors
    /// If the test set cannot be loaded.
    pub(super) fn random(&mut self) -> Result<TestDigit, Error> {
        // Coprime to the number of digits, so that every digit comes up before one is repeated.
        const STEP: usize = 7_919;
        let set = self.set()?;
        let digit = digit(&set, (self.last % set.len() + STEP) % set.len());
        self.last = digit.index;
        Ok(digit)
    }

    /// Starts to search the next digit that a model gets wrong, on a thread of its own, unless a search is under way.
    ///
    /// # Errors
    /// If the test set cannot be loaded, or no thread can be started.
    pub(super) fn search_misclassified(&mut self, model: &Model) -> Result<(), Error> {
        if self.is_searching() {
            return Ok(());
        }
        let (set, last, model) = (self.set()?, self.last, model.clone());
        let (sender, found) = channel();
        let search = move || {
            let found = ReadyModel::new(model).map(|mut ready| misclassified(&set, last, &mut ready.recognizer));
            // The receiver is gone if the window was closed meanwhile.
            let _ = sender.send(found);
        };
        let builder = thread::Builder::new().name("search".to_owned());
        builder.spawn(search).map_err(Error::Thread)?;
        self.search = Some(found);
        Ok(())
    }

    /// Whether a search is under way.
    pub(super) fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// What a search has found, once it is done; never waits.
    pub(super) fn poll_search(&mut self) -> Option<Result<Option<TestDigit>, Error>> {
        let found = match self.search.as_ref()?.try_recv() {
            Ok(found) => found,
            Err(TryRecvError::Disconnected) => Err(Error::WorkerEnded),
            Err(TryRecvError::Empty) => return None,
        };
        self.search = None;
        if let Ok(Some(digit)) = &found {
            self.last = digit.index;
        }
        Some(found)
    }

    fn set(&mut self) -> Result<Arc<Dataset>, Error> {
        let set = match self.set.take() {
            Some(set) => set,
            None => Arc::new(embedded::split(Split::Test)?),
        };
        Ok(Arc::clone(self.set.insert(set)))
    }
}

fn digit(set: &Dataset, index: usize) -> TestDigit {
    TestDigit {
        index,
        label: set.label(index) as u8,
        image: GrayImage::new(SIDE, SIDE, set.image(index).to_vec()),
    }
}

/// The first digit after the last one that `classifier` gets wrong.
fn misclassified(set: &Dataset, last: usize, classifier: &mut impl Classifier) -> Option<TestDigit> {
    let digits = (1..=set.len()).map(|step| digit(set, (last % set.len() + step) % set.len()));
    let mut wrong = digits.filter(|digit| {
        let predicted = normalize(&digit.image).map(|pixels| classifier.classify(&pixels).digit());
        predicted != Some(digit.label)
    });
    wrong.next()
}
