//! The status line: timing, training speed and messages.

use crate::{
    format::{grouped, percent},
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        action::Action,
        layout::{HitTarget, Panel},
        scene::builder::SceneBuilder,
        state::State,
    },
};

/// Letters of the text face are that wide on average, in em.
const LETTER: f32 = 0.56;

impl SceneBuilder<'_> {
    /// The status line.
    pub(super) fn status(&mut self, state: &State) {
        if state.asks() {
            return self.question(state);
        }
        if let Some(message) = state.message() {
            let button = state.offered_undo().map_or(0, |_| state.undo_button().width);
            return self.message(message, button, state.message_share());
        }
        if let Some((message, share)) = state.leaving_message() {
            let button = state.offered_undo.map_or(0, |_| state.undo_button().width);
            return self.message(message, button, share);
        }
        if let Some(words) = state.why_in_words() {
            return self.message(&words, 0, 1.0);
        }
        if let Some(equation) = state.told_equation() {
            return self.sentence(&equation.sentence());
        }
        let status = match (state.selected_digit(), state.progress()) {
            (_, Some(progress)) if self.layout.active_panel == Panel::Training => match progress.test_accuracy {
                Some(accuracy) => {
                    let use_of_it = if state.waiting_accuracy().is_some() {
                        "not in use yet"
                    } else {
                        "in use"
                    };
                    format!("{} on the test set, {use_of_it}", percent(accuracy))
                }
                None => format!(
                    "Step {} of {} · {} images/s",
                    grouped(progress.steps),
                    grouped(progress.total_steps),
                    grouped(progress.images_per_second as u64)
                ),
            },
            (Some(digit), _) => match state.network_in_use() {
                Some(network) => format!("{network} · {}", duration(digit.prediction.microseconds)),
                None => format!("Recognized in {}", duration(digit.prediction.microseconds)),
            },
            (None, _) => {
                let help = || self.hint("Press H for help", "Ready").to_owned();
                state.network_in_use().unwrap_or_else(help)
            }
        };
        let rect = self.layout.status;
        self.text(rect, &status, Face::Medium, 13.0, Align::Left, self.theme.muted);
    }

    /// A message in as many lines as it takes, around the status line as far as its room allows. A button of that width may
    /// follow it. `share` is how much of it has faded in.
    pub(super) fn message(&mut self, message: &str, button: i32, share: f32) {
        let (notice, status) = (self.layout.notice, self.layout.status);
        let width = status.width - button;
        let lines = wrapped(message, width as f32 / self.layout.scaled(13.0));
        let height = notice.height / MAX_LINES as i32;
        let all = height * lines.len() as i32;
        let top = (status.y + (status.height - all) / 2).min(notice.bottom() - all);
        for (line, i) in lines.iter().zip(0..) {
            let rect = Rect::new(status.x, top + i * height, width, height);
            let color = self.theme.background.under(self.theme.text, (255.0 * share) as u8);
            self.text(rect, line, Face::Medium, 13.0, Align::Left, color);
        }
    }

    /// The question what the selected digit is, with ten answers.
    fn question(&mut self, state: &State) {
        let (layout, theme) = (self.layout, self.theme);
        self.text(
            layout.question,
            &state.asked(),
            Face::SemiBold,
            13.0,
            Align::Left,
            theme.text,
        );
        let name = Some(HitTarget::Action(Action::NameSign));
        let color = if state.hovered() == name {
            theme.text
        } else {
            theme.accent
        };
        let rect = layout.name_answer;
        self.text(rect, "Something else…", Face::SemiBold, 13.0, Align::Right, color);
        self.digit_buttons(layout.answers, state);
    }

    /// Ten buttons that say which digit it is.
    pub(super) fn digit_buttons(&mut self, places: [Rect; 10], state: &State) {
        let (layout, theme) = (self.layout, self.theme);
        for (digit, rect) in (0..).zip(places) {
            let target = Some(HitTarget::Answer(digit));
            let color = self.button_color(state, target);
            self.bordered_box(rect, layout.scaled(7.0), color);
            let text = digit.to_string();
            self.text(rect, &text, Face::SemiBold, 15.0, Align::Center, theme.text);
        }
    }
}

/// Lines that a message may take.
const MAX_LINES: usize = 4;

/// Wraps text to lines of `ems`, between words where possible; text past the last line ends in an ellipsis.
pub(super) fn wrapped(text: &str, ems: f32) -> Vec<String> {
    let columns = ((ems / LETTER) as usize).max(2);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let line = lines.last_mut().expect("there is always a line");
            let used = line.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= columns {
                line.extend((gap > 0).then_some(' '));
                line.extend(word.drain(..));
            } else if used == 0 {
                line.extend(word.drain(..columns));
            } else {
                lines.push(String::new());
            }
        }
    }
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        let last = &mut lines[MAX_LINES - 1];
        *last = last.chars().take(columns - 1).chain(['…']).collect();
    }
    lines
}

/// Text that fits `ems`; what does not fit ends in an ellipsis.
pub(super) fn elided(text: &str, ems: f32) -> String {
    let columns = (ems / LETTER) as usize;
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// A duration in µs or ms.
fn duration(microseconds: f32) -> String {
    match microseconds {
        us if us < 999.5 => format!("{us:.0} µs"),
        us => format!("{:.1} ms", us / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_fitting_units() {
        let shown = [0.4, 43.2, 999.4, 1_234.0, 2_000_000.0].map(duration);
        assert_eq!(shown, ["0 µs", "43 µs", "999 µs", "1.2 ms", "2000.0 ms"]);
    }
}
