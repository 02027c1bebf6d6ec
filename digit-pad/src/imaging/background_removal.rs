//! Background removal: keeps the ink of a photograph, without shadows, grain, ruled lines and dust.

use crate::imaging::components;

/// Smaller pictures are no photographs; they are taken as they are.
pub(crate) const LEAST_SIDE: usize = 64;

/// Share of the shorter side that the thickest stroke may have.
const THICKEST: f32 = 0.16;
/// Half the width of the window in which the mean of the light is taken, as a share of the shorter side.
const LIGHT: f32 = 0.25;
/// How many times the usual deviation of the paper still counts as paper.
const NOISE: f32 = 4.0;
/// Less ink than this share of the darkest is no stroke: ruled lines and the edges of shadows are fainter.
const STROKE: f32 = 0.42;
/// Share of the largest piece's ink that another piece has at least; less is dust.
const DUST: f32 = 0.03;
/// A piece of fewer pixels is dust, where there is anything larger.
const LEAST_PIXELS: usize = 16;
/// Least contrast of ink, of 255.
const LEAST_CONTRAST: f32 = 20.0;

/// Grey values, row by row.
#[derive(Debug, Clone)]
struct Plane {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

/// The ink of a photograph: 0 where the paper is, 255 where the ink is darkest, or lightest on dark paper. `None` if
/// there is none.
pub(crate) fn ink(pixels: &[u8], width: usize) -> Option<Vec<u8>> {
    let height = pixels.len().checked_div(width).filter(|&height| height > 0)?;
    let plane = Plane {
        width,
        height,
        values: pixels.iter().map(|&pixel| f32::from(pixel)).collect(),
    };
    let mut smooth = plane.blurred(1);
    if is_light_on_dark(&smooth) {
        smooth.values.iter_mut().for_each(|value| *value = 255.0 - *value);
    }
    let reach = ((THICKEST * width.min(height) as f32) as usize).max(4);
    let paper = smooth.closed(reach);
    let depth = smooth.zip(&paper, |value, paper| paper - value);
    let usual = median(&depth.values);
    let noise = NOISE
        * median(
            &depth
                .values
                .iter()
                .map(|depth| (depth - usual).abs())
                .collect::<Vec<_>>(),
        );
    let depth = depth.map(|depth| (depth - usual - noise).max(0.0));
    let darkest = depth.blurred(1).values.into_iter().fold(0.0, f32::max);
    if darkest < LEAST_CONTRAST {
        return None;
    }
    let pieces = Pieces::find(&depth, STROKE * darkest);
    let kept = pieces.worth_keeping()?;
    Some(pieces.draw(&depth, &kept))
}

/// Ink takes less room than paper, so values far from the light around them are ink's; the cube of the difference tells
/// on which side of it they are.
fn is_light_on_dark(plane: &Plane) -> bool {
    let reach = (LIGHT * plane.width.min(plane.height) as f32) as usize;
    let light = plane.blurred(reach);
    let differences = plane.zip(&light, |value, light| value - light).values;
    differences
        .iter()
        .map(|&difference| f64::from(difference).powi(3))
        .sum::<f64>()
        > 0.0
}

impl Plane {
    fn map(&self, f: impl Fn(f32) -> f32) -> Plane {
        Plane {
            values: self.values.iter().map(|&value| f(value)).collect(),
            ..*self
        }
    }

    fn zip(&self, other: &Plane, f: impl Fn(f32, f32) -> f32) -> Plane {
        Plane {
            values: self.values.iter().zip(&other.values).map(|(&a, &b)| f(a, b)).collect(),
            ..*self
        }
    }

    /// Each line along one axis and then each along the other goes through `f`, which is given a line to change.
    fn along_both(&self, f: impl Fn(&mut [f32])) -> Plane {
        let mut rows = self.clone();
        rows.values.chunks_exact_mut(self.width).for_each(&f);
        let mut turned = rows.turned();
        turned.values.chunks_exact_mut(self.height).for_each(&f);
        turned.turned()
    }

    fn turned(&self) -> Plane {
        let value = |i: usize| self.values[i % self.height * self.width + i / self.height];
        Plane {
            width: self.height,
            height: self.width,
            values: (0..self.values.len()).map(value).collect(),
        }
    }

    /// The mean of the values up to `reach` away along each axis.
    fn blurred(&self, reach: usize) -> Plane {
        self.along_both(|line| {
            let mut sums = vec![0.0f64];
            for &value in line.iter() {
                sums.push(sums[sums.len() - 1] + f64::from(value));
            }
            for (i, value) in line.iter_mut().enumerate() {
                let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(sums.len() - 1));
                *value = ((sums[to] - sums[from]) / (to - from) as f64) as f32;
            }
        })
    }

    /// What is darker than all around it within `reach` becomes as light as that: morphological closing. What reaches
    /// the edge of the picture goes on behind it, as a shadow does.
    fn closed(&self, reach: usize) -> Plane {
        let largest = |line: &mut [f32]| extreme(line, reach, f32::max);
        let smallest = |line: &mut [f32]| extreme(line, reach, f32::min);
        let margin = 2 * reach;
        let closed = self.continued(margin).along_both(largest).along_both(smallest);
        closed.without(margin)
    }

    /// With so many more values on each side, like the outermost ones.
    fn continued(&self, margin: usize) -> Plane {
        let (width, height) = (self.width + 2 * margin, self.height + 2 * margin);
        let inside = |place: usize, len: usize| place.saturating_sub(margin).min(len - 1);
        let value = |i: usize| self.values[inside(i / width, self.height) * self.width + inside(i % width, self.width)];
        Plane {
            width,
            height,
            values: (0..width * height).map(value).collect(),
        }
    }

    /// Without so many values on each side.
    fn without(&self, margin: usize) -> Plane {
        let (width, height) = (self.width - 2 * margin, self.height - 2 * margin);
        let row = |y: usize| &self.values[(y + margin) * self.width + margin..][..width];
        Plane {
            width,
            height,
            values: (0..height).flat_map(row).copied().collect(),
        }
    }
}

/// Puts in the place of each value the extreme one of those up to `reach` away, in blocks (van Herk, 1992; Gil and
/// Werman, 1993).
fn extreme(line: &mut [f32], reach: usize, pick: impl Fn(f32, f32) -> f32) {
    let (len, block) = (line.len(), 2 * reach + 1);
    if len == 0 {
        return;
    }
    let mut forth = line.to_vec();
    let mut back = line.to_vec();
    for i in 1..len {
        if i % block != 0 {
            forth[i] = pick(forth[i], forth[i - 1]);
        }
        let j = len - 1 - i;
        if (j + 1) % block != 0 {
            back[j] = pick(back[j], back[j + 1]);
        }
    }
    for (i, value) in line.iter_mut().enumerate() {
        let (from, to) = (i.saturating_sub(reach), (i + reach).min(len - 1));
        // At the ends a window is shorter than a block and may lie within one.
        *value = if from / block == to / block {
            if from.is_multiple_of(block) {
                forth[to]
            } else {
                back[from]
            }
        } else {
            pick(back[from], forth[to])
        };
    }
}

fn median(values: &[f32]) -> f32 {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Connected pieces of ink.
struct Pieces {
    width: usize,
    height: usize,
    /// For each pixel its piece, or [`components::NONE`].
    owners: Vec<u32>,
    pieces: Vec<Piece>,
}

/// How large a piece is, and how much ink it has.
#[derive(Debug, Clone, Copy)]
struct Piece {
    pixels: usize,
    ink: f32,
}

impl Pieces {
    /// Those with ink of at least `threshold`, by eight neighbours.
    fn find(depth: &Plane, threshold: f32) -> Self {
        let (width, height) = (depth.width, depth.height);
        let mut pieces: Vec<Piece> = Vec::new();
        let is_ink = |at: usize| depth.values[at] >= threshold;
        let owners = components::label(width, height, is_ink, |piece, at| {
            if piece == pieces.len() {
                pieces.push(Piece { pixels: 0, ink: 0.0 });
            }
            pieces[piece].pixels += 1;
            pieces[piece].ink += depth.values[at];
        });
        Pieces {
            width,
            height,
            owners,
            pieces,
        }
    }

    /// Whether each piece is ink of what was written and no dust; `None` if there is nothing.
    fn worth_keeping(&self) -> Option<Vec<bool>> {
        let most = self.pieces.iter().map(|piece| piece.ink).fold(0.0, f32::max);
        let are_large = self.pieces.iter().any(|piece| piece.pixels >= LEAST_PIXELS);
        let is_kept = |piece: &Piece| piece.ink >= DUST * most && (!are_large || piece.pixels >= LEAST_PIXELS);
        (!self.pieces.is_empty()).then(|| self.pieces.iter().map(is_kept).collect())
    }

    /// The ink of some pieces with its soft edge.
    fn draw(&self, depth: &Plane, kept: &[bool]) -> Vec<u8> {
        let owned = |i: usize| kept.get(self.owners[i] as usize) == Some(&true);
        let mut levels: Vec<f32> = (0..depth.values.len())
            .filter(|&i| owned(i))
            .map(|i| depth.values[i])
            .collect();
        let place = levels.len() * 3 / 5;
        let full = *levels.select_nth_unstable_by(place, f32::total_cmp).1;
        let reach = 2;
        let near = |i: usize| {
            let (x, y) = (i % self.width, i / self.width);
            let rows = y.saturating_sub(reach)..=(y + reach).min(self.height - 1);
            rows.into_iter().any(|y| {
                let columns = x.saturating_sub(reach)..=(x + reach).min(self.width - 1);
                columns.into_iter().any(|x| owned(y * self.width + x))
            })
        };
        let value = |i: usize| {
            if depth.values[i] > 0.0 && near(i) {
                (255.0 * depth.values[i] / full).min(255.0) as u8
            } else {
                0
            }
        };
        (0..depth.values.len()).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: usize = 160;
    const HEIGHT: usize = 120;

    /// A picture with a thick bar in it, on paper and with ink of these greys.
    fn bar(paper: impl Fn(usize, usize) -> f32, ink: f32) -> Vec<u8> {
        let value = |i: usize| {
            let (x, y) = (i % WIDTH, i / WIDTH);
            let is_ink = (70..78).contains(&x) && (30..80).contains(&y);
            (paper(x, y) + if is_ink { ink } else { 0.0 }).clamp(0.0, 255.0) as u8
        };
        (0..WIDTH * HEIGHT).map(value).collect()
    }

    fn assert_bar(ink: &[u8]) {
        for (i, &value) in ink.iter().enumerate() {
            let (x, y) = (i % WIDTH, i / WIDTH);
            if (71..77).contains(&x) && (32..78).contains(&y) {
                assert!(value > 180, "{value} in the bar at {x}, {y}");
            } else if !(66..82).contains(&x) || !(26..84).contains(&y) {
                assert_eq!(value, 0, "at {x}, {y}");
            }
        }
    }

    #[test]
    fn light_may_slope_and_shadows_fall() {
        assert_bar(&ink(&bar(|_, _| 200.0, -120.0), WIDTH).unwrap());
        assert_bar(&ink(&bar(|x, y| 120.0 + 0.5 * x as f32 + 0.2 * y as f32, -90.0), WIDTH).unwrap());
        let shadow = |x: usize, _| if x < 60 { 110.0 } else { 210.0 };
        assert_bar(&ink(&bar(shadow, -100.0), WIDTH).unwrap());
        assert_bar(&ink(&bar(|x, _| 40.0 + 0.2 * x as f32, 140.0), WIDTH).unwrap());
    }

    #[test]
    fn grain_ruled_lines_and_dust_are_left_out() {
        let grain = |x: usize, y: usize| 200.0 + ((x * 7 + y * 13) % 9) as f32;
        assert_bar(&ink(&bar(grain, -120.0), WIDTH).unwrap());
        let ruled = |_, y: usize| if y.is_multiple_of(24) { 160.0 } else { 210.0 };
        assert_bar(&ink(&bar(ruled, -150.0), WIDTH).unwrap());
        let dust = |x: usize, y: usize| if x == 20 && y == 20 { 60.0 } else { 210.0 };
        assert_bar(&ink(&bar(dust, -150.0), WIDTH).unwrap());
    }

    #[test]
    fn what_is_cropped_tightly_is_whole() {
        // A bar from edge to edge, and a short one beside it in the middle.
        let value = |i: usize| {
            let (x, y) = (i % 100, i / 100);
            let is_ink = (10..20).contains(&x) || ((60..70).contains(&x) && (30..50).contains(&y));
            if is_ink { 30 } else { 220 }
        };
        let pixels: Vec<u8> = (0..100 * 80).map(value).collect();
        let ink = ink(&pixels, 100).unwrap();
        for (x, y) in [(15, 0), (15, 40), (15, 79), (65, 40)] {
            assert!(ink[y * 100 + x] > 180, "at {x}, {y}");
        }
        assert_eq!(ink[40 * 100 + 40], 0);
    }

    #[test]
    fn a_shadow_in_a_corner_is_no_ink() {
        let shadow = |x: usize, y: usize| if x + 2 * y < 60 { 110.0 } else { 200.0 };
        assert_bar(&ink(&bar(shadow, -120.0), WIDTH).unwrap());
    }

    #[test]
    fn a_blank_sheet_has_no_ink() {
        assert_eq!(ink(&[128; WIDTH * HEIGHT], WIDTH), None);
        assert_eq!(
            ink(&bar(|x, y| 200.0 + ((x * 7 + y * 13) % 5) as f32, 0.0), WIDTH),
            None
        );
        assert_eq!(ink(&[], 0), None);
        assert_eq!(ink(&[], 5), None);
    }

    proptest! {
        #[test]
        fn extremes_are_those_of_the_window(line in proptest::collection::vec(-9.0..9.0f32, 0..60), reach in 0..20usize) {
            let mut found = line.clone();
            extreme(&mut found, reach, f32::max);
            for (i, &value) in found.iter().enumerate() {
                let window = &line[i.saturating_sub(reach)..(i + reach + 1).min(line.len())];
                prop_assert_eq!(value, window.iter().copied().fold(f32::MIN, f32::max));
            }
        }

        #[test]
        fn any_picture_can_be_looked_at(pixels in proptest::collection::vec(any::<u8>(), 0..900), width in 1..40usize) {
            let whole = pixels.len() / width * width;
            if let Some(ink) = ink(&pixels[..whole], width) {
                prop_assert_eq!(ink.len(), whole);
            }
        }
    }
}
