//! Background thread that fine-tunes a model on the user's examples.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    error::Error,
    recognition::{model::Model, recognizer::ReadyModel},
    teaching::{
        examples::Examples,
        fine_tuning::{FineTuner, check_fine_tunable},
    },
};

/// Fine-tunes models on a background thread, which stays alive so that its memory is reused.
///
/// When the worker is dropped, the thread finishes its current request and ends.
#[derive(Debug)]
pub struct FineTuningWorker {
    requests: Sender<Request>,
    responses: Receiver<Response>,
    /// Number of the newest request.
    newest: u64,
    /// Number of the newest request that was answered or canceled.
    completed: u64,
}

#[derive(Debug)]
struct Request {
    number: u64,
    model: Arc<Model>,
    examples: Examples,
}

#[derive(Debug)]
struct Response {
    number: u64,
    model: Result<ReadyModel, Error>,
}

impl FineTuningWorker {
    /// Starts the thread; a model is prepared for fine-tuning with its first request.
    ///
    /// # Errors
    /// [`Error::Thread`] if no thread can be started.
    pub fn start() -> Result<Self, Error> {
        FineTuningWorker::serving(serve)
    }

    fn serving(
        serve: impl Fn(&ThreadPool, &Receiver<Request>, &Sender<Response>) + Send + 'static,
    ) -> Result<Self, Error> {
        let (requests, request_receiver) = channel();
        let (response_sender, responses) = channel();
        // A pool with a single thread, which leaves the other cores to drawing and recognition.
        let pool = ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| Error::Thread(std::io::Error::other(error)))?;
        thread::Builder::new()
            .name("fine-tuning".to_owned())
            .spawn(move || serve(&pool, &request_receiver, &response_sender))
            .map_err(Error::Thread)?;
        Ok(FineTuningWorker {
            requests,
            responses,
            newest: 0,
            completed: 0,
        })
    }

    /// Requests the model fine-tuned on all of these examples, in place of any earlier request.
    ///
    /// Without examples, the model is only prepared, so that the next request is faster.
    ///
    /// # Errors
    /// [`Error::NotFineTunable`] or [`Error::IncompatibleNetwork`].
    pub fn request(&mut self, model: &Arc<Model>, examples: &Examples) -> Result<(), Error> {
        check_fine_tunable(model)?;
        self.newest += 1;
        let request = Request {
            number: self.newest,
            model: Arc::clone(model),
            examples: examples.clone(),
        };
        // The thread ends only after this sender is dropped.
        let _ = self.requests.send(request);
        Ok(())
    }

    /// Cancels the pending request; its result is discarded.
    pub fn cancel(&mut self) {
        self.newest += 1;
        self.completed = self.newest;
    }

    /// The model of the newest request, once it is ready; never waits.
    ///
    /// # Errors
    /// As [`FineTuner::new`] and [`FineTuner::fine_tune`]; [`Error::WorkerEnded`] if the thread has panicked.
    pub fn poll(&mut self) -> Option<Result<ReadyModel, Error>> {
        loop {
            match self.responses.try_recv() {
                Ok(response) if response.number == self.newest => {
                    self.completed = response.number;
                    return Some(response.model);
                }
                Ok(_) => {}
                Err(TryRecvError::Disconnected) if self.is_busy() => {
                    self.cancel();
                    return Some(Err(Error::WorkerEnded));
                }
                Err(_) => return None,
            }
        }
    }

    /// Whether a request is pending.
    pub fn is_busy(&self) -> bool {
        self.completed < self.newest
    }
}

/// Serves requests until the worker is dropped; the tuner of the last model is kept for the next request.
fn serve(pool: &ThreadPool, requests: &Receiver<Request>, responses: &Sender<Response>) {
    let mut fine_tuner: Option<(Arc<Model>, FineTuner)> = None;
    while let Ok(first) = requests.recv() {
        let Request {
            number,
            model,
            examples,
        } = requests.try_iter().last().unwrap_or(first);
        // Frees the tuner of another model before a new one is made.
        fine_tuner = fine_tuner.filter(|(tuned, _)| Arc::ptr_eq(tuned, &model));
        let model = pool.install(|| fine_tune(model, &mut fine_tuner, &examples));
        if responses.send(Response { number, model }).is_err() {
            return;
        }
    }
}

fn fine_tune(
    model: Arc<Model>,
    fine_tuner: &mut Option<(Arc<Model>, FineTuner)>,
    examples: &Examples,
) -> Result<ReadyModel, Error> {
    let (model, mut tuner) = match fine_tuner.take() {
        Some(cached) => cached,
        None => {
            let tuner = FineTuner::new(&model)?;
            (model, tuner)
        }
    };
    let tuned = tuner.fine_tune(examples);
    *fine_tuner = Some((model, tuner));
    ReadyModel::new(tuned?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use nn_core::{Network, Tensor};

    use super::*;
    use crate::{drawing::file::Drawing, recognition::example::Example};

    fn model(seed: u64) -> Arc<Model> {
        Arc::new(Model {
            content: nn_core::Model::new(Network::new("784 | dense 10".parse().unwrap(), seed).unwrap()),
            path: None,
        })
    }

    fn examples(count: u8) -> Examples {
        let example = |label| {
            let line = format!("{{\"label\":{label},\"strokes\":[[[{label},0],[40,0],[20,60]]]}}");
            Example::new(label, Drawing::from_json(&line).unwrap().ink).unwrap()
        };
        (0..count).map(example).collect()
    }

    fn tensors(model: &Model) -> Vec<Tensor> {
        model.content.network.tensors()
    }

    fn wait(worker: &mut FineTuningWorker) -> Vec<Tensor> {
        let start = Instant::now();
        loop {
            if let Some(response) = worker.poll() {
                return tensors(&response.unwrap().model);
            }
            assert!(worker.is_busy() && start.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_newest_request_is_served() {
        let mut worker = FineTuningWorker::start().unwrap();
        assert!(!worker.is_busy() && worker.poll().is_none());
        for model in [model(3), model(4)] {
            let mut fine_tuner = FineTuner::new(&model).unwrap();
            for counts in [&[1, 2, 0, 3][..], &[2], &[1, 0]] {
                for &count in counts {
                    worker.request(&model, &examples(count)).unwrap();
                }
                let expected = fine_tuner.fine_tune(&examples(counts[counts.len() - 1])).unwrap();
                assert!(wait(&mut worker) == tensors(&expected), "{counts:?}");
                assert!(!worker.is_busy() && worker.poll().is_none());
            }
        }
    }

    #[test]
    fn a_model_without_dense_layers_is_refused() {
        let network = Network::new("28x28x1 | conv 10 9x9 | globalavgpool | flatten".parse().unwrap(), 3).unwrap();
        let model = Model {
            content: nn_core::Model::new(network),
            path: None,
        };
        let mut worker = FineTuningWorker::start().unwrap();
        let error = worker.request(&Arc::new(model), &examples(2)).unwrap_err().to_string();
        assert!(
            error.contains("cannot be fine-tuned") && error.contains("dense"),
            "{error}"
        );
    }

    #[test]
    fn canceled_requests_are_discarded() {
        let (mut worker, model) = (FineTuningWorker::start().unwrap(), model(3));
        worker.request(&model, &examples(1)).unwrap();
        worker.cancel();
        assert!(!worker.is_busy());
        worker.request(&model, &examples(2)).unwrap();
        let expected = FineTuner::new(&model).unwrap().fine_tune(&examples(2)).unwrap();
        assert!(worker.is_busy() && wait(&mut worker) == tensors(&expected));
    }

    #[test]
    fn a_panic_is_an_error_and_not_endless_work() {
        let mut worker = FineTuningWorker::serving(|_, requests, _| {
            let _ = requests.recv();
            panic!("on purpose");
        })
        .unwrap();
        worker.request(&model(3), &examples(1)).unwrap();
        let start = Instant::now();
        let error = loop {
            if let Some(outcome) = worker.poll() {
                break outcome.unwrap_err();
            }
            assert!(start.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(1));
        };
        assert!(matches!(error, Error::WorkerEnded));
        assert!(!worker.is_busy() && worker.poll().is_none());
    }

    #[test]
    fn a_busy_worker_can_be_dropped() {
        let mut worker = FineTuningWorker::start().unwrap();
        worker.request(&model(3), &examples(3)).unwrap();
        drop(worker);
        drop(FineTuningWorker::start().unwrap());
    }
}
