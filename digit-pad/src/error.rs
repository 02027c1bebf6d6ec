//! The error type of this crate: what is wrong, where, and what to do about it.

use std::path::PathBuf;

/// Whatever can go wrong outside the program's own logic.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },

    /// A line of a strokes file is no drawing.
    #[error("{}, line {line}: {fault}", path.display())]
    Drawing {
        /// The strokes file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: DrawingFault,
    },

    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },

    /// What stands where a file is to be written is none.
    #[error("cannot write {}: {reason}", path.display())]
    NotWritable {
        /// The file to be written.
        path: PathBuf,
        /// What stands in its way and what to do.
        reason: &'static str,
    },

    /// A file is no picture that can be read.
    #[error("{}: {reason}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A checkpoint is of another run of training than the one asked for.
    #[error(
        "{}: this is another run of training: {difference}; ask for the same, or name another file",
        path.display()
    )]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// In what it differs.
        difference: String,
    },

    /// There is nothing on a picture.
    #[error(
        "{}: nothing is drawn on this picture: all its {width}×{height} pixels are nearly alike, and ink differs \
         from its paper",
        path.display()
    )]
    NoInk {
        /// The file.
        path: PathBuf,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },

    /// A network does not fit the images that it is to read.
    #[error(
        "{network}: takes samples of shape {input} and gives {outputs} outputs; for images of {height}×{width} pixels \
         it has to take {height}x{width}x1 or {} and to give 10, one for each digit",
        height * width
    )]
    Misfit {
        /// The network, by its file or its text form.
        network: String,
        /// The shape of the samples that it takes.
        input: nn_core::Shape,
        /// How many outputs it has.
        outputs: usize,
        /// Rows of the images.
        height: usize,
        /// Pixels in a row of the images.
        width: usize,
    },

    /// There are too few images for what they are to be used for.
    #[error("{0}")]
    TooFewImages(String),

    /// There is nothing to measure on.
    #[error("there are no test images to measure on")]
    NoTestImages,

    /// Training was stopped before it took a step.
    #[error("stopped before the first step: there is nothing to keep")]
    NothingLearnt,

    /// A model has nothing at its end that learns from drawings.
    #[error(
        "{model}: this model cannot be taught: what learns from drawings are dense layers at the end, as in \
         `… | dense 128 | relu | dense 10`, without a batch normalisation behind them"
    )]
    Unteachable {
        /// The model, by its file.
        model: String,
    },

    /// What a model remembers of its lessons is damaged.
    #[error(
        "{model}: what it remembers of lessons is damaged: lesson {example}: {fault}; \
         teach the model that it was made from again, and save that"
    )]
    FeatureCache {
        /// The model, by its file.
        model: String,
        /// Which lesson, counted from 1.
        example: usize,
        /// What is wrong with it.
        fault: DrawingFault,
    },

    /// A thread that works beside others cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),

    /// The network cannot be built, loaded, saved or trained.
    #[error(transparent)]
    Network(#[from] nn_core::Error),

    /// The images and labels cannot be read.
    #[error(transparent)]
    Data(#[from] mnist_io::Error),

    /// There is nothing to open a window on.
    #[error(
        "there is no display to open a window on: neither WAYLAND_DISPLAY nor DISPLAY is set. \
         Start digit-pad from a graphical session, or give it a virtual display with `xvfb-run digit-pad`; \
         `digit-pad predict IMAGE` and `digit-pad train` need no display"
    )]
    NoDisplay,

    /// The display refuses a window, or takes no more pictures.
    #[error(
        "cannot show a window: {reason}. Check that the display named by WAYLAND_DISPLAY or DISPLAY is running \
         and open to this user, or give digit-pad a virtual one with `xvfb-run digit-pad`; \
         `digit-pad predict IMAGE` and `digit-pad train` need no display"
    )]
    Window {
        /// What the window system says.
        reason: String,
    },
}

/// What is wrong with a line that should be a drawing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrawingFault {
    /// The line is not JSON, or not of the form of a drawing.
    #[error(
        "this is no drawing: {reason} (column {column}); expected {{\"label\":3,\"strokes\":[[[x,y],…],…]}}, label optional"
    )]
    Form {
        /// What the parser says.
        reason: String,
        /// Where in the line, counted in bytes from 1.
        column: usize,
    },

    /// The line is longer than any drawing.
    #[error("the line is longer than {limit} bytes; each drawing is one line")]
    LineTooLong {
        /// The longest line that is read.
        limit: usize,
    },

    /// The line is not text.
    #[error("the line is not UTF-8 text; expected one JSON object a line")]
    NotText,

    /// The label is no digit.
    #[error("the label is {label}; a label is a digit from 0 to 9")]
    Label {
        /// What stands there.
        label: i64,
    },

    /// The drawing has no label, where one is needed.
    #[error("the drawing has no label; a lesson says which digit is meant: {{\"label\":3,\"strokes\":…}}")]
    NoLabel,

    /// The drawing has no strokes.
    #[error("the drawing has no strokes")]
    NoStrokes,

    /// A taught picture is not 28×28 pixels, or all of them are paper.
    #[error(
        "this is no picture of a digit: {count} pixels, {inked} of them ink; expected 784 from 0 (paper) to 255 (ink)"
    )]
    Picture {
        /// Pixels that there are.
        count: usize,
        /// Those of them that are not paper.
        inked: usize,
    },

    /// A stroke has no points.
    #[error("stroke {stroke} has no points; leave it out, or give it one point for a dot")]
    EmptyStroke {
        /// Which stroke, counted from 0.
        stroke: usize,
    },

    /// The drawing has more points than any hand makes.
    #[error("the drawing has more than {limit} points")]
    TooManyPoints {
        /// The most points that are read.
        limit: usize,
    },

    /// A coordinate is so large that neighbouring points would fall together.
    #[error("point {point} of stroke {stroke} is ({x}, {y}); coordinates lie within ±{limit}")]
    OutOfRange {
        /// Which stroke, counted from 0.
        stroke: usize,
        /// Which point of the stroke, counted from 0.
        point: usize,
        /// The point's x as it stands in the file.
        x: String,
        /// The point's y as it stands in the file.
        y: String,
        /// The largest magnitude that is read.
        limit: u32,
    },
}
