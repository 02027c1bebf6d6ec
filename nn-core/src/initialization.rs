//! Initial values of parameters.

use std::f64::consts::TAU;

use rand::{RngExt, rngs::ChaCha8Rng};

use crate::rng;

/// How the initial weights and biases of a network are drawn: see
/// [`Network::with_initialization`](crate::Network::with_initialization).
///
/// In the table, `in` is the number of inputs of each output value: the inputs of a dense layer, and for a convolution
/// the input channels of a group times the area of the kernel. `out` is the number of outputs of a dense layer, and for a
/// convolution the output channels times the area of the kernel. Uniform values are in ± the limit, and normal ones have
/// mean 0 and the given standard deviation, without truncation.
///
/// | | Weights | Biases |
/// | --- | --- | --- |
/// | `Auto` | `HeUniform` where a ReLU follows, directly or after a normalization; elsewhere `LecunUniform` | 0 |
/// | `HeUniform`, `HeNormal` | limit √(6 / in), standard deviation √(2 / in) | 0 |
/// | `XavierUniform`, `XavierNormal` | limit √(6 / (in + out)), standard deviation √(2 / (in + out)) | 0 |
/// | `LecunUniform`, `LecunNormal` | limit √(3 / in), standard deviation √(1 / in) | 0 |
/// | `PyTorch` | limit √(1 / in) | limit √(1 / in) |
///
/// Weights of normalizations are 1 and their biases 0. For values of your own, build the network and call
/// [`Network::set_parameter`](crate::Network::set_parameter).
///
/// Sources: He et al., 2015, "Delving Deep into Rectifiers" (with the gain √2 of a ReLU; PyTorch's `kaiming_uniform_` and
/// `kaiming_normal_`); Glorot and Bengio, 2010, "Understanding the difficulty of training deep feedforward neural
/// networks" (`xavier_uniform_`, `xavier_normal_`); LeCun et al., 1998, "Efficient BackProp"; the method
/// `reset_parameters` of PyTorch's `nn.Linear` and `nn.Conv2d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Initialization {
    /// [`HeUniform`](Self::HeUniform) before a ReLU, [`LecunUniform`](Self::LecunUniform) elsewhere: outputs have the
    /// variance of inputs.
    #[default]
    Auto,
    /// Uniform, for layers before a ReLU.
    HeUniform,
    /// Normal, for layers before a ReLU.
    HeNormal,
    /// Uniform, for layers before tanh or sigmoid: a compromise between outputs and gradients.
    XavierUniform,
    /// Normal, for layers before tanh or sigmoid: a compromise between outputs and gradients.
    XavierNormal,
    /// Uniform: outputs have the variance of inputs.
    LecunUniform,
    /// Normal: outputs have the variance of inputs.
    LecunNormal,
    /// The default of PyTorch's `nn.Linear` and `nn.Conv2d`, the only one with random biases.
    PyTorch,
}

/// The size of a layer's weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fan {
    /// Inputs of each output value.
    pub(crate) inputs: usize,
    /// Outputs that each input value goes to, at stride 1 and away from the edges.
    pub(crate) outputs: usize,
}

/// Draws the initial values of one layer.
#[derive(Debug)]
pub(crate) struct Initializer {
    pub(crate) initialization: Initialization,
    /// Whether a ReLU follows the layer, directly or after a normalization.
    pub(crate) before_relu: bool,
    pub(crate) generator: ChaCha8Rng,
}

/// A distribution with mean 0.
enum Distribution {
    /// Uniform from minus to plus this limit.
    Uniform(f32),
    /// Normal with this standard deviation.
    Normal(f32),
}

impl Initializer {
    /// Draws weights.
    pub(crate) fn weights<'a>(&mut self, fan: Fan, values: impl Iterator<Item = &'a mut f32>) {
        match self.initialization.weights(fan, self.before_relu) {
            Distribution::Uniform(limit) => rng::fill_uniform(&mut self.generator, limit, values),
            Distribution::Normal(deviation) => {
                for value in values {
                    *value = (f64::from(deviation) * standard_normal(&mut self.generator)) as f32;
                }
            }
        }
    }

    /// Draws biases, which are 0 before.
    pub(crate) fn biases<'a>(&mut self, fan: Fan, values: impl Iterator<Item = &'a mut f32>) {
        if self.initialization == Initialization::PyTorch {
            let limit = (1.0 / fan.inputs as f32).sqrt();
            rng::fill_uniform(&mut self.generator, limit, values);
        }
    }
}

impl Initialization {
    fn weights(self, fan: Fan, before_relu: bool) -> Distribution {
        let (inputs, outputs) = (fan.inputs as f32, fan.outputs as f32);
        match self {
            Self::Auto if before_relu => Self::HeUniform.weights(fan, before_relu),
            Self::Auto | Self::LecunUniform => Distribution::Uniform((3.0 / inputs).sqrt()),
            Self::HeUniform => Distribution::Uniform((6.0 / inputs).sqrt()),
            Self::HeNormal => Distribution::Normal((2.0 / inputs).sqrt()),
            Self::XavierUniform => Distribution::Uniform((6.0 / (inputs + outputs)).sqrt()),
            Self::XavierNormal => Distribution::Normal((2.0 / (inputs + outputs)).sqrt()),
            Self::LecunNormal => Distribution::Normal((1.0 / inputs).sqrt()),
            Self::PyTorch => Distribution::Uniform((1.0 / inputs).sqrt()),
        }
    }
}

/// A value of the standard normal distribution, by Box and Muller (1958), "A Note on the Generation of Random Normal
/// Deviates". The functions of `libm` give the same bits on every machine.
fn standard_normal(generator: &mut ChaCha8Rng) -> f64 {
    let (above_zero, angle) = (1.0 - generator.random::<f64>(), generator.random::<f64>());
    libm::sqrt(-2.0 * libm::log(above_zero)) * libm::cos(TAU * angle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean, mean square and largest magnitude of many values.
    fn moments(initialization: Initialization, before_relu: bool) -> [f64; 3] {
        let mut initializer = Initializer {
            initialization,
            before_relu,
            generator: rng::stream(5, 0),
        };
        let mut values = vec![0.0; 100_000];
        let fan = Fan {
            inputs: 30,
            outputs: 20,
        };
        initializer.weights(fan, values.iter_mut());
        let count = values.len() as f64;
        let values = values.into_iter().map(f64::from);
        [
            values.clone().sum::<f64>() / count,
            values.clone().map(|value| value * value).sum::<f64>() / count,
            values.map(f64::abs).fold(0.0, f64::max),
        ]
    }

    #[test]
    fn weights_have_the_variance_and_the_limit_of_the_formula() {
        use Initialization::{
            Auto, HeNormal, HeUniform, LecunNormal, LecunUniform, PyTorch, XavierNormal, XavierUniform,
        };
        for (initialization, before_relu, variance) in [
            (Auto, true, 2.0 / 30.0),
            (Auto, false, 1.0 / 30.0),
            (HeUniform, false, 2.0 / 30.0),
            (HeNormal, false, 2.0 / 30.0),
            (XavierUniform, true, 2.0 / 50.0),
            (XavierNormal, true, 2.0 / 50.0),
            (LecunUniform, true, 1.0 / 30.0),
            (LecunNormal, true, 1.0 / 30.0),
            (PyTorch, true, 1.0 / 90.0),
        ] {
            let [mean, square, largest] = moments(initialization, before_relu);
            let what = format!("{initialization:?}: {mean}, {square}, {largest}");
            assert!(mean.abs() < 0.01 * f64::sqrt(variance), "{what}");
            assert!((square / variance - 1.0).abs() < 0.02, "{what}");
            let limit = f64::sqrt(3.0 * variance) * (1.0 + 1e-6);
            if matches!(initialization, HeNormal | XavierNormal | LecunNormal) {
                // One of 100,000 values is beyond 4.4 standard deviations on average.
                let deviations = largest / f64::sqrt(variance);
                assert!((3.7..6.0).contains(&deviations), "{what}");
            } else {
                assert!((0.999 * limit..=limit).contains(&largest), "{what}");
            }
        }
    }
}
