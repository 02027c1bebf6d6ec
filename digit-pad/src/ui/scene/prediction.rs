//! The prediction panel: predicted digit or number, how sure it is, the network input, and the bar chart.

use crate::{
    format::percent,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    recognition::{
        normalization::{Gray28, SIDE},
        prediction::{Prediction, SignProbability},
    },
    ui::{
        answer::Answer,
        layout::HitTarget,
        number::NumberCells,
        recognized_digit::RecognizedDigit,
        scene::{builder::SceneBuilder, item::Item},
        state::State,
    },
};

impl SceneBuilder<'_> {
    /// The prediction panel.
    pub(super) fn prediction(&mut self, state: &State) {
        self.predicted_digits(state);
        self.wrong_button(state);
        self.network_input(state.selected_digit().map(|digit| &digit.pixels));
        self.bars(state);
    }

    /// The accent color, or another one where the network is not sure.
    pub(super) fn prediction_color(&self, prediction: &Prediction) -> Color {
        if prediction.known {
            self.theme.accent
        } else {
            self.theme.uncertain
        }
    }

    /// The caption and what stands under it: a dash, a digit or a number.
    fn predicted_digits(&mut self, state: &State) {
        let (layout, theme) = (self.layout, self.theme);
        let (caption, color) = match state.network_in_use() {
            Some(_) => ("Your network", theme.text),
            None => ("Prediction", theme.muted),
        };
        self.text(
            layout.prediction_caption,
            caption,
            Face::Medium,
            13.0,
            Align::Left,
            color,
        );
        match (state.number_cells(), state.digits()) {
            (Some(number), digits) => self.number(&number, digits, state.selected_index()),
            (None, [digit, ..]) => self.digit(&digit.prediction),
            (None, []) => self.text(layout.prediction, "–", Face::Medium, 44.0, Align::Left, theme.muted),
        }
    }

    /// The button that calls the reading wrong, or takes that back.
    fn wrong_button(&mut self, state: &State) {
        let Some(rect) = state.wrong_button() else { return };
        let color = self.button_color(state, Some(HitTarget::Wrong));
        self.bordered_box(rect, self.layout.scaled(7.0), color);
        let label = if state.is_corrected { "Cancel" } else { "Wrong?" };
        self.text(rect, label, Face::Medium, 12.0, Align::Center, self.theme.text);
    }

    /// The most probable digit, large, and beside or below it how sure the network is.
    fn digit(&mut self, prediction: &Prediction) {
        if let Some(sign) = prediction.sign() {
            return self.sign(prediction, sign);
        }
        let (layout, theme) = (self.layout, self.theme);
        let beside = layout.confidence.x >= layout.prediction.right();
        let best = prediction.digit();
        let of = |digit: u8| percent(prediction.probabilities[usize::from(digit)]);
        let (color, confidence, confidence_color, remark) = match Answer::of(prediction) {
            Answer::Sure(None) => (theme.accent, of(best), theme.text, "sure".to_owned()),
            Answer::Sure(Some(second)) => {
                let remark = format!("or {second}, {}", of(second));
                (theme.accent, of(best), theme.text, remark)
            }
            Answer::Or(second) => {
                let remark = format!("{}, {}", of(best), of(second));
                (theme.uncertain, format!("or {second}?"), theme.uncertain, remark)
            }
            Answer::NoDigit => {
                let remark = format!("or {best}, {}", of(best));
                (theme.muted, "Not a digit?".to_owned(), theme.uncertain, remark)
            }
        };
        let size = 1.16 * layout.prediction.height as f32 / layout.scale;
        let symbol = best.to_string();
        self.text(layout.prediction, &symbol, Face::Display, size, Align::Left, color);
        let is_long = confidence.chars().count() > 8;
        let size = match (beside, is_long) {
            (true, false) => 28.0,
            (true, true) | (false, false) => 18.0,
            (false, true) => 15.0,
        };
        let face = Face::SemiBold;
        self.text(
            layout.confidence,
            &confidence,
            face,
            size,
            Align::Left,
            confidence_color,
        );
        let align = if beside { Align::Left } else { Align::Right };
        self.text(layout.remark, &remark, Face::Medium, 13.0, align, theme.muted);
    }

    /// A sign that the user has taught, as large as its name allows, and how sure the network is.
    fn sign(&mut self, prediction: &Prediction, sign: &SignProbability) {
        let (layout, theme) = (self.layout, self.theme);
        let color = self.prediction_color(prediction);
        let letters = sign.name.as_str().chars().count() as f32;
        let room = layout.prediction;
        let size = (1.16 * room.height as f32).min(1.6 * room.width as f32 / letters.max(1.0)) / layout.scale;
        let name = sign.name.as_str();
        self.text(room, name, Face::SemiBold, size, Align::Left, color);
        let confidence = percent(sign.probability);
        self.text(
            layout.confidence,
            &confidence,
            Face::SemiBold,
            18.0,
            Align::Left,
            theme.text,
        );
        let beside = layout.confidence.x >= room.right();
        let align = if beside { Align::Left } else { Align::Right };
        let digit = prediction.digit();
        let remark = match prediction.known {
            true => "your sign".to_owned(),
            false => format!("or {digit}, {}", percent(prediction.probabilities[usize::from(digit)])),
        };
        self.text(layout.remark, &remark, Face::Medium, 13.0, align, theme.muted);
    }

    /// The digits and marks of a number in their lines, each in the color of its grade, the selected one underlined.
    fn number(&mut self, number: &NumberCells, digits: &[RecognizedDigit], selected: Option<usize>) {
        let (layout, theme) = (self.layout, self.theme);
        let underline = layout.scaled(3.0).round() as i32;
        for (i, (digit, &cell)) in digits.iter().zip(&number.cells).enumerate() {
            let color = match (digit.mark, digit.prediction.known) {
                (Some(_), true) => theme.text,
                (None, true) => theme.accent,
                (_, false) => theme.uncertain,
            };
            if selected == Some(i) && digits.len() > 1 {
                self.items.push(Item::Fill {
                    rect: Rect::new(cell.x, cell.bottom() - underline, cell.width * 9 / 10, underline),
                    radius: 0.5 * underline as f32,
                    color,
                });
            }
            if digit.is_sign() {
                // The display face has digits only.
                let (name, size) = (digit.symbol(), number.size / layout.scale);
                self.text(cell, &name, Face::SemiBold, size, Align::Left, color);
            } else {
                digit
                    .symbol()
                    .chars()
                    .for_each(|character| self.character(character, cell, number.size, color));
            }
        }
        self.results(number);
        let [left, right] = layout.number_remarks;
        // Signs and marks have no probability.
        if let Some(probability) = joint_probability(digits) {
            let probability = percent(probability);
            self.text(left, &probability, Face::SemiBold, 16.0, Align::Left, theme.text);
        }
        let remark = number_remark(digits);
        self.text(right, &remark, Face::Medium, 13.0, Align::Right, theme.muted);
    }

    /// The pixels that the network was given; blank where there are none.
    fn network_input(&mut self, pixels: Option<&Gray28>) {
        let (caption, rect) = (self.layout.network_input_caption, self.layout.network_input);
        self.text(
            caption,
            "Network input",
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
}

/// The probability that all digits of a number are read right; `None` if there is no digit.
fn joint_probability(digits: &[RecognizedDigit]) -> Option<f32> {
    let read = digits.iter().filter(|digit| digit.mark.is_none());
    let probabilities = read.map(|digit| digit.prediction.probability());
    probabilities.reduce(|product, probability| product * probability)
}

/// How many digits there are, and how many of them are not sure.
fn number_remark(digits: &[RecognizedDigit]) -> String {
    let classified = || digits.iter().filter(|digit| digit.is_classified());
    let unsure = classified().filter(|digit| !digit.prediction.known).count();
    match (unsure, classified().count()) {
        (0, 0) => "no digit".to_owned(),
        (0, 1) => "1 digit".to_owned(),
        (0, count) => format!("{count} digits"),
        (unsure, count) => format!("{unsure} of {count} not sure"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{drawing::strokes::CANVAS_BOUNDS, recognition::segmentation::Mark};

    fn digit(probability: f32, mark: Option<Mark>) -> RecognizedDigit {
        let prediction = Prediction {
            probabilities: [probability, 1.0 - probability, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            signs: Vec::new(),
            known: probability > 0.95,
            microseconds: 1.0,
        };
        RecognizedDigit::new([0; 784], prediction, CANVAS_BOUNDS).placed(0, mark)
    }

    #[test]
    fn signs_are_no_digits_and_have_no_probability() {
        let plus = digit(1.0, Some(Mark::Plus));
        let told = |digits: &[RecognizedDigit]| (joint_probability(digits), number_remark(digits));
        assert_eq!(told(std::slice::from_ref(&plus)), (None, "no digit".to_owned()));
        assert_eq!(
            told(&[plus.clone(), digit(1.0, None)]),
            (Some(1.0), "1 digit".to_owned())
        );
        let two = [digit(1.0, None), plus, digit(0.75, None)];
        assert_eq!(told(&two), (Some(0.75), "1 of 2 not sure".to_owned()));
    }
}
