//! State → pixels, without a window: what is shown, where it lies, how it is painted, and how it answers events.
//!
//! An event goes into [`State::apply`], which changes the state and says what has to follow; [`Painter::paint`]
//! makes the picture of a state. Neither knows of a window system, a clock or a file, so all of it is tested
//! without any.

pub mod action;
pub mod frame;
pub mod icons;
pub mod layout;
pub mod painter;
pub mod scene;
pub mod state;
pub mod text;
pub mod theme;

pub use action::{Action, Key, Modifiers};
pub use frame::Rect;
pub use layout::{BarRow, Button, DEFAULT_SIZE, LEAST_SIZE, Layout, Side, Spot};
pub use painter::Painter;
pub use state::{Effects, Errand, Event, LessonView, Opening, Overlay, Progress, Sight, State, Tool, ZOOMS};
pub use theme::{Color, Theme};
