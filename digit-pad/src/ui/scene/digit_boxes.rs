//! Boxes around the digits of a number on the canvas, and their labels, which cut no ink and no other box.

use crate::{
    drawing::strokes::Stroke,
    format::percent,
    geometry::Bounds,
    graphics::{
        canvas::Rect,
        text::{Align, Face},
    },
    ui::{
        scene::{builder::SceneBuilder, item::Item},
        state::State,
    },
};

/// Gap between the ink and its box, in canvas units.
const GAP: f32 = 6.0;

/// Half of the gap between two boxes, in canvas units, where there is room for it.
const HALF_BETWEEN: f32 = 1.5;

impl SceneBuilder<'_> {
    /// Boxes around the digits of a number, each with its prediction; that of the selected digit stands out.
    pub(super) fn digit_boxes(&mut self, state: &State) {
        let digits = state.digits();
        if digits.len() < 2 {
            return;
        }
        let pen = state.ink().strokes().iter().map(Stroke::width).fold(0.0, f32::max);
        let boxes = boxes(&state.shown_pose().boxes, 0.5 * pen + GAP);
        let boxes: Vec<Rect> = boxes.into_iter().map(|bounds| self.layout.on_canvas(bounds)).collect();
        let long = digits.iter().map(|digit| match digit.mark {
            None => format!("{} {}", digit.symbol(), percent(digit.prediction.probability())),
            Some(mark) => mark.symbol().to_string(),
        });
        let long: Vec<String> = long.collect();
        let widths: Vec<[i32; 2]> = long
            .iter()
            .zip(digits)
            .map(|(text, digit)| {
                [text, &digit.symbol()]
                    .map(|text| text.chars().count())
                    .map(|letters| self.layout.scaled(8.0 * letters as f32 + 4.0) as i32)
            })
            .collect();
        let lines: Vec<usize> = digits.iter().map(|digit| digit.line).collect();
        let height = self.layout.scaled(17.0) as i32;
        let (is_long, labels) = labels(&boxes, &lines, &widths, height, self.layout.canvas);
        for (i, digit) in digits.iter().enumerate() {
            let is_selected = state.selected_index() == Some(i);
            let color = self.prediction_color(&digit.prediction);
            self.items.push(Item::Outline {
                rect: boxes[i],
                radius: self.layout.scaled(8.0),
                thickness: self.layout.scaled(if is_selected { 2.5 } else { 1.0 }),
                color: if is_selected { color } else { self.theme.bar },
            });
            let Some(rect) = labels[i] else { continue };
            let symbol = digit.symbol();
            let text = if is_long { &long[i] } else { &symbol };
            self.text(rect, text, Face::SemiBold, 13.0, Align::Center, color);
        }
    }
}

/// Each digit's bounds with a margin around them, as far as that leaves the boxes disjoint. The boxes of two digits whose
/// bounds overlap in both directions overlap too.
fn boxes(bounds: &[Bounds], margin: f32) -> Vec<Bounds> {
    let mut boxes: Vec<Bounds> = bounds.iter().map(|bounds| bounds.grown(margin)).collect();
    for (i, a) in bounds.iter().enumerate() {
        for (j, b) in bounds.iter().enumerate() {
            let (across, down) = (b.left - a.right, b.top - a.bottom);
            // From a to b, rightwards or downwards, whichever way they are farther apart.
            let other = (a.left - b.right).max(a.top - b.bottom);
            let gap = across.max(down);
            if i == j || gap < 0.0 || other > gap {
                continue;
            }
            let half = HALF_BETWEEN.min(0.5 * gap);
            if across >= down {
                let middle = 0.5 * (a.right + b.left);
                boxes[i].right = boxes[i].right.min(middle - half);
                boxes[j].left = boxes[j].left.max(middle + half);
            } else {
                let middle = 0.5 * (a.bottom + b.top);
                boxes[i].bottom = boxes[i].bottom.min(middle - half);
                boxes[j].top = boxes[j].top.max(middle + half);
            }
        }
    }
    boxes
}

/// A place for the label of each box, and whether all of them are long: of the two widths of each label, all have the first,
/// or else all have the second.
fn labels(
    boxes: &[Rect],
    lines: &[usize],
    widths: &[[i32; 2]],
    height: i32,
    canvas: Rect,
) -> (bool, Vec<Option<Rect>>) {
    let [long, short] = [0, 1].map(|which| {
        let sizes: Vec<_> = widths.iter().map(|widths| (widths[which], height)).collect();
        placed(boxes, lines, &sizes, canvas)
    });
    let is_long = long.iter().all(Option::is_some);
    (is_long, if is_long { long } else { short })
}

/// A place for the label of each box, above, below or beside it, where that is possible in line with the others of its line:
/// on the canvas and clear of all boxes and of all other labels; `None` where there is none.
fn placed(boxes: &[Rect], lines: &[usize], sizes: &[(i32, i32)], canvas: Rect) -> Vec<Option<Rect>> {
    let mut taken = boxes.to_vec();
    let mut labels = Vec::with_capacity(boxes.len());
    for ((around, line), &size) in boxes.iter().zip(lines).zip(sizes) {
        let of_line = boxes.iter().zip(lines).filter(|(_, other)| *other == line);
        let top = of_line.map(|(around, _)| around.y).min().unwrap_or(around.y);
        let is_free = |label: &Rect, taken: &[Rect]| {
            label.intersection(&canvas) == *label && taken.iter().all(|other| other.intersection(label).is_empty())
        };
        let label = { places(*around, top, size, canvas).into_iter() }.find(|label| is_free(label, &taken));
        taken.extend(label);
        labels.push(label);
    }
    labels
}

/// Where the label of a box in a line with that top may be, the best place first.
fn places(around: Rect, top: i32, (width, height): (i32, i32), canvas: Rect) -> [Rect; 5] {
    let centered = around.x + (around.width - width) / 2;
    let centered = centered.min(canvas.right() - width).max(canvas.x);
    let middle = around.y + (around.height - height) / 2;
    [
        (centered, top - height - 1),
        (centered, around.y - height - 1),
        (centered, around.bottom() + 1),
        (around.right() + 1, middle),
        (around.x - width - 1, middle),
    ]
    .map(|(x, y)| Rect::new(x, y, width, height))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_bounds() -> impl Strategy<Value = Vec<Bounds>> {
        let one = (0.0..500.0f32, 0.0..500.0f32, 1.0..200.0f32, 1.0..300.0f32);
        let one = one.prop_map(|(left, top, width, height)| Bounds {
            left,
            top,
            right: left + width,
            bottom: top + height,
        });
        proptest::collection::vec(one, 0..12)
    }

    fn overlap(a: &Bounds, b: &Bounds) -> bool {
        a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
    }

    proptest! {
        #[test]
        fn boxes_hold_their_ink_and_are_disjoint_where_the_ink_is(bounds in any_bounds(), margin in 0.0..40.0f32) {
            let boxes = boxes(&bounds, margin);
            for (i, (found, inner)) in boxes.iter().zip(&bounds).enumerate() {
                prop_assert_eq!(found.grown(0.01).intersection(inner), Some(*inner));
                for (other, outer) in boxes[..i].iter().zip(&bounds) {
                    prop_assert!(overlap(inner, outer) || !overlap(found, other), "{:?} {:?}", found, other);
                }
            }
        }

        #[test]
        fn labels_are_clear_of_all_boxes_and_of_each_other(bounds in any_bounds(), height in 8..30i32) {
            let canvas = Rect::new(0, 0, 560, 560);
            let rect = |b: &Bounds| Rect::new(b.left as i32, b.top as i32, b.width() as i32, b.height() as i32);
            let boxes: Vec<Rect> = bounds.iter().map(|b| rect(b).intersection(&canvas)).collect();
            let lines = vec![0; boxes.len()];
            let (_, labels) = labels(&boxes, &lines, &vec![[70, 12]; boxes.len()], height, canvas);
            for (i, label) in labels.iter().enumerate() {
                let Some(label) = label else { continue };
                prop_assert_eq!(label.intersection(&canvas), *label);
                prop_assert!(boxes.iter().all(|other| other.intersection(label).is_empty()));
                prop_assert!(labels[..i].iter().flatten().all(|other| other.intersection(label).is_empty()));
            }
        }
    }

    #[test]
    fn all_labels_are_long_and_in_line_or_all_are_short() {
        let canvas = Rect::new(0, 0, 560, 560);
        let boxes = [
            Rect::new(40, 100, 90, 200),
            Rect::new(132, 100, 20, 200),
            Rect::new(154, 0, 90, 560),
        ];
        let (is_long, found) = labels(&boxes, &[0, 0, 1], &[[60, 12]; 3], 17, canvas);
        let expected = [
            Rect::new(79, 82, 12, 17),
            Rect::new(136, 82, 12, 17),
            Rect::new(245, 271, 12, 17),
        ];
        assert_eq!(
            (is_long, found),
            (false, expected.map(Some).to_vec()),
            "the second has no room"
        );
        let boxes = [Rect::new(40, 100, 90, 200), Rect::new(140, 150, 90, 150)];
        let (is_long, found) = labels(&boxes, &[0, 0], &[[60, 12]; 2], 17, canvas);
        let expected = [55, 155].map(|x| Some(Rect::new(x, 82, 60, 17)));
        assert_eq!((is_long, found), (true, expected.to_vec()));
    }
}
