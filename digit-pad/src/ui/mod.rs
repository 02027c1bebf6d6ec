//! The user interface without a window: events change a state, a state becomes a scene, a scene becomes pixels.
//!
//! An event goes into [`State::apply`], which changes the state and says what has to follow; [`Painter::paint`]
//! makes the picture of a state. Neither knows of a window system, a clock or a file, so all of it is tested
//! without any.

pub mod action;
pub mod command;
pub mod event;
pub mod icons;
mod input;
pub mod layout;
pub mod painter;
pub mod scene;
pub mod state;
pub mod theme;

pub use action::{Action, Key, Modifiers};
pub use command::Command;
pub use event::{Effects, Event};
pub use layout::{BarRow, Button, DEFAULT_SIZE, HitTarget, LEAST_SIZE, Layout, Panel};
pub use painter::Painter;
pub use state::{ExampleView, Opening, Overlay, RecognizedDigit, State, Tool, ZOOMS};
pub use theme::Theme;
