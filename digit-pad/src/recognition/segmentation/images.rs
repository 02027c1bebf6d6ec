//! Segmentation of an image into digits.

use crate::{
    geometry::PixelRect,
    imaging::{components, gray_image::GrayImage},
    recognition::{
        normalization::{BACKGROUND, BLANK, Gray28, normalize},
        prediction::{Classifier, Prediction},
        segmentation::grouping::{CERTAIN, Layout},
    },
};

/// Images with more pixels than this are shrunk first; the network input has 28×28.
const MAX_PIXELS: usize = 1 << 21;

/// Pixels of at least this fraction of the brightest are solid: they connect a component. Fainter ones, down to
/// [`BACKGROUND`], belong to the solid ones that they touch.
const SOLID: f32 = 0.25;

/// A component wider than this fraction of the digits' height may be several digits.
const WIDE: f32 = 0.5;

/// A component is cut only in columns with less ink than this fraction of the digits' height.
const THIN: f32 = 0.35;

/// Least distance of a cut from the ends of a component and from other cuts, as a fraction of the digits' height.
const MIN_WIDTH: f32 = 0.15;

/// Log odds of a cut through a column with hardly any ink.
const CUT: f32 = -3.0;

/// Change of the log odds for a cut through ink as high as the digits.
const CUT_INK: f32 = -10.0;

/// A digit in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageDigit {
    /// The digit's ink alone, cropped; shrunk if the whole image is very large.
    pub image: GrayImage,
    /// Position of the digit in the whole image.
    pub rect: PixelRect,
    /// The network input.
    pub pixels: Gray28,
    /// The prediction for it.
    pub prediction: Prediction,
}

/// Divides an image of bright ink on black into digits, left to right. All ink except specks is part of one of them; a
/// blank image has none.
///
/// Components above each other are one digit, components side by side are several. The classifier decides where they
/// overlap a little or nearly touch, and whether and where to cut a wide component into digits that touch.
pub fn segment_image(image: &GrayImage, classifier: &mut dyn Classifier) -> Vec<ImageDigit> {
    if image.pixels().iter().all(|&pixel| pixel <= BLANK) {
        return Vec::new();
    }
    let scale = (MAX_PIXELS as f32 / image.pixels().len() as f32).sqrt();
    let shrunk = (scale < 1.0).then(|| image.resampled(image.rect(), scale).to_image(1.0));
    let mut digits = Parts::new(shrunk.as_ref().unwrap_or(image)).digits(classifier);
    if shrunk.is_some() {
        for digit in &mut digits {
            digit.rect = digit.rect.before_scaling(scale, (image.width(), image.height()));
        }
    }
    digits
}

/// An image whose ink is divided into parts: connected components, or cuts of wide ones.
struct Parts<'a> {
    image: &'a GrayImage,
    /// The part of each pixel, or [`components::NONE`].
    labels: Vec<u32>,
    parts: Vec<Part>,
    /// Height of the highest part; the unit of widths and heights.
    height: f32,
}

#[derive(Clone, Copy)]
struct Part {
    /// Bounding rectangle of the solid pixels.
    solid: PixelRect,
    /// The component, and the index of the part in it.
    origin: (usize, usize),
    /// Number of ink pixels in the column where the part was cut off.
    ink_at_cut: usize,
}

impl<'a> Parts<'a> {
    fn new(image: &'a GrayImage) -> Self {
        let peak = f32::from(image.pixels().iter().copied().max().unwrap_or(0));
        let mut parts = Parts {
            image,
            labels: Vec::new(),
            parts: Vec::new(),
            height: 0.0,
        };
        // A part must not be blank by itself.
        parts.find_components((peak * SOLID).max(f32::from(BLANK) + 1.0));
        parts.height = parts.layout().height;
        parts.cut_wide();
        parts.add_faint(peak * BACKGROUND);
        parts
    }

    /// Finds the components of pixels of at least `threshold`.
    fn find_components(&mut self, threshold: f32) {
        let (pixels, width) = (self.image.pixels(), self.image.width());
        let is_solid = |at: usize| f32::from(pixels[at]) >= threshold;
        let mut extents: Vec<Extent> = Vec::new();
        self.labels = components::label(width, self.image.height(), is_solid, |component, at| {
            if component == extents.len() {
                extents.push(Extent::default());
            }
            extents[component].add(at % width, at / width);
        });
        let parts = extents.iter().enumerate().map(|(component, extent)| Part {
            solid: extent.rect(),
            origin: (component, 0),
            ink_at_cut: 0,
        });
        self.parts.extend(parts);
    }

    /// Adds pixels of at least `threshold` to the nearest part, by breadth-first search.
    fn add_faint(&mut self, threshold: f32) {
        let pixels = self.image.pixels();
        let mut frontier: Vec<usize> = (0..pixels.len())
            .filter(|&at| self.labels[at] != components::NONE)
            .collect();
        while !frontier.is_empty() {
            let mut added = Vec::new();
            for at in frontier {
                for next in components::neighbors(self.image.width(), self.image.height(), at) {
                    if f32::from(pixels[next]) >= threshold && self.labels[next] == components::NONE {
                        self.labels[next] = self.labels[at];
                        added.push(next);
                    }
                }
            }
            frontier = added;
        }
    }

    /// Cuts wide components in their thin columns.
    fn cut_wide(&mut self) {
        let height = self.height;
        for index in 0..self.parts.len() {
            let part = self.parts[index];
            if part.solid.width as f32 > WIDE * height {
                let ink = self.column_ink(index);
                let mut rest = index;
                for at in valleys(&ink, height) {
                    rest = self.cut(rest, part.solid.left + at, ink[at]);
                }
            }
        }
    }

    /// Number of solid pixels in each column of a part.
    fn column_ink(&self, index: usize) -> Vec<usize> {
        let rect = self.parts[index].solid;
        let mut ink = vec![0; rect.width];
        for y in rect.top..rect.top + rect.height {
            let start = y * self.image.width() + rect.left;
            for (ink, &label) in ink.iter_mut().zip(&self.labels[start..start + rect.width]) {
                *ink += usize::from(label == index as u32);
            }
        }
        ink
    }

    /// Makes the pixels of a part from column `left` on a part of their own. Returns its index.
    fn cut(&mut self, index: usize, left: usize, ink_at_cut: usize) -> usize {
        let Part {
            solid: rect, origin, ..
        } = self.parts[index];
        let new = self.parts.len();
        let (mut kept, mut moved) = (Extent::default(), Extent::default());
        for y in rect.top..rect.top + rect.height {
            for x in rect.left..rect.left + rect.width {
                let label = &mut self.labels[y * self.image.width() + x];
                if *label != index as u32 {
                    continue;
                }
                if x < left {
                    kept.add(x, y);
                } else {
                    moved.add(x, y);
                    *label = new as u32;
                }
            }
        }
        self.parts[index].solid = kept.rect();
        self.parts.push(Part {
            solid: moved.rect(),
            origin: (origin.0, origin.1 + 1),
            ink_at_cut,
        });
        new
    }

    fn layout(&self) -> Layout {
        let bounds = |part: &Part| part.solid.bounds();
        Layout::new(self.parts.iter().map(bounds).collect())
    }

    fn digits(&self, classifier: &mut dyn Classifier) -> Vec<ImageDigit> {
        let layout = self.layout();
        let extents = self.extents();
        let mut classify = |group: &[usize]| {
            let pixels = normalize(&self.crop(group, &extents).0)?;
            let prediction = classifier.classify(&pixels);
            Some((pixels, prediction))
        };
        let groups = layout.group(&|a, b| self.cut_odds(a, b), &mut classify);
        let digits = groups.into_iter().map(|group| {
            let (image, rect) = self.crop(&group.parts, &extents);
            ImageDigit {
                image,
                rect,
                pixels: group.pixels,
                prediction: group.prediction,
            }
        });
        digits.collect()
    }

    /// Log odds of a cut between two parts of one component.
    fn cut_odds(&self, a: usize, b: usize) -> Option<f32> {
        let (a, b) = (&self.parts[a], &self.parts[b]);
        let (first, second) = if a.origin.1 < b.origin.1 { (a, b) } else { (b, a) };
        let odds = if first.origin.1 + 1 == second.origin.1 {
            CUT + CUT_INK * second.ink_at_cut as f32 / self.height
        } else {
            CERTAIN
        };
        (a.origin.0 == b.origin.0).then_some(odds)
    }

    /// The extent of each part with its faint pixels.
    fn extents(&self) -> Vec<Extent> {
        let mut extents = vec![Extent::default(); self.parts.len()];
        for (at, &label) in self.labels.iter().enumerate() {
            if let Some(extent) = extents.get_mut(label as usize) {
                extent.add(at % self.image.width(), at / self.image.width());
            }
        }
        extents
    }

    /// The pixels of some parts alone, and their position.
    fn crop(&self, group: &[usize], extents: &[Extent]) -> (GrayImage, PixelRect) {
        let mut extent = Extent::default();
        group.iter().for_each(|&index| extent.include(extents[index]));
        let rect = extent.rect();
        let mut group = group.to_vec();
        group.sort_unstable();
        let mut image = self.image.cropped(rect.left, rect.top, rect.width, rect.height);
        for y in 0..rect.height {
            let start = (rect.top + y) * self.image.width() + rect.left;
            for (pixel, &label) in image.row_mut(y).iter_mut().zip(&self.labels[start..]) {
                if group.binary_search(&(label as usize)).is_err() {
                    *pixel = 0;
                }
            }
        }
        (image, rect)
    }
}

/// The columns before which a component may be cut, left to right: thin ones, the thinnest first where they are too
/// close together.
fn valleys(ink: &[usize], height: f32) -> Vec<usize> {
    let distance = ((MIN_WIDTH * height) as usize).max(1);
    let mut thin: Vec<usize> = (distance..ink.len().saturating_sub(distance - 1))
        .filter(|&at| (ink[at] as f32) < THIN * height)
        .collect();
    thin.sort_by_key(|&at| ink[at]);
    let mut found: Vec<usize> = Vec::new();
    for at in thin {
        if found.iter().all(|other| other.abs_diff(at) >= distance) {
            found.push(at);
        }
    }
    found.sort_unstable();
    found
}

/// Bounding rectangle of pixels, grown one by one.
#[derive(Clone, Copy, Default)]
struct Extent(Option<PixelRect>);

impl Extent {
    fn add(&mut self, x: usize, y: usize) {
        self.include(Extent(Some(PixelRect {
            left: x,
            top: y,
            width: 1,
            height: 1,
        })));
    }

    fn include(&mut self, other: Extent) {
        self.0 = match (self.0, other.0) {
            (Some(a), Some(b)) => Some(a.union(b)),
            (a, b) => a.or(b),
        };
    }

    /// # Panics
    ///
    /// If it is empty.
    fn rect(&self) -> PixelRect {
        self.0.expect("a part has pixels")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fickle;
    use super::*;

    /// Images of some rectangles of ink.
    fn images() -> impl Strategy<Value = GrayImage> {
        let pixels = (1..70usize, 1..40usize, 0..70usize, 0..40usize, 1..=255u8);
        (1..90usize, 1..50usize, proptest::collection::vec(pixels, 0..12)).prop_map(|(width, height, rects)| {
            let mut image = GrayImage::blank(width, height);
            for (wide, high, left, top, gray) in rects {
                let (wide, high) = (1 + wide / 4, 1 + high / 2);
                image.paste(&GrayImage::new(wide, high, vec![gray; wide * high]), left, top);
            }
            image
        })
    }

    proptest! {
        #[test]
        fn all_ink_except_specks_is_in_one_digit(image in images()) {
            let digits = segment_image(&image, &mut fickle);
            let mut counts = vec![0; image.pixels().len()];
            for digit in &digits {
                let PixelRect { left, top, width, height } = digit.rect;
                prop_assert!(left + width <= image.width() && top + height <= image.height());
                prop_assert_eq!((digit.image.width(), digit.image.height()), (width, height));
                for y in 0..height {
                    for (x, &pixel) in digit.image.row(y).iter().enumerate() {
                        counts[(top + y) * image.width() + left + x] += usize::from(pixel > 0);
                        prop_assert!(pixel == 0 || pixel == image.row(top + y)[left + x]);
                    }
                }
            }
            let peak = image.pixels().iter().copied().max().unwrap_or(0);
            prop_assert_eq!(digits.is_empty(), peak <= BLANK);
            if peak > BLANK {
                let parts = Parts::new(&image);
                let kept = parts.layout().without_specks();
                for (at, &count) in counts.iter().enumerate() {
                    let expected = image.pixels()[at] > 0 && kept.contains(&(parts.labels[at] as usize));
                    prop_assert_eq!(count, usize::from(expected));
                }
            }
        }

        #[test]
        fn cuts_are_apart_and_inside(ink in proptest::collection::vec(1..40usize, 1..90), height in 1f32..60.0) {
            let found = valleys(&ink, height);
            prop_assert!(found.iter().all(|&at| 0 < at && at < ink.len()));
            let apart = MIN_WIDTH * height;
            prop_assert!(found.windows(2).all(|pair| (pair[1] - pair[0]) as f32 >= apart.floor().max(1.0)));
        }
    }

    #[test]
    fn very_large_images_are_shrunk_but_positions_are_not() {
        let mut image = GrayImage::blank(4000, 1500);
        for (left, width) in [(300, 90), (900, 1000)] {
            image.paste(&GrayImage::new(width, 1000, vec![255; width * 1000]), left, 200);
        }
        let digits = segment_image(&image, &mut fickle);
        assert_eq!(digits.len(), 2);
        for (digit, left, width) in [(&digits[0], 300, 90), (&digits[1], 900, 1000)] {
            let rect = digit.rect;
            assert!(
                rect.left.abs_diff(left) <= 3 && rect.width.abs_diff(width) <= 6,
                "{rect:?}"
            );
            assert!(
                rect.top.abs_diff(200) <= 3 && rect.height.abs_diff(1000) <= 6,
                "{rect:?}"
            );
            assert!(digit.image.width() < rect.width);
        }
    }

    #[test]
    fn a_part_includes_adjacent_faint_pixels() {
        let mut image = GrayImage::blank(30, 20);
        for y in 2..18 {
            image.row_mut(y)[5..10].copy_from_slice(&[20, 255, 255, 255, 20]);
            image.row_mut(y)[20..23].copy_from_slice(&[255, 255, 40]);
        }
        image.row_mut(10)[15] = 20;
        let rects: Vec<_> = segment_image(&image, &mut fickle)
            .iter()
            .map(|digit| (digit.rect.left, digit.rect.width))
            .collect();
        assert_eq!(rects, [(5, 5), (20, 3)]);
    }
}
