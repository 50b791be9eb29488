//! Integrals over the cells of a grid: normalising constant, divergence, masses.
//!
//! Invariant: sums are taken in f64 relative to the largest term, so no energy or log density
//! overflows, and cells of zero density (-∞) are allowed everywhere.

/// Densities below this share of the grid's highest count as this share of it, which keeps a
/// divergence finite where the second density vanishes and the first does not.
pub const FLOOR: f64 = 1e-30;

/// Log of the integral of `exp(-E)` by the midpoint rule: `energies` one a cell, in nats,
/// `cell_area` in squared data units.
pub fn log_z(energies: &[f32], cell_area: f64) -> f64 {
    log_sum(energies.iter().map(|&energy| -f64::from(energy))) + cell_area.ln()
}

/// KL(p ‖ q) in nats, from the log densities of the same cells. Both are normalised here over the
/// grid, so constants may be missing from either, and the size of a cell cancels. Cells without p
/// add nothing; q is floored at [`FLOOR`] times its highest density, so a model with mass where q
/// has none gets a large finite value. NaN anywhere gives NaN.
pub fn kl(p_log: &[f32], q_log: &[f32]) -> f64 {
    let log_p_sum = log_sum(p_log.iter().map(|&log| f64::from(log)));
    let top = q_log
        .iter()
        .fold(f64::NEG_INFINITY, |top, &log| top.max(f64::from(log)));
    let floor = top + FLOOR.ln();
    // Written out because f64::max would turn a NaN into the floor.
    let floored = |log: f32| {
        let log = f64::from(log);
        if log < floor { floor } else { log }
    };
    let log_q_sum = log_sum(q_log.iter().map(|&log| floored(log)));
    p_log
        .iter()
        .zip(q_log)
        .filter(|(p, _)| **p != f32::NEG_INFINITY)
        .map(|(&p, &q)| {
            let [log_p, log_q] = [f64::from(p) - log_p_sum, floored(q) - log_q_sum];
            log_p.exp() * (log_p - log_q)
        })
        .sum()
}

/// Share of each of `modes` modes in the density on the grid: `log_density` and the index of the
/// `mode`, one a cell. The shares sum to 1; the log density needs no constant.
pub fn masses(log_density: &[f32], mode: &[usize], modes: usize) -> Vec<f32> {
    let log_total = log_sum(log_density.iter().map(|&log| f64::from(log)));
    let mut masses = vec![0.0; modes];
    for (&log, &mode) in log_density.iter().zip(mode) {
        masses[mode] += (f64::from(log) - log_total).exp();
    }
    masses.into_iter().map(|mass| mass as f32).collect()
}

/// Variance of each of `modes` modes in the density on the grid about the mode's own mean, both axes
/// together: `log_density`, place and `mode`, one a cell. NaN for a mode without mass.
pub fn variances(
    log_density: &[f32],
    places: &[[f32; 2]],
    mode: &[usize],
    modes: usize,
) -> Vec<f64> {
    let top = log_density
        .iter()
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    let mut sums = vec![[0.0f64; 4]; modes];
    for ((&log, place), &mode) in log_density.iter().zip(places).zip(mode) {
        let weight = f64::from(log - top).exp();
        let [x, y] = place.map(f64::from);
        let terms = [1.0, x, y, x * x + y * y].map(|moment| weight * moment);
        for (sum, term) in sums[mode].iter_mut().zip(terms) {
            *sum += term;
        }
    }
    let variance = |[mass, x, y, squares]: [f64; 4]| {
        let [x, y, squares] = [x, y, squares].map(|sum| sum / mass);
        squares - x * x - y * y
    };
    sums.into_iter().map(variance).collect()
}

fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    // An infinite or missing top must not make the differences NaN, nor hide one.
    let shift = if top.is_finite() { top } else { 0.0 };
    shift + logs.map(|log| (log - shift).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 200;
    const HALF: f64 = 8.0;

    fn area() -> f64 {
        (2.0 * HALF / SIDE as f64).powi(2)
    }

    fn grid(f: impl Fn(f64, f64) -> f64) -> Vec<f32> {
        let at = |i: usize| ((i as f64 + 0.5) / SIDE as f64 * 2.0 - 1.0) * HALF;
        (0..SIDE * SIDE)
            .map(|k| f(at(k % SIDE), at(k / SIDE)) as f32)
            .collect()
    }

    #[test]
    fn variances_of_two_gaussians() {
        let centre = |k: usize| if k % SIDE < SIDE / 2 { -4.0 } else { 4.0 };
        let at = |i: usize| ((i as f64 + 0.5) / SIDE as f64 * 2.0 - 1.0) * HALF;
        let logs: Vec<f32> = (0..SIDE * SIDE)
            .map(|k| {
                let (x, y) = (at(k % SIDE) - centre(k), at(k / SIDE));
                let v = if centre(k) < 0.0 { 0.25 } else { 0.5 };
                (-(x * x + y * y) / (2.0 * v)) as f32
            })
            .collect();
        let places: Vec<[f32; 2]> = (0..SIDE * SIDE)
            .map(|k| [at(k % SIDE) as f32, at(k / SIDE) as f32])
            .collect();
        let mode: Vec<usize> = (0..SIDE * SIDE)
            .map(|k| usize::from(centre(k) > 0.0))
            .collect();
        let found = variances(&logs, &places, &mode, 3);
        assert!(
            (found[0] - 0.5).abs() < 1e-3 && (found[1] - 1.0).abs() < 1e-3,
            "{found:?}"
        );
        assert!(found[2].is_nan());
    }

    #[test]
    fn log_z_of_a_gaussian() {
        let energies = grid(|x, y| 0.5 * (x * x + y * y) + 500.0);
        let expected = std::f64::consts::TAU.ln() - 500.0;
        assert!((log_z(&energies, area()) - expected).abs() < 1e-4);
    }

    /// KL(N(a, s² I) ‖ N(b, I)) = (2 s² + |a - b|² - 2 - 4 ln s) / 2 in the plane.
    #[test]
    fn kl_of_two_gaussians() {
        let p = grid(|x, y| -0.5 * ((x - 0.7).powi(2) + y * y) / 0.25 + 3.0);
        let q = grid(|x, y| -0.5 * (x * x + (y + 0.4).powi(2)) - 1000.0);
        let expected = 0.5 * (0.5 + 0.49 + 0.16 - 2.0 - 4.0 * 0.5f64.ln());
        assert!((kl(&p, &q) - expected).abs() < 1e-4);
        assert!(kl(&p, &p).abs() < 1e-12);
    }

    #[test]
    fn kl_where_one_of_them_vanishes() {
        let none = f32::NEG_INFINITY;
        assert!((kl(&[0.0, none], &[0.0, 0.0]) - 2f64.ln()).abs() < 1e-12);
        let missing = kl(&[0.0, 0.0], &[0.0, none]);
        assert!((missing - (0.5 * 30.0 * 10f64.ln() - 2f64.ln())).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let (nan, none) = (f32::NAN, f32::NEG_INFINITY);
        for broken in [[nan, 0.0], [nan, nan], [nan, none]] {
            assert!(log_z(&broken, 1.0).is_nan());
            assert!(kl(&broken, &[0.0, 0.0]).is_nan());
            assert!(kl(&[0.0, 0.0], &broken).is_nan());
        }
        assert_eq!(log_z(&[f32::INFINITY; 2], 1.0), f64::NEG_INFINITY);
    }

    #[test]
    fn masses_of_two_halves() {
        let log = grid(|x, y| -0.5 * (x * x + y * y) + if x > 0.0 { 3f64.ln() } else { 0.0 });
        let mode: Vec<usize> = grid(|x, _| x)
            .iter()
            .map(|&x| usize::from(x > 0.0))
            .collect();
        let masses = masses(&log, &mode, 3);
        for (mass, expected) in masses.iter().zip([0.25, 0.75, 0.0]) {
            assert!((mass - expected).abs() < 1e-5);
        }
    }
}
