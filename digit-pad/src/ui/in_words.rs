//! The window in words, for a screen reader: its answer, and what can be pressed.

use crate::{
    format::percent,
    graphics::canvas::Rect,
    ui::{
        event::Effects,
        layout::{Focus, HitTarget},
        state::State,
        written_answer::CanvasEquation,
    },
};

/// Something that can be pressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// What it is.
    pub target: HitTarget,
    /// The name of that for programs: `clear`, `bar-7`.
    pub id: String,
    /// Its label.
    pub label: String,
    /// The shortcut, as the menu shows it, if it has one.
    pub key: Option<&'static str>,
    /// Its place in the window.
    pub rect: Rect,
    /// Whether it can be pressed now.
    pub is_enabled: bool,
}

impl State {
    /// The prediction in words, or the answer to a sum; empty for a blank canvas. Of the page of the user's hand, what it says.
    #[must_use]
    pub fn answer_in_words(&self) -> String {
        if self.shows_hand() {
            return self.hand_in_words();
        }
        let Some(first) = self.digits().first() else {
            return String::new();
        };
        if let Some(equation) = self.equation_in_words() {
            return equation;
        }
        if self.digits().len() > 1 || first.mark.is_some() {
            let lines = self.digits().chunk_by(|a, b| a.line == b.line);
            let text = |line: &[_]| line.iter().map(super::RecognizedDigit::symbol).collect::<String>();
            return lines.map(text).collect::<Vec<_>>().join("\n");
        }
        let (label, probability) = (first.prediction.label(), percent(first.prediction.probability()));
        if first.prediction.known {
            format!("{label}, {probability}")
        } else {
            format!("Perhaps {label}, {probability}")
        }
    }

    /// The last row with a sign of equality and what is said to it, in words; `None` without one.
    #[must_use]
    pub fn equation_in_words(&self) -> Option<String> {
        self.told_equation().map(CanvasEquation::sentence)
    }

    /// The message in the window, or else the explanation of the reading, if it is shown; empty if there is neither.
    #[must_use]
    pub fn status_in_words(&self) -> String {
        let message = self.message().map(str::to_owned);
        message.or_else(|| self.why_in_words()).unwrap_or_default()
    }

    /// Everything that can be pressed now or later, in the order of Tab.
    #[must_use]
    pub fn controls(&self) -> Vec<Control> {
        let control = |focus| match focus {
            Focus::Slider => None,
            Focus::Target(target) => Some(Control {
                target,
                id: id_of(target),
                label: self.label_of(target),
                key: match target {
                    HitTarget::Action(action) => Some(action.key()),
                    _ => None,
                },
                rect: self.place_of(focus)?,
                is_enabled: self.is_usable(focus),
            }),
        };
        self.shown_targets().into_iter().filter_map(control).collect()
    }

    /// Presses something, if it is there and can be pressed.
    pub fn press(&mut self, target: HitTarget) -> Effects {
        let is_there = |control: &Control| control.target == target && control.is_enabled;
        if self.controls().iter().any(is_there) {
            self.activate(target)
        } else {
            Effects::default()
        }
    }

    fn label_of(&self, target: HitTarget) -> String {
        match target {
            HitTarget::Action(action) => action.label().to_owned(),
            HitTarget::Example(index) => match self.examples().get(index) {
                Some(example) => format!("Remove example {}, labeled {}", index + 1, example.label),
                None => format!("Remove example {}", index + 1),
            },
            HitTarget::Bar(bar) => {
                let Some(label) = self.label_of_bar(bar) else {
                    return String::new();
                };
                let selected = self.selected_digit();
                let share = selected.map(|selected| selected.prediction.probability_of(&label));
                format!("This is a {label} ({})", percent(share.unwrap_or(0.0)))
            }
            HitTarget::Sign(place) => match self.known_signs().get(place) {
                Some(name) => format!("This is a {name}"),
                None => String::new(),
            },
            HitTarget::AcceptName => "Teach this name".to_owned(),
            HitTarget::Wrong if self.is_corrected => "Cancel the question".to_owned(),
            HitTarget::Wrong => "Wrong? Say what it is".to_owned(),
            HitTarget::SavePoster => "Save poster".to_owned(),
            HitTarget::Close => "Close".to_owned(),
            HitTarget::EmptyTile(digit) => self.how_to_add(digit),
            HitTarget::Answer(digit) => format!("This is a {digit}"),
            HitTarget::Digit(index) => match self.digits().get(index) {
                Some(digit) => format!("Select {}, number {} of the drawing", digit.symbol(), index + 1),
                None => format!("Select number {} of the drawing", index + 1),
            },
            HitTarget::Layer(layer) => format!("Show layer {} alone, or all", layer + 1),
            HitTarget::Map { layer, map } => format!("Map {} of layer {}", map + 1, layer + 1),
        }
    }
}

fn id_of(target: HitTarget) -> String {
    match target {
        HitTarget::Action(action) => action.id().to_owned(),
        HitTarget::Example(index) => format!("example-{index}"),
        HitTarget::Bar(bar) => format!("bar-{bar}"),
        HitTarget::Answer(digit) => format!("answer-{digit}"),
        HitTarget::Sign(place) => format!("sign-{place}"),
        HitTarget::AcceptName => "accept-name".to_owned(),
        HitTarget::Digit(index) => format!("digit-{index}"),
        HitTarget::Layer(layer) => format!("layer-{layer}"),
        HitTarget::Map { layer, map } => format!("map-{layer}-{map}"),
        HitTarget::Wrong => "wrong".to_owned(),
        HitTarget::SavePoster => "save-poster".to_owned(),
        HitTarget::Close => "close".to_owned(),
        HitTarget::EmptyTile(digit) => format!("add-{digit}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        drawing::{file::Drawing, strokes::Ink},
        recognition::{model::Model, recognizer::Recognizer, segmentation::segment_ink},
        ui::{Action, Command, Opening, Overlay, RecognizedDigit},
    };

    fn read(strokes: &str) -> State {
        let ink: Ink = Drawing::from_json(strokes).unwrap().ink.fit();
        let mut recognizer = Recognizer::new(Model::embedded().unwrap()).unwrap();
        let digits = segment_ink(&ink, &mut recognizer).into_iter();
        let digits = digits.map(|digit| {
            RecognizedDigit::new(digit.pixels, digit.prediction, digit.bounds).placed(digit.line, digit.mark)
        });
        let digits = digits.collect();
        let mut state = State::new(960, 640, Opening::Ink(ink));
        state.show_digits(digits);
        state
    }

    #[test]
    fn an_answer_is_a_digit_with_its_probability_or_a_number() {
        assert_eq!(State::new(960, 640, Opening::Blank).answer_in_words(), "");
        let one = read(r#"{"strokes":[[[60,40],[60,160]]]}"#).answer_in_words();
        assert!(one.starts_with("1, ") && one.ends_with('%'), "{one}");
        let number = read(r#"{"strokes":[[[60,40],[60,160]],[[120,40],[200,40],[150,160]]]}"#);
        assert_eq!(number.answer_in_words(), "17");
        let sum = read(
            r#"{"strokes":[[[0,10],[40,0],[70,20],[30,60],[75,100],[0,120]],[[120,60],[180,60]],[[150,30],[150,90]],
                [[250,0],[200,80],[280,80]],[[260,50],[255,130]],[[330,45],[390,45]],[[330,80],[390,80]]]}"#,
        );
        assert_eq!(sum.answer_in_words(), "3 + 4 = 7");
    }

    #[test]
    fn every_control_has_a_name_and_a_place_and_can_be_pressed() {
        let mut state = read(r#"{"strokes":[[[60,40],[60,160]]]}"#);
        let controls = state.controls();
        let clear = controls.iter().find(|control| control.label == "Clear canvas").unwrap();
        assert_eq!((clear.key, clear.is_enabled), (Some("C"), true));
        let undo = controls.iter().find(|control| control.label == "Undo").unwrap();
        assert!(!undo.is_enabled, "nothing has been drawn");
        assert!(
            controls
                .iter()
                .all(|control| control.rect.width > 0 && !control.label.is_empty())
        );
        let ids: HashSet<&str> = controls.iter().map(|control| control.id.as_str()).collect();
        assert!(ids.len() == controls.len() && ids.is_superset(&HashSet::from(["clear", "why", "bar-9"])));
        let target = clear.target;
        state.press(target);
        assert!(state.is_blank());
        assert_eq!(state.press(target), Effects::default(), "there is nothing to clear");
        state.press(HitTarget::Action(Action::Open));
        assert_eq!(state.take_commands(), [Command::Open]);
        state.press(HitTarget::Action(Action::Help));
        assert_eq!(state.overlay(), Some(Overlay::Menu));
        assert!(state.controls().iter().any(|control| control.label == "Save network"));
    }
}
