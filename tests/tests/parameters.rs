//! Parameters by name: views, setting, freezing, and parameter groups, also while training.

use std::ops::RangeInclusive;

use nn_core::{
    Cursor, Error, Initialization, Network, Tensor, TensorKind, Trainer, Workspace,
    optim::{Adam, Optimizer, ParameterGroup, Schedule, Sgd},
};
use tests::{
    close::{Tolerance, assert_close, assert_same_bits},
    data::{assert_error, batch, is_parameter, network, on_kernels, parameters, trained},
    parts::{Parts, RawTensor},
    threads::assert_same_on_any_threads,
};

/// Packed weights, an image that is stored as HWC before a dense layer, and normalizations that are folded.
const NETWORK: &str = "6x7x2 | conv 19 3x3 | relu | maxpool 2 | batchnorm | conv 4 2x2 nobias | batchnorm | relu | \
                       dense 18 | relu | dense 5";
const BATCH: usize = 12;
const MOMENTUM: Sgd = Sgd {
    momentum: 0.9,
    weight_decay: 1e-3,
    ..Sgd::new(0.05)
};
const ADAMW: Adam = Adam {
    weight_decay: 0.01,
    decoupled: true,
    ..Adam::new(0.01)
};

fn optimizers() -> [Optimizer; 5] {
    let decay = Sgd {
        weight_decay: 0.01,
        ..Sgd::new(0.05)
    };
    [
        Sgd::new(0.05).into(),
        decay.into(),
        MOMENTUM.into(),
        Adam::new(0.01).into(),
        ADAMW.into(),
    ]
}

/// A trainer, plain, or with clipping and averaging.
fn trainer(optimizer: Optimizer, all_settings: bool) -> Trainer {
    let trainer = Trainer::new(trained(NETWORK, 1), optimizer, BATCH).unwrap();
    if all_settings {
        trainer.with_clipping(0.5).unwrap().with_average(0.9).unwrap()
    } else {
        trainer
    }
}

/// Takes these steps, each on a batch of its own.
fn steps(trainer: &mut Trainer, steps: RangeInclusive<u64>) {
    for step in steps {
        let (inputs, targets) = batch(trainer.network(), step, BATCH);
        trainer.step(&inputs, &targets).unwrap();
    }
}

fn chosen(tensors: &[Tensor], choose: impl Fn(&str) -> bool) -> Vec<&Tensor> {
    tensors.iter().filter(|tensor| choose(&tensor.name)).collect()
}

fn bytes(trainer: &Trainer) -> Vec<u8> {
    trainer.checkpoint(Cursor::default()).unwrap()
}

/// The tensors of a checkpoint, by name.
fn tensors(bytes: &[u8]) -> Vec<RawTensor> {
    let mut tensors = Parts::of(bytes).tensors;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    tensors
}

// ------------------------------------------------------------------------------------------------------- views

#[test]
fn views_show_every_value_where_pytorch_has_it() {
    let network = trained(NETWORK, 2);
    let tensors = network.tensors();
    assert_eq!(network.parameters().count(), tensors.len());
    for (view, tensor) in network.parameters().zip(&tensors) {
        assert_eq!((view.name(), view.shape()), (&*tensor.name, &*tensor.shape));
        assert_eq!(view.kind() == TensorKind::Parameter, is_parameter(tensor));
        assert_eq!(view.iter().len(), tensor.values.len());
        assert_same_bits(&tensor.name, &view.to_vec(), &tensor.values);
        assert_eq!(view.to_tensor(), *tensor);
        assert_eq!(network.parameter(&tensor.name).unwrap().to_tensor(), *tensor);
        for (position, value) in tensor.values.iter().enumerate() {
            let mut rest = position;
            let mut index: Vec<_> = tensor
                .shape
                .iter()
                .rev()
                .map(|size| (rest % size, rest /= size).0)
                .collect();
            index.reverse();
            assert_eq!(view.get(&index), Some(*value), "{}{index:?}", tensor.name);
        }
        assert_eq!(
            view.get(&tensor.shape),
            if tensor.shape.is_empty() { Some(3.0) } else { None }
        );
        assert_eq!(view.get(&vec![0; tensor.shape.len() + 1]), None);
    }
    let weight = network.parameter("0.weight").unwrap();
    assert_eq!(weight.shape(), [19, 2, 3, 3]);
    assert_eq!((weight.get(&[0, 2, 0, 0]), weight.get(&[])), (None, None));
}

#[test]
fn unknown_names_are_errors_that_list_the_known_ones() {
    let mut network = network("3 | dense 2 | batchnorm", 1);
    for name in ["1.weigth", "", "0", "0.*"] {
        let parts = [
            &format!("{name:?}"),
            "0.weight, 0.bias, 1.weight, 1.bias, 1.running_mean",
        ];
        assert_error(network.parameter(name), &parts);
        assert_error(network.set_parameter(name, &[0.0]), &parts);
    }
    let error = tests::data::network("2x2x1 | flatten", 1).initialize("*", Initialization::Auto, 1);
    assert_error(error, &["\"*\"", "it has none"]);
}

// ----------------------------------------------------------------------------------------------------- setting

/// Prediction packs weights and folds normalizations; a set parameter discards both.
#[test]
fn predictions_follow_each_parameter_that_is_set() {
    for (kernel, mut network) in on_kernels(&trained(NETWORK, 3)) {
        let other = trained(NETWORK, 4);
        let (inputs, _) = batch(&network, 5, 3);
        let mut workspace = Workspace::new(&network, 3).unwrap();
        let mut logits = |network: &Network| network.forward(&inputs, &mut workspace).unwrap().to_vec();
        let mut before = logits(&network);
        for tensor in other.tensors() {
            network.set_parameter(&tensor.name, &tensor.values).unwrap();
            assert_eq!(network.parameter(&tensor.name).unwrap().to_tensor(), tensor);
            let after = logits(&network);
            let is_count = tensor.name.ends_with("num_batches_tracked");
            assert!(is_count || before != after, "{kernel}: {}", tensor.name);
            before = after;
        }
        assert_same_bits(kernel, &before, &logits(&other.with_kernel(kernel)));
        let mut zeroed = Network::zeroed(network.spec().clone()).unwrap().with_kernel(kernel);
        let (first, second): (Vec<_>, Vec<_>) = network.tensors().into_iter().rev().partition(is_parameter);
        zeroed.set_parameters(&first).unwrap();
        zeroed.set_parameters(&second).unwrap();
        assert_same_bits(kernel, &before, &logits(&zeroed));
    }
}

#[test]
fn invalid_values_are_errors_that_change_nothing() {
    let mut network = trained(NETWORK, 3);
    let before = network.tensors();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut tensors = before.clone();
        tensors[1].values[18] = value;
        let values = tensors[1].values.clone();
        let parts = ["0.bias", "position 18", &value.to_string(), "finite"];
        assert_error(network.set_parameter("0.bias", &values), &parts);
        assert_error(network.set_parameters(&tensors[..2]), &parts);
        assert_error(network.set_tensors(&tensors), &parts);
    }
    assert_error(
        network.set_parameter("0.bias", &[0.0; 18]),
        &["0.bias", "[19]", "19", "18"],
    );
    assert_error(
        network.set_parameter("3.running_var", &[-1.0; 19]),
        &["3.running_var", "at least 0"],
    );
    let mut two = before[..2].to_vec();
    two[1].name = "0.weight".to_owned();
    assert_error(network.set_parameters(&two), &["0.weight", "given twice"]);
    two[1] = Tensor {
        shape: vec![1, 19],
        ..before[1].clone()
    };
    assert_error(network.set_parameters(&two), &["0.bias", "[1, 19]", "[19]"]);
    two[1].name = "0.scale".to_owned();
    assert_error(
        network.set_parameters(&two),
        &["0.scale", "no part of the network", "0.weight, 0.bias"],
    );
    assert_eq!(network.tensors(), before);
}

#[test]
fn parameters_can_be_set_while_training_and_the_optimizer_keeps_its_state() {
    for optimizer in optimizers() {
        let mut trainer = trainer(optimizer, true);
        steps(&mut trainer, 1..=3);
        let before = bytes(&trainer);
        let mut same = trainer.clone();
        same.set_parameters(&trainer.network().tensors()).unwrap();
        assert!(bytes(&same) == before);
        let bias = vec![0.25; 5];
        trainer.set_parameter("10.bias", &bias).unwrap();
        assert_eq!(trainer.network().parameter("10.bias").unwrap().to_vec(), bias);
        for (after, before) in tensors(&bytes(&trainer)).iter().zip(&tensors(&before)) {
            assert_eq!(after == before, after.0 != "10.bias", "{}", after.0);
        }
        // The next step starts from the new values.
        steps(&mut trainer, 4..=4);
        assert_error(trainer.set_parameter("10.bias", &[f32::NAN; 5]), &["10.bias", "finite"]);
    }
}

// --------------------------------------------------------------------------------------------------- freezing

#[test]
fn frozen_parameters_and_their_state_do_not_change_by_a_bit() {
    let is_frozen = |name: &str| name.starts_with("0.") || name.starts_with("4.") || name.ends_with("0.bias");
    for optimizer in optimizers() {
        for all_settings in [false, true] {
            let what = format!("{optimizer:?}, {all_settings}");
            let mut trainer = trainer(optimizer, all_settings);
            steps(&mut trainer, 1..=2);
            for pattern in ["0.*", "4.weight", "*0.bias"] {
                trainer.freeze(pattern).unwrap();
            }
            let before = tensors(&bytes(&trainer));
            steps(&mut trainer, 3..=6);
            let after = tensors(&bytes(&trainer));
            for (before, after) in before.iter().zip(&after) {
                let prefixes = ["training.first.", "training.second."];
                let name = prefixes.iter().find_map(|prefix| before.0.strip_prefix(prefix));
                let name = name.unwrap_or(&before.0);
                if !name.starts_with("training.average.") {
                    assert_eq!(before == after, is_frozen(name), "{what}: {}", before.0);
                }
            }
        }
    }
}

#[test]
fn a_moving_average_of_parameters_that_were_always_frozen_equals_them() {
    let mut trainer = trainer(ADAMW.into(), true);
    trainer.freeze("*").unwrap();
    trainer.unfreeze("10.*").unwrap();
    let before = trainer.network().tensors();
    steps(&mut trainer, 1..=5);
    let is_frozen = |name: &str| !name.starts_with("10.") && (name.ends_with("weight") || name.ends_with("bias"));
    let averaged = trainer.averaged_network().unwrap().tensors();
    assert_eq!(chosen(&averaged, is_frozen), chosen(&before, is_frozen));
    let head = |name: &str| name.starts_with("10.");
    assert_ne!(chosen(&averaged, head), chosen(&before, head));
}

/// The rest of the network takes the very step that it takes when nothing is frozen.
#[test]
fn freezing_does_not_change_the_gradients_of_other_parameters() {
    let frozen = |name: &str| name.starts_with("5.") || name == "8.weight";
    for optimizer in optimizers() {
        let mut free = trainer(optimizer, false);
        let mut partly = free.clone();
        partly.freeze("5.*").unwrap();
        partly.freeze("8.weight").unwrap();
        steps(&mut free, 1..=1);
        steps(&mut partly, 1..=1);
        let others = |name: &str| !frozen(name);
        let (free, partly) = (free.network().tensors(), partly.network().tensors());
        assert_eq!(chosen(&free, others), chosen(&partly, others), "{optimizer:?}");
    }
}

#[test]
fn a_pattern_reaches_into_branches() {
    let network = trained(
        "4x4x2 | add(conv 2 1x1 | relu | conv 2 1x1) | concat(batchnorm; conv 3 1x1) | dense 3",
        6,
    );
    let mut trainer = Trainer::new(network, ADAMW, BATCH).unwrap();
    let frozen = |trainer: &Trainer| {
        let settings = trainer.parameter_settings().into_iter();
        let frozen = settings.filter(|settings| settings.frozen);
        frozen.map(|settings| settings.name).collect::<Vec<_>>()
    };
    trainer.freeze("0.*").unwrap();
    let first = ["0.1.0.weight", "0.1.0.bias", "0.1.2.weight", "0.1.2.bias"];
    assert_eq!(frozen(&trainer), first);
    trainer.unfreeze("0.1.2.*").unwrap();
    trainer.freeze("1.*.bias").unwrap();
    let expected = ["0.1.0.weight", "0.1.0.bias", "1.0.0.bias", "1.1.0.bias"];
    assert_eq!(frozen(&trainer), expected);
    let before = trainer.network().tensors();
    steps(&mut trainer, 1..=3);
    let after = trainer.network().tensors();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before == after, expected.contains(&&*before.name), "{}", before.name);
    }
}

/// Accumulated gradients take the same rules as those of a single batch.
#[test]
fn accumulated_gradients_are_applied_by_the_rules_of_each_parameter() {
    for mut optimizer in optimizers() {
        if let Optimizer::Adam(adam) = &mut optimizer {
            // A small one would amplify the rounding errors of tiny gradients.
            adam.epsilon = 1e-3;
        }
        for all_settings in [false, true] {
            let mut whole = trainer(optimizer, all_settings)
                .with_parameter_groups(groups())
                .unwrap();
            whole.freeze("8.*").unwrap();
            let mut parts = whole.clone();
            let before = whole.network().tensors();
            let (inputs, targets) = batch(whole.network(), 1, BATCH);
            whole.step(&inputs, &targets).unwrap();
            parts.accumulate(&inputs, &targets).unwrap();
            parts.apply().unwrap();
            let (whole, parts) = (whole.network().tensors(), parts.network().tensors());
            let frozen = |name: &str| name.starts_with("8.");
            assert_eq!(chosen(&parts, frozen), chosen(&before, frozen));
            for (whole, parts) in whole.iter().zip(&parts) {
                let expected: Vec<_> = whole.values.iter().copied().map(f64::from).collect();
                let what = format!("{optimizer:?}, {all_settings}, {}", whole.name);
                assert_close(what, &parts.values, &expected, Tolerance::new(1e-5, 1e-5));
            }
        }
    }
}

#[test]
fn patterns_that_match_no_parameter_are_errors_that_list_the_names() {
    let mut trainer = trainer(MOMENTUM.into(), false);
    let before = trainer.parameter_settings();
    // Running statistics are not trained.
    for pattern in ["2.*", "0.weights", "", "3.running_mean", "0.WEIGHT"] {
        let parts = [
            &format!("{pattern:?}"),
            "0.weight, 0.bias, 3.weight, 3.bias, 4.weight, 5.weight",
        ];
        assert_error(trainer.freeze(pattern), &parts);
        assert_error(trainer.unfreeze(pattern), &parts);
        let groups = [
            ParameterGroup::new("0.*").with_weight_decay(0.0),
            ParameterGroup::new(pattern),
        ];
        assert_error(trainer.set_parameter_groups(groups), &parts);
    }
    assert_eq!(
        (trainer.parameter_settings(), trainer.parameter_groups().len()),
        (before, 0)
    );
}

// ---------------------------------------------------------------------------------------------------- groups

#[test]
fn the_last_group_that_sets_a_value_decides() {
    let mut trainer = trainer(ADAMW.into(), false);
    let groups = [
        ParameterGroup::biases_and_normalizations().with_weight_decay(0.0),
        ParameterGroup::new("0.*").with_learning_rate_factor(0.5),
        ParameterGroup::new("0.bias")
            .with_learning_rate_factor(0.25)
            .with_weight_decay(0.125),
        ParameterGroup::new("0.weight"),
    ];
    trainer.set_parameter_groups(groups.clone()).unwrap();
    assert_eq!(trainer.parameter_groups(), groups);
    let settings = trainer.parameter_settings();
    let of = |name: &str| {
        let found = settings.iter().find(|settings| settings.name == name).unwrap();
        (found.learning_rate, found.weight_decay)
    };
    assert_eq!(of("0.weight"), (0.005, 0.01));
    assert_eq!(of("0.bias"), (0.0025, 0.125));
    for norm in ["3.weight", "3.bias", "5.weight", "5.bias", "8.bias", "10.bias"] {
        assert_eq!(of(norm), (0.01, 0.0), "{norm}");
    }
    assert_eq!(of("8.weight"), (0.01, 0.01));
    // The schedule's rate, and no groups again.
    let mut trainer = trainer.with_schedule(Schedule::step(1, 0.5)).unwrap();
    steps(&mut trainer, 1..=1);
    assert_eq!(trainer.parameter_settings()[1].learning_rate, 0.5 * 0.0025);
    trainer.set_parameter_groups([]).unwrap();
    assert!(
        trainer
            .parameter_settings()
            .iter()
            .all(|settings| settings.learning_rate == 0.005)
    );
}

#[test]
fn groups_of_all_parameters_are_as_the_optimizers_own_settings() {
    for optimizer in optimizers() {
        for all_settings in [false, true] {
            let mut other = optimizer;
            other.set_learning_rate(4.0 * optimizer.learning_rate());
            other.set_weight_decay(0.75);
            let group = ParameterGroup::new("*")
                .with_learning_rate_factor(0.25)
                .with_weight_decay(optimizer.weight_decay());
            let mut grouped = trainer(other, all_settings).with_parameter_groups([group]).unwrap();
            let mut plain = trainer(optimizer, all_settings);
            steps(&mut grouped, 1..=4);
            steps(&mut plain, 1..=4);
            let what = format!("{optimizer:?}, {all_settings}");
            assert_same_bits(what, &parameters(grouped.network()), &parameters(plain.network()));
        }
    }
}

#[test]
fn groups_and_frozen_parameters_give_the_same_bits_on_any_number_of_threads() {
    for optimizer in optimizers() {
        for all_settings in [false, true] {
            assert_same_on_any_threads(format!("{optimizer:?}, {all_settings}"), || {
                let mut trainer = trainer(optimizer, all_settings);
                trainer.set_parameter_groups(groups()).unwrap();
                trainer.freeze("3.*").unwrap();
                steps(&mut trainer, 1..=3);
                trainer.unfreeze("3.*").unwrap();
                trainer.freeze("*.bias").unwrap();
                steps(&mut trainer, 4..=5);
                parameters(trainer.network())
            });
        }
    }
}

fn groups() -> [ParameterGroup; 2] {
    [
        ParameterGroup::biases_and_normalizations().with_weight_decay(0.0),
        ParameterGroup::new("0.*").with_learning_rate_factor(0.25),
    ]
}

#[test]
fn settings_out_of_range_are_errors_that_change_nothing() {
    let mut trainer = trainer(MOMENTUM.into(), false);
    trainer.set_parameter_groups(groups()).unwrap();
    let settings = trainer.parameter_settings();
    for value in [-0.5, f32::NAN, f32::INFINITY] {
        let rate = ParameterGroup::new("*").with_learning_rate_factor(value);
        assert_error(
            trainer.set_parameter_groups([rate]),
            &["learning-rate factor", &value.to_string()],
        );
        let decay = ParameterGroup::new("*").with_weight_decay(value);
        assert_error(
            trainer.set_parameter_groups([decay]),
            &["weight decay", &value.to_string()],
        );
    }
    assert_eq!(
        (trainer.parameter_settings(), trainer.parameter_groups()),
        (settings, &groups()[..])
    );
    // A product that overflows shows at the step.
    trainer.set_learning_rate(1e30).unwrap();
    trainer
        .set_parameter_groups([ParameterGroup::new("0.*").with_learning_rate_factor(1e30)])
        .unwrap();
    let before = trainer.network().tensors();
    let (inputs, targets) = batch(trainer.network(), 1, BATCH);
    let error = trainer.step(&inputs, &targets).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Setting {
                name: "learning rate",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!((trainer.steps(), trainer.network().tensors()), (0, before));
}

// ------------------------------------------------------------------------------------------------ checkpoints

#[test]
fn a_run_with_groups_and_frozen_parameters_resumes_to_the_same_bits() {
    for optimizer in optimizers() {
        let mut trainer = trainer(optimizer, true);
        let plain = bytes(&trainer);
        trainer.set_parameter_groups(groups()).unwrap();
        trainer.freeze("0.*").unwrap();
        trainer.freeze("8.bias").unwrap();
        steps(&mut trainer, 1..=3);
        trainer.unfreeze("0.*").unwrap();
        let saved = bytes(&trainer);
        let (mut resumed, _) = Trainer::resume_from(&saved, BATCH).unwrap();
        assert!(bytes(&resumed) == saved);
        assert_eq!(resumed.parameter_groups(), groups());
        assert_eq!(resumed.parameter_settings(), trainer.parameter_settings());
        for trainer in [&mut trainer, &mut resumed] {
            steps(trainer, 4..=6);
            trainer.unfreeze("8.bias").unwrap();
            steps(trainer, 7..=8);
        }
        assert!(bytes(&resumed) == bytes(&trainer), "{optimizer:?}");
        let text = &Parts::of(&plain).metadata["training"];
        assert!(
            !text.contains("parameters"),
            "without groups, as in older versions: {text}"
        );
    }
}

#[test]
fn damaged_groups_in_a_checkpoint_are_named() {
    let mut trainer = trainer(MOMENTUM.into(), false);
    trainer.set_parameter_groups(groups()).unwrap();
    trainer.freeze("8.bias").unwrap();
    steps(&mut trainer, 1..=2);
    let bytes = bytes(&trainer);
    for (from, to, message) in [
        ("\"0.*\"", "\"30.*\"", "30.*"),
        (
            "\"learning_rate_factor\":0.25",
            "\"learning_rate_factor\":-1",
            "learning-rate factor",
        ),
        ("\"frozen\":[\"8.bias\"]", "\"frozen\":[\"8.bios\"]", "8.bios"),
        ("\"8.bias\":2", "\"8.bios\":2", "8.bios"),
        ("\"8.bias\":2", "\"8.bias\":3", "8.bias was frozen in 3 of 2 steps"),
        ("\"frozen\"", "\"thawed\"", "thawed"),
    ] {
        let mut parts = Parts::of(&bytes);
        let text = parts.metadata["training"].clone();
        assert!(text.contains(from), "{from} in {text}");
        parts.set_metadata("training", &text.replacen(from, to, 1));
        assert_error(
            Trainer::resume_from(&parts.bytes(), BATCH),
            &["training state", message],
        );
    }
}

// --------------------------------------------------------------------------------------------- initial values

#[test]
fn initial_values_of_some_parameters_can_be_drawn_again() {
    let spec: nn_core::NetworkSpec = NETWORK.parse().unwrap();
    let other = Network::with_initialization(spec, Initialization::PyTorch, 9)
        .unwrap()
        .tensors();
    let mut network = trained(NETWORK, 3);
    let before = network.tensors();
    network.initialize("8.*", Initialization::PyTorch, 9).unwrap();
    let layer = |name: &str| name.starts_with("8.");
    let rest = |name: &str| !name.starts_with("8.");
    assert_eq!(chosen(&network.tensors(), layer), chosen(&other, layer));
    assert_eq!(chosen(&network.tensors(), rest), chosen(&before, rest));
}
