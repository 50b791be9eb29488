//! The modified Bessel function of order zero, scaled so that it never overflows.

/// `exp(-z) I0(z)` for `z >= 0`, to a relative error of 5e-7: the polynomials 9.8.1 and 9.8.2 of
/// Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), page 378.
pub fn scaled_i0(z: f64) -> f64 {
    if z <= 3.75 {
        let t = (z / 3.75) * (z / 3.75);
        let terms = [
            0.004_581_3,
            0.036_076_8,
            0.265_973_2,
            1.206_749_2,
            3.089_942_4,
            3.515_622_9,
            1.0,
        ];
        (-z).exp() * horner(&terms, t)
    } else {
        let terms = [
            0.003_923_77,
            -0.016_476_33,
            0.026_355_37,
            -0.020_577_06,
            0.009_162_81,
            -0.001_575_65,
            0.002_253_19,
            0.013_285_92,
            0.398_942_28,
        ];
        horner(&terms, 3.75 / z) / z.sqrt()
    }
}

/// A polynomial in `t` with its highest coefficient first.
fn horner(coefficients: &[f64], t: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * t + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `exp(-z) I0(z) = (1/π) ∫ exp(z (cos θ - 1)) dθ` over 0..π; the trapezoidal rule converges
    /// exponentially because the integrand is periodic.
    fn by_integral(z: f64) -> f64 {
        let n = 4000;
        let at = |i: i32| {
            let angle = std::f64::consts::PI * f64::from(i) / f64::from(n);
            (z * (angle.cos() - 1.0)).exp()
        };
        ((1..n).map(at).sum::<f64>() + 0.5 * (at(0) + at(n))) / f64::from(n)
    }

    #[test]
    fn agrees_with_its_integral_to_the_stated_error() {
        for i in 0..1000 {
            let z = 1e-3 * 1.017f64.powi(i);
            let error = scaled_i0(z) / by_integral(z) - 1.0;
            assert!(error.abs() < 5e-7, "z = {z}: {error}");
        }
        assert!((scaled_i0(0.0) - 1.0).abs() < 1e-15);
        assert!((scaled_i0(1.0) - 0.465_759_607_593_640_4).abs() < 1e-7);
    }
}
