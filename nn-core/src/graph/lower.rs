//! Spec → graph: a node for each layer that computes, with what is fused into it.

use std::{iter::Peekable, vec};

use super::{
    fuse::{Item, next_max_pool, next_relu},
    node::Graph,
    required_region::RequiredRegion,
};
use crate::{
    layers::{
        Activation, AvgPool, BatchNorm, ChangeLayout, Conv, Dense, Dropout, Layer, LayerNorm, Layout, MaxPool,
        PoolGeometry, Upsample,
    },
    shape::{HwcShape, Shape},
    spec::{ConvSpec, LayerSpec, NetworkSpec, PoolSpec},
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
            uses_hwc: false,
            items: items.collect::<Vec<_>>().into_iter().peekable(),
        };
        lowering.push_image(0, spec.input(), region.input);
        while let Some(item) = lowering.items.next() {
            lowering.push_item(item);
        }
        lowering.push_copy_if_empty();
        lowering.graph
    }
}

/// Whether an image that goes into these layers is stored as HWC: layers with windows or channels need it, others take
/// samples as they come.
fn uses_hwc<'a>(layers: impl Iterator<Item = Item<'a>>) -> bool {
    layers
        .take_while(|item| !matches!(item.layer, LayerSpec::Flatten | LayerSpec::Reshape(_)))
        .any(|item| item.layer.has_windows() || *item.layer == LayerSpec::BatchNorm)
}

/// A graph under construction.
struct Lowering<'a> {
    graph: Graph,
    /// The last node's output.
    shape: Shape,
    /// Whether images are stored as HWC.
    uses_hwc: bool,
    /// The layers that remain.
    items: Peekable<vec::IntoIter<Item<'a>>>,
}

impl<'a> Lowering<'a> {
    /// Continues with the values of the last node as `shape`, in channel-height-width order. Changes the layout of an
    /// image, and crops it to the region that is required, where images are stored as HWC from here on.
    fn push_image(&mut self, index: usize, shape: Shape, required: Shape) {
        self.shape = shape;
        self.uses_hwc = uses_hwc(self.items.clone());
        if let Some(full_shape) = multi_channel_image(shape).filter(|_| self.uses_hwc) {
            let change_layout = ChangeLayout {
                shape: hwc(required),
                full_shape,
                to: Layout::Hwc,
            };
            self.push(Box::new(change_layout), index, required);
        }
    }

    fn push_item(&mut self, item: Item<'a>) {
        let output = if item.layer.is_elementwise() {
            // The input may be larger than required: samples are whole, and so is what was normalized.
            self.shape
        } else {
            item.output
        };
        let layer: Box<dyn Layer> = match *item.layer {
            LayerSpec::Dense { outputs, bias } => return self.push_dense(item.index, (outputs, bias), None),
            LayerSpec::Conv(conv) => return self.push_conv(item.index, &conv, output),
            LayerSpec::BatchNorm => return self.push_batch_norm(item.index, output),
            LayerSpec::Flatten => return self.push_flatten(item),
            LayerSpec::Reshape(shape) => {
                self.push_chw(item.index);
                return self.push_image(item.index, shape, item.output);
            }
            LayerSpec::MaxPool(pool) => Box::new(MaxPool {
                geometry: PoolGeometry::new(hwc(self.shape), hwc(output), &pool),
            }),
            LayerSpec::AvgPool(pool) => Box::new(AvgPool {
                geometry: PoolGeometry::new(hwc(self.shape), hwc(output), &pool),
            }),
            LayerSpec::GlobalAvgPool => {
                let input = hwc(self.shape);
                let whole = PoolSpec::new(input.height, input.width);
                Box::new(AvgPool {
                    geometry: PoolGeometry::new(input, hwc(output), &whole),
                })
            }
            LayerSpec::Upsample { factor } => Box::new(Upsample {
                input: hwc(self.shape),
                output: hwc(output),
                factor,
            }),
            LayerSpec::LayerNorm => Box::new(LayerNorm::new(self.shape, self.layout())),
            LayerSpec::Dropout { probability } => Box::new(Dropout {
                len: self.shape.len(),
                probability,
                layer_index: item.index,
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
        self.push(layer, item.index, output);
    }

    /// `image` is the shape of the input, if it is an image stored as HWC.
    fn push_dense(&mut self, index: usize, (outputs, bias): (usize, bool), image: Option<HwcShape>) {
        let inputs = self.shape.len();
        self.graph.count(inputs * outputs);
        let is_first = self.graph.nodes.is_empty();
        let relu = next_relu(&mut self.items);
        let dense = Dense::new((inputs, outputs), (bias, relu), image, is_first);
        self.push(Box::new(dense), index, Shape::Features(outputs));
    }

    fn push_conv(&mut self, index: usize, conv: &ConvSpec, output: Shape) {
        let shapes = (hwc(self.shape), hwc(output));
        self.graph
            .count(shapes.1.len() * conv.kernel.0 * conv.kernel.1 * (shapes.0.channels / conv.groups));
        let relu = next_relu(&mut self.items);
        // Where windows overlap, a value's gradient has several parts, which only the separate layer adds up.
        let (output, pool) = self.next_pool(output, |pool| {
            pool.size.0 <= pool.stride.0 && pool.size.1 <= pool.stride.1 && pool.padding == (0, 0)
        });
        let needs_dx = !self.graph.nodes.is_empty();
        self.push(Box::new(Conv::new(shapes, conv, relu, pool, needs_dx)), index, output);
    }

    fn push_batch_norm(&mut self, index: usize, output: Shape) {
        let relu = next_relu(&mut self.items);
        let (output, pool) = self.next_pool(output, |_| true);
        let channels = self.shape.channels();
        let norm = BatchNorm::new(channels, self.shape.len() / channels, relu, pool);
        self.push(Box::new(norm), index, output);
    }

    /// Takes the next layer if it is a max pooling that can be fused; returns the output behind it.
    fn next_pool(&mut self, output: Shape, fits: impl Fn(&PoolSpec) -> bool) -> (Shape, Option<PoolGeometry>) {
        match next_max_pool(&mut self.items, fits) {
            Some((pooled, pool)) => (pooled, Some(PoolGeometry::new(hwc(output), hwc(pooled), &pool))),
            None => (output, None),
        }
    }

    /// A dense layer takes HWC values as they are; anything else needs them back as CHW.
    fn push_flatten(&mut self, item: Item<'a>) {
        let image = self.hwc_image();
        if let Some(&Item {
            index,
            layer: &LayerSpec::Dense { outputs, bias },
            ..
        }) = self.items.peek().filter(|_| image.is_some())
        {
            self.items.next();
            return self.push_dense(index, (outputs, bias), image);
        }
        self.push_chw(item.index);
        self.shape = item.output;
    }

    /// Changes the layout of an image that is stored as HWC to CHW.
    fn push_chw(&mut self, index: usize) {
        if let Some(image) = self.hwc_image() {
            self.push(Box::new(ChangeLayout::new(image, Layout::Chw)), index, self.shape);
        }
    }

    /// The last node's output, if it is an image whose values lie in another order than as CHW.
    fn hwc_image(&self) -> Option<HwcShape> {
        multi_channel_image(self.shape).filter(|_| self.uses_hwc)
    }

    fn layout(&self) -> Layout {
        if self.uses_hwc { Layout::Hwc } else { Layout::Chw }
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
