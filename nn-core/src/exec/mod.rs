//! Running a graph for a batch: memory, the forward and backward passes, and their distribution over threads.

mod memory;
mod output_split;
mod packed;
mod pass;
mod shard;
mod slice;
mod thread_plan;
mod workspace;

pub(crate) use packed::PackedParameters;
pub(crate) use pass::BoundGraph;
pub(crate) use shard::{for_blocks, in_pool, min_block_parameters};
pub use thread_plan::ThreadPlan;
pub(crate) use workspace::check_min_batch;
pub use workspace::{BatchReport, Workspace};
