//! Events of the page as events of the user interface.

use digit_pad::ui::{Event, Key, Modifiers, key_names::key_of_name};
use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlCanvasElement, KeyboardEvent, PointerEvent, WheelEvent, Window};

/// Pixels by which a wheel turns at most without a notch.
const NOTCH: f64 = 60.0;

/// Outside of every window: where the pointer is when it has left.
const OUTSIDE: f32 = -1e4;

/// Where the pointer is, in pixels of the canvas of that scale. Events have fractions of pixels, which web-sys drops.
fn position(event: &JsValue, canvas: &HtmlCanvasElement, scale: f64) -> (f32, f32) {
    let rect = canvas.get_bounding_client_rect();
    let of = |name: &str| {
        Reflect::get(event, &name.into())
            .ok()
            .and_then(|value| value.as_f64())
            .unwrap_or(0.0)
    };
    let x = (of("clientX") - rect.left()) * scale;
    let y = (of("clientY") - rect.top()) * scale;
    (x as f32, y as f32)
}

/// The secondary button, and the eraser at the other end of a pen.
fn is_secondary(event: &PointerEvent) -> bool {
    matches!(event.button(), 2 | 5)
}

/// A button or the tip of a pen was pressed, or a finger put down.
pub(crate) fn pressed(event: &PointerEvent, canvas: &HtmlCanvasElement, scale: f64) -> Option<Event> {
    let (x, y) = position(event, canvas, scale);
    match event.button() {
        0 => Some(Event::PointerPressed { x, y }),
        _ if is_secondary(event) => Some(Event::SecondaryPressed { x, y }),
        _ => None,
    }
}

/// All positions since the last event: a display may report several in one frame.
pub(crate) fn moved(event: &PointerEvent, canvas: &HtmlCanvasElement, scale: f64) -> Vec<Event> {
    let moved = |event: &JsValue| {
        let (x, y) = position(event, canvas, scale);
        Event::PointerMoved { x, y }
    };
    let coalesced: Option<Function> = Reflect::get(event, &"getCoalescedEvents".into())
        .ok()
        .and_then(|function| function.dyn_into().ok());
    let parts = coalesced.and_then(|function| function.call0(event).ok()?.dyn_into::<Array>().ok());
    match parts {
        Some(parts) if parts.length() > 0 => parts.iter().map(|part| moved(&part)).collect(),
        _ => vec![moved(event)],
    }
}

/// A button was released, or the finger or pen lifted, which then is nowhere.
pub(crate) fn released(event: &PointerEvent, canvas: &HtmlCanvasElement, scale: f64) -> Vec<Event> {
    let (x, y) = position(event, canvas, scale);
    let mut events = vec![if is_secondary(event) {
        Event::SecondaryReleased { x, y }
    } else {
        Event::PointerReleased { x, y }
    }];
    if event.pointer_type() == "touch" {
        events.push(left());
    }
    events
}

/// The time since the page was opened.
pub(crate) fn seconds(window: &Window) -> f32 {
    let clock = window.performance();
    clock.map_or(0.0, |clock| clock.now() / 1e3) as f32
}

/// The pointer is no longer over the canvas.
pub(crate) fn left() -> Event {
    Event::PointerMoved { x: OUTSIDE, y: OUTSIDE }
}

/// The notches of a wheel, from the parts of them that browsers report.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    turned: f64,
}

impl Wheel {
    pub(crate) fn turned(&mut self, event: &WheelEvent) -> Option<Event> {
        let pixels = if event.delta_mode() == WheelEvent::DOM_DELTA_PIXEL {
            event.delta_y()
        } else {
            NOTCH * event.delta_y()
        };
        self.turned += pixels;
        if self.turned.abs() < NOTCH {
            return None;
        }
        let up = self.turned < 0.0;
        self.turned = 0.0;
        Some(Event::WheelTurned {
            up,
            control: event.ctrl_key(),
        })
    }
}

/// The key of an event, if the window handles it: not what is typed in a field, none of the system's, and none that a button of
/// the page handles itself. Paste is an event of its own.
pub(crate) fn key(event: &KeyboardEvent) -> Option<Event> {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let tag = target.map(|element| element.tag_name()).unwrap_or_default();
    if event.alt_key() || event.is_composing() {
        return None;
    }
    let key = key_of_name(&event.key(), &event.code())?;
    // The keys that end typing are not the field's.
    if tag == "INPUT" && !matches!(key, Key::Enter | Key::Escape) {
        return None;
    }
    let control = event.ctrl_key() || event.meta_key();
    let is_of_page = key == Key::Tab || (tag == "BUTTON" && matches!(key, Key::Enter | Key::Space));
    // All others with Control are the browser's.
    let is_own = matches!(
        key,
        Key::Letter('Z' | 'Y' | 'O' | 'S') | Key::Plus | Key::Minus | Key::Digit(0)
    );
    let modifiers = Modifiers {
        control,
        shift: event.shift_key(),
    };
    (!is_of_page && (is_own || !control)).then_some(Event::KeyPressed { key, modifiers })
}
