//! Activations of the CPU kernels, each with its slope, in operations that a compiler can turn into
//! vector instructions.
//!
//! Invariant: no branch and no call; what is no number stays none.

use pulp::{Scalar, Simd};
use std::f32::consts::LOG2_E;

/// The activation that [`Network::activation`](crate::kernel::Network) names, and its slope.
#[inline(always)]
pub fn activation<S: Simd>(simd: S, name: u32, a: S::f32s) -> (S::f32s, S::f32s) {
    match name {
        0 => softplus(simd, a),
        1 => silu(simd, a),
        _ => relu(simd, a),
    }
}

/// `ln(1 + exp(a))`, and the sigmoid.
#[inline(always)]
pub fn softplus<S: Simd>(simd: S, a: S::f32s) -> (S::f32s, S::f32s) {
    let e = exp_of_minus_size(simd, a);
    // ln(1 + e) = 2 artanh(q) with q at most 1/3.
    let q = simd.div_f32s(e, simd.add_f32s(simd.splat_f32s(2.0), e));
    let series = polynomial(
        simd,
        simd.mul_f32s(q, q),
        // Of 2 artanh(q) / q in q²: interpolated at Chebyshev's nodes, its error relative to it
        // below 8e-9.
        0.281_577_8,
        [[0.279_651_58, 0.400_245_96], [0.666_663_2, 2.0]],
    );
    let (positive, _) = relu(simd, a);
    (
        simd.mul_add_e_f32s(q, series, positive),
        sigmoid(simd, a, e),
    )
}

/// `a / (1 + exp(-a))`, and its derivative.
#[inline(always)]
pub fn silu<S: Simd>(simd: S, a: S::f32s) -> (S::f32s, S::f32s) {
    let s = sigmoid(simd, a, exp_of_minus_size(simd, a));
    let value = simd.mul_f32s(a, s);
    let rest = simd.sub_f32s(simd.splat_f32s(1.0), s);
    (value, simd.mul_add_e_f32s(value, rest, s))
}

/// The first two derivatives of [`silu`].
#[inline(always)]
pub fn silu_bend(a: f32) -> (f32, f32) {
    let s = sigmoid(Scalar, a, exp_of_minus_size(Scalar, a));
    let bend = s * (1.0 - s);
    (s + a * bend, bend * (2.0 + a * (1.0 - 2.0 * s)))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(a: f32) -> f32 {
    let e = exp_of_minus_size(Scalar, 2.0 * a);
    let size = (1.0 - e) / (1.0 + e);
    if a < 0.0 { -size } else { size }
}

/// `max(a, 0)`, and its derivative.
#[inline(always)]
pub fn relu<S: Simd>(simd: S, a: S::f32s) -> (S::f32s, S::f32s) {
    let [zero, one] = [0.0, 1.0].map(|number| simd.splat_f32s(number));
    // `max` would swallow what is no number.
    let value = simd.select_f32s(simd.less_than_f32s(a, zero), zero, a);
    let slope = simd.select_f32s(simd.less_than_f32s(zero, a), one, zero);
    (value, slope)
}

/// The sigmoid of a, given `e = exp(-|a|)`.
#[inline(always)]
fn sigmoid<S: Simd>(simd: S, a: S::f32s, e: S::f32s) -> S::f32s {
    let [zero, one] = [0.0, 1.0].map(|number| simd.splat_f32s(number));
    let numerator = simd.select_f32s(simd.less_than_f32s(a, zero), e, one);
    simd.div_f32s(numerator, simd.add_f32s(one, e))
}

/// `exp(-|a|)`; nothing where that is below exp(-86).
#[inline(always)]
fn exp_of_minus_size<S: Simd>(simd: S, a: S::f32s) -> S::f32s {
    // Added to a number of this size, a fraction rounds to a whole number in the lowest bits.
    const WHOLE: f32 = 1.5 * (1 << 23) as f32;
    // Cephes' parts of ln 2 (<https://www.netlib.org/cephes/>): the first has few bits, so that n times it
    // is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let splat = |number| simd.splat_f32s(number);
    let x = simd.or_f32s(a, splat(-0.0));
    let shifted = simd.mul_add_e_f32s(x, splat(LOG2_E), splat(WHOLE));
    let n = simd.sub_f32s(shifted, splat(WHOLE));
    let r = simd.mul_add_e_f32s(n, splat(-LN_2[0]), x);
    let r = simd.mul_add_e_f32s(n, splat(-LN_2[1]), r);
    let power = polynomial(
        simd,
        r,
        // Behind 1 + r those of (exp(r) - 1 - r) / r², interpolated at Chebyshev's nodes for |r| up to
        // half of ln 2: exp is 1e-8 off at most.
        1.392_617_6e-3,
        [
            [8.363_173e-3, 4.166_655_6e-2],
            [0.166_665_78, 0.5],
            [1.0, 1.0],
        ],
    );
    let bits = |number| simd.transmute_u32s_f32s(number);
    let exponent = simd.wrapping_dyn_shl_u32s(bits(shifted), simd.splat_u32s(23));
    let found = simd.transmute_f32s_u32s(simd.add_u32s(bits(power), exponent));
    // Down there the steps above make no sense.
    simd.select_f32s(simd.less_than_f32s(x, splat(-86.0)), splat(0.0), found)
}

/// The polynomial in x with these coefficients, the highest power's first. What is made of pairs does not
/// wait for the sum so far (one level of Estrin's scheme).
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(
    simd: S,
    x: S::f32s,
    highest: f32,
    pairs: [[f32; 2]; N],
) -> S::f32s {
    let square = simd.mul_f32s(x, x);
    // Not from zero: a compiler must not leave out a product with it.
    let mut sum = simd.splat_f32s(highest);
    for pair in pairs {
        let [a, b] = pair.map(|c| simd.splat_f32s(c));
        sum = simd.mul_add_e_f32s(sum, square, simd.mul_add_e_f32s(a, x, b));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::cpu::dispatch;
    use crate::kernel::cpu::product::{LANES, Lanes, registers, registers_mut};
    use pulp::{Scalar128b, Scalar256b, Scalar512b, WithSimd};

    /// An activation of a number in every lane.
    struct OfAll(u32, f32);

    impl WithSimd for OfAll {
        type Output = (Lanes, Lanes);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> (Lanes, Lanes) {
            let Self(name, a) = self;
            let mut found = ([0.0; LANES], [0.0; LANES]);
            let values = registers_mut::<S>(&mut found.0).iter_mut();
            let slopes = registers_mut::<S>(&mut found.1);
            let inputs = [a; LANES];
            let inputs = registers::<S>(&inputs);
            for ((value, slope), a) in values.zip(slopes).zip(inputs) {
                (*value, *slope) = activation(simd, name, *a);
            }
            found
        }
    }

    /// What registers of every width give, this machine's first.
    fn everywhere(name: u32, a: f32) -> [(f32, f32); 5] {
        [
            dispatch(OfAll(name, a)),
            Simd::vectorize(Scalar, OfAll(name, a)),
            Simd::vectorize(Scalar128b, OfAll(name, a)),
            Simd::vectorize(Scalar256b, OfAll(name, a)),
            Simd::vectorize(Scalar512b, OfAll(name, a)),
        ]
        .map(|(values, slopes)| (values[LANES - 1], slopes[LANES - 1]))
    }

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
            for (value, slope) in everywhere(0, a) {
                let right = x.max(0.0) + (-x.abs()).exp().ln_1p();
                close(value, right, 4e-7 * right + 1e-37);
                close(slope, sigmoid, 3e-7 * sigmoid + 1e-37);
            }
            for (value, slope) in everywhere(1, a) {
                close(value, x * sigmoid, 3e-7 * (x * sigmoid).abs() + 1e-35);
                let right = sigmoid * (1.0 + x * (1.0 - sigmoid));
                close(slope, right, 1e-6);
            }
        }
    }

    #[test]
    fn activations_take_any_number() {
        for name in [0, 1, 2] {
            for a in [1e30, -1e30, f32::MAX, f32::MIN, f32::MIN_POSITIVE] {
                for (value, slope) in everywhere(name, a) {
                    assert!(
                        value.is_finite() && slope.is_finite(),
                        "{value} {slope} at {a}"
                    );
                }
            }
            assert!(everywhere(name, f32::NAN).iter().all(|f| f.0.is_nan()));
            let infinite = everywhere(name, f32::INFINITY);
            assert!(infinite.iter().all(|f| f.0 == f32::INFINITY));
            assert_eq!(everywhere(name, -1e9), [(0.0, 0.0); 5]);
        }
        assert_eq!(everywhere(2, -2.0), [(0.0, 0.0); 5]);
        assert_eq!(everywhere(2, 2.0), [(2.0, 1.0); 5]);
    }
}
