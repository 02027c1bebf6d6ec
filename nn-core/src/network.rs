//! Layers in order, and their parameters in one arena.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::{
    buffer::Buffer,
    conv::Map,
    error::{Error, Result, check_length},
    gemm::{Kernel, PANEL},
    layers::{Activation, AvgPool, Conv, Dense, Dropout, Layer, MaxPool, Order, Permute, Pool, TensorSpec},
    random,
    shape::Shape,
    spec::{LayerSpec, NetworkSpec},
};

/// A network with its weights.
///
/// Prediction takes `&self`, so one network serves many threads. What the size of a batch decides is kept apart, in a
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
    plan: Arc<Plan>,
    parameters: Buffer,
    /// The parameters in the form in which prediction reads them, made when they are first wanted.
    prepared: OnceLock<Buffer>,
    kernel: Kernel,
}

/// How a network is computed: fixed when it is built.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) stages: Vec<Stage>,
    /// The arena cut into pieces, in order and without gaps.
    pub(crate) pieces: Vec<Piece>,
    /// Multiply-adds of a forward pass of one sample.
    pub(crate) work: usize,
    /// Those of the first layer that has any.
    pub(crate) first_work: usize,
}

/// A layer, together with an activation that it applies on the way out.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) layer: Box<dyn Layer>,
    /// Number of the layer in the text form, which names its tensors in files.
    pub(crate) item: usize,
    pub(crate) outputs: usize,
    /// Its part of the arena.
    pub(crate) parameters: Range<usize>,
    /// Its part of the arena of prepared parameters.
    pub(crate) prepared: Range<usize>,
}

/// A stretch of the arena whose gradient is computed on its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) stage: usize,
    /// Which of the stage's pieces.
    pub(crate) piece: usize,
    /// Where it begins in the stage's part of the arena.
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// A parameter tensor, or the gradient of one, named and shaped as in PyTorch's `nn.Sequential` of the same layers.
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
        for stage in &plan.stages {
            let mut generator = random::stream(seed, stage.item as u64);
            stage
                .layer
                .initialize(&mut network.parameters[stage.parameters.clone()], &mut generator);
        }
        Ok(network)
    }

    /// A network whose parameters are all zero, to be filled with [`set_tensors`](Self::set_tensors).
    ///
    /// # Errors
    /// If `NN_CORE_KERNEL` names a kernel that this machine cannot run.
    pub fn zeroed(spec: NetworkSpec) -> Result<Self> {
        let plan = Plan::new(&spec);
        let len = plan.stages.last().map_or(0, |stage| stage.parameters.end);
        Ok(Self {
            spec,
            plan: Arc::new(plan),
            parameters: Buffer::zeroed(len),
            prepared: OnceLock::new(),
            kernel: Kernel::active()?,
        })
    }

    /// The same network, computed by another kernel.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Self {
            kernel,
            prepared: OnceLock::new(),
            ..self
        }
    }

    /// The layers and shapes.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// How many parameters there are: weights and biases, without padding.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.spec.parameter_count()
    }

    /// Multiply-adds of a forward pass of one sample.
    #[must_use]
    pub fn multiply_adds(&self) -> usize {
        self.plan.work
    }

    /// Those of the first layer that has any; its input's gradient is not computed in training.
    #[must_use]
    pub fn first_multiply_adds(&self) -> usize {
        self.plan.first_work
    }

    /// A copy of all parameters.
    #[must_use]
    pub fn tensors(&self) -> Vec<Tensor> {
        self.export(&self.parameters)
    }

    /// Replaces all parameters by the tensors that [`tensors`](Self::tensors) would give, in any order.
    ///
    /// # Errors
    /// If a tensor is missing, unknown, given twice, or of another shape; the parameters then stay as they were.
    pub fn set_tensors(&mut self, tensors: &[Tensor]) -> Result<()> {
        let known: BTreeSet<String> = self.tensor_specs().map(|(name, _)| name).collect();
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
        for stage in &self.plan.stages {
            for (index, spec) in stage.layer.tensors().iter().enumerate() {
                let name = tensor_name(stage, spec);
                let tensor = find_tensor(&by_name, &name, spec, &self.spec)?;
                for (i, &value) in tensor.values.iter().enumerate() {
                    parameters[stage.parameters.start + stage.layer.position(index, i)] = value;
                }
            }
        }
        *self.parameters_mut() = parameters;
        Ok(())
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub(crate) fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut Buffer {
        self.prepared.take();
        &mut self.parameters
    }

    /// What [`prepare`](Self::prepare) makes of the parameters as they are.
    pub(crate) fn prepared(&self) -> &[f32] {
        self.prepared.get_or_init(|| {
            let mut prepared = Buffer::zeroed(self.plan.prepared_len());
            self.prepare(&mut prepared);
            prepared
        })
    }

    /// Writes the parameters in the form in which the layers' forward passes read them.
    pub(crate) fn prepare(&self, prepared: &mut [f32]) {
        for stage in self.plan.stages.iter().filter(|stage| !stage.prepared.is_empty()) {
            let parameters = &self.parameters[stage.parameters.clone()];
            stage
                .layer
                .prepare(self.kernel, parameters, &mut prepared[stage.prepared.clone()]);
        }
    }

    /// An arena of this network's layout as named tensors.
    pub(crate) fn export(&self, arena: &[f32]) -> Vec<Tensor> {
        let of_stage = |stage: &Stage| {
            let arena = &arena[stage.parameters.clone()];
            let tensors = stage.layer.tensors().into_iter().enumerate();
            let of_tensor = |(tensor, spec): (usize, TensorSpec)| Tensor {
                name: tensor_name(stage, &spec),
                values: (0..spec.shape.iter().product())
                    .map(|index| arena[stage.layer.position(tensor, index)])
                    .collect(),
                shape: spec.shape,
            };
            tensors.map(of_tensor).collect::<Vec<_>>()
        };
        self.plan.stages.iter().flat_map(of_stage).collect()
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

    fn tensor_specs(&self) -> impl Iterator<Item = (String, TensorSpec)> {
        self.plan.stages.iter().flat_map(|stage| {
            let tensors = stage.layer.tensors().into_iter();
            tensors.map(|tensor| (tensor_name(stage, &tensor), tensor))
        })
    }
}

impl Plan {
    fn new(spec: &NetworkSpec) -> Self {
        let mut plan = Self {
            stages: Vec::new(),
            pieces: Vec::new(),
            work: 0,
            first_work: 0,
        };
        let mut shape = spec.input();
        // Convolutions and pooling want pictures by pixels; without them, samples stay as they come.
        let by_pixels = spec.layers().iter().any(LayerSpec::has_windows);
        if let Some(map) = planes(shape).filter(|_| by_pixels) {
            plan.push(Box::new(Permute { map, to: Order::Pixels }), 0, shape.len());
        }
        let mut items = spec.layers().iter().enumerate().peekable();
        while let Some((item, layer)) = items.next() {
            let mut output = layer.output(item, shape).expect("the text form was checked");
            let mut relu_next = || items.next_if(|(_, next)| matches!(next, LayerSpec::Relu)).is_some();
            let layer: Option<Box<dyn Layer>> = match *layer {
                LayerSpec::Dense { outputs } => {
                    plan.count(shape.len() * outputs);
                    Some(Box::new(Dense::new(shape.len(), outputs, relu_next(), None)))
                }
                LayerSpec::Conv(conv) => {
                    let (input, map) = (map(shape), map(output));
                    plan.count(map.len() * conv.kernel.0 * conv.kernel.1 * input.channels);
                    let relu = relu_next();
                    // Where windows overlap, a pixel's gradient has several parts; the layer of its own adds them.
                    let apart = |next: &LayerSpec| match *next {
                        LayerSpec::MaxPool { size, stride } if size <= stride => Some((size, stride)),
                        _ => None,
                    };
                    let pool = items.next_if(|(_, next)| apart(next).is_some());
                    if let Some((item, pool)) = pool {
                        output = pool.output(item, output).expect("the text form was checked");
                    }
                    let pool = pool.and_then(|(_, pool)| apart(pool));
                    Some(Box::new(Conv::new(input, &conv, relu, pool, !plan.stages.is_empty())))
                }
                LayerSpec::MaxPool { size, stride } => {
                    let pool = Pool::new(map(shape), (size, size), stride);
                    Some(Box::new(MaxPool { pool }))
                }
                LayerSpec::AvgPool { size, stride } => {
                    let pool = Pool::new(map(shape), (size, size), stride);
                    Some(Box::new(AvgPool { pool }))
                }
                LayerSpec::GlobalAvgPool => {
                    let map = map(shape);
                    let pool = Pool::new(map, (map.height, map.width), 1);
                    Some(Box::new(AvgPool { pool }))
                }
                LayerSpec::Dropout { probability } => Some(Box::new(Dropout {
                    len: shape.len(),
                    probability,
                    item,
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
                        Some(&(item, &LayerSpec::Dense { outputs })) => {
                            items.next();
                            plan.count(shape.len() * outputs);
                            let relu = items.next_if(|(_, next)| matches!(next, LayerSpec::Relu)).is_some();
                            let dense = Dense::new(shape.len(), outputs, relu, Some(map));
                            plan.push(Box::new(dense), item, outputs);
                            output = Shape::Features(outputs);
                            None
                        }
                        _ => Some(Box::new(Permute { map, to: Order::Planes })),
                    },
                },
            };
            if let Some(layer) = layer {
                plan.push(layer, item, output.len());
            }
            shape = output;
        }
        if plan.stages.is_empty() {
            // Only flattened: the output is a copy of the input.
            let map = Map::new(1, shape.len(), 1);
            plan.push(Box::new(Permute { map, to: Order::Planes }), 0, shape.len());
        }
        plan
    }

    pub(crate) fn prepared_len(&self) -> usize {
        self.stages.last().map_or(0, |stage| stage.prepared.end)
    }

    /// Counts multiply-adds.
    fn count(&mut self, work: usize) {
        self.work += work;
        if self.first_work == 0 {
            self.first_work = work;
        }
    }

    fn push(&mut self, layer: Box<dyn Layer>, item: usize, outputs: usize) {
        let start = self.stages.last().map_or(0, |stage| stage.parameters.end);
        let prepared = self.prepared_len();
        for (piece, range) in layer.pieces().into_iter().enumerate() {
            self.pieces.push(Piece {
                stage: self.stages.len(),
                piece,
                start: range.start,
                len: range.len(),
            });
        }
        self.stages.push(Stage {
            parameters: start..start + layer.parameter_len(),
            prepared: prepared..prepared + layer.prepared_len().next_multiple_of(PANEL),
            layer,
            item,
            outputs,
        });
    }
}

/// A picture by pixels.
fn map(shape: Shape) -> Map {
    match shape {
        Shape::Image {
            channels,
            height,
            width,
        } => Map::new(height, width, channels),
        Shape::Features(count) => Map::new(1, count, 1),
    }
}

/// The picture, if its pixels and its planes lie in memory in different orders.
fn planes(shape: Shape) -> Option<Map> {
    let map = map(shape);
    (map.channels > 1 && map.height * map.width > 1).then_some(map)
}

fn tensor_name(stage: &Stage, tensor: &TensorSpec) -> String {
    format!("{}.{}", stage.item, tensor.name)
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
