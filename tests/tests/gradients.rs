//! Gradients of networks and of the loss against central differences in f64, on each kernel.

use nn_core::{
    NetworkSpec, gradients, input_gradient,
    loss::{self, CrossEntropy},
};
use proptest::{prelude::*, test_runner::RngSeed};
use tests::{
    close::{Tolerance, assert_close},
    data::{batch, blank, network, on_kernels, targets, trained, values},
    gradcheck::{Reference, assert_gradients},
    naive::{self, NaiveNetwork},
};

/// Each layer alone and next to others, at widths around the panel size of 16 and the block size of 1,024.
const NETWORKS: &[&str] = &[
    // Dense layers.
    "1 | dense 2",
    "3 | dense 4",
    "15 | dense 16",
    "16 | dense 15",
    "17 | dense 33",
    "33 | dense 17",
    "4 | dense 6 | dense 3",
    "1023 | dense 2",
    "1024 | dense 17",
    "1025 | dense 3",
    // Dense and ReLU.
    "1 | dense 1 | relu | dense 2",
    "5 | dense 15 | relu | dense 3",
    "16 | dense 16 | relu | dense 16",
    "17 | dense 33 | relu | dense 15 | relu | dense 17",
    "1025 | dense 17 | relu | dense 3",
    "2050 | dense 33 | relu | dense 2",
    "3 | dense 1030 | relu | dense 3",
    "6 | dense 270 | relu | dense 30 | relu | dense 4",
    // ReLU that is not fused into a dense layer.
    "4 | relu | dense 3",
    "17 | relu | relu | dense 3",
    "6 | dense 5 | relu | relu | dense 4",
    "5 | dense 17 | flatten | relu | dense 3",
    "3 | dense 5 | relu",
    "3 | dense 5 | relu | relu",
    // Images.
    "2x3x3 | dense 5",
    "3x2x3 | dense 17 | relu | dense 4",
    "4x1x2 | relu | flatten | relu | dense 3",
    "1x1x1 | flatten | dense 3",
    // Convolutions: kernel, stride, padding, oblong images and kernels, channels around the panel size of 16.
    "5x5x1 | conv 2 3x3 | flatten",
    "4x6x3 | conv 5 3x2 | flatten",
    "6x4x2 | conv 3 2x3 nobias | flatten",
    "1x7x1 | conv 2 1x3 | flatten",
    "7x1x2 | conv 2 4x1 | flatten",
    "3x3x3 | conv 17 1x1 | flatten | dense 3",
    "2x3x2 | conv 4 2x3 | flatten",
    "6x7x1 | conv 3 3x3 stride 2 | dense 3",
    "7x6x2 | conv 3 2x3 stride 3 nobias | dense 3",
    "5x8x2 | conv 2 1x2 stride 4 | dense 3",
    "5x4x2 | conv 3 3x3 pad 1 | dense 3",
    "4x5x1 | conv 2 3x2 pad 4 | dense 3",
    "4x5x2 | conv 3 2x2 stride 2 pad 1 | dense 3",
    "5x6x1 | conv 2 4x3 pad same | dense 3",
    "3x4x2 | conv 2 5x2 pad same nobias | dense 3",
    "4x4x16 | conv 16 3x3 | dense 2",
    "3x4x17 | conv 33 2x2 | relu | dense 2",
    // Stacked convolutions, which need the gradient of their input.
    "6x6x1 | conv 3 3x3 | relu | conv 2 2x2 | relu | dense 3",
    "7x5x2 | conv 3 3x2 stride 2 pad 1 | relu | conv 17 2x2 pad 1 | relu | dense 3",
    "6x7x2 | conv 4 3x3 pad same | conv 3 2x4 stride 2 pad 3 nobias | relu | dense 3",
    "5x5x1 | conv 2 1x1 | relu | conv 3 1x1 stride 2 | conv 2 3x3 | dense 3",
    "4x4x1 | conv 2 2x2 pad 3 | conv 2 3x3 stride 3 pad 2 | dense 3",
    "4x5x3 | relu | conv 3 2x2 | relu | relu | conv 2 2x2 | dense 3",
    // Direct convolution in several passes: over rows of the kernel, over output channels.
    "3x3x43 | conv 2 3x3 pad 1 | relu | dense 2",
    "3x3x1 | conv 2 2x2 | relu | conv 43 3x3 pad 1 | relu | dense 2",
    "1x5x44 | conv 35 1x3 pad same | relu | dense 2",
    // Branches: the input itself, nested, of features and of images, around normalizations and poolings, with layers
    // fused in one branch and not in another, with cropped inputs; values with several consumers.
    "5 | add(dense 5) | dense 3",
    "5 | dense 17 | relu | add(; dense 17 | relu | dense 17) | relu | dense 3",
    "5 | concat(dense 3; ; dense 16 | tanh) | relu | dense 4",
    "5 | dense 4 | add(relu; tanh; ) | dense 3",
    "4 | add(flatten; dense 4; relu | dense 4) | concat(dense 2; add(; sigmoid)) | dense 3",
    "5x6x2 | add(conv 2 3x3 pad same | relu; ) | conv 3 2x2 | relu | dense 3",
    "6x7x1 | conv 3 3x3 | relu | add(; conv 3 3x3 pad same | relu | conv 3 1x1) | relu | maxpool 2 | dense 3",
    "7x7x2 | conv 3 2x2 | concat(; conv 4 3x3 pad 1 | relu; relu | conv 17 1x1) | avgpool 2 | dense 3",
    "6x6x1 | concat(conv 2 3x3 | relu; maxpool 3 stride 1; conv 3 3x3) | conv 2 2x2 | dense 3",
    "6x6x3 | conv 4 3x3 pad 1 nobias | batchnorm | relu | add(; conv 4 3x3 pad same nobias | batchnorm) | relu | dense 3",
    "5x5x2 | add(batchnorm | relu | conv 2 1x1; conv 2 3x3 pad 1 | batchnorm) | globalavgpool | dense 3",
    "5x4x2 | concat(dense 3 | relu; conv 2 3x2 | dense 5) | dense 3",
    "5x4x2 | relu | add(flatten; flatten | dense 40) | dense 3",
    "4x4x2 | add(tanh; ) | sigmoid | flatten",
    "8x8x1 | conv 4 3x3 pad same | relu | concat(; add(conv 4 3x3 pad same | relu; maxpool 3 stride 1 | conv 4 1x1 pad 1)) \
     | avgpool 8 | dense 3",
    "5x5x16 | relu | add(; conv 16 3x3 pad same) | relu | maxpool 2 | dense 2",
    // Outputs that are images.
    "5x6x2 | conv 3 3x3 | relu",
    "4x4x3 | tanh",
    "4x5x1 | conv 2 3x3 pad same | add(; conv 2 1x1)",
    // Activations first, between other layers and last; average pooling.
    "5 | leakyrelu 0.1 | dense 4 | leakyrelu -0.5 | dense 3",
    "5 | tanh | dense 17 | tanh | dense 3 | tanh",
    "5 | sigmoid | dense 17 | sigmoid | dense 3 | sigmoid",
    "5 | gelu | dense 17 | gelu | dense 3 | gelu",
    "4x5x3 | conv 5 2x2 | gelu | conv 3 2x2 | tanh | flatten | sigmoid | dense 3",
    "5x7x3 | avgpool 2 | dense 3",
    "5x6x2 | conv 3 2x2 | avgpool 3 stride 1 | leakyrelu 0.2 | conv 4 2x2 | flatten",
    "6x5x1 | conv 17 2x2 | relu | avgpool 2 stride 2 | conv 2 1x1 | globalavgpool | dense 3",
    "4x3x5 | conv 3 2x2 | globalavgpool | flatten",
    // Batch normalization: first, last, twice, after convolution and pooling, with and without a ReLU; of images without
    // convolution or pooling; with more pixels than a tile.
    "5 | batchnorm | dense 3",
    "5 | dense 17 | batchnorm | relu | dense 33 | batchnorm | dense 3",
    "5 | batchnorm | relu | batchnorm | relu | dense 4 | batchnorm",
    "4 | dense 16 | relu | batchnorm | dense 3",
    "3x2x4 | batchnorm | relu | dense 3",
    "3x2x4 | flatten | batchnorm | relu | dense 3",
    "2x3x1 | dense 6 | batchnorm | tanh | dense 3",
    "5x6x2 | conv 3 2x2 nobias | batchnorm | relu | dense 3",
    "7x6x2 | conv 5 3x3 pad 1 | batchnorm | relu | maxpool 2 | conv 17 2x2 | batchnorm | flatten | batchnorm | dense 3",
    "6x7x1 | conv 4 2x3 | relu | batchnorm | avgpool 2 | batchnorm | relu | globalavgpool | dense 3",
    "9x15x1 | conv 18 1x1 nobias | batchnorm | relu | globalavgpool | dense 3",
    "6x7x16 | conv 17 3x3 nobias | batchnorm | relu | conv 16 3x3 pad 1 | batchnorm | maxpool 2 | dense 3",
    "6x7x2 | batchnorm | maxpool 2 | conv 5 2x2 | batchnorm | relu | maxpool 2 stride 1 | batchnorm | maxpool 1 | dense 3",
    "9x15x3 | batchnorm | conv 2 2x2 | batchnorm | conv 2 2x2 | batchnorm | relu | maxpool 2 stride 1 | dense 3",
    // Max pooling: fused into a convolution and alone, with windows that overlap, leave gaps, or do not fit.
    "4x6x3 | maxpool 2 | dense 3",
    "5x7x2 | maxpool 2 stride 1 | flatten | dense 3",
    "7x7x1 | conv 3 2x2 | maxpool 2 | dense 3",
    "7x6x2 | conv 3 2x2 | relu | maxpool 2 | dense 3",
    "8x7x1 | conv 17 3x3 pad 1 | relu | maxpool 3 | dense 3",
    "8x9x1 | conv 2 2x2 | relu | maxpool 2 stride 3 | conv 3 2x2 | dense 3",
    "7x8x1 | conv 2 2x2 | relu | maxpool 3 stride 2 | conv 3 2x2 | relu | dense 3",
    "7x7x1 | conv 2 2x2 | maxpool 2 | relu | conv 3 2x2 pad 1 | maxpool 2 | relu | dense 3",
    "6x6x2 | conv 3 3x3 pad same | relu | maxpool 1 | maxpool 2 | dense 3",
    "6x6x1 | conv 2 3x3 stride 2 pad 1 | relu | maxpool 2 | flatten",
    "8x8x1 | conv 4 3x3 pad 1 | relu | maxpool 2 | conv 5 3x3 pad 1 | relu | maxpool 2 | dense 7 | relu | dense 3",
    // Pooling with padding and oblong windows: first, last and in the middle, alone and fused.
    "5x7x2 | maxpool 3 stride 2 pad 1 | dense 3",
    "4x6x3 | maxpool 2x3 | dense 3",
    "1x3x9 | maxpool 3 stride 1 pad 1 | flatten",
    "6x7x2 | conv 3 2x2 | relu | maxpool 2x1 | conv 2 2x2 | dense 3",
    "7x8x2 | conv 3 2x2 | maxpool 1x2 stride 2x3 | dense 3",
    "8x9x2 | conv 17 2x2 | relu | maxpool 2x3 stride 2x4 | conv 3 2x2 | dense 3",
    "6x7x2 | conv 17 2x2 | maxpool 3x2 stride 2x1 pad 1 | conv 3 2x2 | dense 3",
    "7x6x43 | conv 2 3x3 | relu | maxpool 1x2 | dense 3",
    "6x7x2 | conv 5 2x2 | batchnorm | relu | maxpool 3 stride 2 pad 1 | dense 3",
    "6x5x9 | avgpool 3x2 stride 1x2 pad 1x0 | dense 3",
    "6x7x2 | conv 3 2x2 | avgpool 2x3 stride 2x1 pad 1 | conv 2 2x1 | dense 3",
    "7x9x1 | conv 3 2x2 | tanh | avgpool 1x4 | flatten",
    "9x10x2 | conv 3 3x3 | maxpool 3 stride 2 pad 1 | maxpool 2 | dense 3",
    // Dense layers without a bias.
    "5 | dense 17 nobias | relu | dense 3 nobias",
    "5 | dense 33 nobias | batchnorm | relu | dense 3",
    "3x2x2 | dense 70 nobias | tanh | dense 3",
    // Other activations: first, between other layers and last.
    "5 | elu | dense 17 | elu | dense 3 | elu",
    "5 | silu | dense 17 | silu | dense 3 | silu",
    "5 | softplus | dense 17 | softplus | dense 3 | softplus",
    "4x5x3 | conv 5 2x2 | silu | conv 3 2x2 | softplus | flatten | elu | dense 3",
    // Layer normalization: of vectors and images, before and after layers with windows, and where less is required.
    "5 | layernorm | dense 3",
    "5 | dense 17 | layernorm | relu | dense 33 | layernorm | dense 3 | layernorm",
    "3x2x4 | layernorm | relu | dense 3",
    "3x2x4 | layernorm | flatten | layernorm | tanh | dense 3",
    "5x6x2 | conv 3 2x2 | layernorm | relu | maxpool 2 | layernorm | dense 3",
    "6x5x3 | layernorm | conv 4 2x2 pad 1 | batchnorm | layernorm | maxpool 4 | flatten",
    "9x11x3 | maxpool 2 | layernorm | conv 2 2x2 | layernorm | maxpool 2 | dense 3",
    // Upsampling: first, last and in the middle, and where less is required.
    "3x2x2 | conv 3 2x2 pad 1 | upsample 2 | dense 3",
    "3x4x3 | upsample 3 | maxpool 2 | conv 2 2x2 | relu | upsample 2 | avgpool 3 | dense 3",
    "2x3x1 | upsample 1 | conv 2 2x2 | upsample 5 | flatten",
    "4x5x2 | conv 3 2x2 | upsample 2 | maxpool 5 | dense 3",
    "5x4x2 | conv 17 2x2 | relu | upsample 3 | conv 3 2x2 stride 4 | dense 3",
    // Reshapes: of vectors and of images in either layout, and where less is required.
    "12 | reshape 2x2x3 | dense 3",
    "6 | dense 36 | reshape 3x4x3 | conv 4 2x2 | relu | dense 3",
    "6x4x2 | conv 3 3x3 | reshape 2x4x3 | conv 2 2x2 | dense 3",
    "8 | dense 75 | reshape 5x5x3 | conv 2 2x2 | maxpool 3 | dense 3",
    "6 | dense 12 | tanh | reshape 2x2x3 | batchnorm | flatten | dense 3",
    "4x4x1 | reshape 2x2x4 | globalavgpool | dense 2",
    "2x2x3 | reshape 3x2x2 | reshape 2x3x2 | dense 3",
    "4x6x2 | conv 3 1x3 | reshape 6x1x8 | layernorm | flatten | relu | dense 3",
    "3x4x2 | reshape 1x1x24 | conv 5 1x1 | reshape 1x5x1 | dense 2",
    // Strides that differ, and dilation: im2col, direct, and one before the other.
    "7x9x1 | conv 3 3x2 stride 2x1 | relu | conv 2 2x3 stride 1x3 pad 0x1 | dense 3",
    "7x6x5 | conv 4 3x3 stride 1x2 pad 2x1 | relu | conv 40 2x2 stride 2x1 | conv 3 1x2 pad 1 | dense 3",
    "9x8x2 | conv 3 3x2 dilation 2 | conv 2 2x2 pad 1 dilation 3x1 | dense 3",
    "9x10x6 | conv 7 3x3 pad 3 dilation 2x3 | relu | conv 9 3x2 stride 2x3 pad 4 dilation 3x2 | dense 3",
    "6x7x4 | conv 5 3x4 pad same dilation 2x1 | conv 4 3x3 pad same dilation 1x2 | dense 3",
    "13x14x4 | conv 8 3x3 stride 2 dilation 2 | conv 3 2x3 stride 4x2 pad 5 dilation 2x3 | dense 3",
    "11x10x5 | conv 6 3x3 stride 3x2 pad 4 dilation 2x4 | relu | conv 2 3x3 pad 2 dilation 1x2 | dense 3",
    "7x8x9 | conv 17 2x2 | relu | conv 3 2x2 stride 4x6 pad 5 dilation 6x4 | dense 3",
    "12x11x1 | conv 2 3x3 dilation 2 | relu | maxpool 2 | conv 3 2x2 dilation 2 | dense 3",
    "3x4x5 | conv 16 3x3 pad 9 dilation 5 | relu | conv 2 3x3 dilation 5 | dense 2",
    // Groups: depthwise, with several inputs or outputs in each, and wide.
    "5x6x4 | conv 4 3x3 groups 4 | dense 3",
    "5x6x4 | conv 8 3x2 groups 4 nobias | relu | conv 6 2x2 stride 2 pad 1 groups 2 | dense 3",
    "6x5x17 | relu | conv 17 3x3 pad 1 groups 17 | relu | maxpool 2 | dense 3",
    "4x5x6 | conv 9 2x2 groups 3 | conv 3 3x3 pad 2 dilation 2 groups 3 | dense 2",
    "7x6x3 | conv 33 1x1 | conv 33 3x3 stride 2x1 pad 1 dilation 1x2 groups 33 nobias | conv 2 1x1 | dense 3",
    "6x7x2 | conv 6 2x2 groups 2 | batchnorm | relu | conv 6 4x3 pad same groups 6 | batchnorm | dense 3",
    "8x9x2 | conv 4 3x3 stride 3x2 pad 5 dilation 2x3 groups 2 | relu | maxpool 2x1 | dense 3",
    "4x5x16 | relu | conv 32 3x2 groups 2 | relu | conv 3 1x1 | dense 3",
    "5x4x16 | conv 32 2x2 stride 2x1 pad 1 dilation 2x1 groups 2 nobias | relu | maxpool 1x2 | conv 2 1x1 | dense 2",
    "4x4x5 | conv 32 1x1 | relu | conv 64 3x3 pad 1 groups 4 | relu | conv 64 2x2 stride 2 groups 4 | dense 2",
    // Required regions smaller than the layers' outputs: through several layers, of layouts that change, before and after
    // batch normalization.
    "13x15x1 | conv 3 3x3 | relu | maxpool 2 | conv 4 2x2 | relu | maxpool 2 | dense 3",
    "13x14x2 | conv 3 2x3 | relu | maxpool 2 | conv 4 2x2 pad 1 | relu | maxpool 3 | dense 3",
    "11x9x1 | relu | tanh | conv 3 3x2 stride 2 | avgpool 2 | conv 2 1x1 | relu | dense 3",
    "11x12x3 | gelu | avgpool 3 | conv 3 2x2 | maxpool 2 | flatten",
    "11x9x1 | maxpool 2 | conv 3 2x2 | relu | maxpool 2 | dense 3",
    "9x10x1 | conv 3 3x3 pad 2 | conv 2 2x2 stride 3 | maxpool 2 | dense 3",
    "10x11x1 | conv 2 2x2 | batchnorm | relu | conv 3 3x3 | maxpool 2 | conv 2 1x1 | maxpool 2 | dense 3",
    "11x10x2 | conv 2 2x2 | relu | batchnorm | tanh | maxpool 2 | conv 3 2x2 | maxpool 2 | dense 3",
];

const NORMALIZED: &str = "6x7x2 | conv 5 3x3 pad 1 | batchnorm | relu | maxpool 2 | conv 3 2x2 | batchnorm | dense 9 | batchnorm | relu | dense 4";

// Two tests, so that two cores share them.

#[test]
fn networks() {
    check_networks(NETWORKS.iter().step_by(2));
}

#[test]
fn more_networks() {
    check_networks(NETWORKS.iter().skip(1).step_by(2));
}

fn check_networks<'a>(texts: impl Iterator<Item = &'a &'a str>) {
    for text in texts {
        for (seed, samples) in [(1, 1), (2, 2), (3, 7)] {
            // Of two samples, batch normalization makes ±1 whatever its input is, so most gradients vanish.
            let samples = if text.contains("batchnorm") {
                samples + 4
            } else {
                samples
            };
            let network = trained(text, seed);
            let (inputs, targets) = batch(&network, seed + 10, samples);
            assert_gradients(format!("{text}, {samples} samples"), &network, &inputs, &targets);
        }
    }
}

/// Many channels and several tiles, for filters of 2×2 to 5×5, with and without padding and pooling.
#[test]
fn winograd_convolutions() {
    for (text, samples) in [
        ("5x6x16 | conv 16 3x3 | relu | dense 2", 1),
        ("5x5x16 | relu | conv 17 3x3 pad 1 | relu | maxpool 2 | dense 2", 13),
        ("7x6x18 | relu | conv 16 2x2 nobias | relu | globalavgpool | dense 2", 2),
        ("5x4x16 | relu | conv 20 4x4 pad 2 | maxpool 2 stride 3 | dense 2", 3),
        ("3x3x19 | relu | conv 16 5x5 pad 3 | relu | dense 2", 2),
        (
            "5x5x16 | relu | conv 16 2x2 pad 1 | relu | conv 16 3x3 pad same | globalavgpool | dense 2",
            2,
        ),
        ("3x2x16 | relu | conv 16 3x3 pad 2 | relu | dense 4", 110),
        (
            "8x9x16 | relu | conv 16 3x3 | relu | maxpool 1x2 stride 2x3 | dense 2",
            2,
        ),
        // A required region that is smaller than the input, with its end inside or outside the tiles.
        (
            "10x10x16 | batchnorm | conv 16 3x3 | relu | maxpool 2 | maxpool 2 | dense 2",
            5,
        ),
        ("14x13x16 | batchnorm | conv 16 2x2 | relu | maxpool 8 | dense 2", 5),
        // Only padding is read. All samples give the same output, so the gradients of two targets would cancel out.
        ("10x4x16 | conv 16 3x3 pad 20 | maxpool 8 stride 40 | dense 2", 1),
        ("10x4x16 | relu | conv 16 3x3 pad 20 | maxpool 8 stride 40 | dense 2", 1),
    ] {
        let network = trained(text, 5);
        let (inputs, targets) = batch(&network, 15, samples);
        assert_gradients(format!("{text}, {samples} samples"), &network, &inputs, &targets);
    }
}

#[test]
fn batches_split_among_threads() {
    for (text, samples) in [
        ("40 | dense 100 | relu | dense 10", 37),
        ("40 | dense 100 | relu | dense 10", 130),
        (
            "6x7x2 | conv 5 3x3 pad 1 | relu | maxpool 2 | conv 3 2x2 | relu | dense 4",
            9,
        ),
        (
            "6x7x2 | conv 5 3x3 pad 1 | relu | maxpool 2 | conv 3 2x2 | relu | dense 4",
            43,
        ),
        (NORMALIZED, 9),
        (NORMALIZED, 43),
        ("40 | dense 100 | batchnorm | relu | dense 10", 130),
    ] {
        let network = trained(text, 4);
        let (inputs, targets) = batch(&network, 14, samples);
        assert_gradients(format!("{text}, {samples} samples"), &network, &inputs, &targets);
    }
}

/// Networks of two convolutions of random geometry, some with pooling behind them.
fn geometry() -> impl Strategy<Value = String> {
    let conv = |channels: usize, groups: usize| {
        let pair = |from: usize| (from..4usize, from..4usize);
        let padding = prop_oneof![
            Just(String::new()),
            Just("pad same".to_owned()),
            (pair(1), pair(0))
                .prop_map(|(stride, pad)| format!("stride {}x{} pad {}x{}", stride.0, stride.1, pad.0, pad.1)),
        ];
        let dilation = prop_oneof![
            2 => Just(String::new()),
            1 => pair(1).prop_map(|(rows, cols)| format!("dilation {rows}x{cols}")),
        ];
        let bias = proptest::sample::select(vec!["", "nobias"]);
        (1..5usize, 1..5usize, padding, dilation, bias).prop_map(move |(height, width, padding, dilation, bias)| {
            format!("conv {channels} {height}x{width} {padding} {dilation} groups {groups} {bias}")
        })
    };
    let pool = || {
        let name = proptest::sample::select(vec!["maxpool", "avgpool"]);
        (
            name,
            (1..4usize, 1..4usize),
            (1..4usize, 1..4usize),
            (0..2usize, 0..2usize),
        )
            .prop_map(|(name, size, stride, pad)| {
                let pad = (pad.0.min(size.0 / 2), pad.1.min(size.1 / 2));
                format!(
                    "{name} {}x{} stride {}x{} pad {}x{}",
                    size.0, size.1, stride.0, stride.1, pad.0, pad.1
                )
            })
    };
    let between = move || {
        prop_oneof![
            Just("relu".to_owned()),
            Just("relu | relu".to_owned()),
            pool().prop_map(|pool| format!("relu | {pool}")),
            pool(),
        ]
    };
    // Groups of one to three; depthwise or not, below and above the panel size of 16.
    let groups = (1..4usize, 1..4usize);
    let factors = (
        1..3usize,
        prop_oneof![1..3usize, 15..18usize],
        prop_oneof![1..3usize, 8..9usize],
    );
    (1..9usize, 1..9usize, groups, factors)
        .prop_flat_map(move |(height, width, groups, factors)| {
            let channels = [
                groups.0 * factors.0,
                groups.0 * groups.1 * factors.1.div_ceil(groups.0),
                groups.1 * factors.2,
            ];
            let convs = (conv(channels[1], groups.0), conv(channels[2], groups.1));
            (Just((height, width, channels[0])), convs, between(), between())
        })
        .prop_map(|((height, width, channels), (first, second), between, last)| {
            format!("{height}x{width}x{channels} | {first} | {between} | {second} | {last} | dense 3")
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20,
        max_global_rejects: 10_000,
        rng_seed: RngSeed::Fixed(2),
        ..ProptestConfig::default()
    })]

    /// Dense layers of 64 outputs or more skip inputs that are zero, forward and backward.
    #[test]
    fn blank_images(inputs in 1..300usize, outputs in 60..140usize, seed in 0..1000u64, samples in 1..80usize) {
        let text = format!("{inputs} | dense {outputs} | tanh | dense {outputs} | relu | dense 3");
        let network = trained(&text, seed);
        let (mut images, targets) = batch(&network, seed + 1, samples);
        blank(seed, &mut images, inputs);
        let reference = Reference::new(&network, &images, &targets);
        prop_assume!(reference.is_ok());
        reference.unwrap().assert_on_kernels(text, &network, &images, &targets);
    }
}

proptest! {
    // With a fixed seed: in about one of a thousand random cases, f32 and f64 are on different sides of a kink.
    #![proptest_config(ProptestConfig {
        cases: 120,
        max_global_rejects: 20_000,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn convolutions_of_random_geometry(text in geometry(), seed in 0..1000u64, samples in 1..4usize) {
        // Windows that do not fit make the network invalid.
        prop_assume!(text.parse::<NetworkSpec>().is_ok());
        let network = trained(&text, seed);
        let (inputs, targets) = batch(&network, seed + 1, samples);
        let reference = Reference::new(&network, &inputs, &targets);
        // Too many kinks leave nothing to compare with.
        prop_assume!(reference.is_ok());
        reference.unwrap().assert_on_kernels(text, &network, &inputs, &targets);
    }
}

/// The step of a central difference, which inputs are multiples of: no sum of both rounds.
const INPUT_STEP: f32 = 1.0 / 4096.0;

/// The slope of the loss along one input, or `None` if a kink lies within a step to either side.
fn input_slope(naive: &NaiveNetwork, inputs: &[f32], targets: &[usize], index: usize) -> Option<f64> {
    let (_, base) = naive.loss(inputs, targets);
    let moved = |step: f32| {
        let mut inputs = inputs.to_vec();
        inputs[index] += step;
        let (loss, pass) = naive.loss(&inputs, targets);
        (pass.branches == base.branches).then_some(loss)
    };
    Some((moved(INPUT_STEP)? - moved(-INPUT_STEP)?) / (2.0 * f64::from(INPUT_STEP)))
}

#[test]
fn gradients_of_inputs() {
    let mut checked = 0;
    for text in NETWORKS {
        let network = trained(text, 21);
        let (mut inputs, targets) = batch(&network, 22, 3);
        for value in &mut inputs {
            *value = (*value / INPUT_STEP).round() * INPUT_STEP;
        }
        let naive = NaiveNetwork::new(network.spec(), &network.tensors());
        let indices = (0..inputs.len()).step_by(inputs.len().div_ceil(30));
        let slopes: Vec<_> = indices
            .filter_map(|index| Some((index, input_slope(&naive, &inputs, &targets, index)?)))
            .collect();
        checked += slopes.len();
        let expected: Vec<f64> = slopes.iter().map(|slope| slope.1).collect();
        let largest = expected
            .iter()
            .fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
        for (kernel, network) in on_kernels(&network) {
            let gradient = input_gradient(&network, &inputs, &targets, &CrossEntropy::new()).unwrap();
            assert_eq!(gradient.len(), inputs.len());
            let found: Vec<f32> = slopes.iter().map(|slope| gradient[slope.0]).collect();
            let tolerance = Tolerance::new(1e-7 + 1e-5 * largest, 1e-4);
            assert_close(format!("{text}, {kernel}"), &found, &expected, tolerance);
        }
    }
    assert!(checked > 10 * NETWORKS.len(), "{checked} slopes");
}

#[test]
fn networks_without_parameters_have_only_a_loss() {
    for text in ["4 | relu", "1x2x2 | relu | flatten", "4 | flatten", "1x2x2 | flatten"] {
        let network = network(text, 0);
        let (inputs, targets) = batch(&network, 16, 3);
        assert_gradients(text, &network, &inputs, &targets);
    }
}

/// The derivative of ReLU at 0 is 0, as in PyTorch.
#[test]
fn relu_gradient_at_the_kink_is_zero() {
    let (inputs, targets) = (values(6, 8), [0, 1]);
    for text in ["4 | dense 5 | relu | dense 3", "4 | dense 5 | flatten | relu | dense 3"] {
        let network = nn_core::Network::zeroed(text.parse().unwrap()).unwrap();
        for (kernel, network) in on_kernels(&network) {
            let gradients = gradients(&network, &inputs, &targets, &CrossEntropy::new()).unwrap();
            let (last, others) = gradients.tensors.split_last().unwrap();
            for tensor in others {
                assert!(
                    tensor.values.iter().all(|&value| value == 0.0),
                    "{text}, {kernel}: {tensor:?}"
                );
            }
            let expected = [1.0 / 3.0 - 0.5, 1.0 / 3.0 - 0.5, 1.0 / 3.0];
            assert_close(kernel, &last.values, &expected, Tolerance::new(1e-7, 0.0));
        }
    }
}

/// The loss's gradient by central differences.
fn loss_gradient(logits: &[f32], target: usize, scale: f32) -> Vec<f64> {
    let step = 1e-5;
    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    let moved = |index: usize, step: f64| {
        let mut logits = logits.clone();
        logits[index] += step;
        naive::cross_entropy(&logits, target)
    };
    let slope = |index| f64::from(scale) * (moved(index, step) - moved(index, -step)) / (2.0 * step);
    (0..logits.len()).map(slope).collect()
}

#[test]
fn cross_entropy_gradients() {
    for (seed, classes) in [1, 2, 3, 10, 17, 1000].into_iter().enumerate() {
        for spread in [0.01, 1.0, 10.0] {
            for scale in [1.0, 0.125, 3.0] {
                let logits: Vec<f32> = values(seed as u64, classes)
                    .iter()
                    .map(|value| value * spread)
                    .collect();
                let target = targets(seed as u64, 1, classes)[0];
                let mut gradient = vec![f32::NAN; classes];
                let loss = loss::cross_entropy(&logits, target, scale, &mut gradient);
                let what = format!("{classes} classes, spread {spread}, scale {scale}");
                let exact: Vec<f64> = logits.iter().copied().map(f64::from).collect();
                let expected = naive::cross_entropy(&exact, target);
                if classes == 1 {
                    assert_eq!((loss, &gradient[..]), (0.0, &[0.0][..]), "{what}");
                    continue;
                }
                assert_close(&what, &[loss], &[expected], Tolerance::new(3e-7, 1e-6));
                let tolerance = Tolerance::new(3e-7 * f64::from(scale), 1e-5);
                assert_close(&what, &gradient, &loss_gradient(&logits, target, scale), tolerance);

                let mut probabilities = logits.clone();
                loss::softmax(&mut probabilities);
                assert_close(
                    &what,
                    &probabilities,
                    &naive::softmax(&exact),
                    Tolerance::new(1e-9, 3e-6),
                );
            }
        }
    }
}

#[test]
fn extreme_logits() {
    for (logits, target) in [
        (&[80.0, -80.0, 0.0][..], 0),
        (&[80.0, -80.0, 0.0], 1),
        (&[1e4, -1e4, 9_999.0], 2),
        (&[-1e5, -1e5 + 1.0, -1e5], 1),
        (&[1e30, -1e30, 0.0], 1),
        (&[88.8, 88.8, 88.8], 2),
        (&[3e38, 3e38], 0),
    ] {
        let exact: Vec<f64> = logits.iter().copied().map(f64::from).collect();
        let mut probabilities = naive::softmax(&exact);
        let mut values = logits.to_vec();
        loss::softmax(&mut values);
        let tolerance = Tolerance::new(1e-12, 1e-6);
        assert_close(format!("softmax of {logits:?}"), &values, &probabilities, tolerance);

        let mut gradient = vec![f32::NAN; logits.len()];
        let loss = loss::cross_entropy(logits, target, 1.0, &mut gradient);
        let expected = naive::cross_entropy(&exact, target);
        if expected > 1e-7 {
            assert_close(format!("loss of {logits:?}"), &[loss], &[expected], tolerance);
        } else {
            assert!((0.0..1e-7).contains(&loss), "{logits:?}: {loss}");
        }
        // In closed form: a step of a central difference would vanish in such large logits.
        probabilities[target] -= 1.0;
        let largest = probabilities
            .iter()
            .fold(0.0f64, |largest, value| largest.max(value.abs()));
        if largest > 1e-7 {
            assert_close(format!("gradient of {logits:?}"), &gradient, &probabilities, tolerance);
        } else {
            assert!(
                gradient.iter().all(|value| value.abs() < 1e-7),
                "{logits:?}: {gradient:?}"
            );
        }
    }
}
