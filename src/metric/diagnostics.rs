//! Effective sample size and split R-hat of Markov chains: Vehtari, Gelman, Simpson, Carpenter,
//! Bürkner, "Rank-normalization, folding, and localization", Bayesian Analysis 16 (2021),
//! <https://arxiv.org/abs/1903.08008>, sections 2 and 3, without the rank normalisation.
//!
//! Invariant: chains are cut in halves first, so that a drifting chain disagrees with itself, and
//! all chains count to the length of the shortest. What has no answer is NaN: chains of fewer than
//! four steps, values that are not finite, chains that never move.

/// Number of independent draws that would estimate the mean of the quantity as well as all the
/// steps of `chains` (each: its value after every step) together. At most `n log10(n)` of n steps,
/// as in Stan. Takes time proportional to the steps times the lags until correlations vanish.
pub fn ess(chains: &[Vec<f32>]) -> f64 {
    let halves = Halves::new(chains);
    let steps = (halves.centred.len() * halves.length) as f64;
    if !(halves.pooled > 0.0 && halves.length >= 2) {
        return f64::NAN;
    }
    let correlation =
        |lag: usize| 1.0 - (halves.within - halves.autocovariance(lag)) / halves.pooled;
    // Geyer's initial monotone sequence: sums of neighbouring correlations, from lag 0 on, are
    // positive and decreasing for a reversible chain; the noise beyond the first negative is cut.
    let mut time = -1.0;
    let mut last = f64::INFINITY;
    for lag in (0..halves.length - 1).step_by(2) {
        let even = if lag == 0 { 1.0 } else { correlation(lag) };
        let pair = even + correlation(lag + 1);
        if pair <= 0.0 {
            break;
        }
        last = pair.min(last);
        time += 2.0 * last;
    }
    steps / time.max(1.0 / steps.log10())
}

/// Square root of the pooled over the mean within-chain variance: near 1 when all halves of all
/// chains explore the same distribution, large when they do not.
pub fn split_r_hat(chains: &[Vec<f32>]) -> f64 {
    let halves = Halves::new(chains);
    if halves.length < 2 {
        return f64::NAN;
    }
    (halves.pooled / halves.within).sqrt()
}

/// Chains cut in halves, and their variances.
struct Halves {
    /// Each half minus its mean.
    centred: Vec<Vec<f64>>,
    length: usize,
    /// Mean variance within a half.
    within: f64,
    /// Estimate of the variance that all chains together explore.
    pooled: f64,
}

impl Halves {
    fn new(chains: &[Vec<f32>]) -> Self {
        let shortest = chains.iter().map(Vec::len).min().unwrap_or(0);
        let length = shortest / 2;
        let mut means = Vec::with_capacity(2 * chains.len());
        let mut centred = Vec::with_capacity(2 * chains.len());
        for chain in chains {
            // An odd chain leaves its middle step out.
            for half in [&chain[..length], &chain[shortest - length..shortest]] {
                let mean = half.iter().map(|&v| f64::from(v)).sum::<f64>() / length as f64;
                means.push(mean);
                centred.push(half.iter().map(|&v| f64::from(v) - mean).collect());
            }
        }
        let mut halves = Self {
            centred,
            length,
            within: 0.0,
            pooled: 0.0,
        };
        let biased = halves.autocovariance(0);
        halves.within = biased * length as f64 / (length as f64 - 1.0);
        halves.pooled = biased + variance(&means);
        halves
    }

    /// Mean over the halves of the autocovariance at `lag`, divided by the full length.
    fn autocovariance(&self, lag: usize) -> f64 {
        let one = |half: &Vec<f64>| -> f64 {
            let later = half[lag..].iter();
            half.iter().zip(later).map(|(a, b)| a * b).sum()
        };
        let sum: f64 = self.centred.iter().map(one).sum();
        sum / (self.length * self.centred.len()) as f64
    }
}

/// Unbiased variance; there are at least two halves wherever there is a chain.
fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};

    /// Stationary chains `x_{n+1} = rho x_n + sqrt(1 - rho²) z`.
    fn autoregressive(rho: f32, chains: usize, steps: usize) -> Vec<Vec<f32>> {
        let chain = |k: usize| {
            let z = Draws::new(9, Stream::Test, k as u64).normals(steps);
            let step = |x: &mut f32, z: &f32| {
                *x = rho * *x + (1.0 - rho * rho).sqrt() * z;
                Some(*x)
            };
            let rest = z[1..].iter().scan(z[0], step);
            std::iter::once(z[0]).chain(rest).collect()
        };
        (0..chains).map(chain).collect()
    }

    #[test]
    fn autoregressive_chains_have_their_exact_size() {
        let (chains, steps) = (8, 20_000);
        for rho in [0.0, 0.5, 0.9, -0.5] {
            let rho_exact = f64::from(rho);
            let total = (chains * steps) as f64;
            let expected = total * (1.0 - rho_exact) / (1.0 + rho_exact);
            let found = ess(&autoregressive(rho, chains, steps));
            // Sokal (1997), equation 3.19: the relative standard error of an autocorrelation
            // time summed over w lags either side is sqrt(2 (2 w + 1) / n); correlations sink
            // into the noise after about w = ln(100) / -ln|rho| lags. Four standard errors.
            let lags = if rho == 0.0 {
                2.0
            } else {
                100f64.ln() / -rho_exact.abs().ln()
            };
            let tolerance = 4.0 * (2.0 * (2.0 * lags + 1.0) / total).sqrt();
            let error = found / expected - 1.0;
            assert!(error.abs() < tolerance, "{rho}: {found} for {expected}");
        }
    }

    #[test]
    fn r_hat_tells_mixed_from_separate_chains() {
        let mut chains = autoregressive(0.0, 4, 1000);
        // The between-chain term of independent draws has mean 0 and deviation
        // sqrt(2 / 7) / 500 over eight halves of 500; R-hat has half of that.
        let r_hat = split_r_hat(&chains);
        assert!(
            (r_hat - 1.0).abs() < 2.0 * (2.0f64 / 7.0).sqrt() / 500.0,
            "{r_hat}"
        );
        // Halves at 0, 0, 0, 0, 0, 0, 5, 5 have variance 600 / 112, next to 1 within.
        chains[3].iter_mut().for_each(|v| *v += 5.0);
        let expected = (1.0 + 75.0 / 14.0f64).sqrt();
        assert!((split_r_hat(&chains) - expected).abs() < 0.15);
        assert!(ess(&chains) < 20.0);
    }

    #[test]
    fn a_drifting_chain_disagrees_with_itself() {
        let chain = (0..1000).map(|i| i as f32).collect();
        assert!(split_r_hat(&[chain]) > 1.5);
    }

    #[test]
    fn what_has_no_answer_is_not_a_number() {
        for chains in [vec![], vec![vec![1.0, 2.0, 3.0]], vec![vec![1.0; 100]; 3]] {
            assert!(ess(&chains).is_nan() && split_r_hat(&chains).is_nan());
        }
        let broken = vec![vec![f32::NAN; 100], vec![0.5; 100]];
        assert!(ess(&broken).is_nan() && split_r_hat(&broken).is_nan());
    }
}
