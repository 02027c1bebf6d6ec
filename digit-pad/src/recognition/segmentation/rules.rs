//! Rules: the lines of the boxes of a form.

use crate::geometry::PixelRect;

/// A line of a box is at least this fraction of the box's side long.
const LONG: f32 = 0.7;

/// A line of a box may lean by this fraction of its height.
const LEAN: f32 = 0.03;

/// A frame has less ink than this fraction of its rectangle.
const HOLLOW: f32 = 0.5;

/// What stands in a box is at least this fraction of its height.
const CONTENT: f32 = 0.25;

/// The pixels, sorted, of the lines of boxes: of components with rules along their four sides and something else inside.
/// `labels` are the components of the pixels, row by row, and `rects` the rectangles of the components.
pub(super) fn of_boxes(labels: &[u32], width: usize, rects: &[PixelRect]) -> Vec<usize> {
    let mut found: Vec<usize> = (0..rects.len())
        .filter(|&index| rects[index].width >= 8 && rects[index].height >= 8)
        .flat_map(|index| frame(labels, width, rects, index))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The pixels of the rules of a frame; none if the component is not a frame around something.
fn frame(labels: &[u32], width: usize, rects: &[PixelRect], index: usize) -> Vec<usize> {
    let rect = rects[index];
    let is_ink = |x: usize, y: usize| labels[(rect.top + y) * width + rect.left + x] == index as u32;
    let reach = ((LEAN * rect.height as f32) as usize).max(1);
    let rows = long_lines(rect.height, rect.width, reach, is_ink);
    let columns = long_lines(rect.width, rect.height, reach, is_ink_at(&is_ink));
    let edge = 2 * reach + rect.height / 12;
    let has_sides =
        |lines: &[bool]| lines.iter().take(edge).any(|&long| long) && lines.iter().rev().take(edge).any(|&long| long);
    let corner = rect.height.min(rect.width) / 8 + 1;
    let has_corner = |left: usize, top: usize| (top..top + corner).any(|y| (left..left + corner).any(|x| is_ink(x, y)));
    let (right, bottom) = (rect.width - corner, rect.height - corner);
    let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)];
    if !has_sides(&rows) || !has_sides(&columns) || !corners.iter().all(|&(x, y)| has_corner(x, y)) {
        return Vec::new();
    }
    let all = (0..rect.height).flat_map(|y| (0..rect.width).map(move |x| (x, y)));
    let ink: Vec<(usize, usize)> = all.filter(|&(x, y)| is_ink(x, y)).collect();
    let (rules, rest): (Vec<_>, Vec<_>) = ink.iter().partition(|&&(x, y)| rows[y] || columns[x]);
    let high = |top: usize, bottom: usize| (bottom - top) as f32 >= CONTENT * rect.height as f32;
    let rest_rows = rest.iter().map(|&(_, y)| y);
    let joined = rest_rows
        .clone()
        .min()
        .zip(rest_rows.max())
        .is_some_and(|(top, bottom)| high(top, bottom));
    let inside = rects
        .iter()
        .enumerate()
        .any(|(other, inner)| other != index && contains(rect, *inner) && high(inner.top, inner.top + inner.height));
    let is_hollow = (ink.len() as f32) < HOLLOW * (rect.width * rect.height) as f32;
    if !is_hollow || !(joined || inside) {
        return Vec::new();
    }
    rules
        .iter()
        .map(|&(x, y)| (rect.top + y) * width + rect.left + x)
        .collect()
}

fn is_ink_at<'a>(is_ink: &'a impl Fn(usize, usize) -> bool) -> impl Fn(usize, usize) -> bool + 'a {
    move |along, at| is_ink(at, along)
}

/// Which of `count` lines of `length` pixels are part of a rule, which may leave its line by `reach`.
fn long_lines(count: usize, length: usize, reach: usize, is_ink: impl Fn(usize, usize) -> bool) -> Vec<bool> {
    let is_long = |at: usize| {
        let near = at.saturating_sub(reach)..(at + reach + 1).min(count);
        let covered = (0..length)
            .filter(|&along| near.clone().any(|at| is_ink(along, at)))
            .count();
        covered as f32 >= LONG * length as f32
    };
    (0..count).map(is_long).collect()
}

fn contains(outer: PixelRect, inner: PixelRect) -> bool {
    outer.left <= inner.left
        && outer.top <= inner.top
        && inner.left + inner.width <= outer.left + outer.width
        && inner.top + inner.height <= outer.top + outer.height
}
