//! Labeled drawings and images, each a line of a file.

use serde::{Deserialize, Serialize};

use crate::{
    drawing::{
        file::{Drawing, checked_label, form_fault},
        strokes::Ink,
    },
    error::DrawingFault,
    recognition::normalization::{Gray28, normalize_ink},
};

/// A drawing or a picture, and the digit that it is meant to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    label: u8,
    input: ExampleInput,
}

/// What a lesson is about.
#[derive(Clone, Debug, PartialEq)]
pub enum ExampleInput {
    /// What was drawn, in any scale and place.
    Strokes(Ink),
    /// A picture of a digit, as the network sees it.
    Image(Box<Gray28>),
}

impl From<Ink> for ExampleInput {
    fn from(ink: Ink) -> Self {
        ExampleInput::Strokes(ink)
    }
}

impl From<Gray28> for ExampleInput {
    fn from(picture: Gray28) -> Self {
        ExampleInput::Image(Box::new(picture))
    }
}

impl ExampleInput {
    fn check(&self) -> Result<(), DrawingFault> {
        match self {
            ExampleInput::Strokes(ink) if ink.is_empty() => Err(DrawingFault::NoStrokes),
            ExampleInput::Image(pixels) if pixels.iter().all(|&pixel| pixel == 0) => Err(DrawingFault::Picture {
                count: pixels.len(),
                inked: 0,
            }),
            _ => Ok(()),
        }
    }
}

/// A taught picture as it is saved.
#[derive(Serialize)]
struct SavedPicture<'a> {
    label: u8,
    pixels: &'a [u8],
}

/// What tells a taught picture from a drawing.
#[derive(Deserialize)]
struct PictureForm {
    label: Option<i64>,
    pixels: Option<Vec<u8>>,
}

impl Example {
    /// That this is meant to be that digit.
    ///
    /// # Errors
    /// [`DrawingFault::Label`] if the label is no digit, [`DrawingFault::NoStrokes`] if nothing is drawn,
    /// [`DrawingFault::Picture`] if a picture is blank.
    pub fn new(label: u8, input: impl Into<ExampleInput>) -> Result<Self, DrawingFault> {
        if label > 9 {
            return Err(DrawingFault::Label { label: label.into() });
        }
        let input = input.into();
        input.check()?;
        Ok(Example { label, input })
    }

    /// The digit that it is meant to be, 0 to 9.
    pub fn label(&self) -> u8 {
        self.label
    }

    /// What is meant to be it.
    pub fn input(&self) -> &ExampleInput {
        &self.input
    }

    /// What the network sees of it.
    ///
    /// # Panics
    /// Never: a lesson has ink.
    pub fn picture(&self) -> Gray28 {
        match &self.input {
            ExampleInput::Strokes(ink) => {
                normalize_ink(&ink.fit()).expect("a lesson has ink, and in the middle of the canvas")
            }
            ExampleInput::Image(pixels) => **pixels,
        }
    }

    /// The same about what the network sees.
    pub(crate) fn seen(&self) -> Self {
        Example {
            label: self.label,
            input: self.picture().into(),
        }
    }

    /// Its line in a file, without a line break.
    pub(crate) fn to_json(&self) -> String {
        match &self.input {
            ExampleInput::Strokes(ink) => Drawing {
                label: Some(self.label),
                ink: ink.clone(),
            }
            .to_json(),
            ExampleInput::Image(pixels) => serde_json::to_string(&SavedPicture {
                label: self.label,
                pixels: &pixels[..],
            })
            .expect("numbers in lists always serialise"),
        }
    }

    /// The lesson in a line of a file: a [`Drawing`], or a picture, `{"label":3,"pixels":[…]}`; none if it has no label.
    pub(crate) fn from_json(line: &str) -> Result<Option<Self>, DrawingFault> {
        let form: PictureForm = serde_json::from_str(line).map_err(|error| form_fault(&error))?;
        let (label, input) = match form.pixels {
            Some(pixels) => (checked_label(form.label)?, picture_of(&pixels)?),
            None => {
                let drawing = Drawing::from_json(line)?;
                (drawing.label, drawing.ink.into())
            }
        };
        label.map(|label| Example::new(label, input)).transpose()
    }

    /// The same of a line that has to have a label.
    pub(crate) fn from_labelled(line: &str) -> Result<Self, DrawingFault> {
        Example::from_json(line)?.ok_or(DrawingFault::NoLabel)
    }
}

fn picture_of(pixels: &[u8]) -> Result<ExampleInput, DrawingFault> {
    let picture: Result<Gray28, _> = pixels.try_into();
    picture.map(ExampleInput::from).map_err(|_| DrawingFault::Picture {
        count: pixels.len(),
        inked: pixels.iter().filter(|&&pixel| pixel > 0).count(),
    })
}

/// Adds an example at the end of a list. An earlier one with the same subject is removed.
pub(crate) fn push_distinct(list: &mut Vec<Example>, example: Example) {
    list.retain(|earlier| earlier.input != example.input);
    list.push(example);
}

/// The examples as lines of a file.
pub(crate) fn to_lines(examples: &[Example]) -> String {
    let lines: Vec<String> = examples.iter().map(Example::to_json).collect();
    lines.join("\n")
}

/// The examples in the lines of a file; or the first line that is none, counted from 1, and why.
pub(crate) fn from_lines(text: &str) -> Result<Vec<Example>, (usize, DrawingFault)> {
    let mut examples = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let example = Example::from_labelled(line).map_err(|fault| (index + 1, fault))?;
        push_distinct(&mut examples, example);
    }
    Ok(examples)
}
