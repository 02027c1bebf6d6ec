//! Signs: the small network that knows plus, minus, times, divided by and equals.

use nn_core::loss;

use crate::{
    error::Error,
    recognition::{built_in, model::Model, normalization::Gray28, predictor::Predictor},
};

/// A sign of arithmetic, by its class in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// `+`
    Plus,
    /// `−`
    Minus,
    /// `×`, also written as an x or a star
    Times,
    /// `÷` or `:`
    Divide,
    /// `=`
    Equals,
}

impl Sign {
    /// All signs, in the order of the classes.
    pub const ALL: [Sign; 5] = [Sign::Plus, Sign::Minus, Sign::Times, Sign::Divide, Sign::Equals];

    /// The sign that a symbol is when it is written by hand: a times is also an x or a star, a division a colon.
    ///
    /// ```
    /// use digit_pad::recognition::signs::Sign;
    ///
    /// assert_eq!(Sign::written("x"), Some(Sign::Times));
    /// assert_eq!(Sign::written("y"), None);
    /// ```
    pub fn written(symbol: &str) -> Option<Sign> {
        Some(match symbol {
            "+" => Sign::Plus,
            "-" => Sign::Minus,
            "x" | "X" | "*" => Sign::Times,
            ":" => Sign::Divide,
            "=" => Sign::Equals,
            _ => return None,
        })
    }
}

/// Names of the classes: the signs, and what is none.
pub const CLASSES: [&str; 6] = ["+", "−", "×", "÷", "=", "none"];

/// The class of what is no sign.
pub const OTHER: usize = 5;

/// A recognizer of signs.
#[derive(Debug)]
pub struct SignRecognizer(Box<Predictor>);

impl SignRecognizer {
    /// Makes a recognizer of the built-in network.
    ///
    /// # Errors
    ///
    /// If the CPU cannot run the kernel that `NN_CORE_KERNEL` forces.
    pub fn embedded() -> Result<Self, Error> {
        SignRecognizer::new(nn_core::Model::from_bytes(&built_in::signs())?.into())
    }

    fn new(model: Model) -> Result<Self, Error> {
        Ok(SignRecognizer(Box::new(Predictor::new(model, 1)?)))
    }

    /// The most probable sign of a normalized image, and its probability.
    pub fn classify(&mut self, pixels: &Gray28) -> (Sign, f32) {
        let Ok(logits) = self.0.logits(pixels) else {
            return (Sign::Minus, 0.0);
        };
        let mut probabilities = logits.to_vec();
        loss::softmax(&mut probabilities);
        let signs = Sign::ALL.into_iter().zip(probabilities);
        signs.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are signs")
    }
}
