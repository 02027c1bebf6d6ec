//! The user's examples in their file, which several windows share: each change is made to what the file has by then.

use crate::{
    error::Error,
    recognition::example::Example,
    teaching::{example_file::KeptExamples, examples::Examples},
};

/// The examples, and their file if there is one.
///
/// A change that cannot be saved is kept in memory, and saved with the next one.
#[derive(Debug, Default)]
pub struct ExampleStore {
    file: Option<Box<dyn KeptExamples>>,
    examples: Examples,
    /// Changes that the file does not have yet.
    unsaved: Vec<Change>,
    /// What the last removal took, with the places.
    removed: Vec<(usize, Example)>,
}

/// A change of the list.
#[derive(Debug, Clone)]
enum Change {
    /// Puts examples at places, or at the end if there are fewer.
    Insert(Vec<(usize, Example)>),
    Remove(Vec<Example>),
}

impl Change {
    fn apply(&self, examples: &mut Examples) {
        match self {
            Change::Insert(added) => {
                for (place, example) in added {
                    examples.insert(*place, example.clone());
                }
            }
            Change::Remove(removed) => examples.remove_equal(removed),
        }
    }
}

impl ExampleStore {
    /// The examples of a file, or none without one; and what is wrong with it, in words for the user. The file is left as
    /// it is.
    pub fn open(file: Option<Box<dyn KeptExamples>>) -> (Self, Option<String>) {
        let (examples, warning) = match file.as_ref().map(|file| file.load()) {
            None => (Examples::new(), None),
            Some(Ok((examples, faults))) => (examples, faults.first().map(|first| told(&faults, first))),
            Some(Err(error)) => (Examples::new(), Some(error.to_string())),
        };
        let store = ExampleStore {
            file,
            examples,
            ..ExampleStore::default()
        };
        (store, warning)
    }

    /// The examples, with those of other windows as of the last change.
    pub fn examples(&self) -> &Examples {
        &self.examples
    }

    /// Adds an example; see [`Examples::add`].
    ///
    /// # Errors
    /// If it cannot be saved. It is added all the same.
    pub fn add(&mut self, example: Example) -> Result<(), Error> {
        self.change(Change::Insert(vec![(usize::MAX, example)]))
    }

    /// Removes the examples at these places, in ascending order.
    ///
    /// # Errors
    /// If the list cannot be saved. They are removed all the same.
    pub fn remove(&mut self, places: impl IntoIterator<Item = usize>) -> Result<(), Error> {
        let at = |place: usize| Some((place, self.examples.iter().nth(place)?.clone()));
        self.removed = places.into_iter().filter_map(at).collect();
        let removed = self.removed.iter().map(|(_, example)| example.clone()).collect();
        self.change(Change::Remove(removed))
    }

    /// Puts back what the last removal took.
    ///
    /// # Errors
    /// If the list cannot be saved. They are back all the same.
    pub fn restore(&mut self) -> Result<(), Error> {
        let removed = std::mem::take(&mut self.removed);
        self.change(Change::Insert(removed))
    }

    fn change(&mut self, change: Change) -> Result<(), Error> {
        self.unsaved.push(change.clone());
        match self.save() {
            Ok(()) => {
                self.unsaved.clear();
                Ok(())
            }
            Err(error) => {
                change.apply(&mut self.examples);
                Err(error)
            }
        }
    }

    /// Makes the unsaved changes to the list that the file has.
    fn save(&mut self) -> Result<(), Error> {
        let Some(file) = &self.file else {
            // Without a file, the changes are made here, once.
            for change in self.unsaved.drain(..) {
                change.apply(&mut self.examples);
            }
            return Ok(());
        };
        let _lock = file.lock()?;
        let (mut examples, is_damaged) = match file.load() {
            Ok((examples, faults)) => (examples, !faults.is_empty()),
            Err(_) => (Examples::new(), true),
        };
        self.unsaved.iter().for_each(|change| change.apply(&mut examples));
        if is_damaged {
            file.put_aside()?;
        }
        file.save(&examples)?;
        self.examples = examples;
        Ok(())
    }
}

/// What is wrong with a file of which some lines are damaged.
fn told(faults: &[Error], first: &Error) -> String {
    let count = match faults.len() {
        1 => "One example is damaged".to_owned(),
        count => format!("{count} examples are damaged"),
    };
    format!("{count} and left out: {first}")
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
        thread,
        time::Duration,
    };

    use super::*;
    use crate::teaching::example_file::ExampleFile;
    use crate::{drawing::strokes::Ink, geometry::Point};

    fn kept(path: PathBuf) -> Option<Box<dyn KeptExamples>> {
        Some(Box::new(ExampleFile(path)))
    }

    fn example(label: u8, x: f32) -> Example {
        let line = format!("{{\"label\":{label},\"strokes\":[[[{x},0],[10,90.5]],[[3,4]]]}}");
        Example::from_json(&line).unwrap().unwrap()
    }

    fn labels(store: &ExampleStore) -> Vec<u8> {
        store.examples().iter().filter_map(Example::digit).collect()
    }

    fn open(path: &Path) -> ExampleStore {
        let (store, warning) = ExampleStore::open(kept(path.to_owned()));
        assert_eq!(warning, None);
        store
    }

    #[test]
    fn two_windows_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("examples.jsonl");
        let (mut one, mut other) = (open(&path), open(&path));
        one.add(example(1, 1.0)).unwrap();
        other.add(example(2, 2.0)).unwrap();
        one.add(example(3, 3.0)).unwrap();
        assert_eq!((labels(&one), labels(&other)), (vec![1, 2, 3], vec![1, 2]));
        // A removal takes what this window showed, and leaves what the other has added.
        other.remove(0..2).unwrap();
        assert_eq!(labels(&other), [3]);
        other.restore().unwrap();
        assert_eq!((labels(&other), labels(&open(&path))), (vec![1, 2, 3], vec![1, 2, 3]));
        other.restore().unwrap();
        assert_eq!(labels(&other), [1, 2, 3]);
    }

    #[test]
    fn two_threads_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.jsonl");
        thread::scope(|scope| {
            for half in 0..2 {
                let mut store = open(&path);
                scope.spawn(move || {
                    for index in 0..20 {
                        store
                            .add(example(half, (2 * index + usize::from(half)) as f32))
                            .unwrap();
                        // As hands do, pauses, so that the other one's turn comes on a slow disk too.
                        thread::sleep(Duration::from_millis(20));
                    }
                });
            }
        });
        assert_eq!(open(&path).examples().len(), 40);
    }

    #[test]
    fn what_was_drawn_with_another_pen_keeps_it_and_is_removed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.jsonl");
        let mut store = open(&path);
        let mut ink = Ink::new();
        ink.set_pen(17.3);
        ink.pen_down(Point::new(200.0, 120.0));
        ink.pen_up(Point::new(360.0, 440.0));
        store.add(Example::new(7, ink).unwrap()).unwrap();
        store.add(example(1, 1.0)).unwrap();
        let other = open(&path);
        assert_eq!(other.examples(), store.examples());
        let ink = other.examples().iter().next().unwrap().ink().unwrap();
        assert_eq!(ink.strokes()[0].width(), 17.3);
        store.remove([0]).unwrap();
        assert_eq!(labels(&store), [1]);
    }

    #[test]
    fn removed_examples_come_back_to_their_places() {
        let (mut store, warning) = ExampleStore::open(None);
        assert_eq!(warning, None);
        for label in 0..5 {
            store.add(example(label, f32::from(label))).unwrap();
        }
        store.remove([1, 3, 9]).unwrap();
        assert_eq!(labels(&store), [0, 2, 4]);
        store.restore().unwrap();
        assert_eq!(labels(&store), [0, 1, 2, 3, 4]);
        store.restore().unwrap();
        assert_eq!(store.examples().len(), 5);
    }

    #[test]
    fn what_cannot_be_saved_is_kept_and_saved_later() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("blocked");
        fs::write(&blocked, "a file where the folder would be").unwrap();
        let path = blocked.join("examples.jsonl");
        let (mut store, _) = ExampleStore::open(kept(path.clone()));
        assert!(store.add(example(1, 1.0)).is_err());
        assert!(store.add(example(2, 2.0)).is_err());
        assert!(store.remove([0]).is_err());
        assert_eq!(labels(&store), [2]);
        fs::remove_file(&blocked).unwrap();
        store.add(example(3, 3.0)).unwrap();
        assert_eq!((labels(&store), labels(&open(&path))), (vec![2, 3], vec![2, 3]));
    }

    #[test]
    fn a_damaged_line_costs_one_example() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.jsonl");
        let text = format!(
            "{}\nnonsense\n\u{7f}\n{}\n",
            example(1, 1.0).to_json(),
            example(2, 2.0).to_json()
        );
        fs::write(&path, &text).unwrap();
        let (mut store, warning) = ExampleStore::open(kept(path.clone()));
        let warning = warning.unwrap();
        assert!(
            warning.starts_with("2 examples are damaged") && warning.contains("line 2"),
            "{warning}"
        );
        store.add(example(3, 3.0)).unwrap();
        assert_eq!(labels(&open(&path)), [1, 2, 3]);
        let aside = folder.path().join("examples-damaged-1.jsonl");
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
    }
}
