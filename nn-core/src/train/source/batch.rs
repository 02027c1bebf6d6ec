//! The batch that a data source fills: inputs, and targets with or without weights.

use crate::{
    error::{Error, Result, check_length},
    loss::{Target, Targets},
};

/// A batch that a [`Source`](super::Source) fills, with room for a number of samples.
///
/// Its memory is allocated once, and used for all batches.
///
/// ```
/// use nn_core::source::Batch;
/// let mut batch = Batch::new(8, 2, 3); // 8 samples, 2 inputs, 3 outputs
/// batch.push(&[0.5, 1.0], 2)?; // class 2
/// assert_eq!((batch.len(), batch.capacity(), batch.inputs()), (1, 8, &[0.5, 1.0][..]));
/// # Ok::<(), nn_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    capacity: usize,
    /// Values of a sample's input.
    input: usize,
    outputs: usize,
    len: usize,
    inputs: Vec<f32>,
    kind: Kind,
    classes: Vec<usize>,
    /// Empty until the first targets that are values.
    values: Vec<f32>,
    weighted: bool,
    /// Empty until the first weight.
    weights: Vec<f32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Classes,
    Values,
}

impl Batch {
    /// An empty batch with room for `capacity` samples, for a network whose input has `input` values, with `outputs`
    /// outputs.
    #[must_use]
    pub fn new(capacity: usize, input: usize, outputs: usize) -> Self {
        Self {
            capacity,
            input,
            outputs,
            inputs: vec![0.0; capacity * input],
            classes: vec![0; capacity],
            ..Self::default()
        }
    }

    /// Values of a sample's input.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.input
    }

    /// Outputs of the network, which is also the number of values of a target that has values.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of samples that there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is no room left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    /// The samples' inputs, `[batch, …]` with the input's shape.
    #[must_use]
    pub fn inputs(&self) -> &[f32] {
        &self.inputs[..self.len * self.input]
    }

    /// The samples' targets.
    #[must_use]
    pub fn targets(&self) -> Targets<'_> {
        let targets = match self.kind {
            Kind::Classes => Targets::classes(&self.classes[..self.len]),
            Kind::Values => Targets::values(&self.values[..self.len * self.outputs]),
        };
        if self.weighted {
            targets.with_weights(&self.weights[..self.len])
        } else {
            targets
        }
    }

    /// Adds a sample: its input, and its target, which is a class (`usize`) or values (`&[f32]`).
    ///
    /// # Errors
    /// If the lengths are not those of the network, there is no room left, or targets of this batch are both classes and
    /// values.
    pub fn push<'t>(&mut self, input: &[f32], target: impl Into<Target<'t>>) -> Result<()> {
        self.push_weighted(input, target, 1.0)
    }

    /// Adds a sample with a weight ([`Targets::with_weights`]).
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_weighted<'t>(&mut self, input: &[f32], target: impl Into<Target<'t>>, weight: f32) -> Result<()> {
        self.check_room(1)?;
        let (sample, outputs) = (self.len, self.outputs);
        let check = |what, actual, expected, because: &str| {
            let outcome = check_length(what, actual, expected, || because.to_owned());
            outcome.map_err(|error| Error::sample(sample, error.to_string()))
        };
        check("its input", input.len(), self.input, "the shape of the network's input")?;
        match target.into() {
            Target::Class(class) => {
                self.set_kind(Kind::Classes)?;
                self.classes[sample] = class;
            }
            Target::Values(values) => {
                check(
                    "its target",
                    values.len(),
                    outputs,
                    "one for each output of the network",
                )?;
                self.set_kind(Kind::Values)?;
                self.values[sample * outputs..][..outputs].copy_from_slice(values);
            }
        }
        self.inputs[sample * self.input..][..self.input].copy_from_slice(input);
        self.set_weight(sample, weight);
        self.len += 1;
        Ok(())
    }

    /// Lets `fill` write inputs, `[room, …]`, and classes, `[room]`, of the samples after those that the batch has; it
    /// returns how many it wrote. Faster than [`push`](Self::push) for a source that computes samples in place.
    ///
    /// # Errors
    /// If it returns more than there is room for, or the batch has samples whose targets are values.
    pub fn fill_classes(&mut self, fill: impl FnOnce(&mut [f32], &mut [usize]) -> usize) -> Result<()> {
        self.set_kind(Kind::Classes)?;
        let inputs = &mut self.inputs[self.len * self.input..];
        let count = fill(inputs, &mut self.classes[self.len..]);
        self.extend(count)
    }

    /// As [`fill_classes`](Self::fill_classes), with values, `[room, outputs]`.
    ///
    /// # Errors
    /// If it returns more than there is room for, or the batch has samples whose targets are classes.
    pub fn fill_values(&mut self, fill: impl FnOnce(&mut [f32], &mut [f32]) -> usize) -> Result<()> {
        self.set_kind(Kind::Values)?;
        let inputs = &mut self.inputs[self.len * self.input..];
        let count = fill(inputs, &mut self.values[self.len * self.outputs..]);
        self.extend(count)
    }

    /// Removes all samples.
    pub fn clear(&mut self) {
        (self.len, self.weighted) = (0, false);
    }

    /// Counts samples that have been written.
    fn extend(&mut self, count: usize) -> Result<()> {
        self.check_room(count)?;
        for sample in self.len..self.len + count {
            self.set_weight(sample, 1.0);
        }
        self.len += count;
        Ok(())
    }

    fn check_room(&self, count: usize) -> Result<()> {
        let room = self.capacity - self.len;
        if count <= room {
            return Ok(());
        }
        Err(Error::BatchOverflow { reported: count, room })
    }

    fn set_kind(&mut self, kind: Kind) -> Result<()> {
        if self.len > 0 && self.kind != kind {
            let reason = "its target is of another kind than those before it; the targets of a batch are either classes or \
                          values";
            return Err(Error::sample(self.len, reason.to_owned()));
        }
        self.kind = kind;
        if kind == Kind::Values {
            self.values.resize(self.capacity * self.outputs, 0.0);
        }
        Ok(())
    }

    fn set_weight(&mut self, sample: usize, weight: f32) {
        if !self.weighted {
            if weight == 1.0 {
                return;
            }
            self.weighted = true;
            self.weights.resize(self.capacity, 1.0);
            self.weights[..sample].fill(1.0);
        }
        self.weights[sample] = weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_classes_or_values_with_or_without_weights() {
        let mut batch = Batch::new(3, 2, 2);
        batch.push(&[1.0, 2.0], 1).unwrap();
        batch.push_weighted(&[3.0, 4.0], 0, 0.5).unwrap();
        batch
            .fill_classes(|inputs, classes| {
                assert_eq!((inputs.len(), classes.len()), (2, 1));
                inputs.copy_from_slice(&[5.0, 6.0]);
                classes[0] = 1;
                1
            })
            .unwrap();
        assert!(batch.is_full());
        assert_eq!(batch.inputs(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let classes = Targets::classes(&[1, 0, 1]);
        assert_eq!(batch.targets(), classes.with_weights(&[1.0, 0.5, 1.0]));

        batch.clear();
        batch.push(&[1.0, 2.0], &[0.5, 0.25]).unwrap();
        batch
            .fill_values(|_, values| {
                values[..2].fill(7.0);
                1
            })
            .unwrap();
        assert_eq!(batch.targets(), Targets::values(&[0.5, 0.25, 7.0, 7.0]));
        batch.clear();
        assert!(batch.is_empty() && batch.inputs().is_empty());
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut batch = Batch::new(2, 2, 3);
        batch.push(&[1.0, 2.0], 1).unwrap();
        let before = format!("{batch:?}");
        let message = |outcome: Result<()>| outcome.unwrap_err().to_string();
        assert!(message(batch.push(&[1.0], 1)).contains("expected 2"));
        assert!(message(batch.push(&[1.0, 2.0], &[1.0])).contains("expected 3"));
        assert!(message(batch.push(&[1.0, 2.0], &[1.0; 3])).contains("either classes or values"));
        assert!(message(batch.fill_classes(|_, _| 2)).contains("reports 2"));
        assert_eq!(format!("{batch:?}"), before);
        batch.push(&[1.0, 2.0], 1).unwrap();
        assert!(message(batch.push(&[1.0, 2.0], 1)).contains("room for 0"));
    }
}
