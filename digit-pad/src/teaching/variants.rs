//! Fixed augmentations of an example for fine-tuning.

use std::f32::consts::{PI, TAU};

use mnist_io::{Augmentation, Augmenter};

use crate::{
    drawing::strokes::{CANVAS, Ink, NATURAL_SIZE},
    geometry::Point,
    imaging::gray_image::GrayImage,
    recognition::{
        example::{Example, ExampleInput},
        normalization::{Gray28, SIDE, normalize, normalize_ink},
    },
};

/// Pictures of each lesson.
pub(super) const VARIANTS: usize = 24;

/// How far a lesson's subject is changed: turned, in degrees; stretched along each axis, and slanted, as shares of its
/// size; and bent, in canvas units. Twice as far as MNIST is in training, since one of it has to stand for all that its
/// hand may make of a digit.
const TURN: f32 = 24.0;
const STRETCH: f32 = 0.3;
const SLANT: f32 = 0.4;
const BEND: f32 = 24.0;

/// How far pictures are bent, in pixels; few places of them come near it.
const PICTURE_BEND: f32 = 3.0;

/// How much thinner and thicker the strokes of pictures become at most, in pixels, as in training.
const PICTURE_PEN: (f32, f32) = (0.5, 0.7);

/// The side of a frame in which a picture can be turned and stretched whole.
const FRAME: usize = 2 * SIDE;

/// `[VARIANTS, 28, 28]`; the first one as the network sees the lesson's subject.
pub(super) fn of(example: &Example) -> Vec<u8> {
    let picture = example.picture();
    let changed = match example.input() {
        ExampleInput::Strokes(ink) => drawn_anew(ink),
        ExampleInput::Image(_) => changed(&picture),
    };
    [&picture[..], &changed].concat()
}

/// Each drawn with the pad's own pen.
fn drawn_anew(ink: &Ink) -> Vec<u8> {
    let ink = ink.fit();
    let picture = |number| -> Gray28 {
        let changed = ink.map(change(number)).fit();
        normalize_ink(&changed).expect("a lesson has ink, and in the middle of the canvas")
    };
    (1..VARIANTS).flat_map(picture).collect()
}

/// Each brought to the network's form.
fn changed(picture: &Gray28) -> Vec<u8> {
    let augmentation = Augmentation::none()
        .rotation(TURN)
        .scale(1.0 - STRETCH, 1.0 + STRETCH)
        .shear(SLANT)
        .elastic(PICTURE_BEND)
        .stroke_width(PICTURE_PEN.0, PICTURE_PEN.1);
    let mut augmenter = Augmenter::new(augmentation, FRAME, FRAME, 0).expect("the settings are in their ranges");
    let mut frame = GrayImage::blank(FRAME, FRAME);
    let image = GrayImage::new(SIDE, SIDE, picture.to_vec());
    frame.paste(&image, (FRAME - SIDE) / 2, (FRAME - SIDE) / 2);
    let variant = |number| -> Gray28 {
        let mut changed = vec![0; FRAME * FRAME];
        // No style is drawn, and so the label is of no account.
        augmenter.apply(0, number, 0, frame.pixels(), &mut changed);
        normalize(&GrayImage::new(FRAME, FRAME, changed)).unwrap_or(*picture)
    };
    (1..VARIANTS).flat_map(variant).collect()
}

/// A change of that number, counted from 1, about the middle of the canvas: slanted, stretched, turned and bent.
fn change(number: usize) -> impl Fn(Point) -> Point {
    let (sin, cos) = (TURN.to_radians() * spread(number, 2)).sin_cos();
    let (wide, high) = (1.0 + STRETCH * spread(number, 3), 1.0 + STRETCH * spread(number, 5));
    let slant = SLANT * spread(number, 7);
    let wave = |prime| {
        let phase = PI * spread(number, prime);
        move |at: f32| BEND * (TAU / NATURAL_SIZE * at + phase).sin()
    };
    let (across, along) = (wave(11), wave(13));
    move |point| {
        let (x, y) = (point.x - 0.5 * CANVAS, point.y - 0.5 * CANVAS);
        let (x, y) = (wide * (x + slant * y), high * y);
        let (x, y) = (cos * x - sin * y, sin * x + cos * y);
        Point::new(0.5 * CANVAS + x + across(y), 0.5 * CANVAS + y + along(x))
    }
}

/// Numbers from -1 to 1 that fill the range evenly, and with those of other primes all of a space: the multiples of the
/// prime's square root, less their whole parts.
fn spread(number: usize, prime: u8) -> f32 {
    let multiple = number as f64 * f64::from(prime).sqrt();
    (2.0 * multiple.fract() - 1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::file::Drawing;

    fn pictures(example: &Example) -> Vec<Gray28> {
        let pictures = of(example);
        let pictures: Vec<Gray28> = pictures
            .chunks(SIDE * SIDE)
            .map(|picture| picture.try_into().unwrap())
            .collect();
        assert_eq!(pictures.len(), VARIANTS);
        pictures
    }

    #[test]
    fn variants_are_different_and_the_first_is_the_subject() {
        let seven = Drawing::from_json("{\"strokes\":[[[0,0],[80,0],[40,120]]]}")
            .unwrap()
            .ink;
        let drawn = Example::new(7, seven).unwrap();
        let picture = Example::new(7, drawn.picture()).unwrap();
        for example in [drawn, picture] {
            let variants = pictures(&example);
            assert_eq!(variants[0], example.picture());
            for (index, picture) in variants.iter().enumerate() {
                assert!(!variants[..index].contains(picture), "{index}");
                let ink: u32 = picture.iter().map(|&pixel| u32::from(pixel)).sum();
                assert!(ink > 4_000, "{index} is nearly blank");
            }
        }
    }

    #[test]
    fn a_speck_can_be_taught_too() {
        for (x, y) in [(0, 0), (27, 27), (14, 14)] {
            let mut speck = [0; SIDE * SIDE];
            speck[y * SIDE + x] = 1;
            pictures(&Example::new(0, speck).unwrap());
        }
    }

    #[test]
    fn spreads_stay_in_their_range() {
        for number in 1..1000 {
            assert!([2, 3, 5].iter().all(|&prime| spread(number, prime).abs() <= 1.0));
        }
    }
}
