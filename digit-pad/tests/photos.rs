//! Accuracy on synthetic photographs of ink on paper, made from MNIST test digits and from digits drawn with a pen.

use std::{io::Cursor, path::Path};

use digit_pad::{
    drawing::{
        file::Drawing,
        raster::{Pen, View, draw},
        strokes::Ink,
    },
    geometry::Point,
    imaging::{gray_image::GrayImage, image_file},
    recognition::{normalization::SIDE, recognizer::Recognizer},
};
use image::{Luma, codecs::jpeg::JpegEncoder};
use mnist_io::{Mnist, Split};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

const WIDTH: u32 = 480;
const HEIGHT: u32 = 360;
/// Width of the pen, as a fraction of the digit's longest side.
const PEN: f32 = 0.1;
/// Number of photographs.
const COUNT: usize = 200;

/// Settings of a photograph.
struct Shot {
    /// Side of the square that the digit fills, in pixels.
    size: f32,
    center: [f32; 2],
    angle: f32,
    paper: f32,
    slope: [f32; 2],
    /// A point of the shadow's edge, its direction, and the light that remains in the shadow.
    shadow: ([f32; 2], f32, f32),
    ink: f32,
    ruled: Option<(u32, f32)>,
    grain: f32,
    blur: bool,
    negative: bool,
}

impl Shot {
    fn new(generator: &mut ChaCha8Rng) -> Self {
        let mut between = |low: f32, high: f32| generator.random_range(low..high);
        // A digit is 20 of the 28 pixels of its square.
        let size = between(24.0, 230.0) * SIDE as f32 / 20.0;
        let half = size / 2.0;
        Shot {
            size,
            center: [between(half, WIDTH as f32 - half), between(half, HEIGHT as f32 - half)],
            angle: between(-15.0, 15.0).to_radians(),
            paper: between(170.0, 235.0),
            slope: [between(-40.0, 40.0), between(-40.0, 40.0)],
            shadow: (
                [between(0.0, WIDTH as f32), between(0.0, HEIGHT as f32)],
                between(0.0, std::f32::consts::TAU),
                between(0.6, 1.0),
            ),
            ink: between(0.15, 0.5),
            ruled: (between(0.0, 1.0) < 0.33).then(|| (between(24.0, 50.0) as u32, between(0.8, 0.93))),
            grain: between(0.0, 10.0),
            blur: between(0.0, 1.0) < 0.5,
            negative: between(0.0, 1.0) < 0.33,
        }
    }

    /// The light at a point with that much ink, from 0 to 1.
    fn gray(&self, x: f32, y: f32, ink: f32) -> f32 {
        let slope = self.slope[0] * (x / WIDTH as f32 - 0.5) + self.slope[1] * (y / HEIGHT as f32 - 0.5);
        let (edge, direction, left) = self.shadow;
        let beyond = (x - edge[0]) * direction.cos() + (y - edge[1]) * direction.sin();
        let shade = left + (1.0 - left) * (beyond / 12.0 + 0.5).clamp(0.0, 1.0);
        let ruled = self
            .ruled
            .filter(|(pitch, _)| (y as u32).is_multiple_of(*pitch))
            .map_or(1.0, |(_, left)| left);
        (self.paper + slope) * shade * ruled * (1.0 - ink * (1.0 - self.ink))
    }

    /// The ink of a digit at a point, from 0 to 1.
    fn ink_at(&self, digit: &GrayImage, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.center[0], y - self.center[1]);
        let (sin, cos) = self.angle.sin_cos();
        let side = digit.width() as f32;
        let scale = side / self.size;
        let u = (dx * cos + dy * sin) * scale + side / 2.0 - 0.5;
        let v = (dy * cos - dx * sin) * scale + side / 2.0 - 0.5;
        let at = |x: f32, y: f32| {
            let inside = (0.0..side).contains(&x) && (0.0..side).contains(&y);
            if inside {
                f32::from(digit.row(y as usize)[x as usize]) / 255.0
            } else {
                0.0
            }
        };
        let (left, top) = (u.floor(), v.floor());
        let (right, below) = (u - left, v - top);
        let upper = at(left, top) * (1.0 - right) + at(left + 1.0, top) * right;
        let lower = at(left, top + 1.0) * (1.0 - right) + at(left + 1.0, top + 1.0) * right;
        upper * (1.0 - below) + lower * below
    }

    /// The photograph, as a JPEG file of quality 40.
    fn take(&self, digit: &GrayImage, generator: &mut ChaCha8Rng) -> Vec<u8> {
        let mut photograph = image::GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
            let (x, y) = (x as f32, y as f32);
            let grain = self.grain * (generator.random_range(-1.0..1.0f32) + generator.random_range(-1.0..1.0f32));
            let gray = self.gray(x, y, self.ink_at(digit, x, y)) + grain;
            let gray = if self.negative { 255.0 - gray } else { gray };
            Luma([gray.clamp(0.0, 255.0) as u8])
        });
        if self.blur {
            photograph = image::imageops::blur(&photograph, 1.2);
        }
        let mut bytes = Cursor::new(Vec::new());
        let encoded = photograph.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 40));
        encoded.expect("an image of a size that JPEG supports");
        bytes.into_inner()
    }
}

fn recognize_photograph(bytes: &[u8], path: &Path, recognizer: &mut Recognizer) -> Option<u8> {
    std::fs::write(path, bytes).expect("a writable temporary file");
    let image = image_file::open(path).ok()?.image;
    Some(recognizer.read_image(&image)?.digit())
}

/// A drawing in a square of that side, as in MNIST: its longest side is 20/28 of it.
fn in_square(ink: &Ink, side: usize) -> GrayImage {
    let bounds = ink.bounds().expect("something is drawn");
    let scale = side as f32 * 20.0 / 28.0 / bounds.longest_side();
    let middle = bounds.center();
    let half = side as f32 / 2.0 / scale;
    let view = View::from_corner(Point::new(middle.x - half, middle.y - half), scale);
    let pen = Pen::Width(PEN * bounds.longest_side());
    draw(ink.strokes(), pen, &view, GrayImage::blank(side, side))
}

/// Checks labeled digits, each given as a function from the side of a square to its image.
fn assert_photographs_are_recognized(name: &str, digits: impl Iterator<Item = (u8, impl Fn(usize) -> GrayImage)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photograph.jpg");
    let mut recognizer = Recognizer::embedded().unwrap();
    let mut generator = ChaCha8Rng::seed_from_u64(7);
    let (mut clean, mut correct) = (0, 0);
    for (index, (label, digit)) in digits.enumerate() {
        let shot = Shot::new(&mut generator);
        let image = digit(shot.size as usize);
        let bytes = shot.take(&image, &mut generator);
        if recognizer.read_image(&image).unwrap().digit() != label {
            continue;
        }
        clean += 1;
        let predicted = recognize_photograph(&bytes, &path, &mut recognizer);
        if predicted == Some(label) {
            correct += 1;
        } else if let Ok(folder) = std::env::var("KEEP_ERRORS") {
            let file = format!("{folder}/{name}-{index}-{label}-{predicted:?}.jpg");
            std::fs::write(file, &bytes).unwrap();
        }
    }
    println!("{correct} of {clean} photographs of {name} digits are correct");
    assert!(
        clean > 150 && correct * 100 >= clean * 95,
        "{name}: {correct} of {clean}"
    );
}

#[test]
fn photographed_mnist_digits_are_recognized() {
    let test = Mnist::embedded_split(Split::Test).unwrap();
    let digits = (0..test.len()).step_by(test.len() / COUNT).map(|index| {
        let image = GrayImage::new(SIDE, SIDE, test.image(index).to_vec());
        (test.label(index) as u8, move |_| image.clone())
    });
    assert_photographs_are_recognized("MNIST", digits);
}

#[test]
fn photographed_pen_digits_are_recognized() {
    let drawings = include_str!("data/pen-digits.jsonl").lines().map(|line| {
        let drawing = Drawing::from_json(line).unwrap();
        let ink = drawing.ink.fit();
        (drawing.label.unwrap(), move |side| in_square(&ink, side))
    });
    assert_photographs_are_recognized("pen", drawings);
}
