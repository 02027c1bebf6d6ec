//! Along one axis: the source pixels that each target pixel is computed from, and the filter positions they meet.

use crate::layers::conv::geometry::gcd;

/// The taps of a target pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taps {
    pub(super) count: usize,
    /// Filter position and source pixel of the first one.
    position: usize,
    source: usize,
}

/// The taps of all target pixels.
#[derive(Debug)]
pub(super) struct AxisTaps {
    pixels: Vec<Taps>,
    /// From a tap to the next: steps of the filter position, and of the source pixel, which may be backward.
    position_step: usize,
    source_step: isize,
}

impl AxisTaps {
    /// From `inputs` pixels to `outputs`, with `pad` zeros before the former: output `o` reads input
    /// `o·stride + position·dilation - pad`.
    pub(super) fn forward(
        (inputs, outputs): (usize, usize),
        pad: usize,
        filter: usize,
        (stride, dilation): (usize, usize),
    ) -> Self {
        let taps = |output: usize| {
            // The position nearest to the start of the input, and how far beyond the last one it could go.
            let start = output * stride;
            let first = pad.saturating_sub(start).div_ceil(dilation);
            let end = (pad + inputs).saturating_sub(start).div_ceil(dilation).min(filter);
            Taps {
                count: end.saturating_sub(first),
                position: first,
                source: (start + first * dilation).saturating_sub(pad),
            }
        };
        Self {
            pixels: (0..outputs).map(taps).collect(),
            position_step: 1,
            source_step: dilation as isize,
        }
    }

    /// The reverse: input `i` is read by output `(i + pad - position·dilation) / stride` where that is whole.
    pub(super) fn backward(
        (inputs, outputs): (usize, usize),
        pad: usize,
        filter: usize,
        (stride, dilation): (usize, usize),
    ) -> Self {
        let common = gcd(stride, dilation);
        let step = stride / common;
        // The first position that meets pixels with a remainder modulo the stride.
        let mut first_of = vec![None; stride];
        for position in 0..step.min(filter) {
            first_of[position * dilation % stride] = Some(position);
        }
        let taps = |input: usize| {
            let padded = input + pad;
            let none = Taps {
                count: 0,
                position: 0,
                source: 0,
            };
            let Some(first) = first_of[padded % stride] else {
                return none;
            };
            let lowest = padded.saturating_sub((outputs - 1) * stride).div_ceil(dilation);
            let position = first + lowest.saturating_sub(first).next_multiple_of(step);
            let end = filter.min(padded / dilation + 1);
            if position >= end {
                return none;
            }
            Taps {
                count: (end - position).div_ceil(step),
                position,
                source: (padded - position * dilation) / stride,
            }
        };
        Self {
            pixels: (0..inputs).map(taps).collect(),
            position_step: step,
            source_step: -((dilation / common) as isize),
        }
    }

    /// The taps of each target pixel, in order.
    #[inline(always)]
    pub(super) fn pixels(&self) -> &[Taps] {
        &self.pixels
    }

    /// Filter position and source pixel of the tap `index`.
    #[inline(always)]
    pub(super) fn tap(&self, taps: Taps, index: usize) -> (usize, usize) {
        (
            taps.position + index * self.position_step,
            taps.source.wrapping_add_signed(index as isize * self.source_step),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Triples of input, output and filter position.
    fn triples(axis: &AxisTaps, is_forward: bool) -> Vec<(usize, usize, usize)> {
        let pixels = axis.pixels().iter().enumerate();
        let mut triples: Vec<_> = pixels
            .flat_map(|(target, &taps)| {
                (0..taps.count).map(move |index| {
                    let (position, source) = axis.tap(taps, index);
                    if is_forward {
                        (source, target, position)
                    } else {
                        (target, source, position)
                    }
                })
            })
            .collect();
        triples.sort_unstable();
        triples
    }

    #[test]
    fn taps_are_those_of_the_definition_in_both_directions() {
        for inputs in 1..9usize {
            for (pad, filter) in [(0usize, 1usize), (0, 2), (1, 3), (2, 2), (4, 3), (3, 5)] {
                for (stride, dilation) in [
                    (1usize, 1usize),
                    (2, 1),
                    (3, 1),
                    (1, 2),
                    (2, 2),
                    (3, 2),
                    (2, 3),
                    (4, 6),
                    (6, 4),
                ] {
                    let window = (filter - 1) * dilation + 1;
                    let Some(room) = (inputs + 2 * pad).checked_sub(window) else {
                        continue;
                    };
                    // Also fewer outputs than there is room for.
                    for outputs in 1..=room / stride + 1 {
                        let mut expected = Vec::new();
                        for (output, position) in (0..outputs).flat_map(|o| (0..filter).map(move |p| (o, p))) {
                            let input = (output * stride + position * dilation).checked_sub(pad);
                            expected.extend(input.filter(|&input| input < inputs).map(|i| (i, output, position)));
                        }
                        expected.sort_unstable();
                        let sizes = (inputs, outputs);
                        let what = format!("{sizes:?}, pad {pad}, filter {filter}, {stride}, {dilation}");
                        let forward = AxisTaps::forward(sizes, pad, filter, (stride, dilation));
                        assert_eq!(triples(&forward, true), expected, "{what}");
                        let backward = AxisTaps::backward(sizes, pad, filter, (stride, dilation));
                        assert_eq!(triples(&backward, false), expected, "{what}");
                    }
                }
            }
        }
    }
}
