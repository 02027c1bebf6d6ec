//! Running a graph for a batch: memory, the forward and backward passes, and their distribution over threads.

pub(crate) mod thread_plan;
pub(crate) mod workspace;

pub use thread_plan::ThreadPlan;
pub use workspace::{BatchReport, Workspace};
