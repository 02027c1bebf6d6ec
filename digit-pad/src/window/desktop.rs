//! What an X11 desktop tells of itself, and what it is told of the window.

use x11rb::{
    connection::Connection,
    properties::WmSizeHints,
    protocol::xproto::{AtomEnum, ConnectionExt, PropMode, Screen, Window},
    resource_manager,
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

use crate::{
    drawing::{
        raster::{Pen, View, draw},
        strokes::{CANVAS, Ink},
    },
    geometry::Point,
    imaging::gray_image::GrayImage,
    ui::{MIN_SIZE, Theme},
};

/// Pixels an inch of a display at scale 1.
const PLAIN_DPI: f32 = 96.0;
/// Scales that a display may have.
const SCALES: (f32, f32) = (1.0, 4.0);
/// Height of a window's title bar, at scale 1.
const TITLE_BAR: f32 = 40.0;
/// Width and height of the icon.
const ICON: usize = 64;

/// The scale of a desktop, and the room that it has for the content of a window.
#[derive(Debug)]
pub(super) struct Desktop {
    /// Pixels for one of a display of 96 pixels an inch.
    pub(super) scale: f32,
    /// Width and height in pixels.
    pub(super) room: (usize, usize),
    /// Kept while the window opens: a server starts anew when its last client has gone, and refuses others meanwhile.
    _connection: Option<RustConnection>,
}

impl Desktop {
    /// The desktop of the display that the environment names, if it is an X11 display.
    pub(super) fn look() -> Option<Self> {
        let (connection, screen) = x11rb::connect(None).ok()?;
        let screen = connection.setup().roots.get(screen)?;
        let resources = resource_manager::new_from_default(&connection).ok();
        let dpi = resources.and_then(|resources| resources.get_value::<f32>("Xft.dpi", "").ok().flatten());
        let desktop = Desktop::new(dpi, work_area(&connection, screen));
        Some(Desktop {
            _connection: Some(connection),
            ..desktop
        })
    }

    fn new(dpi: Option<f32>, (width, height): (usize, usize)) -> Self {
        let scale = dpi.filter(|dpi| dpi.is_finite()).unwrap_or(PLAIN_DPI) / PLAIN_DPI;
        let scale = scale.clamp(SCALES.0, SCALES.1);
        let title_bar = (TITLE_BAR * scale) as usize;
        Desktop {
            scale,
            room: (width, height.saturating_sub(title_bar)),
            _connection: None,
        }
    }
}

/// Width and height of the screen without its panels.
fn work_area(connection: &RustConnection, screen: &Screen) -> (usize, usize) {
    let whole = (screen.width_in_pixels.into(), screen.height_in_pixels.into());
    let of_manager = || {
        let atom = connection.intern_atom(true, b"_NET_WORKAREA").ok()?.reply().ok()?.atom;
        let area = connection.get_property(false, screen.root, atom, AtomEnum::CARDINAL, 0, 4);
        let area: Vec<u32> = area.ok()?.reply().ok()?.value32()?.collect();
        let [_, _, width, height] = *area.first_chunk()?;
        Some((width as usize, height as usize)).filter(|&(width, height)| width > 0 && height > 0)
    };
    of_manager().unwrap_or(whole)
}

/// Tells the window manager whose window it is, how small it may be, and its icon.
pub(super) fn describe(connection: &RustConnection, window: Window) -> Result<(), Box<dyn std::error::Error>> {
    let atom = |name: &[u8]| -> Result<_, Box<dyn std::error::Error>> {
        Ok(connection.intern_atom(false, name)?.reply()?.atom)
    };
    let class = b"digit-pad\0Digits\0";
    connection.change_property8(PropMode::REPLACE, window, AtomEnum::WM_CLASS, AtomEnum::STRING, class)?;
    let (pid, cardinal) = (atom(b"_NET_WM_PID")?, AtomEnum::CARDINAL);
    connection.change_property32(PropMode::REPLACE, window, pid, cardinal, &[std::process::id()])?;
    let icon_atom = atom(b"_NET_WM_ICON")?;
    connection.change_property32(PropMode::REPLACE, window, icon_atom, cardinal, &icon())?;
    let hints = WmSizeHints {
        min_size: Some((MIN_SIZE.0 as i32, MIN_SIZE.1 as i32)),
        ..WmSizeHints::new()
    };
    hints.set_normal_hints(connection, window)?.check()?;
    Ok(())
}

/// Width, height and pixels (alpha, red, green, blue) of the icon: a seven on a disk.
fn icon() -> Vec<u32> {
    let mut ink = Ink::new();
    ink.set_pen(0.11 * CANVAS);
    ink.pen_down(Point::new(0.32 * CANVAS, 0.3 * CANVAS));
    ink.pen_move(Point::new(0.66 * CANVAS, 0.3 * CANVAS));
    ink.pen_up(Point::new(0.44 * CANVAS, 0.72 * CANVAS));
    let seven = draw(
        ink.strokes(),
        Pen::AsDrawn,
        &View::whole_canvas(ICON),
        GrayImage::blank(ICON, ICON),
    );
    let [_, red, green, blue] = Theme::DARK.accent.0.to_be_bytes();
    let middle = (ICON as f32 - 1.0) / 2.0;
    let pixel = |(index, &ink): (usize, &u8)| {
        let (x, y) = ((index % ICON) as f32, (index / ICON) as f32);
        let inside = ICON as f32 / 2.0 - (x - middle).hypot(y - middle);
        let alpha = (255.0 * inside.clamp(0.0, 1.0)) as u8;
        let blend = |color: u8| color - (u16::from(color) * u16::from(ink) / 255) as u8;
        u32::from_be_bytes([alpha, blend(red), blend(green), blend(blue)])
    };
    let pixels = seven.pixels().iter().enumerate().map(pixel);
    [ICON as u32, ICON as u32].into_iter().chain(pixels).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_that_of_the_display_within_reason() {
        for (dpi, scale) in [
            (None, 1.0),
            (Some(96.0), 1.0),
            (Some(192.0), 2.0),
            (Some(10.0), 1.0),
            (Some(1e9), 4.0),
            (Some(f32::NAN), 1.0),
        ] {
            assert_eq!(Desktop::new(dpi, (1000, 800)).scale, scale, "{dpi:?}");
        }
        assert_eq!(Desktop::new(Some(192.0), (1000, 800)).room, (1000, 720));
        assert_eq!(Desktop::new(None, (10, 8)).room, (10, 0));
    }

    #[test]
    fn the_icon_is_a_dark_seven_on_a_disk() {
        let icon = icon();
        assert_eq!((icon.len(), icon[0], icon[1]), (2 + ICON * ICON, 64, 64));
        let at = |x: usize, y: usize| icon[2 + y * ICON + x];
        assert_eq!(at(0, 0) >> 24, 0);
        assert_eq!(at(12, 32), Theme::DARK.accent.0 | 0xff00_0000);
        assert_eq!(at(30, 19), 0xff00_0000);
    }
}
