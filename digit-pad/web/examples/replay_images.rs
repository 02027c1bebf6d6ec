//! Writes the images that fine-tuning replays in a browser into a folder: the last of the training set, fetched with the first
//! example.

use std::{error::Error, fs::File, io::Write, path::PathBuf};

use flate2::{Compression, GzBuilder};
use mnist_io::{Idx, Mnist, Split};

/// Fewer than the window replays: a browser on one thread computes the features of about a hundred a second.
const REPLAYED: usize = 1_500;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("usage: replay_images FOLDER")?.into();
    let train = Mnist::embedded_split(Split::Train)?;
    let first = train.len() - REPLAYED;
    let (_, last) = train.split_at(first)?;
    let labels: Vec<u8> = last.labels().iter().map(|&label| label as u8).collect();
    for (name, idx) in [
        ("images-idx3", Idx::new(vec![REPLAYED, 28, 28], last.images().to_vec())?),
        ("labels-idx1", Idx::new(vec![REPLAYED], labels)?),
    ] {
        let mut content = Vec::new();
        idx.write_to(&mut content)?;
        let file = File::create(folder.join(format!("replay-{name}-ubyte.gz")))?;
        let mut file = GzBuilder::new().write(file, Compression::best());
        file.write_all(&content)?;
        file.finish()?;
    }
    Ok(())
}
