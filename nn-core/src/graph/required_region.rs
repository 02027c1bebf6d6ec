//! The required region of each layer's output: the part that later layers read. The rest is not computed.
//!
//! No window reads the rows and columns that remain at the lower and right edge: 2×2 pooling of an 11×11 image reads
//! 10×10 values, so the convolution before it skips the others, and the layers before that skip what only those would
//! have read. Outputs and gradients stay the same.

use crate::{
    shape::Shape,
    spec::{LayerSpec, chain_shapes},
};

/// The required parts of a chain's input and of its layers' outputs: images are cropped at the lower and right edge.
#[derive(Debug)]
pub(super) struct RequiredRegion {
    pub(super) input: Shape,
    pub(super) outputs: Vec<Shape>,
}

impl RequiredRegion {
    /// In training, batch normalizations read all of their input; layer normalizations always do, and have a weight for
    /// each value of their output. Layers with branches read and give whole images, since the branches may need different
    /// parts.
    ///
    /// # Panics
    /// If the layers do not fit each other; a [`NetworkSpec`](crate::NetworkSpec) has been checked.
    pub(super) fn of(input: Shape, layers: &[LayerSpec], training: bool) -> Self {
        let shapes: Vec<Shape> = std::iter::once(input).chain(chain_shapes(input, layers)).collect();
        let mut shape = shapes[layers.len()];
        let mut outputs = Vec::new();
        for (index, layer) in layers.iter().enumerate().rev() {
            let is_whole = !layer.branches().is_empty() || matches!(layer, LayerSpec::LayerNorm | LayerSpec::Custom(_));
            if is_whole || (training && *layer == LayerSpec::BatchNorm) {
                shape = shapes[index + 1];
            }
            outputs.push(shape);
            shape = input_region(layer, shapes[index], shape);
        }
        outputs.reverse();
        Self { input: shape, outputs }
    }

    /// The whole of the input and of all outputs.
    pub(super) fn whole(input: Shape, layers: &[LayerSpec]) -> Self {
        Self {
            input,
            outputs: chain_shapes(input, layers),
        }
    }
}

/// The part of `input` that a layer reads to compute the part `output` of its output.
fn input_region(layer: &LayerSpec, input: Shape, output: Shape) -> Shape {
    let (channels, height, width) = match (layer, input) {
        (
            layer,
            Shape::Image {
                channels,
                height,
                width,
            },
        ) if layer.has_windows() => (channels, height, width),
        // Each value is computed from the one in its place.
        (layer, _) if layer.is_elementwise() => return output,
        _ => return input,
    };
    let Shape::Image {
        height: rows,
        width: cols,
        ..
    } = output
    else {
        return input;
    };
    let (window, stride, before) = match layer {
        LayerSpec::Conv(conv) => {
            let ((top, _), (left, _)) = conv.pads();
            (conv.window(), conv.stride, (top, left))
        }
        LayerSpec::MaxPool(pool) | LayerSpec::AvgPool(pool) => (pool.size, pool.stride, pool.padding),
        LayerSpec::Upsample { factor } => {
            return Shape::image(channels, rows.div_ceil(*factor), cols.div_ceil(*factor));
        }
        _ => return input,
    };
    let axis = |windows: usize, size: usize, stride: usize, before: usize, len: usize| {
        ((windows - 1) * stride + size).saturating_sub(before).clamp(1, len)
    };
    Shape::image(
        channels,
        axis(rows, window.0, stride.0, before.0, height),
        axis(cols, window.1, stride.1, before.1, width),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkSpec;

    fn region(text: &str, training: bool) -> (String, Vec<String>) {
        let spec: NetworkSpec = text.parse().unwrap();
        let region = RequiredRegion::of(spec.input(), spec.layers(), training);
        let outputs = region.outputs.iter().map(ToString::to_string).collect();
        (region.input.to_string(), outputs)
    }

    #[test]
    fn values_that_pooling_skips_are_not_required() {
        // Of 9×10 sums, 8×10 are pooled to 4×5; 2×2 windows of those make 3×4, of which 2×4 are pooled to 1×2.
        let (input, outputs) = region(
            "11x12x1 | conv 4 3x3 | relu | maxpool 2 | conv 2 2x2 | maxpool 2 | dense 3",
            true,
        );
        assert_eq!(input, "8x12x1");
        assert_eq!(outputs, ["6x10x4", "6x10x4", "3x5x4", "2x4x2", "1x2x2", "4", "3"]);
    }

    #[test]
    fn everything_is_required_where_windows_fit() {
        for text in [
            "8x8x1 | conv 4 3x3 | maxpool 2 | dense 3",
            "9x9x2 | conv 4 3x3 pad same | globalavgpool | flatten",
        ] {
            let spec: NetworkSpec = text.parse().unwrap();
            let region = RequiredRegion::of(spec.input(), spec.layers(), true);
            let mut shape = spec.input();
            assert_eq!(region.input, shape);
            for (index, layer) in spec.layers().iter().enumerate() {
                shape = layer.output(shape).unwrap();
                assert_eq!(region.outputs[index], shape, "{text}");
            }
        }
    }

    #[test]
    fn padding_does_not_count_as_input() {
        // 5×5 windows at every second pixel of 9×9 with two zeros around make 5×5 sums, of which 4×4 are pooled.
        let (input, outputs) = region("9x9x1 | conv 3 5x5 stride 2 pad 2 | maxpool 2 | dense 2", false);
        assert_eq!((input.as_str(), outputs[0].as_str()), ("9x9x1", "4x4x3"));
        let (input, outputs) = region("8x8x1 | conv 3 1x1 stride 2 pad 3 | maxpool 6 | dense 2", false);
        assert_eq!((input.as_str(), outputs[0].as_str()), ("8x8x1", "6x6x3"));
    }

    #[test]
    fn branches_require_whole_images() {
        let text = "9x9x1 | conv 3 2x2 | add(; conv 3 3x3 pad same) | maxpool 3 | conv 3 2x2";
        let (input, outputs) = region(text, true);
        assert_eq!(input, "9x9x1");
        assert_eq!(outputs, ["8x8x3", "8x8x3", "2x2x3", "1x1x3"]);
    }

    #[test]
    fn windows_with_padding_or_dilation_and_upsampling_require_what_they_read() {
        for (text, wanted) in [
            ("11x12x1 | maxpool 3 stride 2 pad 1x0 | maxpool 4x2 | dense 2", "8x9x1"),
            (
                "9x9x1 | conv 2 2x2 stride 2x1 dilation 3x2 | maxpool 2x4 | dense 2",
                "6x6x1",
            ),
            ("3x5x2 | upsample 3 | maxpool 4 | dense 2", "3x4x2"),
        ] {
            assert_eq!(region(text, true).0, wanted, "{text}");
        }
    }

    #[test]
    fn layer_norm_requires_all_of_its_input_and_gives_all_of_its_output() {
        let text = "5x5x2 | conv 3 2x2 | layernorm | maxpool 3 | dense 2";
        for training in [true, false] {
            assert_eq!(region(text, training).1[..3], ["4x4x3", "4x4x3", "1x1x3"]);
        }
    }

    #[test]
    fn batch_norm_requires_all_of_its_input_in_training() {
        let text = "9x9x1 | conv 3 2x2 | batchnorm | relu | conv 3 2x2 | maxpool 2 | maxpool 2 | dense 2";
        assert_eq!(region(text, true).1[..4], ["8x8x3", "8x8x3", "5x5x3", "4x4x3"]);
        assert_eq!(region(text, false).1[..4], ["5x5x3", "5x5x3", "5x5x3", "4x4x3"]);
    }
}
