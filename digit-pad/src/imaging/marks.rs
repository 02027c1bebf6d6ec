//! Which components of ink are a digit: not dust, not the border of the paper, and not the ring or the line around it.

/// What an image is expected to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Content {
    /// A single digit.
    Digit,
    /// Several digits, perhaps with a decimal point.
    Number,
}

/// Least ink of a component, as a fraction of the largest component's. Less is dust.
const DUST: f32 = 0.03;
/// The same for a point in a number, which is as dark as the digits.
const POINT: f32 = 0.01;
/// A point's darkest pixel has at least this fraction of the ink of the digits' darkest.
const POINT_DARKNESS: f32 = 0.75;
/// Least number of strong pixels of a component, if there is any larger one. Fewer are dust.
const MIN_PIXELS: usize = 16;
/// A ring or box has at most this share of ink in its rectangle.
const RING_FILL: f32 = 0.3;
/// A corner of a component's rectangle is this share of its shorter side.
const CORNER: f32 = 0.125;
/// The ink in a ring has at least, and at most, this share of its height or width.
const IN_RING: (f32, f32) = (0.25, 0.92);
/// A line is this many times as long as thick.
const LINE: f32 = 6.0;
/// A ruled line or margin reaches over this share of the image.
const RULED: f32 = 0.6;
/// Thickness of a ruled line or margin at most, as a share of the shorter side of the image.
const RULED_THICKNESS: f32 = 0.05;
/// Ruled lines are removed if the other ink is more than this share of theirs: a 1 may reach over the image, too.
const BESIDE_RULED: f32 = 0.1;
/// Doubt of a reading with its ring or line, which was taken for ink.
const WITH_MARKS: f32 = 0.05;

/// Extent and ink of a connected component.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Component {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
    /// Number of pixels.
    pub(super) pixels: usize,
    /// Number of pixels that are ink by themselves, not only beside other ink.
    pub(super) strong: usize,
    /// Sum of the ink.
    pub(super) ink: u64,
    /// The most ink of a pixel.
    pub(super) peak: u8,
    /// Which corners of its rectangle it reaches.
    pub(super) corners: [bool; 4],
}

/// A choice of components, and how much less likely it is than the first one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Keep {
    pub(super) kept: Vec<bool>,
    pub(super) doubt: f32,
}

impl Component {
    pub(super) fn at(x: usize, y: usize) -> Self {
        Component {
            left: x,
            top: y,
            right: x,
            bottom: y,
            pixels: 0,
            strong: 0,
            ink: 0,
            peak: 0,
            corners: [false; 4],
        }
    }

    pub(super) fn add(&mut self, (x, y): (usize, usize), ink: u8, is_strong: bool) {
        (self.left, self.right) = (self.left.min(x), self.right.max(x));
        (self.top, self.bottom) = (self.top.min(y), self.bottom.max(y));
        self.pixels += 1;
        self.strong += usize::from(is_strong);
        self.ink += u64::from(ink);
        self.peak = self.peak.max(ink);
    }

    pub(super) fn touches(&self, (width, height): (usize, usize)) -> bool {
        self.left == 0 || self.top == 0 || self.right + 1 == width || self.bottom + 1 == height
    }

    /// The rectangle around both, with the ink of both.
    pub(super) fn union(self, other: Self) -> Self {
        Component {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
            pixels: self.pixels + other.pixels,
            strong: self.strong + other.strong,
            ink: self.ink + other.ink,
            peak: self.peak.max(other.peak),
            corners: [false; 4],
        }
    }

    /// Marks the corner of its rectangle that a pixel of it is near, if there is one.
    pub(super) fn add_corner(&mut self, (x, y): (usize, usize)) {
        let reach = (CORNER * self.width().min(self.height())) as usize;
        let side = |at: usize, first: usize, last: usize| match (at - first <= reach, last - at <= reach) {
            (true, _) => Some(0),
            (_, true) => Some(1),
            _ => None,
        };
        if let (Some(right), Some(below)) = (side(x, self.left, self.right), side(y, self.top, self.bottom)) {
            self.corners[2 * below + right] = true;
        }
    }

    /// Area of its rectangle, in pixels.
    pub(super) fn area(&self) -> f32 {
        self.width() * self.height()
    }

    fn width(&self) -> f32 {
        (self.right - self.left + 1) as f32
    }

    fn height(&self) -> f32 {
        (self.bottom - self.top + 1) as f32
    }

    /// Length over thickness.
    fn slenderness(&self) -> f32 {
        let length = self.width().max(self.height());
        length * length / self.pixels as f32
    }

    /// Whether it is a straight line along a side of the image.
    fn is_line(&self) -> bool {
        let (long, short) = (self.width().max(self.height()), self.width().min(self.height()));
        self.slenderness() >= LINE && long >= 5.0 * short
    }

    fn is_ruled(&self, (width, height): (usize, usize)) -> bool {
        let share = (self.width() / width as f32).max(self.height() / height as f32);
        let length = self.width().max(self.height());
        let is_thin = self.pixels as f32 <= RULED_THICKNESS * width.min(height) as f32 * length;
        self.is_line() && is_thin && share >= RULED
    }

    /// Whether another component lies in it as in a ring or a box.
    fn surrounds(&self, other: &Component) -> bool {
        let is_around =
            self.left < other.left && self.top < other.top && self.right > other.right && self.bottom > other.bottom;
        let share = (other.height() / self.height()).max(other.width() / self.width());
        is_around && (IN_RING.0..=IN_RING.1).contains(&share)
    }

    fn is_hollow(&self) -> bool {
        self.pixels as f32 <= RING_FILL * self.width() * self.height()
    }

    /// Whether it is a line under or over another component.
    fn underlines(&self, other: &Component) -> bool {
        let is_beside = self.top >= other.bottom || self.bottom <= other.top;
        let overlap = self.right.min(other.right) as f32 - self.left.max(other.left) as f32;
        let is_flat = self.width() >= 4.0 * self.height() && self.slenderness() >= LINE;
        is_flat && is_beside && self.width() >= 0.6 * other.width() && overlap >= 0.5 * other.width().min(self.width())
    }
}

/// The ways to choose a digit's components, the most likely first; none without ink.
pub(super) fn choices(components: &[Component], size: (usize, usize), content: Content) -> Vec<Keep> {
    let any_large = components.iter().any(|component| component.strong >= MIN_PIXELS);
    let is_ink = |component: &Component| component.strong > 0 && (!any_large || component.strong >= MIN_PIXELS);
    let mut kept: Vec<bool> = components
        .iter()
        .map(|component| is_ink(component) && !component.is_ruled(size))
        .collect();
    let total = |is_counted: &dyn Fn(usize) -> bool| -> f32 {
        let counted = components.iter().enumerate().filter(|&(index, _)| is_counted(index));
        counted.map(|(_, component)| component.ink as f32).sum()
    };
    let ruled = total(&|index| is_ink(&components[index]) && components[index].is_ruled(size));
    if total(&|index| kept[index]) <= BESIDE_RULED * ruled || !kept.contains(&true) {
        kept = components.iter().map(is_ink).collect();
    }
    remove_dust(components, &mut kept, content);
    if !kept.contains(&true) {
        return Vec::new();
    }
    let mut without_marks = kept.clone();
    remove_marks(components, &mut without_marks, content);
    remove_dust(components, &mut without_marks, content);
    if without_marks == kept {
        return vec![Keep { kept, doubt: 0.0 }];
    }
    vec![
        Keep {
            kept: without_marks,
            doubt: 0.0,
        },
        Keep {
            kept,
            doubt: WITH_MARKS,
        },
    ]
}

/// Removes components with little ink beside the largest, but keeps points of a number.
fn remove_dust(components: &[Component], kept: &mut [bool], content: Content) {
    let inked = components.iter().zip(kept.iter()).filter(|&(_, &kept)| kept);
    let Some((largest, _)) = inked.max_by_key(|(component, _)| component.ink) else {
        return;
    };
    let (ink, peak) = (largest.ink as f32, f32::from(largest.peak));
    let is_point = |component: &Component| {
        let is_dark = f32::from(component.peak) >= POINT_DARKNESS * peak;
        content == Content::Number && is_dark && component.ink as f32 >= POINT * ink
    };
    for (component, kept) in components.iter().zip(kept) {
        *kept &= component.ink as f32 >= DUST * ink || is_point(component);
    }
}

/// Removes rings and boxes around other ink, and lines below and above it. The boxes around a number stay: its digits may touch
/// them, so that segmentation removes their rules.
fn remove_marks(components: &[Component], kept: &mut [bool], content: Content) {
    for index in 0..components.len() {
        let mark = &components[index];
        if !kept[index] {
            continue;
        }
        let others = || (0..components.len()).filter(|&other| other != index && kept[other]);
        let is_form = content == Content::Number && mark.corners == [true; 4];
        let rings = mark.is_hollow() && !is_form && others().any(|other| mark.surrounds(&components[other]));
        let lines = others()
            .any(|other| mark.underlines(&components[other]) && components[other].height() >= 3.0 * mark.height());
        if rings || lines {
            kept[index] = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(left: usize, top: usize, right: usize, bottom: usize, pixels: usize) -> Component {
        Component {
            left,
            top,
            right,
            bottom,
            pixels,
            strong: pixels,
            ink: 200 * pixels as u64,
            peak: 220,
            corners: [false; 4],
        }
    }

    fn first(components: &[Component]) -> Vec<bool> {
        choices(components, (640, 480), Content::Digit).swap_remove(0).kept
    }

    #[test]
    fn rings_and_lines_are_no_digits() {
        let digit = component(300, 150, 380, 270, 2_000);
        let ring = component(240, 110, 440, 310, 3_000);
        let underline = component(280, 290, 400, 296, 700);
        let margin = component(80, 0, 90, 479, 1_500);
        let dust = component(10, 10, 12, 12, 9);
        for mark in [ring, underline, margin, dust] {
            assert_eq!(first(&[mark, digit]), [false, true], "{mark:?}");
            assert_eq!(first(&[digit, mark]), [true, false], "{mark:?}");
        }
        assert_eq!(first(&[ring]), [true]);
        assert_eq!(first(&[margin]), [true]);
    }

    #[test]
    fn a_point_is_part_of_a_number_and_dust_beside_a_digit() {
        let digit = component(300, 150, 380, 270, 2_000);
        let point = component(400, 265, 405, 270, 36);
        let kept = |content| choices(&[digit, point], (640, 480), content).swap_remove(0).kept;
        assert_eq!(kept(Content::Number), [true, true]);
        assert_eq!(kept(Content::Digit), [true, false]);
        let faint = Component { peak: 120, ..point };
        let kept = choices(&[digit, faint], (640, 480), Content::Number)
            .swap_remove(0)
            .kept;
        assert_eq!(kept, [true, false], "noise of the paper is fainter than ink");
    }

    #[test]
    fn the_boxes_of_a_form_stay_around_a_number() {
        let digit = component(300, 150, 380, 270, 2_000);
        let ring = component(240, 110, 440, 310, 3_000);
        let mut form = ring;
        let sides = (240..=440).flat_map(|x| [(x, 110), (x, 310)]);
        sides.for_each(|at| form.add_corner(at));
        let kept = |mark, content| choices(&[mark, digit], (640, 480), content).swap_remove(0).kept[0];
        assert!(kept(form, Content::Number));
        assert!(!kept(form, Content::Digit) && !kept(ring, Content::Number));
    }

    #[test]
    fn parts_of_a_digit_are_kept() {
        let five = component(300, 190, 380, 290, 2_000);
        let bar = component(310, 150, 390, 170, 900);
        assert_eq!(choices(&[five, bar], (640, 480), Content::Digit).len(), 1);
        assert_eq!(first(&[five, bar]), [true, true]);
        assert!(choices(&[], (640, 480), Content::Digit).is_empty());
    }
}
