//! Recognizes strokes: first one digit, drawn point by point, then a number, from JSON.

use std::error::Error;

use digit_pad::{
    drawing::{file::Drawing, strokes::Ink},
    format::percent,
    geometry::Point,
    recognition::{recognizer::Recognizer, segmentation::segment_ink},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut recognizer = Recognizer::embedded()?;

    // A seven in canvas units: the canvas is a square of 560, with y downwards.
    let mut ink = Ink::new();
    ink.pen_down(Point::new(180.0, 120.0));
    ink.pen_move(Point::new(380.0, 120.0));
    ink.pen_up(Point::new(260.0, 440.0));
    let prediction = recognizer.read_ink(&ink).ok_or("nothing is drawn")?;
    println!("digit {} ({})", prediction.digit(), percent(prediction.probability()));

    // A one and a seven in any units: `fit` converts them to canvas units.
    let drawing = Drawing::from_json(r#"{"strokes":[[[60,40],[60,160]],[[120,40],[200,40],[150,160]]]}"#)?;
    let digits = segment_ink(&drawing.ink.fit(), &mut recognizer);
    let number: String = digits
        .iter()
        .map(|digit| digit.prediction.digit().to_string())
        .collect();
    println!("number {number}");
    Ok(())
}
