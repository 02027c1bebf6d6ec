//! Rejection of what is not a digit: letters, scribbles, shapes and blank drawings, made by code without any model.

use std::f32::consts::TAU;

use digit_pad::{
    drawing::{file::Drawing, strokes::Ink},
    geometry::Point,
    imaging::gray_image::GrayImage,
    recognition::{
        normalization::normalize_ink,
        recognizer::Recognizer,
        segmentation::{segment_image, segment_ink},
    },
};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

type Stroke = Vec<[f32; 2]>;
type Draw = fn(&mut ChaCha8Rng) -> Vec<Stroke>;

/// Capital letters that do not look like a digit, unlike B, D, G, I, J, L, O, Q, S and Z; on a unit square, y downwards.
const LETTERS: [(char, &[&[[f32; 2]]]); 15] = [
    ('A', &[&[[0.0, 1.0], [0.5, 0.0], [1.0, 1.0]], &[[0.2, 0.6], [0.8, 0.6]]]),
    (
        'E',
        &[
            &[[0.8, 0.0], [0.0, 0.0], [0.0, 1.0], [0.8, 1.0]],
            &[[0.0, 0.5], [0.7, 0.5]],
        ],
    ),
    ('F', &[&[[0.8, 0.0], [0.0, 0.0], [0.0, 1.0]], &[[0.0, 0.5], [0.7, 0.5]]]),
    (
        'H',
        &[
            &[[0.0, 0.0], [0.0, 1.0]],
            &[[0.8, 0.0], [0.8, 1.0]],
            &[[0.0, 0.5], [0.8, 0.5]],
        ],
    ),
    ('K', &[&[[0.0, 0.0], [0.0, 1.0]], &[[0.8, 0.0], [0.0, 0.5], [0.8, 1.0]]]),
    ('M', &[&[[0.0, 1.0], [0.1, 0.0], [0.5, 0.7], [0.9, 0.0], [1.0, 1.0]]]),
    ('N', &[&[[0.0, 1.0], [0.0, 0.0], [0.8, 1.0], [0.8, 0.0]]]),
    (
        'P',
        &[&[[0.0, 1.0], [0.0, 0.0], [0.5, 0.0], [0.7, 0.25], [0.5, 0.5], [0.0, 0.5]]],
    ),
    (
        'R',
        &[&[
            [0.0, 1.0],
            [0.0, 0.0],
            [0.5, 0.0],
            [0.7, 0.25],
            [0.5, 0.5],
            [0.0, 0.5],
            [0.7, 1.0],
        ]],
    ),
    ('T', &[&[[0.0, 0.0], [1.0, 0.0]], &[[0.5, 0.0], [0.5, 1.0]]]),
    (
        'U',
        &[&[[0.0, 0.0], [0.0, 0.7], [0.2, 1.0], [0.6, 1.0], [0.8, 0.7], [0.8, 0.0]]],
    ),
    ('V', &[&[[0.0, 0.0], [0.5, 1.0], [1.0, 0.0]]]),
    ('W', &[&[[0.0, 0.0], [0.25, 1.0], [0.5, 0.3], [0.75, 1.0], [1.0, 0.0]]]),
    ('X', &[&[[0.0, 0.0], [0.8, 1.0]], &[[0.8, 0.0], [0.0, 1.0]]]),
    ('Y', &[&[[0.0, 0.0], [0.5, 0.5], [1.0, 0.0]], &[[0.5, 0.5], [0.5, 1.0]]]),
];

/// A letter as drawn by hand: slanted, stretched, and with every corner displaced a little.
fn letter(strokes: &[&[[f32; 2]]], generator: &mut ChaCha8Rng) -> Vec<Stroke> {
    let slant = generator.random_range(-0.2..0.2);
    let width = generator.random_range(0.6..1.0);
    let mut displaced = |[x, y]: [f32; 2]| {
        let mut off = || generator.random_range(-0.05..0.05);
        [(x * width + (0.5 - y) * slant + off()) * 100.0, (y + off()) * 100.0]
    };
    let mut stroke = |stroke: &&[[f32; 2]]| stroke.iter().map(|&point| displaced(point)).collect();
    strokes.iter().map(&mut stroke).collect()
}

/// A line through random points.
fn scribble(generator: &mut ChaCha8Rng) -> Vec<Stroke> {
    let turns = generator.random_range(8..20);
    let mut stroke = || {
        (0..turns)
            .map(|_| [0, 1].map(|_| generator.random_range(0.0..100.0)))
            .collect()
    };
    vec![stroke()]
}

/// A zigzag of lines from side to side.
fn hatching(generator: &mut ChaCha8Rng) -> Vec<Stroke> {
    let lines = generator.random_range(5..9);
    let slope = generator.random_range(-20.0..20.0);
    let end = |line: u32, side: f32| [side * 100.0, line as f32 * 14.0 + side * slope];
    vec![
        (0..lines)
            .flat_map(|line| [end(line, (line % 2) as f32), end(line, ((line + 1) % 2) as f32)])
            .collect(),
    ]
}

fn spiral(generator: &mut ChaCha8Rng) -> Vec<Stroke> {
    let (rounds, start) = (generator.random_range(2.5..4.0), generator.random_range(0.0..TAU));
    let point = |step: u32| {
        let share = step as f32 / 80.0;
        let (sin, cos) = (start + share * rounds * TAU).sin_cos();
        [50.0 + 50.0 * share * cos, 50.0 + 50.0 * share * sin]
    };
    vec![(0..=80).map(point).collect()]
}

/// Two lines each way.
fn grid(generator: &mut ChaCha8Rng) -> Vec<Stroke> {
    let mut place = |near: f32| near + generator.random_range(-6.0..6.0);
    let (a, b, c, d) = (place(33.0), place(67.0), place(33.0), place(67.0));
    vec![
        vec![[a, 0.0], [a, 100.0]],
        vec![[b, 0.0], [b, 100.0]],
        vec![[0.0, c], [100.0, c]],
        vec![[0.0, d], [100.0, d]],
    ]
}

/// A ring with two eyes and a mouth.
fn face(generator: &mut ChaCha8Rng) -> Vec<Stroke> {
    let mouth = generator.random_range(5.0..15.0);
    let ring = (0..=24).map(|i| (i as f32 / 24.0 * TAU).sin_cos());
    vec![
        ring.map(|(sin, cos)| [50.0 + 50.0 * cos, 50.0 + 50.0 * sin]).collect(),
        vec![[35.0, 30.0], [35.0, 40.0]],
        vec![[65.0, 30.0], [65.0, 40.0]],
        vec![[30.0, 65.0], [50.0, 65.0 + mouth], [70.0, 65.0]],
    ]
}

/// Lines through one point.
fn star(generator: &mut ChaCha8Rng) -> Vec<Stroke> {
    let (lines, start) = (generator.random_range(3..6), generator.random_range(0.0..TAU));
    let line = |line: u32| {
        let (sin, cos) = (start + line as f32 / lines as f32 * TAU / 2.0).sin_cos();
        vec![
            [50.0 - 50.0 * cos, 50.0 - 50.0 * sin],
            [50.0 + 50.0 * cos, 50.0 + 50.0 * sin],
        ]
    };
    (0..lines).map(line).collect()
}

/// Whether the prediction is not known.
fn is_rejected(recognizer: &mut Recognizer, strokes: &[Stroke]) -> bool {
    let drawing = Drawing::from_json(&format!("{{\"strokes\":{strokes:?}}}")).expect("a drawing");
    let prediction = recognizer.read_ink(&drawing.ink.fit());
    prediction.is_none_or(|prediction| !prediction.known)
}

#[test]
fn most_other_shapes_are_rejected() {
    const EACH: usize = 40;
    let kinds: [(&str, Draw); 6] = [
        ("scribbles", scribble),
        ("hatchings", hatching),
        ("spirals", spiral),
        ("grids", grid),
        ("faces", face),
        ("stars", star),
    ];
    let mut recognizer = Recognizer::embedded().unwrap();
    let mut generator = ChaCha8Rng::seed_from_u64(2026);
    let (mut all, mut rejected) = (0, 0);
    let mut count = |name: &str, drawings: Vec<Vec<Stroke>>| {
        let of_kind = drawings
            .iter()
            .filter(|strokes| is_rejected(&mut recognizer, strokes))
            .count();
        println!("{name}: {of_kind} of {} rejected", drawings.len());
        all += drawings.len();
        rejected += of_kind;
    };
    for (name, draw) in kinds {
        count(name, (0..EACH).map(|_| draw(&mut generator)).collect());
    }
    for (name, strokes) in LETTERS {
        count(
            &name.to_string(),
            (0..EACH).map(|_| letter(strokes, &mut generator)).collect(),
        );
    }
    println!(
        "of all {all}: {:.1} % rejected",
        100.0 * f64::from(rejected as u32) / all as f64
    );
    assert!(rejected * 10 > all * 7, "{rejected} of {all}");
}

#[test]
fn a_blank_drawing_has_no_digits() {
    let mut recognizer = Recognizer::embedded().unwrap();
    let mut ink = Ink::new();
    assert_eq!(normalize_ink(&ink), None);
    assert_eq!(segment_ink(&ink, &mut recognizer), []);
    // Erased strokes are no digits either.
    ink.pen_down(Point::new(200.0, 100.0));
    ink.pen_up(Point::new(200.0, 400.0));
    assert_eq!(segment_ink(&ink, &mut recognizer).len(), 1);
    assert!(ink.erase(Point::new(200.0, 90.0), Point::new(200.0, 410.0), 30.0));
    assert_eq!(normalize_ink(&ink), None);
    assert_eq!(segment_ink(&ink, &mut recognizer), []);
    assert_eq!(segment_image(&GrayImage::blank(100, 100), &mut recognizer), []);
}
