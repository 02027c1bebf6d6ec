//! What lay on the canvas before each change, to go back to and forth.

use std::sync::Arc;

use crate::{drawing::strokes::Ink, imaging::gray_image::GreyImage};

/// The most states that are kept.
const MOST_STATES: usize = 200;
/// The most samples of strokes that are kept in all states together.
const MOST_POINTS: usize = 1_000_000;

/// What lies on the canvas: ink, perhaps over a picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// The drawing.
    pub ink: Ink,
    /// The picture under it.
    pub picture: Option<Arc<GreyImage>>,
}

impl Sheet {
    /// Whether nothing lies there.
    pub fn is_blank(&self) -> bool {
        self.ink.is_empty() && self.picture.is_none()
    }
}

/// Sheets before and after the one that lies there; the oldest are forgotten when they become many.
///
/// ```
/// use digit_pad::drawing::history::{History, Sheet};
/// use digit_pad::geometry::Point;
///
/// let (mut sheet, mut history) = (Sheet::default(), History::default());
/// history.record(&sheet);
/// sheet.ink.pen_down(Point::new(9.0, 9.0));
/// assert!(history.undo(&mut sheet) && sheet.is_blank());
/// assert!(history.redo(&mut sheet) && !sheet.is_blank());
/// ```
#[derive(Debug, Clone, Default)]
pub struct History {
    past: Vec<Sheet>,
    future: Vec<Sheet>,
}

impl History {
    /// Keeps a sheet that is about to change. What was undone is gone then.
    pub fn record(&mut self, sheet: &Sheet) {
        self.future.clear();
        self.past.push(sheet.clone());
        let points: Vec<_> = self.past.iter().map(|sheet| sheet.ink.points()).collect();
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
    pub fn undo(&mut self, sheet: &mut Sheet) -> bool {
        step(&mut self.past, &mut self.future, sheet)
    }

    /// Takes the last undoing back, and says whether there was one.
    pub fn redo(&mut self, sheet: &mut Sheet) -> bool {
        step(&mut self.future, &mut self.past, sheet)
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

fn step(from: &mut Vec<Sheet>, to: &mut Vec<Sheet>, sheet: &mut Sheet) -> bool {
    let Some(mut other) = from.pop() else { return false };
    other.ink.set_pen(sheet.ink.pen());
    other.ink.lift();
    sheet.ink.lift();
    to.push(std::mem::replace(sheet, other));
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Point;

    fn dot(sheet: &mut Sheet, x: f32) {
        sheet.ink.pen_down(Point::new(x, x));
        sheet.ink.pen_up(Point::new(x, x));
    }

    proptest! {
        #[test]
        fn every_sheet_is_found_again(changes in 1..30usize, back in 0..40usize, forth in 0..40usize) {
            let (mut sheet, mut history) = (Sheet::default(), History::default());
            let mut sheets = vec![sheet.clone()];
            for i in 0..changes {
                history.record(&sheet);
                dot(&mut sheet, i as f32);
                sheets.push(sheet.clone());
            }
            let mut at = changes;
            for _ in 0..back {
                prop_assert_eq!(history.can_undo(), at > 0);
                prop_assert_eq!(history.undo(&mut sheet), at > 0);
                at = at.saturating_sub(1);
                prop_assert_eq!(&sheet, &sheets[at]);
            }
            for _ in 0..forth {
                prop_assert_eq!(history.can_redo(), at < changes);
                prop_assert_eq!(history.redo(&mut sheet), at < changes);
                at = (at + 1).min(changes);
                prop_assert_eq!(&sheet, &sheets[at]);
            }
        }
    }

    #[test]
    fn a_new_change_ends_what_could_be_redone() {
        let (mut sheet, mut history) = (Sheet::default(), History::default());
        for x in [1.0, 2.0] {
            history.record(&sheet);
            dot(&mut sheet, x);
        }
        history.undo(&mut sheet);
        history.record(&sheet);
        dot(&mut sheet, 3.0);
        assert!(!history.can_redo() && !history.redo(&mut sheet));
    }

    #[test]
    fn memory_does_not_grow_without_end() {
        let (mut sheet, mut history) = (Sheet::default(), History::default());
        for i in 0..3 * MOST_STATES {
            history.record(&sheet);
            dot(&mut sheet, i as f32);
        }
        assert_eq!(history.past.len(), MOST_STATES);
        for i in 0..60_000 {
            sheet.ink.pen_down(Point::new(i as f32 % 500.0, 3.0));
        }
        (0..40).for_each(|_| history.record(&sheet));
        let points: usize = history.past.iter().map(|sheet| sheet.ink.points()).sum();
        assert!(points <= MOST_POINTS && history.can_undo(), "{points}");
    }

    #[test]
    fn the_pen_in_hand_stays() {
        let (mut sheet, mut history) = (Sheet::default(), History::default());
        history.record(&sheet);
        sheet.ink.set_pen(10.0);
        dot(&mut sheet, 5.0);
        history.undo(&mut sheet);
        assert_eq!(sheet.ink.pen(), 10.0);
    }
}
