//! Strokes as anti-aliased gray pixels, for the screen and for the network.
//!
//! The two pens differ on purpose. MNIST's digits were scaled to one size, and their strokes are about a ninth of it
//! thick. A pen of fixed width draws small digits too thick for that and large ones too thin, and the network
//! misclassifies both. So the image for the network is drawn from the strokes, not copied from the screen, with a pen
//! whose width is [`RECOGNITION_PEN`] of the digit's size. A drawing is then recognized alike at every size.
//!
//! A stroke is the union of discs along a smooth curve through its samples. A pixel depends only on its distance from
//! that curve, so a part of a drawing can be drawn alone and equals the same part of the whole, to the bit.

use crate::{
    drawing::{
        smoothing::curve,
        strokes::{CANVAS, CANVAS_BOUNDS, Ink, PEN, Stroke},
    },
    geometry::{Bounds, Point},
    imaging::gray_image::GrayImage,
};

/// Width of the pen in the image for the network, as a fraction of the digit's longest side, pen included.
///
/// With it, digits drawn on a tablet have as much ink as MNIST's (13 % of the image) and as many half-gray pixels (61 %
/// of the ink). A network trained on MNIST alone is most accurate on them with values from 0.09 to 0.12; at 0.18 it is
/// 2 % less accurate.
pub const RECOGNITION_PEN: f32 = 0.115;

/// Smallest width of the pen in the image for the network, in canvas units: a drawing that is a blot on the screen is a
/// blot for the network too.
const MIN_RECOGNITION_PEN: f32 = 0.3 * PEN;

/// How far the soft edge of a stroke may extend beyond half the width of the pen, in canvas units.
const SOFT_EDGE: f32 = 2.0;

/// Longest side of a digit in the image for the network, in pixels: eight for each pixel of the network input.
const RECOGNITION_SIZE: f32 = 160.0;

/// The part of the canvas that an image shows, and its scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    scale: f32,
    left: f32,
    top: f32,
}

impl View {
    /// Shows the whole canvas on a square of `side` pixels.
    pub fn whole_canvas(side: usize) -> Self {
        View::part_of_canvas(side, 0, 0)
    }

    /// Shows the whole canvas on a square of `side` pixels, from the pixel (`left`, `top`) on.
    pub fn part_of_canvas(side: usize, left: usize, top: usize) -> Self {
        View {
            scale: side as f32 / CANVAS,
            left: left as f32,
            top: top as f32,
        }
    }

    /// Shows the canvas from the point `corner` on, at `scale` pixels per canvas unit.
    pub fn from_corner(corner: Point, scale: f32) -> Self {
        View {
            scale,
            left: corner.x * scale,
            top: corner.y * scale,
        }
    }
}

/// The width of the round pen that draws strokes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pen {
    /// Each stroke's own.
    AsDrawn,
    /// The same for all strokes, in canvas units.
    Width(f32),
}

/// Draws strokes over the image `onto`.
pub fn draw(strokes: &[Stroke], pen: Pen, view: &View, onto: GrayImage) -> GrayImage {
    let mut image = onto;
    for stroke in strokes {
        let width = match pen {
            Pen::AsDrawn => stroke.width(),
            Pen::Width(width) => width,
        };
        let radius = 0.5 * width * view.scale;
        for pair in curve(stroke, view.scale).windows(2) {
            draw_segment(&mut image, view, pair[0], pair[1], radius);
        }
    }
    image
}

/// Draws straight lines with round ends over the image `onto`, unsmoothed. `view` is as for [`draw`], in the units of
/// the lines.
pub fn draw_lines(lines: &[Vec<Point>], thickness: f32, view: &View, onto: GrayImage) -> GrayImage {
    let mut image = onto;
    let scaled = |point: Point| Point::new(point.x * view.scale, point.y * view.scale);
    for line in lines.iter().filter(|line| !line.is_empty()) {
        for pair in line.windows(2).map(|pair| [pair[0], pair[1]]).chain([[line[0]; 2]]) {
            draw_segment(
                &mut image,
                view,
                scaled(pair[0]),
                scaled(pair[1]),
                0.5 * thickness * view.scale,
            );
        }
    }
    image
}

/// The part of the canvas where two drawings may look different; `None` if they look the same.
pub fn difference(before: &Ink, after: &Ink) -> Option<Bounds> {
    let (before, after) = (before.strokes(), after.strokes());
    let changed = (0..before.len().max(after.len())).filter(|&i| before.get(i) != after.get(i));
    let widths = changed.clone().flat_map(|i| [before.get(i), after.get(i)]);
    let widest = widths.flatten().map(Stroke::width).fold(0.0, f32::max);
    let changed = changed.flat_map(|i| {
        // If the pen's width changed, the whole stroke did.
        let repainted = matches!((before.get(i), after.get(i)), (Some(b), Some(a)) if b.width() != a.width());
        let [before, after] = [before.get(i), after.get(i)].map(|s| s.map_or(Vec::new(), |s| curve(s, 1.0)));
        let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        // The segment that leads to the first different point.
        let from = if repainted { 0 } else { same.saturating_sub(1) };
        [before, after]
            .into_iter()
            .flat_map(move |curve| curve.into_iter().skip(from))
    });
    Some(Bounds::around(changed)?.grown(0.5 * widest + SOFT_EDGE))
}

/// Draws the image that normalization starts from: the visible ink, 160 pixels long, with a pen of [`RECOGNITION_PEN`].
/// `None` if nothing is visible. A stroke that leaves the canvas ends half a pen's width beyond its edge.
pub fn draw_for_recognition(ink: &Ink) -> Option<GrayImage> {
    draw_with_pen(ink, RECOGNITION_PEN)
}

/// Draws the same with a pen of another width, as a fraction of the digit's longest side, pen included.
pub(crate) fn draw_with_pen(ink: &Ink, width: f32) -> Option<GrayImage> {
    let (visible, pen) = visible(ink, width)?;
    let scale = RECOGNITION_SIZE / (visible.longest_side() + pen);
    let drawn = visible.grown(0.5 * pen + 1.0 / scale);
    let pixels = |units: f32| ((units * scale).ceil() as usize).max(1);
    let blank = GrayImage::blank(pixels(drawn.width()), pixels(drawn.height()));
    let view = View::from_corner(Point::new(drawn.left, drawn.top), scale);
    Some(draw(ink.strokes(), Pen::Width(pen), &view, blank))
}

/// The part of the canvas that the ink covers in the image for the network; `None` if nothing is visible.
pub fn recognition_bounds(ink: &Ink) -> Option<Bounds> {
    let (visible, pen) = visible(ink, RECOGNITION_PEN)?;
    Some(visible.grown(0.5 * pen))
}

/// Bounds of the strokes on the canvas, without the pen, and the pen's width in canvas units, given as a fraction of the
/// longest side.
fn visible(ink: &Ink, width: f32) -> Option<(Bounds, f32)> {
    let curves = ink.strokes().iter().flat_map(|stroke| curve(stroke, 1.0));
    let visible = Bounds::around(curves)?.intersection(&CANVAS_BOUNDS)?;
    let pen = (visible.longest_side() * width / (1.0 - width)).max(MIN_RECOGNITION_PEN);
    Some((visible, pen))
}

/// Scales an image to fit a square of `side` pixels, centered.
pub fn fit_in_square(image: &GrayImage, side: usize) -> GrayImage {
    let mut square = GrayImage::blank(side, side);
    let longest = image.width().max(image.height());
    if image.pixels().is_empty() || side == 0 {
        return square;
    }
    let fitted = image
        .resampled(image.rect(), side as f32 / longest as f32)
        .to_image(1.0);
    square.paste(
        &fitted,
        (side - fitted.width().min(side)) / 2,
        (side - fitted.height().min(side)) / 2,
    );
    square
}

/// Draws the whole canvas as the screen shows it, one pixel per canvas unit: the image fitted in, and ink over it.
pub fn draw_over(image: &GrayImage, ink: &Ink) -> GrayImage {
    let side = CANVAS as usize;
    draw(
        ink.strokes(),
        Pen::AsDrawn,
        &View::whole_canvas(side),
        fit_in_square(image, side),
    )
}

/// Draws all points within `radius` of a segment, with an edge that is one pixel soft. All in pixels of the whole
/// canvas.
fn draw_segment(image: &mut GrayImage, view: &View, from: Point, to: Point, radius: f32) {
    let reach = radius + 0.5;
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length_squared = dx * dx + dy * dy;
    let per_length_squared = if length_squared > 0.0 {
        1.0 / length_squared
    } else {
        0.0
    };
    let rows = span(
        from.y.min(to.y) - reach,
        from.y.max(to.y) + reach,
        view.top,
        image.height(),
    );
    for row in rows {
        let y = view.top + row as f32 + 0.5;
        let (start, end) = part_near_row(from, to, y, reach);
        let columns = span(start.min(end) - reach, start.max(end) + reach, view.left, image.width());
        for (column, pixel) in columns.clone().zip(&mut image.row_mut(row)[columns]) {
            if *pixel == 255 {
                continue;
            }
            let x = view.left + column as f32 + 0.5;
            let along = (((x - from.x) * dx + (y - from.y) * dy) * per_length_squared).clamp(0.0, 1.0);
            let (off_x, off_y) = (x - from.x - along * dx, y - from.y - along * dy);
            let coverage = reach - (off_x * off_x + off_y * off_y).sqrt();
            *pixel = (*pixel).max((255.0 * coverage.clamp(0.0, 1.0) + 0.5) as u8);
        }
    }
}

/// The pixels that touch the interval from `from` to `to`, on an axis of `count` pixels that starts at `origin`.
fn span(from: f32, to: f32, origin: f32, count: usize) -> std::ops::Range<usize> {
    // A negative float becomes zero.
    let first = ((from - origin).floor() as usize).min(count);
    let last = ((to - origin).ceil() as usize).min(count);
    first..last.max(first)
}

/// The x of both ends of the part of a segment that is within `reach` of the height `y`.
fn part_near_row(from: Point, to: Point, y: f32, reach: f32) -> (f32, f32) {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    if dy.abs() < 1e-3 {
        return (from.x, to.x);
    }
    let at = |y: f32| from.x + ((y - from.y) / dy).clamp(0.0, 1.0) * dx;
    (at(y - reach), at(y + reach))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ink(strokes: &[&[(f32, f32)]]) -> Ink {
        let mut ink = Ink::new();
        for stroke in strokes {
            ink.pen_down(Point::new(stroke[0].0, stroke[0].1));
            for &(x, y) in &stroke[1..] {
                ink.pen_move(Point::new(x, y));
            }
            let (x, y) = stroke[stroke.len() - 1];
            ink.pen_up(Point::new(x, y));
        }
        ink
    }

    fn circle(samples: usize, radius: f32) -> Ink {
        let turn = |i: usize| i as f32 * std::f32::consts::TAU / samples as f32;
        let points: Vec<_> = (0..=samples)
            .map(|i| (280.0 + radius * turn(i).cos(), 280.0 + radius * turn(i).sin()))
            .collect();
        ink(&[&points])
    }

    fn on_screen(ink: &Ink, side: usize) -> GrayImage {
        draw(
            ink.strokes(),
            Pen::AsDrawn,
            &View::whole_canvas(side),
            GrayImage::blank(side, side),
        )
    }

    fn mass(image: &GrayImage) -> f32 {
        image.pixels().iter().map(|&p| f32::from(p) / 255.0).sum()
    }

    fn inks() -> impl Strategy<Value = Ink> {
        let stroke = proptest::collection::vec((-50.0..610.0f32, -50.0..610.0f32), 1..12);
        proptest::collection::vec(stroke, 1..4).prop_map(|strokes| {
            let strokes: Vec<&[(f32, f32)]> = strokes.iter().map(Vec::as_slice).collect();
            ink(&strokes)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_part_is_drawn_as_in_the_whole(
            ink in inks(), side in 1..300usize, left in 0..200usize, top in 0..200usize, width in 0..120usize,
        ) {
            let whole = on_screen(&ink, side);
            let part = GrayImage::blank(width, 40);
            let part = draw(ink.strokes(), Pen::AsDrawn, &View::part_of_canvas(side, left, top), part);
            let (width, height) = (width.min(side.saturating_sub(left)), 40.min(side.saturating_sub(top)));
            prop_assert_eq!(part.cropped(0, 0, width, height), whole.cropped(left, top, width, height));
        }

        #[test]
        fn drawing_never_removes_ink(first in inks(), second in inks()) {
            let before = on_screen(&first, 100);
            let after = draw(second.strokes(), Pen::AsDrawn, &View::whole_canvas(100), before.clone());
            prop_assert!(before.pixels().iter().zip(after.pixels()).all(|(a, b)| a <= b));
        }

        #[test]
        fn nothing_changes_outside_the_difference(first in inks(), second in inks(), more in any::<bool>()) {
            let second = if more {
                let mut more = first.clone();
                more.pen_down(Point::new(100.0, 100.0));
                second.strokes()[0].points().iter().for_each(|&p| {
                    more.pen_move(p);
                });
                more
            } else {
                second
            };
            prop_assert_eq!(difference(&first, &first), None);
            let (before, after) = (on_screen(&first, 280), on_screen(&second, 280));
            let nowhere = Bounds { left: 0.0, top: 0.0, right: -9.0, bottom: -9.0 };
            let differs = difference(&first, &second).unwrap_or(nowhere);
            for (i, (a, b)) in before.pixels().iter().zip(after.pixels()).enumerate() {
                let (x, y) = (2.0 * (i % 280) as f32, 2.0 * (i / 280) as f32);
                let inside = differs.left <= x + 2.0 && x <= differs.right && differs.top <= y + 2.0 && y <= differs.bottom;
                prop_assert!(inside || a == b, "at {}, {}", x, y);
            }
        }

        #[test]
        fn any_ink_can_be_drawn_for_recognition(ink in inks()) {
            if let Some(image) = draw_for_recognition(&ink) {
                prop_assert!(image.width() <= 400 && image.height() <= 400);
            }
        }
    }

    #[test]
    fn a_click_is_a_dot_as_wide_as_the_pen() {
        let area = mass(&on_screen(&ink(&[&[(280.0, 280.0)]]), 560));
        let expected = std::f32::consts::PI * PEN * PEN / 4.0;
        assert!((area - expected).abs() < 0.01 * expected, "{area} for {expected}");
    }

    #[test]
    fn a_line_has_the_area_of_a_line() {
        for (x, y) in [(400.0, 200.0), (200.0, 400.0), (341.4, 341.4), (386.6, 271.9)] {
            let line = ink(&[&[(200.0, 200.0), (x, y)]]);
            let length = (x - 200.0f32).hypot(y - 200.0);
            let expected = length * PEN + std::f32::consts::PI * PEN * PEN / 4.0;
            let area = mass(&on_screen(&line, 560));
            assert!(
                (area - expected).abs() < 0.01 * expected,
                "to ({x}, {y}): {area} for {expected}"
            );
        }
    }

    #[test]
    fn a_fast_stroke_is_smooth_and_unbroken() {
        // A dozen samples all around: 87 units, nearly three widths of the pen, from one to the next.
        let drawn = on_screen(&circle(12, 168.0), 560);
        for step in 0..720 {
            let turn = step as f32 * std::f32::consts::TAU / 720.0;
            let at = |radius: f32| {
                let (x, y) = (280.0 + radius * turn.cos(), 280.0 + radius * turn.sin());
                drawn.row(y as usize)[x as usize]
            };
            assert_eq!(at(168.0), 255, "broken at {turn}");
            assert_eq!((at(168.0 - PEN), at(168.0 + PEN)), (0, 0), "off the circle at {turn}");
        }
    }

    #[test]
    fn tremor_is_smoothed_away() {
        let shaken: Vec<_> = (0..100)
            .map(|i| (80.0 + 4.0 * i as f32, 280.0 + (i % 2) as f32))
            .collect();
        let edge: Vec<usize> = {
            let drawn = on_screen(&ink(&[&shaken]), 560);
            (120..440)
                .map(|x| (0..560).map(|y| usize::from(drawn.row(y)[x])).sum())
                .collect()
        };
        let (least, most) = (edge.iter().min().unwrap(), edge.iter().max().unwrap());
        assert!(most - least < 40, "the line is between {least} and {most} thick");
    }

    #[test]
    fn repeated_points_change_nothing() {
        let once = on_screen(&ink(&[&[(100.0, 100.0), (300.0, 200.0)]]), 200);
        let mut again = Ink::new();
        again.pen_down(Point::new(100.0, 100.0));
        again.pen_up(Point::new(300.0, 200.0));
        let strokes: Vec<_> = again.strokes().iter().chain(again.strokes()).cloned().collect();
        assert_eq!(
            draw(
                &strokes,
                Pen::AsDrawn,
                &View::whole_canvas(200),
                GrayImage::blank(200, 200)
            ),
            once
        );
    }

    #[test]
    fn the_image_for_recognition_does_not_depend_on_the_drawn_size() {
        let large = draw_for_recognition(&circle(100, 240.0)).unwrap();
        let small = draw_for_recognition(&circle(100, 60.0)).unwrap();
        let (width, height) = (large.width().min(small.width()), large.height().min(small.height()));
        assert!(large.width() <= width + 1 && small.width() <= width + 1);
        let (large, small) = (large.cropped(0, 0, width, height), small.cropped(0, 0, width, height));
        let apart = large
            .pixels()
            .iter()
            .zip(small.pixels())
            .filter(|(a, b)| a.abs_diff(**b) > 127)
            .count();
        assert!(
            apart < width * height / 100,
            "{apart} of {} pixels differ",
            width * height
        );
    }

    #[test]
    fn a_blot_stays_a_blot() {
        let dot = draw_for_recognition(&ink(&[&[(280.0, 280.0)]])).unwrap();
        let scribble = draw_for_recognition(&ink(&[&[(280.0, 280.0), (284.0, 280.0), (280.0, 284.0)]])).unwrap();
        let filled = |image: &GrayImage| mass(image) / image.pixels().len() as f32;
        assert!((filled(&dot) - filled(&scribble)).abs() < 0.1);
    }

    #[test]
    fn ink_outside_the_canvas_is_ignored() {
        let stays = ink(&[&[(280.0, 100.0), (280.0, CANVAS)]]);
        let leaves = ink(&[&[(280.0, 100.0), (280.0, CANVAS + 300.0)]]);
        let (stays, leaves) = (
            draw_for_recognition(&stays).unwrap(),
            draw_for_recognition(&leaves).unwrap(),
        );
        assert_eq!((leaves.width(), leaves.height()), (stays.width(), stays.height()));
        assert!((mass(&leaves) / mass(&stays) - 1.0).abs() < 0.03);
        assert_eq!(draw_for_recognition(&Ink::new()), None);
    }

    #[test]
    fn an_image_is_fitted_to_the_canvas_under_the_ink() {
        let gray = GrayImage::new(10, 5, vec![100; 50]);
        let fitted = fit_in_square(&gray, 40);
        assert_eq!(
            (
                fitted.row(9)[20],
                fitted.row(10)[20],
                fitted.row(29)[39],
                fitted.row(30)[0]
            ),
            (0, 100, 100, 0)
        );
        let both = draw_over(&gray, &ink(&[&[(280.0, 280.0)]]));
        assert_eq!((both.width(), both.row(280)[280], both.row(280)[10]), (560, 255, 100));
        for (width, height, side) in [(0, 0, 10), (1, 1, 10), (10, 10, 0), (1, 500, 7)] {
            let image = GrayImage::blank(width, height);
            assert_eq!(fit_in_square(&image, side), GrayImage::blank(side, side));
        }
    }
}
