//! Strokes: drawing and erasing with a pen.

use crate::geometry::{Bounds, Point};

/// Side of the square canvas, in canvas units: the unit of all ink, whatever the size of the window.
pub const CANVAS: f32 = 560.0;

/// Longest side of a drawing that [`Ink::fit`] makes, in canvas units: about as large as people draw.
pub const NATURAL_SIZE: f32 = 0.65 * CANVAS;

/// Default width of the pen on the screen, in canvas units.
pub const PEN: f32 = 32.0;

/// Smallest and largest width of the pen, in canvas units.
pub const PENS: (f32, f32) = (8.0, 64.0);

/// Samples closer than this to the last one, in canvas units, are tremor and are dropped.
const MIN_STEP: f32 = 2.5;

/// How far outside the canvas points are kept, so that a stroke that leaves it returns at the right angle.
const OVERSHOOT: f32 = CANVAS;

/// Most samples of a drawing, far more than those of a page full of digits.
const MAX_POINTS: usize = 16_384;

/// Longest path of a drawing, for a longest side of [`NATURAL_SIZE`], in canvas units.
const MAX_LENGTH: f32 = 100_000.0;

/// Number of samples after which a stroke is compared with [`MAX_POINTS`] and [`MAX_LENGTH`] again.
const CHECKED: usize = 1024;

/// Rectangle of the whole canvas.
pub const CANVAS_BOUNDS: Bounds = Bounds {
    left: 0.0,
    top: 0.0,
    right: CANVAS,
    bottom: CANVAS,
};

/// A stroke: the samples between pen down and pen up. At least one, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    points: Vec<Point>,
    width: f32,
}

impl Stroke {
    /// Makes a stroke of at least one point.
    pub(crate) fn new(points: Vec<Point>, width: f32) -> Stroke {
        Stroke { points, width }
    }

    /// The samples in drawing order. A single one is a dot.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Width of the pen that drew the stroke, in canvas units. Only the screen uses it; for recognition, the pen's
    /// width follows the size of the drawing.
    pub fn width(&self) -> f32 {
        self.width
    }

    /// Bounding rectangle of the samples.
    pub fn bounds(&self) -> Bounds {
        Bounds::around(self.points.iter().copied()).expect("a stroke has a point")
    }

    /// Splits the stroke before the sample of that index. `None` if either part would be empty.
    pub(crate) fn split_at(&self, index: usize) -> Option<(Stroke, Stroke)> {
        let (before, after) = self.points.split_at_checked(index)?;
        let part = |points: &[Point]| {
            (!points.is_empty()).then(|| Stroke {
                points: points.to_vec(),
                width: self.width,
            })
        };
        Some((part(before)?, part(after)?))
    }

    /// Appends the samples of another stroke.
    pub(crate) fn append(&mut self, other: &Stroke) {
        self.points.extend_from_slice(&other.points);
    }

    fn last(&self) -> Point {
        self.points[self.points.len() - 1]
    }

    /// Length of the path through the samples.
    fn length(&self) -> f32 {
        self.points.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
    }

    /// Drops every second sample between the first and the last.
    fn halve(&mut self) {
        let last = self.points.len() - 1;
        let mut index = 0;
        self.points.retain(|_| {
            index += 1;
            index % 2 == 1 || index == last + 1
        });
    }

    /// The parts of the stroke outside a disc, in drawing order.
    fn outside_disc(&self, center: Point, radius: f32) -> Vec<Stroke> {
        let mut parts = Vec::new();
        let mut points = Vec::new();
        for point in self.densified(0.25 * radius) {
            if point.distance(center) > radius {
                points.push(point);
            } else if !points.is_empty() {
                parts.push(std::mem::take(&mut points));
            }
        }
        parts.push(points);
        let stroke = |points| Stroke { points, ..*self };
        parts
            .into_iter()
            .filter(|points| !points.is_empty())
            .map(stroke)
            .collect()
    }

    /// The samples, with points inserted between those that are more than `step` apart.
    fn densified(&self, step: f32) -> impl Iterator<Item = Point> + '_ {
        let first = self.points[..1].iter().copied();
        first.chain(self.points.windows(2).flat_map(move |pair| {
            let segments = (pair[0].distance(pair[1]) / step).ceil().max(1.0);
            (1..=segments as usize).map(move |segment| pair[0].lerp(pair[1], segment as f32 / segments))
        }))
    }

    /// Whether it has a point on the canvas; what is left of a stroke beyond the edge would not be seen.
    fn is_on_canvas(&self) -> bool {
        self.points.iter().any(|&point| CANVAS_BOUNDS.contains(point))
    }

    /// Whether the line between its samples comes within `radius` of a point.
    pub(crate) fn touches_disc(&self, center: Point, radius: f32) -> bool {
        self.bounds().grown(radius).contains(center)
            && self
                .densified(0.25 * radius)
                .any(|point| point.distance(center) <= radius)
    }
}

/// A drawing: its strokes so far, the last of which may still grow.
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
    /// Makes an empty drawing.
    pub fn new() -> Self {
        Ink::default()
    }

    /// Starts a stroke, and ends the current one if the pen is down. Ignores a point that is not finite.
    pub fn pen_down(&mut self, point: Point) {
        if point.is_finite() {
            self.strokes.push(Stroke {
                points: vec![near_canvas(point)],
                width: self.pen,
            });
            self.drawing = true;
        }
    }

    /// Extends the current stroke to `point`. Returns whether that added a sample; without a pen down it does nothing.
    pub fn pen_move(&mut self, point: Point) -> bool {
        self.extend(point, MIN_STEP)
    }

    /// Extends the current stroke to `point` and ends it. Returns whether that added a sample.
    pub fn pen_up(&mut self, point: Point) -> bool {
        let added = self.extend(point, f32::EPSILON);
        self.drawing = false;
        added
    }

    /// Whether the pen is down.
    pub fn is_drawing(&self) -> bool {
        self.drawing
    }

    /// Ends the current stroke where it is.
    pub fn lift(&mut self) {
        self.drawing = false;
    }

    /// Sets the width of the pen for new strokes, in canvas units, clamped to [`PENS`]. Ignores NaN and infinity.
    pub fn set_pen(&mut self, width: f32) {
        if width.is_finite() {
            self.pen = width.clamp(PENS.0, PENS.1);
        }
    }

    /// Width of the pen, in canvas units.
    pub fn pen(&self) -> f32 {
        self.pen
    }

    /// Erases everything within `radius` of the segment between two points. Returns whether anything was erased.
    pub fn erase(&mut self, from: Point, to: Point, radius: f32) -> bool {
        if !(from.is_finite() && to.is_finite() && radius > 0.0) {
            return false;
        }
        let path = Stroke {
            points: vec![near_canvas(from), near_canvas(to)],
            width: radius,
        };
        let mut erased = false;
        for center in path.densified(0.5 * radius) {
            if self.strokes.iter().any(|stroke| stroke.touches_disc(center, radius)) {
                erased = true;
                let strokes = std::mem::take(&mut self.strokes);
                let remaining = strokes.into_iter().flat_map(|stroke| {
                    if stroke.touches_disc(center, radius) {
                        stroke
                            .outside_disc(center, radius)
                            .into_iter()
                            .filter(Stroke::is_on_canvas)
                            .collect()
                    } else {
                        vec![stroke]
                    }
                });
                self.strokes = remaining.collect();
            }
        }
        erased
    }

    /// Removes all strokes; the pen keeps its width.
    pub fn clear(&mut self) {
        self.strokes.clear();
        self.drawing = false;
    }

    /// Number of samples in all strokes.
    pub fn point_count(&self) -> usize {
        self.strokes.iter().map(|stroke| stroke.points.len()).sum()
    }

    /// Drops samples until there are at most [`MAX_POINTS`] and the path is at most [`MAX_LENGTH`] long, so that any
    /// scribble is drawn, read and taught in little time. Other drawings stay as they are.
    pub(super) fn limit(&mut self) {
        let Some(bounds) = self.bounds() else { return };
        let unit = NATURAL_SIZE / bounds.longest_side();
        loop {
            let length: f32 = self.strokes.iter().map(Stroke::length).sum();
            let is_within = self.point_count() <= MAX_POINTS && (length * unit <= MAX_LENGTH || length == 0.0);
            if is_within || self.strokes.iter().all(|stroke| stroke.points.len() <= 2) {
                return;
            }
            self.strokes.iter_mut().for_each(Stroke::halve);
        }
    }

    /// Whether there are no strokes.
    pub fn is_empty(&self) -> bool {
        self.strokes.is_empty()
    }

    /// The strokes in drawing order.
    pub fn strokes(&self) -> &[Stroke] {
        &self.strokes
    }

    /// Bounding rectangle of all samples, without the width of the pen. `None` without strokes.
    pub fn bounds(&self) -> Option<Bounds> {
        Bounds::around(self.strokes.iter().flat_map(|stroke| stroke.points.iter().copied()))
    }

    /// The drawing centered on the canvas and scaled until its longest side is [`NATURAL_SIZE`]. A single dot only
    /// moves. Strokes of any scale and position become canvas units this way.
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

    /// The drawing with `transform` applied to each point.
    pub(crate) fn map(&self, transform: impl Fn(Point) -> Point) -> Ink {
        let strokes = self.strokes.iter().map(|stroke| Stroke {
            points: stroke.points.iter().copied().map(&transform).collect(),
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
            if stroke.points.len().is_multiple_of(CHECKED) {
                self.limit();
            }
        }
        moved
    }
}

/// Clamps a point to within [`OVERSHOOT`] of the canvas.
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
        fn fit_centers_and_scales(ink in inks()) {
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
    fn the_eraser_leaves_nothing_beyond_the_edge() {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(500.0, 280.0));
        ink.pen_up(Point::new(CANVAS + 60.0, 280.0));
        assert!(ink.erase(Point::new(490.0, 280.0), Point::new(CANVAS, 280.0), 20.0));
        assert!(ink.is_empty(), "{ink:?}");
    }

    #[test]
    fn a_stroke_lasts_from_pen_down_to_pen_up() {
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

    fn length(ink: &Ink) -> f32 {
        ink.fit().strokes.iter().map(Stroke::length).sum()
    }

    #[test]
    fn a_scribble_stays_within_its_budget() {
        let corners = [(0.0, 0.0), (560.0, 560.0), (0.0, 560.0), (560.0, 0.0), (0.0, 1.0)];
        let mut ink = Ink::new();
        ink.pen_down(Point::new(1.0, 1.0));
        for i in 0..100_000 {
            let (x, y) = corners[i % corners.len()];
            ink.pen_move(Point::new(x, y));
        }
        assert!(ink.pen_up(Point::new(280.0, 280.0)));
        assert!(ink.point_count() <= MAX_POINTS, "{}", ink.point_count());
        let most = MAX_LENGTH + CHECKED as f32 * 2.0 * CANVAS;
        assert!(length(&ink) <= most, "{}", length(&ink));
        let stroke = &ink.strokes()[0];
        assert_eq!(
            (stroke.points()[0], stroke.last()),
            (Point::new(1.0, 1.0), Point::new(280.0, 280.0))
        );
    }

    #[test]
    fn long_paths_are_limited_and_ordinary_drawings_stay_as_they_are() {
        let spiral = |count: usize, step: f32| -> Vec<Point> {
            let point = |i: usize| {
                let (sin, cos) = (step * i as f32).sin_cos();
                Point::new(1e4 * i as f32 * cos, 1e4 * i as f32 * sin)
            };
            (0..count).map(point).collect()
        };
        for (count, step, is_ordinary) in [
            (1, 0.1, true),
            (2, 3.0, true),
            (400, 0.1, true),
            (MAX_POINTS, 1e-3, true),
            (MAX_POINTS + 1, 1e-3, false),
            (5000, 1.0, false),
        ] {
            let mut ink = Ink::from_iter([stroke_of(spiral(count, step)), stroke_of(vec![Point::new(3.0, 4.0)])]);
            let before = ink.clone();
            if count == MAX_POINTS {
                ink.strokes.pop();
            }
            ink.limit();
            assert!(ink.point_count() <= MAX_POINTS && length(&ink) <= 1.01 * MAX_LENGTH);
            assert_eq!(ink.strokes[0] == before.strokes[0], is_ordinary, "{count} points");
            assert_eq!(ink.strokes[0].last(), before.strokes[0].last());
        }
        let dots = (0..MAX_POINTS + 9).map(|i| stroke_of(vec![Point::new(i as f32, 0.0)]));
        let mut dots = Ink::from_iter(dots);
        dots.limit();
        assert_eq!(dots.strokes.len(), MAX_POINTS + 9);
        let mut same = Ink::from_iter([stroke_of(vec![Point::new(5.0, 5.0); 3 * MAX_POINTS])]);
        same.limit();
        assert!(same.point_count() <= MAX_POINTS);
    }

    #[test]
    fn tremor_is_dropped_but_the_end_is_kept() {
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
    fn points_that_are_not_finite_or_far_away_are_handled() {
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
    fn a_lifted_pen_does_not_draw() {
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
    fn the_eraser_splits_a_stroke() {
        let mut ink = drawn(&[&[(100.0, 100.0), (400.0, 100.0)], &[(300.0, 300.0)]]);
        assert!(!ink.erase(Point::new(250.0, 200.0), Point::new(250.0, 150.0), 20.0));
        assert_eq!(ink.strokes().len(), 2);
        assert!(ink.erase(Point::new(250.0, 200.0), Point::new(250.0, 50.0), 20.0));
        let parts: Vec<_> = ink.strokes().iter().map(|s| (s.points()[0], s.last())).collect();
        assert_eq!(parts.len(), 3);
        assert_eq!((parts[0].0.x, parts[1].1.x), (100.0, 400.0));
        assert!((parts[0].1.x - 230.0).abs() < 6.0 && (parts[1].0.x - 270.0).abs() < 6.0);
        assert!(ink.erase(Point::new(300.0, 300.0), Point::new(300.0, 300.0), 5.0));
        assert_eq!(ink.strokes().len(), 2);
    }

    proptest! {
        #[test]
        fn nothing_remains_within_the_eraser(
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
    fn a_single_dot_only_moves_to_the_center() {
        let dot = drawn(&[&[(7.0, 9.0)]]).fit();
        assert_eq!(dot.bounds().unwrap().center(), CANVAS_BOUNDS.center());
        assert_eq!(Ink::new().fit(), Ink::new());
        let speck = drawn(&[&[(0.0, 0.0), (1e-45, 0.0)]]).fit();
        assert!(speck.bounds().unwrap().center().distance(CANVAS_BOUNDS.center()) < 1.0);
    }
}
