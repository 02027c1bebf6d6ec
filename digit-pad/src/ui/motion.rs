//! Motion: bars and boxes glide to what they show next, and messages fade in and out, unless motion is off.

use crate::ui::{
    event::Effects,
    glide::{GLIDE, Motion, Pose, eased},
    state::State,
};

impl State {
    /// Turns animations on or off; without them everything is shown finished.
    pub fn set_motion(&mut self, motion: bool) {
        self.has_motion = motion;
    }

    /// Whether the user wants animations.
    pub fn has_motion(&self) -> bool {
        self.has_motion
    }

    /// Whether the desktop or the browser asks for less motion: then there are no animations at all.
    pub fn set_reduced_motion(&mut self, is_reduced: bool) {
        self.is_motion_reduced = is_reduced;
    }

    /// Whether anything may move.
    pub(super) fn moves(&self) -> bool {
        self.has_motion && !self.is_motion_reduced
    }

    /// Switches animations on or off, and says so.
    pub(super) fn switch_motion(&mut self) -> Effects {
        self.has_motion = !self.has_motion;
        self.show_message(match (self.has_motion, self.is_motion_reduced) {
            (true, false) => "Animations are on",
            (true, true) => "Animations are on, but your system asks for reduced motion, so nothing moves",
            (false, _) => "Animations are off",
        });
        Effects::REPAINT
    }

    /// The pose that is to be shown.
    fn pose(&self) -> Pose {
        let selected = self.selected_digit().filter(|digit| digit.is_classified());
        let bars = selected.map_or_else(Vec::new, |digit| {
            let labels = (0..self.layout.bars.len() as u8).map_while(|bar| self.label_of_bar(bar));
            labels.map(|label| digit.prediction.probability_of(&label)).collect()
        });
        Pose {
            bars,
            boxes: self.digits.iter().map(|digit| digit.bounds).collect(),
        }
    }

    /// Where the glide to a pose starts, and how far it has come.
    fn way_to(&self, pose: &Pose) -> (Pose, f32) {
        let motion = &self.glide;
        let Some(now) = motion.now.filter(|_| self.moves()) else {
            return (Pose::default(), 1.0);
        };
        let share = eased(motion.began, now);
        if *pose == motion.to {
            (motion.from.clone(), share)
        } else {
            (motion.to.after(&motion.from, share), 0.0)
        }
    }

    /// The pose that is shown now.
    pub(super) fn shown_pose(&self) -> Pose {
        let pose = self.pose();
        let (from, share) = self.way_to(&pose);
        if share < 1.0 { pose.after(&from, share) } else { pose }
    }

    /// How much of a message is there, from 0 to 1.
    pub(super) fn message_share(&self) -> f32 {
        match self.glide.now.filter(|_| self.moves()) {
            Some(_) if self.glide.message != self.message => 0.0,
            Some(now) => eased(self.glide.message_came, now),
            None => 1.0,
        }
    }

    /// The message that fades out, as nothing has come in its place, and how much of it is there.
    pub(super) fn leaving_message(&self) -> Option<(&str, f32)> {
        let motion = &self.glide;
        let now = motion.now.filter(|_| self.moves() && self.message.is_none())?;
        let (message, share) = match &motion.message {
            Some(message) => (message, 1.0),
            None => (motion.last_message.as_ref()?, 1.0 - eased(motion.message_came, now)),
        };
        (share > 0.0).then_some((message, share))
    }

    /// Whether something glides or fades.
    pub(super) fn is_gliding(&self) -> bool {
        let motion = &self.glide;
        self.moves()
            && motion.now.is_some_and(|now| {
                let is_on_the_way = now < motion.began + GLIDE || now < motion.message_came + GLIDE;
                is_on_the_way || motion.message != self.message || motion.to != self.pose()
            })
    }

    /// Starts the clock, at which everything is where it belongs.
    pub(super) fn start_motion(&mut self, seconds: f32) {
        if self.glide.now.is_none() {
            self.glide = Motion {
                to: self.pose(),
                message: self.message.clone(),
                began: f32::NEG_INFINITY,
                message_came: f32::NEG_INFINITY,
                now: Some(seconds),
                ..Motion::default()
            };
        }
    }

    /// Goes on gliding at a time in seconds since the window opened.
    pub(super) fn glide_at(&mut self, seconds: f32) {
        let pose = self.pose();
        if pose != self.glide.to {
            (self.glide.from, _) = self.way_to(&pose);
            (self.glide.to, self.glide.began) = (pose, seconds);
        }
        if self.glide.message != self.message {
            self.glide.last_message = std::mem::replace(&mut self.glide.message, self.message.clone());
            self.glide.message_came = seconds;
        }
        self.glide.now = Some(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::strokes::{CANVAS_BOUNDS, Ink},
        geometry::{Bounds, Point},
        recognition::prediction::Prediction,
        ui::{
            Action, Opening, RecognizedDigit,
            scene::{item::Item, scene},
            theme::Theme,
        },
    };

    fn digit(seven: f32, left: f32, right: f32) -> RecognizedDigit {
        let mut probabilities = [(1.0 - seven) / 9.0; 10];
        probabilities[7] = seven;
        let prediction = Prediction {
            probabilities,
            signs: Vec::new(),
            known: true,
            microseconds: 1.0,
        };
        let bounds = Bounds {
            left,
            right,
            ..CANVAS_BOUNDS.grown(-100.0)
        };
        RecognizedDigit::new([0; 784], prediction, bounds)
    }

    /// A window whose clock runs, with a digit.
    fn window(digits: Vec<RecognizedDigit>) -> State {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(280.0, 280.0));
        ink.pen_up(Point::new(280.0, 380.0));
        let mut state = State::new(960, 640, Opening::Ink(ink));
        state.show_digits(digits);
        assert_eq!(state.show_time(1.0), Effects::default(), "it begins at rest");
        state
    }

    #[test]
    fn bars_glide_to_new_values_and_come_to_rest() {
        let mut state = window(vec![digit(0.2, 100.0, 400.0)]);
        state.show_digits(vec![digit(0.9, 100.0, 400.0)]);
        assert!(state.is_animated());
        assert_eq!(state.shown_pose().bars[7], 0.2, "it has not begun");
        let mut last = 0.2;
        for step in 0..9 {
            assert_eq!(state.show_time(5.0 + 0.015 * step as f32), Effects::REPAINT);
            let shown = state.shown_pose().bars[7];
            assert!(shown >= last && shown < 0.9, "{shown}");
            last = shown;
        }
        assert!(last > 0.85);
        assert_eq!(state.show_time(5.2), Effects::REPAINT);
        assert_eq!(state.shown_pose().bars[7], 0.9);
        assert!(!state.is_animated());
        assert_eq!(state.show_time(5.3), Effects::default(), "nothing is left to do");
    }

    #[test]
    fn a_glide_turns_where_it_is() {
        let mut state = window(vec![digit(0.0, 100.0, 400.0)]);
        state.show_digits(vec![digit(1.0, 100.0, 400.0)]);
        state.show_time(2.0);
        state.show_time(2.05);
        let at = state.shown_pose().bars[7];
        assert!((0.3..0.9).contains(&at), "{at}");
        state.show_digits(vec![digit(0.5, 100.0, 400.0)]);
        assert_eq!(state.shown_pose().bars[7], at);
        state.show_time(2.06);
        assert_eq!(state.shown_pose().bars[7], at);
    }

    #[test]
    fn a_box_shrinks_slowly_and_never_cuts_its_ink() {
        let mut state = window(vec![digit(0.9, 100.0, 400.0), digit(0.9, 420.0, 500.0)]);
        state.show_digits(vec![digit(0.9, 100.0, 200.0), digit(0.9, 410.0, 540.0)]);
        state.show_time(3.0);
        state.show_time(3.05);
        let boxes = state.shown_pose().boxes;
        assert!((210.0..390.0).contains(&boxes[0].right), "{boxes:?}");
        assert_eq!((boxes[1].left, boxes[1].right), (410.0, 540.0));
        state.show_time(3.2);
        assert_eq!(state.shown_pose().boxes[0].right, 200.0);
    }

    #[test]
    fn messages_fade_in() {
        let mut state = window(vec![digit(0.9, 100.0, 400.0)]);
        assert_eq!(state.message_share(), 1.0);
        state.show_message("Saved");
        assert!(state.is_animated() && state.message_share() == 0.0);
        state.show_time(2.0);
        state.show_time(2.04);
        assert!((0.2..0.9).contains(&state.message_share()));
        state.show_time(2.2);
        assert!(state.message_share() == 1.0 && !state.is_animated());
        assert_eq!(state.leaving_message(), None);
    }

    #[test]
    fn messages_fade_out_unless_something_takes_their_place() {
        let shown = |state: &State| {
            let items = scene(state, &Theme::DARK);
            let color = items.iter().find_map(|item| match item {
                Item::Text { text, color, .. } if text == "Saved" => Some(color.0 & 0xFF),
                _ => None,
            });
            color.unwrap_or(Theme::DARK.background.0 & 0xFF)
        };
        let mut state = window(vec![digit(0.9, 100.0, 400.0)]);
        state.show_message("Saved");
        state.show_time(2.0);
        state.show_time(2.2);
        let full = shown(&state);
        state.clear_message();
        assert!(state.is_animated() && shown(&state) == full);
        state.show_time(3.0);
        state.show_time(3.04);
        let half = shown(&state);
        assert!(
            half < full && half > Theme::DARK.background.0 & 0xFF,
            "{half} of {full}"
        );
        state.show_time(3.2);
        assert!(state.leaving_message().is_none() && !state.is_animated());
        state.show_message("Saved");
        state.show_time(4.0);
        state.clear_message();
        state.show_message("Opened");
        assert_eq!(state.leaving_message(), None);
        state.set_motion(false);
        state.clear_message();
        assert_eq!(state.leaving_message(), None, "nothing moves");
    }

    #[test]
    fn nothing_moves_without_motion_or_where_less_is_asked_for() {
        for is_reduced in [false, true] {
            let mut state = window(vec![digit(0.1, 100.0, 400.0)]);
            state.set_motion(is_reduced);
            state.set_reduced_motion(is_reduced);
            state.show_digits(vec![digit(0.9, 100.0, 200.0)]);
            state.show_message("Saved");
            assert!(!state.is_animated());
            assert_eq!((state.shown_pose().bars[7], state.message_share()), (0.9, 1.0));
            assert_eq!(state.show_time(2.0), Effects::default());
            assert_eq!(state.has_motion(), is_reduced, "what the user wants is kept");
        }
    }

    #[test]
    fn the_action_switches_motion_and_says_so() {
        let mut state = window(Vec::new());
        for message in ["Animations are off", "Animations are on"] {
            state.act(Action::Motion);
            assert_eq!(state.message(), Some(message));
        }
        state.set_motion(false);
        state.set_reduced_motion(true);
        state.act(Action::Motion);
        assert!(state.has_motion() && state.message().unwrap().contains("reduced motion"));
    }
}
