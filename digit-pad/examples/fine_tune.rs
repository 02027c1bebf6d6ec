//! Fine-tunes the built-in model on three examples of a one with a wide flag, which it takes for a seven.

use std::error::Error;

use digit_pad::{
    drawing::file::Drawing,
    format::percent,
    recognition::{example::Example, model::Model, recognizer::Recognizer},
    teaching::{examples::Examples, fine_tuning::FineTuner},
};

/// A one with a flag that is `width` wide, in any units.
fn flagged_one(width: i32) -> Result<Drawing, Box<dyn Error>> {
    let line = format!(r#"{{"label":1,"strokes":[[[{},60],[0,0],[0,100]]]}}"#, -width);
    Ok(Drawing::from_json(&line)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let model = Model::embedded()?;
    let mut examples = Examples::new();
    for width in [38, 45, 55] {
        examples.add(Example::new(1, flagged_one(width)?.ink)?);
    }
    let tuned = FineTuner::new(&model)?.fine_tune(&examples)?;

    let ink = flagged_one(50)?.ink.fit();
    for (name, model) in [("built-in", model), ("fine-tuned", tuned)] {
        let prediction = Recognizer::new(model)?.read_ink(&ink).ok_or("nothing is drawn")?;
        println!("{name}: {} ({})", prediction.digit(), percent(prediction.probability()));
    }
    Ok(())
}
