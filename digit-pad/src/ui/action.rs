//! User actions, each with its label and key.

/// An action that a button or a key triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Undo the last change of the drawing.
    Undo,
    /// Redo the change that was undone last.
    Redo,
    /// Switch between pen and eraser.
    Eraser,
    /// Make the pen thinner.
    Thinner,
    /// Make the pen thicker.
    Thicker,
    /// Clear the canvas.
    Clear,
    /// Choose an image file and place it on the canvas.
    Open,
    /// Place the image in the clipboard on the canvas.
    Paste,
    /// Save the drawing.
    Save,
    /// Save the network in use.
    SaveNetwork,
    /// Place a random test digit of MNIST on the canvas.
    RandomDigit,
    /// Place the next misclassified test digit on the canvas.
    NextMisclassified,
    /// Show or hide the activations of every layer.
    Layers,
    /// Show or hide why the network reads this digit.
    Why,
    /// Train a network from scratch.
    Train,
    /// Pause or resume training.
    Pause,
    /// Wait after each step of training, so that it can be watched, or no longer.
    SlowMotion,
    /// Stop training and keep the network.
    Stop,
    /// Put the trained network into use and return to the prediction.
    UseNetwork,
    /// Save the training as an animated GIF.
    SaveGif,
    /// Restore the network that the window opened with.
    RestoreBuiltIn,
    /// Show or hide the user's examples.
    Examples,
    /// Show or hide the user's hand: what is peculiar about each digit.
    Hand,
    /// Name what is drawn, if that is no digit, and teach it.
    NameSign,
    /// Remove the last example.
    UndoExample,
    /// Remove all examples.
    RemoveAllExamples,
    /// Put back the examples that were removed last.
    RestoreExamples,
    /// Switch between the light and the dark theme.
    Theme,
    /// Turn animations on or off.
    Motion,
    /// Enlarge the interface.
    ZoomIn,
    /// Shrink the interface.
    ZoomOut,
    /// Show the interface in its own size.
    ResetZoom,
    /// Show or hide the menu of all actions.
    Help,
    /// Close the window; the drawing is kept.
    Quit,
}

/// A group of the menu: its heading and its actions.
pub type MenuGroup = (&'static str, &'static [Action]);

impl Action {
    /// The menu: three columns of groups. Destructive actions come last in their group.
    pub const MENU: [[MenuGroup; 2]; 3] = [
        [
            (
                "Draw",
                &[
                    Action::Undo,
                    Action::Redo,
                    Action::Eraser,
                    Action::Thinner,
                    Action::Thicker,
                    Action::Clear,
                ],
            ),
            ("Look inside", &[Action::Layers, Action::Why]),
        ],
        [
            (
                "Try",
                &[
                    Action::Open,
                    Action::Paste,
                    Action::Save,
                    Action::SaveNetwork,
                    Action::RandomDigit,
                    Action::NextMisclassified,
                ],
            ),
            (
                "Train",
                &[
                    Action::Train,
                    Action::Pause,
                    Action::SlowMotion,
                    Action::Stop,
                    Action::UseNetwork,
                    Action::RestoreBuiltIn,
                    Action::SaveGif,
                ],
            ),
        ],
        [
            (
                "Teach",
                &[
                    Action::NameSign,
                    Action::Examples,
                    Action::Hand,
                    Action::UndoExample,
                    Action::RestoreExamples,
                    Action::RemoveAllExamples,
                ],
            ),
            (
                "View",
                &[
                    Action::Theme,
                    Action::Motion,
                    Action::ZoomIn,
                    Action::ZoomOut,
                    Action::ResetZoom,
                    Action::Quit,
                ],
            ),
        ],
    ];

    /// All actions: those of the menu, and the menu itself.
    pub fn all() -> impl Iterator<Item = Action> {
        let in_menu = Action::MENU.into_iter().flatten().flat_map(|(_, actions)| actions);
        in_menu.copied().chain([Action::Help])
    }

    /// Whether it removes what the user has made; there is an action that undoes it.
    pub fn is_destructive(self) -> bool {
        matches!(self, Action::Clear | Action::RemoveAllExamples)
    }

    /// The buttons under the canvas, beside the pen slider.
    pub const TOOLBAR: [Action; 4] = [Action::Undo, Action::Redo, Action::Eraser, Action::Clear];

    /// The groups of the top bar: try, look inside, teach, train.
    pub const TOP_BAR: [&'static [Action]; 4] = [
        &[
            Action::Open,
            Action::Save,
            Action::RandomDigit,
            Action::NextMisclassified,
        ],
        &[Action::Layers, Action::Why],
        &[Action::Examples],
        &[Action::Train],
    ];

    /// The buttons at the right end of the top bar.
    pub const TOP_BAR_END: [Action; 2] = [Action::Theme, Action::Help];

    /// The buttons of a top bar that has no room for all: the others are in the menu.
    pub const SHORT_TOP_BAR: [Action; 8] = [
        Action::Open,
        Action::Save,
        Action::RandomDigit,
        Action::Layers,
        Action::Why,
        Action::Examples,
        Action::Train,
        Action::Help,
    ];

    /// Whether the action has a button in the top bar.
    pub fn is_in_top_bar(self) -> bool {
        let groups = Action::TOP_BAR.into_iter().flatten();
        groups.chain(&Action::TOP_BAR_END).any(|&action| action == self)
    }

    /// The label on a button, if it may have one: the theme's speaks for itself.
    pub fn short_label(self) -> Option<&'static str> {
        match self {
            Action::Open => Some("Open"),
            Action::Save => Some("Save"),
            Action::RandomDigit => Some("Random digit"),
            Action::NextMisclassified => Some("Misread"),
            Action::Layers => Some("Look inside"),
            Action::Why => Some("Why"),
            Action::Examples => Some("My examples"),
            Action::Train => Some("Train"),
            Action::Help => Some("Menu"),
            Action::Pause => Some("Pause"),
            Action::SlowMotion => Some("Slow"),
            Action::Stop => Some("Stop"),
            Action::UseNetwork => Some("Use it"),
            Action::RestoreBuiltIn => Some("Restore"),
            Action::SaveGif => Some("Save GIF"),
            _ => None,
        }
    }

    /// The label in the menu and in tooltips.
    pub fn label(self) -> &'static str {
        match self {
            Action::Undo => "Undo",
            Action::Redo => "Redo",
            Action::Eraser => "Switch pen and eraser",
            Action::Thinner => "Thinner pen",
            Action::Thicker => "Thicker pen",
            Action::Clear => "Clear canvas",
            Action::Open => "Open image",
            Action::Paste => "Paste image",
            Action::Save => "Save drawing",
            Action::SaveNetwork => "Save network",
            Action::RandomDigit => "Random MNIST digit",
            Action::NextMisclassified => "Next misclassified digit",
            Action::Layers => "Show layer activations",
            Action::Why => "Why this digit",
            Action::Train => "Train from scratch",
            Action::Pause => "Pause or resume",
            Action::Stop => "Stop, keep network",
            Action::SlowMotion => "Slow motion",
            Action::UseNetwork => "Use this network",
            Action::SaveGif => "Save training as GIF",
            Action::RestoreBuiltIn => "Restore built-in network",
            Action::NameSign => "Teach another sign",
            Action::Examples => "My examples",
            Action::Hand => "My hand",
            Action::UndoExample => "Remove last example",
            Action::RemoveAllExamples => "Remove all examples",
            Action::RestoreExamples => "Undo removal of examples",
            Action::Theme => "Light or dark theme",
            Action::Motion => "Animations on or off",
            Action::ZoomIn => "Zoom in",
            Action::ZoomOut => "Zoom out",
            Action::ResetZoom => "Reset zoom",
            Action::Help => "Menu",
            Action::Quit => "Quit",
        }
    }

    /// Its name for programs, which stays when its label changes.
    pub fn id(self) -> &'static str {
        match self {
            Action::Undo => "undo",
            Action::Redo => "redo",
            Action::Eraser => "eraser",
            Action::Thinner => "thinner",
            Action::Thicker => "thicker",
            Action::Clear => "clear",
            Action::Open => "open",
            Action::Paste => "paste",
            Action::Save => "save",
            Action::SaveNetwork => "save-network",
            Action::RandomDigit => "random-digit",
            Action::NextMisclassified => "next-misclassified",
            Action::Layers => "layers",
            Action::Why => "why",
            Action::Train => "train",
            Action::Pause => "pause",
            Action::SlowMotion => "slow-motion",
            Action::Stop => "stop",
            Action::UseNetwork => "use-network",
            Action::SaveGif => "save-gif",
            Action::RestoreBuiltIn => "restore-built-in",
            Action::Examples => "examples",
            Action::Hand => "my-hand",
            Action::NameSign => "name-sign",
            Action::UndoExample => "undo-example",
            Action::RemoveAllExamples => "remove-all-examples",
            Action::RestoreExamples => "restore-examples",
            Action::Theme => "theme",
            Action::ZoomIn => "zoom-in",
            Action::ZoomOut => "zoom-out",
            Action::ResetZoom => "reset-zoom",
            Action::Help => "help",
            Action::Motion => "motion",
            Action::Quit => "quit",
        }
    }

    /// The shortcut, as the menu and tooltips show it.
    pub fn key(self) -> &'static str {
        match self {
            Action::Undo => "Z",
            Action::Redo => "Y",
            Action::Eraser => "E",
            Action::Thinner => "−",
            Action::Thicker => "+",
            Action::Clear => "C",
            Action::Open => "O",
            Action::Paste => "Ctrl V",
            Action::Save => "S",
            Action::SaveNetwork => "W",
            Action::RandomDigit => "R",
            Action::NextMisclassified => "M",
            Action::Layers => "L",
            Action::Why => "K",
            Action::Train => "T",
            Action::Pause => "Space",
            Action::SlowMotion => "G",
            Action::Stop => "X",
            Action::UseNetwork => "I",
            Action::SaveGif => "J",
            Action::RestoreBuiltIn => "B",
            Action::NameSign => "A",
            Action::Examples => "N",
            Action::Hand => "P",
            Action::UndoExample => "U",
            Action::RemoveAllExamples => "F",
            Action::RestoreExamples => "V",
            Action::Theme => "D",
            Action::Motion => "Ctrl M",
            Action::ZoomIn => "Ctrl +",
            Action::ZoomOut => "Ctrl −",
            Action::ResetZoom => "Ctrl 0",
            Action::Help => "H",
            Action::Quit => "Q",
        }
    }

    /// The action that a key triggers, if any.
    pub(super) fn for_key(key: Key, modifiers: Modifiers) -> Option<Action> {
        let by_letter = |letter: char| {
            let is_letter = |action: &Action| action.key().chars().eq([letter]);
            Action::all().find(is_letter)
        };
        match (key, modifiers.control) {
            // They close what is open and move the focus, which is no action.
            (Key::Escape | Key::Tab | Key::Enter | Key::Left | Key::Right, _) => None,
            (Key::Delete | Key::Backspace, _) => Some(Action::Clear),
            (Key::Space, _) => Some(Action::Pause),
            (Key::Help, _) => Some(Action::Help),
            (Key::Minus, false) => Some(Action::Thinner),
            (Key::Plus, false) => Some(Action::Thicker),
            (Key::Minus, true) => Some(Action::ZoomOut),
            (Key::Plus, true) => Some(Action::ZoomIn),
            (Key::Digit(0), true) => Some(Action::ResetZoom),
            (Key::Digit(_), _) => None,
            (Key::Letter('V'), true) => Some(Action::Paste),
            (Key::Letter('M'), true) => Some(Action::Motion),
            (Key::Letter('Z'), true) if modifiers.shift => Some(Action::Redo),
            // Other combinations of Control and a letter are left unassigned.
            (Key::Letter(letter @ ('Z' | 'Y' | 'O' | 'S' | 'Q')), true) => by_letter(letter),
            (Key::Letter(_), true) => None,
            (Key::Letter(letter), false) => by_letter(letter),
        }
    }
}

/// A key that the user interface handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A letter key, as a capital.
    Letter(char),
    /// A digit key.
    Digit(u8),
    /// Escape.
    Escape,
    /// Delete.
    Delete,
    /// Backspace.
    Backspace,
    /// The space bar.
    Space,
    /// Tab.
    Tab,
    /// Enter, of the keypad too.
    Enter,
    /// The arrow to the left.
    Left,
    /// The arrow to the right.
    Right,
    /// Plus, or equals: the same key without shift.
    Plus,
    /// Minus.
    Minus,
    /// F1 or a question mark.
    Help,
}

/// The modifier keys that are held down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modifiers {
    /// Either Control key.
    pub control: bool,
    /// Either Shift key.
    pub shift: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn labels_keys_and_ids_are_unique() {
        let count = Action::all().count();
        let labels: HashSet<_> = Action::all().map(Action::label).collect();
        let keys: HashSet<_> = Action::all().map(Action::key).collect();
        let ids: HashSet<_> = Action::all().map(Action::id).collect();
        let actions: HashSet<_> = Action::all().collect();
        assert_eq!((labels.len(), keys.len(), actions.len()), (count, count, count));
        assert_eq!(ids.len(), count);
        assert_eq!(count, 34, "every action is in the menu");
    }

    #[test]
    fn displayed_keys_trigger_their_actions() {
        for action in Action::all() {
            let control = action.key().starts_with("Ctrl ");
            let key = match action.key().trim_start_matches("Ctrl ") {
                "Space" => Key::Space,
                "0" => Key::Digit(0),
                "+" => Key::Plus,
                "−" => Key::Minus,
                letter => Key::Letter(letter.chars().next().unwrap()),
            };
            let modifiers = Modifiers { control, shift: false };
            assert_eq!(Action::for_key(key, modifiers), Some(action));
        }
    }

    #[test]
    fn only_standard_control_shortcuts_are_assigned() {
        let (control, shift) = (true, false);
        for (key, expected) in [
            (Key::Letter('C'), None),
            (Key::Letter('V'), Some(Action::Paste)),
            (Key::Letter('T'), None),
            (Key::Letter('Z'), Some(Action::Undo)),
            (Key::Letter('Y'), Some(Action::Redo)),
            (Key::Letter('S'), Some(Action::Save)),
        ] {
            assert_eq!(Action::for_key(key, Modifiers { control, shift }), expected, "{key:?}");
        }
        let both = Modifiers { control, shift: true };
        assert_eq!(Action::for_key(Key::Letter('Z'), both), Some(Action::Redo));
    }
}
