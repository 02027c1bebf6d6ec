//! The page of the user's hand: its head, ten cells and its foot; and the places in a cell.

use crate::{
    graphics::canvas::Rect,
    recognition::{normalization::SIDE, twins::TWINS},
    ui::layout::{
        Layout,
        grid::{FINGER, Grid},
    },
};

/// The places of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandPlaces {
    /// The title.
    pub title: Rect,
    /// What the page compares.
    pub subtitle: Rect,
    /// The button that saves the poster.
    pub save: Rect,
    /// The button that closes the page.
    pub close: Rect,
    /// The cells of the digits.
    pub cells: [Rect; 10],
    /// The places of the digits while none has an example.
    pub starts: [Rect; 10],
    /// Messages, and what the pictures are.
    pub foot: Rect,
}

/// The places in the cell of a digit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CardPlaces {
    /// The digit's name.
    pub name: Rect,
    /// The number of examples.
    pub count: Rect,
    /// The user's digit.
    pub ink: Rect,
    /// The remark on it, in several lines.
    pub words: Rect,
    /// Its twins.
    pub twins: [Rect; TWINS],
}

impl Grid {
    pub(super) fn hand(&self) -> HandPlaces {
        let margin = self.px_or(20.0, 12.0);
        let (width, height) = (self.width - 2 * margin, self.height - 2 * margin);
        let (button_height, gap) = (self.px_or(32.0, FINGER), self.px(8.0));
        let close = Rect::new(margin + width - self.px(72.0), margin, self.px(72.0), button_height);
        let save_width = self.px(112.0);
        let save = Rect::new(close.x - gap - save_width, margin, save_width, button_height);
        let words = save.x - gap - margin;
        let title = Rect::new(margin, margin - self.px(4.0), words, self.px(24.0));
        let subtitle = Rect::new(margin, title.bottom(), words, self.px(18.0));
        let foot = Rect::new(margin, margin + height - self.px(18.0), width, self.px(18.0));
        let top = close.bottom() + self.px(16.0);
        let area = Rect::new(margin, top, width, foot.y - self.px(8.0) - top);
        HandPlaces {
            title,
            subtitle,
            save,
            close,
            cells: self.hand_cells(area),
            starts: self.hand_starts(area),
            foot,
        }
    }

    /// A row of squares above the middle of the area, or two where one would be too narrow for them.
    fn hand_starts(&self, area: Rect) -> [Rect; 10] {
        let gap = self.px(8.0);
        let side_of = |columns: i32| ((area.width - (columns - 1) * gap) / columns).min(self.px(64.0));
        let columns = if side_of(10) < self.px(44.0) { 5 } else { 10 };
        let rows = 10 / columns;
        let side = side_of(columns).min(area.height / (2 * rows) - gap);
        let left = area.x + (area.width - columns * side - (columns - 1) * gap) / 2;
        let top = area.y + area.height / 2 - rows * (side + gap) + gap;
        std::array::from_fn(|i| {
            let (column, row) = (i as i32 % columns, i as i32 / columns);
            Rect::new(left + column * (side + gap), top + row * (side + gap), side, side)
        })
    }

    /// Two rows of cells in a wide window, more in a high one.
    fn hand_cells(&self, area: Rect) -> [Rect; 10] {
        let columns = match area.width as f32 / area.height as f32 {
            ratio if ratio >= 1.0 => 5,
            ratio if ratio >= 0.55 => 3,
            _ => 2,
        };
        let (rows, gap) = ((10 + columns - 1) / columns, self.px(8.0));
        // The whole width and height are used, whatever remains of a division.
        let part = |from: i32, length: i32, parts: i32, i: i32| {
            let at = |i: i32| from + i * (length + gap) / parts;
            (at(i), at(i + 1) - gap - at(i))
        };
        std::array::from_fn(|i| {
            let (x, width) = part(area.x, area.width, columns, i as i32 % columns);
            let (y, height) = part(area.y, area.height, rows, i as i32 / columns);
            Rect::new(x, y, width, height)
        })
    }
}

impl Layout {
    /// The places in a cell whose remark takes that many lines.
    pub fn card(&self, cell: Rect, lines: usize) -> CardPlaces {
        let px = |length: f32| self.scaled(length).round() as i32;
        let inner = cell.inset(px(8.0));
        let (name_height, gap) = (px(15.0), px(6.0));
        let name = Rect::new(inner.x, inner.y, inner.width / 3, name_height);
        let count = Rect::new(name.right(), inner.y, inner.width - name.width, name_height);
        let twin_gap = px(6.0);
        let room = (inner.width - (TWINS as i32 - 1) * twin_gap) / TWINS as i32;
        // A whole number of screen pixels for one of an image's.
        let side = (room.min(inner.height / 4) / SIDE as i32).max(1) * SIDE as i32;
        let all = TWINS as i32 * side + (TWINS as i32 - 1) * twin_gap;
        let left = inner.x + (inner.width - all) / 2;
        let twins =
            std::array::from_fn(|i| Rect::new(left + i as i32 * (side + twin_gap), inner.bottom() - side, side, side));
        let words_height = lines as i32 * px(REMARK_LINE);
        let words = Rect::new(
            inner.x,
            inner.bottom() - side - gap - words_height,
            inner.width,
            words_height,
        );
        let top = name.bottom() + px(4.0);
        CardPlaces {
            name,
            count,
            ink: Rect::new(inner.x, top, inner.width, (words.y - gap - top).max(0)),
            words,
            twins,
        }
    }
}

/// Height of a line of a remark, in pixels at scale 1.
pub const REMARK_LINE: f32 = 15.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::layout::Panel;

    fn inside(outer: Rect, inner: Rect) -> bool {
        !inner.is_empty() && outer.intersection(&inner) == inner
    }

    #[test]
    fn nothing_overlaps_or_leaves_the_page() {
        for (width, height) in [
            (640, 480),
            (700, 1400),
            (960, 640),
            (1920, 1080),
            (1000, 1100),
            (3840, 480),
            (640, 2160),
        ] {
            for zoom in [0.85, 1.0, 2.0] {
                let layout = Layout::new(width, height, zoom, Panel::Prediction);
                let page = layout.hand;
                let places = [page.title, page.subtitle, page.save, page.close, page.foot];
                let all: Vec<Rect> = places.into_iter().chain(page.cells).collect();
                for (i, &place) in all.iter().enumerate() {
                    assert!(
                        inside(Rect::new(0, 0, width as i32, height as i32), place),
                        "{width}×{height}: {place:?}"
                    );
                    assert!(
                        all[i + 1..].iter().all(|other| other.intersection(&place).is_empty()),
                        "{width}×{height}: {place:?}"
                    );
                }
                for (i, start) in page.starts.into_iter().enumerate() {
                    let area = page.cells.iter().fold(page.cells[0], |area, cell| area.union(cell));
                    assert!(inside(area, start), "{width}×{height}: {start:?}");
                    let is_apart = |other: &Rect| other.intersection(&start).is_empty();
                    assert!(page.starts[i + 1..].iter().all(is_apart), "{width}×{height}: {start:?}");
                }
                for (cell, lines) in page.cells.into_iter().flat_map(|cell| [(cell, 2), (cell, 4)]) {
                    check_card(cell, &layout.card(cell, lines), layout.scale);
                }
            }
        }
    }

    fn check_card(cell: Rect, card: &CardPlaces, scale: f32) {
        let places = [card.name, card.count, card.ink, card.words];
        let all: Vec<Rect> = places.into_iter().chain(card.twins).collect();
        for (i, &place) in all.iter().enumerate() {
            assert!(inside(cell, place), "{place:?} in {cell:?}");
            assert!(
                all[i + 1..].iter().all(|other| other.intersection(&place).is_empty()),
                "{card:?}"
            );
        }
        assert!(
            card.twins
                .iter()
                .all(|twin| twin.width % 28 == 0 && twin.width == twin.height)
        );
        assert!(card.ink.height as f32 >= 40.0 * scale, "{card:?}");
    }
}
