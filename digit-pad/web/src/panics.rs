//! A panic is shown: it would otherwise stop the page silently.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CustomEvent, CustomEventInit, EventTarget, console};

/// From now on, a panic is written to the console and told to the page by the event `pad-failure`.
pub(crate) fn show() {
    std::panic::set_hook(Box::new(|panic| {
        let text = format!("This page has failed by an error of its program; reload it. ({panic})");
        console::error_1(&JsValue::from_str(&text));
        let init = CustomEventInit::new();
        init.set_detail(&JsValue::from_str(&text));
        let target: EventTarget = js_sys::global().unchecked_into();
        if let Ok(event) = CustomEvent::new_with_event_init_dict("pad-failure", &init) {
            // Nobody need listen.
            let _ = target.dispatch_event(&event);
        }
    }));
}
