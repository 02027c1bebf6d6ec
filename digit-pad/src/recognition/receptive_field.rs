//! Receptive fields: the part of a network's input that a value of a layer depends on.

use std::collections::BTreeSet;

use nn_core::{ConvSpec, LayerSpec, NetworkSpec, Padding, PoolSpec, Shape};

use crate::geometry::PixelRect;

/// Rows and columns of an image; of a vector, only row 0 and column 0.
#[derive(Debug, Clone, Default, PartialEq)]
struct Region {
    rows: BTreeSet<usize>,
    columns: BTreeSet<usize>,
}

/// How the windows of a layer lie on its input, in one direction.
#[derive(Debug, Clone, Copy)]
struct Windows {
    size: usize,
    stride: usize,
    /// Pixels of padding before the first pixel.
    padding: usize,
    dilation: usize,
}

/// The smallest rectangle around the pixels of a network's input that the output of its first `layers` layers at (row,
/// column) depends on: the whole input as soon as one of them reads a whole sample, as dense layers do. `None` if the value
/// depends on no pixel, since its window holds nothing but padding.
///
/// Layers are followed from the last to the first: output pixel `i` of a layer reads the pixels `i·stride − padding +
/// k·dilation` of its input, `k` below the size of its kernel (Dumoulin and Visin, 2016, "A guide to convolution arithmetic
/// for deep learning").
///
/// ```
/// use digit_pad::recognition::receptive_field::receptive_field;
///
/// let network = "28x28x1 | conv 8 3x3 | maxpool 2 | dense 10".parse()?;
/// let field = receptive_field(&network, 2, (0, 5)).unwrap();
/// assert_eq!((field.left, field.top, field.width, field.height), (10, 0, 4, 4));
/// # Ok::<(), nn_core::Error>(())
/// ```
pub fn receptive_field(spec: &NetworkSpec, layers: usize, (row, column): (usize, usize)) -> Option<PixelRect> {
    let region = Region {
        rows: BTreeSet::from([row]),
        columns: BTreeSet::from([column]),
    };
    let read = read_by_chain(spec.input(), &spec.layers()[..layers], region);
    let (top, bottom) = (*read.rows.first()?, *read.rows.last()?);
    let (left, right) = (*read.columns.first()?, *read.columns.last()?);
    // A vector of pixels is an image whose rows follow each other.
    Some(match spec.input().as_image() {
        Some(_) => PixelRect {
            left,
            top,
            width: right - left + 1,
            height: bottom - top + 1,
        },
        None => {
            let side = spec.input().len().isqrt();
            PixelRect {
                left: 0,
                top: 0,
                width: side,
                height: side,
            }
        }
    })
}

impl Region {
    /// All values of a sample.
    fn whole(shape: Shape) -> Self {
        let (_, height, width) = shape.as_image().unwrap_or((1, 1, 1));
        Region {
            rows: (0..height).collect(),
            columns: (0..width).collect(),
        }
    }

    /// The region of an input that windows read, without padding; empty if they hold nothing else.
    fn through(&self, rows: Windows, columns: Windows, input: Shape) -> Self {
        let (_, height, width) = input.as_image().unwrap_or((1, 1, 1));
        let region = Region {
            rows: rows.read(&self.rows, height),
            columns: columns.read(&self.columns, width),
        };
        if region.rows.is_empty() || region.columns.is_empty() {
            return Region::default();
        }
        region
    }
}

impl Windows {
    /// The pixels among `length` that the outputs read.
    fn read(self, outputs: &BTreeSet<usize>, length: usize) -> BTreeSet<usize> {
        let window = |&output: &usize| (0..self.size).map(move |k| output * self.stride + k * self.dilation);
        let padded = outputs.iter().flat_map(window);
        padded
            .filter_map(|pixel| pixel.checked_sub(self.padding))
            .filter(|&pixel| pixel < length)
            .collect()
    }
}

/// What layers that follow each other read of their input.
fn read_by_chain(input: Shape, layers: &[LayerSpec], region: Region) -> Region {
    let inputs = std::iter::once(input).chain(chain_shapes(input, layers));
    let layers: Vec<_> = layers.iter().zip(inputs).collect();
    layers
        .into_iter()
        .rev()
        .fold(region, |region, (layer, input)| read_by(layer, input, region))
}

/// The output shapes of layers that follow each other, which are those of a checked network.
fn chain_shapes(input: Shape, layers: &[LayerSpec]) -> Vec<Shape> {
    if layers.is_empty() {
        return Vec::new();
    }
    let add = |builder: nn_core::NetworkSpecBuilder, layer: &LayerSpec| builder.layer(layer.clone());
    let chain = layers.iter().fold(NetworkSpec::builder(input), add).build();
    chain.map_or_else(|_| Vec::new(), |chain| chain.shapes())
}

/// What a layer reads of its input.
fn read_by(layer: &LayerSpec, input: Shape, region: Region) -> Region {
    match layer {
        _ if region.rows.is_empty() => region,
        LayerSpec::Conv(conv) => {
            let (rows, columns) = conv_windows(conv);
            region.through(rows, columns, input)
        }
        LayerSpec::MaxPool(pool) | LayerSpec::AvgPool(pool) => {
            let (rows, columns) = pool_windows(pool);
            region.through(rows, columns, input)
        }
        LayerSpec::Upsample { factor } => Region {
            rows: region.rows.iter().map(|row| row / factor).collect(),
            columns: region.columns.iter().map(|column| column / factor).collect(),
        },
        LayerSpec::Add { branches, .. } | LayerSpec::Concat { branches, .. } => {
            branches.iter().fold(Region::default(), |mut all, branch| {
                let read = read_by_chain(input, branch, region.clone());
                all.rows.extend(read.rows);
                all.columns.extend(read.columns);
                all
            })
        }
        LayerSpec::BatchNorm
        | LayerSpec::Dropout { .. }
        | LayerSpec::Relu
        | LayerSpec::LeakyRelu { .. }
        | LayerSpec::Elu
        | LayerSpec::Silu
        | LayerSpec::Softplus
        | LayerSpec::Tanh
        | LayerSpec::Sigmoid
        | LayerSpec::Gelu => region,
        // Dense layers, normalizations over a sample, layers of the user's own; and what moves values to other places.
        _ => Region::whole(input),
    }
}

/// The windows of a convolution: its rows, and its columns.
fn conv_windows(conv: &ConvSpec) -> (Windows, Windows) {
    let axis = |size: usize, stride: usize, padding: Option<usize>, dilation: usize| Windows {
        size,
        stride,
        padding: padding.unwrap_or((size - 1) * dilation / 2),
        dilation,
    };
    let padding = match conv.padding {
        Padding::Pixels(rows, columns) => (Some(rows), Some(columns)),
        // As many as keep the size, of which an odd one goes to the end.
        _ => (None, None),
    };
    (
        axis(conv.kernel.0, conv.stride.0, padding.0, conv.dilation.0),
        axis(conv.kernel.1, conv.stride.1, padding.1, conv.dilation.1),
    )
}

/// The windows of a pooling layer: their rows, and their columns.
fn pool_windows(pool: &PoolSpec) -> (Windows, Windows) {
    let axis = |size: usize, stride: usize, padding: usize| Windows {
        size,
        stride,
        padding,
        dilation: 1,
    };
    (
        axis(pool.size.0, pool.stride.0, pool.padding.0),
        axis(pool.size.1, pool.stride.1, pool.padding.1),
    )
}

#[cfg(test)]
mod tests {
    use nn_core::Network;

    use super::*;

    /// The rectangle around the input pixels that change the sum of an output pixel's channels, found by changing each.
    fn measured(spec: &NetworkSpec, (row, column): (usize, usize)) -> Option<PixelRect> {
        let network = Network::new(spec.clone(), 3).unwrap();
        let (_, height, width) = spec.input().as_image().unwrap();
        let (channels, rows, columns) = spec.output().as_image().unwrap_or((spec.outputs(), 1, 1));
        let start: Vec<f32> = (0..height * width).map(|i| (i * 29 % 17) as f32 / 17.0).collect();
        let outputs = |input: &[f32]| -> Vec<f32> {
            let all = network.predict(input).unwrap();
            (0..channels)
                .map(|channel| all[(channel * rows + row) * columns + column])
                .collect()
        };
        let before = outputs(&start);
        let changes = |pixel: &usize| {
            [-50.0, 50.0].iter().any(|change| {
                let mut input = start.clone();
                input[*pixel] += change;
                outputs(&input).iter().zip(&before).any(|(a, b)| (a - b).abs() > 1e-5)
            })
        };
        let pixels: Vec<usize> = (0..height * width).filter(changes).collect();
        let (ys, xs) = (|| pixels.iter().map(|i| i / width), || pixels.iter().map(|i| i % width));
        let (left, top) = (xs().min()?, ys().min()?);
        Some(PixelRect {
            left,
            top,
            width: xs().max()? - left + 1,
            height: ys().max()? - top + 1,
        })
    }

    #[test]
    fn fields_are_those_that_changes_of_the_input_find() {
        for text in [
            "9x9x1 | conv 6 3x3",
            "9x9x1 | conv 6 3x2 stride 2x1 pad 1x0",
            "9x9x1 | conv 6 2x2 pad same | conv 6 4x4 pad same",
            "11x11x1 | conv 6 3x3 pad 2 dilation 3 | leakyrelu 0.1",
            "11x11x1 | conv 6 3x3 pad same dilation 2",
            "11x9x1 | conv 6 3x3 stride 2 | avgpool 2 stride 1 pad 1",
            "12x12x1 | conv 6 3x3 | maxpool 3 stride 2 pad 1",
            "8x8x1 | conv 6 3x3 pad 4",
            "6x6x1 | avgpool 2 | upsample 3 | conv 4 2x2",
            "9x9x1 | add(conv 1 3x3 pad same; conv 1 1x5 pad 0x2 | tanh)",
            "9x9x1 | concat(; conv 3 3x3 pad same | conv 2 3x3 pad same) | avgpool 2",
            "7x7x1 | conv 5 3x3 | globalavgpool",
            "7x7x1 | conv 2 3x3 | layernorm",
            "6x8x1 | conv 4 3x3 | dense 12 | reshape 2x2x3 | conv 2 1x1",
            "6x6x1 | dense 3",
        ] {
            let spec: NetworkSpec = text.parse().unwrap();
            let (_, rows, columns) = spec.output().as_image().unwrap_or((1, 1, 1));
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let field = receptive_field(&spec, spec.layers().len(), (row, column));
                assert_eq!(field, measured(&spec, (row, column)), "{text} at ({row}, {column})");
            }
        }
    }

    #[test]
    fn windows_of_padding_read_nothing() {
        let spec: NetworkSpec = "8x8x1 | conv 6 3x3 pad 4".parse().unwrap();
        assert_eq!(receptive_field(&spec, 1, (0, 0)), None);
        assert!(receptive_field(&spec, 1, (4, 4)).is_some());
    }

    #[test]
    fn networks_of_vectors_read_everything() {
        let spec: NetworkSpec = "784 | dense 5 | relu | dense 10".parse().unwrap();
        for layers in 1..=3 {
            let field = receptive_field(&spec, layers, (0, 0)).unwrap();
            assert_eq!((field.left, field.top, field.width, field.height), (0, 0, 28, 28));
        }
    }
}
