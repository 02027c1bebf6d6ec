//! Layers in order, and their parameters in one arena.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::Peekable,
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::{
    aligned::Buffer,
    error::{Error, Result, check_length},
    gemm::{Kernel, NR},
    graph::required_region::Live,
    layers::{
        Activation, AvgPool, BatchNorm, ChangeLayout, Conv, Dense, Dropout, Layer, Layout, MaxPool, PoolGeometry,
        StateSpec, TensorSpec, fold,
    },
    rng,
    shape::{HwcShape, Shape},
    spec::{LayerSpec, NetworkSpec},
};

/// A network with its weights.
///
/// Prediction takes `&self`, so one network serves many threads. What the size of a batch decides is saved apart, in a
/// [`Workspace`](crate::Workspace).
///
/// ```
/// use nn_core::Network;
/// let network = Network::new("4 | dense 8 | relu | dense 3".parse()?, 42)?;
/// let probabilities = network.predict(&[0.5, -1.0, 2.0, 0.0])?;
/// assert_eq!(probabilities.len(), 3);
/// assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    spec: NetworkSpec,
    /// As training walks.
    plan: Arc<Graph>,
    /// As prediction walks: the same, unless normalisations can be folded into the layers before them.
    prediction: Arc<Graph>,
    parameters: Buffer,
    /// What the layers learn without gradients, such as running statistics; optimisers leave it alone.
    state: Buffer,
    /// What prediction derives from both, made when it is first wanted.
    packed: OnceLock<Prepared>,
    kernel: Kernel,
}

/// How a network is computed: fixed when it is built.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// The arena cut into blocks, in order and without gaps.
    pub(crate) blocks: Vec<ParameterBlock>,
    /// The nodes that are [`CrossSample`](crate::layers::CrossSample), in order.
    pub(crate) joints: Vec<usize>,
    /// Multiply-adds of a forward pass of one sample.
    pub(crate) work: usize,
    /// Those of the first layer that has any.
    pub(crate) first_work: usize,
}

/// A layer, together with an activation that it applies on the way out.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) layer: Box<dyn Layer>,
    /// Number of the layer in the text form, which names its tensors in files.
    pub(crate) item: usize,
    pub(crate) outputs: usize,
    /// Its part of the arena.
    pub(crate) parameters: Range<usize>,
    /// Its part of the arena of packed parameters.
    pub(crate) packed: Range<usize>,
    /// Its part of the state.
    pub(crate) state: Range<usize>,
    /// In prediction, the normalisation that is folded into its parameters.
    folded: Option<Folded>,
}

/// Parameters into which a normalisation is folded.
#[derive(Debug)]
struct Folded {
    /// The normalisation's node in training.
    norm: usize,
    /// Where they stand.
    place: Range<usize>,
}

/// What prediction derives from parameters and state.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// Parameters into which normalisations are folded.
    folded: Buffer,
    /// What the layers' [`prepare`](crate::layers::Layer::prepare) wrote.
    values: Buffer,
}

/// A stretch of the arena whose gradient is computed on its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParameterBlock {
    pub(crate) node: usize,
    /// Which of the node's blocks.
    pub(crate) block: usize,
    /// Where it begins in the node's part of the arena.
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// A tensor of parameters or running statistics, or the gradient of one, named and shaped as in PyTorch's `nn.Sequential` of the same layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `<number of the layer>.<name>`, as in `1.weight`.
    pub name: String,
    /// Dense weights are `[outputs, inputs]`, biases `[outputs]`.
    pub shape: Vec<usize>,
    /// The values, the last dimension running fastest.
    pub values: Vec<f32>,
}

impl Network {
    /// A network with initial weights, which depend on the seed alone.
    ///
    /// # Errors
    /// If `NN_CORE_KERNEL` names a kernel that this machine cannot run.
    pub fn new(spec: NetworkSpec, seed: u64) -> Result<Self> {
        let mut network = Self::zeroed(spec)?;
        let plan = Arc::clone(&network.plan);
        for node in &plan.nodes {
            let mut generator = rng::stream(seed, node.item as u64);
            let before_relu = matches!(
                network.spec.layers()[node.item + 1..],
                [LayerSpec::Relu, ..] | [LayerSpec::BatchNorm, LayerSpec::Relu, ..]
            );
            node.layer.initialize(
                &mut network.parameters[node.parameters.clone()],
                before_relu,
                &mut generator,
            );
        }
        Ok(network)
    }

    /// A network whose parameters are all zero, and whose running statistics are those of a new one, to be filled with [`set_tensors`](Self::set_tensors).
    ///
    /// # Errors
    /// If `NN_CORE_KERNEL` names a kernel that this machine cannot run.
    pub fn zeroed(spec: NetworkSpec) -> Result<Self> {
        let plan = Arc::new(Graph::for_training(&spec));
        let prediction = Graph::for_prediction(&spec, &plan).map_or_else(|| Arc::clone(&plan), Arc::new);
        let end = |range: fn(&Node) -> &Range<usize>| plan.nodes.last().map_or(0, |node| range(node).end);
        Ok(Self {
            spec,
            parameters: Buffer::zeroed(end(|node| &node.parameters)),
            state: initial_state(&plan),
            packed: OnceLock::new(),
            plan,
            prediction,
            kernel: Kernel::active()?,
        })
    }

    /// The same network, computed by another kernel.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self {
            kernel,
            packed: OnceLock::new(),
            ..self
        }
    }

    /// The layers and shapes.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// How many parameters there are: weights and biases, without padding. Running statistics are none.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.spec.parameter_count()
    }

    /// Multiply-adds of a forward pass of one sample, by direct arithmetic. Outputs that nothing reads, such as those
    /// that windows leave over at the lower and right edge, are not computed and do not count.
    #[must_use]
    pub fn multiply_adds(&self) -> usize {
        self.plan.work
    }

    /// Those of the first layer that has any; its input's gradient is not computed in training.
    #[must_use]
    pub fn first_multiply_adds(&self) -> usize {
        self.plan.first_work
    }

    /// A copy of all parameters and running statistics: what PyTorch calls the state of a model.
    #[must_use]
    pub fn tensors(&self) -> Vec<Tensor> {
        let of_stage = |node| stage_tensors(node, &self.parameters).chain(state_tensors(node, &self.state));
        self.plan.nodes.iter().flat_map(of_stage).collect()
    }

    /// Replaces all parameters and running statistics by the tensors that [`tensors`](Self::tensors) would give, in any order.
    ///
    /// # Errors
    /// If a tensor is missing, unknown, given twice, or of another shape, or a variance is below 0; all then stay as
    /// they were. A `num_batches_tracked` may be missing, and then counts from 0.
    pub fn set_tensors(&mut self, tensors: &[Tensor]) -> Result<()> {
        let known: BTreeSet<String> = self.tensor_names().collect();
        let refuse = |tensor: &str, problem: &str| {
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            let known = known.join(", ");
            Err(weights_error(format!(
                "tensor {tensor} is {problem}; the network {} has {known}",
                self.spec
            )))
        };
        let mut by_name = BTreeMap::new();
        for tensor in tensors {
            if by_name.insert(tensor.name.as_str(), tensor).is_some() {
                return refuse(&tensor.name, "given twice");
            }
        }
        if let Some(name) = by_name.keys().find(|name| !known.contains(**name)) {
            return refuse(name, "no part of the network");
        }
        let mut parameters = Buffer::zeroed(self.parameters.len());
        let mut state = initial_state(&self.plan);
        for node in &self.plan.nodes {
            for (index, spec) in node.layer.tensors().iter().enumerate() {
                let name = tensor_name(node, spec);
                let tensor = find_tensor(&by_name, &name, spec, &self.spec)?;
                for (i, &value) in tensor.values.iter().enumerate() {
                    parameters[node.parameters.start + node.layer.position(index, i)] = value;
                }
            }
            let mut rest = &mut state[node.state.clone()];
            for spec in node.layer.state() {
                let (values, behind) = rest.split_at_mut(spec.len());
                rest = behind;
                let name = tensor_name(node, &spec.tensor);
                if spec.optional && !by_name.contains_key(name.as_str()) {
                    continue;
                }
                let tensor = find_tensor(&by_name, &name, &spec.tensor, &self.spec)?;
                check_least(tensor, spec.least)?;
                values.copy_from_slice(&tensor.values);
            }
        }
        *self.parameters_mut() = parameters;
        self.state = state;
        Ok(())
    }

    pub(crate) fn plan(&self) -> &Graph {
        &self.plan
    }

    /// The plan, to be saved while the network changes.
    pub(crate) fn shared_plan(&self) -> Arc<Graph> {
        Arc::clone(&self.plan)
    }

    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub(crate) fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The parameters, to be changed; what was derived from them is forgotten.
    pub(crate) fn parameters_mut(&mut self) -> &mut Buffer {
        self.packed.take();
        &mut self.parameters
    }

    /// The state, to be changed; what was derived from it is forgotten.
    pub(crate) fn state_mut(&mut self) -> &mut [f32] {
        self.packed.take();
        &mut self.state
    }

    /// The plan of prediction.
    pub(crate) fn prediction(&self) -> &Graph {
        &self.prediction
    }

    /// What prediction derives from parameters and state as they are.
    pub(crate) fn packed(&self) -> &Prepared {
        self.packed.get_or_init(|| {
            let nodes = &self.prediction.nodes;
            let mut folded = nodes.iter().rev().filter_map(|node| node.folded.as_ref());
            let mut packed = Prepared {
                folded: Buffer::zeroed(folded.next().map_or(0, |folded| folded.place.end)),
                values: Buffer::zeroed(self.prediction.packed_len()),
            };
            for node in nodes {
                if let Some(Folded { norm, place }) = &node.folded {
                    let norm = &self.plan.nodes[*norm];
                    let mut affine = vec![0.0; norm.layer.packed_len()];
                    self.prepare_stage(norm, &self.parameters[norm.parameters.clone()], &mut affine);
                    let own = &self.parameters[node.parameters.clone()];
                    fold(&affine, own, &mut packed.folded[place.clone()]);
                }
                let parameters = self.folded(node, &packed.folded);
                self.prepare_stage(node, parameters, &mut packed.values[node.packed.clone()]);
            }
            packed
        })
    }

    /// In training: writes the parameters in the form in which the layers' forward passes read them.
    pub(crate) fn prepare(&self, packed: &mut [f32]) {
        for node in self.plan.nodes.iter().filter(|node| node.layer.joint().is_none()) {
            let parameters = &self.parameters[node.parameters.clone()];
            self.prepare_stage(node, parameters, &mut packed[node.packed.clone()]);
        }
    }

    fn prepare_stage(&self, node: &Node, parameters: &[f32], packed: &mut [f32]) {
        let state = &self.state[node.state.clone()];
        node.layer.prepare(self.kernel, parameters, state, packed);
    }

    /// What the forward pass of a node of prediction reads: parameters, and their packed form.
    pub(crate) fn predicting<'a>(&'a self, node: &Node, packed: &'a Prepared) -> (&'a [f32], &'a [f32]) {
        let values = &packed.values[node.packed.clone()];
        (self.folded(node, &packed.folded), values)
    }

    fn folded<'a>(&'a self, node: &Node, folded: &'a [f32]) -> &'a [f32] {
        match &node.folded {
            Some(Folded { place, .. }) => &folded[place.clone()],
            None => &self.parameters[node.parameters.clone()],
        }
    }

    /// An arena of this network's layout as named tensors.
    pub(crate) fn export(&self, arena: &[f32]) -> Vec<Tensor> {
        let of_stage = |node| stage_tensors(node, arena);
        self.plan.nodes.iter().flat_map(of_stage).collect()
    }

    /// An arena of this network's layout out of the tensors that [`export`](Self::export) would give of it, in any
    /// order.
    ///
    /// # Errors
    /// As [`set_tensors`](Self::set_tensors).
    pub(crate) fn import(&self, mut tensors: Vec<Tensor>) -> Result<Buffer> {
        let parameters: BTreeSet<String> = self.export(&self.parameters).into_iter().map(|t| t.name).collect();
        // What is no parameter stays as it is.
        tensors.extend(self.tensors().into_iter().filter(|t| !parameters.contains(&t.name)));
        let mut network = self.clone();
        network.set_tensors(&tensors)?;
        Ok(std::mem::take(&mut network.parameters))
    }

    fn tensor_names(&self) -> impl Iterator<Item = String> {
        self.plan.nodes.iter().flat_map(|node| {
            let state = node.layer.state().into_iter().map(|state| state.tensor);
            let tensors = node.layer.tensors().into_iter().chain(state);
            tensors.map(|tensor| tensor_name(node, &tensor))
        })
    }
}

impl Graph {
    fn for_training(spec: &NetworkSpec) -> Self {
        let layers: Vec<_> = spec.layers().iter().cloned().enumerate().collect();
        Self::new(spec.input(), &layers, true)
    }

    /// The plan in which normalisations are folded into the dense layers and convolutions right before them; none
    /// where there is nothing to fold.
    fn for_prediction(spec: &NetworkSpec, training: &Self) -> Option<Self> {
        let mut layers: Vec<(usize, LayerSpec)> = Vec::new();
        for (item, layer) in spec.layers().iter().enumerate() {
            let before = layers.last_mut().filter(|(before, _)| before + 1 == item);
            match (layer, before) {
                (LayerSpec::BatchNorm, Some((_, LayerSpec::Conv(conv)))) => conv.bias = true,
                (LayerSpec::BatchNorm, Some((_, LayerSpec::Dense { .. }))) => {}
                _ => layers.push((item, layer.clone())),
            }
        }
        if layers.len() == spec.layers().len() {
            return None;
        }
        let mut plan = Self::new(spec.input(), &layers, false);
        plan.read_from(training, spec);
        Some(plan)
    }

    /// Points the nodes at the parts of the arenas that training has for their layers, and at the normalisations that
    /// are folded into them.
    fn read_from(&mut self, training: &Self, spec: &NetworkSpec) {
        let nodes = training.nodes.iter().enumerate();
        let mut sources = nodes.filter(|(_, node)| !node.parameters.is_empty());
        let mut end = 0;
        for node in &mut self.nodes {
            let len = node.layer.parameter_len();
            (node.parameters, node.state) = (0..0, 0..0);
            if len == 0 {
                continue;
            }
            let source = sources.find(|(_, source)| source.item == node.item);
            let (index, source) = source.expect("the layer is in both plans");
            (node.parameters, node.state) = (source.parameters.clone(), source.state.clone());
            let is_folded = matches!(
                spec.layers()[node.item..],
                [LayerSpec::Dense { .. } | LayerSpec::Conv(_), LayerSpec::BatchNorm, ..]
            );
            if is_folded {
                node.folded = Some(Folded {
                    norm: index + 1,
                    place: end..end + len,
                });
                end += len;
            }
        }
    }

    /// A plan of some of a network's layers, each with its number, for training or for prediction alone.
    fn new(input: Shape, layers: &[(usize, LayerSpec)], training: bool) -> Self {
        let mut plan = Self {
            nodes: Vec::new(),
            blocks: Vec::new(),
            joints: Vec::new(),
            work: 0,
            first_work: 0,
        };
        let live = Live::of(input, layers.iter().map(|(_, layer)| layer), training);
        let mut shape = input;
        // Layers that look at windows or channels want pictures by pixels; without them, samples stay as they come.
        let of_images = layers.iter().take_while(|(_, layer)| *layer != LayerSpec::Flatten);
        let by_pixels = of_images
            .clone()
            .any(|(_, layer)| layer.has_windows() || *layer == LayerSpec::BatchNorm);
        if let Some(map) = planes(shape).filter(|_| by_pixels) {
            shape = live.input;
            let change_layout = ChangeLayout {
                shape: self::map(shape),
                full_shape: map,
                to: Layout::Hwc,
            };
            plan.push(Box::new(change_layout), 0, shape.len());
        }
        let items = layers.iter().zip(live.outputs);
        let mut items = items.map(|((item, layer), output)| (*item, layer, output)).peekable();
        while let Some((item, layer, mut output)) = items.next() {
            if layer.is_elementwise() {
                // What comes may be more than is read: samples are whole, and so is what was normalised.
                output = shape;
            }
            let mut relu_next = || items.next_if(|(_, next, _)| matches!(next, LayerSpec::Relu)).is_some();
            let layer: Option<Box<dyn Layer>> = match *layer {
                LayerSpec::Dense { outputs } => {
                    plan.count(shape.len() * outputs);
                    Some(Box::new(Dense::new(
                        shape.len(),
                        outputs,
                        relu_next(),
                        None,
                        plan.nodes.is_empty(),
                    )))
                }
                LayerSpec::Conv(conv) => {
                    let maps = (map(shape), map(output));
                    plan.count(maps.1.len() * conv.kernel.0 * conv.kernel.1 * maps.0.channels);
                    let relu = relu_next();
                    // Where windows overlap, a pixel's gradient has several parts; the layer of its own adds them.
                    let pool = next_pool(&mut items, &mut output, |size, stride| size <= stride);
                    Some(Box::new(Conv::new(maps, &conv, relu, pool, !plan.nodes.is_empty())))
                }
                LayerSpec::MaxPool { size, stride } => {
                    let geometry = PoolGeometry::new(map(shape), map(output), (size, size), stride);
                    Some(Box::new(MaxPool { geometry }))
                }
                LayerSpec::AvgPool { size, stride } => {
                    let geometry = PoolGeometry::new(map(shape), map(output), (size, size), stride);
                    Some(Box::new(AvgPool { geometry }))
                }
                LayerSpec::GlobalAvgPool => {
                    let input = map(shape);
                    let geometry = PoolGeometry::new(input, map(output), (input.height, input.width), 1);
                    Some(Box::new(AvgPool { geometry }))
                }
                LayerSpec::BatchNorm => {
                    let relu = relu_next();
                    let pool = next_pool(&mut items, &mut output, |_, _| true);
                    let channels = shape.channels();
                    Some(Box::new(BatchNorm::new(channels, shape.len() / channels, relu, pool)))
                }
                LayerSpec::Dropout { probability } => Some(Box::new(Dropout {
                    len: shape.len(),
                    probability,
                    layer_index: item,
                })),
                LayerSpec::Relu => Some(Box::new(Activation::Relu)),
                LayerSpec::LeakyRelu { slope } => Some(Box::new(Activation::LeakyRelu(slope))),
                LayerSpec::Tanh => Some(Box::new(Activation::Tanh)),
                LayerSpec::Sigmoid => Some(Box::new(Activation::Sigmoid)),
                LayerSpec::Gelu => Some(Box::new(Activation::Gelu)),
                LayerSpec::Flatten => match planes(shape).filter(|_| by_pixels) {
                    None => None,
                    Some(map) => match items.peek() {
                        // Its weights take the pixels as they lie.
                        Some(&(item, &LayerSpec::Dense { outputs }, _)) => {
                            items.next();
                            plan.count(shape.len() * outputs);
                            let relu = items.next_if(|(_, next, _)| matches!(next, LayerSpec::Relu)).is_some();
                            let dense = Dense::new(shape.len(), outputs, relu, Some(map), false);
                            plan.push(Box::new(dense), item, outputs);
                            output = Shape::Features(outputs);
                            None
                        }
                        _ => Some(Box::new(ChangeLayout::new(map, Layout::Chw))),
                    },
                },
            };
            if let Some(layer) = layer {
                plan.push(layer, item, output.len());
            }
            shape = output;
        }
        if plan.nodes.is_empty() {
            // Only flattened: the output is a copy of the input.
            let map = HwcShape::new(1, shape.len(), 1);
            plan.push(Box::new(ChangeLayout::new(map, Layout::Chw)), 0, shape.len());
        }
        plan
    }

    pub(crate) fn packed_len(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.packed.end)
    }

    /// Counts multiply-adds.
    fn count(&mut self, work: usize) {
        self.work += work;
        if self.first_work == 0 {
            self.first_work = work;
        }
    }

    fn push(&mut self, layer: Box<dyn Layer>, item: usize, outputs: usize) {
        let [start, state] = self
            .nodes
            .last()
            .map_or([0; 2], |node| [node.parameters.end, node.state.end]);
        let packed = self.packed_len();
        if layer.joint().is_some() {
            self.joints.push(self.nodes.len());
        }
        for (block, range) in layer.blocks().into_iter().enumerate() {
            self.blocks.push(ParameterBlock {
                node: self.nodes.len(),
                block,
                start: range.start,
                len: range.len(),
            });
        }
        self.nodes.push(Node {
            parameters: start..start + layer.parameter_len(),
            packed: packed..packed + layer.packed_len().next_multiple_of(NR),
            state: state..state + layer.state().iter().map(StateSpec::len).sum::<usize>(),
            folded: None,
            layer,
            item,
            outputs,
        });
    }
}

/// Takes the max pooling of a size and a stride that will do, if that is the next layer; `output` becomes the one
/// behind it.
fn next_pool<'a>(
    items: &mut Peekable<impl Iterator<Item = (usize, &'a LayerSpec, Shape)>>,
    output: &mut Shape,
    will_do: impl Fn(usize, usize) -> bool,
) -> Option<PoolGeometry> {
    let &(_, layer, pooled) = items.peek()?;
    match *layer {
        LayerSpec::MaxPool { size, stride } if will_do(size, stride) => {
            items.next();
            let input = std::mem::replace(output, pooled);
            Some(PoolGeometry::new(map(input), map(pooled), (size, size), stride))
        }
        _ => None,
    }
}

/// A picture by pixels.
fn map(shape: Shape) -> HwcShape {
    match shape {
        Shape::Image {
            channels,
            height,
            width,
        } => HwcShape::new(height, width, channels),
        Shape::Features(count) => HwcShape::new(1, count, 1),
    }
}

/// The picture, if its pixels and its planes lie in memory in different orders.
fn planes(shape: Shape) -> Option<HwcShape> {
    let map = map(shape);
    (map.channels > 1 && map.height * map.width > 1).then_some(map)
}

fn tensor_name(node: &Node, tensor: &TensorSpec) -> String {
    format!("{}.{}", node.item, tensor.name)
}

/// A node's part of an arena as named tensors.
fn stage_tensors(node: &Node, arena: &[f32]) -> impl Iterator<Item = Tensor> {
    let arena = &arena[node.parameters.clone()];
    let tensors = node.layer.tensors().into_iter().enumerate();
    tensors.map(move |(tensor, spec)| Tensor {
        name: tensor_name(node, &spec),
        values: (0..spec.shape.iter().product())
            .map(|index| arena[node.layer.position(tensor, index)])
            .collect(),
        shape: spec.shape,
    })
}

/// A node's part of the state as named tensors.
fn state_tensors(node: &Node, state: &[f32]) -> impl Iterator<Item = Tensor> {
    let mut rest = &state[node.state.clone()];
    node.layer.state().into_iter().map(move |spec| {
        let (values, behind) = rest.split_at(spec.len());
        rest = behind;
        Tensor {
            name: tensor_name(node, &spec.tensor),
            values: values.to_vec(),
            shape: spec.tensor.shape,
        }
    })
}

/// The state of a new network.
fn initial_state(plan: &Graph) -> Buffer {
    let mut state = Buffer::zeroed(plan.nodes.last().map_or(0, |node| node.state.end));
    let specs = plan.nodes.iter().flat_map(|node| node.layer.state());
    let values = specs.flat_map(|spec| std::iter::repeat_n(spec.initial, spec.len()));
    for (state, value) in state.iter_mut().zip(values) {
        *state = value;
    }
    state
}

fn check_least(tensor: &Tensor, least: f32) -> Result<()> {
    let Some(index) = tensor.values.iter().position(|&value| value < least) else {
        return Ok(());
    };
    Err(weights_error(format!(
        "tensor {} holds {} at position {index}; its values are at least {least}",
        tensor.name, tensor.values[index]
    )))
}

fn find_tensor<'a>(
    by_name: &BTreeMap<&str, &'a Tensor>,
    name: &str,
    spec: &TensorSpec,
    network: &NetworkSpec,
) -> Result<&'a Tensor> {
    let Some(tensor) = by_name.get(name) else {
        return Err(weights_error(format!(
            "tensor {name} is missing; the network {network} needs it, with shape {:?}",
            spec.shape
        )));
    };
    if tensor.shape != spec.shape {
        return Err(weights_error(format!(
            "tensor {name} has shape {:?}; the network {network} needs {:?}",
            tensor.shape, spec.shape
        )));
    }
    check_length(
        "tensor values",
        tensor.values.len(),
        spec.shape.iter().product(),
        || format!("tensor {name} has shape {:?}", spec.shape),
    )?;
    Ok(tensor)
}

fn weights_error(reason: String) -> Error {
    Error::Weights { path: None, reason }
}

/// A message's view of a shape that samples have to have.
pub(crate) fn sample_reason(batch: usize, shape: Shape) -> String {
    format!("{batch} samples of shape {shape}")
}
