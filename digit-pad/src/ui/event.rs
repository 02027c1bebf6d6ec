//! Events that the window reports, and the effects they have.

use crate::ui::action::{Key, Modifiers};

/// Something that happened to the window. Places are in pixels of the window, and may lie outside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The pointer is now at this place.
    PointerMoved {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// The pointer's main button went down at this place.
    PointerPressed {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// The pointer's main button went up at this place.
    PointerReleased {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// A key went down, or repeats.
    KeyPressed {
        /// Which.
        key: Key,
        /// What was held beside it.
        modifiers: Modifiers,
    },
    /// The window has this size now, in pixels.
    Resized {
        /// To the right.
        width: usize,
        /// Down.
        height: usize,
    },
}

/// What has to follow an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// The picture changed: paint it.
    pub repaint: bool,
    /// The drawing changed: read it.
    pub read: bool,
    /// The window closes.
    pub quit: bool,
}

impl Effects {
    /// Paint.
    pub const REPAINT: Effects = Effects {
        repaint: true,
        read: false,
        quit: false,
    };
    /// Read, and paint what was read.
    pub const READ: Effects = Effects {
        repaint: true,
        read: true,
        quit: false,
    };
    pub(super) const QUIT: Effects = Effects {
        repaint: false,
        read: false,
        quit: true,
    };
}

impl std::ops::BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        Effects {
            repaint: self.repaint || other.repaint,
            read: self.read || other.read,
            quit: self.quit || other.quit,
        }
    }
}

impl std::ops::BitOrAssign for Effects {
    fn bitor_assign(&mut self, other: Effects) {
        *self = *self | other;
    }
}
