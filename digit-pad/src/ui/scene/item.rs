//! The things that a window shows, each with its place and look.

use std::sync::Arc;

use crate::{
    drawing::strokes::Ink,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Style},
    },
    imaging::gray_image::GrayImage,
    recognition::{activations::Tiles, normalization::Gray28},
};

/// One thing that is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A filled rectangle with round corners.
    Fill {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// In which colour.
        color: Color,
    },
    /// A line along the inner edge of a rectangle with round corners.
    Outline {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// Of the line, in pixels.
        thickness: f32,
        /// In which colour.
        color: Color,
    },
    /// A line of text in the middle of its rectangle's height.
    Text {
        /// Where.
        rect: Rect,
        /// What.
        text: String,
        /// In which face and size.
        style: Style,
        /// How in its rectangle.
        align: Align,
        /// In which colour.
        color: Color,
    },
    /// The canvas with what is drawn on it.
    Canvas {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// The drawing.
        ink: Ink,
        /// The picture under the drawing.
        picture: Option<Arc<GrayImage>>,
    },
    /// A normalised picture, each of its pixels a square.
    Pixels {
        /// Where.
        rect: Rect,
        /// Of the corners, in pixels.
        radius: f32,
        /// Row by row from the top.
        pixels: Box<Gray28>,
    },
    /// Lines of round ends, in pixels from the upper left corner of their rectangle.
    Lines {
        /// Where; nothing outside is painted.
        rect: Rect,
        /// The corners of each.
        lines: Vec<Vec<[f32; 2]>>,
        /// In pixels.
        thickness: f32,
        /// In which colour.
        color: Color,
    },
    /// Pictures of one size in rows: what is above 0 in one colour, what is below in another.
    Tiles {
        /// Where; nothing outside is painted.
        rect: Rect,
        /// The pictures.
        tiles: Arc<Tiles>,
        /// Width and height of each on the screen, in pixels.
        side: i32,
        /// Between them, in pixels.
        gap: i32,
        /// For the largest value, and for its negative.
        colors: [Color; 2],
    },
    /// Everything below becomes this much of the background, out of 255.
    Veil {
        /// Where.
        rect: Rect,
        /// How much.
        alpha: u8,
    },
}

impl Item {
    /// All that it may paint.
    pub fn rect(&self) -> Rect {
        match self {
            Item::Fill { rect, .. }
            | Item::Outline { rect, .. }
            | Item::Text { rect, .. }
            | Item::Canvas { rect, .. }
            | Item::Pixels { rect, .. }
            | Item::Lines { rect, .. }
            | Item::Tiles { rect, .. }
            | Item::Veil { rect, .. } => *rect,
        }
    }
}
