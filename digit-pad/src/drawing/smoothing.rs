//! Smooth curves through the samples of a stroke.

use crate::{drawing::strokes::Stroke, geometry::Point};

/// How far apart, in canvas units, the points are from which a smoothed stroke is made.
const SPACING: f32 = 3.0;

/// How often a stroke is smoothed.
const PASSES: usize = 22;

/// The points without repetitions: two samples at one place have no direction between them.
fn distinct(points: &[Point]) -> Vec<Point> {
    const NEAREST: f32 = 1e-3;
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for &point in points {
        if kept.last().is_none_or(|last| last.distance(point) > NEAREST) {
            kept.push(point);
        }
    }
    kept
}

/// The smooth curve that a stroke is drawn along, on the whole canvas at `scale` pixels to a canvas unit: a chain of
/// straight pieces too short to be told from it, at least one.
pub(super) fn curve(stroke: &Stroke, scale: f32) -> Vec<Point> {
    // Shorter pieces than this many pixels look no smoother.
    const SHORTEST: f32 = 1.5;
    let smooth = steady(evenly_spaced(&spline(&distinct(stroke.points()))));
    let mut chain: Vec<Point> = Vec::with_capacity(smooth.len());
    let last = smooth.len() - 1;
    for (i, point) in smooth.into_iter().enumerate() {
        let point = Point::new(point.x * scale, point.y * scale);
        if i == 0 || i == last || chain[chain.len() - 1].distance(point) >= SHORTEST {
            chain.push(point);
        }
    }
    if let [dot] = chain[..] {
        chain.push(dot);
    }
    chain
}

/// A curve through all points, as a chain of straight pieces: the centripetal Catmull–Rom spline (Yuksel, Schaefer,
/// Keyser, "On the parameterization of Catmull-Rom curves", 2009), which neither loops nor overshoots where the points
/// are uneven.
fn spline(points: &[Point]) -> Vec<Point> {
    let mut chain = vec![points[0]];
    for (i, pair) in points.windows(2).enumerate() {
        let before = if i == 0 { pair[0] } else { points[i - 1] };
        let after = points.get(i + 2).copied().unwrap_or(pair[1]);
        let bezier = [
            pair[0],
            control(before, pair[0], pair[1]),
            control(after, pair[1], pair[0]),
            pair[1],
        ];
        flatten(&bezier, &mut chain);
    }
    chain
}

/// Points on the chain, [`SPACING`] apart along it from its start on, and its end.
fn evenly_spaced(chain: &[Point]) -> Vec<Point> {
    let mut spaced = vec![chain[0]];
    let mut to_next = SPACING;
    for pair in chain.windows(2) {
        let length = pair[0].distance(pair[1]);
        let mut along = to_next;
        while along <= length {
            let share = along / length;
            let between = |from: f32, to: f32| from + share * (to - from);
            spaced.push(Point::new(between(pair[0].x, pair[1].x), between(pair[0].y, pair[1].y)));
            along += SPACING;
        }
        to_next = along - length;
    }
    if chain.len() > 1 {
        spaced.push(chain[chain.len() - 1]);
    }
    spaced
}

/// Evenly spaced points without the steps of a mouse and the shaking of a hand. The ends stay where they are.
///
/// Smoothing draws bends inwards; smoothing what it took away, and giving that back ("twicing": Tukey, "Exploratory
/// Data Analysis", 1977), leaves wide bends where they were and still evens out what is narrow.
fn steady(points: Vec<Point>) -> Vec<Point> {
    let smooth = smoothed(points.clone());
    let taken = points
        .iter()
        .zip(&smooth)
        .map(|(p, s)| Point::new(p.x - s.x, p.y - s.y))
        .collect();
    let given_back = smoothed(taken);
    smooth
        .iter()
        .zip(&given_back)
        .map(|(s, g)| Point::new(s.x + g.x, s.y + g.y))
        .collect()
}

/// The points, each moved to a weighted mean of those around it: a binomial filter of a standard deviation of
/// √([`PASSES`] / 2) points. The ends stay where they are.
fn smoothed(mut points: Vec<Point>) -> Vec<Point> {
    for _ in 0..PASSES {
        let mut before = points[0];
        for i in 1..points.len().saturating_sub(1) {
            let (here, after) = (points[i], points[i + 1]);
            let mean = |before: f32, here: f32, after: f32| 0.25 * before + 0.5 * here + 0.25 * after;
            points[i] = Point::new(mean(before.x, here.x, after.x), mean(before.y, here.y, after.y));
            before = here;
        }
    }
    points
}

/// Adds the curve to the chain that ends at its first point, off by a tenth of a pixel at most.
fn flatten(&[a, b, c, d]: &[Point; 4], chain: &mut Vec<Point>) {
    const TOLERANCE: f32 = 0.1;
    let bend = |p: Point, q: Point, r: Point| (p.x - 2.0 * q.x + r.x).hypot(p.y - 2.0 * q.y + r.y);
    // A cubic is off its chord by an eighth of its second derivative, which is six times the larger bend, at most.
    let pieces = (0.75 * bend(a, b, c).max(bend(b, c, d)) / TOLERANCE)
        .sqrt()
        .ceil()
        .max(1.0) as usize;
    for i in 1..=pieces {
        let t = i as f32 / pieces as f32;
        let u = 1.0 - t;
        let at =
            |a: f32, b: f32, c: f32, d: f32| u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d;
        chain.push(Point::new(at(a.x, b.x, c.x, d.x), at(a.y, b.y, c.y, d.y)));
    }
}

/// The Bézier control point next to `here` on the way to `next`, coming from `before`.
fn control(before: Point, here: Point, next: Point) -> Point {
    let a = before.distance(here).sqrt();
    let b = here.distance(next).sqrt();
    if a == 0.0 {
        return here;
    }
    let blend = |before: f32, here: f32, next: f32| {
        (a * a * next - b * b * before + (2.0 * a * a + 3.0 * a * b + b * b) * here) / (3.0 * a * (a + b))
    };
    Point::new(blend(before.x, here.x, next.x), blend(before.y, here.y, next.y))
}
