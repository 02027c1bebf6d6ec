//! The worker's end: a server between the events of a worker.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use digit_pad::{
    Error,
    app::{
        message::{Answer, Message, Next},
        mnist_parts::Part,
        server::{Port, Server},
        wire::{MessageReader, answer_to_bytes},
    },
};
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel, MessageEvent};
use web_time::Instant;

use crate::{download, panics};

/// How long a worker works before it looks for messages.
const SLICE: Duration = Duration::from_millis(12);

type Inbox = Rc<RefCell<VecDeque<Uint8Array>>>;

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Serves the page that has started this worker. To be called once, by the worker's script.
///
/// # Errors
/// If the page cannot be told.
#[wasm_bindgen]
pub fn serve() -> Result<(), JsValue> {
    panics::show();
    let inbox = Inbox::default();
    let server = Rc::new(RefCell::new(Some(Serving::default())));
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        inbox.borrow_mut().push_back(Uint8Array::new(&event.data()));
        // Taken while it works; then it finds the message by itself.
        let Some(mut serving) = server.borrow_mut().take() else {
            return;
        };
        let (inbox, server) = (Rc::clone(&inbox), Rc::clone(&server));
        spawn_local(async move {
            serving.serve(&inbox).await;
            *server.borrow_mut() = Some(serving);
        });
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    scope().post_message(&JsValue::from_str("ready"))
}

#[derive(Default)]
struct Serving {
    server: Server,
    reader: MessageReader,
}

impl Serving {
    /// Serves until there is neither a message nor work.
    async fn serve(&mut self, inbox: &Inbox) {
        loop {
            while let Some(bytes) = next(inbox) {
                self.accept(&bytes).await;
            }
            let start = Instant::now();
            while self.server.next() == Next::Now && start.elapsed() < SLICE {
                self.server.work(&mut PagePort);
            }
            match self.server.next() {
                Next::Now => pause().await,
                Next::After(time) => {
                    sleep(time).await;
                    self.server.work(&mut PagePort);
                }
                Next::Idle if inbox.borrow().is_empty() => return,
                Next::Idle => {}
            }
        }
    }

    /// Gives the server a message, and the images that it needs.
    async fn accept(&mut self, bytes: &Uint8Array) {
        let Ok(message) = self.reader.read(&bytes.to_vec()) else {
            // Both ends are of one build.
            return;
        };
        if let Message::Request(number, request) = &message {
            for &part in Part::of(request) {
                if let Err(error) = self.fetch(part, *number).await {
                    PagePort.send(*number, Answer::Failed(error));
                    return;
                }
            }
        }
        self.server.accept(message);
    }

    async fn fetch(&mut self, part: Part, number: u64) -> Result<(), Error> {
        if !self.server.images().has(part) {
            let images = download::part(part, |text| PagePort.send(number, Answer::Note(text))).await?;
            self.server.images().give(part, images);
        }
        Ok(())
    }
}

fn next(inbox: &Inbox) -> Option<Uint8Array> {
    inbox.borrow_mut().pop_front()
}

/// The page, as the server sees it.
struct PagePort;

impl Port for PagePort {
    /// Messages come between pieces of work.
    fn receive(&mut self) -> Option<Message> {
        None
    }

    fn send(&mut self, number: u64, answer: Answer) {
        let bytes = Uint8Array::from(&answer_to_bytes(number, &answer)[..]);
        let moved = js_sys::Array::of1(&bytes.buffer());
        // A page that is gone needs no answer.
        let _ = scope().post_message_with_transfer(&bytes, &moved);
    }
}

/// Lets events be handled: by a message to oneself, since timers wait four milliseconds at least.
async fn pause() {
    let promise = Promise::new(&mut |resolve, _| {
        if let Ok(channel) = MessageChannel::new() {
            channel.port1().set_onmessage(Some(&resolve));
            // It arrives after the events that wait already.
            let _ = channel.port2().post_message(&JsValue::NULL);
        }
    });
    // It is never rejected.
    let _ = JsFuture::from(promise).await;
}

async fn sleep(time: Duration) {
    let promise = Promise::new(&mut |resolve: Function, _| {
        // A timer that cannot be set would stop the worker.
        let _ = scope().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, time.as_millis() as i32);
    });
    let _ = JsFuture::from(promise).await;
}
