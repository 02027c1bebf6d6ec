//! The elements of the layout: the window's sizes, buttons, rows of the bar chart, and what a click may hit.

use crate::{graphics::canvas::Rect, ui::action::Action};

/// Initial size of the window, in pixels.
pub const DEFAULT_SIZE: (usize, usize) = (960, 640);

/// Smallest size that is laid out, in pixels; a smaller window shows its upper left part.
pub const MIN_SIZE: (usize, usize) = (640, 480);

/// The row of one digit in the bar chart of probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarRow {
    /// The whole row, up to the next one.
    pub row: Rect,
    /// The digit.
    pub digit: Rect,
    /// The full length of the bar.
    pub track: Rect,
    /// The probability as a percentage.
    pub percent: Rect,
}

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    /// The action that it triggers.
    pub action: Action,
    /// Its place in the window.
    pub rect: Rect,
}

/// What a row of the menu shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MenuEntry {
    /// The name of the group below it.
    Heading(&'static str),
    /// The keys that label a digit, which have no action.
    DigitKeys,
    /// An action that a click triggers.
    Action(Action),
}

/// A row of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MenuRow {
    /// What it shows.
    pub entry: MenuEntry,
    /// Its place in the window.
    pub rect: Rect,
}

/// The content of the panel beside the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// The prediction.
    Prediction,
    /// The activations of every layer.
    Layers,
    /// The progress of training.
    Training,
}

/// Something that can be clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitTarget {
    /// A button.
    Action(Action),
    /// The example at this index; a click removes it.
    Example(usize),
    /// The row of this digit, or from 10 of a sign, in the bar chart; a click labels the selected digit with it.
    Bar(u8),
    /// This digit as the answer to what the drawing is; a click labels the selected digit with it.
    Answer(u8),
    /// The name at this index in the dialog that names a sign; a click teaches it.
    Sign(usize),
    /// The button that teaches the name in that dialog.
    AcceptName,
    /// The button that says that the reading of the selected digit is wrong; a click asks what it is, or no longer.
    Wrong,
    /// The button that saves the poster of the user's hand.
    SavePoster,
    /// The button that closes a page.
    Close,
    /// The place of this digit on the page of the user's hand, while it has no example; a click says how to add one.
    EmptyTile(u8),
    /// The digit or mark at this index in the number; a click selects it.
    Digit(usize),
    /// The caption of this layer in the layers panel; a click shows it alone, or all layers again.
    Layer(usize),
    /// A map or neuron in the layers panel, which the pointer enlarges.
    Map {
        /// Index of its layer.
        layer: usize,
        /// Its index in the layer.
        map: usize,
    },
}

/// What can have the keyboard focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// Something that can be clicked.
    Target(HitTarget),
    /// The pen slider, which the arrow keys move.
    Slider,
}
