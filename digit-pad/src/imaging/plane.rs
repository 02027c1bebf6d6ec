//! A plane of bytes, with the filters of background removal. Filters run down the columns, a row at a time, so that the
//! compiler vectorizes them.

use std::ops::Range;

/// Side of the blocks from which the illumination is estimated.
const BLOCK: usize = 16;
/// Side of the blocks in which a plane is transposed: the bytes of a word.
const BYTES: usize = 8;
/// Number of columns that a filter takes at once.
const STRIP: usize = 128;

/// Values row by row.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<u8>,
}

impl Plane {
    pub(super) fn map(mut self, change: impl Fn(u8) -> u8) -> Self {
        self.values.iter_mut().for_each(|value| *value = change(*value));
        self
    }

    pub(super) fn zip(&self, other: &Plane, combine: impl Fn(u8, u8) -> u8) -> Self {
        Plane {
            values: self
                .values
                .iter()
                .zip(&other.values)
                .map(|(&a, &b)| combine(a, b))
                .collect(),
            ..*self
        }
    }

    pub(super) fn inverted(self) -> Self {
        self.map(|value| 255 - value)
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.values[y * self.width..(y + 1) * self.width]
    }

    pub(super) fn transposed(&self) -> Self {
        let mut values = vec![0; self.values.len()];
        for left in (0..self.width).step_by(BYTES) {
            for top in (0..self.height).step_by(BYTES) {
                if top + BYTES <= self.height && left + BYTES <= self.width {
                    self.transpose_block((left, top), &mut values);
                    continue;
                }
                for y in top..(top + BYTES).min(self.height) {
                    for x in left..(left + BYTES).min(self.width) {
                        values[x * self.height + y] = self.values[y * self.width + x];
                    }
                }
            }
        }
        Plane {
            width: self.height,
            height: self.width,
            values,
        }
    }

    /// Transposes 8×8 values, each row in a word: exchanges ever larger blocks off the diagonal (Warren, 2012, "Hacker's
    /// Delight", section 7-3).
    fn transpose_block(&self, (left, top): (usize, usize), values: &mut [u8]) {
        const STEPS: [(usize, u64); 3] = [
            (1, 0x00ff_00ff_00ff_00ff),
            (2, 0x0000_ffff_0000_ffff),
            (4, 0x0000_0000_ffff_ffff),
        ];
        let mut rows: [u64; BYTES] = std::array::from_fn(|y| {
            let at = (top + y) * self.width + left;
            u64::from_le_bytes(self.values[at..at + BYTES].try_into().expect("eight bytes"))
        });
        for (step, mask) in STEPS {
            for upper in (0..BYTES).filter(|row| row & step == 0) {
                let differing = ((rows[upper] >> (8 * step)) ^ rows[upper + step]) & mask;
                rows[upper] ^= differing << (8 * step);
                rows[upper + step] ^= differing;
            }
        }
        for (x, row) in rows.iter().enumerate() {
            let at = (left + x) * self.height + top;
            values[at..at + BYTES].copy_from_slice(&row.to_le_bytes());
        }
    }

    /// The mean of 3×3 values; those at the edge continue beyond it.
    pub(super) fn blurred(&self) -> Self {
        let mut plane = self.blurred_down();
        let mut row = vec![0; plane.width + 2];
        for values in plane.values.chunks_exact_mut(plane.width.max(1)) {
            row[0] = values[0];
            row[1..=values.len()].copy_from_slice(values);
            row[values.len() + 1] = values[values.len() - 1];
            for (value, triple) in values.iter_mut().zip(row.windows(3)) {
                *value = mean(triple[0], triple[1], triple[2]);
            }
        }
        plane
    }

    fn blurred_down(&self) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for y in 0..self.height {
            let (above, below) = (self.row(y.saturating_sub(1)), self.row((y + 1).min(self.height - 1)));
            let rows = above.iter().zip(self.row(y)).zip(below);
            values.extend(rows.map(|((&a, &b), &c)| mean(a, b, c)));
        }
        Plane { values, ..*self }
    }

    /// Morphological dilation: the largest value within `radius` along each axis.
    pub(super) fn dilated(&self, radius: usize) -> Self {
        let across = self.transposed().extreme_down(radius, u8::max);
        across.transposed().extreme_down(radius, u8::max)
    }

    /// Morphological closing: raises what is darker than its surroundings within `radius`.
    pub(super) fn closed(self, radius: usize) -> Self {
        let dilated = self.extreme_down(radius, u8::max).transposed();
        let across = dilated.extreme_down(radius, u8::max).extreme_down(radius, u8::min);
        across.transposed().extreme_down(radius, u8::min)
    }

    /// Replaces each value by the extreme one of its column within `radius`, block by block (van Herk, 1992; Gil and
    /// Werman, 1993). Columns are taken in strips that fit into the cache.
    fn extreme_down(mut self, radius: usize, pick: impl Fn(u8, u8) -> u8 + Copy) -> Self {
        let mut strip = Strip::default();
        for left in (0..self.width).step_by(STRIP) {
            let columns = left..(left + STRIP).min(self.width);
            strip.load(&self, columns.clone());
            strip.scan(2 * radius + 1, pick);
            for y in 0..self.height {
                let row = &mut self.values[y * self.width..][columns.clone()];
                strip.extreme(y, radius, pick, row);
            }
        }
        self
    }

    /// Adds a margin on each side: of this value, or of the outermost values repeated.
    pub(super) fn padded(&self, margin: usize, value: Option<u8>) -> Self {
        let (width, height) = (self.width + 2 * margin, self.height + 2 * margin);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = self.row(y.saturating_sub(margin).min(self.height - 1));
            let is_outside = y < margin || y >= self.height + margin;
            if let (true, Some(value)) = (is_outside, value) {
                values.extend(std::iter::repeat_n(value, width));
                continue;
            }
            values.extend(std::iter::repeat_n(value.unwrap_or(row[0]), margin));
            values.extend_from_slice(row);
            values.extend(std::iter::repeat_n(value.unwrap_or(row[self.width - 1]), margin));
        }
        Plane { width, height, values }
    }

    /// Removes a margin on each side.
    pub(super) fn cropped(&self, margin: usize) -> Self {
        let (width, height) = (self.width - 2 * margin, self.height - 2 * margin);
        let rows = (margin..margin + height).flat_map(|y| &self.row(y)[margin..margin + width]);
        Plane {
            width,
            height,
            values: rows.copied().collect(),
        }
    }

    /// Number of values of each level.
    pub(super) fn histogram(&self) -> [usize; 256] {
        // In parts, as neighbors are often equal, and adding to the same count again waits for the last time.
        const PARTS: usize = 4;
        let mut counts = [[0; 256]; PARTS];
        let whole = self.values.chunks_exact(PARTS);
        let rest = histogram(whole.remainder().iter().copied());
        for values in whole {
            for (counts, &value) in counts.iter_mut().zip(values) {
                counts[usize::from(value)] += 1;
            }
        }
        std::array::from_fn(|level| rest[level] + counts.iter().map(|counts| counts[level]).sum::<usize>())
    }

    /// The outermost values.
    pub(super) fn border(&self) -> impl Iterator<Item = u8> + '_ {
        let last = self.height.saturating_sub(1);
        self.values
            .chunks_exact(self.width.max(1))
            .enumerate()
            .flat_map(move |(y, row)| {
                let step = if y == 0 || y == last {
                    1
                } else {
                    (self.width - 1).max(1)
                };
                row.iter().copied().step_by(step)
            })
    }

    /// The skew of the differences from the mean of the surroundings, about `radius` away, which is estimated in blocks
    /// of 16×16: the sum of their third powers, divided by that of the absolute ones, from −1 to 1.
    pub(super) fn skew(&self, radius: usize) -> f32 {
        let columns = self.width.div_ceil(BLOCK);
        let light = self.illumination(radius);
        let (mut sum, mut absolute) = (0.0, 0.0);
        for y in 0..self.height {
            let light = &light[y / BLOCK * columns..][..columns];
            // A sum for each column of a block, so that the compiler vectorizes them.
            let (mut sums, mut absolutes) = ([0.0f32; BLOCK], [0.0f32; BLOCK]);
            for (values, light) in self.row(y).chunks(BLOCK).zip(light) {
                for ((&value, sum), absolute) in values.iter().zip(&mut sums).zip(&mut absolutes) {
                    let difference = f32::from(value) - light;
                    let cube = difference * difference * difference;
                    *sum += cube;
                    *absolute += cube.abs();
                }
            }
            sum += f64::from(sums.iter().sum::<f32>());
            absolute += f64::from(absolutes.iter().sum::<f32>());
        }
        if absolute > 0.0 { (sum / absolute) as f32 } else { 0.0 }
    }

    /// The means of square blocks, as large as the shorter side stays at least `side`.
    pub(super) fn shrunk(&self, side: usize) -> Self {
        let block = (self.width.min(self.height) / side).max(1);
        let (width, height) = (self.width / block, self.height / block);
        let mut values = Vec::with_capacity(width * height);
        let mut sums = vec![0u32; width];
        for rows in self.values.chunks_exact(self.width * block) {
            sums.fill(0);
            for row in rows.chunks_exact(self.width) {
                for (sum, values) in sums.iter_mut().zip(row.chunks_exact(block)) {
                    *sum += values.iter().map(|&value| u32::from(value)).sum::<u32>();
                }
            }
            values.extend(sums.iter().map(|sum| (sum / (block * block) as u32) as u8));
        }
        Plane { width, height, values }
    }

    /// The mean of the surroundings of each block.
    fn illumination(&self, radius: usize) -> Vec<f32> {
        let (columns, rows) = (self.width.div_ceil(BLOCK), self.height.div_ceil(BLOCK));
        let mut sums = vec![0.0f64; columns * rows];
        for y in 0..self.height {
            let row = self.row(y).chunks(BLOCK).zip(&mut sums[y / BLOCK * columns..]);
            row.for_each(|(values, sum)| *sum += f64::from(values.iter().map(|&value| u32::from(value)).sum::<u32>()));
        }
        let area = |x: usize, y: usize| {
            let side = |at: usize, length: usize| (length - at * BLOCK).min(BLOCK);
            (side(x, self.width) * side(y, self.height)) as f64
        };
        let radius = radius.div_ceil(BLOCK);
        let range = |at: usize, count: usize| at.saturating_sub(radius)..(at + radius + 1).min(count);
        let mean = |at: usize| {
            let (mut sum, mut pixels) = (0.0, 0.0);
            for y in range(at / columns, rows) {
                for x in range(at % columns, columns) {
                    sum += sums[y * columns + x];
                    pixels += area(x, y);
                }
            }
            (sum / pixels) as f32
        };
        (0..columns * rows).map(mean).collect()
    }
}

/// Columns of a plane, and the extremes of the blocks in them.
#[derive(Default)]
struct Strip {
    width: usize,
    height: usize,
    /// The extreme value of a block up to each row.
    forward: Vec<u8>,
    /// The extreme value of a block from each row on.
    backward: Vec<u8>,
}

impl Strip {
    fn load(&mut self, plane: &Plane, columns: Range<usize>) {
        (self.width, self.height) = (columns.len(), plane.height);
        self.forward.clear();
        for y in 0..plane.height {
            self.forward.extend_from_slice(&plane.row(y)[columns.clone()]);
        }
        self.backward.clone_from(&self.forward);
    }

    fn scan(&mut self, block: usize, pick: impl Fn(u8, u8) -> u8 + Copy) {
        let (width, height) = (self.width, self.height);
        for y in 1..height {
            if !y.is_multiple_of(block) {
                let (before, here) = self.forward.split_at_mut(y * width);
                combine(here, &before[(y - 1) * width..], width, pick);
            }
            let up = height - 1 - y;
            if !(up + 1).is_multiple_of(block) {
                let (here, after) = self.backward.split_at_mut((up + 1) * width);
                combine(&mut here[up * width..], after, width, pick);
            }
        }
    }

    /// The extremes within `radius` of row `y`.
    fn extreme(&self, y: usize, radius: usize, pick: impl Fn(u8, u8) -> u8, row: &mut [u8]) {
        let block = 2 * radius + 1;
        let (from, to) = (y.saturating_sub(radius), (y + radius).min(self.height - 1));
        let last = &self.forward[to * self.width..][..self.width];
        let first = &self.backward[from * self.width..][..self.width];
        // At the ends, a window is shorter than a block and may lie within one.
        if from / block != to / block {
            for (value, (&a, &b)) in row.iter_mut().zip(first.iter().zip(last)) {
                *value = pick(a, b);
            }
        } else if from.is_multiple_of(block) {
            row.copy_from_slice(last);
        } else {
            row.copy_from_slice(first);
        }
    }
}

/// The mean, rounded.
fn mean(a: u8, b: u8, c: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + u16::from(c) + 1) / 3) as u8
}

/// Combines a row with another one, in place.
fn combine(into: &mut [u8], with: &[u8], width: usize, pick: impl Fn(u8, u8) -> u8) {
    for (value, &other) in into[..width].iter_mut().zip(&with[..width]) {
        *value = pick(*value, other);
    }
}

/// Number of values of each level.
pub(super) fn histogram(values: impl Iterator<Item = u8>) -> [usize; 256] {
    let mut counts = [0; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    counts
}

/// The level below or at which this fraction of values lies; 0 without values.
pub(super) fn quantile(counts: &[usize; 256], fraction: f32) -> u8 {
    let rank = (counts.iter().sum::<usize>() as f32 * fraction).ceil().max(1.0) as usize;
    let mut seen = 0;
    let reached = |count: &usize| {
        seen += count;
        seen >= rank
    };
    counts.iter().position(reached).unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn planes() -> impl Strategy<Value = Plane> {
        (1..50usize, 1..50usize).prop_flat_map(|(width, height)| {
            proptest::collection::vec(any::<u8>(), width * height).prop_map(move |values| Plane {
                width,
                height,
                values,
            })
        })
    }

    proptest! {
        #[test]
        fn extremes_are_those_of_the_window(plane in planes(), radius in 0..20usize) {
            let found = plane.clone().extreme_down(radius, u8::max);
            for y in 0..plane.height {
                for x in 0..plane.width {
                    let window = y.saturating_sub(radius)..=(y + radius).min(plane.height - 1);
                    let expected = window.map(|y| plane.row(y)[x]).max();
                    prop_assert_eq!(Some(found.row(y)[x]), expected);
                }
            }
        }

        #[test]
        fn planes_are_padded_cropped_and_transposed(plane in planes(), margin in 0..20usize) {
            for value in [None, Some(7)] {
                let padded = plane.padded(margin, value);
                prop_assert_eq!(&padded.cropped(margin).values, &plane.values);
                let corner = if margin == 0 { plane.values[0] } else { value.unwrap_or(plane.values[0]) };
                prop_assert_eq!(padded.values[0], corner);
            }
            let transposed = plane.transposed();
            for y in 0..plane.height {
                for x in 0..plane.width {
                    prop_assert_eq!(transposed.row(x)[y], plane.row(y)[x]);
                }
            }
        }

        #[test]
        fn blurred_values_are_means_of_rows_of_means_of_columns(plane in planes()) {
            let near = |at: usize, count: usize| [at.saturating_sub(1), at, (at + 1).min(count - 1)];
            let down = |x: usize, y: usize| {
                let [a, b, c] = near(y, plane.height).map(|y| plane.row(y)[x]);
                mean(a, b, c)
            };
            let blurred = plane.blurred();
            for y in 0..plane.height {
                for x in 0..plane.width {
                    let [a, b, c] = near(x, plane.width).map(|x| down(x, y));
                    prop_assert_eq!(blurred.row(y)[x], mean(a, b, c));
                }
            }
        }

        #[test]
        fn blocks_are_averaged(plane in planes(), side in 1usize..30) {
            let small = plane.shrunk(side);
            prop_assert_eq!(small.values.len(), small.width * small.height);
            let block = (plane.width.min(plane.height) / side).max(1);
            let mut sum = 0;
            for y in 0..block {
                sum += plane.row(y)[..block].iter().map(|&value| usize::from(value)).sum::<usize>();
            }
            prop_assert_eq!(usize::from(small.values[0]), sum / (block * block));
        }

        #[test]
        fn the_median_is_the_middle_value(values in proptest::collection::vec(any::<u8>(), 1..50)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            prop_assert_eq!(quantile(&histogram(values.into_iter()), 0.5), sorted[(sorted.len() - 1) / 2]);
        }

        #[test]
        fn every_value_is_counted(plane in planes()) {
            prop_assert_eq!(plane.histogram(), histogram(plane.values.iter().copied()));
        }

        #[test]
        fn the_border_is_the_outermost_pixels(width in 1usize..9, height in 1usize..9) {
            let inside = |x: usize, y: usize| x > 0 && x + 1 < width && y > 0 && y + 1 < height;
            let values: Vec<u8> = (0..width * height).map(|i| u8::from(inside(i % width, i / width))).collect();
            let plane = Plane { width, height, values };
            prop_assert!(plane.border().all(|pixel| pixel == 0));
            prop_assert_eq!(plane.border().count(), plane.values.iter().filter(|&&pixel| pixel == 0).count());
        }

        #[test]
        fn illumination_is_the_mean_of_everything_within_a_large_radius(plane in planes()) {
            let mean = plane.values.iter().map(|&value| f64::from(value)).sum::<f64>() / plane.values.len() as f64;
            prop_assert!(plane.illumination(60).iter().all(|&light| (f64::from(light) - mean).abs() < 1e-3));
        }
    }
}
