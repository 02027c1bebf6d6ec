//! Gray images, and image files.

mod background_removal;
pub(crate) mod components;
pub mod gray_image;
pub mod image_file;
