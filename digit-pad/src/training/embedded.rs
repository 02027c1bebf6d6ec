//! What the `embedded` feature builds into the program: the MNIST data set, and drawings with a pen.

use mnist_io::{Dataset, Mnist, Split};

use crate::{
    error::Error,
    training::{data_split::DataSplit, presets::Recipe},
};

/// Training and test images.
///
/// # Errors
/// [`Error::NotEmbedded`] without the `embedded` feature.
pub fn mnist() -> Result<Mnist, Error> {
    #[cfg(any(feature = "embedded", test))]
    return Ok(Mnist::embedded()?);
    #[cfg(not(any(feature = "embedded", test)))]
    Err(Error::NotEmbedded)
}

/// One part of the data set.
///
/// # Errors
/// [`Error::NotEmbedded`] without the `embedded` feature.
pub fn split(split: Split) -> Result<Dataset, Error> {
    #[cfg(any(feature = "embedded", test))]
    return Ok(Mnist::embedded_split(split)?);
    #[cfg(not(any(feature = "embedded", test)))]
    {
        let _ = split;
        Err(Error::NotEmbedded)
    }
}

/// Adds the images of pen drawings that a recipe wants to MNIST's, as
/// [`DataSplit::add_pen_drawings`].
///
/// # Errors
/// [`Error::NotEmbedded`] without the `embedded` feature, if the recipe wants any.
pub fn add_pen_drawings(data: &mut DataSplit, recipe: &Recipe, seed: u64) -> Result<(), Error> {
    if recipe.pen_copies == 0 {
        return Ok(());
    }
    #[cfg(any(feature = "embedded", test))]
    return data.add_pen_drawings(recipe.pen_copies, seed);
    #[cfg(not(any(feature = "embedded", test)))]
    {
        let _ = (data, seed);
        Err(Error::NotEmbedded)
    }
}
