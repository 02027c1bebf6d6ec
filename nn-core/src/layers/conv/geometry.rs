//! Geometry of a convolution: shapes, padding, and where weights and their gradients lie.

use crate::{
    gemm::NR,
    layers::{PoolGeometry, ShardSums},
    shape::HwcShape,
    spec::ConvSpec,
};

/// Size, stride and dilation of the filters. A convolution's kernel is called filter here, since `Kernel` is an instruction
/// set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    pub(super) height: usize,
    pub(super) width: usize,
    /// Input channels that a filter reads.
    pub(super) channels: usize,
    /// Vertical and horizontal step between windows.
    pub(super) stride: (usize, usize),
    /// Vertical and horizontal step between the pixels of a window.
    pub(super) dilation: (usize, usize),
}

/// The values of a window's row in memory: runs of contiguous values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    pub(super) count: usize,
    pub(super) len: usize,
    /// Distance from the start of one to that of the next.
    pub(super) stride: usize,
}

impl Filter {
    /// Positions of a filter: its height times its width.
    pub(super) fn area(&self) -> usize {
        self.height * self.width
    }

    /// The runs of a window's row in an image of `channels` channels.
    pub(super) fn runs(&self, channels: usize) -> Runs {
        let is_contiguous = self.dilation.1 == 1 && self.channels == channels;
        let (count, len) = if is_contiguous {
            (1, self.width * channels)
        } else {
            (self.width, self.channels)
        };
        Runs {
            count,
            len,
            stride: self.dilation.1 * channels,
        }
    }
}

/// The shapes of a convolution, and what is fused into it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) input: HwcShape,
    /// The input with its padding.
    pub(super) padded: HwcShape,
    /// Rows of padding above the input, and columns to its left.
    pub(super) pad: (usize, usize),
    pub(super) filter: Filter,
    /// Groups of channels that are convolved on their own.
    pub(super) groups: usize,
    /// The output before pooling.
    pub(super) output: HwcShape,
    pub(super) bias: bool,
    pub(super) relu: bool,
    pub(super) pool: Option<PoolGeometry>,
}

impl Geometry {
    pub(super) fn new(
        input: HwcShape,
        output: HwcShape,
        spec: &ConvSpec,
        relu: bool,
        pool: Option<PoolGeometry>,
    ) -> Self {
        let ((top, bottom), (left, right)) = spec.pads();
        let filter = Filter {
            height: spec.kernel.0,
            width: spec.kernel.1,
            channels: input.channels / spec.groups,
            stride: spec.stride,
            dilation: spec.dilation,
        };
        // Leaves out padding at the lower and right edges that no window reads.
        let padded = |len: usize, (before, after): (usize, usize), count: usize, stride: usize, window: usize| {
            let read = (count - 1) * stride + window;
            (before + len + after).min(read.max(before + len))
        };
        let (stride, window) = (spec.stride, spec.window());
        let height = padded(input.height, (top, bottom), output.height, stride.0, window.0);
        let width = padded(input.width, (left, right), output.width, stride.1, window.1);
        Self {
            input,
            padded: HwcShape::new(height, width, input.channels),
            pad: (top, left),
            filter,
            groups: spec.groups,
            output,
            bias: spec.bias,
            relu,
            pool,
        }
    }

    /// Weights of one filter: of one output channel.
    pub(super) fn filter_len(&self) -> usize {
        self.filter.area() * self.filter.channels
    }

    /// Output channels of a group.
    pub(super) fn group_outputs(&self) -> usize {
        self.output.channels / self.groups
    }

    /// Panels of [`NR`] output channels.
    pub(super) fn panels(&self) -> usize {
        self.output.channels.div_ceil(NR)
    }

    /// Length of the packed weights.
    pub(super) fn weight_len(&self) -> usize {
        self.panels() * self.filter_len() * NR
    }

    /// Splits the parameters into packed weights and bias.
    pub(super) fn weights_and_bias<'a>(&self, parameters: &'a [f32]) -> (&'a [f32], Option<&'a [f32]>) {
        let (weights, bias) = parameters.split_at(self.weight_len());
        (weights, self.bias.then(|| &bias[..self.output.channels]))
    }

    /// Gradient sums of the shard that sample `row` belongs to: `dweights`, `dbias` (also without a bias), and whether
    /// the sample is the shard's first. For the first one, `dbias` is zeroed and `dweights` has to be overwritten.
    pub(super) fn gradient_sums<'a>(
        &self,
        shard_sums: &'a mut ShardSums<'_>,
        row: usize,
    ) -> (&'a mut [f32], &'a mut [f32], bool) {
        let (gradient, is_first) = shard_sums.of_row(row);
        let (dweights, dbias) = gradient.split_at_mut(self.weight_len());
        let dbias = &mut dbias[..self.output.channels];
        if is_first {
            dbias.fill(0.0);
        }
        (dweights, dbias, is_first)
    }

    /// Length of the padded input; 0 without padding, where the input is read in place.
    pub(super) fn padded_len(&self) -> usize {
        if self.padded == self.input {
            0
        } else {
            self.padded.len()
        }
    }

    /// The sample with its padding, which is copied into `padded` if there is any.
    pub(super) fn pad_input<'a>(&self, x: &'a [f32], padded: &'a mut [f32]) -> &'a [f32] {
        if self.padded == self.input {
            return x;
        }
        place(x, self.input, padded, self.padded, self.pad);
        padded
    }

    /// Length of a group's packed weights with input and output channels transposed.
    pub(super) fn transposed_weight_len(&self) -> usize {
        self.filter.channels.div_ceil(NR) * self.filter.area() * self.group_outputs() * NR
    }

    /// Transposes input and output channels of a group's weights at some filter positions, in the given order: `[input
    /// channels / 16, positions, output channels, 16]`.
    pub(super) fn transpose_weights(
        &self,
        weights: &[f32],
        positions: impl ExactSizeIterator<Item = usize> + Clone,
        transposed: &mut [f32],
    ) {
        let (inputs, outputs) = (self.filter.channels, self.group_outputs());
        let rows = positions.len() * outputs;
        for first_output in (0..outputs).step_by(NR) {
            let weights = &weights[first_output * self.filter_len()..];
            for (index, position) in positions.clone().enumerate() {
                for first_input in (0..inputs).step_by(NR) {
                    let from = &weights[(position * inputs + first_input) * NR..];
                    let to = &mut transposed[(first_input / NR * rows + index * outputs + first_output) * NR..];
                    transpose_block(from, to, inputs - first_input, outputs - first_output);
                }
            }
        }
    }
}

/// Transposes a block of up to [`NR`] rows of up to `NR` values, both with rows of `NR` values.
fn transpose_block(from: &[f32], to: &mut [f32], rows: usize, cols: usize) {
    let (from, _) = from.as_chunks::<NR>();
    let (to, _) = to.as_chunks_mut::<NR>();
    for (row, from) in from.iter().take(rows.min(NR)).enumerate() {
        for (to, from) in to.iter_mut().zip(from).take(cols) {
            to[row] = *from;
        }
    }
}

/// Copies an image into a larger or smaller one, `top` rows and `left` columns in. The rest of `outer` keeps its
/// values; pixels that fall outside it are dropped.
pub(super) fn place(
    inner: &[f32],
    inner_shape: HwcShape,
    outer: &mut [f32],
    outer_shape: HwcShape,
    (top, left): (usize, usize),
) {
    let rows = inner
        .chunks_exact(inner_shape.row())
        .zip(outer.chunks_exact_mut(outer_shape.row()).skip(top));
    for (inner, outer) in rows {
        // The outer image may end before column `left`.
        let outer = outer.get_mut(left * outer_shape.channels..).unwrap_or_default();
        let len = inner.len().min(outer.len());
        outer[..len].copy_from_slice(&inner[..len]);
    }
}

/// Adjoint of [`place`]: copies the inner image out of the outer one, with zeros for pixels outside it.
pub(super) fn crop(
    outer: &[f32],
    outer_shape: HwcShape,
    (top, left): (usize, usize),
    inner: &mut [f32],
    inner_shape: HwcShape,
) {
    let mut rows = outer.chunks_exact(outer_shape.row()).skip(top);
    for inner in inner.chunks_exact_mut(inner_shape.row()) {
        let outer = rows.next().and_then(|row| row.get(left * outer_shape.channels..));
        let outer = outer.unwrap_or_default();
        let (inside, outside) = inner.split_at_mut(outer.len().min(inner.len()));
        inside.copy_from_slice(&outer[..inside.len()]);
        outside.fill(0.0);
    }
}

/// The greatest common divisor.
pub(super) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
