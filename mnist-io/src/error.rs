//! The error type of the crate; each message says what is wrong, where, and what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

/// An error of this crate.
///
/// The message of an error includes its cause, so [`source`](std::error::Error::source) is always `None` and printing
/// the error alone is enough.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error with the file or folder it concerns.
    #[error("{}: {error}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<Error>,
    },

    /// Reading or writing failed.
    #[error("{0}")]
    Io(io::Error),

    /// The path of a file is a folder.
    #[error("this is a folder; give the path of the file itself")]
    IsFolder,

    /// The path of a file is a device or a pipe.
    #[error("this is a device or a pipe; give the path of a file")]
    NotFile,

    /// The input is empty.
    #[error("the file is empty; download or create it again")]
    Empty,

    /// The first two bytes are not the two zeros of an IDX file.
    #[error(
        "not an IDX file: it starts with the bytes {found:02x?} instead of [00, 00]; check that the right file was \
         downloaded"
    )]
    Magic {
        /// The first bytes, at most four.
        found: Vec<u8>,
    },

    /// The byte at offset 2 is not the code of an element type.
    #[error(
        "unknown element type 0x{code:02x} at offset 2; the types of IDX are 0x08 (u8), 0x09 (i8), 0x0b (i16), \
         0x0c (i32), 0x0d (f32) and 0x0e (f64)"
    )]
    ElementType {
        /// The byte found.
        code: u8,
    },

    /// The data end within the header.
    #[error("the header ends after {found} of its {expected} bytes; the file is truncated, download it again")]
    TruncatedHeader {
        /// The number of bytes found.
        found: usize,
        /// The length of the header in bytes.
        expected: usize,
    },

    /// The size of the data overflows `usize`.
    #[error("the shape {shape:?} is too large for memory; the header is damaged, download the file again")]
    Overflow {
        /// The dimensions, outermost first.
        shape: Vec<usize>,
    },

    /// Fewer bytes follow the header than it claims.
    #[error(
        "the header claims {expected} bytes of data but only {found} follow; the file is truncated or its header \
         damaged, download it again"
    )]
    Truncated {
        /// The number of bytes claimed.
        expected: u64,
        /// The number of bytes found.
        found: u64,
    },

    /// More bytes follow the header than it claims.
    #[error(
        "more bytes follow than the {expected} bytes of data claimed by the header; the file is damaged, download it \
         again"
    )]
    TrailingData {
        /// The number of bytes claimed.
        expected: u64,
    },

    /// The gzip data cannot be decompressed, or their checksum is wrong.
    #[error("the gzip data are damaged ({0}); download the file again")]
    Gzip(io::Error),

    /// Compressed or piped data exceed the size limit.
    #[error(
        "the header claims {claimed} bytes of data, above the limit of {limit} bytes for compressed or piped input; \
         decompress it to a plain file first (gunzip)"
    )]
    InflatedSize {
        /// The number of bytes claimed.
        claimed: u64,
        /// The limit, [`Idx::MAX_INFLATED`](crate::Idx::MAX_INFLATED).
        limit: u64,
    },

    /// A memory allocation failed.
    #[error("cannot allocate {bytes} bytes for the data; use a smaller file")]
    OutOfMemory {
        /// The number of bytes requested.
        bytes: u64,
    },

    /// The shape has more dimensions than IDX can represent.
    #[error("the shape has {rank} dimensions; IDX allows at most 255, flatten some of them")]
    Rank {
        /// The number of dimensions.
        rank: usize,
    },

    /// A dimension is larger than IDX can represent.
    #[error("dimension {axis} is {size}; IDX allows at most {}, split the data", u32::MAX)]
    Dimension {
        /// The index of the dimension, from 0.
        axis: usize,
        /// Its size.
        size: usize,
    },

    /// The shape and the number of elements do not match.
    #[error("the shape {shape:?} needs {expected} elements, but {found} were given")]
    ElementCount {
        /// The dimensions, outermost first.
        shape: Vec<usize>,
        /// The product of the dimensions.
        expected: usize,
        /// The number of elements given.
        found: usize,
    },

    /// An IDX array that does not contain images.
    #[error(
        "images must be u8 with 3 dimensions (count, height, width) or 4 (and channels), not {found}; give the file of \
         the images"
    )]
    NotImages {
        /// The element type and shape found.
        found: String,
    },

    /// An IDX array that does not contain labels.
    #[error(
        "labels must be integers with 1 dimension (count) or 2 (the label in the first column), not {found}; give the \
         file of the labels"
    )]
    NotLabels {
        /// The element type and shape found.
        found: String,
    },

    /// An image size of zero, or one that overflows `usize`.
    #[error(
        "images cannot have height {height} and width {width}; both must be at least 1, and the image fit in memory"
    )]
    ImageSize {
        /// The height of an image in pixels.
        height: usize,
        /// The width of an image in pixels.
        width: usize,
    },

    /// The number of channels is not supported.
    #[error("images cannot have {channels} channels; 1 (gray) to 4 (RGB and opacity) are supported")]
    Channels {
        /// The number of channels.
        channels: usize,
    },

    /// The number of bytes is not a multiple of the image size.
    #[error("{found} bytes are not a multiple of the {values} values of an image; check the image shape")]
    PartialImage {
        /// The number of bytes given.
        found: usize,
        /// The number of values of an image.
        values: usize,
    },

    /// The numbers of images and labels differ.
    #[error("{images} images and {labels} labels; take both from the same split of the data set")]
    CountMismatch {
        /// The number of images.
        images: usize,
        /// The number of labels.
        labels: usize,
    },

    /// A label is not the index of a class.
    #[error("label {label} at index {index} is out of range; labels must be from 0 to {}", classes.saturating_sub(1))]
    LabelOutOfRange {
        /// The index of the first such label.
        index: usize,
        /// The label.
        label: i64,
        /// The number of classes.
        classes: usize,
    },

    /// A label is below the label offset.
    #[error(
        "label {label} at index {index} is below the label offset {offset}, which is subtracted from all labels; lower \
         the offset to the smallest label"
    )]
    LabelOffset {
        /// The index of the first such label.
        index: usize,
        /// The label.
        label: usize,
        /// The offset.
        offset: usize,
    },

    /// A label offset for classes that have names.
    #[error(
        "a label offset is for labels that are numbers, and these classes have names, such as {name:?}; leave it out"
    )]
    NamedLabelOffset {
        /// The name of the first class.
        name: String,
    },

    /// There are too many classes.
    #[error("{found} classes are too many; at most {max} are supported")]
    TooManyClasses {
        /// The number of classes.
        found: usize,
        /// The maximum.
        max: usize,
    },

    /// There are fewer class names than classes.
    #[error("{names} names are too few: labels go up to {largest}; name every class, in order from 0")]
    TooFewNames {
        /// The number of names.
        names: usize,
        /// The largest label.
        largest: usize,
    },

    /// The name of a class is empty, has control characters, or is that of another class.
    #[error("class {class} is named {name:?}; every class needs a name of its own, without control characters")]
    ClassName {
        /// The index of the class.
        class: usize,
        /// Its name.
        name: String,
    },

    /// A class is not among those of another data set or of a model.
    #[error(
        "there is no class {name:?} among {}; rename it or leave its images out",
        names(known)
    )]
    UnknownClass {
        /// The name of the class.
        name: String,
        /// The known classes.
        known: Vec<String>,
    },

    /// The number of classes differs from that of another data set or of a model.
    #[error(
        "the data set has {} where {expected} are expected; check that it is the right data set, and that its labels count \
         from 0 (on the command line: --label-offset)",
        counted(*found, "class")
    )]
    ClassCount {
        /// The number of classes of the data set.
        found: usize,
        /// The number expected.
        expected: usize,
    },

    /// The index of a sample is out of range.
    #[error("there is no sample {index}; the data set has {len}")]
    SampleIndex {
        /// The index given.
        index: usize,
        /// The number of samples.
        len: usize,
    },

    /// A fraction is not from 0 to 1.
    #[error("the fraction to hold out is {fraction}; it must be from 0 to 1")]
    Fraction {
        /// The fraction given.
        fraction: f64,
    },

    /// The index of a split is above the number of samples.
    #[error("cannot split {len} samples at index {at}; the index must be at most {len}")]
    SplitAt {
        /// The index given.
        at: usize,
        /// The number of samples.
        len: usize,
    },

    /// Training and test images differ in shape.
    #[error("training images have {train} pixels but test images {test}; take both from the same data set")]
    ShapeMismatch {
        /// The shape of the training images.
        train: String,
        /// The shape of the test images.
        test: String,
    },

    /// Training images and distractors differ in shape.
    #[error("training images have {train} pixels but distractors {distractors}; make both alike")]
    DistractorShape {
        /// The shape of the training images.
        train: String,
        /// The shape of the distractors.
        distractors: String,
    },

    /// The path of a data set is not a folder.
    #[error("no such folder; give the folder that contains the four MNIST files")]
    FolderNotFound,

    /// A file of a data set is not in the folder under any of its names.
    #[error(
        "found none of {}; put this file there (gzipped or not) or give another folder",
        names.join(", ")
    )]
    MissingFile {
        /// The names that were tried.
        names: Vec<String>,
    },

    /// Several files of a folder could be the same part of a data set.
    #[error("which file holds the {part}? {} could; keep one data set in the folder", files.join(", "))]
    AmbiguousFile {
        /// The part of the data set.
        part: String,
        /// The names of the files.
        files: Vec<String>,
    },

    /// A line of a CSV file is not a label and the pixels of an image.
    #[error("line {line}{}: {reason}", column.map_or_else(String::new, |column| format!(", column {column}")))]
    Csv {
        /// The line, counted from 1.
        line: u64,
        /// The column (the number of the value in its line), counted from 1.
        column: Option<usize>,
        /// What is wrong, and what to do.
        reason: String,
    },

    /// A file of class names, or a folder of images, is not as it should be.
    #[error("{0}")]
    Content(String),

    /// A file is not an image, or a damaged one.
    #[error("{reason}")]
    Image {
        /// What is wrong, and what to do.
        reason: String,
    },

    /// The batch size is zero.
    #[error("the batch size is 0; it must be at least 1")]
    BatchSize,

    /// A scaling that does not give finite values.
    #[error(
        "cannot scale pixels with mean {mean:?} and standard deviation {std:?}: {}",
        scaling_fault(*mean, *std)
    )]
    Scaling {
        /// The mean given.
        mean: f32,
        /// The standard deviation given.
        std: f32,
    },

    /// A setting of the augmentation is out of range.
    #[error("augmentation: {setting} is {value}; it must be from {min} to {max}")]
    Augmentation {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        value: f32,
        /// The minimum allowed.
        min: f32,
        /// The maximum allowed.
        max: f32,
    },

    /// An image is too large for augmentation.
    #[error("augmentation: images have {height}×{width} pixels; shrink them to at most {max}×{max}")]
    ImageTooLarge {
        /// The height of an image in pixels.
        height: usize,
        /// The width of an image in pixels.
        width: usize,
        /// The maximum height and width.
        max: usize,
    },
}

impl Error {
    /// Adds the file or folder that the error concerns.
    pub(crate) fn at(self, path: &Path) -> Self {
        Self::File {
            path: path.to_owned(),
            error: Box::new(self),
        }
    }
}

/// Says why a mean and a standard deviation do not scale pixels.
fn scaling_fault(mean: f32, std: f32) -> &'static str {
    if !mean.is_finite() || !std.is_finite() {
        "both must be finite"
    } else if std <= 0.0 {
        "the standard deviation must be above 0"
    } else {
        "some pixel would become too large for a number of 32 bits; the standard deviation must be larger, or the mean \
         nearer to 0"
    }
}

/// Lists names, the first of many.
fn names(names: &[String]) -> String {
    const MOST: usize = 20;
    match names.get(..MOST) {
        Some(first) if names.len() > MOST => format!("{} and {} more", first.join(", "), names.len() - MOST),
        _ => names.join(", "),
    }
}

/// A number with a noun, in the plural unless it is 1: `1 class`, `2 classes`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let ending = match noun {
        _ if count == 1 => "",
        noun if noun.ends_with(['s', 'h']) => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

/// A result with the [`Error`] of this crate.
pub type Result<T> = std::result::Result<T, Error>;
