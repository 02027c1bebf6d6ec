//! The files of a saved drawing.

use std::sync::Arc;

use crate::{
    drawing::{
        file::Drawing,
        raster::{Pen, View, draw, draw_over},
        strokes::{CANVAS, Ink},
    },
    error::Error,
    imaging::gray_image::GrayImage,
    storage::png,
};

/// The files of a drawing, each with its extension: a PNG image, dark on white, and any strokes as a JSON Lines file that
/// `replay` takes.
///
/// # Errors
/// If the image cannot be encoded.
pub fn drawing(ink: &Ink, image: Option<&Arc<GrayImage>>) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
    let side = CANVAS as usize;
    let canvas = match image {
        None => draw(
            ink.strokes(),
            Pen::AsDrawn,
            &View::whole_canvas(side),
            GrayImage::blank(side, side),
        ),
        Some(image) => draw_over(image, ink),
    };
    let rgb: Vec<u8> = canvas.pixels().iter().flat_map(|&ink| [255 - ink; 3]).collect();
    let mut files = vec![(
        "png",
        png::rgb(&rgb, side, side).map_err(|cause| Error::Write {
            path: "the drawing".into(),
            cause,
        })?,
    )];
    if !ink.is_empty() {
        let drawing = Drawing {
            label: None,
            number: None,
            sign: None,
            ink: ink.clone(),
        };
        files.push(("jsonl", (drawing.to_json() + "\n").into_bytes()));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        drawing::file::Drawings,
        geometry::Point,
        imaging::image_file,
        recognition::normalization::{normalize, normalize_ink},
    };

    fn seven() -> Ink {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(150.0, 120.0));
        ink.pen_move(Point::new(400.0, 120.0));
        ink.pen_up(Point::new(240.0, 440.0));
        ink
    }

    #[test]
    fn drawings_are_saved_as_image_and_strokes() {
        let files = drawing(&seven(), None).unwrap();
        let [("png", png), ("jsonl", strokes)] = &files[..] else {
            panic!("{} files", files.len());
        };
        let image = image_file::from_bytes(png, Path::new("digit.png")).unwrap().image;
        let (loaded, drawn) = (normalize(&image).unwrap(), normalize_ink(&seven()).unwrap());
        let differs = loaded.iter().zip(&drawn).filter(|(a, b)| a.abs_diff(**b) > 128).count();
        assert!(differs < 40, "{differs} pixels differ");
        let strokes = Drawings::new(&strokes[..], Path::new("digit.jsonl")).next();
        assert_eq!(strokes.unwrap().unwrap().1.ink.strokes(), seven().strokes());
    }

    #[test]
    fn an_image_without_ink_has_no_strokes_file() {
        let image = Arc::new(GrayImage::new(2, 2, vec![0, 255, 255, 0]));
        assert_eq!(drawing(&Ink::new(), Some(&image)).unwrap().len(), 1);
    }
}
