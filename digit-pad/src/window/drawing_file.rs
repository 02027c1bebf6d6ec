//! The files of the drawing on the canvas, kept between sessions: strokes in one file, the image under them in another.

use std::{fs, path::PathBuf, sync::Arc};

use crate::{
    app::kept_drawing::{image_from_png, image_to_png, ink_from_json, ink_to_json},
    drawing::history::Document,
    error::Error,
    storage::{atomic_file, paths::UserPaths, small_file},
};

/// Longest file of strokes that is read, in bytes.
const MAX_FILE: u64 = 8 << 20;

/// Keeps a drawing for the next session. Of a blank one, nothing is kept.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn save(document: &Document, paths: &UserPaths) -> Result<(), Error> {
    let Some(files) = Files::of(paths) else { return Ok(()) };
    let unused = [
        (&files.strokes, document.ink.is_empty()),
        (&files.image, document.image.is_none()),
    ];
    for (path, _) in unused.into_iter().filter(|(_, is_unused)| *is_unused) {
        // There is none after most sessions.
        let _ = fs::remove_file(path);
    }
    if document.is_blank() {
        return Ok(());
    }
    atomic_file::create_folder(&files.strokes)?;
    if !document.ink.is_empty() {
        let text = ink_to_json(&document.ink);
        atomic_file::replace(&files.strokes, |file| writeln!(file, "{text}"))?;
    }
    match &document.image {
        Some(image) => atomic_file::replace(&files.image, |file| file.write_all(&image_to_png(image)?)),
        None => Ok(()),
    }
}

/// The drawing of the last session; blank if there is none, or its files are damaged.
pub(super) fn load(paths: &UserPaths) -> Document {
    let Some(files) = Files::of(paths) else {
        return Document::default();
    };
    Document {
        ink: small_file::read(&files.strokes, MAX_FILE)
            .and_then(|text| ink_from_json(&text))
            .unwrap_or_default(),
        image: fs::read(&files.image)
            .ok()
            .and_then(|file| image_from_png(&file))
            .map(Arc::new),
    }
}

struct Files {
    strokes: PathBuf,
    image: PathBuf,
}

impl Files {
    fn of(paths: &UserPaths) -> Option<Self> {
        let folder = paths.data()?;
        Some(Files {
            strokes: folder.join("drawing.json"),
            image: folder.join("drawing.png"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{drawing::strokes::Ink, geometry::Point, imaging::gray_image::GrayImage};

    fn document() -> Document {
        let mut ink = Ink::new();
        ink.set_pen(20.0);
        ink.pen_down(Point::new(150.0, 120.0));
        ink.pen_up(Point::new(240.5, 440.0));
        ink.set_pen(50.0);
        ink.pen_down(Point::new(50.0, 60.0));
        ink.pen_up(Point::new(50.0, 90.0));
        Document {
            ink,
            image: Some(Arc::new(GrayImage::new(3, 2, vec![0, 1, 127, 128, 254, 255]))),
        }
    }

    fn strokes(document: &Document) -> Vec<(Vec<Point>, f32)> {
        let strokes = document.ink.strokes().iter();
        strokes
            .map(|stroke| (stroke.points().to_vec(), stroke.width()))
            .collect()
    }

    #[test]
    fn a_drawing_is_kept_with_the_widths_of_its_strokes_and_its_image() {
        let folder = tempfile::tempdir().unwrap();
        let paths = UserPaths::all_in(&folder.path().join("new"));
        assert!(load(&paths).is_blank());
        save(&document(), &paths).unwrap();
        let loaded = load(&paths);
        assert_eq!(
            (strokes(&loaded), &loaded.image),
            (strokes(&document()), &document().image)
        );
        let without_image = Document {
            image: None,
            ..document()
        };
        save(&without_image, &paths).unwrap();
        assert_eq!(
            (strokes(&load(&paths)), load(&paths).image),
            (strokes(&document()), None)
        );
        save(&Document::default(), &paths).unwrap();
        assert!(load(&paths).is_blank());
    }

    #[test]
    fn damaged_files_are_a_blank_canvas() {
        let folder = tempfile::tempdir().unwrap();
        let paths = UserPaths::all_in(folder.path());
        for text in ["", "{}", r#"{"strokes":[]}"#, r#"{"strokes":[[[0,0]]],"pens":[1]}"#] {
            fs::write(folder.path().join("drawing.json"), text).unwrap();
            fs::write(folder.path().join("drawing.png"), text).unwrap();
            assert!(load(&paths).is_blank(), "{text}");
        }
    }
}
