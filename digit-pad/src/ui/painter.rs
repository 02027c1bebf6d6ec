//! The painter: draws scenes into pixels, repainting only what changed.

use std::sync::Arc;

use crate::{
    drawing::{
        raster::{Pen, View, difference, draw, draw_lines, fit_in_square},
        strokes::{CANVAS, Ink},
    },
    geometry::Point,
    graphics::{
        canvas::{Coverage, Frame, Rect},
        color::Color,
        text::Text,
    },
    imaging::gray_image::GrayImage,
    recognition::{
        activations::Tiles,
        normalization::{Gray28, SIDE},
    },
    ui::{
        explained::Heat,
        scene::{item::Item, scene},
        state::State,
        theme::Theme,
    },
};

/// Paints states, and caches the last frame and the glyphs.
///
/// ```
/// use digit_pad::ui::{Opening, Painter, State};
///
/// let state = State::new(960, 640, Opening::Blank);
/// let mut painter = Painter::new();
/// assert!(painter.paint(&state));
/// assert_eq!(painter.pixels().len(), 960 * 640);
/// assert!(!painter.paint(&state), "nothing changed");
/// ```
#[derive(Debug)]
pub struct Painter {
    renderer: Renderer,
    items: Vec<Item>,
    pixels: Vec<u32>,
    size: (usize, usize),
}

impl Default for Painter {
    fn default() -> Self {
        Painter::new()
    }
}

impl Painter {
    /// A painter with an empty frame.
    pub fn new() -> Self {
        let renderer = Renderer {
            theme: Theme::DARK,
            text: Text::new(),
            backdrop: None,
        };
        Painter {
            renderer,
            items: Vec::new(),
            pixels: Vec::new(),
            size: (0, 0),
        }
    }

    /// Updates the pixels to show `state`, and returns whether anything changed. The pixels depend on the state alone,
    /// not on what was painted before.
    pub fn paint(&mut self, state: &State) -> bool {
        let theme = if state.is_dark() { Theme::DARK } else { Theme::LIGHT };
        if self.renderer.theme != theme {
            self.renderer.theme = theme;
            self.size = (0, 0);
        }
        let items = scene(state, &theme);
        let (width, height) = state.layout().window;
        let damage = if self.size == (width, height) {
            damage(&self.items, &items)
        } else {
            self.size = (width, height);
            self.pixels.resize(width * height, 0);
            vec![Rect::new(0, 0, width as i32, height as i32)]
        };
        self.items = items;
        for &part in &damage {
            self.renderer
                .paint(&self.items, &mut Frame::new(&mut self.pixels, width, height, part));
        }
        !damage.is_empty()
    }

    /// Replaces the pixels by a picture of its own: items on a background.
    pub(super) fn paint_items(&mut self, items: Vec<Item>, theme: Theme, (width, height): (usize, usize)) {
        self.renderer.theme = theme;
        self.size = (width, height);
        self.pixels.resize(width * height, 0);
        self.items = items;
        let whole = Rect::new(0, 0, width as i32, height as i32);
        self.renderer
            .paint(&self.items, &mut Frame::new(&mut self.pixels, width, height, whole));
    }

    /// The pixels in rows from the top, each `0x00RRGGBB`.
    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// Width and height of the frame, in pixels.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }
}

/// Theme, fonts and caches for painting items.
#[derive(Debug)]
struct Renderer {
    theme: Theme,
    text: Text,
    backdrop: Option<Backdrop>,
}

/// The image under the drawing, scaled to the canvas on the screen.
#[derive(Debug)]
struct Backdrop {
    image: Arc<GrayImage>,
    fitted: GrayImage,
}

impl Renderer {
    /// Paints everything within the frame's clip rectangle.
    fn paint(&mut self, items: &[Item], frame: &mut Frame<'_>) {
        frame.fill(frame.clip(), self.theme.background);
        for item in items {
            let mut frame = frame.clipped(item.rect());
            if !frame.clip().is_empty() {
                self.paint_item(item, &mut frame);
            }
        }
    }

    fn paint_item(&mut self, item: &Item, frame: &mut Frame<'_>) {
        match item {
            &Item::Fill { rect, radius, color } => frame.fill_round(rect, radius, color),
            &Item::Outline {
                rect,
                radius,
                thickness,
                color,
            } => {
                frame.outline_round(rect, radius, thickness, color);
            }
            Item::Text {
                rect,
                text,
                style,
                align,
                color,
            } => {
                self.text.draw(frame, *rect, text, *style, *align, *color);
            }
            Item::Canvas {
                rect,
                radius,
                ink,
                image,
                heat,
            } => {
                self.paint_canvas(frame, *rect, ink, image.as_ref(), heat.as_ref());
                frame.cut_corners(*rect, *radius, self.theme.background);
            }
            Item::Pixels { rect, radius, pixels } => {
                self.paint_pixels(frame, *rect, pixels);
                frame.cut_corners(*rect, *radius, self.theme.background);
            }
            Item::Lines {
                rect,
                lines,
                thickness,
                color,
            } => paint_lines(frame, *rect, (lines, *thickness), *color),
            Item::Tiles {
                rect,
                tiles,
                side,
                gap,
                colors,
            } => self.paint_tiles(frame, *rect, tiles, (*side, *gap), *colors),
            &Item::Veil { rect, alpha } => frame.veil(rect, self.theme.background, alpha),
        }
    }

    fn paint_canvas(
        &mut self,
        frame: &mut Frame<'_>,
        rect: Rect,
        ink: &Ink,
        image: Option<&Arc<GrayImage>>,
        heat: Option<&Heat>,
    ) {
        let part = frame.clip();
        let (left, top) = ((part.x - rect.x) as usize, (part.y - rect.y) as usize);
        let (width, height) = (part.width as usize, part.height as usize);
        let side = rect.width as usize;
        let base = match image {
            None => GrayImage::blank(width, height),
            Some(image) => self.backdrop(image, side).cropped(left, top, width, height),
        };
        let drawn = draw(
            ink.strokes(),
            Pen::AsDrawn,
            &View::part_of_canvas(side, left, top),
            base,
        );
        frame.fill(part, self.theme.canvas);
        let coverage = Coverage {
            width: drawn.width(),
            alpha: drawn.pixels(),
        };
        frame.blend(part.x, part.y, coverage, self.theme.ink);
        if let Some(heat) = heat {
            let glow = self.glow(&drawn, heat, |x, y| {
                let at = |offset: usize, pixel: usize| (offset + pixel) as f32 + 0.5;
                let unit = CANVAS / side as f32;
                Point::new(at(left, x) * unit, at(top, y) * unit)
            });
            for (color, alpha) in [self.theme.accent, self.theme.uncertain].into_iter().zip(&glow) {
                let (width, alpha) = (drawn.width(), alpha.as_slice());
                frame.blend(part.x, part.y, Coverage { width, alpha }, color);
            }
        }
    }

    /// Where the ink speaks for a digit, and where against it: each pixel's share of that color.
    fn glow(&self, drawn: &GrayImage, heat: &Heat, on_canvas: impl Fn(usize, usize) -> Point) -> [Vec<u8>; 2] {
        let map = heat.map();
        let mut glow = [0, 1].map(|_| vec![0; drawn.pixels().len()]);
        for (i, &ink) in drawn.pixels().iter().enumerate().filter(|(_, ink)| **ink > 0) {
            let support = map.at(on_canvas(i % drawn.width(), i / drawn.width()));
            // The root shows weak support too.
            let share = support.abs().min(1.0).sqrt() * f32::from(ink);
            glow[usize::from(support < 0.0)][i] = share as u8;
        }
        glow
    }

    fn backdrop(&mut self, image: &Arc<GrayImage>, side: usize) -> &GrayImage {
        let cached = self.backdrop.take();
        let cached = cached.filter(|cached| Arc::ptr_eq(&cached.image, image) && cached.fitted.width() == side);
        let scale = || Backdrop {
            image: Arc::clone(image),
            fitted: fit_in_square(image, side),
        };
        &self.backdrop.insert(cached.unwrap_or_else(scale)).fitted
    }

    /// Paints tiles in rows; a value's color grows with its share of the largest magnitude.
    fn paint_tiles(
        &self,
        frame: &mut Frame<'_>,
        rect: Rect,
        tiles: &Tiles,
        (side, gap): (i32, i32),
        colors: [Color; 2],
    ) {
        let columns = ((rect.width + gap) / (side + gap)).max(1);
        let peak = tiles.peak();
        let color = |value: f32| {
            let strength = (255.0 * (value.abs() / peak).min(1.0)) as u8;
            self.theme.canvas.under(colors[usize::from(value < 0.0)], strength)
        };
        for (i, tile) in (0..).zip(&tiles.tiles) {
            let (x, y) = (rect.x + i % columns * (side + gap), rect.y + i / columns * (side + gap));
            let tile_rect = Rect::new(x, y, side, side);
            if tile_rect.intersection(&frame.clip()).is_empty() {
                continue;
            }
            let edge = |index: usize, count: usize| index as i32 * side / count as i32;
            for (j, &value) in tile.iter().enumerate() {
                let (column, row) = (j % tiles.width, j / tiles.width);
                let (left, right) = (edge(column, tiles.width), edge(column + 1, tiles.width));
                let (top, bottom) = (edge(row, tiles.height), edge(row + 1, tiles.height));
                frame.fill(Rect::new(x + left, y + top, right - left, bottom - top), color(value));
            }
        }
    }

    fn paint_pixels(&self, frame: &mut Frame<'_>, rect: Rect, pixels: &Gray28) {
        let side = rect.width / SIDE as i32;
        for (i, &ink) in pixels.iter().enumerate() {
            let (x, y) = ((i % SIDE) as i32, (i / SIDE) as i32);
            let square = Rect::new(rect.x + x * side, rect.y + y * side, side, side);
            frame.fill(square, self.theme.canvas.under(self.theme.ink, ink));
        }
    }
}

fn paint_lines(frame: &mut Frame<'_>, rect: Rect, (lines, thickness): (&[Vec<[f32; 2]>], f32), color: Color) {
    let part = frame.clip();
    let corner = Point::new((part.x - rect.x) as f32, (part.y - rect.y) as f32);
    let lines: Vec<Vec<Point>> = lines
        .iter()
        .map(|line| line.iter().map(|&[x, y]| Point::new(x, y)).collect())
        .collect();
    let base = GrayImage::blank(part.width as usize, part.height as usize);
    let drawn = draw_lines(&lines, thickness, &View::from_corner(corner, 1.0), base);
    let coverage = Coverage {
        width: drawn.width(),
        alpha: drawn.pixels(),
    };
    frame.blend(part.x, part.y, coverage, color);
}

/// Disjoint rectangles that cover all differences between two scenes.
fn damage(before: &[Item], after: &[Item]) -> Vec<Rect> {
    let mut parts = Vec::new();
    for i in 0..before.len().max(after.len()) {
        match (before.get(i), after.get(i)) {
            (before, after) if before == after => {}
            (Some(before), Some(after)) => match canvas_damage(before, after) {
                Some(part) => add_part(&mut parts, part),
                None => [before, after]
                    .into_iter()
                    .for_each(|item| add_part(&mut parts, item.rect())),
            },
            (before, after) => {
                before
                    .into_iter()
                    .chain(after)
                    .for_each(|item| add_part(&mut parts, item.rect()));
            }
        }
    }
    parts
}

/// Adds a rectangle, merged with all that it overlaps.
fn add_part(parts: &mut Vec<Rect>, part: Rect) {
    let mut merged = part;
    while let Some(i) = parts.iter().position(|other| !other.intersection(&merged).is_empty()) {
        merged = merged.union(&parts.swap_remove(i));
    }
    if !merged.is_empty() {
        parts.push(merged);
    }
}

/// The changed part of a canvas, if only its ink differs.
fn canvas_damage(before: &Item, after: &Item) -> Option<Rect> {
    match (before, after) {
        (
            Item::Canvas {
                rect: old_rect,
                radius: old_radius,
                ink: old_ink,
                image: old_image,
                heat: old_heat,
            },
            Item::Canvas {
                rect,
                radius,
                ink,
                image,
                heat,
            },
        ) if (old_rect, old_radius, old_image, old_heat) == (rect, radius, image, heat) => {
            let Some(bounds) = difference(old_ink, ink) else {
                return Some(Rect::new(0, 0, 0, 0));
            };
            let unit = rect.width as f32 / CANVAS;
            let (left, top) = ((bounds.left * unit).floor() as i32, (bounds.top * unit).floor() as i32);
            let (right, bottom) = (
                (bounds.right * unit).ceil() as i32,
                (bounds.bottom * unit).ceil() as i32,
            );
            Some(Rect::new(rect.x + left, rect.y + top, right - left, bottom - top).intersection(rect))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        geometry::Bounds,
        recognition::prediction::Prediction,
        ui::{Key, Modifiers, event::Event, recognized_digit::RecognizedDigit, state::Opening},
    };

    const THEME: Theme = Theme::DARK;

    fn painted_from_scratch(state: &State) -> Vec<u32> {
        let mut painter = Painter::new();
        painter.paint(state);
        painter.pixels().to_vec()
    }

    fn show_prediction(state: &mut State, digit: usize, probability: f32, known: bool) {
        let mut probabilities = [(1.0 - probability) / 9.0; 10];
        probabilities[digit] = probability;
        let prediction = Prediction {
            probabilities,
            signs: Vec::new(),
            known,
            microseconds: 20.0,
        };
        let bounds = Bounds {
            left: 40.0,
            top: 40.0,
            right: 200.0,
            bottom: 300.0,
        };
        let recognized = state
            .network_input()
            .map(|pixels| RecognizedDigit::new(pixels, prediction, bounds));
        // Every third digit is shown as part of a number.
        let count = if digit.is_multiple_of(3) { 2 } else { 1 };
        state.show_digits(recognized.into_iter().flat_map(|digit| vec![digit; count]).collect());
    }

    fn events() -> impl Strategy<Value = Event> {
        let position = || (-20.0..660.0f32, -20.0..500.0f32);
        let key = proptest::sample::select("CZYEDHNL".chars().map(Key::Letter).collect::<Vec<_>>());
        prop_oneof![
            8 => position().prop_map(|(x, y)| Event::PointerMoved { x, y }),
            3 => position().prop_map(|(x, y)| Event::PointerPressed { x, y }),
            2 => position().prop_map(|(x, y)| Event::PointerReleased { x, y }),
            1 => position().prop_map(|(x, y)| Event::SecondaryPressed { x, y }),
            1 => any::<bool>().prop_map(|up| Event::WheelTurned { up, control: false }),
            2 => key.prop_map(|key| Event::KeyPressed { key, modifiers: Modifiers::default() }),
            1 => prop_oneof![Just((640, 480)), Just((700, 560)), Just((300, 200))]
                .prop_map(|(width, height)| Event::Resized { width, height }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn pixels_depend_on_the_state_alone(
            events in proptest::collection::vec(events(), 0..40), bar in any::<bool>(),
        ) {
            let bar = GrayImage::new(9, 9, vec![if bar { 90 } else { 0 }; 81]);
            let mut state = State::new(640, 480, Opening::Image(bar));
            let mut painter = Painter::new();
            for (i, event) in events.into_iter().enumerate() {
                state.apply(event);
                show_prediction(&mut state, i % 10, 0.3 + 0.01 * i as f32, i % 7 > 0);
                let before = painter.pixels().to_vec();
                let changed = painter.paint(&state);
                prop_assert!(changed || before == painter.pixels());
                prop_assert!(painter.pixels() == painted_from_scratch(&state), "after {:?}", event);
            }
        }
    }

    #[test]
    fn a_blank_window_shows_no_prediction() {
        let pixels = painted_from_scratch(&State::new(960, 640, Opening::Blank));
        for color in [THEME.accent, THEME.uncertain, THEME.bar] {
            assert!(!pixels.contains(&color.0), "{color:06X?}");
        }
        assert!(pixels.contains(&THEME.text.0) && pixels.contains(&THEME.canvas.0));
    }

    #[test]
    fn higher_probabilities_have_longer_bars() {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(280.0, 280.0));
        let mut state = State::new(960, 640, Opening::Ink(ink));
        let mut colored = |probability, known, color: Color| {
            show_prediction(&mut state, 3, probability, known);
            painted_from_scratch(&state)
                .iter()
                .filter(|&&pixel| pixel == color.0)
                .count()
        };
        let known = [0.3, 0.6, 0.9].map(|p| colored(p, true, THEME.accent));
        assert!(known[0] < known[1] && known[1] < known[2], "{known:?}");
        let unknown = [0.3, 0.9].map(|p| colored(p, false, THEME.uncertain));
        assert!(unknown[0] < unknown[1], "{unknown:?}");
        assert_eq!(colored(0.9, false, THEME.accent), 0);
    }

    #[test]
    fn ink_follows_the_pen() {
        let mut state = State::new(960, 640, Opening::Blank);
        let mut painter = Painter::new();
        painter.paint(&state);
        let (x, y) = (200.0, 300.0);
        state.apply(Event::PointerPressed { x, y });
        painter.paint(&state);
        let pixel = |painter: &Painter, x: usize, y: usize| painter.pixels()[y * 960 + x];
        assert_eq!(pixel(&painter, 200, 300), THEME.ink.0);
        assert_eq!(pixel(&painter, 200, 330), THEME.canvas.0);
        state.apply(Event::PointerReleased { x, y: 400.0 });
        painter.paint(&state);
        assert_eq!(
            (pixel(&painter, 200, 350), pixel(&painter, 200, 400)),
            (THEME.ink.0, THEME.ink.0)
        );
    }

    #[test]
    fn windows_of_any_size_are_painted() {
        for (width, height) in [
            (0, 0),
            (0, 5),
            (5, 0),
            (1, 1),
            (3, 700),
            (700, 3),
            (639, 479),
            (641, 2_000),
        ] {
            let mut state = State::new(width, height, Opening::Blank);
            assert_eq!(painted_from_scratch(&state).len(), width * height);
            state.apply(Event::PointerPressed { x: 100.0, y: 100.0 });
            show_prediction(&mut state, 8, 0.8, true);
            assert_eq!(painted_from_scratch(&state).len(), width * height);
        }
    }

    #[test]
    fn overlapping_parts_are_merged() {
        let mut parts = Vec::new();
        for (x, y) in [(0, 0), (20, 0), (50, 50), (9, 5)] {
            add_part(&mut parts, Rect::new(x, y, 12, 12));
        }
        assert_eq!(parts.len(), 2);
        assert!(parts.contains(&Rect::new(0, 0, 32, 17)) && parts.contains(&Rect::new(50, 50, 12, 12)));
        add_part(&mut parts, Rect::new(3, 3, 0, 9));
        assert_eq!(parts.len(), 2);
    }
}
