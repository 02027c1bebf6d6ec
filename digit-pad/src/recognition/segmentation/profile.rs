//! Profiles: how far parts reach to the left and to the right at each height, so that slanted neighbors count as apart.

use std::collections::BTreeMap;

use crate::geometry::Point;

/// Rows for the height of a digit.
const ROWS: f32 = 24.0;

/// A line is straight if it is nowhere farther than this fraction of its height from the line between its ends.
const STRAIGHT: f32 = 0.14;

/// The least and the greatest x of a part in each row that it reaches.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    rows: BTreeMap<i32, (f32, f32)>,
    row_height: f32,
}

impl Profile {
    /// The profile of an outline whose points are close together, in a line of digits of that height.
    pub(super) fn new(outline: impl Iterator<Item = Point>, height: f32) -> Profile {
        let mut rows = BTreeMap::new();
        let row_height = height.max(f32::MIN_POSITIVE) / ROWS;
        for point in outline {
            let row = (point.y / row_height) as i32;
            let reach: &mut (f32, f32) = rows.entry(row).or_insert((point.x, point.x));
            *reach = (reach.0.min(point.x), reach.1.max(point.x));
        }
        Profile { rows, row_height }
    }

    /// The least distance from one of two parts to the right to the other; negative if they cross. `None` if they share no
    /// height.
    pub(super) fn gap(&self, other: &Profile) -> Option<f32> {
        let one_way = |a: &Profile, b: &Profile| {
            let rows = a.rows.iter().flat_map(|(row, a)| {
                let near = b.rows.range(row - 1..=row + 1);
                near.map(move |(_, b)| b.0 - a.1)
            });
            rows.reduce(f32::min)
        };
        Some(one_way(self, other)?.max(one_way(other, self)?))
    }

    /// How far a straight line leans to the right, as a fraction of its height; `None` for anything else.
    pub(super) fn lean(&self) -> Option<f32> {
        let (first, last) = (self.rows.first_key_value()?, self.rows.last_key_value()?);
        let middle = |reach: &(f32, f32)| 0.5 * (reach.0 + reach.1);
        let (top, bottom) = (middle(first.1), middle(last.1));
        let rows = (last.0 - first.0) as f32;
        let height = rows * self.row_height;
        let is_near = |(row, reach): (&i32, &(f32, f32))| {
            let there = top + (bottom - top) * (row - first.0) as f32 / rows;
            [reach.0, reach.1].iter().all(|x| (x - there).abs() < STRAIGHT * height)
        };
        (rows > 0.0 && self.rows.iter().all(is_near)).then(|| (top - bottom) / height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: (f32, f32), to: (f32, f32)) -> Profile {
        let (from, to) = (Point::new(from.0, from.1), Point::new(to.0, to.1));
        Profile::new((0..=100).map(|i| from.lerp(to, i as f32 / 100.0)), 100.0)
    }

    #[test]
    fn slanted_neighbors_are_apart() {
        let (left, right) = (line((60.0, 0.0), (0.0, 100.0)), line((80.0, 0.0), (20.0, 100.0)));
        let gap = left.gap(&right).unwrap();
        assert!((12.0..20.0).contains(&gap), "{gap}");
        assert_eq!(right.gap(&left), Some(gap));
    }

    #[test]
    fn crossing_lines_are_not_apart() {
        let (left, right) = (line((0.0, 0.0), (50.0, 100.0)), line((50.0, 0.0), (0.0, 100.0)));
        assert!(left.gap(&right).unwrap() < -30.0);
    }

    #[test]
    fn parts_above_each_other_share_no_height() {
        assert_eq!(
            line((0.0, 0.0), (50.0, 10.0)).gap(&line((0.0, 40.0), (50.0, 90.0))),
            None
        );
    }
}
