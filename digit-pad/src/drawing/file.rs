//! Drawings as JSON lines: strokes with their labels.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    drawing::{
        sign::SignName,
        strokes::{Ink, PEN, PENS, Stroke},
    },
    error::{DrawingFault, Error},
    geometry::Point,
    storage::file_kind::FileKind,
};

const MAX_POINTS: usize = 100_000;
const MAX_LINE: usize = 8 << 20;
/// Most characters of a number.
const MAX_NUMBER: usize = 256;
/// Most characters of a pen that are named in a message.
const MAX_PEN: usize = 40;
const MAX_COORDINATE: u32 = 10_000_000;

/// A drawing and its label, one JSON object a line in a file.
///
/// ```
/// use digit_pad::drawing::file::Drawing;
///
/// let drawing = Drawing::from_json(r#"{"label":1,"strokes":[[[0,0],[0,9.5]]]}"#)?;
/// assert_eq!(drawing.label, Some(1));
/// assert_eq!(Drawing::from_json(&drawing.to_json())?, drawing);
/// # Ok::<(), digit_pad::DrawingFault>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The digit that was meant, 0 to 9, if known.
    pub label: Option<u8>,
    /// The number that was meant, if it is one of several digits, marks or lines: lines are separated by blanks.
    pub number: Option<String>,
    /// The name of the sign that was meant, if it is one.
    pub sign: Option<SignName>,
    /// The strokes in the units of the file; [`Ink::fit`] converts them to canvas units.
    pub ink: Ink,
}

#[derive(Deserialize)]
struct LoadedDrawing {
    label: Option<i64>,
    number: Option<String>,
    #[serde(alias = "symbol")]
    sign: Option<String>,
    strokes: Vec<Vec<[f64; 2]>>,
    #[serde(alias = "pens")]
    pen: Option<Value>,
}

/// Widths of the pen as they are saved.
#[derive(Serialize)]
#[serde(untagged)]
enum SavedPen {
    /// Of all strokes.
    One(f32),
    /// Of each stroke.
    Each(Vec<f32>),
}

#[derive(Serialize)]
struct SavedDrawing<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign: Option<&'a str>,
    strokes: Vec<Vec<[f32; 2]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pen: Option<SavedPen>,
}

impl Drawing {
    /// Parses one line of a strokes file: `{"label":3,"strokes":[[[x,y],…],…]}`. The label is optional, points have any
    /// scale, and other keys are ignored. In place of the label, a drawing of a number has `"number":"405"`, and one
    /// of a sign `"sign":"pi"`, or `"symbol"`. Strokes of another pen than the usual one have `"pen":34.5`, or `"pen":[34.5,8]`
    /// if they differ, in canvas units; the pen does not change how they are read. Of scribbles of more than 16,384 points, or of a path that is hundreds of times
    /// as long as the drawing, points are dropped.
    ///
    /// # Errors
    ///
    /// If the line is not JSON of that form, the label is not a digit, the number has other characters than digits,
    /// marks and blanks, or stands beside a label, the sign has no valid name or stands beside one of these, there are no strokes, a stroke has no points, a pen is no
    /// width from 8 to 64, a
    /// coordinate exceeds ±10,000,000, or there are more than 100,000 points.
    pub fn from_json(line: &str) -> Result<Drawing, DrawingFault> {
        let form: LoadedDrawing = serde_json::from_str(line).map_err(|error| json_fault(&error))?;
        let label = checked_label(form.label)?;
        let number = checked_number(form.number, label)?;
        let sign = checked_sign(form.sign.as_deref(), label.is_some() || number.is_some())?;
        if form.strokes.is_empty() {
            return Err(DrawingFault::NoStrokes);
        }
        if form.strokes.iter().map(Vec::len).sum::<usize>() > MAX_POINTS {
            return Err(DrawingFault::TooManyPoints { limit: MAX_POINTS });
        }
        let pens = checked_pens(form.pen, form.strokes.len())?;
        let strokes = form
            .strokes
            .iter()
            .zip(pens)
            .enumerate()
            .map(|(index, (points, pen))| checked_stroke(index, points, pen));
        let mut ink: Ink = strokes.collect::<Result<_, _>>()?;
        ink.limit();
        Ok(Drawing {
            label,
            number,
            sign,
            ink,
        })
    }

    /// Formats the line that [`Drawing::from_json`] parses, without a line break. It rejects the line of empty ink.
    pub fn to_json(&self) -> String {
        let saved = SavedDrawing {
            label: self.label,
            number: self.number.as_deref(),
            sign: self.sign.as_ref().map(SignName::as_str),
            strokes: self
                .ink
                .strokes()
                .iter()
                .map(|s| s.points().iter().map(|p| [p.x, p.y]).collect())
                .collect(),
            pen: saved_pen(&self.ink),
        };
        serde_json::to_string(&saved).expect("lists of numbers always serialize")
    }
}

/// The widths of the pen, unless all are the usual one.
fn saved_pen(ink: &Ink) -> Option<SavedPen> {
    let widths: Vec<f32> = ink.strokes().iter().map(Stroke::width).collect();
    let first = *widths.first()?;
    if widths.iter().any(|&width| width != first) {
        Some(SavedPen::Each(widths))
    } else {
        (first != PEN).then_some(SavedPen::One(first))
    }
}

/// The width of the pen of each stroke.
fn checked_pens(pen: Option<Value>, strokes: usize) -> Result<Vec<f32>, DrawingFault> {
    let width = |value: &Value| {
        let width = value.as_f64().map(|width| width as f32);
        width.filter(|width| (PENS.0..=PENS.1).contains(width))
    };
    let widths = match &pen {
        None => Some(vec![PEN; strokes]),
        Some(Value::Array(each)) if each.len() == strokes => each.iter().map(width).collect(),
        Some(one) => width(one).map(|width| vec![width; strokes]),
    };
    widths.ok_or_else(|| DrawingFault::Pen {
        pen: pen.unwrap_or_default().to_string().chars().take(MAX_PEN).collect(),
        least: PENS.0 as u32,
        most: PENS.1 as u32,
    })
}

pub(crate) fn checked_label(label: Option<i64>) -> Result<Option<u8>, DrawingFault> {
    match label {
        None => Ok(None),
        Some(label @ 0..=9) => Ok(Some(label as u8)),
        Some(label) => Err(DrawingFault::Label { label }),
    }
}

/// The name of a sign, which has no other label.
pub(crate) fn checked_sign(name: Option<&str>, has_other: bool) -> Result<Option<SignName>, DrawingFault> {
    match name {
        None => Ok(None),
        Some(_) if has_other => Err(DrawingFault::SignAndOther),
        Some(name) => SignName::new(name).map(Some),
    }
}

fn checked_number(number: Option<String>, label: Option<u8>) -> Result<Option<String>, DrawingFault> {
    let Some(number) = number else { return Ok(None) };
    let is_mark = |c: char| "-.,+×÷= ".contains(c);
    let is_number = |text: &str| {
        text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || is_mark(c))
    };
    if label.is_some() {
        return Err(DrawingFault::LabelAndNumber);
    }
    if number.len() > MAX_NUMBER || !is_number(&number) {
        let number = number.chars().take(MAX_NUMBER).collect();
        return Err(DrawingFault::Number { number });
    }
    Ok(Some(number))
}

pub(crate) fn json_fault(error: &serde_json::Error) -> DrawingFault {
    let message = error.to_string();
    let reason = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(reason, _)| reason);
    DrawingFault::Form {
        reason: reason.to_owned(),
        column: error.column(),
    }
}

fn checked_stroke(stroke: usize, points: &[[f64; 2]], pen: f32) -> Result<Stroke, DrawingFault> {
    if points.is_empty() {
        return Err(DrawingFault::EmptyStroke { stroke });
    }
    let limit = f64::from(MAX_COORDINATE);
    let checked = points.iter().enumerate().map(|(point, &[x, y])| {
        if x.abs() <= limit && y.abs() <= limit {
            Ok(Point::new(x as f32, y as f32))
        } else {
            let (x, y) = (format!("{x:e}"), format!("{y:e}"));
            Err(DrawingFault::OutOfRange {
                stroke,
                point,
                x,
                y,
                limit: MAX_COORDINATE,
            })
        }
    });
    Ok(Stroke::new(checked.collect::<Result<_, _>>()?, pen))
}

/// Iterator over the drawings of a strokes file, with line numbers from 1. Blank lines are skipped.
///
/// Reads a file of any size in constant memory. Continues after a line that cannot be parsed; ends after a read error
/// or a line that is too long.
#[derive(Debug)]
pub struct Drawings<R> {
    reader: R,
    path: PathBuf,
    line: usize,
    buffer: Vec<u8>,
    finished: bool,
}

impl Drawings<BufReader<File>> {
    /// Opens a strokes file.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if the file cannot be opened, or is a folder, a device or a pipe; [`Error::WrongFile`] if it is of
    /// another known kind.
    pub fn open(path: &Path) -> Result<Self, Error> {
        FileKind::Drawings.expect(path)?;
        let file = open(path).map_err(|cause| Error::Read {
            path: path.to_owned(),
            cause,
        })?;
        Ok(Drawings::new(BufReader::new(file), path))
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Before opening it: opening a pipe waits for a writer.
    let found = path.metadata()?;
    if found.is_file() {
        return File::open(path);
    }
    let kind = if found.is_dir() {
        "a folder"
    } else {
        "a device or a pipe"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("this is {kind}; give the path of a file"),
    ))
}

impl<R: BufRead> Drawings<R> {
    /// Reads drawings from `reader`; errors name `path`.
    pub fn new(reader: R, path: &Path) -> Self {
        Drawings {
            reader,
            path: path.to_owned(),
            line: 0,
            buffer: Vec::new(),
            finished: false,
        }
    }

    /// The same with a reader of any type.
    pub fn boxed<'a>(self) -> Drawings<Box<dyn BufRead + 'a>>
    where
        R: 'a,
    {
        Drawings {
            reader: Box::new(self.reader),
            path: self.path,
            line: self.line,
            buffer: self.buffer,
            finished: self.finished,
        }
    }

    /// Reads the next line into the buffer. Returns `false` at the end of the file, and after a fatal error.
    fn next_line(&mut self) -> Result<bool, Error> {
        if self.finished {
            return Ok(false);
        }
        self.buffer.clear();
        self.line += 1;
        let mut limited = (&mut self.reader).take(MAX_LINE as u64 + 1);
        let length = limited.read_until(b'\n', &mut self.buffer);
        self.finished = !matches!(length, Ok(1..=MAX_LINE));
        match length {
            Ok(length) if length > MAX_LINE => Err(self.fault(DrawingFault::LineTooLong { limit: MAX_LINE })),
            Ok(length) => Ok(length > 0),
            Err(cause) => Err(Error::Read {
                path: self.path.clone(),
                cause,
            }),
        }
    }

    fn fault(&self, fault: DrawingFault) -> Error {
        Error::Drawing {
            path: self.path.clone(),
            line: self.line,
            fault,
        }
    }

    /// Parses the next line that is not blank. Returns its number and the result.
    pub(crate) fn next_with<T>(
        &mut self,
        parse: impl Fn(&str) -> Result<T, DrawingFault>,
    ) -> Result<Option<(usize, T)>, Error> {
        while self.next_line()? {
            let text = str::from_utf8(&self.buffer).map_err(|_| self.fault(DrawingFault::NotText))?;
            if !text.trim().is_empty() {
                let parsed = parse(text).map_err(|fault| self.fault(fault))?;
                return Ok(Some((self.line, parsed)));
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Drawings<R> {
    type Item = Result<(usize, Drawing), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(Drawing::from_json).transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inks() -> impl Strategy<Value = Ink> {
        let point = (-1e5f32..1e5, -1e5f32..1e5).prop_map(|(x, y)| Point::new(x, y));
        let points = proptest::collection::vec(point, 1..20);
        let stroke = (points, proptest::prop_oneof![Just(PEN), PENS.0..=PENS.1])
            .prop_map(|(points, pen)| Stroke::new(points, pen));
        proptest::collection::vec(stroke, 1..5).prop_map(Ink::from_iter)
    }

    fn fault(line: &str) -> String {
        Drawing::from_json(line).unwrap_err().to_string()
    }

    proptest! {
        #[test]
        fn saved_drawings_are_loaded_unchanged(
            ink in inks(),
            label in proptest::option::of(0..=9u8),
            number in proptest::option::of("-?[0-9]{1,9}([.,][0-9]{1,9})?([ +×÷=-][0-9]{1,9})?=?"),
        ) {
            let number = number.filter(|_| label.is_none());
            let drawing = Drawing { label, number, sign: None, ink };
            let line = drawing.to_json();
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(Drawing::from_json(&line).unwrap(), drawing);
        }

        #[test]
        fn any_text_is_a_drawing_or_a_fault(text in ".*") {
            let _ = Drawing::from_json(&text);
        }
    }

    #[test]
    fn labels_and_other_keys_are_optional() {
        let strokes = r#""strokes":[[[0,0],[1.5,-2]]]"#;
        for (head, label) in [
            ("", None),
            ("\"label\":null,", None),
            ("\"label\":7,\"writer\":\"x\",", Some(7)),
        ] {
            let drawing = Drawing::from_json(&format!("{{{head}{strokes}}}")).unwrap();
            let line = Stroke::new(vec![Point::new(0.0, 0.0), Point::new(1.5, -2.0)], PEN);
            assert_eq!(drawing.label, label);
            assert_eq!(drawing.ink, Ink::from_iter([line]));
        }
    }

    #[test]
    fn every_fault_is_named() {
        let cases = [
            ("", "EOF while parsing"),
            ("label,x,y", "expected value"),
            ("[[[0,0]]]", "invalid type"),
            (r#"{"label":3}"#, "missing field `strokes`"),
            (r#"{"strokes":[[[0,0],[1]]]}"#, "invalid length 1"),
            (r#"{"strokes":[[[0,0,0]]]}"#, "expected"),
            (r#"{"strokes":[[[0,NaN]]]}"#, "expected value"),
            (r#"{"strokes":[[[0,1e999]]]}"#, "number out of range"),
            (r#"{"strokes":[[["a",1]]]}"#, "invalid type"),
            (r#"{"label":"3","strokes":[[[0,0]]]}"#, "invalid type: string"),
            (r#"{"label":10,"strokes":[[[0,0]]]}"#, "the label is 10"),
            (r#"{"label":-1,"strokes":[[[0,0]]]}"#, "the label is -1"),
            (r#"{"number":405,"strokes":[[[0,0]]]}"#, "invalid type: integer"),
            (r#"{"number":"","strokes":[[[0,0]]]}"#, "the number is \"\""),
            (r#"{"number":"4o5","strokes":[[[0,0]]]}"#, "the number is \"4o5\""),
            (
                r#"{"number":"4","label":4,"strokes":[[[0,0]]]}"#,
                "both a label and a number",
            ),
            (r#"{"strokes":[]}"#, "no strokes"),
            (
                r#"{"pen":7.9,"strokes":[[[0,0]]]}"#,
                "the pen is 7.9; expected a width from 8 to 64",
            ),
            (r#"{"pen":64.1,"strokes":[[[0,0]]]}"#, "the pen is 64.1;"),
            (r#"{"pen":-20,"strokes":[[[0,0]]]}"#, "the pen is -20;"),
            (r#"{"pen":"wide","strokes":[[[0,0]]]}"#, "the pen is \"wide\";"),
            (r#"{"pen":1e300,"strokes":[[[0,0]]]}"#, "the pen is 1e+300;"),
            (r#"{"pen":1e999,"strokes":[[[0,0]]]}"#, "number out of range"),
            (r#"{"pen":NaN,"strokes":[[[0,0]]]}"#, "expected value"),
            (r#"{"pen":[20],"strokes":[[[0,0]],[[1,1]]]}"#, "or one for each stroke"),
            (r#"{"pen":[20,99],"strokes":[[[0,0]],[[1,1]]]}"#, "the pen is [20,99];"),
            (r#"{"pen":20,"pens":[20],"strokes":[[[0,0]]]}"#, "duplicate field"),
            (r#"{"strokes":[[[0,0]],[]]}"#, "stroke 1 has no points"),
            (
                r#"{"strokes":[[[0,0]],[[5,5],[2e7,0]]]}"#,
                "point 1 of stroke 1 is (2e7, 0e0)",
            ),
        ];
        for (line, expected) in cases {
            let fault = fault(line);
            assert!(fault.contains(expected), "{line}: {fault}");
        }
        let many = format!("{{\"strokes\":[[{}[0,0]]]}}", "[0,0],".repeat(MAX_POINTS));
        assert!(fault(&many).contains("more than 100000 points"));
    }

    #[test]
    fn the_pen_is_kept_unless_it_is_the_usual_one() {
        let read =
            |head: &str| Drawing::from_json(&format!("{{{head}\"strokes\":[[[0.0,1.0]],[[2.0,3.0]]]}}")).unwrap();
        let widths = |drawing: &Drawing| -> Vec<f32> { drawing.ink.strokes().iter().map(Stroke::width).collect() };
        for (head, expected) in [
            ("", [PEN; 2]),
            ("\"pen\":null,", [PEN; 2]),
            ("\"pen\":8,", [8.0; 2]),
            ("\"pen\":[34.5,64],", [34.5, 64.0]),
            ("\"pens\":[34.5,32.0],", [34.5, 32.0]),
        ] {
            assert_eq!(widths(&read(head)), expected, "{head}");
        }
        let line = |head: &str| read(head).to_json();
        assert_eq!(line("\"pen\":[32,32],"), r#"{"strokes":[[[0.0,1.0]],[[2.0,3.0]]]}"#);
        assert_eq!(
            line("\"pen\":[17.3,17.3],"),
            r#"{"strokes":[[[0.0,1.0]],[[2.0,3.0]]],"pen":17.3}"#
        );
        assert_eq!(
            line("\"pen\":[8,32],"),
            r#"{"strokes":[[[0.0,1.0]],[[2.0,3.0]]],"pen":[8.0,32.0]}"#
        );
    }

    fn lines(text: &[u8]) -> Vec<Result<(usize, Drawing), Error>> {
        Drawings::new(text, Path::new("some.jsonl")).collect()
    }

    #[test]
    fn a_file_is_read_line_by_line() {
        let dot = r#"{"strokes":[[[0,0]]]}"#;
        let read = lines(format!("\n{dot}\r\n  \nnonsense\n{dot}").as_bytes());
        let numbers: Vec<_> = read.iter().flatten().map(|(line, _)| *line).collect();
        assert_eq!(numbers, [2, 5]);
        let error = read[1].as_ref().unwrap_err().to_string();
        assert!(error.starts_with("some.jsonl, line 4: not a drawing"), "{error}");
        assert!(lines(b"").is_empty() && lines(b"\n\n").is_empty());
    }

    #[test]
    fn fatal_errors_end_the_iteration() {
        let binary = lines(&[0xFF, 0xFE, b'\n', b'x']);
        assert!(
            binary[0]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("line 1: the line is not UTF-8")
        );
        let endless = lines(&vec![b' '; MAX_LINE + 1]);
        assert_eq!(endless.len(), 1);
        assert!(
            endless[0]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("longer than 8388608 bytes")
        );
        assert!(lines(&vec![b' '; MAX_LINE]).is_empty());
        let folder = std::env::temp_dir();
        let of_folder: Vec<_> = Drawings::open(&folder).into_iter().flatten().take(3).collect();
        assert!(of_folder.len() <= 1 && of_folder.iter().all(Result::is_err));
        let missing = Drawings::open(Path::new("no/such.jsonl")).unwrap_err().to_string();
        assert!(missing.contains("no/such.jsonl"), "{missing}");
    }
}
