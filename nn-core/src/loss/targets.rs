//! Targets: what the outputs of a network should be, for a sample and for a batch.

use crate::error::{Result, check_length, counted};

/// The target of one sample.
///
/// ```
/// use nn_core::Target;
/// let class = Target::Class(2);
/// assert_eq!([0, 1, 2].map(|output| class.value(output)), [0.0, 0.0, 1.0]);
/// let values = Target::from(&[0.25, 0.5]);
/// assert_eq!((values.value(1), values.class()), (0.5, None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// The index of a class.
    Class(usize),
    /// One value for each output.
    Values(&'a [f32]),
}

impl Target<'_> {
    /// The target value of an output; of a class, 1 for its own output and 0 for the others (one-hot).
    ///
    /// # Panics
    /// If the target has values, and `output` is not the index of one.
    #[must_use]
    pub fn value(self, output: usize) -> f32 {
        match self {
            Self::Class(class) => f32::from(u8::from(class == output)),
            Self::Values(values) => values[output],
        }
    }

    /// The class, if the target is one.
    #[must_use]
    pub fn class(self) -> Option<usize> {
        match self {
            Self::Class(class) => Some(class),
            Self::Values(_) => None,
        }
    }
}

impl From<usize> for Target<'_> {
    fn from(class: usize) -> Self {
        Self::Class(class)
    }
}

impl From<&usize> for Target<'_> {
    fn from(class: &usize) -> Self {
        Self::Class(*class)
    }
}

impl<'a> From<&'a f32> for Target<'a> {
    fn from(value: &'a f32) -> Self {
        Self::Values(std::slice::from_ref(value))
    }
}

impl<'a> From<&'a [f32]> for Target<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::Values(values)
    }
}

impl<'a> From<&'a Vec<f32>> for Target<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self::Values(values)
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Target<'a> {
    fn from(values: &'a [f32; N]) -> Self {
        Self::Values(values)
    }
}

// Of references to targets, as iterators over slices give them. One impl for all types would keep `Target::from(&[0.5])` from
// compiling, where the type of the number has to be found.
macro_rules! from_references {
    ($($target:ty),*) => {
        $(
            impl<'a> From<&'a &$target> for Target<'a> {
                fn from(target: &'a &$target) -> Self {
                    Self::from(*target)
                }
            }
        )*
    };
}

from_references!(usize, f32, [f32], Vec<f32>);

impl<'a, const N: usize> From<&'a &[f32; N]> for Target<'a> {
    fn from(values: &'a &[f32; N]) -> Self {
        Self::from(*values)
    }
}

/// The targets of a batch: a class for each sample, or as many values as the network has outputs.
///
/// Slices, arrays and vectors of `usize` are classes, `[batch]`; those of `f32` are values, `[batch, outputs]`.
///
/// ```
/// use nn_core::{Network, Targets, Trainer, loss::MeanSquaredError, optim::Sgd};
/// let inputs = [0.0, 1.0, 1.0, 0.0]; // [batch, 2]
/// let network = Network::new("2 | dense 3".parse()?, 1)?;
/// let mut classifier = Trainer::new(network.clone(), Sgd::new(0.1), 2)?;
/// classifier.step(&inputs, &[0, 2])?;
/// // The second sample counts three times as much as the first.
/// classifier.step(&inputs, Targets::classes(&[0, 2]).with_weights(&[1.0, 3.0]))?;
///
/// let mut regression = Trainer::new(network, Sgd::new(0.1), 2)?.with_loss(MeanSquaredError)?;
/// regression.step(&inputs, &[0.5, -1.0, 2.0, 0.0, 1.0, 0.5])?;
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Targets<'a> {
    kind: Kind<'a>,
    weights: Option<&'a [f32]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind<'a> {
    Classes(&'a [usize]),
    Values(&'a [f32]),
}

impl<'a> Targets<'a> {
    /// Classes, `[batch]`.
    #[must_use]
    pub const fn classes(classes: &'a [usize]) -> Self {
        let (kind, weights) = (Kind::Classes(classes), None);
        Self { kind, weights }
    }

    /// Values, `[batch, outputs]`.
    #[must_use]
    pub const fn values(values: &'a [f32]) -> Self {
        let (kind, weights) = (Kind::Values(values), None);
        Self { kind, weights }
    }

    /// Gives each sample a weight, `[batch]`, of at least 0. The loss of the batch is then the weighted mean, divided
    /// by the sum of the weights.
    #[must_use]
    pub const fn with_weights(self, weights: &'a [f32]) -> Self {
        let weights = Some(weights);
        Self { weights, ..self }
    }

    /// The targets of a batch in prediction: none.
    pub(crate) const fn none() -> Self {
        Self::classes(&[])
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self.kind {
            Kind::Classes(classes) => classes.is_empty(),
            Kind::Values(values) => values.is_empty(),
        }
    }

    pub(crate) fn are_classes(&self) -> bool {
        matches!(self.kind, Kind::Classes(_))
    }

    /// The target of a sample, for a network of `outputs` outputs.
    pub(crate) fn get(&self, sample: usize, outputs: usize) -> Target<'a> {
        match self.kind {
            Kind::Classes(classes) => Target::Class(classes[sample]),
            Kind::Values(values) => Target::Values(&values[sample * outputs..][..outputs]),
        }
    }

    /// The weight of a sample.
    pub(crate) fn weight(&self, sample: usize) -> f32 {
        self.weights.map_or(1.0, |weights| weights[sample])
    }

    /// The samples before sample `sample`, and the others. Targets that are [none](Self::none) remain so.
    pub(crate) fn split_at(self, sample: usize, outputs: usize) -> (Self, Self) {
        if self.is_empty() {
            return (self, self);
        }
        let (kind, rest) = match self.kind {
            Kind::Classes(classes) => {
                let (first, second) = classes.split_at(sample);
                (Kind::Classes(first), Kind::Classes(second))
            }
            Kind::Values(values) => {
                let (first, second) = values.split_at(sample * outputs);
                (Kind::Values(first), Kind::Values(second))
            }
        };
        let weights = self.weights.map(|weights| weights.split_at(sample)).unzip();
        let first = Self {
            kind,
            weights: weights.0,
        };
        let second = Self {
            kind: rest,
            weights: weights.1,
        };
        (first, second)
    }

    /// Checks the number of targets and of weights.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) if it is not that of the samples.
    pub(crate) fn check_lengths(&self, batch: usize, outputs: usize) -> Result<()> {
        match self.kind {
            Kind::Classes(classes) => {
                check_length("targets", classes.len(), batch, || counted(batch, "sample"))?;
            }
            Kind::Values(values) => check_length("targets", values.len(), batch * outputs, || {
                let (samples, outputs) = (counted(batch, "sample"), counted(outputs, "output"));
                format!("{samples} of {outputs}; classes are of type usize, one for each sample")
            })?,
        }
        let Some(weights) = self.weights else { return Ok(()) };
        check_length("sample weights", weights.len(), batch, || counted(batch, "sample"))
    }
}

impl<'a> From<&'a [usize]> for Targets<'a> {
    fn from(classes: &'a [usize]) -> Self {
        Self::classes(classes)
    }
}

impl<'a> From<&'a Vec<usize>> for Targets<'a> {
    fn from(classes: &'a Vec<usize>) -> Self {
        Self::classes(classes)
    }
}

impl<'a, const N: usize> From<&'a [usize; N]> for Targets<'a> {
    fn from(classes: &'a [usize; N]) -> Self {
        Self::classes(classes)
    }
}

impl<'a> From<&'a [f32]> for Targets<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::values(values)
    }
}

impl<'a> From<&'a Vec<f32>> for Targets<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self::values(values)
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Targets<'a> {
    fn from(values: &'a [f32; N]) -> Self {
        Self::values(values)
    }
}
