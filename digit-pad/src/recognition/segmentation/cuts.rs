//! Cuts: the lines, upright or slanted, along which a component may be several digits.

use crate::geometry::PixelRect;

/// A component is cut only along lines with less ink than this fraction of the digits' height.
const THIN: f32 = 0.4;

/// Least distance of a cut from the ends of a component and from other cuts, as a fraction of the digits' height.
const MIN_WIDTH: f32 = 0.13;

/// Slants of cuts: columns to the right for each row up.
const SLANTS: [f32; 7] = [0.0, 0.15, -0.15, 0.3, -0.3, 0.5, -0.5];

/// Ink, as a fraction of the height of a component, that a cut must save for a slant of 1.
const SLANT_COST: f32 = 0.1;

/// A line along which a component may be cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    /// Column at the height of the middle of the component.
    x: f32,
    middle: f32,
    slant: f32,
    /// Number of ink pixels that it cuts.
    pub(super) ink: usize,
}

impl Cut {
    /// Whether the pixel (`x`, `y`) is on the right of the cut.
    pub(super) fn is_left_of(&self, x: usize, y: usize) -> bool {
        x as f32 >= self.x + self.slant * (self.middle - y as f32)
    }
}

/// The cuts of a component with these pixels and this bounding rectangle, left to right: thin ones, the thinnest first
/// where they are too close together. `height` is that of digits.
pub(super) fn find(pixels: &[(usize, usize)], rect: PixelRect, height: f32) -> Vec<Cut> {
    let middle = (rect.top + rect.height / 2) as f32;
    let distance = (MIN_WIDTH * height).max(1.0);
    let mut thin: Vec<Cut> = Vec::new();
    for slant in SLANTS {
        let mut ink = vec![0; rect.width];
        for &(x, y) in pixels {
            let column = x as f32 - slant * (middle - y as f32) - rect.left as f32;
            if let Some(ink) = ink.get_mut(column.round().max(-1.0) as isize as usize) {
                *ink += 1;
            }
        }
        let inside = (0..rect.width).filter(|&x| x as f32 >= distance && (x as f32) < rect.width as f32 - distance);
        let cuts = inside.map(|x| Cut {
            x: (rect.left + x) as f32,
            middle,
            slant,
            ink: ink[x],
        });
        thin.extend(cuts.filter(|cut| (cut.ink as f32) < THIN * height));
    }
    let cost = |cut: &Cut| cut.ink as f32 + SLANT_COST * cut.slant.abs() * height;
    thin.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    let mut found: Vec<Cut> = Vec::new();
    for cut in thin {
        if found.iter().all(|other| (other.x - cut.x).abs() >= distance) {
            found.push(cut);
        }
    }
    found.sort_by(|a, b| a.x.total_cmp(&b.x));
    found
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
        assert!(best.ink <= 2 && best.slant == 0.3, "{cuts:?}");
        assert!(cuts.windows(2).all(|pair| pair[1].x - pair[0].x >= 13.0), "{cuts:?}");
    }
}
