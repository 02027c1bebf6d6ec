//! Cuts: the paths from top to bottom along which a component may be several digits.

use crate::geometry::PixelRect;

/// A component is cut only along paths with less ink than this fraction of the digits' height.
const THIN: f32 = 0.4;

/// Least distance of a cut from the ends of a component and from other cuts at half the height, as a fraction of the digits'
/// height.
const MIN_WIDTH: f32 = 0.13;

/// Least number of ink pixels on each side of a cut, as a fraction of the digits' height; fewer were shaved off an edge.
const LEAST_INK: f32 = 0.5;

/// Most columns by which a path moves from row to row.
const STEP: usize = 2;

/// A path along which a component may be cut.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    /// The first column on the right of the path in each row, from `top` on.
    path: Vec<usize>,
    top: usize,
    /// Number of ink pixels on the path.
    pub(super) ink: usize,
}

impl Cut {
    /// Whether the pixel (`x`, `y`) of the component is on the right of the cut.
    pub(super) fn is_right(&self, x: usize, y: usize) -> bool {
        x >= self.path[y - self.top]
    }
}

/// The cuts of a component with these pixels and this bounding rectangle, left to right: the cheapest paths through a column
/// at half the height (seams, as in Avidan and Shamir, 2007, "Seam Carving for Content-Aware Image Resizing"), as far as they
/// are apart there. `height` is that of digits.
pub(super) fn find(pixels: &[(usize, usize)], rect: PixelRect, height: f32) -> Vec<Cut> {
    let mut ink = vec![false; rect.width * rect.height];
    for &(x, y) in pixels {
        ink[(y - rect.top) * rect.width + x - rect.left] = true;
    }
    let mut rows: Vec<&[bool]> = ink.chunks(rect.width.max(1)).collect();
    let (upper, lower) = rows.split_at_mut(rect.height / 2);
    lower.reverse();
    let (from_top, from_bottom) = (Paths::new(upper, rect.width), Paths::new(lower, rect.width));
    let distance = (MIN_WIDTH * height).max(1.0);
    let is_inside = |x: &usize| *x as f32 >= distance && (*x as f32) < rect.width as f32 - distance;
    let through = |x: usize| from_top.cheapest[x].joined(from_bottom.cheapest[x]);
    let is_thin = |x: &usize| (through(*x).ink as f32) < THIN * height;
    let mut columns: Vec<usize> = (0..rect.width).filter(is_inside).filter(is_thin).collect();
    columns.sort_by_key(|&x| through(x).cost());
    let mut chosen: Vec<(usize, Cut)> = Vec::new();
    for x in columns {
        if chosen.iter().any(|(other, _)| (other.abs_diff(x) as f32) < distance) {
            continue;
        }
        let path = from_top.to(x).into_iter().rev().chain(from_bottom.to(x));
        let cut = Cut {
            path: path.map(|x| rect.left + x).collect(),
            top: rect.top,
            ink: through(x).ink,
        };
        let right = pixels.iter().filter(|(x, y)| cut.is_right(*x, *y)).count();
        if right.min(pixels.len() - right) as f32 >= LEAST_INK * height {
            chosen.push((x, cut));
        }
    }
    chosen.sort_by_key(|(x, _)| *x);
    chosen.into_iter().map(|(_, cut)| cut).collect()
}

/// What a path crosses.
#[derive(Debug, Clone, Copy, Default)]
struct Crossed {
    /// Pixels of ink.
    ink: usize,
    /// Columns by which it moves sideways.
    sideways: usize,
}

impl Crossed {
    fn joined(self, other: Crossed) -> Crossed {
        Crossed {
            ink: self.ink + other.ink,
            sideways: self.sideways + other.sideways,
        }
    }

    /// A column sideways costs as much as a pixel of ink.
    fn cost(self) -> usize {
        self.ink + self.sideways
    }
}

/// The cheapest paths from the first of some rows of ink to each column of the last.
struct Paths {
    cheapest: Vec<Crossed>,
    /// For each row and each column: the column in the row before.
    before: Vec<Vec<usize>>,
}

impl Paths {
    fn new(rows: &[&[bool]], width: usize) -> Paths {
        let outside = vec![false; width];
        let mut paths = Paths {
            cheapest: vec![Crossed::default(); width],
            before: Vec::new(),
        };
        let before = std::iter::once(&outside[..]).chain(rows.iter().copied());
        for pair in before.zip(rows.iter().copied()) {
            let steps: Vec<(Crossed, usize)> = (0..width).map(|x| paths.step(pair, x)).collect();
            paths.before.push(steps.iter().map(|(_, from)| *from).collect());
            paths.cheapest = steps.into_iter().map(|(crossed, _)| crossed).collect();
        }
        paths
    }

    /// The cheapest path to column `x` of the second of two rows, and its column in the first.
    fn step(&self, rows: (&[bool], &[bool]), x: usize) -> (Crossed, usize) {
        let near = x.saturating_sub(STEP)..(x + STEP + 1).min(rows.1.len());
        let steps = near.map(|from| (self.cheapest[from].joined(crossed(rows, from, x)), from));
        let best = steps.min_by_key(|(path, from)| (path.cost(), from.abs_diff(x)));
        best.expect("a column is near itself")
    }

    /// The columns of the path that ends in `x`, from the last row to the first.
    fn to(&self, x: usize) -> Vec<usize> {
        let columns = self
            .before
            .iter()
            .rev()
            .scan(x, |x, before| Some(std::mem::replace(x, before[*x])));
        columns.collect()
    }
}

/// What a step from one row to the next crosses: the pixels of the second row on its way, and ink that touches by corners.
fn crossed((above, below): (&[bool], &[bool]), from: usize, to: usize) -> Crossed {
    let way = match from.cmp(&to) {
        std::cmp::Ordering::Less => from + 1..to + 1,
        std::cmp::Ordering::Equal => to..to + 1,
        std::cmp::Ordering::Greater => to..from,
    };
    let beside = if from < to { from + 1 } else { from.saturating_sub(1) };
    let corner = from != to && above[beside] && below[from];
    Crossed {
        ink: way.filter(|&x| below[x]).count() + usize::from(corner),
        sideways: from.abs_diff(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slanted_lines_that_touch_are_cut_between_them() {
        // Two lines that lean by 0.3, with a bridge of 2 rows between them.
        let line = |left: usize| (0..100usize).flat_map(move |y| (0..6).map(move |x| (left + 30 - 3 * y / 10 + x, y)));
        let bridge = (50..52usize).flat_map(|y| (15..60).map(move |x| (x, y)));
        let mut pixels: Vec<(usize, usize)> = line(0).chain(line(40)).chain(bridge).collect();
        pixels.sort_unstable();
        pixels.dedup();
        let rect = PixelRect {
            left: 0,
            top: 0,
            width: 77,
            height: 100,
        };
        let cuts = find(&pixels, rect, 100.0);
        let best = cuts.iter().min_by_key(|cut| cut.ink).unwrap();
        assert!(best.ink <= 2, "{cuts:?}");
        for y in (0..100).filter(|y| !(50..52).contains(y)) {
            assert!(
                !best.is_right(30 - 3 * y / 10 + 5, y) && best.is_right(70 - 3 * y / 10, y),
                "row {y}: {best:?}"
            );
        }
    }

    #[test]
    fn a_cut_goes_around_a_bar_over_its_neighbor() {
        // A 7 whose bar covers half of a 1 that it touches with the end of its stem.
        let bar = (0..6usize).flat_map(|y| (0..60).map(move |x| (x, y)));
        let stem = (6..100usize).flat_map(|y| (54 - y / 2..60 - y / 2).map(move |x| (x, y)));
        let one = (40..100usize).flat_map(|y| (45..51).map(move |x| (x, y)));
        let foot = (97..100usize).flat_map(|y| (6..45).map(move |x| (x, y)));
        let mut pixels: Vec<(usize, usize)> = bar.chain(stem).chain(one).chain(foot).collect();
        pixels.sort_unstable();
        pixels.dedup();
        let rect = PixelRect {
            left: 0,
            top: 0,
            width: 60,
            height: 100,
        };
        let cuts = find(&pixels, rect, 100.0);
        assert!(cuts.iter().all(|cut| cut.ink < 40), "{cuts:?}");
        assert!(
            cuts.iter()
                .any(|cut| cut.ink <= 9 && (40..100).all(|y| cut.is_right(45, y))),
            "{cuts:?}"
        );
    }

    #[test]
    fn a_row_alone_has_cuts() {
        let pixels: Vec<(usize, usize)> = (0..50).map(|x| (x, 3)).collect();
        let rect = PixelRect {
            left: 0,
            top: 3,
            width: 50,
            height: 1,
        };
        assert!(find(&pixels, rect, 30.0).iter().all(|cut| cut.ink == 1));
        assert!(find(&[], PixelRect { width: 0, ..rect }, 30.0).is_empty());
    }
}
