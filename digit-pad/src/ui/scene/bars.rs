//! The bar chart of probabilities, whose rows are buttons.

use crate::{
    drawing::sign::Label,
    format::percent,
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    recognition::prediction::Prediction,
    ui::{
        layout::{BarRow, HitTarget},
        scene::{builder::SceneBuilder, item::Item, status::elided},
        state::State,
    },
};

/// Size of the labels, in pixels at scale 1.
const LABEL: f32 = 15.0;

/// Smallest probability that is drawn as a bar.
const MIN_BAR_PROBABILITY: f32 = 0.005;

impl SceneBuilder<'_> {
    /// The bar chart of the selected digit, with a caption that says which one that is.
    pub(super) fn bars(&mut self, state: &State) {
        let caption = bars_caption(state);
        self.text(
            self.layout.bars_caption,
            &caption,
            Face::Medium,
            13.0,
            Align::Left,
            self.theme.muted,
        );
        let digit = state.selected_digit().filter(|digit| digit.is_classified());
        let prediction = digit.map(|digit| &digit.prediction);
        let values = state.shown_pose().bars;
        for (bar, row) in (0..).zip(&self.layout.bars) {
            let Some(label) = state.label_of_bar(bar) else { continue };
            let target = Some(HitTarget::Bar(bar));
            let is_hovered = state.hovered() == target;
            if is_hovered {
                self.highlight(row.row, [8.0, 7.0], state.pressed() == target);
            }
            let value = values.get(usize::from(bar)).copied().unwrap_or(0.0);
            self.bar(
                &label,
                row,
                prediction.map(|prediction| (prediction, value)),
                is_hovered,
            );
        }
    }

    /// The row of a digit or sign in the bar chart, as long as its value: its percentage, or under the pointer what a click
    /// would label.
    fn bar(&mut self, label: &Label, row: &BarRow, shown: Option<(&Prediction, f32)>, is_hovered: bool) {
        let (theme, radius) = (self.theme, 0.5 * row.track.height as f32);
        // Rows that are close together have smaller text.
        let size = LABEL.min(0.9 * row.digit.height as f32 / self.layout.scale);
        let is_predicted = shown.is_some_and(|(prediction, _)| prediction.label() == *label);
        let text_color = if is_predicted { theme.text } else { theme.muted };
        self.text(
            row.digit,
            &elided(&label.to_string(), row.digit.width as f32 / self.layout.scaled(size)),
            Face::SemiBold,
            size,
            Align::Left,
            text_color,
        );
        self.items.push(Item::Fill {
            rect: row.track,
            radius,
            color: theme.track,
        });
        let Some((prediction, value)) = shown else {
            return self.text(
                row.percent,
                "–",
                Face::Medium,
                size.min(14.0),
                Align::Right,
                theme.muted,
            );
        };
        let probability = prediction.probability_of(label);
        // The shortest bar is a dot: anything narrower would look like a rendering flaw.
        let (shortest, longest) = (row.track.height as f32, row.track.width as f32);
        let width = if value < MIN_BAR_PROBABILITY {
            0.0
        } else {
            shortest + value * (longest - shortest)
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
            return self.text(
                row.percent,
                &answer(label),
                Face::SemiBold,
                13.0,
                Align::Right,
                theme.text,
            );
        }
        let face = if is_predicted { Face::SemiBold } else { Face::Medium };
        self.text(
            row.percent,
            &percent(probability),
            face,
            size.min(14.0),
            Align::Right,
            text_color,
        );
    }
}

/// What a click on the row of a digit or sign says of the drawing.
fn answer(label: &Label) -> String {
    match label {
        Label::Digit(8) => "It's an 8".to_owned(),
        Label::Digit(digit) => format!("It's a {digit}"),
        Label::Sign(_) => "It's this".to_owned(),
    }
}

/// Which digit the bar chart is of.
fn bars_caption(state: &State) -> String {
    match (state.selected_index(), state.digits()) {
        (Some(index), digits) if digits.len() > 1 => {
            let kind = if digits[index].mark.is_some() { "Mark" } else { "Digit" };
            format!("{kind} {} of {}: {}", index + 1, digits.len(), digits[index].symbol())
        }
        _ => "Probabilities".to_owned(),
    }
}
