//! Another pen: its width and the edge of its line.

/// A whole step of dilation or erosion.
pub(super) const WHOLE: u16 = 256;

/// What is measured of a digit's ink.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ink {
    /// Of the stroke, in pixels.
    pub(super) width: f32,
    /// The brightest pixel.
    pub(super) brightest: u8,
}

impl Ink {
    /// The width is twice the area over the outline's length, which is right for a long line in any
    /// direction. None if there is no ink.
    pub(super) fn measure(image: &[u8], width: usize) -> Option<Self> {
        let brightest = image.iter().copied().max().filter(|&brightest| brightest > 0)?;
        let (mut area, mut across, mut down) = (0u32, 0u32, 0u32);
        let mut above: &[u8] = &[];
        for row in image.chunks_exact(width) {
            area += row.iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
            across += change(row, &row[1..]) + u32::from(row[0]) + u32::from(row[width - 1]);
            down += if above.is_empty() {
                row.iter().map(|&pixel| u32::from(pixel)).sum()
            } else {
                change(above, row)
            };
            above = row;
        }
        down += above.iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
        let (across, down) = (across as f32, down as f32);
        let outline = (across * across + down * down).sqrt();
        Some(Self {
            width: 2.0 * area as f32 / outline,
            brightest,
        })
    }
}

fn change(these: &[u8], those: &[u8]) -> u32 {
    let pairs = these.iter().zip(those);
    pairs.map(|(&this, &that)| u32::from(this.abs_diff(that))).sum()
}

/// Dilation and erosion by the four nearest pixels, in part.
pub(super) struct Thickness {
    width: usize,
    /// A row with a black pixel at either end.
    line: Vec<u8>,
    /// The row above it before it was changed.
    above: Vec<u8>,
    blank: Vec<u8>,
}

impl Thickness {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            line: vec![0; width + 2],
            above: vec![0; width],
            blank: vec![0; width],
        }
    }

    /// Moves each pixel `share` out of [`WHOLE`] of the way to the brightest of it and its four
    /// neighbours.
    pub(super) fn dilate(&mut self, image: &mut [u8], share: u16) {
        self.morph(image, u8::max, |pixel, brightest| {
            pixel + part(brightest - pixel, share)
        });
    }

    /// Likewise to the darkest.
    pub(super) fn erode(&mut self, image: &mut [u8], share: u16) {
        self.morph(image, u8::min, |pixel, darkest| pixel - part(pixel - darkest, share));
    }

    fn morph(&mut self, image: &mut [u8], pick: impl Fn(u8, u8) -> u8, blend: impl Fn(u8, u8) -> u8) {
        let width = self.width;
        self.above.fill(0);
        let mut rest = image;
        while !rest.is_empty() {
            let (row, after) = rest.split_at_mut(width);
            let below = after.get(..width).unwrap_or(&self.blank);
            self.line[1..=width].copy_from_slice(row);
            let (left, right) = (&self.line[..width], &self.line[2..]);
            for (i, pixel) in row.iter_mut().enumerate() {
                let picked = pick(pick(left[i], right[i]), pick(self.above[i], below[i]));
                *pixel = blend(*pixel, pick(*pixel, picked));
            }
            self.above.copy_from_slice(&self.line[1..=width]);
            rest = after;
        }
    }
}

/// `share` out of [`WHOLE`] of a difference, rounded; 255 · 256 and a half fit in 16 bits.
#[inline]
fn part(difference: u8, share: u16) -> u8 {
    ((u16::from(difference) * share + WHOLE / 2) / WHOLE) as u8
}

/// Draws a line with round ends and a soft edge.
pub(super) fn line(image: &mut [u8], width: usize, (from, to): ([f32; 2], [f32; 2]), stroke: f32, brightness: f32) {
    let radius = stroke.max(1.0) / 2.0;
    let along = [to[0] - from[0], to[1] - from[1]];
    let square = (along[0] * along[0] + along[1] * along[1]).max(f32::MIN_POSITIVE);
    let reach = |axis: usize| {
        let (low, high) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
        (
            (low - radius).floor().max(0.0) as usize,
            (high + radius).ceil().max(0.0) as usize,
        )
    };
    let ((left, right), (top, bottom)) = (reach(0), reach(1));
    let rows = image.chunks_exact_mut(width).enumerate();
    for (y, row) in rows.skip(top).take(bottom + 1 - top) {
        for (x, pixel) in row.iter_mut().enumerate().skip(left).take(right + 1 - left) {
            let at = [x as f32 - from[0], y as f32 - from[1]];
            let share = ((at[0] * along[0] + at[1] * along[1]) / square).clamp(0.0, 1.0);
            let off = [at[0] - share * along[0], at[1] - share * along[1]];
            let distance = (off[0] * off[0] + off[1] * off[1]).sqrt();
            let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
            *pixel = (*pixel).max((cover * brightness) as u8);
        }
    }
}

/// Makes the ramp from black to the brightest pixel so many times steeper, about its middle: a soft
/// line's edge becomes a crisp one, where it was.
pub(super) fn steepen(image: &mut [u8], gain: f32) {
    let middle = f32::from(image.iter().copied().max().unwrap_or(0)) / 2.0;
    let ramp: [u8; 256] =
        std::array::from_fn(|pixel| (middle + gain * (pixel as f32 - middle)).clamp(0.0, 255.0).round() as u8);
    for pixel in image {
        *pixel = ramp[usize::from(*pixel)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring, soft at its edges.
    fn ring(radius: f32, width: f32) -> Vec<u8> {
        let pixel = |i: usize| {
            let from_centre = ((i % 28) as f32 - 13.5).hypot((i / 28) as f32 - 13.5);
            let edge = width / 2.0 - (from_centre - radius).abs();
            ((edge + 0.5).clamp(0.0, 1.0) * 250.0) as u8
        };
        (0..784).map(pixel).collect()
    }

    fn ink(image: &[u8]) -> u32 {
        image.iter().map(|&pixel| u32::from(pixel)).sum()
    }

    #[test]
    fn the_width_of_a_stroke_is_found() {
        for width in [2.0, 3.0, 4.0] {
            let found = Ink::measure(&ring(8.0, width), 28).unwrap();
            assert!((found.width - width).abs() < 0.6, "{found:?} for {width}");
            assert_eq!(found.brightest, 250);
        }
        assert_eq!(Ink::measure(&[0; 784], 28), None);
        assert_eq!(Ink::measure(&[9], 1).unwrap().brightest, 9);
    }

    #[test]
    fn more_is_thicker_and_less_is_thinner() {
        let image = ring(8.0, 3.0);
        let mut thickness = Thickness::new(28);
        let mut changed = |share: i32| {
            let mut image = image.clone();
            let amount = share.unsigned_abs() as u16;
            if share < 0 {
                thickness.erode(&mut image, amount);
            } else {
                thickness.dilate(&mut image, amount);
            }
            image
        };
        assert_eq!(changed(0), image);
        let images: Vec<_> = (-256..=256).step_by(32).map(&mut changed).collect();
        for (thinner, thicker) in images.iter().zip(&images[1..]) {
            assert!(thinner.iter().zip(thicker).all(|(a, b)| a <= b));
            assert!(ink(thinner) < ink(thicker));
        }
    }

    #[test]
    fn what_is_outside_is_black() {
        let mut thickness = Thickness::new(2);
        let mut image = [100, 0, 0, 200];
        thickness.dilate(&mut image, WHOLE);
        assert_eq!(image, [100, 200, 200, 200]);
        thickness.erode(&mut image, WHOLE / 2);
        assert_eq!(image, [50, 100, 100, 100]);
    }

    #[test]
    fn a_steeper_ramp_keeps_the_edge_where_it_was() {
        let image: Vec<u8> = (0..=200).collect();
        let mut crisp = image.clone();
        steepen(&mut crisp, 4.0);
        assert_eq!(
            (crisp[0], crisp[70], crisp[100], crisp[140], crisp[200]),
            (0, 0, 100, 255, 255)
        );
        let mut same = image.clone();
        steepen(&mut same, 1.0);
        assert_eq!(same, image);
        steepen(&mut [], 4.0);
    }
}
