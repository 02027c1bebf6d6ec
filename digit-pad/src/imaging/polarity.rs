//! Ink of small images: what differs from the gray of the border, darker or lighter.

/// Least contrast between ink and background, of 255. Noise and compression make less of a blank image.
pub(super) const MIN_CONTRAST: u8 = 32;

/// Multiple of the median absolute deviation of the border that still counts as background.
const NOISE: u8 = 4;

/// Converts gray pixels, in rows of `width`, to ink: 0 for background, 255 where the ink differs most from it.
///
/// The background is the median of the border; ink is darker or lighter than that, whichever weighs more. `None`
/// without ink.
pub(super) fn ink(pixels: &[u8], width: usize) -> Option<Vec<u8>> {
    if pixels.is_empty() {
        return None;
    }
    let background = median(border(pixels, width)).unwrap_or(0);
    let noise = median(border(pixels, width).map(|pixel| pixel.abs_diff(background)))
        .unwrap_or(0)
        .saturating_mul(NOISE);
    let darker = |pixel: u8| background.saturating_sub(pixel).saturating_sub(noise);
    let lighter = |pixel: u8| pixel.saturating_sub(background).saturating_sub(noise);
    let weight = |ink: &dyn Fn(u8) -> u8| pixels.iter().map(|&pixel| u64::from(ink(pixel))).sum::<u64>();
    let ink: &dyn Fn(u8) -> u8 = if weight(&darker) >= weight(&lighter) {
        &darker
    } else {
        &lighter
    };
    let peak = pixels.iter().map(|&pixel| ink(pixel)).max().unwrap_or(0);
    if peak < MIN_CONTRAST {
        return None;
    }
    let table: [u8; 256] = std::array::from_fn(|pixel| {
        ((u32::from(ink(pixel as u8)) * 255 + u32::from(peak) / 2) / u32::from(peak)) as u8
    });
    Some(pixels.iter().map(|&pixel| table[usize::from(pixel)]).collect())
}

/// Difference between the largest and the smallest gray value.
pub(super) fn contrast(pixels: &[u8]) -> u8 {
    let (darkest, brightest) = pixels
        .iter()
        .fold((255, 0), |(low, high), &p| (p.min(low), p.max(high)));
    brightest.saturating_sub(darkest)
}

/// The outermost pixels.
fn border(pixels: &[u8], width: usize) -> impl Iterator<Item = u8> + '_ {
    let rows = pixels.chunks_exact(width);
    let last = rows.len().saturating_sub(1);
    rows.enumerate().flat_map(move |(y, row)| {
        let step = if y == 0 || y == last { 1 } else { (width - 1).max(1) };
        row.iter().copied().step_by(step)
    })
}

/// The median, the lower of two; `None` without values.
fn median(values: impl Iterator<Item = u8>) -> Option<u8> {
    let mut counts = [0u64; 256];
    for value in values {
        counts[usize::from(value)] += 1;
    }
    let half = counts.iter().sum::<u64>().div_ceil(2);
    let mut seen = 0;
    let reached = |count: &u64| {
        seen += count;
        seen >= half && half > 0
    };
    counts.iter().position(reached).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mnist_digits_are_unchanged() {
        let digits = mnist_io::Mnist::embedded_split(mnist_io::Split::Test).unwrap();
        for index in 0..200 {
            let pixels = ink(digits.image(index), 28).unwrap();
            assert!(
                pixels.iter().zip(digits.image(index)).all(|(a, b)| a.abs_diff(*b) <= 1),
                "{index}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_median_is_the_middle_value(values in proptest::collection::vec(any::<u8>(), 0..50)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let expected = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
            prop_assert_eq!(median(values.into_iter()), expected);
        }

        #[test]
        fn the_border_is_the_outermost_pixels(width in 1usize..9, height in 1usize..9) {
            let inside = |x: usize, y: usize| x > 0 && x + 1 < width && y > 0 && y + 1 < height;
            let pixels: Vec<u8> = (0..width * height).map(|i| u8::from(inside(i % width, i / width))).collect();
            prop_assert!(border(&pixels, width).all(|pixel| pixel == 0));
            let outer = pixels.iter().filter(|&&pixel| pixel == 0).count();
            prop_assert_eq!(border(&pixels, width).count(), outer);
        }
    }
}
