//! Values of tensors in files: every floating-point type becomes f32.

use safetensors::Dtype;

use crate::{
    error::{Error, Result},
    network::{Tensor, check_finite},
};

/// Suffix of tensors that are counts: integers in PyTorch.
const COUNT: &str = ".num_batches_tracked";

/// The type that a tensor is written in.
pub(super) fn dtype(name: &str) -> Dtype {
    if name.ends_with(COUNT) { Dtype::I64 } else { Dtype::F32 }
}

/// The bytes of a tensor in the type of [`dtype`].
pub(super) fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    let values = tensor.values.iter();
    match dtype(&tensor.name) {
        Dtype::I64 => values.flat_map(|&value| (value as i64).to_le_bytes()).collect(),
        _ => values.flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// Checks that [`read`] can read values of this type.
///
/// # Errors
/// If not; the message names the tensor, its type, and the types that can be read.
pub(super) fn check_type(name: &str, found: Dtype) -> Result<()> {
    match found {
        Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64 => Ok(()),
        Dtype::I64 if dtype(name) == Dtype::I64 => Ok(()),
        other => Err(Error::weights(format!(
            "tensor {name} is {other:?}; only F32, F16, BF16 and F64 can be read, so convert it first (in PyTorch: \
             `tensor.float()`)"
        ))),
    }
}

/// Reads a tensor's values. F16 and BF16 are widened exactly; F64 is rounded to the nearest f32.
///
/// # Errors
/// If the type cannot be read, or a value is not finite.
pub(super) fn read(name: &str, found: Dtype, bytes: &[u8]) -> Result<Vec<f32>> {
    check_type(name, found)?;
    let values = match found {
        Dtype::F16 => numbers(bytes, |bytes| widen_f16(u16::from_le_bytes(bytes))),
        Dtype::BF16 => numbers(bytes, |bytes| widen_bf16(u16::from_le_bytes(bytes))),
        Dtype::F64 => numbers(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::I64 => numbers(bytes, |bytes| i64::from_le_bytes(bytes) as f32),
        _ => numbers(bytes, f32::from_le_bytes),
    };
    check_finite(name, &values)?;
    Ok(values)
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
}

/// The value of an IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
fn widen_f16(bits: u16) -> f32 {
    const FRACTION: u32 = 10;
    /// 2⁻²⁴, the smallest subnormal number.
    const SMALLEST: f32 = 1.0 / (1 << 24) as f32;
    let bits = u32::from(bits);
    let (exponent, fraction) = (bits >> FRACTION & 0x1f, bits & 0x3ff);
    let widened = fraction << (f32::MANTISSA_DIGITS - 1 - FRACTION);
    let magnitude = match exponent {
        0 => fraction as f32 * SMALLEST,
        0x1f => f32::from_bits(f32::INFINITY.to_bits() | widened),
        // The biases of the exponents are 15 and 127.
        _ => f32::from_bits((exponent + (127 - 15)) << (f32::MANTISSA_DIGITS - 1) | widened),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The value of a bfloat16: the upper half of an f32.
fn widen_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value by the definition of the format: `(-1)^sign · 2^(exponent - bias) · 1.fraction`, below the normal numbers
    /// `(-1)^sign · 2^(1 - bias) · 0.fraction`.
    fn defined(bits: u16, fraction_bits: u32) -> f64 {
        let exponent_bits = 15 - fraction_bits;
        let bias = (1 << (exponent_bits - 1)) - 1;
        let exponent = i32::from(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
        let fraction = f64::from(u32::from(bits) % (1 << fraction_bits)) / f64::from(1 << fraction_bits);
        let magnitude = match exponent {
            0 => fraction * f64::powi(2.0, 1 - bias),
            _ if exponent < (1 << exponent_bits) - 1 => (1.0 + fraction) * f64::powi(2.0, exponent - bias),
            _ if fraction == 0.0 => f64::INFINITY,
            _ => f64::NAN,
        };
        if bits >= 1 << 15 { -magnitude } else { magnitude }
    }

    #[test]
    fn all_half_precision_values_are_widened_exactly() {
        for bits in 0..=u16::MAX {
            for (widened, fraction_bits) in [(widen_f16(bits), 10), (widen_bf16(bits), 7)] {
                let expected = defined(bits, fraction_bits);
                if expected.is_nan() {
                    assert!(widened.is_nan(), "{bits:#06x}: {widened}");
                } else {
                    assert_eq!(
                        f64::from(widened).to_bits(),
                        expected.to_bits(),
                        "{bits:#06x}: {widened}"
                    );
                }
            }
        }
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
        ];
        for (bits, value) in known {
            assert_eq!(widen_f16(bits), value);
        }
        assert_eq!(widen_bf16(0x4049), 3.140_625);
    }

    #[test]
    fn each_type_is_read() {
        let read_as = |dtype, bytes: &[u8]| read("0.weight", dtype, bytes);
        let values = [1.5f32, -0.1];
        let f32s: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let f64s: Vec<u8> = values
            .iter()
            .flat_map(|&value| f64::from(value).to_le_bytes())
            .collect();
        assert_eq!(read_as(Dtype::F32, &f32s).unwrap(), values);
        assert_eq!(read_as(Dtype::F64, &f64s).unwrap(), values);
        assert_eq!(
            read_as(Dtype::F16, &[0x00, 0x3e, 0x66, 0xae]).unwrap(),
            [1.5, -0.099_975_586]
        );
        assert_eq!(
            read_as(Dtype::BF16, &[0xc0, 0x3f, 0xcd, 0xbd]).unwrap(),
            [1.5, -0.100_097_656]
        );
        let message = read_as(Dtype::F16, &[0x00, 0x3e, 0x00, 0xfc]).unwrap_err().to_string();
        assert!(message.contains("0.weight holds -inf at position 1"), "{message}");
        let beyond = [1e39f64.to_le_bytes(), 0f64.to_le_bytes()].concat();
        assert!(read_as(Dtype::F64, &beyond).is_err());
        let message = read_as(Dtype::I64, &[0; 16]).unwrap_err().to_string();
        assert!(message.contains("0.weight is I64; only F32"), "{message}");
    }
}
