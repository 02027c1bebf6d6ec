//! Saving drawings and networks into the user's folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{
    drawing::{
        file::Drawing,
        raster::{Pen, View, draw, draw_over},
        strokes::{CANVAS, Ink},
    },
    error::Error,
    imaging::gray_image::GrayImage,
    recognition::model::Model,
    storage::{atomic_file, exports::free_name},
};

/// What the names of saved files begin with.
const DRAWING: &str = "digit";

/// Saves what lies on the canvas as a picture, dark on white, and beside it the strokes in the form that `replay`
/// reads, if there are any. Returns the picture's path.
///
/// # Errors
/// If the folder takes no file.
pub fn drawing(folder: &Path, ink: &Ink, picture: Option<&Arc<GrayImage>>) -> Result<PathBuf, Error> {
    let path = free_name(folder, DRAWING, &["png", "jsonl"]);
    let side = CANVAS as usize;
    let drawn = match picture {
        None => draw(
            ink.strokes(),
            Pen::AsDrawn,
            &View::whole_canvas(side),
            GrayImage::blank(side, side),
        ),
        Some(picture) => draw_over(picture, ink),
    };
    let rgb: Vec<u8> = drawn.pixels().iter().flat_map(|&ink| [255 - ink; 3]).collect();
    atomic_file::replace_png(&path, &rgb, side, side)?;
    if !ink.is_empty() {
        let drawing = Drawing {
            label: None,
            ink: ink.clone(),
        };
        atomic_file::replace(&path.with_extension("jsonl"), |file| {
            writeln!(file, "{}", drawing.to_json())
        })?;
    }
    Ok(path)
}

/// Saves a model as a weights file. Returns its path.
///
/// # Errors
/// If the folder takes no file.
pub fn network(folder: &Path, model: &Model) -> Result<PathBuf, Error> {
    let path = free_name(folder, DRAWING, &["safetensors"]);
    model.content.save(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
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
    fn a_drawing_is_found_again_as_picture_and_as_strokes() {
        let folder = tempfile::tempdir().unwrap();
        let first = drawing(folder.path(), &seven(), None).unwrap();
        let second = drawing(folder.path(), &seven(), None).unwrap();
        assert_eq!(first.file_name().unwrap(), "digit-1.png");
        assert_eq!(second.file_name().unwrap(), "digit-2.png");
        let picture = image_file::open(&first).unwrap().image;
        let (seen, drawn) = (normalize(&picture).unwrap(), normalize_ink(&seven()).unwrap());
        let differs = seen.iter().zip(&drawn).filter(|(a, b)| a.abs_diff(**b) > 128).count();
        assert!(differs < 40, "{differs} pixels differ");
        let strokes = Drawings::open(&first.with_extension("jsonl"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .1;
        assert_eq!(strokes.ink.strokes(), seven().strokes());
    }

    #[test]
    fn a_picture_without_ink_has_no_strokes_to_save() {
        let folder = tempfile::tempdir().unwrap();
        let picture = Arc::new(GrayImage::new(2, 2, vec![0, 255, 255, 0]));
        let path = drawing(folder.path(), &Ink::new(), Some(&picture)).unwrap();
        assert!(path.exists() && !path.with_extension("jsonl").exists());
    }

    #[test]
    fn a_network_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let model = Model::embedded().unwrap();
        let path = network(folder.path(), &model).unwrap();
        let again = Model::open(Some(&path)).unwrap();
        assert_eq!(again.content.network.tensors(), model.content.network.tensors());
        assert_eq!(again.content.scaling, model.content.scaling);
    }

    #[test]
    fn where_nothing_can_be_saved_the_folder_is_named() {
        let error = drawing(Path::new("/nowhere/at/all"), &seven(), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }
}
