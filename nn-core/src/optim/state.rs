//! The arenas that an optimizer reads and writes: parameters, gradients, and its state.

/// The number of state values that an optimizer stores per parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// None.
    None,
    /// `exp_avg`.
    One,
    /// `exp_avg` and `exp_avg_sq`.
    Two,
}

/// The same range of every arena. An arena that the settings do not need is empty.
#[derive(Default)]
pub(crate) struct Arenas<'a> {
    pub(crate) parameters: &'a mut [f32],
    pub(crate) gradients: &'a mut [f32],
    /// Running average of the gradients; for SGD, the momentum buffer.
    pub(crate) exp_avg: &'a mut [f32],
    /// Running average of the squared gradients.
    pub(crate) exp_avg_sq: &'a mut [f32],
    /// Running average of the parameters.
    pub(crate) average: &'a mut [f32],
    /// Sum of the squared gradients, one per parameter block.
    pub(crate) squares: &'a mut [f64],
}

impl Arenas<'_> {
    pub(crate) fn reborrow(&mut self) -> Arenas<'_> {
        Arenas {
            parameters: &mut *self.parameters,
            gradients: &mut *self.gradients,
            exp_avg: &mut *self.exp_avg,
            exp_avg_sq: &mut *self.exp_avg_sq,
            average: &mut *self.average,
            squares: &mut *self.squares,
        }
    }

    /// Splits each arena after `values` parameters, which make up `blocks` parameter blocks.
    pub(crate) fn split_at(self, values: usize, blocks: usize) -> (Self, Self) {
        let parameters = split_at_most(self.parameters, values);
        let gradients = split_at_most(self.gradients, values);
        let exp_avg = split_at_most(self.exp_avg, values);
        let exp_avg_sq = split_at_most(self.exp_avg_sq, values);
        let average = split_at_most(self.average, values);
        let squares = split_at_most(self.squares, blocks);
        let left = Arenas {
            parameters: parameters.0,
            gradients: gradients.0,
            exp_avg: exp_avg.0,
            exp_avg_sq: exp_avg_sq.0,
            average: average.0,
            squares: squares.0,
        };
        let right = Arenas {
            parameters: parameters.1,
            gradients: gradients.1,
            exp_avg: exp_avg.1,
            exp_avg_sq: exp_avg_sq.1,
            average: average.1,
            squares: squares.1,
        };
        (left, right)
    }
}

/// Splits an arena, which may be empty.
fn split_at_most<T>(arena: &mut [T], at: usize) -> (&mut [T], &mut [T]) {
    let at = at.min(arena.len());
    arena.split_at_mut(at)
}
