//! Strokes: drawing and erasing with a pen.

use crate::geometry::{Bounds, Point};

/// Side of the square canvas, in canvas units: the unit of all ink, whatever the size of the window.
pub const CANVAS: f32 = 560.0;

/// Longest side, in canvas units, of a drawing that fills the canvas as a hand would fill it.
pub const NATURAL_SIZE: f32 = 0.65 * CANVAS;

/// Width of the pen on the screen when the window opens, in canvas units.
pub const PEN: f32 = 32.0;

/// The widths between which the pen can be set, in canvas units.
pub const PENS: (f32, f32) = (8.0, 64.0);

/// Samples nearer than this to the last one, in canvas units, are the tremor of hand and mouse and are passed over.
const MIN_STEP: f32 = 2.5;

/// How far outside the canvas a point is kept, so that a stroke that leaves it comes back at the right angle.
const OVERSHOOT: f32 = CANVAS;

/// The whole canvas.
pub const CANVAS_BOUNDS: Bounds = Bounds {
    left: 0.0,
    top: 0.0,
    right: CANVAS,
    bottom: CANVAS,
};

/// What the pen drew between touching down and lifting: at least one point, all of them finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    points: Vec<Point>,
    width: f32,
}

impl Stroke {
    /// A stroke through these points, at least one, drawn with a pen of that width.
    pub(super) fn new(points: Vec<Point>, width: f32) -> Stroke {
        Stroke { points, width }
    }

    /// The samples in the order in which they were drawn; a single one is a dot.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Width of the pen that drew it, in canvas units: what the screen shows. The network is shown every drawing with
    /// a pen that suits its size.
    pub fn width(&self) -> f32 {
        self.width
    }

    /// The rectangle around all samples.
    pub fn bounds(&self) -> Bounds {
        Bounds::around(self.points.iter().copied()).expect("a stroke has a point")
    }

    /// The samples before the one of that number, and those from it on; `None` if either were none.
    pub(crate) fn cut(&self, at: usize) -> Option<(Stroke, Stroke)> {
        let (before, after) = self.points.split_at_checked(at)?;
        let part = |points: &[Point]| {
            (!points.is_empty()).then(|| Stroke {
                points: points.to_vec(),
                width: self.width,
            })
        };
        Some((part(before)?, part(after)?))
    }

    /// Goes on with the samples of another stroke.
    pub(crate) fn append(&mut self, other: &Stroke) {
        self.points.extend_from_slice(&other.points);
    }

    fn last(&self) -> Point {
        self.points[self.points.len() - 1]
    }

    /// What is left of it outside a disc, in the order in which it was drawn.
    fn without(&self, center: Point, radius: f32) -> Vec<Stroke> {
        let mut rest = Vec::new();
        let mut points = Vec::new();
        for point in self.closely(0.25 * radius) {
            if point.distance(center) > radius {
                points.push(point);
            } else if !points.is_empty() {
                rest.push(std::mem::take(&mut points));
            }
        }
        rest.push(points);
        let piece = |points| Stroke { points, ..*self };
        rest.into_iter()
            .filter(|points| !points.is_empty())
            .map(piece)
            .collect()
    }

    /// Its samples, and between those that are farther apart than `step` others.
    fn closely(&self, step: f32) -> impl Iterator<Item = Point> + '_ {
        let first = self.points[..1].iter().copied();
        first.chain(self.points.windows(2).flat_map(move |pair| {
            let pieces = (pair[0].distance(pair[1]) / step).ceil().max(1.0);
            let between = move |piece: usize| {
                let share = piece as f32 / pieces;
                let mix = |from: f32, to: f32| from + share * (to - from);
                Point::new(mix(pair[0].x, pair[1].x), mix(pair[0].y, pair[1].y))
            };
            (1..=pieces as usize).map(between)
        }))
    }

    fn is_near(&self, center: Point, radius: f32) -> bool {
        self.bounds().grown(radius).contains(center)
            && self
                .closely(0.25 * radius)
                .any(|point| point.distance(center) <= radius)
    }
}

/// A drawing in the making: the strokes so far, the last of which may still grow.
///
/// ```
/// use digit_pad::{drawing::strokes::Ink, geometry::Point};
///
/// let mut ink = Ink::new();
/// ink.pen_down(Point::new(280.0, 80.0));
/// ink.pen_move(Point::new(280.0, 300.0));
/// ink.pen_up(Point::new(280.0, 480.0));
/// assert_eq!(ink.strokes().len(), 1);
/// assert_eq!(ink.bounds().unwrap().height(), 400.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Ink {
    strokes: Vec<Stroke>,
    drawing: bool,
    pen: f32,
}

impl Default for Ink {
    fn default() -> Self {
        Ink {
            strokes: Vec::new(),
            drawing: false,
            pen: PEN,
        }
    }
}

impl Ink {
    /// No ink at all.
    pub fn new() -> Self {
        Ink::default()
    }

    /// Starts a stroke; a pen that is already down lifts first. A point that is not finite is passed over.
    pub fn pen_down(&mut self, point: Point) {
        if point.is_finite() {
            self.strokes.push(Stroke {
                points: vec![near_canvas(point)],
                width: self.pen,
            });
            self.drawing = true;
        }
    }

    /// Draws on to `point` and says whether that added ink. Without a pen down nothing happens.
    pub fn pen_move(&mut self, point: Point) -> bool {
        self.extend(point, MIN_STEP)
    }

    /// Draws on to `point`, lifts the pen, and says whether that added ink.
    pub fn pen_up(&mut self, point: Point) -> bool {
        let added = self.extend(point, f32::EPSILON);
        self.drawing = false;
        added
    }

    /// Whether a stroke is being drawn.
    pub fn is_drawing(&self) -> bool {
        self.drawing
    }

    /// Lifts the pen where it is.
    pub fn lift(&mut self) {
        self.drawing = false;
    }

    /// Takes another pen for the strokes to come: its width in canvas units, brought into the range of [`PENS`].
    pub fn set_pen(&mut self, width: f32) {
        // Written so that what is no number changes nothing.
        if width.is_finite() {
            self.pen = width.clamp(PENS.0, PENS.1);
        }
    }

    /// Width of the pen, in canvas units.
    pub fn pen(&self) -> f32 {
        self.pen
    }

    /// Takes away what lies within `radius` of the way from one point to the other, and says whether anything did.
    pub fn erase(&mut self, from: Point, to: Point, radius: f32) -> bool {
        if !(from.is_finite() && to.is_finite() && radius > 0.0) {
            return false;
        }
        let way = Stroke {
            points: vec![near_canvas(from), near_canvas(to)],
            width: radius,
        };
        let mut erased = false;
        for center in way.closely(0.5 * radius) {
            if self.strokes.iter().any(|stroke| stroke.is_near(center, radius)) {
                erased = true;
                let strokes = std::mem::take(&mut self.strokes);
                let rest = strokes.into_iter().flat_map(|stroke| {
                    if stroke.is_near(center, radius) {
                        stroke.without(center, radius)
                    } else {
                        vec![stroke]
                    }
                });
                self.strokes = rest.collect();
            }
        }
        erased
    }

    /// Takes everything back; the pen stays.
    pub fn clear(&mut self) {
        self.strokes.clear();
        self.drawing = false;
    }

    /// How many samples all strokes have.
    pub fn points(&self) -> usize {
        self.strokes.iter().map(|stroke| stroke.points.len()).sum()
    }

    /// Whether nothing is drawn.
    pub fn is_empty(&self) -> bool {
        self.strokes.is_empty()
    }

    /// The strokes in the order in which they were drawn.
    pub fn strokes(&self) -> &[Stroke] {
        &self.strokes
    }

    /// The rectangle around all samples (not around the width of the pen), or `None` without ink.
    pub fn bounds(&self) -> Option<Bounds> {
        Bounds::around(self.strokes.iter().flat_map(|stroke| stroke.points.iter().copied()))
    }

    /// The same drawing, of any scale and place, in the middle of the canvas and as large as a hand draws there:
    /// its longest side is [`NATURAL_SIZE`]. A lone dot only moves.
    pub fn fit(&self) -> Ink {
        let Some(bounds) = self.bounds() else { return Ink::new() };
        let center = bounds.center();
        let scale = NATURAL_SIZE / bounds.longest_side();
        let scale = if scale.is_finite() { scale } else { 1.0 };
        self.map(|p| {
            Point::new(
                0.5 * CANVAS + (p.x - center.x) * scale,
                0.5 * CANVAS + (p.y - center.y) * scale,
            )
        })
    }

    /// The same drawing with each point where `place` puts it.
    pub(crate) fn map(&self, place: impl Fn(Point) -> Point) -> Ink {
        let strokes = self.strokes.iter().map(|stroke| Stroke {
            points: stroke.points.iter().copied().map(&place).collect(),
            width: stroke.width,
        });
        Ink {
            strokes: strokes.collect(),
            drawing: false,
            pen: self.pen,
        }
    }

    fn extend(&mut self, point: Point, min_step: f32) -> bool {
        if !self.drawing || !point.is_finite() {
            return false;
        }
        let point = near_canvas(point);
        let Some(stroke) = self.strokes.last_mut() else {
            return false;
        };
        let moved = stroke.last().distance(point) >= min_step;
        if moved {
            stroke.points.push(point);
        }
        moved
    }
}

/// The point, brought within [`OVERSHOOT`] of the canvas.
fn near_canvas(point: Point) -> Point {
    let clamp = |v: f32| v.clamp(-OVERSHOOT, CANVAS + OVERSHOOT);
    Point::new(clamp(point.x), clamp(point.y))
}

impl FromIterator<Stroke> for Ink {
    fn from_iter<I: IntoIterator<Item = Stroke>>(strokes: I) -> Self {
        Ink {
            strokes: strokes.into_iter().collect(),
            ..Ink::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stroke_of(points: Vec<Point>) -> Stroke {
        Stroke { points, width: PEN }
    }

    fn drawn(strokes: &[&[(f32, f32)]]) -> Ink {
        let points = |stroke: &&[(f32, f32)]| stroke.iter().map(|&(x, y)| Point::new(x, y)).collect();
        Ink {
            strokes: strokes.iter().map(|s| stroke_of(points(s))).collect(),
            ..Ink::new()
        }
    }

    fn inks() -> impl Strategy<Value = Ink> {
        let point = (-1e5f32..1e5, -1e5f32..1e5).prop_map(|(x, y)| Point::new(x, y));
        let stroke = proptest::collection::vec(point, 1..20).prop_map(stroke_of);
        proptest::collection::vec(stroke, 1..5).prop_map(|strokes| Ink { strokes, ..Ink::new() })
    }

    proptest! {
        #[test]
        fn fit_fills_the_middle_of_the_canvas(ink in inks()) {
            let bounds = ink.bounds().unwrap();
            prop_assume!(bounds.longest_side() > 1.0);
            let fitted = ink.fit().bounds().unwrap();
            prop_assert!((fitted.longest_side() - NATURAL_SIZE).abs() < 0.01 * NATURAL_SIZE);
            prop_assert!(fitted.center().distance(CANVAS_BOUNDS.center()) < 1.0);
            let (before, after) = (bounds.width() / bounds.height(), fitted.width() / fitted.height());
            prop_assert!((before / after - 1.0).abs() < 0.02 || bounds.height() < 100.0 || bounds.width() < 100.0);
        }
    }

    #[test]
    fn a_stroke_is_what_lies_between_pen_down_and_pen_up() {
        let mut ink = Ink::new();
        assert!(!ink.pen_move(Point::new(1.0, 1.0)), "no pen is down");
        assert!(!ink.pen_up(Point::new(1.0, 1.0)), "no pen is down");
        assert!(ink.is_empty() && ink.bounds().is_none());
        ink.pen_down(Point::new(10.0, 10.0));
        assert!(ink.is_drawing());
        assert!(ink.pen_move(Point::new(20.0, 10.0)));
        assert!(ink.pen_up(Point::new(30.0, 40.0)));
        assert!(!ink.is_drawing());
        assert!(!ink.pen_move(Point::new(99.0, 99.0)), "the pen is up");
        assert_eq!(ink, drawn(&[&[(10.0, 10.0), (20.0, 10.0), (30.0, 40.0)]]));
    }

    #[test]
    fn tremor_is_passed_over_but_the_end_is_kept() {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(10.0, 10.0));
        assert!(!ink.pen_move(Point::new(10.5, 10.5)));
        assert!(!ink.pen_move(Point::new(9.5, 10.5)));
        assert!(ink.pen_up(Point::new(10.5, 10.0)));
        assert_eq!(ink, drawn(&[&[(10.0, 10.0), (10.5, 10.0)]]));
        ink.pen_down(Point::new(50.0, 50.0));
        assert!(!ink.pen_up(Point::new(50.0, 50.0)), "a click is a dot");
        assert_eq!(ink.strokes()[1].points().len(), 1);
    }

    #[test]
    fn points_that_are_no_numbers_or_far_away_do_no_harm() {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(f32::NAN, 1.0));
        assert!(ink.is_empty() && !ink.is_drawing());
        ink.pen_down(Point::new(1.0, 1.0));
        assert!(!ink.pen_move(Point::new(f32::INFINITY, 1.0)));
        assert!(ink.pen_move(Point::new(1e30, -1e30)));
        let bounds = ink.bounds().unwrap();
        assert_eq!((bounds.right, bounds.top), (CANVAS + OVERSHOOT, -OVERSHOOT));
    }

    #[test]
    fn a_lifted_pen_draws_no_further() {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(3.0, 3.0));
        ink.lift();
        assert!(!ink.is_drawing() && !ink.pen_move(Point::new(90.0, 90.0)));
    }

    #[test]
    fn strokes_keep_the_pen_that_drew_them() {
        let mut ink = Ink::new();
        for (asked, width) in [(20.0, 20.0), (1e9, PENS.1), (-3.0, PENS.0), (f32::NAN, PENS.0)] {
            ink.set_pen(asked);
            assert_eq!(ink.pen(), width);
            ink.pen_down(Point::new(9.0, 9.0));
        }
        let widths: Vec<_> = ink.strokes().iter().map(Stroke::width).collect();
        assert_eq!(widths, [20.0, PENS.1, PENS.0, PENS.0]);
        ink.clear();
        assert_eq!(ink.pen(), PENS.0);
    }

    #[test]
    fn the_eraser_cuts_a_stroke_in_two() {
        let mut ink = drawn(&[&[(100.0, 100.0), (400.0, 100.0)], &[(300.0, 300.0)]]);
        assert!(!ink.erase(Point::new(250.0, 200.0), Point::new(250.0, 150.0), 20.0));
        assert_eq!(ink.strokes().len(), 2);
        assert!(ink.erase(Point::new(250.0, 200.0), Point::new(250.0, 50.0), 20.0));
        let pieces: Vec<_> = ink.strokes().iter().map(|s| (s.points()[0], s.last())).collect();
        assert_eq!(pieces.len(), 3);
        assert_eq!((pieces[0].0.x, pieces[1].1.x), (100.0, 400.0));
        assert!((pieces[0].1.x - 230.0).abs() < 6.0 && (pieces[1].0.x - 270.0).abs() < 6.0);
        assert!(ink.erase(Point::new(300.0, 300.0), Point::new(300.0, 300.0), 5.0));
        assert_eq!(ink.strokes().len(), 2);
    }

    proptest! {
        #[test]
        fn nothing_stays_within_the_eraser(
            ink in inks(), x in 0.0..560f32, y in 0.0..560f32, to_x in 0.0..560f32, radius in 5.0..60f32,
        ) {
            let mut ink = Ink { strokes: ink.fit().strokes, ..Ink::new() };
            let (from, to) = (Point::new(x, y), Point::new(to_x, y));
            let before = ink.clone();
            let erased = ink.erase(from, to, radius);
            prop_assert_eq!(erased, ink.strokes() != before.strokes());
            let points = ink.strokes().iter().flat_map(Stroke::points);
            prop_assert!(points.clone().all(|p| p.distance(from) > radius && p.distance(to) > radius));
            prop_assert!(ink.strokes().iter().all(|stroke| !stroke.points().is_empty()));
        }
    }

    #[test]
    fn a_lone_dot_only_moves_to_the_middle() {
        let dot = drawn(&[&[(7.0, 9.0)]]).fit();
        assert_eq!(dot.bounds().unwrap().center(), CANVAS_BOUNDS.center());
        assert_eq!(Ink::new().fit(), Ink::new());
        let speck = drawn(&[&[(0.0, 0.0), (1e-45, 0.0)]]).fit();
        assert!(speck.bounds().unwrap().center().distance(CANVAS_BOUNDS.center()) < 1.0);
    }
}
