//! Segmentation of an image into digits.

use crate::{
    geometry::{PixelRect, Point},
    imaging::{components, gray_image::GrayImage},
    recognition::{
        normalization::{BACKGROUND, BLANK, Gray28, normalize},
        prediction::{Classifier, Prediction},
        segmentation::{
            cuts::{self, Cut},
            grouping::Layout,
            lines::Frame,
            marks::Mark,
            row::Row,
            rules,
            search::{CERTAIN, Seen},
        },
    },
};

/// Images with more pixels than this are shrunk first; the network input has 28×28.
const MAX_PIXELS: usize = 1 << 21;

/// Pixels of at least this fraction of the brightest are solid: they connect a component. Fainter ones, down to
/// [`BACKGROUND`], belong to the solid ones that they touch.
const SOLID: f32 = 0.25;

/// A component without a pixel of at least this fraction of the brightest is weak.
const WEAK: f32 = 0.6;

/// A weak component smaller than this fraction of the largest is no ink of its own, but the edge of other ink.
const EDGE: f32 = 0.15;

/// A component wider than this fraction of the digits' height may be several digits.
const WIDE: f32 = 0.45;

/// A component lower than this fraction of the digits' height is not cut.
const MIN_HEIGHT: f32 = 0.45;

/// Log odds of a cut through a column with hardly any ink.
const CUT: f32 = -4.0;

/// Change of the log odds for a cut through ink as high as the digits.
const CUT_INK: f32 = -6.0;

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
    /// The line that it stands in, from 0 at the top.
    pub line: usize,
    /// The mark that it is, if it is no digit.
    pub mark: Option<Mark>,
}

/// Divides an image of bright ink on black into digits and marks, line by line from top to bottom, and left to right.
/// All ink except specks and the boxes of forms is part of one of them; a blank image has none.
///
/// Components above each other are one digit, components side by side are several. The classifier decides where they
/// overlap or nearly touch, and whether and where to cut a wide component into digits that touch.
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
    /// Least brightness of solid pixels.
    solid: f32,
    /// Height of the highest part; the unit of widths and heights.
    height: f32,
}

#[derive(Clone, Copy)]
struct Part {
    /// Bounding rectangle of the solid pixels.
    solid: PixelRect,
    /// The component, and the index of the part in it.
    origin: (usize, usize),
    /// Number of ink pixels along the line where the part was cut off.
    ink_at_cut: usize,
}

impl<'a> Parts<'a> {
    fn new(image: &'a GrayImage) -> Self {
        let peak = f32::from(image.pixels().iter().copied().max().unwrap_or(0));
        let mut parts = Parts {
            image,
            labels: Vec::new(),
            parts: Vec::new(),
            // A part must not be blank by itself.
            solid: (peak * SOLID).max(f32::from(BLANK) + 1.0),
            height: 0.0,
        };
        parts.find_components(&[]);
        let rules = rules::of_boxes(
            &parts.labels,
            image.width(),
            &Vec::from_iter(parts.parts.iter().map(|part| part.solid)),
        );
        if !rules.is_empty() {
            parts.parts.clear();
            parts.find_components(&rules);
        }
        parts.height = parts
            .parts
            .iter()
            .map(|part| part.solid.height as f32)
            .fold(0.0, f32::max);
        parts.cut_wide();
        parts.add_faint(peak * BACKGROUND, &rules);
        parts
    }

    /// Finds the components of solid pixels, without those in `rules`, which are sorted.
    fn find_components(&mut self, rules: &[usize]) {
        let (pixels, width, threshold) = (self.image.pixels(), self.image.width(), self.solid);
        let is_solid = |at: usize| f32::from(pixels[at]) >= threshold && rules.binary_search(&at).is_err();
        let mut found: Vec<(Extent, u8)> = Vec::new();
        let size = (width, self.image.height());
        self.labels = components::label(size, (0..pixels.len()).map(is_solid), |component, at| {
            if component == found.len() {
                found.push((Extent::default(), 0));
            }
            let (extent, peak) = &mut found[component];
            extent.add(at % width, at / width);
            *peak = pixels[at].max(*peak);
        });
        let found = found.into_iter().map(|(extent, peak)| (extent.rect(), peak));
        self.add_components(&found.collect::<Vec<_>>());
    }

    /// Adds a part for each component, given by its rectangle and its brightest pixel, but not for the edges of other ink.
    fn add_components(&mut self, found: &[(PixelRect, u8)]) {
        let side = |rect: PixelRect| rect.width.max(rect.height) as f32;
        let largest = found.iter().map(|&(rect, _)| side(rect)).fold(0.0, f32::max);
        let strong = WEAK * self.solid / SOLID;
        let mut labels = Vec::with_capacity(found.len());
        for &(rect, peak) in found {
            if f32::from(peak) < strong && side(rect) < EDGE * largest {
                labels.push(components::NONE);
                continue;
            }
            let component = self.parts.len();
            labels.push(component as u32);
            self.parts.push(Part {
                solid: rect,
                origin: (component, 0),
                ink_at_cut: 0,
            });
        }
        for label in self.labels.iter_mut().filter(|label| **label != components::NONE) {
            *label = labels[*label as usize];
        }
    }

    /// Adds pixels of at least `threshold` to the nearest part, by breadth-first search. Pixels in `rules` belong to none.
    fn add_faint(&mut self, threshold: f32, rules: &[usize]) {
        let pixels = self.image.pixels();
        let mut frontier: Vec<usize> = (0..pixels.len())
            .filter(|&at| self.labels[at] != components::NONE)
            .collect();
        while !frontier.is_empty() {
            let mut added = Vec::new();
            for at in frontier {
                for next in components::neighbors(self.image.width(), self.image.height(), at) {
                    let is_free = self.labels[next] == components::NONE && rules.binary_search(&next).is_err();
                    if f32::from(pixels[next]) >= threshold && is_free {
                        self.labels[next] = self.labels[at];
                        added.push(next);
                    }
                }
            }
            frontier = added;
        }
    }

    /// Cuts wide components along thin lines.
    fn cut_wide(&mut self) {
        for index in 0..self.parts.len() {
            let rect = self.parts[index].solid;
            if rect.width as f32 > WIDE * self.height && rect.height as f32 > MIN_HEIGHT * self.height {
                let found = cuts::find(&self.pixels_of(index), rect, self.height);
                if !found.is_empty() {
                    self.cut(index, &found);
                }
            }
        }
    }

    /// The solid pixels of a part.
    fn pixels_of(&self, index: usize) -> Vec<(usize, usize)> {
        let rect = self.parts[index].solid;
        let columns = rect.left..rect.left + rect.width;
        let rows = rect.top..rect.top + rect.height;
        let all = rows.flat_map(|y| columns.clone().map(move |x| (x, y)));
        all.filter(|(x, y)| self.labels[y * self.image.width() + x] == index as u32)
            .collect()
    }

    /// Divides a part along cuts, left to right, into parts of their own.
    fn cut(&mut self, index: usize, cuts: &[Cut]) {
        let mut extents = vec![Extent::default(); cuts.len() + 1];
        let pixels: Vec<_> = self
            .pixels_of(index)
            .into_iter()
            .map(|(x, y)| (x, y, cuts.iter().filter(|cut| cut.is_right(x, y)).count()))
            .collect();
        for &(x, y, piece) in &pixels {
            extents[piece].add(x, y);
        }
        let component = self.parts[index].origin.0;
        let mut labels = vec![index as u32; extents.len()];
        let pieces = extents.iter().enumerate().filter(|(_, extent)| extent.0.is_some());
        for (count, (piece, extent)) in pieces.enumerate() {
            let part = Part {
                solid: extent.rect(),
                origin: (component, count),
                ink_at_cut: piece.checked_sub(1).map_or(0, |before| cuts[before].ink),
            };
            if count == 0 {
                self.parts[index] = part;
            } else {
                labels[piece] = self.parts.len() as u32;
                self.parts.push(part);
            }
        }
        for (x, y, piece) in pixels {
            self.labels[y * self.image.width() + x] = labels[piece];
        }
    }

    fn layout(&self) -> Layout {
        let parts = self.parts.iter().enumerate();
        let outlines = parts.map(|(index, part)| (self.outline(index), part.origin.0));
        Layout::new(outlines, Some(self.pen()))
    }

    /// The ends of each row and each column of a part, and points between them where it is wide.
    fn outline(&self, index: usize) -> Vec<Point> {
        let rect = self.parts[index].solid;
        let mut ends = vec![(usize::MAX, 0); rect.height];
        for (x, y) in self.pixels_of(index) {
            let end = &mut ends[y - rect.top];
            *end = (end.0.min(x), end.1.max(x));
        }
        let rows = ends.iter().enumerate().filter(|(_, (first, last))| first <= last);
        let points = rows.flat_map(|(y, &(first, last))| {
            let (top, left, right) = ((rect.top + y) as f32, first as f32, last as f32 + 1.0);
            [(left, top), (right, top), (left, top + 1.0), (right, top + 1.0)]
        });
        points.map(|(x, y)| Point::new(x, y)).collect()
    }

    /// Width of the pen, in pixels: the median length of solid runs along rows.
    fn pen(&self) -> f32 {
        let mut runs: Vec<usize> = self
            .labels
            .chunks(self.image.width().max(1))
            .flat_map(|row| row.chunk_by(|a, b| a == b))
            .filter(|run| run[0] != components::NONE)
            .map(<[u32]>::len)
            .collect();
        runs.sort_unstable();
        runs.get(runs.len() / 2)
            .map_or(0.0, |&run| run as f32)
            .min(0.12 * self.height)
    }

    fn digits(&self, classifier: &mut dyn Classifier) -> Vec<ImageDigit> {
        let extents = self.extents();
        let mut classify = |group: &[usize], row: &Row| {
            let image = self.crop(group, &extents).0;
            let pixels = if row.frame.is_level() {
                normalize(&image)?
            } else {
                normalize(&leveled(&image, row.frame))?
            };
            Some(Seen::new(pixels, classifier))
        };
        let groups = self.layout().group(false, &|a, b| self.cut_odds(a, b), &mut classify);
        let digits = groups.into_iter().map(|group| {
            let (image, rect) = self.crop(&group.parts, &extents);
            ImageDigit {
                image,
                rect,
                pixels: group.pixels,
                prediction: group.prediction,
                line: group.line,
                mark: group.mark,
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

/// The image of a part turned so that its line is level.
fn leveled(image: &GrayImage, frame: Frame) -> GrayImage {
    let (width, height) = (image.width() as f32, image.height() as f32);
    let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)].map(|(x, y)| Point::new(x, y));
    let bounds = frame.bounds(&corners);
    let mut turned = GrayImage::blank(bounds.width().ceil() as usize, bounds.height().ceil() as usize);
    let gray = |x: isize, y: isize| {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return 0.0;
        };
        if x < image.width() && y < image.height() {
            f32::from(image.row(y)[x])
        } else {
            0.0
        }
    };
    for y in 0..turned.height() {
        for (x, pixel) in turned.row_mut(y).iter_mut().enumerate() {
            let there = Point::new(bounds.left + x as f32 + 0.5, bounds.top + y as f32 + 0.5);
            let at = frame.page(there);
            let (left, top) = ((at.x - 0.5).floor(), (at.y - 0.5).floor());
            let (right, down) = (at.x - 0.5 - left, at.y - 0.5 - top);
            let row = |y: isize| (1.0 - right) * gray(left as isize, y) + right * gray(left as isize + 1, y);
            *pixel = ((1.0 - down) * row(top as isize) + down * row(top as isize + 1)).round() as u8;
        }
    }
    turned
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

    #[test]
    fn the_faint_edges_of_ink_are_no_points() {
        let parts_with = |brightness: u8| {
            let mut image = GrayImage::blank(60, 60);
            (10..50).for_each(|y| image.row_mut(y)[20..26].fill(255));
            (47..50).for_each(|y| image.row_mut(y)[30..33].fill(brightness));
            Parts::new(&image).parts.len()
        };
        assert_eq!(parts_with(100), 1);
        assert_eq!(parts_with(200), 2, "a point is as bright as the digits");
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
                let kept = parts.layout().without_dust();
                for (at, &count) in counts.iter().enumerate() {
                    let expected = image.pixels()[at] > 0 && kept.contains(&(parts.labels[at] as usize));
                    prop_assert_eq!(count, usize::from(expected));
                }
            }
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
