//! Why a digit is read as it is, as the window shows it: ink that speaks for a digit or against it, and the stroke that
//! would change the reading.

use std::sync::Arc;

use crate::{
    format::percent,
    recognition::{added_stroke::AddedStroke, normalization::Gray28},
    ui::{
        explained::{Heat, Why},
        layout::HitTarget,
        recognized_digit::RecognizedDigit,
        state::State,
    },
};

impl State {
    /// The digit that the window explains the ink for: that of the bar under the pointer, or else the predicted one,
    /// while the explanation is on.
    pub fn explained_digit(&self) -> Option<u8> {
        let selected = self.selected_digit().filter(|digit| digit.mark.is_none())?;
        match self.hovered() {
            Some(HitTarget::Bar(digit @ 0..=9)) => Some(digit),
            _ if selected.is_sign() => None,
            _ => self.shows_why().then(|| selected.prediction.digit()),
        }
    }

    /// The selected digit and its index, if it is to be explained and `explained` is another one.
    pub fn unexplained(&self, explained: Option<&Gray28>) -> Option<(usize, &RecognizedDigit)> {
        self.explained_digit()?;
        let index = self.selected_index()?;
        let digit = self.digits().get(index)?;
        (explained != Some(&digit.pixels)).then_some((index, digit))
    }

    /// Shows an explanation.
    pub fn show_why(&mut self, why: Option<Arc<Why>>) {
        self.why = why;
    }

    /// The last explanation.
    pub fn why(&self) -> Option<&Arc<Why>> {
        self.why.as_ref()
    }

    /// The ink's colors, while it is explained. While a stroke is drawn, those of the drawing a moment ago stay.
    pub(super) fn heat(&self) -> Option<Heat> {
        let digit = self.explained_digit()?;
        let why = self.why.as_ref()?;
        let is_of_it = self.selected_digit()?.pixels == *why.explanation.pixels();
        (is_of_it || self.ink().is_drawing()).then(|| Heat {
            why: Arc::clone(why),
            digit,
        })
    }

    /// The stroke to suggest: with it, the drawing would read as the digit that is explained, or, if it reads as that
    /// already, as any other.
    pub(super) fn suggested_stroke(&self) -> Option<&AddedStroke> {
        let asked = self.explained_digit()?;
        let selected = self.selected_digit()?;
        let why = self.why.as_ref()?;
        if self.ink().is_drawing() || selected.pixels != *why.explanation.pixels() {
            return None;
        }
        let added = why.added.as_ref()?;
        if asked != selected.prediction.digit() {
            return added[usize::from(asked)].as_ref();
        }
        added.iter().flatten().min_by(|a, b| length(a).total_cmp(&length(b)))
    }

    /// The explanation in words.
    pub(super) fn why_in_words(&self) -> Option<String> {
        if self.shows_why()
            && let Some(words) = self.unexplained_in_words()
        {
            return Some(words.to_owned());
        }
        let asked = self.explained_digit()?;
        let which = match self.digits().len() {
            0 | 1 => "Blue",
            _ => "Why explains the selected digit: blue",
        };
        let colors = format!("{which} ink speaks for {asked}, amber ink against it.");
        self.heat()?;
        Some(match self.suggested_stroke() {
            Some(stroke) => {
                let (digit, probability) = (stroke.digit, percent(stroke.probability));
                format!("{colors} With the amber line, it would read as {digit} ({probability}).")
            }
            None => colors,
        })
    }

    /// What the explanation says where it cannot explain what is selected.
    fn unexplained_in_words(&self) -> Option<&'static str> {
        match self.selected_digit() {
            None if self.is_blank() => Some("Why explains a digit: draw one."),
            Some(digit) if digit.is_sign() => Some("It resembles your examples. Why explains digits alone."),
            Some(digit) if digit.mark.is_some() => Some("Why explains the selected digit: point at one."),
            _ => None,
        }
    }
}

fn length(stroke: &AddedStroke) -> f32 {
    stroke.points.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::{
        drawing::{
            raster::recognition_bounds,
            strokes::{Ink, PEN, Stroke},
        },
        geometry::Point,
        graphics::color::Color,
        recognition::{
            explanation::{Explainer, Explanation},
            model::{DIGITS, Model},
            placement::Placement,
            prediction::Prediction,
            segmentation::Mark,
        },
        ui::{
            Action, Event, Key, Modifiers, Opening, Painter, Theme,
            scene::{item::Item, scene},
        },
    };

    static EXPLANATION: LazyLock<Explanation> = LazyLock::new(|| {
        let pixels = State::new(960, 640, Opening::Ink(one())).network_input().unwrap();
        Explainer::new(Model::embedded().unwrap())
            .unwrap()
            .explain(&pixels)
            .unwrap()
    });

    fn one() -> Ink {
        let line = Stroke::new(vec![Point::new(280.0, 120.0), Point::new(280.0, 440.0)], PEN);
        [line].into_iter().collect()
    }

    /// A window in which a one is drawn and read.
    fn window() -> State {
        let mut state = State::new(960, 640, Opening::Ink(one()));
        let mut probabilities = [0.0; 10];
        probabilities[1] = 1.0;
        let prediction = Prediction {
            probabilities,
            signs: Vec::new(),
            known: true,
            microseconds: 1.0,
        };
        let area = recognition_bounds(&one()).unwrap();
        let digit = RecognizedDigit::new(state.network_input().unwrap(), prediction, area);
        state.show_digits(vec![digit]);
        state
    }

    fn added(digit: u8, length: f32) -> AddedStroke {
        AddedStroke {
            points: vec![Point::new(100.0, 100.0), Point::new(100.0 + length, 100.0)],
            digit,
            probability: 0.9,
        }
    }

    fn why(added: Option<[Option<AddedStroke>; DIGITS]>) -> Arc<Why> {
        let explanation = EXPLANATION.clone();
        let area = recognition_bounds(&one()).unwrap();
        let placement = Placement::new(explanation.pixels(), area).unwrap();
        Arc::new(Why {
            explanation,
            placement,
            added,
        })
    }

    fn hover_bar(state: &mut State, digit: usize) {
        let row = state.layout().bars[digit].row;
        let (x, y) = (row.x as f32 + 2.0, row.y as f32 + 2.0);
        state.apply(Event::PointerMoved { x, y });
    }

    #[test]
    fn a_digit_is_explained_while_that_is_on_or_its_bar_is_under_the_pointer() {
        let mut state = window();
        assert_eq!((state.explained_digit(), state.unexplained(None)), (None, None));
        hover_bar(&mut state, 7);
        assert_eq!(state.explained_digit(), Some(7));
        assert_eq!(state.unexplained(None).map(|(index, _)| index), Some(0));
        state.apply(Event::PointerMoved { x: 2.0, y: 2.0 });
        state.act(Action::Why);
        assert_eq!(state.explained_digit(), Some(1));
        let pixels = state.network_input().unwrap();
        assert_eq!(state.unexplained(Some(&pixels)), None, "it is explained already");
        let mark = state.digits()[0].clone().placed(0, Some(Mark::Minus));
        state.show_digits(vec![mark]);
        assert_eq!(state.explained_digit(), None, "a mark is no digit");
        state.show_digits(Vec::new());
        assert_eq!(state.explained_digit(), None);
    }

    #[test]
    fn the_shortest_stroke_is_suggested_or_that_for_the_digit_that_is_asked_for() {
        let mut state = window();
        state.act(Action::Why);
        let mut strokes = [const { None }; DIGITS];
        (strokes[4], strokes[7]) = (Some(added(4, 90.0)), Some(added(7, 50.0)));
        state.show_why(Some(why(Some(strokes))));
        assert_eq!(state.suggested_stroke().map(|stroke| stroke.digit), Some(7));
        let words = state.why_in_words().unwrap();
        assert!(
            words.contains("speaks for 1") && words.contains("read as 7 (90"),
            "{words}"
        );
        assert_eq!(state.status_in_words(), words);
        state.show_message("Saved");
        assert_eq!(state.status_in_words(), "Saved");
        state.act(Action::Why);
        state.act(Action::Why);
        hover_bar(&mut state, 4);
        assert_eq!(state.suggested_stroke().map(|stroke| stroke.digit), Some(4));
        hover_bar(&mut state, 5);
        assert_eq!(state.suggested_stroke(), None);
        assert!(state.why_in_words().unwrap().contains("speaks for 5"));
    }

    #[test]
    fn what_cannot_be_explained_is_said_and_escape_ends_it() {
        let said = |state: &State| {
            let items = scene(state, &Theme::DARK);
            let all = items.iter().filter_map(|item| match item {
                Item::Text { text, .. } => Some(text.as_str()),
                _ => None,
            });
            all.collect::<Vec<_>>().join(" ")
        };
        let mut state = window();
        state.act(Action::Why);
        let digit = state.digits()[0].clone();
        let mark = digit.clone().placed(0, Some(Mark::Minus));
        state.show_digits(vec![mark.clone()]);
        assert!(said(&state).contains("Why explains the selected digit: point at one."));
        state.show_digits(vec![digit, mark]);
        state.show_why(Some(why(None)));
        let words = state.why_in_words().unwrap();
        assert_eq!(
            words,
            "Why explains the selected digit: blue ink speaks for 1, amber ink against it."
        );
        let escape = Event::KeyPressed {
            key: Key::Escape,
            modifiers: Modifiers::default(),
        };
        state.act(Action::Layers);
        state.apply(escape);
        assert!(state.shows_why() && state.shows_prediction(), "the layers close first");
        state.apply(escape);
        assert!(!state.shows_why() && state.why_in_words().is_none());
        let mut blank = State::new(960, 640, Opening::Blank);
        blank.act(Action::Why);
        assert!(said(&blank).contains("Why explains a digit: draw one."));
    }

    #[test]
    fn an_explanation_of_another_drawing_is_not_shown() {
        let mut state = window();
        state.act(Action::Why);
        state.show_why(Some(why(None)));
        assert!(state.heat().is_some());
        let mut other = state.digits()[0].clone();
        other.pixels[0] ^= 1;
        state.show_digits(vec![other]);
        assert_eq!((state.heat(), state.why_in_words()), (None, None));
    }

    /// The color in the middle of the drawn one.
    fn middle(painter: &Painter, state: &State) -> Color {
        let canvas = state.layout().canvas;
        let (x, y) = (canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
        Color(painter.pixels()[y as usize * painter.size().0 + x as usize])
    }

    #[test]
    fn ink_is_blue_where_it_speaks_for_the_digit_and_amber_where_against() {
        let mut state = window();
        let mut painter = Painter::new();
        painter.paint(&state);
        let plain = middle(&painter, &state);
        assert_eq!(plain, Theme::DARK.ink);
        state.show_why(Some(why(None)));
        assert!(!painter.paint(&state), "it was not asked for");
        state.act(Action::Why);
        painter.paint(&state);
        let [red, blue] = [16, 0].map(|shift| (middle(&painter, &state).0 >> shift) & 0xFF);
        assert!(blue > red + 20, "{red} {blue}");
        hover_bar(&mut state, 0);
        painter.paint(&state);
        let [red, blue] = [16, 0].map(|shift| (middle(&painter, &state).0 >> shift) & 0xFF);
        assert!(
            red > blue + 20,
            "the middle of a one speaks against a zero: {red} {blue}"
        );
        state.act(Action::Why);
        state.apply(Event::PointerMoved { x: 2.0, y: 2.0 });
        painter.paint(&state);
        assert_eq!(middle(&painter, &state), plain);
    }

    #[test]
    fn support_is_interpolated_and_zero_outside() {
        let heat = Heat {
            why: why(None),
            digit: 1,
        };
        let map = heat.map();
        let middle = map.at(Point::new(280.0, 280.0));
        assert!(middle > 0.0, "{middle}");
        assert_eq!(map.at(Point::new(-2_000.0, 280.0)), 0.0);
        let near = map.at(Point::new(281.0, 280.0));
        assert!((near - middle).abs() < 0.1, "{near} {middle}");
    }
}
