//! The graph of a network: nodes in execution order, each with its place in the arenas and what is fused into it.

mod fold;
mod fuse;
mod lower;
mod memory;
mod node;
mod required_region;

pub(crate) use memory::MemoryLayout;
pub(crate) use node::{FoldedNorm, Graph, LayerOutput, Node, ParameterBlock};
