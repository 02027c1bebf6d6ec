//! Window state: the document, the predictions and what is shown.

use std::sync::Arc;

use crate::{
    drawing::{
        history::{Document, History},
        raster::draw_over,
        sign::{Label, SignName},
        strokes::{Ink, PENS},
    },
    geometry::Point,
    imaging::gray_image::GrayImage,
    recognition::{
        activations::LayerActivation,
        layer_info::LayerInfo,
        normalization::{Gray28, normalize, normalize_ink},
        twins::Twins,
    },
    teaching::hand::Hand,
    training::progress::Progress,
    ui::{
        action::Action,
        command::Command,
        event::Effects,
        explained::Why,
        glide::Motion,
        layout::{Focus, HitTarget, Layout, Panel},
        recognized_digit::RecognizedDigit,
        written_answer::Equations,
    },
};

/// Zoom factors of the interface, from smallest to largest.
pub const ZOOMS: [f32; 6] = [0.85, 1.0, 1.25, 1.5, 1.75, 2.0];

/// The factor at which the interface has its own size.
pub(super) const NO_ZOOM: usize = 1;

/// Initial content of the canvas.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Opening {
    /// Nothing.
    #[default]
    Blank,
    /// A drawing in canvas coordinates; see [`Ink::fit`].
    Ink(Ink),
    /// Strokes over an image, such as the canvas of the last session.
    Document(Document),
    /// An image with bright ink on a dark background.
    Image(GrayImage),
}

/// The tool that the pointer applies to the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tool {
    /// Draws.
    #[default]
    Pen,
    /// Erases.
    Eraser,
}

/// A dialog over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// All actions.
    Menu,
    /// The user's examples.
    Examples,
    /// The user's hand, over the whole window.
    Hand,
    /// The name of a sign.
    Naming,
}

/// A user's example, as the examples overlay shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleView {
    /// The network input.
    pub pixels: Gray28,
    /// The digit or sign that the user assigned.
    pub label: Label,
    /// Its strokes, if it was drawn.
    pub ink: Option<Ink>,
}

/// The dialog that names a sign, while it is open.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Naming {
    /// What is typed so far.
    pub(super) name: String,
    /// Index of the digit on the canvas that gets the name.
    pub(super) index: usize,
}

/// The digits of the user's hand, and their twins in MNIST once these are found.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct HandPage {
    pub(super) hand: Arc<Hand>,
    pub(super) twins: Option<Arc<Twins>>,
    /// What the twins wait for, or why there are none.
    pub(super) note: Option<String>,
}

/// What the pressed pointer is dragging or holding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Held {
    Button(HitTarget),
    Slider,
    Scrubber,
    /// The last position, and whether anything was erased since the button was pressed.
    Eraser {
        last: Point,
        has_erased: bool,
    },
}

/// A click that did something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LastClick {
    /// What it hit; `None` if it closed a dialog by missing it.
    pub(super) target: Option<HitTarget>,
    pub(super) at: (f32, f32),
    /// When it ended, in seconds since the window opened.
    pub(super) seconds: f32,
}

/// Everything that determines what the window shows.
#[derive(Debug, Clone)]
pub struct State {
    pub(super) layout: Layout,
    /// Index in [`ZOOMS`].
    pub(super) zoom_index: usize,
    pub(super) dark: bool,
    pub(super) document: Document,
    pub(super) history: History,
    pub(super) tool: Tool,
    /// Whether the canvas was touched since the window opened.
    pub(super) was_touched: bool,
    /// Time of the ghost's animation, in seconds.
    pub(super) ghost_seconds: f32,
    /// Whether the user wants animations.
    pub(super) has_motion: bool,
    /// Whether the desktop or the browser asks for less motion.
    pub(super) is_motion_reduced: bool,
    pub(super) glide: Motion,
    pub(super) digits: Vec<RecognizedDigit>,
    pub(super) equations: Equations,
    /// Index of the digit that was selected by a click, until the drawing changes.
    pub(super) chosen: Option<usize>,
    pub(super) activations: Option<Arc<Vec<LayerActivation>>>,
    /// The layers of the network in use; `None` until the panel shows them.
    pub(super) layers: Option<Arc<Vec<LayerInfo>>>,
    /// The layer that the panel shows alone.
    pub(super) opened_layer: Option<usize>,
    pub(super) shows_why: bool,
    pub(super) why: Option<Arc<Why>>,
    pub(super) progress: Option<Arc<Progress>>,
    /// Accuracy on the test set of the trained network in use; `None` where the one that the window opened with is.
    pub(super) trained_in_use: Option<f32>,
    /// Whether the network of the last run was taken into use.
    pub(super) is_adopted: bool,
    /// The step that the training panel shows, if it is not the last one.
    pub(super) scrubbed: Option<u64>,
    pub(super) examples: Arc<Vec<ExampleView>>,
    pub(super) hand_page: HandPage,
    /// The signs with a bar.
    pub(super) signs: Vec<SignName>,
    pub(super) naming: Naming,
    pub(super) overlay: Option<Overlay>,
    pub(super) message: Option<String>,
    /// Whether the user has called the reading wrong, and is asked what it is.
    pub(super) is_corrected: bool,
    /// The action of the message's Undo button, if it has one.
    pub(super) offered_undo: Option<Action>,
    /// The last click that did something.
    pub(super) last_click: Option<LastClick>,
    /// The time, in seconds since the window opened; `None` without a clock.
    pub(super) seconds: Option<f32>,
    pub(super) pointer: Option<(f32, f32)>,
    pub(super) held: Option<Held>,
    /// Where the wheel has changed the pen's width, until the pointer moves on.
    pub(super) pen_changed_at: Option<(f32, f32)>,
    /// What Tab has moved the focus to; see [`focused`](State::focused).
    pub(super) focus: Option<Focus>,
    /// Rows of examples that are scrolled past.
    pub(super) scrolled_rows: usize,
    pub(super) commands: Vec<Command>,
    /// Whether the program can close its window.
    can_quit: bool,
    /// Pixels in one of a style sheet, if fingers press.
    pub(super) fingers: Option<f32>,
}

impl State {
    /// The state of a new window of the given size, in pixels.
    pub fn new(width: usize, height: usize, opening: Opening) -> Self {
        let document = match opening {
            Opening::Blank => Document::default(),
            Opening::Ink(ink) => Document { ink, image: None },
            Opening::Document(document) => document,
            Opening::Image(image) => Document {
                image: Some(Arc::new(image)),
                ..Document::default()
            },
        };
        State {
            layout: Layout::new(width, height, ZOOMS[NO_ZOOM], Panel::Prediction),
            zoom_index: NO_ZOOM,
            dark: true,
            was_touched: !document.is_blank(),
            document,
            history: History::default(),
            tool: Tool::Pen,
            ghost_seconds: 0.0,
            has_motion: true,
            is_motion_reduced: false,
            glide: Motion::default(),
            digits: Vec::new(),
            equations: Equations::default(),
            chosen: None,
            activations: None,
            layers: None,
            opened_layer: None,
            shows_why: false,
            why: None,
            progress: None,
            trained_in_use: None,
            is_adopted: false,
            scrubbed: None,
            examples: Arc::default(),
            hand_page: HandPage::default(),
            signs: Vec::new(),
            naming: Naming::default(),
            overlay: None,
            message: None,
            is_corrected: false,
            offered_undo: None,
            last_click: None,
            seconds: None,
            pointer: None,
            held: None,
            pen_changed_at: None,
            focus: None,
            scrolled_rows: 0,
            commands: Vec::new(),
            can_quit: true,
            fingers: None,
        }
    }

    /// The layout of the window.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The content of the canvas.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The drawing.
    pub fn ink(&self) -> &Ink {
        &self.document.ink
    }

    /// The image under the drawing.
    pub fn image(&self) -> Option<&Arc<GrayImage>> {
        self.document.image.as_ref()
    }

    /// The digits that were recognized last, left to right; empty if the canvas is blank.
    pub fn digits(&self) -> &[RecognizedDigit] {
        &self.digits
    }

    /// Whether the panel shows the prediction.
    pub(super) fn shows_prediction(&self) -> bool {
        match self.layout.active_panel {
            Panel::Prediction => true,
            Panel::Layers => false,
            Panel::Training => self.progress.is_none(),
        }
    }

    /// The activations of every layer, if the panel shows them.
    pub fn activations(&self) -> Option<&Arc<Vec<LayerActivation>>> {
        self.activations.as_ref().filter(|_| self.shows_activations())
    }

    /// Progress of the current or the last training run.
    pub fn progress(&self) -> Option<&Arc<Progress>> {
        self.progress.as_ref()
    }

    /// The user's examples.
    pub fn examples(&self) -> &Arc<Vec<ExampleView>> {
        &self.examples
    }

    /// The open overlay.
    pub fn overlay(&self) -> Option<Overlay> {
        self.overlay
    }

    /// The current tool.
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// Whether the dark theme is on.
    pub fn is_dark(&self) -> bool {
        self.dark
    }

    /// Index of the zoom factor in [`ZOOMS`].
    pub fn zoom_index(&self) -> usize {
        self.zoom_index
    }

    /// Whether the panel shows the layers' activations.
    pub fn shows_activations(&self) -> bool {
        self.layout.active_panel == Panel::Layers
    }

    /// Whether the canvas shows why the network reads this digit.
    pub fn shows_why(&self) -> bool {
        self.shows_why
    }

    /// Whether the canvas is blank.
    pub fn is_blank(&self) -> bool {
        self.document.is_blank()
    }

    /// Radius of the eraser, in canvas units.
    pub(super) fn eraser_radius(&self) -> f32 {
        0.5 * self.ink().pen().max(20.0)
    }

    /// Whether a network is in training.
    pub fn is_training(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| !progress.finished)
    }

    /// Whether the action is available now.
    pub fn is_enabled(&self, action: Action) -> bool {
        match action {
            Action::Undo => self.history.can_undo(),
            Action::Redo => self.history.can_redo(),
            Action::Clear | Action::Save => !self.is_blank(),
            Action::Thinner => self.ink().pen() > PENS.0,
            Action::Thicker => self.ink().pen() < PENS.1,
            Action::NameSign => self.has_teachable(),
            Action::UndoExample | Action::RemoveAllExamples => !self.examples.is_empty(),
            Action::RestoreExamples => self.offered_undo() == Some(Action::RestoreExamples),
            Action::Pause | Action::SlowMotion | Action::Stop => self.is_training(),
            Action::SaveGif => self
                .progress
                .as_ref()
                .is_some_and(|progress| !progress.snapshots.is_empty()),
            Action::UseNetwork => self.waiting_accuracy().is_some(),
            Action::RestoreBuiltIn => self.progress.is_some() || self.trained_in_use.is_some(),
            Action::Train => !self.is_training(),
            Action::Quit => self.can_quit,
            Action::ZoomIn => self.next_zoom(true).is_some(),
            Action::ZoomOut => self.next_zoom(false).is_some(),
            Action::ResetZoom => self.zoom_index != NO_ZOOM,
            _ => true,
        }
    }

    /// Of a window that only the user can close, such as a page.
    pub fn forbid_quitting(&mut self) {
        self.can_quit = false;
    }

    /// Takes the commands issued since the last call.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// The network input for the whole canvas as one digit; `None` if it is blank.
    pub fn network_input(&self) -> Option<Gray28> {
        match &self.document.image {
            None => normalize_ink(&self.document.ink),
            Some(image) if self.document.ink.is_empty() => normalize(image),
            Some(image) => normalize(&draw_over(image, &self.document.ink)),
        }
    }

    /// Shows recognized digits.
    pub fn show_digits(&mut self, digits: Vec<RecognizedDigit>) {
        let ends = |digits: &[RecognizedDigit]| digits.iter().map(|digit| digit.bounds).collect::<Vec<_>>();
        if ends(&self.digits) != ends(&digits) {
            (self.chosen, self.is_corrected) = (None, false);
        }
        self.digits = digits;
        self.find_equations();
    }

    /// Shows the activations of every layer.
    pub fn show_activations(&mut self, activations: Option<Arc<Vec<LayerActivation>>>) {
        self.activations = activations;
    }

    /// Shows the progress of training; a new run opens its panel.
    pub fn show_progress(&mut self, progress: Arc<Progress>) {
        let is_new = !self.is_training() && !progress.finished;
        if progress.snapshots.is_empty() {
            self.scrubbed = None;
        }
        self.progress = Some(progress);
        if is_new {
            self.is_adopted = false;
            self.show_panel(Panel::Training);
        }
        self.offer_training_actions();
    }

    /// Shows the user's examples.
    pub fn show_examples(&mut self, examples: Arc<Vec<ExampleView>>) {
        self.examples = examples;
        self.look_at_hand();
        self.find_equations();
    }

    /// Replaces the content of the canvas by an image.
    pub fn place_image(&mut self, image: GrayImage) -> Effects {
        self.history.record(&self.document);
        self.was_touched = true;
        self.document.ink.clear();
        self.document.image = Some(Arc::new(image));
        Effects::RECOGNIZE
    }

    /// Applies saved theme and zoom settings.
    pub fn set_appearance(&mut self, dark: bool, zoom_index: usize) {
        self.dark = dark;
        self.set_zoom(zoom_index.min(ZOOMS.len() - 1));
    }

    /// Lays out the window for fingers, on a screen with that many pixels in one of a style sheet, or again for a pointer that is
    /// more precise.
    pub fn set_fingers(&mut self, density: Option<f32>) {
        if self.fingers != density {
            self.fingers = density;
            self.show_panel(self.layout.active_panel);
        }
    }

    /// Lays out the window anew, with the given size and content of the panel, at the current zoom.
    pub(super) fn lay_out(&mut self, (width, height): (usize, usize), panel: Panel) {
        let zoom = ZOOMS[self.zoom_index];
        let layout = match self.fingers {
            None => Layout::new(width, height, zoom, panel),
            Some(density) => Layout::for_fingers(width, height, zoom, density, panel),
        };
        self.layout = layout.with_signs(&self.signs);
        self.offer_training_actions();
    }

    pub(super) fn show_panel(&mut self, panel: Panel) {
        self.lay_out(self.layout.window, panel);
    }

    pub(super) fn set_zoom(&mut self, zoom_index: usize) {
        self.zoom_index = zoom_index;
        self.lay_out(self.layout.window, self.layout.active_panel);
    }
}
