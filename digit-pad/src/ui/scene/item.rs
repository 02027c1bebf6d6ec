//! Items of a scene: shapes, text and images, each with its place and color.

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
    ui::explained::Heat,
};

/// An item of a scene.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A filled rectangle with rounded corners.
    Fill {
        /// Its place.
        rect: Rect,
        /// Corner radius, in pixels.
        radius: f32,
        /// Its color.
        color: Color,
    },
    /// A border along the inner edge of a rectangle with rounded corners.
    Outline {
        /// Its place.
        rect: Rect,
        /// Corner radius, in pixels.
        radius: f32,
        /// Line width, in pixels.
        thickness: f32,
        /// Its color.
        color: Color,
    },
    /// A line of text, vertically centered in its rectangle.
    Text {
        /// Its place.
        rect: Rect,
        /// The text.
        text: String,
        /// Face and size.
        style: Style,
        /// Horizontal alignment.
        align: Align,
        /// Its color.
        color: Color,
    },
    /// The canvas with its content.
    Canvas {
        /// Its place.
        rect: Rect,
        /// Corner radius, in pixels.
        radius: f32,
        /// The drawing.
        ink: Ink,
        /// The image under the drawing.
        image: Option<Arc<GrayImage>>,
        /// What the ink speaks for, if that is shown by its color.
        heat: Option<Heat>,
    },
    /// A network input, each of its pixels a square.
    Pixels {
        /// Its place.
        rect: Rect,
        /// Corner radius, in pixels.
        radius: f32,
        /// Pixels in rows from the top.
        pixels: Box<Gray28>,
    },
    /// Polylines with round ends, in pixels from the upper left corner of their rectangle.
    Lines {
        /// Its place; nothing outside is painted.
        rect: Rect,
        /// The vertices of each line.
        lines: Vec<Vec<[f32; 2]>>,
        /// Line width, in pixels.
        thickness: f32,
        /// Its color.
        color: Color,
    },
    /// Images of one size in a grid, with one color for positive and one for negative values.
    Tiles {
        /// Its place; nothing outside is painted.
        rect: Rect,
        /// The images.
        tiles: Arc<Tiles>,
        /// Width and height of each tile on the screen, in pixels.
        side: i32,
        /// Gap between tiles, in pixels.
        gap: i32,
        /// Colors of the largest value and of its negative.
        colors: [Color; 2],
    },
    /// The background color blended over everything below.
    Veil {
        /// Its place.
        rect: Rect,
        /// Opacity out of 255.
        alpha: u8,
    },
}

impl Item {
    /// The rectangle outside which it paints nothing.
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
