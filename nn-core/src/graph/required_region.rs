//! Which part of each layer's output anything reads: the rest need not be computed.
//!
//! Windows that do not fit leave rows and columns over at the lower and right edge: 2×2 pooling of 11×11 values reads
//! 10×10 of them, so the convolution before it need not make the others, nor the layers before that what only those
//! would have read. Logits and gradients are the same.

use crate::{
    shape::Shape,
    spec::{ConvSpec, LayerSpec},
};

/// The shapes of a network's input and of its layers' outputs, without what nothing reads.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) input: Shape,
    pub(crate) outputs: Vec<Shape>,
}

impl Live {
    /// `joint` tells that batch normalisations look at all of their input, as in training.
    ///
    /// # Panics
    /// If the layers do not fit each other; who reads the text form has checked them.
    pub(crate) fn of<'a>(
        input: Shape,
        layers: impl DoubleEndedIterator<Item = &'a LayerSpec> + Clone,
        joint: bool,
    ) -> Self {
        let mut shape = input;
        let mut inputs = Vec::new();
        for (index, layer) in layers.clone().enumerate() {
            inputs.push(shape);
            shape = layer.output(index, shape).expect("the text form was checked");
        }
        let mut outputs = Vec::new();
        for (layer, input) in layers.rev().zip(inputs.into_iter().rev()) {
            if joint && *layer == LayerSpec::BatchNorm {
                shape = input;
            }
            outputs.push(shape);
            shape = read(layer, input, shape);
        }
        outputs.reverse();
        Self { input: shape, outputs }
    }
}

/// What a layer reads of `input` to make `output`, which begins where its whole output would.
fn read(layer: &LayerSpec, input: Shape, output: Shape) -> Shape {
    let (channels, height, width) = match (layer, input) {
        (
            layer,
            Shape::Image {
                channels,
                height,
                width,
            },
        ) if layer.has_windows() => (channels, height, width),
        // Value by value, from the same place.
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
    let axis = |windows: usize, size: usize, stride: usize, before: usize, len: usize| {
        ((windows - 1) * stride + size).saturating_sub(before).clamp(1, len)
    };
    match layer {
        LayerSpec::Conv(conv) => {
            let ConvSpec { kernel, stride, .. } = *conv;
            let (top, left) = (conv.pads(kernel.0).0, conv.pads(kernel.1).0);
            let height = axis(rows, kernel.0, stride, top, height);
            Shape::image(channels, height, axis(cols, kernel.1, stride, left, width))
        }
        LayerSpec::MaxPool { size, stride } | LayerSpec::AvgPool { size, stride } => {
            let height = axis(rows, *size, *stride, 0, height);
            Shape::image(channels, height, axis(cols, *size, *stride, 0, width))
        }
        _ => input,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkSpec;

    fn live(text: &str, joint: bool) -> (String, Vec<String>) {
        let spec: NetworkSpec = text.parse().unwrap();
        let live = Live::of(spec.input(), spec.layers().iter(), joint);
        let outputs = live.outputs.iter().map(ToString::to_string).collect();
        (live.input.to_string(), outputs)
    }

    #[test]
    fn what_pooling_leaves_over_is_not_made() {
        // Of 9×10 sums, 8×10 are pooled to 4×5; 2×2 windows of those make 3×4, of which 2×4 are pooled to 1×2.
        let (input, outputs) = live(
            "11x12x1 | conv 4 3x3 | relu | maxpool 2 | conv 2 2x2 | maxpool 2 | dense 3",
            true,
        );
        assert_eq!(input, "8x12x1");
        assert_eq!(outputs, ["6x10x4", "6x10x4", "3x5x4", "2x4x2", "1x2x2", "4", "3"]);
    }

    #[test]
    fn all_is_made_where_all_is_read() {
        for text in [
            "8x8x1 | conv 4 3x3 | maxpool 2 | dense 3",
            "9x9x2 | conv 4 3x3 pad same | globalavgpool | flatten",
        ] {
            let spec: NetworkSpec = text.parse().unwrap();
            let live = Live::of(spec.input(), spec.layers().iter(), true);
            let mut shape = spec.input();
            assert_eq!(live.input, shape);
            for (index, layer) in spec.layers().iter().enumerate() {
                shape = layer.output(index, shape).unwrap();
                assert_eq!(live.outputs[index], shape, "{text}");
            }
        }
    }

    #[test]
    fn padding_is_no_part_of_the_input() {
        // 5×5 windows at every second pixel of 9×9 with two zeros around make 5×5 sums, of which 4×4 are pooled.
        let (input, outputs) = live("9x9x1 | conv 3 5x5 stride 2 pad 2 | maxpool 2 | dense 2", false);
        assert_eq!((input.as_str(), outputs[0].as_str()), ("9x9x1", "4x4x3"));
        let (input, outputs) = live("8x8x1 | conv 3 1x1 stride 2 pad 3 | maxpool 6 | dense 2", false);
        assert_eq!((input.as_str(), outputs[0].as_str()), ("8x8x1", "6x6x3"));
    }

    #[test]
    fn a_normalisation_in_training_sees_all_of_its_input() {
        let text = "9x9x1 | conv 3 2x2 | batchnorm | relu | conv 3 2x2 | maxpool 2 | maxpool 2 | dense 2";
        assert_eq!(live(text, true).1[..4], ["8x8x3", "8x8x3", "5x5x3", "4x4x3"]);
        assert_eq!(live(text, false).1[..4], ["5x5x3", "5x5x3", "5x5x3", "4x4x3"]);
    }
}
