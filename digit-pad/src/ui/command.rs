//! Commands from the user interface to the application.

use crate::drawing::sign::Label;

/// A request that the state alone cannot serve: it needs files, networks or time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Choose an image file and place it on the canvas.
    Open,
    /// Place the image in the clipboard on the canvas.
    Paste,
    /// Save the drawing.
    Save,
    /// Save the network in use.
    SaveNetwork,
    /// Place a random test digit of MNIST on the canvas.
    RandomDigit,
    /// Place the next misclassified test digit on the canvas.
    NextMisclassified,
    /// Add the digit at this index on the canvas as an example with this label, and fine-tune.
    AddExample(Label, usize),
    /// Undo the last example.
    UndoExample,
    /// Remove the example at this index.
    RemoveExample(usize),
    /// Remove all examples.
    RemoveAllExamples,
    /// Put back the examples that were removed last.
    RestoreExamples,
    /// Train a network from scratch.
    Train,
    /// Pause or resume training.
    Pause,
    /// Wait after each step of training, or no longer.
    SlowMotion,
    /// Stop training and keep the network.
    Stop,
    /// Save the training as an animated GIF.
    SaveGif,
    /// Save the poster of the user's hand.
    SavePoster,
    /// Restore the network that the window opened with.
    RestoreBuiltIn,
    /// Put the network of the last training run into use.
    UseNetwork,
}
