//! The dialog that names a sign: a picture of it, the field for its name, and the names given before.

use crate::{
    graphics::canvas::Rect,
    recognition::normalization::SIDE,
    ui::layout::grid::{FINGER, Grid},
};

/// The places of the dialog's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamingPlaces {
    /// The dialog.
    pub dialog: Rect,
    /// Its title.
    pub title: Rect,
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
}

impl Grid {
    pub(super) fn naming(&self) -> NamingPlaces {
        let width = self.px(460.0).min(self.width - self.px(16.0));
        let height = self.px_or(252.0, 300.0);
        let dialog = Rect::new((self.width - width) / 2, (self.height - height) / 2, width, height);
        let (inner, gap) = (dialog.inset(self.px_or(24.0, 16.0)), self.px(8.0));
        let title = Rect::new(inner.x, inner.y, inner.width, self.px(24.0));
        let side = SIDE as i32 * (self.px(84.0) / SIDE as i32).max(1);
        let picture = Rect::new(inner.x, title.bottom() + self.px(14.0), side, side);
        let x = picture.right() + self.px(16.0);
        let (button, line) = (self.px(76.0), self.px_or(38.0, FINGER));
        let field = Rect::new(x, picture.y + self.px(6.0), inner.right() - x - gap - button, line);
        let accept = Rect::new(inner.right() - button, field.y, button, line);
        let hint = Rect::new(x, field.bottom() + self.px(8.0), inner.right() - x, self.px(20.0));
        let (chip_width, chip_height) = ((inner.width - 3 * gap) / 4, self.px_or(30.0, FINGER));
        let top = inner.bottom() - 2 * chip_height - gap;
        let chips = std::array::from_fn(|i| {
            let (column, row) = (i as i32 % 4, i as i32 / 4);
            Rect::new(
                inner.x + column * (chip_width + gap),
                top + row * (chip_height + gap),
                chip_width,
                chip_height,
            )
        });
        NamingPlaces {
            dialog,
            title,
            picture,
            field,
            accept,
            hint,
            chips,
        }
    }
}
