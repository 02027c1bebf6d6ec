//! Commands to the application: what needs files, networks or time.

/// Something to be done that takes more than the state: files, networks, time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Ask for an image file, and lay it on the canvas.
    Open,
    /// Save the drawing.
    Save,
    /// Save the network.
    SaveNetwork,
    /// Lay a test digit on the canvas.
    RandomDigit,
    /// Lay the next misread one there.
    NextMisclassified,
    /// Learn that the drawing is this digit.
    AddExample(u8),
    /// Take the last lesson back.
    UndoExample,
    /// Forget the lesson of this number.
    RemoveExample(usize),
    /// Forget all lessons.
    RemoveAllExamples,
    /// Train a network from nothing.
    Train,
    /// Rest from that, or go on.
    Pause,
    /// End it, and keep what was learnt.
    Stop,
    /// Go back to the network that the window opened with.
    RestoreBuiltIn,
}
