//! Training images drawn from strokes: digits as various hands and pens would draw them, and what is no single digit.

use std::collections::{BTreeMap, BTreeSet};

use mnist_io::Dataset;
use rand::{Rng, RngExt, SeedableRng, rngs::ChaCha8Rng};

use crate::{
    drawing::{
        raster::{RECOGNITION_PEN, draw_with_pen},
        strokes::{Ink, NATURAL_SIZE, PEN, Stroke},
    },
    error::Error,
    geometry::Point,
    imaging::gray_image::GrayImage,
    recognition::{
        model::digit_shape,
        normalization::{Gray28, SIDE, normalize},
    },
    training::{
        data_split::{DataSplit, Drawn},
        pen_strokes::{PenDrawing, Symbol, pen_drawings},
        pen_styles::{Strokes, restyle},
    },
};

/// Signs that are a one to most readers.
const LIKE_A_ONE: [&str; 2] = ["|", "/"];
/// About how many images each letter or sign gets, so that a rare one is learned as well as an e.
const LETTER_IMAGES: usize = 300;
/// Most images of one drawing of a letter or sign.
const MOST_COPIES: usize = 10;
/// Images of several digits, and of a digit beside a part of another.
const GROUPS: usize = 8_000;
/// Of so many writers, the digits of one are held out for validation.
const HELD_OUT: usize = 10;
/// Images of each of these.
const VALIDATION_COPIES: usize = 8;
/// The fraction of drawings in another style.
const RESTYLED: f32 = 0.5;
/// Keeps the random numbers apart from others of the same seed.
const SEED_SALT: u64 = u64::from_le_bytes(*b"penimage");

impl DataSplit {
    /// Adds images of the [pen drawings](pen_drawings) to the training images: so many of each digit, and distractors of
    /// letters, signs and several digits. The digits of some writers are held out: some images of each are added to the
    /// validation images, if there are any.
    ///
    /// # Errors
    /// If the images of the split are not digits of 28×28 pixels.
    pub fn add_pen_drawings(&mut self, copies: usize, seed: u64) -> Result<(), Error> {
        self.add_drawings(&pen_drawings()?, copies, GROUPS, seed)
    }

    fn add_drawings(&mut self, drawings: &[PenDrawing], copies: usize, groups: usize, seed: u64) -> Result<(), Error> {
        check_digits(&self.train)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ SEED_SALT);
        let groups = (0..groups)
            .filter_map(|_| group(&self.train, &mut rng))
            .collect::<Vec<_>>();
        let letters = letters(drawings, &mut rng);
        let none = (0..groups.len() + letters.len()).map(|_| 0).collect();
        let pixels = letters.into_iter().chain(groups).flatten().collect();
        self.distractors = Some(Dataset::new(pixels, none, digit_shape())?);
        let held_out = if self.validation.is_empty() {
            BTreeSet::new()
        } else {
            held_out_writers(drawings)
        };
        let is_held_out = |drawing: &&PenDrawing| held_out.contains(drawing.writer.as_str());
        let train = drawings.iter().filter(|drawing| !is_held_out(drawing));
        let train = digits(train, copies, Styles::Any, &mut rng);
        let validation = drawings.iter().filter(is_held_out);
        let validation = digits(validation, VALIDATION_COPIES, Styles::Own, &mut rng);
        self.drawn = Drawn {
            train: train.len(),
            validation: validation.len(),
        };
        self.train = with_images(&self.train, train)?;
        self.validation = with_images(&self.validation, validation)?;
        Ok(())
    }
}

/// Each tenth of the writers.
fn held_out_writers(drawings: &[PenDrawing]) -> BTreeSet<&str> {
    let writers: BTreeSet<&str> = drawings.iter().map(|drawing| drawing.writer.as_str()).collect();
    writers.into_iter().step_by(HELD_OUT).collect()
}

/// A data set and further images.
fn with_images(dataset: &Dataset, images: Vec<(Gray28, usize)>) -> Result<Dataset, Error> {
    let (pixels, labels): (Vec<Gray28>, Vec<usize>) = images.into_iter().unzip();
    let pixels = dataset.images().iter().copied().chain(pixels.into_iter().flatten());
    let labels = dataset.labels().iter().copied().chain(labels);
    let all = Dataset::new(pixels.collect(), labels.collect(), dataset.shape())?;
    Ok(all.with_class_names(dataset.class_names().to_vec())?)
}

/// Which styles digits are drawn in.
#[derive(Clone, Copy, PartialEq)]
enum Styles {
    /// That of their writer.
    Own,
    /// Also others.
    Any,
}

fn check_digits(images: &Dataset) -> Result<(), Error> {
    if images.shape() == digit_shape() && images.is_digits() {
        return Ok(());
    }
    Err(mnist_io::Error::DistractorShape {
        train: images.shape().to_string(),
        distractors: digit_shape().to_string(),
    }
    .into())
}

/// Images of each digit, with their labels: the first of each as it was drawn, the others varied.
fn digits<'a>(
    drawings: impl Iterator<Item = &'a PenDrawing>,
    copies: usize,
    styles: Styles,
    rng: &mut impl Rng,
) -> Vec<(Gray28, usize)> {
    let mut images = Vec::new();
    for drawing in drawings {
        let Symbol::Digit(digit) = drawing.symbol else { continue };
        for copy in 0..copies {
            let mut strokes = strokes_of(&drawing.ink);
            if copy > 0 {
                if styles == Styles::Any && rng.random::<f32>() < RESTYLED {
                    restyle(digit, &mut strokes, rng);
                }
                vary(&mut strokes, rng);
            }
            images.extend(image(strokes, pen(copy, rng)).map(|image| (image, digit)));
        }
    }
    images
}

/// Images of letters and signs, of each about as many.
fn letters(drawings: &[PenDrawing], rng: &mut impl Rng) -> Vec<Gray28> {
    let mut counts = BTreeMap::new();
    for drawing in drawings {
        *counts.entry(&drawing.symbol).or_insert(0) += 1;
    }
    let mut images = Vec::new();
    for drawing in drawings {
        let Symbol::Other(symbol) = &drawing.symbol else {
            continue;
        };
        if LIKE_A_ONE.contains(&symbol.as_str()) {
            continue;
        }
        for copy in 0..(LETTER_IMAGES / counts[&drawing.symbol]).clamp(1, MOST_COPIES) {
            let mut strokes = strokes_of(&drawing.ink);
            if copy > 0 {
                vary(&mut strokes, rng);
            }
            images.extend(image(strokes, pen(copy, rng)));
        }
    }
    images
}

pub(super) fn strokes_of(ink: &Ink) -> Strokes {
    ink.strokes().iter().map(|stroke| stroke.points().to_vec()).collect()
}

/// The width of the pen, as a fraction of the drawing: of the first copy, that for recognition.
pub(super) fn pen(copy: usize, rng: &mut impl Rng) -> f32 {
    RECOGNITION_PEN * if copy == 0 { 1.0 } else { between(rng, 0.75, 1.35) }
}

pub(super) fn image(strokes: Strokes, pen: f32) -> Option<Gray28> {
    let ink: Ink = strokes.into_iter().map(|points| Stroke::new(points, PEN)).collect();
    normalize(&draw_with_pen(&ink.fit(), pen)?)
}

/// Slants, stretches and shakes a drawing.
pub(super) fn vary(strokes: &mut Strokes, rng: &mut impl Rng) {
    const TREMOR: f32 = 0.012 * NATURAL_SIZE;
    let (slant, width, shear) = (
        between(rng, -0.25, 0.25),
        between(rng, 0.75, 1.3),
        between(rng, -0.08, 0.08),
    );
    for point in strokes.iter_mut().flatten() {
        let mut tremor = || between(rng, -TREMOR, TREMOR);
        let (x, y) = (point.x + tremor(), point.y + tremor());
        *point = Point::new(width * x - slant * y, y + shear * x);
    }
}

pub(super) fn between(rng: &mut impl Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// Two or three digits side by side, or a digit beside a part of another, normalized as one.
fn group(digits: &Dataset, rng: &mut impl Rng) -> Option<Gray28> {
    let count = if rng.random_range(0..5) == 0 { 3 } else { 2 };
    let is_part = rng.random_range(0..4) == 0;
    let mut row = GrayImage::blank(4 * SIDE, 2 * SIDE);
    let mut left = 0;
    for place in 0..count {
        let digit = cropped(digits.image(rng.random_range(0..digits.len())))?;
        // Of a part, at least a third of the digit: less is hardly seen.
        let digit = if is_part && place > 0 {
            let width = (digit.width() as f32 * between(rng, 0.35, 0.7)).ceil() as usize;
            digit.cropped(0, 0, width, digit.height())
        } else {
            digit
        };
        let top = rng.random_range(0..8);
        add(&mut row, &digit, left, top + (SIDE - digit.height()) / 2);
        left = (left + digit.width() + rng.random_range(0..7)).saturating_sub(2);
    }
    normalize(&row)
}

/// The columns and rows of ink of an image of 28×28 pixels.
fn cropped(pixels: &[u8]) -> Option<GrayImage> {
    let is_inked = |mut line: Box<dyn Iterator<Item = &u8> + '_>| line.any(|&pixel| pixel > 64);
    let columns: Vec<usize> = (0..SIDE)
        .filter(|x| is_inked(Box::new(pixels.iter().skip(*x).step_by(SIDE))))
        .collect();
    let rows: Vec<usize> = (0..SIDE)
        .filter(|y| is_inked(Box::new(pixels[y * SIDE..][..SIDE].iter())))
        .collect();
    let (left, right) = (*columns.first()?, *columns.last()?);
    let (top, bottom) = (*rows.first()?, *rows.last()?);
    Some(GrayImage::new(SIDE, SIDE, pixels.to_vec()).cropped(left, top, right + 1 - left, bottom + 1 - top))
}

/// Draws an image over another.
fn add(onto: &mut GrayImage, image: &GrayImage, left: usize, top: usize) {
    for y in 0..image.height() {
        let row = &mut onto.row_mut(top + y)[left..][..image.width()];
        for (pixel, &ink) in row.iter_mut().zip(image.row(y)) {
            *pixel = (*pixel).max(ink);
        }
    }
}

#[cfg(test)]
mod tests {
    use mnist_io::{Mnist, Split};

    use super::*;
    use crate::training::data_split::{HeldOut, columns};

    /// Some of the drawings: ten digits each of two writers, and letters with signs that are like a one.
    fn drawings() -> Vec<PenDrawing> {
        let mut drawings = pen_drawings().unwrap();
        let letters = drawings.split_off(1738);
        drawings.drain(10..20);
        drawings.truncate(20);
        let is_one = |drawing: &&PenDrawing| drawing.symbol == Symbol::Other("|".to_owned());
        drawings.extend(letters.iter().find(is_one).cloned());
        drawings.extend(letters.into_iter().take(20));
        drawings
    }

    fn with_drawings(copies: usize, seed: u64) -> DataSplit {
        let test = Mnist::embedded_split(Split::Test).unwrap();
        let train = test.subset(&(0..200).collect::<Vec<_>>()).unwrap();
        let mut data = DataSplit::new(Mnist { train, test }, HeldOut::Count(20), None).unwrap();
        data.add_drawings(&drawings(), copies, 30, seed).unwrap();
        data
    }

    #[test]
    fn digits_are_added_and_distractors_are_apart() {
        let data = with_drawings(3, 1);
        assert_eq!(data.train.len(), 180 + 3 * 10);
        assert_eq!(data.validation.len(), 20 + VALIDATION_COPIES * 10);
        let distractors = data.distractors.as_ref().unwrap();
        assert_eq!(distractors.len(), 30 + MOST_COPIES * 20);
        for images in [&data.train, distractors] {
            assert_eq!(images.shape(), digit_shape());
            assert!((0..images.len()).all(|index| images.image(index).iter().any(|&pixel| pixel >= 250)));
        }
        // The first copy is what the window would show to the network.
        let drawings = drawings();
        let held_out = held_out_writers(&drawings);
        let is_learned = |drawing: &&PenDrawing| !held_out.contains(drawing.writer.as_str());
        let first = drawings.iter().find(is_learned).unwrap();
        assert_eq!(first, &drawings[10]);
        let seen = crate::recognition::normalization::normalize_ink(&first.ink).unwrap();
        assert_eq!(data.train.image(180), seen);
        assert_eq!(Symbol::Digit(data.train.label(180)), first.symbol);
        let seen_first = crate::recognition::normalization::normalize_ink(&drawings[0].ink).unwrap();
        assert_eq!(data.validation.image(20), seen_first);
        assert_ne!(data.train.image(181), seen);
    }

    #[test]
    fn the_seed_decides_the_images() {
        let images = |seed| {
            let data = with_drawings(2, seed);
            (
                data.train.images().to_vec(),
                data.distractors.unwrap().images().to_vec(),
            )
        };
        let first = images(1);
        assert!(first == images(1) && first != images(2));
    }

    #[test]
    fn other_images_are_refused() {
        let mnist = Mnist {
            train: columns(30),
            test: columns(9),
        };
        let mut data = DataSplit::new(mnist, HeldOut::Count(1), None).unwrap();
        let error = data.add_drawings(&drawings(), 1, 1, 1).unwrap_err().to_string();
        assert!(error.contains("28×28"), "{error}");
    }
}
