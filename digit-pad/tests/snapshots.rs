//! Snapshots of the window in each of its states. `UPDATE_SNAPSHOTS=1` rewrites the images; review them before
//! committing.

use std::{path::PathBuf, sync::Arc};

use digit_pad::{
    drawing::{
        sign::{Label, SignName},
        strokes::Ink,
    },
    geometry::{Bounds, Point},
    recognition::{
        activations::{LayerActivation, Tiles},
        example::Example,
        layer_info::LayerInfo,
        prediction::{Prediction, SignProbability},
        recognizer::Recognizer,
        segmentation::{InkDigit, segment_ink},
        twins::find_twins,
    },
    teaching::examples::Examples,
    training::progress::{Progress, Reading, Snapshot},
    ui::{Action, Effects, Event, ExampleView, Key, Modifiers, Opening, Painter, RecognizedDigit, State, poster},
};
use image::{
    Rgb, RgbImage,
    imageops::{self, FilterType},
};
use mnist_io::{Mnist, Split};

/// Largest difference of a color channel: machines round differently.
const TOLERANCE: u8 = 6;

fn seven(left: f32) -> Ink {
    let mut ink = Ink::new();
    ink.pen_down(Point::new(left, 150.0));
    ink.pen_move(Point::new(left + 190.0, 150.0));
    ink.pen_up(Point::new(left + 70.0, 430.0));
    ink
}

fn prediction(digit: usize, probability: f32, known: bool) -> Prediction {
    let mut probabilities = [(1.0 - probability) / 16.0; 10];
    probabilities[digit] = probability;
    probabilities[(digit + 4) % 10] += (1.0 - probability) * 7.0 / 16.0;
    Prediction {
        probabilities,
        signs: Vec::new(),
        known,
        microseconds: 61.0,
    }
}

/// A drawing that reads as the second of these signs.
fn signed(names: &[&str], probability: f32) -> Prediction {
    let sign = |(place, text): (usize, &&str)| SignProbability {
        name: SignName::new(text).expect("a short name"),
        probability: if place == 1 { probability } else { 0.001 },
    };
    Prediction {
        probabilities: prediction(7, 0.9, true)
            .probabilities
            .map(|digit| digit * (1.0 - probability)),
        signs: names.iter().enumerate().map(sign).collect(),
        known: probability > 0.95,
        microseconds: 64.0,
    }
}

fn drawn(size: (usize, usize), predictions: &[Prediction]) -> State {
    let mut state = State::new(size.0, size.1, Opening::Ink(seven(180.0)));
    let pixels = state.network_input().expect("something is drawn");
    let width = 190.0 / predictions.len() as f32;
    let digit = |(i, prediction): (usize, &Prediction)| {
        let bounds = Bounds {
            left: 180.0 + i as f32 * width,
            top: 150.0,
            right: 180.0 + (i + 1) as f32 * width,
            bottom: 430.0,
        };
        RecognizedDigit::new(pixels, prediction.clone(), bounds)
    };
    state.show_digits(predictions.iter().enumerate().map(digit).collect());
    state
}

/// The lines of `3+4=` and of an answer 8, from the left side of each character on, 130 high.
const CHARACTERS: [&[&[(f32, f32)]]; 5] = [
    &[&[
        (4.0, 14.0),
        (30.0, 0.0),
        (62.0, 16.0),
        (48.0, 50.0),
        (26.0, 60.0),
        (58.0, 72.0),
        (70.0, 104.0),
        (36.0, 130.0),
        (0.0, 112.0),
    ]],
    &[&[(28.0, 38.0), (28.0, 94.0)], &[(0.0, 66.0), (56.0, 66.0)]],
    &[
        &[(46.0, 0.0), (0.0, 84.0), (80.0, 80.0)],
        &[(58.0, 44.0), (52.0, 130.0)],
    ],
    &[&[(0.0, 52.0), (52.0, 50.0)], &[(0.0, 82.0), (52.0, 80.0)]],
    &[&[
        (64.0, 20.0),
        (30.0, 0.0),
        (10.0, 24.0),
        (60.0, 84.0),
        (52.0, 122.0),
        (20.0, 126.0),
        (6.0, 96.0),
        (46.0, 56.0),
        (66.0, 22.0),
    ]],
];

/// The first characters of `3+4=8` on the canvas, as they are read.
fn sum(size: (usize, usize), count: usize) -> State {
    let mut ink = Ink::new();
    ink.set_pen(16.0);
    for (lines, left) in CHARACTERS.iter().take(count).zip([34.0, 128.0, 212.0, 316.0, 392.0]) {
        for line in *lines {
            let at = |&(x, y): &(f32, f32)| Point::new(left + x, 200.0 + y);
            ink.pen_down(at(&line[0]));
            line[1..].iter().for_each(|point| {
                ink.pen_move(at(point));
            });
            ink.lift();
        }
    }
    let mut state = State::new(size.0, size.1, Opening::Ink(ink));
    let found = segment_ink(state.ink(), &mut Recognizer::embedded().expect("a recognizer"));
    let digit = |found: InkDigit| {
        // A probability that is the same on all machines.
        let prediction = prediction(found.prediction.digit().into(), 0.998, found.prediction.known);
        RecognizedDigit::new(found.pixels, prediction, found.bounds).placed(found.line, found.mark)
    };
    state.show_digits(found.into_iter().map(digit).collect());
    state.set_motion(false);
    state
}

fn tiles(count: usize, side: usize) -> Arc<Tiles> {
    let value = |i: usize| ((i * 37 % 101) as f32 / 50.0 - 1.0).powi(3);
    Arc::new(Tiles {
        height: side,
        width: side,
        tiles: (0..count)
            .map(|t| (0..side * side).map(|i| value(t * 7 + i * 3)).collect())
            .collect(),
    })
}

const NETWORK: &str =
    "28x28x1 | conv 16 5x5 | relu | maxpool 2 | conv 64 3x3 | batchnorm | relu | dense 128 | relu | dense 10";

fn network_layers() -> Arc<Vec<LayerInfo>> {
    Arc::new(LayerInfo::of(&NETWORK.parse().expect("a network")))
}

fn activations() -> Vec<LayerActivation> {
    let layers = network_layers();
    let activation = |layer: &LayerInfo| LayerActivation::new(Tiles::clone(&tiles(layer.count, layer.size.0)));
    layers.iter().map(activation).collect()
}

fn progress() -> Progress {
    let steps = || (0..=30).map(|i| i * 10);
    let (loss, accuracy) = (
        |step: f32| 0.5 + 1.8 / (1.0 + step / 20.0),
        |step: f32| 1.0 - 0.9 / (1.0 + step / 8.0),
    );
    let mut progress = Progress {
        steps: 300,
        total_steps: 469,
        batch: 128,
        seconds: 0.8,
        images_per_second: 24_000.0,
        losses: steps().map(|step| [step as f32, loss(step as f32)]).collect(),
        accuracies: steps().map(|step| [step as f32, accuracy(step as f32)]).collect(),
        ..Progress::default()
    };
    let pixels = Arc::new(drawn((960, 640), &[prediction(7, 0.9, true)]).digits()[0].pixels);
    for step in steps() {
        let guess = if step < 30 { 2 } else { 7 };
        progress.keep(Snapshot {
            step,
            seconds: step as f32 / 375.0,
            loss: loss(step as f32),
            accuracy: accuracy(step as f32),
            filters: tiles(16, 5),
            reading: Some(Reading {
                pixels: Arc::clone(&pixels),
                is_test_digit: false,
                probabilities: prediction(guess, 1.0 - 0.8 / (1.0 + step as f32 / 25.0), true).probabilities,
            }),
        });
    }
    progress
}

/// Examples of these digits: drawings of a pen on a tablet.
fn drawn_examples(counts: [usize; 10]) -> Vec<ExampleView> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/pen-digits.jsonl");
    let examples = Examples::load(&path).expect("drawings");
    let mut left = counts;
    let wanted = examples.iter().filter(|example| {
        let left = &mut left[usize::from(example.digit().expect("a digit"))];
        let is_wanted = *left > 0;
        *left = left.saturating_sub(1);
        is_wanted
    });
    let view = |example: &Example| ExampleView {
        pixels: example.image(),
        label: example.label().clone(),
        ink: example.ink().cloned(),
    };
    wanted.map(view).collect()
}

/// The page of a hand that has drawn so many examples of each digit, and its twins if they are found.
fn hand(size: (usize, usize), counts: [usize; 10], has_twins: bool) -> State {
    let mut state = drawn(size, &[prediction(7, 0.993, true)]);
    let set = Mnist::embedded_split(Split::Test).expect("MNIST");
    state.show_examples(Arc::new(drawn_examples(counts)));
    state.act(Action::Hand);
    if has_twins {
        let digits = state.digits_of_hand().expect("the page is open");
        state.show_twins(Arc::new(find_twins(&set, &digits)));
    }
    state
}

/// All states, each with the name of its snapshot.
fn states() -> Vec<(String, State)> {
    let mut states = Vec::new();
    for size in [(640, 480), (960, 640), (1920, 1080)] {
        let mut add = |name: &str, state: State| states.push((format!("{name}-{}x{}", size.0, size.1), state));
        let mut blank = State::new(size.0, size.1, Opening::Blank);
        blank.set_motion(false);
        add("blank", blank);
        add("prediction", drawn(size, &[prediction(7, 0.993, true)]));
        add("sum", sum(size, 4));
        let mut layers = drawn(size, &[prediction(7, 0.993, true)]);
        layers.act(Action::Layers);
        layers.show_layers(network_layers());
        layers.show_activations(Some(Arc::new(activations())));
        add("layers", layers);
        let mut training = drawn(size, &[prediction(7, 0.61, false)]);
        training.show_progress(Arc::new(progress()));
        add("training", training);
        add("hand", hand(size, [1, 5, 1, 1, 2, 1, 1, 12, 1, 1], true));
    }
    let size = (960, 640);
    let mut add = |name: &str, state: State| states.push((name.to_owned(), state));
    add("not-sure", drawn(size, &[prediction(2, 0.55, false)]));
    let mut wrong = drawn(size, &[prediction(7, 0.99, true)]);
    let button = wrong.layout().wrong_button;
    let (x, y) = ((button.x + 5) as f32, (button.y + 5) as f32);
    wrong.apply(Event::PointerPressed { x, y });
    wrong.apply(Event::PointerReleased { x, y });
    add("called-wrong", wrong);
    add(
        "number",
        drawn(
            size,
            &[
                prediction(4, 0.99, true),
                prediction(0, 0.98, true),
                prediction(5, 0.97, true),
            ],
        ),
    );
    let mut light = drawn(size, &[prediction(7, 0.993, true)]);
    light.act(Action::Theme);
    add("light", light);
    for (name, count) in [("sum-light", 4), ("sum-wrong-light", 5)] {
        let mut light = sum(size, count);
        light.act(Action::Theme);
        add(name, light);
    }
    add("sum-wrong", sum(size, 5));
    let mut help = drawn(size, &[prediction(7, 0.993, true)]);
    help.act(Action::Help);
    add("help", help);
    let mut examples = drawn(size, &[prediction(7, 0.993, true)]);
    let pixels = examples.network_input().expect("something is drawn");
    examples.show_examples(Arc::new(
        (0..5)
            .map(|label| ExampleView {
                pixels,
                label: Label::Digit(label),
                ink: None,
            })
            .collect(),
    ));
    examples.act(Action::Examples);
    add("examples", examples);
    let mut tooltip = drawn(size, &[prediction(7, 0.993, true)]);
    let layout = tooltip.layout();
    let button = layout
        .buttons
        .iter()
        .find(|button| button.action == Action::Train)
        .expect("a button")
        .rect;
    let (x, y) = ((button.x + 5) as f32, (button.y + 5) as f32);
    tooltip.apply(Event::PointerMoved { x, y });
    add("tooltip", tooltip);
    let mut half = hand(size, [0, 1, 0, 3, 1, 0, 0, 1, 0, 1], false);
    half.act(Action::Theme);
    half.show_twins_note("Downloading training images: 3.0 of 9.9 MB");
    add("hand-half-light", half);
    add("hand-empty", hand(size, [0; 10], false));
    let mut empty = hand((640, 480), [0; 10], false);
    empty.act(Action::Theme);
    add("hand-empty-light", empty);
    let mut small = hand((640, 480), [2; 10], true);
    small.act(Action::Theme);
    add("hand-small-light", small);
    let mut eraser = drawn(size, &[prediction(7, 0.993, true)]);
    eraser.act(Action::Eraser);
    let canvas = eraser.layout().canvas;
    let (x, y) = ((canvas.x + 200) as f32, (canvas.y + 200) as f32);
    eraser.apply(Event::PointerMoved { x, y });
    eraser.show_message("Saved /home/somebody/Pictures/digit-1.png");
    add("eraser", eraser);
    let mut focus = drawn(size, &[prediction(7, 0.993, true)]);
    for _ in 0..3 {
        let (key, modifiers) = (Key::Tab, Modifiers::default());
        focus.apply(Event::KeyPressed { key, modifiers });
    }
    add("focus", focus);
    let mut pen = drawn(size, &[prediction(7, 0.993, true)]);
    pen.apply(Event::PointerMoved { x, y });
    let (up, control) = (true, false);
    pen.apply(Event::WheelTurned { up, control });
    add("pen-width", pen);
    let name = |text: &str| SignName::new(text).expect("a short name");
    let signs = |state: &mut State, names: &[&str]| {
        state.show_signs(&names.iter().map(|text| name(text)).collect::<Vec<_>>());
    };
    let mut sign = drawn(size, &[signed(&["A", "pi"], 0.981)]);
    signs(&mut sign, &["A", "pi"]);
    add("sign", sign);
    let eight = ["A", "B", "pi", "star", "long name 12", "X", "Y", "Z"];
    let mut small_signs = drawn((640, 480), &[signed(&eight, 0.82), prediction(7, 0.993, true)]);
    signs(&mut small_signs, &eight);
    small_signs.act(Action::Theme);
    add("signs-small-light", small_signs);
    for (file, size, typed) in [("naming", size, ""), ("naming-light", (640, 480), "tree")] {
        let mut naming = drawn(size, &[prediction(7, 0.6, false)]);
        signs(&mut naming, &["A", "pi", "long name 12", "star", "X"]);
        naming.act(Action::NameSign);
        typed.chars().for_each(|typed| {
            naming.apply(Event::Typed(typed));
        });
        if file == "naming-light" {
            naming.act(Action::Theme);
        }
        add(file, naming);
    }
    let mut menu = drawn((640, 480), &[prediction(7, 0.993, true)]);
    menu.act(Action::Theme);
    menu.act(Action::Help);
    let row = menu.layout().menu[3].rect;
    let (x, y) = ((row.x + 5) as f32, (row.y + 5) as f32);
    menu.apply(Event::PointerMoved { x, y });
    add("menu-light", menu);
    let mut zoomed = drawn((1920, 1080), &[prediction(7, 0.993, true)]);
    assert_eq!(zoomed.act(Action::ZoomIn), Effects::RECOGNIZE);
    add("zoomed", zoomed);
    states
}

fn painted(state: &State) -> RgbImage {
    let mut painter = Painter::new();
    painter.paint(state);
    picture(painter.pixels(), painter.size().0)
}

fn picture(pixels: &[u32], width: usize) -> RgbImage {
    let (width_px, height_px) = (width as u32, (pixels.len() / width) as u32);
    RgbImage::from_fn(width_px, height_px, |x, y| {
        let [_, red, green, blue] = pixels[y as usize * width + x as usize].to_be_bytes();
        Rgb([red, green, blue])
    })
}

/// The poster of a hand that lacks a digit, at half its size.
fn poster_picture() -> RgbImage {
    let state = hand((960, 640), [1, 5, 1, 1, 2, 1, 0, 12, 1, 1], true);
    let (hand, twins) = (state.hand().expect("the page is open"), state.twins().expect("twins"));
    let (width, height) = (poster::SIZE.0 as u32 / 2, poster::SIZE.1 as u32 / 2);
    imageops::resize(
        &picture(&poster::poster(hand, twins), poster::SIZE.0),
        width,
        height,
        FilterType::Triangle,
    )
}

/// Describes the number of differing pixels and the rectangle around them; `None` if there are none.
fn difference(found: &RgbImage, expected: &RgbImage) -> Option<String> {
    if found.dimensions() != expected.dimensions() {
        return Some(format!(
            "{:?} and not {:?} pixels",
            found.dimensions(),
            expected.dimensions()
        ));
    }
    let differs = |a: &Rgb<u8>, b: &Rgb<u8>| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > TOLERANCE);
    let pixels = found.enumerate_pixels().zip(expected.pixels());
    let places: Vec<_> = pixels
        .filter(|((.., a), b)| differs(a, b))
        .map(|((x, y, _), _)| (x, y))
        .collect();
    let (left, right) = (places.iter().map(|p| p.0).min()?, places.iter().map(|p| p.0).max()?);
    let (top, bottom) = (places.iter().map(|p| p.1).min()?, places.iter().map(|p| p.1).max()?);
    let count = places.len();
    Some(format!(
        "{count} pixels differ, from ({left}, {top}) to ({right}, {bottom})"
    ))
}

#[test]
fn states_match_their_snapshots() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut problems = Vec::new();
    let pictures = states().into_iter().map(|(name, state)| (name, painted(&state)));
    for (name, found) in pictures.chain([("poster".to_owned(), poster_picture())]) {
        let path = folder.join(format!("{name}.png"));
        if update {
            found.save(&path).expect("the image is written");
            continue;
        }
        let expected = image::open(&path).map(image::DynamicImage::into_rgb8);
        let problem = match &expected {
            Ok(expected) => difference(&found, expected),
            Err(error) => Some(format!("cannot be compared: {error}")),
        };
        if let Some(problem) = problem {
            let found_path = std::env::temp_dir().join(format!("{name}-found.png"));
            found.save(&found_path).expect("the image is written");
            problems.push(format!("{name}: {problem}; see {}", found_path.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn differences_are_located() {
    let expected = RgbImage::from_pixel(20, 10, Rgb([9, 9, 9]));
    let mut found = expected.clone();
    assert_eq!(difference(&found, &expected), None);
    found.put_pixel(3, 4, Rgb([9, 9 + TOLERANCE, 9]));
    assert_eq!(difference(&found, &expected), None);
    found.put_pixel(7, 2, Rgb([9, 90, 9]));
    found.put_pixel(12, 8, Rgb([0, 0, 0]));
    let problem = difference(&found, &expected).unwrap();
    assert_eq!(problem, "2 pixels differ, from (7, 2) to (12, 8)");
    assert!(difference(&RgbImage::new(3, 3), &expected).is_some());
}
