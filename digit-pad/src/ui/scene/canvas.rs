//! The canvas and the outline of the eraser.

use crate::{
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
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
}
