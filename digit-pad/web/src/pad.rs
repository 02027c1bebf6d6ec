//! The digit pad on a canvas of the page: handles its events, and paints when something has changed.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use digit_pad::{
    app::{controller::Controller, settings::Settings},
    graphics::canvas::Rect,
    recognition::model::Model,
    ui::{Cursor, Effects, Event, MIN_SIZE, Opening, Painter, State, in_words::Control},
};
use js_sys::{Array, Function};
use serde_json::json;
use wasm_bindgen::{Clamped, JsCast, JsValue, prelude::Closure, prelude::wasm_bindgen};
use web_sys::{
    AddEventListenerOptions, CanvasRenderingContext2d, ClipboardEvent, DragEvent, EventTarget, HtmlCanvasElement,
    HtmlElement, ImageData, KeyboardEvent, PointerEvent, ResizeObserver, WheelEvent, Window,
};

use crate::{
    events::{self, Wheel},
    frame::Frame,
    kept,
    page_host::{GivenImages, PageHost},
    panics,
};

/// The media feature of a display whose main pointer is a finger.
const FINGERS: &str = "pointer: coarse";

/// The digit pad.
#[wasm_bindgen]
pub struct Pad {
    page: Rc<Page>,
}

/// What the page shows, and what it is asked to do next.
struct Page {
    window: Window,
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    content: RefCell<Content>,
    given: GivenImages,
    /// Whether a frame has been asked for.
    is_awaited: Cell<bool>,
    on_frame: RefCell<Option<Function>>,
}

struct Content {
    state: State,
    controller: Controller,
    painter: Painter,
    frame: Frame,
    wheel: Wheel,
    pending: Effects,
    /// Pixels of the canvas in one of the page.
    scale: f64,
    /// What was told last: answer, status, controls, field.
    told: [String; 4],
    on_change: Option<Function>,
}

#[wasm_bindgen]
impl Pad {
    /// A digit pad on a canvas. `start_worker` returns a new worker, whose script calls `serve`.
    ///
    /// # Errors
    /// If the browser has no canvas to draw on.
    #[wasm_bindgen(constructor)]
    pub fn new(canvas: HtmlCanvasElement, start_worker: Function) -> Result<Pad, JsValue> {
        panics::show();
        let window = web_sys::window().ok_or("there is no window")?;
        let context = canvas
            .get_context("2d")?
            .ok_or("the canvas cannot be drawn on")?
            .dyn_into()?;
        // The page exists after what it starts, which has to reach it.
        let slot: Rc<RefCell<Option<std::rc::Weak<Page>>>> = Rc::default();
        let wake: Rc<dyn Fn()> = {
            let slot = Rc::clone(&slot);
            Rc::new(move || {
                let page = slot.borrow().as_ref().and_then(std::rc::Weak::upgrade);
                page.iter().for_each(Page::wake);
            })
        };
        let given = GivenImages::new(wake);
        let content = Content::new(&window, start_worker, given.clone())?;
        let page = Rc::new(Page {
            window,
            canvas,
            context,
            content: RefCell::new(content),
            given,
            is_awaited: Cell::new(false),
            on_frame: RefCell::new(None),
        });
        *slot.borrow_mut() = Some(Rc::downgrade(&page));
        Page::listen(&page)?;
        page.resize();
        page.wake();
        Ok(Pad { page })
    }

    /// Sets what is called when the answer, the status or a control has changed.
    #[wasm_bindgen(js_name = onChange)]
    pub fn on_change(&self, callback: Function) {
        self.page.content.borrow_mut().on_change = Some(callback);
    }

    /// The answer in words; empty for a blank canvas.
    #[must_use]
    pub fn answer(&self) -> String {
        self.page.content.borrow().state.answer_in_words()
    }

    /// The message in the window, or the explanation that it shows; empty if there is none.
    #[must_use]
    pub fn status(&self) -> String {
        self.page.content.borrow().state.status_in_words()
    }

    /// What can be pressed, as JSON.
    #[must_use]
    pub fn controls(&self) -> String {
        self.page.content.borrow().controls()
    }

    /// Presses a control.
    pub fn press(&self, id: &str) {
        let press = |content: &mut Content| {
            let control = content.state.controls().into_iter().find(|control| control.id == id);
            control.map_or(Effects::default(), |control| content.state.press(control.target))
        };
        self.page.change(press);
    }

    /// Where a name is being typed, with what is typed, as JSON; or `null`.
    #[must_use]
    pub fn field(&self) -> String {
        self.page.content.borrow().field()
    }

    /// Sets what is typed in the field.
    #[wasm_bindgen(js_name = setField)]
    pub fn set_field(&self, text: &str) {
        self.page.change(|content| content.state.set_name(text));
    }

    /// Milliseconds that the last reading took in the network.
    #[wasm_bindgen(js_name = readingMilliseconds)]
    #[must_use]
    pub fn reading_milliseconds(&self) -> f32 {
        let content = self.page.content.borrow();
        let digits = content.state.digits().iter();
        digits.map(|digit| digit.prediction.microseconds / 1e3).sum()
    }

    /// The progress of training as JSON, or `null`.
    #[must_use]
    pub fn training(&self) -> String {
        let content = self.page.content.borrow();
        let progress = content.state.progress().map(|progress| {
            json!({
                "steps": progress.steps,
                "total": progress.total_steps,
                "seconds": progress.seconds,
                "finished": progress.finished,
                "accuracy": progress.test_accuracy,
            })
        });
        json!(progress).to_string()
    }
}

/// The name of a cursor in style sheets.
fn cursor(cursor: Cursor) -> &'static str {
    match cursor {
        Cursor::Crosshair => "crosshair",
        Cursor::Hand => "pointer",
        Cursor::Arrow => "default",
    }
}

fn prefers(window: &Window, what: &str) -> bool {
    window
        .match_media(&format!("({what})"))
        .ok()
        .flatten()
        .is_some_and(|list| list.matches())
}

impl Content {
    fn new(window: &Window, start_worker: Function, given: GivenImages) -> Result<Self, JsValue> {
        let in_words = |error: digit_pad::Error| JsValue::from_str(&error.to_string());
        let host = Box::new(PageHost::new(start_worker, given));
        let model = Model::embedded().map_err(in_words)?;
        let mut controller = Controller::new(model, host).map_err(in_words)?;
        // A layout for fingers follows the display by itself.
        let scale = if prefers(window, FINGERS) {
            1.0
        } else {
            window.device_pixel_ratio() as f32
        };
        let settings = kept::settings().unwrap_or_else(|| Settings {
            dark: !prefers(window, "prefers-color-scheme: light"),
            ..Settings::at_scale(scale)
        });
        let document = kept::drawing();
        let mut state = State::new(settings.width, settings.height, Opening::Document(document));
        state.set_appearance(settings.dark, settings.zoom_index);
        state.set_motion(settings.motion);
        state.set_reduced_motion(prefers(window, "prefers-reduced-motion: reduce"));
        state.set_pen(settings.pen);
        state.forbid_quitting();
        controller.open(&mut state);
        let pending = Effects {
            repaint: true,
            recognize: !state.is_blank(),
            quit: false,
        };
        Ok(Content {
            state,
            controller,
            painter: Painter::new(),
            frame: Frame::default(),
            wheel: Wheel::default(),
            pending,
            scale: 1.0,
            told: Default::default(),
            on_change: None,
        })
    }

    fn run_commands(&mut self) {
        for command in self.state.take_commands() {
            self.pending |= self.controller.run(command, &mut self.state);
        }
    }

    /// A rectangle in pixels of the page.
    fn place(&self, rect: Rect) -> [f64; 4] {
        [rect.x, rect.y, rect.width, rect.height].map(|length| f64::from(length) / self.scale)
    }

    fn field(&self) -> String {
        let field = self.state.name_field().map(|(text, rect)| {
            let [x, y, width, height] = self.place(rect);
            json!({ "text": text, "x": x, "y": y, "width": width, "height": height })
        });
        json!(field).to_string()
    }

    fn controls(&self) -> String {
        let one = |control: Control| {
            let [x, y, width, height] = self.place(control.rect);
            json!({
                "id": control.id,
                "label": control.label,
                "key": control.key,
                "x": x,
                "y": y,
                "width": width,
                "height": height,
                "enabled": control.is_enabled,
            })
        };
        json!(self.state.controls().into_iter().map(one).collect::<Vec<_>>()).to_string()
    }

    /// What has changed of what the page tells.
    fn changed(&mut self) -> Option<Function> {
        let state = &self.state;
        let told = [
            state.answer_in_words(),
            state.status_in_words(),
            self.controls(),
            self.field(),
        ];
        if told == self.told {
            return None;
        }
        self.told = told;
        self.on_change.clone()
    }

    /// Keeps settings and drawing for the next visit.
    fn keep(&mut self) {
        let (state, saved) = (&self.state, kept::settings().unwrap_or_default());
        let settings = Settings {
            zoom_index: state.zoom_index(),
            dark: state.is_dark(),
            motion: state.has_motion(),
            pen: state.ink().pen(),
            ..saved
        };
        let kept = kept::keep_settings(&settings).and_then(|()| kept::keep_drawing(state.document()));
        if let Err(error) = kept {
            self.state.show_message(error.to_string());
        }
    }
}

impl Page {
    /// Changes the content, runs the commands that follow, and shows the result with the next frame.
    fn change(self: &Rc<Self>, change: impl FnOnce(&mut Content) -> Effects) {
        {
            let content = &mut *self.content.borrow_mut();
            let effects = change(content);
            content.pending |= effects;
            content.run_commands();
        }
        self.wake();
    }

    fn apply(self: &Rc<Self>, events: impl IntoIterator<Item = Event>) {
        let seconds = events::seconds(&self.window);
        self.change(|content| {
            let shown = content.state.show_time(seconds);
            let events = events.into_iter();
            events.fold(shown, |effects, event| effects | content.state.apply(event))
        });
    }

    /// Asks for a frame. A hidden page gets none, and goes on by a timer.
    fn wake(self: &Rc<Self>) {
        if self.is_awaited.replace(true) {
            return;
        }
        let on_frame = self
            .on_frame
            .borrow_mut()
            .get_or_insert_with(|| {
                let page = Rc::downgrade(self);
                let frame = move || page.upgrade().iter().for_each(Page::show);
                Closure::<dyn FnMut()>::new(frame).into_js_value().unchecked_into()
            })
            .clone();
        let is_hidden = self.window.document().is_some_and(|document| document.hidden());
        // Without a frame, the next event tries again.
        let asked = if is_hidden {
            self.window
                .set_timeout_with_callback_and_timeout_and_arguments_0(&on_frame, 50)
                .is_ok()
        } else {
            self.window.request_animation_frame(&on_frame).is_ok()
        };
        self.is_awaited.set(asked);
    }

    /// Takes over what workers have finished, and paints.
    fn show(self: &Rc<Self>) {
        self.is_awaited.set(false);
        let seconds = events::seconds(&self.window);
        let (changed, is_animated) = {
            let content = &mut *self.content.borrow_mut();
            content.pending |= content.state.show_time(seconds);
            content.pending |= content.controller.poll(&mut content.state);
            let pending = std::mem::take(&mut content.pending);
            if pending.recognize {
                content.controller.recognize(&mut content.state);
                // What shows the reading may want more of it.
                content.pending |= content.controller.poll(&mut content.state);
            }
            if pending.repaint || pending.recognize {
                content.painter.paint(&content.state);
                self.put(content);
            }
            self.canvas
                .style()
                .set_property("cursor", cursor(content.state.cursor()))
                .unwrap_or_default();
            // Each poll takes one answer of a worker, and more may have come since the last frame.
            let has_more = content.pending != Effects::default() || content.controller.is_busy();
            (content.changed(), content.state.is_animated() || has_more)
        };
        if let Some(on_change) = changed {
            // An error of the page is the page's.
            let _ = on_change.call0(&JsValue::NULL);
        }
        if is_animated {
            self.wake();
        }
    }

    /// Puts the changed part of the painter's pixels on the canvas.
    fn put(&self, content: &mut Content) {
        let size = content.painter.size();
        let Some(part) = content.frame.update(content.painter.pixels(), size) else {
            return;
        };
        let image =
            ImageData::new_with_u8_clamped_array_and_sh(Clamped(content.frame.bytes()), size.0 as u32, size.1 as u32);
        let [x, y, width, height] = [part.x, part.y, part.width, part.height].map(|length| length as f64);
        let put = image.and_then(|image| {
            self.context
                .put_image_data_with_dirty_x_and_dirty_y_and_dirty_width_and_dirty_height(
                    &image, 0.0, 0.0, x, y, width, height,
                )
        });
        // A canvas of no size shows nothing.
        let _ = put;
    }

    /// Gives the canvas the pixels of the display; more on a page so small that the layout would not fit.
    fn resize(self: &Rc<Self>) {
        let rect = self.canvas.get_bounding_client_rect();
        if rect.width() < 1.0 || rect.height() < 1.0 {
            return;
        }
        let has_fingers = prefers(&self.window, FINGERS);
        let least = (MIN_SIZE.0 as f64 / rect.width()).max(MIN_SIZE.1 as f64 / rect.height());
        let least = if has_fingers { 1.0 } else { least };
        let scale = self.window.device_pixel_ratio().max(least);
        let [width, height] = [rect.width(), rect.height()].map(|length| (length * scale).round() as usize);
        if (self.canvas.width() as usize, self.canvas.height() as usize) != (width, height) {
            self.canvas.set_width(width as u32);
            self.canvas.set_height(height as u32);
            self.content.borrow_mut().frame = Frame::default();
        }
        self.content.borrow_mut().scale = scale;
        self.apply([Event::Resized { width, height }]);
        let density = has_fingers.then_some(scale as f32);
        self.content.borrow_mut().state.set_fingers(density);
        self.change(|_| Effects::REPAINT);
    }

    fn listen(page: &Rc<Page>) -> Result<(), JsValue> {
        let (canvas, window): (&EventTarget, &EventTarget) = (&page.canvas, &page.window);
        on(page, canvas, "pointerdown", |page, event: PointerEvent| {
            if event.is_primary() {
                event.prevent_default();
                page.canvas.unchecked_ref::<HtmlElement>().focus().unwrap_or_default();
                // The stroke goes on outside of the canvas, where the browser allows it.
                let _ = page.canvas.set_pointer_capture(event.pointer_id());
                let scale = page.scale();
                page.apply(events::pressed(&event, &page.canvas, scale));
            }
        })?;
        on(page, canvas, "pointermove", |page, event: PointerEvent| {
            if event.is_primary() {
                page.apply(events::moved(&event, &page.canvas, page.scale()));
            }
        })?;
        for name in ["pointerup", "pointercancel"] {
            on(page, canvas, name, |page, event: PointerEvent| {
                if event.is_primary() {
                    page.apply(events::released(&event, &page.canvas, page.scale()));
                }
            })?;
        }
        on(page, canvas, "pointerleave", |page, event: PointerEvent| {
            if event.buttons() == 0 {
                page.apply([events::left()]);
            }
        })?;
        on(page, canvas, "contextmenu", |_, event: web_sys::Event| {
            event.prevent_default();
        })?;
        on(page, canvas, "wheel", |page, event: WheelEvent| {
            event.prevent_default();
            let turned = page.content.borrow_mut().wheel.turned(&event);
            page.apply(turned);
        })?;
        on(page, window, "keydown", |page, event: KeyboardEvent| {
            if let Some(key) = events::key(&event) {
                event.prevent_default();
                page.apply([key]);
            }
        })?;
        on(page, window, "paste", |page, event: ClipboardEvent| {
            let files = event.clipboard_data().and_then(|data| data.files());
            match files.and_then(|files| files.get(0)) {
                Some(file) => page.given.read(file),
                None => page.given.push_nothing(),
            }
        })?;
        on(page, window, "dragover", |_, event: DragEvent| event.prevent_default())?;
        on(page, window, "drop", |page, event: DragEvent| {
            event.prevent_default();
            let files = event.data_transfer().and_then(|data| data.files());
            match files.and_then(|files| files.get(0)) {
                Some(file) => page.given.read(file),
                None => page.given.push_nothing(),
            }
        })?;
        for (target, name) in [(window, "pagehide"), (window, "visibilitychange")] {
            on(page, target, name, |page, _: web_sys::Event| {
                page.content.borrow_mut().keep();
            })?;
        }
        let resized = Rc::downgrade(page);
        let resized = Closure::<dyn FnMut(Array)>::new(move |_: Array| resized.upgrade().iter().for_each(Page::resize));
        let observer = ResizeObserver::new(resized.as_ref().unchecked_ref())?;
        resized.forget();
        observer.observe(&page.canvas);
        on(page, window, "resize", |page, _: web_sys::Event| page.resize())
    }

    fn scale(&self) -> f64 {
        self.content.borrow().scale
    }
}

/// Handles an event of the page for as long as the page is there. The handler may keep the browser from its own.
fn on<E: JsCast + wasm_bindgen::convert::FromWasmAbi + 'static>(
    page: &Rc<Page>,
    target: &EventTarget,
    name: &str,
    mut handle: impl FnMut(&Rc<Page>, E) + 'static,
) -> Result<(), JsValue> {
    let page = Rc::downgrade(page);
    let handler = Closure::<dyn FnMut(E)>::new(move |event: E| {
        if let Some(page) = page.upgrade() {
            handle(&page, event);
        }
    });
    let options = AddEventListenerOptions::new();
    options.set_passive(false);
    let function = handler.into_js_value().unchecked_into();
    target.add_event_listener_with_callback_and_add_event_listener_options(name, &function, &options)
}
