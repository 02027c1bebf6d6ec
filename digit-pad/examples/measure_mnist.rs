//! Measures MNIST's training images, and writes the table that is built in to the file that is named.

use std::{env, error::Error, fs, path::PathBuf};

use digit_pad::recognition::mnist_measures::DigitMeasures;
use mnist_io::{Mnist, Split};

fn main() -> Result<(), Box<dyn Error>> {
    let path: PathBuf = env::args_os().nth(1).ok_or("name the file for the table")?.into();
    let set = Mnist::embedded_split(Split::Train)?;
    fs::write(path, DigitMeasures::table(&set).ok_or("a digit has no images")?)?;
    Ok(())
}
