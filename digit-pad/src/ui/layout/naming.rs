//! The dialog that names a sign: a picture of it, the field for its name, the names given before, and the ten digits.

use crate::{
    graphics::canvas::Rect,
    recognition::normalization::SIDE,
    ui::layout::grid::{FINGER, Grid},
};

/// Names in a row.
const COLUMNS: i32 = 4;

/// The places of the dialog's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamingPlaces {
    /// The dialog.
    pub dialog: Rect,
    /// Its title.
    pub title: Rect,
    /// The button that closes it.
    pub close: Rect,
    /// The network input that gets the name.
    pub picture: Rect,
    /// The field with the name.
    pub field: Rect,
    /// The button that teaches it.
    pub accept: Rect,
    /// A line on what the keys do.
    pub hint: Rect,
    /// The names given before.
    pub chips: [Rect; 8],
    /// The ten digits.
    pub digits: [Rect; 10],
}

impl Grid {
    /// The dialog with room for that many names given before.
    pub(super) fn naming(&self, names: usize) -> NamingPlaces {
        let (gap, apart, line) = (self.px(8.0), self.px(14.0), self.px_or(38.0, FINGER));
        let chip_height = self.px_or(30.0, FINGER);
        let rows = names.min(8).div_ceil(COLUMNS as usize) as i32;
        let side = SIDE as i32 * (self.px(84.0) / SIDE as i32).max(1);
        let (padding, title_height) = (self.px_or(24.0, 16.0), self.px(24.0));
        let content = title_height + apart + side + apart + rows * (chip_height + gap) + line;
        let width = self.px(460.0).min(self.width - self.px(16.0));
        let height = content + 2 * padding;
        let dialog = Rect::new((self.width - width) / 2, (self.height - height) / 2, width, height);
        let (inner, edge, button) = (dialog.inset(padding), self.px(6.0), self.px_or(32.0, FINGER));
        let close = Rect::new(dialog.right() - button - edge, dialog.y + edge, button, button);
        let title = Rect::new(inner.x, inner.y, close.x - inner.x, title_height);
        let picture = Rect::new(inner.x, title.bottom() + apart, side, side);
        let (x, button) = (picture.right() + self.px(16.0), self.px(76.0));
        let field = Rect::new(x, picture.y + edge, inner.right() - x - gap - button, line);
        let chip_width = (inner.width - (COLUMNS - 1) * gap) / COLUMNS;
        let top = picture.bottom() + apart;
        let chips = std::array::from_fn(|i| {
            let (column, row) = (i as i32 % COLUMNS, i as i32 / COLUMNS);
            let (x, y) = (column * (chip_width + gap), row * (chip_height + gap));
            Rect::new(inner.x + x, top + y, chip_width, chip_height)
        });
        let digits = Rect::new(inner.x, inner.bottom() - line, inner.width, line);
        NamingPlaces {
            dialog,
            title,
            close,
            picture,
            field,
            accept: Rect::new(inner.right() - button, field.y, button, line),
            hint: Rect::new(x, field.bottom() + gap, inner.right() - x, self.px(20.0)),
            chips,
            digits: self.ten(digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::layout::{Layout, Panel};

    #[test]
    fn the_dialog_is_as_high_as_its_names_need_and_its_parts_are_disjoint() {
        for (width, height, density) in [
            (640, 480, None),
            (960, 640, None),
            (390, 844, Some(1.0)),
            (844, 390, Some(1.0)),
        ] {
            let layout = match density {
                None => Layout::new(width, height, 1.0, Panel::Prediction),
                Some(density) => Layout::for_fingers(width, height, 1.0, density, Panel::Prediction),
            };
            let mut last_height = 0;
            for names in [0, 1, 5] {
                let places = layout.naming(names);
                let mut parts = vec![
                    places.title,
                    places.close,
                    places.picture,
                    places.field,
                    places.accept,
                    places.hint,
                ];
                parts.extend(&places.chips[..names]);
                parts.extend(places.digits);
                for (i, part) in parts.iter().enumerate() {
                    assert_eq!(
                        part.intersection(&places.dialog),
                        *part,
                        "{i} of {names} at {width}×{height}"
                    );
                    let others = &parts[..i];
                    assert!(
                        others.iter().all(|other| other.intersection(part).is_empty()),
                        "{i} at {width}×{height}"
                    );
                }
                let room = places.digits[0].y - parts[2..parts.len() - 10].iter().map(Rect::bottom).max().unwrap();
                assert!(room <= layout.scaled(16.0) as i32, "nothing is empty: {room}");
                assert!(places.dialog.height > last_height && places.dialog.height <= height as i32);
                last_height = places.dialog.height;
            }
        }
    }
}
