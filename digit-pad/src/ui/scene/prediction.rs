//! The prediction panel: predicted digit or number, network input, and a bar chart of probabilities.

use crate::{
    format::percent,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    recognition::{
        normalization::{Gray28, SIDE},
        prediction::Prediction,
        segmentation::numbers,
    },
    ui::{
        layout::{BarRow, HitTarget},
        recognized_digit::RecognizedDigit,
        scene::{builder::SceneBuilder, item::Item},
        state::State,
    },
};

impl SceneBuilder<'_> {
    /// The prediction panel.
    pub(super) fn prediction(&mut self, state: &State) {
        let selected = state.selected_digit();
        self.predicted_digits(state.digits());
        self.network_input(selected.map(|digit| &digit.pixels));
        for (digit, row) in state.layout().bars.iter().enumerate() {
            let target = Some(HitTarget::Bar(digit as u8));
            let is_hovered = state.hovered() == target;
            if is_hovered {
                self.row_highlight(row, state.pressed() == target);
            }
            self.bar(digit, row, selected.map(|digit| &digit.prediction), is_hovered);
        }
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
    fn predicted_digits(&mut self, digits: &[RecognizedDigit]) {
        let (layout, theme) = (self.layout, self.theme);
        self.text(
            layout.prediction_caption,
            "Prediction",
            Face::Medium,
            13.0,
            Align::Left,
            theme.muted,
        );
        let beside = layout.confidence.x >= layout.prediction.right();
        let align = if beside { Align::Left } else { Align::Right };
        match digits {
            [] => self.text(layout.prediction, "–", Face::Medium, 44.0, Align::Left, theme.muted),
            [RecognizedDigit { prediction, .. }] => self.digit(prediction, beside, align),
            digits => self.number(digits, beside, align),
        }
    }

    /// A single digit with its probability and a remark.
    fn digit(&mut self, prediction: &Prediction, beside: bool, align: Align) {
        let (layout, theme) = (self.layout, self.theme);
        let size = 1.16 * layout.prediction.height as f32 / layout.scale;
        let color = self.prediction_color(prediction);
        self.text(
            layout.prediction,
            &symbol(prediction),
            Face::Display,
            size,
            Align::Left,
            color,
        );
        let (confidence, size, color, remark) = if prediction.known {
            let size = if beside { 28.0 } else { 18.0 };
            (
                percent(prediction.probability()),
                size,
                theme.text,
                runner_up(prediction),
            )
        } else {
            let size = if beside { 18.0 } else { 15.0 };
            let guess = format!("maybe {}, {}", prediction.digit(), percent(prediction.probability()));
            ("Not sure".to_owned(), size, theme.uncertain, guess)
        };
        self.text(layout.confidence, &confidence, Face::SemiBold, size, Align::Left, color);
        let size = if prediction.known { 14.0 } else { 13.0 };
        self.text(layout.remark, &remark, Face::Medium, size, align, theme.muted);
    }

    /// The digits of a number side by side, as large as fits beside the network input.
    fn number(&mut self, digits: &[RecognizedDigit], beside: bool, align: Align) {
        let (layout, theme) = (self.layout, self.theme);
        let number = numbers(digits.iter().map(|digit| (digit.line, digit.symbol()))).join(" ");
        let room = (layout.network_input.x - layout.prediction.x) as f32 - layout.scaled(12.0);
        // A digit of the display face is about 0.68 em wide.
        let fitting = room / (0.68 * number.chars().count() as f32);
        let size = (0.62 * layout.prediction.height as f32).min(fitting) / layout.scale;
        let known = digits.iter().all(|digit| digit.prediction.known);
        let color = if known { theme.accent } else { theme.uncertain };
        let height = if beside {
            layout.prediction.height * 62 / 100
        } else {
            layout.prediction.height
        };
        let number_rect = Rect::new(layout.prediction.x, layout.prediction.y, room as i32, height);
        self.text(number_rect, &number, Face::Display, size, Align::Left, color);
        let read = || digits.iter().filter(|digit| digit.mark.is_none());
        let probability: f32 = read().map(|digit| digit.prediction.probability()).product();
        let (confidence_rect, remark_rect) = if beside {
            let line = layout.scaled(24.0) as i32;
            let y = layout.prediction.bottom() - line;
            let half = (room as i32) / 2;
            (
                Rect::new(layout.prediction.x, y, half, line),
                Rect::new(layout.prediction.x + half, y, half, line),
            )
        } else {
            (layout.confidence, layout.remark)
        };
        self.text(
            confidence_rect,
            &percent(probability),
            Face::SemiBold,
            16.0,
            Align::Left,
            theme.text,
        );
        let remark = if known {
            format!("{} digits", read().count())
        } else {
            "Not sure".to_owned()
        };
        let align = if beside { Align::Right } else { align };
        self.text(remark_rect, &remark, Face::Medium, 13.0, align, theme.muted);
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

    /// The background of a row that a click would act on.
    fn row_highlight(&mut self, row: &BarRow, is_pressed: bool) {
        let (theme, margin) = (self.theme, self.layout.scaled(8.0) as i32);
        self.items.push(Item::Fill {
            rect: Rect::new(
                row.row.x - margin,
                row.row.y,
                row.row.width + 2 * margin,
                row.row.height,
            ),
            radius: self.layout.scaled(7.0),
            color: if is_pressed {
                theme.button_pressed
            } else {
                theme.button_hover
            },
        });
    }

    /// The row of a digit in the bar chart: its percentage, or under the pointer what a click would label.
    fn bar(&mut self, digit: usize, row: &BarRow, prediction: Option<&Prediction>, is_hovered: bool) {
        let (theme, radius) = (self.theme, 0.5 * row.track.height as f32);
        let is_predicted = prediction.is_some_and(|prediction| usize::from(prediction.digit()) == digit);
        let text_color = if is_predicted { theme.text } else { theme.muted };
        self.text(
            row.digit,
            &digit.to_string(),
            Face::SemiBold,
            15.0,
            Align::Left,
            text_color,
        );
        self.items.push(Item::Fill {
            rect: row.track,
            radius,
            color: theme.track,
        });
        let Some(prediction) = prediction else {
            return self.text(row.percent, "–", Face::Medium, 14.0, Align::Right, theme.muted);
        };
        let probability = prediction.probabilities[digit];
        // The shortest bar is a dot: anything narrower would look like a rendering flaw.
        let (shortest, longest) = (row.track.height as f32, row.track.width as f32);
        let width = if probability < MIN_BAR_PROBABILITY {
            0.0
        } else {
            shortest + probability * (longest - shortest)
        };
        let width = width.round() as i32;
        let color = match (is_predicted, prediction.known) {
            (false, _) => theme.bar,
            (true, true) => theme.accent,
            (true, false) => theme.uncertain,
        };
        if width > 0 {
            self.items.push(Item::Fill {
                rect: Rect { width, ..row.track },
                radius,
                color,
            });
        }
        if is_hovered {
            let label = label(digit);
            return self.text(row.percent, &label, Face::SemiBold, 13.0, Align::Right, theme.text);
        }
        let face = if is_predicted { Face::SemiBold } else { Face::Medium };
        self.text(row.percent, &percent(probability), face, 14.0, Align::Right, text_color);
    }
}

/// The predicted digit, or `?` where the network is not sure.
fn symbol(prediction: &Prediction) -> String {
    if prediction.known {
        prediction.digit().to_string()
    } else {
        "?".to_owned()
    }
}

/// What a click on a digit's row says of the drawing.
fn label(digit: usize) -> String {
    let article = if digit == 8 { "an" } else { "a" };
    format!("It's {article} {digit}")
}

/// Smallest probability that is drawn as a bar.
const MIN_BAR_PROBABILITY: f32 = 0.005;

/// A remark on the second most probable digit, or `sure` if its probability is negligible.
fn runner_up(prediction: &Prediction) -> String {
    const NEGLIGIBLE: f32 = 0.02;
    let predicted = usize::from(prediction.digit());
    let others = (0..10).filter(|&digit| digit != predicted);
    let second = others.max_by(|&a, &b| prediction.probabilities[a].total_cmp(&prediction.probabilities[b]));
    match second.map(|digit| (digit, prediction.probabilities[digit])) {
        Some((digit, probability)) if probability >= NEGLIGIBLE => {
            format!("or {digit}, {}", percent(probability))
        }
        _ => "sure".to_owned(),
    }
}
