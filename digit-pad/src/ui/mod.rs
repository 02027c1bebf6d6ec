//! User interface without a window: events update the state, the state becomes a scene, the scene becomes pixels.
//!
//! [`State::apply`] handles an event and returns its [`Effects`]; [`Painter::paint`] renders a state. Nothing here uses
//! a window system, a file, a thread or a clock, so everything can be tested without them.

pub mod action;
pub mod answer;
pub mod command;
mod equations;
pub mod event;
mod example_list;
pub mod explained;
pub mod film;
mod focus;
pub mod ghost;
mod glide;
mod hand;
mod handwriting;
pub mod icons;
pub mod in_words;
mod input;
pub mod key_names;
mod layer_view;
pub mod layout;
mod motion;
mod naming;
mod notice;
mod number;
pub mod painter;
mod pointer;
pub mod poster;
mod recognized_digit;
pub mod scene;
mod scrubber;
mod second_click;
pub mod state;
pub mod theme;
mod why;
mod written_answer;
mod zoom;

pub use action::{Action, Key, Modifiers};
pub use command::Command;
pub use event::{Effects, Event};
pub use layout::{
    BarRow, Button, DEFAULT_SIZE, Focus, HitTarget, LayerRow, Layout, MIN_SIZE, MenuEntry, MenuRow, Panel, text_scale,
};
pub use painter::Painter;
pub use pointer::Cursor;
pub use recognized_digit::RecognizedDigit;
pub use state::{ExampleView, Opening, Overlay, State, Tool, ZOOMS};
pub use theme::Theme;
