//! Dialogs over the window: their box, and the grids of the user's examples.

use crate::{
    graphics::canvas::Rect,
    recognition::normalization::SIDE,
    ui::layout::grid::{FINGER, Grid},
};

impl Grid {
    pub(super) fn overlay(&self) -> Rect {
        let (width, height) = if self.for_fingers {
            let margin = 2 * self.px(8.0);
            let width = (self.width - margin).min(self.px(1000.0));
            (width, (self.height - margin).min(self.px(840.0)))
        } else {
            (self.px(720.0).min(self.width), self.px(500.0).min(self.height))
        };
        Rect::new((self.width - width) / 2, (self.height - height) / 2, width, height)
    }

    /// Grids of examples, each with a whole number of screen pixels for one of an example's, from largest to smallest.
    pub(super) fn example_grids(&self, overlay: Rect) -> Vec<Vec<Rect>> {
        let side = SIDE as i32;
        let smallest = if self.for_fingers { self.px(FINGER) } else { 1 };
        let smallest = (smallest + side - 1) / side;
        let largest = (self.px(60.0) / side).max(smallest);
        let sizes = (smallest..=largest).rev();
        sizes
            .map(|factor| self.grid_of_side(SIDE as i32 * factor, overlay))
            .collect()
    }

    /// The gap between the edge of a dialog and its content.
    pub(super) fn dialog_padding(&self) -> i32 {
        self.px_or(28.0, 12.0)
    }

    fn grid_of_side(&self, side: i32, overlay: Rect) -> Vec<Rect> {
        let (padding, head, gap) = (self.dialog_padding(), self.px(96.0), self.px(10.0));
        let label = self.px(20.0);
        let columns = (overlay.width - 2 * padding + gap) / (side + gap);
        let rows = (overlay.height - head - padding + gap) / (side + label + gap);
        let cell = |i: i32| {
            let (x, y) = (
                i % columns.max(1) * (side + gap),
                i / columns.max(1) * (side + label + gap),
            );
            Rect::new(overlay.x + padding + x, overlay.y + head + y, side, side + label)
        };
        (0..columns * rows).map(cell).collect()
    }
}
