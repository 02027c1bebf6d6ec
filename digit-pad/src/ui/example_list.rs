//! The list of the user's examples in its dialog, which scrolls if they do not fit.

use crate::{
    graphics::canvas::Rect,
    ui::{event::Effects, state::State},
};

impl State {
    /// The examples that the dialog shows, by index, each with its place: the newest comes first.
    pub(super) fn example_cells(&self) -> Vec<(usize, Rect)> {
        let count = self.examples.len();
        let cells = self.layout.example_grid(count);
        let past = self.scrolled_rows.min(self.max_scrolled_rows()) * columns(cells);
        let newest_first = (0..count).rev().skip(past);
        newest_first.zip(cells.iter().copied()).collect()
    }

    /// The rows of examples that do not fit into the dialog.
    fn max_scrolled_rows(&self) -> usize {
        let (count, cells) = (self.examples.len(), self.layout.example_grid(self.examples.len()));
        count.saturating_sub(cells.len()).div_ceil(columns(cells))
    }

    /// Scrolls by a row.
    pub(super) fn scroll_examples(&mut self, up: bool) -> Effects {
        let (row, last) = (self.scrolled_rows, self.max_scrolled_rows());
        self.scrolled_rows = if up { row.saturating_sub(1) } else { row + 1 }.min(last);
        Effects {
            repaint: self.scrolled_rows != row,
            ..Effects::default()
        }
    }

    /// Scrolls as far as it takes to show that example.
    pub(super) fn reveal_example(&mut self, index: usize) {
        let cells = self.layout.example_grid(self.examples.len());
        let columns = columns(cells);
        let row = self.examples.len().saturating_sub(index + 1) / columns;
        let shown = (cells.len() / columns).max(1);
        self.scrolled_rows = self.scrolled_rows.clamp((row + 1).saturating_sub(shown), row);
    }
}

/// The cells in a row of a grid.
fn columns(cells: &[Rect]) -> usize {
    let top = cells.first().map(|cell| cell.y);
    cells.iter().take_while(|cell| Some(cell.y) == top).count().max(1)
}
