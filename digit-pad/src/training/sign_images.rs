//! Training images of the signs of arithmetic, and of what is none: digits, letters, parts of both, and neighbors.

use std::collections::{BTreeMap, BTreeSet};

use mnist_io::{Augmentation, Dataset};
use nn_core::{
    NetworkSpec,
    optim::{Adam, Optimizer},
};
use rand::{Rng, RngExt, SeedableRng, rngs::ChaCha8Rng};

use crate::{
    drawing::strokes::NATURAL_SIZE,
    error::Error,
    geometry::{Bounds, Point},
    recognition::{
        model::digit_shape,
        normalization::Gray28,
        signs::{CLASSES, OTHER, Sign},
    },
    training::{
        data_split::{DataSplit, Drawn, SCALING},
        pen_images::{between, image, pen, strokes_of, vary},
        pen_strokes::{PenDrawing, Symbol, pen_drawings},
        pen_styles::Strokes,
        presets::Recipe,
    },
};

/// The network: few weights, since few drawings teach it.
const NETWORK: &str = "28x28x1 | conv 12 5x5 stride 2 | batchnorm | relu | conv 20 3x3 | batchnorm | relu | maxpool 2 | \
                       flatten | dropout 0.3 | dense 40 | relu | dense 6";

/// Symbols that a reader may take for a sign, and that teach neither: a one or a division, a minus or an underscore, …
const UNCLEAR: [&str; 7] = ["/", "|", "_", "~", ";", "!", "\\"];

/// Images of each sign.
const SIGN_IMAGES: usize = 5_000;
/// Images of each digit and each letter as it was drawn and varied.
const DIGIT_COPIES: usize = 3;
/// Images of a sign beside a digit, or of two digits.
const NEIGHBORS: usize = 5_000;
/// Images of parts of signs and digits.
const PARTS: usize = 4_000;
/// A stroke flatter than this is a minus to a reader.
const FLAT: f32 = 0.45;
/// Of so many writers, one is held out for validation, and another for testing.
const HELD_OUT: usize = 8;
/// Keeps the random numbers apart from others of the same seed.
const SEED_SALT: u64 = u64::from_le_bytes(*b"signimgs");

/// The network that knows signs.
pub fn network() -> NetworkSpec {
    NETWORK.parse().expect("the text form of the network is valid")
}

/// How it is trained.
pub fn recipe() -> Recipe {
    let adam = Adam {
        weight_decay: 0.02,
        decoupled: true,
        ..Adam::new(2e-3)
    };
    Recipe {
        label_smoothing: 0.02,
        average: Some(0.999),
        augmentation: Augmentation::none()
            .rotation(8.0)
            .scale(0.85, 1.1)
            .shear(0.1)
            .translation(1.5)
            .elastic(1.5)
            .stroke_width(0.3, 0.5),
        ..Recipe::new(12, 128, Optimizer::Adam(adam))
    }
}

/// Images of the [pen drawings](pen_drawings) as signs and as what is none. The drawings of some writers are held out for
/// validation, and those of others are the test images.
///
/// # Errors
/// If the file of drawings in the program is damaged.
pub fn sign_images(seed: u64) -> Result<DataSplit, Error> {
    split(1, seed)
}

/// A `share`th of the images.
fn split(share: usize, seed: u64) -> Result<DataSplit, Error> {
    let drawings = pen_drawings()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ SEED_SALT);
    let writers: BTreeSet<&str> = drawings.iter().map(|drawing| drawing.writer.as_str()).collect();
    let parts: BTreeMap<&str, usize> = writers
        .iter()
        .enumerate()
        .map(|(i, writer)| (*writer, i % HELD_OUT))
        .collect();
    let mut of_part = |chosen: &dyn Fn(usize) -> bool, of_writers: usize| {
        let drawings = drawings.iter().filter(|drawing| chosen(parts[drawing.writer.as_str()]));
        dataset(&Drawings::new(drawings), share * of_writers, &mut rng)
    };
    Ok(DataSplit {
        train: of_part(&|part| part > 1, 1)?,
        validation: of_part(&|part| part == 0, HELD_OUT)?,
        test: of_part(&|part| part == 1, HELD_OUT)?,
        scaling: SCALING,
        distractors: None,
        drawn: Drawn::default(),
    })
}

/// Drawings by what they teach.
struct Drawings<'a> {
    /// Of each sign; a division is a colon here.
    signs: BTreeMap<Sign, Vec<&'a PenDrawing>>,
    digits: Vec<&'a PenDrawing>,
    letters: Vec<&'a PenDrawing>,
}

impl<'a> Drawings<'a> {
    fn new(all: impl Iterator<Item = &'a PenDrawing>) -> Self {
        let mut drawings = Drawings {
            signs: BTreeMap::new(),
            digits: Vec::new(),
            letters: Vec::new(),
        };
        for drawing in all {
            match &drawing.symbol {
                Symbol::Digit(_) => drawings.digits.push(drawing),
                Symbol::Other(symbol) => match Sign::written(symbol) {
                    Some(sign) => drawings.signs.entry(sign).or_default().push(drawing),
                    None if UNCLEAR.contains(&symbol.as_str()) => {}
                    None => drawings.letters.push(drawing),
                },
            }
        }
        drawings
    }

    /// The strokes of a random drawing of a sign.
    fn sign(&self, sign: Sign, rng: &mut impl Rng) -> Option<Strokes> {
        let colon = self.signs.get(&sign).and_then(|drawings| any(drawings, rng))?;
        if sign != Sign::Divide || rng.random_range(0..3) == 0 {
            return Some(colon);
        }
        let bar = any(self.signs.get(&Sign::Minus)?, rng)?;
        Some(obelus(colon, bar, rng))
    }
}

/// The strokes of one of the drawings.
fn any(drawings: &[&PenDrawing], rng: &mut impl Rng) -> Option<Strokes> {
    let at = rng.random_range(0..drawings.len().max(1));
    drawings.get(at).map(|drawing| strokes_of(&drawing.ink))
}

/// A division of a colon's dots above and below a bar.
fn obelus(colon: Strokes, bar: Strokes, rng: &mut impl Rng) -> Strokes {
    let (Some(dots), Some(line)) = (bounds(&colon), bounds(&bar)) else {
        return colon;
    };
    let scale = dots.height() * between(rng, 0.7, 1.7) / line.width().max(1.0);
    let mut sign = bar;
    place(&mut sign, scale, line.center(), dots.center());
    sign.extend(colon);
    sign
}

/// Scales strokes around a point, and moves it to another.
fn place(strokes: &mut Strokes, scale: f32, from: Point, to: Point) {
    for point in strokes.iter_mut().flatten() {
        *point = Point::new(to.x + scale * (point.x - from.x), to.y + scale * (point.y - from.y));
    }
}

fn bounds(strokes: &Strokes) -> Option<Bounds> {
    Bounds::around(strokes.iter().flatten().copied())
}

/// Images with their classes, a `share`th of all.
fn dataset(drawings: &Drawings, share: usize, rng: &mut impl Rng) -> Result<Dataset, Error> {
    let mut images: Vec<(Gray28, usize)> = Vec::new();
    let mut add = |strokes: Strokes, class: usize, copy: usize, rng: &mut _| {
        images.extend(image(strokes, pen(copy, rng)).map(|image| (image, class)));
    };
    for sign in Sign::ALL {
        for copy in 0..SIGN_IMAGES / share {
            if let Some(mut strokes) = drawings.sign(sign, rng) {
                vary(&mut strokes, rng);
                add(strokes, sign as usize, copy, rng);
            }
        }
    }
    let digits = drawings.digits.iter().map(|drawing| (drawing, DIGIT_COPIES));
    for (drawing, copies) in digits.chain(drawings.letters.iter().map(|drawing| (drawing, 1))) {
        for copy in 0..copies {
            let mut strokes = strokes_of(&drawing.ink);
            if copy > 0 {
                vary(&mut strokes, rng);
            }
            add(strokes, OTHER, copy, rng);
        }
    }
    for _ in 0..NEIGHBORS / share {
        if let Some(strokes) = neighbors(drawings, rng) {
            add(strokes, OTHER, 1, rng);
        }
    }
    for _ in 0..PARTS / share {
        if let Some(strokes) = part(drawings, rng) {
            add(strokes, OTHER, 1, rng);
        }
    }
    let (pixels, classes): (Vec<Gray28>, Vec<usize>) = images.into_iter().unzip();
    let all = Dataset::new(pixels.into_iter().flatten().collect(), classes, digit_shape())?;
    Ok(all.with_class_names(CLASSES)?)
}

/// A digit beside a digit or a sign, which together are none.
fn neighbors(drawings: &Drawings, rng: &mut impl Rng) -> Option<Strokes> {
    let digit = any(&drawings.digits, rng)?;
    let (mut other, size) = match rng.random_range(0..3) {
        0 => (any(&drawings.digits, rng)?, between(rng, 0.8, 1.2)),
        _ => {
            let sign = Sign::ALL[rng.random_range(0..Sign::ALL.len())];
            (drawings.sign(sign, rng)?, between(rng, 0.3, 0.8))
        }
    };
    let (there, own) = (bounds(&digit)?, bounds(&other)?);
    let scale = size * there.height() / own.longest_side().max(1.0);
    let gap = between(rng, 0.0, 0.35) * there.height() + 0.5 * (there.width() + scale * own.width());
    let side = if rng.random() { 1.0 } else { -1.0 };
    let to = Point::new(there.center().x + side * gap, there.center().y);
    place(&mut other, scale, own.center(), to);
    other.extend(digit);
    vary(&mut other, rng);
    Some(other)
}

/// A single stroke of a digit or a sign of several, unless it is flat like a minus.
fn part(drawings: &Drawings, rng: &mut impl Rng) -> Option<Strokes> {
    let strokes = match rng.random_range(0..3) {
        0 => drawings.sign(Sign::ALL[rng.random_range(0..Sign::ALL.len())], rng)?,
        _ => any(&drawings.digits, rng)?,
    };
    if strokes.len() < 2 {
        return None;
    }
    let mut part = vec![strokes[rng.random_range(0..strokes.len())].clone()];
    let reach = bounds(&part)?;
    let is_dot = reach.longest_side() < 0.1 * NATURAL_SIZE;
    if reach.height() < FLAT * reach.width() && !is_dot {
        return None;
    }
    vary(&mut part, rng);
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_of_all_classes_and_writers_are_in_one_part() {
        let data = split(50, 1).unwrap();
        for images in [&data.train, &data.validation, &data.test] {
            assert_eq!(images.class_names(), CLASSES);
            assert_eq!(images.shape(), digit_shape());
            assert!(
                images.class_counts().iter().all(|&count| count >= 10),
                "{:?}",
                images.class_counts()
            );
        }
        assert_eq!(network().outputs(), CLASSES.len());
    }

    #[test]
    fn the_dots_of_a_division_are_above_and_below_its_bar() {
        let line = |points: &[(f32, f32)]| points.iter().map(|&(x, y)| Point::new(x, y)).collect::<Vec<_>>();
        let colon = vec![line(&[(0.0, 0.0), (1.0, 1.0)]), line(&[(0.0, 99.0), (1.0, 100.0)])];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..50 {
            let sign = obelus(colon.clone(), vec![line(&[(0.0, 500.0), (900.0, 500.0)])], &mut rng);
            let bar = bounds(&vec![sign[0].clone()]).unwrap();
            assert!((69.0..171.0).contains(&bar.width()) && bar.center().distance(Point::new(0.5, 50.0)) < 0.01);
            assert_eq!(sign[1..], colon);
        }
    }
}
