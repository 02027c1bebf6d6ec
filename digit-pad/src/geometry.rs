//! Points and rectangles.

/// A point in canvas units from the upper left corner, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Horizontal position.
    pub x: f32,
    /// Vertical position.
    pub y: f32,
}

impl Point {
    /// The point (x, y).
    pub fn new(x: f32, y: f32) -> Self {
        Point { x, y }
    }

    /// Euclidean distance to `other`.
    pub fn distance(self, other: Point) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point at `share` of the way from here to `other`.
    pub(crate) fn lerp(self, other: Point, share: f32) -> Point {
        let mix = |from: f32, to: f32| from + share * (to - from);
        Point::new(mix(self.x, other.x), mix(self.y, other.y))
    }

    /// Whether both coordinates are finite.
    pub(crate) fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }
}

/// An axis-aligned bounding rectangle, in the units of its points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Smallest x.
    pub left: f32,
    /// Smallest y.
    pub top: f32,
    /// Largest x.
    pub right: f32,
    /// Largest y.
    pub bottom: f32,
}

impl Bounds {
    /// The smallest rectangle around all of the points; `None` without any.
    pub fn around(points: impl IntoIterator<Item = Point>) -> Option<Bounds> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let start = Bounds {
            left: first.x,
            top: first.y,
            right: first.x,
            bottom: first.y,
        };
        Some(points.fold(start, |b, p| Bounds {
            left: b.left.min(p.x),
            top: b.top.min(p.y),
            right: b.right.max(p.x),
            bottom: b.bottom.max(p.y),
        }))
    }

    /// Horizontal extent.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// Vertical extent.
    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// The larger of width and height.
    pub fn longest_side(&self) -> f32 {
        self.width().max(self.height())
    }

    /// Whether the point lies inside or on the edge.
    pub fn contains(&self, point: Point) -> bool {
        (self.left..=self.right).contains(&point.x) && (self.top..=self.bottom).contains(&point.y)
    }

    /// Center of the rectangle.
    pub fn center(&self) -> Point {
        Point::new(0.5 * (self.left + self.right), 0.5 * (self.top + self.bottom))
    }

    /// The part that both rectangles cover; `None` if they do not touch.
    pub fn intersection(&self, other: &Bounds) -> Option<Bounds> {
        let both = Bounds {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        (both.left <= both.right && both.top <= both.bottom).then_some(both)
    }

    /// The smallest rectangle around both.
    pub(crate) fn union(&self, other: &Bounds) -> Bounds {
        Bounds {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The rectangle grown by `margin` on every side.
    pub fn grown(&self, margin: f32) -> Bounds {
        Bounds {
            left: self.left - margin,
            top: self.top - margin,
            right: self.right + margin,
            bottom: self.bottom + margin,
        }
    }
}

/// A rectangle of pixels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelRect {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

impl PixelRect {
    /// The rectangle in an image of `width` × `height` pixels that becomes this one when the image is scaled by `scale`.
    pub fn before_scaling(self, scale: f32, (width, height): (usize, usize)) -> Self {
        let range = |start: usize, length: usize, whole: usize| {
            let start_there = ((start as f32 / scale) as usize).min(whole - 1);
            let end_there = (((start + length) as f32 / scale).ceil() as usize).clamp(start_there + 1, whole);
            (start_there, end_there - start_there)
        };
        let ((left, width), (top, height)) = (
            range(self.left, self.width, width),
            range(self.top, self.height, height),
        );
        PixelRect {
            left,
            top,
            width,
            height,
        }
    }

    /// The smallest rectangle around both.
    pub(crate) fn union(self, other: PixelRect) -> PixelRect {
        let (left, top) = (self.left.min(other.left), self.top.min(other.top));
        PixelRect {
            left,
            top,
            width: (self.left + self.width).max(other.left + other.width) - left,
            height: (self.top + self.height).max(other.top + other.height) - top,
        }
    }

    /// The edges, in pixels.
    pub fn bounds(self) -> Bounds {
        Bounds {
            left: self.left as f32,
            top: self.top as f32,
            right: (self.left + self.width) as f32,
            bottom: (self.top + self.height) as f32,
        }
    }
}
