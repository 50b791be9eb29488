//! Maximum mean discrepancy between two sets of points (Gretton et al., "A kernel two-sample
//! test", JMLR 13, 2012).
//!
//! Invariant: the kernel does not depend on the points, so values of different times, methods and
//! sets of points compare.

/// Deviations of the kernel's Gaussians, in data units, each half of the one before: from the
/// distance between modes down to the noise around one.
pub const BANDWIDTHS: [f32; 4] = [2.0, 1.0, 0.5, 0.25];

/// Unbiased estimate of the squared discrepancy (their equation 3) with the kernel
/// `mean over h of exp(-|x - y|² / 2h²)` for h in [`BANDWIDTHS`]. About 0, above or below, for
/// equal distributions; at most 2. NaN unless both sets have two points. Takes O((n + m)²) time.
pub fn squared_mmd(xs: &[[f32; 2]], ys: &[[f32; 2]]) -> f32 {
    let between = || {
        let sum: f64 = xs
            .iter()
            .map(|x| ys.iter().map(|y| f64::from(kernel(x, y))).sum::<f64>())
            .sum();
        sum / (xs.len() * ys.len()) as f64
    };
    if xs.len() < 2 || ys.len() < 2 {
        return f32::NAN;
    }
    (within(xs) + within(ys) - 2.0 * between()) as f32
}

/// Mean kernel over pairs of different points.
fn within(points: &[[f32; 2]]) -> f64 {
    let sum: f64 = points
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let others = points[..i].iter();
            others.map(|y| f64::from(kernel(x, y))).sum::<f64>()
        })
        .sum();
    2.0 * sum / (points.len() * (points.len() - 1)) as f64
}

fn kernel(x: &[f32; 2], y: &[f32; 2]) -> f32 {
    let [dx, dy] = [x[0] - y[0], x[1] - y[1]];
    let widest = (-(dx * dx + dy * dy) / (2.0 * BANDWIDTHS[0] * BANDWIDTHS[0])).exp();
    // Half the bandwidth is the fourth power of the kernel: one exponential serves them all.
    let fourth = |v: f32| (v * v) * (v * v);
    let second = fourth(widest);
    let third = fourth(second);
    (widest + second + third + fourth(third)) / BANDWIDTHS.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};

    fn normals(n: usize, shift: f32, step: u64) -> Vec<[f32; 2]> {
        let z = Draws::new(8, Stream::Test, step).normals(2 * n);
        z.chunks_exact(2).map(|z| [z[0] + shift, z[1]]).collect()
    }

    /// Mean and its standard error over independent pairs of sets.
    fn replicated(shift: f32) -> (f64, f64) {
        let values: Vec<f64> = (0..60)
            .map(|k| {
                f64::from(squared_mmd(
                    &normals(150, 0.0, 2 * k),
                    &normals(120, shift, 2 * k + 1),
                ))
            })
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, (variance / n).sqrt())
    }

    /// For standard normals `shift` apart the expected kernel is
    /// `h² / (h² + 2) exp(-shift² / 2 (h² + 2))`, averaged over h.
    fn exact(shift: f64) -> f64 {
        let kernel = |shift: f64| {
            let one = |h: &f32| {
                let square = f64::from(h * h);
                square / (square + 2.0) * (-shift * shift / (2.0 * (square + 2.0))).exp()
            };
            BANDWIDTHS.iter().map(one).sum::<f64>() / BANDWIDTHS.len() as f64
        };
        2.0 * (kernel(0.0) - kernel(shift))
    }

    #[test]
    fn equal_distributions_are_zero_apart() {
        let (mean, se) = replicated(0.0);
        assert!(mean.abs() < 4.0 * se, "{mean} ± {se}");
        assert!(se < 1e-3);
    }

    #[test]
    fn shifted_normals_have_their_exact_distance() {
        for shift in [0.7, 3.0] {
            let (mean, se) = replicated(shift);
            let expected = exact(f64::from(shift));
            assert!(
                (mean - expected).abs() < 4.0 * se,
                "{mean} ± {se}, {expected}"
            );
            assert!(mean > 10.0 * se);
        }
    }

    #[test]
    fn two_far_points_are_two_apart() {
        let (xs, ys) = ([[-5.0, -5.0]; 3], [[50.0, 50.0]; 2]);
        assert_eq!(squared_mmd(&xs, &ys), 2.0);
        assert!(squared_mmd(&xs, &ys[..1]).is_nan());
    }
}
