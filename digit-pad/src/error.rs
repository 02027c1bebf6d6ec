//! The error type of this crate: what is wrong, where, and what to do about it.

use std::{io, path::PathBuf};

/// An error caused by input: files, drawings, networks, settings, or the display.
///
/// The message includes that of the cause, so [`source`](std::error::Error::source) is always `None`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be opened or read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },

    /// A line of a strokes file is not a valid drawing.
    #[error("{}, line {line}: {fault}", path.display())]
    Drawing {
        /// The strokes file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: DrawingFault,
    },

    /// A file cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },

    /// A file cannot be read as an image.
    #[error("{}: {reason}", path.display())]
    InvalidImage {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A file is of another kind than the one that is needed.
    #[error("{}: this is {found}, not {expected}; {remedy}", path.display())]
    WrongFile {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What is needed.
        expected: &'static str,
        /// What to do.
        remedy: String,
    },

    /// A checkpoint belongs to another training run.
    #[error(
        "{}: the checkpoint is from another training run: {difference}; repeat the original command, or name \
         another checkpoint file",
        path.display()
    )]
    CheckpointMismatch {
        /// The checkpoint.
        path: PathBuf,
        /// How the runs differ.
        difference: String,
    },

    /// An image is blank.
    #[error(
        "{}: the image is blank: all its {width}×{height} pixels have nearly the same brightness; \
         use an image whose ink differs clearly from the background",
        path.display()
    )]
    BlankImage {
        /// The file.
        path: PathBuf,
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },

    /// A network does not fit the images or their classes.
    #[error(
        "{network}: the network takes input of shape {input} and has {outputs} outputs; images of {images} pixels in \
         {classes} classes need an input of {} or {} and {classes} outputs, one per class",
        text_form(*images), images.len()
    )]
    IncompatibleNetwork {
        /// The network's file or text form.
        network: String,
        /// Shape of the network's input.
        input: nn_core::Shape,
        /// Number of the network's outputs.
        outputs: usize,
        /// Shape of the images.
        images: mnist_io::ImageShape,
        /// Number of their classes.
        classes: usize,
    },

    /// A weights file has scaling or class names that cannot be used.
    #[error("{}: {reason}", path.display())]
    InvalidModel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },

    /// A model is for other classes than the digits.
    #[error("{model}: the model's classes are {}, not the digits 0 to 9; {remedy}", class_names.join(", "))]
    NotDigits {
        /// The model's file.
        model: String,
        /// Names of its classes.
        class_names: Vec<String>,
        /// What to do.
        remedy: &'static str,
    },

    /// A model computes infinity or NaN.
    #[error(
        "{model}: the outputs of the network are not finite numbers; its weights are too large or damaged: train it again, \
         with a lower learning rate"
    )]
    NotFinite {
        /// The model's file.
        model: String,
    },

    /// A network takes no images.
    #[error(
        "{network}: the network takes input of shape {input}, which is no image of 1 to 4 channels and no square one; \
         give its input as HEIGHTxWIDTHxCHANNELS"
    )]
    NoImageInput {
        /// The network's file or text form.
        network: String,
        /// Shape of the network's input.
        input: nn_core::Shape,
    },

    /// A data set is neither a folder nor a CSV file.
    #[error(
        "{}: {problem}; give a folder of IDX files (like {}), a folder with one folder of images for each class, or a \
         CSV file of a label and the pixels a line",
        path.display(), "t10k-images-idx3-ubyte.gz"
    )]
    UnknownData {
        /// The path.
        path: PathBuf,
        /// What is there instead.
        problem: String,
    },

    /// The data set has too few images.
    #[error("{0}")]
    TooFewImages(String),

    /// The data set has no test images.
    #[error("there are no test images; the data set needs at least one to measure accuracy")]
    NoTestImages,

    /// MNIST is needed, and the program was built without it.
    #[error(
        "this build does not contain MNIST; use `train` and `eval` with `--data PATH`, or build digit-pad with the \
         feature `embedded`, which is a default feature"
    )]
    NotEmbedded,

    /// Training was stopped before the first step.
    #[error("training stopped before the first step; no weights were saved")]
    StoppedBeforeFirstStep,

    /// Patience waits for a better validation accuracy, and there are no validation images.
    #[error("patience needs validation images, and none are held out; use --val N with N above 0, or no --patience")]
    PatienceWithoutValidation,

    /// A model cannot be fine-tuned.
    #[error(
        "{model}: this model cannot be fine-tuned: it needs dense layers at the end, as in \
         `… | dense 128 | relu | dense 10`, with no batch normalization after them"
    )]
    NotFineTunable {
        /// The model's file.
        model: String,
    },

    /// The examples stored in a model are damaged.
    #[error(
        "{model}: the examples stored in this model are damaged: example {example}: {fault}; \
         fine-tune the original model again and save it"
    )]
    FeatureCache {
        /// The model's file.
        model: String,
        /// The example, counted from 1.
        example: usize,
        /// What is wrong with it.
        fault: DrawingFault,
    },

    /// There is no image in the clipboard.
    #[error("nothing to paste: {reason}; copy an image or an image file, then paste again")]
    Clipboard {
        /// What is there instead.
        reason: String,
    },

    /// The clipboard cannot be reached.
    #[error(
        "the clipboard is out of reach, which on Wayland needs XWayland: {reason}; open the file with O, or give it on the command line"
    )]
    NoClipboard {
        /// Why.
        reason: String,
    },

    /// No file was chosen in the dialog.
    #[error("No image selected; an image can also be pasted, or opened with: digit-pad IMAGE")]
    NoImageSelected,

    /// The desktop shows no file dialog.
    #[error(
        "No window to choose files opens here. Start with the file: digit-pad IMAGE. Or drop it on the window, or paste it"
    )]
    NoFileDialog,

    /// What was dropped on the window is no file.
    #[error("what was dropped is no file of this computer; save it first, or copy the image and paste it")]
    NotAFile,

    /// A thread cannot be started.
    #[error("cannot start a thread: {0}; close other programs and try again")]
    Thread(io::Error),

    /// A background thread ended by a panic, which is an error of this program.
    #[error("what ran in the background failed by an error of this program; try again")]
    WorkerEnded,

    /// An error of a worker that shares no memory with the window.
    #[error("{0}")]
    Worker(String),

    /// An error of nn-core: the network cannot be built, loaded, saved or trained.
    #[error(transparent)]
    Network(#[from] nn_core::Error),

    /// An error of mnist-io: the images or labels cannot be read.
    #[error(transparent)]
    Data(#[from] mnist_io::Error),

    /// There is no display for a window.
    #[error(
        "cannot open a window: there is no display, neither WAYLAND_DISPLAY nor DISPLAY is set. \
         Start digit-pad in a graphical session, or use a virtual display: `xvfb-run digit-pad`. \
         `digit-pad predict IMAGE` and `digit-pad train` need no display"
    )]
    NoDisplay,

    /// The display refuses the window.
    #[error(
        "cannot show the window: {reason}. Check that the display in WAYLAND_DISPLAY or DISPLAY is running and \
         accepts connections from this user, or use a virtual display: `xvfb-run digit-pad`. \
         `digit-pad predict IMAGE` and `digit-pad train` need no display"
    )]
    Window {
        /// The message of the window system.
        reason: String,
    },
}

/// The shape of images as in the text form of a network.
fn text_form(images: mnist_io::ImageShape) -> nn_core::Shape {
    nn_core::Shape::image(images.channels(), images.height(), images.width())
}

/// What is wrong with a line of a strokes file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrawingFault {
    /// The line is not JSON, or the JSON is not a drawing.
    #[error(
        "not a drawing: {reason} (column {column}); expected {{\"label\":3,\"strokes\":[[[x,y],…],…]}}, \
         where the label is optional, or \"number\":\"405\" in its place"
    )]
    Form {
        /// The message of the JSON parser.
        reason: String,
        /// Position in the line, in bytes from 1.
        column: usize,
    },

    /// The line is too long.
    #[error("the line is longer than {limit} bytes; write each drawing on its own line")]
    LineTooLong {
        /// Longest line accepted, in bytes.
        limit: usize,
    },

    /// The line is not UTF-8.
    #[error("the line is not UTF-8 text; expected one JSON object per line")]
    NotText,

    /// The label is not a digit.
    #[error("the label is {label}; expected a digit from 0 to 9")]
    Label {
        /// The label in the file.
        label: i64,
    },

    /// The number has other characters than digits, marks and blanks, or none.
    #[error("the number is {number:?}; expected its digits in quotes, as in \"405\", perhaps with - . , + × ÷ or =")]
    Number {
        /// The number in the file.
        number: String,
    },

    /// A drawing has a label and a number.
    #[error("the drawing has both a label and a number; give the label of one digit, or the number of several")]
    LabelAndNumber,

    /// The name of a sign is not valid.
    #[error(
        "the sign is named `{name}`; give it 1 to 12 characters, none of them a control character, and not a digit alone"
    )]
    Sign {
        /// The name, or the beginning of a long one.
        name: String,
    },

    /// A drawing has a sign beside a label or a number.
    #[error("the drawing has a sign beside a label or a number; give one of them")]
    SignAndOther,

    /// A drawing that is an example has no label.
    #[error("the drawing has no label; an example needs its digit: {{\"label\":3,\"strokes\":…}}")]
    NoLabel,

    /// The drawing has no strokes.
    #[error("the drawing has no strokes; delete the line, or add a stroke")]
    NoStrokes,

    /// An example image is not 28×28 pixels, or is blank.
    #[error(
        "not an image of a digit: {count} pixels, {inked} of them not 0; expected 784 values from 0 \
         (background) to 255 (ink), not all 0"
    )]
    InvalidPixels {
        /// Number of pixels.
        count: usize,
        /// Number of pixels that are not background.
        inked: usize,
    },

    /// A stroke has no points.
    #[error("stroke {stroke} has no points; delete it, or add a point to draw a dot")]
    EmptyStroke {
        /// The stroke, counted from 0.
        stroke: usize,
    },

    /// The drawing has too many points.
    #[error("the drawing has more than {limit} points; split it, or drop points")]
    TooManyPoints {
        /// Most points accepted.
        limit: usize,
    },

    /// A pen is no width that the window's pen can have, or not one for each stroke.
    #[error("the pen is {pen}; expected a width from {least} to {most}, or one for each stroke")]
    Pen {
        /// The pen in the file.
        pen: String,
        /// Smallest width accepted.
        least: u32,
        /// Largest width accepted.
        most: u32,
    },

    /// A coordinate is so large that adjacent points would round to one.
    #[error("point {point} of stroke {stroke} is ({x}, {y}); expected coordinates within ±{limit}")]
    OutOfRange {
        /// The stroke, counted from 0.
        stroke: usize,
        /// The point in the stroke, counted from 0.
        point: usize,
        /// The x coordinate in the file.
        x: String,
        /// The y coordinate in the file.
        y: String,
        /// Largest magnitude accepted.
        limit: u32,
    },
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_cause_is_told_once() {
        let cause = || io::Error::other("the disk is full");
        let path = PathBuf::from("a.csv");
        let network = "784 | nothing 3".parse::<nn_core::NetworkSpec>().unwrap_err();
        for error in [
            Error::Read {
                path: path.clone(),
                cause: cause(),
            },
            Error::Write { path, cause: cause() },
            Error::Thread(cause()),
            Error::from(network),
        ] {
            assert!(error.source().is_none(), "{error:?}");
        }
    }
}
