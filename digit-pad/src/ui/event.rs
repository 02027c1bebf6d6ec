//! Events from the window, and the effects that follow from them.

use crate::ui::action::{Key, Modifiers};

/// An input event. Positions are in window pixels and may lie outside the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The pointer moved to this position.
    PointerMoved {
        /// Distance from the left edge.
        x: f32,
        /// Distance from the top edge.
        y: f32,
    },
    /// The primary button was pressed at this position.
    PointerPressed {
        /// Distance from the left edge.
        x: f32,
        /// Distance from the top edge.
        y: f32,
    },
    /// The primary button was released at this position.
    PointerReleased {
        /// Distance from the left edge.
        x: f32,
        /// Distance from the top edge.
        y: f32,
    },
    /// The secondary button was pressed at this position.
    SecondaryPressed {
        /// Distance from the left edge.
        x: f32,
        /// Distance from the top edge.
        y: f32,
    },
    /// The secondary button was released at this position.
    SecondaryReleased {
        /// Distance from the left edge.
        x: f32,
        /// Distance from the top edge.
        y: f32,
    },
    /// The wheel was turned by one notch.
    WheelTurned {
        /// Whether away from the user.
        up: bool,
        /// Whether Control is held.
        control: bool,
    },
    /// A key was pressed, or repeats.
    KeyPressed {
        /// The key.
        key: Key,
        /// The modifiers held at that time.
        modifiers: Modifiers,
    },
    /// A character was typed; it comes before its key.
    Typed(char),
    /// The window was resized to this size, in pixels.
    Resized {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
}

/// What the caller must do after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// Repaint: the scene changed.
    pub repaint: bool,
    /// Recognize: the drawing changed.
    pub recognize: bool,
    /// Close the window.
    pub quit: bool,
}

impl Effects {
    /// Only repaint.
    pub const REPAINT: Effects = Effects {
        repaint: true,
        recognize: false,
        quit: false,
    };
    /// Recognize the drawing and repaint.
    pub const RECOGNIZE: Effects = Effects {
        repaint: true,
        recognize: true,
        quit: false,
    };
    /// Close the window.
    pub(super) const QUIT: Effects = Effects {
        repaint: false,
        recognize: false,
        quit: true,
    };
}

impl std::ops::BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        Effects {
            repaint: self.repaint || other.repaint,
            recognize: self.recognize || other.recognize,
            quit: self.quit || other.quit,
        }
    }
}

impl std::ops::BitOrAssign for Effects {
    fn bitor_assign(&mut self, other: Effects) {
        *self = *self | other;
    }
}
