//! Glides: what moves, where it starts and ends, and how far it has come.

use crate::geometry::Bounds;

/// Time of a glide and of a fade, in seconds.
pub(super) const GLIDE: f32 = 0.14;

/// What moves, as it is shown at a time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Pose {
    /// The values of the bar chart, from 0 to 1; none without a prediction.
    pub(super) bars: Vec<f32>,
    /// The bounds of each digit of a number, on the canvas.
    pub(super) boxes: Vec<Bounds>,
}

/// A glide from one pose to another, and the fade of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Motion {
    pub(super) from: Pose,
    pub(super) to: Pose,
    /// When the glide began, in seconds since the window opened.
    pub(super) began: f32,
    pub(super) message: Option<String>,
    /// The message before it.
    pub(super) last_message: Option<String>,
    /// When the message came, or the one before it left.
    pub(super) message_came: f32,
    /// `None` before the clock has run: then everything is where it belongs.
    pub(super) now: Option<f32>,
}

impl Pose {
    /// The pose at a share of the way from another one. A box starts at the one that it overlaps most, and always holds what
    /// it is to hold: no glide cuts ink.
    pub(super) fn after(&self, from: &Pose, share: f32) -> Pose {
        let mix = |a: f32, b: f32| a + share * (b - a);
        let bars = self.bars.iter().enumerate();
        let bars = bars.map(|(i, &to)| mix(from.bars.get(i).copied().unwrap_or(0.0), to));
        let boxes = self.boxes.iter().map(|to| {
            let start = nearest(to, &from.boxes).unwrap_or(*to);
            let between = Bounds {
                left: mix(start.left, to.left),
                top: mix(start.top, to.top),
                right: mix(start.right, to.right),
                bottom: mix(start.bottom, to.bottom),
            };
            between.union(to)
        });
        Pose {
            bars: bars.collect(),
            boxes: boxes.collect(),
        }
    }
}

/// The box that shares most of its area with `to`.
fn nearest(to: &Bounds, boxes: &[Bounds]) -> Option<Bounds> {
    let shared = |other: &Bounds| other.intersection(to).map(|both| both.width() * both.height());
    let overlapping = boxes.iter().filter_map(|other| Some((shared(other)?, *other)));
    overlapping.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}

/// How far something has come that began at a time: fast at first, then slower.
pub(super) fn eased(began: f32, now: f32) -> f32 {
    let rest = 1.0 - ((now - began) / GLIDE).clamp(0.0, 1.0);
    1.0 - rest * rest * rest
}
