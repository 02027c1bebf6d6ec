//! What the window receives while it waits.

use std::path::PathBuf;

use crate::{error::Error, ui::Event};

/// What has come in during a wait.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Events of the pointer and the keyboard, in order.
    pub(super) events: Vec<Event>,
    /// The file that was dropped on the window, or why there is none.
    pub(super) dropped: Option<Result<PathBuf, Error>>,
    /// Whether the window has to be redrawn.
    pub(super) exposed: bool,
}
