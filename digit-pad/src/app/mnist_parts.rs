//! The parts of MNIST that workers need: built in, or given to them.

use std::{borrow::Cow, sync::Arc};

use mnist_io::{Dataset, Mnist, Split};

use crate::{
    app::message::Request, error::Error, recognition::model::Model, teaching::fine_tuning::FineTuner,
    training::embedded,
};

/// A part of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The training images.
    Train,
    /// The test images.
    Test,
    /// The last training images, which fine-tuning replays.
    Replay,
}

impl Part {
    /// The parts that a request needs.
    #[must_use]
    pub fn of(request: &Request) -> &'static [Part] {
        match request {
            Request::FineTune(..) => &[Part::Replay],
            Request::Train(_) => &[Part::Train, Part::Test],
            Request::TestDigit(..) => &[Part::Test],
            Request::FindTwins(_) => &[Part::Train],
            Request::Explain(_) | Request::Film(..) | Request::Poster(..) | Request::ReadImage(_) => &[],
        }
    }
}

/// The parts that were given. The others are the built-in ones.
#[derive(Debug, Default)]
pub struct MnistParts {
    train: Option<Dataset>,
    test: Option<Arc<Dataset>>,
    replay: Option<Dataset>,
}

impl MnistParts {
    /// Gives a part to a build without the feature `embedded`.
    pub fn give(&mut self, part: Part, images: Dataset) {
        match part {
            Part::Train => self.train = Some(images),
            Part::Test => self.test = Some(Arc::new(images)),
            Part::Replay => self.replay = Some(images),
        }
    }

    /// Whether a part was given.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        match part {
            Part::Train => self.train.is_some(),
            Part::Test => self.test.is_some(),
            Part::Replay => self.replay.is_some(),
        }
    }

    /// All images.
    pub(super) fn mnist(&self) -> Result<Mnist, Error> {
        match (&self.train, &self.test) {
            (Some(train), Some(test)) => Ok(Mnist::new(train.clone(), Dataset::clone(test))?),
            _ => embedded::mnist(),
        }
    }

    /// The training images.
    pub(super) fn train(&self) -> Result<Cow<'_, Dataset>, Error> {
        match &self.train {
            Some(images) => Ok(Cow::Borrowed(images)),
            None => embedded::split(Split::Train).map(Cow::Owned),
        }
    }

    /// The test images, loaded once.
    pub(super) fn test(&mut self) -> Result<Arc<Dataset>, Error> {
        let test = match self.test.take() {
            Some(test) => test,
            None => Arc::new(embedded::split(Split::Test)?),
        };
        Ok(Arc::clone(self.test.insert(test)))
    }

    /// Prepares the fine-tuning of a model.
    pub(super) fn fine_tuner(&self, model: &Model) -> Result<FineTuner, Error> {
        match &self.replay {
            Some(images) => FineTuner::with_replay(model, images),
            None => FineTuner::new(model),
        }
    }
}
