//! Labeled examples: strokes or a 28×28 image with the digit or sign that was meant, one JSON object a line in a file.

use serde::{Deserialize, Serialize};

use crate::{
    drawing::{
        file::{Drawing, checked_label, checked_sign, json_fault},
        sign::{Label, SignName},
        strokes::Ink,
    },
    error::DrawingFault,
    recognition::normalization::{Gray28, normalize_ink},
};

/// A drawing or an image, and its label.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    label: Label,
    input: ExampleInput,
}

/// The input of an example.
#[derive(Clone, Debug, PartialEq)]
pub enum ExampleInput {
    /// Strokes of any scale and position.
    Strokes(Ink),
    /// A normalized image of a digit.
    Image(Box<Gray28>),
}

impl From<Ink> for ExampleInput {
    fn from(ink: Ink) -> Self {
        ExampleInput::Strokes(ink)
    }
}

impl From<Gray28> for ExampleInput {
    fn from(image: Gray28) -> Self {
        ExampleInput::Image(Box::new(image))
    }
}

impl ExampleInput {
    /// The same strokes without the pen that would draw others: only what is in a file makes examples differ.
    fn lifted(self) -> Self {
        match self {
            ExampleInput::Strokes(ink) => ExampleInput::Strokes(ink.strokes().iter().cloned().collect()),
            image => image,
        }
    }

    fn check(&self) -> Result<(), DrawingFault> {
        match self {
            ExampleInput::Strokes(ink) if ink.is_empty() => Err(DrawingFault::NoStrokes),
            ExampleInput::Image(pixels) if pixels.iter().all(|&pixel| pixel == 0) => Err(DrawingFault::InvalidPixels {
                count: pixels.len(),
                inked: 0,
            }),
            _ => Ok(()),
        }
    }
}

/// An image example as it is saved.
#[derive(Serialize)]
struct SavedImage<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign: Option<&'a str>,
    pixels: &'a [u8],
}

/// An example as it is loaded: an image if there are pixels, a drawing otherwise.
#[derive(Deserialize)]
struct LoadedExample {
    label: Option<i64>,
    #[serde(alias = "symbol")]
    sign: Option<String>,
    pixels: Option<Vec<u8>>,
}

impl Example {
    /// Makes an example.
    ///
    /// # Errors
    ///
    /// [`DrawingFault::Label`] if the label is a number above 9, [`DrawingFault::NoStrokes`] if there are no strokes,
    /// [`DrawingFault::InvalidPixels`] if an image is blank.
    pub fn new(label: impl Into<Label>, input: impl Into<ExampleInput>) -> Result<Self, DrawingFault> {
        let (label, input) = (label.into(), input.into());
        if let Label::Digit(digit @ 10..) = label {
            return Err(DrawingFault::Label { label: digit.into() });
        }
        input.check()?;
        Ok(Example {
            label,
            input: input.lifted(),
        })
    }

    /// The label.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// The digit that it is labeled with, if that is no sign.
    pub fn digit(&self) -> Option<u8> {
        match self.label {
            Label::Digit(digit) => Some(digit),
            Label::Sign(_) => None,
        }
    }

    /// The sign that it is labeled with, if that is no digit.
    pub fn sign(&self) -> Option<&SignName> {
        match &self.label {
            Label::Digit(_) => None,
            Label::Sign(name) => Some(name),
        }
    }

    /// The strokes or the image.
    pub fn input(&self) -> &ExampleInput {
        &self.input
    }

    /// The strokes, if it has any.
    pub fn ink(&self) -> Option<&Ink> {
        match &self.input {
            ExampleInput::Strokes(ink) => Some(ink),
            ExampleInput::Image(_) => None,
        }
    }

    /// The network input: the image, or the normalized strokes.
    pub fn image(&self) -> Gray28 {
        match &self.input {
            ExampleInput::Strokes(ink) => {
                normalize_ink(&ink.fit()).expect("an example has strokes, and `fit` centers them on the canvas")
            }
            ExampleInput::Image(pixels) => **pixels,
        }
    }

    /// The example with its network input as an image.
    pub(crate) fn to_image_example(&self) -> Self {
        Example {
            label: self.label.clone(),
            input: self.image().into(),
        }
    }

    /// Formats the line of a file, without a line break.
    pub(crate) fn to_json(&self) -> String {
        match &self.input {
            ExampleInput::Strokes(ink) => Drawing {
                label: self.digit(),
                number: None,
                sign: self.sign().cloned(),
                ink: ink.clone(),
            }
            .to_json(),
            ExampleInput::Image(pixels) => serde_json::to_string(&SavedImage {
                label: self.digit(),
                sign: self.sign().map(SignName::as_str),
                pixels: &pixels[..],
            })
            .expect("lists of numbers always serialize"),
        }
    }

    /// Parses a line of a file: a [`Drawing`], or an image, `{"label":3,"pixels":[…]}` or
    /// `{"sign":"pi","pixels":[…]}`. `None` without a label.
    pub(crate) fn from_json(line: &str) -> Result<Option<Self>, DrawingFault> {
        let loaded: LoadedExample = serde_json::from_str(line).map_err(|error| json_fault(&error))?;
        let (digit, sign, input) = match loaded.pixels {
            Some(pixels) => {
                let digit = checked_label(loaded.label)?;
                let sign = checked_sign(loaded.sign.as_deref(), digit.is_some())?;
                (digit, sign, checked_image(&pixels)?)
            }
            None => {
                let drawing = Drawing::from_json(line)?;
                (drawing.label, drawing.sign, drawing.ink.into())
            }
        };
        let label = digit.map(Label::Digit).or(sign.map(Label::Sign));
        label.map(|label| Example::new(label, input)).transpose()
    }

    /// Parses a line of a file that must have a label.
    pub(crate) fn from_labeled(line: &str) -> Result<Self, DrawingFault> {
        Example::from_json(line)?.ok_or(DrawingFault::NoLabel)
    }
}

fn checked_image(pixels: &[u8]) -> Result<ExampleInput, DrawingFault> {
    let image: Result<Gray28, _> = pixels.try_into();
    image.map(ExampleInput::from).map_err(|_| DrawingFault::InvalidPixels {
        count: pixels.len(),
        inked: pixels.iter().filter(|&&pixel| pixel > 0).count(),
    })
}

/// Appends an example to a list. Removes an earlier one with the same input.
pub(crate) fn push_distinct(list: &mut Vec<Example>, example: Example) {
    list.retain(|earlier| earlier.input != example.input);
    list.push(example);
}

/// Formats examples as the lines of a file.
pub(crate) fn to_lines(examples: &[Example]) -> String {
    let lines: Vec<String> = examples.iter().map(Example::to_json).collect();
    lines.join("\n")
}

/// Parses the lines of a file of examples. An error has the line, from 1.
pub(crate) fn from_lines(text: &str) -> Result<Vec<Example>, (usize, DrawingFault)> {
    let mut examples = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let example = Example::from_labeled(line).map_err(|fault| (index + 1, fault))?;
        push_distinct(&mut examples, example);
    }
    Ok(examples)
}
