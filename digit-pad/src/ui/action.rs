//! Actions of the user: each with its label and key.

/// What a person can ask for, by a button or by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Go back before the last change of the drawing.
    Undo,
    /// Take the last undoing back.
    Redo,
    /// Change between pen and eraser.
    Eraser,
    /// Take a thinner pen.
    Thinner,
    /// Take a thicker pen.
    Thicker,
    /// Empty the canvas.
    Clear,
    /// Open an image file.
    Open,
    /// Save the drawing.
    Save,
    /// Save the network as it is now.
    SaveNetwork,
    /// Lay a test digit on the canvas, at random.
    RandomDigit,
    /// Lay the next test digit that is misread on the canvas.
    NextMisclassified,
    /// Look inside the network.
    Layers,
    /// Train a network from nothing.
    Train,
    /// Rest from training, or go on with it.
    Pause,
    /// End training, and keep what was learnt so far.
    Stop,
    /// Go back to the network that the window opened with.
    RestoreBuiltIn,
    /// Show what was taught.
    Examples,
    /// Take back what was taught last.
    UndoExample,
    /// Forget all that was taught.
    RemoveAllExamples,
    /// Change between light and dark.
    Theme,
    /// Make everything larger.
    Larger,
    /// Make everything smaller.
    Smaller,
    /// Show all keys.
    Help,
    /// Close what lies over the window, or the window.
    Quit,
}

impl Action {
    /// Every action, in the order in which help lists them.
    pub const ALL: [Action; 24] = [
        Action::Undo,
        Action::Redo,
        Action::Eraser,
        Action::Thinner,
        Action::Thicker,
        Action::Clear,
        Action::Open,
        Action::Save,
        Action::SaveNetwork,
        Action::RandomDigit,
        Action::NextMisclassified,
        Action::Layers,
        Action::Examples,
        Action::UndoExample,
        Action::RemoveAllExamples,
        Action::Train,
        Action::Pause,
        Action::Stop,
        Action::RestoreBuiltIn,
        Action::Theme,
        Action::Larger,
        Action::Smaller,
        Action::Help,
        Action::Quit,
    ];

    /// Under the canvas, beside the slider for the pen.
    pub const TOOLS: [Action; 4] = [Action::Undo, Action::Redo, Action::Eraser, Action::Clear];

    /// Under the panel.
    pub const MORE: [Action; 8] = [
        Action::Open,
        Action::Save,
        Action::RandomDigit,
        Action::Layers,
        Action::Examples,
        Action::Train,
        Action::Theme,
        Action::Help,
    ];

    /// What it does, in a few words.
    pub fn label(self) -> &'static str {
        match self {
            Action::Undo => "Undo",
            Action::Redo => "Redo",
            Action::Eraser => "Eraser or pen",
            Action::Thinner => "Thinner pen",
            Action::Thicker => "Thicker pen",
            Action::Clear => "Clear the canvas",
            Action::Open => "Open an image",
            Action::Save => "Save the drawing",
            Action::SaveNetwork => "Save the network",
            Action::RandomDigit => "A test digit",
            Action::NextMisclassified => "The next misread test digit",
            Action::Layers => "Look inside the network",
            Action::Train => "Learn from nothing",
            Action::Pause => "Pause or resume learning",
            Action::Stop => "Stop learning, keep the result",
            Action::RestoreBuiltIn => "Back to the first network",
            Action::Examples => "What you taught",
            Action::UndoExample => "Take the last lesson back",
            Action::RemoveAllExamples => "Forget all lessons",
            Action::Theme => "Light or dark",
            Action::Larger => "Larger",
            Action::Smaller => "Smaller",
            Action::Help => "Help",
            Action::Quit => "Close",
        }
    }

    /// The key that stands for it, as help writes it.
    pub fn key(self) -> &'static str {
        match self {
            Action::Undo => "Z",
            Action::Redo => "Y",
            Action::Eraser => "E",
            Action::Thinner => "−",
            Action::Thicker => "+",
            Action::Clear => "C",
            Action::Open => "O",
            Action::Save => "S",
            Action::SaveNetwork => "W",
            Action::RandomDigit => "R",
            Action::NextMisclassified => "M",
            Action::Layers => "L",
            Action::Train => "T",
            Action::Pause => "Space",
            Action::Stop => "X",
            Action::RestoreBuiltIn => "B",
            Action::Examples => "N",
            Action::UndoExample => "U",
            Action::RemoveAllExamples => "F",
            Action::Theme => "D",
            Action::Larger => "Ctrl +",
            Action::Smaller => "Ctrl −",
            Action::Help => "H",
            Action::Quit => "Q",
        }
    }

    /// The action that a key asks for.
    pub(super) fn for_key(key: Key, modifiers: Modifiers) -> Option<Action> {
        let by_letter = |letter: char| {
            let is_letter = |action: &Action| action.key().chars().eq([letter]);
            Action::ALL.into_iter().find(is_letter)
        };
        match (key, modifiers.control) {
            (Key::Escape, _) => Some(Action::Quit),
            (Key::Delete | Key::Backspace, _) => Some(Action::Clear),
            (Key::Space, _) => Some(Action::Pause),
            (Key::Help, _) => Some(Action::Help),
            (Key::Minus, false) => Some(Action::Thinner),
            (Key::Plus, false) => Some(Action::Thicker),
            (Key::Minus, true) => Some(Action::Smaller),
            (Key::Plus, true) => Some(Action::Larger),
            (Key::Digit(_), _) => None,
            (Key::Letter('Z'), true) if modifiers.shift => Some(Action::Redo),
            // Control and a letter belong to other customs, except where they are these.
            (Key::Letter(letter @ ('Z' | 'Y' | 'O' | 'S' | 'Q')), true) => by_letter(letter),
            (Key::Letter(_), true) => None,
            (Key::Letter(letter), false) => by_letter(letter),
        }
    }
}

/// A key, as far as the pad has a use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A letter key, named by its capital.
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
    /// Plus, also without shift.
    Plus,
    /// Minus.
    Minus,
    /// F1 or a question mark.
    Help,
}

/// The keys held down beside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modifiers {
    /// A control key.
    pub control: bool,
    /// A shift key.
    pub shift: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_action_has_a_name_and_a_key_of_its_own() {
        let labels: HashSet<_> = Action::ALL.map(Action::label).into();
        let keys: HashSet<_> = Action::ALL.map(Action::key).into();
        let actions: HashSet<_> = Action::ALL.into();
        assert_eq!((labels.len(), keys.len(), actions.len()), (24, 24, 24));
    }

    #[test]
    fn the_key_that_help_names_asks_for_the_action() {
        for action in Action::ALL {
            let control = action.key().starts_with("Ctrl ");
            let key = match action.key().trim_start_matches("Ctrl ") {
                "Space" => Key::Space,
                "+" => Key::Plus,
                "−" => Key::Minus,
                letter => Key::Letter(letter.chars().next().unwrap()),
            };
            let modifiers = Modifiers { control, shift: false };
            assert_eq!(Action::for_key(key, modifiers), Some(action));
        }
    }

    #[test]
    fn control_keeps_its_customs() {
        let (control, shift) = (true, false);
        for (key, expected) in [
            (Key::Letter('C'), None),
            (Key::Letter('V'), None),
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
