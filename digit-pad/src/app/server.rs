//! The worker's side: serves requests, in pieces of work between which messages are taken.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    app::{
        film,
        message::{Answer, Control, ImageSource, Message, Next, Reading, Request},
        mnist_parts::MnistParts,
        saving, test_digits,
        training_run::TrainingRun,
    },
    error::Error,
    imaging::image_file,
    recognition::{
        added_stroke::added_strokes, explanation::Explainer, model::Model, recognizer::ReadyModel, twins::find_twins,
    },
    teaching::{examples::Examples, fine_tuning::FineTuner, hand::Hand},
};

/// Where a server's messages come from, and where its answers go.
pub trait Port {
    /// The next message, if one is there; never waits.
    fn receive(&mut self) -> Option<Message>;

    /// Sends an answer to the request of that number.
    fn send(&mut self, number: u64, answer: Answer);
}

/// Serves the requests of one worker. What it has prepared for a model is kept for the next request.
#[derive(Debug, Default)]
pub struct Server {
    images: MnistParts,
    inbox: VecDeque<Message>,
    fine_tuner: Option<(Arc<Model>, FineTuner)>,
    explainer: Option<(Arc<Model>, Explainer)>,
    run: Option<TrainingRun>,
}

impl Server {
    /// The images that it works with.
    pub fn images(&mut self) -> &mut MnistParts {
        &mut self.images
    }

    /// Takes a message, to be served by [`work`](Self::work).
    pub fn accept(&mut self, message: Message) {
        self.inbox.push_back(message);
    }

    /// When there is work.
    #[must_use]
    pub fn next(&self) -> Next {
        match &self.run {
            _ if !self.inbox.is_empty() => Next::Now,
            Some(run) => run.next(),
            None => Next::Idle,
        }
    }

    /// Does a piece of work: a request, or a step of training.
    pub fn work(&mut self, port: &mut dyn Port) {
        while let Some(message) = port.receive() {
            self.inbox.push_back(message);
        }
        match self.inbox.pop_front() {
            Some(Message::Control(Control::Cancel)) => self.run = None,
            Some(Message::Control(control)) => {
                if let Some(run) = &self.run {
                    run.control(control);
                }
            }
            Some(Message::Request(number, request)) if !self.is_outdated() => {
                self.run = None;
                if let Err(error) = self.serve(number, request, port) {
                    port.send(number, Answer::Failed(error));
                }
            }
            Some(Message::Request(..)) => {}
            None => self.train_on(port),
        }
    }

    /// Whether a message that has come meanwhile makes the current request needless.
    fn is_outdated(&self) -> bool {
        let ends = |message: &Message| matches!(message, Message::Request(..) | Message::Control(Control::Cancel));
        self.inbox.iter().any(ends)
    }

    fn serve(&mut self, number: u64, request: Request, port: &mut dyn Port) -> Result<(), Error> {
        let answer = match request {
            Request::FineTune(model, examples) => Answer::FineTuned(Box::new(self.fine_tune(model, &examples)?)),
            Request::Explain(reading) => return self.explain(number, &reading, port),
            Request::Train(seed) => {
                self.run = Some(TrainingRun::start(number, seed, self.images.mnist()?));
                return Ok(());
            }
            Request::TestDigit(index, None) => {
                Answer::TestDigit(Some(test_digits::digit(&*self.images.test()?, index)))
            }
            Request::TestDigit(index, Some(model)) => {
                let mut ready = ReadyModel::new(Model::clone(&model))?;
                let set = self.images.test()?;
                Answer::TestDigit(test_digits::misclassified(&set, index, &mut ready.recognizer))
            }
            Request::Film(progress, dark) => Answer::Film(film::gif(&progress, dark)?),
            Request::FindTwins(digits) => Answer::Twins(Box::new(find_twins(&*self.images.train()?, &digits))),
            Request::Poster(examples, twins) => Answer::Poster(saving::poster(&Hand::of_examples(&examples), &twins)?),
            Request::ReadImage(ImageSource::File(path)) => Answer::Image(image_file::open(&path)?.image),
            Request::ReadImage(ImageSource::Bytes(name, bytes)) => {
                Answer::Image(image_file::from_bytes(&bytes, name.as_ref())?.image)
            }
        };
        port.send(number, answer);
        Ok(())
    }

    fn fine_tune(&mut self, model: Arc<Model>, examples: &Examples) -> Result<ReadyModel, Error> {
        // Frees the tuner of another model before a new one is made.
        let kept = self.fine_tuner.take().filter(|(tuned, _)| Arc::ptr_eq(tuned, &model));
        let (model, mut tuner) = match kept {
            Some(kept) => kept,
            None => {
                let tuner = self.images.fine_tuner(&model)?;
                (model, tuner)
            }
        };
        let tuned = tuner.fine_tune(examples);
        self.fine_tuner = Some((model, tuner));
        ReadyModel::new(tuned?)
    }

    fn explain(&mut self, number: u64, reading: &Reading, port: &mut dyn Port) -> Result<(), Error> {
        let mut explainer = match self.explainer.take() {
            Some((model, explainer)) if Arc::ptr_eq(&model, &reading.model) => explainer,
            _ => Explainer::new(Model::clone(&reading.model))?,
        };
        let explanation = explainer.explain(&reading.pixels)?;
        port.send(number, Answer::Explanation(Box::new(explanation)));
        let mut is_wanted = || {
            while let Some(message) = port.receive() {
                self.inbox.push_back(message);
            }
            !self.is_outdated()
        };
        let strokes = match &reading.ink {
            Some(ink) => added_strokes(&mut explainer, ink, &mut is_wanted)?,
            None => Some(Default::default()),
        };
        if let Some(strokes) = strokes {
            port.send(number, Answer::AddedStrokes(Box::new(strokes)));
        }
        self.explainer = Some((Arc::clone(&reading.model), explainer));
        Ok(())
    }

    fn train_on(&mut self, port: &mut dyn Port) {
        let Some(run) = &mut self.run else { return };
        if let Some(update) = run.work() {
            let is_finished = update.progress.finished;
            port.send(run.number(), Answer::Training(Box::new(update)));
            if is_finished {
                self.run = None;
            }
        }
    }
}
