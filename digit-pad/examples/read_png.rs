//! Recognizes the digit in an image file: `cargo run --release --example read_png -- IMAGE.png`

use std::{env, error::Error, path::Path};

use digit_pad::{format::percent, imaging::image_file, recognition::recognizer::Recognizer};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: read_png IMAGE")?;
    let loaded = image_file::open(Path::new(&path))?;
    let prediction = Recognizer::embedded()?
        .read_image(&loaded.image)
        .ok_or("the image is blank")?;
    println!("{} ({})", prediction.digit(), percent(prediction.probability()));
    Ok(())
}
