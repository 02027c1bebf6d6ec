//! The layers panel: the answer, and what every layer makes of the drawing; or the network's shape on a blank canvas.

use std::sync::Arc;

use crate::{
    format::percent,
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    recognition::{
        activations::{LayerActivation, Tiles},
        layer_info::LayerInfo,
    },
    ui::{
        layer_view::map_at,
        layout::{HitTarget, LayerRow},
        recognized_digit::RecognizedDigit,
        scene::{builder::SceneBuilder, item::Item, status::elided},
        state::State,
    },
};

/// Sizes of captions: what a layer does, and its text form.
const SIZES: (f32, f32) = (12.0, 11.0);

impl SceneBuilder<'_> {
    /// A row of maps or neurons for each layer, under the answer.
    pub(super) fn layers(&mut self, state: &State) {
        let rows = state.layer_rows();
        let (Some(digit), false) = (state.digits().last(), rows.is_empty()) else {
            return self.network_shape(state.layers().map_or(&[], |layers| layers.as_slice()));
        };
        self.answer(digit);
        let shown = rows.len();
        for (row, info, activation) in rows {
            self.layer_caption(&row, info, activation, state);
            self.layer_tiles(&row, info, activation, digit);
        }
        let left_out = state.layers().map_or(0, |layers| layers.len()).saturating_sub(shown);
        if left_out > 0 && state.opened_layer().is_none() {
            self.layers_left_out(left_out, state);
        }
    }

    /// The guess, its probability, and ten small bars.
    fn answer(&mut self, digit: &RecognizedDigit) {
        let (layout, theme) = (self.layout, self.theme);
        let area = layout.layers_answer();
        let color = self.prediction_color(&digit.prediction);
        let unit = |length: f32| layout.scaled(length) as i32;
        let bars_width = (area.width * 55 / 100).min(unit(300.0));
        let name = digit.symbol();
        let is_digit = name.chars().all(|letter| letter.is_ascii_digit());
        // The display face has digits only.
        let (face, size, width) = if is_digit {
            (Face::Display, 46.0, unit(38.0))
        } else {
            let width = (area.width - bars_width) / 2;
            let fitting = 1.15 * width as f32 / layout.scale / name.chars().count().max(1) as f32;
            (Face::SemiBold, fitting.min(32.0), width)
        };
        let guess = Rect::new(area.x, area.y, width, area.height);
        self.text(guess, &name, face, size, Align::Left, color);
        let probability = Rect::new(
            guess.right(),
            area.y,
            area.width - guess.width - bars_width,
            area.height,
        );
        let text = percent(digit.prediction.probability());
        self.text(probability, &text, Face::SemiBold, 17.0, Align::Left, theme.text);
        let bars = Rect::new(area.right() - bars_width, area.y, bars_width, area.height);
        self.small_bars(bars, &digit.prediction.probabilities, Some(digit.prediction.known));
    }

    /// Ten upright bars with the names of the digits. The longest is in color: the accent if it is `known`.
    pub(super) fn small_bars(&mut self, area: Rect, probabilities: &[f32; 10], known: Option<bool>) {
        let theme = self.theme;
        let line = self.layout.scaled(15.0) as i32;
        let tallest = area.height - line;
        let best = (0..10).fold(0, |best, i| {
            if probabilities[i] > probabilities[best] {
                i
            } else {
                best
            }
        });
        for (i, &probability) in probabilities.iter().enumerate() {
            let (left, right) = (i as i32 * area.width / 10, (i as i32 + 1) * area.width / 10);
            let gap = ((right - left) / 6).max(1);
            let track = Rect::new(area.x + left + gap, area.y, right - left - 2 * gap, tallest);
            let radius = self.layout.scaled(3.0);
            self.items.push(Item::Fill {
                rect: track,
                radius,
                color: theme.track,
            });
            let height = (probability.clamp(0.0, 1.0) * tallest as f32).round() as i32;
            let (color, text_color) = match (i == best, known) {
                (false, _) => (theme.bar, theme.muted),
                (true, Some(false)) => (theme.uncertain, theme.text),
                (true, _) => (theme.accent, theme.text),
            };
            if height > 0 {
                let rect = Rect::new(track.x, track.bottom() - height, track.width, height);
                self.items.push(Item::Fill { rect, radius, color });
            }
            let name = Rect::new(area.x + left, area.bottom() - line, right - left, line);
            self.text(name, &i.to_string(), Face::SemiBold, 11.0, Align::Center, text_color);
        }
    }

    /// What a layer does, its text form, and how much of it is shown.
    fn layer_caption(&mut self, row: &LayerRow, info: &LayerInfo, activation: &LayerActivation, state: &State) {
        let theme = self.theme;
        let target = Some(HitTarget::Layer(row.layer));
        let is_hovered = state.hovered() == target;
        if is_hovered {
            self.highlight(row.caption, [6.0, 5.0], state.pressed() == target);
        }
        let is_beside_maps = row.caption.right() < self.layout.panel.x + self.layout.panel.width * 3 / 4;
        let count = match is_beside_maps {
            true => String::new(),
            false => shown_of(row, info, state.opened_layer().is_some()),
        };
        let count_width = self.width_for(&count, SIZES.1);
        let line_height = self.layout.scaled(17.0).round() as i32;
        let first = Rect::new(
            row.caption.x,
            row.caption.y,
            row.caption.width,
            line_height.min(row.caption.height),
        );
        let color = if is_hovered { theme.text } else { theme.muted };
        self.text(first, &count, Face::Medium, SIZES.1, Align::Right, color);
        let room = first.width - count_width - self.layout.scaled(8.0) as i32;
        let form = form(info, activation);
        let words = self.longest_that_fits(&[info.words(), info.name.clone()], SIZES.0, room);
        let words_width = self.width_for(&words, SIZES.0);
        let words_rect = Rect { width: room, ..first };
        self.text(words_rect, &words, Face::SemiBold, SIZES.0, Align::Left, theme.text);
        let form_x = words_width + self.layout.scaled(8.0) as i32;
        let beside = Rect::new(first.x + form_x, first.y, room - form_x, first.height);
        let below = Rect {
            y: first.bottom(),
            ..first
        };
        let form_rect = if row.has_two_lines { below } else { beside };
        if row.has_two_lines || form_rect.width > self.layout.scaled(50.0) as i32 {
            let form = elided(&form, form_rect.width as f32 / self.layout.scaled(SIZES.1));
            self.text(form_rect, &form, Face::Medium, SIZES.1, Align::Left, theme.muted);
        }
    }

    /// The strongest maps or neurons of a layer; the outputs with their digits.
    fn layer_tiles(&mut self, row: &LayerRow, info: &LayerInfo, activation: &LayerActivation, digit: &RecognizedDigit) {
        if row.shown == 0 {
            return;
        }
        let output = &activation.output;
        let maps = (0..row.shown).filter_map(|place| map_at(place, info, activation));
        self.items.push(Item::Tiles {
            rect: row.tiles,
            tiles: Arc::new(Tiles {
                height: output.height,
                width: output.width,
                tiles: maps.filter_map(|map| output.tiles.get(map).cloned()).collect(),
            }),
            side: row.side,
            gap: row.gap,
            colors: [self.theme.accent, self.theme.uncertain],
        });
        if !info.is_output {
            return;
        }
        for place in 0..row.shown {
            let tile = row.tile(place);
            let label = Rect::new(
                tile.x - 2,
                tile.bottom(),
                tile.width + 4,
                self.layout.scaled(16.0) as i32,
            );
            let is_best = place == usize::from(digit.prediction.digit());
            let color = if is_best { self.theme.text } else { self.theme.muted };
            self.text(label, &place.to_string(), Face::SemiBold, SIZES.1, Align::Center, color);
        }
    }

    /// How many layers there are no lines for.
    fn layers_left_out(&mut self, count: usize, state: &State) {
        let rows = state.layer_rows();
        let before = rows
            .iter()
            .rev()
            .nth(1)
            .map_or(self.layout.layers_area().y, |(row, ..)| row.caption.bottom());
        let rect = Rect::new(
            self.layout.panel.x,
            before,
            self.layout.panel.width,
            self.layout.scaled(17.0) as i32,
        );
        let text = format!("… and {count} more layers");
        self.text(rect, &text, Face::Medium, SIZES.1, Align::Left, self.theme.muted);
    }

    /// The layers as a diagram, from the drawing to the answer, without values.
    fn network_shape(&mut self, layers: &[LayerInfo]) {
        let (layout, theme) = (self.layout, self.theme);
        let panel = layout.panel;
        let line = layout.scaled(22.0) as i32;
        let title = Rect::new(panel.x, panel.y, panel.width, line);
        self.text(
            title,
            "The network, layer by layer",
            Face::SemiBold,
            16.0,
            Align::Left,
            theme.text,
        );
        let hint = Rect::new(panel.x, title.bottom(), panel.width, layout.scaled(20.0) as i32);
        let text = "Draw a digit to see what each layer makes of it";
        let text = elided(text, hint.width as f32 / layout.scaled(13.0));
        self.text(hint, &text, Face::Medium, 13.0, Align::Left, theme.muted);
        let top = hint.bottom() + layout.scaled(10.0) as i32;
        let input = (
            vec!["Your drawing".to_owned()],
            String::new(),
            "28×28 pixels".to_owned(),
        );
        let boxes = layers
            .iter()
            .map(|info| (vec![info.words(), info.name.clone()], info.form.clone(), size(info)));
        let boxes: Vec<_> = std::iter::once(input).chain(boxes).collect();
        let least = layout.scaled(20.0) as i32;
        let room = panel.bottom() - top;
        let fitting = ((room / least).max(2) as usize).min(boxes.len());
        let pitch = (room / fitting as i32).min(layout.scaled(54.0) as i32);
        // Where there are more layers than boxes fit, those before the output are left out.
        let left_out = boxes.len() - fitting;
        for place in 0..fitting {
            let is_last = place + 1 == fitting;
            let gap = (pitch / 5).min(layout.scaled(10.0) as i32);
            let rect = Rect::new(panel.x, top + place as i32 * pitch, panel.width, pitch - gap);
            if !is_last {
                self.arrow(rect, gap);
            }
            let index = if is_last { place + left_out } else { place };
            if left_out > 0 && place + 2 == fitting {
                let text = format!("… {} layers", left_out + 1);
                self.text(rect, &text, Face::Medium, SIZES.1, Align::Center, theme.muted);
            } else {
                self.shape_box(rect, &boxes[index]);
            }
        }
    }

    /// The line from a box of the diagram to the next.
    fn arrow(&mut self, rect: Rect, gap: i32) {
        let width = (self.layout.scaled(2.0).round() as i32).max(1);
        self.items.push(Item::Fill {
            rect: Rect::new(rect.x + self.layout.scaled(24.0) as i32, rect.bottom(), width, gap),
            radius: 0.0,
            color: self.theme.bar,
        });
    }

    /// A layer in the diagram: its words, its text form, and the size of its output.
    fn shape_box(&mut self, rect: Rect, (words, form, size): &(Vec<String>, String, String)) {
        let theme = self.theme;
        self.bordered_box(rect, self.layout.scaled(7.0), theme.button);
        let padding = self.layout.scaled(10.0) as i32;
        let inner = Rect::new(rect.x + padding, rect.y, rect.width - 2 * padding, rect.height);
        let size_width = self.width_for(size, SIZES.1);
        let room = inner.width - size_width - padding;
        let has_two_lines = rect.height >= self.layout.scaled(34.0) as i32 && !form.is_empty();
        let half = rect.height / 2;
        let shift = self.layout.scaled(2.0) as i32;
        let first = if has_two_lines {
            Rect::new(inner.x, rect.y + shift, room, half)
        } else {
            Rect { width: room, ..inner }
        };
        let words = self.longest_that_fits(words, SIZES.0, room);
        self.text(first, &words, Face::SemiBold, SIZES.0, Align::Left, theme.text);
        self.text(inner, size, Face::Medium, SIZES.1, Align::Right, theme.muted);
        if has_two_lines {
            let second = Rect::new(inner.x, rect.y + half - shift, room, half);
            let form = elided(form, room as f32 / self.layout.scaled(SIZES.1));
            self.text(second, &form, Face::Medium, SIZES.1, Align::Left, theme.muted);
        }
    }

    /// The map under the pointer, enlarged beside it, and what it looks at on the canvas.
    pub(super) fn close_up(&mut self, state: &State) {
        let Some(close_up) = state.close_up() else { return };
        let (layout, theme) = (self.layout, self.theme);
        if let Some(bounds) = state.looked_at() {
            let rect = layout.on_canvas(bounds);
            let thickness = layout.scaled(2.5);
            let radius = layout.scaled(4.0).min(0.5 * rect.width.min(rect.height) as f32);
            let color = theme.accent;
            self.items.push(Item::Outline {
                rect,
                radius,
                thickness,
                color,
            });
        }
        let (side, padding, line) = (
            layout.scaled(150.0) as i32,
            layout.scaled(10.0) as i32,
            layout.scaled(18.0) as i32,
        );
        let has_map = close_up.tiles.width * close_up.tiles.height > 1;
        let picture = if has_map { side } else { 0 };
        let size = (side + 2 * padding, picture + 2 * line + 2 * padding);
        let gap = layout.scaled(8.0) as i32;
        let place = |from: i32, to: i32, length: i32, end: i32| {
            let after = to + gap;
            if after + length + 4 <= end {
                after
            } else {
                (from - gap - length).max(4)
            }
        };
        let tile = close_up.tile;
        let rect = Rect::new(
            place(tile.x, tile.right(), size.0, layout.size().0),
            place(tile.y, tile.bottom(), size.1, layout.size().1),
            size.0,
            size.1,
        );
        self.items.push(Item::Outline {
            rect: tile.inset(-1),
            radius: 0.0,
            thickness: layout.scaled(1.5),
            color: theme.text,
        });
        self.bordered_box(rect, layout.scaled(9.0), theme.button_hover);
        let inner = rect.inset(padding);
        let value = close_up.tiles.tiles[0]
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max);
        let kind = if has_map { "Map" } else { "Neuron" };
        let title = format!("{kind} {} · {value:.2}", close_up.map);
        let lines = [
            (title, Face::SemiBold, theme.text),
            (
                sees(close_up.field.map(|field| (field.height, field.width))),
                Face::Medium,
                theme.muted,
            ),
        ];
        for (i, (text, face, color)) in (0..).zip(lines) {
            let text_rect = Rect::new(inner.x, inner.y + picture + i * line, inner.width, line);
            self.text(text_rect, &text, face, 12.0, Align::Left, color);
        }
        if has_map {
            self.enlarged(Rect::new(inner.x, inner.y, side, side), close_up.tiles, close_up.peak);
        }
    }

    /// A map with its strongest position marked.
    fn enlarged(&mut self, rect: Rect, tiles: Tiles, peak: Option<(usize, usize)>) {
        let edge = |index: usize, count: usize| index as i32 * rect.width / count as i32;
        let mark = peak.map(|(row, column)| {
            let (left, right) = (edge(column, tiles.width), edge(column + 1, tiles.width));
            let (top, bottom) = (edge(row, tiles.height), edge(row + 1, tiles.height));
            Rect::new(rect.x + left - 1, rect.y + top - 1, right - left + 2, bottom - top + 2)
        });
        self.items.push(Item::Tiles {
            rect,
            tiles: Arc::new(tiles),
            side: rect.width,
            gap: 1,
            colors: [self.theme.accent, self.theme.uncertain],
        });
        if let Some(mark) = mark {
            self.items.push(Item::Outline {
                rect: mark.intersection(&rect),
                radius: 0.0,
                thickness: self.layout.scaled(1.5),
                color: self.theme.text,
            });
        }
    }

    /// The first text that fits the room; the last one is shortened if none does.
    pub(super) fn longest_that_fits(&self, texts: &[impl AsRef<str>], size: f32, room: i32) -> String {
        let mut all = texts.iter().map(AsRef::as_ref);
        let last = all.clone().next_back().unwrap_or_default();
        all.find(|text| self.width_for(text, size) <= room)
            .map_or_else(|| elided(last, room as f32 / self.layout.scaled(size)), str::to_owned)
    }

    /// Enough room for a text of that size.
    pub(super) fn width_for(&self, text: &str, size: f32) -> i32 {
        (0.54 * text.chars().count() as f32 * self.layout.scaled(size)).ceil() as i32
    }
}

/// The text form of a layer, and what adds to it.
fn form(info: &LayerInfo, activation: &LayerActivation) -> String {
    if activation.has_examples {
        format!("{} · examples", info.form)
    } else {
        info.form.clone()
    }
}

/// How much of a layer a row shows.
fn shown_of(row: &LayerRow, info: &LayerInfo, is_open: bool) -> String {
    match (row.shown, info.count) {
        _ if is_open => format!("{} · show all layers", size(info)),
        (0, _) => size(info),
        (shown, count) if shown < count => format!("{shown} of {count}"),
        (_, count) => format!("all {count}"),
    }
}

/// The size of a layer's output.
fn size(info: &LayerInfo) -> String {
    match info.size {
        (1, 1) => info.count.to_string(),
        (height, width) => format!("{} of {height}×{width}", info.count),
    }
}

/// How much of the network input is looked at.
fn sees(field: Option<(usize, usize)>) -> String {
    match field {
        Some((28, 28)) => "looks at the whole drawing".to_owned(),
        Some((height, width)) => format!("looks at {height}×{width} pixels"),
        None => "looks at the margin".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::{sign::SignName, strokes::CANVAS_BOUNDS},
        graphics::text::Text,
        recognition::prediction::{Prediction, SignProbability},
        ui::{
            layout::{Layout, Panel},
            theme::Theme,
        },
    };

    #[test]
    fn a_taught_sign_is_named_in_letters_that_fit() {
        let text = Text::new();
        for name in ["pi", "star", "wwwwwwwwwwww"] {
            for (width, height) in [(640, 480), (960, 640), (1920, 1080)] {
                let prediction = Prediction {
                    probabilities: [1e-5; 10],
                    signs: vec![SignProbability {
                        name: SignName::new(name).unwrap(),
                        probability: 0.9999,
                    }],
                    known: true,
                    microseconds: 1.0,
                };
                let mut scene = SceneBuilder {
                    items: Vec::new(),
                    layout: &Layout::new(width, height, 1.0, Panel::Layers),
                    theme: &Theme::DARK,
                };
                scene.answer(&RecognizedDigit::new([0; 784], prediction, CANVAS_BOUNDS));
                let Item::Text {
                    text: drawn,
                    style,
                    rect,
                    ..
                } = &scene.items[0]
                else {
                    panic!("{:?}", scene.items[0]);
                };
                assert_eq!((drawn.as_str(), style.face), (name, Face::SemiBold));
                assert!(
                    text.width(drawn, *style) <= rect.width as f32,
                    "{name} at {width}×{height}"
                );
            }
        }
    }
}
