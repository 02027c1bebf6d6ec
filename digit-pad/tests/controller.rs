//! The controller without a window: what each command does to the state and to the user's files.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use digit_pad::{
    app::{controller::Controller, message::ImageSource},
    drawing::sign::{Label, SignName},
    recognition::model::Model,
    storage::paths::UserPaths,
    training::session::digit_model,
    ui::{Action, Command, Effects, Event, HitTarget, Key, Modifiers, Opening, Overlay, Panel, State},
    window::desktop_host::DesktopHost,
};
use nn_core::Network;

const PATIENCE: Duration = Duration::from_secs(100);

fn desktop(home: &Path) -> Box<DesktopHost> {
    Box::new(DesktopHost::new(UserPaths::all_in(home)))
}

fn open(home: &Path) -> (Controller, State) {
    let mut controller = Controller::new(Model::embedded().unwrap(), desktop(home)).unwrap();
    let mut state = State::new(960, 640, Opening::Blank);
    controller.open(&mut state);
    (controller, state)
}

/// Draws a stroke through points given as fractions of the canvas.
fn draw(state: &mut State, points: &[(f32, f32)]) {
    let canvas = state.layout().canvas;
    let position = |(x, y): (f32, f32)| {
        (
            canvas.x as f32 + x * canvas.width as f32,
            canvas.y as f32 + y * canvas.height as f32,
        )
    };
    let (x, y) = position(points[0]);
    state.apply(Event::PointerPressed { x, y });
    for &point in points {
        let (x, y) = position(point);
        state.apply(Event::PointerMoved { x, y });
    }
    let (x, y) = position(points[points.len() - 1]);
    state.apply(Event::PointerReleased { x, y });
}

fn one(state: &mut State) {
    draw(state, &[(0.5, 0.2), (0.5, 0.8)]);
}

/// Draws a symbol that is no digit: a cross under a bar.
fn symbol(state: &mut State) {
    draw(state, &[(0.3, 0.3), (0.7, 0.8)]);
    draw(state, &[(0.7, 0.3), (0.3, 0.8)]);
    draw(state, &[(0.25, 0.2), (0.75, 0.2)]);
}

/// Runs the pending commands.
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

fn add_example(controller: &mut Controller, state: &mut State, label: u8) {
    let modifiers = Modifiers::default();
    state.apply(Event::KeyPressed {
        key: Key::Digit(label),
        modifiers,
    });
    run(controller, state);
    wait(controller, state);
}

/// Adds a vertical stroke at `x` as an example.
fn add_stroke_example(controller: &mut Controller, state: &mut State, label: u8, x: f32) {
    state.act(Action::Clear);
    draw(state, &[(x, 0.2), (x, 0.8)]);
    controller.recognize(state);
    add_example(controller, state, label);
}

/// Waits until all background work is done.
fn wait(controller: &mut Controller, state: &mut State) {
    let start = Instant::now();
    while controller.is_busy() {
        controller.poll(state);
        assert!(start.elapsed() < PATIENCE, "timed out");
        std::thread::sleep(Duration::from_millis(5));
    }
    controller.recognize(state);
}

fn predicted(state: &State) -> u8 {
    state.digits()[0].prediction.digit()
}

#[test]
fn a_number_is_recognized_digit_by_digit() {
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
    assert!(first.right < second.left, "{first:?} is left of {second:?}");
}

#[test]
fn an_example_is_learned_saved_and_undone() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    symbol(&mut state);
    controller.recognize(&mut state);
    let before = state.digits()[0].prediction.probabilities;
    let label = (predicted(&state) + 3) % 10;
    add_example(&mut controller, &mut state, label);
    assert_eq!((predicted(&state), state.examples().len()), (label, 1));
    assert_eq!(state.examples()[0].label, Label::Digit(label));
    assert!(
        state.message().unwrap().contains("Fine-tuned on 1 example"),
        "{:?}",
        state.message()
    );
    assert_eq!(state.offered_undo(), Some(Action::UndoExample));
    // The saved network gives the same predictions.
    act(&mut controller, &mut state, Action::SaveNetwork);
    let saved = Model::open(Some(&home.path().join("digit-1.safetensors"))).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = Controller::new(saved, desktop(elsewhere.path())).unwrap();
    other.recognize(&mut state);
    let expected = state.digits()[0].prediction.probabilities;
    controller.recognize(&mut state);
    assert_eq!(state.digits()[0].prediction.probabilities, expected);
    // The layers panel shows the feature cache.
    act(&mut controller, &mut state, Action::Layers);
    assert!(state.activations().unwrap().last().unwrap().has_examples);
    act(&mut controller, &mut state, Action::Layers);
    // The example is there in the next session.
    let (mut again, mut later) = open(home.path());
    wait(&mut again, &mut later);
    symbol(&mut later);
    again.recognize(&mut later);
    assert_eq!((predicted(&later), later.examples().len()), (label, 1));
    // Undone, the example leaves no trace.
    act(&mut controller, &mut state, Action::UndoExample);
    wait(&mut controller, &mut state);
    assert_eq!(state.digits()[0].prediction.probabilities, before);
    assert!(state.examples().is_empty() && !state.is_enabled(Action::UndoExample));
    let saved = std::fs::read_to_string(home.path().join("lessons.jsonl")).unwrap();
    assert!(saved.is_empty(), "{saved}");
}

#[test]
fn a_sign_is_taught_read_kept_and_undone() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    symbol(&mut state);
    controller.recognize(&mut state);
    let before = state.digits()[0].prediction.probabilities;
    assert!(state.signs().is_empty());
    state.act(Action::NameSign);
    for typed in "tree".chars() {
        state.apply(Event::Typed(typed));
    }
    state.apply(Event::KeyPressed {
        key: Key::Enter,
        modifiers: Modifiers::default(),
    });
    for command in state.take_commands() {
        controller.run(command, &mut state);
    }
    wait(&mut controller, &mut state);
    let tree = SignName::new("tree").unwrap();
    assert_eq!(state.digits()[0].prediction.label(), Label::Sign(tree.clone()));
    assert_eq!((state.signs(), state.examples().len()), (&[tree.clone()][..], 1));
    // It is there in the next session.
    let (mut again, mut later) = open(home.path());
    wait(&mut again, &mut later);
    symbol(&mut later);
    again.recognize(&mut later);
    assert_eq!(later.digits()[0].prediction.label(), Label::Sign(tree));
    // Undone, it leaves no trace.
    act(&mut controller, &mut state, Action::UndoExample);
    wait(&mut controller, &mut state);
    assert_eq!(state.digits()[0].prediction.probabilities, before);
    assert!(state.signs().is_empty() && state.examples().is_empty());
}

#[test]
fn any_example_can_be_removed() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    for (digit, x) in [(1, 0.4), (4, 0.5), (7, 0.6)] {
        add_stroke_example(&mut controller, &mut state, digit, x);
    }
    assert_eq!(state.examples().len(), 3);
    controller.run(Command::RemoveExample(1), &mut state);
    let labels: Vec<_> = state.examples().iter().map(|example| example.label.clone()).collect();
    assert_eq!(labels, [1, 7].map(Label::Digit));
    controller.run(Command::RemoveExample(9), &mut state);
    assert_eq!(state.examples().len(), 2);
    act(&mut controller, &mut state, Action::RemoveAllExamples);
    assert!(state.examples().is_empty());
}

#[test]
fn damaged_examples_are_reported_and_never_lost() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lessons.jsonl");
    std::fs::write(&path, "{\"label\":1,\"strokes\":[[[0,0],[0,9]]]}\nno drawing\n").unwrap();
    let (mut controller, mut state) = open(home.path());
    let message = state.message().expect("an error message");
    assert!(
        message.contains("One example is damaged") && message.contains("lessons.jsonl, line 2"),
        "{message}"
    );
    assert!(std::fs::read_to_string(&path).unwrap().contains("no drawing"));
    // The undamaged one is there, and goes into a new file with those that are added.
    assert_eq!(state.examples().len(), 1);
    for (digit, x) in [(1, 0.4), (7, 0.6)] {
        add_stroke_example(&mut controller, &mut state, digit, x);
    }
    let aside = std::fs::read_to_string(home.path().join("lessons-damaged-1.jsonl")).unwrap();
    assert!(aside.contains("no drawing"), "{aside}");
    let saved = std::fs::read_to_string(&path).unwrap();
    assert_eq!(saved.lines().count(), 3, "{saved}");
    assert!(!home.path().join("lessons-damaged-2.jsonl").exists());
}

#[test]
fn removed_examples_come_back() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    for (digit, x) in [(1, 0.4), (4, 0.5), (7, 0.6)] {
        add_stroke_example(&mut controller, &mut state, digit, x);
    }
    let before = state.examples().clone();
    for action in [Action::RemoveAllExamples, Action::UndoExample] {
        assert!(!state.is_enabled(Action::RestoreExamples));
        act(&mut controller, &mut state, action);
        assert!(state.examples().len() < 3 && state.offered_undo() == Some(Action::RestoreExamples));
        act(&mut controller, &mut state, Action::RestoreExamples);
        assert_eq!(state.examples(), &before);
    }
    let (_, again) = open(home.path());
    assert_eq!(again.examples(), &before);
}

#[test]
fn a_folder_that_cannot_be_written_to_does_not_stop_teaching() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("a-file");
    std::fs::write(&home, "").unwrap();
    let (mut controller, mut state) = open(&home);
    symbol(&mut state);
    controller.recognize(&mut state);
    let label = (predicted(&state) + 3) % 10;
    let modifiers = Modifiers::default();
    state.apply(Event::KeyPressed {
        key: Key::Digit(label),
        modifiers,
    });
    run(&mut controller, &mut state);
    let message = state.message().unwrap().to_owned();
    assert!(message.contains("a-file"), "{message}");
    wait(&mut controller, &mut state);
    assert_eq!((predicted(&state), state.examples().len()), (label, 1));
}

#[test]
fn images_can_be_examples() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    act(&mut controller, &mut state, Action::NextMisclassified);
    wait(&mut controller, &mut state);
    let pixels = state.digits()[0].pixels;
    let label = (predicted(&state) + 1) % 10;
    add_example(&mut controller, &mut state, label);
    assert_eq!((predicted(&state), state.examples()[0].pixels), (label, pixels));
    // With a stroke on it, it is a different example.
    one(&mut state);
    controller.recognize(&mut state);
    add_example(&mut controller, &mut state, 8);
    assert_eq!((predicted(&state), state.examples().len()), (8, 2));
    let (mut again, mut later) = open(home.path());
    wait(&mut again, &mut later);
    assert_eq!(later.examples(), state.examples());
}

#[test]
fn the_next_misclassified_digit_is_misclassified() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    let mut messages = Vec::new();
    for _ in 0..3 {
        act(&mut controller, &mut state, Action::NextMisclassified);
        wait(&mut controller, &mut state);
        let message = state.message().unwrap().to_owned();
        let label: u8 = message.chars().last().unwrap().to_digit(10).unwrap() as u8;
        // Some are read as several digits, of which one is right.
        assert!(state.digits().len() > 1 || predicted(&state) != label, "{message}");
        assert!(!messages.contains(&message));
        messages.push(message);
    }
    state.act(Action::Undo);
    assert!(!state.is_blank(), "the previous digit is back");
}

#[test]
fn messages_name_the_saved_files() {
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
fn activations_follow_the_layers_panel() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    act(&mut controller, &mut state, Action::Layers);
    let activations = state.activations().expect("activations");
    assert_eq!(activations.last().unwrap().output.tiles.len(), 10);
    act(&mut controller, &mut state, Action::Clear);
    assert!(state.activations().is_none(), "the canvas is blank");
    act(&mut controller, &mut state, Action::Layers);
    one(&mut state);
    controller.recognize(&mut state);
    assert!(state.activations().is_none());
}

#[test]
fn a_network_is_trained_from_scratch_and_the_built_in_one_restored() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    controller.recognize(&mut state);
    let before = state.digits()[0].prediction.probabilities;
    act(&mut controller, &mut state, Action::Train);
    assert!(!state.is_enabled(Action::Train) && state.is_enabled(Action::Pause));
    wait(&mut controller, &mut state);
    let progress = state.progress().expect("progress");
    assert!(progress.finished && progress.steps == progress.total_steps);
    assert!(progress.accuracies.last().unwrap()[1] > 0.97 && progress.test_accuracy.unwrap() > 0.98);
    assert!(state.message().unwrap().contains("Test accuracy: "));
    assert_eq!(
        state.digits()[0].prediction.probabilities,
        before,
        "the built-in network reads as long as the other one is not taken into use"
    );
    act(&mut controller, &mut state, Action::UseNetwork);
    assert_eq!(predicted(&state), 1);
    assert_ne!(state.digits()[0].prediction.probabilities, before);
    act(&mut controller, &mut state, Action::RestoreBuiltIn);
    assert_eq!(state.message(), Some("The built-in network is in use again"));
    assert_eq!(state.digits()[0].prediction.probabilities, before);
    assert!(state.progress().is_none());
}

#[test]
fn examples_added_during_training_are_used_after_it() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    symbol(&mut state);
    controller.recognize(&mut state);
    act(&mut controller, &mut state, Action::Train);
    state.apply(Event::KeyPressed {
        key: Key::Digit(6),
        modifiers: Modifiers::default(),
    });
    run(&mut controller, &mut state);
    assert!(
        state.message().unwrap().contains("when training ends"),
        "{:?}",
        state.message()
    );
    assert!(home.path().join("lessons.jsonl").exists());
    wait(&mut controller, &mut state);
    let message = state.message().unwrap();
    assert!(
        message.contains("Fine-tuned on 1 example") && state.examples().len() == 1,
        "{message}"
    );
    // A second run opens the training panel again.
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
        "closing the layers panel returns to the run"
    );
    act(&mut controller, &mut state, Action::Stop);
    wait(&mut controller, &mut state);
}

/// A model without input scaling that cannot be fine-tuned.
fn fixed_model() -> Model {
    let network = Network::new("28x28x1 | conv 10 9x9 | globalavgpool | flatten".parse().unwrap(), 1).unwrap();
    Model::from(nn_core::Model::new(network))
}

#[test]
fn a_trained_network_is_saved_with_its_own_scaling() {
    let home = tempfile::tempdir().unwrap();
    let mut controller = Controller::new(fixed_model(), desktop(home.path())).unwrap();
    let mut state = State::new(960, 640, Opening::Blank);
    controller.open(&mut state);
    one(&mut state);
    act(&mut controller, &mut state, Action::Train);
    wait(&mut controller, &mut state);
    act(&mut controller, &mut state, Action::UseNetwork);
    assert_eq!(predicted(&state), 1);
    act(&mut controller, &mut state, Action::SaveNetwork);
    let saved = Model::open(Some(&home.path().join("digit-1.safetensors"))).unwrap();
    assert_eq!(
        saved.content.scaling,
        digit_model(saved.content.network.clone()).scaling
    );
    assert!(saved.content.notes.is_empty(), "{:?}", saved.content.notes);
}

#[test]
fn examples_are_kept_for_a_model_that_cannot_be_fine_tuned() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    controller.recognize(&mut state);
    add_example(&mut controller, &mut state, 1);
    let mut controller = Controller::new(fixed_model(), desktop(home.path())).unwrap();
    controller.open(&mut state);
    assert!(state.message().unwrap().contains("cannot be fine-tuned"));
    state.show_message("");
    assert_eq!(controller.run(Command::RestoreBuiltIn, &mut state), Effects::RECOGNIZE);
    assert!(state.message().unwrap().contains("cannot be fine-tuned"));
    act(&mut controller, &mut state, Action::RemoveAllExamples);
    let saved = std::fs::read_to_string(home.path().join("lessons.jsonl")).unwrap();
    assert!(saved.is_empty() && state.examples().is_empty(), "{saved}");
}

#[test]
fn a_file_from_outside_is_placed_or_named() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    let path = home.path().join("one.png");
    let is_ink = |x: u32, y: u32| (28..33).contains(&x) && (8..52).contains(&y);
    let image = image::GrayImage::from_fn(60, 60, |x, y| image::Luma([if is_ink(x, y) { 0 } else { 255 }]));
    image.save(&path).unwrap();
    one(&mut state);
    controller.open_image(ImageSource::File(path), &mut state);
    wait(&mut controller, &mut state);
    assert_eq!((predicted(&state), state.ink().is_empty()), (1, true));
    controller.open_image(ImageSource::File(home.path().join("none.png")), &mut state);
    wait(&mut controller, &mut state);
    assert!(state.message().unwrap().contains("none.png"), "{:?}", state.message());
    assert!(state.image().is_some(), "what was there stays");
    state.act(Action::Undo);
    assert!(!state.ink().is_empty(), "the drawing under a dropped image comes back");
}

#[test]
fn a_reading_is_explained_and_again_when_the_drawing_or_the_network_changes() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    controller.recognize(&mut state);
    wait(&mut controller, &mut state);
    assert!(state.why().is_none(), "nobody asked");
    act(&mut controller, &mut state, Action::Why);
    controller.poll(&mut state);
    wait(&mut controller, &mut state);
    let why = state.why().expect("an explanation").clone();
    assert_eq!(why.explanation.pixels(), &state.digits()[0].pixels);
    let added = why.added.as_ref().expect("the search has ended");
    assert!(added.iter().any(Option::is_some) && added[1].is_none());
    draw(&mut state, &[(0.3, 0.2), (0.5, 0.2)]);
    controller.recognize(&mut state);
    controller.poll(&mut state);
    wait(&mut controller, &mut state);
    let again = state.why().unwrap();
    assert_eq!(again.explanation.pixels(), &state.digits()[0].pixels);
    assert_ne!(again.explanation, why.explanation);
    act(&mut controller, &mut state, Action::RandomDigit);
    wait(&mut controller, &mut state);
    controller.poll(&mut state);
    wait(&mut controller, &mut state);
    let image = state.why().unwrap();
    assert_eq!(image.explanation.pixels(), &state.digits()[0].pixels);
    assert_eq!(
        image.added,
        Some([const { None }; 10]),
        "no stroke is added to an image"
    );
}

#[test]
fn the_page_of_the_hand_shows_twins_and_its_poster_is_saved_with_them() {
    let home = tempfile::tempdir().unwrap();
    let (mut controller, mut state) = open(home.path());
    one(&mut state);
    controller.recognize(&mut state);
    add_example(&mut controller, &mut state, 1);
    controller.poll(&mut state);
    assert!(!controller.is_busy() && state.twins().is_none(), "nobody asked");
    state.act(Action::Hand);
    controller.poll(&mut state);
    assert!(controller.is_busy(), "the twins are searched");
    // The poster waits for them.
    state.press(HitTarget::SavePoster);
    run(&mut controller, &mut state);
    assert_eq!(state.message(), Some("Saving the poster…"));
    // Another press says nothing more and saves no second one.
    state.clear_message();
    state.press(HitTarget::SavePoster);
    run(&mut controller, &mut state);
    assert_eq!(state.message(), None, "it is said once");
    wait(&mut controller, &mut state);
    assert!(!home.path().join("hand-2.png").exists());
    let twins = state.twins().expect("twins").clone();
    assert!(twins[1].len() == 3 && twins[7].is_empty());
    let path = home.path().join("hand-1.png");
    let message = state.message().unwrap();
    assert_eq!(message, format!("Saved {}", path.display()));
    let image = image::open(path).unwrap().into_rgb8();
    let expected = digit_pad::ui::poster::poster(state.hand().unwrap(), &twins);
    let pixels: Vec<u32> = image
        .pixels()
        .map(|pixel| u32::from_be_bytes([0, pixel[0], pixel[1], pixel[2]]))
        .collect();
    assert!(pixels == expected);
    // The page is still there, with what was found.
    controller.poll(&mut state);
    assert!(!controller.is_busy() && state.overlay() == Some(Overlay::Hand));
    state.press(HitTarget::SavePoster);
    run(&mut controller, &mut state);
    wait(&mut controller, &mut state);
    assert!(home.path().join("hand-2.png").exists());
}
