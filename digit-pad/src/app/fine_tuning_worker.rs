//! Learning beside drawing: a thread that is sent lessons and answers with the model that they make, ready to read.

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
    recognition::{model::Model, recognizer::Ready},
    teaching::{
        examples::Lessons,
        fine_tuning::{Teacher, check_teachable},
    },
};

/// Teaches in the background, on one thread, so that drawing and reading go on. The thread stays whatever model is
/// taught, so that the memory of one time serves the next.
///
/// When it is dropped, the thread ends by itself after the lessons that it is at.
#[derive(Debug)]
pub struct Tutor {
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
    lessons: Lessons,
}

#[derive(Debug)]
struct Answer {
    number: u64,
    taught: Result<Ready, Error>,
}

impl Tutor {
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
            .name("tutor".to_owned())
            .spawn(move || work(&pool, &asked, &answer))
            .map_err(Error::Thread)?;
        Ok(Tutor {
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
    pub fn teach(&mut self, model: &Arc<Model>, lessons: &Lessons) -> Result<(), Error> {
        check_teachable(model)?;
        self.asked += 1;
        let request = Request {
            number: self.asked,
            model: Arc::clone(model),
            lessons: lessons.clone(),
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
    /// As [`Teacher::new`] and [`Teacher::learn`].
    pub fn poll(&mut self) -> Option<Result<Ready, Error>> {
        let newest = self.answers.try_iter().find(|answer| answer.number == self.asked)?;
        self.answered = newest.number;
        Some(newest.taught)
    }

    /// Whether there is an answer to come.
    pub fn is_learning(&self) -> bool {
        self.answered < self.asked
    }
}

/// Answers requests until nobody makes any more. The teacher stays for the next lessons of the same model.
fn work(pool: &ThreadPool, requests: &Receiver<Request>, answers: &Sender<Answer>) {
    let mut teacher: Option<(Arc<Model>, Teacher)> = None;
    while let Ok(first) = requests.recv() {
        let Request { number, model, lessons } = requests.try_iter().last().unwrap_or(first);
        // Another model's is gone before the next is made, so that there is room for one alone.
        teacher = teacher.filter(|(taught, _)| Arc::ptr_eq(taught, &model));
        let taught = pool.install(|| learn(model, &mut teacher, &lessons));
        if answers.send(Answer { number, taught }).is_err() {
            return;
        }
    }
}

fn learn(model: Arc<Model>, teacher: &mut Option<(Arc<Model>, Teacher)>, lessons: &Lessons) -> Result<Ready, Error> {
    let (model, mut ready) = match teacher.take() {
        Some(ready) => ready,
        None => {
            let ready = Teacher::new(&model)?;
            (model, ready)
        }
    };
    let taught = ready.learn(lessons);
    *teacher = Some((model, ready));
    Ready::new(taught?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use nn_core::{Network, Tensor, formats};

    use super::*;
    use crate::{drawing::file::Drawing, recognition::example::Lesson};

    fn model(seed: u64) -> Arc<Model> {
        Arc::new(Model {
            content: formats::Model::new(Network::new("784 | dense 10".parse().unwrap(), seed).unwrap()),
            path: None,
        })
    }

    fn lessons(count: u8) -> Lessons {
        let lesson = |label| {
            let line = format!("{{\"label\":{label},\"strokes\":[[[{label},0],[40,0],[20,60]]]}}");
            Lesson::new(label, Drawing::from_json(&line).unwrap().ink).unwrap()
        };
        (0..count).map(lesson).collect()
    }

    fn tensors(model: &Model) -> Vec<Tensor> {
        model.content.network.tensors()
    }

    fn wait(tutor: &mut Tutor) -> Vec<Tensor> {
        let start = Instant::now();
        loop {
            if let Some(taught) = tutor.poll() {
                return tensors(&taught.unwrap().model);
            }
            assert!(tutor.is_learning() && start.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_newest_lessons_are_answered() {
        let mut tutor = Tutor::start().unwrap();
        assert!(!tutor.is_learning() && tutor.poll().is_none());
        for model in [model(3), model(4)] {
            let mut teacher = Teacher::new(&model).unwrap();
            for counts in [&[1, 2, 0, 3][..], &[2], &[1, 0]] {
                for &count in counts {
                    tutor.teach(&model, &lessons(count)).unwrap();
                }
                let expected = teacher.learn(&lessons(counts[counts.len() - 1])).unwrap();
                assert!(wait(&mut tutor) == tensors(&expected), "{counts:?}");
                assert!(!tutor.is_learning() && tutor.poll().is_none());
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
        let mut tutor = Tutor::start().unwrap();
        let error = tutor.teach(&Arc::new(model), &lessons(2)).unwrap_err().to_string();
        assert!(error.contains("cannot be taught") && error.contains("dense"), "{error}");
    }

    #[test]
    fn what_is_not_wanted_any_more_is_not_answered() {
        let (mut tutor, model) = (Tutor::start().unwrap(), model(3));
        tutor.teach(&model, &lessons(1)).unwrap();
        tutor.dismiss();
        assert!(!tutor.is_learning());
        tutor.teach(&model, &lessons(2)).unwrap();
        let expected = Teacher::new(&model).unwrap().learn(&lessons(2)).unwrap();
        assert!(tutor.is_learning() && wait(&mut tutor) == tensors(&expected));
    }

    #[test]
    fn a_tutor_can_be_left_alone() {
        let mut tutor = Tutor::start().unwrap();
        tutor.teach(&model(3), &lessons(3)).unwrap();
        drop(tutor);
        drop(Tutor::start().unwrap());
    }
}
