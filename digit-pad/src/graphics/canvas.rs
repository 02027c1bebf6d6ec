//! Frame of pixels, with anti-aliased rectangles and coverage masks.

use crate::graphics::color::Color;

/// A rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Columns.
    pub width: i32,
    /// Rows.
    pub height: i32,
}

impl Rect {
    /// The rectangle at (x, y) of the given size.
    pub const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Rect { x, y, width, height }
    }

    /// One past the rightmost pixel.
    pub fn right(&self) -> i32 {
        self.x + self.width
    }

    /// One past the lowest pixel.
    pub fn bottom(&self) -> i32 {
        self.y + self.height
    }

    /// Whether it has no pixels.
    pub fn is_empty(&self) -> bool {
        self.width <= 0 || self.height <= 0
    }

    /// Whether the point lies in it.
    pub fn contains(&self, x: f32, y: f32) -> bool {
        x >= self.x as f32 && x < self.right() as f32 && y >= self.y as f32 && y < self.bottom() as f32
    }

    /// The common part of both rectangles, which may be empty.
    pub fn intersection(&self, other: &Rect) -> Rect {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let width = self.right().min(other.right()) - x;
        let height = self.bottom().min(other.bottom()) - y;
        Rect::new(x, y, width.max(0), height.max(0))
    }

    /// The smallest rectangle around both; empty rectangles are ignored.
    pub fn union(&self, other: &Rect) -> Rect {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Rect::new(
            x,
            y,
            self.right().max(other.right()) - x,
            self.bottom().max(other.bottom()) - y,
        )
    }

    /// The rectangle with every side moved inwards by `by` pixels.
    pub fn inset(&self, by: i32) -> Rect {
        Rect::new(
            self.x + by,
            self.y + by,
            (self.width - 2 * by).max(0),
            (self.height - 2 * by).max(0),
        )
    }
}

/// A coverage mask: how much of each pixel is covered, in rows from the top.
#[derive(Debug, Clone, Copy)]
pub struct Coverage<'a> {
    /// Pixels in a row.
    pub width: usize,
    /// 0 for a free pixel to 255 for a fully covered one.
    pub alpha: &'a [u8],
}

/// A frame of pixels with a clip rectangle, outside which nothing changes.
#[derive(Debug)]
pub struct Frame<'a> {
    pixels: &'a mut [u32],
    width: usize,
    clip: Rect,
}

impl<'a> Frame<'a> {
    /// A frame of `width` × `height` pixels with a clip rectangle.
    ///
    /// # Panics
    ///
    /// If there are not `width` × `height` pixels.
    pub fn new(pixels: &'a mut [u32], width: usize, height: usize, clip: Rect) -> Self {
        assert_eq!(pixels.len(), width * height, "pixels of a {width}×{height} frame");
        let clip = clip.intersection(&Rect::new(0, 0, width as i32, height as i32));
        Frame { pixels, width, clip }
    }

    /// The same frame with a smaller clip rectangle.
    pub fn clipped(&mut self, clip: Rect) -> Frame<'_> {
        Frame {
            clip: self.clip.intersection(&clip),
            width: self.width,
            pixels: self.pixels,
        }
    }

    /// The clip rectangle.
    pub fn clip(&self) -> Rect {
        self.clip
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, rect: Rect, color: Color) {
        let rect = rect.intersection(&self.clip);
        if rect.is_empty() {
            return;
        }
        for y in rect.y..rect.bottom() {
            self.row_mut(y, rect.x, rect.right()).fill(color.0);
        }
    }

    /// Blends a color over a rectangle, with opacity `alpha` out of 255.
    pub fn veil(&mut self, rect: Rect, color: Color, alpha: u8) {
        let rect = rect.intersection(&self.clip);
        if rect.is_empty() {
            return;
        }
        for y in rect.y..rect.bottom() {
            for pixel in self.row_mut(y, rect.x, rect.right()) {
                *pixel = Color(*pixel).under(color, alpha).0;
            }
        }
    }

    /// Fills a rectangle with rounded corners.
    pub fn fill_round(&mut self, rect: Rect, radius: f32, color: Color) {
        let shape = RoundRect::new(rect, radius);
        for area in corners(rect, radius) {
            self.blend_with(area, color, |x, y| shape.coverage(x, y));
        }
        let r = corner_side(rect, radius);
        self.fill(Rect::new(rect.x, rect.y + r, rect.width, rect.height - 2 * r), color);
        self.fill(Rect::new(rect.x + r, rect.y, rect.width - 2 * r, r), color);
        self.fill(Rect::new(rect.x + r, rect.bottom() - r, rect.width - 2 * r, r), color);
    }

    /// Draws a border along the inner edge of a rectangle with rounded corners.
    pub fn outline_round(&mut self, rect: Rect, radius: f32, thickness: f32, color: Color) {
        let outer = RoundRect::new(rect, radius);
        let inner = outer.inset(thickness);
        let band = (radius.max(thickness).ceil() as i32).max(1);
        for area in edges(rect, band) {
            self.blend_with(area, color, |x, y| outer.coverage(x, y) - inner.coverage(x, y));
        }
    }

    /// Paints the area outside the rounded corners of `rect` in the background color.
    pub fn cut_corners(&mut self, rect: Rect, radius: f32, background: Color) {
        let shape = RoundRect::new(rect, radius);
        for area in corners(rect, radius) {
            self.blend_with(area, background, |x, y| 1.0 - shape.coverage(x, y));
        }
    }

    /// Blends a color through a coverage mask whose upper left corner is at (x, y).
    pub fn blend(&mut self, x: i32, y: i32, coverage: Coverage<'_>, color: Color) {
        if coverage.width == 0 {
            return;
        }
        let height = coverage.alpha.len() / coverage.width;
        let area = Rect::new(x, y, coverage.width as i32, height as i32).intersection(&self.clip);
        if area.is_empty() {
            return;
        }
        for row in area.y..area.bottom() {
            let start = (row - y) as usize * coverage.width + (area.x - x) as usize;
            let alphas = &coverage.alpha[start..start + area.width as usize];
            for (pixel, &alpha) in self.row_mut(row, area.x, area.right()).iter_mut().zip(alphas) {
                match alpha {
                    0 => {}
                    255 => *pixel = color.0,
                    alpha => *pixel = Color(*pixel).under(color, alpha).0,
                }
            }
        }
    }

    fn blend_with(&mut self, area: Rect, color: Color, coverage: impl Fn(i32, i32) -> f32) {
        let area = area.intersection(&self.clip);
        if area.is_empty() {
            return;
        }
        for y in area.y..area.bottom() {
            for (x, pixel) in (area.x..).zip(self.row_mut(y, area.x, area.right())) {
                let alpha = (coverage(x, y) * 255.0).round() as u8;
                *pixel = Color(*pixel).under(color, alpha).0;
            }
        }
    }

    fn row_mut(&mut self, y: i32, from: i32, to: i32) -> &mut [u32] {
        let start = y as usize * self.width;
        &mut self.pixels[start + from as usize..start + to as usize]
    }
}

/// Side of the square that contains a rounded corner.
fn corner_side(rect: Rect, radius: f32) -> i32 {
    (radius.ceil() as i32)
        .min((rect.width + 1) / 2)
        .min((rect.height + 1) / 2)
        .max(0)
}

/// The four disjoint squares that contain the rounded corners.
fn corners(rect: Rect, radius: f32) -> [Rect; 4] {
    let r = corner_side(rect, radius);
    let (left, top) = (r.min(rect.width), r.min(rect.height));
    let (right, bottom) = (r.min(rect.width - left), r.min(rect.height - top));
    [
        Rect::new(rect.x, rect.y, left, top),
        Rect::new(rect.right() - right, rect.y, right, top),
        Rect::new(rect.x, rect.bottom() - bottom, left, bottom),
        Rect::new(rect.right() - right, rect.bottom() - bottom, right, bottom),
    ]
}

/// The four disjoint bands along the edges.
fn edges(rect: Rect, band: i32) -> [Rect; 4] {
    let top = band.min(rect.height);
    let bottom = band.min(rect.height - top);
    let left = band.min(rect.width);
    let right = band.min(rect.width - left);
    let between = rect.height - top - bottom;
    [
        Rect::new(rect.x, rect.y, rect.width, top),
        Rect::new(rect.x, rect.bottom() - bottom, rect.width, bottom),
        Rect::new(rect.x, rect.y + top, left, between),
        Rect::new(rect.right() - right, rect.y + top, right, between),
    ]
}

/// A rectangle with rounded corners, as a signed distance field.
struct RoundRect {
    center: (f32, f32),
    half: (f32, f32),
    radius: f32,
}

impl RoundRect {
    fn new(rect: Rect, radius: f32) -> Self {
        let half = (0.5 * rect.width as f32, 0.5 * rect.height as f32);
        RoundRect {
            center: (rect.x as f32 + half.0, rect.y as f32 + half.1),
            half,
            radius: radius.min(half.0).min(half.1),
        }
    }

    fn inset(&self, by: f32) -> Self {
        RoundRect {
            center: self.center,
            half: ((self.half.0 - by).max(0.0), (self.half.1 - by).max(0.0)),
            radius: (self.radius - by).max(0.0),
        }
    }

    /// Coverage of the pixel at (x, y), from 0 to 1.
    fn coverage(&self, x: i32, y: i32) -> f32 {
        let dx = (x as f32 + 0.5 - self.center.0).abs() - (self.half.0 - self.radius);
        let dy = (y as f32 + 0.5 - self.center.1).abs() - (self.half.1 - self.radius);
        let distance = dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - self.radius;
        (0.5 - distance).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKGROUND: Color = Color(0x0010_2030);
    const PAINT: Color = Color(0x00F0_E0D0);

    fn painted(size: usize, clip: Rect, paint: impl FnOnce(&mut Frame<'_>)) -> Vec<u32> {
        let mut pixels = vec![BACKGROUND.0; size * size];
        paint(&mut Frame::new(&mut pixels, size, size, clip));
        pixels
    }

    fn rects() -> impl Strategy<Value = Rect> {
        (-20..50i32, -20..50i32, 0..60i32, 0..60i32).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
    }

    proptest! {
        #[test]
        fn nothing_is_painted_outside_the_shape_or_the_clip(
            rect in rects(), clip in rects(), radius in 0.0..40.0f32, thickness in 0.5..5.0f32, which in 0..4,
        ) {
            let pixels = painted(32, clip, |frame| match which {
                0 => frame.fill(rect, PAINT),
                1 => frame.fill_round(rect, radius, PAINT),
                2 => frame.outline_round(rect, radius, thickness, PAINT),
                _ => frame.cut_corners(rect, radius, PAINT),
            });
            for (i, &pixel) in pixels.iter().enumerate() {
                let (x, y) = ((i % 32) as f32, (i / 32) as f32);
                if !rect.contains(x, y) || !clip.contains(x, y) {
                    prop_assert_eq!(pixel, BACKGROUND.0, "at {}, {}", x, y);
                }
            }
        }

        #[test]
        fn a_rounded_rectangle_and_its_cut_corners_complement_each_other(rect in rects(), radius in 0.0..40.0f32) {
            let whole = Rect::new(0, 0, 32, 32);
            let pixels = painted(32, whole, |frame| {
                frame.fill(rect, PAINT);
                frame.cut_corners(rect, radius, BACKGROUND);
            });
            let round = painted(32, whole, |frame| frame.fill_round(rect, radius, PAINT));
            for (a, b) in pixels.iter().zip(&round) {
                for shift in [0, 8, 16] {
                    prop_assert!(((a >> shift) & 0xFF).abs_diff((b >> shift) & 0xFF) <= 1);
                }
            }
        }

        #[test]
        fn union_and_intersection_agree(a in rects(), b in rects()) {
            let both = a.intersection(&b);
            prop_assert!(both.is_empty() || a.union(&both) == a && b.union(&both) == b);
            prop_assert!(a.is_empty() || a.union(&Rect::new(7, 7, 0, 9)) == a);
            prop_assert!(a.is_empty() || b.is_empty() || a.union(&b) == b.union(&a));
        }
    }

    #[test]
    fn a_circle_has_the_area_of_a_circle() {
        let rect = Rect::new(2, 2, 28, 28);
        let pixels = painted(32, rect, |frame| frame.fill_round(rect, 14.0, Color(0x00F0_2030)));
        let covered: f32 = pixels.iter().map(|p| ((p >> 16) as f32 - 16.0) / 224.0).sum();
        let expected = std::f32::consts::PI * 14.0 * 14.0;
        assert!((covered - expected).abs() < 0.01 * expected, "{covered} for {expected}");
    }

    #[test]
    fn coverage_masks_are_clipped_on_all_sides() {
        let alpha = [255; 25];
        let coverage = Coverage {
            width: 5,
            alpha: &alpha,
        };
        let pixels = painted(8, Rect::new(0, 0, 8, 8), |frame| {
            frame.blend(-3, -3, coverage, PAINT);
            frame.blend(6, 6, coverage, PAINT);
            frame.blend(20, 20, coverage, PAINT);
            frame.blend(0, 0, Coverage { width: 0, alpha: &[] }, PAINT);
        });
        assert_eq!(pixels.iter().filter(|&&p| p == PAINT.0).count(), 8);
    }
}
