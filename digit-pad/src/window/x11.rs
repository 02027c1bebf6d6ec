//! Pointer events at first hand from an X11 display.
//!
//! A second connection lays a window of its own over minifb's: one that is never seen but takes all that the pointer
//! does, each event with its place, in order. Keys still go to minifb's window; this connection hears of them as well,
//! and of lost pictures, only to wake the loop.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use minifb::HasWindowHandle;
use raw_window_handle::RawWindowHandle;
use x11rb::connection::Connection;
use x11rb::protocol::Event as XEvent;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt, CreateWindowAux, EventMask, NotifyMode, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::{COPY_DEPTH_FROM_PARENT, COPY_FROM_PARENT};

use crate::ui::Event;

/// The pointer's main button.
const MAIN_BUTTON: u8 = 1;

/// Larger than any window: the part outside minifb's is cut off.
const EVERYWHERE: u16 = 32_767;

/// The connection is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// Events as they come in.
#[derive(Debug)]
pub(super) struct Events {
    signal: Receiver<Signal>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Signal {
    /// The pointer did something.
    Pointer(Event),
    /// The picture on the screen was lost.
    Lost,
    /// minifb has something to tell.
    Other,
}

impl Events {
    /// Begins to listen to what happens to minifb's window, if that is a window of an X11 display.
    pub(super) fn of(window: &minifb::Window) -> Option<Events> {
        let RawWindowHandle::Xlib(handle) = window.window_handle().ok()?.as_raw() else {
            return None;
        };
        let seen = Window::try_from(handle.window).ok()?;
        let (connection, _) = x11rb::connect(None).ok()?;
        let taker = lay_over(&connection, seen).ok()?;
        let (sender, signal) = channel();
        let listener = std::thread::Builder::new().name("x11-events".to_owned());
        listener.spawn(move || listen(&connection, taker, &sender)).ok()?;
        Some(Events { signal })
    }

    /// Waits for the next event, no longer than `rest`, and takes all that are there; says whether the picture on the
    /// screen was lost.
    pub(super) fn wait(&self, rest: Duration, events: &mut Vec<Event>) -> Result<bool, Gone> {
        let first = match self.signal.recv_timeout(rest) {
            Ok(signal) => signal,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => return Err(Gone),
        };
        let mut lost = false;
        for signal in std::iter::once(first).chain(self.signal.try_iter()) {
            match signal {
                Signal::Pointer(event) => events.push(event),
                Signal::Lost => lost = true,
                Signal::Other => {}
            }
        }
        Ok(lost)
    }
}

/// Lays an invisible window over another client's.
fn lay_over(connection: &RustConnection, seen: Window) -> Result<Window, Box<dyn std::error::Error>> {
    let taker = connection.generate_id()?;
    let taken = EventMask::BUTTON_PRESS
        | EventMask::BUTTON_RELEASE
        | EventMask::POINTER_MOTION
        | EventMask::LEAVE_WINDOW
        | EventMask::STRUCTURE_NOTIFY;
    let attributes = CreateWindowAux::new().event_mask(taken);
    let (depth, visual) = (COPY_DEPTH_FROM_PARENT, COPY_FROM_PARENT);
    let class = WindowClass::INPUT_ONLY;
    connection
        .create_window(
            depth,
            taker,
            seen,
            0,
            0,
            EVERYWHERE,
            EVERYWHERE,
            0,
            class,
            visual,
            &attributes,
        )?
        .check()?;
    connection.map_window(taker)?.check()?;
    let heard = EventMask::KEY_PRESS | EventMask::KEY_RELEASE | EventMask::EXPOSURE | EventMask::STRUCTURE_NOTIFY;
    let attributes = ChangeWindowAttributesAux::new().event_mask(heard);
    connection.change_window_attributes(seen, &attributes)?.check()?;
    Ok(taker)
}

/// Passes events on until the window or the receiver is gone.
fn listen(connection: &RustConnection, taker: Window, sender: &Sender<Signal>) {
    while let Ok(event) = connection.wait_for_event() {
        let destroyed = matches!(&event, XEvent::DestroyNotify(e) if e.window == taker);
        if destroyed || signal(&event).is_some_and(|signal| sender.send(signal).is_err()) {
            return;
        }
    }
}

fn signal(event: &XEvent) -> Option<Signal> {
    let place = |x: i16, y: i16| (f32::from(x), f32::from(y));
    match event {
        XEvent::MotionNotify(e) => {
            let (x, y) = place(e.event_x, e.event_y);
            Some(Signal::Pointer(Event::PointerMoved { x, y }))
        }
        XEvent::LeaveNotify(e) if e.mode == NotifyMode::NORMAL => {
            let (x, y) = place(e.event_x, e.event_y);
            Some(Signal::Pointer(Event::PointerMoved { x, y }))
        }
        XEvent::ButtonPress(e) if e.detail == MAIN_BUTTON => {
            let (x, y) = place(e.event_x, e.event_y);
            Some(Signal::Pointer(Event::PointerPressed { x, y }))
        }
        XEvent::ButtonRelease(e) if e.detail == MAIN_BUTTON => {
            let (x, y) = place(e.event_x, e.event_y);
            Some(Signal::Pointer(Event::PointerReleased { x, y }))
        }
        XEvent::Expose(_) => Some(Signal::Lost),
        XEvent::KeyPress(_) | XEvent::KeyRelease(_) | XEvent::ConfigureNotify(_) => Some(Signal::Other),
        _ => None,
    }
}
