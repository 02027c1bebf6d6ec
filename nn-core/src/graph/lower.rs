//! Spec → graph: a node for each layer that computes, with what is fused into it.

use std::{iter::Peekable, vec};

use super::{
    fuse::{Item, next_max_pool, next_relu},
    node::Graph,
    required_region::RequiredRegion,
};
use crate::{
    layers::{
        Activation, AvgPool, BatchNorm, ChangeLayout, Conv, Dense, Dropout, Layer, Layout, MaxPool, PoolGeometry,
    },
    shape::{HwcShape, Shape},
    spec::{ConvSpec, LayerSpec, NetworkSpec},
};

impl Graph {
    /// The graph of all layers, for training.
    pub(crate) fn for_training(spec: &NetworkSpec) -> Self {
        let layers: Vec<_> = spec.layers().iter().cloned().enumerate().collect();
        Self::lower(spec, &layers, true)
    }

    /// The graph of some of a network's layers, each with its index in the text form.
    pub(super) fn lower(spec: &NetworkSpec, layers: &[(usize, LayerSpec)], training: bool) -> Self {
        let region = RequiredRegion::of(spec.input(), layers.iter().map(|(_, layer)| layer), training);
        let items = layers.iter().zip(region.outputs).map(|((index, layer), output)| Item {
            index: *index,
            layer,
            output,
        });
        let mut lowering = Lowering {
            graph: Self::new(spec.clone()),
            shape: spec.input(),
            uses_hwc: uses_hwc(layers),
            items: items.collect::<Vec<_>>().into_iter().peekable(),
        };
        lowering.push_input(region.input);
        while let Some(item) = lowering.items.next() {
            lowering.push_item(item);
        }
        lowering.push_copy_if_empty();
        lowering.graph
    }
}

/// Whether images are stored as HWC: layers with windows or channels need it, others take samples as they come.
fn uses_hwc(layers: &[(usize, LayerSpec)]) -> bool {
    layers
        .iter()
        .take_while(|(_, layer)| *layer != LayerSpec::Flatten)
        .any(|(_, layer)| layer.has_windows() || *layer == LayerSpec::BatchNorm)
}

/// A graph under construction.
struct Lowering<'a> {
    graph: Graph,
    /// The last node's output.
    shape: Shape,
    uses_hwc: bool,
    /// The layers that remain.
    items: Peekable<vec::IntoIter<Item<'a>>>,
}

impl<'a> Lowering<'a> {
    /// Changes the layout of the input, and crops it to the region that is required, where images are stored as HWC.
    fn push_input(&mut self, required: Shape) {
        let Some(full_shape) = multi_channel_image(self.shape).filter(|_| self.uses_hwc) else {
            return;
        };
        self.shape = required;
        let change_layout = ChangeLayout {
            shape: hwc(required),
            full_shape,
            to: Layout::Hwc,
        };
        self.graph.push(Box::new(change_layout), 0, required.len());
    }

    fn push_item(&mut self, item: Item<'a>) {
        let output = if item.layer.is_elementwise() {
            // The input may be larger than required: samples are whole, and so is what was normalized.
            self.shape
        } else {
            item.output
        };
        let layer: Box<dyn Layer> = match *item.layer {
            LayerSpec::Dense { outputs } => return self.push_dense(item.index, outputs, None),
            LayerSpec::Conv(conv) => return self.push_conv(item.index, &conv, output),
            LayerSpec::BatchNorm => return self.push_batch_norm(item.index, output),
            LayerSpec::Flatten => return self.push_flatten(item),
            LayerSpec::MaxPool { size, stride } => Box::new(MaxPool {
                geometry: PoolGeometry::new(hwc(self.shape), hwc(output), (size, size), stride),
            }),
            LayerSpec::AvgPool { size, stride } => Box::new(AvgPool {
                geometry: PoolGeometry::new(hwc(self.shape), hwc(output), (size, size), stride),
            }),
            LayerSpec::GlobalAvgPool => {
                let input = hwc(self.shape);
                Box::new(AvgPool {
                    geometry: PoolGeometry::new(input, hwc(output), (input.height, input.width), 1),
                })
            }
            LayerSpec::Dropout { probability } => Box::new(Dropout {
                len: self.shape.len(),
                probability,
                layer_index: item.index,
            }),
            LayerSpec::Relu => Box::new(Activation::Relu),
            LayerSpec::LeakyRelu { slope } => Box::new(Activation::LeakyRelu(slope)),
            LayerSpec::Tanh => Box::new(Activation::Tanh),
            LayerSpec::Sigmoid => Box::new(Activation::Sigmoid),
            LayerSpec::Gelu => Box::new(Activation::Gelu),
        };
        self.push(layer, item.index, output);
    }

    /// `image` is the shape of the input, if it is an image stored as HWC.
    fn push_dense(&mut self, index: usize, outputs: usize, image: Option<HwcShape>) {
        let inputs = self.shape.len();
        self.graph.count(inputs * outputs);
        let is_first = self.graph.nodes.is_empty();
        let dense = Dense::new(inputs, outputs, next_relu(&mut self.items), image, is_first);
        self.push(Box::new(dense), index, Shape::Features(outputs));
    }

    fn push_conv(&mut self, index: usize, conv: &ConvSpec, output: Shape) {
        let shapes = (hwc(self.shape), hwc(output));
        self.graph
            .count(shapes.1.len() * conv.kernel.0 * conv.kernel.1 * shapes.0.channels);
        let relu = next_relu(&mut self.items);
        // Where windows overlap, a value's gradient has several parts, which only the separate layer adds up.
        let (output, pool) = self.next_pool(output, |size, stride| size <= stride);
        let needs_dx = !self.graph.nodes.is_empty();
        self.push(Box::new(Conv::new(shapes, conv, relu, pool, needs_dx)), index, output);
    }

    fn push_batch_norm(&mut self, index: usize, output: Shape) {
        let relu = next_relu(&mut self.items);
        let (output, pool) = self.next_pool(output, |_, _| true);
        let channels = self.shape.channels();
        let norm = BatchNorm::new(channels, self.shape.len() / channels, relu, pool);
        self.push(Box::new(norm), index, output);
    }

    /// Takes the next layer if it is a max pooling that can be fused; returns the output behind it.
    fn next_pool(&mut self, output: Shape, fits: impl Fn(usize, usize) -> bool) -> (Shape, Option<PoolGeometry>) {
        match next_max_pool(&mut self.items, fits) {
            Some((pooled, size, stride)) => {
                let geometry = PoolGeometry::new(hwc(output), hwc(pooled), (size, size), stride);
                (pooled, Some(geometry))
            }
            None => (output, None),
        }
    }

    /// A dense layer takes HWC values as they are; anything else needs them back as CHW.
    fn push_flatten(&mut self, item: Item<'a>) {
        let Some(image) = multi_channel_image(self.shape).filter(|_| self.uses_hwc) else {
            self.shape = item.output;
            return;
        };
        if let Some(&Item {
            index,
            layer: &LayerSpec::Dense { outputs },
            ..
        }) = self.items.peek()
        {
            self.items.next();
            self.push_dense(index, outputs, Some(image));
        } else {
            self.push(Box::new(ChangeLayout::new(image, Layout::Chw)), item.index, item.output);
        }
    }

    /// A network that only flattens copies its input.
    fn push_copy_if_empty(&mut self) {
        if self.graph.nodes.is_empty() {
            let row = HwcShape::new(1, self.shape.len(), 1);
            self.push(Box::new(ChangeLayout::new(row, Layout::Chw)), 0, self.shape);
        }
    }

    fn push(&mut self, layer: Box<dyn Layer>, index: usize, output: Shape) {
        self.graph.push(layer, index, output.len());
        self.shape = output;
    }
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
