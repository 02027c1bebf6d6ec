//! What the page of the user's hand and its poster share: a digit in ink, its remark, its twins, and a place that is empty.

use std::f32::consts::FRAC_PI_2;

use crate::{
    drawing::strokes::{Ink, PEN, Stroke},
    geometry::{Bounds, Point},
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    recognition::normalization::{Gray28, SIDE},
    teaching::{hand::OwnDigit, peculiarity::Remark},
    ui::{
        handwriting::Glyph,
        scene::{builder::SceneBuilder, item::Item, status::wrapped},
    },
};

/// Thickness of the lines of a digit that was drawn with the usual pen, as a share of its height.
const THICKNESS: f32 = 0.08;

/// How a remark is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct RemarkStyle {
    /// Font sizes of its two parts, in pixels at scale 1.
    pub(super) sizes: (f32, f32),
    /// Heights of their lines, in pixels at scale 1.
    pub(super) lines: (f32, f32),
    pub(super) align: Align,
}

/// Thickness of the lines of a digit, as a share of its height, by the mean width of the pen that drew them.
fn thickness(ink: &Ink) -> f32 {
    let widths = ink.strokes().iter().map(Stroke::width);
    THICKNESS * widths.sum::<f32>() / (PEN * ink.strokes().len().max(1) as f32)
}

impl SceneBuilder<'_> {
    /// A digit as the user has drawn it, as large as fits into its place; or the image of an example without strokes.
    pub(super) fn own_digit(&mut self, own: &OwnDigit, place: Rect) {
        let glyph = own.ink.as_ref().and_then(Glyph::of_digit);
        let bounds = glyph
            .as_ref()
            .and_then(|glyph| Bounds::around(glyph.lines.iter().flatten().copied()));
        let (Some(glyph), Some(bounds)) = (glyph, bounds) else {
            let side = (place.width.min(place.height) / SIDE as i32).max(1) * SIDE as i32;
            let (x, y) = (place.x + (place.width - side) / 2, place.y + (place.height - side) / 2);
            return self.image(Rect::new(x, y, side, side), own.pixels);
        };
        let thickness = own.ink.as_ref().map_or(THICKNESS, thickness);
        // The pen adds half of its width on each side.
        let fits = |room: i32, length: f32| room as f32 / (length + thickness);
        let scale = fits(place.width, bounds.width()).min(fits(place.height, bounds.height()));
        let (center, middle) = (bounds.center(), (0.5 * place.width as f32, 0.5 * place.height as f32));
        let at = |point: &Point| {
            [
                middle.0 + (point.x - center.x) * scale,
                middle.1 + (point.y - center.y) * scale,
            ]
        };
        self.items.push(Item::Lines {
            rect: place,
            lines: glyph.lines.iter().map(|line| line.iter().map(at).collect()).collect(),
            thickness: thickness * scale,
            color: self.theme.ink,
        });
    }

    /// An image of 28×28 pixels.
    pub(super) fn image(&mut self, rect: Rect, pixels: Gray28) {
        self.items.push(Item::Pixels {
            rect,
            radius: 0.0,
            pixels: Box::new(pixels),
        });
    }

    /// The lines of a remark in a place of that width, each with its part.
    pub(super) fn remark_lines(&self, remark: &Remark, width: i32, style: &RemarkStyle) -> [Vec<String>; 2] {
        let ems = |size: f32| width as f32 / self.layout.scaled(size);
        [
            balanced(&remark.title, ems(style.sizes.0)),
            balanced(&remark.detail, ems(style.sizes.1)),
        ]
    }

    /// A remark from the top of its place on.
    pub(super) fn remark(&mut self, remark: &Remark, place: Rect, style: &RemarkStyle) {
        let [title, detail] = self.remark_lines(remark, place.width, style);
        let theme = self.theme;
        let title = title
            .into_iter()
            .map(|line| (line, Face::SemiBold, style.sizes.0, style.lines.0, theme.text));
        let detail = detail
            .into_iter()
            .map(|line| (line, Face::Medium, style.sizes.1, style.lines.1, theme.muted));
        let mut y = place.y;
        for (line, face, size, height, color) in title.chain(detail) {
            let height = self.layout.scaled(height).round() as i32;
            self.text(
                Rect::new(place.x, y, place.width, height),
                &line,
                face,
                size,
                style.align,
                color,
            );
            y += height;
        }
    }

    /// A place for something that is not there yet: its outline, with round corners, in dashes of that length.
    pub(super) fn dashed(&mut self, rect: Rect, radius: f32, dash: f32, color: Color) {
        let thickness = self.layout.scale.round().max(1.0);
        let inset = 0.5 * thickness;
        let (width, height) = (rect.width as f32 - inset, rect.height as f32 - inset);
        let corners = [(width, inset), (width, height), (inset, height), (inset, inset)];
        let mut outline = Vec::new();
        for (&(x, y), turn) in corners.iter().zip(0..) {
            let inwards = |at: f32, low: f32| if at > low { at - radius } else { at + radius };
            let (cx, cy) = (inwards(x, inset), inwards(y, inset));
            outline.extend((0..=ARC).map(|step| {
                let (sin, cos) = (FRAC_PI_2 * (turn as f32 - 1.0 + step as f32 / ARC as f32)).sin_cos();
                Point::new(cx + radius * cos, cy + radius * sin)
            }));
        }
        outline.extend(outline.first().copied());
        self.items.push(Item::Lines {
            rect,
            lines: dashes(&outline, dash),
            thickness,
            color,
        });
    }
}

/// Steps of a round corner.
const ARC: usize = 6;

/// A closed line in dashes of about that length, with gaps as long.
fn dashes(outline: &[Point], dash: f32) -> Vec<Vec<[f32; 2]>> {
    let length: f32 = outline.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
    let dash = 0.5 * length / (0.5 * length / dash).round().max(1.0);
    let (mut lines, mut drawn) = (Vec::new(), 0.0);
    let mut line: Vec<[f32; 2]> = Vec::new();
    for pair in outline.windows(2) {
        let side = pair[0].distance(pair[1]);
        let mut along = 0.0;
        while along < side {
            // Even parts of the length are dashes, odd ones are gaps.
            let part = ((drawn + 1e-3) / dash).floor();
            let step = (dash * (part + 1.0) - drawn).min(side - along);
            if part % 2.0 == 0.0 {
                let ends = [along, along + step].map(|at| pair[0].lerp(pair[1], at / side));
                line.extend(ends.map(|end| [end.x, end.y]));
            } else {
                lines.extend((!line.is_empty()).then(|| std::mem::take(&mut line)));
            }
            (along, drawn) = (along + step.max(1e-3), drawn + step.max(1e-3));
        }
    }
    lines.extend((!line.is_empty()).then_some(line));
    lines
}

/// Wraps text to lines of at most so many ems, of which none is much shorter than the others.
fn balanced(text: &str, ems: f32) -> Vec<String> {
    let lines = wrapped(text, ems);
    let narrower = (1..20).map(|step| wrapped(text, ems * (1.0 - 0.05 * step as f32)));
    narrower
        .take_while(|narrow| narrow.len() == lines.len())
        .last()
        .unwrap_or(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_long_as_each_other() {
        assert_eq!(
            balanced("wider than 97 of 100 sevens", 14.0),
            ["wider than 97", "of 100 sevens"]
        );
        assert_eq!(balanced("Left open", 14.0), ["Left open"]);
    }

    #[test]
    fn dashes_cover_half_of_the_outline() {
        let at = |&(x, y): &(f32, f32)| Point::new(x, y);
        let square: Vec<Point> = [(0.0, 0.0), (100.0, 0.0), (100.0, 60.0), (0.0, 60.0), (0.0, 0.0)]
            .iter()
            .map(at)
            .collect();
        for dash in [3.0, 5.0, 7.7, 200.0] {
            let lines = dashes(&square, dash);
            let length = |line: &Vec<[f32; 2]>| -> f32 {
                line.windows(2)
                    .map(|pair| (pair[0][0] - pair[1][0]).hypot(pair[0][1] - pair[1][1]))
                    .sum()
            };
            let all: f32 = lines.iter().map(length).sum();
            assert!((all - 160.0).abs() < 2.0, "{all} in dashes of {dash}");
        }
    }
}
