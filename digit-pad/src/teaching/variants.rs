//! Fixed augmentations of an example for fine-tuning.

use std::f32::consts::{PI, TAU};

use mnist_io::{Augmentation, Augmenter, ImageShape};

use crate::{
    drawing::strokes::{CANVAS, Ink, NATURAL_SIZE},
    geometry::Point,
    imaging::gray_image::GrayImage,
    recognition::{
        example::{Example, ExampleInput},
        normalization::{Gray28, SIDE, normalize, normalize_ink},
    },
};

/// Number of variants of each example.
pub(super) const VARIANTS: usize = 24;

/// Largest rotation, in degrees. Like the ranges below, it is twice that of training: one example stands for all the
/// ways in which its writer draws the digit.
const ROTATION: f32 = 24.0;
/// Largest change of scale along each axis.
const SCALE: f32 = 0.3;
/// Largest shear, as a fraction of the height.
const SHEAR: f32 = 0.4;
/// Amplitude of the waves that bend strokes, in canvas units.
const BEND: f32 = 24.0;

/// Elastic displacement of images, in pixels.
const IMAGE_ELASTIC: f32 = 3.0;

/// How much thinner and thicker the strokes of images become, in pixels, as in training.
const IMAGE_STROKE: (f32, f32) = (0.5, 0.7);

/// Side of a frame in which an image can be rotated and scaled without clipping.
const FRAME: usize = 2 * SIDE;

/// Computes the network inputs `[VARIANTS, 28, 28]` of an example's variants. The first is the example itself.
pub(super) fn of(example: &Example) -> Vec<u8> {
    let image = example.image();
    let others = match example.input() {
        ExampleInput::Strokes(ink) => of_strokes(ink),
        ExampleInput::Image(_) => of_image(&image),
    };
    [&image[..], &others].concat()
}

/// Transforms the strokes and draws them anew.
fn of_strokes(ink: &Ink) -> Vec<u8> {
    let ink = ink.fit();
    let variant = |index| -> Gray28 {
        let transformed = ink.map(transform(index)).fit();
        normalize_ink(&transformed).expect("an example has strokes, and `fit` centers them on the canvas")
    };
    (1..VARIANTS).flat_map(variant).collect()
}

/// Augments the image and normalizes it again.
fn of_image(image: &Gray28) -> Vec<u8> {
    let augmentation = Augmentation::none()
        .rotation(ROTATION)
        .scale(1.0 - SCALE, 1.0 + SCALE)
        .shear(SHEAR)
        .elastic(IMAGE_ELASTIC)
        .stroke_width(IMAGE_STROKE.0, IMAGE_STROKE.1);
    let shape = ImageShape::gray(FRAME, FRAME).expect("the frame is an image");
    let mut augmenter = Augmenter::new(augmentation, shape, 0).expect("the settings are in range");
    let mut frame = GrayImage::blank(FRAME, FRAME);
    frame.paste(
        &GrayImage::new(SIDE, SIDE, image.to_vec()),
        (FRAME - SIDE) / 2,
        (FRAME - SIDE) / 2,
    );
    let variant = |index| -> Gray28 {
        let mut augmented = vec![0; FRAME * FRAME];
        // The label only matters for digit styles, which are off.
        augmenter.apply(0, index, 0, frame.pixels(), &mut augmented);
        normalize(&GrayImage::new(FRAME, FRAME, augmented)).unwrap_or(*image)
    };
    (1..VARIANTS).flat_map(variant).collect()
}

/// The transformation of that index, from 1, about the center of the canvas: shear, scale, rotation and bend.
fn transform(index: usize) -> impl Fn(Point) -> Point {
    let (sin, cos) = (ROTATION.to_radians() * quasirandom(index, 2)).sin_cos();
    let (scale_x, scale_y) = (1.0 + SCALE * quasirandom(index, 3), 1.0 + SCALE * quasirandom(index, 5));
    let shear = SHEAR * quasirandom(index, 7);
    let wave = |prime| {
        let phase = PI * quasirandom(index, prime);
        move |at: f32| BEND * (TAU / NATURAL_SIZE * at + phase).sin()
    };
    let (bend_x, bend_y) = (wave(11), wave(13));
    move |point| {
        let (x, y) = (point.x - 0.5 * CANVAS, point.y - 0.5 * CANVAS);
        let (x, y) = (scale_x * (x + shear * y), scale_y * y);
        let (x, y) = (cos * x - sin * y, sin * x + cos * y);
        Point::new(0.5 * CANVAS + x + bend_x(y), 0.5 * CANVAS + y + bend_y(x))
    }
}

/// An additive quasirandom sequence in -1 to 1: the fractional parts of multiples of √prime. With several primes it
/// fills a space evenly.
fn quasirandom(index: usize, prime: u8) -> f32 {
    let multiple = index as f64 * f64::from(prime).sqrt();
    (2.0 * multiple.fract() - 1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::file::Drawing;

    fn variants(example: &Example) -> Vec<Gray28> {
        let pixels = of(example);
        let images: Vec<Gray28> = pixels
            .chunks(SIDE * SIDE)
            .map(|image| image.try_into().unwrap())
            .collect();
        assert_eq!(images.len(), VARIANTS);
        images
    }

    #[test]
    fn variants_differ_and_the_first_is_the_example() {
        let seven = Drawing::from_json("{\"strokes\":[[[0,0],[80,0],[40,120]]]}")
            .unwrap()
            .ink;
        let drawn = Example::new(7, seven).unwrap();
        let image = Example::new(7, drawn.image()).unwrap();
        for example in [drawn, image] {
            let variants = variants(&example);
            assert_eq!(variants[0], example.image());
            for (index, image) in variants.iter().enumerate() {
                assert!(!variants[..index].contains(image), "{index}");
                let ink: u32 = image.iter().map(|&pixel| u32::from(pixel)).sum();
                assert!(ink > 4_000, "{index} is nearly blank");
            }
        }
    }

    #[test]
    fn a_speck_has_variants() {
        for (x, y) in [(0, 0), (27, 27), (14, 14)] {
            let mut speck = [0; SIDE * SIDE];
            speck[y * SIDE + x] = 1;
            variants(&Example::new(0, speck).unwrap());
        }
    }

    #[test]
    fn quasirandom_numbers_stay_in_range() {
        for number in 1..1000 {
            assert!([2, 3, 5].iter().all(|&prime| quasirandom(number, prime).abs() <= 1.0));
        }
    }
}
