//! The user's labeled examples, kept in a file.

use std::{
    io::{self, BufRead},
    path::Path,
};

use crate::{
    drawing::file::Drawings,
    error::{DrawingFault, Error},
    recognition::example::{Example, push_distinct},
    storage::atomic_file,
};

/// Labeled examples in the order in which they were added.
///
/// ```
/// use digit_pad::{drawing::strokes::Ink, geometry::Point};
/// use digit_pad::{recognition::example::Example, teaching::examples::Examples};
///
/// let mut ink = Ink::new();
/// ink.pen_down(Point::new(200.0, 120.0));
/// ink.pen_up(Point::new(360.0, 440.0));
/// let mut examples = Examples::new();
/// examples.add(Example::new(7, ink)?);
/// assert_eq!(examples.iter().next().and_then(Example::digit), Some(7));
/// assert!(examples.undo().is_some() && examples.is_empty());
/// # Ok::<(), digit_pad::DrawingFault>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples(Vec<Example>);

impl Examples {
    /// Makes an empty list.
    pub fn new() -> Self {
        Examples::default()
    }

    /// Appends an example. It replaces an earlier one with the same input, whose label was a mistake.
    pub fn add(&mut self, example: Example) {
        push_distinct(&mut self.0, example);
    }

    /// Removes the last example and returns it.
    pub fn undo(&mut self) -> Option<Example> {
        self.0.pop()
    }

    /// Removes the example of that index and returns it; `None` if there is none.
    pub fn remove(&mut self, index: usize) -> Option<Example> {
        (index < self.0.len()).then(|| self.0.remove(index))
    }

    /// Puts an example at that place, or at the end if there are fewer. It replaces an earlier one with the same input.
    pub(crate) fn insert(&mut self, index: usize, example: Example) {
        self.add(example);
        let index = index.min(self.0.len() - 1);
        self.0[index..].rotate_right(1);
    }

    /// Removes every example that equals one of these.
    pub(crate) fn remove_equal(&mut self, removed: &[Example]) {
        self.0.retain(|example| !removed.contains(example));
    }

    /// Removes all examples.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Iterates over the examples in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Example> {
        self.0.iter()
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Loads a file of examples, one a line: drawings in the form of [`Drawing`](crate::drawing::file::Drawing), and
    /// images as `{"label":3,"pixels":[…]}` with 28 rows of 28 pixels. A missing file has no examples.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line is not an example with a label. Do not [`save`](Self::save) over a file
    /// that failed to load.
    pub fn load(path: &Path) -> Result<Self, Error> {
        match Examples::parse_lines(path, |line| Example::from_labeled(line).map(Some)) {
            Err(Error::Read { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(Examples::new()),
            examples => examples,
        }
    }

    /// Loads the lines of a file of examples that are not damaged, with what is wrong with the others. A missing file has
    /// none of both.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn load_undamaged(path: &Path) -> Result<(Self, Vec<Error>), Error> {
        match Drawings::open(path) {
            Err(Error::Read { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => Ok(Default::default()),
            lines => Examples::undamaged(lines?),
        }
    }

    /// The lines that are not damaged, with what is wrong with the others, as [`load_undamaged`](Self::load_undamaged).
    ///
    /// # Errors
    ///
    /// If the lines cannot be read.
    pub fn undamaged(mut lines: Drawings<impl BufRead>) -> Result<(Self, Vec<Error>), Error> {
        let (mut examples, mut faults) = (Examples::new(), Vec::new());
        loop {
            match lines.next_with(Example::from_labeled) {
                Ok(None) => return Ok((examples, faults)),
                Ok(Some((_, example))) => examples.add(example),
                Err(fault @ Error::Drawing { .. }) => faults.push(fault),
                Err(error) => return Err(error),
            }
        }
    }

    /// Loads the labeled lines of a file of examples or drawings, and skips those without a label.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line is not a drawing or an image.
    pub fn load_labeled(path: &Path) -> Result<Self, Error> {
        Examples::parse_lines(path, Example::from_json)
    }

    fn parse_lines(path: &Path, parse: impl Fn(&str) -> Result<Option<Example>, DrawingFault>) -> Result<Self, Error> {
        let mut lines = Drawings::open(path)?;
        let examples = std::iter::from_fn(|| lines.next_with(&parse).transpose());
        examples
            .filter_map(|line| line.map(|(_, example)| example).transpose())
            .collect()
    }

    /// Saves the examples, replacing the file atomically. Creates its folder if necessary.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        atomic_file::create_folder(path)?;
        atomic_file::replace(path, |file| file.write_all(self.to_lines().as_bytes()))
    }

    /// The content of a file of examples.
    #[must_use]
    pub fn to_lines(&self) -> String {
        self.iter().map(|example| example.to_json() + "\n").collect()
    }
}

impl FromIterator<Example> for Examples {
    fn from_iter<I: IntoIterator<Item = Example>>(examples: I) -> Self {
        let mut list = Examples::new();
        examples.into_iter().for_each(|example| list.add(example));
        list
    }
}

impl<'a> IntoIterator for &'a Examples {
    type Item = &'a Example;
    type IntoIter = std::slice::Iter<'a, Example>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        drawing::strokes::Ink,
        geometry::Point,
        recognition::normalization::{Gray28, SIDE},
    };

    fn example(label: u8, x: f32) -> Example {
        let line = format!("{{\"label\":{label},\"strokes\":[[[{x},0],[10,90.5]],[[3,4]]]}}");
        Example::from_json(&line).unwrap().unwrap()
    }

    /// A bar of that brightness.
    fn bar(bright: u8) -> Gray28 {
        std::array::from_fn(|i| if i % SIDE / 4 == 3 { bright } else { 0 })
    }

    /// A line that was drawn with that pen.
    fn drawn(label: u8, pen: f32) -> Example {
        let mut ink = Ink::new();
        ink.set_pen(pen);
        ink.pen_down(Point::new(200.0, 120.0));
        ink.pen_up(Point::new(360.0, 440.0));
        Example::new(label, ink).unwrap()
    }

    fn labels(examples: &Examples) -> Vec<u8> {
        examples.iter().filter_map(Example::digit).collect()
    }

    #[test]
    fn examples_are_undone_and_removed() {
        let mut examples: Examples = [example(3, 1.0), example(4, 2.0), example(5, 3.0)]
            .into_iter()
            .collect();
        assert_eq!(examples.undo(), Some(example(5, 3.0)));
        assert_eq!(examples.remove(2), None);
        assert_eq!(examples.remove(0), Some(example(3, 1.0)));
        assert_eq!(labels(&examples), [4]);
        examples.clear();
        assert_eq!((examples.len(), examples.undo()), (0, None));
    }

    #[test]
    fn the_same_input_is_one_example() {
        let image = |label| Example::new(label, bar(200)).unwrap();
        let examples = [example(3, 1.0), image(5), example(4, 2.0), example(8, 1.0), image(6)];
        let examples: Examples = examples.into_iter().collect();
        assert_eq!(labels(&examples), [4, 8, 6]);
    }

    #[test]
    fn the_same_strokes_of_another_pen_are_another_example() {
        let mut examples: Examples = [drawn(1, 20.0), drawn(2, 50.0)].into_iter().collect();
        assert_eq!(labels(&examples), [1, 2]);
        // The pen that would draw the next stroke does not count.
        let mut ink = drawn(3, 20.0).ink().unwrap().clone();
        ink.set_pen(64.0);
        examples.add(Example::new(3, ink).unwrap());
        assert_eq!(labels(&examples), [2, 3]);
        examples.remove_equal(&[drawn(3, 21.0), drawn(2, 50.0)]);
        assert_eq!(labels(&examples), [3]);
    }

    #[test]
    fn invalid_examples_are_rejected() {
        for input in [example(1, 0.0).input().clone(), bar(1).into()] {
            assert_eq!(Example::new(10, input).unwrap_err(), DrawingFault::Label { label: 10 });
        }
        assert_eq!(Example::new(9, Ink::new()).unwrap_err(), DrawingFault::NoStrokes);
        let blank = DrawingFault::InvalidPixels { count: 784, inked: 0 };
        assert_eq!(Example::new(9, bar(0)).unwrap_err(), blank);
    }

    #[test]
    fn saved_examples_are_loaded_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("examples.jsonl");
        assert!(Examples::load(&path).unwrap().is_empty());
        let mut examples = Examples::new();
        for label in 0..=9 {
            examples.add(example(label, 0.1 * f32::from(label)));
            examples.add(Example::new(label, bar(label + 1)).unwrap());
            examples.add(drawn(label, 8.0 + 1.7 * f32::from(label)));
            examples.save(&path).unwrap();
            assert_eq!(Examples::load(&path).unwrap(), examples);
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 30);
        assert_eq!(Examples::load_labeled(&path).unwrap(), examples);
        examples.clear();
        examples.save(&path).unwrap();
        assert!(Examples::load(&path).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_line_is_named_and_the_file_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.jsonl");
        let good = example(3, 0.0).to_json();
        for (bad, reason) in [
            ("{\"label\":3,\"stro", "not a drawing"),
            ("{\"label\":12,\"strokes\":[[[0,0]]]}", "the label is 12"),
            ("{\"strokes\":[[[0,0]]]}", "has no label"),
            ("{\"label\":3,\"pixels\":[0,1,2]}", "3 pixels, 2 of them not 0"),
            ("{\"label\":3,\"pixels\":[0,1,256]}", "256"),
            ("{\"label\":11,\"pixels\":[]}", "the label is 11"),
            (
                "{\"label\":3,\"strokes\":[[[0,0]]],\"pen\":3}",
                "the pen is 3; expected a width from 8 to 64",
            ),
        ] {
            let content = format!("{good}\n\n{bad}\n{good}\n");
            fs::write(&path, &content).unwrap();
            let message = Examples::load(&path).unwrap_err().to_string();
            assert!(
                message.contains("examples.jsonl, line 3: ") && message.contains(reason),
                "{message}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn drawings_without_labels_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strokes.jsonl");
        assert!(Examples::load_labeled(&path).is_err());
        fs::write(
            &path,
            format!("{{\"strokes\":[[[0,0]]]}}\n{}", example(3, 0.0).to_json()),
        )
        .unwrap();
        assert_eq!(labels(&Examples::load_labeled(&path).unwrap()), [3]);
        fs::write(&path, "{\"strokes\":[[[0,0]]]}\nnothing").unwrap();
        let message = Examples::load_labeled(&path).unwrap_err().to_string();
        assert!(message.contains("line 2"), "{message}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.jsonl");
        fs::create_dir(&path).unwrap();
        assert!(Examples::new().save(&path).is_err() && path.is_dir());
        assert!(Examples::load(&path).is_err());
    }
}
