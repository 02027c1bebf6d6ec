//! What the browser keeps between visits: settings, examples and the drawing, as texts in the forms of their files.

use std::{any::Any, io, path::Path, sync::Arc};

use digit_pad::{
    Error,
    app::{
        kept_drawing::{image_from_png, image_to_png, ink_from_json, ink_to_json},
        settings::Settings,
    },
    drawing::{file::Drawings, history::Document},
    teaching::{example_file::KeptExamples, examples::Examples},
};
use web_sys::{Storage, window};

const SETTINGS: &str = "digit-pad/settings.json";
const EXAMPLES: &str = "digit-pad/examples.jsonl";
const DAMAGED: &str = "digit-pad/examples-damaged.jsonl";
const STROKES: &str = "digit-pad/drawing.json";
const IMAGE: &str = "digit-pad/drawing.png";

/// `None` if the user forbids it.
fn storage() -> Option<Storage> {
    window()?.local_storage().ok().flatten()
}

fn get(name: &str) -> Option<String> {
    storage()?.get_item(name).ok().flatten()
}

/// Keeps a text, or forgets it.
fn set(name: &str, text: Option<&str>) -> Result<(), Error> {
    let kept = storage().is_some_and(|storage| match text {
        Some(text) => storage.set_item(name, text).is_ok(),
        None => storage.remove_item(name).is_ok(),
    });
    let cause = || io::Error::other("it is full, or forbidden for this page; free some, or allow it");
    kept.then_some(()).ok_or_else(|| Error::Write {
        path: "the browser's storage".into(),
        cause: cause(),
    })
}

/// The settings of the last visit.
pub(crate) fn settings() -> Option<Settings> {
    get(SETTINGS).map(|text| Settings::from_json(&text))
}

pub(crate) fn keep_settings(settings: &Settings) -> Result<(), Error> {
    set(SETTINGS, Some(&settings.to_json()))
}

/// The drawing of the last visit; blank if there is none, or it is damaged.
pub(crate) fn drawing() -> Document {
    let image = || window()?.atob(&get(IMAGE)?).ok();
    let image = image().map(|binary| binary.chars().map(|char| char as u8).collect::<Vec<_>>());
    Document {
        ink: get(STROKES).and_then(|text| ink_from_json(&text)).unwrap_or_default(),
        image: image.and_then(|file| image_from_png(&file)).map(Arc::new),
    }
}

pub(crate) fn keep_drawing(document: &Document) -> Result<(), Error> {
    let strokes = (!document.ink.is_empty()).then(|| ink_to_json(&document.ink));
    set(STROKES, strokes.as_deref())?;
    let image = document.image.as_ref().and_then(|image| {
        let binary: String = image_to_png(image).ok()?.into_iter().map(char::from).collect();
        window()?.btoa(&binary).ok()
    });
    set(IMAGE, image.as_deref())
}

/// The examples in the browser's storage. A change takes no time in which another page could make one.
#[derive(Debug)]
pub(crate) struct LocalExamples;

impl KeptExamples for LocalExamples {
    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(()))
    }

    fn load(&self) -> Result<(Examples, Vec<Error>), Error> {
        let text = get(EXAMPLES).unwrap_or_default();
        Examples::undamaged(Drawings::new(text.as_bytes(), Path::new("the kept examples")))
    }

    fn save(&self, examples: &Examples) -> Result<(), Error> {
        set(EXAMPLES, Some(&examples.to_lines()))
    }

    fn put_aside(&self) -> Result<(), Error> {
        set(DAMAGED, get(EXAMPLES).as_deref())
    }
}
