//! Background thread that explains readings: what speaks for each digit, and what would change the reading.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread,
};

use crate::{
    drawing::strokes::Ink,
    error::Error,
    recognition::{
        added_stroke::{AddedStroke, added_strokes},
        explanation::{Explainer, Explanation},
        model::{DIGITS, Model},
        normalization::Gray28,
    },
};

/// Explains readings on a background thread. Only the newest request counts.
#[derive(Debug)]
pub(super) struct ExplanationWorker {
    requests: Sender<Request>,
    responses: Receiver<Response>,
    /// Number of the newest request.
    newest: Arc<AtomicU64>,
    /// Number of the newest request that was answered in full.
    completed: u64,
}

/// What is to be explained.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) model: Arc<Model>,
    pub(super) pixels: Gray28,
    /// The strokes of the digit; `None` for an image, to which no stroke is added.
    pub(super) ink: Option<Ink>,
}

/// Parts of an answer, in the order in which they come.
#[derive(Debug)]
pub(super) enum Answer {
    /// What speaks for each digit.
    Explanation(Box<Explanation>),
    /// What would change the reading. The last part.
    AddedStrokes(Box<[Option<AddedStroke>; DIGITS]>),
    /// There is no answer. The last part.
    Failure(Error),
}

#[derive(Debug)]
struct Request {
    number: u64,
    reading: Reading,
}

#[derive(Debug)]
struct Response {
    number: u64,
    answer: Answer,
}

impl ExplanationWorker {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Thread`] if no thread can be started.
    pub(super) fn start() -> Result<Self, Error> {
        let (requests, request_receiver) = channel();
        let (response_sender, responses) = channel();
        let newest = Arc::new(AtomicU64::new(0));
        let server = Server {
            newest: Arc::clone(&newest),
            responses: response_sender,
            explainer: None,
        };
        thread::Builder::new()
            .name("explanation".to_owned())
            .spawn(move || server.serve(&request_receiver))
            .map_err(Error::Thread)?;
        Ok(ExplanationWorker {
            requests,
            responses,
            newest,
            completed: 0,
        })
    }

    /// Requests the explanation of a reading, in place of any earlier request.
    pub(super) fn request(&mut self, reading: Reading) {
        let number = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        // The thread ends only after this sender is dropped.
        let _ = self.requests.send(Request { number, reading });
    }

    /// The next part of the answer to the newest request, once there is one; never waits.
    pub(super) fn poll(&mut self) -> Option<Answer> {
        let newest = self.newest.load(Ordering::Relaxed);
        loop {
            match self.responses.try_recv() {
                Ok(response) if response.number < newest => {}
                Ok(response) => {
                    if !matches!(response.answer, Answer::Explanation(_)) {
                        self.completed = response.number;
                    }
                    return Some(response.answer);
                }
                Err(TryRecvError::Disconnected) if self.is_busy() => {
                    self.completed = newest;
                    return Some(Answer::Failure(Error::WorkerEnded));
                }
                Err(_) => return None,
            }
        }
    }

    /// Whether an answer is still to come.
    pub(super) fn is_busy(&self) -> bool {
        self.completed < self.newest.load(Ordering::Relaxed)
    }
}

/// The thread's side.
struct Server {
    newest: Arc<AtomicU64>,
    responses: Sender<Response>,
    /// The explainer of the last model.
    explainer: Option<(Arc<Model>, Explainer)>,
}

impl Server {
    /// Serves requests until the worker is dropped.
    fn serve(mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let Request { number, reading } = requests.try_iter().last().unwrap_or(first);
            if let Err(error) = self.answer(number, &reading) {
                self.send(number, Answer::Failure(error));
            }
        }
    }

    fn answer(&mut self, number: u64, reading: &Reading) -> Result<(), Error> {
        let mut explainer = match self.explainer.take() {
            Some((model, explainer)) if Arc::ptr_eq(&model, &reading.model) => explainer,
            _ => Explainer::new(Model::clone(&reading.model))?,
        };
        let explanation = explainer.explain(&reading.pixels)?;
        self.send(number, Answer::Explanation(Box::new(explanation)));
        let is_wanted = || self.newest.load(Ordering::Relaxed) == number;
        let strokes = match &reading.ink {
            Some(ink) => added_strokes(&mut explainer, ink, &is_wanted)?,
            None => Some(Default::default()),
        };
        if let Some(strokes) = strokes {
            self.send(number, Answer::AddedStrokes(Box::new(strokes)));
        }
        self.explainer = Some((Arc::clone(&reading.model), explainer));
        Ok(())
    }

    fn send(&self, number: u64, answer: Answer) {
        // The receiver is gone if the window was closed meanwhile.
        let _ = self.responses.send(Response { number, answer });
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{
        drawing::strokes::{PEN, Stroke},
        geometry::Point,
        recognition::normalization::normalize_ink,
    };

    fn reading(model: &Arc<Model>, x: f32) -> Reading {
        let line = Stroke::new(vec![Point::new(x, 120.0), Point::new(280.0, 440.0)], PEN);
        let ink: Ink = [line].into_iter().collect();
        Reading {
            model: Arc::clone(model),
            pixels: normalize_ink(&ink).unwrap(),
            ink: Some(ink),
        }
    }

    fn answers(worker: &mut ExplanationWorker) -> Vec<Answer> {
        let start = Instant::now();
        let mut answers = Vec::new();
        while worker.is_busy() {
            assert!(start.elapsed() < Duration::from_secs(60));
            answers.extend(worker.poll());
            thread::sleep(Duration::from_millis(1));
        }
        answers
    }

    #[test]
    fn only_the_newest_reading_is_explained_to_the_end() {
        let model = Arc::new(Model::embedded().unwrap());
        let mut worker = ExplanationWorker::start().unwrap();
        (0..20).for_each(|i| worker.request(reading(&model, 260.0 + i as f32)));
        let last = reading(&model, 330.0);
        worker.request(last.clone());
        let answers = answers(&mut worker);
        let [Answer::Explanation(explanation), Answer::AddedStrokes(strokes)] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!(explanation.pixels(), &last.pixels);
        assert!(strokes.iter().any(Option::is_some));
    }

    #[test]
    fn an_image_gets_no_stroke_and_a_model_of_other_things_an_error() {
        let mut worker = ExplanationWorker::start().unwrap();
        let model = Arc::new(Model::embedded().unwrap());
        let image = Reading {
            ink: None,
            ..reading(&model, 280.0)
        };
        worker.request(image.clone());
        let found = answers(&mut worker);
        assert!(matches!(&found[1], Answer::AddedStrokes(strokes) if strokes.iter().all(Option::is_none)));
        let network = nn_core::Network::new("9 | dense 3".parse().unwrap(), 0).unwrap();
        let other = Arc::new(Model::from(nn_core::Model::new(network)));
        worker.request(Reading { model: other, ..image });
        assert!(matches!(answers(&mut worker)[..], [Answer::Failure(_)]));
    }
}
