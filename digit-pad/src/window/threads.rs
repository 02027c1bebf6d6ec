//! Workers on threads.

use std::{
    fmt, io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    thread,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    app::{
        host::{Link, WorkerKind},
        message::{Answer, Message, Next},
        server::{Port, Server},
    },
    error::Error,
};

/// Starts a worker on a thread of its own, or several for training.
///
/// # Errors
/// [`Error::Thread`] if no thread can be started.
pub(super) fn start(kind: WorkerKind) -> Result<Box<dyn Link>, Error> {
    serving(kind, serve)
}

fn serving(kind: WorkerKind, serve: impl FnOnce(ThreadPort) + Send + 'static) -> Result<Box<dyn Link>, Error> {
    let threads = match kind {
        // One core is left to the user interface.
        WorkerKind::Training => thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
        _ => 1,
    };
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |_| format!("{kind:?}"))
        // By default, rayon aborts the program on a panic, and the drawing would be lost.
        .panic_handler(|_| ())
        .build()
        .map_err(|error| Error::Thread(io::Error::other(error)))?;
    let (messages, received) = channel();
    let (sender, answers) = channel();
    pool.spawn(move || {
        serve(ThreadPort {
            messages: received,
            answers: sender,
            is_closed: false,
        });
    });
    Ok(Box::new(ThreadLink {
        messages,
        answers,
        _pool: pool,
    }))
}

/// Serves until the link is dropped.
fn serve(mut port: ThreadPort) {
    let mut server = Server::default();
    loop {
        let message = match server.next() {
            Next::Now => Ok(None),
            Next::After(time) => match port.messages.recv_timeout(time) {
                Err(RecvTimeoutError::Timeout) => Ok(None),
                Err(RecvTimeoutError::Disconnected) => Err(()),
                Ok(message) => Ok(Some(message)),
            },
            Next::Idle => port.messages.recv().map(Some).map_err(|_| ()),
        };
        let Ok(message) = message else { return };
        if let Some(message) = message {
            server.accept(message);
        }
        server.work(&mut port);
        if port.is_closed {
            return;
        }
    }
}

/// The worker's end of a link.
struct ThreadPort {
    messages: Receiver<Message>,
    answers: Sender<(u64, Answer)>,
    /// Whether the link was dropped.
    is_closed: bool,
}

impl Port for ThreadPort {
    fn receive(&mut self) -> Option<Message> {
        let received = self.messages.try_recv();
        self.is_closed |= matches!(received, Err(TryRecvError::Disconnected));
        received.ok()
    }

    fn send(&mut self, number: u64, answer: Answer) {
        self.is_closed |= self.answers.send((number, answer)).is_err();
    }
}

/// The controller's end of a link.
struct ThreadLink {
    messages: Sender<Message>,
    answers: Receiver<(u64, Answer)>,
    /// Its threads end when their work does.
    _pool: ThreadPool,
}

impl Link for ThreadLink {
    fn send(&mut self, message: Message) {
        // A worker that has failed is noticed when its answer is awaited.
        let _ = self.messages.send(message);
    }

    fn receive(&mut self) -> Result<Option<(u64, Answer)>, Error> {
        match self.answers.try_recv() {
            Ok(answer) => Ok(Some(answer)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Error::WorkerEnded),
        }
    }
}

impl fmt::Debug for ThreadLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadLink").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::PathBuf,
        sync::Arc,
        time::{Duration, Instant},
    };

    use nn_core::{Network, Tensor};

    use super::*;
    use crate::{
        app::{
            message::{ImageSource, Reading, Request},
            worker::Worker,
        },
        drawing::{
            file::Drawing,
            strokes::{Ink, PEN, Stroke},
        },
        geometry::Point,
        recognition::{example::Example, model::Model, normalization::normalize_ink},
        storage::paths::UserPaths,
        teaching::{examples::Examples, fine_tuning::FineTuner},
        window::desktop_host::DesktopHost,
    };

    fn host() -> DesktopHost {
        DesktopHost::new(UserPaths::all_in("/nowhere".as_ref()))
    }

    fn model(seed: u64) -> Arc<Model> {
        let network = Network::new("784 | dense 10".parse().unwrap(), seed).unwrap();
        Arc::new(Model::from(nn_core::Model::new(network)))
    }

    fn examples(count: u8) -> Examples {
        let example = |label| {
            let line = format!("{{\"label\":{label},\"strokes\":[[[{label},0],[40,0],[20,60]]]}}");
            Example::new(label, Drawing::from_json(&line).unwrap().ink).unwrap()
        };
        (0..count).map(example).collect()
    }

    /// The parts of the answer to the newest request.
    fn answers(worker: &mut Worker) -> Vec<Answer> {
        let start = Instant::now();
        let mut answers = Vec::new();
        while worker.is_busy() {
            assert!(start.elapsed() < Duration::from_secs(60));
            answers.extend(worker.poll());
            thread::sleep(Duration::from_millis(1));
        }
        assert!(worker.poll().is_none());
        answers
    }

    fn tuned(worker: &mut Worker) -> Vec<Tensor> {
        match &answers(worker)[..] {
            [Answer::FineTuned(ready)] => ready.model.content.network.tensors(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_newest_request_is_served() {
        let (mut host, mut worker) = (host(), Worker::new(WorkerKind::FineTuning));
        assert!(!worker.is_busy() && worker.poll().is_none());
        for model in [model(3), model(4)] {
            let mut fine_tuner = FineTuner::new(&model).unwrap();
            for counts in [&[1, 2, 0, 3][..], &[2], &[1, 0]] {
                for &count in counts {
                    let request = Request::FineTune(Arc::clone(&model), examples(count));
                    worker.request(&mut host, request).unwrap();
                }
                let expected = fine_tuner.fine_tune(&examples(counts[counts.len() - 1])).unwrap();
                assert!(tuned(&mut worker) == expected.content.network.tensors(), "{counts:?}");
            }
        }
    }

    #[test]
    fn canceled_requests_are_discarded() {
        let (mut host, mut worker, model) = (host(), Worker::new(WorkerKind::FineTuning), model(3));
        let request = |count| Request::FineTune(Arc::clone(&model), examples(count));
        worker.request(&mut host, request(1)).unwrap();
        worker.cancel();
        assert!(!worker.is_busy());
        worker.request(&mut host, request(2)).unwrap();
        let expected = FineTuner::new(&model).unwrap().fine_tune(&examples(2)).unwrap();
        assert!(tuned(&mut worker) == expected.content.network.tensors());
    }

    #[test]
    fn a_run_makes_way_for_the_next() {
        let (mut host, mut worker) = (host(), Worker::new(WorkerKind::Training));
        worker.request(&mut host, Request::Train(1)).unwrap();
        worker.cancel();
        worker.request(&mut host, Request::Train(2)).unwrap();
        worker.request(&mut host, Request::Train(3)).unwrap();
        worker.control(crate::app::message::Control::Stop);
        let answers = answers(&mut worker);
        assert!(matches!(answers.last(), Some(Answer::Training(update)) if update.progress.finished));
    }

    fn reading(model: &Arc<Model>, x: f32) -> Reading {
        let line = Stroke::new(vec![Point::new(x, 120.0), Point::new(280.0, 440.0)], PEN);
        let ink: Ink = [line].into_iter().collect();
        Reading {
            model: Arc::clone(model),
            pixels: normalize_ink(&ink).unwrap(),
            ink: Some(ink),
        }
    }

    fn explained(worker: &mut Worker, reading: Reading) -> Vec<Answer> {
        worker
            .request(&mut host(), Request::Explain(Box::new(reading)))
            .unwrap();
        answers(worker)
    }

    #[test]
    fn only_the_newest_reading_is_explained_to_the_end() {
        let model = Arc::new(Model::embedded().unwrap());
        let mut worker = Worker::new(WorkerKind::Explanation);
        for i in 0..20 {
            let request = Request::Explain(Box::new(reading(&model, 260.0 + i as f32)));
            worker.request(&mut host(), request).unwrap();
        }
        let last = reading(&model, 330.0);
        let answers = explained(&mut worker, last.clone());
        let [Answer::Explanation(explanation), Answer::AddedStrokes(strokes)] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!(explanation.pixels(), &last.pixels);
        assert!(strokes.iter().any(Option::is_some));
    }

    #[test]
    fn an_image_gets_no_stroke_and_a_model_of_other_things_an_error() {
        let mut worker = Worker::new(WorkerKind::Explanation);
        let model = Arc::new(Model::embedded().unwrap());
        let image = Reading {
            ink: None,
            ..reading(&model, 280.0)
        };
        let found = explained(&mut worker, image.clone());
        assert!(matches!(&found[1], Answer::AddedStrokes(strokes) if strokes.iter().all(Option::is_none)));
        let network = Network::new("9 | dense 3".parse().unwrap(), 0).unwrap();
        let other = Arc::new(Model::from(nn_core::Model::new(network)));
        let found = explained(&mut worker, Reading { model: other, ..image });
        assert!(matches!(found[..], [Answer::Failed(_)]));
    }

    #[test]
    fn a_panic_is_an_error_and_not_endless_work() {
        let mut link = serving(WorkerKind::Files, |port| {
            let _ = port.messages.recv();
            panic!("on purpose");
        })
        .unwrap();
        let file = ImageSource::File(PathBuf::from("a.png"));
        link.send(Message::Request(1, Request::ReadImage(file)));
        let start = Instant::now();
        let error = loop {
            match link.receive() {
                Ok(answer) => assert!(answer.is_none() && start.elapsed() < Duration::from_secs(60)),
                Err(error) => break error,
            }
            thread::sleep(Duration::from_millis(1));
        };
        assert!(matches!(error, Error::WorkerEnded));
    }

    #[test]
    fn a_busy_worker_can_be_dropped() {
        let mut worker = Worker::new(WorkerKind::FineTuning);
        worker
            .request(&mut host(), Request::FineTune(model(3), examples(3)))
            .unwrap();
        drop(worker);
        drop(start(WorkerKind::Training).unwrap());
    }
}
