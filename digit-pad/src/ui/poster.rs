//! The poster of the user's hand as a picture, dark on light paper whatever the theme.

use crate::{
    graphics::color::Color,
    recognition::twins::Twins,
    teaching::hand::Hand,
    ui::{
        layout::{DEFAULT_SIZE, Layout, Panel},
        painter::Painter,
        scene,
        theme::Theme,
    },
};

/// Width and height of the poster, in pixels.
pub const SIZE: (usize, usize) = scene::POSTER;

/// The light theme on white paper.
const PAPER: Theme = Theme {
    background: Color(0x00FC_FBF8),
    canvas: Color(0x00FC_FBF8),
    ..Theme::LIGHT
};

/// The pixels of the poster in rows from the top, each `0x00RRGGBB`.
#[must_use]
pub fn poster(hand: &Hand, twins: &Twins) -> Vec<u32> {
    // At scale 1, lengths are pixels.
    let layout = Layout::new(DEFAULT_SIZE.0, DEFAULT_SIZE.1, 1.0, Panel::Prediction);
    let mut painter = Painter::new();
    painter.paint_items(scene::poster(hand, twins, &layout, &PAPER), PAPER, SIZE);
    painter.pixels().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::strokes::{Ink, PEN, Stroke},
        geometry::Point,
        graphics::canvas::Rect,
        graphics::text::Text,
        recognition::normalization::normalize_ink,
        teaching::hand::Specimen,
        ui::scene::item::Item,
    };

    /// A hand with a line for each of these digits.
    fn hand(digits: &[u8]) -> Hand {
        Hand::of(digits.iter().map(|&digit| {
            let from = Point::new(200.0 + 12.0 * f32::from(digit), 100.0);
            let ink: Ink = [Stroke::new(vec![from, Point::new(280.0, 440.0)], PEN)]
                .into_iter()
                .collect();
            let pixels = normalize_ink(&ink).unwrap();
            let ink = Some(ink).filter(|_| digit != 4);
            (digit, Specimen { pixels, ink })
        }))
    }

    fn items(hand: &Hand, twins: &Twins) -> Vec<Item> {
        let layout = Layout::new(DEFAULT_SIZE.0, DEFAULT_SIZE.1, 1.0, Panel::Prediction);
        scene::poster(hand, twins, &layout, &PAPER)
    }

    #[test]
    fn everything_on_the_poster_fits_and_no_text_overlaps() {
        let all: Vec<u8> = (0..10).chain([3, 3, 7]).collect();
        let twins: Twins = std::array::from_fn(|_| vec![[9; 784]; 3]);
        let (paper, text) = (Rect::new(0, 0, SIZE.0 as i32, SIZE.1 as i32), Text::new());
        for (digits, twins) in [(&all[..], &twins), (&[5][..], &Twins::default())] {
            let items = items(&hand(digits), twins);
            let mut lines: Vec<Rect> = Vec::new();
            for item in &items {
                assert_eq!(item.rect().intersection(&paper), item.rect());
                if let Item::Text {
                    rect,
                    text: words,
                    style,
                    ..
                } = item
                {
                    assert!(text.width(words, *style) <= rect.width as f32, "{words}");
                    lines.push(*rect);
                }
            }
            for (i, line) in lines.iter().enumerate() {
                let is_in_place = |other: &Rect| other.intersection(line).is_empty();
                assert!(lines[i + 1..].iter().all(is_in_place), "{line:?}");
            }
        }
    }

    #[test]
    fn a_poster_is_dark_on_light_and_says_what_is_missing() {
        let pixels = poster(&hand(&[1, 7]), &Twins::default());
        assert_eq!(pixels.len(), SIZE.0 * SIZE.1);
        let count = |color: Color| pixels.iter().filter(|&&pixel| pixel == color.0).count();
        assert!(count(PAPER.background) > pixels.len() / 2 && count(PAPER.ink) > 5_000);
        let items = items(&hand(&[1, 7]), &Twins::default());
        let is_missing = |item: &&Item| matches!(item, Item::Text { text, .. } if text == "Not drawn yet");
        assert_eq!(items.iter().filter(is_missing).count(), 8);
    }

    #[test]
    fn the_poster_says_how_many_digits_it_shows() {
        let all: Vec<u8> = (0..10).collect();
        for (count, says) in [
            (0, "No digits"),
            (1, "One digit, and how it differs"),
            (7, "Seven digits"),
            (10, "Ten digits"),
        ] {
            let items = items(&hand(&all[..count]), &Twins::default());
            let is_said = |item: &Item| matches!(item, Item::Text { text, .. } if text.starts_with(says));
            assert!(items.iter().any(is_said), "{says}");
        }
    }
}
