//! Commands to the application: what needs files, networks or time.

/// Something to be done that takes more than the state: files, networks, time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// Ask for an image file, and lay it on the canvas.
    Open,
    /// Save the drawing.
    Save,
    /// Save the network.
    SaveNetwork,
    /// Lay a test digit on the canvas.
    Sample,
    /// Lay the next misread one there.
    Misread,
    /// Learn that the drawing is this digit.
    Teach(u8),
    /// Take the last lesson back.
    Unteach,
    /// Forget the lesson of this number.
    Forget(usize),
    /// Forget all lessons.
    ForgetAll,
    /// Train a network from nothing.
    Learn,
    /// Rest from that, or go on.
    Pause,
    /// End it, and keep what was learnt.
    Stop,
    /// Go back to the network that the window opened with.
    Shipped,
}
