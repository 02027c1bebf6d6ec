//! Progress of a training run, for display.

/// Progress of a training run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Whether training is paused.
    pub paused: bool,
    /// Whether training has ended.
    pub finished: bool,
    /// Number of steps taken.
    pub steps: u64,
    /// Number of steps of the whole run.
    pub total_steps: u64,
    /// Training time in seconds.
    pub seconds: f32,
    /// Training images per second.
    pub images_per_second: f32,
    /// Mean loss since the previous point, as `[step, loss]`.
    pub losses: Vec<[f32; 2]>,
    /// Accuracy on some validation images, as `[step, accuracy]`.
    pub accuracies: Vec<[f32; 2]>,
    /// Accuracy on the test set, once training has ended.
    pub test_accuracy: Option<f32>,
    /// Filters of the first layer: height, width and the weights of each.
    pub filters: (usize, usize, Vec<Vec<f32>>),
}
