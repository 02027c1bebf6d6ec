//! Ink of small images: what differs from the gray of the border, darker or lighter.

use crate::imaging::{
    background_removal::Reading,
    plane::{Plane, histogram, quantile},
};

/// Least contrast between ink and background, of 255. Noise and compression make less of a blank image.
pub(super) const MIN_CONTRAST: u8 = 32;

/// Multiple of the median absolute deviation of the border that still counts as background.
const NOISE: u8 = 4;
/// Most noise, as a fraction of the contrast: beyond it, the border differs because ink touches it.
const MAX_NOISE: f32 = 0.15;
/// Share of the border that ink may cover without doubt about which of both it is.
const BORDER_INK: f32 = 0.3;
/// Doubt of an image whose background is not the border's gray.
const OTHER_BACKGROUND: f32 = 0.02;

/// Extracts ink from gray pixels in the ways that are possible, the most likely first; none without ink.
///
/// The background is the median of the border; ink is darker or lighter than that, whichever weighs more. Where much of
/// the border differs from it, the background may also be the other extreme of the image.
pub(super) fn readings(plane: &Plane) -> Vec<Reading> {
    let border = histogram(plane.border());
    let background = quantile(&border, 0.5);
    let contrast = contrast(&plane.values);
    let mut found: Vec<Reading> = ink(plane, background, contrast)
        .map(|ink| Reading { ink, doubt: 0.0 })
        .into_iter()
        .collect();
    let differs = |level: usize| level.abs_diff(usize::from(background)) > usize::from(contrast) / 2;
    let apart: usize = (0..256)
        .filter(|&level| differs(level))
        .map(|level| border[level])
        .sum();
    if apart as f32 > BORDER_INK * border.iter().sum::<usize>() as f32 {
        let (darkest, brightest) = extremes(&plane.values);
        let other = if background - darkest < brightest - background {
            brightest
        } else {
            darkest
        };
        found.extend(ink(plane, other, contrast).map(|ink| Reading {
            ink,
            doubt: OTHER_BACKGROUND,
        }));
    }
    found
}

/// Converts gray pixels to ink: 0 for background, 255 where the ink differs most from it. `None` without ink.
fn ink(plane: &Plane, background: u8, contrast: u8) -> Option<Vec<u8>> {
    let deviations = histogram(plane.border().map(|pixel| pixel.abs_diff(background)));
    let most = (MAX_NOISE * f32::from(contrast)) as u8;
    let noise = quantile(&deviations, 0.5).saturating_mul(NOISE).min(most);
    let darker = |pixel: u8| background.saturating_sub(pixel).saturating_sub(noise);
    let lighter = |pixel: u8| pixel.saturating_sub(background).saturating_sub(noise);
    let weight = |ink: &dyn Fn(u8) -> u8| plane.values.iter().map(|&pixel| u64::from(ink(pixel))).sum::<u64>();
    let ink: &dyn Fn(u8) -> u8 = if weight(&darker) >= weight(&lighter) {
        &darker
    } else {
        &lighter
    };
    let peak = plane.values.iter().map(|&pixel| ink(pixel)).max().unwrap_or(0);
    if peak < MIN_CONTRAST {
        return None;
    }
    let table: [u8; 256] = std::array::from_fn(|pixel| {
        ((u32::from(ink(pixel as u8)) * 255 + u32::from(peak) / 2) / u32::from(peak)) as u8
    });
    Some(plane.values.iter().map(|&pixel| table[usize::from(pixel)]).collect())
}

fn extremes(pixels: &[u8]) -> (u8, u8) {
    pixels
        .iter()
        .fold((255, 0), |(low, high), &p| (p.min(low), p.max(high)))
}

/// Difference between the largest and the smallest gray value.
pub(super) fn contrast(pixels: &[u8]) -> u8 {
    let (darkest, brightest) = extremes(pixels);
    brightest.saturating_sub(darkest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnist_digits_are_unchanged() {
        let digits = mnist_io::Mnist::embedded_split(mnist_io::Split::Test).unwrap();
        for index in 0..200 {
            let plane = Plane {
                width: 28,
                height: 28,
                values: digits.image(index).to_vec(),
            };
            let found = readings(&plane);
            assert_eq!(found.len(), 1, "{index}");
            let alike = found[0].ink.iter().zip(digits.image(index));
            assert!(alike.into_iter().all(|(a, b)| a.abs_diff(*b) <= 1), "{index}");
        }
    }

    #[test]
    fn ink_may_touch_most_of_the_border() {
        // A ring of ink at the edge of 20×20, black on white and white on black.
        for ink in [0, 255] {
            let inside = |x: usize, y: usize| (3..17).contains(&x) && (3..17).contains(&y);
            let values = (0..400)
                .map(|i| if inside(i % 20, i / 20) { 255 - ink } else { ink })
                .collect();
            let found = readings(&Plane {
                width: 20,
                height: 20,
                values,
            });
            assert!(!found.is_empty(), "ink {ink}");
        }
    }
}
