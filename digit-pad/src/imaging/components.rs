//! Connected components of an image.

/// The label of pixels that belong to no component.
pub(crate) const NONE: u32 = u32::MAX;

/// A pixel that belongs to a component not found yet.
const UNSEEN: u32 = NONE - 1;

/// Labels the 8-connected components of ink, given whether each of `width` × `height` pixels is ink, row by row.
///
/// Returns a label for each pixel: the index of its component, in the order of their first pixels, or [`NONE`]. Calls
/// `visit` with the component and the index of each of its pixels, one component after the other.
pub(crate) fn label(
    (width, height): (usize, usize),
    is_ink: impl Iterator<Item = bool>,
    mut visit: impl FnMut(usize, usize),
) -> Vec<u32> {
    let mut labels: Vec<u32> = is_ink.map(|is_ink| if is_ink { UNSEEN } else { NONE }).collect();
    assert_eq!(labels.len(), width * height);
    let mut stack = Vec::new();
    let (mut component, mut start) = (0, 0);
    while let Some(found) = next_unseen(&labels[start..]) {
        start += found;
        labels[start] = component;
        stack.push(start);
        while let Some(at) = stack.pop() {
            visit(component as usize, at);
            for next in neighbors(width, height, at) {
                if labels[next] == UNSEEN {
                    labels[next] = component;
                    stack.push(next);
                }
            }
        }
        component += 1;
    }
    labels
}

/// Skips blocks without such a pixel, which the compiler vectorizes: most of an image is blank.
fn next_unseen(labels: &[u32]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_unseen = |&label: &u32| label == UNSEEN;
    let has_none = |block: &&[u32]| !block.iter().fold(false, |any, label| any | is_unseen(label));
    let skipped = BLOCK * labels.chunks_exact(BLOCK).take_while(has_none).count();
    let found = labels[skipped..].iter().position(is_unseen)?;
    Some(skipped + found)
}

/// The indices of a pixel and its up to eight neighbors, row by row.
pub(crate) fn neighbors(width: usize, height: usize, at: usize) -> impl Iterator<Item = usize> + use<> {
    let (x, y) = (at % width, at / width);
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    rows.flat_map(move |y| columns.clone().map(move |x| y * width + x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_connect_and_gaps_do_not() {
        let image = b"#..#\n.#..\n...#\n...#";
        let pixels: Vec<bool> = image.iter().filter(|&&c| c != b'\n').map(|&c| c == b'#').collect();
        let mut sizes = vec![0; 3];
        let labels = label((4, 4), pixels.iter().copied(), |component, _| sizes[component] += 1);
        assert_eq!(sizes, [2, 1, 2]);
        let expected = [
            0, NONE, NONE, 1, NONE, 0, NONE, NONE, NONE, NONE, NONE, 2, NONE, NONE, NONE, 2,
        ];
        assert_eq!(labels, expected);
        assert!(label((0, 0), [].into_iter(), |_, _| ()).is_empty());
    }

    #[test]
    fn components_are_found_wherever_they_begin() {
        for at in [0, 31, 32, 63, 64, 99] {
            let mut found = Vec::new();
            let is_ink = (0..100).map(|pixel| pixel == at || pixel == 99);
            label((100, 1), is_ink, |component, at| found.push((component, at)));
            let expected = [(0, at), (1, 99)];
            let expected = if at == 99 { &expected[..1] } else { &expected };
            assert_eq!(found, expected);
        }
    }
}
