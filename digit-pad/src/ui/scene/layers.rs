//! The layers panel: the activations of every layer.

use std::sync::Arc;

use crate::{
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        scene::{builder::SceneBuilder, item::Item},
        state::State,
    },
};

impl SceneBuilder<'_> {
    /// A row of images for each layer.
    pub(super) fn layers(&mut self, state: &State) {
        let panel = self.layout.panel;
        let Some(activations) = state.activations() else {
            let rect = Rect::new(panel.x, panel.y, panel.width, self.layout.scaled(22.0) as i32);
            return self.text(
                rect,
                "Draw a digit to see the activations",
                Face::Medium,
                14.0,
                Align::Left,
                self.theme.muted,
            );
        };
        let (caption, gap) = (self.layout.scaled(17.0) as i32, self.layout.scaled(7.0) as i32);
        let shapes: Vec<_> = activations
            .iter()
            .map(|layer| (layer.output.tiles.len() as i32, layer.output.width > 1))
            .collect();
        let room = panel.height - shapes.len() as i32 * (caption + gap);
        let Some(side) = max_tile_side(&shapes, panel.width, room, self.layout.scaled(44.0) as i32) else {
            return;
        };
        let mut y = panel.y;
        for (activation, &(count, is_map)) in activations.iter().zip(&shapes) {
            let caption_rect = Rect::new(panel.x, y, panel.width, caption);
            self.text(
                caption_rect,
                &activation.name,
                Face::Medium,
                11.0,
                Align::Left,
                self.theme.muted,
            );
            y += caption;
            let (side, tile_gap) = tile_size(side, is_map, count, panel.width);
            let columns = ((panel.width + tile_gap) / (side + tile_gap)).max(1);
            let height = (count + columns - 1) / columns * (side + tile_gap) - tile_gap;
            self.items.push(Item::Tiles {
                rect: Rect::new(panel.x, y, panel.width, height),
                tiles: Arc::clone(&activation.output),
                side,
                gap: tile_gap,
                colors: [self.theme.accent, self.theme.uncertain],
            });
            y += height + gap;
        }
    }
}

/// The largest tile side up to `max_side` with which the tiles of all layers fit into `width` × `height`.
fn max_tile_side(shapes: &[(i32, bool)], width: i32, height: i32, max_side: i32) -> Option<i32> {
    (1..=max_side).rev().find(|&side| {
        let heights = shapes.iter().map(|&(count, is_map)| {
            let (side, gap) = tile_size(side, is_map, count, width);
            let columns = ((width + gap) / (side + gap)).max(1);
            (count + columns - 1) / columns * (side + gap)
        });
        heights.sum::<i32>() <= height
    })
}

/// The side of a layer's tiles and the gap between them, for a given side of feature maps.
///
/// Single neurons get smaller tiles, but no smaller than can be told apart; the fewer they are, the larger.
fn tile_size(side: i32, is_map: bool, count: i32, width: i32) -> (i32, i32) {
    let gap = if side > 12 { 2 } else { 1 };
    if is_map {
        return (side, gap);
    }
    let in_a_row = (width + gap) / count.max(1) - gap;
    (in_a_row.clamp((side / 3).clamp(2.min(side), side), side), gap)
}
