//! Digits, letters and signs drawn with a pen, built into the program by the `embedded` feature.

use std::path::Path;

use flate2::bufread::GzDecoder;
use serde::Deserialize;

use crate::{
    drawing::{
        file::{Drawing, Drawings, json_fault},
        strokes::Ink,
    },
    error::Error,
};

/// See `data/README.md` for where it is from and how it is made.
const FILE: &[u8] = include_bytes!("../../data/strokes.jsonl.gz");
/// The name of the file in errors.
const NAME: &str = "strokes.jsonl.gz";

/// What a drawing shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symbol {
    /// A digit, 0 to 9.
    Digit(usize),
    /// A letter or a sign.
    Other(String),
}

/// A drawing of one symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct PenDrawing {
    /// What it shows.
    pub symbol: Symbol,
    /// Who drew it.
    pub writer: String,
    /// Its strokes, in canvas units.
    pub ink: Ink,
}

/// The keys of a line beside those of a [`Drawing`].
#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    symbol: String,
    writer: String,
}

/// All drawings, in the order of the file.
///
/// # Errors
/// If the file in the program is damaged.
pub fn pen_drawings() -> Result<Vec<PenDrawing>, Error> {
    let text = std::io::BufReader::new(GzDecoder::new(FILE));
    let mut drawings = Drawings::new(text, Path::new(NAME));
    let next = || Some(drawings.next_with(parse).transpose()?.map(|(_, drawing)| drawing));
    std::iter::from_fn(next).collect()
}

fn parse(line: &str) -> Result<PenDrawing, crate::DrawingFault> {
    let Keys { symbol, writer } = serde_json::from_str(line).map_err(|error| json_fault(&error))?;
    let Drawing { label, ink, .. } = Drawing::from_json(line)?;
    Ok(PenDrawing {
        symbol: label.map_or(Symbol::Other(symbol), |digit| Symbol::Digit(digit.into())),
        writer,
        ink: ink.fit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_drawings_that_may_be_learned_from() {
        let drawings = pen_drawings().unwrap();
        let digits = drawings
            .iter()
            .filter(|drawing| matches!(drawing.symbol, Symbol::Digit(_)));
        assert_eq!((drawings.len(), digits.count()), (7738, 1738));
        for drawing in &drawings {
            assert!(["app/", "apa/"].iter().any(|site| drawing.writer.starts_with(site)));
            assert!(!drawing.ink.is_empty() && drawing.symbol != Symbol::Other(String::new()));
        }
    }

    #[test]
    fn a_line_without_a_writer_is_a_fault() {
        let fault = parse(r#"{"label":3,"strokes":[[[0,0]]]}"#).unwrap_err().to_string();
        assert!(fault.contains("missing field `writer`"), "{fault}");
    }
}
