//! Segmentation of an image into digits.

use crate::{
    geometry::PixelRect,
    imaging::{components, gray_image::GrayImage},
    recognition::{
        normalization::{Gray28, normalize},
        prediction::{Classifier, Prediction},
        segmentation::grouping::{CERTAIN, Layout},
    },
};

/// Pictures with more pixels than this are shrunk before they are taken apart; what is read has 28×28.
const MOST_PIXELS: usize = 1 << 21;

/// Pixels of at least this share of the brightest connect what they are part of.
const SOLID: f32 = 0.25;

/// Fainter pixels belong to the solid ones that they lean on, down to this share of the brightest.
const FAINT: f32 = 1.0 / 64.0;

/// A picture none of whose pixels is brighter than this is blank.
const BLANK: u8 = 16;

/// A patch wider than this share of the digits' height may be several digits.
const WIDE_PATCH: f32 = 0.5;

/// A patch is cut only in columns with less ink than this share of the digits' height.
const THIN: f32 = 0.35;

/// Cuts of a patch keep this share of the digits' height from its ends and from each other.
const NARROWEST: f32 = 0.15;

/// Log odds of a cut through a patch where there is hardly any ink.
const CUT: f32 = -3.0;

/// How much that changes where a cut goes through ink as high as the digits.
const CUT_INK: f32 = -10.0;

/// A digit in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureDigit {
    /// Its ink alone, cropped; shrunk if the whole picture is very large.
    pub picture: GrayImage,
    /// Where in the whole picture that is.
    pub place: PixelRect,
    /// The 28×28 pixels that the network was given.
    pub pixels: Gray28,
    /// What was read there.
    pub prediction: Prediction,
}

/// The digits of a picture of bright ink on dark paper, from left to right; none on a blank one. All ink is part of
/// one of them, but for specks.
///
/// Connected patches over each other are one digit, and patches beside each other are several. Where they overlap a
/// little, or have hardly a gap between them, the reader decides; and so it does whether a wide patch is several digits
/// that touch, and in which of its thin columns they do.
pub fn split_picture(picture: &GrayImage, classifier: &mut dyn Classifier) -> Vec<PictureDigit> {
    if picture.pixels().iter().all(|&pixel| pixel <= BLANK) {
        return Vec::new();
    }
    let scale = (MOST_PIXELS as f32 / picture.pixels().len() as f32).sqrt();
    let shrunk = (scale < 1.0).then(|| picture.resampled(picture.rect(), scale).to_image(1.0));
    let mut digits = Patches::of(shrunk.as_ref().unwrap_or(picture)).digits(classifier);
    if shrunk.is_some() {
        for digit in &mut digits {
            digit.place = digit.place.before_scaling(scale, (picture.width(), picture.height()));
        }
    }
    digits
}

/// A picture whose ink is divided among patches.
struct Patches<'a> {
    picture: &'a GrayImage,
    /// For each pixel the number of its patch, or [`components::NONE`].
    owners: Vec<u32>,
    patches: Vec<Patch>,
    /// Height of the highest patch, the measure of what is thin and wide.
    height: f32,
}

#[derive(Clone, Copy)]
struct Patch {
    /// The rectangle around its solid pixels.
    solid: PixelRect,
    /// Of a part of a connected patch: which, and which part of it.
    origin: (usize, usize),
    /// How many of the pixels are ink in the column before which it begins.
    ink_at_cut: usize,
}

impl<'a> Patches<'a> {
    fn of(picture: &'a GrayImage) -> Self {
        let peak = picture.pixels().iter().copied().max().unwrap_or(0);
        // What would be blank by itself is no patch.
        let solid = (f32::from(peak) * SOLID).max(f32::from(BLANK) + 1.0);
        let faint = f32::from(peak) * FAINT;
        let mut patches = Patches {
            picture,
            owners: Vec::new(),
            patches: Vec::new(),
            height: 0.0,
        };
        patches.find_solid(solid);
        patches.height = patches.layout().height;
        patches.cut_wide();
        patches.spread_to(faint);
        patches
    }

    /// Finds the patches of solid pixels that are connected at their sides or corners.
    fn find_solid(&mut self, least: f32) {
        let (pixels, width) = (self.picture.pixels(), self.picture.width());
        let is_solid = |at: usize| f32::from(pixels[at]) >= least;
        let mut members: Vec<Extent> = Vec::new();
        self.owners = components::label(width, self.picture.height(), is_solid, |patch, at| {
            if patch == members.len() {
                members.push(Extent::default());
            }
            members[patch].add(at % width, at / width);
        });
        let patches = members.iter().enumerate().map(|(number, members)| Patch {
            solid: members.rect(),
            origin: (number, 0),
            ink_at_cut: 0,
        });
        self.patches.extend(patches);
    }

    /// Gives faint pixels to the nearest patch, by steps through others like them.
    fn spread_to(&mut self, least: f32) {
        let pixels = self.picture.pixels();
        let mut edge: Vec<usize> = (0..pixels.len())
            .filter(|&at| self.owners[at] != components::NONE)
            .collect();
        while !edge.is_empty() {
            let mut further = Vec::new();
            for at in edge {
                for next in components::neighbors(self.picture.width(), self.picture.height(), at) {
                    if f32::from(pixels[next]) >= least && self.owners[next] == components::NONE {
                        self.owners[next] = self.owners[at];
                        further.push(next);
                    }
                }
            }
            edge = further;
        }
    }

    /// Cuts wide patches in their thin columns.
    fn cut_wide(&mut self) {
        let height = self.height;
        for number in 0..self.patches.len() {
            let patch = self.patches[number];
            if patch.solid.width as f32 > WIDE_PATCH * height {
                let ink = self.column_ink(number);
                let mut rest = number;
                for at in valleys(&ink, height) {
                    rest = self.cut(rest, patch.solid.left + at, ink[at]);
                }
            }
        }
    }

    /// How many solid pixels a patch has in each of its columns.
    fn column_ink(&self, number: usize) -> Vec<usize> {
        let place = self.patches[number].solid;
        let mut ink = vec![0; place.width];
        for y in place.top..place.top + place.height {
            let start = y * self.picture.width() + place.left;
            for (ink, &owner) in ink.iter_mut().zip(&self.owners[start..start + place.width]) {
                *ink += usize::from(owner == number as u32);
            }
        }
        ink
    }

    /// Makes what the patch has from column `left` on a patch of its own, and gives the number of that.
    fn cut(&mut self, number: usize, left: usize, ink_at_cut: usize) -> usize {
        let Patch {
            solid: place, origin, ..
        } = self.patches[number];
        let new = self.patches.len();
        let (mut kept, mut moved) = (Extent::default(), Extent::default());
        for y in place.top..place.top + place.height {
            for x in place.left..place.left + place.width {
                let owner = &mut self.owners[y * self.picture.width() + x];
                if *owner != number as u32 {
                    continue;
                }
                if x < left {
                    kept.add(x, y);
                } else {
                    moved.add(x, y);
                    *owner = new as u32;
                }
            }
        }
        self.patches[number].solid = kept.rect();
        self.patches.push(Patch {
            solid: moved.rect(),
            origin: (origin.0, origin.1 + 1),
            ink_at_cut,
        });
        new
    }

    fn layout(&self) -> Layout {
        let bounds = |patch: &Patch| patch.solid.bounds();
        Layout::new(self.patches.iter().map(bounds).collect())
    }

    fn digits(&self, classifier: &mut dyn Classifier) -> Vec<PictureDigit> {
        let layout = self.layout();
        let extents = self.extents();
        let mut read = |group: &[usize]| {
            let pixels = normalize(&self.crop(group, &extents).0)?;
            let prediction = classifier.classify(&pixels);
            Some((pixels, prediction))
        };
        let groups = layout.group(&|a, b| self.cut_odds(a, b), &mut read);
        let digits = groups.into_iter().map(|group| {
            let (picture, place) = self.crop(&group.pieces, &extents);
            PictureDigit {
                picture,
                place,
                pixels: group.pixels,
                prediction: group.prediction,
            }
        });
        digits.collect()
    }

    /// Log odds of a cut between two parts of one patch.
    fn cut_odds(&self, a: usize, b: usize) -> Option<f32> {
        let (a, b) = (&self.patches[a], &self.patches[b]);
        let (first, second) = if a.origin.1 < b.origin.1 { (a, b) } else { (b, a) };
        let odds = if first.origin.1 + 1 == second.origin.1 {
            CUT + CUT_INK * second.ink_at_cut as f32 / self.height
        } else {
            CERTAIN
        };
        (a.origin.0 == b.origin.0).then_some(odds)
    }

    /// The rectangle around each patch with all of its pixels.
    fn extents(&self) -> Vec<Extent> {
        let mut extents = vec![Extent::default(); self.patches.len()];
        for (at, &owner) in self.owners.iter().enumerate() {
            if let Some(extent) = extents.get_mut(owner as usize) {
                extent.add(at % self.picture.width(), at / self.picture.width());
            }
        }
        extents
    }

    /// The pixels of some patches alone, and where they are.
    fn crop(&self, group: &[usize], extents: &[Extent]) -> (GrayImage, PixelRect) {
        let mut extent = Extent::default();
        group.iter().for_each(|&number| extent.include(extents[number]));
        let place = extent.rect();
        let mut group = group.to_vec();
        group.sort_unstable();
        let mut picture = self.picture.cropped(place.left, place.top, place.width, place.height);
        for y in 0..place.height {
            let start = (place.top + y) * self.picture.width() + place.left;
            for (pixel, &owner) in picture.row_mut(y).iter_mut().zip(&self.owners[start..]) {
                if group.binary_search(&(owner as usize)).is_err() {
                    *pixel = 0;
                }
            }
        }
        (picture, place)
    }
}

/// Before which columns a patch with that much ink in each may be cut, from left to right: thin ones, the thinnest first
/// where others would be too near to them.
fn valleys(ink: &[usize], height: f32) -> Vec<usize> {
    let apart = ((NARROWEST * height) as usize).max(1);
    let mut thin: Vec<usize> = (apart..ink.len().saturating_sub(apart - 1))
        .filter(|&at| (ink[at] as f32) < THIN * height)
        .collect();
    thin.sort_by_key(|&at| ink[at]);
    let mut found: Vec<usize> = Vec::new();
    for at in thin {
        if found.iter().all(|other| other.abs_diff(at) >= apart) {
            found.push(at);
        }
    }
    found.sort_unstable();
    found
}

/// The smallest rectangle around some pixels, as it grows.
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
            (Some(a), Some(b)) => {
                let (left, top) = (a.left.min(b.left), a.top.min(b.top));
                Some(PixelRect {
                    left,
                    top,
                    width: (a.left + a.width).max(b.left + b.width) - left,
                    height: (a.top + a.height).max(b.top + b.height) - top,
                })
            }
            (a, b) => a.or(b),
        };
    }

    /// # Panics
    ///
    /// Around no pixels.
    fn rect(&self) -> PixelRect {
        self.0.expect("a patch has pixels")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fickle;
    use super::*;

    /// Paper with some rectangles of ink.
    fn pictures() -> impl Strategy<Value = GrayImage> {
        let pixels = (1..70usize, 1..40usize, 0..70usize, 0..40usize, 1..=255u8);
        (1..90usize, 1..50usize, proptest::collection::vec(pixels, 0..12)).prop_map(|(width, height, blots)| {
            let mut picture = GrayImage::blank(width, height);
            for (wide, high, left, top, gray) in blots {
                let (wide, high) = (1 + wide / 4, 1 + high / 2);
                picture.paste(&GrayImage::new(wide, high, vec![gray; wide * high]), left, top);
            }
            picture
        })
    }

    proptest! {
        #[test]
        fn all_ink_but_specks_is_in_one_digit(picture in pictures()) {
            let digits = split_picture(&picture, &mut fickle);
            let mut owners = vec![0; picture.pixels().len()];
            for digit in &digits {
                let PixelRect { left, top, width, height } = digit.place;
                prop_assert!(left + width <= picture.width() && top + height <= picture.height());
                prop_assert_eq!((digit.picture.width(), digit.picture.height()), (width, height));
                for y in 0..height {
                    for (x, &pixel) in digit.picture.row(y).iter().enumerate() {
                        owners[(top + y) * picture.width() + left + x] += usize::from(pixel > 0);
                        prop_assert!(pixel == 0 || pixel == picture.row(top + y)[left + x]);
                    }
                }
            }
            let peak = picture.pixels().iter().copied().max().unwrap_or(0);
            prop_assert_eq!(digits.is_empty(), peak <= BLANK);
            if peak > BLANK {
                let patches = Patches::of(&picture);
                let kept = patches.layout().pieces();
                for (at, &count) in owners.iter().enumerate() {
                    let expected = picture.pixels()[at] > 0 && kept.contains(&(patches.owners[at] as usize));
                    prop_assert_eq!(count, usize::from(expected));
                }
            }
        }

        #[test]
        fn cuts_are_apart_and_inside(ink in proptest::collection::vec(1..40usize, 1..90), height in 1f32..60.0) {
            let found = valleys(&ink, height);
            prop_assert!(found.iter().all(|&at| 0 < at && at < ink.len()));
            let apart = NARROWEST * height;
            prop_assert!(found.windows(2).all(|pair| (pair[1] - pair[0]) as f32 >= apart.floor().max(1.0)));
        }
    }

    #[test]
    fn very_large_pictures_are_shrunk_and_places_are_not() {
        let mut picture = GrayImage::blank(4000, 1500);
        for (left, width) in [(300, 90), (900, 1000)] {
            picture.paste(&GrayImage::new(width, 1000, vec![255; width * 1000]), left, 200);
        }
        let digits = split_picture(&picture, &mut fickle);
        assert_eq!(digits.len(), 2);
        for (digit, left, width) in [(&digits[0], 300, 90), (&digits[1], 900, 1000)] {
            let place = digit.place;
            assert!(
                place.left.abs_diff(left) <= 3 && place.width.abs_diff(width) <= 6,
                "{place:?}"
            );
            assert!(
                place.top.abs_diff(200) <= 3 && place.height.abs_diff(1000) <= 6,
                "{place:?}"
            );
            assert!(digit.picture.width() < place.width);
        }
    }

    #[test]
    fn a_patch_has_the_faint_pixels_that_lean_on_it() {
        let mut picture = GrayImage::blank(30, 20);
        for y in 2..18 {
            picture.row_mut(y)[5..10].copy_from_slice(&[20, 255, 255, 255, 20]);
            picture.row_mut(y)[20..23].copy_from_slice(&[255, 255, 40]);
        }
        picture.row_mut(10)[15] = 20;
        let places: Vec<_> = split_picture(&picture, &mut fickle)
            .iter()
            .map(|digit| (digit.place.left, digit.place.width))
            .collect();
        assert_eq!(places, [(5, 5), (20, 3)]);
    }
}
