//! Every function beside its value in f64, with each kernel.

use std::marker::PhantomData;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{ln_1p::ln_1p_of_fraction, *};
use crate::gemm::{Kernel, VectorizeMath};

/// A function of this module, and what it should give.
trait Function {
    const NAME: &str;
    /// The most that the result may be off, in units of the last place.
    const ULPS: f64;
    /// Whether the function is defined there.
    fn takes(_x: f32) -> bool {
        true
    }
    fn apply<A: MulAdd>(x: f32) -> f32;
    fn exact(x: f64) -> f64;
}

macro_rules! function {
    ($type:ident, $function:ident, $ulps:literal, $takes:expr, $exact:expr) => {
        struct $type;

        impl Function for $type {
            const NAME: &str = stringify!($function);
            const ULPS: f64 = $ulps;

            fn takes(x: f32) -> bool {
                $takes(x)
            }

            #[inline(always)]
            fn apply<A: MulAdd>(x: f32) -> f32 {
                $function::<A>(x)
            }

            fn exact(x: f64) -> f64 {
                $exact(x)
            }
        }
    };
}

fn anything(_x: f32) -> bool {
    true
}

/// A product that is 0 where the other factor is.
fn times(x: f64, factor: f64) -> f64 {
    if factor == 0.0 { factor.copysign(x) } else { x * factor }
}

fn exact_sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn exact_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

function!(ExpFunction, exp, 2.0, anything, f64::exp);
function!(
    ExpM1,
    exp_m1_of_negative,
    2.0,
    |x: f32| x.is_nan() || x <= 0.0,
    f64::exp_m1
);
function!(
    Ln1p,
    ln_1p_of_fraction,
    2.0,
    |x: f32| x.is_nan() || (0.0..=1.0).contains(&x),
    f64::ln_1p
);
function!(Tanh, tanh, 2.0, anything, f64::tanh);
function!(SigmoidFunction, sigmoid, 2.0, anything, exact_sigmoid);
function!(Silu, silu, 2.0, anything, |x| times(x, exact_sigmoid(x)));
function!(Softplus, softplus, 2.0, anything, |x: f64| if x.is_nan() {
    x
} else {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
});
function!(Gelu, gelu, 4.0, anything, |x| times(x, exact_cdf(x)));

struct Apply<'a, F> {
    values: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> VectorizeMath for Apply<'_, F> {
    #[inline(always)]
    fn run<A: MulAdd>(self) {
        for value in self.values {
            *value = F::apply::<A>(*value);
        }
    }
}

/// The difference of a value from the exact one, in units of the last place of an f32. NaN and infinity must be the same.
fn error(value: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if exact.is_nan() || nearest.is_infinite() || value.is_infinite() {
        let same = nearest.to_bits() == value.to_bits() || (exact.is_nan() && value.is_nan());
        return if same { 0.0 } else { f64::INFINITY };
    }
    let exponent = (exact.abs().to_bits() >> 52) as i32 - 1023;
    let ulp = 2f64.powi(exponent.max(f32::MIN_EXP - 1) - (f32::MANTISSA_DIGITS as i32 - 1));
    (f64::from(value) - exact).abs() / ulp
}

/// The largest error for these values with each kernel, and where it is.
fn largest_errors<F: Function>(inputs: &[f32]) -> Vec<(f64, f32)> {
    let inputs: Vec<f32> = inputs.iter().copied().filter(|&x| F::takes(x)).collect();
    let exact: Vec<f64> = inputs.iter().map(|&x| F::exact(x.into())).collect();
    let largest_error = |kernel: Kernel| {
        let mut values = inputs.clone();
        kernel.vectorize_math(Apply {
            values: &mut values,
            function: PhantomData::<F>,
        });
        let errors = values.iter().zip(&exact).map(|(&value, &exact)| error(value, exact));
        // NaN, which a comparison would drop, is not among them, except in place of a number.
        let errors = errors.map(|error| if error.is_nan() { f64::INFINITY } else { error });
        errors.zip(inputs.iter().copied()).fold((0.0, 0.0), larger)
    };
    Kernel::available().map(largest_error).collect()
}

fn larger(a: (f64, f32), b: (f64, f32)) -> (f64, f32) {
    if b.0 > a.0 { b } else { a }
}

/// Checks blocks of values, each of them `step` bit patterns apart from the next.
fn check_all<F: Function>(step: u64) {
    const BLOCK: u64 = 1 << 16;
    let blocks = (1_u64 << 32).div_ceil(step * BLOCK);
    let block = |index: u64| {
        let bits = (index * BLOCK..(index + 1) * BLOCK).map(|i| u32::try_from(i * step));
        let inputs: Vec<f32> = bits.map_while(Result::ok).map(f32::from_bits).collect();
        largest_errors::<F>(&inputs)
    };
    let join = |a: Vec<_>, b: Vec<_>| a.into_iter().zip(b).map(|(a, b)| larger(a, b)).collect();
    let errors = (0..blocks).into_par_iter().map(block).reduce_with(join);
    for (kernel, (error, x)) in Kernel::available().zip(errors.expect("a block")) {
        println!("{} with {kernel}: at most {error:.3} ulp, at {x:e}", F::NAME);
        assert!(error <= F::ULPS, "{} with {kernel}: {error} ulp at {x:e}", F::NAME);
    }
}

fn check_every_function(step: u64) {
    check_all::<ExpFunction>(step);
    check_all::<ExpM1>(step);
    check_all::<Ln1p>(step);
    check_all::<Tanh>(step);
    check_all::<SigmoidFunction>(step);
    check_all::<Silu>(step);
    check_all::<Softplus>(step);
    check_all::<Gelu>(step);
}

#[test]
fn errors_are_as_documented() {
    check_every_function(1997);
}

/// Takes about a quarter of an hour on two cores.
#[test]
#[ignore = "takes a quarter of an hour"]
fn errors_are_as_documented_for_every_f32() {
    check_every_function(1);
}

#[test]
fn errors_are_as_documented_at_edges() {
    fn check<F: Function>() {
        let edges = [
            0.0,
            1e-45,
            1e-40,
            1e-38,
            1.2e-38,
            1e-20,
            6e-8,
            0.346_573_6,
            0.414_213_57,
            0.5,
            0.625,
            0.85,
            1.0,
            9.1,
            14.2,
            15.0,
            16.635_532,
            18.0,
            87.0,
            87.336_54,
            88.722_84,
            89.0,
            103.972_08,
            104.0,
            108.0,
            110.0,
            1e4,
            f32::MAX,
            f32::INFINITY,
            f32::NAN,
        ];
        let around = edges
            .iter()
            .flat_map(|x| (-8..=8).map(|step: i32| x.to_bits().wrapping_add_signed(step)));
        let inputs: Vec<f32> = around.map(f32::from_bits).flat_map(|x| [x, -x]).collect();
        for (kernel, (error, x)) in Kernel::available().zip(largest_errors::<F>(&inputs)) {
            assert!(error <= F::ULPS, "{} with {kernel}: {error} ulp at {x:e}", F::NAME);
        }
    }
    check::<ExpFunction>();
    check::<ExpM1>();
    check::<Ln1p>();
    check::<Tanh>();
    check::<SigmoidFunction>();
    check::<Silu>();
    check::<Softplus>();
    check::<Gelu>();
}

#[test]
fn a_value_that_is_off_is_seen() {
    assert_eq!(error(1.0 + 2.0 * f32::EPSILON, 1.0), 2.0);
    assert_eq!(error(2e-45, 0.0), 1.0);
    assert!(error(f32::NAN, 1.0).is_nan());
    assert_eq!(error(1.0, f64::NAN), f64::INFINITY);
    assert_eq!(error(f32::MAX, f64::MAX), f64::INFINITY);
    assert_eq!(error(f32::NEG_INFINITY, f64::MAX), f64::INFINITY);
}

#[test]
fn zeros_keep_their_sign() {
    for zero in [0.0, -0.0f32] {
        let values = [tanh::<Separate>(zero), silu::<Separate>(zero), gelu::<Separate>(zero)];
        assert_eq!(values.map(f32::to_bits), [zero.to_bits(); 3]);
    }
}

#[test]
fn derivatives_are_close() {
    for step in -4000..=4000 {
        let x = step as f32 / 200.0;
        let (wide, y) = (f64::from(x), gelu::<Separate>(x));
        let sigmoid = exact_sigmoid(wide);
        let density = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let pairs = [
            (silu_derivative::<Separate>(x), sigmoid * (1.0 + wide * (1.0 - sigmoid))),
            (gelu_derivative::<Separate>(x, y), exact_cdf(wide) + wide * density),
        ];
        for (value, exact) in pairs {
            assert!(
                (f64::from(value) - exact).abs() <= 1e-6,
                "{value} at {x}, and {exact} is exact"
            );
        }
    }
    // Limits, and NaN.
    let of = |x: f32| {
        [
            silu_derivative::<Separate>(x),
            gelu_derivative::<Separate>(x, gelu::<Separate>(x)),
        ]
    };
    assert_eq!(of(f32::INFINITY), [1.0; 2]);
    assert_eq!(of(f32::NEG_INFINITY), [0.0; 2]);
    assert!(of(f32::NAN).iter().all(|value| value.is_nan()));
}
