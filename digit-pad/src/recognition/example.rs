//! Labeled drawings and images, each a line of a file.

use serde::{Deserialize, Serialize};

use crate::{
    drawing::{
        file::{Drawing, checked_label, form_fault},
        strokes::Ink,
    },
    error::DrawingFault,
    recognition::normalization::{Grey28, normalize_ink},
};

/// A drawing or a picture, and the digit that it is meant to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    label: u8,
    subject: Subject,
}

/// What a lesson is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// What was drawn, in any scale and place.
    Drawn(Ink),
    /// A picture of a digit, as the network sees it.
    Picture(Box<Grey28>),
}

impl From<Ink> for Subject {
    fn from(ink: Ink) -> Self {
        Subject::Drawn(ink)
    }
}

impl From<Grey28> for Subject {
    fn from(picture: Grey28) -> Self {
        Subject::Picture(Box::new(picture))
    }
}

impl Subject {
    fn check(&self) -> Result<(), DrawingFault> {
        match self {
            Subject::Drawn(ink) if ink.is_empty() => Err(DrawingFault::NoStrokes),
            Subject::Picture(pixels) if pixels.iter().all(|&pixel| pixel == 0) => Err(DrawingFault::Picture {
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

impl Lesson {
    /// That this is meant to be that digit.
    ///
    /// # Errors
    /// [`DrawingFault::Label`] if the label is no digit, [`DrawingFault::NoStrokes`] if nothing is drawn,
    /// [`DrawingFault::Picture`] if a picture is blank.
    pub fn new(label: u8, subject: impl Into<Subject>) -> Result<Self, DrawingFault> {
        if label > 9 {
            return Err(DrawingFault::Label { label: label.into() });
        }
        let subject = subject.into();
        subject.check()?;
        Ok(Lesson { label, subject })
    }

    /// The digit that it is meant to be, 0 to 9.
    pub fn label(&self) -> u8 {
        self.label
    }

    /// What is meant to be it.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What the network sees of it.
    ///
    /// # Panics
    /// Never: a lesson has ink.
    pub fn picture(&self) -> Grey28 {
        match &self.subject {
            Subject::Drawn(ink) => {
                normalize_ink(&ink.fit()).expect("a lesson has ink, and in the middle of the canvas")
            }
            Subject::Picture(pixels) => **pixels,
        }
    }

    /// The same about what the network sees.
    pub(crate) fn seen(&self) -> Self {
        Lesson {
            label: self.label,
            subject: self.picture().into(),
        }
    }

    /// Its line in a file, without a line break.
    pub(crate) fn to_json(&self) -> String {
        match &self.subject {
            Subject::Drawn(ink) => Drawing {
                label: Some(self.label),
                ink: ink.clone(),
            }
            .to_json(),
            Subject::Picture(pixels) => serde_json::to_string(&SavedPicture {
                label: self.label,
                pixels: &pixels[..],
            })
            .expect("numbers in lists always serialise"),
        }
    }

    /// The lesson in a line of a file: a [`Drawing`], or a picture, `{"label":3,"pixels":[…]}`; none if it has no label.
    pub(crate) fn from_json(line: &str) -> Result<Option<Self>, DrawingFault> {
        let form: PictureForm = serde_json::from_str(line).map_err(|error| form_fault(&error))?;
        let (label, subject) = match form.pixels {
            Some(pixels) => (checked_label(form.label)?, picture_of(&pixels)?),
            None => {
                let drawing = Drawing::from_json(line)?;
                (drawing.label, drawing.ink.into())
            }
        };
        label.map(|label| Lesson::new(label, subject)).transpose()
    }

    /// The same of a line that has to have a label.
    pub(crate) fn from_labelled(line: &str) -> Result<Self, DrawingFault> {
        Lesson::from_json(line)?.ok_or(DrawingFault::NoLabel)
    }
}

fn picture_of(pixels: &[u8]) -> Result<Subject, DrawingFault> {
    let picture: Result<Grey28, _> = pixels.try_into();
    picture.map(Subject::from).map_err(|_| DrawingFault::Picture {
        count: pixels.len(),
        inked: pixels.iter().filter(|&&pixel| pixel > 0).count(),
    })
}

/// Adds an example at the end of a list. An earlier one with the same subject is removed.
pub(crate) fn push_distinct(list: &mut Vec<Lesson>, lesson: Lesson) {
    list.retain(|earlier| earlier.subject != lesson.subject);
    list.push(lesson);
}

/// The examples as lines of a file.
pub(crate) fn to_lines(lessons: &[Lesson]) -> String {
    let lines: Vec<String> = lessons.iter().map(Lesson::to_json).collect();
    lines.join("\n")
}

/// The examples in the lines of a file; or the first line that is none, counted from 1, and why.
pub(crate) fn from_lines(text: &str) -> Result<Vec<Lesson>, (usize, DrawingFault)> {
    let mut lessons = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let lesson = Lesson::from_labelled(line).map_err(|fault| (index + 1, fault))?;
        push_distinct(&mut lessons, lesson);
    }
    Ok(lessons)
}
