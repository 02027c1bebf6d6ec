//! The scene of a state: all items that the window shows, from back to front.

mod bars;
mod builder;
mod canvas;
mod card;
mod digit_boxes;
mod equations;
mod hand;
pub mod item;
mod layers;
mod naming;
mod overlays;
mod poster;
mod prediction;
mod status;
mod toolbar;
mod training;
mod why;

use std::sync::Arc;

pub use self::poster::POSTER;
use crate::{
    recognition::twins::Twins,
    teaching::hand::Hand,
    training::progress::Progress,
    ui::{
        layout::{Layout, Panel, TrainingPlaces},
        scene::{builder::SceneBuilder, item::Item},
        state::{Overlay, State},
        theme::Theme,
    },
};

/// The items of a state, from back to front, on a background of [`Theme::background`].
pub fn scene(state: &State, theme: &Theme) -> Vec<Item> {
    let mut scene = SceneBuilder {
        items: Vec::with_capacity(120),
        layout: state.layout(),
        theme,
    };
    scene.canvas(state);
    scene.suggested_stroke(state);
    scene.digit_boxes(state);
    scene.written_answers(state);
    scene.top_bar();
    scene.slider(state.ink().pen());
    for button in &state.layout().buttons {
        scene.button(button, state);
    }
    match (state.layout().active_panel, state.progress()) {
        (Panel::Layers, _) => scene.layers(state),
        (Panel::Training, Some(progress)) => scene.training(progress, state),
        _ => scene.prediction(state),
    }
    scene.status(state);
    scene.close_up(state);
    scene.tooltip(state);
    scene.pen_ring(state);
    match state.overlay() {
        None => {}
        Some(Overlay::Menu) => scene.menu(state),
        Some(Overlay::Examples) => scene.examples(state),
        Some(Overlay::Naming) => scene.naming(state),
        Some(Overlay::Hand) => scene.hand(state),
    }
    if state.offered_undo().is_some() && state.overlay() != Some(Overlay::Menu) {
        scene.undo_button(state);
    }
    scene.focus_ring(state);
    scene.items
}

/// The items of a picture of training as it is at the last snapshot.
pub(super) fn training_picture(
    progress: &Progress,
    layout: &Layout,
    theme: &Theme,
    places: &TrainingPlaces,
) -> Vec<Item> {
    let mut scene = SceneBuilder {
        items: Vec::new(),
        layout,
        theme,
    };
    scene.training_chart(places, progress, progress.snapshots.last().map(Arc::as_ref));
    scene.items
}

/// The items of the poster of a hand, in a frame of [`POSTER`] pixels.
pub(super) fn poster(hand: &Hand, twins: &Twins, layout: &Layout, theme: &Theme) -> Vec<Item> {
    let mut scene = SceneBuilder {
        items: Vec::new(),
        layout,
        theme,
    };
    scene.poster(hand, twins);
    scene.items
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        drawing::strokes::{CANVAS_BOUNDS, Ink},
        geometry::Point,
        graphics::{canvas::Rect, color::Color, text::Text},
        recognition::{activations::Tiles, prediction::Prediction},
        training::progress::Snapshot,
        ui::{action::Action, event::Event, recognized_digit::RecognizedDigit, scene::status::wrapped, state::Opening},
    };

    const THEME: Theme = Theme::DARK;

    fn prediction(known: bool, probabilities: [f32; 10]) -> Prediction {
        Prediction {
            probabilities,
            signs: Vec::new(),
            known,
            microseconds: 43.2,
        }
    }

    /// A window with a dot on the canvas if there is a prediction.
    fn window(width: usize, height: usize, prediction: Option<Prediction>) -> State {
        let mut ink = Ink::new();
        if prediction.is_some() {
            ink.pen_down(Point::new(280.0, 280.0));
            ink.pen_up(Point::new(280.0, 280.0));
        }
        let mut state = State::new(width, height, Opening::Ink(ink));
        let digit = prediction.map(|prediction| {
            RecognizedDigit::new(
                state.network_input().unwrap_or([0; 784]),
                prediction,
                CANVAS_BOUNDS.grown(-264.0),
            )
        });
        state.show_digits(digit.into_iter().collect());
        state
    }

    fn texts(items: &[Item]) -> Vec<(&str, Color)> {
        let text = |item| match item {
            &Item::Text { ref text, color, .. } => Some((text.as_str(), color)),
            _ => None,
        };
        items.iter().filter_map(text).collect()
    }

    /// Digit, color and length of each bar, without the tracks.
    fn bars(items: &[Item], state: &State) -> Vec<(usize, Color, i32)> {
        let rows = state.layout().bars.clone();
        let bar = |item: &Item| match *item {
            Item::Fill { rect, color, .. } if color != THEME.track => {
                let row = rows
                    .iter()
                    .position(|row| (row.track.x, row.track.y) == (rect.x, rect.y))?;
                Some((row, color, rect.width))
            }
            _ => None,
        };
        items.iter().filter_map(bar).collect()
    }

    fn predictions() -> impl Strategy<Value = Prediction> {
        (any::<bool>(), proptest::array::uniform10(0.0..1.0f32), 0.0..5e6f32).prop_map(
            |(known, mut p, microseconds)| {
                p.iter_mut().for_each(|p| *p = p.powi(8));
                let sum: f32 = p.iter().sum::<f32>().max(f32::MIN_POSITIVE);
                Prediction {
                    probabilities: p.map(|p| p / sum),
                    signs: Vec::new(),
                    known,
                    microseconds,
                }
            },
        )
    }

    /// The first text that does not fit its rectangle.
    fn overflow(width: usize, height: usize, prediction: Option<Prediction>) -> Option<String> {
        overflow_in(window(width, height, prediction))
    }

    fn overflow_in(mut state: State) -> Option<String> {
        static TEXT: LazyLock<Text> = LazyLock::new(Text::new);
        let (width, height) = state.layout().window;
        let row = state.layout().bars[8].row;
        state.apply(Event::PointerMoved {
            x: row.x as f32,
            y: row.y as f32,
        });
        scene(&state, &THEME).into_iter().find_map(|item| match item {
            Item::Text { rect, text, style, .. }
                if TEXT.width(&text, style) > rect.width as f32 || TEXT.cap_height(style) > rect.height as f32 =>
            {
                Some(format!("{text:?} in {rect:?} at {width}×{height}"))
            }
            _ => None,
        })
    }

    #[test]
    fn the_widest_predictions_fit_windows_of_every_size() {
        for winner in [0, 4, 8] {
            for (first, second) in [(1.0, 0.0), (0.9994, 0.0), (0.888, 0.112), (0.48, 0.46), (0.508, 0.2)] {
                let mut probabilities = [0.0; 10];
                (probabilities[winner], probabilities[(winner + 4) % 10]) = (first, second);
                for (width, height) in (640..=3840).step_by(19).zip((480..=2160).step_by(53).cycle()) {
                    for (known, height) in [(true, height), (false, height), (true, 480), (false, 480)] {
                        assert_eq!(overflow(width, height, Some(prediction(known, probabilities))), None);
                    }
                }
            }
        }
    }

    #[test]
    fn every_text_fits_screens_for_fingers() {
        for (width, height, density) in [
            (390, 844, 1.0),
            (1170, 2532, 3.0),
            (844, 390, 1.0),
            (750, 1106, 2.0),
            (1024, 768, 1.0),
        ] {
            for prediction in [None, Some(true), Some(false)] {
                for action in [
                    None,
                    Some(Action::Layers),
                    Some(Action::Help),
                    Some(Action::Examples),
                    Some(Action::NameSign),
                ] {
                    let mut probabilities = [0.0; 10];
                    (probabilities[4], probabilities[8]) = (0.888, 0.112);
                    let mut state = window(
                        width,
                        height,
                        prediction.map(|known| self::prediction(known, probabilities)),
                    );
                    state.set_fingers(Some(density));
                    action.map(|action| state.act(action));
                    assert_eq!(overflow_in(state), None, "{action:?} at {density}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_text_fits_its_rectangle(
            width in 640..=3840usize, height in 480..=2160usize, prediction in proptest::option::of(predictions()),
        ) {
            prop_assert_eq!(overflow(width, height, prediction), None);
        }

        #[test]
        fn all_items_lie_in_the_window(
            width in 640..=3840usize, height in 480..=2160usize, prediction in proptest::option::of(predictions()),
        ) {
            let window_rect = Rect::new(0, 0, width as i32, height as i32);
            let mut state = window(width, height, prediction);
            let row = state.layout().bars[9].row;
            state.apply(Event::PointerMoved { x: row.x as f32, y: row.y as f32 });
            for item in scene(&state, &THEME) {
                prop_assert_eq!(item.rect().intersection(&window_rect), item.rect());
            }
        }

        #[test]
        fn the_winner_has_the_longest_bar(prediction in predictions()) {
            let state = window(960, 640, Some(prediction.clone()));
            let items = scene(&state, &THEME);
            let bars = bars(&items, &state);
            let color = if prediction.known { THEME.accent } else { THEME.uncertain };
            let winner = bars.iter().find(|(digit, ..)| *digit == usize::from(prediction.digit())).unwrap();
            prop_assert_eq!(winner.1, color);
            for (digit, bar_color, length) in &bars {
                prop_assert!(*length <= winner.2);
                prop_assert!(*digit == winner.0 || *bar_color == THEME.bar);
            }
        }
    }

    #[test]
    fn the_accuracies_of_a_finished_run_have_their_own_captions() {
        let mut state = window(960, 640, None);
        state.show_progress(Arc::default());
        state.show_progress(Arc::new(Progress {
            finished: true,
            total_steps: 1,
            accuracies: vec![[1.0, 0.5]],
            test_accuracy: Some(0.25),
            snapshots: vec![Arc::new(Snapshot {
                step: 1,
                seconds: 0.1,
                loss: 2.0,
                accuracy: 0.5,
                filters: Arc::new(Tiles {
                    height: 0,
                    width: 0,
                    tiles: Vec::new(),
                }),
                reading: None,
            })],
            ..Progress::default()
        }));
        let items = scene(&state, &THEME);
        let texts: Vec<_> = texts(&items).into_iter().map(|(text, _)| text).collect();
        for caption in ["50.00% on validation", "25.00% on the test set, not in use yet"] {
            assert!(texts.contains(&caption), "{texts:?}");
        }
    }

    #[test]
    fn a_blank_canvas_shows_no_prediction() {
        let state = window(960, 640, None);
        let items = scene(&state, &THEME);
        let colored = |item: &Item| match *item {
            Item::Fill { color, .. } | Item::Outline { color, .. } | Item::Text { color, .. } => {
                color == THEME.accent || color == THEME.uncertain
            }
            _ => false,
        };
        assert!(!items.iter().any(colored));
        assert!(bars(&items, &state).is_empty());
        let texts: Vec<_> = texts(&items).into_iter().map(|(text, _)| text).collect();
        assert_eq!(
            texts.iter().filter(|&&text| text == "–").count(),
            11,
            "one for the prediction and one for each probability"
        );
        assert!(texts.contains(&"Draw here") && !texts.iter().any(|text| text.contains('%')));
        assert!(
            items
                .iter()
                .any(|item| matches!(item, Item::Pixels { pixels, .. } if pixels.iter().all(|&p| p == 0)))
        );
    }

    #[test]
    fn a_prediction_is_shown_with_its_runner_up() {
        let mut probabilities = [0.0; 10];
        (probabilities[7], probabilities[1]) = (0.93, 0.07);
        let items = scene(&window(960, 640, Some(prediction(true, probabilities))), &THEME);
        let texts = texts(&items);
        for expected in [
            ("7", THEME.accent),
            ("93.00%", THEME.text),
            ("or 1, 7.00%", THEME.muted),
        ] {
            assert!(texts.contains(&expected), "{expected:?} in {texts:?}");
        }
        assert!(texts.contains(&("Recognized in 43 µs", THEME.muted)));
        assert!(!texts.iter().any(|(text, _)| *text == "Draw a digit"));
    }

    #[test]
    fn the_row_under_the_pointer_says_what_a_click_labels() {
        for (digit, label) in [(3, "It's a 3"), (8, "It's an 8")] {
            let mut state = window(960, 640, Some(prediction(true, [0.1; 10])));
            let row = state.layout().bars[digit].row;
            let (x, y) = (row.x as f32, row.y as f32);
            let colors = [
                None,
                Some(Event::PointerMoved { x, y }),
                Some(Event::PointerPressed { x, y }),
            ]
            .map(|event| {
                event.map(|event| state.apply(event));
                let items = scene(&state, &THEME);
                let labels = texts(&items).iter().filter(|(text, _)| *text == label).count();
                let background = items.iter().find_map(|item| match *item {
                    Item::Fill { rect, color, .. } if rect.intersection(&row) == row && rect.height == row.height => {
                        Some(color)
                    }
                    _ => None,
                });
                (labels, background)
            });
            let expected = [
                (0, None),
                (1, Some(THEME.button_hover)),
                (1, Some(THEME.button_pressed)),
            ];
            assert_eq!(colors, expected);
        }
    }

    #[test]
    fn the_best_guess_is_large_and_its_color_and_words_say_how_sure_it_is() {
        let graded = |best: f32, second: f32| {
            let mut probabilities = [0.01; 10];
            (probabilities[4], probabilities[9]) = (best, second);
            prediction(false, probabilities)
        };
        for (prediction, expected) in [
            (
                graded(0.52, 0.4),
                [
                    ("4", THEME.uncertain),
                    ("or 9?", THEME.uncertain),
                    ("52.00%, 40.00%", THEME.muted),
                ],
            ),
            (
                graded(0.31, 0.3),
                [
                    ("4", THEME.muted),
                    ("Not a digit?", THEME.uncertain),
                    ("or 4, 31.00%", THEME.muted),
                ],
            ),
        ] {
            let state = window(960, 640, Some(prediction));
            let items = scene(&state, &THEME);
            let texts = texts(&items);
            assert!(expected.iter().all(|text| texts.contains(text)), "{texts:?}");
            let is_large = |item: &Item| matches!(item, Item::Text { text, rect, .. } if text == "4" && *rect == state.layout().prediction);
            assert!(items.iter().any(is_large));
            assert!(texts.contains(&("What is it?", THEME.text)));
        }
    }

    #[test]
    fn the_bars_say_which_digit_of_a_number_they_are_of() {
        let mut state = window(960, 640, Some(prediction(true, [0.1; 10])));
        let caption = |state: &State| {
            let rect = state.layout().bars_caption;
            let items = scene(state, &THEME);
            let texts = items.into_iter().find_map(|item| match item {
                Item::Text { rect: place, text, .. } if place == rect => Some(text),
                _ => None,
            });
            texts.unwrap()
        };
        assert_eq!(caption(&state), "Probabilities");
        let digits = [0.1, 0.5, 0.9].map(|x| {
            let mut digit = state.digits()[0].clone();
            digit.bounds = CANVAS_BOUNDS.grown(-200.0);
            (digit.bounds.left, digit.bounds.right) = (560.0 * x - 20.0, 560.0 * x + 20.0);
            digit
        });
        state.show_digits(digits.into());
        assert_eq!(caption(&state), "Digit 3 of 3: 0");
        let cell = state.number_cells().unwrap().cells[1];
        let (x, y) = (cell.x as f32 + 1.0, cell.y as f32 + 1.0);
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x, y });
        state.apply(Event::PointerMoved { x: 0.0, y: 0.0 });
        assert_eq!(caption(&state), "Digit 2 of 3: 0", "a click selects");
        let digits = state.digits()[..2].to_vec();
        state.show_digits(digits);
        assert_eq!(
            caption(&state),
            "Digit 2 of 2: 0",
            "another drawing selects its last digit"
        );
        assert_eq!(state.chosen, None);
    }

    #[test]
    fn messages_stay_in_their_room() {
        for (width, height) in [(640, 480), (960, 640), (700, 1400), (1920, 1080)] {
            let mut state = window(width, height, Some(prediction(false, [0.1; 10])));
            for words in [1, 8, 30, 100] {
                state.show_message("message ".repeat(words));
                state.offer_undo(Action::UndoExample);
                let items = scene(&state, &THEME);
                let (notice, undo) = (state.layout().notice, state.undo_button());
                let lines = items.iter().filter_map(|item| match item {
                    Item::Text { text, rect, .. } if text.contains("message") => Some(*rect),
                    _ => None,
                });
                for line in lines {
                    assert!(
                        line.intersection(&notice) == line && line.intersection(&undo).is_empty(),
                        "{line:?}"
                    );
                }
                assert!(!texts(&items).iter().any(|(text, _)| *text == "What is it?"));
            }
        }
    }

    #[test]
    fn non_finite_probabilities_do_not_panic() {
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            let prediction = Prediction {
                probabilities: [bad; 10],
                signs: Vec::new(),
                known: true,
                microseconds: bad,
            };
            scene(&window(960, 640, Some(prediction)), &THEME);
        }
    }

    #[test]
    fn long_messages_are_wrapped() {
        let message = "/home/somebody/.local/share/digit-pad/lessons.jsonl, line 2: not a valid drawing, so the file is set aside";
        let lines = wrapped(message, 20.0);
        assert!(
            lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= 35),
            "{lines:?}"
        );
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(message));
        assert_eq!(wrapped("short", 20.0), ["short"]);
        assert_eq!(wrapped("", 20.0), [""]);
        let endless = wrapped(&"x".repeat(500), 20.0);
        assert!(endless.len() == 4 && endless[3].ends_with('…'));
        let mut state = window(640, 480, None);
        state.show_message(message);
        let items = scene(&state, &Theme::DARK);
        assert!(texts(&items).iter().any(|(text, _)| text.ends_with("aside")));
    }
}
