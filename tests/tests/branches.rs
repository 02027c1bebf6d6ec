//! Networks with branches: residual and U-shaped ones train, to the same bits on any number of threads; inner layers can
//! be looked at; networks can be cut and joined.

use nn_core::{Network, NetworkSpec, Shape, Tensor, Trainer, Workspace, loss::MeanSquaredError, optim::Adam};
use tests::{
    close::{Tolerance, assert_close, assert_same_bits},
    data::{assert_error, batch, network, on_kernels, parameters, trained, values},
    threads::assert_same_on_any_threads,
};

/// A residual block with batch normalization; `stride` 2 halves the image, and a 1×1 convolution fits the input to it.
fn block(channels: usize, stride: usize) -> String {
    let first = format!("conv {channels} 3x3 stride {stride} pad 1 nobias | batchnorm | relu");
    let second = format!("conv {channels} 3x3 pad 1 nobias | batchnorm");
    let shortcut = if stride == 1 {
        String::new()
    } else {
        format!("conv {channels} 1x1 stride {stride} nobias | batchnorm")
    };
    format!("add({shortcut}; {first} | {second}) | relu")
}

/// ResNet-20 (He et al., 2016, "Deep Residual Learning for Image Recognition", section 4.2) for small images.
fn resnet_20(input: Shape, channels: usize) -> NetworkSpec {
    let stages = [(channels, 1), (2 * channels, 2), (4 * channels, 2)];
    let blocks = stages.map(|(channels, stride)| [block(channels, stride), block(channels, 1), block(channels, 1)]);
    let blocks = blocks.concat().join(" | ");
    let text =
        format!("{input} | conv {channels} 3x3 pad 1 nobias | batchnorm | relu | {blocks} | globalavgpool | dense 10");
    text.parse().unwrap()
}

#[test]
fn a_resnet_20_trains_to_the_same_bits_on_any_number_of_threads() {
    let spec = resnet_20(Shape::image(3, 12, 12), 8);
    let convolutions = spec.to_string().matches("conv").count();
    assert_eq!(convolutions, 19 + 2, "19 on the way, and 2 shortcuts");
    for (kernel, network) in on_kernels(&Network::new(spec, 1).unwrap()) {
        let (inputs, targets) = batch(&network, 3, 32);
        let losses = assert_same_on_any_threads(format!("ResNet-20, {kernel}"), || {
            let mut trainer = Trainer::new(network.clone(), Adam::new(0.003), 32).unwrap();
            let mut values: Vec<f32> = (0..12).map(|_| trainer.step(&inputs, &targets).unwrap().loss).collect();
            values.extend(parameters(trainer.network()));
            values
        });
        assert!(
            losses[11] < 0.5 * losses[0],
            "{kernel}: the loss falls: {:?}",
            &losses[..12]
        );
    }
}

#[test]
fn a_layer_after_branches_sees_their_sum_or_their_channels() {
    let network = trained(
        "6x5x2 | conv 4 3x3 pad same | add(relu; conv 4 1x1; tanh) | concat(; conv 2 3x3 pad 1)",
        3,
    );
    let inputs = values(1, 3 * 60);
    let names = ["0", "1", "1.0.0", "1.1.0", "1.2.0", "2", "2.1.0"];
    let [input, sum, first, second, third, joined, conv] = &network.activations(&inputs, &names).unwrap()[..] else {
        panic!("seven layers")
    };
    assert_eq!((&sum.shape, &joined.shape), (&vec![3, 4, 6, 5], &vec![3, 6, 6, 5]));
    let expected: Vec<f32> = (0..sum.values.len())
        .map(|i| first.values[i] + second.values[i] + third.values[i])
        .collect();
    assert_same_bits("the sum", &sum.values, &expected);
    assert_same_bits(
        "relu",
        &first.values,
        &input.values.iter().map(|x| x.max(0.0)).collect::<Vec<_>>(),
    );
    let samples = sum.values.chunks(4 * 30).zip(conv.values.chunks(2 * 30));
    let expected: Vec<f32> = samples.flat_map(|(a, b)| [a, b].concat()).collect();
    assert_same_bits("the channels", &joined.values, &expected);
}

/// Every layer's activation is what the network gives when it is cut after that layer.
#[test]
fn activations_are_those_of_the_network_cut_there() {
    for text in [
        "9x9x2 | conv 3 2x2 | batchnorm | relu | add(; conv 3 3x3 pad same | relu) | maxpool 3 | dense 4 | sigmoid",
        "11x11x3 | relu | maxpool 2 | conv 5 3x3 | relu | maxpool 2 | flatten | dense 3",
        "7 | dense 20 | batchnorm | relu | dropout 0.5 | concat(dense 3; dense 2 | tanh) | dense 2",
        "4x4x2 | flatten | relu",
    ] {
        let network = trained(text, 5);
        // More than are computed at a time.
        let inputs = values(2, 70 * network.spec().input().len());
        for layer in 0..network.spec().layers().len() {
            let cut = network.cut_after(layer).unwrap();
            let activation = &network.activations(&inputs, &[&layer.to_string()]).unwrap()[0];
            let mut workspace = Workspace::new(&cut, 70).unwrap();
            let outputs = cut.forward(&inputs, &mut workspace).unwrap();
            let tolerance = Tolerance::new(1e-5, 1e-5);
            assert_close(format!("{text}, layer {layer}"), &activation.values, outputs, tolerance);
            assert_eq!(activation.shape[0], 70);
        }
    }
}

#[test]
fn activations_refuse_unknown_layers_and_partial_samples() {
    let network = network("6 | add(dense 6) | dense 3", 1);
    assert_error(network.activations(&[0.0; 6], &["5"]), &["no layer 5", "0.1.0, 0, 1"]);
    assert_error(network.activations(&[0.0; 7], &["0"]), &["inputs", "7"]);
    assert_error(network.activations(&[], &["0"]), &["inputs"]);
    assert_error(network.cut_after(2), &["no layer 2", "0, 1"]);
}

#[test]
fn a_joined_network_computes_one_after_the_other() {
    let first = trained("5x5x1 | conv 3 2x2 | add(relu) | maxpool 2", 1);
    let second = trained("2x2x3 | batchnorm | concat(dense 4; flatten) | dense 2", 2);
    let joined = first.join(&second).unwrap();
    assert_eq!(
        joined.parameter_count(),
        first.parameter_count() + second.parameter_count()
    );
    let inputs = values(3, 4 * 25);
    let between = &first.activations(&inputs, &["2"]).unwrap()[0];
    let expected = &second.activations(&between.values, &["2"]).unwrap()[0];
    let outputs = &joined.activations(&inputs, &["5"]).unwrap()[0];
    assert_close("joined", &outputs.values, &expected.values, Tolerance::new(1e-5, 1e-5));
    assert_error(second.join(&first), &["of shape 2", "5x5x1"]);

    let head = first.with_head("dense 7 | relu | dense 3", 9).unwrap();
    let text = "5x5x1 | conv 3 2x2 | add(; relu) | maxpool 2 | flatten | dense 7 | relu | dense 3";
    assert_eq!(head.spec().to_string(), text);
    let backbone = |tensors: Vec<Tensor>| -> Vec<f32> {
        let kept = tensors.into_iter().filter(|tensor| tensor.name.starts_with("0."));
        kept.flat_map(|tensor| tensor.values).collect()
    };
    assert_same_bits("the backbone", &backbone(head.tensors()), &backbone(first.tensors()));
    assert_error(first.with_head("conv 3 9x9", 1), &["no window fits"]);
}

/// An autoencoder in the shape of a U (Ronneberger et al., 2015, "U-Net"): what shrinks is joined to what it was.
#[test]
fn a_u_shaped_autoencoder_trains_to_the_same_bits_on_any_number_of_threads() {
    let inner = "concat(; maxpool 2 | conv 8 3x3 pad same | relu | upsample 2)";
    let outer =
        format!("concat(; maxpool 2 | conv 8 3x3 pad same | relu | {inner} | conv 8 3x3 pad same | relu | upsample 2)");
    let text = format!("8x8x1 | conv 4 3x3 pad same | relu | {outer} | conv 1 3x3 pad same");
    for (kernel, network) in on_kernels(&network(&text, 1)) {
        let inputs = values(7, 24 * 64);
        let losses = assert_same_on_any_threads(format!("U, {kernel}"), || {
            let trainer = Trainer::new(network.clone(), Adam::new(0.01), 24).unwrap();
            let mut trainer = trainer.with_loss(MeanSquaredError).unwrap();
            let mut values: Vec<f32> = (0..40).map(|_| trainer.step(&inputs, &inputs).unwrap().loss).collect();
            values.extend(parameters(trainer.network()));
            values
        });
        assert!(
            losses[39] < 0.2 * losses[0],
            "{kernel}: the loss falls: {:?}",
            &losses[..40]
        );
    }
}
