//! The canvas and the outline of the eraser.

use crate::{
    geometry::Point,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    ui::{
        ghost::Ghost,
        layout::HitTarget,
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
        if let Some(ghost) = state.ghost() {
            self.ghost(&ghost);
            self.welcome(state);
        } else if state.is_blank() {
            let [line, small_line] = self.layout.hint;
            self.text(line, "Draw a digit", Face::Medium, 24.0, Align::Center, self.theme.text);
            let detail = "or several side by side, or write 3+4=";
            self.text(small_line, detail, Face::Medium, 15.0, Align::Center, self.theme.muted);
        }
        if let Some((x, y, radius)) = state.eraser_circle() {
            let color = self.theme.uncertain;
            self.ring([x, y], radius, self.layout.canvas, color);
        }
    }

    /// The ghost's line, and a dot where its pen is.
    fn ghost(&mut self, ghost: &Ghost) {
        let (canvas, unit) = (self.layout.canvas, self.layout.canvas_unit());
        let on_screen = |point: &Point| [point.x / unit, point.y / unit];
        let mut add = |line: Vec<[f32; 2]>, thickness: f32, color: Color| {
            self.items.push(Item::Lines {
                rect: canvas,
                lines: vec![line],
                thickness,
                color,
            });
        };
        let line = ghost.line.iter().map(on_screen).collect();
        add(line, 22.0 / unit, self.theme.track);
        if let Some(tip) = &ghost.tip {
            add(vec![on_screen(tip)], 12.0 / unit, self.theme.muted);
        }
    }

    /// What to do with a blank canvas.
    fn welcome(&mut self, state: &State) {
        let theme = self.theme;
        let invitation = self.layout.welcome[0];
        self.text(invitation, "Draw here", Face::Medium, 15.0, Align::Center, theme.muted);
        let (canvas, gap) = (self.layout.canvas, self.layout.scaled(6.0) as i32);
        let button = self.layout.welcome[1];
        let line = Rect::new(
            canvas.x,
            button.bottom() + gap,
            canvas.width,
            self.layout.scaled(17.0) as i32,
        );
        let detail = "a digit, a number, or 3 + 4 =";
        self.text(line, detail, Face::Medium, 13.0, Align::Center, theme.muted);
        for (button, label) in state.welcome_buttons().iter().zip(["Random digit", "Open a photo"]) {
            let target = Some(HitTarget::Action(button.action));
            let color = self.button_color(state, target);
            self.bordered_box(button.rect, 0.5 * button.rect.height as f32, color);
            self.text(button.rect, label, Face::Medium, 13.0, Align::Center, theme.text);
        }
    }

    /// A circle as large as the pen while its width is being changed.
    pub(super) fn pen_ring(&mut self, state: &State) {
        if let Some((x, y, radius)) = state.pen_circle() {
            let (width, height) = self.layout.window;
            let window = Rect::new(0, 0, width as i32, height as i32);
            self.ring([x, y], radius, window, self.theme.accent);
        }
    }

    /// A circle around a point, as far as it is inside a rectangle.
    fn ring(&mut self, [x, y]: [f32; 2], radius: f32, inside: Rect, color: Color) {
        let reach = radius + 3.0;
        let (left, top) = ((x - reach).floor(), (y - reach).floor());
        let side = (2.0 * reach).ceil() as i32 + 1;
        let point = |step: u8| {
            let (sin, cos) = (f32::from(step) / 32.0 * std::f32::consts::TAU).sin_cos();
            [x - left + radius * cos, y - top + radius * sin]
        };
        self.items.push(Item::Lines {
            rect: Rect::new(left as i32, top as i32, side, side).intersection(&inside),
            lines: vec![(0..=32).map(point).collect()],
            thickness: self.layout.scaled(1.5),
            color,
        });
    }
}
