//! Replica exchange: chains on neighbouring noise levels trade places (Swendsen & Wang 1986; Geyer
//! 1991).
//!
//! Invariant: each ladder of chains always has one chain on every level, and an exchange leaves the
//! product of the levels' densities invariant whatever their normalising constants.

/// Exchanges the levels of neighbours in ladders of `levels` chains that follow each other in
/// `labels`: pairs (0, 1), (2, 3), … if `parity` is 0, else (1, 2), (3, 4), …. `energies`
/// `[chains, levels]` hold every chain's energy at every level, `log_uniforms` one draw a chain.
pub fn exchange(
    energies: &[f32],
    labels: &mut [usize],
    levels: usize,
    parity: usize,
    log_uniforms: &[f32],
) {
    let ladders = labels.chunks_exact_mut(levels);
    let rows = energies.chunks_exact(levels * levels);
    for ((ladder, energy), draws) in ladders.zip(rows).zip(log_uniforms.chunks_exact(levels)) {
        for t in (parity..levels.saturating_sub(1)).step_by(2) {
            let chain = |level: usize| ladder.iter().position(|&l| l == level);
            let (Some(a), Some(b)) = (chain(t), chain(t + 1)) else {
                continue;
            };
            let of = |chain: usize, level: usize| energy[chain * levels + level];
            let gain = of(a, t) + of(b, t + 1) - of(a, t + 1) - of(b, t);
            // A comparison with NaN is false, which keeps the levels.
            if draws[t] < gain {
                ladder.swap(a, b);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};

    #[test]
    fn certain_exchanges_happen_and_impossible_ones_do_not() {
        // One ladder of three: chain 0 would gladly be on level 1, chain 1 on level 0.
        let energies = [9.0, 0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 0.0, f32::NAN];
        let mut labels = [0, 1, 2];
        exchange(&energies, &mut labels, 3, 0, &[-1e-3; 3]);
        assert_eq!(labels, [1, 0, 2]);
        exchange(&energies, &mut labels, 3, 0, &[-1e-3; 3]);
        assert_eq!(labels, [1, 0, 2]);
        exchange(&energies, &mut labels, 3, 1, &[-1e3; 3]);
        assert_eq!(
            labels,
            [1, 0, 2],
            "an energy that is no number keeps the levels"
        );
    }

    /// Two states x two levels: exchanges alone keep the exact joint law of the pair.
    #[test]
    fn exchanges_keep_the_product_of_the_levels() {
        let energy = |state: usize, level: usize| [[0.0f32, 0.4], [1.1, 0.2]][state][level];
        let weight = |a: usize, b: usize| f64::from((-energy(a, 0) - energy(b, 1)).exp());
        let total: f64 = (0..4).map(|i| weight(i / 2, i % 2)).sum();
        let n = 40_000;
        let draws = Draws::new(3, Stream::Test, 0).uniforms(3 * n);
        let mut counts = [0usize; 4];
        for i in 0..n {
            // An exact draw of the pair, then one exchange.
            let mut left = f64::from(draws[3 * i]) * total;
            let start = (0..4)
                .find(|&s| {
                    left -= weight(s / 2, s % 2);
                    left < 0.0
                })
                .unwrap_or(3);
            let state = [start / 2, start % 2];
            let energies: Vec<f32> = state
                .iter()
                .flat_map(|&s| [energy(s, 0), energy(s, 1)])
                .collect();
            let mut labels = [0, 1];
            let log_u = draws[3 * i + 1].ln();
            exchange(&energies, &mut labels, 2, 0, &[log_u, 0.0]);
            let at = |level: usize| state[usize::from(labels[1] == level)];
            counts[at(0) * 2 + at(1)] += 1;
        }
        for (s, count) in counts.into_iter().enumerate() {
            let p = weight(s / 2, s % 2) / total;
            let error = (p * (1.0 - p) / n as f64).sqrt();
            let share = count as f64 / n as f64;
            assert!((share - p).abs() < 4.0 * error, "{s}: {share} against {p}");
        }
    }
}
