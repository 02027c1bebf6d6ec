//! What the layers panel shows of a network, and what the pointer is over in it.

use std::sync::Arc;

use crate::{
    geometry::{Bounds, PixelRect, Point},
    graphics::canvas::Rect,
    recognition::{
        activations::{LayerActivation, Tiles},
        layer_info::LayerInfo,
        placement::Placement,
    },
    ui::{
        layout::{HitTarget, LayerRow, Panel},
        state::State,
    },
};

/// The map or neuron under the pointer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CloseUp {
    /// Where it is in the panel.
    pub(super) tile: Rect,
    /// The map alone.
    pub(super) tiles: Tiles,
    /// Its index in its layer.
    pub(super) map: usize,
    /// Row and column of its largest value.
    pub(super) peak: Option<(usize, usize)>,
    /// The part of the network input that this value looks at.
    pub(super) field: Option<PixelRect>,
}

impl State {
    /// The layers of the network in use, if the panel shows them.
    pub fn layers(&self) -> Option<&Arc<Vec<LayerInfo>>> {
        self.layers.as_ref().filter(|_| self.shows_activations())
    }

    /// Shows the layers of the network in use.
    pub fn show_layers(&mut self, layers: Arc<Vec<LayerInfo>>) {
        let is_same = self.layers.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &layers));
        if !is_same {
            self.opened_layer = None;
        }
        self.layers = Some(layers);
    }

    /// The layer that the panel shows alone.
    pub fn opened_layer(&self) -> Option<usize> {
        self.opened_layer
    }

    /// Shows a layer alone, or all layers again.
    pub(super) fn open_layer(&mut self, layer: usize) {
        self.opened_layer = (self.opened_layer != Some(layer)).then_some(layer);
    }

    /// The rows of the layers panel, each with its layer's activation; none if the canvas is blank.
    pub(super) fn layer_rows(&self) -> Vec<(LayerRow, &LayerInfo, &LayerActivation)> {
        let (Some(layers), Some(activations)) = (self.layers(), self.activations()) else {
            return Vec::new();
        };
        let rows = self.layout.layer_rows(layers, self.opened_layer).into_iter();
        rows.filter_map(|row| Some((row, &layers[row.layer], activations.get(row.layer)?)))
            .collect()
    }

    /// The caption or map of the layers panel at a window position.
    pub(super) fn layer_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        if self.layout.active_panel != Panel::Layers {
            return None;
        }
        self.layer_rows().into_iter().find_map(|(row, info, activation)| {
            if row.caption.contains(x, y) {
                return Some(HitTarget::Layer(row.layer));
            }
            let place = row.tile_at(x, y)?;
            Some(HitTarget::Map {
                layer: row.layer,
                map: map_at(place, info, activation)?,
            })
        })
    }

    /// The map or neuron under the pointer.
    pub(super) fn close_up(&self) -> Option<CloseUp> {
        let Some(HitTarget::Map { layer, map }) = self.hovered().filter(|_| self.overlay.is_none()) else {
            return None;
        };
        let rows = self.layer_rows();
        let &(row, info, activation) = rows.iter().find(|(row, ..)| row.layer == layer)?;
        let place = (0..row.shown).find(|&place| map_at(place, info, activation) == Some(map))?;
        let output = &activation.output;
        let peak = activation.position_of_peak(map);
        Some(CloseUp {
            tile: row.tile(place),
            tiles: Tiles {
                height: output.height,
                width: output.width,
                tiles: vec![output.tiles.get(map)?.clone()],
            },
            map,
            peak,
            field: peak.and_then(|peak| info.receptive_field(peak)),
        })
    }

    /// The part of the canvas that the map under the pointer looks at where it is strongest.
    pub fn looked_at(&self) -> Option<Bounds> {
        let field = self.close_up()?.field?.bounds();
        // The panel shows the activations of the last digit.
        let digit = self.digits.last()?;
        let placement = Placement::new(&digit.pixels, digit.inked)?;
        let corners = [Point::new(field.left, field.top), Point::new(field.right, field.bottom)];
        Bounds::around(corners.map(|corner| placement.on_canvas(corner)))
    }
}

/// The map at a place of a row: the strongest first, but the outputs in the order of the digits.
pub(super) fn map_at(place: usize, info: &LayerInfo, activation: &LayerActivation) -> Option<usize> {
    if info.is_output {
        return (place < activation.output.tiles.len()).then_some(place);
    }
    activation.strongest.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::{raster::recognition_bounds, strokes::Ink},
        recognition::{activations::ActivationRecorder, prediction::Prediction, recognizer::ReadyModel},
        ui::{Action, Event, Key, Modifiers, Opening, RecognizedDigit},
    };

    /// A window with a drawn stroke and the layers of a network with random weights.
    fn window(network: &str) -> State {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(200.0, 100.0));
        ink.pen_up(Point::new(260.0, 460.0));
        let inked = recognition_bounds(&ink).unwrap();
        let mut state = State::new(960, 640, Opening::Ink(ink));
        let pixels = state.network_input().unwrap();
        let prediction = Prediction {
            probabilities: [0.1; 10],
            signs: Vec::new(),
            known: true,
            microseconds: 1.0,
        };
        state.show_digits(vec![RecognizedDigit::new(pixels, prediction, inked)]);
        state.act(Action::Layers);
        let network = nn_core::Network::new(network.parse().unwrap(), 5).unwrap();
        let model = ReadyModel::new(nn_core::Model::new(network).into()).unwrap().model;
        let mut recorder = ActivationRecorder::new(&model).unwrap();
        state.show_layers(Arc::clone(recorder.layers()));
        state.show_activations(Some(Arc::new(recorder.record(&pixels))));
        state
    }

    fn middle(rect: Rect) -> (f32, f32) {
        (
            rect.x as f32 + 0.5 * rect.width as f32,
            rect.y as f32 + 0.5 * rect.height as f32,
        )
    }

    fn point_at(state: &mut State, rect: Rect) {
        let (x, y) = middle(rect);
        state.apply(Event::PointerMoved { x, y });
    }

    fn click(state: &mut State, rect: Rect) {
        let (x, y) = middle(rect);
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x, y });
    }

    const NETWORK: &str = "28x28x1 | conv 24 3x3 | relu | maxpool 2 | dense 64 | relu | dense 10";

    #[test]
    fn a_map_under_the_pointer_is_enlarged_and_its_field_outlined() {
        let mut state = window(NETWORK);
        let (row, _, activation) = state.layer_rows()[0];
        let strongest = activation.strongest[0];
        let (tile, position) = (row.tile(0), activation.position_of_peak(strongest).unwrap());
        assert_eq!((state.close_up(), state.looked_at()), (None, None));
        point_at(&mut state, tile);
        assert_eq!(
            state.hovered(),
            Some(HitTarget::Map {
                layer: 0,
                map: strongest
            })
        );
        let close_up = state.close_up().unwrap();
        assert_eq!((close_up.map, close_up.peak), (strongest, Some(position)));
        let field = close_up.field.unwrap();
        assert_eq!(
            (field.left, field.top, field.width, field.height),
            (position.1, position.0, 3, 3)
        );
        let looked_at = state.looked_at().unwrap();
        // The stroke is 20 pixels long in the network input, so three of them are a seventh of it.
        let length = state.digits()[0].inked.longest_side();
        assert!(
            (looked_at.height() / length - 0.15).abs() < 0.02,
            "{looked_at:?} of {length}"
        );
    }

    #[test]
    fn a_neuron_looks_at_everything() {
        let mut state = window(NETWORK);
        let tile = state.layer_rows()[2].0.tile(3);
        point_at(&mut state, tile);
        let looked_at = state.looked_at().unwrap();
        let digit = state.digits()[0].inked;
        assert!(looked_at.left < digit.left && looked_at.right > digit.right && looked_at.height() > digit.height());
    }

    #[test]
    fn a_click_on_a_caption_shows_the_layer_alone_and_all_again() {
        let mut state = window(NETWORK);
        assert_eq!(state.layer_rows().len(), 4);
        let caption = state.layer_rows()[0].0.caption;
        click(&mut state, caption);
        assert_eq!((state.opened_layer(), state.layer_rows().len()), (Some(0), 1));
        assert_eq!(state.layer_rows()[0].0.shown, 24);
        let caption = state.layer_rows()[0].0.caption;
        click(&mut state, caption);
        assert_eq!(state.opened_layer(), None);
        click(&mut state, caption);
        let escape = Event::KeyPressed {
            key: Key::Escape,
            modifiers: Modifiers::default(),
        };
        state.apply(escape);
        assert_eq!((state.opened_layer(), state.shows_activations()), (None, true));
        state.apply(escape);
        assert!(!state.shows_activations());
    }

    #[test]
    fn outputs_are_in_the_order_of_the_digits() {
        let mut state = window(NETWORK);
        for digit in [0, 7, 9] {
            let tile = state.layer_rows()[3].0.tile(digit);
            point_at(&mut state, tile);
            assert_eq!(state.hovered(), Some(HitTarget::Map { layer: 3, map: digit }));
        }
    }

    #[test]
    fn a_blank_canvas_has_nothing_to_point_at() {
        let mut state = window(NETWORK);
        let tile = state.layer_rows()[0].0.tile(0);
        state.show_activations(None);
        point_at(&mut state, tile);
        assert_eq!(
            (state.hovered(), state.close_up(), state.layer_rows().len()),
            (None, None, 0)
        );
        assert!(state.layers().is_some());
    }
}
