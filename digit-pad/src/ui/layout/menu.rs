//! The rows of the menu: groups of actions under headings, in columns.

use crate::{
    graphics::canvas::Rect,
    ui::{
        action::{Action, MenuGroup},
        layout::{
            elements::{MenuEntry, MenuRow},
            grid::{FINGER, Grid},
        },
    },
};

/// Gap between the edge of a row and its text, in pixels at scale 1.
pub const MENU_PADDING: f32 = 8.0;

/// Gap above a destructive action, in rows.
const APART: f32 = 0.35;
/// Gap above a group that is not the first of its column, in rows.
const BETWEEN: f32 = 0.6;

/// Least width of a column for fingers, in pixels at scale 1.
const COLUMN: f32 = 140.0;

impl Grid {
    /// The rows of the menu in its dialog.
    pub(super) fn menu(&self, dialog: Rect) -> Vec<MenuRow> {
        // The text of the rows, which have a padding, begins below the title.
        let padding = self.px(MENU_PADDING);
        let inner = dialog.inset(self.dialog_padding());
        let inner = Rect::new(inner.x - padding, inner.y, inner.width + 2 * padding, inner.height);
        let (top, gap) = (inner.y + self.px_or(36.0, 32.0), self.px_or(12.0, 4.0));
        let line = if self.for_fingers { 0 } else { self.px(28.0) };
        let columns = self.menu_columns(inner.width + gap);
        let count = columns.len() as i32;
        let width = (inner.width - (count - 1) * gap) / count;
        let rows = columns.iter().flatten().map(|&(y, _)| y + 1.0).fold(0.0, f32::max);
        let pitch = (inner.bottom() - line - top) as f32 / rows;
        let pitch = if self.for_fingers {
            pitch.min(self.scaled(FINGER))
        } else {
            pitch
        };
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

    /// The entries of each column: three columns of two groups, or for fingers as low ones as there is room for.
    fn menu_columns(&self, width: i32) -> Vec<Vec<(f32, MenuEntry)>> {
        let groups: Vec<MenuGroup> = Action::MENU.iter().flatten().copied().collect();
        if !self.for_fingers {
            return groups.chunks(2).map(|groups| column(groups, true)).collect();
        }
        let most = (width / self.px(COLUMN)).max(1) as usize;
        let mut packed = (1..).map(|rows| columns_of(&groups, rows as f32));
        packed.find(|columns| columns.len() <= most).unwrap_or_default()
    }
}

/// Columns of as many groups as that number of rows holds, in their order.
fn columns_of(groups: &[MenuGroup], rows: f32) -> Vec<Vec<(f32, MenuEntry)>> {
    let height = |groups: &[MenuGroup]| column(groups, false).last().map_or(0.0, |&(y, _)| y + 1.0);
    let (mut columns, mut start) = (Vec::new(), 0);
    for end in 1..=groups.len() {
        if end == groups.len() || height(&groups[start..=end]) > rows {
            columns.push(column(&groups[start..end], false));
            start = end;
        }
    }
    columns
}

/// The entries of a column, each with its distance from the top in rows; with a row about the keys of digits or without.
fn column(groups: &[MenuGroup], has_keys: bool) -> Vec<(f32, MenuEntry)> {
    let (mut y, mut entries) = (0.0, Vec::new());
    let mut add = |gap: f32, entry| {
        entries.push((y + gap, entry));
        y += gap + 1.0;
    };
    for (i, &(heading, actions)) in groups.iter().enumerate() {
        add(if i > 0 { BETWEEN } else { 0.0 }, MenuEntry::Heading(heading));
        if has_keys && actions.contains(&Action::Examples) {
            add(0.0, MenuEntry::DigitKeys);
        }
        for &action in actions {
            let gap = if action.is_destructive() { APART } else { 0.0 };
            add(gap, MenuEntry::Action(action));
        }
    }
    entries
}
