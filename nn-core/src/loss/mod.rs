//! Losses that training minimizes, each with its gradient; and the targets that they compare outputs with.

mod binary_cross_entropy;
mod cross_entropy;
mod objective;
mod regression;
mod softmax;
mod targets;

use std::{any::Any, fmt};

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use cross_entropy::{CrossEntropy, cross_entropy};
pub(crate) use objective::{Objective, Reduction, all_finite, loss_of_sample};
pub use regression::{Huber, MeanAbsoluteError, MeanSquaredError};
pub use softmax::{argmax, softmax};
pub use targets::{Target, Targets};

use crate::error::{Error, Result, check_length, counted};

/// A loss that a [`Trainer`](crate::Trainer) minimizes: a function of the outputs and the target of one sample.
///
/// The loss of a batch is the mean over its samples. Samples may have weights, [their own](Targets::with_weights) and
/// those of [`weight`](Self::weight); the loss of the batch is then divided by the sum of the weights, as
/// `nn.CrossEntropyLoss` of PyTorch does it.
///
/// [`CrossEntropy`], [`BinaryCrossEntropy`], [`MeanSquaredError`], [`MeanAbsoluteError`] and [`Huber`] are built in. A
/// loss of your own is one function. This one is the focal loss (Lin et al., 2017, "Focal Loss for Dense Object
/// Detection"), with a sigmoid for each output:
///
/// ```
/// use nn_core::{Loss, Network, Target, Trainer, optim::Adam};
///
/// #[derive(Debug)]
/// struct Focal {
///     gamma: f32,
/// }
///
/// impl Loss for Focal {
///     fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
///         let mut loss = 0.0;
///         for (index, (z, dz)) in outputs.iter().zip(gradient).enumerate() {
///             // The probability q of what is right: p for a target of 1, 1 - p for 0.
///             let sign = 2.0 * target.value(index) - 1.0;
///             // Its logarithm in a form that is finite for any logit: q itself rounds to 0.
///             let log_q = (sign * z).min(0.0) - (-z.abs()).exp().ln_1p();
///             let q = log_q.exp();
///             loss -= (1.0 - q).powf(self.gamma) * log_q;
///             *dz = sign * (1.0 - q).powf(self.gamma) * (self.gamma * q * log_q + q - 1.0);
///         }
///         loss
///     }
/// }
///
/// let wrong = Focal { gamma: 2.0 }.of_sample(&[200.0], Target::Values(&[0.0]), &mut [0.0]);
/// assert_eq!(wrong, 200.0);
///
/// let network = Network::new("2 | dense 8 | relu | dense 3".parse()?, 42)?;
/// let mut trainer = Trainer::new(network, Adam::new(0.01), 2)?.with_loss(Focal { gamma: 2.0 })?;
/// let inputs = [0.0, 1.0, 1.0, 0.0]; // [batch, 2]
/// let targets = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]; // [batch, 3]
/// let first = trainer.step(&inputs, &targets)?.loss;
/// for _ in 0..200 {
///     trainer.step(&inputs, &targets)?;
/// }
/// assert!(trainer.step(&inputs, &targets)?.loss < 0.1 * first);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a loss",
    label = "no `Loss`",
    note = "the built-in ones are in `nn_core::loss`, such as `CrossEntropy::new()`; one of your own implements `Loss`, `Debug`, \
            `Send` and `Sync`, and owns what it holds"
)]
pub trait Loss: Any + fmt::Debug + Send + Sync {
    /// The loss of one sample. Overwrites `gradient` with its gradient with respect to the outputs.
    ///
    /// `outputs` and `gradient` are `[outputs]`. The target has passed [`check_target`](Self::check_target), and its
    /// values are finite.
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32;

    /// As [`of_sample`](Self::of_sample), with a gradient multiplied by `scale`; the loss is not. Override it if the
    /// factor costs nothing within the computation.
    fn of_scaled_sample(&self, outputs: &[f32], target: Target<'_>, scale: f32, gradient: &mut [f32]) -> f32 {
        let loss = self.of_sample(outputs, target, gradient);
        for value in gradient {
            *value *= scale;
        }
        loss
    }

    /// What a sample with this target adds to the sum by which the loss of a batch is divided. The default is 1; 0 is
    /// right for a target that the loss ignores.
    fn weight(&self, _target: Target<'_>) -> f32 {
        1.0
    }

    /// Checks a target of a network with `outputs` outputs. The default accepts all values, and classes that are the
    /// index of an output.
    ///
    /// # Errors
    /// What is wrong with the target, and what would be right.
    fn check_target(&self, target: Target<'_>, outputs: usize) -> std::result::Result<(), String> {
        match target {
            Target::Class(class) => check_class(class, outputs),
            Target::Values(_) => Ok(()),
        }
    }

    /// Checks the loss's own settings, for a network with `outputs` outputs.
    ///
    /// # Errors
    /// For the first one that is out of range.
    fn check(&self, _outputs: usize) -> Result<()> {
        Ok(())
    }

    /// The name by which a checkpoint knows a loss that is not built in; by default, the name of the type. Append
    /// settings to it that a resumed run must share.
    fn name(&self) -> String {
        let path = std::any::type_name::<Self>();
        let arguments = path.find('<').unwrap_or(path.len());
        let start = path[..arguments].rfind("::").map_or(0, |colons| colons + 2);
        path[start..].to_owned()
    }
}

impl dyn Loss {
    /// The loss as its own type, if that is `L`.
    ///
    /// ```
    /// use nn_core::{Network, Trainer, loss::CrossEntropy, optim::Sgd};
    /// let network = Network::new("4 | dense 2".parse()?, 1)?;
    /// let trainer = Trainer::new(network, Sgd::new(0.1), 8)?;
    /// assert_eq!(trainer.loss().downcast_ref(), Some(&CrossEntropy::new()));
    /// # Ok::<(), nn_core::Error>(())
    /// ```
    #[must_use]
    pub fn downcast_ref<L: Loss>(&self) -> Option<&L> {
        (self as &dyn Any).downcast_ref()
    }
}

fn check_class(class: usize, outputs: usize) -> std::result::Result<(), String> {
    if class < outputs {
        return Ok(());
    }
    let hint = if outputs == 1 {
        "; for a single output, pass targets as f32, and use BinaryCrossEntropy or a loss of regression"
    } else {
        ""
    };
    Err(format!(
        "target {class} is not a class: the network has {}, so {}{hint}",
        counted(outputs, "output"),
        match outputs {
            1 => "the only class is 0".to_owned(),
            _ => format!("classes are 0 to {}", outputs.saturating_sub(1)),
        }
    ))
}

/// Refuses a class for a loss that compares values.
fn refuse_class(target: Target<'_>, loss: &str) -> std::result::Result<(), String> {
    let Target::Class(class) = target else { return Ok(()) };
    Err(format!(
        "target {class} is a class, and {loss} compares values; pass targets as f32, one for each output, or use \
         CrossEntropy"
    ))
}

/// Refuses weights that are negative or not finite, or not one for each output; none at all are right. `names` are what
/// several and one of them are called.
fn check_weights(names: [&'static str; 2], weights: &[f32], outputs: usize) -> Result<()> {
    if weights.is_empty() {
        return Ok(());
    }
    check_length(names[0], weights.len(), outputs, || {
        format!("one for each of {}", counted(outputs, "output"))
    })?;
    match weights.iter().find(|weight| !(**weight >= 0.0 && weight.is_finite())) {
        None => Ok(()),
        Some(weight) => Err(Error::Setting {
            name: names[1],
            value: weight.to_string(),
            reason: "it has to be a finite number of at least 0",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Own<T>(T);

    impl<T: fmt::Debug + Send + Sync + 'static> Loss for Own<T> {
        fn of_sample(&self, _: &[f32], _: Target<'_>, gradient: &mut [f32]) -> f32 {
            gradient.fill(3.0);
            1.0
        }
    }

    #[test]
    fn the_default_name_is_that_of_the_type() {
        assert_eq!(Huber::default().name(), "Huber");
        assert_eq!(Own(0.5f32).name(), "Own<f32>");
    }

    #[test]
    fn the_scale_multiplies_the_gradient_and_not_the_loss() {
        let mut gradient = [0.0; 2];
        let loss = Own(0).of_scaled_sample(&[1.0, 2.0], Target::Class(0), 0.5, &mut gradient);
        assert_eq!((loss, gradient), (1.0, [1.5; 2]));
    }
}
