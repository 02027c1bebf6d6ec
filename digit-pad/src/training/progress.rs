//! Progress of a training run, as a window shows it.

/// How the network that is being trained is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Whether it rests.
    pub paused: bool,
    /// Whether it is over.
    pub finished: bool,
    /// Steps taken.
    pub steps: u64,
    /// Steps in all.
    pub total_steps: u64,
    /// Seconds of training.
    pub seconds: f32,
    /// Images learnt from in a second.
    pub images_per_second: f32,
    /// Mean loss of the last steps, after each few of them: steps and value.
    pub losses: Vec<[f32; 2]>,
    /// Share of images held out that is read rightly, likewise.
    pub accuracies: Vec<[f32; 2]>,
    /// Share of the test digits that is read rightly, once it is over.
    pub test_accuracy: Option<f32>,
    /// The first layer's filters: height and width of each, and its weights.
    pub filters: (usize, usize, Vec<Vec<f32>>),
}
