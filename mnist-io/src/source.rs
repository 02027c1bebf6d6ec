//! Batches as a data source of nn-core (feature `nn-core`).

use nn_core::{
    Shape,
    source::{Batch, Source, SourceResult},
};

use crate::{batches::Batches, scaling::Scaling};

impl From<Scaling> for nn_core::Scaling {
    fn from(scaling: Scaling) -> Self {
        Self {
            mean: scaling.mean(),
            std: scaling.std(),
        }
    }
}

impl Source for Batches<'_> {
    fn start_epoch(&mut self, epoch: u64) -> SourceResult {
        Batches::start_epoch(self, epoch);
        Ok(())
    }

    /// Fills images and labels as [`Batches::next_batch`].
    ///
    /// # Errors
    /// If the images are not as large as the network's input, or the batch has less room than a batch of these.
    fn next_batch(&mut self, batch: &mut Batch) -> SourceResult {
        let (values, input) = (self.dataset().shape().len(), batch.input_len());
        if values != input {
            return Err(
                format!("images of {values} values do not fit a network with an input of {input} values").into(),
            );
        }
        let (size, room) = (self.batch_size(), batch.capacity());
        if size > room {
            return Err(format!(
                "batches of {size} samples do not fit a trainer or workspace made for {room}; make a larger one, or \
                 smaller batches"
            )
            .into());
        }
        batch.fill_classes(|images, labels| Batches::next_batch(self, images, labels))?;
        Ok(())
    }

    fn sample_shape(&self) -> Option<Shape> {
        let shape = self.dataset().shape();
        Some(Shape::image(shape.channels(), shape.height(), shape.width()))
    }

    fn index_of(&self, nth: usize) -> Option<usize> {
        self.sample_index(nth)
    }

    fn last_batch_len(&self, _batch: &Batch) -> Option<usize> {
        let rest = self.dataset().len() % self.batch_size();
        (rest > 0 && !self.drops_last()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use nn_core::{Network, Trainer, optim::Sgd};

    use super::*;
    use crate::{dataset::Dataset, image_shape::ImageShape};

    fn dataset() -> Dataset {
        Dataset::new(
            (0..28).collect(),
            vec![0, 1, 2, 3, 4, 5, 6],
            ImageShape::gray(2, 2).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn source_gives_every_sample_of_an_epoch() {
        let dataset = dataset();
        let mut source = Batches::new(&dataset, 3, 1, Scaling::UNIT).unwrap();
        source.next_batch(&mut [0.0; 12], &mut [0; 3]);
        Source::start_epoch(&mut source, 1).unwrap();
        let mut batch = Batch::new(5, 4, 10);
        for size in [3, 3, 1, 0] {
            batch.clear();
            Source::next_batch(&mut source, &mut batch).unwrap();
            assert_eq!(batch.len(), size);
        }
    }

    #[test]
    fn images_of_another_shape_are_refused() {
        let dataset = Dataset::new(vec![0; 24], vec![0, 1], ImageShape::new(3, 2, 2).unwrap()).unwrap();
        let evaluate = |text: &str| {
            let network = Network::new(text.parse().unwrap(), 1).unwrap();
            let mut batches = Batches::new(&dataset, 2, 1, Scaling::UNIT).unwrap();
            Trainer::new(network, Sgd::new(0.1), 2)
                .unwrap()
                .epoch(&mut batches, 0, |_, _| ControlFlow::Continue(()))
        };
        evaluate("2x2x3 | conv 2 2x2 | dense 2").unwrap();
        evaluate("12 | dense 2").unwrap();
        let error = evaluate("3x2x2 | conv 2 2x2 | dense 2").unwrap_err().to_string();
        assert!(
            error.contains("shape 2x2x3") && error.contains("takes 3x2x2"),
            "{error}"
        );
    }

    #[test]
    fn the_last_batch_may_be_dropped() {
        let dataset = dataset();
        let mut batches = Batches::new(&dataset, 3, 1, Scaling::UNIT).unwrap().drop_last();
        assert_eq!(batches.batches_per_epoch(), 2);
        let mut batch = Batch::new(3, 4, 10);
        for size in [3, 3, 0, 0] {
            batch.clear();
            Source::next_batch(&mut batches, &mut batch).unwrap();
            assert_eq!(batch.len(), size);
        }
        assert_eq!(batches.last_batch_len(&batch), None);
    }

    #[test]
    fn the_index_of_a_sample_is_that_in_the_data_set() {
        let dataset = dataset();
        let mut batches = Batches::new(&dataset, 3, 1, Scaling::UNIT).unwrap();
        Source::start_epoch(&mut batches, 2).unwrap();
        let mut batch = Batch::new(7, 4, 10);
        Source::next_batch(&mut batches, &mut batch).unwrap();
        for nth in 0..3 {
            // Images are 0, 1, 2, 3; 4, 5, 6, 7; and so on.
            let first = (255.0 * batch.inputs()[4 * nth]).round() as usize;
            assert_eq!(batches.index_of(nth), Some(first / 4));
        }
        assert_eq!(batches.index_of(7), None);
    }

    #[test]
    fn batches_that_do_not_fit_are_refused() {
        let dataset = dataset();
        let mut source = Batches::new(&dataset, 3, 1, Scaling::UNIT).unwrap();
        for (mut batch, message) in [
            (Batch::new(3, 5, 10), "images of 4 values"),
            (Batch::new(2, 4, 10), "batches of 3 samples"),
        ] {
            let error = Source::next_batch(&mut source, &mut batch).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
