//! The page's end of a connection to a worker.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use digit_pad::{
    Error,
    app::{
        host::Link,
        message::{Answer, Message},
        wire::{answer_from_bytes, message_to_bytes},
    },
};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{ErrorEvent, MessageEvent, Worker};

/// A worker, with what it has answered.
pub(crate) struct WorkerLink {
    worker: Worker,
    shared: Rc<RefCell<Shared>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

#[derive(Default)]
struct Shared {
    answers: VecDeque<Result<(u64, Answer), Error>>,
    /// Messages that wait for the worker to be ready, which it tells by its first message; then `None`.
    waiting: Option<Vec<Uint8Array>>,
    has_failed: bool,
}

impl WorkerLink {
    /// A connection to a worker that has just been started. `wake` is called when there is an answer.
    pub(crate) fn new(worker: Worker, wake: Rc<dyn Fn()>) -> Self {
        let shared = Rc::new(RefCell::new(Shared {
            waiting: Some(Vec::new()),
            ..Shared::default()
        }));
        let on_message = {
            let (shared, worker, wake) = (Rc::clone(&shared), worker.clone(), Rc::clone(&wake));
            Closure::new(move |event: MessageEvent| {
                if let Some(waiting) = shared.borrow_mut().waiting.take() {
                    waiting.iter().for_each(|message| post(&worker, message));
                    return;
                }
                let bytes = Uint8Array::new(&event.data()).to_vec();
                shared.borrow_mut().answers.push_back(answer_from_bytes(&bytes));
                wake();
            })
        };
        let on_error = {
            let shared = Rc::clone(&shared);
            Closure::new(move |_: ErrorEvent| {
                shared.borrow_mut().has_failed = true;
                wake();
            })
        };
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        WorkerLink {
            worker,
            shared,
            _on_message: on_message,
            _on_error: on_error,
        }
    }
}

/// Sends bytes, whose memory goes to the worker.
fn post(worker: &Worker, message: &Uint8Array) {
    let moved = js_sys::Array::of1(&message.buffer());
    // Only a worker that has ended cannot be reached, which its error tells.
    let _ = worker.post_message_with_transfer(message, &moved);
}

impl Link for WorkerLink {
    fn send(&mut self, message: Message) {
        let mut shared = self.shared.borrow_mut();
        let bytes = match message_to_bytes(&message) {
            Ok(bytes) => Uint8Array::from(&bytes[..]),
            Err(error) => {
                shared.answers.push_back(Err(error));
                return;
            }
        };
        match &mut shared.waiting {
            Some(waiting) => waiting.push(bytes),
            None => post(&self.worker, &bytes),
        }
    }

    fn receive(&mut self) -> Result<Option<(u64, Answer)>, Error> {
        let mut shared = self.shared.borrow_mut();
        match shared.answers.pop_front() {
            Some(answer) => answer.map(Some),
            None if shared.has_failed => Err(Error::WorkerEnded),
            None => Ok(None),
        }
    }
}

impl Drop for WorkerLink {
    fn drop(&mut self) {
        self.worker.terminate();
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
    }
}

impl std::fmt::Debug for WorkerLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerLink")
            .field("worker", &JsValue::from(&self.worker))
            .finish_non_exhaustive()
    }
}
