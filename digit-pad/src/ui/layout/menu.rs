//! The rows of the menu: groups of actions under headings, in three columns.

use crate::{
    graphics::canvas::Rect,
    ui::{
        action::{Action, MenuGroup},
        layout::{
            elements::{MenuEntry, MenuRow},
            grid::Grid,
        },
    },
};

/// Gap between the edge of a row and its text, in pixels at scale 1.
pub const MENU_PADDING: f32 = 8.0;

/// Gap above a destructive action, in rows.
const APART: f32 = 0.35;
/// Gap above a group that is not the first of its column, in rows.
const BETWEEN: f32 = 0.6;

impl Grid {
    /// The rows of the menu in its dialog.
    pub(super) fn menu(&self, dialog: Rect) -> Vec<MenuRow> {
        // The text of the rows, which have a padding, begins below the title.
        let padding = self.px(MENU_PADDING);
        let inner = dialog.inset(self.px(28.0));
        let inner = Rect::new(inner.x - padding, inner.y, inner.width + 2 * padding, inner.height);
        let (top, line, gap) = (inner.y + self.px(36.0), self.px(28.0), self.px(12.0));
        let count = Action::MENU.len() as i32;
        let width = (inner.width - (count - 1) * gap) / count;
        let columns = Action::MENU.each_ref().map(column);
        let rows = columns.iter().flatten().map(|&(y, _)| y + 1.0).fold(0.0, f32::max);
        let pitch = (inner.bottom() - line - top) as f32 / rows;
        let place = |(i, entries): (i32, Vec<(f32, MenuEntry)>)| {
            let x = inner.x + i * (width + gap);
            let row = move |(y, entry): (f32, MenuEntry)| MenuRow {
                entry,
                rect: Rect::new(x, top + (y * pitch) as i32, width, pitch as i32),
            };
            entries.into_iter().map(row)
        };
        (0..).zip(columns).flat_map(place).collect()
    }
}

/// The entries of a column, each with its distance from the top in rows.
fn column(groups: &[MenuGroup; 2]) -> Vec<(f32, MenuEntry)> {
    let (mut y, mut entries) = (0.0, Vec::new());
    let mut add = |gap: f32, entry| {
        entries.push((y + gap, entry));
        y += gap + 1.0;
    };
    for (i, &(heading, actions)) in groups.iter().enumerate() {
        add(if i > 0 { BETWEEN } else { 0.0 }, MenuEntry::Heading(heading));
        if actions.contains(&Action::Examples) {
            add(0.0, MenuEntry::DigitKeys);
        }
        for &action in actions {
            let gap = if action.is_destructive() { APART } else { 0.0 };
            add(gap, MenuEntry::Action(action));
        }
    }
    entries
}
