//! One error for the crate: every message says what was wrong, where, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

/// What can go wrong between a file and a batch.
///
/// The message of an error is whole: it contains the message of its cause, so
/// [`source`](std::error::Error::source) is always `None` and printing the error alone is enough.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something is wrong with the file or folder at `path`.
    #[error("{}: {error}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<Error>,
    },

    /// The operating system refused to read or write.
    #[error("{0}")]
    Io(io::Error),

    /// A folder stands where a file is expected.
    #[error("this is a folder; name the IDX file itself")]
    IsFolder,

    /// There are no bytes at all.
    #[error("there is nothing in it; download it or write it again")]
    Empty,

    /// The first two bytes are not the zeros that every IDX file starts with.
    #[error(
        "not an IDX file: it starts with the bytes {found:02x?}, and IDX starts with [00, 00]; \
         check that the right file was downloaded"
    )]
    Magic {
        /// The first bytes, four at most.
        found: Vec<u8>,
    },

    /// The byte at offset 2 is none of IDX's element types.
    #[error(
        "unknown element type 0x{code:02x} at offset 2; IDX has 0x08 (u8), 0x09 (i8), 0x0b (i16), \
         0x0c (i32), 0x0d (f32) and 0x0e (f64)"
    )]
    ElementType {
        /// The byte found.
        code: u8,
    },

    /// The data end inside the header.
    #[error(
        "the header breaks off after {found} of its {expected} bytes; the file is cut short, \
         download it again"
    )]
    Header {
        /// The bytes that are there.
        found: usize,
        /// The length of the header.
        expected: usize,
    },

    /// The product of the dimensions does not fit in memory addresses.
    #[error(
        "the shape {shape:?} has more elements than memory has addresses; the header is damaged, \
         download the file again"
    )]
    Overflow {
        /// The dimensions, outermost first.
        shape: Vec<usize>,
    },

    /// There are fewer bytes after the header than it claims.
    #[error(
        "the header claims {expected} bytes of data and only {found} follow; the file is cut short \
         or its header damaged, download it again"
    )]
    Truncated {
        /// The bytes claimed.
        expected: u64,
        /// The bytes that are there.
        found: u64,
    },

    /// There are more bytes after the header than it claims.
    #[error(
        "more bytes follow than the {expected} bytes of data that the header claims; the file or \
         its header is damaged, download it again"
    )]
    Trailing {
        /// The bytes claimed.
        expected: u64,
    },

    /// The gzip data cannot be inflated, or their checksum is wrong.
    #[error("the gzip data are damaged ({0}); download the file again")]
    Gzip(io::Error),

    /// Compressed or piped data claim more bytes than are taken on trust.
    #[error(
        "the header claims {claimed} bytes of data, more than the {limit} that are read from a \
         compressed or piped source; unpack it into a plain file first (gunzip)"
    )]
    InflatedSize {
        /// The bytes claimed.
        claimed: u64,
        /// The most that are read, [`Idx::MAX_INFLATED`](crate::Idx::MAX_INFLATED).
        limit: u64,
    },

    /// The allocator refused.
    #[error("no memory for {bytes} bytes of data; use a smaller file")]
    OutOfMemory {
        /// The bytes asked for.
        bytes: u64,
    },

    /// The shape has more dimensions than IDX can write.
    #[error("a shape of {rank} dimensions; IDX has room for 255, flatten some of them")]
    Rank {
        /// The dimensions given.
        rank: usize,
    },

    /// A dimension is larger than IDX can write.
    #[error("dimension {axis} is {size}; IDX has room for {}, split the data", u32::MAX)]
    Dimension {
        /// Which dimension, from 0.
        axis: usize,
        /// Its size.
        size: usize,
    },

    /// The shape and the number of elements disagree.
    #[error("the shape {shape:?} holds {expected} elements and {found} were given; make them agree")]
    ElementCount {
        /// The dimensions, outermost first.
        shape: Vec<usize>,
        /// The product of the dimensions.
        expected: usize,
        /// The elements given.
        found: usize,
    },

    /// IDX data that are not images.
    #[error(
        "images are u8 of 3 dimensions (count, height, width) and this holds {found}; \
         give the file of the images"
    )]
    NotImages {
        /// The element type and shape found.
        found: String,
    },

    /// IDX data that are not labels.
    #[error("labels are u8 of 1 dimension (count) and this holds {found}; give the file of the labels")]
    NotLabels {
        /// The element type and shape found.
        found: String,
    },

    /// Images of no pixels, or of more than memory has addresses.
    #[error("images cannot be of height {height} and width {width}; both must be 1 or more")]
    ImageSize {
        /// The height of an image in pixels.
        height: usize,
        /// The width of an image in pixels.
        width: usize,
    },

    /// The pixels do not make whole images.
    #[error("{found} bytes of images are no multiple of an image's {pixels}; check the image size")]
    PartialImage {
        /// The bytes given.
        found: usize,
        /// The pixels of one image.
        pixels: usize,
    },

    /// Images and labels are not the same number.
    #[error("{images} images and {labels} labels; take both from the same split of the data")]
    Disagree {
        /// The number of images.
        images: usize,
        /// The number of labels.
        labels: usize,
    },

    /// A label that names no class.
    #[error("label {label} at index {index}; labels are 0 to 9, map them to that range")]
    Label {
        /// The index of the first such label.
        index: usize,
        /// The label.
        label: u8,
    },

    /// A data set is to be split behind its end.
    #[error("cannot split {len} samples at {at}; split at {len} or below")]
    SplitAt {
        /// Where it was to be split.
        at: usize,
        /// The samples there are.
        len: usize,
    },

    /// The training and the test images differ in size.
    #[error(
        "training images are {}×{} pixels and test images {}×{}; take both from the same data set",
        train.0, train.1, test.0, test.1
    )]
    SplitsDiffer {
        /// Height and width of the training images.
        train: (usize, usize),
        /// Height and width of the test images.
        test: (usize, usize),
    },

    /// The folder is missing, or is no folder.
    #[error("there is no such folder; name the one that holds the four MNIST files")]
    NoFolder,

    /// None of the names that a file may have is in the folder.
    #[error(
        "found none of {}; put that file there (gzipped or not) or name another folder",
        names.join(", ")
    )]
    MissingFile {
        /// The names looked for.
        names: Vec<String>,
    },

    /// Batches of no samples.
    #[error("a batch of 0 samples; make it 1 or more")]
    BatchSize,

    /// A scaling whose results would not be numbers.
    #[error(
        "cannot scale pixels with mean {mean} and standard deviation {std}; the mean must be \
         finite and the deviation finite and above 0"
    )]
    Scaling {
        /// The mean given.
        mean: f32,
        /// The standard deviation given.
        std: f32,
    },

    /// A setting of the augmentation is out of its range.
    #[error("augmentation: {setting} is {value}; it must be from {min} to {max}")]
    Augmentation {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: f32,
        /// The least it may be.
        min: f32,
        /// The most it may be.
        max: f32,
    },

    /// An image is too large to augment.
    #[error("augmentation: images of {height}×{width} pixels; shrink them to {max}×{max} or less")]
    AugmentedSize {
        /// The height of an image in pixels.
        height: usize,
        /// The width of an image in pixels.
        width: usize,
        /// The most that either may be.
        max: usize,
    },
}

impl Error {
    /// The same error, naming the file or folder it is about.
    pub(crate) fn at(self, path: &Path) -> Self {
        Self::File {
            path: path.to_owned(),
            error: Box::new(self),
        }
    }
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
