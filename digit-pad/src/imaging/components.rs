//! Connected components of an image.

/// The label of pixels that belong to no component.
pub(crate) const NONE: u32 = u32::MAX;

/// Labels the 8-connected components of the pixels that `is_ink` accepts.
///
/// Returns a label for each of the `width` × `height` pixels, row by row: the index of its component, in the order of
/// their first pixels, or [`NONE`]. Calls `visit` with the component and the index of each of its pixels, one component
/// after the other.
pub(crate) fn label(
    width: usize,
    height: usize,
    is_ink: impl Fn(usize) -> bool,
    mut visit: impl FnMut(usize, usize),
) -> Vec<u32> {
    let mut labels = vec![NONE; width * height];
    let mut stack = Vec::new();
    let mut component = 0;
    for start in 0..labels.len() {
        if !is_ink(start) || labels[start] != NONE {
            continue;
        }
        labels[start] = component as u32;
        stack.push(start);
        while let Some(at) = stack.pop() {
            visit(component, at);
            for next in neighbors(width, height, at) {
                if is_ink(next) && labels[next] == NONE {
                    labels[next] = component as u32;
                    stack.push(next);
                }
            }
        }
        component += 1;
    }
    labels
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
        let labels = label(4, 4, |at| pixels[at], |component, _| sizes[component] += 1);
        assert_eq!(sizes, [2, 1, 2]);
        let expected = [
            0, NONE, NONE, 1, NONE, 0, NONE, NONE, NONE, NONE, NONE, 2, NONE, NONE, NONE, 2,
        ];
        assert_eq!(labels, expected);
        assert!(label(0, 0, |_| true, |_, _| ()).is_empty());
    }
}
