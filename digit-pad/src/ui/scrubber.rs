//! Back through the time of a training run: the scrubber, and what the panel shows of that time.

use std::sync::Arc;

use crate::{
    format::percent,
    training::progress::{Progress, Snapshot},
    ui::{
        action::Action,
        layout::Panel,
        state::{Held, State},
    },
};

impl State {
    /// The step that the training panel shows, if it is not the last one.
    pub fn scrubbed_step(&self) -> Option<u64> {
        self.scrubbed
    }

    /// The snapshot that the training panel shows.
    pub fn shown_snapshot(&self) -> Option<&Arc<Snapshot>> {
        let progress = self.progress.as_ref()?;
        match self.scrubbed {
            Some(step) => progress.snapshot_at(step),
            None => progress.snapshots.last(),
        }
    }

    /// Which network reads, if it is not the one that the window opened with.
    pub fn network_in_use(&self) -> Option<String> {
        let accuracy = self.trained_in_use?;
        Some(format!("Your network, {}", percent(accuracy)))
    }

    /// Accuracy on the test set of a trained network that waits to be taken into use.
    pub(super) fn waiting_accuracy(&self) -> Option<f32> {
        let progress = self.progress.as_ref().filter(|progress| progress.finished)?;
        progress.test_accuracy.filter(|_| !self.is_adopted)
    }

    /// Whether a press at a window position takes hold of the scrubber.
    pub(super) fn is_over_scrubber(&self, x: f32, y: f32) -> bool {
        let has_time = self
            .progress
            .as_ref()
            .is_some_and(|progress| progress.snapshots.len() > 1);
        has_time && self.layout.active_panel == Panel::Training && self.layout.training().is_over_time(x, y)
    }

    /// Moves the scrubber to a window position; at the last snapshot it follows training again.
    pub(super) fn scrub(&mut self, x: f32) {
        self.held = Some(Held::Scrubber);
        let share = self.layout.training().share_at(x);
        self.scrubbed = self.progress.as_deref().and_then(|progress| past_step(progress, share));
    }

    /// The buttons below the training panel: to steer training, or to choose what follows it.
    pub(super) fn offer_training_actions(&mut self) {
        let is_finished = self.progress.as_ref().is_some_and(|progress| progress.finished);
        self.layout.offer(if is_finished {
            [Action::UseNetwork, Action::RestoreBuiltIn, Action::SaveGif]
        } else {
            [Action::Pause, Action::SlowMotion, Action::Stop]
        });
    }
}

/// The step at a share of a run; `None` at the last step so far and after it.
fn past_step(progress: &Progress, share: f32) -> Option<u64> {
    let step = (share * progress.total_steps as f32).round() as u64;
    let last = progress.snapshots.last()?.step;
    // The last hundredth of the run counts as its end.
    (step + progress.total_steps / 100 < last).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graphics::canvas::Rect,
        recognition::activations::Tiles,
        training::progress::Reading,
        ui::{Command, Effects, Event, Opening, Painter},
    };

    fn progress(steps: u64) -> Progress {
        let mut progress = Progress {
            steps,
            total_steps: 1_000,
            batch: 64,
            accuracies: vec![[steps as f32, 0.9]],
            ..Progress::default()
        };
        for step in (0..=steps).step_by(50) {
            let mut probabilities = [0.0; 10];
            probabilities[(step / 50 % 10) as usize] = 1.0;
            progress.keep(Snapshot {
                step,
                seconds: step as f32 / 100.0,
                loss: 0.5,
                accuracy: 0.9,
                filters: Arc::new(Tiles {
                    height: 2,
                    width: 2,
                    tiles: vec![vec![step as f32, -1.0, 1.0, 500.0]; 4],
                }),
                reading: Some(Reading {
                    pixels: Arc::new([0; 784]),
                    is_test_digit: false,
                    probabilities,
                }),
            });
        }
        progress
    }

    fn training(steps: u64) -> State {
        let mut state = State::new(960, 640, Opening::Blank);
        state.show_progress(Arc::new(progress(steps)));
        state
    }

    fn at(state: &State, share: f32) -> (f32, f32) {
        let places = state.layout().training();
        let y = places.scrubber.y as f32 + 3.0;
        (places.plot.x as f32 + share * places.plot.width as f32, y)
    }

    #[test]
    fn dragging_goes_back_and_the_right_end_returns_to_live() {
        let mut state = training(500);
        assert_eq!(state.shown_snapshot().unwrap().step, 500);
        let (x, y) = at(&state, 0.2);
        assert_eq!(state.apply(Event::PointerPressed { x, y }), Effects::REPAINT);
        assert_eq!(
            (state.scrubbed_step(), state.shown_snapshot().unwrap().step),
            (Some(200), 200)
        );
        let (x, y) = at(&state, 0.33);
        assert_eq!(state.apply(Event::PointerMoved { x, y: y + 300.0 }), Effects::REPAINT);
        assert_eq!(state.shown_snapshot().unwrap().step, 300);
        state.apply(Event::PointerReleased { x, y });
        state.show_progress(Arc::new(progress(600)));
        assert_eq!(
            state.shown_snapshot().unwrap().step,
            300,
            "it stays while training goes on"
        );
        let (x, y) = at(&state, 0.9);
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x, y });
        assert_eq!(
            (state.scrubbed_step(), state.shown_snapshot().unwrap().step),
            (None, 600)
        );
        assert_eq!(
            state.apply(Event::PointerMoved { x: x - 50.0, y }),
            Effects::default(),
            "released"
        );
    }

    #[test]
    fn bars_filters_and_marks_are_those_of_the_time_that_is_shown() {
        let mut state = training(500);
        let places = state.layout().training();
        let width = state.layout().window.0;
        let painted = |state: &State| {
            let mut painter = Painter::new();
            painter.paint(state);
            painter.pixels().to_vec()
        };
        let live = painted(&state);
        let (x, y) = at(&state, 0.2);
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x, y });
        let past = painted(&state);
        let differs = |part: Rect| {
            let inside = |i: usize| part.contains((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
            (0..live.len()).any(|i| inside(i) && live[i] != past[i])
        };
        for part in [
            places.title,
            places.guess,
            places.bars,
            places.plot,
            places.scrubber,
            places.filters,
        ] {
            assert!(differs(part), "{part:?}");
        }
        for part in [places.drawing, places.marks, places.labels, state.layout().canvas] {
            assert!(!differs(part), "{part:?}");
        }
    }

    #[test]
    fn a_new_run_is_shown_live() {
        let mut state = training(500);
        let (x, y) = at(&state, 0.2);
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x, y });
        state.show_progress(Arc::default());
        assert_eq!(state.scrubbed_step(), None);
    }

    #[test]
    fn the_buttons_change_when_training_ends() {
        let mut state = training(500);
        let actions = |state: &State| -> Vec<Action> {
            let buttons = &state.layout().buttons;
            buttons[buttons.len() - 3..]
                .iter()
                .map(|button| button.action)
                .collect()
        };
        assert_eq!(actions(&state), [Action::Pause, Action::SlowMotion, Action::Stop]);
        assert!(state.is_enabled(Action::SlowMotion) && !state.is_enabled(Action::UseNetwork));
        state.show_progress(Arc::new(Progress {
            finished: true,
            test_accuracy: Some(0.987),
            ..progress(1_000)
        }));
        assert_eq!(
            actions(&state),
            [Action::UseNetwork, Action::RestoreBuiltIn, Action::SaveGif]
        );
    }

    #[test]
    fn a_trained_network_is_in_use_from_the_click_on_until_the_built_in_one_is_restored() {
        let ended = |accuracy| Progress {
            finished: true,
            test_accuracy: accuracy,
            ..progress(1_000)
        };
        let mut state = training(500);
        state.show_progress(Arc::new(ended(None)));
        assert!(
            !state.is_enabled(Action::UseNetwork),
            "a run that has failed has no network"
        );
        state.show_progress(Arc::new(ended(Some(0.987))));
        assert_eq!(state.network_in_use(), None);
        state.act(Action::UseNetwork);
        assert_eq!(state.take_commands(), [Command::UseNetwork]);
        assert_eq!(state.layout().active_panel, Panel::Prediction);
        assert_eq!(state.network_in_use().as_deref(), Some("Your network, 98.70%"));
        assert!(!state.is_enabled(Action::UseNetwork));
        // Another run changes nothing before it is taken, too.
        state.show_progress(Arc::new(progress(0)));
        state.show_progress(Arc::new(ended(Some(0.99))));
        assert_eq!(state.network_in_use().as_deref(), Some("Your network, 98.70%"));
        assert!(state.is_enabled(Action::UseNetwork));
        state.act(Action::RestoreBuiltIn);
        assert_eq!(state.take_commands(), [Command::RestoreBuiltIn]);
        assert!(state.network_in_use().is_none() && !state.is_enabled(Action::RestoreBuiltIn));
    }
}
