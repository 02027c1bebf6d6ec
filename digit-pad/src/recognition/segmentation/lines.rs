//! Lines: which parts of a page belong to one line of digits, and how the line slopes.

use crate::geometry::{Bounds, Point};

/// Parts of at least this fraction of the highest part's height are large: they decide where lines are.
const LARGE: f32 = 0.4;

/// Neighbors in a line share at least this fraction of the lower one's height.
const SHARED: f32 = 0.4;

/// Neighbors in a line are at most this many heights apart.
const FARTHEST: f32 = 6.0;

/// Least number of large parts from which the slope of a line is estimated.
const MIN_SLOPED: usize = 3;

/// Least length of a line whose slope is estimated, in heights.
const MIN_LENGTH: f32 = 1.8;

/// Steepest line, as the tangent of its angle.
const STEEPEST: f32 = 0.6;

/// A line flatter than this counts as level, as the tangent of its angle.
const LEVEL: f32 = 0.04;

/// Lines nearer to each other than this fraction of the height are one.
const NEAR: f32 = 0.12;

/// A rotation that makes a line level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    sin: f32,
    cos: f32,
}

impl Frame {
    pub(super) const LEVEL: Frame = Frame { sin: 0.0, cos: 1.0 };

    fn of_slope(slope: f32) -> Frame {
        let length = slope.hypot(1.0);
        Frame {
            sin: slope / length,
            cos: 1.0 / length,
        }
    }

    pub(super) fn is_level(self) -> bool {
        self == Frame::LEVEL
    }

    /// A point of the page in a page turned so that the line is level.
    pub(super) fn level(self, point: Point) -> Point {
        Point::new(
            point.x * self.cos + point.y * self.sin,
            point.y * self.cos - point.x * self.sin,
        )
    }

    /// A point of the turned page on the page.
    pub(super) fn page(self, point: Point) -> Point {
        Point::new(
            point.x * self.cos - point.y * self.sin,
            point.y * self.cos + point.x * self.sin,
        )
    }

    pub(super) fn bounds(self, points: &[Point]) -> Bounds {
        Bounds::around(points.iter().map(|&point| self.level(point))).expect("a part has points")
    }
}

/// The parts of a line, and its slope.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) parts: Vec<usize>,
    pub(super) frame: Frame,
}

/// Divides parts, each given by its points, into lines from top to bottom. `height` is that of the highest part.
pub(super) fn find(outlines: &[Vec<Point>], height: f32) -> Vec<Line> {
    let bounds: Vec<Bounds> = outlines.iter().map(|points| Frame::LEVEL.bounds(points)).collect();
    let is_large = |&i: &usize| bounds[i].height() >= LARGE * height;
    let (mut large, mut small): (Vec<usize>, Vec<usize>) = (0..bounds.len()).partition(is_large);
    if large.is_empty() {
        std::mem::swap(&mut large, &mut small);
    }
    large.sort_by(|&a, &b| bounds[a].center().x.total_cmp(&bounds[b].center().x));
    let mut lines = joined(&chains(&large, &bounds, height), outlines, height);
    for part in small {
        add_small(part, &mut lines, outlines);
    }
    let top = |line: &Line| {
        let tops = line.parts.iter().map(|&part| bounds[part].center().y);
        tops.sum::<f32>() / line.parts.len() as f32
    };
    lines.sort_by(|a, b| top(a).total_cmp(&top(b)));
    lines
}

/// Follows lines from each part to its nearest neighbor on the right.
fn chains(large: &[usize], bounds: &[Bounds], height: f32) -> Vec<Vec<usize>> {
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for &part in large {
        let distance = |chain: &Vec<usize>| {
            let near = chain.iter().filter_map(|&other| {
                let gap = (bounds[part].left - bounds[other].right).max(0.0);
                let is_neighbor = shared(&bounds[part], &bounds[other]) >= SHARED && gap <= FARTHEST * height;
                is_neighbor.then_some(gap)
            });
            near.reduce(f32::min)
        };
        let nearest = chains
            .iter_mut()
            .filter_map(|chain| distance(chain).map(|gap| (gap, chain)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((_, chain)) => chain.push(part),
            None => chains.push(vec![part]),
        }
    }
    chains
}

/// The height that two rectangles share, as a fraction of the lower one's.
fn shared(a: &Bounds, b: &Bounds) -> f32 {
    let common = a.bottom.min(b.bottom) - a.top.max(b.top);
    let lower = a.height().min(b.height());
    if lower > 0.0 {
        common / lower
    } else {
        f32::from(u8::from(common >= 0.0))
    }
}

/// Lines of the chains; those that are at one height become one.
fn joined(chains: &[Vec<usize>], outlines: &[Vec<Point>], height: f32) -> Vec<Line> {
    let mut lines: Vec<Line> = chains
        .iter()
        .map(|chain| Line::new(chain.clone(), outlines, height))
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.parts.len()));
    let mut done: Vec<Line> = Vec::new();
    for line in lines {
        let is_same = |other: &&mut Line| {
            let (a, b) = (other.bounds(outlines), other.frame_of(&line, outlines));
            let stacked = line.parts.len() == 1 && a.right.min(b.right) - a.left.max(b.left) > 0.0;
            let gap = a.top.max(b.top) - a.bottom.min(b.bottom);
            shared(&a, &b) >= SHARED || (stacked && gap < NEAR * height)
        };
        match done.iter_mut().find(is_same) {
            Some(other) => {
                let parts = other.parts.iter().chain(&line.parts).copied().collect();
                *other = Line::new(parts, outlines, height);
            }
            None => done.push(line),
        }
    }
    done
}

/// Adds a small part to the nearest line.
fn add_small(part: usize, lines: &mut [Line], outlines: &[Vec<Point>]) {
    let distance = |line: &Line| {
        let (part, line) = (line.frame.bounds(&outlines[part]), line.bounds(outlines));
        let (x, y) = (part.center().x, part.center().y);
        let outside = |at: f32, from: f32, to: f32| (from - at).max(at - to).max(0.0);
        // The side of a line counts less than being above or below it.
        outside(y, line.top, line.bottom) + 0.2 * outside(x, line.left, line.right)
    };
    let nearest = lines.iter_mut().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    if let Some(line) = nearest {
        line.parts.push(part);
    }
}

impl Line {
    fn new(parts: Vec<usize>, outlines: &[Vec<Point>], height: f32) -> Line {
        let centers: Vec<Point> = parts
            .iter()
            .map(|&part| Frame::LEVEL.bounds(&outlines[part]).center())
            .collect();
        let slope = slope(&centers, height);
        let frame = if slope.abs() < LEVEL {
            Frame::LEVEL
        } else {
            Frame::of_slope(slope)
        };
        Line { parts, frame }
    }

    fn bounds(&self, outlines: &[Vec<Point>]) -> Bounds {
        self.frame_of(self, outlines)
    }

    /// The bounds of another line in this line's frame.
    fn frame_of(&self, other: &Line, outlines: &[Vec<Point>]) -> Bounds {
        let bounds = other.parts.iter().map(|&part| self.frame.bounds(&outlines[part]));
        bounds.reduce(|a, b| a.union(&b)).expect("a line has parts")
    }
}

/// The median slope between centers that are far apart (Theil and Sen); 0 for short lines.
fn slope(centers: &[Point], height: f32) -> f32 {
    let ends = centers.iter().map(|center| center.x);
    let length = ends.clone().fold(f32::MIN, f32::max) - ends.fold(f32::MAX, f32::min);
    if centers.len() < MIN_SLOPED || length < MIN_LENGTH * height {
        return 0.0;
    }
    let pairs = centers
        .iter()
        .enumerate()
        .flat_map(|(i, a)| centers[..i].iter().map(move |b| (a, b)));
    let far = pairs.filter(|(a, b)| (a.x - b.x).abs() >= 0.4 * length);
    let mut slopes: Vec<f32> = far.map(|(a, b)| (a.y - b.y) / (a.x - b.x)).collect();
    slopes.sort_by(f32::total_cmp);
    slopes[slopes.len() / 2].clamp(-STEEPEST, STEEPEST)
}
