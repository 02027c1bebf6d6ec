//! The layers panel: the answer at its top, and a row for each layer of the network.

use crate::{graphics::canvas::Rect, recognition::layer_info::LayerInfo, ui::layout::Layout};

/// The places of one layer in the layers panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerRow {
    /// Index of the layer.
    pub layer: usize,
    /// Its caption, of one line or two; a click on it shows the layer alone, or all layers again.
    pub caption: Rect,
    /// Whether the caption has two lines.
    pub has_two_lines: bool,
    /// Its maps or neurons.
    pub tiles: Rect,
    /// Width and height of each of them, in pixels.
    pub side: i32,
    /// Pixels between them.
    pub gap: i32,
    /// Number of maps or neurons that are shown.
    pub shown: usize,
}

/// The heights that rows share.
struct Heights {
    line: i32,
    gap: i32,
    /// Largest side of a map, and the side of a neuron and of an output.
    sides: (i32, i32, i32),
}

impl LayerRow {
    /// The place of a map or neuron, by its place among those that are shown.
    pub fn tile(&self, place: usize) -> Rect {
        let (columns, pitch) = (self.columns(), self.side + self.gap);
        let (column, row) = (place as i32 % columns, place as i32 / columns);
        Rect::new(
            self.tiles.x + column * pitch,
            self.tiles.y + row * pitch,
            self.side,
            self.side,
        )
    }

    /// The place, among those that are shown, of the map or neuron at a window position.
    pub fn tile_at(&self, x: f32, y: f32) -> Option<usize> {
        (0..self.shown).find(|&place| self.tile(place).contains(x, y))
    }

    fn columns(&self) -> i32 {
        ((self.tiles.width + self.gap) / (self.side + self.gap)).max(1)
    }
}

impl Layout {
    /// The answer at the top of the layers panel.
    pub fn layers_answer(&self) -> Rect {
        Rect::new(self.panel.x, self.panel.y, self.panel.width, self.px(56.0))
    }

    /// The rows of the layers, from the first to the output; or of one layer alone, if it is `open`. Where there are more
    /// layers than lines, those before the output are left out.
    pub fn layer_rows(&self, layers: &[LayerInfo], open: Option<usize>) -> Vec<LayerRow> {
        let area = self.layers_area();
        if let Some((index, layer)) = open.and_then(|open| Some((open, layers.get(open)?))) {
            return vec![self.open_row(index, layer, area)];
        }
        let heights = Heights {
            line: self.px(17.0),
            gap: self.px(7.0),
            sides: (self.px(60.0), self.px(14.0), self.px(22.0)),
        };
        let room = area.height + heights.gap;
        let two = heights.of(layers, 2);
        let one = heights.of(layers, 1);
        let (lines, taken) = if two + self.px(38.0) * count_maps(layers) <= room {
            (2, two)
        } else {
            (1, one)
        };
        let spare = room - taken;
        let least = self.px(12.0);
        let maps = count_maps(layers);
        if spare < least * maps {
            return self.captions(layers, area, &heights);
        }
        let map_room = if maps > 0 { spare / maps } else { 0 };
        // Two rows of maps where both are large enough to read.
        let map_rows = if map_room >= 2 * self.px(50.0) { 2 } else { 1 };
        let gap = self.px(3.0).max(1);
        let side = ((map_room - (map_rows - 1) * gap) / map_rows).min(heights.sides.0);
        let left = spare - maps * (map_rows * side + (map_rows - 1) * gap);
        let neuron_rows = self.neuron_rows(layers, &heights, left);
        let mut y = area.y;
        let place = |(index, layer): (usize, &LayerInfo)| {
            let caption = Rect::new(area.x, y, area.width, lines * heights.line);
            let (side, rows) = match layer {
                LayerInfo { is_output: true, .. } => (heights.sides.2, 1),
                layer if layer.has_maps() => (side, map_rows),
                _ => (heights.sides.1, neuron_rows),
            };
            let row = self.row_of(index, layer, caption, (side, rows));
            let labels = if layer.is_output { heights.line } else { 0 };
            y = row.tiles.bottom() + labels + heights.gap;
            LayerRow {
                has_two_lines: lines == 2,
                ..row
            }
        };
        layers.iter().enumerate().map(place).collect()
    }

    /// The panel below the answer.
    pub fn layers_area(&self) -> Rect {
        let (answer, gap) = (self.layers_answer(), self.px(12.0));
        let y = answer.bottom() + gap;
        Rect::new(self.panel.x, y, self.panel.width, (self.panel.bottom() - y).max(0))
    }

    fn px(&self, length: f32) -> i32 {
        self.scaled(length).round() as i32
    }

    /// Rows of neurons for each layer of neurons, if that many pixels are left over.
    fn neuron_rows(&self, layers: &[LayerInfo], heights: &Heights, left: i32) -> i32 {
        let neurons = layers.iter().filter(|layer| !layer.has_maps() && !layer.is_output);
        let (count, most) = (neurons.clone().count() as i32, neurons.map(|layer| layer.count).max());
        let pitch = heights.sides.1 + self.tile_gap(heights.sides.1);
        let columns = (self.panel.width / pitch).max(1);
        let wanted = (most.unwrap_or(1) as i32).div_euclid(columns) + 1;
        (1 + left / (count.max(1) * pitch)).clamp(1, wanted.min(6))
    }

    fn tile_gap(&self, side: i32) -> i32 {
        if side >= self.px(20.0) {
            self.px(3.0).max(1)
        } else {
            self.px(2.0).max(1)
        }
    }

    /// A row under its caption with up to `rows` rows of tiles.
    fn row_of(&self, index: usize, layer: &LayerInfo, caption: Rect, (side, rows): (i32, i32)) -> LayerRow {
        let side = side.min(caption.width).max(1);
        let gap = self.tile_gap(side);
        let columns = ((caption.width + gap) / (side + gap)).max(1);
        let shown = layer.count.min((columns * rows) as usize);
        let rows = (shown as i32 + columns - 1) / columns;
        LayerRow {
            layer: index,
            caption,
            has_two_lines: false,
            tiles: Rect::new(
                caption.x,
                caption.bottom(),
                caption.width,
                (rows * (side + gap) - gap).max(0),
            ),
            side,
            gap,
            shown,
        }
    }

    /// Captions, as many as fit, with a few maps beside them or without any.
    fn captions(&self, layers: &[LayerInfo], area: Rect, heights: &Heights) -> Vec<LayerRow> {
        let fitting = (area.height / heights.line).max(1) as usize;
        // The last line before the output's says how many are left out.
        let first = if layers.len() <= fitting {
            layers.len()
        } else {
            fitting.saturating_sub(2)
        };
        let last = (first < layers.len()).then_some(layers.len() - 1);
        let pitch = (area.height / (layers.len().min(fitting) as i32).max(1)).max(heights.line);
        // Maps beside the captions, where lines are high enough; the outputs' digits have no room.
        let side = (pitch - self.px(4.0)).min(heights.sides.0);
        let words = if side >= self.px(14.0) {
            area.width * 7 / 10
        } else {
            area.width
        };
        let row = |(place, index): (usize, usize)| {
            let place = if Some(index) == last { fitting - 1 } else { place };
            let (layer, y) = (&layers[index], area.y + place as i32 * pitch);
            let tiles = Rect::new(area.x + words, y, area.width - words, 0);
            let rows = i32::from(words < area.width && !layer.is_output);
            let caption_y = y + ((side - heights.line) / 2).max(0);
            LayerRow {
                caption: Rect::new(area.x, caption_y, words - self.px(6.0), heights.line),
                ..self.row_of(index, layer, tiles, (side, rows))
            }
        };
        (0..first).chain(last).enumerate().map(row).collect()
    }

    /// A layer alone: all of its maps, as large as fits.
    fn open_row(&self, index: usize, layer: &LayerInfo, area: Rect) -> LayerRow {
        let line = self.px(17.0);
        let caption = Rect::new(area.x, area.y, area.width, 2 * line);
        let labels = if layer.is_output { line } else { 0 };
        let room = (area.height - caption.height - self.px(4.0) - labels).max(1);
        let rows = |side: i32| {
            let gap = self.tile_gap(side);
            ((room + gap) / (side + gap), ((area.width + gap) / (side + gap)).max(1))
        };
        let fits = |&side: &i32| {
            let (rows, columns) = rows(side);
            rows as usize * columns as usize >= layer.count
        };
        let largest = if layer.has_maps() {
            self.px(110.0)
        } else {
            self.px(30.0)
        };
        let side = (3..=largest).rev().find(fits).unwrap_or(3);
        let row = self.row_of(index, layer, caption, (side, rows(side).0));
        LayerRow {
            has_two_lines: true,
            tiles: Rect {
                y: row.tiles.y + self.px(4.0),
                ..row.tiles
            },
            ..row
        }
    }
}

impl Heights {
    /// The height of all rows without maps, with captions of that many lines and one row of neurons.
    fn of(&self, layers: &[LayerInfo], lines: i32) -> i32 {
        let tiles = |layer: &LayerInfo| match layer {
            LayerInfo { is_output: true, .. } => self.sides.2 + self.line,
            layer if layer.has_maps() => 0,
            _ => self.sides.1,
        };
        layers
            .iter()
            .map(|layer| lines * self.line + tiles(layer) + self.gap)
            .sum()
    }
}

fn count_maps(layers: &[LayerInfo]) -> i32 {
    layers
        .iter()
        .filter(|layer| layer.has_maps() && !layer.is_output)
        .count() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::layout::Panel;

    const NETWORKS: [&str; 5] = [
        "784 | dense 10",
        "28x28x1 | dense 2000 | relu | dense 128 | relu | dense 10",
        "28x28x1 | conv 48 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2 | dense 128 | relu | dense 10",
        "28x28x1 | conv 4 5x5 | add(conv 4 3x3 pad same | relu) | concat(; conv 2 1x1) | globalavgpool | dense 10",
        "28x28x1 | conv 300 1x1 | conv 10 28x28",
    ];

    fn layers(text: &str) -> Vec<LayerInfo> {
        LayerInfo::of(&text.parse().unwrap())
    }

    fn check(layout: &Layout, layers: &[LayerInfo], open: Option<usize>) {
        let rows = layout.layer_rows(layers, open);
        let area = layout.layers_area();
        let mut y = layout.layers_answer().bottom();
        for row in &rows {
            assert!(row.caption.y >= y, "{row:?}");
            assert!(row.shown <= layers[row.layer].count);
            y = row.caption.bottom();
            for place in 0..row.shown {
                let tile = row.tile(place);
                assert_eq!(tile.intersection(&area), tile, "{row:?} in {area:?}");
                assert_eq!(tile.intersection(&row.tiles), tile, "{row:?}");
                assert_eq!(
                    row.tile_at(tile.x as f32 + 0.5, tile.bottom() as f32 - 0.5),
                    Some(place)
                );
            }
            y = y.max(row.tiles.bottom());
        }
        assert!(y <= area.bottom(), "{rows:?} in {area:?}");
    }

    #[test]
    fn rows_of_any_network_fit_windows_of_any_size() {
        let deep = format!("28x28x1 | {}dense 10", "conv 3 3x3 pad same | relu | ".repeat(60));
        for text in NETWORKS.iter().copied().chain([deep.as_str()]) {
            let layers = layers(text);
            for (width, height) in [
                (640, 480),
                (960, 640),
                (700, 1400),
                (1920, 1080),
                (3840, 2160),
                (3840, 480),
            ] {
                let layout = Layout::new(width, height, 1.0, Panel::Layers);
                check(&layout, &layers, None);
                (0..layers.len()).for_each(|open| check(&layout, &layers, Some(open)));
                let shown = layout.layer_rows(&layers, None);
                assert_eq!(shown.last().unwrap().layer, layers.len() - 1);
            }
        }
    }

    #[test]
    fn maps_are_large_enough_to_read() {
        let layout = Layout::new(960, 640, 1.0, Panel::Layers);
        let layers = layers(NETWORKS[2]);
        let rows = layout.layer_rows(&layers, None);
        assert!(
            rows[..4]
                .iter()
                .all(|row| row.side >= 34 && (6..48).contains(&row.shown)),
            "{rows:?}"
        );
        assert_eq!((rows[4].shown, rows[5].shown), (rows[4].shown.min(128), 10));
        let all = layout.layer_rows(&layers, Some(0));
        assert_eq!((all.len(), all[0].shown), (1, 48));
    }
}
