//! digit-pad
pub mod error;
pub mod files;
pub mod grey;
pub mod ink;
pub mod model;
pub mod normalize;
pub mod photo;
pub mod presets;
pub mod raster;
pub mod reading;
pub mod recognizer;
pub mod training;
pub mod view;
pub mod window;

pub use error::{DrawingFault, Error};
