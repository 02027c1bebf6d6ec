//! Smooth curves through the samples of a stroke.

use crate::{drawing::strokes::Stroke, geometry::Point};

/// Distance between the points that are smoothed, in canvas units.
const SPACING: f32 = 3.0;

/// Number of passes of the smoothing filter.
const PASSES: usize = 22;

/// Largest distance between a curve and its polyline, in canvas units.
const TOLERANCE: f32 = 0.1;

/// The points without repetitions: two samples at one place have no direction between them.
fn distinct(points: &[Point]) -> Vec<Point> {
    const MIN_DISTANCE: f32 = 1e-3;
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for &point in points {
        if kept.last().is_none_or(|last| last.distance(point) > MIN_DISTANCE) {
            kept.push(point);
        }
    }
    kept
}

/// The smooth curve of a stroke, in pixels at `scale` pixels per canvas unit: a polyline of at least one segment.
pub(crate) fn curve(stroke: &Stroke, scale: f32) -> Vec<Point> {
    // Segments shorter than this, in pixels, look no smoother.
    const MIN_SEGMENT: f32 = 1.5;
    let smooth = without_tremor(evenly_spaced(&spline(&distinct(stroke.points()))));
    let mut line: Vec<Point> = Vec::with_capacity(smooth.len());
    let last = smooth.len() - 1;
    for (i, point) in smooth.into_iter().enumerate() {
        let point = Point::new(point.x * scale, point.y * scale);
        if i == 0 || i == last || line[line.len() - 1].distance(point) >= MIN_SEGMENT {
            line.push(point);
        }
    }
    if let [dot] = line[..] {
        line.push(dot);
    }
    line
}

/// A curve through all points, as a polyline: the centripetal Catmull–Rom spline (Yuksel, Schaefer, Keyser, "On the
/// parameterization of Catmull-Rom curves", 2009), which neither loops nor overshoots where the points are uneven.
fn spline(points: &[Point]) -> Vec<Point> {
    let mut line = vec![points[0]];
    for (i, pair) in points.windows(2).enumerate() {
        let before = if i == 0 { pair[0] } else { points[i - 1] };
        let after = points.get(i + 2).copied().unwrap_or(pair[1]);
        let bezier = [
            pair[0],
            control(before, pair[0], pair[1]),
            control(after, pair[1], pair[0]),
            pair[1],
        ];
        flatten(&bezier, &mut line);
    }
    line
}

/// Points on the polyline, [`SPACING`] apart from its start on, and its end.
fn evenly_spaced(line: &[Point]) -> Vec<Point> {
    let mut spaced = vec![line[0]];
    let mut to_next = SPACING;
    for pair in line.windows(2) {
        let length = pair[0].distance(pair[1]);
        let mut along = to_next;
        while along <= length {
            spaced.push(pair[0].lerp(pair[1], along / length));
            along += SPACING;
        }
        to_next = along - length;
    }
    if line.len() > 1 {
        spaced.push(line[line.len() - 1]);
    }
    spaced
}

/// Removes tremor and the steps of a mouse from evenly spaced points. The ends stay fixed.
///
/// Smoothing pulls bends inwards. Adding the smoothed residual back ("twicing": Tukey, "Exploratory Data Analysis",
/// 1977) keeps wide bends in place and still removes narrow ones.
fn without_tremor(points: Vec<Point>) -> Vec<Point> {
    let smooth = smoothed(points.clone());
    let residual = points
        .iter()
        .zip(&smooth)
        .map(|(p, s)| Point::new(p.x - s.x, p.y - s.y))
        .collect();
    let correction = smoothed(residual);
    smooth
        .iter()
        .zip(&correction)
        .map(|(s, c)| Point::new(s.x + c.x, s.y + c.y))
        .collect()
}

/// Applies a binomial filter with a standard deviation of √([`PASSES`] / 2) points. The ends stay fixed.
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

/// Appends a Bézier curve to the polyline that ends at its first point, off by at most [`TOLERANCE`].
fn flatten(&[a, b, c, d]: &[Point; 4], line: &mut Vec<Point>) {
    let bend = |p: Point, q: Point, r: Point| (p.x - 2.0 * q.x + r.x).hypot(p.y - 2.0 * q.y + r.y);
    // A cubic is off its chord by at most an eighth of its second derivative, which is six times the larger bend.
    let segments = (0.75 * bend(a, b, c).max(bend(b, c, d)) / TOLERANCE)
        .sqrt()
        .ceil()
        .max(1.0) as usize;
    for i in 1..=segments {
        let t = i as f32 / segments as f32;
        let u = 1.0 - t;
        let at =
            |a: f32, b: f32, c: f32, d: f32| u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d;
        line.push(Point::new(at(a.x, b.x, c.x, d.x), at(a.y, b.y, c.y, d.y)));
    }
}

/// The Bézier control point next to `here`, on the way from `before` to `next`.
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
