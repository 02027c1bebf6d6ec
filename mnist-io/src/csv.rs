//! CSV files of images: a label and the pixels a line.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use crate::{
    classes::{self, MAX_CLASSES},
    dataset::Dataset,
    error::{Error, Result, counted},
    image_shape::ImageShape,
};

/// The maximum length of a line in bytes: that of an image of 2048×2048.
const MAX_LINE: u64 = 16 << 20;

/// Names of the column of labels, which mark a header.
const LABEL_NAMES: [&str; 6] = ["label", "labels", "class", "classes", "target", "y"];

/// The least number of columns of a header that counts them, as pandas writes it.
const MIN_COUNTED: usize = 16;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

impl Dataset {
    /// Reads a CSV file with a label and the pixels of an image in each line, as whole numbers from 0 to 255.
    ///
    /// The first line is a header if none of its fields is a number, or if it begins with a name like `label`. Labels are
    /// class numbers; if one is no number, all are names of classes, which are sorted. Images have `shape` if it has that many values, with the channels of a pixel side by side; otherwise they are square and
    /// gray. Fields may be quoted.
    ///
    /// ```
    /// use mnist_io::{Dataset, ImageShape};
    ///
    /// let text = "label,left,right\ncat,0,255\ndog,17,18\ncat,5,6\n";
    /// let dataset = Dataset::read_csv(text.as_bytes(), Some(ImageShape::gray(1, 2)?))?;
    /// assert_eq!((dataset.len(), dataset.image(1)), (3, &[17, 18][..]));
    /// assert_eq!((dataset.labels(), &dataset.class_names()[1][..]), (&[0, 1, 0][..], "dog"));
    /// # Ok::<(), mnist_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Csv`] with line and column, [`Error::Empty`], [`Error::Content`] for a header alone,
    /// [`Error::OutOfMemory`], and as for [`new`](Self::new).
    pub fn read_csv(reader: impl BufRead, shape: Option<ImageShape>) -> Result<Self> {
        Table::read(reader)?.into_dataset(shape)
    }

    /// As [`read_csv`](Self::read_csv), from a file.
    ///
    /// # Errors
    /// [`Error::File`] with the path, if the file cannot be read or as for [`read_csv`](Self::read_csv).
    pub fn open_csv(path: impl AsRef<Path>, shape: Option<ImageShape>) -> Result<Self> {
        let path = path.as_ref();
        open(path)
            .and_then(|file| Self::read_csv(BufReader::new(file), shape))
            .map_err(|error| error.at(path))
    }
}

fn open(path: &Path) -> Result<File> {
    // Before opening it: opening a pipe waits for a writer.
    let metadata = path.metadata().map_err(Error::Io)?;
    if metadata.is_dir() {
        return Err(Error::IsFolder);
    }
    if !metadata.is_file() {
        return Err(Error::NotFile);
    }
    File::open(path).map_err(Error::Io)
}

/// The lines read so far.
#[derive(Default)]
struct Table {
    pixels: Vec<u8>,
    /// The number of pixels of a line.
    columns: usize,
    /// The names or numbers in the column of labels, and the order in which they first occur.
    names: BTreeMap<String, usize>,
    /// For each line, the index of its label in that order.
    labels: Vec<usize>,
    has_header: bool,
    /// Whether a label is no number, so that labels are names.
    has_names: bool,
    /// The first label that is a number but not that of a class, with its line.
    not_a_class: Option<(u64, String)>,
}

impl Table {
    fn read(mut reader: impl BufRead) -> Result<Self> {
        let mut table = Self::default();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line);
            if read.map_err(Error::Io)? == 0 {
                break;
            }
            if line.len() as u64 > MAX_LINE {
                let reason = format!("it is longer than {MAX_LINE} bytes; write one image a line");
                return Err(fault(number, None, reason));
            }
            if number == 1 && line.starts_with(&GZIP_MAGIC) {
                return Err(fault(
                    number,
                    None,
                    "the file is gzipped; decompress it first (gunzip)".to_owned(),
                ));
            }
            let content = if number == 1 {
                line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line)
            } else {
                &line
            };
            let content = content.trim_ascii();
            if number == 1 && is_header(content)? {
                table.has_header = true;
            } else if !content.is_empty() {
                table.push(number, content)?;
            }
        }
        Ok(table)
    }

    fn push(&mut self, number: u64, line: &[u8]) -> Result<()> {
        let mut fields = Fields(Some(line));
        let label = fields.next().unwrap_or_default();
        let start = self.pixels.len();
        self.pixels.try_reserve(self.columns).map_err(|_| Error::OutOfMemory {
            bytes: (start + self.columns) as u64,
        })?;
        for (index, field) in fields.enumerate() {
            let pixel = pixel(field).ok_or_else(|| {
                let reason = format!(
                    "{} is not a whole number from 0 to 255, as a pixel has to be",
                    shown(field)
                );
                fault(number, Some(index + 2), reason)
            })?;
            self.pixels.push(pixel);
        }
        self.check_columns(number, self.pixels.len() - start)?;
        let label = label_name(label).map_err(|reason| fault(number, Some(1), reason))?;
        match label.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                if self.not_a_class.is_none() && label.parse::<usize>().is_err() {
                    self.not_a_class = Some((number, label.clone()));
                }
            }
            _ => self.has_names = true,
        }
        let next = self.names.len();
        if next == MAX_CLASSES && !self.names.contains_key(&label) {
            let (found, max) = (next + 1, MAX_CLASSES);
            return Err(Error::TooManyClasses { found, max });
        }
        self.labels.push(*self.names.entry(label).or_insert(next));
        Ok(())
    }

    fn check_columns(&mut self, number: u64, columns: usize) -> Result<()> {
        if columns == 0 {
            let reason = "there is no comma; write a label and the pixels of an image, separated by commas".to_owned();
            return Err(fault(number, None, reason));
        }
        if self.labels.is_empty() {
            self.columns = columns;
        }
        if columns != self.columns {
            let reason = format!(
                "the label is followed by {}, and by {} in the lines before",
                counted(columns, "pixel"),
                self.columns
            );
            return Err(fault(number, None, reason));
        }
        Ok(())
    }

    fn into_dataset(mut self, shape: Option<ImageShape>) -> Result<Dataset> {
        if self.labels.is_empty() {
            return Err(if self.has_header {
                let reason = "there is only a header; write a line with a label and the pixels for each image";
                Error::Content(reason.to_owned())
            } else {
                Error::Empty
            });
        }
        if let (Some((line, label)), false) = (&self.not_a_class, self.has_names) {
            let reason = format!(
                "{label:?} is not a whole number from 0 to {}, as the number of a class has to be",
                MAX_CLASSES - 1
            );
            return Err(fault(*line, Some(1), reason));
        }
        let shape = match shape.filter(|shape| shape.len() == self.columns) {
            Some(shape) => shape,
            None => square(self.columns)?,
        };
        shape.separate_channels(&mut self.pixels);
        let numbers: Option<BTreeMap<usize, usize>> = self
            .names
            .iter()
            .map(|(name, &id)| Some((id, name.parse().ok()?)))
            .collect();
        if let Some(numbers) = numbers {
            let labels = self.labels.iter().map(|id| numbers[id]).collect();
            return Dataset::new(self.pixels, labels, shape);
        }
        let mut names: Vec<String> = self.names.keys().cloned().collect();
        classes::sort(&mut names);
        let mut classes = vec![0; names.len()];
        for (class, name) in names.iter().enumerate() {
            classes[self.names[name]] = class;
        }
        let labels = self.labels.iter().map(|&id| classes[id]).collect();
        Dataset::new(self.pixels, labels, shape)?.with_class_names(names)
    }
}

fn fault(line: u64, column: Option<usize>, reason: String) -> Error {
    Error::Csv { line, column, reason }
}

/// The shape of a square gray image.
fn square(pixels: usize) -> Result<ImageShape> {
    let side = pixels.isqrt();
    if side * side == pixels {
        return ImageShape::gray(side, side);
    }
    Err(Error::Content(format!(
        "{pixels} pixels a line are no square image; give the shape of the images (on the command line: --net with an \
         input of that many values, as HEIGHTxWIDTHxCHANNELS)"
    )))
}

/// The fields of a line, without blanks and quotes around them.
struct Fields<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?.trim_ascii_start();
        // A comma within quotes is part of the field.
        let quoted = rest.first().filter(|&&byte| byte == b'"');
        let end_of_quotes = quoted.and_then(|_| rest[1..].iter().position(|&byte| byte == b'"'));
        let from = end_of_quotes.map_or(0, |end| end + 2);
        let comma = rest[from..]
            .iter()
            .position(|&byte| byte == b',')
            .map(|comma| from + comma);
        self.0 = comma.map(|comma| &rest[comma + 1..]);
        let field = rest[..comma.unwrap_or(rest.len())].trim_ascii_end();
        Some(
            field
                .strip_prefix(b"\"")
                .and_then(|field| field.strip_suffix(b"\""))
                .unwrap_or(field),
        )
    }
}

/// Whether the first line names the columns.
///
/// # Errors
/// If the labels are in the last column.
fn is_header(line: &[u8]) -> Result<bool> {
    let is_label_name = |field: &[u8]| {
        LABEL_NAMES
            .iter()
            .any(|name| field.eq_ignore_ascii_case(name.as_bytes()))
    };
    let is_number = |field: &[u8]| str::from_utf8(field).is_ok_and(|field| field.parse::<f64>().is_ok());
    let fields = || Fields(Some(line));
    let (columns, first, last) = (fields().count(), fields().next(), fields().last());
    if first.is_some_and(is_label_name) {
        return Ok(true);
    }
    if let Some(last) = last.filter(|last| is_label_name(last)) {
        let reason = format!("{} is the last column; move the labels to the first", shown(last));
        return Err(fault(1, Some(columns), reason));
    }
    let counts = fields()
        .enumerate()
        .all(|(index, field)| field == index.to_string().as_bytes());
    Ok((counts && columns >= MIN_COUNTED) || (columns > 1 && !fields().any(is_number)))
}

/// A whole number from 0 to 255; `7.0` is one, too.
fn pixel(field: &[u8]) -> Option<u8> {
    if let [b'0'..=b'9', ..] = field
        && field.len() <= 3
    {
        let digits = field.iter().map(|byte| byte.wrapping_sub(b'0'));
        let value = digits.clone().fold(0, |value, digit| 10 * value + u32::from(digit));
        if digits.max() <= Some(9) {
            return u8::try_from(value).ok();
        }
    }
    let value = whole_number(str::from_utf8(field).ok()?)?;
    u8::try_from(value).ok()
}

fn whole_number(field: &str) -> Option<u64> {
    let value: f64 = field.parse().ok()?;
    (value >= 0.0 && value < 2f64.powi(32) && value.fract() == 0.0).then_some(value as u64)
}

/// A number as it is counted, or the name of a class.
fn label_name(field: &[u8]) -> std::result::Result<String, String> {
    let name = str::from_utf8(field).map_err(|_| format!("{} is not UTF-8 text", shown(field)))?;
    if name.is_empty() {
        return Err("the label is missing".to_owned());
    }
    Ok(whole_number(name).map_or_else(|| name.to_owned(), |number| number.to_string()))
}

/// The beginning of a field, for messages.
fn shown(field: &[u8]) -> String {
    const MOST: usize = 24;
    let cut = &field[..field.len().min(MOST)];
    let more = if field.len() > MOST { "…" } else { "" };
    format!("{:?}{more}", String::from_utf8_lossy(cut))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Dataset> {
        Dataset::read_csv(text.as_bytes(), None)
    }

    fn error(text: impl AsRef<[u8]>) -> String {
        Dataset::read_csv(text.as_ref(), None).unwrap_err().to_string()
    }

    #[test]
    fn a_line_is_a_label_and_its_pixels() {
        let expected = Dataset::new(
            vec![0, 1, 2, 255, 9, 9, 9, 9],
            vec![3, 0],
            ImageShape::gray(2, 2).unwrap(),
        );
        let expected = expected.unwrap();
        for text in [
            "3,0,1,2,255\n0,9,9,9,9\n",
            "3,0,1,2,255\r\n\r\n0,9,9,9,9",
            "label,a,b,c,d\n3,0,1,2,255\n0,9,9,9,9\n\n",
            "Label,0,1,2,3\n3,0,1,2,255\n0,9,9,9,9\n",
            "\u{FEFF}\"y\",\"1\",\"2\",\"3\",\"4\"\n\"3\",\"0\",\"1\",\"2\",\"255\"\n\"0\",\"9\",\"9\",\"9\",\"9\"\n",
            " 3 , 0 , 1 , 2 , 255 \n0,9,9,9,9\n",
            "3.0,0.0,1.0,2.0,255.0\n0.0,9,9e0,09,9.00\n",
            "what,p0,p1,p2,p3\n3,0,1,2,255\n0,9,9,9,9\n",
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_header_that_counts_columns_is_no_image() {
        let columns: Vec<String> = (0..17).map(|column| column.to_string()).collect();
        let text = format!("{}\n5{}\n", columns.join(","), ",7".repeat(16));
        assert_eq!(read(&text).unwrap().labels(), [5]);
        // Few columns may be an image.
        assert_eq!(read("0,1,2,3,4\n").unwrap().image(0), [1, 2, 3, 4]);
    }

    #[test]
    fn labels_may_be_names() {
        let dataset = read("pear,1\n\"apple, red\",2\npear,3\n7,4\n10,5\n-1,6\n").unwrap();
        assert_eq!(dataset.class_names(), ["7", "10", "-1", "apple, red", "pear"]);
        assert_eq!(dataset.labels(), [4, 3, 4, 0, 1, 2]);
        assert!(dataset.has_class_names() && !read("7,1\n").unwrap().has_class_names());
    }

    #[test]
    fn images_have_the_given_shape_if_it_fits() {
        let text = "0,1,2,3,4,5,6\n";
        let open = |shape| Dataset::read_csv(text.as_bytes(), Some(shape));
        let row = open(ImageShape::gray(2, 3).unwrap()).unwrap();
        assert_eq!(row.image(0), [1, 2, 3, 4, 5, 6]);
        let color = open(ImageShape::new(3, 1, 2).unwrap()).unwrap();
        assert_eq!(color.image(0), [1, 4, 2, 5, 3, 6]);
        let error = open(ImageShape::gray(2, 2).unwrap()).unwrap_err().to_string();
        assert!(error.contains("6 pixels a line"), "{error}");
        let square = Dataset::read_csv("0,1,2,3,4\n".as_bytes(), Some(ImageShape::gray(2, 3).unwrap())).unwrap();
        assert_eq!(square.shape(), ImageShape::gray(2, 2).unwrap());
    }

    #[test]
    fn errors_name_line_and_column() {
        for (text, words) in [
            ("0,1\n0,256\n", &["line 2, column 2", "\"256\"", "0 to 255"][..]),
            ("0,1\n\n0,-1\n", &["line 3, column 2", "\"-1\""]),
            ("0,1\n0,0.5\n", &["line 2, column 2", "\"0.5\""]),
            ("0,1\n0,NaN\n", &["line 2, column 2", "\"NaN\""]),
            ("0,1\n0,\n", &["line 2, column 2", "\"\""]),
            ("0,1\n,1\n", &["line 2, column 1", "the label is missing"]),
            ("0,1,2,3,4\n0,1,2,3\n", &["line 2", "followed by 3 pixels, and by 4"]),
            ("0,1\n5\n", &["line 2", "no comma"]),
            ("0;1;2\n", &["line 1", "no comma"]),
            ("0,1,2\n", &["2 pixels a line", "--net"]),
            (
                "p1,p2,class\n1,2,0\n",
                &["line 1, column 3", "\"class\" is the last column"],
            ),
            ("", &["empty"]),
            ("label,a\n", &["only a header"]),
            ("\n\n", &["empty"]),
            ("1,?,2,3,4\n0,1,2,3,4\n", &["line 1, column 2", "\"?\""]),
            ("cat,1,x,3,4\n", &["line 1, column 3", "\"x\""]),
            ("0,1\n-1,1\n", &["line 2, column 1", "\"-1\"", "0 to 65535"]),
            ("1.5,1\n0,1\n", &["line 1, column 1", "\"1.5\""]),
            ("65536,1\n", &["label 65536 at index 0"]),
        ] {
            let error = error(text);
            assert!(words.iter().all(|word| error.contains(word)), "{text:?}: {error}");
        }
        let error = error(b"0,1\n\xFF,1\n");
        assert!(error.contains("line 2, column 1") && error.contains("UTF-8"), "{error}");
    }

    #[test]
    fn gzip_and_endless_lines_are_errors() {
        assert!(error([0x1f, 0x8b, 8, 0]).contains("gunzip"));
        let endless = BufReader::new(std::io::repeat(b'1'));
        let error = Dataset::read_csv(endless, None).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("longer than"), "{error}");
    }

    #[test]
    fn errors_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("digits.csv");
        for (create, reason) in [(false, "No such file"), (true, "\"x\" is not")] {
            if create {
                std::fs::write(&path, "0,1\n0,x\n").unwrap();
            }
            let error = Dataset::open_csv(&path, None).unwrap_err().to_string();
            assert!(error.contains("digits.csv") && error.contains(reason), "{error}");
        }
        let error = Dataset::open_csv(dir.path(), None).unwrap_err().to_string();
        assert!(error.contains("folder"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Dataset::read_csv(&bytes[..], None);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([0-9a,.\"\n -]{0,20}\n){0,5}") {
            let _ = Dataset::read_csv(text.as_bytes(), None);
        }

        #[test]
        fn written_images_are_read_back(
            pixels in proptest::collection::vec(any::<u8>(), 9), label in 0usize..300,
        ) {
            let fields: Vec<String> = pixels.iter().map(u8::to_string).collect();
            let text = format!("{label},{}\n", fields.join(","));
            let dataset = read(&text).unwrap();
            prop_assert_eq!((dataset.image(0), dataset.label(0)), (&pixels[..], label));
        }
    }
}
