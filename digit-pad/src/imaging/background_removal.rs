//! Background removal: keeps the ink of a photograph, without shadows, noise, ruled lines and dust.

use crate::imaging::components;

/// Smaller images do not count as photographs.
pub(crate) const MIN_SIDE: usize = 64;

/// Width of the thickest stroke, as a fraction of the shorter side.
const MAX_STROKE: f32 = 0.16;
/// Radius of the window that estimates the illumination, as a fraction of the shorter side.
const ILLUMINATION_RADIUS: f32 = 0.25;
/// Multiple of the median absolute deviation that still counts as background.
const NOISE: f32 = 4.0;
/// Least ink of a stroke, as a fraction of the darkest. Ruled lines and the edges of shadows are fainter.
const STROKE_THRESHOLD: f32 = 0.42;
/// Least ink of a component, as a fraction of the largest component's. Less is dust.
const DUST: f32 = 0.03;
/// Least number of pixels of a component, if there is any larger one. Fewer are dust.
const MIN_PIXELS: usize = 16;
/// Least contrast of ink, of 255.
const MIN_CONTRAST: f32 = 20.0;

/// Gray values, row by row.
#[derive(Debug, Clone)]
struct Plane {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

/// Extracts the ink of a photograph: 0 for background, 255 where the ink is darkest, or lightest on a dark background.
/// `None` without ink.
///
/// The background is estimated by a morphological closing that is wider than any stroke; ink is what lies below it by
/// more than the noise, in connected components that are not dust.
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
    let radius = ((MAX_STROKE * width.min(height) as f32) as usize).max(4);
    let background = smooth.closed(radius);
    let depth = smooth.zip(&background, |value, background| background - value);
    let typical = median(&depth.values);
    let deviations: Vec<f32> = depth.values.iter().map(|depth| (depth - typical).abs()).collect();
    let noise = NOISE * median(&deviations);
    let depth = depth.map(|depth| (depth - typical - noise).max(0.0));
    let darkest = depth.blurred(1).values.into_iter().fold(0.0, f32::max);
    if darkest < MIN_CONTRAST {
        return None;
    }
    let components = Components::find(&depth, STROKE_THRESHOLD * darkest);
    let kept = components.without_dust()?;
    Some(components.draw(&depth, &kept))
}

/// Ink covers less area than the background, so gray values far from their surroundings are ink. The sign of the third
/// moment says whether they are lighter or darker.
fn is_light_on_dark(plane: &Plane) -> bool {
    let radius = (ILLUMINATION_RADIUS * plane.width.min(plane.height) as f32) as usize;
    let illumination = plane.blurred(radius);
    let differences = plane.zip(&illumination, |value, light| value - light).values;
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

    /// Applies a filter to each row in place, then to each column.
    fn filtered(&self, filter: impl Fn(&mut [f32])) -> Plane {
        let mut rows = self.clone();
        rows.values.chunks_exact_mut(self.width).for_each(&filter);
        let mut columns = rows.transposed();
        columns.values.chunks_exact_mut(self.height).for_each(&filter);
        columns.transposed()
    }

    fn transposed(&self) -> Plane {
        let value = |i: usize| self.values[i % self.height * self.width + i / self.height];
        Plane {
            width: self.height,
            height: self.width,
            values: (0..self.values.len()).map(value).collect(),
        }
    }

    /// Box blur: the mean of the values up to `radius` away along each axis.
    fn blurred(&self, radius: usize) -> Plane {
        self.filtered(|line| {
            let mut sums = vec![0.0f64];
            for &value in line.iter() {
                sums.push(sums[sums.len() - 1] + f64::from(value));
            }
            for (i, value) in line.iter_mut().enumerate() {
                let (from, to) = (i.saturating_sub(radius), (i + radius + 1).min(sums.len() - 1));
                *value = ((sums[to] - sums[from]) / (to - from) as f64) as f32;
            }
        })
    }

    /// Morphological closing: raises what is darker than its surroundings within `radius`. Values continue beyond the
    /// edge of the image, as a shadow does.
    fn closed(&self, radius: usize) -> Plane {
        let dilate = |line: &mut [f32]| sliding_extreme(line, radius, f32::max);
        let erode = |line: &mut [f32]| sliding_extreme(line, radius, f32::min);
        let margin = 2 * radius;
        self.padded(margin).filtered(dilate).filtered(erode).cropped(margin)
    }

    /// Adds a margin on each side that repeats the outermost values.
    fn padded(&self, margin: usize) -> Plane {
        let (width, height) = (self.width + 2 * margin, self.height + 2 * margin);
        let inside = |at: usize, len: usize| at.saturating_sub(margin).min(len - 1);
        let value = |i: usize| self.values[inside(i / width, self.height) * self.width + inside(i % width, self.width)];
        Plane {
            width,
            height,
            values: (0..width * height).map(value).collect(),
        }
    }

    /// Removes a margin on each side.
    fn cropped(&self, margin: usize) -> Plane {
        let (width, height) = (self.width - 2 * margin, self.height - 2 * margin);
        let row = |y: usize| &self.values[(y + margin) * self.width + margin..][..width];
        Plane {
            width,
            height,
            values: (0..height).flat_map(row).copied().collect(),
        }
    }
}

/// Replaces each value by the extreme one within `radius`, block by block (van Herk, 1992; Gil and Werman, 1993).
fn sliding_extreme(line: &mut [f32], radius: usize, pick: impl Fn(f32, f32) -> f32) {
    let (len, block) = (line.len(), 2 * radius + 1);
    if len == 0 {
        return;
    }
    let mut forward = line.to_vec();
    let mut backward = line.to_vec();
    for i in 1..len {
        if i % block != 0 {
            forward[i] = pick(forward[i], forward[i - 1]);
        }
        let j = len - 1 - i;
        if (j + 1) % block != 0 {
            backward[j] = pick(backward[j], backward[j + 1]);
        }
    }
    for (i, value) in line.iter_mut().enumerate() {
        let (from, to) = (i.saturating_sub(radius), (i + radius).min(len - 1));
        // At the ends, a window is shorter than a block and may lie within one.
        *value = if from / block == to / block {
            if from.is_multiple_of(block) {
                forward[to]
            } else {
                backward[from]
            }
        } else {
            pick(backward[from], forward[to])
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

/// Connected components of ink.
struct Components {
    width: usize,
    height: usize,
    /// The component of each pixel, or [`components::NONE`].
    labels: Vec<u32>,
    components: Vec<Component>,
}

/// Area and total ink of a component.
#[derive(Debug, Clone, Copy)]
struct Component {
    pixels: usize,
    ink: f32,
}

impl Components {
    /// Finds the components of pixels with at least `threshold` ink.
    fn find(depth: &Plane, threshold: f32) -> Self {
        let (width, height) = (depth.width, depth.height);
        let mut components: Vec<Component> = Vec::new();
        let is_ink = |at: usize| depth.values[at] >= threshold;
        let labels = components::label(width, height, is_ink, |component, at| {
            if component == components.len() {
                components.push(Component { pixels: 0, ink: 0.0 });
            }
            components[component].pixels += 1;
            components[component].ink += depth.values[at];
        });
        Components {
            width,
            height,
            labels,
            components,
        }
    }

    /// Whether each component is more than dust; `None` without components.
    fn without_dust(&self) -> Option<Vec<bool>> {
        let most = self
            .components
            .iter()
            .map(|component| component.ink)
            .fold(0.0, f32::max);
        let any_large = self.components.iter().any(|component| component.pixels >= MIN_PIXELS);
        let is_kept =
            |component: &Component| component.ink >= DUST * most && (!any_large || component.pixels >= MIN_PIXELS);
        (!self.components.is_empty()).then(|| self.components.iter().map(is_kept).collect())
    }

    /// Draws the kept components with their soft edges.
    fn draw(&self, depth: &Plane, kept: &[bool]) -> Vec<u8> {
        const EDGE: usize = 2;
        let is_kept = |i: usize| kept.get(self.labels[i] as usize) == Some(&true);
        let mut levels: Vec<f32> = (0..depth.values.len())
            .filter(|&i| is_kept(i))
            .map(|i| depth.values[i])
            .collect();
        let rank = levels.len() * 3 / 5;
        let full = *levels.select_nth_unstable_by(rank, f32::total_cmp).1;
        let is_near = |i: usize| {
            let (x, y) = (i % self.width, i / self.width);
            let rows = y.saturating_sub(EDGE)..=(y + EDGE).min(self.height - 1);
            rows.into_iter().any(|y| {
                let columns = x.saturating_sub(EDGE)..=(x + EDGE).min(self.width - 1);
                columns.into_iter().any(|x| is_kept(y * self.width + x))
            })
        };
        let value = |i: usize| {
            if depth.values[i] > 0.0 && is_near(i) {
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

    /// An image of a thick bar, with these gray values of background and ink.
    fn bar(background: impl Fn(usize, usize) -> f32, ink: f32) -> Vec<u8> {
        let value = |i: usize| {
            let (x, y) = (i % WIDTH, i / WIDTH);
            let is_ink = (70..78).contains(&x) && (30..80).contains(&y);
            (background(x, y) + if is_ink { ink } else { 0.0 }).clamp(0.0, 255.0) as u8
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
    fn gradients_and_shadows_are_removed() {
        assert_bar(&ink(&bar(|_, _| 200.0, -120.0), WIDTH).unwrap());
        assert_bar(&ink(&bar(|x, y| 120.0 + 0.5 * x as f32 + 0.2 * y as f32, -90.0), WIDTH).unwrap());
        let shadow = |x: usize, _| if x < 60 { 110.0 } else { 210.0 };
        assert_bar(&ink(&bar(shadow, -100.0), WIDTH).unwrap());
        assert_bar(&ink(&bar(|x, _| 40.0 + 0.2 * x as f32, 140.0), WIDTH).unwrap());
    }

    #[test]
    fn noise_ruled_lines_and_dust_are_removed() {
        let noise = |x: usize, y: usize| 200.0 + ((x * 7 + y * 13) % 9) as f32;
        assert_bar(&ink(&bar(noise, -120.0), WIDTH).unwrap());
        let ruled = |_, y: usize| if y.is_multiple_of(24) { 160.0 } else { 210.0 };
        assert_bar(&ink(&bar(ruled, -150.0), WIDTH).unwrap());
        let dust = |x: usize, y: usize| if x == 20 && y == 20 { 60.0 } else { 210.0 };
        assert_bar(&ink(&bar(dust, -150.0), WIDTH).unwrap());
    }

    #[test]
    fn tightly_cropped_ink_is_kept() {
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
    fn a_shadow_in_a_corner_is_removed() {
        let shadow = |x: usize, y: usize| if x + 2 * y < 60 { 110.0 } else { 200.0 };
        assert_bar(&ink(&bar(shadow, -120.0), WIDTH).unwrap());
    }

    #[test]
    fn a_blank_image_has_no_ink() {
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
        fn extremes_are_those_of_the_window(line in proptest::collection::vec(-9.0..9.0f32, 0..60), radius in 0..20usize) {
            let mut found = line.clone();
            sliding_extreme(&mut found, radius, f32::max);
            for (i, &value) in found.iter().enumerate() {
                let window = &line[i.saturating_sub(radius)..(i + radius + 1).min(line.len())];
                prop_assert_eq!(value, window.iter().copied().fold(f32::MIN, f32::max));
            }
        }

        #[test]
        fn any_image_is_accepted(pixels in proptest::collection::vec(any::<u8>(), 0..900), width in 1..40usize) {
            let whole = pixels.len() / width * width;
            if let Some(ink) = ink(&pixels[..whole], width) {
                prop_assert_eq!(ink.len(), whole);
            }
        }
    }
}
