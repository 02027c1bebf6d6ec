//! Dialogs over the window: their box, and the grids of the user's examples.

use crate::{graphics::canvas::Rect, recognition::normalization::SIDE, ui::layout::grid::Grid};

impl Grid {
    pub(super) fn overlay(&self) -> Rect {
        let (width, height) = (self.px(720.0).min(self.width), self.px(500.0).min(self.height));
        Rect::new((self.width - width) / 2, (self.height - height) / 2, width, height)
    }

    /// Grids of examples, each with a whole number of screen pixels for one of an example's, from largest to smallest.
    pub(super) fn example_grids(&self, overlay: Rect) -> Vec<Vec<Rect>> {
        let largest = (self.px(60.0) / SIDE as i32).max(1);
        let sizes = (1..=largest).rev();
        sizes
            .map(|factor| self.grid_of_side(SIDE as i32 * factor, overlay))
            .collect()
    }

    fn grid_of_side(&self, side: i32, overlay: Rect) -> Vec<Rect> {
        let (padding, head, gap) = (self.px(28.0), self.px(96.0), self.px(10.0));
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
