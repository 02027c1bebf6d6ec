//! The MNIST data set built into the program by the `embedded` feature.

use mnist_io::{Dataset, Mnist, Split};

use crate::error::Error;

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
