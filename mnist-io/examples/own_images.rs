//! Your own images: reads a folder with one folder of images for each class, trains a network on them, saves it, loads it,
//! and names one image. Without a folder, it makes one of MNIST's digits.
//!
//! ```text
//! cargo run --release -p mnist-io --features embedded,images,nn-core --example own_images -- FOLDER [IMAGE]
//! ```

use std::{
    env,
    error::Error,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use mnist_io::{Batches, ImageFolder, ImageShape, Mnist, Scaling, image_file};
use nn_core::{Fit, Model, Network, Trainer, optim::Adam};

const BATCH: usize = 32;
const MODEL: &str = "own_images.safetensors";
const CLASSES: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];

/// Writes 1,000 digits as PGM files, such as `three/17.pgm`.
fn make_folder(folder: &Path) -> Result<(), Box<dyn Error>> {
    let digits = Mnist::embedded()?.train;
    for class in CLASSES {
        fs::create_dir_all(folder.join(class))?;
    }
    for index in 0..1_000 {
        let path = folder.join(CLASSES[digits.label(index)]).join(format!("{index}.pgm"));
        fs::write(path, [b"P5 28 28 255\n", digits.image(index)].concat())?;
    }
    Ok(())
}

/// Trains a network on the images of a folder and saves it with the scaling of its inputs and the names of its classes.
fn train(folder: &ImageFolder) -> Result<(), Box<dyn Error>> {
    // All images are resized to this shape: 3 channels (RGB; 1 for gray), height and width.
    let shape = ImageShape::new(3, 32, 32)?;
    let (train, validation) = folder.read(Some(shape))?.stratified_split(0.2, 42)?;
    let mut train = Batches::new(&train, BATCH, 42, Scaling::UNIT)?;
    let mut validation = Batches::in_order(&validation, BATCH, Scaling::UNIT)?;

    let classes = folder.class_names().len();
    let layers = "conv 8 5x5 | relu | maxpool 2 | conv 16 3x3 | relu | maxpool 2 | dropout 0.25";
    let network = Network::new(format!("32x32x3 | {layers} | dense {classes}").parse()?, 42)?;
    let mut trainer = Trainer::new(network, Adam::new(3e-3), BATCH)?;
    let fit = Fit::new(20).with_patience(4);
    let report = trainer.fit(&mut train, Some(&mut validation), &fit, |progress| {
        if let Some(validation) = progress.epoch.validation {
            let accuracy = 100.0 * validation.accuracy.unwrap_or(f64::NAN);
            println!(
                "epoch {}: validation accuracy {accuracy:.1} %",
                progress.epoch.epoch + 1
            );
        }
        ControlFlow::Continue(())
    })?;

    let mut model = Model::new(report.best.network);
    model.scaling = Some(Scaling::UNIT.into());
    model.labels = folder.class_names().to_vec();
    model.save(MODEL)?;
    Ok(())
}

/// Names an image by the saved model, which knows its classes and the shape of its images.
fn classify(image: &Path) -> Result<(), Box<dyn Error>> {
    let model = Model::load(MODEL)?;
    let input = model.network.spec().input();
    let (channels, height, width) = input.as_image().ok_or("the network takes no images")?;
    let shape = ImageShape::new(channels, height, width)?;
    let pixels = image_file::values(image_file::open(image)?, shape);
    let best = &model.classify(&pixels)?[0];
    println!(
        "{}: {} with probability {:.3}",
        image.display(),
        best.name,
        best.probability
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let folder = match arguments.next() {
        Some(folder) => folder,
        None => {
            let folder = PathBuf::from("own_images");
            make_folder(&folder)?;
            folder
        }
    };
    let folder = ImageFolder::open(folder)?;
    train(&folder)?;
    let image = arguments.next().unwrap_or_else(|| folder.files()[0].0.clone());
    classify(&image)
}
