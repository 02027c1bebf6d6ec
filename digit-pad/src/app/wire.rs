//! Messages and answers as bytes, for workers that share no memory with the window.
//!
//! Both ends are of one build, so that the form needs no version.

use std::{path::PathBuf, sync::Arc};

use crate::{
    app::{
        bytes::{Reader, Writer},
        kept_drawing::{ink_from_json, ink_to_json},
        message::{Answer, Control, ImageSource, Message, Reading, Request, TestDigit, TrainingUpdate},
    },
    drawing::file::Drawings,
    error::Error,
    geometry::Point,
    imaging::gray_image::GrayImage,
    recognition::{
        activations::Tiles,
        added_stroke::AddedStroke,
        explanation::Explanation,
        model::{DIGITS, Model},
        recognizer::ReadyModel,
        twins::Twins,
    },
    teaching::examples::Examples,
    training::progress::{Progress, Reading as ProgressReading, Snapshot},
};

/// Writes a message.
///
/// # Errors
/// If a model cannot be written.
pub fn message_to_bytes(message: &Message) -> Result<Vec<u8>, Error> {
    let mut to = Writer::default();
    match message {
        Message::Control(control) => {
            to.u8(0);
            write_control(control, &mut to);
        }
        Message::Request(number, request) => {
            to.u8(1);
            to.u64(*number);
            write_request(request, &mut to)?;
        }
    }
    Ok(to.into_bytes())
}

/// Reads messages. A model that comes again is the same one in memory, so that what was prepared for it is kept.
#[derive(Debug, Default)]
pub struct MessageReader {
    last_model: Option<(Vec<u8>, Arc<Model>)>,
}

impl MessageReader {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Error::Worker`] if it is damaged.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Message, Error> {
        self.message(&mut Reader::new(bytes)).ok_or_else(damaged)
    }

    fn message(&mut self, from: &mut Reader<'_>) -> Option<Message> {
        match from.u8()? {
            0 => read_control(from).map(Message::Control),
            1 => Some(Message::Request(from.u64()?, self.request(from)?)),
            _ => None,
        }
    }

    fn request(&mut self, from: &mut Reader<'_>) -> Option<Request> {
        Some(match from.u8()? {
            0 => Request::FineTune(self.model(from)?, read_examples(from)?),
            1 => Request::Explain(Box::new(Reading {
                model: self.model(from)?,
                pixels: from.array()?,
                ink: from.option(|from| ink_from_json(from.text()?))?,
            })),
            2 => Request::Train(from.u64()?),
            3 => Request::TestDigit(from.usize()?, from.option(|from| self.model(from))?),
            4 => Request::Film(Arc::new(read_progress(from)?), from.bool()?),
            5 => Request::ReadImage(ImageSource::File(PathBuf::from(from.text()?))),
            6 => Request::ReadImage(ImageSource::Bytes(from.text()?.to_owned(), from.bytes()?.to_vec())),
            7 => Request::FindTwins(from.list(|from| Some((from.u8()?, from.array()?)))?),
            8 => Request::Poster(read_examples(from)?, Arc::new(read_twins(from)?)),
            _ => return None,
        })
    }

    fn model(&mut self, from: &mut Reader<'_>) -> Option<Arc<Model>> {
        let bytes = from.bytes()?;
        let last = self.last_model.take().filter(|(last, _)| last == bytes);
        let (bytes, model) = match last {
            Some(last) => last,
            None => (bytes.to_vec(), Arc::new(read_model(bytes)?)),
        };
        Some(Arc::clone(&self.last_model.insert((bytes, model)).1))
    }
}

/// Writes an answer.
#[must_use]
pub fn answer_to_bytes(number: u64, answer: &Answer) -> Vec<u8> {
    let mut to = Writer::default();
    to.u64(number);
    let written = write_answer(answer, &mut to);
    let Err(error) = written else {
        return to.into_bytes();
    };
    answer_to_bytes(number, &Answer::Failed(Error::Worker(error.to_string())))
}

/// Reads an answer, with the number of its request.
///
/// # Errors
/// [`Error::Worker`] if it is damaged.
pub fn answer_from_bytes(bytes: &[u8]) -> Result<(u64, Answer), Error> {
    let mut from = Reader::new(bytes);
    let number = from.u64().ok_or_else(damaged)?;
    Ok((number, read_answer(&mut from).ok_or_else(damaged)?))
}

fn damaged() -> Error {
    Error::Worker("a message between the page and its worker was damaged; reload the page".to_owned())
}

fn write_control(control: &Control, to: &mut Writer) {
    match control {
        Control::Cancel => to.u8(0),
        Control::Pause(on) => {
            to.u8(1);
            to.bool(*on);
        }
        Control::SlowMotion(on) => {
            to.u8(2);
            to.bool(*on);
        }
        Control::Watch(drawing) => {
            to.u8(3);
            to.option(drawing.as_deref(), |pixels, to| to.array(pixels));
        }
        Control::Stop => to.u8(4),
    }
}

fn read_control(from: &mut Reader<'_>) -> Option<Control> {
    Some(match from.u8()? {
        0 => Control::Cancel,
        1 => Control::Pause(from.bool()?),
        2 => Control::SlowMotion(from.bool()?),
        3 => Control::Watch(from.option(|from| from.array().map(Box::new))?),
        4 => Control::Stop,
        _ => return None,
    })
}

fn write_request(request: &Request, to: &mut Writer) -> Result<(), Error> {
    match request {
        Request::FineTune(model, examples) => {
            to.u8(0);
            to.bytes(&model.content.to_bytes()?);
            to.text(&examples.to_lines());
        }
        Request::Explain(reading) => {
            to.u8(1);
            to.bytes(&reading.model.content.to_bytes()?);
            to.array(&reading.pixels);
            to.option(reading.ink.as_ref(), |ink, to| to.text(&ink_to_json(ink)));
        }
        Request::Train(seed) => {
            to.u8(2);
            to.u64(*seed);
        }
        Request::TestDigit(index, model) => {
            to.u8(3);
            to.usize(*index);
            let model = model.as_ref().map(|model| model.content.to_bytes()).transpose()?;
            to.option(model.as_ref(), |model, to| to.bytes(model));
        }
        Request::Film(progress, dark) => {
            to.u8(4);
            write_progress(progress, to);
            to.bool(*dark);
        }
        Request::ReadImage(ImageSource::File(path)) => {
            to.u8(5);
            to.text(&path.to_string_lossy());
        }
        Request::ReadImage(ImageSource::Bytes(name, bytes)) => {
            to.u8(6);
            to.text(name);
            to.bytes(bytes);
        }
        Request::FindTwins(digits) => {
            to.u8(7);
            to.list(digits, |(digit, pixels), to| {
                to.u8(*digit);
                to.array(pixels);
            });
        }
        Request::Poster(examples, twins) => {
            to.u8(8);
            to.text(&examples.to_lines());
            write_twins(twins, to);
        }
    }
    Ok(())
}

fn write_answer(answer: &Answer, to: &mut Writer) -> Result<(), Error> {
    match answer {
        Answer::FineTuned(ready) => {
            to.u8(0);
            to.bytes(&ready.model.content.to_bytes()?);
        }
        Answer::Explanation(explanation) => {
            to.u8(1);
            to.array(explanation.pixels());
            explanation.parts().iter().for_each(|part| to.f32s(part));
        }
        Answer::AddedStrokes(strokes) => {
            to.u8(2);
            for stroke in strokes.iter() {
                to.option(stroke.as_ref(), write_added_stroke);
            }
        }
        Answer::Training(update) => {
            to.u8(3);
            write_progress(&update.progress, to);
            let network = update.network.as_ref();
            let network = network.map(|network| nn_core::Model::new(network.clone()).to_bytes());
            to.option(network.transpose()?.as_ref(), |network, to| to.bytes(network));
            to.option(update.failure.as_ref(), |failure, to| to.text(failure));
        }
        Answer::TestDigit(digit) => {
            to.u8(4);
            to.option(digit.as_ref(), |digit, to| {
                to.usize(digit.index);
                to.u8(digit.label);
                write_image(&digit.image, to);
            });
        }
        Answer::Film(file) => {
            to.u8(5);
            to.bytes(file);
        }
        Answer::Image(image) => {
            to.u8(6);
            write_image(image, to);
        }
        Answer::Failed(error) => {
            to.u8(7);
            to.text(&error.to_string());
        }
        Answer::Note(text) => {
            to.u8(8);
            to.text(text);
        }
        Answer::Twins(twins) => {
            to.u8(9);
            write_twins(twins, to);
        }
        Answer::Poster(file) => {
            to.u8(10);
            to.bytes(file);
        }
    }
    Ok(())
}

fn read_answer(from: &mut Reader<'_>) -> Option<Answer> {
    Some(match from.u8()? {
        0 => match ReadyModel::new(read_model(from.bytes()?)?) {
            Ok(ready) => Answer::FineTuned(Box::new(ready)),
            Err(error) => Answer::Failed(error),
        },
        1 => {
            let pixels = from.array()?;
            let parts = (0..DIGITS)
                .map(|_| from.f32s()?.try_into().ok())
                .collect::<Option<_>>()?;
            Answer::Explanation(Box::new(Explanation::from_parts(pixels, parts)))
        }
        2 => {
            let mut strokes = [const { None }; DIGITS];
            for stroke in &mut strokes {
                *stroke = from.option(read_added_stroke)?;
            }
            Answer::AddedStrokes(Box::new(strokes))
        }
        3 => Answer::Training(Box::new(TrainingUpdate {
            progress: read_progress(from)?,
            network: from.option(|from| Some(read_model(from.bytes()?)?.content.network))?,
            failure: from.option(|from| from.text().map(str::to_owned))?,
        })),
        4 => Answer::TestDigit(from.option(|from| {
            Some(TestDigit {
                index: from.usize()?,
                label: from.u8()?,
                image: read_image(from)?,
            })
        })?),
        5 => Answer::Film(from.bytes()?.to_vec()),
        6 => Answer::Image(read_image(from)?),
        7 => Answer::Failed(Error::Worker(from.text()?.to_owned())),
        8 => Answer::Note(from.text()?.to_owned()),
        9 => Answer::Twins(Box::new(read_twins(from)?)),
        10 => Answer::Poster(from.bytes()?.to_vec()),
        _ => return None,
    })
}

fn read_model(bytes: &[u8]) -> Option<Model> {
    Some(nn_core::Model::from_bytes(bytes).ok()?.into())
}

fn read_examples(from: &mut Reader<'_>) -> Option<Examples> {
    let lines = Drawings::new(from.text()?.as_bytes(), "examples".as_ref());
    Examples::undamaged(lines).ok().map(|(examples, _)| examples)
}

fn write_added_stroke(stroke: &AddedStroke, to: &mut Writer) {
    let coordinates = stroke.points.iter().flat_map(|point| [point.x, point.y]);
    to.f32s(&coordinates.collect::<Vec<_>>());
    to.u8(stroke.digit);
    to.f32(stroke.probability);
}

fn read_added_stroke(from: &mut Reader<'_>) -> Option<AddedStroke> {
    let coordinates = from.f32s()?;
    let points = coordinates.chunks_exact(2).map(|at| Point::new(at[0], at[1]));
    Some(AddedStroke {
        points: points.collect(),
        digit: from.u8()?,
        probability: from.f32()?,
    })
}

fn write_twins(twins: &Twins, to: &mut Writer) {
    for of_digit in twins {
        to.list(of_digit, |pixels, to| to.array(pixels));
    }
}

fn read_twins(from: &mut Reader<'_>) -> Option<Twins> {
    let mut twins = Twins::default();
    for of_digit in &mut twins {
        *of_digit = from.list(Reader::array)?;
    }
    Some(twins)
}

fn write_image(image: &GrayImage, to: &mut Writer) {
    to.usize(image.width());
    to.bytes(image.pixels());
}

fn read_image(from: &mut Reader<'_>) -> Option<GrayImage> {
    let (width, pixels) = (from.usize()?, from.bytes()?);
    let height = pixels.len().checked_div(width)?;
    (height * width == pixels.len()).then(|| GrayImage::new(width, height, pixels.to_vec()))
}

fn write_progress(progress: &Progress, to: &mut Writer) {
    to.bool(progress.paused);
    to.bool(progress.is_slow);
    to.bool(progress.finished);
    to.u64(progress.steps);
    to.u64(progress.total_steps);
    to.usize(progress.batch);
    to.f32(progress.seconds);
    to.f32(progress.images_per_second);
    to.f32s(progress.losses.as_flattened());
    to.f32s(progress.accuracies.as_flattened());
    to.option(progress.test_accuracy.as_ref(), |&accuracy, to| to.f32(accuracy));
    to.list(&progress.snapshots, |snapshot, to| write_snapshot(snapshot, to));
}

fn read_progress(from: &mut Reader<'_>) -> Option<Progress> {
    let pairs = |from: &mut Reader<'_>| Some(from.f32s()?.chunks_exact(2).map(|at| [at[0], at[1]]).collect());
    Some(Progress {
        paused: from.bool()?,
        is_slow: from.bool()?,
        finished: from.bool()?,
        steps: from.u64()?,
        total_steps: from.u64()?,
        batch: from.usize()?,
        seconds: from.f32()?,
        images_per_second: from.f32()?,
        losses: pairs(from)?,
        accuracies: pairs(from)?,
        test_accuracy: from.option(Reader::f32)?,
        snapshots: from.list(|from| read_snapshot(from).map(Arc::new))?,
    })
}

fn write_snapshot(snapshot: &Snapshot, to: &mut Writer) {
    to.u64(snapshot.step);
    to.f32(snapshot.seconds);
    to.f32(snapshot.loss);
    to.f32(snapshot.accuracy);
    to.usize(snapshot.filters.height);
    to.usize(snapshot.filters.width);
    to.list(&snapshot.filters.tiles, |tile, to| to.f32s(tile));
    to.option(snapshot.reading.as_ref(), |reading, to| {
        to.array(&reading.pixels[..]);
        to.bool(reading.is_test_digit);
        to.f32s(&reading.probabilities);
    });
}

fn read_snapshot(from: &mut Reader<'_>) -> Option<Snapshot> {
    Some(Snapshot {
        step: from.u64()?,
        seconds: from.f32()?,
        loss: from.f32()?,
        accuracy: from.f32()?,
        filters: Arc::new(Tiles {
            height: from.usize()?,
            width: from.usize()?,
            tiles: from.list(Reader::f32s)?,
        }),
        reading: from.option(|from| {
            Some(ProgressReading {
                pixels: Arc::new(from.array()?),
                is_test_digit: from.bool()?,
                probabilities: from.f32s()?.try_into().ok()?,
            })
        })?,
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use nn_core::Network;

    use super::*;
    use crate::{
        drawing::strokes::{Ink, Stroke},
        recognition::{example::Example, explanation::Explainer, normalization::PIXELS},
    };

    fn model(seed: u64) -> Arc<Model> {
        let network = Network::new("784 | dense 10".parse().unwrap(), seed).unwrap();
        Arc::new(Model::from(nn_core::Model::new(network)))
    }

    fn ink() -> Ink {
        let points = vec![Point::new(100.25, 120.0), Point::new(280.0, 440.125)];
        [Stroke::new(points, 20.5)].into_iter().collect()
    }

    fn progress() -> Progress {
        let mut progress = Progress {
            is_slow: true,
            total_steps: 500,
            batch: 64,
            seconds: 0.25,
            losses: vec![[1.0, 2.5], [2.0, 1.5]],
            accuracies: vec![[2.0, 0.75]],
            test_accuracy: Some(0.5),
            ..Progress::default()
        };
        for step in 1..3 {
            progress.keep(Snapshot {
                step,
                seconds: 0.125,
                loss: 1.5,
                accuracy: 0.25,
                filters: Arc::new(Tiles {
                    height: 1,
                    width: 2,
                    tiles: vec![vec![0.5, -0.5]; 3],
                }),
                reading: (step == 2).then(|| ProgressReading {
                    pixels: Arc::new(std::array::from_fn(|i| i as u8)),
                    is_test_digit: true,
                    probabilities: std::array::from_fn(|i| i as f32),
                }),
            });
        }
        progress
    }

    fn twins() -> Twins {
        std::array::from_fn(|digit| vec![[digit as u8; PIXELS]; digit % 4])
    }

    fn messages() -> Vec<Message> {
        let example = Example::new(7, ink()).unwrap();
        let reading = Reading {
            model: model(2),
            pixels: [3; PIXELS],
            ink: Some(ink()),
        };
        let requests = vec![
            Request::FineTune(model(1), [example].into_iter().collect()),
            Request::Explain(Box::new(reading.clone())),
            Request::Explain(Box::new(Reading { ink: None, ..reading })),
            Request::Train(u64::MAX),
            Request::TestDigit(77, None),
            Request::TestDigit(77, Some(model(3))),
            Request::Film(Arc::new(progress()), true),
            Request::FindTwins(vec![(3, [1; PIXELS]), (9, [200; PIXELS])]),
            Request::Poster(
                [Example::new(2, [9; PIXELS]).unwrap()].into_iter().collect(),
                Arc::new(twins()),
            ),
            Request::ReadImage(ImageSource::File("a/b.png".into())),
            Request::ReadImage(ImageSource::Bytes("ä.png".to_owned(), vec![1, 2, 3])),
        ];
        let controls = [
            Control::Cancel,
            Control::Pause(true),
            Control::SlowMotion(false),
            Control::Watch(None),
            Control::Watch(Some(Box::new([9; PIXELS]))),
            Control::Stop,
        ];
        let requests = requests.into_iter().zip(5..);
        let requests = requests.map(|(request, number)| Message::Request(number, request));
        requests.chain(controls.map(Message::Control)).collect()
    }

    fn answers() -> Vec<Answer> {
        let stroke = AddedStroke {
            points: ink().strokes()[0].points().to_vec(),
            digit: 4,
            probability: 0.75,
        };
        let mut strokes = [const { None }; DIGITS];
        strokes[4] = Some(stroke);
        let explanation = Explainer::new(Model::clone(&model(1)))
            .unwrap()
            .explain(&[7; PIXELS])
            .unwrap();
        let image = GrayImage::new(3, 2, vec![0, 1, 2, 3, 4, 255]);
        let update = TrainingUpdate {
            progress: progress(),
            network: Some(model(4).content.network.clone()),
            failure: Some("no luck".to_owned()),
        };
        let without_network = TrainingUpdate {
            network: None,
            ..update.clone()
        };
        let digit = TestDigit {
            index: 9_999,
            label: 3,
            image: image.clone(),
        };
        vec![
            Answer::FineTuned(Box::new(ReadyModel::new(Model::clone(&model(5))).unwrap())),
            Answer::Explanation(Box::new(explanation)),
            Answer::AddedStrokes(Box::new(strokes)),
            Answer::Training(Box::new(update)),
            Answer::Training(Box::new(without_network)),
            Answer::TestDigit(None),
            Answer::TestDigit(Some(digit)),
            Answer::Film(vec![5, 6]),
            Answer::Twins(Box::new(twins())),
            Answer::Poster(vec![7, 8]),
            Answer::Image(image),
            Answer::Failed(Error::Worker("it broke".to_owned())),
            Answer::Note("patience".to_owned()),
        ]
    }

    /// All that a value shows of itself. Networks show how they are computed too, which is not sent: of them, the bytes count.
    fn shown(value: &impl Debug) -> Option<String> {
        Some(format!("{value:?}")).filter(|shown| !shown.contains("Network {"))
    }

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let mut reader = MessageReader::default();
        for message in messages() {
            let bytes = message_to_bytes(&message).unwrap();
            let received = reader.read(&bytes).unwrap();
            assert_eq!(shown(&received), shown(&message));
            assert!(message_to_bytes(&received).unwrap() == bytes);
        }
    }

    #[test]
    fn answers_arrive_as_they_were_sent() {
        for answer in answers() {
            let bytes = answer_to_bytes(12, &answer);
            let (number, received) = answer_from_bytes(&bytes).unwrap();
            assert_eq!((number, shown(&received)), (12, shown(&answer)));
            assert!(answer_to_bytes(number, &received) == bytes);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let mut reader = MessageReader::default();
        for message in messages() {
            let bytes = message_to_bytes(&message).unwrap();
            for length in (0..bytes.len()).step_by(bytes.len().div_ceil(50)) {
                assert!(reader.read(&bytes[..length]).is_err());
            }
        }
        for answer in answers() {
            let bytes = answer_to_bytes(1, &answer);
            for length in (0..bytes.len()).step_by(bytes.len().div_ceil(50)) {
                assert!(answer_from_bytes(&bytes[..length]).is_err());
            }
        }
        assert!(reader.read(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 99]).is_err());
    }

    #[test]
    fn a_model_that_comes_again_is_the_same_in_memory() {
        let mut reader = MessageReader::default();
        let mut model_of = |model: &Arc<Model>| {
            let bytes = message_to_bytes(&Message::Request(1, Request::TestDigit(0, Some(Arc::clone(model))))).unwrap();
            match reader.read(&bytes).unwrap() {
                Message::Request(_, Request::TestDigit(_, Some(model))) => model,
                other => panic!("{other:?}"),
            }
        };
        let (first, again, other) = (model_of(&model(1)), model_of(&model(1)), model_of(&model(2)));
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
    }
}
