//! The canvas, the eraser outline, and boxes around the digits of a number.

use crate::{
    format::percent,
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        recognized_digit::RecognizedDigit,
        scene::{builder::SceneBuilder, item::Item},
        state::State,
    },
};

impl SceneBuilder<'_> {
    pub(super) fn canvas(&mut self, state: &State) {
        let rect = self.layout.canvas;
        let radius = self.layout.scaled(14.0);
        let (ink, image) = (state.ink().clone(), state.image().cloned());
        self.items.push(Item::Canvas {
            rect,
            radius,
            ink,
            image,
            heat: state.heat(),
        });
        self.outline(rect, radius);
        if state.is_blank() {
            let [line, small_line] = self.layout.hint;
            self.text(line, "Draw a digit", Face::Medium, 24.0, Align::Center, self.theme.text);
            let detail = "or several side by side to form a number";
            self.text(small_line, detail, Face::Medium, 15.0, Align::Center, self.theme.muted);
        }
        if let Some((x, y, radius)) = state.eraser_circle() {
            self.eraser_ring([x, y], radius);
        }
    }

    /// A circle around the area that the eraser covers.
    fn eraser_ring(&mut self, [x, y]: [f32; 2], radius: f32) {
        let reach = radius + 3.0;
        let (left, top) = ((x - reach).floor(), (y - reach).floor());
        let side = (2.0 * reach).ceil() as i32 + 1;
        let point = |step: u8| {
            let (sin, cos) = (f32::from(step) / 32.0 * std::f32::consts::TAU).sin_cos();
            [x - left + radius * cos, y - top + radius * sin]
        };
        self.items.push(Item::Lines {
            rect: Rect::new(left as i32, top as i32, side, side).intersection(&self.layout.canvas),
            lines: vec![(0..=32).map(point).collect()],
            thickness: self.layout.scaled(1.5),
            color: self.theme.uncertain,
        });
    }

    /// Boxes around the digits of a number, each with its prediction.
    pub(super) fn digit_boxes(&mut self, digits: &[RecognizedDigit]) {
        if digits.len() < 2 {
            return;
        }
        for digit in digits {
            let rect = self.layout.on_canvas(digit.bounds.grown(20.0));
            let color = self.prediction_color(&digit.prediction);
            self.items.push(Item::Outline {
                rect,
                radius: self.layout.scaled(8.0),
                thickness: self.layout.scaled(1.5),
                color,
            });
            let height = self.layout.scaled(18.0) as i32;
            let above = rect.y - height - 2;
            let y = if above > self.layout.canvas.y {
                above
            } else {
                rect.y + 3
            };
            let label_rect = Rect::new(rect.x, y, rect.width, height);
            let symbol = digit.symbol();
            // Boxes of neighboring digits may overlap, so a label must fit above its own digit.
            let is_wide = self.layout.on_canvas(digit.bounds).width as f32 > self.layout.scaled(72.0);
            let label = if is_wide && digit.mark.is_none() {
                format!("{symbol}  {}", percent(digit.prediction.probability()))
            } else {
                symbol.to_string()
            };
            self.text(label_rect, &label, Face::SemiBold, 13.0, Align::Center, color);
        }
    }
}
