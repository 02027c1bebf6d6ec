//! Background thread that fine-tunes a model on the user's examples.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    error::Error,
    recognition::{model::Model, recognizer::ReadyModel},
    teaching::{
        examples::Examples,
        fine_tuning::{FineTuner, check_teachable},
    },
};

/// Teaches in the background, on one thread, so that drawing and reading go on. The thread stays whatever model is
/// taught, so that the memory of one time serves the next.
///
/// When it is dropped, the thread ends by itself after the lessons that it is at.
#[derive(Debug)]
pub struct FineTuningWorker {
    requests: Sender<Request>,
    answers: Receiver<Answer>,
    /// Number of the newest request.
    asked: u64,
    /// Number of the newest request that was answered.
    answered: u64,
}

#[derive(Debug)]
struct Request {
    number: u64,
    model: Arc<Model>,
    examples: Examples,
}

#[derive(Debug)]
struct Answer {
    number: u64,
    taught: Result<ReadyModel, Error>,
}

impl FineTuningWorker {
    /// A tutor of whatever model. What it takes to teach one is made ready at its first lesson.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start() -> Result<Self, Error> {
        let (requests, asked) = channel();
        let (answer, answers) = channel();
        // A pool of its own and of one thread: the others are for those who draw and read.
        let pool = ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| Error::Thread(std::io::Error::other(error)))?;
        thread::Builder::new()
            .name("fine-tuning".to_owned())
            .spawn(move || work(&pool, &asked, &answer))
            .map_err(Error::Thread)?;
        Ok(FineTuningWorker {
            requests,
            answers,
            asked: 0,
            answered: 0,
        })
    }

    /// Asks for what these lessons make of a model, all of them, in place of whatever was asked for before.
    /// To be asked with no lessons makes it ready for the first.
    ///
    /// # Errors
    /// [`Error::Unteachable`] or [`Error::Misfit`].
    pub fn teach(&mut self, model: &Arc<Model>, examples: &Examples) -> Result<(), Error> {
        check_teachable(model)?;
        self.asked += 1;
        let request = Request {
            number: self.asked,
            model: Arc::clone(model),
            examples: examples.clone(),
        };
        // The thread ends only when this end is gone.
        let _ = self.requests.send(request);
        Ok(())
    }

    /// Whatever was asked for is not wanted any more.
    pub fn dismiss(&mut self) {
        self.asked += 1;
        self.answered = self.asked;
    }

    /// What the newest lessons made, once it is ready. It never waits.
    ///
    /// # Errors
    /// As [`FineTuner::new`] and [`FineTuner::fine_tune`].
    pub fn poll(&mut self) -> Option<Result<ReadyModel, Error>> {
        let newest = self.answers.try_iter().find(|answer| answer.number == self.asked)?;
        self.answered = newest.number;
        Some(newest.taught)
    }

    /// Whether there is an answer to come.
    pub fn is_busy(&self) -> bool {
        self.answered < self.asked
    }
}

/// Answers requests until nobody makes any more. The teacher stays for the next lessons of the same model.
fn work(pool: &ThreadPool, requests: &Receiver<Request>, answers: &Sender<Answer>) {
    let mut fine_tuner: Option<(Arc<Model>, FineTuner)> = None;
    while let Ok(first) = requests.recv() {
        let Request {
            number,
            model,
            examples,
        } = requests.try_iter().last().unwrap_or(first);
        // Another model's is gone before the next is made, so that there is room for one alone.
        fine_tuner = fine_tuner.filter(|(taught, _)| Arc::ptr_eq(taught, &model));
        let taught = pool.install(|| fine_tune(model, &mut fine_tuner, &examples));
        if answers.send(Answer { number, taught }).is_err() {
            return;
        }
    }
}

fn fine_tune(
    model: Arc<Model>,
    fine_tuner: &mut Option<(Arc<Model>, FineTuner)>,
    examples: &Examples,
) -> Result<ReadyModel, Error> {
    let (model, mut ready) = match fine_tuner.take() {
        Some(ready) => ready,
        None => {
            let ready = FineTuner::new(&model)?;
            (model, ready)
        }
    };
    let taught = ready.fine_tune(examples);
    *fine_tuner = Some((model, ready));
    ReadyModel::new(taught?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use nn_core::{Network, Tensor, formats};

    use super::*;
    use crate::{drawing::file::Drawing, recognition::example::Example};

    fn model(seed: u64) -> Arc<Model> {
        Arc::new(Model {
            content: formats::Model::new(Network::new("784 | dense 10".parse().unwrap(), seed).unwrap()),
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
            if let Some(taught) = worker.poll() {
                return tensors(&taught.unwrap().model);
            }
            assert!(worker.is_busy() && start.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_newest_examples_are_answered() {
        let mut worker = FineTuningWorker::start().unwrap();
        assert!(!worker.is_busy() && worker.poll().is_none());
        for model in [model(3), model(4)] {
            let mut fine_tuner = FineTuner::new(&model).unwrap();
            for counts in [&[1, 2, 0, 3][..], &[2], &[1, 0]] {
                for &count in counts {
                    worker.teach(&model, &examples(count)).unwrap();
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
            content: formats::Model::new(network),
            path: None,
        };
        let mut worker = FineTuningWorker::start().unwrap();
        let error = worker.teach(&Arc::new(model), &examples(2)).unwrap_err().to_string();
        assert!(error.contains("cannot be taught") && error.contains("dense"), "{error}");
    }

    #[test]
    fn what_is_not_wanted_any_more_is_not_answered() {
        let (mut worker, model) = (FineTuningWorker::start().unwrap(), model(3));
        worker.teach(&model, &examples(1)).unwrap();
        worker.dismiss();
        assert!(!worker.is_busy());
        worker.teach(&model, &examples(2)).unwrap();
        let expected = FineTuner::new(&model).unwrap().fine_tune(&examples(2)).unwrap();
        assert!(worker.is_busy() && wait(&mut worker) == tensors(&expected));
    }

    #[test]
    fn a_worker_can_be_left_alone() {
        let mut worker = FineTuningWorker::start().unwrap();
        worker.teach(&model(3), &examples(3)).unwrap();
        drop(worker);
        drop(FineTuningWorker::start().unwrap());
    }
}
