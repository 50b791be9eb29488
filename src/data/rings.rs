//! Four concentric rings, the main illustration of DA-EBM (arXiv 2304.10707).
//!
//! Invariant: ring, angle and radius are independent draws, so every density here depends on the
//! distance from the origin alone.

use super::bessel::scaled_i0;
use crate::rng::Draws;
use std::f64::consts::{SQRT_2, TAU};

const RADII: [f64; 4] = [1.0, 2.0, 3.0, 4.0];

/// Normal draws a sample may use until one gives a positive radius. At the widest deviation, 0.4,
/// all of them fail with probability below 1e-60.
const ATTEMPTS: u32 = 28;

/// Half-width of the quadrature, in deviations of the integrand's Gaussian factor.
const WINDOW: f64 = 6.5;

/// Number of quadrature nodes; the tests hold the result to 1e-6 with them.
const NODES: usize = 32;

/// Entries of the table of Bessel means that a grid interpolates.
const TABLE: usize = 256;

/// Rings of radius 1, 2, 3 and 4 with a quarter of the mass each; the radius within a ring is
/// `Normal(k, deviation²)` cut off below zero, the angle uniform.
#[derive(Clone, Debug)]
pub struct Rings {
    deviation: f64,
    /// Log of `1 / (4 Φ(k / deviation) sqrt(2π) deviation)`, one a ring.
    log_peaks: [f64; 4],
    /// Gauss-Legendre nodes and weights on [-1, 1].
    rule: Vec<[f64; 2]>,
    /// The same on ±[`WINDOW`], times `exp(-u²/2)`.
    bell: Vec<[f64; 2]>,
}

impl Rings {
    pub fn new(deviation: f64) -> Self {
        let rule = gauss_legendre(NODES);
        let bell = weigh(&rule, -WINDOW);
        let log_peaks =
            RADII.map(|ring| -(4.0 * normal_cdf(ring / deviation) * TAU.sqrt() * deviation).ln());
        Self {
            deviation,
            log_peaks,
            rule,
            bell,
        }
    }

    /// Whether `x` lies within 4 deviations of a ring.
    pub fn covers(&self, x: [f64; 2]) -> bool {
        let radius = x[0].hypot(x[1]);
        RADII
            .iter()
            .any(|ring| (radius - ring).abs() <= 4.0 * self.deviation)
    }

    /// Variance of a ring's noise.
    pub fn variance(&self) -> f64 {
        self.deviation * self.deviation
    }

    /// Sample number `index`, from elements `32 index .. 32 index + 32` of `draws`.
    pub fn sample(&self, index: u32, draws: &Draws) -> [f32; 2] {
        let element = 32 * index;
        let ring = RADII[draws.below(element, 4) as usize] as f32;
        let angle = std::f32::consts::TAU * draws.uniform(element + 1);
        let deviation = self.deviation as f32;
        let radius = (0..ATTEMPTS)
            .map(|attempt| ring + deviation * draws.normal(element + 4 + attempt))
            .find(|&radius| radius > 0.0)
            .unwrap_or(ring);
        [radius * libm::cosf(angle), radius * libm::sinf(angle)]
    }

    /// Log density at `x` of the diffused rings. Without noise it is exact,
    /// `Σ_k N(r; k, deviation²) / (4 Φ(k / deviation) 2πr)`; with noise the radius is integrated
    /// out numerically, to a relative error of 1e-6.
    pub fn log_density(&self, x: [f64; 2], signal: f64, noise: f64) -> f64 {
        let rho = length(x);
        if noise == 0.0 {
            return self.clean(rho / signal) - 2.0 * signal.ln();
        }
        self.diffused(rho, signal, noise, |k| {
            self.bessel_mean(RADII[k], rho, signal, noise)
        })
    }

    /// Log density of the diffused rings on the product of `xs` and `ys`, x fastest. With noise
    /// the integrals are interpolated in a table over the distance from the origin.
    pub fn log_density_grid(&self, xs: &[f64], ys: &[f64], signal: f64, noise: f64) -> Vec<f32> {
        let cells = ys.iter().flat_map(|&y| xs.iter().map(move |&x| [x, y]));
        if noise == 0.0 {
            return cells
                .map(|x| self.log_density(x, signal, noise) as f32)
                .collect();
        }
        let furthest = |v: &[f64]| v.iter().fold(0.0, |far: f64, v| far.max(v.abs()));
        let reach = length([furthest(xs), furthest(ys)]);
        // The means change with the Bessel function's argument: fast near the origin, then ever
        // more slowly, like a power. In the logarithm of this they are smooth throughout.
        let steepness = 1.0 + signal * RADII[3] / (noise * noise);
        let step = (reach * steepness).ln_1p() / (TABLE - 1) as f64;
        let table: Vec<[f64; 4]> = (0..TABLE)
            .map(|i| {
                let rho = (i as f64 * step).exp_m1() / steepness;
                RADII.map(|ring| self.bessel_mean(ring, rho, signal, noise))
            })
            .collect();
        cells
            .map(|x| {
                let rho = length(x);
                let place = (rho * steepness).ln_1p() / step;
                let first = (place as usize).saturating_sub(1).min(TABLE - 4);
                let weights = cubic(place - first as f64);
                let mean = |k: usize| {
                    let entries = table[first..].iter().zip(weights);
                    entries.map(|(entry, weight)| weight * entry[k]).sum()
                };
                self.diffused(rho, signal, noise, mean) as f32
            })
            .collect()
    }

    /// Log density without noise at a distance `r` from the origin.
    fn clean(&self, r: f64) -> f64 {
        // The density has an integrable pole at the origin; this keeps its logarithm finite there.
        let r = r.max(1e-12);
        let log = |k: usize| {
            let z = (r - RADII[k]) / self.deviation;
            self.log_peaks[k] - 0.5 * z * z
        };
        log_sum(std::array::from_fn(log)) - (TAU * r).ln()
    }

    /// Log of the sum over rings k of `∫ N(r; k, deviation²) exp(-(rho² + signal² r²) / 2 noise²)
    /// I0(rho signal r / noise²) / (2π noise²) dr` over positive radii r: the Gaussian factors
    /// join to one in r, which leaves [`Rings::bessel_mean`].
    fn diffused(
        &self,
        rho: f64,
        signal: f64,
        noise: f64,
        bessel_mean: impl Fn(usize) -> f64,
    ) -> f64 {
        let [_, total, spread] = self.joined(signal, noise);
        let log = |k: usize| {
            let gap = rho - signal * RADII[k];
            self.log_peaks[k] - gap * gap / (2.0 * total) + bessel_mean(k)
        };
        log_sum(std::array::from_fn(log)) + spread.ln() - (TAU * noise * noise).ln()
    }

    /// Log of `∫ exp(-u²/2) exp(-z) I0(z) du` over positive radii `r = middle + u spread`, where
    /// `z = rho signal r / noise²`.
    fn bessel_mean(&self, ring: f64, rho: f64, signal: f64, noise: f64) -> f64 {
        let [own, total, spread] = self.joined(signal, noise);
        let added = noise * noise;
        let middle = (ring * added + rho * signal * own) / total;
        let bessel = |u: f64| scaled_i0(rho * signal * (middle + u * spread).max(0.0) / added);
        let sum = |nodes: &[[f64; 2]]| nodes.iter().map(|[u, w]| w * bessel(*u)).sum::<f64>();
        let origin = -middle / spread;
        if origin < -WINDOW {
            sum(&self.bell).ln()
        } else {
            sum(&weigh(&self.rule, origin)).ln()
        }
    }

    /// Variance of a ring's radius, variance of the diffused radius before the angles are mixed,
    /// and deviation of the Gaussian in r that the factors of the integrand join to.
    fn joined(&self, signal: f64, noise: f64) -> [f64; 3] {
        let [own, added] = [self.deviation * self.deviation, noise * noise];
        let total = added + signal * signal * own;
        [own, total, (own * added / total).sqrt()]
    }

    /// The ring nearest to `x`, counted from 0.
    pub fn mode_of(&self, x: [f64; 2]) -> usize {
        (length(x) - 0.5).clamp(0.0, 3.0) as usize
    }

    /// Mass of the clean data nearest to each ring.
    pub fn masses(&self) -> Vec<f32> {
        let below = |r: f64| -> f64 {
            let ring = |k: &f64| {
                let outside = normal_cdf(-k / self.deviation);
                (normal_cdf((r - k) / self.deviation) - outside) / (1.0 - outside)
            };
            RADII.iter().map(ring).sum::<f64>() / 4.0
        };
        let edges = [0.0, below(1.5), below(2.5), below(3.5), 1.0];
        edges.windows(2).map(|e| (e[1] - e[0]) as f32).collect()
    }
}

fn length(x: [f64; 2]) -> f64 {
    (x[0] * x[0] + x[1] * x[1]).sqrt()
}

fn log_sum(logs: [f64; 4]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + logs.iter().map(|log| (log - top).exp()).sum::<f64>().ln()
}

/// Weights of the cubic through entries 0, 1, 2, 3 at `t` (Lagrange).
fn cubic(t: f64) -> [f64; 4] {
    let [a, b, c] = [t - 1.0, t - 2.0, t - 3.0];
    [
        -a * b * c / 6.0,
        t * b * c / 2.0,
        -t * a * c / 2.0,
        t * a * b / 6.0,
    ]
}

/// The rule moved to `from..WINDOW`, its weights times `exp(-u²/2)`.
fn weigh(rule: &[[f64; 2]], from: f64) -> Vec<[f64; 2]> {
    let [centre, half] = [(WINDOW + from) / 2.0, (WINDOW - from) / 2.0];
    let place = |[node, weight]: &[f64; 2]| {
        let u = centre + half * node;
        [u, half * weight * (-0.5 * u * u).exp()]
    };
    rule.iter().map(place).collect()
}

/// Nodes and weights of the `count`-point Gauss-Legendre rule on [-1, 1], by Newton's method on
/// the Legendre polynomial from Tricomi's guess (NIST DLMF 3.5.v, 18.16).
fn gauss_legendre(count: usize) -> Vec<[f64; 2]> {
    let n = count as f64;
    (0..count)
        .map(|i| {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            // Convergence is quadratic from a guess good to three digits.
            for _ in 0..6 {
                let (mut before, mut value) = (1.0, x);
                for k in 2..=count {
                    let k = k as f64;
                    (before, value) = (
                        value,
                        ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
                    );
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                x -= value / slope;
            }
            [x, 2.0 / ((1.0 - x * x) * slope * slope)]
        })
        .collect()
}

fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_integrates_polynomials_of_its_degree() {
        let rule = gauss_legendre(NODES);
        for power in [0, 2, 10, 40, 62] {
            let sum: f64 = rule.iter().map(|[x, w]| w * x.powi(power)).sum();
            let exact = 2.0 / f64::from(power + 1);
            assert!((sum - exact).abs() < 1e-13, "x^{power}: {sum} for {exact}");
        }
    }

    /// The double integral over radius and angle, without Bessel functions or windows.
    fn by_brute_force(deviation: f64, rho: f64, signal: f64, noise: f64) -> f64 {
        // The midpoint rule's error at the cut, radius 0, asks for a fine step.
        let (radii, angles) = (40_000, 300);
        let step = 7.0 / f64::from(radii);
        let cosines: Vec<f64> = (0..angles)
            .map(|a| (TAU * f64::from(a) / f64::from(angles)).cos())
            .collect();
        let mut sum = 0.0;
        for i in 0..radii {
            let r = (f64::from(i) + 0.5) * step;
            let weight: f64 = RADII
                .iter()
                .map(|k| {
                    let z = (r - k) / deviation;
                    (-0.5 * z * z).exp() / normal_cdf(k / deviation)
                })
                .sum();
            let [a, b] = [rho, signal * r];
            let around: f64 = cosines
                .iter()
                .map(|cosine| a * a + b * b - 2.0 * a * b * cosine)
                .map(|square| (-square / (2.0 * noise * noise)).exp())
                .sum();
            sum += weight * around / f64::from(angles);
        }
        sum * step / (4.0 * TAU.sqrt() * deviation * TAU * noise * noise)
    }

    #[test]
    fn diffused_density_is_right_to_a_millionth() {
        let cases = [
            (0.1, 0.0, 0.9, 0.4),
            (0.1, 1.1, 0.997, 0.08),
            (0.1, 3.0, 0.7, 0.7),
            (0.4, 0.0, 0.95, 0.3),
            (0.4, 0.05, 0.95, 0.1),
            (0.4, 0.4, 0.95, 0.1),
            (0.4, 4.4, 0.26, 0.97),
            (0.05, 2.0, 0.0, 1.0),
        ];
        for (deviation, rho, signal, noise) in cases {
            let at = [0.6 * rho, -0.8 * rho];
            let density = Rings::new(deviation).log_density(at, signal, noise).exp();
            let expected = by_brute_force(deviation, rho, signal, noise);
            let error = density / expected - 1.0;
            assert!(error.abs() < 1e-6, "{deviation} {rho} {noise}: {error}");
        }
    }

    #[test]
    fn radii_have_their_deviation() {
        let (rings, n) = (Rings::new(0.1), 200_000);
        let draws = Draws::new(7, crate::rng::Stream::Data, 0);
        let mean_square = (0..n)
            .map(|i| {
                let x = rings.sample(i, &draws).map(f64::from);
                (length(x) - RADII[rings.mode_of(x)]).powi(2)
            })
            .sum::<f64>()
            / f64::from(n);
        // The square of a standard normal has variance 2.
        let tolerance = 4.0 * 0.01 * (2.0 / f64::from(n)).sqrt();
        assert!((mean_square - 0.01).abs() < tolerance, "{mean_square}");
    }

    #[test]
    fn little_noise_changes_little() {
        let rings = Rings::new(0.1);
        for x in [[1.0, 0.1], [0.3, 2.1], [-2.5, 2.5]] {
            let clean = rings.log_density(x, 1.0, 0.0);
            assert!((rings.log_density(x, 1.0, 1e-5) - clean).abs() < 1e-5);
        }
    }
}
