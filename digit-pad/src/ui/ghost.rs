//! The ghost hand that draws digits on a blank canvas until the first touch.

use std::f32::consts::TAU;

use crate::{
    drawing::strokes::CANVAS,
    geometry::Point,
    graphics::canvas::Rect,
    ui::{
        action::Action,
        event::Effects,
        layout::{Button, HitTarget},
        state::State,
    },
};

/// Time that a digit takes, in seconds: drawing, then resting.
const DRAWING: f32 = 1.6;
const CYCLE: f32 = 2.8;

/// Digits that are drawn one after the other; the last one stays.
const DIGITS: u8 = 4;

/// Points of a digit's line.
const POINTS: usize = 64;

/// The line of a ghost so far, in canvas units.
#[derive(Debug, Clone, PartialEq)]
pub struct Ghost {
    /// The line.
    pub line: Vec<Point>,
    /// The tip of the pen, while it draws.
    pub tip: Option<Point>,
}

impl Ghost {
    /// The ghost at a time in seconds since the window opened; it rests at last in its finished form.
    pub fn at(seconds: f32) -> Self {
        let last = f32::from(DIGITS - 1);
        let cycle = (seconds / CYCLE).floor().clamp(0.0, last);
        let share = ((seconds - cycle * CYCLE) / DRAWING).clamp(0.0, 1.0);
        // The hand starts and ends slowly.
        let share = share * share * (3.0 - 2.0 * share);
        let drawn = ((POINTS as f32 * share) as usize).clamp(1, POINTS);
        let line: Vec<Point> = (0..drawn)
            .map(|i| point(cycle as u8, i as f32 / (POINTS - 1) as f32))
            .collect();
        let tip = line.last().copied().filter(|_| share < 1.0);
        Ghost { line, tip }
    }

    /// Whether the ghost has come to rest at that time.
    pub fn rests_at(seconds: f32) -> bool {
        seconds >= f32::from(DIGITS - 1) * CYCLE + DRAWING
    }
}

/// The point at a share of the way along the line of a digit.
fn point(digit: u8, share: f32) -> Point {
    let arc = |(x, y): (f32, f32), (rx, ry): (f32, f32), from: f32, to: f32, share: f32| {
        let (sin, cos) = (TAU * (from + share * (to - from))).sin_cos();
        (x + rx * cos, y + ry * sin)
    };
    let line = |from: (f32, f32), to: (f32, f32), share: f32| {
        (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
    };
    // Coordinates are shares of the canvas.
    let (x, y) = match digit {
        // A 3: two bows.
        0 if share < 0.47 => arc((0.48, 0.33), (0.12, 0.1), -0.42, 0.25, share / 0.47),
        0 => arc((0.48, 0.55), (0.14, 0.12), -0.25, 0.4, (share - 0.47) / 0.53),
        // A 0.
        1 => arc((0.5, 0.44), (0.13, 0.22), -0.25, 0.75, share),
        // A 6: a bow down, and around.
        2 if share < 0.45 => arc((0.62, 0.54), (0.25, 0.33), 0.75, 0.5, share / 0.45),
        2 => arc((0.5, 0.54), (0.13, 0.12), 0.5, -0.5, (share - 0.45) / 0.55),
        // A 2: a bow, a slope and a foot.
        _ if share < 0.45 => arc((0.5, 0.34), (0.13, 0.12), -0.5, 0.08, share / 0.45),
        _ if share < 0.75 => line((0.614, 0.398), (0.37, 0.66), (share - 0.45) / 0.3),
        _ => line((0.37, 0.66), (0.65, 0.66), (share - 0.75) / 0.25),
    };
    Point::new(CANVAS * x, CANVAS * y)
}

impl State {
    /// The ghost, until the canvas is touched or something is on it.
    pub fn ghost(&self) -> Option<Ghost> {
        let seconds = if self.moves() {
            self.ghost_seconds
        } else {
            f32::INFINITY
        };
        self.welcomes().then(|| Ghost::at(seconds.min(1e3)))
    }

    /// Whether the canvas invites to draw: it is blank, and was not touched yet.
    pub fn welcomes(&self) -> bool {
        self.is_blank() && !self.was_touched
    }

    /// Whether the window changes by itself: the caller then calls [`show_time`](State::show_time) for each frame.
    pub fn is_animated(&self) -> bool {
        let is_drawing = self.welcomes() && !Ghost::rests_at(self.ghost_seconds);
        let is_uncovered = self.overlay.is_none();
        self.moves() && (self.is_gliding() || (is_uncovered && (is_drawing || self.is_writing())))
    }

    /// Shows the animation at a time in seconds since the window opened.
    pub fn show_time(&mut self, seconds: f32) -> Effects {
        if seconds.is_nan() {
            return Effects::default();
        }
        self.seconds = Some(seconds);
        self.start_motion(seconds);
        if !self.is_animated() {
            return Effects::default();
        }
        self.ghost_seconds = seconds;
        self.glide_at(seconds);
        self.write_at(seconds)
    }

    /// The buttons on the blank canvas.
    pub(super) fn welcome_buttons(&self) -> [Button; 2] {
        let [_, random, open] = self.layout.welcome;
        [(Action::RandomDigit, random), (Action::Open, open)]
            .map(|(action, rect): (Action, Rect)| Button { action, rect })
    }

    /// The button on the blank canvas at a window position.
    pub(super) fn welcome_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let mut buttons = self.welcome_buttons().into_iter().filter(|_| self.welcomes());
        let button = buttons.find(|button| button.rect.contains(x, y))?;
        Some(HitTarget::Action(button.action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{Command, Event, Opening};

    #[test]
    fn ghosts_draw_smooth_lines_inside_the_canvas_and_come_to_rest() {
        let mut drawn = Vec::new();
        for step in 0..400 {
            let ghost = Ghost::at(step as f32 * 0.05);
            assert!(ghost.line.iter().all(|p| (0.2 * CANVAS..0.8 * CANVAS).contains(&p.x)));
            assert!(ghost.line.iter().all(|p| (0.1 * CANVAS..0.8 * CANVAS).contains(&p.y)));
            assert!(ghost.line.windows(2).all(|pair| pair[0].distance(pair[1]) < 25.0));
            assert!(ghost.tip.is_none() || ghost.tip == ghost.line.last().copied());
            drawn.push(ghost);
        }
        assert!(!Ghost::rests_at(9.9) && Ghost::rests_at(10.1));
        assert!(
            drawn[210..]
                .iter()
                .all(|ghost| *ghost == drawn[399] && ghost.tip.is_none())
        );
    }

    #[test]
    fn the_ghost_is_gone_at_the_first_touch_and_time_ends_when_it_rests() {
        let mut state = State::new(960, 640, Opening::Blank);
        assert_eq!(state.show_time(1.0), Effects::REPAINT);
        assert!(state.ghost().unwrap().tip.is_some());
        state.show_time(11.0);
        assert!(!state.is_animated() && state.ghost() == Some(Ghost::at(1e3)));
        assert_eq!(state.show_time(12.0), Effects::default());
        let canvas = state.layout().canvas;
        let (x, y) = (canvas.x as f32 + 30.0, canvas.y as f32 + 30.0);
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x, y });
        assert_eq!(state.ghost(), None);
        state.act(Action::Clear);
        assert!(state.is_blank() && state.ghost().is_none() && !state.is_animated());
    }

    #[test]
    fn without_motion_the_ghost_is_finished() {
        let mut state = State::new(960, 640, Opening::Blank);
        state.set_motion(false);
        assert!(!state.is_animated() && state.ghost() == Some(Ghost::at(1e3)));
        assert_eq!(state.show_time(1.0), Effects::default());
    }

    #[test]
    fn buttons_on_the_blank_canvas_act_and_draw_nothing() {
        for (i, command) in [(0, Command::RandomDigit), (1, Command::Open)] {
            let mut state = State::new(960, 640, Opening::Blank);
            let rect = state.welcome_buttons()[i].rect;
            let (x, y) = (rect.x as f32 + 3.0, rect.y as f32 + 3.0);
            state.apply(Event::PointerPressed { x, y });
            state.apply(Event::PointerReleased { x, y });
            assert_eq!(state.take_commands(), [command]);
            assert!(state.is_blank());
        }
    }
}
