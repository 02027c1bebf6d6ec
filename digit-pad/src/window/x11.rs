//! Pointer and key events directly from an X11 display.
//!
//! A second connection creates an invisible window over minifb's that receives all pointer events, each with its
//! position. Keys go to minifb's window, whose key and expose events this connection receives too.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use minifb::HasWindowHandle;
use raw_window_handle::RawWindowHandle;
use x11rb::connection::Connection;
use x11rb::protocol::Event as XEvent;
use x11rb::protocol::xkb::ConnectionExt as _;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt, CreateWindowAux, EventMask, KeyButMask, NotifyMode, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::{COPY_DEPTH_FROM_PARENT, COPY_FROM_PARENT};

use super::{desktop::describe, drop::DropTarget, key_map::KeyMap, received::Received};
use crate::{error::Error, ui::Event};

/// Numbers of the pointer's buttons; those of the wheel are pressed once for each notch.
const PRIMARY_BUTTON: u8 = 1;
const SECONDARY_BUTTON: u8 = 3;
const WHEEL_UP: u8 = 4;
const WHEEL_DOWN: u8 = 5;

/// Larger than any window; the part outside minifb's is clipped.
const OVERLAY_SIDE: u16 = 32_767;

/// The connection to the display was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disconnected;

/// Pointer and key events of a window, received by a thread of their own.
#[derive(Debug)]
pub(super) struct DisplayEvents {
    signals: Receiver<Signal>,
}

#[derive(Debug)]
enum Signal {
    /// An event of the pointer or a key.
    Input(Event),
    /// A file was dropped, or what is none.
    Dropped(Result<PathBuf, Error>),
    /// The window has to be redrawn.
    Exposed,
    /// An event for minifb.
    Other,
}

impl DisplayEvents {
    /// Starts to listen to minifb's window, if it is an X11 window.
    pub(super) fn connect(window: &minifb::Window) -> Option<DisplayEvents> {
        let RawWindowHandle::Xlib(handle) = window.window_handle().ok()?.as_raw() else {
            return None;
        };
        let parent = Window::try_from(handle.window).ok()?;
        let (connection, _) = x11rb::connect(None).ok()?;
        let overlay = create_overlay(&connection, parent).ok()?;
        // Without it, the window has no icon.
        let _ = describe(&connection, parent);
        // Without it, no file can be dropped on the window.
        let drop_target = DropTarget::new(&connection, parent).ok();
        // Without the keyboard extension, events do not say which of several layouts is in use.
        let _ = connection.xkb_use_extension(1, 0).ok()?.reply();
        let (sender, signals) = channel();
        let listener = std::thread::Builder::new().name("x11-events".to_owned());
        listener
            .spawn(move || listen(&connection, overlay, drop_target, &sender))
            .ok()?;
        Some(DisplayEvents { signals })
    }

    /// Waits for an event, no longer than `timeout`, and takes all that have arrived.
    pub(super) fn wait(&self, timeout: Duration) -> Result<Received, Disconnected> {
        let first = match self.signals.recv_timeout(timeout) {
            Ok(signal) => signal,
            Err(RecvTimeoutError::Timeout) => return Ok(Received::default()),
            Err(RecvTimeoutError::Disconnected) => return Err(Disconnected),
        };
        let mut received = Received::default();
        for signal in std::iter::once(first).chain(self.signals.try_iter()) {
            match signal {
                Signal::Input(event) => received.events.push(event),
                Signal::Dropped(file) => received.dropped = Some(file),
                Signal::Exposed => received.exposed = true,
                Signal::Other => {}
            }
        }
        Ok(received)
    }
}

/// Creates an invisible window over another client's window.
fn create_overlay(connection: &RustConnection, parent: Window) -> Result<Window, Box<dyn std::error::Error>> {
    let overlay = connection.generate_id()?;
    let pointer_events = EventMask::BUTTON_PRESS
        | EventMask::BUTTON_RELEASE
        | EventMask::POINTER_MOTION
        | EventMask::LEAVE_WINDOW
        | EventMask::STRUCTURE_NOTIFY;
    let attributes = CreateWindowAux::new().event_mask(pointer_events);
    let (depth, visual) = (COPY_DEPTH_FROM_PARENT, COPY_FROM_PARENT);
    let class = WindowClass::INPUT_ONLY;
    connection
        .create_window(
            depth,
            overlay,
            parent,
            0,
            0,
            OVERLAY_SIDE,
            OVERLAY_SIDE,
            0,
            class,
            visual,
            &attributes,
        )?
        .check()?;
    connection.map_window(overlay)?.check()?;
    let other_events =
        EventMask::KEY_PRESS | EventMask::KEY_RELEASE | EventMask::EXPOSURE | EventMask::STRUCTURE_NOTIFY;
    let attributes = ChangeWindowAttributesAux::new().event_mask(other_events);
    connection.change_window_attributes(parent, &attributes)?.check()?;
    Ok(overlay)
}

/// Forwards events until the window or the receiver is gone.
fn listen(connection: &RustConnection, overlay: Window, mut drop_target: Option<DropTarget>, sender: &Sender<Signal>) {
    let mut keys = KeyMap::default();
    while let Ok(event) = connection.wait_for_event() {
        if let XEvent::KeyPress(_) = event {
            // The layout may have changed. Keys are pressed so seldom that asking each time costs nothing.
            keys = key_map(connection).unwrap_or(keys);
        }
        let dropped = drop_target
            .as_mut()
            .and_then(|target| target.handle(connection, &event));
        if dropped.is_some_and(|file| sender.send(Signal::Dropped(file)).is_err()) {
            return;
        }
        let typed = typed(&event, &keys).map(|character| Signal::Input(Event::Typed(character)));
        if typed.is_some_and(|typed| sender.send(typed).is_err()) {
            return;
        }
        let destroyed = matches!(&event, XEvent::DestroyNotify(e) if e.window == overlay);
        if destroyed || signal(&event, &keys).is_some_and(|signal| sender.send(signal).is_err()) {
            return;
        }
    }
}

/// The symbols of all keys.
fn key_map(connection: &RustConnection) -> Option<KeyMap> {
    let setup = connection.setup();
    let (first, last) = (setup.min_keycode, setup.max_keycode);
    let count = last.checked_sub(first)?.saturating_add(1);
    let mapping = connection.get_keyboard_mapping(first, count).ok()?.reply().ok()?;
    Some(KeyMap::new(first, mapping.keysyms_per_keycode, mapping.keysyms))
}

/// The character that a key press types; it is reported before its key.
fn typed(event: &XEvent, keys: &KeyMap) -> Option<char> {
    match event {
        XEvent::KeyPress(e) => keys.character(e.detail, u16::from(e.state)),
        _ => None,
    }
}

fn signal(event: &XEvent, keys: &KeyMap) -> Option<Signal> {
    let position = |x: i16, y: i16| (f32::from(x), f32::from(y));
    match event {
        XEvent::MotionNotify(e) => {
            let (x, y) = position(e.event_x, e.event_y);
            Some(Signal::Input(Event::PointerMoved { x, y }))
        }
        XEvent::LeaveNotify(e) if e.mode == NotifyMode::NORMAL => {
            let (x, y) = position(e.event_x, e.event_y);
            Some(Signal::Input(Event::PointerMoved { x, y }))
        }
        XEvent::ButtonPress(e) => {
            let (x, y) = position(e.event_x, e.event_y);
            let control = e.state.contains(KeyButMask::CONTROL);
            let event = match e.detail {
                PRIMARY_BUTTON => Event::PointerPressed { x, y },
                SECONDARY_BUTTON => Event::SecondaryPressed { x, y },
                WHEEL_UP | WHEEL_DOWN => Event::WheelTurned {
                    up: e.detail == WHEEL_UP,
                    control,
                },
                _ => return None,
            };
            Some(Signal::Input(event))
        }
        XEvent::ButtonRelease(e) => {
            let (x, y) = position(e.event_x, e.event_y);
            let event = match e.detail {
                PRIMARY_BUTTON => Event::PointerReleased { x, y },
                SECONDARY_BUTTON => Event::SecondaryReleased { x, y },
                _ => return None,
            };
            Some(Signal::Input(event))
        }
        XEvent::KeyPress(e) => {
            let pressed = keys.key(e.detail, u16::from(e.state));
            Some(pressed.map_or(Signal::Other, |(key, modifiers)| {
                Signal::Input(Event::KeyPressed { key, modifiers })
            }))
        }
        XEvent::Expose(_) => Some(Signal::Exposed),
        XEvent::ConfigureNotify(_) => Some(Signal::Other),
        _ => None,
    }
}
