//! Spec → graph: a node for each layer that computes, with what is fused into it.

use std::{iter::Peekable, sync::Arc, vec};

use super::{
    fuse::{Item, next_batch_norm, next_max_pool, next_relu},
    node::{Graph, LayerOutput},
    required_region::RequiredRegion,
};
use crate::{
    layers::{
        Activation, AvgPool, BatchNorm, ChangeLayout, Combine, Conv, Custom, Dense, Dropout, Layer, LayerNorm, Layout,
        MaxPool, PoolGeometry, Upsample,
    },
    shape::{HwcShape, Shape},
    spec::{ConvSpec, CustomSpec, LayerPath, LayerSpec, NetworkSpec, PoolSpec},
};

/// What a graph is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Training,
    /// As training, with a copy of the input as the first node, which has the input's gradient then.
    InputGradient,
    /// Batch normalizations are folded into the layers before them.
    Prediction,
    /// Every layer is a node of its own that gives its whole output.
    Activations,
}

impl Graph {
    /// The graph of all layers, for training.
    pub(crate) fn for_training(spec: &NetworkSpec) -> Self {
        Self::lower(spec, Purpose::Training)
    }

    /// The same, with a first node that copies the input; parameters lie in the same places.
    pub(crate) fn for_input_gradient(spec: &NetworkSpec) -> Self {
        Self::lower(spec, Purpose::InputGradient)
    }

    pub(super) fn lower(spec: &NetworkSpec, purpose: Purpose) -> Self {
        let mut graph = Self::new(spec.clone());
        let input = Value {
            source: None,
            shape: spec.input(),
            is_hwc: false,
            flattened: None,
        };
        let mut chain = Chain::new(&mut graph, purpose, (spec.layers(), LayerPath::root()), input);
        chain.push_input(spec.layers());
        chain.push_items();
        chain.push_output();
        graph.finish_edges();
        graph
    }
}

/// Whether some layer stores images as HWC before the end of the chain or before images become other ones: those with
/// windows or channels do, others take samples as they come.
fn uses_hwc(layers: &[LayerSpec]) -> bool {
    layers
        .iter()
        .take_while(|layer| !matches!(layer, LayerSpec::Flatten | LayerSpec::Reshape(_)))
        .any(|layer| needs_hwc(layer) || layer.branches().iter().any(|branch| uses_hwc(branch)))
}

fn needs_hwc(layer: &LayerSpec) -> bool {
    layer.has_windows() || *layer == LayerSpec::BatchNorm
}

/// Where the values of a sample come from, and how they are stored.
#[derive(Clone, Copy, Debug)]
struct Value {
    /// The node that gives them; `None` for the network's input.
    source: Option<usize>,
    shape: Shape,
    /// Whether an image is stored as HWC. Either is true of vectors, and of images with one channel or one pixel.
    is_hwc: bool,
    /// The image in HWC that was flattened to this vector, and where it comes from: a dense layer reads it there.
    flattened: Option<(Option<usize>, HwcShape)>,
}

/// Layers that follow each other, in a graph under construction.
struct Chain<'g, 'a> {
    graph: &'g mut Graph,
    purpose: Purpose,
    /// The position of the chain: that of the network or of a branch.
    path: LayerPath,
    /// The output of the last layer.
    value: Value,
    /// The required part of the chain's input.
    required_input: Shape,
    /// The layers that remain.
    items: Peekable<vec::IntoIter<Item<'a>>>,
}

impl<'g, 'a> Chain<'g, 'a> {
    fn new(graph: &'g mut Graph, purpose: Purpose, (layers, path): (&'a [LayerSpec], LayerPath), value: Value) -> Self {
        let region = match purpose {
            Purpose::Training | Purpose::InputGradient => RequiredRegion::of(value.shape, layers, true),
            Purpose::Prediction => RequiredRegion::of(value.shape, layers, false),
            Purpose::Activations => RequiredRegion::whole(value.shape, layers),
        };
        let items = layers.iter().zip(region.outputs).enumerate();
        let items = items.map(|(index, (layer, output))| Item {
            index,
            layer,
            output,
            before_relu: is_before_relu(&layers[index + 1..]),
        });
        Self {
            graph,
            purpose,
            path,
            value,
            required_input: region.input,
            items: items.collect::<Vec<_>>().into_iter().peekable(),
        }
    }

    fn push_items(&mut self) {
        while let Some(item) = self.items.next() {
            let path = self.path.child(item.index);
            self.push_item(item);
            if self.purpose == Purpose::Activations {
                let Value { source, shape, .. } = self.value;
                self.graph.layer_outputs.push(LayerOutput {
                    path,
                    source,
                    shape,
                    is_hwc: self.image_in_hwc().is_some(),
                });
            }
        }
    }

    /// Changes the layout of the network's input, and crops it to the region that is required, where images are stored
    /// as HWC; copies it first for its gradient.
    fn push_input(&mut self, layers: &[LayerSpec]) {
        let full = self.value.shape;
        if self.purpose == Purpose::InputGradient {
            self.push_for((0, "the input".to_owned()), Box::new(Combine::Add), full);
        }
        let Some(full_shape) = multi_channel_image(full).filter(|_| uses_hwc(layers)) else {
            return;
        };
        let required = self.required_input;
        let change_layout = ChangeLayout {
            shape: hwc(required),
            full_shape,
            to: Layout::Hwc,
        };
        self.push_for((0, "the input".to_owned()), Box::new(change_layout), required);
        self.value.is_hwc = true;
    }

    fn push_item(&mut self, item: Item<'a>) {
        if needs_hwc(item.layer) {
            self.change_layout(Layout::Hwc);
        }
        let input = self.value.shape;
        let output = if item.layer.is_elementwise() {
            // The input may be larger than required: samples are whole, and so is what was normalized.
            input
        } else {
            item.output
        };
        let layer: Box<dyn Layer> = match *item.layer {
            LayerSpec::Dense { outputs, bias } => return self.push_dense(item, outputs, bias),
            LayerSpec::Conv(conv) => return self.push_conv(item, conv, output),
            LayerSpec::BatchNorm => return self.push_batch_norm(item, output),
            LayerSpec::Flatten => return self.push_flatten(item),
            LayerSpec::Reshape(shape) => return self.push_reshape(shape),
            LayerSpec::Custom(ref custom) => return self.push_custom(item, custom),
            LayerSpec::Add { .. } | LayerSpec::Concat { .. } => return self.push_branches(item),
            LayerSpec::MaxPool(pool) => Box::new(MaxPool {
                geometry: PoolGeometry::new(hwc(input), hwc(output), &pool),
            }),
            LayerSpec::AvgPool(pool) => Box::new(AvgPool {
                geometry: PoolGeometry::new(hwc(input), hwc(output), &pool),
            }),
            LayerSpec::GlobalAvgPool => {
                let input = hwc(input);
                let whole = PoolSpec::new(input.height, input.width);
                Box::new(AvgPool {
                    geometry: PoolGeometry::new(input, hwc(output), &whole),
                })
            }
            LayerSpec::Upsample { factor } => Box::new(Upsample {
                input: hwc(input),
                output: hwc(output),
                factor,
            }),
            LayerSpec::LayerNorm => Box::new(LayerNorm::new(input, self.layout())),
            LayerSpec::Dropout { probability } => Box::new(Dropout {
                len: input.len(),
                probability,
                layer_id: self.path.child(item.index).id(),
            }),
            LayerSpec::Relu => Box::new(Activation::Relu),
            LayerSpec::LeakyRelu { slope } => Box::new(Activation::LeakyRelu(slope)),
            LayerSpec::Elu => Box::new(Activation::Elu),
            LayerSpec::Silu => Box::new(Activation::Silu),
            LayerSpec::Softplus => Box::new(Activation::Softplus),
            LayerSpec::Tanh => Box::new(Activation::Tanh),
            LayerSpec::Sigmoid => Box::new(Activation::Sigmoid),
            LayerSpec::Gelu => Box::new(Activation::Gelu),
        };
        self.push(item, layer, output);
    }

    /// Takes a flattened HWC image as it is.
    fn push_dense(&mut self, item: Item<'a>, outputs: usize, bias: bool) {
        let image = self.value.flattened.take().map(|(source, image)| {
            self.value.source = source;
            image
        });
        let inputs = self.value.shape.len();
        let is_first = self.value.source.is_none();
        let folds = self.folds_batch_norm();
        // The normalization's shift becomes the bias.
        let dense = Dense::new((inputs, outputs), (bias | folds, self.fuses_relu()), image, is_first);
        self.push(item, Box::new(dense), Shape::Features(outputs));
        self.graph.count(inputs * outputs);
        self.mark_folded(folds);
    }

    fn push_conv(&mut self, item: Item<'a>, mut conv: ConvSpec, output: Shape) {
        let shapes = (hwc(self.value.shape), hwc(output));
        let folds = self.folds_batch_norm();
        // The normalization's shift becomes the bias.
        conv.bias |= folds;
        let relu = self.fuses_relu();
        // Where windows overlap, a value's gradient has several parts, which only the separate layer adds up.
        let (output, pool) = self.fuses_pool(output, |pool| {
            pool.size.0 <= pool.stride.0 && pool.size.1 <= pool.stride.1 && pool.padding == (0, 0)
        });
        let needs_dx = self.value.source.is_some();
        self.push(item, Box::new(Conv::new(shapes, &conv, relu, pool, needs_dx)), output);
        self.graph
            .count(shapes.1.len() * conv.kernel.0 * conv.kernel.1 * (shapes.0.channels / conv.groups));
        self.mark_folded(folds);
    }

    fn push_batch_norm(&mut self, item: Item<'a>, output: Shape) {
        let input = self.value.shape;
        let relu = self.fuses_relu();
        let (output, pool) = self.fuses_pool(output, |_| true);
        let channels = input.channels();
        let norm = BatchNorm::new(channels, input.len() / channels, relu, pool);
        self.push(item, Box::new(norm), output);
    }

    /// Takes the next layer if it is a batch normalization that is folded into this one.
    fn folds_batch_norm(&mut self) -> bool {
        self.purpose == Purpose::Prediction && next_batch_norm(&mut self.items)
    }

    fn mark_folded(&mut self, folds: bool) {
        if let Some(node) = self.graph.nodes.last_mut() {
            node.folds_batch_norm = folds;
        }
    }

    /// Takes the next layer if it is a ReLU that can be fused.
    fn fuses_relu(&mut self) -> bool {
        self.purpose != Purpose::Activations && next_relu(&mut self.items)
    }

    /// Takes the next layer if it is a max pooling that can be fused; returns the output behind it.
    fn fuses_pool(&mut self, output: Shape, fits: impl Fn(&PoolSpec) -> bool) -> (Shape, Option<PoolGeometry>) {
        if self.purpose == Purpose::Activations {
            return (output, None);
        }
        match next_max_pool(&mut self.items, fits) {
            Some((pooled, pool)) => (pooled, Some(PoolGeometry::new(hwc(output), hwc(pooled), &pool))),
            None => (output, None),
        }
    }

    /// A dense layer takes HWC values as they are; anything else needs them back as CHW.
    fn push_flatten(&mut self, item: Item<'a>) {
        let (source, image) = (self.value.source, self.image_in_hwc());
        let before_dense = matches!(self.items.peek(), Some(next) if matches!(next.layer, LayerSpec::Dense { .. }));
        match image {
            Some(image) if !before_dense || self.purpose == Purpose::Activations => {
                self.push(item, Box::new(ChangeLayout::new(image, Layout::Chw)), item.output);
            }
            _ => self.value.shape = item.output,
        }
        self.value.is_hwc = false;
        self.value.flattened = image.filter(|_| before_dense).map(|image| (source, image));
    }

    /// The values become an image in channel-height-width order.
    fn push_reshape(&mut self, image: Shape) {
        self.change_layout(Layout::Chw);
        self.value.shape = image;
        self.value.flattened = None;
    }

    fn push_custom(&mut self, item: Item<'a>, custom: &CustomSpec) {
        self.change_layout(Layout::Chw);
        let custom = Custom::new(Arc::clone(&custom.0), self.value.shape);
        self.push(item, Box::new(custom), item.output);
        self.value.is_hwc = false;
    }

    /// Lowers each branch from the same value, and combines their outputs.
    fn push_branches(&mut self, item: Item<'a>) {
        let path = self.path.child(item.index);
        let branches = item.layer.branches().iter().enumerate();
        let mut outputs: Vec<Value> = branches
            .map(|(branch, layers)| self.push_branch(layers, path.child(branch)))
            .collect();
        let images = outputs
            .iter()
            .filter(|value| multi_channel_image(value.shape).is_some());
        let is_hwc = images.clone().any(|value| value.is_hwc);
        if is_hwc && images.clone().any(|value| !value.is_hwc) {
            outputs = outputs.into_iter().map(|value| self.changed_layout(value)).collect();
        }
        let combine = match item.layer {
            LayerSpec::Add { .. } => Combine::Add,
            _ => Combine::Concat {
                widths: outputs.iter().map(|value| row_width(value.shape, is_hwc)).collect(),
            },
        };
        let sources: Vec<_> = outputs.iter().map(|value| value.source).collect();
        let place = (path, item.layer.to_string());
        self.graph.push(Box::new(combine), place, &sources, item.output.len());
        self.value = Value {
            source: Some(self.graph.nodes.len() - 1),
            shape: item.output,
            is_hwc,
            flattened: None,
        };
    }

    fn push_branch(&mut self, layers: &[LayerSpec], path: LayerPath) -> Value {
        let mut branch = Chain::new(self.graph, self.purpose, (layers, path), self.value);
        branch.push_items();
        branch.value
    }

    /// Stores the output as CHW, and copies an input that no layer has changed.
    fn push_output(&mut self) {
        self.change_layout(Layout::Chw);
        if self.graph.nodes.is_empty() {
            let row = HwcShape::new(1, self.value.shape.len(), 1);
            let copy = ChangeLayout::new(row, Layout::Chw);
            self.push_for((0, "flatten".to_owned()), Box::new(copy), self.value.shape);
        }
    }

    /// The shape of the value, if it is an image whose layout matters and which is stored as HWC.
    fn image_in_hwc(&self) -> Option<HwcShape> {
        multi_channel_image(self.value.shape).filter(|_| self.value.is_hwc)
    }

    fn layout(&self) -> Layout {
        if self.value.is_hwc { Layout::Hwc } else { Layout::Chw }
    }

    /// Changes the layout of the value where it is an image in another one.
    fn change_layout(&mut self, to: Layout) {
        let is_hwc = to == Layout::Hwc;
        if let Some(image) = multi_channel_image(self.value.shape).filter(|_| self.value.is_hwc != is_hwc) {
            let index = self.items.peek().map_or(0, |item| item.index);
            let place = (index, "a change of layout".to_owned());
            self.push_for(place, Box::new(ChangeLayout::new(image, to)), self.value.shape);
        }
        self.value.is_hwc = is_hwc;
    }

    /// A branch's output as HWC.
    fn changed_layout(&mut self, value: Value) -> Value {
        let before = std::mem::replace(&mut self.value, value);
        self.change_layout(Layout::Hwc);
        std::mem::replace(&mut self.value, before)
    }

    fn push(&mut self, item: Item<'a>, layer: Box<dyn Layer>, output: Shape) {
        self.push_for((item.index, item.layer.to_string()), layer, output);
        if let Some(node) = self.graph.nodes.last_mut() {
            node.before_relu = item.before_relu;
        }
    }

    fn push_for(&mut self, (index, text): (usize, String), layer: Box<dyn Layer>, output: Shape) {
        let place = (self.path.child(index), text);
        self.graph.push(layer, place, &[self.value.source], output.len());
        self.value.source = Some(self.graph.nodes.len() - 1);
        self.value.shape = output;
        self.value.flattened = None;
    }
}

/// Whether a ReLU follows, directly or after a batch normalization.
fn is_before_relu(following: &[LayerSpec]) -> bool {
    matches!(
        following,
        [LayerSpec::Relu, ..] | [LayerSpec::BatchNorm, LayerSpec::Relu, ..]
    )
}

/// How many values of an input lie side by side in a concatenation.
fn row_width(shape: Shape, is_hwc: bool) -> usize {
    if is_hwc { shape.channels() } else { shape.len() }
}

/// A shape as an image.
fn hwc(shape: Shape) -> HwcShape {
    match shape {
        Shape::Image {
            channels,
            height,
            width,
        } => HwcShape::new(height, width, channels),
        Shape::Features(count) => HwcShape::new(1, count, 1),
    }
}

/// The image, if its values lie in different orders as CHW and as HWC.
fn multi_channel_image(shape: Shape) -> Option<HwcShape> {
    let image = hwc(shape);
    (image.channels > 1 && image.height * image.width > 1).then_some(image)
}
