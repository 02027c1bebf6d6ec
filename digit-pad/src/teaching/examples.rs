//! What the pad was taught: a list of drawings and pictures and the digits that they are meant to be, kept in a file.

use std::{fs, io, path::Path};

use crate::{
    drawing::file::Drawings,
    error::{DrawingFault, Error},
    recognition::example::{Lesson, push_distinct},
    storage::atomic_file,
};

/// Lessons in the order in which they were given.
///
/// ```
/// use digit_pad::{drawing::strokes::Ink, geometry::Point};
/// use digit_pad::{recognition::example::Lesson, teaching::examples::Lessons};
///
/// let mut ink = Ink::new();
/// ink.pen_down(Point::new(200.0, 120.0));
/// ink.pen_up(Point::new(360.0, 440.0));
/// let mut lessons = Lessons::new();
/// lessons.add(Lesson::new(7, ink)?);
/// assert_eq!(lessons.iter().next().map(Lesson::label), Some(7));
/// assert!(lessons.undo().is_some() && lessons.is_empty());
/// # Ok::<(), digit_pad::DrawingFault>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lessons(Vec<Lesson>);

impl Lessons {
    /// No lessons.
    pub fn new() -> Self {
        Lessons::default()
    }

    /// Adds a lesson at the end. One about the very same subject goes: that one was a slip of the finger.
    pub fn add(&mut self, lesson: Lesson) {
        push_distinct(&mut self.0, lesson);
    }

    /// Takes the last lesson back.
    pub fn undo(&mut self) -> Option<Lesson> {
        self.0.pop()
    }

    /// Forgets one lesson, counted from 0, and gives it back if there is one of that number.
    pub fn forget(&mut self, index: usize) -> Option<Lesson> {
        (index < self.0.len()).then(|| self.0.remove(index))
    }

    /// Forgets all lessons.
    pub fn forget_all(&mut self) {
        self.0.clear();
    }

    /// The lessons in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Lesson> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lessons in a file, a line each: those about drawings in the form of [`Drawing::to_json`](crate::drawing::file::Drawing::to_json), those about pictures
    /// as `{"label":3,"pixels":[…]}`, 28 rows of 28; none if there is no file. The file stays as it is: whoever cannot
    /// load it had better not save over it.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is no such thing with a label; the message says which.
    pub fn load(path: &Path) -> Result<Self, Error> {
        match Lessons::of_lines(path, |line| Lesson::from_labelled(line).map(Some)) {
            Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Lessons::new()),
            lessons => lessons,
        }
    }

    /// The lessons of such a file, or the labelled drawings of a strokes file; what has no label is passed over.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is no drawing; the message says which.
    pub fn load_labelled(path: &Path) -> Result<Self, Error> {
        Lessons::of_lines(path, Lesson::from_json)
    }

    fn of_lines(path: &Path, parse: impl Fn(&str) -> Result<Option<Lesson>, DrawingFault>) -> Result<Self, Error> {
        let mut lines = Drawings::open(path)?;
        let lessons = std::iter::from_fn(|| lines.next_as(&parse).transpose());
        lessons
            .filter_map(|line| line.map(|(_, lesson)| lesson).transpose())
            .collect()
    }

    /// Writes the lessons to a file, which is replaced whole or stays as it was; its folder is made where there is none.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| Error::Write {
                path: path.to_owned(),
                source,
            })?;
        }
        atomic_file::replace(path, |file| {
            self.iter()
                .try_for_each(|lesson| writeln!(file, "{}", lesson.to_json()))
        })
    }
}

impl FromIterator<Lesson> for Lessons {
    fn from_iter<I: IntoIterator<Item = Lesson>>(lessons: I) -> Self {
        let mut list = Lessons::new();
        lessons.into_iter().for_each(|lesson| list.add(lesson));
        list
    }
}

impl<'a> IntoIterator for &'a Lessons {
    type Item = &'a Lesson;
    type IntoIter = std::slice::Iter<'a, Lesson>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::strokes::Ink,
        recognition::normalization::{Grey28, SIDE},
    };

    fn lesson(label: u8, x: f32) -> Lesson {
        let line = format!("{{\"label\":{label},\"strokes\":[[[{x},0],[10,90.5]],[[3,4]]]}}");
        Lesson::from_json(&line).unwrap().unwrap()
    }

    /// A bar of that brightness.
    fn picture(bright: u8) -> Grey28 {
        std::array::from_fn(|i| if i % SIDE / 4 == 3 { bright } else { 0 })
    }

    fn labels(lessons: &Lessons) -> Vec<u8> {
        lessons.iter().map(Lesson::label).collect()
    }

    #[test]
    fn lessons_are_undone_and_forgotten() {
        let mut lessons: Lessons = [lesson(3, 1.0), lesson(4, 2.0), lesson(5, 3.0)].into_iter().collect();
        assert_eq!(lessons.undo(), Some(lesson(5, 3.0)));
        assert_eq!(lessons.forget(2), None);
        assert_eq!(lessons.forget(0), Some(lesson(3, 1.0)));
        assert_eq!(labels(&lessons), [4]);
        lessons.forget_all();
        assert_eq!((lessons.len(), lessons.undo()), (0, None));
    }

    #[test]
    fn the_same_subject_is_one_lesson() {
        let seen = |label| Lesson::new(label, picture(200)).unwrap();
        let lessons = [lesson(3, 1.0), seen(5), lesson(4, 2.0), lesson(8, 1.0), seen(6)];
        let lessons: Lessons = lessons.into_iter().collect();
        assert_eq!(labels(&lessons), [4, 8, 6]);
    }

    #[test]
    fn what_is_no_lesson_is_refused() {
        for subject in [lesson(1, 0.0).subject().clone(), picture(1).into()] {
            assert_eq!(Lesson::new(10, subject).unwrap_err(), DrawingFault::Label { label: 10 });
        }
        assert_eq!(Lesson::new(9, Ink::new()).unwrap_err(), DrawingFault::NoStrokes);
        let blank = DrawingFault::Picture { count: 784, inked: 0 };
        assert_eq!(Lesson::new(9, picture(0)).unwrap_err(), blank);
    }

    #[test]
    fn lessons_come_back_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("lessons.jsonl");
        assert!(Lessons::load(&path).unwrap().is_empty());
        let mut lessons = Lessons::new();
        for label in 0..=9 {
            lessons.add(lesson(label, 0.1 * f32::from(label)));
            lessons.add(Lesson::new(label, picture(label + 1)).unwrap());
            lessons.save(&path).unwrap();
            assert_eq!(Lessons::load(&path).unwrap(), lessons);
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 20);
        assert_eq!(Lessons::load_labelled(&path).unwrap(), lessons);
        lessons.forget_all();
        lessons.save(&path).unwrap();
        assert!(Lessons::load(&path).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_file_is_told_by_its_line_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lessons.jsonl");
        let good = lesson(3, 0.0).to_json();
        for (bad, reason) in [
            ("{\"label\":3,\"stro", "no drawing"),
            ("{\"label\":12,\"strokes\":[[[0,0]]]}", "the label is 12"),
            ("{\"strokes\":[[[0,0]]]}", "has no label"),
            ("{\"label\":3,\"pixels\":[0,1,2]}", "3 pixels, 2 of them ink"),
            ("{\"label\":3,\"pixels\":[0,1,256]}", "256"),
            ("{\"label\":11,\"pixels\":[]}", "the label is 11"),
        ] {
            let content = format!("{good}\n\n{bad}\n{good}\n");
            fs::write(&path, &content).unwrap();
            let message = Lessons::load(&path).unwrap_err().to_string();
            assert!(
                message.contains("lessons.jsonl, line 3: ") && message.contains(reason),
                "{message}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn drawings_without_labels_teach_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strokes.jsonl");
        assert!(Lessons::load_labelled(&path).is_err());
        fs::write(
            &path,
            format!("{{\"strokes\":[[[0,0]]]}}\n{}", lesson(3, 0.0).to_json()),
        )
        .unwrap();
        assert_eq!(labels(&Lessons::load_labelled(&path).unwrap()), [3]);
        fs::write(&path, "{\"strokes\":[[[0,0]]]}\nnothing").unwrap();
        let message = Lessons::load_labelled(&path).unwrap_err().to_string();
        assert!(message.contains("line 2"), "{message}");
    }

    #[test]
    fn a_file_that_cannot_be_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lessons.jsonl");
        fs::create_dir(&path).unwrap();
        assert!(Lessons::new().save(&path).is_err() && path.is_dir());
        assert!(Lessons::load(&path).is_err());
    }
}
