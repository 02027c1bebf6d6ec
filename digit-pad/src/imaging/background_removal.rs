//! Background removal: keeps the ink of a photograph, without shadows, noise, ruled lines and dust.

use std::sync::Arc;

use crate::imaging::{
    components,
    marks::{Component, Content, Keep, choices},
    plane::{Plane, histogram, quantile},
};

/// Smaller images do not count as photographs.
pub(crate) const MIN_SIDE: usize = 64;

/// Width of the thickest stroke, as a fraction of the shorter side.
const MAX_STROKE: f32 = 0.16;
/// Radius of the window that estimates the illumination, as a fraction of the shorter side.
const ILLUMINATION_RADIUS: f32 = 0.25;
/// Least shorter side of the reduced image in which strokes are looked for.
const STROKE_SIDE: usize = 96;
/// Half of the widths up to which something counts as thin, in pixels of the reduced image.
const THIN_RADII: [usize; 4] = [1, 2, 4, 8];
/// How much the evidence of light ink has to prevail: dark ink is more common.
const LIGHT_INK: f32 = 0.3;
/// Least contrast of what is thin, as a share of the image's.
const THIN_CONTRAST: f32 = 0.1;
/// Multiple of the median absolute deviation that still counts as background.
const NOISE: u8 = 4;
/// Least ink of a stroke, as a fraction of the darkest. Ruled lines and the edges of shadows are fainter.
const STRONG: f32 = 0.42;
/// Least ink of faint parts of a stroke, which reach to a strong part.
const FAINT: f32 = 0.2;
/// The same for the faintest parts. They are as faint as ruled lines, and count where they do not reach far.
const FAINTEST: f32 = 0.09;
/// Least contrast of ink, of 255.
const MIN_CONTRAST: u8 = 20;
/// Light is at least this, of 255, where contrast is relative to it: noise has no contrast in the dark.
const MIN_LIGHT: u8 = 60;
/// Fraction of the border that is darker than paper, where ink touches it.
const PAPER: f32 = 0.7;
/// Least share of black and white in a scan, which needs no estimate of the light.
const CRISP: f32 = 0.65;
/// Least share of a component's ink that is ink also if the border's gray continues beyond it.
const INSIDE: f32 = 0.25;
/// Shadows are at most this deep, as a fraction of the ink's mean depth.
const SHADOW: f32 = 0.85;
/// Least share of other ink beside a shadow.
const OTHER_INK: f32 = 0.2;
/// Most that faint ink enlarges the rectangle of the ink: more are lines and shadows that reach to it.
const MAX_GROWTH: f32 = 1.6;
/// Radius in which faint strokes are brightened to the strongest ink, as a fraction of the shorter side.
const STROKE_RADIUS: f32 = 0.02;
/// Doubt of ink of the polarity that the gray values speak against.
const OTHER_POLARITY: f32 = 0.02;
/// Least light of glare, of 255.
const GLARE: u8 = 245;
/// Most light of paper for glare to be told from it.
const PAPER_IN_GLARE: u8 = 225;
/// Most by which glare reduces contrast and leaves something.
const MAX_GAIN: f32 = 10.0;
/// Doubt of what is a shadow or the border of the paper, if the image continues beyond its border.
const WITH_SHADOWS: f32 = 0.05;
/// Doubt of an image without its faint strokes, and of one whose border continues beyond it.
const SECOND: f32 = 0.01;

/// One way to see the ink of an image.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// 0 for background, 255 for ink, row by row.
    pub(super) ink: Vec<u8>,
    /// How much less likely this way is than the first one, as a probability.
    pub(super) doubt: f32,
}

/// Ways to see the ink, found when they are asked for.
type Drafts = Box<dyn FnOnce() -> Vec<Draft> + Send>;

/// Extracts the ink of a photograph in the ways that are possible, the most likely first; none without ink. Each is
/// computed when it is asked for.
///
/// The background is estimated by a morphological closing that is wider than any stroke; ink is what lies below it by
/// more than the noise, in connected components that are not dust.
pub(super) fn readings(plane: &Plane, content: Content) -> Box<dyn Iterator<Item = Reading> + Send> {
    if plane.values.is_empty() {
        return Box::new(std::iter::empty());
    }
    let smooth = plane.blurred();
    let (likely, by_border) = (is_light_on_dark(&smooth), has_dark_border(&smooth));
    let drafts = |drafts: Vec<Drafts>| drafts.into_iter().flat_map(|drafts| drafts());
    let mut found = drafts(dark_readings(with_polarity(&smooth, likely), 0.0, content)).peekable();
    let needs_other = found.peek().is_none() || likely != by_border;
    let other = move || dark_readings(with_polarity(&smooth, !likely), OTHER_POLARITY, content);
    let other = needs_other
        .then_some(other)
        .into_iter()
        .flat_map(move |other| drafts(other()));
    Box::new(found.chain(other).map(Draft::draw))
}

fn with_polarity(smooth: &Plane, is_light_on_dark: bool) -> Plane {
    if is_light_on_dark {
        smooth.clone().inverted()
    } else {
        smooth.clone()
    }
}

/// Ink covers less area than the background, so gray values far from their surroundings are ink: the sign of the third
/// moment says whether they are lighter or darker. And ink is thin, while what the light does is not.
fn is_light_on_dark(plane: &Plane) -> bool {
    let radius = (ILLUMINATION_RADIUS * plane.width.min(plane.height) as f32) as usize;
    plane.skew(radius) > darkness_of_strokes(&plane.shrunk(STROKE_SIDE)) + LIGHT_INK
}

/// From −1, where all that is thin is lighter than its surroundings, to 1, where all is darker.
fn darkness_of_strokes(plane: &Plane) -> f32 {
    let counts = plane.histogram();
    let least = (THIN_CONTRAST * f32::from(quantile(&counts, 1.0) - quantile(&counts, 0.0))) as u8;
    let inverted = plane.clone().inverted();
    let energy = |plane: &Plane| -> f32 {
        let filled = |radius| plane.padded(2 * radius, None).closed(radius).cropped(2 * radius);
        let squares = |radius| -> f32 {
            let depths = filled(radius).zip(plane, |filled, value| (filled - value).saturating_sub(least));
            depths.values.iter().map(|&depth| f32::from(depth).powi(2)).sum()
        };
        THIN_RADII.map(squares).iter().sum()
    };
    let (darker, lighter) = (energy(plane), energy(&inverted));
    if darker + lighter > 0.0 {
        (darker - lighter) / (darker + lighter)
    } else {
        0.0
    }
}

/// Whether the border is nearer to the darkest gray than to the lightest.
fn has_dark_border(plane: &Plane) -> bool {
    let counts = plane.histogram();
    let (darkest, lightest) = (quantile(&counts, 0.01), quantile(&counts, 0.99));
    let border = quantile(&histogram(plane.border()), 0.5);
    border.saturating_sub(darkest) < lightest.saturating_sub(border)
}

/// Readings of dark ink on light paper.
fn dark_readings(smooth: Plane, doubt: f32, content: Content) -> Vec<Drafts> {
    let radius = ((MAX_STROKE * smooth.width.min(smooth.height) as f32) as usize).max(4);
    let is_crisp = is_crisp(&smooth);
    let bounded = if is_crisp {
        Depth::of(&smooth, smooth.clone().map(|_| 255))
    } else {
        let paper = quantile(&histogram(smooth.border()), PAPER);
        Depth::bounded(&smooth, radius, Some(paper))
    };
    let Some(bounded) = bounded.map(Arc::new) else {
        return Vec::new();
    };
    let size = (smooth.width, smooth.height);
    let components = Components::find(&bounded, FAINT);
    let touches = components.found.iter().any(|component| component.touches(size));
    let continued = (touches && !is_crisp)
        .then(|| Depth::bounded(&smooth, radius, None))
        .flatten();
    let Some(continued) = continued.map(Arc::new) else {
        return bounded.readings(doubt, content);
    };
    let without_shadows = components.without_shadows(&bounded, &continued).map(Arc::new);
    let mut found = without_shadows.as_ref().unwrap_or(&bounded).readings(doubt, content);
    found.push(Box::new(move || {
        Arc::new(Components::find(&continued, STRONG)).drafts(&continued, doubt + SECOND, content)
    }));
    if without_shadows.is_some() {
        found.extend(bounded.readings(doubt + WITH_SHADOWS, content));
    }
    found
}

/// Whether the image has hardly any gray but black and white, as a scan has: no light has to be estimated.
fn is_crisp(plane: &Plane) -> bool {
    let counts = plane.histogram();
    let extreme: usize = counts[..4].iter().chain(&counts[252..]).sum();
    extreme as f32 >= CRISP * plane.values.len() as f32 && counts[252..].iter().sum::<usize>() > 0
}

/// How much darker each pixel is than its background, in shares of the light there, from 0 to 255.
struct Depth {
    plane: Plane,
    /// The background.
    light: Plane,
    /// The most, without single pixels.
    darkest: u8,
}

impl Depth {
    /// `None` without ink. Beyond the border, the image is `paper`, or continues.
    fn bounded(smooth: &Plane, radius: usize, paper: Option<u8>) -> Option<Self> {
        let margin = 2 * radius;
        Depth::of(smooth, smooth.padded(margin, paper).closed(radius).cropped(margin))
    }

    /// `None` without ink on this background.
    fn of(smooth: &Plane, light: Plane) -> Option<Self> {
        let plane = smooth.zip(&light, |value, light| {
            let depth = f32::from(light.saturating_sub(value));
            (depth * 255.0 / f32::from(light.max(MIN_LIGHT))).min(255.0) as i32 as u8
        });
        let (typical, noise) = background_noise(plane.histogram());
        let plane = plane.map(|depth| depth.saturating_sub(typical).saturating_sub(noise));
        Depth::with_ink(plane, light)
    }

    /// `None` without ink.
    fn with_ink(plane: Plane, light: Plane) -> Option<Self> {
        let darkest = plane.blurred().values.into_iter().max().unwrap_or(0);
        (darkest >= MIN_CONTRAST).then_some(Depth { plane, light, darkest })
    }

    fn is_strong(&self, at: usize) -> bool {
        f32::from(self.plane.values[at]) >= STRONG * f32::from(self.darkest)
    }

    /// Readings without glare if there is any, then with it.
    fn readings(self: &Arc<Self>, doubt: f32, content: Content) -> Vec<Drafts> {
        let by_strength = |depth: Arc<Self>, doubt| -> Drafts { Box::new(move || depth.by_strength(doubt, content)) };
        let with_glare = Arc::clone(self);
        let Some(dull) = self.without_glare() else {
            return vec![by_strength(with_glare, doubt)];
        };
        vec![
            by_strength(Arc::new(dull), doubt),
            by_strength(with_glare, doubt + SECOND),
        ]
    }

    /// Readings with the faintest parts of strokes, and without them; those that reach to lines and shadows are last.
    fn by_strength(self: &Arc<Self>, doubt: f32, content: Content) -> Vec<Draft> {
        let (mut near, mut far, mut area) = (Vec::new(), Vec::new(), 0.0);
        for share in [STRONG, FAINT, FAINTEST] {
            let mut found = Arc::new(Components::find(self, share)).drafts(self, doubt, content);
            let grown = found.first().map_or(0.0, |draft| draft.extent.area());
            if area > 0.0 && grown > MAX_GROWTH * area {
                far.append(&mut found);
            } else {
                area = grown;
                found.append(&mut near);
                near = found;
            }
        }
        near.append(&mut far);
        near.iter_mut().skip(1).for_each(|draft| draft.keep.doubt += SECOND);
        near
    }

    /// Glare adds white, so what remains of the ink's contrast is what remains from the light to white. `None` without
    /// any glare.
    fn without_glare(&self) -> Option<Self> {
        let counts = self.light.histogram();
        let (typical, brightest) = (quantile(&counts, 0.5), quantile(&counts, 1.0));
        if brightest < GLARE || typical > PAPER_IN_GLARE {
            return None;
        }
        let gain: [f32; 256] = std::array::from_fn(|light| {
            let remaining = (255.0 - light as f32) / f32::from(255 - typical);
            1.0 / remaining.clamp(1.0 / MAX_GAIN, 1.0)
        });
        let plane = self.plane.zip(&self.light, |depth, light| {
            let gained = f32::from(depth) * gain[usize::from(light)];
            gained.min(f32::from(self.darkest.max(depth))) as u8
        });
        Depth::with_ink(plane, self.light.clone())
    }
}

/// Typical depth of what is not ink, that is, less than half as deep as the deepest; and how much it deviates.
fn background_noise(mut counts: [usize; 256]) -> (u8, u8) {
    let deepest = quantile(&counts, 1.0);
    counts[usize::from(deepest) / 2 + 1..].fill(0);
    let typical = quantile(&counts, 0.5);
    let mut deviations = [0; 256];
    for (depth, count) in counts.iter().enumerate() {
        deviations[depth.abs_diff(usize::from(typical))] += count;
    }
    (typical, quantile(&deviations, 0.5).saturating_mul(NOISE))
}

/// Sum of depths.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: f32,
    sum: f32,
}

impl Sum {
    fn add(&mut self, depth: u8) {
        self.count += 1.0;
        self.sum += f32::from(depth);
    }

    fn plus(self, other: Sum) -> Sum {
        Sum {
            count: self.count + other.count,
            sum: self.sum + other.sum,
        }
    }

    fn mean(self) -> f32 {
        self.sum / self.count.max(1.0)
    }
}

/// Connected components of ink.
struct Components {
    /// The component of each pixel, or [`components::NONE`].
    labels: Vec<u32>,
    found: Vec<Component>,
}

impl Components {
    /// Finds the components of pixels that have at least that share of the darkest ink.
    fn find(depth: &Depth, share: f32) -> Self {
        let (width, height) = (depth.plane.width, depth.plane.height);
        let mut found: Vec<Component> = Vec::new();
        let least = (share * f32::from(depth.darkest)) as u8;
        let is_ink = depth.plane.values.iter().map(|&value| value >= least.max(1));
        let labels = components::label((width, height), is_ink, |component, at| {
            if component == found.len() {
                found.push(Component::at(at % width, at / width));
            }
            found[component].add((at % width, at / width), depth.plane.values[at], depth.is_strong(at));
        });
        for (at, &label) in labels.iter().enumerate() {
            if let Some(component) = found.get_mut(label as usize) {
                component.add_corner((at % width, at / width));
            }
        }
        Components { labels, found }
    }

    /// The depth without shadows and the border of the paper, if there are any: components that reach to the border
    /// of the image, and are ink only if the image does not continue beyond it, or are fainter there.
    fn without_shadows(&self, depth: &Depth, continued: &Depth) -> Option<Depth> {
        let (width, height) = (depth.plane.width, depth.plane.height);
        let mut inside = vec![Sum::default(); self.found.len()];
        let mut lost = inside.clone();
        for (at, &label) in self.labels.iter().enumerate() {
            if label != components::NONE && depth.is_strong(at) {
                let sums = if continued.is_strong(at) {
                    &mut inside
                } else {
                    &mut lost
                };
                sums[label as usize].add(depth.plane.values[at]);
            }
        }
        let ink = inside.iter().copied().fold(Sum::default(), Sum::plus);
        let corners = [0, width - 1, (height - 1) * width, height * width - 1].map(|at| self.labels[at]);
        let is_shadow = |label: u32| {
            let at = label as usize;
            let (inside, lost) = (inside[at], lost[at]);
            if lost.count == 0.0 || !self.found[at].touches((width, height)) {
                return false;
            }
            let is_outside = inside.count < INSIDE * (inside.count + lost.count);
            let is_other_ink = ink.count - inside.count >= OTHER_INK * lost.count;
            lost.mean() < SHADOW * ink.mean() || (is_outside && (is_other_ink || corners.contains(&label)))
        };
        let shadows: Vec<bool> = (0..self.found.len() as u32).map(is_shadow).collect();
        if !shadows.contains(&true) {
            return None;
        }
        let value = |at: usize| {
            let is_shadow = shadows.get(self.labels[at] as usize) == Some(&true);
            let source = if is_shadow { continued } else { depth };
            source.plane.values[at]
        };
        let plane = Plane {
            width,
            height,
            values: (0..depth.plane.values.len()).map(value).collect(),
        };
        Depth::with_ink(plane, depth.light.clone())
    }

    /// The readings that keep these components or some of them.
    fn drafts(self: &Arc<Self>, depth: &Arc<Depth>, doubt: f32, content: Content) -> Vec<Draft> {
        let draft = |choice: Keep| {
            let kept = self.found.iter().zip(&choice.kept).filter(|&(_, &kept)| kept);
            let extent = kept.map(|(component, _)| *component).reduce(Component::union);
            Draft {
                depth: Arc::clone(depth),
                components: Arc::clone(self),
                extent: extent.unwrap_or(Component::at(0, 0)),
                keep: Keep {
                    doubt: doubt + choice.doubt,
                    ..choice
                },
            }
        };
        let size = (depth.plane.width, depth.plane.height);
        choices(&self.found, size, content).into_iter().map(draft).collect()
    }

    /// Draws the kept components with their soft edges, given the rectangle around them.
    fn draw(&self, depth: &Plane, kept: &[bool], extent: &Component) -> Vec<u8> {
        const EDGE: usize = 2;
        let (left, top) = (extent.left.saturating_sub(EDGE), extent.top.saturating_sub(EDGE));
        let width = (extent.right + EDGE + 1).min(depth.width) - left;
        let height = (extent.bottom + EDGE + 1).min(depth.height) - top;
        let row = |y: usize| (top + y) * depth.width + left..(top + y) * depth.width + left + width;
        let is_kept = |&label: &u32| kept.get(label as usize) == Some(&true);
        let mask = Plane {
            width,
            height,
            values: (0..height)
                .flat_map(|y| self.labels[row(y)].iter().map(|label| 255 * u8::from(is_kept(label))))
                .collect(),
        };
        let inside = Plane {
            values: (0..height).flat_map(|y| depth.values[row(y)].iter().copied()).collect(),
            ..mask
        };
        let strokes = mask.zip(&inside, u8::min);
        let mut levels = strokes.histogram();
        levels[0] = 0;
        let full = quantile(&levels, 0.6).max(1);
        let near = mask.dilated(EDGE);
        let radius = ((STROKE_RADIUS * depth.width.min(depth.height) as f32) as usize).max(2);
        let strongest = strokes.dilated(radius).map(|strongest| strongest.clamp(1, full));
        let level = |at: usize| {
            if near.values[at] == 0 {
                return 0;
            }
            (255 * u16::from(inside.values[at]) / u16::from(strongest.values[at])).min(255) as u8
        };
        let mut ink = vec![0; depth.values.len()];
        for y in 0..height {
            for (x, value) in ink[row(y)].iter_mut().enumerate() {
                *value = level(y * width + x);
            }
        }
        ink
    }
}

/// A reading that is not drawn yet.
struct Draft {
    depth: Arc<Depth>,
    components: Arc<Components>,
    keep: Keep,
    /// The rectangle around the kept components.
    extent: Component,
}

impl Draft {
    fn draw(self) -> Reading {
        Reading {
            ink: self.components.draw(&self.depth.plane, &self.keep.kept, &self.extent),
            doubt: self.keep.doubt,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: usize = 160;
    const HEIGHT: usize = 120;

    fn ink(pixels: &[u8], width: usize) -> Option<Vec<u8>> {
        let plane = Plane {
            width,
            height: pixels.len() / width.max(1),
            values: pixels.to_vec(),
        };
        readings(&plane, Content::Digit).next().map(|reading| reading.ink)
    }

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
        fn any_image_is_accepted(pixels in proptest::collection::vec(any::<u8>(), 0..900), width in 1..40usize) {
            let whole = pixels.len() / width * width;
            if let Some(ink) = ink(&pixels[..whole], width) {
                prop_assert_eq!(ink.len(), whole);
            }
        }
    }
}
