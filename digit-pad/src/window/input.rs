//! Input: events of pointer and keys from the X11 display where there is one; else the pointer, by polling minifb.

use std::time::Duration;

use minifb::{MouseButton, MouseMode};

use super::received::Received;
#[cfg(all(unix, not(target_os = "macos")))]
use super::x11;
use crate::ui::Event;

/// Longest wait for an X11 event; only a closed window goes unnoticed for so long.
#[cfg(all(unix, not(target_os = "macos")))]
const EVENT_TIMEOUT: Duration = Duration::from_millis(50);

/// Polling interval while the pointer is in use.
const ACTIVE_INTERVAL: Duration = Duration::from_millis(2);

/// Polling interval while the pointer is idle.
const IDLE_INTERVAL: Duration = Duration::from_millis(8);

/// A source of events.
#[derive(Debug)]
pub(super) enum Input {
    /// Each event as the display reports it.
    #[cfg(all(unix, not(target_os = "macos")))]
    X11(x11::DisplayEvents),
    /// Events of the pointer derived from the polled position and button; keys are reported by minifb's callback.
    Polled(PolledPointer),
}

/// What minifb reports for a notch of the wheel, or somewhat more.
const NOTCH: f32 = 10.0;

/// Position and buttons at the last poll.
#[derive(Debug, Default)]
pub(super) struct PolledPointer {
    position: Option<(f32, f32)>,
    down: bool,
    secondary_down: bool,
    /// By how much the wheel was turned since its last notch.
    turned: f32,
}

impl Input {
    /// The best source for the window.
    pub(super) fn new(window: &minifb::Window) -> Self {
        #[cfg(all(unix, not(target_os = "macos")))]
        if let Some(events) = x11::DisplayEvents::connect(window) {
            return Input::X11(events);
        }
        let _ = window;
        Input::Polled(PolledPointer::default())
    }

    /// The longest time to wait between two updates.
    pub(super) fn max_wait(&self, is_active: bool) -> Duration {
        match self {
            #[cfg(all(unix, not(target_os = "macos")))]
            Input::X11(_) => EVENT_TIMEOUT,
            Input::Polled(_) if is_active => ACTIVE_INTERVAL,
            Input::Polled(_) => IDLE_INTERVAL,
        }
    }

    /// Waits for events, no longer than `timeout`.
    pub(super) fn wait(&mut self, timeout: Duration) -> Received {
        match self {
            #[cfg(all(unix, not(target_os = "macos")))]
            Input::X11(source) => match source.wait(timeout) {
                Ok(received) => return received,
                Err(x11::Disconnected) => *self = Input::Polled(PolledPointer::default()),
            },
            Input::Polled(_) => std::thread::sleep(timeout),
        }
        Received::default()
    }
}

impl PolledPointer {
    /// Adds the event that explains the change since the last poll, if any.
    pub(super) fn poll(&mut self, window: &minifb::Window, events: &mut Vec<Event>) {
        self.poll_wheel(window, events);
        let position = window.get_unscaled_mouse_pos(MouseMode::Pass);
        let down = window.get_mouse_down(MouseButton::Left);
        let secondary_down = window.get_mouse_down(MouseButton::Right);
        let Some((x, y)) = position else { return };
        if secondary_down != self.secondary_down {
            self.secondary_down = secondary_down;
            events.push(if secondary_down {
                Event::SecondaryPressed { x, y }
            } else {
                Event::SecondaryReleased { x, y }
            });
        }
        if down != self.down {
            events.push(if down {
                Event::PointerPressed { x, y }
            } else {
                Event::PointerReleased { x, y }
            });
        } else if position != self.position {
            events.push(Event::PointerMoved { x, y });
        }
        (self.position, self.down) = (position, down);
    }

    fn poll_wheel(&mut self, window: &minifb::Window, events: &mut Vec<Event>) {
        let control = [minifb::Key::LeftCtrl, minifb::Key::RightCtrl];
        let control = control.into_iter().any(|key| window.is_key_down(key));
        let Some((_, turned)) = window.get_scroll_wheel() else {
            return;
        };
        // Wayland counts downwards.
        let is_downwards = cfg!(all(unix, not(target_os = "macos")));
        self.turned += if is_downwards { -turned } else { turned };
        if self.turned.abs() >= NOTCH {
            let up = self.turned > 0.0;
            self.turned = 0.0;
            events.push(Event::WheelTurned { up, control });
        }
    }
}
