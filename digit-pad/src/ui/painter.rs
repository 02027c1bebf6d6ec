//! The painter: draws a scene into pixels, repainting only what changed.

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
        scene::{item::Item, scene},
        state::State,
        theme::Theme,
    },
};

/// Paints states, and keeps what costs time to make: the last picture and the glyphs.
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
    tools: Tools,
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
    /// A painter that has painted nothing yet.
    pub fn new() -> Self {
        let tools = Tools {
            theme: Theme::DARK,
            text: Text::new(),
            backdrop: None,
        };
        Painter {
            tools,
            items: Vec::new(),
            pixels: Vec::new(),
            size: (0, 0),
        }
    }

    /// Brings the picture up to date with `state` and says whether anything in it changed. The picture depends on
    /// the state alone, not on those painted before.
    pub fn paint(&mut self, state: &State) -> bool {
        let theme = if state.is_dark() { Theme::DARK } else { Theme::LIGHT };
        if self.tools.theme != theme {
            self.tools.theme = theme;
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
            self.tools
                .paint(&self.items, &mut Frame::new(&mut self.pixels, width, height, part));
        }
        !damage.is_empty()
    }

    /// The picture, row by row from the top, each pixel `0x00RRGGBB`.
    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// The picture's width and height, in pixels.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }
}

/// What painting takes.
#[derive(Debug)]
struct Tools {
    theme: Theme,
    text: Text,
    backdrop: Option<Backdrop>,
}

/// The picture under the drawing, at the size of the canvas on the screen.
#[derive(Debug)]
struct Backdrop {
    picture: Arc<GrayImage>,
    fitted: GrayImage,
}

impl Tools {
    /// Paints what lies within the frame's clip.
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
                picture,
            } => {
                self.paint_canvas(frame, *rect, ink, picture.as_ref());
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

    fn paint_canvas(&mut self, frame: &mut Frame<'_>, rect: Rect, ink: &Ink, picture: Option<&Arc<GrayImage>>) {
        let part = frame.clip();
        let (left, top) = ((part.x - rect.x) as usize, (part.y - rect.y) as usize);
        let (width, height) = (part.width as usize, part.height as usize);
        let side = rect.width as usize;
        let paper = match picture {
            None => GrayImage::blank(width, height),
            Some(picture) => self.backdrop(picture, side).cropped(left, top, width, height),
        };
        let drawn = draw(
            ink.strokes(),
            Pen::AsDrawn,
            &View::part_of_canvas(side, left, top),
            paper,
        );
        frame.fill(part, self.theme.canvas);
        let coverage = Coverage {
            width: drawn.width(),
            alpha: drawn.pixels(),
        };
        frame.blend(part.x, part.y, coverage, self.theme.ink);
    }

    fn backdrop(&mut self, picture: &Arc<GrayImage>, side: usize) -> &GrayImage {
        let kept = self.backdrop.take();
        let kept = kept.filter(|kept| Arc::ptr_eq(&kept.picture, picture) && kept.fitted.width() == side);
        let fresh = || Backdrop {
            picture: Arc::clone(picture),
            fitted: fit_in_square(picture, side),
        };
        &self.backdrop.insert(kept.unwrap_or_else(fresh)).fitted
    }

    /// Row by row, each value as near to its colour as it comes to the largest of all.
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
            let place = Rect::new(x, y, side, side);
            if place.intersection(&frame.clip()).is_empty() {
                continue;
            }
            // Each value from its first pixel to the next one's.
            let edge = |index: usize, of: usize| index as i32 * side / of as i32;
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
    let paper = GrayImage::blank(part.width as usize, part.height as usize);
    let drawn = draw_lines(&lines, thickness, &View::from_corner(corner, 1.0), paper);
    let coverage = Coverage {
        width: drawn.width(),
        alpha: drawn.pixels(),
    };
    frame.blend(part.x, part.y, coverage, color);
}

/// The parts of the picture in which two lists differ, apart from one another.
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

/// Adds a part, joined with all that it overlaps.
fn add_part(parts: &mut Vec<Rect>, part: Rect) {
    let mut joined = part;
    while let Some(i) = parts.iter().position(|other| !other.intersection(&joined).is_empty()) {
        joined = joined.union(&parts.swap_remove(i));
    }
    if !joined.is_empty() {
        parts.push(joined);
    }
}

/// Where a canvas changed, if the two are the same canvas and only the ink on it differs.
fn canvas_damage(before: &Item, after: &Item) -> Option<Rect> {
    match (before, after) {
        (
            Item::Canvas {
                rect: was_rect,
                radius: was_radius,
                ink: was,
                picture: was_picture,
            },
            Item::Canvas {
                rect,
                radius,
                ink,
                picture,
            },
        ) if (was_rect, was_radius, was_picture) == (rect, radius, picture) => {
            let Some(bounds) = difference(was, ink) else {
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
        ui::{
            Key, Modifiers,
            event::Event,
            state::{Opening, RecognizedDigit},
        },
    };

    const THEME: Theme = Theme::DARK;

    fn fresh(state: &State) -> Vec<u32> {
        let mut painter = Painter::new();
        painter.paint(state);
        painter.pixels().to_vec()
    }

    fn read(state: &mut State, digit: usize, probability: f32, known: bool) {
        let mut probabilities = [(1.0 - probability) / 9.0; 10];
        probabilities[digit] = probability;
        let prediction = Prediction {
            probabilities,
            known,
            microseconds: 20.0,
        };
        let bounds = Bounds {
            left: 40.0,
            top: 40.0,
            right: 200.0,
            bottom: 300.0,
        };
        let recognized = state.network_input().map(|pixels| RecognizedDigit {
            pixels,
            prediction,
            bounds,
        });
        // Every third time as a number.
        let count = if digit.is_multiple_of(3) { 2 } else { 1 };
        state.show(recognized.into_iter().flat_map(|digit| vec![digit; count]).collect());
    }

    fn events() -> impl Strategy<Value = Event> {
        let place = || (-20.0..660.0f32, -20.0..500.0f32);
        let key = proptest::sample::select("CZYEDHNL".chars().map(Key::Letter).collect::<Vec<_>>());
        prop_oneof![
            8 => place().prop_map(|(x, y)| Event::PointerMoved { x, y }),
            3 => place().prop_map(|(x, y)| Event::PointerPressed { x, y }),
            2 => place().prop_map(|(x, y)| Event::PointerReleased { x, y }),
            2 => key.prop_map(|key| Event::KeyPressed { key, modifiers: Modifiers::default() }),
            1 => prop_oneof![Just((640, 480)), Just((700, 560)), Just((300, 200))]
                .prop_map(|(width, height)| Event::Resized { width, height }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn what_is_painted_depends_on_the_state_alone(
            events in proptest::collection::vec(events(), 0..40), bar in any::<bool>(),
        ) {
            let bar = GrayImage::new(9, 9, vec![if bar { 90 } else { 0 }; 81]);
            let mut state = State::new(640, 480, Opening::Picture(bar));
            let mut painter = Painter::new();
            for (i, event) in events.into_iter().enumerate() {
                state.apply(event);
                read(&mut state, i % 10, 0.3 + 0.01 * i as f32, i % 7 > 0);
                let before = painter.pixels().to_vec();
                let changed = painter.paint(&state);
                prop_assert!(changed || before == painter.pixels());
                prop_assert!(painter.pixels() == fresh(&state), "after {:?}", event);
            }
        }
    }

    #[test]
    fn a_blank_window_has_no_colour_of_a_guess() {
        let pixels = fresh(&State::new(960, 640, Opening::Blank));
        for color in [THEME.accent, THEME.doubt, THEME.bar] {
            assert!(!pixels.contains(&color.0), "{color:06X?}");
        }
        assert!(pixels.contains(&THEME.text.0) && pixels.contains(&THEME.canvas.0));
    }

    #[test]
    fn more_probability_is_more_colour() {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(280.0, 280.0));
        let mut state = State::new(960, 640, Opening::Ink(ink));
        let mut colored = |probability, known, color: Color| {
            read(&mut state, 3, probability, known);
            fresh(&state).iter().filter(|&&pixel| pixel == color.0).count()
        };
        let known = [0.3, 0.6, 0.9].map(|p| colored(p, true, THEME.accent));
        assert!(known[0] < known[1] && known[1] < known[2], "{known:?}");
        let unknown = [0.3, 0.9].map(|p| colored(p, false, THEME.doubt));
        assert!(unknown[0] < unknown[1], "{unknown:?}");
        assert_eq!(colored(0.9, false, THEME.accent), 0);
    }

    #[test]
    fn ink_is_painted_where_the_pen_was() {
        let mut state = State::new(960, 640, Opening::Blank);
        let mut painter = Painter::new();
        painter.paint(&state);
        let (x, y) = (200.0, 300.0);
        state.apply(Event::PointerPressed { x, y });
        painter.paint(&state);
        let at = |painter: &Painter, x: usize, y: usize| painter.pixels()[y * 960 + x];
        assert_eq!(at(&painter, 200, 300), THEME.ink.0);
        assert_eq!(at(&painter, 200, 330), THEME.canvas.0);
        state.apply(Event::PointerReleased { x, y: 400.0 });
        painter.paint(&state);
        assert_eq!(
            (at(&painter, 200, 350), at(&painter, 200, 400)),
            (THEME.ink.0, THEME.ink.0)
        );
    }

    #[test]
    fn windows_of_every_size_can_be_painted() {
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
            assert_eq!(fresh(&state).len(), width * height);
            state.apply(Event::PointerPressed { x: 100.0, y: 100.0 });
            read(&mut state, 8, 0.8, true);
            assert_eq!(fresh(&state).len(), width * height);
        }
    }

    #[test]
    fn parts_that_overlap_are_painted_once() {
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
