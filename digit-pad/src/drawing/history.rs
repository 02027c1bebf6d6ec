//! Undo and redo of the canvas.

use std::sync::Arc;

use crate::{drawing::strokes::Ink, imaging::gray_image::GrayImage};

/// Most documents that can be undone.
const MAX_DOCUMENTS: usize = 200;
/// Most stroke samples that all documents hold together.
const MAX_POINTS: usize = 1_000_000;

/// The content of the canvas: strokes, over an image if one is open.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The strokes.
    pub ink: Ink,
    /// The image under the strokes.
    pub image: Option<Arc<GrayImage>>,
}

impl Document {
    /// Whether there is neither ink nor an image.
    pub fn is_blank(&self) -> bool {
        self.ink.is_empty() && self.image.is_none()
    }
}

/// Documents before and after the current one. The oldest are dropped when there are too many.
///
/// ```
/// use digit_pad::drawing::history::{Document, History};
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
    /// Records a document that is about to change. Clears what can be redone.
    pub fn record(&mut self, document: &Document) {
        self.future.clear();
        self.past.push(document.clone());
        let points: Vec<_> = self.past.iter().map(|document| document.ink.point_count()).collect();
        let mut total: usize = points.iter().sum();
        let excess = points.len().saturating_sub(MAX_DOCUMENTS);
        let mut dropped = 0;
        while dropped < excess || (total > MAX_POINTS && dropped + 1 < points.len()) {
            total -= points[dropped];
            dropped += 1;
        }
        self.past.drain(..dropped);
    }

    /// Restores the document before the last change. Returns whether there was one. The pen keeps its width.
    pub fn undo(&mut self, document: &mut Document) -> bool {
        step(&mut self.past, &mut self.future, document)
    }

    /// Reverses the last undo. Returns whether there was one.
    pub fn redo(&mut self, document: &mut Document) -> bool {
        step(&mut self.future, &mut self.past, document)
    }

    /// Whether there is a change to undo.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is an undo to reverse.
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
        fn every_document_is_restored(changes in 1..30usize, back in 0..40usize, forth in 0..40usize) {
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
    fn a_new_change_clears_the_redo_history() {
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
    fn memory_is_bounded() {
        let (mut document, mut history) = (Document::default(), History::default());
        for i in 0..3 * MAX_DOCUMENTS {
            history.record(&document);
            dot(&mut document, i as f32);
        }
        assert_eq!(history.past.len(), MAX_DOCUMENTS);
        for i in 0..60_000 {
            document.ink.pen_down(Point::new(i as f32 % 500.0, 3.0));
        }
        (0..40).for_each(|_| history.record(&document));
        let points: usize = history.past.iter().map(|document| document.ink.point_count()).sum();
        assert!(points <= MAX_POINTS && history.can_undo(), "{points}");
    }

    #[test]
    fn undo_keeps_the_pen_width() {
        let (mut document, mut history) = (Document::default(), History::default());
        history.record(&document);
        document.ink.set_pen(10.0);
        dot(&mut document, 5.0);
        history.undo(&mut document);
        assert_eq!(document.ink.pen(), 10.0);
    }
}
