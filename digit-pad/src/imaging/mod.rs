//! Gray images, image files and the extraction of ink from them.

mod background_removal;
pub(crate) mod components;
pub mod gray_image;
pub mod image_file;
mod marks;
mod plane;
mod polarity;
mod projection;
