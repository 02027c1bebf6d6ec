//! Signs that are known by the size and place of their dots and bars: `=`, `:` and `÷`, and a `-` alone on a page.

use crate::{geometry::Bounds, recognition::signs::Sign};

/// Least width of a bar, as a fraction of the digits' height.
const BAR: f32 = 0.12;

/// Greatest height of a bar, as a fraction of its width.
const FLAT: f32 = 0.4;

/// Greatest height of a bar that is alone on a page, as a fraction of its width.
const FLAT_ALONE: f32 = 0.25;

/// Greatest longer side of a dot, as a fraction of the digits' height.
const DOT: f32 = 0.22;

/// Digits are higher than a sign by this factor.
const DIGITS_ARE_HIGHER: f32 = 1.5;

/// The longer side of a dot of one pair is at most this many times that of the other.
const ALIKE: f32 = 2.0;

/// Least and greatest distance of two bars or dots, as a fraction of the digits' height.
const STACKED: (f32, f32) = (0.1, 0.8);

/// The sign that dots and bars make in a row of that height: two bars or two dots above each other, or a bar between dots.
pub(super) fn plain_sign(mut bounds: Vec<Bounds>, height: f32) -> Option<Sign> {
    bounds.sort_by(|a, b| a.center().y.total_cmp(&b.center().y));
    let is_bar = |b: &Bounds| b.width() > BAR * height && b.height() < FLAT * b.width();
    let is_dot = |b: &Bounds| b.longest_side() < DOT * height;
    match &bounds[..] {
        [a, b] if is_bar(a) && is_bar(b) && are_stacked(a, b, height) => {
            let shared = a.right.min(b.right) - a.left.max(b.left);
            (shared > 0.5 * a.width().min(b.width())).then_some(Sign::Equals)
        }
        [a, b] if is_dot(a) && is_dot(b) && are_stacked(a, b, height) => {
            let aside = (a.center().x - b.center().x).abs();
            (aside < DOT * height).then_some(Sign::Divide)
        }
        [a, bar, b] if is_dot(a) && is_bar(bar) && is_dot(b) => {
            let is_inside = |dot: &Bounds| (bar.left..=bar.right).contains(&dot.center().x);
            (is_inside(a) && is_inside(b)).then_some(Sign::Divide)
        }
        _ => None,
    }
}

/// The sign that is all of a page, whose digits have no height to compare with. `pen` is the width of the pen, if the bounds
/// include it.
pub(super) fn alone(bounds: Vec<Bounds>, pen: f32) -> Option<Sign> {
    let whole = bounds.iter().copied().reduce(|a, b| a.union(&b))?;
    if let [bar] = bounds[..] {
        let (length, height) = (bar.width() - pen, bar.height() - pen);
        return (length > pen && height < FLAT_ALONE * length).then_some(Sign::Minus);
    }
    plain_sign(bounds, whole.longest_side().max(DIGITS_ARE_HIGHER * whole.height()))
}

/// Whether two parts may be the dots of a `:` or `÷`: alike, above each other, and in the row from `line.top` to
/// `line.bottom`.
pub(super) fn are_dots(a: &Bounds, b: &Bounds, line: &Bounds) -> bool {
    let (a, b) = if a.center().y < b.center().y { (a, b) } else { (b, a) };
    let (smaller, larger) = (
        a.longest_side().min(b.longest_side()),
        a.longest_side().max(b.longest_side()),
    );
    let is_in_row = a.top > line.top && b.bottom < line.bottom;
    let aside = (a.center().x - b.center().x).abs();
    let height = line.height();
    larger < DOT * height
        && larger <= ALIKE * smaller
        && is_in_row
        && are_stacked(a, b, height)
        && aside < 0.5 * DOT * height
}

fn are_stacked(a: &Bounds, b: &Bounds, height: f32) -> bool {
    (STACKED.0..STACKED.1).contains(&((b.center().y - a.center().y) / height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(left: f32, top: f32, width: f32, height: f32) -> Bounds {
        Bounds {
            left,
            top,
            right: left + width,
            bottom: top + height,
        }
    }

    #[test]
    fn a_sign_alone_is_known_by_its_form() {
        let bar = |top: f32| part(100.0, top, 80.0, 6.0);
        let dot = |top: f32| part(138.0, top, 4.0, 4.0);
        for (parts, sign) in [
            (vec![bar(100.0)], Some(Sign::Minus)),
            (vec![bar(100.0), bar(130.0)], Some(Sign::Equals)),
            (vec![dot(100.0), dot(140.0)], Some(Sign::Divide)),
            (vec![dot(80.0), bar(100.0), dot(124.0)], Some(Sign::Divide)),
            (vec![part(100.0, 100.0, 4.0, 90.0)], None),
            (vec![part(100.0, 100.0, 80.0, 60.0)], None),
            (vec![bar(100.0), part(100.0, 110.0, 4.0, 90.0)], None),
            (vec![bar(100.0), part(300.0, 120.0, 80.0, 6.0)], None),
            (vec![], None),
        ] {
            assert_eq!(alone(parts.clone(), 0.0), sign, "{parts:?}");
        }
        assert_eq!(
            alone(vec![part(0.0, 0.0, 30.0, 9.0)], 8.0),
            Some(Sign::Minus),
            "of a wide pen"
        );
        assert_eq!(alone(vec![part(0.0, 0.0, 9.0, 8.0)], 8.0), None, "a dot");
    }

    #[test]
    fn dots_are_alike_and_above_each_other_in_their_row() {
        let line = part(0.0, 100.0, 400.0, 100.0);
        let upper = part(200.0, 125.0, 8.0, 8.0);
        assert!(are_dots(&part(202.0, 165.0, 9.0, 8.0), &upper, &line));
        for other in [
            part(202.0, 195.0, 9.0, 8.0),
            part(240.0, 165.0, 8.0, 8.0),
            part(200.0, 165.0, 30.0, 8.0),
            part(200.0, 165.0, 3.0, 3.0),
        ] {
            assert!(!are_dots(&upper, &other, &line), "{other:?}");
        }
    }
}
