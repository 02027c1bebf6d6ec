//! State → the list of everything that is shown, back to front: pure, and easy to look through in tests.

use std::sync::Arc;

use super::action::Action;
use super::frame::Rect;
use super::icons::{ICON, icon};
use super::layout::{BarRow, Button, Layout, Side, Spot};
use super::state::{LessonView, Overlay, Progress, Sight, State, Tool};
use super::text::{Align, Face, Style};
use super::theme::{Color, Theme};
use crate::grey::GreyImage;
use crate::ink::Ink;
use crate::inside::Tiles;
use crate::normalize::{Grey28, SIDE};
use crate::reading::Reading;

/// One thing that is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A filled rectangle with round corners.
    Fill {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// In which colour.
        color: Color,
    },
    /// A line along the inner edge of a rectangle with round corners.
    Outline {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// Of the line, in pixels.
        thickness: f32,
        /// In which colour.
        color: Color,
    },
    /// A line of text in the middle of its rectangle's height.
    Text {
        /// Where.
        rect: Rect,
        /// What.
        text: String,
        /// In which face and size.
        style: Style,
        /// How in its rectangle.
        align: Align,
        /// In which colour.
        color: Color,
    },
    /// The canvas with what is drawn on it.
    Canvas {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// The drawing.
        ink: Ink,
        /// The picture under the drawing.
        picture: Option<Arc<GreyImage>>,
    },
    /// A normalised picture, each of its pixels a square.
    Pixels {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// Row by row from the top.
        pixels: Box<Grey28>,
    },
    /// Lines of round ends, in pixels from the upper left corner of their rectangle.
    Lines {
        /// Where; nothing outside is painted.
        rect: Rect,
        /// The corners of each.
        lines: Vec<Vec<[f32; 2]>>,
        /// In pixels.
        thickness: f32,
        /// In which colour.
        color: Color,
    },
    /// Pictures of one size in rows: what is above 0 in one colour, what is below in another.
    Tiles {
        /// Where; nothing outside is painted.
        rect: Rect,
        /// The pictures.
        tiles: Arc<Tiles>,
        /// Width and height of each on the screen, in pixels.
        side: i32,
        /// Between them, in pixels.
        gap: i32,
        /// For the largest value, and for its negative.
        colors: [Color; 2],
    },
    /// Everything below becomes this much of the background, out of 255.
    Veil {
        /// Where.
        rect: Rect,
        /// How much.
        alpha: u8,
    },
}

impl Item {
    /// All that it may paint.
    pub fn rect(&self) -> Rect {
        match self {
            Item::Fill { rect, .. }
            | Item::Outline { rect, .. }
            | Item::Text { rect, .. }
            | Item::Canvas { rect, .. }
            | Item::Pixels { rect, .. }
            | Item::Lines { rect, .. }
            | Item::Tiles { rect, .. }
            | Item::Veil { rect, .. } => *rect,
        }
    }
}

/// Everything that a state shows, back to front, on a ground of [`Theme::background`].
pub fn scene(state: &State, theme: &Theme) -> Vec<Item> {
    let mut scene = Scene {
        items: Vec::with_capacity(120),
        layout: state.layout(),
        theme,
    };
    scene.canvas(state);
    scene.boxes(state.sights());
    scene.slider(state.ink().pen());
    for button in &state.layout().buttons {
        scene.button(button, state);
    }
    match (state.layout().side, state.progress()) {
        (Side::Layers, _) => scene.layers(state),
        (Side::Learning, Some(progress)) => scene.learning(progress),
        _ => scene.reading(state),
    }
    scene.status(state);
    scene.tooltip(state);
    match state.overlay() {
        None => {}
        Some(Overlay::Help) => scene.help(),
        Some(Overlay::Lessons) => scene.lessons(state.lessons(), state.hovered()),
    }
    scene.items
}

struct Scene<'a> {
    items: Vec<Item>,
    layout: &'a Layout,
    theme: &'a Theme,
}

impl Scene<'_> {
    fn canvas(&mut self, state: &State) {
        let rect = self.layout.canvas;
        let radius = self.layout.scaled(14.0);
        let (ink, picture) = (state.ink().clone(), state.picture().cloned());
        self.items.push(Item::Canvas {
            rect,
            radius,
            ink,
            picture,
        });
        self.outline(rect, radius);
        if state.is_blank() {
            let [line, small_line] = self.layout.hint;
            self.text(line, "Draw a digit", Face::Medium, 24.0, Align::Center, self.theme.text);
            let how = "or a number: it is read while you draw";
            self.text(small_line, how, Face::Medium, 15.0, Align::Center, self.theme.muted);
        }
        if let Some((x, y, radius)) = state.eraser() {
            self.ring([x, y], radius);
        }
    }

    /// Where the eraser is.
    fn ring(&mut self, [x, y]: [f32; 2], radius: f32) {
        let reach = radius + 3.0;
        let (left, top) = ((x - reach).floor(), (y - reach).floor());
        let side = (2.0 * reach).ceil() as i32 + 1;
        let point = |step: u8| {
            let (sin, cos) = (f32::from(step) / 32.0 * std::f32::consts::TAU).sin_cos();
            [x - left + radius * cos, y - top + radius * sin]
        };
        self.items.push(Item::Lines {
            rect: Rect::new(left as i32, top as i32, side, side).intersection(&self.layout.canvas),
            lines: vec![(0..=32).map(point).collect()],
            thickness: self.layout.scaled(1.5),
            color: self.theme.doubt,
        });
    }

    /// Around each digit of a number, with what was read there.
    fn boxes(&mut self, sights: &[Sight]) {
        if sights.len() < 2 {
            return;
        }
        for sight in sights {
            let rect = self.layout.on_canvas(sight.bounds.grown(20.0));
            let color = self.answer_color(&sight.reading);
            self.items.push(Item::Outline {
                rect,
                radius: self.layout.scaled(8.0),
                thickness: self.layout.scaled(1.5),
                color,
            });
            let height = self.layout.scaled(18.0) as i32;
            let above = rect.y - height - 2;
            let y = if above > self.layout.canvas.y {
                above
            } else {
                rect.y + 3
            };
            let place = Rect::new(rect.x, y, rect.width, height);
            let label = format!("{}  {}", answer(&sight.reading), percent(sight.reading.probability()));
            let short = answer(&sight.reading);
            let wide = rect.width as f32 > self.layout.scaled(64.0);
            let label = if wide { label } else { short };
            self.text(place, &label, Face::SemiBold, 13.0, Align::Center, color);
        }
    }

    fn answer_color(&self, reading: &Reading) -> Color {
        if reading.known {
            self.theme.accent
        } else {
            self.theme.doubt
        }
    }

    fn slider(&mut self, pen: f32) {
        let (left, right, middle) = self.layout.slider_track();
        let (knob, rect) = (self.layout.knob_at(pen), self.layout.slider);
        let at = |x: f32| [x - rect.x as f32, middle - rect.y as f32];
        for (from, to, color) in [(left, right, self.theme.track), (left, knob, self.theme.muted)] {
            self.items.push(Item::Lines {
                rect,
                lines: vec![vec![at(from), at(to)]],
                thickness: self.layout.scaled(4.0),
                color,
            });
        }
        // As thick as the line that it draws, as far as there is room.
        let unit = self.layout.canvas_unit();
        self.items.push(Item::Lines {
            rect,
            lines: vec![vec![at(knob)]],
            thickness: (pen / unit).clamp(self.layout.scaled(8.0), self.layout.scaled(22.0)),
            color: self.theme.text,
        });
    }

    fn button(&mut self, button: &Button, state: &State) {
        let (enabled, theme, spot) = (state.can(button.action), self.theme, Some(Spot::Action(button.action)));
        let on = match button.action {
            Action::Eraser => state.tool() == Tool::Eraser,
            Action::Layers => state.layout().side == Side::Layers,
            Action::Learn => state.layout().side == Side::Learning,
            _ => false,
        };
        let color = match () {
            () if !enabled => theme.button,
            () if state.pressed() == spot => theme.button_pressed,
            () if state.hovered() == spot || on => theme.button_hover,
            () => theme.button,
        };
        let radius = self.layout.scaled(10.0).min(0.3 * button.rect.width as f32);
        self.items.push(Item::Fill {
            rect: button.rect,
            radius,
            color,
        });
        let color = match (enabled, on) {
            (false, _) => theme.border,
            (true, true) => theme.accent,
            (true, false) => theme.text,
        };
        let lines = icon(button.action);
        if lines.is_empty() {
            let (label, color) = (
                short_label(button.action, state),
                if enabled { theme.text } else { theme.muted },
            );
            return self.text(button.rect, label, Face::SemiBold, 13.0, Align::Center, color);
        }
        let rect = button.rect;
        let side = self.layout.scaled(22.0).min(rect.width as f32 - 4.0).round();
        let (left, top) = (0.5 * (rect.width as f32 - side), 0.5 * (rect.height as f32 - side));
        let place = |[x, y]: [f32; 2]| [left + x * side / ICON, top + y * side / ICON];
        self.items.push(Item::Lines {
            rect,
            lines: lines
                .into_iter()
                .map(|line| line.into_iter().map(place).collect())
                .collect(),
            thickness: (self.layout.scaled(1.8) * side / self.layout.scaled(22.0)).max(1.3),
            color,
        });
    }

    /// What the button under the pointer does, above it.
    fn tooltip(&mut self, state: &State) {
        let Some(Spot::Action(action)) = state.hovered().filter(|_| state.overlay().is_none()) else {
            return;
        };
        let Some(button) = self.layout.buttons.iter().find(|button| button.action == action) else {
            return;
        };
        let (label, key) = (action.label(), action.key());
        // Wide enough for any text of that many letters.
        let letters = (label.chars().count() + key.chars().count()) as f32;
        let (width, height) = (self.layout.scaled(8.2 * letters + 40.0), self.layout.scaled(30.0));
        let (width, height) = (width.round() as i32, height.round() as i32);
        let x = button.rect.x + (button.rect.width - width) / 2;
        let most = (self.layout.window.0 as i32).max(super::layout::LEAST_SIZE.0 as i32) - width - 4;
        let rect = Rect::new(
            x.clamp(4, most.max(4)),
            button.rect.y - height - self.layout.scaled(6.0) as i32,
            width,
            height,
        );
        let radius = self.layout.scaled(7.0);
        self.items.push(Item::Fill {
            rect,
            radius,
            color: self.theme.button_hover,
        });
        self.outline(rect, radius);
        let padding = self.layout.scaled(12.0) as i32;
        let inner = Rect::new(rect.x + padding, rect.y, rect.width - 2 * padding, rect.height);
        self.text(inner, label, Face::Medium, 13.0, Align::Left, self.theme.text);
        self.text(inner, key, Face::SemiBold, 13.0, Align::Right, self.theme.muted);
    }

    fn reading(&mut self, state: &State) {
        let shown = state.sight();
        self.answer(state.sights());
        self.seen(shown.map(|sight| &sight.pixels));
        for (digit, row) in state.layout().bars.iter().enumerate() {
            self.bar(digit, row, shown.map(|sight| &sight.reading));
        }
    }

    fn answer(&mut self, sights: &[Sight]) {
        let (layout, theme) = (self.layout, self.theme);
        let caption = if sights.len() > 1 { "The number" } else { "Answer" };
        self.text(
            layout.answer_caption,
            caption,
            Face::Medium,
            13.0,
            Align::Left,
            theme.muted,
        );
        let beside = layout.certainty.x >= layout.answer.right();
        let align = if beside { Align::Left } else { Align::Right };
        match sights {
            [] => self.text(layout.answer, "–", Face::Medium, 44.0, Align::Left, theme.muted),
            [Sight { reading, .. }] => self.one_answer(reading, beside, align),
            sights => self.number(sights, beside, align),
        }
    }

    fn one_answer(&mut self, reading: &Reading, beside: bool, align: Align) {
        let (layout, theme) = (self.layout, self.theme);
        let size = 1.16 * layout.answer.height as f32 / layout.scale;
        let color = self.answer_color(reading);
        self.text(layout.answer, &answer(reading), Face::Display, size, Align::Left, color);
        let (certainty, size, color, verdict) = if reading.known {
            let size = if beside { 28.0 } else { 18.0 };
            (percent(reading.probability()), size, theme.text, runner_up(reading))
        } else {
            let size = if beside { 18.0 } else { 15.0 };
            let guess = format!("perhaps {}, {}", reading.digit(), percent(reading.probability()));
            ("I don’t know".to_owned(), size, theme.doubt, guess)
        };
        self.text(layout.certainty, &certainty, Face::SemiBold, size, Align::Left, color);
        let size = if reading.known { 14.0 } else { 13.0 };
        self.text(layout.verdict, &verdict, Face::Medium, size, align, theme.muted);
    }

    /// The digits side by side, as large as there is room before the picture that the network sees.
    fn number(&mut self, sights: &[Sight], beside: bool, align: Align) {
        let (layout, theme) = (self.layout, self.theme);
        let digits: String = sights.iter().map(|sight| answer(&sight.reading)).collect();
        let room = (layout.seen.x - layout.answer.x) as f32 - layout.scaled(12.0);
        // A digit of the display face is some two thirds as wide as its size.
        let widest = room / (0.68 * digits.chars().count() as f32);
        let size = (0.62 * layout.answer.height as f32).min(widest) / layout.scale;
        let known = sights.iter().all(|sight| sight.reading.known);
        let color = if known { theme.accent } else { theme.doubt };
        let height = if beside {
            layout.answer.height * 62 / 100
        } else {
            layout.answer.height
        };
        let place = Rect::new(layout.answer.x, layout.answer.y, room as i32, height);
        self.text(place, &digits, Face::Display, size, Align::Left, color);
        let together: f32 = sights.iter().map(|sight| sight.reading.probability()).product();
        let (certainty, verdict) = if beside {
            let line = layout.scaled(24.0) as i32;
            let y = layout.answer.bottom() - line;
            let half = (room as i32) / 2;
            (
                Rect::new(layout.answer.x, y, half, line),
                Rect::new(layout.answer.x + half, y, half, line),
            )
        } else {
            (layout.certainty, layout.verdict)
        };
        self.text(
            certainty,
            &percent(together),
            Face::SemiBold,
            16.0,
            Align::Left,
            theme.text,
        );
        let verdict_text = if known {
            format!("{} digits", sights.len())
        } else {
            "not sure".to_owned()
        };
        let align = if beside { Align::Right } else { align };
        self.text(verdict, &verdict_text, Face::Medium, 13.0, align, theme.muted);
    }

    fn seen(&mut self, pixels: Option<&Grey28>) {
        let (caption, rect) = (self.layout.seen_caption, self.layout.seen);
        self.text(
            caption,
            "The network sees",
            Face::Medium,
            13.0,
            Align::Right,
            self.theme.muted,
        );
        let pixels = Box::new(pixels.copied().unwrap_or([0; SIDE * SIDE]));
        let radius = self.layout.scaled(8.0);
        self.items.push(Item::Pixels { rect, radius, pixels });
        self.outline(rect, radius);
    }

    fn bar(&mut self, digit: usize, row: &BarRow, reading: Option<&Reading>) {
        let (theme, radius) = (self.theme, 0.5 * row.track.height as f32);
        let wins = reading.is_some_and(|reading| usize::from(reading.digit()) == digit);
        let strong = if wins { theme.text } else { theme.muted };
        self.text(row.digit, &digit.to_string(), Face::SemiBold, 15.0, Align::Left, strong);
        self.items.push(Item::Fill {
            rect: row.track,
            radius,
            color: theme.track,
        });
        let Some(reading) = reading else {
            return self.text(row.percent, "–", Face::Medium, 14.0, Align::Right, theme.muted);
        };
        let probability = reading.probabilities[digit];
        // A bar begins as a dot: a sliver of one would look like a flaw.
        let (least, most) = (row.track.height as f32, row.track.width as f32);
        let width = if probability < WORTH_A_DOT {
            0.0
        } else {
            least + probability * (most - least)
        };
        let width = width.round() as i32;
        let color = match (wins, reading.known) {
            (false, _) => theme.bar,
            (true, true) => theme.accent,
            (true, false) => theme.doubt,
        };
        if width > 0 {
            self.items.push(Item::Fill {
                rect: Rect { width, ..row.track },
                radius,
                color,
            });
        }
        let face = if wins { Face::SemiBold } else { Face::Medium };
        self.text(row.percent, &percent(probability), face, 14.0, Align::Right, strong);
    }

    /// Every layer, a line of pictures each.
    fn layers(&mut self, state: &State) {
        let panel = self.layout.panel;
        let Some(insights) = state.insights() else {
            let place = Rect::new(panel.x, panel.y, panel.width, self.layout.scaled(22.0) as i32);
            return self.text(
                place,
                "Draw, to look inside the network",
                Face::Medium,
                14.0,
                Align::Left,
                self.theme.muted,
            );
        };
        let (caption, gap) = (self.layout.scaled(17.0) as i32, self.layout.scaled(7.0) as i32);
        let forms: Vec<_> = insights
            .iter()
            .map(|i| (i.output.tiles.len() as i32, i.output.width > 1))
            .collect();
        let room = panel.height - forms.len() as i32 * (caption + gap);
        let Some(side) = tile_side(&forms, panel.width, room, self.layout.scaled(44.0) as i32) else {
            return;
        };
        let mut y = panel.y;
        for (insight, &(count, is_map)) in insights.iter().zip(&forms) {
            let place = Rect::new(panel.x, y, panel.width, caption);
            self.text(place, &insight.name, Face::Medium, 11.0, Align::Left, self.theme.muted);
            y += caption;
            let (side, tile_gap) = form_of_tiles(side, is_map, count, panel.width);
            let columns = ((panel.width + tile_gap) / (side + tile_gap)).max(1);
            let height = (count + columns - 1) / columns * (side + tile_gap) - tile_gap;
            self.items.push(Item::Tiles {
                rect: Rect::new(panel.x, y, panel.width, height),
                tiles: Arc::clone(&insight.output),
                side,
                gap: tile_gap,
                colors: [self.theme.accent, self.theme.doubt],
            });
            y += height + gap;
        }
    }

    /// Curves, figures and filters of a network in training.
    fn learning(&mut self, progress: &Progress) {
        let (panel, theme) = (self.layout.panel, self.theme);
        let line = self.layout.scaled(22.0) as i32;
        let title = match (progress.finished, progress.paused) {
            (true, _) => "It has learnt",
            (false, true) => "It rests",
            (false, false) => "It learns from nothing",
        };
        let head = Rect::new(panel.x, panel.y, panel.width * 62 / 100, line);
        self.text(head, title, Face::SemiBold, 16.0, Align::Left, theme.text);
        let seconds = format!("{:.1} s", progress.seconds);
        let right = Rect::new(head.right(), panel.y, panel.width - head.width, line);
        self.text(right, &seconds, Face::SemiBold, 16.0, Align::Right, theme.text);
        let filters = self.filters(progress);
        let top = panel.y + line + self.layout.scaled(6.0) as i32;
        let room = filters - self.layout.scaled(10.0) as i32 - top;
        let half = (room - self.layout.scaled(12.0) as i32) / 2;
        let accuracy = progress.accuracies.last().map_or(0.0, |&[_, accuracy]| accuracy);
        let loss = progress.losses.last().map_or(0.0, |&[_, loss]| loss);
        let caption = match progress.test_accuracy {
            Some(accuracy) => format!("Test digits read rightly: {}", percent(accuracy)),
            None => format!("Read rightly: {}", percent(accuracy)),
        };
        let share = |[step, value]: [f32; 2]| [step, logarithmic(value)];
        let accuracies: Vec<_> = progress.accuracies.iter().copied().map(share).collect();
        let total = progress.total_steps as f32;
        self.curve(
            Rect::new(panel.x, top, panel.width, half),
            &caption,
            (&accuracies, total, 1.0),
            theme.accent,
        );
        let y = panel.y + line + self.layout.scaled(18.0) as i32 + half;
        let most = progress.losses.iter().map(|point| point[1]).fold(0.1, f32::max);
        let caption = format!("Loss: {loss:.3}");
        self.curve(
            Rect::new(panel.x, y, panel.width, half),
            &caption,
            (&progress.losses, total, most),
            theme.doubt,
        );
    }

    /// A curve over steps, under its caption.
    fn curve(&mut self, place: Rect, caption: &str, (points, last, most): (&[[f32; 2]], f32, f32), color: Color) {
        let line = self.layout.scaled(20.0) as i32;
        let caption_place = Rect::new(place.x, place.y, place.width, line);
        self.text(
            caption_place,
            caption,
            Face::Medium,
            13.0,
            Align::Left,
            self.theme.muted,
        );
        let rect = Rect::new(place.x, place.y + line, place.width, place.height - line);
        let radius = self.layout.scaled(6.0);
        self.items.push(Item::Fill {
            rect,
            radius,
            color: self.theme.canvas,
        });
        self.outline(rect, radius);
        let inset = self.layout.scaled(8.0);
        let (width, height) = (rect.width as f32 - 2.0 * inset, rect.height as f32 - 2.0 * inset);
        let place = |&[step, value]: &[f32; 2]| {
            let share = (value / most).clamp(0.0, 1.0);
            [
                inset + width * (step / last.max(1.0)).min(1.0),
                inset + height * (1.0 - share),
            ]
        };
        self.items.push(Item::Lines {
            rect,
            lines: vec![points.iter().map(place).collect()],
            thickness: self.layout.scaled(2.0),
            color,
        });
    }

    /// The first layer's filters at the foot of the panel; returns where they begin.
    fn filters(&mut self, progress: &Progress) -> i32 {
        let panel = self.layout.panel;
        let (height, width, ref filters) = progress.filters;
        let gap = self.layout.scaled(4.0) as i32;
        let count = filters.len() as i32;
        if count == 0 || width < 2 {
            return panel.bottom();
        }
        let columns = if count <= 16 { (count + 1) / 2 } else { 16 };
        let side = ((panel.width + gap) / columns - gap).min(self.layout.scaled(40.0) as i32);
        let rows = ((count + columns - 1) / columns).min(2);
        let tiles_height = rows * (side + gap) - gap;
        let line = self.layout.scaled(20.0) as i32;
        let y = panel.bottom() - tiles_height;
        let caption = Rect::new(panel.x, y - line, panel.width, line);
        self.text(
            caption,
            "Its first filters",
            Face::Medium,
            13.0,
            Align::Left,
            self.theme.muted,
        );
        let tiles = Arc::new(Tiles {
            height,
            width,
            tiles: filters.clone(),
        });
        self.items.push(Item::Tiles {
            rect: Rect::new(panel.x, y, columns * (side + gap) - gap, tiles_height),
            tiles,
            side,
            gap,
            colors: [self.theme.accent, self.theme.doubt],
        });
        y - line
    }

    fn status(&mut self, state: &State) {
        if let Some(message) = state.message() {
            return self.message(message);
        }
        let status = match (state.sight(), state.progress()) {
            (_, Some(progress)) if self.layout.side == Side::Learning => {
                let rate = progress.images_per_second;
                format!(
                    "Step {} of {}, {rate:.0} images/s",
                    progress.steps, progress.total_steps
                )
            }
            (Some(sight), _) => format!("Read in {}", duration(sight.reading.microseconds)),
            (None, _) => "H shows all keys".to_owned(),
        };
        let place = self.layout.status;
        self.text(place, &status, Face::Medium, 13.0, Align::Left, self.theme.muted);
    }

    /// In as many lines as it takes, up from the foot of the panel and over it.
    fn message(&mut self, message: &str) {
        let place = self.layout.status;
        let lines = wrapped(message, place.width as f32 / self.layout.scaled(13.0));
        let above = lines.len().saturating_sub(1) as i32;
        if above > 0 {
            let y = place.y - above * place.height;
            self.items.push(Item::Fill {
                rect: Rect::new(place.x, y, place.width, above * place.height),
                radius: 0.0,
                color: self.theme.background,
            });
        }
        for (line, above) in lines.iter().zip((0..=above).rev()) {
            let place = Rect::new(place.x, place.y - above * place.height, place.width, place.height);
            self.text(place, line, Face::Medium, 13.0, Align::Left, self.theme.text);
        }
    }

    fn sheet(&mut self, title: &str) -> Rect {
        let (layout, theme) = (self.layout, self.theme);
        let (width, height) = (layout.window.0 as i32, layout.window.1 as i32);
        self.items.push(Item::Veil {
            rect: Rect::new(0, 0, width, height),
            alpha: 190,
        });
        let radius = layout.scaled(16.0);
        self.items.push(Item::Fill {
            rect: layout.overlay,
            radius,
            color: theme.button,
        });
        self.outline(layout.overlay, radius);
        let padding = layout.scaled(28.0) as i32;
        let inner = layout.overlay.inset(padding);
        let head = Rect::new(inner.x, inner.y, inner.width, layout.scaled(26.0) as i32);
        self.text(head, title, Face::SemiBold, 20.0, Align::Left, theme.text);
        inner
    }

    fn help(&mut self) {
        let inner = self.sheet("What you can do");
        let top = inner.y + self.layout.scaled(38.0) as i32;
        let rows = (Action::ALL.len() as i32 + 2) / 2 + 1;
        let pitch = (inner.bottom() - top) / rows;
        let half = inner.width / 2;
        let entries =
            std::iter::once(("0 … 9", "Teach it: this was a …")).chain(Action::ALL.map(|a| (a.key(), a.label())));
        for (i, (key, label)) in entries.enumerate() {
            let (column, row) = (i as i32 / (rows - 1), i as i32 % (rows - 1));
            let x = inner.x + column * half;
            let place = Rect::new(x, top + row * pitch, self.layout.scaled(60.0) as i32, pitch);
            self.text(place, key, Face::SemiBold, 14.0, Align::Left, self.theme.accent);
            let label_x = place.right() + self.layout.scaled(8.0) as i32;
            let place = Rect::new(label_x, place.y, x + half - label_x, pitch);
            self.text(place, label, Face::Medium, 14.0, Align::Left, self.theme.text);
        }
        let foot = Rect::new(inner.x, inner.bottom() - pitch, inner.width, pitch);
        let text = "Several digits side by side are read as a number. Any click closes this.";
        self.text(foot, text, Face::Medium, 13.0, Align::Left, self.theme.muted);
    }

    fn lessons(&mut self, lessons: &[LessonView], hovered: Option<Spot>) {
        let inner = self.sheet("What you taught");
        let line = self.layout.scaled(20.0) as i32;
        let place = Rect::new(inner.x, inner.y + self.layout.scaled(32.0) as i32, inner.width, line);
        let layout = self.layout;
        let places = layout.lessons(lessons.len());
        let text = match lessons.len().saturating_sub(places.len()) {
            _ if lessons.is_empty() => {
                "Nothing yet: draw a digit, and press the key of the digit that it is.".to_owned()
            }
            0 => "Click one to forget it. U takes the last back, F forgets all.".to_owned(),
            older => format!(
                "Click one to forget it. U takes the last back, F forgets all. {older} older ones have no room."
            ),
        };
        self.text(place, &text, Face::Medium, 13.0, Align::Left, self.theme.muted);
        let newest_first = lessons.iter().enumerate().rev();
        for (&place, (index, lesson)) in places.iter().zip(newest_first) {
            let rect = Rect::new(place.x, place.y, place.width, place.width);
            let radius = self.layout.scaled(6.0);
            self.items.push(Item::Pixels {
                rect,
                radius,
                pixels: Box::new(lesson.pixels),
            });
            let forget = hovered == Some(Spot::Lesson(index));
            self.outline(rect, radius);
            let below = Rect::new(place.x, rect.bottom(), place.width, place.height - place.width);
            let (label, color) = if forget {
                ("forget".to_owned(), self.theme.doubt)
            } else {
                (lesson.label.to_string(), self.theme.text)
            };
            self.text(below, &label, Face::SemiBold, 13.0, Align::Center, color);
        }
    }

    fn outline(&mut self, rect: Rect, radius: f32) {
        let thickness = self.layout.scale.round().max(1.0);
        self.items.push(Item::Outline {
            rect,
            radius,
            thickness,
            color: self.theme.border,
        });
    }

    /// Writes text whose size is given in pixels of the default window.
    fn text(&mut self, rect: Rect, text: &str, face: Face, size: f32, align: Align, color: Color) {
        let style = Style {
            face,
            size: self.layout.scaled(size),
        };
        self.items.push(Item::Text {
            rect,
            text: text.to_owned(),
            style,
            align,
            color,
        });
    }
}

/// What the answer's large letter is.
fn answer(reading: &Reading) -> String {
    if reading.known {
        reading.digit().to_string()
    } else {
        "?".to_owned()
    }
}

/// What stands on a button without a picture.
fn short_label(action: Action, state: &State) -> &'static str {
    let paused = state.progress().is_some_and(|progress| progress.paused);
    match action {
        Action::Pause if paused => "Go on",
        Action::Pause => "Pause",
        Action::Stop => "Stop",
        Action::Shipped => "Go back",
        other => other.label(),
    }
}

/// On a scale on which equal steps leave a tenth of what was misread: 90 % is half of 99 %, and that two thirds of 99.9 %.
fn logarithmic(accuracy: f32) -> f32 {
    -(1.0 - accuracy.clamp(0.0, 0.999)).log10() / 3.0
}

/// The largest side, up to `most`, with which all pictures fit into the width and the height.
fn tile_side(forms: &[(i32, bool)], width: i32, height: i32, most: i32) -> Option<i32> {
    (1..=most).rev().find(|&side| {
        let heights = forms.iter().map(|&(count, is_map)| {
            let (side, gap) = form_of_tiles(side, is_map, count, width);
            let columns = ((width + gap) / (side + gap)).max(1);
            (count + columns - 1) / columns * (side + gap)
        });
        heights.sum::<i32>() <= height
    })
}

/// The side of a layer's pictures and the gap between them, where that of the largest is given. Neurons are small, as
/// long as one can tell them apart; few are larger.
fn form_of_tiles(side: i32, is_map: bool, count: i32, width: i32) -> (i32, i32) {
    let gap = if side > 12 { 2 } else { 1 };
    if is_map {
        return (side, gap);
    }
    let in_a_row = (width + gap) / count.max(1) - gap;
    (in_a_row.clamp((side / 3).clamp(2.min(side), side), side), gap)
}

/// The text in lines of so many ems, cut between words where there are any, and at the end where there are too many.
fn wrapped(text: &str, ems: f32) -> Vec<String> {
    const MOST_LINES: usize = 4;
    // Letters of the text face are a little more than half an em wide on average.
    let most = ((ems / 0.56) as usize).max(2);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let line = lines.last_mut().expect("there is always a line");
            let used = line.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= most {
                line.extend((gap > 0).then_some(' '));
                line.extend(word.drain(..));
            } else if used == 0 {
                line.extend(word.drain(..most));
            } else {
                lines.push(String::new());
            }
        }
    }
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        let last = &mut lines[MOST_LINES - 1];
        *last = last.chars().take(most - 1).chain(['…']).collect();
    }
    lines
}

/// The least probability that has a bar.
const WORTH_A_DOT: f32 = 0.005;

/// A probability to a tenth of a percent; what rounds to certainty needs no decimals.
fn percent(probability: f32) -> String {
    let percent = format!("{:.1}%", 100.0 * probability);
    if percent == "100.0%" {
        "100%".to_owned()
    } else {
        percent
    }
}

/// The second most probable digit, where it is worth a word.
fn runner_up(reading: &Reading) -> String {
    const WORTH_A_WORD: f32 = 0.02;
    let winner = usize::from(reading.digit());
    let others = (0..10).filter(|&digit| digit != winner);
    let second = others.max_by(|&a, &b| reading.probabilities[a].total_cmp(&reading.probabilities[b]));
    match second.map(|digit| (digit, reading.probabilities[digit])) {
        Some((digit, probability)) if probability >= WORTH_A_WORD => {
            format!("or {digit}, {}", percent(probability))
        }
        _ => "sure".to_owned(),
    }
}

fn duration(microseconds: f32) -> String {
    match microseconds {
        us if us < 999.5 => format!("{us:.0} µs"),
        us => format!("{:.1} ms", us / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::ink::{Bounds, Point};
    use crate::view::state::Opening;
    use crate::view::text::Text;

    const THEME: Theme = Theme::DARK;

    fn reading(known: bool, probabilities: [f32; 10]) -> Reading {
        Reading {
            probabilities,
            known,
            microseconds: 43.2,
        }
    }

    /// A window with a dot on the canvas and something read in it.
    fn window(width: usize, height: usize, reading: Option<Reading>) -> State {
        let mut ink = Ink::new();
        if reading.is_some() {
            ink.pen_down(Point::new(280.0, 280.0));
            ink.pen_up(Point::new(280.0, 280.0));
        }
        let mut state = State::new(width, height, Opening::Ink(ink));
        let sight = reading.map(|reading| Sight {
            pixels: state.look().unwrap_or([0; 784]),
            reading,
            bounds: Bounds::CANVAS.grown(-264.0),
        });
        state.show(sight.into_iter().collect());
        state
    }

    fn texts(items: &[Item]) -> Vec<(&str, Color)> {
        let text = |item| match item {
            &Item::Text { ref text, color, .. } => Some((text.as_str(), color)),
            _ => None,
        };
        items.iter().filter_map(text).collect()
    }

    /// The colours and lengths of the bars, tracks left out.
    fn bars(items: &[Item], state: &State) -> Vec<(usize, Color, i32)> {
        let rows = state.layout().bars;
        let bar = |item: &Item| match *item {
            Item::Fill { rect, color, .. } if color != THEME.track => {
                let row = rows
                    .iter()
                    .position(|row| (row.track.x, row.track.y) == (rect.x, rect.y))?;
                Some((row, color, rect.width))
            }
            _ => None,
        };
        items.iter().filter_map(bar).collect()
    }

    fn readings() -> impl Strategy<Value = Reading> {
        (any::<bool>(), proptest::array::uniform10(0.0..1.0f32), 0.0..5e6f32).prop_map(
            |(known, mut p, microseconds)| {
                p.iter_mut().for_each(|p| *p = p.powi(8));
                let sum: f32 = p.iter().sum::<f32>().max(f32::MIN_POSITIVE);
                Reading {
                    probabilities: p.map(|p| p / sum),
                    known,
                    microseconds,
                }
            },
        )
    }

    /// The first text of a window's picture that does not fit its place.
    fn misfit(width: usize, height: usize, reading: Option<Reading>) -> Option<String> {
        static TEXT: LazyLock<Text> = LazyLock::new(Text::new);
        scene(&window(width, height, reading), &THEME)
            .into_iter()
            .find_map(|item| match item {
                Item::Text { rect, text, style, .. }
                    if TEXT.width(&text, style) > rect.width as f32 || TEXT.cap_height(style) > rect.height as f32 =>
                {
                    Some(format!("{text:?} in {rect:?} at {width}×{height}"))
                }
                _ => None,
            })
    }

    #[test]
    fn the_widest_answers_fit_windows_of_every_size() {
        for winner in [0, 4, 8] {
            for (most, other) in [(1.0, 0.0), (0.9994, 0.0), (0.888, 0.112), (0.48, 0.46)] {
                let mut probabilities = [0.0; 10];
                (probabilities[winner], probabilities[(winner + 4) % 10]) = (most, other);
                for (width, height) in (640..=3840).step_by(19).zip((480..=2160).step_by(53).cycle()) {
                    for (known, height) in [(true, height), (false, height), (true, 480), (false, 480)] {
                        assert_eq!(misfit(width, height, Some(reading(known, probabilities))), None);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_text_fits_its_place(
            width in 640..=3840usize, height in 480..=2160usize, reading in proptest::option::of(readings()),
        ) {
            prop_assert_eq!(misfit(width, height, reading), None);
        }

        #[test]
        fn all_of_it_lies_in_the_window(
            width in 640..=3840usize, height in 480..=2160usize, reading in proptest::option::of(readings()),
        ) {
            let window_rect = Rect::new(0, 0, width as i32, height as i32);
            for item in scene(&window(width, height, reading), &THEME) {
                prop_assert_eq!(item.rect().intersection(&window_rect), item.rect());
            }
        }

        #[test]
        fn the_winner_has_the_longest_bar(reading in readings()) {
            let state = window(960, 640, Some(reading.clone()));
            let items = scene(&state, &THEME);
            let bars = bars(&items, &state);
            let color = if reading.known { THEME.accent } else { THEME.doubt };
            let winner = bars.iter().find(|(digit, ..)| *digit == usize::from(reading.digit())).unwrap();
            prop_assert_eq!(winner.1, color);
            for (digit, bar_color, length) in &bars {
                prop_assert!(*length <= winner.2);
                prop_assert!(*digit == winner.0 || *bar_color == THEME.bar);
            }
        }
    }

    #[test]
    fn a_blank_canvas_shows_no_guess() {
        let state = window(960, 640, None);
        let items = scene(&state, &THEME);
        let colored = |item: &Item| match *item {
            Item::Fill { color, .. } | Item::Outline { color, .. } | Item::Text { color, .. } => {
                color == THEME.accent || color == THEME.doubt
            }
            _ => false,
        };
        assert!(!items.iter().any(colored));
        assert!(bars(&items, &state).is_empty());
        let words: Vec<_> = texts(&items).into_iter().map(|(text, _)| text).collect();
        assert_eq!(
            words.iter().filter(|&&text| text == "–").count(),
            11,
            "for the answer and the probabilities"
        );
        assert!(words.contains(&"Draw a digit") && !words.iter().any(|text| text.contains('%')));
        assert!(
            items
                .iter()
                .any(|item| matches!(item, Item::Pixels { pixels, .. } if pixels.iter().all(|&p| p == 0)))
        );
    }

    #[test]
    fn a_reading_is_shown_with_its_runner_up() {
        let mut probabilities = [0.0; 10];
        (probabilities[7], probabilities[1]) = (0.93, 0.07);
        let items = scene(&window(960, 640, Some(reading(true, probabilities))), &THEME);
        let texts = texts(&items);
        for expected in [("7", THEME.accent), ("93.0%", THEME.text), ("or 1, 7.0%", THEME.muted)] {
            assert!(texts.contains(&expected), "{expected:?} in {texts:?}");
        }
        assert!(texts.contains(&("Read in 43 µs", THEME.muted)));
        assert!(!texts.iter().any(|(text, _)| *text == "Draw a digit"));
    }

    #[test]
    fn not_to_know_is_said() {
        let mut probabilities = [0.08; 10];
        probabilities[4] = 0.28;
        let items = scene(&window(960, 640, Some(reading(false, probabilities))), &THEME);
        let texts = texts(&items);
        for expected in [
            ("?", THEME.doubt),
            ("I don’t know", THEME.doubt),
            ("perhaps 4, 28.0%", THEME.muted),
        ] {
            assert!(texts.contains(&expected), "{expected:?} in {texts:?}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_no_trouble() {
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            let reading = Reading {
                probabilities: [bad; 10],
                known: true,
                microseconds: bad,
            };
            scene(&window(960, 640, Some(reading)), &THEME);
        }
    }

    #[test]
    fn long_messages_take_several_lines() {
        let path =
            "/home/somebody/.local/share/digit-pad/lessons.jsonl, line 2: this is no drawing, and so it is put aside";
        let lines = wrapped(path, 20.0);
        assert!(
            lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= 35),
            "{lines:?}"
        );
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(path));
        assert_eq!(wrapped("short", 20.0), ["short"]);
        assert_eq!(wrapped("", 20.0), [""]);
        let endless = wrapped(&"x".repeat(500), 20.0);
        assert!(endless.len() == 4 && endless[3].ends_with('…'));
        let mut state = window(640, 480, None);
        state.say(path);
        let items = scene(&state, &Theme::DARK);
        assert!(texts(&items).iter().any(|(text, _)| text.ends_with("aside")));
    }

    #[test]
    fn durations_are_short_to_read() {
        let shown = [0.4, 43.2, 999.4, 1_234.0, 2_000_000.0].map(duration);
        assert_eq!(shown, ["0 µs", "43 µs", "999 µs", "1.2 ms", "2000.0 ms"]);
    }
}
