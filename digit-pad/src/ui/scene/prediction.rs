//! The panel of the prediction: answer, network input and a bar for each digit.

use crate::{
    format::short_percent,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    recognition::{
        normalization::{Gray28, SIDE},
        prediction::Prediction,
    },
    ui::{
        layout::BarRow,
        scene::{builder::Scene, item::Item},
        state::{RecognizedDigit, State},
    },
};

impl Scene<'_> {
    pub(super) fn prediction(&mut self, state: &State) {
        let shown = state.selected_digit();
        self.answer(state.digits());
        self.seen(shown.map(|digit| &digit.pixels));
        for (digit, row) in state.layout().bars.iter().enumerate() {
            self.bar(digit, row, shown.map(|digit| &digit.prediction));
        }
    }

    pub(super) fn answer_color(&self, prediction: &Prediction) -> Color {
        if prediction.known {
            self.theme.accent
        } else {
            self.theme.doubt
        }
    }

    pub(super) fn answer(&mut self, digits: &[RecognizedDigit]) {
        let (layout, theme) = (self.layout, self.theme);
        let caption = if digits.len() > 1 { "The number" } else { "Answer" };
        self.text(
            layout.answer_caption,
            caption,
            Face::Medium,
            13.0,
            Align::Left,
            theme.muted,
        );
        let beside = layout.certainty.x >= layout.answer.right();
        let align = if beside { Align::Left } else { Align::Right };
        match digits {
            [] => self.text(layout.answer, "–", Face::Medium, 44.0, Align::Left, theme.muted),
            [RecognizedDigit { prediction, .. }] => self.one_answer(prediction, beside, align),
            digits => self.number(digits, beside, align),
        }
    }

    pub(super) fn one_answer(&mut self, prediction: &Prediction, beside: bool, align: Align) {
        let (layout, theme) = (self.layout, self.theme);
        let size = 1.16 * layout.answer.height as f32 / layout.scale;
        let color = self.answer_color(prediction);
        self.text(
            layout.answer,
            &answer(prediction),
            Face::Display,
            size,
            Align::Left,
            color,
        );
        let (certainty, size, color, verdict) = if prediction.known {
            let size = if beside { 28.0 } else { 18.0 };
            (
                short_percent(prediction.probability()),
                size,
                theme.text,
                runner_up(prediction),
            )
        } else {
            let size = if beside { 18.0 } else { 15.0 };
            let guess = format!(
                "perhaps {}, {}",
                prediction.digit(),
                short_percent(prediction.probability())
            );
            ("I don’t know".to_owned(), size, theme.doubt, guess)
        };
        self.text(layout.certainty, &certainty, Face::SemiBold, size, Align::Left, color);
        let size = if prediction.known { 14.0 } else { 13.0 };
        self.text(layout.verdict, &verdict, Face::Medium, size, align, theme.muted);
    }

    /// The digits side by side, as large as there is room before the picture that the network sees.
    pub(super) fn number(&mut self, digits: &[RecognizedDigit], beside: bool, align: Align) {
        let (layout, theme) = (self.layout, self.theme);
        let number: String = digits.iter().map(|digit| answer(&digit.prediction)).collect();
        let room = (layout.seen.x - layout.answer.x) as f32 - layout.scaled(12.0);
        // A digit of the display face is some two thirds as wide as its size.
        let widest = room / (0.68 * number.chars().count() as f32);
        let size = (0.62 * layout.answer.height as f32).min(widest) / layout.scale;
        let known = digits.iter().all(|digit| digit.prediction.known);
        let color = if known { theme.accent } else { theme.doubt };
        let height = if beside {
            layout.answer.height * 62 / 100
        } else {
            layout.answer.height
        };
        let place = Rect::new(layout.answer.x, layout.answer.y, room as i32, height);
        self.text(place, &number, Face::Display, size, Align::Left, color);
        let together: f32 = digits.iter().map(|digit| digit.prediction.probability()).product();
        let (certainty, verdict) = if beside {
            let line = layout.scaled(24.0) as i32;
            let y = layout.answer.bottom() - line;
            let half = (room as i32) / 2;
            (
                Rect::new(layout.answer.x, y, half, line),
                Rect::new(layout.answer.x + half, y, half, line),
            )
        } else {
            (layout.certainty, layout.verdict)
        };
        self.text(
            certainty,
            &short_percent(together),
            Face::SemiBold,
            16.0,
            Align::Left,
            theme.text,
        );
        let verdict_text = if known {
            format!("{} digits", digits.len())
        } else {
            "not sure".to_owned()
        };
        let align = if beside { Align::Right } else { align };
        self.text(verdict, &verdict_text, Face::Medium, 13.0, align, theme.muted);
    }

    pub(super) fn seen(&mut self, pixels: Option<&Gray28>) {
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

    pub(super) fn bar(&mut self, digit: usize, row: &BarRow, prediction: Option<&Prediction>) {
        let (theme, radius) = (self.theme, 0.5 * row.track.height as f32);
        let wins = prediction.is_some_and(|prediction| usize::from(prediction.digit()) == digit);
        let strong = if wins { theme.text } else { theme.muted };
        self.text(row.digit, &digit.to_string(), Face::SemiBold, 15.0, Align::Left, strong);
        self.items.push(Item::Fill {
            rect: row.track,
            radius,
            color: theme.track,
        });
        let Some(prediction) = prediction else {
            return self.text(row.percent, "–", Face::Medium, 14.0, Align::Right, theme.muted);
        };
        let probability = prediction.probabilities[digit];
        // A bar begins as a dot: a sliver of one would look like a flaw.
        let (least, most) = (row.track.height as f32, row.track.width as f32);
        let width = if probability < WORTH_A_DOT {
            0.0
        } else {
            least + probability * (most - least)
        };
        let width = width.round() as i32;
        let color = match (wins, prediction.known) {
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
        self.text(
            row.percent,
            &short_percent(probability),
            face,
            14.0,
            Align::Right,
            strong,
        );
    }
}

/// What the answer's large letter is.
pub(super) fn answer(prediction: &Prediction) -> String {
    if prediction.known {
        prediction.digit().to_string()
    } else {
        "?".to_owned()
    }
}

/// The least probability that has a bar.
pub(super) const WORTH_A_DOT: f32 = 0.005;

/// The second most probable digit, where it is worth a word.
pub(super) fn runner_up(prediction: &Prediction) -> String {
    const WORTH_A_WORD: f32 = 0.02;
    let winner = usize::from(prediction.digit());
    let others = (0..10).filter(|&digit| digit != winner);
    let second = others.max_by(|&a, &b| prediction.probabilities[a].total_cmp(&prediction.probabilities[b]));
    match second.map(|digit| (digit, prediction.probabilities[digit])) {
        Some((digit, probability)) if probability >= WORTH_A_WORD => {
            format!("or {digit}, {}", short_percent(probability))
        }
        _ => "sure".to_owned(),
    }
}
