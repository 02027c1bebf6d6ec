//! Numbers to measure reading with: strokes and pictures of several digits, made from pen digits and MNIST with a seed.

use std::{f64::consts::TAU, path::Path};

use digit_pad::{
    Error,
    drawing::{
        file::{Drawing, Drawings},
        raster::{Pen, View, draw, draw_lines},
        strokes::Ink,
    },
    geometry::Point,
    imaging::gray_image::GrayImage,
};
use mnist_io::Dataset;

use super::Random;

/// Height of a digit in pictures, in pixels.
const HEIGHT: f64 = 100.0;

/// Width of the pen, as a fraction of the height of a digit.
pub const PEN: f64 = 0.07;

/// Rows in which digits are compared when they are moved together.
const ROWS: usize = 64;

pub(super) type Line = Vec<[f64; 2]>;

/// A digit as strokes, 1 high and with its left side at 0.
#[derive(Debug, Clone)]
pub struct PenDigit {
    label: u8,
    strokes: Vec<Line>,
}

/// A number and its strokes, whose digits are 100 high, in pixels; and the lines of a form.
#[derive(Debug, Clone)]
pub struct Written {
    /// What was written; lines are separated by blanks.
    pub truth: String,
    /// The strokes, y downwards.
    pub strokes: Vec<Line>,
    rules: Vec<Line>,
}

pub(super) fn between(random: &mut Random, low: f64, high: f64) -> f64 {
    f64::from(random.between(low as f32, high as f32))
}

/// The digits of a file of strokes whose writer's name begins with one of `sites`.
///
/// # Errors
///
/// If the file cannot be read.
pub fn pen_digits(path: &Path, sites: &[&str]) -> Result<Vec<PenDigit>, Error> {
    let text = std::fs::read_to_string(path).map_err(|cause| Error::Read {
        path: path.to_owned(),
        cause,
    })?;
    let lines = text.lines().filter(|line| {
        sites.iter().any(|site| {
            line.contains(&format!("\"writer\":\"{site}")) || line.contains(&format!("\"writer\": \"{site}"))
        })
    });
    let digits = lines.filter_map(|line| {
        let drawing = Drawing::from_json(line).ok()?;
        Some(PenDigit {
            label: drawing.label?,
            strokes: standing(&drawing.ink),
        })
    });
    Ok(digits.collect())
}

/// The numbers of a file of strokes.
///
/// # Errors
///
/// If the file cannot be read.
pub fn written_numbers(path: &Path) -> Result<Vec<Written>, Error> {
    let mut found = Vec::new();
    for drawing in Drawings::open(path)? {
        let (_, drawing) = drawing?;
        let strokes = standing(&drawing.ink).iter().map(|line| scaled(line, HEIGHT)).collect();
        found.extend(drawing.number.map(|truth| Written {
            truth,
            strokes,
            rules: Vec::new(),
        }));
    }
    Ok(found)
}

/// Strokes scaled to a height of 1, from (0, 0) on. Digits that lie are not enlarged beyond a width of 1.
pub(super) fn standing(ink: &Ink) -> Vec<Line> {
    let bounds = ink.bounds().expect("a drawing has a stroke");
    let size = f64::from(bounds.height())
        .max(0.2 * f64::from(bounds.width()))
        .max(1e-3);
    let at = |point: &Point| {
        [
            f64::from(point.x - bounds.left) / size,
            f64::from(point.y - bounds.top) / size,
        ]
    };
    ink.strokes()
        .iter()
        .map(|stroke| stroke.points().iter().map(at).collect())
        .collect()
}

fn scaled(line: &Line, by: f64) -> Line {
    line.iter().map(|&[x, y]| [x * by, y * by]).collect()
}

/// Strokes scaled and then moved.
pub(super) fn placed(strokes: &[Line], scale: f64, y: f64) -> impl Iterator<Item = Line> + '_ {
    strokes
        .iter()
        .map(move |line| line.iter().map(|&[px, py]| [scale * px, scale * py + y]).collect())
}

/// The left, top, right and bottom end of strokes.
pub(super) fn bounds(strokes: &[Line]) -> [f64; 4] {
    let ends = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    let all = strokes.iter().flatten();
    all.fold(ends, |[left, top, right, bottom], &[x, y]| {
        [left.min(x), top.min(y), right.max(x), bottom.max(y)]
    })
}

fn moved(lines: &[Line], x: f64, y: f64) -> impl Iterator<Item = Line> + '_ {
    lines
        .iter()
        .map(move |line| line.iter().map(|&[px, py]| [px + x, py + y]).collect())
}

impl Written {
    /// A row of digits, `gap` heights between the nearest points of neighbors: below 0 their lines cross.
    pub(super) fn row(digits: &[&PenDigit], gap: impl FnMut() -> f64) -> Self {
        let mut gap = gap;
        let mut row = Written {
            truth: String::new(),
            strokes: Vec::new(),
            rules: Vec::new(),
        };
        for digit in digits {
            let strokes: Vec<Line> = digit.strokes.iter().map(|line| scaled(line, HEIGHT)).collect();
            let x = if row.strokes.is_empty() {
                0.0
            } else {
                side_by_side(&row.strokes, &strokes) + gap() * HEIGHT
            };
            row.strokes.extend(moved(&strokes, x, 0.0));
            row.truth.push(char::from(b'0' + digit.label));
        }
        row
    }

    /// Turned clockwise by an angle in degrees.
    fn rotated(mut self, degrees: f64) -> Self {
        let (sin, cos) = (degrees / 360.0 * TAU).sin_cos();
        for [x, y] in self.strokes.iter_mut().chain(&mut self.rules).flatten() {
            (*x, *y) = (*x * cos - *y * sin, *x * sin + *y * cos);
        }
        self
    }

    /// The drawing that `replay` and the window read.
    pub fn ink(&self) -> Ink {
        let json = serde_json::json!({"strokes": self.strokes}).to_string();
        Drawing::from_json(&json).expect("strokes with points").ink
    }

    /// Dark ink on paper, as a PGM file.
    pub fn picture(&self, pen: f64, random: &mut Random) -> Vec<u8> {
        const MARGIN: f64 = 50.0;
        let all = || self.strokes.iter().chain(&self.rules).flatten();
        let (left, top) = all().fold((f64::MAX, f64::MAX), |(l, t), &[x, y]| (l.min(x), t.min(y)));
        let (right, bottom) = all().fold((f64::MIN, f64::MIN), |(r, b), &[x, y]| (r.max(x), b.max(y)));
        let size = |length: f64| (length + 2.0 * MARGIN).ceil() as usize;
        let view = View::from_corner(Point::new((left - MARGIN) as f32, (top - MARGIN) as f32), 1.0);
        let blank = GrayImage::blank(size(right - left), size(bottom - top));
        let inked = draw(self.ink().strokes(), Pen::Width((pen * HEIGHT) as f32), &view, blank);
        let rules: Vec<Vec<Point>> = self
            .rules
            .iter()
            .map(|line| line.iter().map(|&[x, y]| Point::new(x as f32, y as f32)).collect())
            .collect();
        on_paper(&draw_lines(&rules, 2.0, &view, inked), random)
    }
}

/// The least x at which `next` can stand without touching what is written before it.
fn side_by_side(before: &[Line], next: &[Line]) -> f64 {
    let mut right = [f64::MIN; ROWS + 1];
    let mut left = [f64::MAX; ROWS + 1];
    trace(before, |row, x| right[row] = right[row].max(x));
    trace(next, |row, x| left[row] = left[row].min(x));
    let near = |row: usize| {
        let reach = row.saturating_sub(3)..(row + 4).min(ROWS + 1);
        reach.fold(f64::MIN, |most, other| most.max(right[row] - left[other]))
    };
    let most = (0..=ROWS).map(near).fold(f64::MIN, f64::max);
    // Lines that share no height, such as a dash beside a dot, stand side by side by their bounds.
    let width = before.iter().flatten().fold(f64::MIN, |most, point| most.max(point[0]));
    if most < -0.5 * HEIGHT { width } else { most }
}

/// Visits points along lines, by their row.
fn trace(lines: &[Line], mut visit: impl FnMut(usize, f64)) {
    for line in lines {
        for pair in line.windows(2).chain([&[line[0], line[0]][..]]) {
            for step in 0..=20 {
                let along = f64::from(step) / 20.0;
                let y = pair[0][1] + along * (pair[1][1] - pair[0][1]);
                let row = (y / HEIGHT * ROWS as f64).clamp(0.0, ROWS as f64) as usize;
                visit(row, pair[0][0] + along * (pair[1][0] - pair[0][0]));
            }
        }
    }
}

/// Bright ink on black as a PGM file of dark ink on light paper, with some noise.
fn on_paper(ink: &GrayImage, random: &mut Random) -> Vec<u8> {
    let mut file = format!("P5 {} {} 255\n", ink.width(), ink.height()).into_bytes();
    let mut gray = |&ink: &u8| (218.0 - 0.7 * f64::from(ink) + between(random, -3.0, 3.0)) as u8;
    file.extend(ink.pixels().iter().map(&mut gray));
    file
}

fn some<'a>(digits: &'a [PenDigit], count: usize, random: &mut Random) -> Vec<&'a PenDigit> {
    (0..count).map(|_| &digits[random.below(digits.len())]).collect()
}

/// One digit.
pub fn single(digit: &PenDigit) -> Written {
    Written::row(&[digit], || 0.0)
}

/// A number of `count` digits whose pens touch.
pub fn touching(digits: &[PenDigit], count: usize, random: &mut Random) -> Written {
    Written::row(&some(digits, count, random), || 0.5 * PEN)
}

/// A number of `count` digits that stand well apart.
pub fn apart(digits: &[PenDigit], count: usize, random: &mut Random) -> Written {
    let chosen = some(digits, count, random);
    Written::row(&chosen, || between(random, 0.15, 0.4))
}

/// Five digits close together, turned clockwise by an angle in degrees.
pub fn zip(digits: &[PenDigit], degrees: f64, random: &mut Random) -> Written {
    let chosen = some(digits, 5, random);
    Written::row(&chosen, || between(random, 0.12, 0.25)).rotated(degrees)
}

/// Five digits in the boxes of a form.
pub fn boxed(digits: &[PenDigit], random: &mut Random) -> Written {
    let side = 1.5 * HEIGHT;
    let mut written = Written::row(&[], || 0.0);
    for (index, digit) in some(digits, 5, random).into_iter().enumerate() {
        let one = Written::row(&[digit], || 0.0);
        let width = one
            .strokes
            .iter()
            .flatten()
            .fold(0.0f64, |most, point| most.max(point[0]));
        let left = index as f64 * side;
        let x = left + 0.5 * (side - width) + between(random, -0.05, 0.05) * side;
        let y = 0.5 * (side - HEIGHT) + between(random, -0.05, 0.05) * side;
        written.strokes.extend(moved(&one.strokes, x, y));
        written.truth.push_str(&one.truth);
        let right = left + side;
        let frame = [[left, 0.0], [right, 0.0], [right, side], [left, side], [left, 0.0]];
        written.rules.push(frame.to_vec());
    }
    written
}

/// Two lines of two to four digits.
pub fn two_lines(digits: &[PenDigit], random: &mut Random) -> Written {
    let counts = [2 + random.below(3), 2 + random.below(3)];
    let [mut first, second] = counts.map(|count| apart(digits, count, random));
    let (x, y) = (between(random, -0.3, 0.3) * HEIGHT, between(random, 1.4, 1.7) * HEIGHT);
    first.strokes.extend(moved(&second.strokes, x, y));
    first.truth = format!("{} {}", first.truth, second.truth);
    first
}

/// A number with a minus, a decimal point or a comma.
pub fn marked(digits: &[PenDigit], random: &mut Random) -> Written {
    let mut left = apart(digits, 1 + random.below(2), random);
    let end = |written: &Written| {
        written
            .strokes
            .iter()
            .flatten()
            .fold(f64::MIN, |most, point| most.max(point[0]))
    };
    let kind = random.below(3);
    if kind == 0 {
        let (length, y) = (between(random, 0.3, 0.5), between(random, 0.45, 0.6) * HEIGHT);
        let slope = between(random, -0.04, 0.04) * HEIGHT;
        let x = -(length + between(random, 0.15, 0.3)) * HEIGHT;
        left.strokes.insert(0, vec![[x, y], [x + length * HEIGHT, y + slope]]);
        left.truth.insert(0, '-');
        return left;
    }
    let x = end(&left) + between(random, 0.12, 0.2) * HEIGHT;
    let y = between(random, 0.95, 1.02) * HEIGHT;
    let (mark, line, width) = if kind == 1 {
        ('.', vec![[x, y], [x + 1.0, y + 1.0]], 0.03)
    } else {
        let (dx, dy) = (
            between(random, 0.05, 0.1) * HEIGHT,
            between(random, 0.16, 0.24) * HEIGHT,
        );
        (',', vec![[x, y - 0.05 * HEIGHT], [x - dx, y + dy]], 0.03)
    };
    left.strokes.push(line);
    let right = apart(digits, 1 + random.below(2), random);
    let start = x + (width + between(random, 0.15, 0.3)) * HEIGHT;
    left.strokes.extend(moved(&right.strokes, start, 0.0));
    left.truth = format!("{}{mark}{}", left.truth, right.truth);
    left
}

/// A picture of MNIST digits in a row, four times enlarged, with no column between their ink; and the number.
pub fn mnist_row(digits: &Dataset, count: usize, random: &mut Random) -> (String, Vec<u8>) {
    let mut row = GrayImage::blank(28 * count + 16, 44);
    let (mut left, mut truth) = (8, String::new());
    for _ in 0..count {
        let index = random.below(digits.len());
        let digit = GrayImage::new(28, 28, digits.image(index).to_vec());
        let has_ink = |x: &usize| (0..28).any(|y| digit.row(y)[*x] > 0);
        let (first, last) = ((0..28).find(has_ink).unwrap_or(0), (0..28).rfind(has_ink).unwrap_or(27));
        row.paste(&digit.cropped(first, 0, last + 1 - first, 28), left, 8);
        left += last + 1 - first;
        truth.push_str(&digits.label(index).to_string());
    }
    let row = row.cropped(0, 0, left + 8, 44);
    let large = row.resampled(row.rect(), 4.0).to_image(1.0);
    (truth, on_paper(&large, random))
}
