//! Parts of a digit that one sees at once: loops, the flag and the foot of a 1, the bar of a 7, the slash of a 0.

use crate::{
    imaging::{components, gray_image::GrayImage},
    recognition::{
        lean::shear,
        normalization::{Gray28, SIDE, ink_rect},
    },
};

/// Pixels from this brightness on are ink where ink and paper are told apart.
pub(super) const INK: u8 = 100;

/// The image is enlarged by this factor where loops are counted, so that lines that touch at a corner are closed.
const ENLARGED: usize = 3;

/// Where no paper is enclosed, the pen may have filled a loop: what is darker than this may have been paper, and so may a
/// square of so many pixels that are all brighter than that, which is wider than most lines.
const FILLED: u8 = 225;
const BLOT: (usize, u8) = (3, 170);

/// Enclosed paper of fewer pixels of the enlarged image is a flaw of the line and no loop.
const MIN_LOOP: usize = 7;

/// A row with so many times as much ink as the usual row of the stem, and as the thinnest above it, is a bar.
const BAR: (f32, f32) = (1.6, 1.35);

/// The parts of a digit's height, from the top, of the corner under the roof, where a bar is looked for, and of the stem.
const CORNER: f32 = 0.15;
const BAR_ROWS: (f32, f32) = (0.4, 0.75);
const STEM_ROWS: (f32, f32) = (0.55, 0.95);

/// The parts of the height of a 1, from the top, that may be a flag, that are its bare stem, and that may be a foot.
const FLAG_ROWS: (f32, f32) = (0.0, 0.5);
const BARE_ROWS: (f32, f32) = (0.55, 0.8);
const FOOT_ROWS: (f32, f32) = (0.85, 1.0);

/// How far a flag or a foot reaches beyond the stem, and what is bare does not, in pixels.
const FLAG: f32 = 2.75;
const FOOT: f32 = 2.0;
const BARE: f32 = 1.25;

/// Of the two loops of a slashed 0, the smaller one has at least this part of the larger one's paper, and its middle is at
/// least so far to the left of the lower one's for each unit that it is above it.
const HALF: f32 = 0.45;
const ASIDE: f32 = 0.25;

/// A loop at the foot has its middle below this part of the height, from the top.
const LOW: f32 = 0.55;

/// The parts of the height of a 4, from the top, between whose rows its arms are.
const ARM_ROWS: (f32, f32) = (0.25, 0.5);

/// A part that some people draw, and others do not. Each is of use for one digit only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The bar across the stem of a 7.
    Bar,
    /// The stroke up to the top of a 1, at its left.
    Flag,
    /// The line under a 1.
    Foot,
    /// The line across a 0 that rises to the right.
    Slash,
    /// The loop at the left of the foot of a 2.
    LowLoop,
    /// The paper between the arms of a 4, if nothing is above it.
    OpenTop,
}

impl Part {
    /// All of them, in the order in which [`Parts`] has them.
    pub const ALL: [Part; 6] = [
        Part::Bar,
        Part::Flag,
        Part::Foot,
        Part::Slash,
        Part::LowLoop,
        Part::OpenTop,
    ];

    /// The digit of which it is a part.
    pub fn digit(self) -> u8 {
        match self {
            Part::Slash => 0,
            Part::Flag | Part::Foot => 1,
            Part::LowLoop => 2,
            Part::OpenTop => 4,
            Part::Bar => 7,
        }
    }
}

/// The parts that a digit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// How often its lines enclose paper.
    pub loops: usize,
    /// Whether the pen may have filled a loop, so that a digit without loops is not sure to be open.
    pub may_be_filled: bool,
    /// Whether it has each part, in the order of [`Part::ALL`].
    pub present: [bool; Part::ALL.len()],
}

impl Parts {
    /// The parts of a normalized image that leans by so many degrees.
    pub(super) fn of(pixels: &Gray28, lean: f32) -> Self {
        let Some(digit) = Digit::of(pixels, lean) else {
            return Parts::default();
        };
        let loops = loops(pixels, INK);
        let has = |part| match part {
            Part::Bar => digit.has_bar(),
            Part::Flag => digit.has_flag(),
            Part::Foot => digit.has_foot(),
            Part::Slash => digit.has_slash(&loops),
            Part::LowLoop => !loops.is_empty() && loops.iter().all(|one| digit.part_of_height(one.y) > LOW),
            Part::OpenTop => loops.is_empty() && digit.is_open_at_the_top(),
        };
        Parts {
            present: Part::ALL.map(has),
            loops: loops.len(),
            may_be_filled: may_be_filled(pixels),
        }
    }

    /// Whether it has a part.
    pub fn has(&self, part: Part) -> bool {
        self.present[part as usize]
    }

    /// The same digit with a part.
    #[must_use]
    pub fn with(mut self, part: Part) -> Self {
        self.present[part as usize] = true;
        self
    }
}

/// Enclosed paper: how much, in pixels of the enlarged image, and its middle, in pixels of the image.
struct Loop {
    size: usize,
    x: f32,
    y: f32,
}

fn image(pixels: &Gray28) -> GrayImage {
    GrayImage::new(SIDE, SIDE, pixels.to_vec())
}

/// The parts of the paper that do not reach the border.
fn loops(pixels: &Gray28, least_ink: u8) -> Vec<Loop> {
    let image = image(pixels);
    let large = image.resampled(image.rect(), ENLARGED as f32).to_image(1.0);
    let (width, height) = (large.width(), large.height());
    let mut parts: Vec<(usize, usize, usize, bool)> = Vec::new();
    let is_paper = large.pixels().iter().map(|&pixel| pixel < least_ink);
    components::label((width, height), is_paper, |part, at| {
        if part == parts.len() {
            parts.push((0, 0, 0, false));
        }
        let (x, y) = (at % width, at / width);
        let is_border = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        let (size, sum_x, sum_y, is_open) = parts[part];
        parts[part] = (size + 1, sum_x + x, sum_y + y, is_open | is_border);
    });
    let is_loop = |&(size, _, _, is_open): &(usize, usize, usize, bool)| size >= MIN_LOOP && !is_open;
    let middle = |sum: usize, size: usize| ((sum as f32 / size as f32) + 0.5) / ENLARGED as f32 - 0.5;
    let found = parts.into_iter().filter(is_loop);
    let found = found.map(|(size, x, y, _)| Loop {
        size,
        x: middle(x, size),
        y: middle(y, size),
    });
    found.collect()
}

fn may_be_filled(pixels: &Gray28) -> bool {
    let (side, bright) = BLOT;
    let corners = (0..=SIDE - side).flat_map(|y| (0..=SIDE - side).map(move |x| y * SIDE + x));
    let is_ink = |from: usize| pixels[from..from + side].iter().all(|&pixel| pixel > bright);
    let mut blots = corners.filter(|at| (0..side).all(|row| is_ink(at + row * SIDE)));
    blots.next().is_some() || !loops(pixels, FILLED).is_empty()
}

/// Whether each pixel is of the largest connected piece of the ink.
fn largest(pixels: &Gray28) -> Vec<bool> {
    let mut sizes = Vec::new();
    let is_ink = pixels.iter().map(|&pixel| pixel >= INK);
    let labels = components::label((SIDE, SIDE), is_ink, |piece, _| {
        sizes.resize(sizes.len().max(piece + 1), 0);
        sizes[piece] += 1;
    });
    let largest = (0..sizes.len()).max_by_key(|&piece| sizes[piece]);
    labels.iter().map(|&label| Some(label as usize) == largest).collect()
}

/// An image as parts are looked for in it.
struct Digit<'a> {
    pixels: &'a Gray28,
    /// The pixels of the largest piece of its ink: scans have dust.
    is_ink: Vec<bool>,
    shear: f32,
    top: usize,
    height: usize,
}

/// A stem: the place of its middle once its lean is straightened, and half of its width.
struct Stem {
    x: f32,
    half: f32,
}

impl<'a> Digit<'a> {
    fn of(pixels: &'a Gray28, lean: f32) -> Option<Self> {
        let ink = ink_rect(&image(pixels))?;
        Some(Digit {
            pixels,
            is_ink: largest(pixels),
            shear: shear(lean),
            top: ink.top,
            height: ink.height,
        })
    }

    fn part_of_height(&self, y: f32) -> f32 {
        (y + 0.5 - self.top as f32) / self.height as f32
    }

    /// The rows between two parts of the height.
    fn rows(&self, (from, to): (f32, f32)) -> std::ops::Range<usize> {
        let at = |share: f32| self.top + (share * self.height as f32).round() as usize;
        at(from)..at(to)
    }

    /// Where a place in a row is once the lean is straightened.
    fn straightened(&self, x: f32, y: usize) -> f32 {
        x + self.shear * (y as f32 - self.top as f32)
    }

    fn row_ink(&self, y: usize) -> f32 {
        let row = &self.pixels[y * SIDE..(y + 1) * SIDE];
        row.iter().map(|&pixel| f32::from(pixel) / 255.0).sum()
    }

    /// Whether a row in the middle has far more ink than the stem, and than the stem above it: a roof has that too, but not
    /// in the middle.
    fn has_bar(&self) -> bool {
        let rows: Vec<f32> = (self.top..self.top + self.height).map(|y| self.row_ink(y)).collect();
        let at = |share: f32| (share * rows.len() as f32) as usize;
        let mut stem = rows[at(STEM_ROWS.0)..at(STEM_ROWS.1)].to_vec();
        stem.sort_by(f32::total_cmp);
        let Some(usual) = stem.get(stem.len() / 2) else {
            return false;
        };
        (at(BAR_ROWS.0)..at(BAR_ROWS.1)).any(|y| {
            let both = 0.5 * (rows[y] + rows[y + 1]);
            let above = rows[at(CORNER)..=y].iter().copied().fold(f32::MAX, f32::min);
            both > BAR.0 * usual && both > BAR.1 * above
        })
    }

    /// The stem as it is where it is bare; `None` if nothing is there.
    fn stem(&self) -> Option<Stem> {
        let (mut moment, mut ink) = (0.0, 0.0);
        for y in self.rows(BARE_ROWS) {
            for x in 0..SIDE {
                let pixel = f32::from(self.pixels[y * SIDE + x]) / 255.0;
                moment += pixel * self.straightened(x as f32, y);
                ink += pixel;
            }
        }
        let rows = self.rows(BARE_ROWS).len() as f32;
        (ink > 0.0).then(|| Stem {
            x: moment / ink,
            half: 0.5 * ink / rows,
        })
    }

    /// How far ink reaches beyond a stem between two parts of the height: to its left, and to its right.
    fn reach(&self, stem: &Stem, rows: (f32, f32)) -> (f32, f32) {
        let (mut left, mut right) = (0.0_f32, 0.0_f32);
        for y in self.rows(rows) {
            for x in (0..SIDE).filter(|x| self.is_ink[y * SIDE + x]) {
                let off = self.straightened(x as f32, y) - stem.x;
                left = left.max(0.5 - off - stem.half);
                right = right.max(0.5 + off - stem.half);
            }
        }
        (left, right)
    }

    /// The stem, if it is bare above its foot.
    fn bare_stem(&self) -> Option<Stem> {
        let stem = self.stem()?;
        let (left, right) = self.reach(&stem, BARE_ROWS);
        (left.max(right) < BARE).then_some(stem)
    }

    fn has_flag(&self) -> bool {
        self.bare_stem().is_some_and(|stem| {
            let ((left, right), (foot_left, foot_right)) = (self.reach(&stem, FLAG_ROWS), self.reach(&stem, FOOT_ROWS));
            // A bow that bends back at its foot has no flag.
            let is_bow = foot_left >= BARE && foot_right < BARE;
            left >= FLAG && right < BARE && !is_bow
        })
    }

    fn has_foot(&self) -> bool {
        self.bare_stem().is_some_and(|stem| {
            let (left, right) = self.reach(&stem, FOOT_ROWS);
            left.min(right) >= FOOT
        })
    }

    fn has_slash(&self, loops: &[Loop]) -> bool {
        let [upper, lower] = loops else { return false };
        let (upper, lower) = if upper.y < lower.y {
            (upper, lower)
        } else {
            (lower, upper)
        };
        let down = lower.y - upper.y;
        let aside = lower.x - upper.x + self.shear * down;
        upper.size.min(lower.size) as f32 >= HALF * upper.size.max(lower.size) as f32 && aside >= ASIDE * down
    }

    /// Whether there is paper between two lines with ink under it and none above.
    fn is_open_at_the_top(&self) -> bool {
        let is_ink = |x: f32, y: usize| {
            let x = x.round();
            (0.0..SIDE as f32).contains(&x) && self.pixels[y * SIDE + x as usize] >= INK
        };
        self.rows(ARM_ROWS).any(|y| {
            let row = &self.pixels[y * SIDE..(y + 1) * SIDE];
            let Some(middle) = only_gap(row) else { return false };
            let along = |other: usize| middle + self.shear * (y as f32 - other as f32);
            let is_paper = |other: usize| {
                [-0.75, 0.0, 0.75]
                    .iter()
                    .all(|aside| !is_ink(along(other) + aside, other))
            };
            (self.top..y).all(is_paper) && (y + 1..self.top + self.height).any(|below| is_ink(along(below), below))
        })
    }
}

/// The middle of the paper between the lines of a row that crosses two, if it is at least two pixels wide.
fn only_gap(row: &[u8]) -> Option<f32> {
    let first = row.iter().position(|&pixel| pixel >= INK)?;
    let last = row.iter().rposition(|&pixel| pixel >= INK)?;
    let is_paper = |x: &usize| row[*x] < INK;
    let from = (first..last).find(is_paper)?;
    let to = (from..last).take_while(is_paper).last()?;
    let is_only = !(to + 1..last).any(|x| is_paper(&x));
    (is_only && to > from).then(|| 0.5 * (from + to) as f32)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::{
        drawing::strokes::{Ink, PEN, Stroke},
        geometry::Point,
        recognition::{measures::Measures, normalization::normalize_ink},
    };

    type Line = Vec<(f32, f32)>;

    /// The parts of lines with the top of a digit at 0 and its foot at 1, drawn upright, leaning to the left and to the right.
    fn parts(lines: &[Line]) -> [Parts; 3] {
        [0.0, -12.0, 15.0].map(|degrees| {
            let at =
                |&(x, y): &(f32, f32)| Point::new(220.0 + 340.0 * (x - shear(degrees) * (y - 0.5)), 110.0 + 340.0 * y);
            let strokes = lines.iter().map(|line| Stroke::new(line.iter().map(at).collect(), PEN));
            Measures::of(&normalize_ink(&strokes.collect::<Ink>()).unwrap()).parts
        })
    }

    fn all_have(lines: &[Line], part: Part) -> bool {
        parts(lines).iter().all(|found| found.has(part))
    }

    fn none_has(lines: &[Line], part: Part) -> bool {
        parts(lines).iter().all(|found| !found.has(part))
    }

    /// Part of an ellipse around a place, from so many turns to so many, from the right and clockwise.
    fn arc((x, y): (f32, f32), (across, down): (f32, f32), turns: (f32, f32)) -> Line {
        let angle = |i: u8| std::f32::consts::TAU * (turns.0 + (turns.1 - turns.0) * f32::from(i) / 32.0);
        (0..=32)
            .map(|i| (x + across * angle(i).cos(), y + down * angle(i).sin()))
            .collect()
    }

    fn ring(place: (f32, f32), size: (f32, f32)) -> Line {
        arc(place, size, (0.0, 1.0))
    }

    #[test]
    fn loops_are_counted() {
        for (lines, count) in [
            (vec![arc((0.3, 0.5), (0.3, 0.5), (0.05, 0.9))], 0),
            (vec![ring((0.3, 0.5), (0.3, 0.5))], 1),
            (
                vec![ring((0.3, 0.25), (0.25, 0.25)), ring((0.3, 0.75), (0.28, 0.25))],
                2,
            ),
        ] {
            assert_eq!(parts(&lines).map(|found| found.loops), [count; 3], "{lines:?}");
        }
    }

    #[test]
    fn a_one_has_a_flag_and_a_foot_or_has_none() {
        let (stem, flag) = (vec![(0.3, 0.0), (0.3, 1.0)], vec![(0.05, 0.25), (0.3, 0.0)]);
        let foot = vec![(0.0, 1.0), (0.6, 1.0)];
        let flagged = [stem.clone(), flag.clone()];
        let both = [stem.clone(), flag, foot.clone()];
        assert!(all_have(&flagged, Part::Flag) && none_has(&flagged, Part::Foot));
        assert!(all_have(&both, Part::Flag) && all_have(&both, Part::Foot));
        let footed = [stem.clone(), foot];
        assert!(all_have(&footed, Part::Foot) && none_has(&footed, Part::Flag));
        let bow = arc((0.0, 0.5), (0.15, 0.5), (-0.25, 0.25));
        let tick = vec![(0.3, 0.0), (0.3, 1.0), (0.5, 1.0)];
        for plain in [stem, bow, tick] {
            let plain = [plain];
            assert!(
                none_has(&plain, Part::Flag) && none_has(&plain, Part::Foot),
                "{plain:?}"
            );
        }
    }

    #[test]
    fn a_seven_has_a_bar_or_has_none() {
        let seven = vec![(0.0, 0.0), (0.6, 0.0), (0.2, 1.0)];
        assert!(none_has(from_ref(&seven), Part::Bar));
        assert!(all_have(&[seven, vec![(0.15, 0.5), (0.65, 0.5)]], Part::Bar));
    }

    #[test]
    fn a_zero_has_a_slash_or_a_curl() {
        let zero = ring((0.35, 0.5), (0.35, 0.5));
        assert!(none_has(from_ref(&zero), Part::Slash));
        assert!(all_have(&[zero.clone(), vec![(0.62, 0.15), (0.08, 0.85)]], Part::Slash));
        let curl = ring((0.35, 0.1), (0.12, 0.1));
        let (across, down) = (vec![(0.0, 0.5), (0.7, 0.5)], vec![(0.08, 0.15), (0.62, 0.85)]);
        for other in [curl, across, down] {
            assert!(none_has(&[zero.clone(), other.clone()], Part::Slash), "{other:?}");
        }
    }

    #[test]
    fn a_two_has_a_loop_at_its_foot_or_has_none() {
        let head = arc((0.3, 0.25), (0.28, 0.25), (-0.47, 0.08));
        let plain = [head.clone(), vec![(0.54, 0.38), (0.0, 1.0), (0.6, 1.0)]];
        assert!(none_has(&plain, Part::LowLoop));
        let looped = [
            head,
            vec![(0.54, 0.38), (0.26, 0.76)],
            ring((0.15, 0.86), (0.15, 0.14)),
            vec![(0.2, 0.74), (0.65, 1.0)],
        ];
        assert!(all_have(&looped, Part::LowLoop));
        let high = [ring((0.3, 0.2), (0.2, 0.2)), vec![(0.45, 0.33), (0.0, 1.0), (0.6, 1.0)]];
        assert!(none_has(&high, Part::LowLoop));
    }

    #[test]
    fn a_four_is_open_at_the_top_or_closed() {
        let open = [
            vec![(0.0, 0.0), (-0.05, 0.55), (0.6, 0.55)],
            vec![(0.5, 0.1), (0.5, 1.0)],
        ];
        assert!(all_have(&open, Part::OpenTop));
        let closed = vec![(0.5, 1.0), (0.5, 0.0), (0.0, 0.65), (0.7, 0.65)];
        // Its lines meet at the top, and leave a gap at the foot.
        let below = vec![(0.5, 1.0), (0.5, 0.0), (0.0, 0.5), (0.25, 0.6)];
        for other in [closed, below] {
            assert!(none_has(from_ref(&other), Part::OpenTop), "{other:?}");
        }
    }

    #[test]
    fn a_loop_that_the_pen_has_filled_is_not_sure_to_be_open() {
        let six = |radius: f32| {
            let stem = vec![(0.05, 0.0), (0.0, 1.0 - radius)];
            [stem, ring((radius, 1.0 - radius), (radius, radius))]
        };
        assert!(parts(&six(0.25)).iter().all(|found| found.loops == 1));
        for radius in [0.07, 0.08, 0.11, 0.13, 0.2] {
            let is_told = |found: &Parts| found.loops == 1 || found.may_be_filled;
            assert!(parts(&six(radius)).iter().all(is_told), "{radius}");
        }
        assert!(parts(&six(0.08)).iter().all(|found| found.loops == 0));
        let open = vec![arc((0.3, 0.5), (0.3, 0.5), (0.05, 0.9))];
        assert!(parts(&open).iter().all(|found| !found.may_be_filled));
    }
}
