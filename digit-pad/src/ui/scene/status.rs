//! The status line and messages.

use crate::{
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        layout::Panel,
        scene::{builder::Scene, item::Item},
        state::State,
    },
};

impl Scene<'_> {
    pub(super) fn status(&mut self, state: &State) {
        if let Some(message) = state.message() {
            return self.message(message);
        }
        let status = match (state.selected_digit(), state.progress()) {
            (_, Some(progress)) if self.layout.shown == Panel::Training => {
                let rate = progress.images_per_second;
                format!(
                    "Step {} of {}, {rate:.0} images/s",
                    progress.steps, progress.total_steps
                )
            }
            (Some(digit), _) => format!("Read in {}", duration(digit.prediction.microseconds)),
            (None, _) => "H shows all keys".to_owned(),
        };
        let place = self.layout.status;
        self.text(place, &status, Face::Medium, 13.0, Align::Left, self.theme.muted);
    }

    /// In as many lines as it takes, up from the foot of the panel and over it.
    pub(super) fn message(&mut self, message: &str) {
        let place = self.layout.status;
        let lines = wrapped(message, place.width as f32 / self.layout.scaled(13.0));
        let above = lines.len().saturating_sub(1) as i32;
        if above > 0 {
            let y = place.y - above * place.height;
            self.items.push(Item::Fill {
                rect: Rect::new(place.x, y, place.width, above * place.height),
                radius: 0.0,
                color: self.theme.background,
            });
        }
        for (line, above) in lines.iter().zip((0..=above).rev()) {
            let place = Rect::new(place.x, place.y - above * place.height, place.width, place.height);
            self.text(place, line, Face::Medium, 13.0, Align::Left, self.theme.text);
        }
    }
}

/// The text in lines of so many ems, cut between words where there are any, and at the end where there are too many.
pub(super) fn wrapped(text: &str, ems: f32) -> Vec<String> {
    const MOST_LINES: usize = 4;
    // Letters of the text face are a little more than half an em wide on average.
    let most = ((ems / 0.56) as usize).max(2);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let line = lines.last_mut().expect("there is always a line");
            let used = line.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= most {
                line.extend((gap > 0).then_some(' '));
                line.extend(word.drain(..));
            } else if used == 0 {
                line.extend(word.drain(..most));
            } else {
                lines.push(String::new());
            }
        }
    }
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        let last = &mut lines[MOST_LINES - 1];
        *last = last.chars().take(most - 1).chain(['…']).collect();
    }
    lines
}

pub(super) fn duration(microseconds: f32) -> String {
    match microseconds {
        us if us < 999.5 => format!("{us:.0} µs"),
        us => format!("{:.1} ms", us / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_to_read() {
        let shown = [0.4, 43.2, 999.4, 1_234.0, 2_000_000.0].map(duration);
        assert_eq!(shown, ["0 µs", "43 µs", "999 µs", "1.2 ms", "2000.0 ms"]);
    }
}
