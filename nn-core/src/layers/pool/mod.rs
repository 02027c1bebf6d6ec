//! Pooling layers.

mod avg_pool;
mod geometry;
mod max_pool;

pub(crate) use avg_pool::AvgPool;
pub(crate) use geometry::PoolGeometry;
pub(crate) use max_pool::{MaxPool, max_pool, max_pool_backward};
