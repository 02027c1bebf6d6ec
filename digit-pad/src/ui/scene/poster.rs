//! The poster of the user's hand: ten digits, large, with what is peculiar about each, and their twins.

use crate::{
    format::counted,
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    recognition::{
        normalization::SIDE,
        twins::{TWINS, Twins},
    },
    teaching::hand::{Hand, OwnDigit},
    ui::scene::{builder::SceneBuilder, card::RemarkStyle, item::Item},
};

/// Width and height of the poster, in pixels.
pub const POSTER: (usize, usize) = (1600, 2000);

const STYLE: RemarkStyle = RemarkStyle {
    sizes: (33.0, 26.0),
    lines: (42.0, 34.0),
    align: Align::Left,
};

const NUMBERS: [&str; 11] = [
    "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten",
];

const MARGIN: i32 = 110;
/// Where the first row begins, and the foot.
const TOP: i32 = 300;
const FOOT: i32 = 1_880;
/// Gap between the columns.
const GUTTER: i32 = 80;
/// Side of the place of a digit.
const INK: i32 = 230;
/// Gap between the pictures of twins; each of their pixels is three wide.
const TWIN_GAP: i32 = 14;
const TWIN: i32 = 3 * SIDE as i32;

/// How many digits the poster shows.
fn subtitle(hand: &Hand) -> String {
    let digits = match hand.pixels().len() {
        1 => return "One digit, and how it differs from MNIST's 60,000".to_owned(),
        count => NUMBERS[count],
    };
    format!("{digits} digits, and how they differ from MNIST's 60,000")
}

impl SceneBuilder<'_> {
    pub(super) fn poster(&mut self, hand: &Hand, twins: &Twins) {
        let theme = self.theme;
        let width = POSTER.0 as i32 - 2 * MARGIN;
        let line = |y: i32, height: i32| Rect::new(MARGIN, y, width, height);
        self.text(line(70, 120), "My hand", Face::SemiBold, 84.0, Align::Left, theme.text);
        self.text(
            line(196, 40),
            &subtitle(hand),
            Face::Medium,
            32.0,
            Align::Left,
            theme.muted,
        );
        let (column, row) = ((width - GUTTER) / 2, (FOOT - TOP) / 5);
        for (digit, own) in hand.0.iter().enumerate() {
            let (x, y) = (
                MARGIN + (digit as i32 % 2) * (column + GUTTER),
                TOP + digit as i32 / 2 * row,
            );
            let cell = Rect::new(x, y, column, row);
            self.rule(Rect::new(x, y, column, 2));
            match own {
                Some(own) => self.poster_cell(own, &twins[digit], cell),
                None => self.poster_gap(digit, cell),
            }
        }
        self.rule(line(FOOT, 2));
        let foot = "Drawn on a digit pad. The small pictures are the most similar of MNIST's training images.";
        self.text(line(FOOT + 28, 30), foot, Face::Medium, 22.0, Align::Left, theme.muted);
    }

    fn rule(&mut self, rect: Rect) {
        self.items.push(Item::Fill {
            rect,
            radius: 0.0,
            color: self.theme.border,
        });
    }

    /// The place of the large digit in a cell.
    fn poster_ink(cell: Rect) -> Rect {
        Rect::new(cell.x, cell.y + (cell.height - INK) / 2, INK, INK)
    }

    /// The digit at the left; the remark and the twins beside it.
    fn poster_cell(&mut self, own: &OwnDigit, twins: &[[u8; SIDE * SIDE]], cell: Rect) {
        let ink = Self::poster_ink(cell);
        self.own_digit(own, ink);
        let x = ink.right() + 40;
        let words = Rect::new(x, ink.y, cell.right() - x, INK);
        self.remark(&own.remark, words, &STYLE);
        let y = ink.bottom() - TWIN;
        for (twin, i) in twins.iter().take(TWINS).zip(0..) {
            let place = Rect::new(x + i * (TWIN + TWIN_GAP), y, TWIN, TWIN);
            self.image(place, *twin);
            self.outline(place, 0.0);
        }
        if own.count > 1 {
            let text = counted(own.count, "example");
            let left = x + TWINS as i32 * (TWIN + TWIN_GAP);
            for (part, i) in text.split(' ').zip(0..) {
                let rect = Rect::new(left, ink.bottom() - 48 + 24 * i, cell.right() - left, 24);
                self.text(rect, part, Face::Medium, 18.0, Align::Right, self.theme.muted);
            }
        }
    }

    /// The place of a digit that was not drawn.
    fn poster_gap(&mut self, digit: usize, cell: Rect) {
        let (ink, theme) = (Self::poster_ink(cell), self.theme);
        self.dashed(ink, 20.0, 10.0, theme.border);
        self.text(
            ink,
            &digit.to_string(),
            Face::Display,
            110.0,
            Align::Center,
            theme.border,
        );
        let words = Rect::new(ink.right() + 40, ink.y, cell.right() - ink.right() - 40, 42);
        self.text(words, "Not drawn yet", Face::Medium, 26.0, Align::Left, theme.muted);
    }
}
