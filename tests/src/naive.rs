//! Naive reference implementations in f64, written independently of `nn-core`.

use std::ops::Range;

use nn_core::{ConvSpec, LayerSpec, NetworkSpec, Padding, PoolSpec, Shape, Tensor};

/// Layout of a matrix in a slice: element `(row, col)` is at `row·row_stride + col·col_stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Distance of two rows.
    pub row_stride: usize,
    /// Distance of two columns.
    pub col_stride: usize,
}

/// The expected result of a matrix product.
#[derive(Clone, Debug)]
pub struct Product {
    /// The whole slice of C, with the old values between the matrix's elements.
    pub values: Vec<f64>,
    /// Largest possible error of an f32 product, whatever the order of the sum; 0 between the elements.
    pub rounding: Vec<f64>,
}

/// Unit roundoff of f32: the largest relative error of one operation.
const UNIT: f64 = f32::EPSILON as f64 / 2.0;

impl Layout {
    /// Position of an element.
    #[must_use]
    pub fn at(&self, row: usize, col: usize) -> usize {
        row * self.row_stride + col * self.col_stride
    }

    /// Positions of all elements, row by row.
    pub fn positions(self) -> impl Iterator<Item = usize> {
        (0..self.rows).flat_map(move |row| (0..self.cols).map(move |col| self.at(row, col)))
    }

    /// Minimum length of the slice.
    #[must_use]
    pub fn span(&self) -> usize {
        self.positions().max().map_or(0, |last| last + 1)
    }
}

/// `alpha·a·b + beta·c`; `c` is not read if `beta` is 0.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn gemm(alpha: f32, a: (&[f32], Layout), b: (&[f32], Layout), beta: f32, c: (&[f32], Layout)) -> Product {
    let ((a, a_layout), (b, b_layout), (c, c_layout)) = (a, b, c);
    assert_eq!((a_layout.rows, b_layout.cols), (c_layout.rows, c_layout.cols));
    assert_eq!(a_layout.cols, b_layout.rows);
    let (alpha, beta) = (f64::from(alpha), f64::from(beta));
    let mut product = Product {
        values: c.iter().copied().map(f64::from).collect(),
        rounding: vec![0.0; c.len()],
    };
    for row in 0..c_layout.rows {
        for col in 0..c_layout.cols {
            let (mut sum, mut magnitude) = (0.0, 0.0);
            for k in 0..a_layout.cols {
                let term = f64::from(a[a_layout.at(row, k)]) * f64::from(b[b_layout.at(k, col)]);
                sum += term;
                magnitude += term.abs();
            }
            let at = c_layout.at(row, col);
            let old = if beta == 0.0 { 0.0 } else { beta * f64::from(c[at]) };
            product.values[at] = alpha * sum + old;
            // Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 3.1: one rounding for each
            // term, and a few for alpha, beta and blocks of the sum.
            let operations = (a_layout.cols + a_layout.cols / 64 + 4) as f64;
            product.rounding[at] = operations * UNIT * (alpha.abs() * magnitude + old.abs());
        }
    }
    product
}

/// A network computed in f64, sample by sample except for batch normalization.
#[derive(Clone, Debug)]
pub struct NaiveNetwork {
    layers: Vec<Layer>,
    inputs: usize,
    /// All parameters and running statistics, concatenated in the order of [`nn_core::Network::tensors`].
    pub parameters: Vec<f64>,
}

/// A layer; ranges such as `weight` and `bias` are its parts of the parameters.
#[derive(Clone, Debug)]
enum Layer {
    /// `weight` is `[outputs, inputs]`; `bias` may be empty.
    Dense {
        weight: Range<usize>,
        bias: Range<usize>,
    },
    /// `weight` is `[output channels, input channels / groups, kernel height, kernel width]`; `bias` may be empty.
    Conv {
        conv: ConvSpec,
        input: Image,
        weight: Range<usize>,
        bias: Range<usize>,
    },
    MaxPool {
        input: Image,
        pool: PoolSpec,
    },
    AvgPool {
        input: Image,
        pool: PoolSpec,
    },
    Upsample {
        input: Image,
        factor: usize,
    },
    /// `weight` and `bias` have the shape of a sample.
    SampleNorm {
        weight: Range<usize>,
        bias: Range<usize>,
    },
    /// Four tensors of one value for each channel; `mean` and `variance` are the running statistics.
    BatchNorm {
        weight: Range<usize>,
        bias: Range<usize>,
        mean: Range<usize>,
        variance: Range<usize>,
    },
    Relu,
    LeakyRelu(f64),
    /// A differentiable function.
    Smooth(fn(f64) -> f64),
    /// Another shape of the same values.
    Reshape,
    /// The sum of branches, which are chains of layers.
    Add(Vec<Vec<Layer>>),
    /// The outputs of branches, one after the other.
    Concat(Vec<Vec<Layer>>),
}

/// The shape of `[channels, height, width]`.
#[derive(Clone, Copy, Debug)]
struct Image {
    channels: usize,
    height: usize,
    width: usize,
}

/// The result of a forward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// `[batch, outputs]`.
    pub logits: Vec<f64>,
    /// The branch that each piecewise function took: for each ReLU of each sample, whether its input was positive; for
    /// each window of a max pooling, the argmax. If two passes differ here, a kink lies between them.
    pub branches: Vec<u32>,
}

impl NaiveNetwork {
    /// Builds a network from its spec and its tensors.
    ///
    /// # Panics
    /// If the tensors do not fit the spec, or a layer has no naive implementation.
    #[must_use]
    pub fn new(spec: &NetworkSpec, tensors: &[Tensor]) -> Self {
        let range = |name: String, shape: &[usize]| -> Range<usize> {
            let index = tensors.iter().position(|tensor| tensor.name == name);
            let index = index.unwrap_or_else(|| panic!("{spec} has no tensor {name}"));
            assert_eq!(tensors[index].shape, shape, "shape of {name}");
            let start = tensors[..index].iter().map(|tensor| tensor.values.len()).sum();
            start..start + tensors[index].values.len()
        };
        Self {
            layers: chain(spec.layers(), spec.input(), "", &range).0,
            inputs: spec.input().len(),
            parameters: tensors
                .iter()
                .flat_map(|tensor| &tensor.values)
                .copied()
                .map(f64::from)
                .collect(),
        }
    }

    /// Computes the logits of a batch, `[batch, …]`, in prediction mode.
    #[must_use]
    pub fn forward(&self, inputs: &[f32]) -> Pass {
        self.pass(inputs, false)
    }

    fn pass(&self, inputs: &[f32], training: bool) -> Pass {
        let mut branches = Vec::new();
        let inputs = inputs.chunks(self.inputs);
        let mut batch: Vec<Vec<f64>> = inputs
            .map(|image| image.iter().copied().map(f64::from).collect())
            .collect();
        self.run(&self.layers, &mut batch, training, &mut branches);
        Pass {
            logits: batch.concat(),
            branches,
        }
    }

    /// Runs a chain of layers.
    fn run(&self, layers: &[Layer], batch: &mut Vec<Vec<f64>>, training: bool, branches: &mut Vec<u32>) {
        for layer in layers {
            *batch = match layer {
                Layer::Add(chains) | Layer::Concat(chains) => {
                    let is_sum = matches!(layer, Layer::Add(_));
                    let mut joined: Vec<Vec<f64>> = Vec::new();
                    for chain in chains {
                        let mut output = batch.clone();
                        self.run(chain, &mut output, training, branches);
                        if joined.is_empty() {
                            joined = output;
                            continue;
                        }
                        for (joined, output) in joined.iter_mut().zip(output) {
                            if is_sum {
                                joined.iter_mut().zip(output).for_each(|(sum, value)| *sum += value);
                            } else {
                                joined.extend(output);
                            }
                        }
                    }
                    joined
                }
                Layer::BatchNorm {
                    weight,
                    bias,
                    mean,
                    variance,
                } => {
                    let [weight, bias, mean, variance] =
                        [weight, bias, mean, variance].map(|range| &self.parameters[range.clone()]);
                    let running = (!training).then_some((mean, variance));
                    batch_norm(batch, weight, bias, running)
                }
                layer => std::mem::take(batch)
                    .into_iter()
                    .map(|x| self.layer(layer, x, branches))
                    .collect(),
            };
        }
    }

    /// Computes the mean cross-entropy of a batch in training mode, and the forward pass that gives it.
    #[must_use]
    pub fn loss(&self, inputs: &[f32], targets: &[usize]) -> (f64, Pass) {
        let pass = self.pass(inputs, true);
        let rows = pass.logits.chunks(pass.logits.len() / targets.len());
        let sum: f64 = rows
            .zip(targets)
            .map(|(logits, &target)| cross_entropy(logits, target))
            .sum();
        (sum / targets.len() as f64, pass)
    }

    fn layer(&self, layer: &Layer, x: Vec<f64>, branches: &mut Vec<u32>) -> Vec<f64> {
        let parameters = |range: &Range<usize>| &self.parameters[range.clone()];
        match layer {
            Layer::Dense { weight, bias } => dense(&x, parameters(weight), parameters(bias)),
            Layer::Conv {
                conv,
                input,
                weight,
                bias,
            } => convolve(&x, *input, conv, parameters(weight), parameters(bias)),
            Layer::MaxPool { input, pool } => max_pool(&x, *input, pool, branches),
            Layer::AvgPool { input, pool } => avg_pool(&x, *input, pool),
            Layer::Upsample { input, factor } => upsample(&x, *input, *factor),
            Layer::SampleNorm { weight, bias } => layer_norm(&x, parameters(weight), parameters(bias)),
            Layer::Smooth(function) => x.into_iter().map(function).collect(),
            Layer::LeakyRelu(slope) => {
                branches.extend(x.iter().map(|&x| u32::from(x > 0.0)));
                x.into_iter().map(|x| if x < 0.0 { slope * x } else { x }).collect()
            }
            Layer::Relu => {
                branches.extend(x.iter().map(|&x| u32::from(x > 0.0)));
                x.into_iter().map(|x| if x < 0.0 { 0.0 } else { x }).collect()
            }
            Layer::Reshape => x,
            Layer::BatchNorm { .. } | Layer::Add(_) | Layer::Concat(_) => unreachable!("computed for the whole batch"),
        }
    }
}

/// The layers of a chain whose tensors' names begin with `prefix`, and the shape of the last one's output.
fn chain(
    specs: &[LayerSpec],
    input: Shape,
    prefix: &str,
    range: &dyn Fn(String, &[usize]) -> Range<usize>,
) -> (Vec<Layer>, Shape) {
    let mut shape = input;
    let mut layers = Vec::new();
    for (item, layer) in specs.iter().enumerate() {
        let tensor = |name: &str, shape: &[usize]| range(format!("{prefix}{item}.{name}"), shape);
        let (layer, output) = match *layer {
            LayerSpec::Dense { outputs, bias, .. } => {
                let weight = tensor("weight", &[outputs, shape.len()]);
                let bias = if bias { tensor("bias", &[outputs]) } else { 0..0 };
                (Layer::Dense { weight, bias }, Shape::features(outputs))
            }
            LayerSpec::Conv(conv) => {
                let input = Image::of(shape);
                let bias = if conv.bias {
                    tensor("bias", &[conv.channels])
                } else {
                    0..0
                };
                let inputs = input.channels / conv.groups;
                let weight = tensor("weight", &[conv.channels, inputs, conv.kernel.0, conv.kernel.1]);
                let output = input.convolved(&conv).shape();
                (
                    Layer::Conv {
                        conv,
                        input,
                        weight,
                        bias,
                    },
                    output,
                )
            }
            LayerSpec::MaxPool(pool) => {
                let input = Image::of(shape);
                (Layer::MaxPool { input, pool }, input.pooled(&pool).shape())
            }
            LayerSpec::AvgPool(pool) => avg_pool_layer(Image::of(shape), pool),
            LayerSpec::GlobalAvgPool => {
                let input = Image::of(shape);
                avg_pool_layer(input, PoolSpec::new(input.height, input.width))
            }
            LayerSpec::Upsample { factor } => {
                let input = Image::of(shape);
                let output = Shape::image(input.channels, factor * input.height, factor * input.width);
                (Layer::Upsample { input, factor }, output)
            }
            LayerSpec::LayerNorm => {
                let sizes = shape.sizes();
                let (weight, bias) = (tensor("weight", &sizes), tensor("bias", &sizes));
                (Layer::SampleNorm { weight, bias }, shape)
            }
            LayerSpec::BatchNorm => {
                let tensor = |name| tensor(name, &[shape.channels()]);
                let layer = Layer::BatchNorm {
                    weight: tensor("weight"),
                    bias: tensor("bias"),
                    mean: tensor("running_mean"),
                    variance: tensor("running_var"),
                };
                (layer, shape)
            }
            LayerSpec::LeakyRelu { slope } => (Layer::LeakyRelu(slope.into()), shape),
            LayerSpec::Elu => (Layer::Smooth(|x| if x > 0.0 { x } else { x.exp() - 1.0 }), shape),
            LayerSpec::Silu => (Layer::Smooth(|x| x / (1.0 + (-x).exp())), shape),
            LayerSpec::Softplus => (Layer::Smooth(|x| (1.0 + x.exp()).ln()), shape),
            LayerSpec::Tanh => (Layer::Smooth(f64::tanh), shape),
            LayerSpec::Sigmoid => (Layer::Smooth(|x| 1.0 / (1.0 + (-x).exp())), shape),
            LayerSpec::Gelu => (Layer::Smooth(gelu), shape),
            LayerSpec::Relu => (Layer::Relu, shape),
            LayerSpec::Flatten => (Layer::Reshape, Shape::features(shape.len())),
            LayerSpec::Reshape(shape) => (Layer::Reshape, shape),
            LayerSpec::Add { ref branches, .. } | LayerSpec::Concat { ref branches, .. } => {
                let is_sum = matches!(layer, LayerSpec::Add { .. });
                let branches = branches.iter().enumerate();
                let (branches, outputs): (Vec<_>, Vec<_>) = branches
                    .map(|(branch, layers)| chain(layers, shape, &format!("{prefix}{item}.{branch}."), range))
                    .unzip();
                let channels = outputs.iter().map(Shape::channels).sum();
                match (is_sum, outputs[0]) {
                    (true, output) => (Layer::Add(branches), output),
                    (_, Shape::Features(_)) => (Layer::Concat(branches), Shape::features(channels)),
                    (_, image) => {
                        let image = Image::of(image);
                        (Layer::Concat(branches), Image { channels, ..image }.shape())
                    }
                }
            }
            ref other => panic!("`{other}` has no naive implementation"),
        };
        shape = output;
        layers.push(layer);
    }
    (layers, shape)
}

impl Image {
    fn of(shape: Shape) -> Self {
        let Some((channels, height, width)) = shape.as_image() else {
            panic!("{shape} is not an image")
        };
        Self {
            channels,
            height,
            width,
        }
    }

    fn shape(self) -> Shape {
        Shape::image(self.channels, self.height, self.width)
    }

    fn convolved(self, conv: &ConvSpec) -> Self {
        let (rows, cols) = match conv.padding {
            Padding::Pixels(rows, cols) => (rows, cols),
            Padding::Same => {
                return Self {
                    channels: conv.channels,
                    ..self
                };
            }
            other => panic!("{other:?} has no naive implementation"),
        };
        let side = |padded: usize, kernel: usize, dilation: usize, stride: usize| {
            (padded - dilation * (kernel - 1) - 1) / stride + 1
        };
        Self {
            channels: conv.channels,
            height: side(self.height + 2 * rows, conv.kernel.0, conv.dilation.0, conv.stride.0),
            width: side(self.width + 2 * cols, conv.kernel.1, conv.dilation.1, conv.stride.1),
        }
    }

    fn pooled(self, pool: &PoolSpec) -> Self {
        Self {
            height: (self.height + 2 * pool.padding.0 - pool.size.0) / pool.stride.0 + 1,
            width: (self.width + 2 * pool.padding.1 - pool.size.1) / pool.stride.1 + 1,
            ..self
        }
    }

    /// The row and column of a pixel of the image with `pad` zeros before it, if it is not padding.
    fn inside(self, (y, x): (usize, usize), pad: (usize, usize)) -> Option<(usize, usize)> {
        let (y, x) = (y.checked_sub(pad.0)?, x.checked_sub(pad.1)?);
        (y < self.height && x < self.width).then_some((y, x))
    }

    fn at(self, channel: usize, y: usize, x: usize) -> usize {
        (channel * self.height + y) * self.width + x
    }

    /// Channel, row and column of each value, in order.
    fn positions(self) -> impl Iterator<Item = (usize, usize, usize)> {
        let rows = (0..self.channels).flat_map(move |channel| (0..self.height).map(move |y| (channel, y)));
        rows.flat_map(move |(channel, y)| (0..self.width).map(move |x| (channel, y, x)))
    }
}

fn dense(x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let rows = weight.chunks(x.len()).enumerate();
    rows.map(|(output, row)| {
        let sum: f64 = row.iter().zip(x).map(|(weight, x)| weight * x).sum();
        sum + bias.get(output).copied().unwrap_or(0.0)
    })
    .collect()
}

fn convolve(x: &[f64], input: Image, conv: &ConvSpec, weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let (kernel_height, kernel_width) = conv.kernel;
    let pad = match conv.padding {
        Padding::Pixels(rows, cols) => (rows, cols),
        Padding::Same => (
            conv.dilation.0 * (kernel_height - 1) / 2,
            conv.dilation.1 * (kernel_width - 1) / 2,
        ),
        other => panic!("{other:?} has no naive implementation"),
    };
    let (inputs, outputs) = (input.channels / conv.groups, conv.channels / conv.groups);
    let output = |(output, y_out, x_out): (usize, usize, usize)| {
        let mut sum = bias.get(output).copied().unwrap_or(0.0);
        for channel in 0..inputs {
            for (row, col) in (0..kernel_height).flat_map(|row| (0..kernel_width).map(move |col| (row, col))) {
                let y = y_out * conv.stride.0 + row * conv.dilation.0;
                let x_in = x_out * conv.stride.1 + col * conv.dilation.1;
                if let Some((y, x_in)) = input.inside((y, x_in), pad) {
                    let position = ((output * inputs + channel) * kernel_height + row) * kernel_width + col;
                    sum += weight[position] * x[input.at(output / outputs * inputs + channel, y, x_in)];
                }
            }
        }
        sum
    };
    input.convolved(conv).positions().map(output).collect()
}

/// The pixels of each window that are not padding, in order: channel by channel, row by row.
fn windows<'a>(
    x: &'a [f64],
    input: Image,
    pool: &'a PoolSpec,
) -> impl Iterator<Item = impl Iterator<Item = (usize, f64)> + 'a> + 'a {
    let pad = pool.padding;
    input.pooled(pool).positions().map(move |(channel, y, x_out)| {
        (0..pool.size.0 * pool.size.1).filter_map(move |index| {
            let (row, col) = (index / pool.size.1, index % pool.size.1);
            let pixel = input.inside((y * pool.stride.0 + row, x_out * pool.stride.1 + col), pad);
            pixel.map(|(y, x_in)| (index, x[input.at(channel, y, x_in)]))
        })
    })
}

fn max_pool(x: &[f64], input: Image, pool: &PoolSpec, branches: &mut Vec<u32>) -> Vec<f64> {
    let better = |best: (usize, f64), other: (usize, f64)| if other.1 > best.1 { other } else { best };
    let largest = windows(x, input, pool).map(|window| window.reduce(better).expect("a pixel of the image"));
    let (indices, largest): (Vec<_>, Vec<_>) = largest.unzip();
    branches.extend(indices.into_iter().map(|index| index as u32));
    largest
}

/// Normalizes each channel by its running mean and variance, or, if there are none, by those of the batch.
fn batch_norm(batch: &[Vec<f64>], weight: &[f64], bias: &[f64], running: Option<(&[f64], &[f64])>) -> Vec<Vec<f64>> {
    let channels = weight.len();
    let mut outputs = batch.to_vec();
    let area = outputs[0].len() / channels;
    for channel in 0..channels {
        let of_channel = |x: &Vec<f64>| x[channel * area..(channel + 1) * area].to_vec();
        let values: Vec<f64> = batch.iter().flat_map(of_channel).collect();
        let average = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (mean, variance) = running.map_or_else(
            || {
                let mean = average(&values);
                let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
                (mean, average(&squares))
            },
            |(mean, variance)| (mean[channel], variance[channel]),
        );
        for x in &mut outputs {
            for value in &mut x[channel * area..(channel + 1) * area] {
                *value = (*value - mean) / (variance + 1e-5).sqrt() * weight[channel] + bias[channel];
            }
        }
    }
    outputs
}

fn avg_pool_layer(input: Image, pool: PoolSpec) -> (Layer, Shape) {
    (Layer::AvgPool { input, pool }, input.pooled(&pool).shape())
}

/// Padding counts as zeros.
fn avg_pool(x: &[f64], input: Image, pool: &PoolSpec) -> Vec<f64> {
    let area = (pool.size.0 * pool.size.1) as f64;
    windows(x, input, pool)
        .map(|window| window.map(|(_, x)| x).sum::<f64>() / area)
        .collect()
}

fn upsample(x: &[f64], input: Image, factor: usize) -> Vec<f64> {
    let output = Image {
        height: factor * input.height,
        width: factor * input.width,
        ..input
    };
    let source = |(channel, y, x_out): (usize, usize, usize)| x[input.at(channel, y / factor, x_out / factor)];
    output.positions().map(source).collect()
}

fn layer_norm(x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / count;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    let affine = weight.iter().zip(bias);
    x.iter()
        .zip(affine)
        .map(|(x, (weight, bias))| (x - mean) / (variance + 1e-5).sqrt() * weight + bias)
        .collect()
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2))
}

/// `softmax(logits)`.
#[must_use]
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    logits
        .iter()
        .map(|logit| 1.0 / logits.iter().map(|other| (other - logit).exp()).sum::<f64>())
        .collect()
}

/// `-ln softmax(logits)[target]`.
#[must_use]
pub fn cross_entropy(logits: &[f64], target: usize) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    sum.ln() + (largest - logits[target])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::{Tolerance, assert_close};

    const EXACT: Tolerance = Tolerance {
        absolute: 1e-15,
        relative: 1e-14,
    };

    /// A row-major matrix.
    fn rows(rows: usize, cols: usize) -> Layout {
        Layout {
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
        }
    }

    #[test]
    fn gemm_by_hand() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, -1.0, 1.0, 2.0, 1.0];
        let product = gemm(
            2.0,
            (&a, rows(2, 3)),
            (&b, rows(3, 2)),
            -1.0,
            (&[1.0, 2.0, 3.0, 4.0], rows(2, 2)),
        );
        assert_eq!(product.values, [9.0, 8.0, 19.0, 18.0]);
        assert!(product.rounding.iter().all(|rounding| (1e-6..1e-4).contains(rounding)));
    }

    #[test]
    fn gemm_keeps_values_between_strided_elements() {
        let b = Layout {
            rows: 1,
            cols: 3,
            row_stride: 0,
            col_stride: 2,
        };
        let c = Layout {
            rows: 2,
            cols: 3,
            row_stride: 1,
            col_stride: 3,
        };
        let product = gemm(
            1.0,
            (&[1.0, 2.0], rows(2, 1)),
            (&[3.0, 9.0, 4.0, 9.0, 5.0], b),
            0.0,
            (&[-1.0; 8], c),
        );
        assert_eq!(product.values, [3.0, 6.0, -1.0, 4.0, 8.0, -1.0, 5.0, 10.0]);
        assert_eq!((product.rounding[2], product.rounding[5]), (0.0, 0.0));
        assert_eq!((c.span(), b.span(), rows(0, 3).span()), (8, 5, 0));
    }

    #[test]
    fn gemm_ignores_c_if_beta_is_0_and_otherwise_propagates_nan() {
        let (a, nan) = ([0.0], [f32::NAN]);
        let one = rows(1, 1);
        assert_eq!(gemm(1.0, (&a, one), (&a, one), 0.0, (&nan, one)).values, [0.0]);
        assert!(gemm(1.0, (&a, one), (&a, one), 1.0, (&nan, one)).values[0].is_nan());
        assert!(gemm(0.0, (&nan, one), (&a, one), 1.0, (&a, one)).values[0].is_nan());
    }

    fn tensor(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
        Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values: values.to_vec(),
        }
    }

    #[test]
    fn network_by_hand() {
        let spec: NetworkSpec = "1x2x1 | dense 2 | relu | dense 2".parse().unwrap();
        let tensors = [
            tensor("1.weight", &[2, 2], &[1.0, -2.0, 3.0, 4.0]),
            tensor("1.bias", &[2], &[0.5, -1.0]),
            tensor("3.weight", &[2, 2], &[1.0, 1.0, -1.0, 2.0]),
            tensor("3.bias", &[2], &[0.0, 0.25]),
        ];
        let network = NaiveNetwork::new(&spec, &tensors);
        // Hidden: (1 - 4 + 0.5, 3 + 8 - 1) = (-2.5, 10) and (-1 + 0.5, -3 - 1) = (-0.5, -4).
        let (loss, pass) = network.loss(&[1.0, 2.0, -1.0, 0.0], &[1, 0]);
        assert_eq!(pass.logits, [10.0, 20.25, 0.0, 0.25]);
        assert_eq!(pass.branches, [0, 1, 0, 0]);
        let by_hand = ((1.0 + (-10.25f64).exp()).ln() + (1.0 + 0.25f64.exp()).ln()) / 2.0;
        assert_close("loss", &[loss], &[by_hand], EXACT);
    }

    /// The pass of a network whose only layer with parameters is layer 0.
    fn logits(text: &str, weight: (&[usize], &[f32]), bias: &[f32], image: &[f32]) -> Pass {
        let mut tensors = vec![tensor("0.weight", weight.0, weight.1)];
        if !bias.is_empty() {
            tensors.push(tensor("0.bias", &[bias.len()], bias));
        }
        NaiveNetwork::new(&text.parse().unwrap(), &tensors).forward(image)
    }

    #[test]
    fn convolutions_by_hand() {
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        // Two rows of three pixels; a kernel of one row and two columns.
        let weight = (&[1, 1, 1, 2][..], &[1.0, 10.0][..]);
        let plain = logits("2x3x1 | conv 1 1x2 | flatten", weight, &[0.5], &image);
        assert_eq!(plain.logits, [21.5, 32.5, 54.5, 65.5]);
        let same = logits("2x3x1 | conv 1 1x2 pad same nobias | flatten", weight, &[], &image);
        assert_eq!(same.logits, [21.0, 32.0, 3.0, 54.0, 65.0, 6.0]);
        let padded = logits(
            "2x3x1 | conv 1 1x2 stride 2 pad 1 nobias | flatten",
            weight,
            &[],
            &image,
        );
        assert_eq!(padded.logits, [0.0, 0.0, 40.0, 65.0]);
        // Two channels of one row of two pixels, into two channels.
        let weight = (&[2, 2, 1, 1][..], &[1.0, 10.0, 0.0, -1.0][..]);
        let channels = logits("1x2x2 | conv 2 1x1 | flatten", weight, &[0.0, 0.25], &image[..4]);
        assert_eq!(channels.logits, [31.0, 42.0, -2.75, -3.75]);
    }

    #[test]
    fn dilation_groups_and_oblong_steps_by_hand() {
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let weight = (&[1, 1, 1, 2][..], &[1.0, 10.0][..]);
        let dilated = logits("2x3x1 | conv 1 1x2 dilation 1x2 nobias | flatten", weight, &[], &image);
        assert_eq!(dilated.logits, [31.0, 64.0]);
        let same = logits(
            "2x3x1 | conv 1 1x2 pad same dilation 2 nobias | flatten",
            weight,
            &[],
            &image,
        );
        assert_eq!(same.logits, [20.0, 31.0, 2.0, 50.0, 64.0, 5.0]);
        let oblong = logits(
            "2x3x1 | conv 1 1x2 stride 2x1 pad 0x1 nobias | flatten",
            weight,
            &[],
            &image,
        );
        assert_eq!(oblong.logits, [10.0, 21.0, 32.0, 3.0]);
        // Two channels of three pixels, each its own group with two outputs.
        let weight = (&[4, 1, 1, 1][..], &[1.0, 10.0, 2.0, 20.0][..]);
        let grouped = logits("1x3x2 | conv 4 1x1 groups 2 nobias | flatten", weight, &[], &image);
        assert_eq!(
            grouped.logits,
            [1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 8.0, 10.0, 12.0, 80.0, 100.0, 120.0]
        );
    }

    #[test]
    fn upsampling_layer_normalization_and_new_activations_by_hand() {
        let image = [1.0, 2.0, 3.0, 4.0];
        let by_hand = |text: &str| NaiveNetwork::new(&text.parse().unwrap(), &[]).forward(&image).logits;
        assert_eq!(
            by_hand("1x2x2 | upsample 2 | flatten"),
            [
                1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 4.0
            ]
        );
        assert_eq!(by_hand("4 | reshape 1x2x2 | globalavgpool | flatten"), [1.5, 3.5]);
        let tensors = [
            tensor("0.weight", &[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]),
            tensor("0.bias", &[2, 1, 2], &[0.0, 0.0, 0.5, 0.0]),
        ];
        let network = NaiveNetwork::new(&"1x2x2 | layernorm | flatten".parse().unwrap(), &tensors);
        let deviation = (1.25f64 + 1e-5).sqrt();
        let expected = [-1.5, -0.5 * 2.0, 0.5 * 3.0, 1.5 * 4.0].map(|y| y / deviation);
        let expected = [expected[0], expected[1], expected[2] + 0.5, expected[3]];
        assert_close("layernorm", &network.forward(&image).logits, &expected, EXACT);
        let values = [-1.0, 0.0, 1.0];
        let at = |text: &str| NaiveNetwork::new(&text.parse().unwrap(), &[]).forward(&values).logits;
        let e = std::f64::consts::E;
        assert_close("elu", &at("3 | elu"), &[1.0 / e - 1.0, 0.0, 1.0], EXACT);
        assert_close("silu", &at("3 | silu"), &[-1.0 / (1.0 + e), 0.0, e / (1.0 + e)], EXACT);
        let softplus = [(1.0 + 1.0 / e).ln(), 2f64.ln(), (1.0 + e).ln()];
        assert_close("softplus", &at("3 | softplus"), &softplus, EXACT);
    }

    #[test]
    fn average_pooling_and_activations_by_hand() {
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0];
        let logits = |text: &str| NaiveNetwork::new(&text.parse().unwrap(), &[]).forward(&image).logits;
        assert_eq!(logits("2x3x1 | avgpool 2 stride 1 | flatten"), [3.0, 4.75]);
        assert_eq!(logits("2x3x1 | avgpool 2x1 stride 1x2 | flatten"), [2.5, 6.0]);
        assert_eq!(logits("2x3x1 | avgpool 2x3 pad 1 | flatten"), [0.5, 1.5]);
        assert_eq!(logits("1x3x2 | globalavgpool | flatten"), [2.0, 6.0]);
        assert_eq!(logits("6 | leakyrelu 0.5"), image.map(f64::from));
        let values = [-1.0, 0.0, 1.0];
        let at = |text: &str| NaiveNetwork::new(&text.parse().unwrap(), &[]).forward(&values).logits;
        assert_eq!(at("3 | leakyrelu 0.5"), [-0.5, 0.0, 1.0]);
        assert_eq!(at("3 | sigmoid")[1], 0.5);
        assert_eq!(at("3 | tanh")[1], 0.0);
        // Φ(1) and 1 - Φ(1), from a table of the normal distribution.
        assert!((at("3 | gelu")[2] - 0.841_344_746_068_543).abs() < 1e-12);
        assert!((at("3 | gelu")[0] + 0.158_655_253_931_457).abs() < 1e-12);
    }

    #[test]
    fn batch_normalization_by_hand() {
        let tensors = |channels: usize| {
            [
                ("weight", 2.0),
                ("bias", 0.5),
                ("running_mean", 1.0),
                ("running_var", 9.0),
            ]
            .map(|(name, value)| {
                let values: Vec<f32> = (0..channels).map(|channel| value + channel as f32).collect();
                tensor(&format!("0.{name}"), &[channels], &values)
            })
        };
        let network = |text: &str, channels| NaiveNetwork::new(&text.parse().unwrap(), &tensors(channels));
        let root = |variance: f64| (variance + 1e-5).sqrt();
        // Two samples of two features; each feature has its own mean and variance.
        let features = network("2 | batchnorm", 2);
        let samples = [1.0, 10.0, 3.0, 40.0];
        let expected = [
            (0.0, 9.0, 2.0, 0.5),
            (8.0, 10.0, 3.0, 1.5),
            (2.0, 9.0, 2.0, 0.5),
            (38.0, 10.0, 3.0, 1.5),
        ];
        let by_running = expected.map(|(apart, variance, weight, bias)| apart / root(variance) * weight + bias);
        assert_close("running", &features.forward(&samples).logits, &by_running, EXACT);
        let by_batch = [
            0.5 - 2.0 / root(1.0),
            1.5 - 15.0 / root(225.0) * 3.0,
            0.5 + 2.0 / root(1.0),
            1.5 + 15.0 / root(225.0) * 3.0,
        ];
        assert_close("batch", &features.loss(&samples, &[0, 0]).1.logits, &by_batch, EXACT);
        // One channel of two pixels: all four values together have mean 4 and variance 5.
        let image = network("1x2x1 | batchnorm | flatten", 1);
        let logits = image.loss(&[1.0, 3.0, 5.0, 7.0], &[0, 0]).1.logits;
        let by_batch = [-3.0, -1.0, 1.0, 3.0].map(|apart| apart / root(5.0) * 2.0 + 0.5);
        assert_close("image", &logits, &by_batch, EXACT);
    }

    #[test]
    fn max_pooling_by_hand() {
        let image = [1.0, 2.0, 9.0, 4.0, 5.0, 3.0, 7.0, 8.0, 6.0, -1.0, -2.0, -3.0];
        let pool = |text: &str| NaiveNetwork::new(&text.parse().unwrap(), &[]).forward(&image);
        let pass = pool("4x3x1 | maxpool 2 | flatten");
        assert_eq!((pass.logits, pass.branches), (vec![5.0, 8.0], vec![3, 1]));
        let pass = pool("4x3x1 | maxpool 2 stride 1 | flatten");
        assert_eq!(pass.logits, [5.0, 9.0, 8.0, 8.0, 8.0, 8.0]);
        let pass = pool("4x3x1 | maxpool 1x3 stride 3x1 pad 0x1 | flatten");
        assert_eq!(
            (pass.logits, pass.branches),
            (vec![2.0, 9.0, 9.0, -1.0, -1.0, -2.0], vec![2, 2, 1, 1, 0, 0])
        );
        let pass = pool("2x3x2 | maxpool 2 | flatten");
        assert_eq!(pass.logits, [5.0, 8.0], "one window for each channel");
    }

    #[test]
    fn softmax_and_cross_entropy_by_hand() {
        assert_close("softmax", &softmax(&[0.0, 3f64.ln()]), &[0.25, 0.75], EXACT);
        assert_close("extremes", &softmax(&[1e4, -1e4]), &[1.0, 0.0], EXACT);
        assert_close("loss", &[cross_entropy(&[0.0, 3f64.ln()], 0)], &[4f64.ln()], EXACT);
        assert_close("extreme loss", &[cross_entropy(&[1e4, -1e4], 1)], &[2e4], EXACT);
    }
}
