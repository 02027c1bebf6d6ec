//! Fusion: the activation and the pooling that a layer applies to its own output.

use std::iter::Peekable;

use crate::{
    shape::Shape,
    spec::{LayerSpec, PoolSpec},
};

/// A layer of the chain that is being lowered.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    /// Index in its chain.
    pub(super) index: usize,
    pub(super) layer: &'a LayerSpec,
    /// The required part of its output.
    pub(super) output: Shape,
    /// Whether a ReLU follows, directly or after a batch normalization.
    pub(super) before_relu: bool,
}

/// Takes the next layer if it is a ReLU; returns whether it was.
pub(super) fn next_relu<'a>(items: &mut Peekable<impl Iterator<Item = Item<'a>>>) -> bool {
    items.next_if(|item| matches!(item.layer, LayerSpec::Relu)).is_some()
}

/// Takes the next layer if it is a batch normalization; returns whether it was.
pub(super) fn next_batch_norm<'a>(items: &mut Peekable<impl Iterator<Item = Item<'a>>>) -> bool {
    items.next_if(|item| *item.layer == LayerSpec::BatchNorm).is_some()
}

/// Takes the next layer if it is a max pooling that `fits` accepts; returns its output and its windows.
pub(super) fn next_max_pool<'a>(
    items: &mut Peekable<impl Iterator<Item = Item<'a>>>,
    fits: impl Fn(&PoolSpec) -> bool,
) -> Option<(Shape, PoolSpec)> {
    let &Item { layer, output, .. } = items.peek()?;
    match *layer {
        LayerSpec::MaxPool(pool) if fits(&pool) => {
            items.next();
            Some((output, pool))
        }
        _ => None,
    }
}
