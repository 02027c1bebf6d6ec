//! Matching the tensors of a file with those of a network: names first, then types, then shapes.

use std::{collections::BTreeMap, fmt, path::Path};

use super::{
    file::{Content, FileTensor, Input, in_file},
    values,
};
use crate::{
    error::{Error, Result, counted},
    network::{Network, TensorSlot},
    spec::NetworkSpec,
};

/// Parameters up to which names are compared before sizes: the graph of a larger network takes memory.
const SMALL: usize = 1 << 24;
/// Names in a message.
const LISTED: usize = 6;

/// How the tensors of a file from elsewhere are matched with those of a network.
///
/// By default each tensor of the network is the one of the same name, as in PyTorch's
/// `load_state_dict(…, strict=True)`. Values may be F32, F16, BF16 (both widened exactly) or F64 (rounded).
///
/// ```
/// use nn_core::{Network, formats::{LoadOptions, Model}};
/// let trained = Model::new(Network::new("4 | dense 8 | relu | dense 3".parse()?, 1)?);
///
/// // Another head on the same backbone.
/// let mut network = Network::new("4 | dense 8 | relu | dense 2".parse()?, 2)?;
/// let options = LoadOptions::new().partial();
/// let report = options.load_bytes_into(&mut network, &trained.to_bytes()?)?;
/// assert_eq!(report.loaded.len(), 2);
/// assert_eq!(report.mismatched[0].name, "2.weight");
/// # Ok::<(), nn_core::Error>(())
/// ```
///
/// A `state_dict` whose names are not those of an `nn.Sequential` is renamed part by part, or matched by shapes:
///
/// ```no_run
/// # use nn_core::{Network, formats::LoadOptions};
/// # let mut network = Network::new("784 | dense 128 | relu | dense 10".parse()?, 1)?;
/// LoadOptions::new()
///     .strip_prefix("module.") // what DataParallel adds
///     .rename("hidden", "0")
///     .rename("output", "2")
///     .load_into(&mut network, "mlp.safetensors")?;
/// LoadOptions::new().by_shape().load_into(&mut network, "mlp.safetensors")?;
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct LoadOptions {
    renames: Vec<Rename>,
    by_shape: bool,
    partial: bool,
}

#[derive(Clone, Debug)]
enum Rename {
    Strip(String),
    Path(String, String),
}

/// What [`LoadOptions`] loaded, and what it left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Tensors that were loaded: the network's name, and the file's.
    pub loaded: Vec<(String, String)>,
    /// Tensors of the network that the file does not have. They kept their values.
    pub missing: Vec<String>,
    /// Tensors of the network that have another shape in the file. They kept their values.
    pub mismatched: Vec<ShapeMismatch>,
    /// Tensors of the file, by the file's names, that are no part of the network.
    pub unexpected: Vec<String>,
}

/// A tensor that has different shapes in a file and in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShapeMismatch {
    /// The network's name of the tensor.
    pub name: String,
    /// The shape in the file.
    pub in_file: Vec<usize>,
    /// The shape in the network.
    pub in_network: Vec<usize>,
}

impl LoadOptions {
    /// Loads all tensors, by their names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes `prefix` from the names that begin with it, as in `module.0.weight`. Name changes apply in the order in
    /// which they are given.
    pub fn strip_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.renames.push(Rename::Strip(prefix.into()));
        self
    }

    /// Replaces the name `from`, or `from` as the leading parts of longer names: `("fc", "8")` changes `fc.weight`, and
    /// not `fc2.weight`.
    pub fn rename(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.renames.push(Rename::Path(from.into(), to.into()));
        self
    }

    /// Matches layers by the names (`weight`, `bias`) and shapes of their tensors, whatever the layers are called.
    ///
    /// Layers that are alike are matched in the order of the numbers in their names, as in `fc1` and `fc2`: a file does
    /// not keep the order of its tensors. It is an error if their names differ in more than numbers.
    pub fn by_shape(mut self) -> Self {
        self.by_shape = true;
        self
    }

    /// Loads what matches in name and shape, and leaves everything else as it is; the report says what.
    pub fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// Loads tensors from the file at `path` into `network`. Other content of the file, such as labels and input
    /// scaling, is not read.
    ///
    /// # Errors
    /// If the file cannot be read or its tensors do not match; the network is unchanged then. A partial load is an error
    /// if nothing matches.
    pub fn load_into(&self, network: &mut Network, path: impl AsRef<Path>) -> Result<LoadReport> {
        let path = path.as_ref();
        self.load_input_into(network, &Input::open(path)?)
            .map_err(|error| in_file(error, path))
    }

    /// As [`load_into`](Self::load_into), from the bytes of the file.
    ///
    /// # Errors
    /// As [`load_into`](Self::load_into).
    pub fn load_bytes_into(&self, network: &mut Network, bytes: &[u8]) -> Result<LoadReport> {
        self.load_input_into(network, &Input::Bytes(bytes))
    }

    fn load_input_into(&self, network: &mut Network, input: &Input<'_>) -> Result<LoadReport> {
        let content = Content::parse(input)?;
        let matching = self.matching(&Network::slots(network.spec()), content.tensors, network.spec())?;
        matching.load(network)?;
        Ok(matching.report)
    }

    fn matching<'a>(
        &self,
        slots: &[TensorSlot],
        tensors: Vec<FileTensor<'a>>,
        spec: &NetworkSpec,
    ) -> Result<Matching<'a>> {
        let mut names: Vec<_> = tensors.iter().map(|tensor| Some(self.renamed(&tensor.name))).collect();
        if self.by_shape {
            match_shapes(slots, &tensors, &mut names, self.partial)?;
        }
        let matching = Matching::by_name(slots, tensors, names)?;
        if !self.partial {
            matching.check(spec)?;
        } else if matching.sources.is_empty() {
            let report = &matching.report;
            return Err(Error::weights(format!("nothing matches the network {spec}: {report}")));
        }
        Ok(matching)
    }

    /// A name of the file after all name changes.
    fn renamed(&self, name: &str) -> String {
        self.renames.iter().fold(name.to_owned(), |name, rename| {
            let changed = match rename {
                Rename::Strip(prefix) => name.strip_prefix(prefix).map(str::to_owned),
                Rename::Path(from, to) => name
                    .strip_prefix(from)
                    .filter(|rest| rest.is_empty() || rest.starts_with('.') || from.ends_with('.'))
                    .map(|rest| format!("{to}{rest}")),
            };
            changed.unwrap_or(name)
        })
    }
}

/// A new network of these layers with the tensors of a file, all of which it needs.
///
/// # Errors
/// If they do not match.
pub(super) fn load_network(spec: NetworkSpec, tensors: Vec<FileTensor<'_>>) -> Result<Network> {
    check_size(&spec, &tensors)?;
    let matching = LoadOptions::new().matching(&Network::slots(&spec), tensors, &spec)?;
    let mut network = Network::zeroed(spec)?;
    matching.load(&mut network)?;
    Ok(network)
}

/// Checks that a large network does not have more parameters than the file: it would take memory before its tensors are
/// found to be missing.
fn check_size(spec: &NetworkSpec, tensors: &[FileTensor<'_>]) -> Result<()> {
    let len = |tensor: &FileTensor<'_>| tensor.shape.iter().product::<usize>();
    let (needed, found) = (spec.parameter_count(), tensors.iter().map(len).sum::<usize>());
    if needed <= SMALL.max(found) {
        return Ok(());
    }
    let tensors = tensors.iter().map(|tensor| {
        let (dtype, shape) = (tensor.dtype, &tensor.shape);
        format!("{} ({dtype:?}, {shape:?})", tensor.name)
    });
    Err(Error::weights(format!(
        "the network {spec} has {}, but the file has only {}, in {}",
        counted(needed, "parameter"),
        counted(found, "value"),
        list(tensors)
    )))
}

/// The tensors of a file, assigned to those of a network.
struct Matching<'a> {
    /// Index of the network's tensor, and the file's tensor.
    sources: Vec<(usize, FileTensor<'a>)>,
    report: LoadReport,
}

impl<'a> Matching<'a> {
    /// Assigns tensors by `names`, the names after all changes; one without a name is no part of the network.
    fn by_name(slots: &[TensorSlot], tensors: Vec<FileTensor<'a>>, names: Vec<Option<String>>) -> Result<Self> {
        let (mut sources, mut report) = (Vec::new(), LoadReport::default());
        let mut by_name = BTreeMap::new();
        for (name, tensor) in names.into_iter().zip(tensors) {
            let Some(name) = name else {
                report.unexpected.push(tensor.name);
                continue;
            };
            if let Some(other) = by_name.insert(name.clone(), tensor) {
                let tensor = &by_name[&name].name;
                return Err(Error::weights(format!(
                    "the tensors {} and {tensor} would both be {name}; rename one of them",
                    other.name
                )));
            }
        }
        for (index, slot) in slots.iter().enumerate() {
            let Some(tensor) = by_name.remove(&slot.name) else {
                if !slot.optional {
                    report.missing.push(slot.name.clone());
                }
                continue;
            };
            values::check_type(&slot.name, tensor.dtype)?;
            if tensor.shape == slot.shape {
                report.loaded.push((slot.name.clone(), tensor.name.clone()));
                sources.push((index, tensor));
            } else {
                report.mismatched.push(ShapeMismatch {
                    name: slot.name.clone(),
                    in_file: tensor.shape.clone(),
                    in_network: slot.shape.clone(),
                });
            }
        }
        report
            .unexpected
            .extend(by_name.into_values().map(|tensor| tensor.name));
        Ok(Self { sources, report })
    }

    /// Checks that nothing is left.
    fn check(&self, spec: &NetworkSpec) -> Result<()> {
        let LoadReport {
            missing,
            mismatched,
            unexpected,
            ..
        } = &self.report;
        if missing.is_empty() && mismatched.is_empty() && unexpected.is_empty() {
            return Ok(());
        }
        let hint = match common_prefix(unexpected) {
            Some(prefix) if !missing.is_empty() => {
                format!("; strip the prefix {prefix:?} (`LoadOptions::strip_prefix`)")
            }
            _ if mismatched.is_empty() => "; rename tensors, or load a part (`LoadOptions`)".to_owned(),
            _ => String::new(),
        };
        Err(Error::weights(format!(
            "the tensors do not match the network {spec}: {}{hint}",
            self.report.problems()
        )))
    }

    /// Reads the values into the network.
    fn load(&self, network: &mut Network) -> Result<()> {
        let mut tensors = network.tensors();
        for (index, source) in &self.sources {
            tensors[*index].values = source.values()?;
        }
        network.set_tensors(&tensors)
    }
}

impl LoadReport {
    /// What was left, in one sentence.
    fn problems(&self) -> String {
        let mut problems = Vec::new();
        if !self.missing.is_empty() {
            problems.push(format!("missing {}", list(self.missing.iter())));
        }
        if !self.mismatched.is_empty() {
            problems.push(format!("of another shape {}", list(self.mismatched.iter())));
        }
        if !self.unexpected.is_empty() {
            problems.push(format!("no part of the network {}", list(self.unexpected.iter())));
        }
        problems.join("; ")
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.loaded.len() + self.missing.len() + self.mismatched.len();
        write!(f, "{} of {} loaded", self.loaded.len(), counted(total, "tensor"))?;
        match self.problems() {
            problems if problems.is_empty() => Ok(()),
            problems => write!(f, "; {problems}"),
        }
    }
}

impl fmt::Display for ShapeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            in_file,
            in_network,
        } = self;
        write!(f, "{name} ({in_file:?} in the file, {in_network:?} in the network)")
    }
}

/// Names and shapes of a layer's tensors, sorted.
type Signature = Vec<(String, Vec<usize>)>;

/// The layers that have the same signature, by their names.
type Alike = BTreeMap<Signature, Vec<String>>;

/// Renames the file's layers to the layers of the network whose tensors have the same names and shapes; all others lose
/// their names.
fn match_shapes(
    slots: &[TensorSlot],
    tensors: &[FileTensor<'_>],
    names: &mut [Option<String>],
    partial: bool,
) -> Result<()> {
    let required = slots.iter().filter(|slot| !slot.optional);
    let ours = alike(required.map(|slot| (slot.name.as_str(), slot.shape.as_slice())));
    let optional = |name: &str| {
        slots
            .iter()
            .any(|slot| slot.optional && split(&slot.name).1 == split(name).1)
    };
    let found = names.iter().flatten().zip(tensors).filter(|(name, _)| !optional(name));
    let theirs = alike(found.map(|(name, tensor)| (name.as_str(), &tensor.shape[..])));
    let mut layers = BTreeMap::new();
    for (signature, ours) in &ours {
        let theirs = theirs.get(signature).map_or(&[][..], Vec::as_slice);
        if theirs.len() == ours.len() {
            layers.extend(ordered(theirs)?.into_iter().zip(ours));
        } else if !partial {
            let tensors = signature.iter().map(|(name, shape)| format!("{name} {shape:?}"));
            return Err(Error::weights(format!(
                "the network has {} with {}, and the file has {}",
                layers_text(ours),
                list(tensors),
                layers_text(theirs)
            )));
        }
    }
    for name in names {
        *name = name.take().and_then(|name| {
            let (layer, tensor) = split(&name);
            Some(format!("{}.{tensor}", layers.get(layer)?))
        });
    }
    Ok(())
}

/// Layers that are alike, in the order of the numbers in their names.
fn ordered(layers: &[String]) -> Result<Vec<String>> {
    if layers.iter().any(|name| words(name) != words(&layers[0])) {
        return Err(Error::weights(format!(
            "{} have equal shapes, and their names do not tell their order; name them with `LoadOptions::rename`",
            layers_text(layers)
        )));
    }
    let mut layers = layers.to_vec();
    layers.sort_by_key(|name| numbers(name));
    Ok(layers)
}

/// The number of layers, with their names.
fn layers_text(layers: &[String]) -> String {
    match layers {
        [] => "no layer".to_owned(),
        [layer] => format!("the layer {layer}"),
        _ => format!("{} layers ({})", layers.len(), list(layers.iter())),
    }
}

/// Groups layers by their signatures; each group is in the order of the tensors.
fn alike<'a>(tensors: impl Iterator<Item = (&'a str, &'a [usize])>) -> Alike {
    let mut layers: Vec<(&str, Signature)> = Vec::new();
    for (name, shape) in tensors {
        let (layer, tensor) = split(name);
        let tensor = (tensor.to_owned(), shape.to_vec());
        match layers.iter_mut().find(|(name, _)| *name == layer) {
            Some((_, signature)) => signature.push(tensor),
            None => layers.push((layer, vec![tensor])),
        }
    }
    let mut alike = Alike::new();
    for (layer, mut signature) in layers {
        signature.sort();
        alike.entry(signature).or_default().push(layer.to_owned());
    }
    alike
}

/// The layer that a tensor's name begins with, and the rest of the name.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// What a name has beside numbers.
fn words(name: &str) -> Vec<&str> {
    name.split(|c: char| c.is_ascii_digit())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The numbers in a name.
fn numbers(name: &str) -> Vec<u64> {
    let digits = name
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty());
    digits.map(|digits| digits.parse().unwrap_or(u64::MAX)).collect()
}

/// The leading parts that all names have in common, with the dot.
fn common_prefix(names: &[String]) -> Option<&str> {
    let (first, _) = names.first()?.split_once('.')?;
    let prefix = &names[0][..=first.len()];
    let is_number = first.bytes().all(|byte| byte.is_ascii_digit());
    (!is_number && names.iter().all(|name| name.starts_with(prefix))).then_some(prefix)
}

/// Names separated by commas; only the first ones of many.
fn list<T: ToString>(names: impl ExactSizeIterator<Item = T>) -> String {
    let rest = names.len().saturating_sub(LISTED);
    let mut text = names
        .take(LISTED)
        .map(|name| name.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    if rest > 0 {
        text += &format!(" and {rest} more");
    }
    text
}
