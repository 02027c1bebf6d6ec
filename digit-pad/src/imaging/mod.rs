//! Gray images, and image files.

mod background_removal;
pub mod gray_image;
pub mod image_file;
