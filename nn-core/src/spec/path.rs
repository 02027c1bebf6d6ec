//! The position of a layer in a network, which names its tensors in files.

use std::fmt;

/// A layer's index among the layers of its chain; in a branch, after the position of the layer that has the branch and
/// the index of the branch. `2.1.0` is the first layer of the second branch of layer 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerPath(Vec<usize>);

impl LayerPath {
    /// The path of the network itself, to which [`child`](Self::child) adds the indices of its layers.
    pub(crate) fn root() -> Self {
        Self::default()
    }

    /// The path of a layer or a branch in this one.
    pub(crate) fn child(&self, index: usize) -> Self {
        Self(self.0.iter().copied().chain([index]).collect())
    }

    /// This path inside layer or branch `index` of an outer chain.
    pub(super) fn inside(mut self, index: usize) -> Self {
        self.0.insert(0, index);
        self
    }

    /// A number that seeds the layer's random numbers: its index, mixed with what follows it in a branch.
    pub(crate) fn id(&self) -> u64 {
        /// 2⁶⁴ divided by the golden ratio, which spreads small numbers (Knuth, "The Art of Computer Programming",
        /// volume 3, section 6.4).
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mix = |id: u64, index: u64| id.wrapping_mul(SPREAD) ^ (index + 1);
        let mut indices = self.0.iter().map(|&index| index as u64);
        let first = indices.next().unwrap_or(0);
        indices.fold(first, mix)
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, index) in self.0.iter().enumerate() {
            f.write_str(if position > 0 { "." } else { "" })?;
            write!(f, "{index}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prints_its_indices_and_has_a_number_of_its_own() {
        let second = LayerPath::root().child(2);
        let nested = second.child(1).child(0);
        assert_eq!((second.to_string(), nested.to_string()), ("2".into(), "2.1.0".into()));
        assert_eq!(second.id(), 2);
        let mut ids: Vec<u64> = (0..50).map(|index| LayerPath::root().child(index).id()).collect();
        for layer in 0..20 {
            for branch in 0..5 {
                let branch = LayerPath::root().child(layer).child(branch);
                ids.extend((0..20).map(|index| branch.child(index).id()));
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
