//! Drawings and networks to files of the user, each under a name that is still free.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::files;
use crate::grey::GreyImage;
use crate::ink::{CANVAS, Drawing, Ink};
use crate::model::Model;
use crate::raster::{Pen, View, draw, draw_over};

/// What the names of saved files begin with.
const DRAWING: &str = "digit";

/// Saves what lies on the canvas as a picture, dark on white, and beside it the strokes in the form that `replay`
/// reads, if there are any. Returns the picture's path.
///
/// # Errors
/// If the folder takes no file.
pub fn drawing(folder: &Path, ink: &Ink, picture: Option<&Arc<GreyImage>>) -> Result<PathBuf, Error> {
    let path = free_name(folder, DRAWING, &["png", "jsonl"]);
    let side = CANVAS as usize;
    let drawn = match picture {
        None => draw(
            ink.strokes(),
            Pen::AsDrawn,
            &View::whole_canvas(side),
            GreyImage::blank(side, side),
        ),
        Some(picture) => draw_over(picture, ink),
    };
    let rgb: Vec<u8> = drawn.pixels().iter().flat_map(|&ink| [255 - ink; 3]).collect();
    files::replace_png(&path, &rgb, side, side)?;
    if !ink.is_empty() {
        let drawing = Drawing {
            label: None,
            ink: ink.clone(),
        };
        files::replace(&path.with_extension("jsonl"), |file| {
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

/// Gives a file that cannot be used another name beside it, so that nothing takes its place.
///
/// # Errors
/// If the folder does not let it.
pub fn put_aside(path: &Path) -> Result<(), Error> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let kind = path.extension().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(Path::new("."));
    let aside = free_name(folder, &format!("{stem}-damaged"), &[&kind]);
    std::fs::rename(path, &aside).map_err(|source| Error::Write { path: aside, source })
}

/// The first of `STEM-1`, `STEM-2`, … for which there is no file of any of the kinds; with the first kind.
fn free_name(folder: &Path, stem: &str, kinds: &[&str]) -> PathBuf {
    let name = |number: u32, kind: &str| folder.join(format!("{stem}-{number}.{kind}"));
    let is_free = |number: &u32| kinds.iter().all(|kind| !name(*number, kind).exists());
    let number = (1..u32::MAX).find(is_free).unwrap_or(u32::MAX);
    name(number, kinds[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ink::{Drawings, Point};
    use crate::normalize::{normalize, normalize_ink};
    use crate::photo;

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
        let picture = photo::open(&first).unwrap().picture;
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
        let picture = Arc::new(GreyImage::new(2, 2, vec![0, 255, 255, 0]));
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
