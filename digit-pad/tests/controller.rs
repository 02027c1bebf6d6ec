//! Every errand of the window, without a window: what it does to the state and to the user's files.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use digit_pad::{
    app::controller::Controller,
    recognition::model::Model,
    storage::paths::UserPaths,
    training::session::model_of,
    ui::{Action, Command, Event, Key, Modifiers, Opening, Panel, State},
};
use nn_core::{Network, formats};

const PATIENCE: Duration = Duration::from_secs(100);

fn open(home: &Path) -> (Controller, State) {
    let mut controller = Controller::new(Model::embedded().unwrap(), UserPaths::all_in(home)).unwrap();
    let mut state = State::new(960, 640, Opening::Blank);
    controller.open(&mut state);
    (controller, state)
}

/// A stroke through places of the canvas, from 0 to 1.
fn draw(state: &mut State, places: &[(f32, f32)]) {
    let canvas = state.layout().canvas;
    let at = |(x, y): (f32, f32)| {
        (
            canvas.x as f32 + x * canvas.width as f32,
            canvas.y as f32 + y * canvas.height as f32,
        )
    };
    let (x, y) = at(places[0]);
    state.apply(Event::PointerPressed { x, y });
    for &place in places {
        let (x, y) = at(place);
        state.apply(Event::PointerMoved { x, y });
    }
    let (x, y) = at(places[places.len() - 1]);
    state.apply(Event::PointerReleased { x, y });
}

fn one(state: &mut State) {
    draw(state, &[(0.5, 0.2), (0.5, 0.8)]);
}

/// A sign that is no digit: a cross with a roof.
fn sign(state: &mut State) {
    draw(state, &[(0.3, 0.3), (0.7, 0.8)]);
    draw(state, &[(0.7, 0.3), (0.3, 0.8)]);
    draw(state, &[(0.25, 0.2), (0.75, 0.2)]);
}

/// Runs what the state asks for.
fn run(controller: &mut Controller, state: &mut State) {
    for command in state.take_commands() {
        controller.run(command, state);
    }
    controller.recognize(state);
}

fn act(controller: &mut Controller, state: &mut State, action: Action) {
    state.act(action);
    run(controller, state);
}

fn teach(controller: &mut Controller, state: &mut State, digit: u8) {
    let modifiers = Modifiers::default();
    state.apply(Event::KeyPressed {
        key: Key::Digit(digit),
        modifiers,
    });
    run(controller, state);
    wait(controller, state);
}

/// Until nothing is under way.
fn wait(controller: &mut Controller, state: &mut State) {
    let start = Instant::now();
    while controller.is_busy() {
        controller.poll(state);
        assert!(start.elapsed() < PATIENCE, "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
    controller.recognize(state);
}

fn answer(state: &State) -> u8 {
    state.digits()[0].prediction.digit()
}

#[test]
fn a_number_is_read_digit_by_digit() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    controller.recognize(&mut state);
    assert!(state.digits().is_empty());
    draw(&mut state, &[(0.2, 0.3), (0.2, 0.7)]);
    draw(&mut state, &[(0.5, 0.3), (0.7, 0.3), (0.58, 0.7)]);
    controller.recognize(&mut state);
    let digits: Vec<_> = state.digits().iter().map(|digit| digit.prediction.digit()).collect();
    assert_eq!(digits, [1, 7]);
    let [first, second] = [0, 1].map(|i| state.digits()[i].bounds);
    assert!(first.right < second.left, "{first:?} stands before {second:?}");
}

#[test]
fn what_is_taught_is_read_kept_and_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    sign(&mut state);
    controller.recognize(&mut state);
    let before = state.digits()[0].prediction.probabilities;
    let taught = (answer(&state) + 3) % 10;
    teach(&mut controller, &mut state, taught);
    assert_eq!((answer(&state), state.examples().len()), (taught, 1));
    assert_eq!(state.examples()[0].label, taught);
    assert!(
        state.message().unwrap().contains("Learnt 1 lesson"),
        "{:?}",
        state.message()
    );
    // Saved as a network, it reads the same.
    act(&mut controller, &mut state, Action::SaveNetwork);
    let saved = Model::open(Some(&home.path().join("digit-1.safetensors"))).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = Controller::new(saved, UserPaths::all_in(elsewhere.path())).unwrap();
    other.recognize(&mut state);
    let read = state.digits()[0].prediction.probabilities;
    controller.recognize(&mut state);
    assert_eq!(state.digits()[0].prediction.probabilities, read);
    // What is remembered is seen in the layers.
    act(&mut controller, &mut state, Action::Layers);
    assert_eq!(state.activations().unwrap().last().unwrap().name, "dense 10 · memory");
    act(&mut controller, &mut state, Action::Layers);
    // It is there at the next start.
    let (mut again, mut later) = open(home.path());
    wait(&mut again, &mut later);
    sign(&mut later);
    again.recognize(&mut later);
    assert_eq!((answer(&later), later.examples().len()), (taught, 1));
    // Taken back, it leaves no trace.
    act(&mut controller, &mut state, Action::UndoExample);
    wait(&mut controller, &mut state);
    assert_eq!(state.digits()[0].prediction.probabilities, before);
    assert!(state.examples().is_empty() && !state.is_enabled(Action::UndoExample));
    let kept = std::fs::read_to_string(home.path().join("lessons.jsonl")).unwrap();
    assert!(kept.is_empty(), "{kept}");
}

#[test]
fn any_example_can_be_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    for (digit, x) in [(1, 0.4), (4, 0.5), (7, 0.6)] {
        state.act(Action::Clear);
        draw(&mut state, &[(x, 0.2), (x, 0.8)]);
        controller.recognize(&mut state);
        teach(&mut controller, &mut state, digit);
    }
    assert_eq!(state.examples().len(), 3);
    controller.run(Command::RemoveExample(1), &mut state);
    let labels: Vec<_> = state.examples().iter().map(|example| example.label).collect();
    assert_eq!(labels, [1, 7]);
    controller.run(Command::RemoveExample(9), &mut state);
    assert_eq!(state.examples().len(), 2);
    act(&mut controller, &mut state, Action::RemoveAllExamples);
    assert!(state.examples().is_empty());
}

#[test]
fn damaged_examples_are_told_of_and_never_lost() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lessons.jsonl");
    std::fs::write(&path, "{\"label\":1,\"strokes\":[[[0,0],[0,9]]]}\nno drawing\n").unwrap();
    let (mut controller, mut state) = open(home.path());
    let message = state.message().expect("something to say");
    assert!(message.contains("lessons.jsonl, line 2"), "{message}");
    assert!(std::fs::read_to_string(&path).unwrap().contains("no drawing"));
    // What is taught then has a file of its own.
    for (digit, x) in [(1, 0.4), (7, 0.6)] {
        state.act(Action::Clear);
        draw(&mut state, &[(x, 0.2), (x, 0.8)]);
        controller.recognize(&mut state);
        teach(&mut controller, &mut state, digit);
    }
    let aside = std::fs::read_to_string(home.path().join("lessons-damaged-1.jsonl")).unwrap();
    assert!(aside.contains("no drawing"), "{aside}");
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(kept.lines().count(), 2, "{kept}");
    assert!(!home.path().join("lessons-damaged-2.jsonl").exists());
}

#[test]
fn pictures_are_taught_as_drawings_are() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    act(&mut controller, &mut state, Action::NextMisclassified);
    let seen = state.digits()[0].pixels;
    let taught = (answer(&state) + 1) % 10;
    teach(&mut controller, &mut state, taught);
    assert_eq!((answer(&state), state.examples()[0].pixels), (taught, seen));
    // With a stroke over it, it is another picture.
    one(&mut state);
    controller.recognize(&mut state);
    teach(&mut controller, &mut state, 8);
    assert_eq!((answer(&state), state.examples().len()), (8, 2));
    let (mut again, mut later) = open(home.path());
    wait(&mut again, &mut later);
    assert_eq!(later.examples(), state.examples());
}

#[test]
fn the_next_misread_digit_is_misread() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    let mut met = Vec::new();
    for _ in 0..3 {
        act(&mut controller, &mut state, Action::NextMisclassified);
        let message = state.message().unwrap().to_owned();
        let label: u8 = message.chars().last().unwrap().to_digit(10).unwrap() as u8;
        assert_ne!(answer(&state), label, "{message}");
        assert!(!met.contains(&message));
        met.push(message);
    }
    state.act(Action::Undo);
    assert!(!state.is_blank(), "the digit before it lies there again");
}

#[test]
fn drawings_and_networks_are_saved_where_the_message_says() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    for (action, name) in [
        (Action::Save, "digit-1.png"),
        (Action::SaveNetwork, "digit-1.safetensors"),
    ] {
        act(&mut controller, &mut state, action);
        let path = home.path().join(name);
        assert!(path.exists());
        assert_eq!(state.message().unwrap(), format!("Saved {}", path.display()));
    }
    let (mut controller, mut state) = open(Path::new("/nowhere/at/all"));
    one(&mut state);
    act(&mut controller, &mut state, Action::Save);
    assert!(
        state.message().unwrap().contains("/nowhere/at/all"),
        "{:?}",
        state.message()
    );
}

#[test]
fn every_layer_is_shown_while_it_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    act(&mut controller, &mut state, Action::Layers);
    let activations = state.activations().expect("layers");
    assert_eq!(activations.last().unwrap().output.tiles.len(), 10);
    act(&mut controller, &mut state, Action::Clear);
    assert!(state.activations().is_none(), "there is nothing to look at");
    act(&mut controller, &mut state, Action::Layers);
    one(&mut state);
    controller.recognize(&mut state);
    assert!(state.activations().is_none());
}

#[test]
fn it_learns_from_nothing_and_goes_back() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    controller.recognize(&mut state);
    let before = state.digits()[0].prediction.probabilities;
    act(&mut controller, &mut state, Action::Train);
    assert!(!state.is_enabled(Action::Train) && state.is_enabled(Action::Pause));
    wait(&mut controller, &mut state);
    let progress = state.progress().expect("it is shown");
    assert!(progress.finished && progress.steps == progress.total_steps);
    assert!(progress.accuracies.last().unwrap()[1] > 0.97 && progress.test_accuracy.unwrap() > 0.98);
    assert!(state.message().unwrap().contains("% of test digits"));
    assert_eq!(answer(&state), 1);
    assert_ne!(state.digits()[0].prediction.probabilities, before);
    act(&mut controller, &mut state, Action::RestoreBuiltIn);
    assert_eq!(state.digits()[0].prediction.probabilities, before);
    assert!(state.progress().is_none());
}

#[test]
fn what_is_taught_meanwhile_is_learnt_at_the_end() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    sign(&mut state);
    controller.recognize(&mut state);
    act(&mut controller, &mut state, Action::Train);
    state.apply(Event::KeyPressed {
        key: Key::Digit(6),
        modifiers: Modifiers::default(),
    });
    run(&mut controller, &mut state);
    assert!(state.message().unwrap().contains("Kept"), "{:?}", state.message());
    assert!(home.path().join("lessons.jsonl").exists());
    wait(&mut controller, &mut state);
    let message = state.message().unwrap();
    assert!(
        message.contains("Learnt 1 lesson") && state.examples().len() == 1,
        "{message}"
    );
    // A second run opens its curves again.
    act(&mut controller, &mut state, Action::Layers);
    act(&mut controller, &mut state, Action::Layers);
    assert_eq!(state.layout().active_panel, Panel::Prediction);
    act(&mut controller, &mut state, Action::Train);
    assert_eq!(state.layout().active_panel, Panel::Training);
    act(&mut controller, &mut state, Action::Layers);
    act(&mut controller, &mut state, Action::Layers);
    assert_eq!(
        state.layout().active_panel,
        Panel::Training,
        "the way back to a run that goes on"
    );
    act(&mut controller, &mut state, Action::Stop);
    wait(&mut controller, &mut state);
}

/// A model that takes pixels from 0 to 255 as they are, and cannot be taught.
fn another_model() -> Model {
    let network = Network::new("28x28x1 | conv 10 9x9 | globalavgpool | flatten".parse().unwrap(), 1).unwrap();
    let mut content = formats::Model::new(network);
    content.scaling.std = 1.0;
    Model { content, path: None }
}

#[test]
fn a_network_that_has_learnt_is_saved_as_itself() {
    let home = tempfile::tempdir().unwrap();
    let mut controller = Controller::new(another_model(), UserPaths::all_in(home.path())).unwrap();
    let mut state = State::new(960, 640, Opening::Blank);
    controller.open(&mut state);
    one(&mut state);
    act(&mut controller, &mut state, Action::Train);
    wait(&mut controller, &mut state);
    assert_eq!(answer(&state), 1);
    act(&mut controller, &mut state, Action::SaveNetwork);
    let saved = Model::open(Some(&home.path().join("digit-1.safetensors"))).unwrap();
    assert_eq!(saved.content.scaling, model_of(saved.content.network.clone()).scaling);
    assert!(saved.content.notes.is_empty(), "{:?}", saved.content.notes);
}

#[test]
fn examples_for_a_model_that_cannot_be_taught_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    controller.recognize(&mut state);
    teach(&mut controller, &mut state, 1);
    let mut controller = Controller::new(another_model(), UserPaths::all_in(home.path())).unwrap();
    controller.open(&mut state);
    assert!(state.message().unwrap().contains("cannot be taught"));
    act(&mut controller, &mut state, Action::RemoveAllExamples);
    let kept = std::fs::read_to_string(home.path().join("lessons.jsonl")).unwrap();
    assert!(kept.is_empty() && state.examples().is_empty(), "{kept}");
}
