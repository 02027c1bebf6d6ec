//! The files of a saved drawing, and of the poster of a hand.

use std::sync::Arc;

use crate::{
    drawing::{
        file::Drawing,
        raster::{Pen, View, draw, draw_over},
        strokes::{CANVAS, Ink},
    },
    error::Error,
    imaging::gray_image::GrayImage,
    recognition::twins::Twins,
    storage::png,
    teaching::hand::Hand,
    ui::poster,
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
    let mut files = vec![("png", encoded(&rgb, (side, side), "the drawing")?)];
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

/// The file of the poster of a hand: a PNG image.
///
/// # Errors
/// If the image cannot be encoded.
pub fn poster(hand: &Hand, twins: &Twins) -> Result<Vec<u8>, Error> {
    let pixels = poster::poster(hand, twins);
    let rgb: Vec<u8> = pixels
        .iter()
        .flat_map(|pixel| pixel.to_be_bytes().into_iter().skip(1))
        .collect();
    encoded(&rgb, poster::SIZE, "the poster")
}

fn encoded(rgb: &[u8], (width, height): (usize, usize), name: &str) -> Result<Vec<u8>, Error> {
    png::rgb(rgb, width, height).map_err(|cause| Error::Write {
        path: name.into(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        drawing::file::Drawings,
        geometry::Point,
        imaging::image_file,
        recognition::{
            example::Example,
            normalization::{normalize, normalize_ink},
        },
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
    fn a_poster_is_a_png_image_of_its_size() {
        let example = Example::new(7, seven()).unwrap();
        let hand = Hand::of_examples(&[example].into_iter().collect());
        let file = poster(&hand, &Twins::default()).unwrap();
        let image = image::load_from_memory_with_format(&file, image::ImageFormat::Png).unwrap();
        assert_eq!((image.width(), image.height()), (1600, 2000));
        let pixels = poster::poster(&hand, &Twins::default());
        let [_, red, green, blue] = pixels[1_600 * 400 + 200].to_be_bytes();
        assert_eq!(image.to_rgb8().get_pixel(200, 400).0, [red, green, blue]);
        assert!(file.len() < 1_000_000, "{} bytes", file.len());
    }

    #[test]
    fn an_image_without_ink_has_no_strokes_file() {
        let image = Arc::new(GrayImage::new(2, 2, vec![0, 255, 255, 0]));
        assert_eq!(drawing(&Ink::new(), Some(&image)).unwrap().len(), 1);
    }
}
