//! State → the list of everything that is shown, back to front: pure, and easy to look through in tests.

use std::sync::Arc;

use super::frame::Rect;
use super::layout::{BarRow, Button, Layout};
use super::state::State;
use super::text::{Align, Face, Style};
use super::theme::{Color, Theme};
use crate::grey::GreyImage;
use crate::ink::Ink;
use crate::normalize::{Grey28, SIDE};
use crate::reading::Reading;

/// One thing that is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A filled rectangle with round corners.
    Fill {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// In which colour.
        color: Color,
    },
    /// A line along the inner edge of a rectangle with round corners.
    Outline {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// Of the line, in pixels.
        thickness: f32,
        /// In which colour.
        color: Color,
    },
    /// A line of text in the middle of its rectangle's height.
    Text {
        /// Where.
        rect: Rect,
        /// What.
        text: String,
        /// In which face and size.
        style: Style,
        /// How in its rectangle.
        align: Align,
        /// In which colour.
        color: Color,
    },
    /// The canvas with what is drawn on it.
    Canvas {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// The drawing.
        ink: Ink,
        /// The picture under the drawing.
        picture: Option<Arc<GreyImage>>,
    },
    /// A normalised picture, each of its pixels a square.
    Pixels {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// Row by row from the top.
        pixels: Box<Grey28>,
    },
}

impl Item {
    /// All that it may paint.
    pub fn rect(&self) -> Rect {
        match self {
            Item::Fill { rect, .. }
            | Item::Outline { rect, .. }
            | Item::Text { rect, .. }
            | Item::Canvas { rect, .. }
            | Item::Pixels { rect, .. } => *rect,
        }
    }
}

/// Everything that a state shows, back to front, on a ground of [`Theme::background`].
pub fn scene(state: &State, theme: &Theme) -> Vec<Item> {
    let mut scene = Scene {
        items: Vec::with_capacity(80),
        layout: state.layout(),
        theme,
    };
    scene.canvas(state);
    for button in &state.layout().buttons {
        scene.button(button, state);
    }
    let reading = state.sight().map(|sight| &sight.reading);
    scene.answer(reading);
    scene.seen(state.sight().map(|sight| &sight.pixels));
    for (digit, row) in state.layout().bars.iter().enumerate() {
        scene.bar(digit, row, reading);
    }
    scene.status(reading);
    scene.items
}

struct Scene<'a> {
    items: Vec<Item>,
    layout: &'a Layout,
    theme: &'a Theme,
}

impl Scene<'_> {
    fn canvas(&mut self, state: &State) {
        let rect = self.layout.canvas;
        let radius = self.layout.scaled(14.0);
        let (ink, picture) = (state.ink().clone(), state.picture().cloned());
        self.items.push(Item::Canvas {
            rect,
            radius,
            ink,
            picture,
        });
        self.outline(rect, radius);
        if state.is_blank() {
            let [line, small_line] = self.layout.hint;
            self.text(line, "Draw a digit", Face::Medium, 24.0, Align::Center, self.theme.text);
            let how = "It is read while you draw";
            self.text(small_line, how, Face::Medium, 15.0, Align::Center, self.theme.muted);
        }
    }

    fn button(&mut self, button: &Button, state: &State) {
        let (enabled, theme) = (state.can(button.action), self.theme);
        let color = match button.action {
            action if !enabled && state.hovered() == Some(action) => theme.button,
            action if state.pressed() == Some(action) => theme.button_pressed,
            action if state.hovered() == Some(action) => theme.button_hover,
            _ => theme.button,
        };
        self.items.push(Item::Fill {
            rect: button.rect,
            radius: self.layout.scaled(10.0),
            color,
        });
        let color = if enabled { theme.text } else { theme.muted };
        self.text(
            button.label,
            button.action.label(),
            Face::SemiBold,
            15.0,
            Align::Left,
            color,
        );
        self.outline(button.key, self.layout.scaled(5.0));
        let key = button.action.letter().to_string();
        self.text(button.key, &key, Face::Medium, 12.0, Align::Center, theme.muted);
    }

    fn answer(&mut self, reading: Option<&Reading>) {
        let (layout, theme) = (self.layout, self.theme);
        self.text(
            layout.answer_caption,
            "Answer",
            Face::Medium,
            13.0,
            Align::Left,
            theme.muted,
        );
        let Some(reading) = reading else {
            return self.text(layout.answer, "–", Face::Medium, 44.0, Align::Left, theme.muted);
        };
        let (answer, color) = if reading.known {
            (reading.digit().to_string(), theme.accent)
        } else {
            ("?".to_owned(), theme.doubt)
        };
        let size = 1.16 * layout.answer.height as f32 / layout.scale;
        self.text(layout.answer, &answer, Face::Display, size, Align::Left, color);
        let beside = layout.certainty.x >= layout.answer.right();
        let align = if beside { Align::Left } else { Align::Right };
        if reading.known {
            let size = if beside { 28.0 } else { 18.0 };
            let certainty = percent(reading.probability());
            self.text(
                layout.certainty,
                &certainty,
                Face::SemiBold,
                size,
                Align::Left,
                theme.text,
            );
            self.text(
                layout.verdict,
                &runner_up(reading),
                Face::Medium,
                14.0,
                align,
                theme.muted,
            );
        } else {
            let size = if beside { 18.0 } else { 15.0 };
            self.text(
                layout.certainty,
                "I don’t know",
                Face::SemiBold,
                size,
                Align::Left,
                theme.doubt,
            );
            let guess = format!("perhaps {}, {}", reading.digit(), percent(reading.probability()));
            self.text(layout.verdict, &guess, Face::Medium, 13.0, align, theme.muted);
        }
    }

    fn seen(&mut self, pixels: Option<&Grey28>) {
        let (caption, rect) = (self.layout.seen_caption, self.layout.seen);
        self.text(
            caption,
            "The network sees",
            Face::Medium,
            13.0,
            Align::Right,
            self.theme.muted,
        );
        let pixels = Box::new(pixels.copied().unwrap_or([0; SIDE * SIDE]));
        let radius = self.layout.scaled(8.0);
        self.items.push(Item::Pixels { rect, radius, pixels });
        self.outline(rect, radius);
    }

    fn bar(&mut self, digit: usize, row: &BarRow, reading: Option<&Reading>) {
        let (theme, radius) = (self.theme, 0.5 * row.track.height as f32);
        let wins = reading.is_some_and(|reading| usize::from(reading.digit()) == digit);
        let strong = if wins { theme.text } else { theme.muted };
        self.text(row.digit, &digit.to_string(), Face::SemiBold, 15.0, Align::Left, strong);
        self.items.push(Item::Fill {
            rect: row.track,
            radius,
            color: theme.track,
        });
        let Some(reading) = reading else {
            return self.text(row.percent, "–", Face::Medium, 14.0, Align::Right, theme.muted);
        };
        let probability = reading.probabilities[digit];
        // A bar begins as a dot: a sliver of one would look like a flaw.
        let (least, most) = (row.track.height as f32, row.track.width as f32);
        let width = if probability < WORTH_A_DOT {
            0.0
        } else {
            least + probability * (most - least)
        };
        let width = width.round() as i32;
        let color = match (wins, reading.known) {
            (false, _) => theme.bar,
            (true, true) => theme.accent,
            (true, false) => theme.doubt,
        };
        if width > 0 {
            self.items.push(Item::Fill {
                rect: Rect { width, ..row.track },
                radius,
                color,
            });
        }
        let face = if wins { Face::SemiBold } else { Face::Medium };
        self.text(row.percent, &percent(probability), face, 14.0, Align::Right, strong);
    }

    fn status(&mut self, reading: Option<&Reading>) {
        if let Some(reading) = reading {
            let status = format!("Read in {}", duration(reading.microseconds));
            self.text(
                self.layout.status,
                &status,
                Face::Medium,
                13.0,
                Align::Left,
                self.theme.muted,
            );
        }
    }

    fn outline(&mut self, rect: Rect, radius: f32) {
        let thickness = self.layout.scale.round().max(1.0);
        self.items.push(Item::Outline {
            rect,
            radius,
            thickness,
            color: self.theme.border,
        });
    }

    /// Writes text whose size is given in pixels of the default window.
    fn text(&mut self, rect: Rect, text: &str, face: Face, size: f32, align: Align, color: Color) {
        let style = Style {
            face,
            size: self.layout.scaled(size),
        };
        self.items.push(Item::Text {
            rect,
            text: text.to_owned(),
            style,
            align,
            color,
        });
    }
}

/// The least probability that has a bar.
const WORTH_A_DOT: f32 = 0.005;

/// A probability to a tenth of a percent; what rounds to certainty needs no decimals.
fn percent(probability: f32) -> String {
    let percent = format!("{:.1}%", 100.0 * probability);
    if percent == "100.0%" {
        "100%".to_owned()
    } else {
        percent
    }
}

/// The second most probable digit, where it is worth a word.
fn runner_up(reading: &Reading) -> String {
    const WORTH_A_WORD: f32 = 0.02;
    let winner = usize::from(reading.digit());
    let others = (0..10).filter(|&digit| digit != winner);
    let second = others.max_by(|&a, &b| reading.probabilities[a].total_cmp(&reading.probabilities[b]));
    match second.map(|digit| (digit, reading.probabilities[digit])) {
        Some((digit, probability)) if probability >= WORTH_A_WORD => {
            format!("or {digit}, {}", percent(probability))
        }
        _ => "sure".to_owned(),
    }
}

fn duration(microseconds: f32) -> String {
    match microseconds {
        us if us < 999.5 => format!("{us:.0} µs"),
        us => format!("{:.1} ms", us / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::ink::Point;
    use crate::view::state::{Opening, Sight};
    use crate::view::text::Text;

    const THEME: Theme = Theme::DARK;

    fn reading(known: bool, probabilities: [f32; 10]) -> Reading {
        Reading {
            probabilities,
            known,
            microseconds: 43.2,
        }
    }

    /// A window with a dot on the canvas and something read in it.
    fn window(width: usize, height: usize, reading: Option<Reading>) -> State {
        let mut ink = Ink::new();
        if reading.is_some() {
            ink.pen_down(Point::new(280.0, 280.0));
            ink.pen_up(Point::new(280.0, 280.0));
        }
        let mut state = State::new(width, height, Opening::Ink(ink));
        state.show(reading.map(|reading| Sight {
            pixels: state.look().unwrap_or([0; 784]),
            reading,
        }));
        state
    }

    fn texts(items: &[Item]) -> Vec<(&str, Color)> {
        let text = |item| match item {
            &Item::Text { ref text, color, .. } => Some((text.as_str(), color)),
            _ => None,
        };
        items.iter().filter_map(text).collect()
    }

    /// The colours and lengths of the bars, tracks left out.
    fn bars(items: &[Item], state: &State) -> Vec<(usize, Color, i32)> {
        let rows = state.layout().bars;
        let bar = |item: &Item| match *item {
            Item::Fill { rect, color, .. } if color != THEME.track => {
                let row = rows
                    .iter()
                    .position(|row| (row.track.x, row.track.y) == (rect.x, rect.y))?;
                Some((row, color, rect.width))
            }
            _ => None,
        };
        items.iter().filter_map(bar).collect()
    }

    fn readings() -> impl Strategy<Value = Reading> {
        (any::<bool>(), proptest::array::uniform10(0.0..1.0f32), 0.0..5e6f32).prop_map(
            |(known, mut p, microseconds)| {
                p.iter_mut().for_each(|p| *p = p.powi(8));
                let sum: f32 = p.iter().sum::<f32>().max(f32::MIN_POSITIVE);
                Reading {
                    probabilities: p.map(|p| p / sum),
                    known,
                    microseconds,
                }
            },
        )
    }

    /// The first text of a window's picture that does not fit its place.
    fn misfit(width: usize, height: usize, reading: Option<Reading>) -> Option<String> {
        static TEXT: LazyLock<Text> = LazyLock::new(Text::new);
        scene(&window(width, height, reading), &THEME)
            .into_iter()
            .find_map(|item| match item {
                Item::Text { rect, text, style, .. }
                    if TEXT.width(&text, style) > rect.width as f32 || TEXT.cap_height(style) > rect.height as f32 =>
                {
                    Some(format!("{text:?} in {rect:?} at {width}×{height}"))
                }
                _ => None,
            })
    }

    #[test]
    fn the_widest_answers_fit_windows_of_every_size() {
        for winner in [0, 4, 8] {
            for (most, other) in [(1.0, 0.0), (0.9994, 0.0), (0.888, 0.112), (0.48, 0.46)] {
                let mut probabilities = [0.0; 10];
                (probabilities[winner], probabilities[(winner + 4) % 10]) = (most, other);
                for (width, height) in (640..=3840).step_by(19).zip((480..=2160).step_by(53).cycle()) {
                    for (known, height) in [(true, height), (false, height), (true, 480), (false, 480)] {
                        assert_eq!(misfit(width, height, Some(reading(known, probabilities))), None);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_text_fits_its_place(
            width in 640..=3840usize, height in 480..=2160usize, reading in proptest::option::of(readings()),
        ) {
            prop_assert_eq!(misfit(width, height, reading), None);
        }

        #[test]
        fn all_of_it_lies_in_the_window(
            width in 640..=3840usize, height in 480..=2160usize, reading in proptest::option::of(readings()),
        ) {
            let window_rect = Rect::new(0, 0, width as i32, height as i32);
            for item in scene(&window(width, height, reading), &THEME) {
                prop_assert_eq!(item.rect().intersection(&window_rect), item.rect());
            }
        }

        #[test]
        fn the_winner_has_the_longest_bar(reading in readings()) {
            let state = window(960, 640, Some(reading.clone()));
            let items = scene(&state, &THEME);
            let bars = bars(&items, &state);
            let color = if reading.known { THEME.accent } else { THEME.doubt };
            let winner = bars.iter().find(|(digit, ..)| *digit == usize::from(reading.digit())).unwrap();
            prop_assert_eq!(winner.1, color);
            for (digit, bar_color, length) in &bars {
                prop_assert!(*length <= winner.2);
                prop_assert!(*digit == winner.0 || *bar_color == THEME.bar);
            }
        }
    }

    #[test]
    fn a_blank_canvas_shows_no_guess() {
        let state = window(960, 640, None);
        let items = scene(&state, &THEME);
        let colored = |item: &Item| match *item {
            Item::Fill { color, .. } | Item::Outline { color, .. } | Item::Text { color, .. } => {
                color == THEME.accent || color == THEME.doubt
            }
            _ => false,
        };
        assert!(!items.iter().any(colored));
        assert!(bars(&items, &state).is_empty());
        let words: Vec<_> = texts(&items).into_iter().map(|(text, _)| text).collect();
        assert_eq!(
            words.iter().filter(|&&text| text == "–").count(),
            11,
            "for the answer and the probabilities"
        );
        assert!(words.contains(&"Draw a digit") && !words.iter().any(|text| text.contains('%')));
        assert!(
            items
                .iter()
                .any(|item| matches!(item, Item::Pixels { pixels, .. } if pixels.iter().all(|&p| p == 0)))
        );
    }

    #[test]
    fn a_reading_is_shown_with_its_runner_up() {
        let mut probabilities = [0.0; 10];
        (probabilities[7], probabilities[1]) = (0.93, 0.07);
        let items = scene(&window(960, 640, Some(reading(true, probabilities))), &THEME);
        let texts = texts(&items);
        for expected in [("7", THEME.accent), ("93.0%", THEME.text), ("or 1, 7.0%", THEME.muted)] {
            assert!(texts.contains(&expected), "{expected:?} in {texts:?}");
        }
        assert!(texts.contains(&("Read in 43 µs", THEME.muted)));
        assert!(!texts.iter().any(|(text, _)| *text == "Draw a digit"));
    }

    #[test]
    fn not_to_know_is_said() {
        let mut probabilities = [0.08; 10];
        probabilities[4] = 0.28;
        let items = scene(&window(960, 640, Some(reading(false, probabilities))), &THEME);
        let texts = texts(&items);
        for expected in [
            ("?", THEME.doubt),
            ("I don’t know", THEME.doubt),
            ("perhaps 4, 28.0%", THEME.muted),
        ] {
            assert!(texts.contains(&expected), "{expected:?} in {texts:?}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_no_trouble() {
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            let reading = Reading {
                probabilities: [bad; 10],
                known: true,
                microseconds: bad,
            };
            scene(&window(960, 640, Some(reading)), &THEME);
        }
    }

    #[test]
    fn durations_are_short_to_read() {
        let shown = [0.4, 43.2, 999.4, 1_234.0, 2_000_000.0].map(duration);
        assert_eq!(shown, ["0 µs", "43 µs", "999 µs", "1.2 ms", "2000.0 ms"]);
    }
}
