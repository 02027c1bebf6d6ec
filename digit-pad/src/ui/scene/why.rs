//! The stroke that would change a reading, as a ghost over the drawing.

use crate::ui::{
    scene::{builder::SceneBuilder, item::Item},
    state::State,
};

impl SceneBuilder<'_> {
    /// The stroke that would change the reading.
    pub(super) fn suggested_stroke(&mut self, state: &State) {
        let Some(stroke) = state.suggested_stroke() else { return };
        let canvas = self.layout.canvas;
        let unit = self.layout.canvas_unit();
        let line = stroke.points.iter().map(|point| [point.x / unit, point.y / unit]);
        // Thinner than the pen, so that it is told from ink.
        let thickness = (0.35 * state.ink().pen() / unit).max(self.layout.scaled(4.0));
        self.items.push(Item::Lines {
            rect: canvas,
            lines: vec![line.collect()],
            thickness,
            color: self.theme.uncertain,
        });
    }
}
