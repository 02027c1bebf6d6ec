//! Where a network input lies on the canvas.

use crate::{
    geometry::{Bounds, PixelRect, Point},
    imaging::gray_image::GrayImage,
    recognition::normalization::{Gray28, SIDE, ink_rect},
};

/// Maps the pixels of a network input to the canvas that they show, and back. What counts is the ink, which
/// normalization crops and scales by the same factor in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// The ink of the network input, in pixels.
    ink: PixelRect,
    /// The part of the canvas that it shows.
    area: Bounds,
}

impl Placement {
    /// The placement of a network input whose ink covers that part of the canvas; `None` if it is blank.
    pub fn new(pixels: &Gray28, area: Bounds) -> Option<Self> {
        let ink = ink_rect(&GrayImage::new(SIDE, SIDE, pixels.to_vec()))?;
        Some(Placement { ink, area })
    }

    /// The point of the canvas that a point of the network input shows, in pixels from its upper left corner.
    pub fn on_canvas(&self, point: Point) -> Point {
        let ink = self.ink.bounds();
        Point::new(
            self.area.left + (point.x - ink.left) * self.area.width() / ink.width(),
            self.area.top + (point.y - ink.top) * self.area.height() / ink.height(),
        )
    }

    /// The point of the network input that shows a point of the canvas.
    pub fn on_input(&self, point: Point) -> Point {
        let ink = self.ink.bounds();
        let part = |offset: f32, whole: f32| if whole > 0.0 { offset / whole } else { 0.5 };
        Point::new(
            ink.left + ink.width() * part(point.x - self.area.left, self.area.width()),
            ink.top + ink.height() * part(point.y - self.area.top, self.area.height()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::{
            raster::recognition_bounds,
            strokes::{Ink, PEN, Stroke},
        },
        recognition::normalization::normalize_ink,
    };

    fn ink(points: &[(f32, f32)]) -> Ink {
        let points = points.iter().map(|&(x, y)| Point::new(x, y)).collect();
        [Stroke::new(points, PEN)].into_iter().collect()
    }

    #[test]
    fn the_ends_of_a_stroke_are_where_they_were_drawn() {
        let (first, last) = ((120.0, 90.0), (330.0, 480.0));
        let ink = ink(&[first, (140.0, 300.0), last]);
        let pixels = normalize_ink(&ink).unwrap();
        let placement = Placement::new(&pixels, recognition_bounds(&ink).unwrap()).unwrap();
        for (x, y) in [first, last] {
            let at = placement.on_input(Point::new(x, y));
            let brightness = pixels[at.y as usize * SIDE + at.x as usize];
            assert!(brightness > 100, "{brightness} at {at:?}");
            let back = placement.on_canvas(at);
            assert!(back.distance(Point::new(x, y)) < 0.01, "{back:?}");
        }
        let beside = placement.on_input(Point::new(300.0, 120.0));
        assert_eq!(pixels[beside.y as usize * SIDE + beside.x as usize], 0);
    }

    #[test]
    fn a_pixel_covers_as_much_of_the_canvas_in_both_directions() {
        let ink = ink(&[(100.0, 100.0), (500.0, 180.0)]);
        let pixels = normalize_ink(&ink).unwrap();
        let placement = Placement::new(&pixels, recognition_bounds(&ink).unwrap()).unwrap();
        let [origin, one] = [0.0, 1.0].map(|at| placement.on_canvas(Point::new(at, at)));
        let (width, height) = (one.x - origin.x, one.y - origin.y);
        assert!((width / height - 1.0).abs() < 0.15, "{width} × {height}");
    }

    #[test]
    fn a_blank_input_has_no_place() {
        let area = recognition_bounds(&ink(&[(1.0, 1.0)])).unwrap();
        assert_eq!(Placement::new(&[0; 784], area), None);
    }
}
