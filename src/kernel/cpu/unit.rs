//! Activations of the CPU kernels, each with its slope, in operations that a compiler can turn into
//! vector instructions.
//!
//! Invariant: no branch and no call; what is no number stays none.

use std::f32::consts::{LN_2, LOG2_E};

/// `ln(1 + exp(a))`, and the sigmoid.
#[inline(always)]
pub fn softplus(a: f32) -> (f32, f32) {
    let e = exp(-a.abs());
    // ln(1 + e) = 2 artanh(q) with q at most 1/3, where the series is short.
    let q = e / (2.0 + e);
    let q2 = q * q;
    let series = polynomial(
        q2,
        [
            1.0 / 13.0,
            1.0 / 11.0,
            1.0 / 9.0,
            1.0 / 7.0,
            1.0 / 5.0,
            1.0 / 3.0,
            1.0,
        ],
    );
    (relu(a).0 + 2.0 * q * series, sigmoid(a, e))
}

/// `a / (1 + exp(-a))`, and its derivative.
#[inline(always)]
pub fn silu(a: f32) -> (f32, f32) {
    let s = sigmoid(a, exp(-a.abs()));
    (a * s, s * (1.0 + a * (1.0 - s)))
}

/// The first two derivatives of [`silu`].
#[inline(always)]
pub fn silu_bend(a: f32) -> (f32, f32) {
    let s = sigmoid(a, exp(-a.abs()));
    let bend = s * (1.0 - s);
    (s + a * bend, bend * (2.0 + a * (1.0 - 2.0 * s)))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(a: f32) -> f32 {
    let e = exp(-2.0 * a.abs());
    let size = (1.0 - e) / (1.0 + e);
    if a < 0.0 { -size } else { size }
}

/// `max(a, 0)`, and its derivative.
#[inline(always)]
pub fn relu(a: f32) -> (f32, f32) {
    // `max` would swallow what is no number.
    let value = if a < 0.0 { 0.0 } else { a };
    (value, f32::from(u8::from(a > 0.0)))
}

/// The sigmoid of a, given `e = exp(-|a|)`.
#[inline(always)]
fn sigmoid(a: f32, e: f32) -> f32 {
    let numerator = if a < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

/// exp(x) for x at most 0; nothing below -86. Coefficients of Cephes' `expf`
/// (<https://www.netlib.org/cephes/>).
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Added to a number of this size, a fraction rounds to a whole number in the lowest bits.
    const WHOLE: f32 = 1.5 * (1 << 23) as f32;
    const LN_2_HIGH: f32 = 0.693_359_4;
    let small = x < -86.0;
    let x = if small { -86.0 } else { x };
    let shifted = x * LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    let r = x - n * LN_2_HIGH - n * (LN_2 - LN_2_HIGH);
    let tail = polynomial(
        r,
        [
            1.987_569_1e-4,
            1.398_2e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_6e-1,
            0.5,
        ],
    );
    let power = tail * r * r + r + 1.0;
    let found = f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23));
    if small { 0.0 } else { found }
}

/// The polynomial in x with these coefficients, the highest power's first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    // Not from zero: a compiler must not leave out a product with it.
    let mut sum = coefficients[0];
    for c in &coefficients[1..] {
        sum = sum * x + c;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_have_the_precision_of_their_type() {
        for i in -30_000..=30_000 {
            let a = i as f32 * 3e-3;
            let x = f64::from(a);
            let sigmoid = 1.0 / (1.0 + (-x).exp());
            let close = |found: f32, right: f64, tolerance: f64| {
                let miss = (f64::from(found) - right).abs();
                assert!(miss <= tolerance, "{found} against {right} at {a}");
            };
            let (value, slope) = softplus(a);
            let right = x.max(0.0) + (-x.abs()).exp().ln_1p();
            close(value, right, 4e-7 * right + 1e-37);
            close(slope, sigmoid, 3e-7 * sigmoid + 1e-37);
            let (value, slope) = silu(a);
            close(value, x * sigmoid, 3e-7 * (x * sigmoid).abs() + 1e-35);
            let right = sigmoid * (1.0 + x * (1.0 - sigmoid));
            close(slope, right, 1e-6);
        }
    }

    #[test]
    fn activations_take_any_number() {
        for f in [softplus, silu, relu] {
            for a in [1e30, -1e30, f32::MAX, f32::MIN, f32::MIN_POSITIVE] {
                let (value, slope) = f(a);
                assert!(
                    value.is_finite() && slope.is_finite(),
                    "{value} {slope} at {a}"
                );
            }
            assert!(f(f32::NAN).0.is_nan());
            assert_eq!(f(f32::INFINITY).0, f32::INFINITY);
            assert_eq!(f(-1e9), (0.0, 0.0));
        }
        assert_eq!(relu(-2.0), (0.0, 0.0));
        assert_eq!(relu(2.0), (2.0, 1.0));
    }
}
