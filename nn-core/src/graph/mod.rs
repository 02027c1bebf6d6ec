//! The graph of a network: nodes in execution order.

pub(crate) mod required_region;
