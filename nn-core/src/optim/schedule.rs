//! Learning-rate schedules.

use std::f64::consts::PI;

use super::range::{check_fraction, check_not_negative};
use crate::error::{Error, Result};

/// The learning rate as a function of the step.
///
/// It scales the optimizer's learning rate, which is the first one of a decay and the peak of a cycle. Each schedule
/// matches the PyTorch scheduler that its docs name, with `scheduler.step()` called after every optimizer step.
///
/// ```
/// use nn_core::optim::Schedule;
/// let schedule = Schedule::cosine(100.0, 0.0).with_warm_up(10.0, 0.1);
/// assert_eq!(schedule.learning_rate(0.5, 0), 0.05);
/// assert_eq!(schedule.learning_rate(0.5, 10), 0.5);
/// assert_eq!(schedule.learning_rate(0.5, 60), 0.25);
/// assert_eq!(schedule.learning_rate(0.5, 110), 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Schedule {
    pub(crate) warm_up: Option<WarmUp>,
    pub(crate) curve: Curve,
}

/// A linear rise to the optimizer's learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WarmUp {
    pub(crate) steps: f64,
    /// First learning rate, as a fraction of the optimizer's.
    pub(crate) from: f32,
}

/// The learning rate after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Curve {
    #[default]
    Constant,
    Step {
        every: u64,
        factor: f32,
    },
    Exponential {
        factor: f32,
    },
    Cosine {
        steps: f64,
        lowest: f32,
    },
    OneCycle(OneCycle),
}

/// One rise to the optimizer's learning rate and one fall (Smith and Topin, 2018, "Super-Convergence").
///
/// Matches PyTorch's `OneCycleLR` with `cycle_momentum=False`. After the last step the learning rate stays at its
/// final value.
///
/// ```
/// use nn_core::optim::{OneCycle, Schedule};
/// let cycle = Schedule::from(OneCycle { rise: 0.5, ..OneCycle::new(102) });
/// assert_eq!(cycle.learning_rate(1.0, 0), 1.0 / 25.0);
/// assert_eq!(cycle.learning_rate(1.0, 50), 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    /// Number of steps of the cycle (`total_steps`).
    pub steps: u64,
    /// Fraction of the steps in which the learning rate rises, above 0 and below 1 (`pct_start`).
    pub rise: f32,
    /// Peak divided by the first learning rate, at least 1 (`div_factor`).
    pub first_divisor: f32,
    /// First learning rate divided by the last, at least 1 (`final_div_factor`).
    pub last_divisor: f32,
    /// How the learning rate is interpolated (`anneal_strategy`).
    pub annealing: Annealing,
}

/// Interpolation between two learning rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Annealing {
    /// Half a period of a cosine.
    Cosine,
    /// Linear.
    Linear,
}

impl Schedule {
    /// The optimizer's learning rate at every step.
    #[must_use]
    pub fn constant() -> Self {
        Self::default()
    }

    /// Multiplies the learning rate by `factor` every `every` steps (`StepLR`).
    #[must_use]
    pub fn step(every: u64, factor: f32) -> Self {
        Curve::Step { every, factor }.into()
    }

    /// Multiplies the learning rate by `factor` after every step (`ExponentialLR`).
    #[must_use]
    pub fn exponential(factor: f32) -> Self {
        Curve::Exponential { factor }.into()
    }

    /// Decays along half a cosine to the learning rate `lowest` in `steps` steps, which may be fractional (Loshchilov
    /// and Hutter, 2017, "SGDR"). Beyond them it rises again, as `CosineAnnealingLR` does.
    #[must_use]
    pub fn cosine(steps: f64, lowest: f32) -> Self {
        Curve::Cosine { steps, lowest }.into()
    }

    /// Adds a warm-up: the learning rate first rises linearly from `from` times the optimizer's to the optimizer's in
    /// `steps` steps, which may be fractional (`LinearLR`, followed by this schedule in a `SequentialLR`).
    #[must_use]
    pub fn with_warm_up(self, steps: f64, from: f32) -> Self {
        let warm_up = Some(WarmUp { steps, from });
        Self { warm_up, ..self }
    }

    /// The learning rate of step `step`, counted from 0. `base` is the optimizer's.
    #[must_use]
    pub fn learning_rate(&self, base: f32, step: u64) -> f32 {
        let (base, step) = (f64::from(base), step as f64);
        let rate = match self.warm_up {
            Some(warm_up) if step < warm_up.steps => base * warm_up.factor(step),
            Some(warm_up) => self.curve.learning_rate(base, step - warm_up.steps),
            None => self.curve.learning_rate(base, step),
        };
        rate as f32
    }

    /// Checks the range of each setting.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first one that is out of range.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(warm_up) = self.warm_up {
            check_not_negative("warm-up from", warm_up.from)?;
            if !(warm_up.steps >= 0.0 && warm_up.steps.is_finite()) {
                return Err(Error::Setting {
                    name: "warm-up steps",
                    value: warm_up.steps.to_string(),
                    reason: "it has to be a finite number of at least 0",
                });
            }
        }
        match self.curve {
            Curve::Constant => Ok(()),
            Curve::Step { every, factor } => {
                check_steps("step every", every as f64)?;
                check_not_negative("step factor", factor)
            }
            Curve::Exponential { factor } => check_not_negative("exponential factor", factor),
            Curve::Cosine { steps, lowest } => {
                check_steps("cosine steps", steps)?;
                check_not_negative("cosine lowest", lowest)
            }
            Curve::OneCycle(cycle) => cycle.check(),
        }
    }
}

impl From<Curve> for Schedule {
    fn from(curve: Curve) -> Self {
        Self { warm_up: None, curve }
    }
}

impl From<OneCycle> for Schedule {
    fn from(cycle: OneCycle) -> Self {
        Curve::OneCycle(cycle).into()
    }
}

impl WarmUp {
    fn factor(&self, step: f64) -> f64 {
        let from = f64::from(self.from);
        from + (1.0 - from) * step / self.steps
    }
}

impl Curve {
    fn learning_rate(&self, base: f64, step: f64) -> f64 {
        match *self {
            Self::Constant => base,
            Self::Step { every, factor } => base * f64::from(factor).powf((step / every as f64).floor()),
            Self::Exponential { factor } => base * f64::from(factor).powf(step),
            Self::Cosine { steps, lowest } => Annealing::Cosine.between(base, lowest.into(), step / steps),
            Self::OneCycle(cycle) => cycle.learning_rate(base, step),
        }
    }
}

impl OneCycle {
    /// A cycle with PyTorch's defaults: a rise in 30 % of the steps, from 1/25 of the peak; a final learning rate of
    /// 1/10,000 of the first; cosine annealing.
    #[must_use]
    pub const fn new(steps: u64) -> Self {
        Self {
            steps,
            rise: 0.3,
            first_divisor: 25.0,
            last_divisor: 1e4,
            annealing: Annealing::Cosine,
        }
    }

    fn learning_rate(&self, peak: f64, step: f64) -> f64 {
        let first = peak / f64::from(self.first_divisor);
        let lowest = first / f64::from(self.last_divisor);
        // As PyTorch: the steps at which the rise and the fall end, counted from 0.
        let rise_end = f64::from(self.rise) * self.steps as f64 - 1.0;
        let last = self.steps as f64 - 1.0;
        let step = step.min(last);
        if step <= rise_end {
            self.annealing.between(first, peak, step / rise_end)
        } else {
            self.annealing
                .between(peak, lowest, (step - rise_end) / (last - rise_end))
        }
    }

    fn check(&self) -> Result<()> {
        check_fraction("one-cycle rise", self.rise)?;
        if f64::from(self.rise) * (self.steps as f64) <= 1.0 {
            return Err(Error::Setting {
                name: "one-cycle rise",
                value: format!("{} of {} steps", self.rise, self.steps),
                reason: "the learning rate has to rise for more than one step",
            });
        }
        for (name, divisor) in [
            ("one-cycle first divisor", self.first_divisor),
            ("one-cycle last divisor", self.last_divisor),
        ] {
            if !(divisor >= 1.0 && divisor.is_finite()) {
                return Err(Error::Setting {
                    name,
                    value: divisor.to_string(),
                    reason: "it has to be a finite number of at least 1",
                });
            }
        }
        Ok(())
    }
}

impl Annealing {
    /// Interpolates: `from` at fraction 0, `to` at fraction 1.
    fn between(self, from: f64, to: f64, fraction: f64) -> f64 {
        match self {
            Self::Cosine => to + (from - to) * 0.5 * (1.0 + (PI * fraction).cos()),
            Self::Linear => from + (to - from) * fraction,
        }
    }
}

fn check_steps(name: &'static str, steps: f64) -> Result<()> {
    if steps > 0.0 && steps.is_finite() {
        return Ok(());
    }
    Err(Error::Setting {
        name,
        value: steps.to_string(),
        reason: "it has to be a finite number above 0",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_stays_at_its_final_rate() {
        let cycle = Schedule::from(OneCycle::new(10));
        let last = cycle.learning_rate(1.0, 9);
        assert!((last - 4e-6).abs() < 1e-11, "{last}");
        for step in [10, 1000, u64::MAX] {
            assert_eq!(cycle.learning_rate(1.0, step), last);
        }
    }

    #[test]
    fn valid_schedules_have_a_finite_rate_at_every_step() {
        let cycle = OneCycle::new(10);
        for schedule in [
            Schedule::constant(),
            Schedule::constant().with_warm_up(0.0, 0.0),
            Schedule::step(1, 0.0),
            Schedule::exponential(0.5).with_warm_up(1e300, 0.0),
            Schedule::cosine(1.0, 0.0),
            Schedule::cosine(9.5, 0.0).with_warm_up(0.5, 0.0),
            Schedule::cosine(1e300, 1.0),
            OneCycle { steps: 4, ..cycle }.into(),
            OneCycle { rise: 0.99, ..cycle }.into(),
            OneCycle {
                steps: u64::MAX,
                ..cycle
            }
            .into(),
        ] {
            schedule.check().unwrap();
            for step in [0, 1, 2, 8, 9, 10, 1 << 40, u64::MAX] {
                let rate = schedule.learning_rate(0.5, step);
                assert!((0.0..=1.0).contains(&rate), "{schedule:?}, step {step}: {rate}");
            }
        }
    }
}
