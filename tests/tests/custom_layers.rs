//! A user's own layers: in the builder and by name, among built-in ones, with and without parameters; invalid ones.

use nn_core::{
    Cursor, CustomBackward, CustomLayer, LayerRegistry, Network, NetworkSpec, Shape, Tensor, Trainer, check_gradients,
    formats::{LoadOptions, Model},
    loss::CrossEntropy,
    optim::{Adam, Sgd},
};
use tests::{
    close::{Tolerance, assert_close},
    data::{assert_error, batch, network, on_kernels, parameters, values},
    threads::assert_same_on_any_threads,
};

/// `y = weight·x + bias` with a weight for each channel and a bias for each value: what batch normalization does in
/// prediction, and more.
#[derive(Debug)]
struct Affine;

impl CustomLayer for Affine {
    fn text(&self) -> String {
        "affine".to_owned()
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn parameters(&self, input: Shape) -> Vec<(&'static str, Vec<usize>)> {
        vec![("weight", vec![input.channels()]), ("bias", vec![input.len()])]
    }

    fn initialize(&self, input: Shape, parameters: &mut [f32], uniform: &mut dyn FnMut() -> f32) {
        let (weight, bias) = parameters.split_at_mut(input.channels());
        weight.fill(1.0);
        bias.fill_with(|| 0.1 * uniform());
    }

    fn forward(&self, input: Shape, parameters: &[f32], x: &[f32], y: &mut [f32]) {
        let (weight, bias) = parameters.split_at(input.channels());
        let area = x.len() / weight.len();
        for (index, y) in y.iter_mut().enumerate() {
            *y = weight[index / area] * x[index] + bias[index];
        }
    }

    fn backward(&self, input: Shape, pass: CustomBackward<'_>) {
        let channels = input.channels();
        let area = pass.x.len() / channels;
        for (index, dy) in pass.dy.iter().enumerate() {
            pass.dx[index] = pass.parameters[index / area] * dy;
            pass.dparameters[index / area] += pass.x[index] * dy;
            pass.dparameters[channels + index] += dy;
        }
    }
}

/// Keeps every `step`-th value, as a vector.
#[derive(Debug)]
struct Every(usize);

impl CustomLayer for Every {
    fn text(&self) -> String {
        format!("every {}", self.0)
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        if self.0 == 0 {
            return Err("the step has to be at least 1".to_owned());
        }
        Ok(Shape::features(input.len().div_ceil(self.0)))
    }

    fn forward(&self, _input: Shape, _parameters: &[f32], x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x.iter().step_by(self.0)) {
            *y = *x;
        }
    }

    fn backward(&self, _input: Shape, pass: CustomBackward<'_>) {
        pass.dx.fill(0.0);
        for (dx, dy) in pass.dx.iter_mut().step_by(self.0).zip(pass.dy) {
            *dx = *dy;
        }
    }
}

fn registry() -> LayerRegistry {
    let registry = LayerRegistry::new().with("affine", |words| match words {
        [] => Ok(Affine),
        _ => Err("expected `affine` without settings".to_owned()),
    });
    let every = |words: &[&str]| match words {
        [step] => Ok(Every(step.parse().map_err(|_| format!("{step} is not a number"))?)),
        _ => Err("expected `every STEP`".to_owned()),
    };
    registry.unwrap().with("every", every).unwrap()
}

fn parse(text: &str) -> NetworkSpec {
    NetworkSpec::parse_with(text, &registry()).unwrap()
}

const NETWORK: &str =
    "6x7x2 | affine | conv 3 2x2 | affine | relu | add(affine; conv 3 3x3 pad same) | every 3 | affine | dense 4";

#[test]
fn own_layers_print_and_parse_by_their_names() {
    let spec = parse(NETWORK);
    assert_eq!(spec.to_string(), NETWORK);
    assert_eq!(parse(&spec.to_string()), spec);
    let builder = NetworkSpec::builder(Shape::features(4)).custom(Every(2)).custom(Affine);
    assert_eq!(builder.build().unwrap(), parse("4 | every 2 | affine"));
    assert_ne!(parse("4 | every 2 | affine"), parse("4 | every 1 | affine"));
    assert_eq!(spec.shapes()[5], Shape::features(30));
    let network = Network::new(spec, 1).unwrap();
    let names: Vec<_> = network.tensors().into_iter().map(|tensor| tensor.name).collect();
    let own = ["0.weight", "0.bias", "2.weight", "2.bias", "4.0.0.weight", "4.0.0.bias"];
    assert!(own.iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
}

/// An affine layer of one weight does what a 1×1 convolution does, and one behind another layer gets CHW values.
#[test]
fn an_own_layer_computes_what_a_built_in_one_does() {
    let own = Network::new(parse("5x4x3 | conv 3 3x3 pad same | affine | conv 2 2x2"), 1).unwrap();
    let built_in = "5x4x3 | conv 3 3x3 pad same | conv 3 1x1 | conv 2 2x2";
    let mut built_in = Network::new(built_in.parse().unwrap(), 1).unwrap();
    let weight = [0.5, -2.0, 3.0];
    let bias = [0.25, -1.0, 0.75];
    let mut own_tensors = own.tensors();
    let mut tensors = built_in.tensors();
    let copy = |from: &[Tensor], to: &mut [Tensor], name: &str| {
        let source = from.iter().find(|tensor| tensor.name == name).unwrap();
        let target = to.iter_mut().find(|tensor| tensor.name == name).unwrap();
        target.values.clone_from(&source.values);
    };
    for name in ["0.weight", "0.bias", "2.weight", "2.bias"] {
        copy(&own_tensors, &mut tensors, name);
    }
    for tensor in &mut own_tensors {
        match tensor.name.as_str() {
            "1.weight" => tensor.values = weight.to_vec(),
            "1.bias" => tensor.values = bias.iter().flat_map(|&bias| [bias; 20]).collect(),
            _ => {}
        }
    }
    for tensor in &mut tensors {
        match tensor.name.as_str() {
            "1.weight" => tensor.values = (0..9).map(|i| if i % 4 == 0 { weight[i / 4] } else { 0.0 }).collect(),
            "1.bias" => tensor.values = bias.to_vec(),
            _ => {}
        }
    }
    let mut own = own;
    own.set_tensors(&own_tensors).unwrap();
    built_in.set_tensors(&tensors).unwrap();
    let inputs = values(4, 3 * 60);
    let outputs = [&own, &built_in].map(|network| network.activations(&inputs, &["2"]).unwrap().remove(0).values);
    assert_close("outputs", &outputs[0], &outputs[1], Tolerance::new(1e-5, 1e-5));
}

#[test]
fn networks_with_own_layers_train_to_the_same_bits_on_any_number_of_threads() {
    for (kernel, network) in on_kernels(&Network::new(parse(NETWORK), 2).unwrap()) {
        let (inputs, targets) = batch(&network, 3, 40);
        let losses = assert_same_on_any_threads(format!("own layers, {kernel}"), || {
            let mut trainer = Trainer::new(network.clone(), Sgd::new(0.1), 40).unwrap();
            let mut values: Vec<f32> = (0..30).map(|_| trainer.step(&inputs, &targets).unwrap().loss).collect();
            values.extend(parameters(trainer.network()));
            values
        });
        assert!(losses[29] < 0.8 * losses[0], "{kernel}: {:?}", &losses[..30]);
    }
}

#[test]
fn invalid_names_and_settings_of_own_layers_are_refused() {
    for (name, reason) in [
        ("", "it is empty"),
        ("dense", "a built-in layer has this name"),
        ("concat", "a built-in layer has this name"),
        ("my layer", "no blanks"),
        ("a|b", "none of `|`"),
    ] {
        assert_error(LayerRegistry::new().with(name, |_| Ok(Affine)), &[reason]);
    }
    let parse = |text| NetworkSpec::parse_with(text, &registry());
    assert_error(parse("4 | every"), &["layer 0", "expected `every STEP`"]);
    assert_error(parse("4 | every 0"), &["0 (every 0)", "at least 1"]);
    assert_error(
        parse("4 | evry 2"),
        &["no such layer; did you mean `every`?", "`affine`"],
    );
    assert_error("4 | every 2".parse::<NetworkSpec>(), &["no such layer"]);
}

#[test]
fn networks_with_own_layers_load_with_a_registry_or_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    let network = Network::new(parse(NETWORK), 7).unwrap();
    Model::new(network.clone()).save(&path).unwrap();
    assert_error(Model::load(&path), &["own.safetensors", "affine", "no such layer"]);
    let loaded = Model::load_with(&path, &registry()).unwrap();
    assert_eq!(loaded.network.tensors(), network.tensors());
    let named = Model::load_as(&path, parse(NETWORK)).unwrap();
    assert_eq!(named.network.tensors(), network.tensors());
    let mut into = Network::new(parse(NETWORK), 8).unwrap();
    LoadOptions::new().load_into(&mut into, &path).unwrap();
    assert_eq!(into.tensors(), network.tensors());
}

#[test]
fn a_head_may_have_own_layers() {
    let backbone = network("5 | dense 8 | relu", 1);
    let joined = backbone
        .with_custom_head("affine | every 2 | dense 3", 7, &registry())
        .unwrap();
    assert_eq!(joined.spec(), &parse("5 | dense 8 | relu | affine | every 2 | dense 3"));
    assert_eq!(joined.tensors()[..2], backbone.tensors()[..]);
    let alone = Network::new(parse("8 | affine | every 2 | dense 3"), 7).unwrap();
    assert_eq!(joined.tensors()[4].values, alone.tensors()[2].values);
    assert_error(
        backbone.with_head("affine | dense 3", 7),
        &["no such layer", "LayerRegistry"],
    );
    // A backbone with own layers takes any head, and can be cut.
    let cut = joined.cut_after(3).unwrap().with_head("dense 2", 8).unwrap();
    assert_eq!(cut.spec(), &parse("5 | dense 8 | relu | affine | every 2 | dense 2"));
}

/// A layer whose text or parameters cannot be stored.
#[derive(Debug)]
struct Odd {
    text: &'static str,
    parameter: (&'static str, Vec<usize>),
}

impl CustomLayer for Odd {
    fn text(&self) -> String {
        self.text.to_owned()
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn parameters(&self, _input: Shape) -> Vec<(&'static str, Vec<usize>)> {
        vec![self.parameter.clone()]
    }

    fn forward(&self, _input: Shape, _parameters: &[f32], _x: &[f32], _y: &mut [f32]) {}

    fn backward(&self, _input: Shape, _pass: CustomBackward<'_>) {}
}

#[test]
fn own_layers_that_could_not_be_stored_are_refused() {
    for (text, parameter, reason) in [
        ("relu", ("weight", vec![1]), "no built-in layer has"),
        ("", ("weight", vec![1]), "no built-in layer has"),
        ("a(b", ("weight", vec![1]), "no built-in layer has"),
        ("odd", ("", vec![1]), "its parameter"),
        ("odd", ("a.b", vec![1]), "its parameter"),
        ("odd", ("weight", vec![3, 0]), "its parameter"),
        ("odd", ("weight", vec![1 << 40, 1 << 40]), "more than 2^30 parameters"),
    ] {
        let builder = NetworkSpec::builder(Shape::features(3)).custom(Odd { text, parameter });
        assert_error(builder.build(), &[reason]);
    }
}

/// The identity with a multiple of its gradient.
#[derive(Debug)]
struct Wrong(f32);

impl CustomLayer for Wrong {
    fn text(&self) -> String {
        "wrong".to_owned()
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn forward(&self, _input: Shape, _parameters: &[f32], x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
    }

    fn backward(&self, _input: Shape, pass: CustomBackward<'_>) {
        for (dx, dy) in pass.dx.iter_mut().zip(pass.dy) {
            *dx = self.0 * dy;
        }
    }
}

#[test]
fn the_check_of_gradients_tells_right_from_wrong() {
    let smooth = "4 | dense 9 | gelu | dense 3";
    let branched = NETWORK.replace("relu", "tanh");
    for (text, seed) in [("3x2x2 | dense 6 | affine | every 2", 5), (&branched, 6), (smooth, 7)] {
        let network = Network::new(parse(text), seed).unwrap();
        let (inputs, targets) = batch(&network, 6, 9);
        let check = check_gradients(&network, &inputs, &targets, &CrossEntropy::new()).unwrap();
        assert!(
            check.worst < 0.05 && check.compared > 2 * check.skipped,
            "{text}: {check:?}"
        );
    }
    for (factor, least) in [(0.5, 0.4), (0.9, 0.08), (1.1, 0.08)] {
        let builder = NetworkSpec::builder(Shape::features(4))
            .dense(5)
            .relu()
            .custom(Wrong(factor))
            .dense(3);
        let network = Network::new(builder.build().unwrap(), 1).unwrap();
        let (inputs, targets) = batch(&network, 6, 9);
        let check = check_gradients(&network, &inputs, &targets, &CrossEntropy::new()).unwrap();
        assert!(check.worst > least, "{check:?}");
        let wrong = ["0.weight", "0.bias", "inputs"];
        assert!(wrong.iter().any(|name| check.worst_at.starts_with(name)), "{check:?}");
    }
}

/// The identity, with a weight that adds nothing, that gives a value of its own for an input above 5.
#[derive(Debug)]
struct Broken {
    value: f32,
    place: &'static str,
}

impl CustomLayer for Broken {
    fn text(&self) -> String {
        "broken".to_owned()
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn parameters(&self, _input: Shape) -> Vec<(&'static str, Vec<usize>)> {
        vec![("weight", vec![3])]
    }

    fn forward(&self, _input: Shape, _parameters: &[f32], x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
        if self.place == "output" && x[0] > 5.0 {
            y[1] = self.value;
        }
    }

    fn backward(&self, _input: Shape, pass: CustomBackward<'_>) {
        pass.dx.copy_from_slice(pass.dy);
        if pass.x[0] > 5.0 {
            match self.place {
                "input" => pass.dx[1] = self.value,
                "parameters" => pass.dparameters[2] += self.value,
                _ => {}
            }
        }
    }
}

#[test]
fn an_own_layer_that_is_not_finite_is_refused_and_changes_nothing() {
    for (place, message) in [
        ("output", &["sample 26", "its output is not finite"][..]),
        ("input", &["sample 26", "the gradient of its input is not finite"]),
        ("parameters", &["the gradient of its parameters is not finite"]),
    ] {
        for value in [f32::NAN, f32::INFINITY] {
            for is_branch in [false, true] {
                let registry = LayerRegistry::new().with("broken", move |_| Ok(Broken { value, place }));
                let (text, layer) = if is_branch {
                    ("4 | dense 4 | add(broken) | dense 4", "layer 1.1.0 (broken)")
                } else {
                    ("4 | dense 4 | broken | dense 4", "layer 1 (broken)")
                };
                let spec = NetworkSpec::parse_with(text, &registry.unwrap()).unwrap();
                let mut network = Network::new(spec, 1).unwrap();
                let identity: Vec<f32> = (0..16).map(|i| f32::from(u8::from(i % 5 == 0))).collect();
                network.set_parameter("0.weight", &identity).unwrap();
                let (mut inputs, targets) = batch(&network, 6, 40);
                inputs[26 * 4] = 6.0;
                let mut trainer = Trainer::new(network, Adam::new(0.01), 40).unwrap();
                let before = trainer.checkpoint(Cursor::default()).unwrap();
                assert_error(
                    trainer.step(&inputs, &targets),
                    &[message, &[layer, "overflow"]].concat(),
                );
                assert_error(trainer.accumulate(&inputs, &targets), &[message, &[layer]].concat());
                assert!(trainer.checkpoint(Cursor::default()).unwrap() == before, "{layer}");
                inputs[26 * 4] = 0.0;
                trainer.step(&inputs, &targets).unwrap();
            }
        }
    }
}

#[test]
fn the_check_of_gradients_skips_kinks() {
    for text in [
        "8x8x1 | conv 4 3x3 | relu | maxpool 2 | dense 8 | relu | dense 3",
        "6 | dense 16 | relu | dense 3",
        "6x6x2 | conv 4 3x3 pad same | batchnorm | relu | add(conv 4 3x3 pad same | batchnorm) | relu | dense 3",
    ] {
        for seed in 0..20 {
            let network = network(text, seed);
            let (inputs, targets) = batch(&network, seed + 100, 6);
            let check = check_gradients(&network, &inputs, &targets, &CrossEntropy::new()).unwrap();
            assert!(check.worst < 0.05, "{text}, seed {seed}: {check:?}");
            assert!(check.compared > check.skipped, "{text}, seed {seed}: {check:?}");
        }
    }
}

#[test]
fn a_run_with_own_layers_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let (inputs, targets) = batch(&Network::new(parse(NETWORK), 3).unwrap(), 6, 9);
    let mut trainer = Trainer::new(Network::new(parse(NETWORK), 3).unwrap(), Adam::new(0.01), 9).unwrap();
    trainer.step(&inputs, &targets).unwrap();
    trainer.save_checkpoint(&path, Cursor::default()).unwrap();
    assert_error(Trainer::resume(&path, 9), &["affine", "LayerRegistry"]);
    let (mut resumed, _) = Trainer::resume_with(&path, 9, &registry(), None).unwrap();
    trainer.step(&inputs, &targets).unwrap();
    resumed.step(&inputs, &targets).unwrap();
    assert_eq!(parameters(resumed.network()), parameters(trainer.network()));
}
