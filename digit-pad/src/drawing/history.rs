//! Undo and redo: earlier and later states of the canvas.

use std::sync::Arc;

use crate::{drawing::strokes::Ink, imaging::gray_image::GrayImage};

/// The most states that are kept.
const MOST_STATES: usize = 200;
/// The most samples of strokes that are kept in all states together.
const MOST_POINTS: usize = 1_000_000;

/// What lies on the canvas: ink, perhaps over a picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The drawing.
    pub ink: Ink,
    /// The picture under it.
    pub picture: Option<Arc<GrayImage>>,
}

impl Document {
    /// Whether nothing lies there.
    pub fn is_blank(&self) -> bool {
        self.ink.is_empty() && self.picture.is_none()
    }
}

/// Sheets before and after the one that lies there; the oldest are forgotten when they become many.
///
/// ```
/// use digit_pad::drawing::history::{History, Document};
/// use digit_pad::geometry::Point;
///
/// let (mut document, mut history) = (Document::default(), History::default());
/// history.record(&document);
/// document.ink.pen_down(Point::new(9.0, 9.0));
/// assert!(history.undo(&mut document) && document.is_blank());
/// assert!(history.redo(&mut document) && !document.is_blank());
/// ```
#[derive(Debug, Clone, Default)]
pub struct History {
    past: Vec<Document>,
    future: Vec<Document>,
}

impl History {
    /// Keeps a sheet that is about to change. What was undone is gone then.
    pub fn record(&mut self, document: &Document) {
        self.future.clear();
        self.past.push(document.clone());
        let points: Vec<_> = self.past.iter().map(|document| document.ink.points()).collect();
        let mut all: usize = points.iter().sum();
        let too_many = points.len().saturating_sub(MOST_STATES);
        let mut forgotten = 0;
        while forgotten < too_many || (all > MOST_POINTS && forgotten + 1 < points.len()) {
            all -= points[forgotten];
            forgotten += 1;
        }
        self.past.drain(..forgotten);
    }

    /// Goes back to the sheet before the last change, and says whether there was one. The pen stays as it is.
    pub fn undo(&mut self, document: &mut Document) -> bool {
        step(&mut self.past, &mut self.future, document)
    }

    /// Takes the last undoing back, and says whether there was one.
    pub fn redo(&mut self, document: &mut Document) -> bool {
        step(&mut self.future, &mut self.past, document)
    }

    /// Whether there is something to go back to.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether something was undone.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }
}

fn step(from: &mut Vec<Document>, to: &mut Vec<Document>, document: &mut Document) -> bool {
    let Some(mut other) = from.pop() else { return false };
    other.ink.set_pen(document.ink.pen());
    other.ink.lift();
    document.ink.lift();
    to.push(std::mem::replace(document, other));
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Point;

    fn dot(document: &mut Document, x: f32) {
        document.ink.pen_down(Point::new(x, x));
        document.ink.pen_up(Point::new(x, x));
    }

    proptest! {
        #[test]
        fn every_sheet_is_found_again(changes in 1..30usize, back in 0..40usize, forth in 0..40usize) {
            let (mut document, mut history) = (Document::default(), History::default());
            let mut documents = vec![document.clone()];
            for i in 0..changes {
                history.record(&document);
                dot(&mut document, i as f32);
                documents.push(document.clone());
            }
            let mut at = changes;
            for _ in 0..back {
                prop_assert_eq!(history.can_undo(), at > 0);
                prop_assert_eq!(history.undo(&mut document), at > 0);
                at = at.saturating_sub(1);
                prop_assert_eq!(&document, &documents[at]);
            }
            for _ in 0..forth {
                prop_assert_eq!(history.can_redo(), at < changes);
                prop_assert_eq!(history.redo(&mut document), at < changes);
                at = (at + 1).min(changes);
                prop_assert_eq!(&document, &documents[at]);
            }
        }
    }

    #[test]
    fn a_new_change_ends_what_could_be_redone() {
        let (mut document, mut history) = (Document::default(), History::default());
        for x in [1.0, 2.0] {
            history.record(&document);
            dot(&mut document, x);
        }
        history.undo(&mut document);
        history.record(&document);
        dot(&mut document, 3.0);
        assert!(!history.can_redo() && !history.redo(&mut document));
    }

    #[test]
    fn memory_does_not_grow_without_end() {
        let (mut document, mut history) = (Document::default(), History::default());
        for i in 0..3 * MOST_STATES {
            history.record(&document);
            dot(&mut document, i as f32);
        }
        assert_eq!(history.past.len(), MOST_STATES);
        for i in 0..60_000 {
            document.ink.pen_down(Point::new(i as f32 % 500.0, 3.0));
        }
        (0..40).for_each(|_| history.record(&document));
        let points: usize = history.past.iter().map(|document| document.ink.points()).sum();
        assert!(points <= MOST_POINTS && history.can_undo(), "{points}");
    }

    #[test]
    fn the_pen_in_hand_stays() {
        let (mut document, mut history) = (Document::default(), History::default());
        history.record(&document);
        document.ink.set_pen(10.0);
        dot(&mut document, 5.0);
        history.undo(&mut document);
        assert_eq!(document.ink.pen(), 10.0);
    }
}
