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

/// Stem of the names of saved files.
const STEM: &str = "digit";

/// Saves the canvas as a PNG image, dark on white, and any strokes beside it as a JSON Lines file that `replay` takes.
///
/// Returns the image's path.
///
/// # Errors
/// If a file cannot be written.
pub fn save_drawing(folder: &Path, ink: &Ink, image: Option<&Arc<GrayImage>>) -> Result<PathBuf, Error> {
    let path = free_name(folder, STEM, &["png", "jsonl"]);
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
    atomic_file::replace_png(&path, &rgb, side, side)?;
    if !ink.is_empty() {
        let drawing = Drawing {
            label: None,
            number: None,
            ink: ink.clone(),
        };
        atomic_file::replace(&path.with_extension("jsonl"), |file| {
            writeln!(file, "{}", drawing.to_json())
        })?;
    }
    Ok(path)
}

/// Saves a model as a weights file and returns its path.
///
/// # Errors
/// If the file cannot be written.
pub fn save_network(folder: &Path, model: &Model) -> Result<PathBuf, Error> {
    let path = free_name(folder, STEM, &["safetensors"]);
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
    fn drawings_are_saved_as_image_and_strokes() {
        let folder = tempfile::tempdir().unwrap();
        let first = save_drawing(folder.path(), &seven(), None).unwrap();
        let second = save_drawing(folder.path(), &seven(), None).unwrap();
        assert_eq!(first.file_name().unwrap(), "digit-1.png");
        assert_eq!(second.file_name().unwrap(), "digit-2.png");
        let image = image_file::open(&first).unwrap().image;
        let (loaded, drawn) = (normalize(&image).unwrap(), normalize_ink(&seven()).unwrap());
        let differs = loaded.iter().zip(&drawn).filter(|(a, b)| a.abs_diff(**b) > 128).count();
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
    fn an_image_without_ink_has_no_strokes_file() {
        let folder = tempfile::tempdir().unwrap();
        let image = Arc::new(GrayImage::new(2, 2, vec![0, 255, 255, 0]));
        let path = save_drawing(folder.path(), &Ink::new(), Some(&image)).unwrap();
        assert!(path.exists() && !path.with_extension("jsonl").exists());
    }

    #[test]
    fn saved_networks_load_again() {
        let folder = tempfile::tempdir().unwrap();
        let model = Model::embedded().unwrap();
        let path = save_network(folder.path(), &model).unwrap();
        let loaded = Model::open(Some(&path)).unwrap();
        assert_eq!(loaded.content.network.tensors(), model.content.network.tensors());
        assert_eq!(loaded.content.scaling, model.content.scaling);
    }

    #[test]
    fn errors_name_the_folder() {
        let error = save_drawing(Path::new("/nowhere/at/all"), &seven(), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }
}
