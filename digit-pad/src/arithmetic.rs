//! Arithmetic: what a row of digits and signs asks for, and the exact answer.

use std::{fmt, iter::Peekable, slice::Iter};

/// Most digits after the decimal mark of an answer.
const DECIMALS: u32 = 6;

/// An answer is less than this.
const LIMIT: i128 = 1_000_000_000_000;

/// An answer that goes on is also right if it is rounded to at least so many decimals.
const FEWEST_DECIMALS: u32 = 2;

/// Why a row has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Something in it could not be read.
    Unreadable,
    /// The sign of that name is no number.
    NoNumber(String),
    /// A number or a sign is missing, or stands where none can.
    Incomplete,
    /// It divides by zero.
    DivisionByZero,
    /// The answer, or a step on the way to it, is too large.
    TooLarge,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Unreadable => "I cannot read the ?",
            Fault::NoNumber(name) => return write!(f, "{name} is no number"),
            Fault::Incomplete => "Something is missing",
            Fault::DivisionByZero => "÷ 0 has no answer",
            Fault::TooLarge => "The answer is too large",
        })
    }
}

/// The answer that was written behind the sign of equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It is right.
    Right,
    /// It is wrong.
    Wrong,
}

/// A row with a sign of equality.
///
/// ```
/// use digit_pad::arithmetic::{Check, Equation};
///
/// let equation = Equation::parse("3+4×2=").unwrap();
/// assert_eq!(equation.answer.unwrap(), "11");
/// assert_eq!(equation.left, "3 + 4 × 2");
/// assert_eq!(Equation::parse("0,1+0,2=").unwrap().answer.unwrap(), "0,3");
/// assert_eq!(Equation::parse("3+4=8").unwrap().check, Some(Check::Wrong));
/// assert_eq!(Equation::parse("3+4"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equation {
    /// What stands before the sign of equality, with blanks around signs.
    pub left: String,
    /// The value of that, in at most six decimals, with the decimal mark of the row.
    pub answer: Result<String, Fault>,
    /// Whether the answer goes on after its last decimal.
    pub is_rounded: bool,
    /// Whether what stands behind the sign of equality is right; `None` if there is nothing, or it is not complete yet.
    pub check: Option<Check>,
    /// Whether anything stands behind the sign of equality.
    pub has_right: bool,
}

impl Equation {
    /// The equation that characters make, read from left to right; `None` if they have no sign of equality.
    pub fn parse(symbols: &str) -> Option<Equation> {
        Equation::of(&symbols.chars().map(String::from).collect::<Vec<_>>())
    }

    /// The equation that digits, marks and names of other signs make, as [`parse`](Self::parse).
    ///
    /// ```
    /// use digit_pad::arithmetic::{Equation, Fault};
    ///
    /// let equation = Equation::of(&["2", "+", "pi", "="]).unwrap();
    /// assert_eq!(equation.left, "2 + pi");
    /// assert_eq!(equation.answer, Err(Fault::NoNumber("pi".to_owned())));
    /// ```
    pub fn of<S: AsRef<str>>(symbols: &[S]) -> Option<Equation> {
        let symbols: Vec<&str> = symbols.iter().map(AsRef::as_ref).collect();
        let (left, right) = symbols.split_at(symbols.iter().position(|&symbol| symbol == "=")?);
        let right = &right[1..];
        let mark = if symbols.contains(&",") { ',' } else { '.' };
        let has_both_marks = symbols.contains(&",") && symbols.contains(&".");
        let value = if has_both_marks || right.contains(&"=") {
            Err(Fault::Incomplete)
        } else {
            evaluate(left)
        };
        let check = match (&value, evaluate(right)) {
            (Ok(value), Ok(given)) => Some(check(*value, given, decimals(&right.concat(), mark))),
            _ => None,
        };
        let is_rounded = matches!(value, Ok(value) if !value.is_decimal(DECIMALS));
        let answer = value.and_then(|value| value.rounded(DECIMALS));
        Some(Equation {
            left: typeset(left),
            is_rounded,
            answer: answer.map(|answer| decimal(answer, DECIMALS, mark)),
            check,
            has_right: !right.is_empty(),
        })
    }

    /// The answer, if it is to be written behind the row.
    pub fn missing(&self) -> Option<&str> {
        self.answer.as_deref().ok().filter(|_| !self.has_right)
    }
}

/// The answers that lines of symbols ask for, with blanks between them; `None` if no line ends in a sign of equality behind
/// an expression that has an answer.
///
/// ```
/// use digit_pad::arithmetic::answers;
///
/// assert_eq!(answers(["3+4=", "12", "8-9="]).as_deref(), Some("7 -1"));
/// assert_eq!(answers(["3+4=7", "1÷0="]), None);
/// ```
pub fn answers<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Option<String> {
    let equations = lines.into_iter().filter_map(|line| Equation::parse(line.as_ref()));
    let answers: Vec<String> = equations
        .filter_map(|equation| equation.missing().map(str::to_owned))
        .collect();
    (!answers.is_empty()).then(|| answers.join(" "))
}

/// Whether a given answer with that many decimals is right.
fn check(value: Ratio, given: Ratio, decimals: u32) -> Check {
    let is_rounded = || decimals >= FEWEST_DECIMALS && !value.is_decimal(DECIMALS);
    let same_rounded = || {
        value
            .rounded(decimals)
            .is_ok_and(|rounded| given.rounded(decimals) == Ok(rounded))
    };
    if value == given || is_rounded() && same_rounded() {
        Check::Right
    } else {
        Check::Wrong
    }
}

/// Number of digits after the decimal mark of a number, at most [`DECIMALS`].
fn decimals(number: &str, mark: char) -> u32 {
    let digits = number.split_once(mark).map_or(0, |(_, digits)| digits.len() as u32);
    digits.min(DECIMALS)
}

/// Symbols with blanks around the signs between numbers.
fn typeset(symbols: &[&str]) -> String {
    let mut text = String::new();
    let mut after_number = false;
    for &symbol in symbols {
        let sign = if symbol == "-" { "−" } else { symbol };
        let is_operator = symbol.chars().all(is_operator);
        if after_number && is_operator {
            text.extend([" ", sign, " "]);
        } else {
            text.push_str(sign);
        }
        after_number = !is_operator;
    }
    text.trim_end().to_owned()
}

fn is_operator(symbol: char) -> bool {
    matches!(symbol, '+' | '-' | '×' | '÷')
}

/// A fraction in lowest terms with a positive denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl Ratio {
    fn new(numerator: i128, denominator: i128) -> Result<Ratio, Fault> {
        if denominator == 0 {
            return Err(Fault::DivisionByZero);
        }
        let divisor = greatest_divisor(numerator, denominator).ok_or(Fault::TooLarge)?;
        let divisor = if denominator < 0 { -divisor } else { divisor };
        Ok(Ratio {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        })
    }

    fn apply(self, operator: char, other: Ratio) -> Result<Ratio, Fault> {
        let ((a, b), (c, d)) = ((self.numerator, self.denominator), (other.numerator, other.denominator));
        let product = |x: i128, y: i128| x.checked_mul(y).ok_or(Fault::TooLarge);
        let sum = |x: i128, y: i128| x.checked_add(y).ok_or(Fault::TooLarge);
        match operator {
            '+' => Ratio::new(sum(product(a, d)?, product(c, b)?)?, product(b, d)?),
            '-' => self.apply('+', other.negated()),
            '×' => Ratio::new(product(a, c)?, product(b, d)?),
            _ => Ratio::new(product(a, d)?, product(b, c)?),
        }
    }

    fn negated(self) -> Ratio {
        // A numerator comes from a quotient by at least 1 of a value that was checked, so that it is not the least one.
        Ratio {
            numerator: self.numerator.checked_neg().unwrap_or(i128::MAX),
            ..self
        }
    }

    /// Whether it has no more than that many decimals.
    fn is_decimal(self, decimals: u32) -> bool {
        10i128.pow(decimals) % self.denominator == 0
    }

    /// The nearest multiple of a decimal unit, in these units; of two, the one farther from zero.
    fn rounded(self, decimals: u32) -> Result<i128, Fault> {
        let scale = 10i128.pow(decimals);
        let (whole, rest) = (self.numerator / self.denominator, self.numerator % self.denominator);
        if whole.unsigned_abs() >= LIMIT.unsigned_abs() {
            return Err(Fault::TooLarge);
        }
        let scaled = rest.checked_mul(scale).ok_or(Fault::TooLarge)?;
        let (units, rest) = (scaled / self.denominator, scaled % self.denominator);
        let is_up = rest.unsigned_abs() >= self.denominator.unsigned_abs() - rest.unsigned_abs();
        Ok(whole * scale + units + if is_up { self.numerator.signum() } else { 0 })
    }
}

/// The greatest common divisor, positive; `None` if it is out of range.
fn greatest_divisor(a: i128, b: i128) -> Option<i128> {
    let (mut a, mut b) = (a.checked_abs()?, b.checked_abs()?);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some(a)
}

/// A number of decimal units, without zeros at its end.
fn decimal(units: i128, decimals: u32, mark: char) -> String {
    let scale = 10u128.pow(decimals);
    let (whole, rest) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
    let sign = if units < 0 { "-" } else { "" };
    let rest = format!("{rest:0width$}", width = decimals as usize);
    match rest.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}{mark}{rest}"),
    }
}

/// The character of a symbol that can stand in an expression.
fn known(symbol: &str) -> Result<char, Fault> {
    let is_known = |symbol: char| symbol.is_ascii_digit() || is_operator(symbol) || matches!(symbol, '.' | ',');
    let mut characters = symbol.chars();
    match (characters.next(), characters.next()) {
        (Some('?'), None) => Err(Fault::Unreadable),
        (Some(character), None) if is_known(character) => Ok(character),
        _ => Err(Fault::NoNumber(symbol.to_owned())),
    }
}

/// The value of an expression.
fn evaluate(symbols: &[&str]) -> Result<Ratio, Fault> {
    let symbols: Vec<char> = symbols.iter().map(|symbol| known(symbol)).collect::<Result<_, _>>()?;
    let mut rest = symbols.iter().peekable();
    let value = sum(&mut rest)?;
    match rest.next() {
        None => Ok(value),
        Some(_) => Err(Fault::Incomplete),
    }
}

type Symbols<'a> = Peekable<Iter<'a, char>>;

fn sum(symbols: &mut Symbols) -> Result<Ratio, Fault> {
    let mut value = product(symbols)?;
    while let Some(&sign) = symbols.next_if(|symbol| matches!(symbol, '+' | '-')) {
        value = value.apply(sign, product(symbols)?)?;
    }
    Ok(value)
}

fn product(symbols: &mut Symbols) -> Result<Ratio, Fault> {
    let mut value = factor(symbols)?;
    while let Some(&sign) = symbols.next_if(|symbol| matches!(symbol, '×' | '÷')) {
        value = value.apply(sign, factor(symbols)?)?;
    }
    Ok(value)
}

/// A number, perhaps with a minus.
fn factor(symbols: &mut Symbols) -> Result<Ratio, Fault> {
    if symbols.next_if_eq(&&'-').is_some() {
        return Ok(number(symbols)?.negated());
    }
    number(symbols)
}

/// Digits, of which some may stand behind a decimal mark.
fn number(symbols: &mut Symbols) -> Result<Ratio, Fault> {
    let (mut value, mut scale) = (0i128, None);
    let mut digits = 0;
    while let Some(&symbol) = symbols.next_if(|&&symbol| !is_operator(symbol)) {
        let Some(digit) = symbol.to_digit(10) else {
            if scale.replace(1i128).is_some() {
                return Err(Fault::Incomplete);
            }
            digits = 0;
            continue;
        };
        digits += 1;
        let shifted = value.checked_mul(10).and_then(|value| value.checked_add(digit.into()));
        value = shifted.ok_or(Fault::TooLarge)?;
        if let Some(scale) = &mut scale {
            *scale = scale.checked_mul(10).ok_or(Fault::TooLarge)?;
        }
    }
    if digits == 0 {
        return Err(Fault::Incomplete);
    }
    Ratio::new(value, scale.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(symbols: &str) -> Result<String, Fault> {
        Equation::parse(symbols).unwrap().answer
    }

    #[test]
    fn answers_are_exact() {
        for (symbols, expected) in [
            ("3+4=", "7"),
            ("2+3×4=", "14"),
            ("2×3+4=", "10"),
            ("8-5-2=", "1"),
            ("-5+2=", "-3"),
            ("3×-4=", "-12"),
            ("8÷2÷2=", "2"),
            ("1÷4=", "0.25"),
            ("1÷3=", "0.333333"),
            ("2÷3=", "0.666667"),
            ("-2÷3=", "-0.666667"),
            ("1÷3×3=", "1"),
            ("0.1+0.2=", "0.3"),
            ("0,1+0,2=", "0,3"),
            (".5+1=", "1.5"),
            ("5-5=", "0"),
            ("0-0.0000004=", "0"),
            ("007=", "7"),
            ("999999999999+0=", "999999999999"),
        ] {
            assert_eq!(answer(symbols).as_deref(), Ok(expected), "{symbols}");
        }
        assert!(Equation::parse("1÷3=").unwrap().is_rounded && !Equation::parse("1÷8=").unwrap().is_rounded);
    }

    #[test]
    fn what_has_no_answer_says_why() {
        for (symbols, fault) in [
            ("1÷0=", Fault::DivisionByZero),
            ("1÷x=", Fault::NoNumber("x".to_owned())),
            ("?÷x=", Fault::Unreadable),
            ("4+?=", Fault::Unreadable),
            ("=", Fault::Incomplete),
            ("3+=", Fault::Incomplete),
            ("3==", Fault::Incomplete),
            ("+3=", Fault::Incomplete),
            ("3--=", Fault::Incomplete),
            ("5.=", Fault::Incomplete),
            ("1.2.3=", Fault::Incomplete),
            ("1,2+3.4=", Fault::Incomplete),
            ("999999×999999×999999=", Fault::TooLarge),
            (&format!("{}=", "9".repeat(60)), Fault::TooLarge),
            (&format!("1÷{0}+1÷{0}1=", "3".repeat(36)), Fault::TooLarge),
        ] {
            assert_eq!(answer(symbols), Err(fault), "{symbols}");
        }
    }

    #[test]
    fn given_answers_are_checked() {
        for (symbols, check) in [
            ("3+4=7", Some(Check::Right)),
            ("3+4=8", Some(Check::Wrong)),
            ("3+4=7.0", Some(Check::Right)),
            ("3+4=5+2", Some(Check::Right)),
            ("3-4=-1", Some(Check::Right)),
            ("1÷3=0.33", Some(Check::Right)),
            ("1÷3=0.34", Some(Check::Wrong)),
            ("1÷3=0.3", Some(Check::Wrong)),
            ("7÷2=4", Some(Check::Wrong)),
            ("1÷8=0.13", Some(Check::Wrong)),
            ("3+4=", None),
            ("3+4=-", None),
            ("3+4=?", None),
            ("3+=7", None),
        ] {
            assert_eq!(Equation::parse(symbols).unwrap().check, check, "{symbols}");
        }
        let equation = Equation::parse("3+4=8").unwrap();
        assert_eq!((equation.missing(), equation.answer.as_deref()), (None, Ok("7")));
        assert_eq!(Equation::parse("3+4=").unwrap().missing(), Some("7"));
    }

    #[test]
    fn rows_are_typeset() {
        assert_eq!(Equation::parse("-3+4×-2=").unwrap().left, "−3 + 4 × −2");
        assert_eq!(Equation::parse("=").unwrap().left, "");
    }

    /// Terms of small numbers and signs, with the value as floating-point numbers give it.
    fn terms() -> impl Strategy<Value = (String, f64)> {
        let factor = (-999i32..1000, prop::sample::select(vec!['×', '÷']));
        let term = proptest::collection::vec(factor, 1..4);
        let terms = proptest::collection::vec((term, any::<bool>()), 1..5);
        terms.prop_map(|terms| {
            let (mut text, mut total) = (String::new(), 0.0);
            for (i, (factors, is_minus)) in terms.iter().enumerate() {
                let mut value = 1.0;
                let mut term = String::new();
                for (j, &(number, sign)) in factors.iter().enumerate() {
                    if j > 0 {
                        term.push(sign);
                    }
                    term += &number.to_string();
                    let number = f64::from(number);
                    value = if j > 0 && sign == '÷' {
                        value / number
                    } else {
                        value * number
                    };
                }
                if i > 0 {
                    text.push(if *is_minus { '-' } else { '+' });
                }
                text += &term;
                total += if i > 0 && *is_minus { -value } else { value };
            }
            (text + "=", total)
        })
    }

    proptest! {
        #[test]
        fn answers_are_those_of_floating_point_numbers((symbols, value) in terms()) {
            match answer(&symbols) {
                Ok(answer) => {
                    let answer: f64 = answer.parse().unwrap();
                    prop_assert!((answer - value).abs() <= 0.51e-6 + 1e-9 * value.abs(), "{symbols} {answer} {value}");
                }
                Err(fault) => {
                    prop_assert_eq!(fault, if value.is_finite() { Fault::TooLarge } else { Fault::DivisionByZero });
                    prop_assert!(!value.is_finite() || value.abs() > 0.9 * LIMIT as f64);
                }
            }
        }

        #[test]
        fn an_answer_is_right_behind_its_row((symbols, _) in terms()) {
            if let Ok(answer) = answer(&symbols) {
                let whole = Equation::parse(&(symbols + &answer)).unwrap();
                prop_assert_eq!(whole.check, Some(Check::Right));
                prop_assert_eq!(whole.missing(), None);
            }
        }

        #[test]
        fn any_row_is_parsed(symbols in "[0-9.,+×÷=?-]{0,50}") {
            let equation = Equation::parse(&symbols);
            prop_assert_eq!(equation.is_some(), symbols.contains('='));
            if let Some(answer) = equation.and_then(|equation| equation.answer.ok()) {
                prop_assert!(answer.len() <= 20 && !answer.contains("--"));
            }
        }

        #[test]
        fn the_decimal_mark_is_that_of_the_row(a in 0u32..100_000, b in 0u32..100_000) {
            let row = |mark: &str| format!("{}{mark}{:03}+1÷8=", a, b % 1000);
            prop_assert_eq!(answer(&row(".")).unwrap().replace('.', ","), answer(&row(",")).unwrap());
        }
    }
}
