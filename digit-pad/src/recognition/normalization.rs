//! Normalization to MNIST's form: cropped to the ink, 20 pixels long, centered by mass on 28×28.
//!
//! Everything that is recognized, drawn or photographed, passes through here.
//!
//! Details that MNIST's description (LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
//! recognition", 1998) leaves open follow its images: in all 60,000 training images the center of mass lies within half
//! a pixel of the middle of pixel 14 in x and in y, so digits were moved there by whole pixels; and the brightest pixel
//! of each is 254 or 255.

use crate::{
    drawing::{raster::draw_for_recognition, strokes::Ink},
    geometry::PixelRect,
    imaging::gray_image::GrayImage,
};

/// Width and height of a normalized image, in pixels.
pub const SIDE: usize = 28;

/// Number of pixels of a normalized image.
pub const PIXELS: usize = SIDE * SIDE;

/// Longest side of the ink in a normalized image, in pixels.
pub const INK_SIDE: usize = 20;

/// A normalized image, row by row from the top: 255 is ink, 0 is background.
pub type Gray28 = [u8; PIXELS];

/// The pixel, in x and in y, to whose middle the center of mass is moved.
const CENTER: f32 = 14.0;

/// Least brightness of the brightest pixel.
const MIN_PEAK: f32 = 254.0;

/// An image without a pixel brighter than this is blank.
pub(super) const BLANK: u8 = 16;

/// Pixels below this fraction of the brightest one are background.
pub(super) const BACKGROUND: f32 = 1.0 / 64.0;

/// Normalizes a drawing in canvas units; `None` if nothing is drawn on the canvas.
pub fn normalize_ink(ink: &Ink) -> Option<Gray28> {
    normalize(&draw_for_recognition(ink)?)
}

/// Normalizes an image of bright ink on black; `None` if it is blank.
///
/// The ink is cropped; scaled until its longest side is [`INK_SIDE`] pixels, by averaging areas, or by interpolation
/// where it is smaller; brightened until its peak is at least 254; and moved by whole pixels until its center of mass
/// is within half a pixel of the middle of pixel (14, 14), or as near as possible without losing ink.
///
/// ```
/// use digit_pad::imaging::gray_image::GrayImage;
/// use digit_pad::recognition::normalization::normalize;
///
/// let line = GrayImage::new(1, 300, vec![255; 300]);
/// let pixels = normalize(&line).unwrap();
/// let column: Vec<u8> = pixels.iter().skip(14).step_by(28).copied().collect();
/// assert_eq!(column.iter().filter(|&&ink| ink >= 254).count(), 20);
/// assert!(normalize(&GrayImage::blank(300, 300)).is_none());
/// ```
pub fn normalize(image: &GrayImage) -> Option<Gray28> {
    let ink = ink_rect(image)?;
    let scaled = image.resampled(ink, INK_SIDE as f32 / ink.width.max(ink.height) as f32);
    Some(centered(&scaled.to_image((MIN_PEAK / scaled.peak()).max(1.0))))
}

/// Bounding rectangle of the ink; `None` if the image is blank.
pub fn ink_rect(image: &GrayImage) -> Option<PixelRect> {
    let peak = image.pixels().iter().copied().max().filter(|&peak| peak > BLANK)?;
    let least = (BACKGROUND * f32::from(peak)).ceil() as u8;
    let is_ink = |&pixel: &u8| pixel >= least;
    let (mut left, mut right) = (image.width(), 0);
    let (mut top, mut bottom) = (None, 0);
    for y in 0..image.height() {
        let row = image.row(y);
        // Most rows are blank; the compiler vectorizes this search, unlike the next one.
        if row.iter().fold(0, |highest, &pixel| highest.max(pixel)) < least {
            continue;
        }
        let Some(first) = row.iter().position(is_ink) else {
            continue;
        };
        let last = row.iter().rposition(is_ink).unwrap_or(first);
        left = left.min(first);
        right = right.max(last);
        top = top.or(Some(y));
        bottom = y;
    }
    let top = top?;
    Some(PixelRect {
        left,
        top,
        width: right - left + 1,
        height: bottom - top + 1,
    })
}

/// Places ink of at most 20×20 pixels by its center of mass.
fn centered(ink: &GrayImage) -> Gray28 {
    let (width, height) = (ink.width(), ink.height());
    let row_masses = (0..height).map(|y| mass(ink.row(y).iter()));
    let column_masses = (0..width).map(|x| mass(ink.pixels().iter().skip(x).step_by(width)));
    let top = offset(center_of_mass(row_masses), height);
    let left = offset(center_of_mass(column_masses), width);
    let mut pixels = [0; PIXELS];
    for y in 0..height {
        let start = (top + y) * SIDE + left;
        pixels[start..start + width].copy_from_slice(ink.row(y));
    }
    pixels
}

fn mass<'a>(pixels: impl Iterator<Item = &'a u8>) -> f32 {
    pixels.map(|&ink| f32::from(ink)).sum()
}

fn center_of_mass(masses: impl Iterator<Item = f32>) -> f32 {
    let (moment, total) = masses.enumerate().fold((0.0, 0.0), |(moment, total), (i, mass)| {
        (moment + i as f32 * mass, total + mass)
    });
    moment / total
}

/// Position of `length` pixels of ink that puts their center of mass at [`CENTER`].
fn offset(center_of_mass: f32, length: usize) -> usize {
    // A negative float becomes zero.
    ((CENTER - center_of_mass).round() as usize).min(SIDE - length)
}

#[cfg(test)]
mod tests {
    use mnist_io::{Dataset, Mnist, Split};
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Point;

    fn test_digits() -> Dataset {
        Mnist::embedded_split(Split::Test).unwrap()
    }

    /// A 28×28 digit somewhere in a larger image.
    fn placed(digit: &[u8], width: usize, height: usize, left: usize, top: usize) -> GrayImage {
        let mut image = GrayImage::blank(width, height);
        image.paste(&GrayImage::new(SIDE, SIDE, digit.to_vec()), left, top);
        image
    }

    /// The center of mass, in pixels from the middle of the upper left one.
    fn center(pixels: &Gray28) -> (f32, f32) {
        let columns = (0..SIDE).map(|x| mass(pixels.iter().skip(x).step_by(SIDE)));
        let rows = (0..SIDE).map(|y| mass(pixels[y * SIDE..(y + 1) * SIDE].iter()));
        (center_of_mass(columns), center_of_mass(rows))
    }

    /// Width and height of the ink.
    fn extent(pixels: &Gray28) -> (usize, usize) {
        let image = GrayImage::new(SIDE, SIDE, pixels.to_vec());
        let ink = ink_rect(&image).unwrap();
        (ink.width, ink.height)
    }

    /// The fraction of ink that differs in the best alignment: a center of mass between two pixels may be moved to
    /// either.
    fn distance(a: &Gray28, b: &Gray28) -> f32 {
        let moved = |by: isize| {
            let sum: f32 = a
                .iter()
                .enumerate()
                .map(|(i, &a)| {
                    let j = (i as isize + by).rem_euclid((PIXELS) as isize) as usize;
                    f32::from(a.abs_diff(b[j]))
                })
                .sum();
            sum / mass(a.iter())
        };
        let row = SIDE as isize;
        (-1..=1)
            .flat_map(|y| (-1..=1).map(move |x| moved(y * row + x)))
            .fold(f32::MAX, f32::min)
    }

    fn blobs() -> impl Strategy<Value = GrayImage> {
        (1..30usize, 1..30usize).prop_flat_map(|(width, height)| {
            let pixel = prop_oneof![Just(0u8), 100..=255u8];
            proptest::collection::vec(pixel, width * height)
                .prop_map(move |pixels| GrayImage::new(width, height, pixels))
        })
    }

    proptest! {
        #[test]
        fn the_position_does_not_matter(blob in blobs(), left in 0..50usize, top in 0..50usize) {
            let mut image = GrayImage::blank(90, 80);
            image.paste(&blob, left, top);
            prop_assert_eq!(normalize(&image), normalize(&blob));
        }

        #[test]
        fn ink_is_twenty_pixels_long_and_centered(blob in blobs()) {
            let Some(pixels) = normalize(&blob) else { return Ok(()) };
            prop_assert!(pixels.iter().max() >= Some(&254));
            let (width, height) = extent(&pixels);
            prop_assert!(width <= 20 && height <= 20);
            let (x, y) = center(&pixels);
            // Ink that is heavy on one side stops at the frame.
            let at_side = (0..SIDE).any(|y| pixels[y * SIDE] > 0 || pixels[y * SIDE + 27] > 0);
            let at_end = (0..SIDE).any(|x| pixels[x] > 0 || pixels[27 * SIDE + x] > 0);
            prop_assert!(at_side || (x - CENTER).abs() <= 0.501, "x {}", x);
            prop_assert!(at_end || (y - CENTER).abs() <= 0.501, "y {}", y);
        }

        #[test]
        fn brightness_does_not_matter(blob in blobs(), dimmed in 2..6u8) {
            let dim = GrayImage::new(blob.width(), blob.height(), blob.pixels().iter().map(|p| p / dimmed).collect());
            if let (Some(bright), Some(dim)) = (normalize(&blob), normalize(&dim)) {
                prop_assert!(distance(&bright, &dim) < 0.1);
            }
        }
    }

    #[test]
    fn mnist_is_already_normalized() {
        let digits = test_digits();
        let mut changed = 0;
        for i in 0..digits.len() {
            let digit: &Gray28 = digits.image(i).try_into().unwrap();
            let pixels = normalize(&placed(digit, 70, 60, 2 * (i % 20), i % 32)).unwrap();
            changed += usize::from(pixels != *digit);
            assert!(
                distance(digit, &pixels) < 0.3,
                "digit {i} is {} away",
                distance(digit, &pixels)
            );
        }
        // Some have an edge so faint that it counts as background.
        assert!(changed <= 50, "{changed} of 10,000 digits came back changed");
    }

    #[test]
    fn enlarged_digits_are_normalized_alike() {
        let digits = test_digits();
        for i in 0..200 {
            let digit = digits.image(i);
            for times in [2, 3, 8] {
                let side = SIDE * times;
                let pixel = |k: usize| digit[k / side / times * SIDE + k % side / times];
                let large = GrayImage::new(side, side, (0..side * side).map(pixel).collect());
                let pixels = normalize(&large).unwrap();
                assert!(pixels[..] == *digit, "digit {i} enlarged {times} times");
            }
        }
    }

    #[test]
    fn blank_images_have_no_input() {
        for (width, height) in [(0, 0), (0, 9), (9, 0), (1, 1), (28, 28), (1, 400), (500, 300)] {
            assert_eq!(normalize(&GrayImage::blank(width, height)), None);
            assert_eq!(
                normalize(&GrayImage::new(width, height, vec![BLANK; width * height])),
                None
            );
        }
        assert_eq!(normalize_ink(&Ink::new()), None);
    }

    #[test]
    fn a_single_pixel_and_a_full_image_become_squares() {
        let mut speck = GrayImage::blank(40, 30);
        speck.row_mut(29)[39] = 200;
        for image in [
            speck,
            GrayImage::new(1, 1, vec![255]),
            GrayImage::new(300, 300, vec![17; 90_000]),
        ] {
            let pixels = normalize(&image).unwrap();
            assert_eq!(extent(&pixels), (20, 20));
            assert_eq!(pixels.iter().filter(|&&p| p >= 254).count(), 400);
        }
    }

    #[test]
    fn thin_lines_stay_one_pixel_wide() {
        for length in [2usize, 20, 21, 333, 5_000] {
            let upright = normalize(&GrayImage::new(1, length, vec![255; length])).unwrap();
            let lying = normalize(&GrayImage::new(length, 1, vec![255; length])).unwrap();
            let thick = if length < 20 { 20 / length } else { 1 };
            assert_eq!(extent(&upright), (thick, 20), "of {length} pixels");
            assert_eq!(extent(&lying), (20, thick), "of {length} pixels");
            assert!(upright.iter().max() >= Some(&254) && lying.iter().max() >= Some(&254));
        }
    }

    #[test]
    fn faint_specks_are_background() {
        let mut image = GrayImage::blank(100, 100);
        for y in 40..60 {
            image.row_mut(y)[50] = 255;
        }
        let clean = normalize(&image);
        image.row_mut(3)[5] = 3;
        assert_eq!(normalize(&image), clean);
        image.row_mut(3)[5] = 4;
        assert_ne!(normalize(&image), clean);
    }

    #[test]
    fn drawings_are_normalized_alike_at_every_position_and_size() {
        let seven = |x: f32, y: f32, size: f32| {
            let mut ink = Ink::new();
            ink.pen_down(Point::new(x, y));
            ink.pen_move(Point::new(x + 0.7 * size, y));
            ink.pen_up(Point::new(x + 0.3 * size, y + size));
            normalize_ink(&ink).unwrap()
        };
        let middle = seven(200.0, 150.0, 300.0);
        for (x, y, size) in [(20.0, 20.0, 300.0), (40.0, 60.0, 480.0), (400.0, 400.0, 110.0)] {
            let apart = distance(&middle, &seven(x, y, size));
            assert!(apart < 0.08, "at ({x}, {y}) and {size} large it is {apart} away");
        }
    }

    #[test]
    fn strokes_are_as_thick_as_in_mnist() {
        let ring = {
            let mut ink = Ink::new();
            let at = |i: u32| {
                let turn = i as f32 * std::f32::consts::TAU / 60.0;
                Point::new(280.0 + 130.0 * turn.sin(), 280.0 - 180.0 * turn.cos())
            };
            ink.pen_down(at(0));
            (1..60).for_each(|i| {
                ink.pen_move(at(i));
            });
            ink.pen_up(at(60));
            normalize_ink(&ink).unwrap()
        };
        let digits = test_digits();
        let zeros: Vec<f32> = (0..digits.len())
            .filter(|&i| digits.label(i) == 0)
            .map(|i| mass(digits.image(i).iter()))
            .collect();
        let mean = zeros.iter().sum::<f32>() / zeros.len() as f32;
        let ratio = mass(ring.iter()) / mean;
        assert!(
            (0.75..1.1).contains(&ratio),
            "a drawn zero has {ratio} of the ink of MNIST's"
        );
    }
}
