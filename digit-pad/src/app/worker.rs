//! The controller's side of a worker: sends requests, and takes the answers to the newest one.

use crate::{
    app::{
        host::{Host, Link, WorkerKind},
        message::{Answer, Control, Message, Request},
    },
    error::Error,
};

/// A worker of the host, started with its first request. Only the newest request counts.
#[derive(Debug)]
pub struct Worker {
    kind: WorkerKind,
    link: Option<Box<dyn Link>>,
    /// Number of the newest request.
    newest: u64,
    is_busy: bool,
}

impl Worker {
    /// A worker that is not started yet.
    #[must_use]
    pub fn new(kind: WorkerKind) -> Self {
        Worker {
            kind,
            link: None,
            newest: 0,
            is_busy: false,
        }
    }

    /// Sends a request, in place of any earlier one.
    ///
    /// # Errors
    /// If the host cannot start a worker.
    pub fn request(&mut self, host: &mut dyn Host, request: Request) -> Result<(), Error> {
        let link = match self.link.take() {
            Some(link) => link,
            None => host.start_worker(self.kind)?,
        };
        self.newest += 1;
        self.is_busy = true;
        self.link.insert(link).send(Message::Request(self.newest, request));
        Ok(())
    }

    /// Tells the current request what to do, if there is one.
    pub fn control(&mut self, control: Control) {
        if let Some(link) = self.link.as_mut().filter(|_| self.is_busy) {
            link.send(Message::Control(control));
        }
    }

    /// Discards the current request.
    pub fn cancel(&mut self) {
        self.control(Control::Cancel);
        self.newest += 1;
        self.is_busy = false;
    }

    /// Whether an answer is still to come.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// The next part of the answer to the newest request, once it is there; never waits. A worker that has failed is
    /// started again with the next request.
    pub fn poll(&mut self) -> Option<Answer> {
        loop {
            match self.link.as_mut()?.receive() {
                Ok(Some((number, answer))) if number == self.newest && self.is_busy => {
                    self.is_busy = !answer.is_last();
                    return Some(answer);
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => {
                    self.link = None;
                    return std::mem::take(&mut self.is_busy).then_some(Answer::Failed(error));
                }
            }
        }
    }
}
