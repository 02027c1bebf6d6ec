//! The panel of the activations of every layer.

use std::sync::Arc;

use crate::{
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        scene::{builder::Scene, item::Item},
        state::State,
    },
};

impl Scene<'_> {
    /// Every layer, a line of pictures each.
    pub(super) fn layers(&mut self, state: &State) {
        let panel = self.layout.panel;
        let Some(activations) = state.activations() else {
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
        let forms: Vec<_> = activations
            .iter()
            .map(|i| (i.output.tiles.len() as i32, i.output.width > 1))
            .collect();
        let room = panel.height - forms.len() as i32 * (caption + gap);
        let Some(side) = tile_side(&forms, panel.width, room, self.layout.scaled(44.0) as i32) else {
            return;
        };
        let mut y = panel.y;
        for (activation, &(count, is_map)) in activations.iter().zip(&forms) {
            let place = Rect::new(panel.x, y, panel.width, caption);
            self.text(
                place,
                &activation.name,
                Face::Medium,
                11.0,
                Align::Left,
                self.theme.muted,
            );
            y += caption;
            let (side, tile_gap) = form_of_tiles(side, is_map, count, panel.width);
            let columns = ((panel.width + tile_gap) / (side + tile_gap)).max(1);
            let height = (count + columns - 1) / columns * (side + tile_gap) - tile_gap;
            self.items.push(Item::Tiles {
                rect: Rect::new(panel.x, y, panel.width, height),
                tiles: Arc::clone(&activation.output),
                side,
                gap: tile_gap,
                colors: [self.theme.accent, self.theme.doubt],
            });
            y += height + gap;
        }
    }
}

/// The largest side, up to `most`, with which all pictures fit into the width and the height.
pub(super) fn tile_side(forms: &[(i32, bool)], width: i32, height: i32, most: i32) -> Option<i32> {
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
pub(super) fn form_of_tiles(side: i32, is_map: bool, count: i32, width: i32) -> (i32, i32) {
    let gap = if side > 12 { 2 } else { 1 };
    if is_map {
        return (side, gap);
    }
    let in_a_row = (width + gap) / count.max(1) - gap;
    (in_a_row.clamp((side / 3).clamp(2.min(side), side), side), gap)
}
